//! Deploys by a swapped symlink: the real queue, the real workers, real Ruby.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::beanstalkd::Beanstalkd;
use crate::support::{Site, Supervisor, kill, until};

/// Its jobs write the version of the code that runs them, and how long it took until then.
const APPLICATION: &str = r##"
VERSION_OF_CODE = "@VERSION@"
module Ledger
  def self.write(text) = File.open("@DIR@/ledger", "a") { |file| file.syswrite("#{VERSION_OF_CODE} #{text} #{(Time.now.to_f * 1000).to_i}\n") }
end
Ledger.write("boot")
"##;

fn place(more: &str) -> (Beanstalkd, Site) {
    let queue = Beanstalkd::durable();
    let site = Site::new(&format!(
        "beanstalk: {}\ndefaults: {{user: {{me}}}}\napplications:\n  a:\n    path: {{dir}}/current\n    workers: {{count: 2{more}}}\n    \
         scheduler: {{command: [/bin/sleep, infinity], ready: none}}\n",
        queue.address()
    ));
    (queue, site)
}

/// Puts a release beside the others.
fn release(site: &Site, version: &str, code: &str) {
    let folder = site.join(version);
    fs::create_dir_all(folder.join("config")).unwrap();
    fs::write(folder.join("VERSION"), version).unwrap();
    let dir = site.path().to_str().unwrap();
    let text = APPLICATION.replace("@VERSION@", version).replace("@DIR@", dir);
    fs::write(folder.join("config/environment.rb"), text + code).unwrap();
}

/// Has `current` lead to a release, as a deploy does: in one step.
fn swap(site: &Site, version: &str) {
    symlink(version, site.join("next")).unwrap();
    fs::rename(site.join("next"), site.join("current")).unwrap();
}

fn put(queue: &Beanstalkd, version: &str, text: &str) {
    let code = format!("Ledger.write('{text}')");
    let body = format!("{{\"type\":\"ayl\",\"failed_job_handler\":\"bury\",\"code\":\"{code}\"}}");
    let answer = queue.says(&format!("use a-{version}\r\nput 512 0 60 {}\r\n{body}\r\n", body.len()));
    assert_eq!(answer, format!("USING a-{version}\r\n"));
}

fn ledger(site: &Site) -> Vec<Vec<String>> {
    let text = fs::read_to_string(site.join("ledger")).unwrap_or_default();
    text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

fn until_version(supervisor: &Supervisor<'_>, id: &str, version: &str) {
    until(&format!("{id} of {version} is ready"), || {
        let status = supervisor.instance(id);
        (status["state"] == "ready" && status["version"] == version).then_some(())
    });
}

fn until_gone(supervisor: &Supervisor<'_>, id: &str) {
    until(&format!("{id} is gone"), || supervisor.status(id).is_empty().then_some(()));
}

fn milliseconds() -> u128 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()
}

