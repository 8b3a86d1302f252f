//! `daemons.yml` as a whole: good files, bad files, the schema, any bytes.

mod bad;
mod good;
mod host;
