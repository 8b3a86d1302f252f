//! The supervisor: a core that decides and a driver that acts.
