//! The supervisor with real processes.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;
#[path = "../support/hung.rs"]
mod hung;
#[path = "../support/mod.rs"]
mod support;

mod cgroups;
mod dev;
mod doctor;
mod endless;
mod hostile;
mod idle;
mod life;
mod reading;
mod releases;
mod reload;
mod scaling;
mod scarce;
mod schedulers;
mod start;
mod trouble;
mod upgrade;
mod workers;
