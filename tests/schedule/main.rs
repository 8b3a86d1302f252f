//! Timetables as a whole: bad files, any bytes, the manual, and the program that reads them.

mod any;
mod bad;
mod manual;
mod program;
