//! The job message that applications and workers share.
