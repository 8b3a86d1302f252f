//! Files that do not answer: nothing but what needs them waits.

use std::fs;

use crate::hung::Hung;
use crate::scarce::is_back_soon;
use crate::support::Site;

#[test]
fn a_program_that_cannot_be_looked_at_holds_up_nobody() {
    let site = Site::with_daemons(
        "s: {command: [sleep, infinity], backoff: {initial: 0s}}\n\
         h: {command: ['{dir}/hung/program'], stop_timeout: 1s}",
    );
    fs::create_dir(site.join("hung")).unwrap();
    let Some(_hung) = Hung::over(&site.join("hung")) else { return };
    let supervisor = site.start();
    is_back_soon(&supervisor, "a/s/1");
    assert!(supervisor.stop().success());
}
