//! When the entries of a timetable are due.
