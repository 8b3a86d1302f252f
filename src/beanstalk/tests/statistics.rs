//! Figures as beanstalkd 1.12 writes them, and as others do.

use crate::beanstalk::{
    JobState, JobStatistics, Scalar, ServerStatistics, Statistics, TubeStatistics, tube_list,
};

const TUBE: &str = "---\nname: 1.10\ncurrent-jobs-urgent: 1\ncurrent-jobs-ready: 2\ncurrent-jobs-reserved: 3\n\
    current-jobs-delayed: 4\ncurrent-jobs-buried: 5\ntotal-jobs: 6\ncurrent-using: 7\ncurrent-watching: 8\n\
    current-waiting: 9\ncmd-delete: 10\ncmd-pause-tube: 11\npause: 12\npause-time-left: -1\n";

const JOB: &str = "---\nid: 18\ntube: true\nstate: buried\npri: 4294967295\nage: 1\ndelay: 2\nttr: 3\n\
    time-left: -4\nfile: 0\nreserves: 5\ntimeouts: 6\nreleases: 7\nburies: 8\nkicks: 9\n";

#[test]
fn names_stay_texts_whatever_they_look_like() {
    assert_eq!(TubeStatistics::parse(TUBE.as_bytes()).unwrap().name.as_str(), "1.10");
    assert_eq!(JobStatistics::parse(JOB.as_bytes()).unwrap().tube.as_str(), "true");
    for name in ["1.10", "007", "2026-11-24", "true", "no", "null", "1e5", "0x10", "+1", "1_000"] {
        let yaml = TUBE.replace("1.10", name);
        let stats = TubeStatistics::parse(yaml.as_bytes()).unwrap();
        assert_eq!(stats.name.as_str(), name);
        assert_eq!(stats.all.get("name"), Some(&Scalar::Text(name.to_owned())));
        let list = tube_list(format!("---\n- default\n- {name}\n").as_bytes()).unwrap();
        assert_eq!((list[0].as_str(), list[1].as_str()), ("default", name));
    }
}

#[test]
fn quotes_of_newer_servers_are_not_part_of_a_name() {
    let yaml = TUBE.replace("name: 1.10", r#"name: "1.10""#);
    assert_eq!(TubeStatistics::parse(yaml.as_bytes()).unwrap().name.as_str(), "1.10");
    assert_eq!(tube_list(b"---\n- \"007\"\n").unwrap()[0].as_str(), "007");
}

#[test]
fn every_figure_of_a_tube_is_in_its_place() {
    let stats = TubeStatistics::parse(TUBE.as_bytes()).unwrap();
    assert_eq!((stats.urgent, stats.ready, stats.reserved, stats.delayed, stats.buried), (1, 2, 3, 4, 5));
    assert_eq!((stats.total, stats.using, stats.watching, stats.waiting), (6, 7, 8, 9));
    assert_eq!((stats.deleted, stats.pause, stats.pause_left), (10, 12, -1));
}

#[test]
fn every_figure_of_a_job_is_in_its_place() {
    let stats = JobStatistics::parse(JOB.as_bytes()).unwrap();
    assert_eq!((stats.id.0, stats.state, stats.priority.0), (18, JobState::Buried, u32::MAX));
    assert_eq!((stats.age, stats.delay.0, stats.ttr.0, stats.time_left), (1, 2, 3, -4));
    let counts = (stats.reserves, stats.timeouts, stats.releases, stats.buries, stats.kicks);
    assert_eq!(counts, (5, 6, 7, 8, 9));
}

#[test]
fn what_is_not_known_here_is_kept_in_order() {
    let yaml = format!("{TUBE}brand-new: 1.500000\nwords: a: b # c\nempty:\n");
    let stats = TubeStatistics::parse(yaml.as_bytes()).unwrap().all;
    let last: Vec<_> = stats.iter().skip(14).map(|(key, value)| (key, value.clone())).collect();
    assert_eq!(
        last,
        [
            ("brand-new", Scalar::Float(1.5)),
            ("words", Scalar::Text("a: b # c".to_owned())),
            ("empty", Scalar::Text(String::new())),
        ]
    );
    assert_eq!(serde_json::to_string(&stats).unwrap().split(',').next(), Some(r#"{"name":"1.10""#));
}

#[test]
fn a_value_that_yaml_would_take_for_a_comment_is_kept() {
    let stats = Statistics::parse(b"---\nos: #1 SMP @0\nversion: \"1.12\"\n", &[]).unwrap();
    assert_eq!(stats.get("os"), Some(&Scalar::Text("#1 SMP @0".to_owned())));
    assert_eq!(stats.get("version"), Some(&Scalar::Text("1.12".to_owned())));
}

#[test]
fn what_are_no_figures_says_why() {
    let error = |yaml: &str| TubeStatistics::parse(yaml.as_bytes()).unwrap_err().to_string();
    assert_eq!(error("---\nhello\n"), r#"the statistics have a line of another form: "hello""#);
    assert_eq!(error("---\nname: a\n"), r#"the statistics lack "current-jobs-urgent""#);
    assert_eq!(
        error(&TUBE.replace("ready: 2", "ready: -2")),
        r#"the statistics have "-2" for "current-jobs-ready""#
    );
    assert_eq!(
        error(&TUBE.replace("ready: 2", "ready: 99999999999999999999")),
        r#"the statistics have "99999999999999999999" for "current-jobs-ready""#
    );
    assert_eq!(error(&TUBE.replace("1.10", "a b")), r#"the statistics have "a b" for "name""#);
    assert!(JobStatistics::parse(JOB.replace("buried", "lost").as_bytes()).is_err());
    assert!(ServerStatistics::parse(b"---\n").is_err());
    assert_eq!(
        tube_list(b"---\n- a\nb\n").unwrap_err().to_string(),
        r#"the statistics have a line of another form: "b""#
    );
}
