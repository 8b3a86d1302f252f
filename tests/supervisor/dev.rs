//! `dev`, from start to no trace.

use serde_json::json;

use crate::support::{Site, last, processes_with};

#[test]
fn it_brings_a_queue_of_its_own_and_leaves_nothing_behind() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let site = Site::new(
            "applications:\n  a:\n    path: {dir}\n    version: \"1\"\n    daemons:\n      s: {command: [sh, -c, 'echo at $AYL_BEANSTALK; exec sleep infinity'], user: {me}, env: {SITE: '{path}'}}\n",
        );
        let mut supervisor = site.start_as(&mut site.command("dev"));
        supervisor.wait_for("a/s/1", "ready");
        crate::support::until("its output", || site.log().contains("at 127.0.0.1:").then_some(()));
        let log = site.log();
        let address = log.split("at ").find(|text| text.starts_with("127.0.0.1:")).unwrap();
        let address = address.split_whitespace().next().unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok(), "{address}");
        assert_eq!(last(&supervisor.ask(&json!({"request": "status", "selector": "a"})))["reply"], "done");
        supervisor.signal(signal);
        assert!(supervisor.ended().success());
        assert!(std::net::TcpStream::connect(address).is_err(), "{address}");
        assert!(!site.join("run").exists());
        let mark = site.path().canonicalize().unwrap();
        assert_eq!(processes_with("SITE", mark.to_str().unwrap()), Vec::<i32>::new());
    }
}
