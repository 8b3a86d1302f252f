//! Who may ask for what, with real users where this runs as root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use abaqis_daemons::control::access::{Access, Level, Peer};
use abaqis_daemons::control::messages::{Operation, Refusal, Request, Verb};
use abaqis_daemons::names::Selector;

use crate::fake::{Fake, status};

const OWNER: u32 = 1000;
const GROUP: u32 = 4242;
const STRANGER: u32 = 65534;

fn peer(uid: u32, gid: u32, groups: &[u32]) -> Peer {
    Peer { uid, gid, groups: groups.into(), pid: None }
}

fn operate(verb: Verb) -> Request {
    Request::Operate(Operation { verb, selector: Selector::All, wait: false, at_once: false })
}

#[test]
fn the_kernel_s_word_decides_how_much_a_peer_may_do() {
    let access = Access { owner: OWNER, group: Some(GROUP) };
    assert_eq!(access.level(&peer(0, 0, &[])), Ok(Level::Everything));
    assert_eq!(access.level(&peer(OWNER, 7, &[])), Ok(Level::Everything));
    assert_eq!(access.level(&peer(8, GROUP, &[])), Ok(Level::Look));
    assert_eq!(access.level(&peer(8, 7, &[1, GROUP])), Ok(Level::Look));
    let stranger = Err(Refusal::Stranger { uid: 8, owner: OWNER });
    assert_eq!(access.level(&peer(8, 7, &[0, OWNER])), stranger);
    // Without the group there are no members.
    assert_eq!(Access { group: None, ..access }.level(&peer(8, GROUP, &[GROUP])), stranger);
}

#[test]
fn a_member_may_look_and_restart() {
    let access = Access { owner: OWNER, group: Some(GROUP) };
    let member = peer(8, GROUP, &[]);
    let hup = "HUP".parse().unwrap();
    let all = Selector::All;
    let allowed = [
        status(),
        Request::Plan,
        Request::Events { selector: all.clone(), recent: 1, follow: true },
        Request::Logs { selector: all.clone() },
        Request::Output { selector: all.clone() },
        operate(Verb::Restart),
        Request::Releases { application: None },
        Request::Deploy { application: "abaqis".parse().unwrap(), wait: false },
    ];
    let kept = [
        ("reload", Request::Reload),
        ("start", operate(Verb::Start)),
        ("stop", operate(Verb::Stop)),
        ("signal", Request::Signal { selector: all, signal: hup }),
        ("upgrade", Request::Upgrade),
    ];
    for request in allowed {
        assert_eq!(access.check(&member, Level::Look, &request), Ok(()), "{request:?}");
        assert_eq!(access.check(&peer(0, 0, &[]), Level::Everything, &request), Ok(()));
    }
    for (what, request) in kept {
        let refusal = access.check(&member, Level::Look, &request).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            format!("user 8 may look and restart, but not {what}: that is for root and user 1000")
        );
        assert_eq!(access.check(&peer(0, 0, &[]), Level::Everything, &request), Ok(()));
    }
}

/// The program as another user; none when this does not run as root.
async fn as_user(fake: &Fake, user: &[&str], arguments: &[&str]) -> Option<Output> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    // The build folder may not be open to others; a copy beside the socket is.
    let program = fake.path().join("abaqis-daemons");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_abaqis-daemons"), &program).unwrap();
    }
    fs::set_permissions(fake.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(user).arg(program).args(arguments).env("ABAQIS_RUNTIME_DIR", fake.path());
    Some(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}

const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];
const MEMBER: [&str; 3] = ["--reuid=65534", "--regid=65534", "--groups=4242"];

#[tokio::test]
async fn another_user_is_kept_out_by_the_file_s_mode() {
    let fake = Fake::start();
    let Some(output) = as_user(&fake, &NOBODY, &["status"]).await else { return };
    assert_eq!(output.status.code(), Some(77));
    assert_eq!(
        stderr(&output),
        format!(
            "abaqis-daemons: {}/control.sock: not permitted: be root, the supervisor's user, or a member of the group abaqis",
            fake.path().display()
        )
    );
}

#[tokio::test]
async fn another_user_who_gets_past_the_mode_is_refused() {
    let fake = Fake::start();
    let socket = fake.path().join("control.sock");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let Some(output) = as_user(&fake, &NOBODY, &["status"]).await else { return };
    assert_eq!(output.status.code(), Some(77));
    assert_eq!(
        stderr(&output),
        format!(
            "abaqis-daemons: user {STRANGER} may not use the control socket: only root, user 0 and members of the group abaqis may"
        )
    );
}

#[tokio::test]
async fn a_supplementary_group_makes_a_member() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let fake = Fake::with(Access { owner: 0, group: Some(GROUP) });
    let output = as_user(&fake, &MEMBER, &["status"]).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("abaqis/worker/1"));
    let output = as_user(&fake, &MEMBER, &["stop", "all"]).await.unwrap();
    assert_eq!(output.status.code(), Some(77));
    assert_eq!(
        stderr(&output),
        format!(
            "abaqis-daemons: user {STRANGER} may look and restart, but not stop: that is for root and user 0"
        )
    );
}
