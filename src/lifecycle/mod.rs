//! The life of one instance: desired × actual state, backoff, start limit, stop ladder.
