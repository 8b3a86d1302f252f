//! The commands of the four programs.
