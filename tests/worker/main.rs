//! `ayl_worker` against the real beanstalkd, with real Ruby, Python and commands.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;
#[path = "../support/wait.rs"]
mod wait;
mod scene;

mod command_line;
mod faults;
mod outage;
mod outcomes;
mod preloaders;
mod runtimes;
mod servers;
mod stopping;
mod watched;
