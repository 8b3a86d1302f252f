//! Timetables as a whole: bad files, any bytes, the manual, and the program that reads and
//! runs them.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;
#[path = "../support/wait.rs"]
mod wait;

#[path = "../support/golden.rs"]
mod golden;

mod any;
mod bad;
mod killed;
mod manual;
mod program;
mod running;
mod scene;
