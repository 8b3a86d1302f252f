//! Where the output of a daemon goes: journal stream, file, terminal.
