//! `daemons.yml`: text in, a validated [`Config`](crate::config) out, every error with its place.
