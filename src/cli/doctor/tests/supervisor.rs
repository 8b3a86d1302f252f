//! What is said of the supervisor and its instances.

use jiff::Timestamp;

use super::lines;
use crate::cli::doctor::application::Application;
use crate::cli::doctor::supervisor::{
    Running, Supervisor, judge, judge_blocked, judge_code, judge_instances,
};
use crate::control::status::{InstanceStatus, State};
use crate::names::InstanceId;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn instance(id: &str, state: State, reason: Option<&str>) -> InstanceStatus {
    let instance: InstanceId = id.parse().unwrap();
    InstanceStatus {
        application: instance.application.clone(),
        daemon: instance.daemon.clone(),
        instance,
        version: Some("4.1.0".parse().unwrap()),
        tube: None,
        state,
        pid: (state == State::Ready).then_some(7),
        since: at(0),
        restarts: 0,
        memory: None,
        command: "bin/worker".into(),
        last_exit: None,
        reason: reason.map(Into::into),
        status: None,
        job: None,
        job_since: None,
    }
}

fn running(instances: Vec<InstanceStatus>) -> Running {
    Running {
        version: "1.2.0".into(),
        replaced: false,
        instances,
        adrift: Vec::new(),
        releases: Vec::new(),
        beanstalk: None,
    }
}

#[test]
fn a_supervisor_that_does_not_run_as_it_should_is_told() {
    let away = |path: &str| Supervisor::Away(path.into());
    assert_eq!(
        lines(&judge(&away("/run/abaqis-daemons/control.sock"), "1.2.0")),
        "supervisor supervisor: not running: nobody listens at /run/abaqis-daemons/control.sock; \
         systemctl start abaqis-daemons\n"
    );
    let ails = Supervisor::Ails("/run/x/control.sock: the supervisor did not answer within 5 s".into());
    assert_eq!(
        lines(&judge(&ails, "1.2.0")),
        "supervisor supervisor: /run/x/control.sock: the supervisor did not answer within 5 s; \
         journalctl -u abaqis-daemons; systemctl restart abaqis-daemons\n"
    );
    let runs = || running(Vec::new());
    assert_eq!(
        lines(&judge(&Supervisor::Runs(runs()), "1.3.0")),
        "supervisor-version supervisor: version 1.2.0 runs, 1.3.0 is installed; abaqis-daemons upgrade\n"
    );
    assert_eq!(
        lines(&judge(&Supervisor::Runs(Running { replaced: true, ..runs() }), "1.2.0")),
        "supervisor-version supervisor: the program on the disk is not the one that runs; \
         abaqis-daemons upgrade\n"
    );
    assert_eq!(judge(&Supervisor::Runs(runs()), "1.2.0"), []);
    assert_eq!(judge(&Supervisor::Refuses, "1.2.0"), []);
}

#[test]
fn instances_with_the_same_trouble_have_one_line() {
    let mut booting = instance("rqi/worker/1", State::Starting, None);
    booting.status = Some("booting the application\nfor the second time".into());
    let exit = InstanceStatus {
        last_exit: Some("exit 1".into()),
        ..instance("rqi/solr/1", State::Backoff, Some("exit 1, again in 3s"))
    };
    let instances = [
        instance("abaqis/worker/1", State::Failed, Some("exit 1: no such file\nmore of it")),
        instance("abaqis/worker/2", State::Ready, None),
        instance("abaqis/worker/3", State::Failed, Some("exit 1: no such file")),
        instance("abaqis@4.0.0/worker/1", State::Failed, None),
        instance("abaqis/solr/1", State::Waiting, Some("for abaqis/database")),
        instance("abaqis/mail/1", State::Stopped, None),
        exit,
        booting,
    ];
    let told = "\
failed     abaqis/worker (2 of 3): failed: exit 1: no such file; abaqis-daemons logs abaqis/worker; once mended, abaqis-daemons start abaqis/worker
failed     abaqis@4.0.0/worker/1: failed; abaqis-daemons logs abaqis@4.0.0/worker/1; once mended, abaqis-daemons start abaqis@4.0.0/worker/1
backoff    rqi/solr/1: backoff: exit 1, again in 3s; abaqis-daemons logs rqi/solr/1
";
    let waiting = "\
waiting    abaqis/solr/1: waiting: for abaqis/database; it starts by itself once that is there
";
    let stuck = "\
starting   rqi/worker/1: starting for 5m00s: booting the application; abaqis-daemons logs rqi/worker/1
";
    assert_eq!(lines(&judge_instances(&instances, at(299))), format!("{waiting}{told}"));
    assert_eq!(lines(&judge_instances(&instances, at(300))), format!("{waiting}{told}{stuck}"));
}

#[test]
fn what_could_not_be_started_again_is_told_once_and_not_of_what_waits_for_it() {
    let supervisor = Supervisor::Runs(running(vec![
        instance("a/worker/1", State::Ready, None),
        instance("a/worker/2", State::Ready, None),
        instance("a/solr/1", State::Waiting, None),
    ]));
    let blocked = |id: &str| (id.parse().unwrap(), "/srv/a: No such file or directory".to_owned());
    let all = [blocked("a/worker/1"), blocked("a/worker/2"), blocked("a/solr/1")];
    assert_eq!(
        lines(&judge_blocked(&all, &supervisor)),
        "blocked    a/worker: runs, but could not be started again: /srv/a: No such file or directory; \
         put it there, or mend daemons.yml\n"
    );
    assert_eq!(
        lines(&judge_blocked(&all, &Supervisor::Away("/s".into()))),
        "blocked    a/worker: could not be started: /srv/a: No such file or directory; \
         put it there, or mend daemons.yml\n\
         blocked    a/solr: could not be started: /srv/a: No such file or directory; \
         put it there, or mend daemons.yml\n"
    );
}

#[test]
fn what_runs_and_is_not_on_the_disk_is_told() {
    let application = |version: Result<&str, &str>| Application {
        name: "abaqis".parse().unwrap(),
        version: version.map(|version| version.parse().unwrap()).map_err(Into::into),
        tube: None,
        tubes: None,
        older: Vec::new(),
    };
    let instances = vec![
        instance("abaqis/worker/1", State::Ready, None),
        instance("abaqis/worker/2", State::Ready, None),
        instance("abaqis@4.0.0/worker/1", State::Ready, None),
    ];
    let mut running = running(instances);
    assert_eq!(judge_code(&running, &[application(Ok("4.1.0"))]), []);
    assert_eq!(judge_code(&running, &[application(Err("no version"))]), []);
    assert_eq!(
        lines(&judge_code(&running, &[application(Ok("4.2.0"))])),
        "version    abaqis: 4.1.0 runs, 4.2.0 is on the disk; abaqis-daemons reload\n"
    );
    running.adrift = ["abaqis/worker/1", "abaqis@4.0.0/worker/1", "abaqis@4.0.0/solr/1"]
        .map(|id| id.parse().unwrap())
        .into();
    assert_eq!(
        lines(&judge_code(&running, &[])),
        "folder-gone abaqis: its folder is gone under 1 process, which cannot be started again; \
         deploy again, and keep folders until their jobs are done\n\
         folder-gone abaqis@4.0.0: its folder is gone under 2 processes, which cannot be started again; \
         deploy again, and keep folders until their jobs are done\n"
    );
}
