//! Python, and a command for each job.

use std::fs;

use crate::scene::{Scene, message};

#[test]
fn a_command_gets_the_body_and_its_exit_code_is_the_outcome() {
    let scene = Scene::new();
    let script = "body=$(cat); echo \"$body\" >>ledger; case $body in *ok*) exit 0;; *later*) exit 75;; *never*) exit 76;; esac; exit 1";
    let ok = scene.put("bury", "ok");
    let later = scene.put("decay", "later");
    let never = scene.put("delete", "never");
    let failed = scene.put("bury", "failed");
    let worker = scene.spawn(scene.command().args(["--runtime", "exec", "--", "sh", "-c", script]));
    scene.until_state(ok, None);
    scene.until_state(never, Some("buried"));
    scene.until_state(failed, Some("buried"));
    worker.until_log("the command exited with status 1");
    assert_eq!(scene.ledger()[0], message("bury", "ok"));
    assert!(scene.state(later).is_some());
}

#[test]
fn what_a_job_prints_goes_to_the_log_and_what_it_reads_is_nothing() {
    let scene = Scene::new();
    let code =
        "puts 'printed'; $stderr.puts 'complained'; system('echo child'); Ledger.write($stdin.read.inspect)";
    let id = scene.put("bury", code);
    let worker = scene.worker();
    scene.until_state(id, None);
    for text in ["printed", "complained", "child"] {
        worker.until_log(text);
    }
    assert_eq!(scene.ledger(), ["\"\""]);
}

#[test]
fn a_python_application_evaluates_an_expression_in_its_module() {
    let scene = Scene::new();
    let ledger = scene.path("ledger");
    let module = format!("def write(text):\n    open({ledger:?}, 'a').write(text + '\\n')\n");
    fs::write(scene.path("residents.py"), module).unwrap();
    let done = scene.put("bury", "write('from ' + 'python')");
    let raised = scene.put("bury", "write(1 / 0)");
    let worker = scene.spawn(scene.command().args(["--runtime", "python", "-c", "residents"]));
    scene.until_state(done, None);
    scene.until_state(raised, Some("buried"));
    assert_eq!(scene.ledger(), ["from python"]);
    worker.until_log("ZeroDivisionError");
}

#[test]
fn what_a_job_starts_has_neither_the_socket_nor_the_lifeline() {
    let scene = Scene::new();
    let code = r"Ledger.write(IO.popen(%w[ls -l /proc/self/fd], &:read).lines.grep(/socket|lr-x.*\d{3} -> pipe/).inspect)";
    let id = scene.put("bury", code);
    let _worker = scene.worker();
    scene.until_state(id, None);
    assert_eq!(scene.ledger(), ["[]"]);
}
