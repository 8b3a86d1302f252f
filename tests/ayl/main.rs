//! Messages, literals and signatures held against Ruby itself.

mod ruby;
