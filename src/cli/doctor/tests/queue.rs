//! What is said of the queue.

use std::net::IpAddr;

use super::lines;
use crate::beanstalk::{Statistics, TubeStatistics};
use crate::cli::doctor::application::Application;
use crate::cli::doctor::queue::{Answer, SeenTube, Server, judge, listeners};
use crate::names::Tube;

fn application(name: &str, current: &str) -> Application {
    Application {
        name: name.parse().unwrap(),
        version: Ok(current.parse().unwrap()),
        tube: Some(format!("{name}-{current}").parse().unwrap()),
        tubes: Some((format!("{name}-"), String::new())),
        older: Vec::new(),
    }
}

/// A tube with jobs in these states and connections that watch or use it.
fn tube(name: &str, [ready, delayed, buried, watching, using]: [u64; 5]) -> SeenTube {
    let figures = TubeStatistics {
        name: name.parse().unwrap(),
        urgent: 0,
        ready,
        reserved: 0,
        delayed,
        buried,
        total: ready + delayed + buried,
        using,
        watching,
        waiting: 0,
        deleted: 0,
        pause: 0,
        pause_left: 0,
        all: Statistics::default(),
    };
    SeenTube { figures, oldest_buried: None }
}

fn server(address: &str, workers: u64, tubes: Vec<SeenTube>) -> Server {
    let answer = Answer { draining: false, binlog: Some(true), workers, tubes };
    Server { address: address.parse().unwrap(), answer: Ok(answer), listens: Vec::new() }
}

const USUAL: &str = "127.0.0.1:11300";

/// What is said of these tubes of the usual server, on which so many workers are.
fn said(workers: u64, tubes: Vec<SeenTube>) -> String {
    let applications = [application("abaqis", "4.2.0"), application("abaqis-web", "7")];
    let kept: Tube = "abaqis-4.0.0".parse().unwrap();
    lines(&judge(&[server(USUAL, workers, tubes)], &applications, &[kept]))
}

#[test]
fn jobs_that_nobody_takes_are_told_with_whose_they_are() {
    let tubes = vec![
        tube("abaqis-4.2.0", [3, 0, 0, 0, 1]),
        tube("abaqis-4.1.0", [10, 2, 0, 0, 0]),
        tube("abaqis-web-6", [0, 1, 0, 0, 0]),
        tube("abaqis-other", [1, 0, 0, 0, 0]),
        tube("what;(else)", [1, 0, 0, 0, 0]),
        tube("worked", [100, 0, 0, 1, 0]),
        tube("empty", [0, 0, 0, 0, 3]),
    ];
    assert_eq!(
        said(9, tubes),
        "\
unwatched  tube abaqis-4.2.0: 3 jobs and no worker: it is what abaqis uses; abaqis-daemons status abaqis
unwatched  tube abaqis-4.1.0: 12 jobs and no worker: version 4.1.0 of abaqis is not current; deploy it again, or ayl_beanstalk -t abaqis-4.1.0 move_jobs abaqis-4.2.0
unwatched  tube abaqis-web-6: 1 job and no worker: version 6 of abaqis-web is not current; deploy it again, or ayl_beanstalk -t abaqis-web-6 move_jobs abaqis-web-7
unwatched  tube abaqis-other: 1 job and no worker: no application here has that tube; start a worker for it, or ayl_beanstalk -t abaqis-other move_jobs TUBE
unwatched  tube what;(else): 1 job and no worker: no application here has that tube; start a worker for it, or ayl_beanstalk -t 'what;(else)' move_jobs TUBE
"
    );
}

#[test]
fn jobs_that_are_reserved_by_nobody_are_told() {
    let of = |name, workers, reserved| {
        let mut tube = tube(name, [0, 0, 0, workers, 1]);
        tube.figures.reserved = reserved;
        tube
    };
    let tubes = vec![of("abaqis-4.2.0", 2, 2), of("abaqis-web-7", 2, 5), of("abaqis-4.0.0", 0, 1)];
    assert_eq!(
        said(4, tubes),
        "\
stranded   tube abaqis-web-7: 5 reserved jobs and 2 workers to hold them; unless somebody is moving jobs, its binlog had no room: make some, then systemctl restart beanstalkd
stranded   tube abaqis-4.0.0: 1 reserved job and no worker to hold them; unless somebody is moving jobs, its binlog had no room: make some, then systemctl restart beanstalkd
"
    );
}

#[test]
fn an_entry_of_a_timetable_that_no_scheduler_waits_for_is_told() {
    let tubes = vec![
        tube("schedule/abaqis/nightly", [0, 1, 0, 0, 0]),
        tube("schedule/rqi/hourly", [1, 0, 0, 0, 0]),
        tube("schedule/abaqis/weekly", [0, 1, 0, 1, 0]),
        tube("schedule/abaqis/new", [0, 0, 0, 1, 0]),
    ];
    assert_eq!(
        said(0, tubes),
        "\
unscheduled tube schedule/abaqis/nightly: no scheduler waits for the next slot of nightly of abaqis; abaqis-daemons status abaqis/scheduler
unscheduled tube schedule/rqi/hourly: no scheduler waits for the next slot of hourly of rqi; see whether the scheduler of rqi runs on its hosts
"
    );
}

#[test]
fn every_connection_watches_the_default_tube_so_there_workers_of_no_other_tube_count() {
    let tubes = || vec![tube("default", [1, 0, 0, 8, 8]), tube("abaqis-4.2.0", [0, 0, 0, 4, 0])];
    assert_eq!(
        said(4, tubes()),
        "unwatched  tube default: 1 job and no worker: no application here has that tube; \
         start a worker for it, or ayl_beanstalk -t default move_jobs TUBE\n"
    );
    assert_eq!(said(5, tubes()), "");
}

