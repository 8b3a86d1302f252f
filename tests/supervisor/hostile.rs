//! What others on the host can put in the supervisor's way. Most of it takes two users, so these
//! say nothing where this does not run as root.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use crate::support::{Site, until};

/// `nobody`, as whom the daemons here run.
const NOBODY: u32 = 65534;

const SLEEPER: &str = "s: {command: [sleep, infinity]}";

/// Who is asked has to be root; then `nobody` may look into the site's folder.
fn as_root(site: &Site) -> bool {
    fs::set_permissions(site.path(), Permissions::from_mode(0o755)).unwrap();
    nix::unistd::geteuid().is_root()
}

/// One application of `nobody`'s with a daemon `s`, which has these settings as well.
fn of_nobody(settings: &str) -> Site {
    Site::new(&format!(
        "applications:\n  a:\n    path: {{dir}}\n    version: \"1\"\n    user: nobody\n    daemons:\n      \
         s: {{command: [sh, -c, 'echo written; exec sleep infinity'], {settings}}}\n"
    ))
}

#[test]
fn a_configuration_that_another_could_change_is_not_obeyed() {
    let site = Site::with_daemons(SLEEPER);
    if !as_root(&site) {
        return;
    }
    let refused = |at: &str, uid: u32| {
        let (code, _, said) = site.run(&["run"]);
        let rule = "it has to belong to root and be writable by root alone";
        let text = format!("{at}: user {uid} could change it; {rule}");
        assert!(code == 78 && said.contains(&text), "{code}: {said}, not {text}");
    };
    let file = site.join("daemons.yml");
    let name = file.display().to_string();
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    refused(&name, 0);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    chown(&file, Some(NOBODY), None).unwrap();
    refused(&name, NOBODY);
    chown(&file, Some(0), None).unwrap();
    // A good file, to which a link leads that another may turn elsewhere.
    let theirs = site.join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::rename(&file, site.join("good.yml")).unwrap();
    symlink(site.join("good.yml"), theirs.join("daemons.yml")).unwrap();
    symlink(theirs.join("daemons.yml"), &file).unwrap();
    chown(&theirs, Some(NOBODY), None).unwrap();
    refused(&theirs.display().to_string(), NOBODY);
    // The folder of the file itself.
    fs::remove_file(&file).unwrap();
    fs::rename(site.join("good.yml"), &file).unwrap();
    chown(site.path(), Some(NOBODY), None).unwrap();
    refused(&site.path().display().to_string(), NOBODY);
}

#[test]
fn a_configuration_that_another_can_change_by_now_leaves_what_runs_as_it_is() {
    let site = Site::with_daemons(SLEEPER);
    if !as_root(&site) {
        return;
    }
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let pid = supervisor.pid("a/s/1");
    site.configure("applications: {}\n");
    chown(site.join("daemons.yml"), Some(NOBODY), None).unwrap();
    let (code, _, said) = site.run(&["reload"]);
    assert_eq!(code, 78, "{said}");
    assert_eq!(supervisor.pid("a/s/1"), pid);
}

