//! What is said of files, disks and the service.

use std::path::Path;

use super::lines;
use crate::cli::doctor::disk::{self, Room};
use crate::cli::doctor::files::{
    self, BadTimetable, Configuration, Reader, Relied, Step, judge_configuration, judge_timetables,
};
use crate::cli::doctor::service::{Service, denials, judge, units};

#[test]
fn a_configuration_that_cannot_be_used_is_told_with_its_first_error() {
    let said = |wrong| lines(&[judge_configuration(Path::new("/etc/abaqis/daemons.yml"), &wrong)]);
    assert_eq!(
        said(Configuration::Unreadable("No such file or directory".into())),
        "config     /etc/abaqis/daemons.yml: No such file or directory; \
         put it there, for root to read and nobody else to change\n"
    );
    assert_eq!(
        said(Configuration::Wrong(2, "4:5: applications.a: unknown key\n 4 | …".into())),
        "config     /etc/abaqis/daemons.yml: 2 errors, the first at 4:5: applications.a: unknown key; \
         abaqis-daemons check shows them; what runs goes on as it was configured before\n"
    );
}

#[test]
fn a_timetable_that_cannot_be_used_is_told() {
    let bad = |why| BadTimetable { path: "/srv/my app/schedule.yml".into(), why };
    assert_eq!(
        lines(&judge_timetables(&[
            bad(Ok((1, "2:13: nightly.schedule: no such day".into()))),
            bad(Err("No such file or directory".into())),
        ])),
        "timetable  /srv/my app/schedule.yml: an error at 2:13: nightly.schedule: no such day; \
         ayl_scheduler check '/srv/my app/schedule.yml'\n\
         timetable  /srv/my app/schedule.yml: No such file or directory; \
         ayl_scheduler check '/srv/my app/schedule.yml'\n"
    );
}

/// Root's directories `/`, `/srv`, `/srv/a` with these permissions, for user 10 in group 20.
fn relied(modes: [u32; 3]) -> Relied {
    let steps = ["/", "/srv", "/srv/a"].iter().zip(modes);
    let step =
        |(path, mode): (&&str, u32)| Step { path: (*path).into(), uid: 0, gid: 20, mode, directory: true };
    Relied {
        application: Some("a".parse().unwrap()),
        what: "the code of a".into(),
        steps: steps.map(step).collect(),
        reader: Some(Reader { name: "app".into(), uid: 10, groups: vec![20] }),
    }
}

#[test]
fn what_everybody_can_change_is_told_once() {
    let said = |relied: &[Relied]| lines(&files::judge(relied, &[]));
    assert_eq!(said(&[relied([0o755, 0o1777, 0o755]), relied([0o755; 3])]), "");
    let open = "writable   /srv/a: every user of this host can change the code of a; chmod o-w /srv/a\n";
    assert_eq!(said(&[relied([0o755, 0o755, 0o757]), relied([0o755, 0o755, 0o757])]), open);
}

#[test]
fn what_its_user_cannot_reach_is_told_unless_it_works() {
    let said = |modes| lines(&files::judge(&[relied(modes)], &[]));
    let mend = "give app a right to it, or set another `user`\n";
    assert_eq!(said([0o711, 0o710, 0o750]), "");
    assert_eq!(
        said([0o711, 0o705, 0o755]),
        format!("unreadable /srv: user app cannot get to the code of a; {mend}")
    );
    assert_eq!(
        said([0o711, 0o711, 0o711]),
        format!("unreadable /srv/a: user app cannot read the code of a; {mend}")
    );
    // Access lists give rights that permissions do not show.
    assert_eq!(files::judge(&[relied([0o711, 0o700, 0o700])], &["a".parse().unwrap()]), []);
    let mut roots = relied([0; 3]);
    roots.reader = Some(Reader { name: "root".into(), uid: 0, groups: Vec::new() });
    assert_eq!(files::judge(&[roots], &[]), []);
}

#[test]
fn a_disk_is_told_when_it_is_nearly_full_and_once() {
    let room = |folder: &str, device, total: u64, free: u64| Room {
        device,
        folder: folder.into(),
        what: "the log of a/solr".into(),
        total: total << 20,
        free: free << 20,
    };
    let rooms = [
        room("/enough", 1, 100_000, 5_000),
        room("/large", 2, 10_000_000, 20_000),
        room("/tiny", 3, 120, 80),
        room("/var/log", 4, 100_000, 4_999),
        room("/var/log/more", 4, 100_000, 4_999),
        room("/boot", 5, 500, 90),
        room("/proc", 6, 0, 0),
    ];
    assert_eq!(
        lines(&disk::judge(&rooms)),
        "disk       /var/log: its disk is 96 % full, 4.8G are left for the log of a/solr; make room\n\
         disk       /boot: its disk is 82 % full, 90M are left for the log of a/solr; make room\n"
    );
}

/// What `systemctl show` says of our unit and of beanstalkd's two.
fn shown(ours: &str, beanstalkd: &str, socket: &str) -> Service {
    let text = format!(
        "Id=abaqis-daemons.service\nLoadState=loaded\n{ours}\n\nId=beanstalkd.service\nLoadState=loaded\n\
         {beanstalkd}\n\nId=beanstalkd.socket\nLoadState=loaded\n{socket}\n"
    );
    Service { units: units(&text), ..Service::default() }
}

