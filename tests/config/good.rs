use abaqis_daemons::config::{SourceFile, load};

use crate::host::TestHost;

#[test]
fn the_sample_of_the_manual_loads_without_a_warning() {
    let text = include_str!("good/design.yml");
    let loaded = load(&[SourceFile::new("daemons.yml", text)], &TestHost::root()).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.applications.len(), 2);
}

#[test]
fn another_user_is_for_root_alone_and_dev_runs_as_whoever_runs_it() {
    let text = "applications: {a: {path: /var/www/a, user: rqi, daemons: {x: {command: x}}}}";
    let files = [SourceFile::new("daemons.yml", text)];
    let user = |host: &TestHost| {
        load(&files, host).map(|loaded| {
            let application = loaded.config.applications.into_values().next().unwrap();
            let daemon = application.daemons.values().next().unwrap().clone();
            (
                daemon.process.account.user.to_string(),
                loaded.warnings.iter().map(ToString::to_string).collect(),
            )
        })
    };
    assert_eq!(user(&TestHost::root()), Ok(("rqi".to_owned(), vec![])));
    let error = user(&TestHost::unprivileged()).unwrap_err().to_string();
    let first = error.lines().next().unwrap();
    assert_eq!(first, "daemons.yml:1:44: applications.a.user: only root can run daemons as rqi; this is dev");
    let said = "daemons.yml:1:44: warning: everything runs as dev, not as rqi";
    assert_eq!(user(&TestHost::dev()), Ok(("dev".to_owned(), vec![said.to_owned()])));
}