#[test]
fn buried_and_paused_jobs_are_told() {
    let mut old = tube("a", [0, 0, 3, 1, 0]);
    old.oldest_buried = Some(3 * 86_400 + 7_200);
    let mut paused = tube("b", [1, 0, 1, 1, 0]);
    paused.figures.pause_left = 90;
    let mut resting = tube("c", [0, 0, 0, 1, 1]);
    resting.figures.pause_left = 90;
    assert_eq!(
        said(3, vec![old, paused, resting]),
        "\
buried     tube a: 3 buried jobs, the oldest 3d02h old; ayl_beanstalk -t a peek_buried; then ayl_beanstalk -t a kick 3, or delete ID
buried     tube b: 1 buried job; ayl_beanstalk -t b peek_buried; then ayl_beanstalk -t b kick 1, or delete ID
paused     tube b: 1 job waits while it is paused, 1m30s more; ayl_beanstalk -t b resume
"
    );
}

#[test]
fn workers_with_nothing_to_wait_for_are_told() {
    let quiet = TubeStatistics { total: 5, ..tube("quiet", [0, 0, 0, 1, 0]).figures };
    let tubes = || {
        vec![
            // The current tube; one of a release that goes; one that producers use.
            tube("abaqis-4.2.0", [0, 0, 0, 4, 0]),
            tube("abaqis-4.0.0", [0, 0, 0, 1, 0]),
            tube("abaqis-4.1.1", [0, 0, 0, 1, 1]),
            tube("abaqis-4.1.0", [0, 0, 0, 2, 0]),
            tube("defautl", [0, 0, 0, 1, 0]),
            SeenTube { figures: quiet.clone(), oldest_buried: None },
        ]
    };
    let old = "2 workers and no jobs: version 4.1.0 of abaqis is not current; stop them\n";
    assert_eq!(
        said(9, tubes()),
        format!(
            "unused     tube abaqis-4.1.0: {old}\
             unused     tube defautl: 1 worker and no jobs: no application here has that tube, \
             and it never had a job; stop them, or start them with the right -t\n"
        )
    );
    // On a queue that other hosts use too.
    let kept: Tube = "abaqis-4.0.0".parse().unwrap();
    let servers = [server("q1:11300", 9, tubes()), server("q2", 9, Vec::new())];
    assert_eq!(
        lines(&judge(&servers, &[application("abaqis", "4.2.0")], &[kept])),
        format!("unused     tube abaqis-4.1.0 on q1:11300: {old}")
    );
}

#[test]
fn a_server_that_is_away_or_not_as_it_should_be_is_told() {
    let away = |address: &str| {
        let answer = Err("Connection refused".into());
        Server { address: address.parse().unwrap(), answer, listens: Vec::new() }
    };
    let answer =
        Answer { draining: true, binlog: Some(false), workers: 0, tubes: vec![tube("t", [1, 0, 0, 0, 0])] };
    let listens = ["127.0.0.1", "0.0.0.0"].map(|address| address.parse().unwrap()).into();
    let ill = Server { address: "localhost:11301".parse().unwrap(), answer: Ok(answer), listens };
    assert_eq!(
        lines(&judge(&[away(USUAL), away("queue.example"), ill], &[], &[])),
        "\
beanstalkd beanstalkd 127.0.0.1:11300: does not answer: Connection refused; systemctl start beanstalkd
beanstalkd beanstalkd queue.example:11300: does not answer: Connection refused; see whether it runs there and lets this host in
draining   beanstalkd localhost:11301: it is draining and takes no new jobs; systemctl restart beanstalkd, which keeps its jobs if it has a binlog
binlog     beanstalkd localhost:11301: without a binlog: a restart or reboot loses every job; start it with -b FOLDER (BEANSTALKD_EXTRA in /etc/default/beanstalkd, /etc/sysconfig/beanstalkd on Fedora)
exposed    beanstalkd localhost:11301: listens on 0.0.0.0: whoever reaches this host can have workers run code; start it with -l 127.0.0.1, or close its port to others
unwatched  tube t on localhost:11301: 1 job and no worker: no application here has that tube; start a worker for it, or ayl_beanstalk --host localhost:11301 -t t move_jobs TUBE
"
    );
    // Where other hosts are served it has to listen to them.
    let mut meant = server("10.0.0.5:11300", 0, Vec::new());
    meant.listens = vec!["0.0.0.0".parse().unwrap()];
    assert_eq!(judge(&[meant], &[], &[]), []);
}

#[test]
#[cfg(target_endian = "little")]
fn who_listens_is_read_from_the_kernels_table() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n   \
        0: 0100007F:2C24 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n   \
        1: 00000000:2C24 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n   \
        2: 0500000A:2C24 0600000A:9999 01 00000000:00000000 00:00000000 00000000     0\n   \
        3: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n";
    let six = "   0: 00000000000000000000000001000000:2C24 00000000000000000000000000000000:0000 0A 0\n\
        garbage\n   1: 00000000000000000000000000000000:2C24 0:0 0A 0\n   2: XX:2C24 0:0 0A\n";
    let addresses =
        |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
    assert_eq!(listeners(table, 11300), addresses(&["127.0.0.1", "0.0.0.0"]));
    assert_eq!(listeners(six, 11300), addresses(&["::1", "::"]));
}