const WELL: &str = "ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no";

#[test]
fn what_would_not_be_there_after_a_reboot_is_told() {
    let off = "UnitFileState=disabled\nActiveState=active\nNeedDaemonReload=yes";
    let said = |service: &Service, queue| lines(&judge(service, queue));
    assert_eq!(said(&shown(WELL, WELL, "UnitFileState=disabled"), Some(true)), "");
    let ours = "unit-disabled abaqis-daemons.service: it is disabled: it would not be there after a reboot; \
                systemctl enable abaqis-daemons.service\n";
    let theirs = ours.replace("abaqis-daemons", "beanstalkd");
    let stale = |unit: &str| {
        format!(
            "stale-unit {unit}.service: its files have changed since systemd read them; \
             systemctl daemon-reload\n"
        )
    };
    let both = format!("{}{}", stale("abaqis-daemons"), stale("beanstalkd"));
    assert_eq!(said(&shown(off, off, "UnitFileState=disabled"), Some(true)), format!("{ours}{theirs}{both}"));
    // Its socket starts it; no queue of this host is used.
    assert_eq!(said(&shown(off, off, "UnitFileState=enabled"), Some(true)), format!("{ours}{both}"));
    assert_eq!(said(&shown(off, off, "UnitFileState=disabled"), None), format!("{ours}{both}"));
    // The queue that answers is started by something else.
    let unused = "UnitFileState=masked\nActiveState=inactive";
    assert_eq!(said(&shown(WELL, unused, ""), Some(true)), "");
    assert_eq!(
        said(&shown(WELL, unused, ""), Some(false)),
        "unit-disabled beanstalkd.service: it is masked: it would not be there after a reboot; \
         systemctl unmask beanstalkd.service && systemctl enable beanstalkd.service\n"
    );
    let bare = |command| {
        let unit = format!(
            "{WELL}\nExecStart={{ path=/usr/bin/beanstalkd ; argv[]=/usr/bin/beanstalkd {command} ; }}"
        );
        said(&shown(WELL, &unit, ""), Some(false))
    };
    assert_eq!(bare("-l 127.0.0.1 -b /var/lib/beanstalkd"), "");
    assert_eq!(bare("$BEANSTALKD_EXTRA"), "");
    assert_eq!(
        bare("-l 127.0.0.1"),
        "binlog     beanstalkd.service: starts it without a binlog: a restart or reboot loses every job; \
         systemctl edit beanstalkd, with -b FOLDER in its ExecStart\n"
    );
}

#[test]
fn a_service_that_failed_is_told_with_what_to_look_at() {
    let failed = |result: &str| {
        let unit = format!("ActiveState=failed\nUnitFileState=enabled\n{result}");
        lines(&judge(&shown(&unit, WELL, ""), None))
    };
    assert_eq!(
        failed("Result=exit-code\nExecMainStatus=78"),
        "unit-failed abaqis-daemons.service: failed: exit 78; \
         abaqis-daemons check; then systemctl restart abaqis-daemons\n"
    );
    assert_eq!(
        failed("Result=watchdog\nExecMainStatus=6"),
        "unit-failed abaqis-daemons.service: failed: watchdog; \
         journalctl -u abaqis-daemons; then systemctl restart abaqis-daemons\n"
    );
    let absent =
        units("Id=abaqis-daemons.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n");
    assert_eq!(judge(&Service { units: absent, ..Service::default() }, Some(false)), []);
    assert_eq!(judge(&Service::default(), Some(false)), []);
}

#[test]
fn denials_and_silence_are_told() {
    let journal = "usb 1-1: new device\n\
        audit: type=1400 avc:  denied  { write } for  pid=9 comm=\"postfix\" name=\"spool\"\n\
        audit: type=1400 avc:  denied  { name_bind } for  pid=7 comm=\"beanstalkd\" src=11301\n\
        AVC avc:  denied  { execute } for  pid=8 comm=\"abaqis-daemons\" name=\"run\"\n";
    let denials = denials(journal);
    let service = |denials: &[String]| Service { denials: denials.to_vec(), ..Service::default() };
    assert_eq!(
        lines(&judge(&service(&denials), None)),
        "selinux    SELinux: denied 2 times since the boot, the last time: \
         AVC avc:  denied  { execute } for  pid=8 comm=\"abaqis-daemons\" name=\"run\"; \
         ausearch -m avc -ts boot | audit2why\n"
    );
    assert_eq!(
        lines(&judge(&service(&denials[..1]), None)),
        "selinux    SELinux: denied since the boot: \
         audit: type=1400 avc:  denied  { name_bind } for  pid=7 comm=\"beanstalkd\" src=11301; \
         ausearch -m avc -ts boot | audit2why\n"
    );
    let stuck = Service { silent: vec!["systemctl"], ..Service::default() };
    assert_eq!(
        lines(&judge(&stuck, None)),
        "silent     systemctl: does not answer; see what holds it up: top, dmesg\n"
    );
}
