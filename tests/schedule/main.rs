//! Timetables as a whole: bad files, any bytes, the manual, and the program that reads and
//! runs them.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;

mod any;
mod bad;
mod killed;
mod manual;
mod program;
mod running;
mod scene;
