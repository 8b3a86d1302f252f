//! `ayl_beanstalk` against real servers: what it prints, what it does, what it survives.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;
#[path = "../support/wait.rs"]
mod wait;
mod crowd;
mod mishap;
mod new_words;
mod old_words;
mod ruby;
mod search;
mod session;
mod terminal;
mod tool;
