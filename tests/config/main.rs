//! `daemons.yml` as a whole: good files, bad files, the schema, the manual, any bytes.

#[path = "../support/golden.rs"]
mod golden;

mod any;
mod bad;
mod good;
mod host;
mod manual;
mod schema;
