//! A preloader that does not do what it is asked to.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use crate::scene::Scene;

/// Puts a job for a worker whose preloader answers each request with `frame`; returns what the worker
/// wrote once the job has run.
#[track_caller]
fn log_with(frame: &'static str) -> String {
    let scene = Scene::new();
    let socket = scene.path("preloader");
    let listener = UnixListener::bind(&socket).unwrap();
    // Ends with the test's process.
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
            let _ = connection.write_all(&[&length, frame.as_bytes()].concat());
        }
    });
    let id = scene.put("bury", "Ledger.write('run')");
    let worker = scene.spawn(scene.command().arg("--preloader").arg(&socket));
    scene.until_state(id, None);
    assert_eq!(scene.ledger(), ["run"]);
    worker.log().replace(socket.to_str().unwrap(), "SOCKET")
}

#[test]
fn an_executor_that_the_preloader_refuses_to_fork_boots_by_itself() {
    let log = log_with(r#"{"type":"refused","message":"4 descriptors came with fork, expected 3"}"#);
    let said = "the preloader at SOCKET refuses: 4 descriptors came with fork, expected 3; \
                the executor boots the application by itself";
    assert_eq!(log.matches(said).count(), 1, "{log}");
}

#[test]
fn a_preloader_of_a_version_that_is_not_understood_is_done_without() {
    let log = log_with(r#"{"type":"busy"}"#);
    assert!(
        log.contains("the preloader at SOCKET refuses: a frame that is none: unknown variant `busy`"),
        "{log}"
    );
}