#[test]
fn a_link_in_the_place_of_a_log_leads_nowhere() {
    let site = of_nobody("log: {file: '{path}/logs/s.log'}");
    if !as_root(&site) {
        return;
    }
    // The folder is the daemon's user's, who had a link lead to root's own file, or to a pipe.
    let (logs, victim) = (site.join("logs"), site.join("victim"));
    fs::create_dir(&logs).unwrap();
    chown(&logs, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::write(&victim, "as it was").unwrap();
    symlink(&victim, logs.join("s.log")).unwrap();
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    until("it is said", || {
        site.log().contains("logs/s.log: Too many levels of symbolic links").then_some(())
    });
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
    assert_eq!(fs::metadata(&victim).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_link_in_the_place_of_an_environment_file_shows_no_secret() {
    let site = of_nobody("env_file: '{path}/theirs/env'");
    if !as_root(&site) {
        return;
    }
    let (theirs, secret) = (site.join("theirs"), site.join("secret"));
    fs::create_dir(&theirs).unwrap();
    fs::write(&secret, "PASSWORD=x").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    symlink(&secret, theirs.join("env")).unwrap();
    chown(&theirs, Some(NOBODY), Some(NOBODY)).unwrap();
    let supervisor = site.start();
    let reason = until("the reason", || supervisor.instance("a/s/1")["reason"].as_str().map(str::to_owned));
    assert!(reason.contains(&format!("{}/env: ", theirs.display())), "{reason}");
    assert!(supervisor.instance("a/s/1")["pid"].is_null());
}

#[test]
fn an_environment_file_that_another_can_write_is_not_taken() {
    let site = of_nobody("env_file: '{path}/env'");
    if !as_root(&site) {
        return;
    }
    let file = site.join("env");
    fs::write(&file, "LD_PRELOAD=/theirs.so").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let supervisor = site.start();
    let reason = until("the reason", || supervisor.instance("a/s/1")["reason"].as_str().map(str::to_owned));
    let at = file.display();
    assert_eq!(
        reason,
        format!(
            "{at}: others than user 65534 could change it; it has to belong to that user or root and be writable by its owner alone"
        )
    );
    assert!(supervisor.instance("a/s/1")["pid"].is_null());
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(site.run(&["reload"]).0, 0);
    supervisor.wait_for("a/s/1", "ready");
}

#[test]
fn a_log_where_another_than_the_daemon_s_user_can_write_is_not_made() {
    let site = of_nobody("log: {file: '{path}/logs/s.log'}");
    if !as_root(&site) {
        return;
    }
    let logs = site.join("logs");
    fs::create_dir(&logs).unwrap();
    fs::set_permissions(&logs, Permissions::from_mode(0o777)).unwrap();
    let is_refused = || {
        let supervisor = site.start();
        let said = format!("{} can be changed by others than root and the daemon's user", logs.display());
        until("it is said", || site.log().contains(&said).then_some(()));
        // The daemon itself is none the worse for it.
        supervisor.wait_for("a/s/1", "ready");
        assert!(supervisor.stop().success());
        assert!(!logs.join("s.log").exists());
        fs::remove_file(site.join("log")).unwrap();
    };
    is_refused();
    // The daemon's user's, but open to everybody else.
    chown(&logs, Some(NOBODY), Some(NOBODY)).unwrap();
    is_refused();
    fs::set_permissions(&logs, Permissions::from_mode(0o755)).unwrap();
    let supervisor = site.start();
    until("the log", || {
        fs::read_to_string(logs.join("s.log")).is_ok_and(|text| text.contains("written")).then_some(())
    });
    assert!(supervisor.stop().success());
}

#[test]
fn a_runtime_directory_that_another_can_write_is_not_used() {
    let site = Site::with_daemons(SLEEPER);
    if !as_root(&site) {
        return;
    }
    let run = site.join("run");
    let refused = |uid: u32, mode: &str| {
        let (code, _, said) = site.run(&["run"]);
        let text = format!("the runtime directory {} belongs to user {uid} with mode {mode}", run.display());
        assert!(code != 0 && said.contains(&text), "{code}: {said}, not {text}");
    };
    fs::create_dir(&run).unwrap();
    fs::set_permissions(&run, Permissions::from_mode(0o775)).unwrap();
    refused(0, "775");
    fs::set_permissions(&run, Permissions::from_mode(0o755)).unwrap();
    chown(&run, Some(NOBODY), None).unwrap();
    refused(NOBODY, "755");
    fs::remove_dir(&run).unwrap();
    let elsewhere = site.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &run).unwrap();
    refused(0, "777");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    // A link in the place of the file with its process number.
    fs::remove_file(&run).unwrap();
    fs::create_dir(&run).unwrap();
    let victim = site.join("victim");
    fs::write(&victim, "as it was").unwrap();
    symlink(&victim, run.join("lock")).unwrap();
    let (code, _, said) = site.run(&["run"]);
    assert!(code != 0 && said.contains("Too many levels of symbolic links"), "{code}: {said}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
}

#[test]
fn the_supervisor_s_own_environment_reaches_no_daemon() {
    let site =
        Site::with_daemons("s: {command: [sh, -c, 'env > seen.new; mv seen.new seen; exec sleep infinity']}");
    let mut command = site.command("run");
    for name in
        ["SECRET", "LD_LIBRARY_PATH", "RUBYOPT", "INVOCATION_ID", "CREDENTIALS_DIRECTORY", "WATCHDOG_USEC"]
    {
        command.env(name, "/nowhere");
    }
    let _supervisor = site.start_as(&mut command);
    let seen = until("the environment", || fs::read_to_string(site.join("seen")).ok());
    let mut names: Vec<&str> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    let allowed = [
        "AYL_APP",
        "AYL_BEANSTALK",
        "AYL_INSTANCE",
        "AYL_TUBE",
        "AYL_VERSION",
        "HOME",
        "LANG",
        "LOGNAME",
        "NOTIFY_SOCKET",
        "PATH",
        "PWD",
        "SHELL",
        "SHLVL",
        "TZ",
        "USER",
        "_",
    ];
    let strange: Vec<&&str> = names.iter().filter(|name| !allowed.contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?} of {names:?}");
}
