//! What `--help` says after the options, and the manual pages as sections of their own.

/// Of `upgrade`.
pub(crate) const UPGRADE: &str = "\
The supervisor first has the new program read its state. If that fails, or the program may not
be trusted, nothing changes, and the command ends with 1. Otherwise the same process becomes
the new program: daemons, their logs and the control socket go on. Commands that wait for
something, and those that follow, end with 1; what they have begun goes on.";

/// Of `abaqis-daemons`. A line without indent is a heading; below it stand a term, two blanks
/// or more, and what it means.
pub(crate) const SUPERVISOR: &str = "\
Selectors:
  all                        every instance
  APPLICATION                every instance of it, of all its releases
  APPLICATION@VERSION        those of an older release that is not gone yet
  APPLICATION/DAEMON         every instance of that daemon
  APPLICATION/DAEMON/NUMBER  that one

Exit status:
  0    as asked
  1    the thing asked for failed: an instance did not come up
  64   the command line is wrong
  66   no such file, no such instance
  69   the supervisor is not running, or of another version
  73   already running
  74   reading or writing failed
  75   timed out waiting
  77   not permitted
  78   the configuration is not valid
  130  interrupted: what was asked for goes on

Who may:
  root, the supervisor's user  everything
  members of the group abaqis  status, releases, plan, events, logs, restart, deploy
  anybody else                 nothing

Environment:
  ABAQIS_CONFIG       the configuration, where --config is not given
  ABAQIS_RUNTIME_DIR  the runtime directory, where --runtime-dir is not given
  NO_COLOR            no colors, where it is not empty

Files:
  /etc/abaqis/daemons.yml            the applications and their daemons
  /etc/abaqis/daemons.d/*.yml        more of them, in the order of the names
  /run/abaqis-daemons/control.sock   where commands reach the supervisor";

/// Of `run`.
pub(crate) const RUN: &str = "\
Signals:
  TERM, INT  stop every daemon, then end; a second one kills what is left
  HUP        apply the configuration as it is now, as `reload` does
  USR1       open the log files anew, after something else has renamed them";

/// Of `deploy`.
pub(crate) const DEPLOY: &str = "\
A deploy needs no command: another version in the application's folder, or another target of
its symlink, is noticed by itself. This looks at once, and can wait for what comes of it.

What happens:
  canary    one worker of the new release starts, the current release goes on serving
  current   it is ready: the others start, the scheduler and the other daemons are replaced
  draining  the workers of the old release go as they become idle, but for the last one, which
            goes when its tube is empty and unused, or drain_timeout has passed

A canary that fails is tried again as restart and start_limit say, and the old release serves;
with --wait the first failure ends the waiting.

Exit status:
  0  with --wait: the release is current and its workers are up; otherwise: it is begun
  1  its canary, or a worker of it, did not become ready";

/// Of `rollback`.
pub(crate) const ROLLBACK: &str = "\
The release before the current one becomes current again: it is still draining, or was the last
to retire, and its folder has to be there. While a canary starts, the release that serves is the
earlier one, and stays.

The word holds until another version is deployed, or `deploy` says that the one that was rolled
back from is wanted after all. It outlives a reload and an upgrade of the supervisor, but not its
restart. Changed settings are applied to the release that serves.

Exit status:
  0  with --wait: the release is current and its workers are up; otherwise: it is begun
  1  there is no earlier release, its folder has gone, or it did not become ready";

/// Of `status`.
pub(crate) const STATUS: &str = "\
States:
  ready      up and doing its work
  running    its process runs, and does not say any longer that it is ready: it is reloading
  starting   its process is there, and not yet ready
  waiting    wanted, but something has to come first: the reason says what
  backoff    it ended, and is started again when its time has come
  stopping   told to stop, or ended, and not all of its processes are gone
  stopped    not running, as the operator asked
  completed  it ended well, and is not to be started again
  failed     given up after too many failures: `start` tries again

Keys of --json:
  instance     APPLICATION/DAEMON/NUMBER, or APPLICATION@VERSION/DAEMON/NUMBER
  application  its first part
  daemon       its second part
  version      of its release; null where none is known
  tube         of its release; null where none is known
  state        one of the above
  pid          its main process, or null
  since        when it came into this state, in UTC
  restarts     how often it was started again
  memory       resident memory of its main process, in bytes, or null
  command      quoted as a shell would take it
  last_exit    how its last process ended: exit 1, SIGKILL, or null
  reason       why it is in this state, or null
  status       what it says of itself, or null
  job          the job it works on, or null
  job_since    since when it works on that job, in UTC, or null";

/// Of `doctor`.
pub(crate) const DOCTOR: &str = "\
Checks:
  supervisor, supervisor-version          it runs, and runs the program that is installed
  config, blocked, timetable              what is configured can be used, and started
  failed, backoff, waiting, starting      instances do what they should
  version, folder-gone                    what runs is what is on the disk
  beanstalkd, draining, binlog, exposed   the queue answers, takes jobs, keeps them, and is not for strangers
  unwatched, buried, paused, unused       somebody works on each tube, and on none that nobody uses
  stranded                                no more jobs are reserved than workers can hold
  unscheduled                             somebody waits for the next slot of each timetable's entry
  unit-failed, unit-disabled, stale-unit  systemd brings everything back after a reboot
  selinux                                 nothing was denied since the boot
  disk                                    there is room for log files and the binlog
  writable, unreadable                    nobody else can change what others run; its user can read it
  silent                                  systemd and the journal answer

Keys of --json:
  check  one of the above
  where  an instance, a tube, a file, a unit of systemd
  what   what is wrong there
  mend   how to mend it";

/// One heading and what stands below it.
pub(crate) struct Section<'a> {
    /// Without its colon.
    pub(crate) heading: &'a str,
    /// Terms and what they mean.
    pub(crate) terms: Vec<(&'a str, &'a str)>,
}

/// Takes such a text apart.
pub(crate) fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines() {
        if let (Some(entry), Some(section)) = (line.strip_prefix("  "), sections.last_mut()) {
            let (term, meaning) = entry.split_once("  ").unwrap_or((entry, ""));
            section.terms.push((term, meaning.trim_start()));
        } else if !line.is_empty() {
            sections.push(Section { heading: line.trim_end_matches(':'), terms: Vec::new() });
        }
    }
    sections
}

/// Of `schedule`.
pub(crate) const SCHEDULE: &str = "\
Columns:
  LAST    the last slot that was put, in the entry's zone
  NEXT    when it is put next, with its splay
  LAG     for how long it has been due and was not put
  HOLDER  the host and instance that wait for it; `(at it now)` while one puts it,
          `(no token)` where no scheduler has begun with it";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::State;

    #[test]
    fn a_text_is_taken_apart_as_it_was_written() {
        let sections = sections(SUPERVISOR);
        let headings: Vec<&str> = sections.iter().map(|section| section.heading).collect();
        assert_eq!(headings, ["Selectors", "Exit status", "Who may", "Environment", "Files"]);
        assert_eq!(sections[1].terms[3], ("66", "no such file, no such instance"));
        for state in State::ALL {
            assert!(STATUS.contains(&format!("\n  {state} ")), "{state}");
        }
        assert!(sections.iter().all(|section| section.terms.iter().all(|(_, meaning)| !meaning.is_empty())));
    }
}