#[test]
fn under_constant_load_every_job_is_run_by_the_code_of_its_version_and_none_waits_long() {
    let (queue, site) = place("");
    release(&site, "1", "");
    release(&site, "2", "");
    swap(&site, "1");
    let supervisor = site.start();
    until_version(&supervisor, "a/worker/2", "1");
    let scheduler = supervisor.pid("a/scheduler/1");

    // Whoever asks for work goes on asking, with the code that is deployed at the time.
    let mut put_at = Vec::new();
    let began = Instant::now();
    let mut swapped = 0;
    let mut deployed = "1";
    let mut both_shown = false;
    while put_at.len() < 400 {
        if deployed == "1" && put_at.len() >= 100 {
            swap(&site, "2");
            (deployed, swapped) = ("2", milliseconds());
        }
        put(&queue, deployed, &put_at.len().to_string());
        put_at.push((deployed, milliseconds()));
        if !both_shown && put_at.len() % 20 == 0 {
            let releases = supervisor.ask(&serde_json::json!({"request": "releases"}));
            both_shown =
                releases.iter().any(|release| release["part"] == "draining" && !release["jobs"].is_null());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    until_version(&supervisor, "a/worker/1", "2");
    until("every job has run", || {
        (ledger(&site).iter().filter(|line| line[1] != "boot").count() >= 400).then_some(())
    });
    let boot = ledger(&site).iter().find(|line| line[0] == "2" && line[1] == "boot").unwrap()[2]
        .parse::<u128>()
        .unwrap();
    let mut longest = 0;
    for line in ledger(&site).iter().filter(|line| line[1] != "boot") {
        let (version, at) = put_at[line[1].parse::<usize>().unwrap()];
        assert_eq!(line[0], version, "job {} was run by other code than put it", line[1]);
        longest = longest.max(line[2].parse::<u128>().unwrap().saturating_sub(at.max(boot)));
    }
    assert_eq!(ledger(&site).iter().filter(|line| line[1] != "boot").count(), 400, "none twice");
    // The canary has what came while it booted to do, while another boots beside it: that takes as long as
    // booting does on this machine just now.
    let took = boot.saturating_sub(swapped);
    let most = 2 * took + 500;
    assert!(longest < most, "beyond the boot of {took} ms a job waited {longest} ms");
    println!(
        "400 jobs in {:?}; the canary booted in {took} ms, the longest wait beyond that: {longest} ms",
        began.elapsed()
    );

    until("the scheduler moved", || (supervisor.pid("a/scheduler/1") != scheduler).then_some(()));
    until_gone(&supervisor, "a@1/worker/1");
    until_gone(&supervisor, "a@1/worker/2");
    assert!(both_shown, "the jobs of both are shown while the old one drains");
    until("it is told that the old one has retired", || {
        let (_, events, _) = site.run(&["events", "a"]);
        events.contains("a release 1 has retired: its tube is empty, and nobody uses it").then_some(())
    });
    let (code, shown, _) = site.run(&["releases", "a"]);
    assert_eq!(code, 0);
    assert!(shown.contains("current") && !shown.contains("draining"), "{shown}");

    // What was started by another name than it has now is replaced, and leaves nothing.
    for instance in ["a/worker/1", "a/worker/2"] {
        let pid = supervisor.pid(instance);
        kill(pid, libc::SIGKILL);
        until("its successor", || (supervisor.instance(instance)["pid"] != pid).then_some(()));
        supervisor.wait_for(instance, "ready");
    }
    let sockets = fs::read_dir(site.join("run/notify")).unwrap().count();
    assert_eq!(sockets, supervisor.status("all").len(), "one notify socket for each instance");
}

#[test]
fn a_failing_canary_leaves_the_old_release_serving_and_its_repair_is_deployed() {
    let (queue, site) = place(", backoff: {initial: 10ms}, start_limit: {count: 2, within: 1m}");
    release(&site, "1", "");
    release(&site, "2", "raise 'no database'\n");
    swap(&site, "1");
    let supervisor = site.start();
    until_version(&supervisor, "a/worker/2", "1");
    swap(&site, "2");
    let (code, _, text) = site.run(&["deploy", "a", "--wait"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("a@2/worker/1: "), "{text}");
    put(&queue, "1", "served");
    until("the old release serves", || {
        ledger(&site).iter().any(|line| line[0] == "1" && line[1] == "served").then_some(())
    });
    let (_, shown, _) = site.run(&["releases", "a"]);
    assert!(shown.contains("did not become ready") && shown.contains("current"), "{shown}");
    supervisor.wait_for("a@2/worker/1", "failed");
    release(&site, "2", "");
    let (code, _, text) = site.run(&["deploy", "a", "--wait"]);
    assert_eq!(code, 0, "{text}");
    until_version(&supervisor, "a/worker/2", "2");
}

#[test]
fn a_rollback_has_the_earlier_release_current_until_another_is_deployed() {
    let (queue, site) = place("");
    for version in ["1", "2", "3"] {
        release(&site, version, "");
    }
    swap(&site, "1");
    let supervisor = site.start();
    until_version(&supervisor, "a/worker/2", "1");
    let (code, _, text) = site.run(&["rollback", "a"]);
    assert_eq!((code, text.contains("there is no earlier release to go back to")), (1, true), "{text}");
    swap(&site, "2");
    until_version(&supervisor, "a/worker/2", "2");
    let (code, _, text) = site.run(&["rollback", "a", "--wait"]);
    assert_eq!(code, 0, "{text}");
    until_version(&supervisor, "a/worker/1", "1");
    assert_eq!(site.run(&["reload"]).0, 0);
    until_version(&supervisor, "a/worker/1", "1");
    let (_, shown, _) = site.run(&["releases", "a"]);
    assert!(shown.contains("rolled back from 2"), "{shown}");
    assert_eq!(site.run(&["tube", "a"]).1, "a-1\n", "whoever puts jobs finds what serves");
    put(&queue, "2", "left");
    let (_, wrong, _) = site.run(&["doctor"]);
    assert!(!wrong.contains("is on the disk") && !wrong.contains("tube a-1"), "{wrong}");
    put(&queue, "1", "back");
    until("it serves", || ledger(&site).iter().any(|line| line[0] == "1" && line[1] == "back").then_some(()));
    swap(&site, "3");
    until_version(&supervisor, "a/worker/2", "3");
}

/// Two applications alike: what one leaves behind is moved, what the other does is reported.
#[test]
fn jobs_of_a_release_whose_folder_has_gone_are_moved_only_when_that_is_asked_for() {
    let queue = Beanstalkd::durable();
    let one = |(name, on_timeout): (&str, &str)| {
        format!(
            "  {name}: {{path: {{dir}}/{name}, workers: 1, backoff: {{initial: 0s}}, on_drain_timeout: {on_timeout}}}\n"
        )
    };
    let both = [("a", "move"), ("b", "report")].map(one).concat();
    let site = Site::new(&format!(
        "beanstalk: {}\ndefaults: {{user: {{me}}, drain_timeout: 5s}}\napplications:\n{both}",
        queue.address()
    ));
    let lead = |version: &str| {
        for name in ["a", "b"] {
            release(&site, &format!("{name}-{version}"), "");
            fs::write(site.join(&format!("{name}-{version}/VERSION")), version).unwrap();
            symlink(format!("{name}-{version}"), site.join("next")).unwrap();
            fs::rename(site.join("next"), site.join(name)).unwrap();
        }
    };
    lead("1");
    let supervisor = site.start();
    for name in ["a", "b"] {
        until_version(&supervisor, &format!("{name}/worker/1"), "1");
        let body = r#"{"type":"ayl","failed_job_handler":"bury","code":"Ledger.write('left')"}"#;
        queue.says(&format!("use {name}-1\r\nput 512 3600 60 {}\r\n{body}\r\n", body.len()));
    }
    lead("2");
    for name in ["a", "b"] {
        until_version(&supervisor, &format!("{name}/worker/1"), "2");
        fs::remove_dir_all(site.join(&format!("{name}-1"))).unwrap();
        let old = format!("{name}@1/worker/1");
        until("it cannot be started again", || {
            if let Some(pid) = supervisor.instance(&old)["pid"].as_i64() {
                kill(i32::try_from(pid).unwrap(), libc::SIGKILL);
            }
            let why = supervisor.instance(&old)["reason"].as_str().map(str::to_owned).unwrap_or_default();
            why.ends_with(": the folder has gone").then_some(())
        });
    }
    let (_, wrong, _) = site.run(&["doctor"]);
    let said = |name: &str| format!("tube {name}-1: 1 job and no worker: release 1 of {name} has none: ");
    assert!(wrong.contains(&said("a")) && wrong.contains(&said("b")), "{wrong}");
    assert!(wrong.contains("ayl_beanstalk") && wrong.contains("-t b-1 move_jobs b-2"), "{wrong}");

    let told = |text: &str| {
        until(text, || site.run(&["events"]).1.contains(text).then_some(()));
    };
    let left = "0 ready, 0 reserved, 1 delayed, 0 buried jobs are left on tube";
    told(&format!("a release 1 has drained for 5s: {left} a-1, they are moved to the current release"));
    told("a release 1 has retired: 1 jobs were moved to release 2");
    told(&format!("b release 1 has drained for 5s: {left} b-1, they stay there"));
    let delayed = |tube: &str| {
        let mut stream = UnixStream::connect(queue.socket()).unwrap();
        stream.write_all(format!("stats-tube {tube}\r\nquit\r\n").as_bytes()).unwrap();
        let mut figures = String::new();
        stream.read_to_string(&mut figures).unwrap();
        figures.contains("current-jobs-delayed: 1\n")
    };
    assert_eq!([delayed("a-1"), delayed("a-2"), delayed("b-1"), delayed("b-2")], [false, true, true, false]);
    queue.says("use a-2\r\nkick 1\r\n");
    until("the job is run by the code it was moved to", || {
        ledger(&site).iter().any(|line| line[0] == "a-2" && line[1] == "left").then_some(())
    });
}
