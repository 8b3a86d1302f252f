//! Everything is killed, again and again, under load: no job is lost, and none runs twice without a reason.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;
#[path = "../support/wait.rs"]
mod wait;
mod host;
mod ledger;
mod queue;
mod scenario;

#[test]
fn fifty_kills_under_twenty_thousand_jobs_lose_none_and_explain_each_that_ran_twice() {
    let seed = scenario::seed();
    println!("AYL_SEED={seed}");
    let account = scenario::run(20_000, 50, seed);
    println!("{account}");
    assert!(account.wrong.is_empty(), "AYL_SEED={seed}: {account}\n{}", account.wrong.join("\n"));
}
