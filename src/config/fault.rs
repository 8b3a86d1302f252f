//! Everything that can be wrong, each with its words.
//!
//! The texts are an interface: tests compare them word for word.

use std::path::PathBuf;

use thiserror::Error;

use super::problem::Words;
use super::quantity::QuantityError;
use super::yaml::{Node, ScalarKind, Value, YamlError};
use super::{SignalError, TemplateError};
use crate::names::{NameError, ServerAddressError, TubeError};

/// One thing that is wrong. Its text completes `FILE:LINE:COL: KEY: …`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    // The file as such.
    /// The text is not YAML that is understood here.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// No application anywhere, and not even an empty list of them.
    #[error("no applications; to run nothing, write applications: {{}}")]
    NoApplications,

    // Structure.
    /// A key that means nothing here.
    #[error("unknown key, expected one of {}", expected.join(", "))]
    UnknownKey {
        /// What may stand here.
        expected: Vec<&'static str>,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// A value of the wrong shape.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What is wanted.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// One of a few words is wanted.
    #[error("expected {expected}, found {found:?}")]
    WrongWord {
        /// What is wanted.
        expected: &'static str,
        /// What is there.
        found: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// Something that has to be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A key that stands in another file than it may.
    #[error("may only stand in {main}; a file of {dir} brings applications", main = .0.display(), dir = .1.display())]
    OnlyMain(PathBuf, PathBuf),
    /// An application in two files.
    #[error("{name} is configured in {file}:{line}:{column} already", file = .file.display())]
    TwoPlaces {
        /// The application.
        name: String,
        /// The other file.
        file: PathBuf,
        /// The line there.
        line: u32,
        /// The column there.
        column: u32,
    },
    /// Keys that exclude each other.
    #[error("{0} and {1} exclude each other")]
    Both(&'static str, &'static str),

    // Values.
    /// A duration or size.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// A text with `{…}`.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A signal.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// The address of a queue.
    #[error(transparent)]
    Address(#[from] ServerAddressError),
    /// The name of an application or daemon, or a version.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What the tube would be called.
    #[error(transparent)]
    Tube(#[from] TubeError),
    /// A number outside of what is possible.
    #[error("{value} is not possible, expected {expected}")]
    Range {
        /// The number.
        value: String,
        /// What is possible.
        expected: &'static str,
    },
    /// A umask that is not written in octal.
    #[error("{0:?} is no umask; write it in octal, as 0027")]
    Umask(String),
    /// Processor time without its unit.
    #[error("{0:?} is no share of the processor; write it in per cent of one core, as 150%")]
    Cpu(String),
    /// Another path than an absolute one.
    #[error("{0:?} is not an absolute path")]
    RelativePath(String),
    /// The same, where `{path}` helps.
    #[error("{0:?} is not an absolute path; begin it with / or {{path}}/")]
    RelativeTemplate(String),
    /// Nothing, where something is wanted.
    #[error("may not be empty")]
    EmptyText,
    /// A zero byte.
    #[error("holds a zero byte")]
    Zero,
    /// Nothing in the list.
    #[error("the list is empty")]
    EmptyList,
    /// The same twice in a list.
    #[error("{0} is in the list twice")]
    Twice(String),
    /// A command whose quotes do not match.
    #[error("a quote is never closed")]
    Quotes,
    /// A variable's name that no environment can hold.
    #[error("{0:?} cannot be the name of a variable")]
    VariableName(String),
    /// A variable that every instance is given.
    #[error("{0} is set by abaqis-daemons itself")]
    ReservedVariable(String),
    /// A signal that stops nothing.
    #[error("{0} does not end a process")]
    StopSignal(String),
    /// A template that cannot be used here.
    #[error("{{{0}}} cannot be used here")]
    NotHere(&'static str),
    /// Two numbers in the wrong order.
    #[error("initial ({initial}) is longer than max ({max})")]
    BackoffOrder {
        /// As it would be written.
        initial: String,
        /// As it would be written.
        max: String,
    },

    /// The same of workers.
    #[error("min ({min}) is more than max ({max})")]
    ScaleOrder {
        /// As it is written.
        min: u32,
        /// As it is written.
        max: u32,
    },
    /// A setting of scaling, where nothing scales.
    #[error("means nothing without min and max")]
    NoScale,
    /// Less than what runs in any case.
    #[error("is less than the {0} workers that run at least")]
    SmallBudget(u64),

    // What the machine says.
    /// `user`.
    #[error("there is no user {0} on this host")]
    NoUser(String),
    /// The default of `user`.
    #[error("there is no user {0} on this host (the default); create it or set user")]
    NoDefaultUser(String),
    /// `group`.
    #[error("there is no group {0} on this host")]
    NoGroup(String),
    /// Another user, without the right to become it.
    #[error("only root can run daemons as {other}; this is {me}")]
    NotPermitted {
        /// The user or group that is asked for.
        other: String,
        /// Who it is.
        me: String,
    },

    // What daemons are to each other.
    /// An application that no selector could name.
    #[error("no application may be called all, which is the selector of every instance")]
    NamedAll,
    /// An entry under `daemons` by the name of something else.
    #[error("{name} is the daemon that {by} makes; choose another name")]
    ReservedDaemon {
        /// Its name.
        name: String,
        /// The key that makes it.
        by: &'static str,
    },
    /// A daemon that has nothing to run.
    #[error("command is missing")]
    NoCommand,
    /// A scheduler that has nothing to run.
    #[error("file (a timetable for ayl_scheduler) or command is missing")]
    NoTimetable,
    /// A setting of a program that is not run.
    #[error("is a setting of ayl_worker, which is not run because there is a command")]
    NotAyl,
    /// Executors that are no forks.
    #[error("only the runtime ruby can be preloaded")]
    PreloadOther,
    /// A setting that means nothing to a command.
    #[error("is nothing that the runtime exec could load")]
    RequireExec,
    /// Two schedulers would put every job twice.
    #[error("a scheduler runs once, found {0}")]
    OneScheduler(String),
    /// `after` names nothing.
    #[error("{application} has no daemon {name}")]
    NoDaemon {
        /// The application.
        application: String,
        /// What is named.
        name: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// `after` of `defaults` names what no application has.
    #[error("no application has a daemon {name}")]
    NowhereDaemon {
        /// What is named.
        name: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// `after` goes in a circle.
    #[error("waits for itself: {}", .0.join(" after "))]
    Cycle(Vec<String>),
    /// Several processes would write to one file.
    #[error("{0} processes would write to this file; put {{instance}} into its name")]
    SharedLog(u32),
    /// Two daemons would write to one file.
    #[error("{0} writes to this file as well; put {{instance}} into its name")]
    LogOfOther(String),

    // Warnings.
    /// A path that is not there yet.
    #[error("{0:?} is not there (yet)")]
    NotThere(String),
    /// `applications: {}`.
    #[error("no applications, so nothing is run")]
    NothingToRun,
    /// What `dev` does with `user`.
    #[error("everything runs as {me}, not as {others}")]
    AllAsMe {
        /// Who runs it.
        me: String,
        /// Who is configured.
        others: String,
    },
}

impl Fault {
    /// Another word than those that may stand there, of which one may have been meant.
    pub fn wrong_word<T>(expected: &'static str, found: &str, words: &[(&'static str, T)]) -> Self {
        let hint = did_you_mean(found, words.iter().map(|(word, _)| *word));
        Self::WrongWord { expected, found: found.to_owned(), hint }
    }

    /// A value of another shape than `expected`, with what stands there instead.
    pub fn wrong_type(node: &Node, expected: &'static str) -> Self {
        let found = match (&node.value, node.scalar_kind()) {
            (Value::Scalar { text, .. }, Some(ScalarKind::Number)) => format!("the number {text}"),
            (Value::Scalar { text, .. }, Some(ScalarKind::Boolean)) => text.clone(),
            (Value::Scalar { text, .. }, Some(ScalarKind::Text)) if text.chars().count() <= 40 => {
                format!("{text:?}")
            }
            _ => node.what().to_owned(),
        };
        Self::WrongType { expected, found }
    }
}

impl Words for Fault {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { hint, .. }
            | Self::WrongWord { hint, .. }
            | Self::NoDaemon { hint, .. }
            | Self::NowhereDaemon { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}

/// `did you mean count?`, if one of `known` is `text` with a slip of the finger.
pub fn did_you_mean<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Nothing that long is meant, and comparing costs the product of the lengths.
    if text.len() > 64 {
        return None;
    }
    let allowed = (text.chars().count() / 3).clamp(1, 3);
    let text = text.to_lowercase().replace('-', "_");
    let near = known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&text, word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min();
    near.map(|(_, word)| format!("did you mean {word}?"))
}
