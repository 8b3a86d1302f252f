//! The settings every daemon has, as one place in the file gives them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::fields::{self, Key, entries, take};
use super::settings;
use super::{Given, Reader};
use crate::config::fault::Fault;
use crate::config::host::{Group, Privilege, User};
use crate::config::yaml::{Entry, Node, Place, Value};
use crate::config::{
    Backoff, Command, Environment, Kill, Limits, LogTarget, Ready, Restart, Signal, StartLimit, Template,
};
use crate::names::DaemonName;

/// What `after` names, and where.
pub(in crate::config) type After = Vec<(DaemonName, Place)>;

/// A setting that a layer can also take back.
#[derive(Debug, Clone)]
pub(in crate::config) enum Switch<T> {
    Off,
    On(T),
}

impl<T> Switch<T> {
    pub(in crate::config) fn on(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

/// The settings that stand at `defaults`, an application or a daemon; `None` where the
/// one further out counts.
#[derive(Debug, Default)]
pub(in crate::config) struct Layer {
    pub(in crate::config) command: Given<Command>,
    pub(in crate::config) count: Option<(u32, Place)>,
    pub(in crate::config) user: Option<User>,
    pub(in crate::config) group: Option<Group>,
    pub(in crate::config) directory: Option<Template>,
    pub(in crate::config) umask: Option<u16>,
    pub(in crate::config) env: Environment,
    pub(in crate::config) env_file: Option<Switch<Template>>,
    pub(in crate::config) nice: Option<i8>,
    pub(in crate::config) limits: Option<Limits>,
    pub(in crate::config) restart: Option<Restart>,
    pub(in crate::config) backoff: Option<Backoff>,
    pub(in crate::config) start_limit: Option<StartLimit>,
    pub(in crate::config) ready: Option<Ready>,
    pub(in crate::config) ready_timeout: Option<Duration>,
    pub(in crate::config) watchdog: Option<Switch<Duration>>,
    pub(in crate::config) after: Option<After>,
    pub(in crate::config) stop_signal: Option<Signal>,
    pub(in crate::config) stop_timeout: Option<Duration>,
    pub(in crate::config) kill: Option<Kill>,
    pub(in crate::config) log: Option<(LogTarget, Place)>,
}

pub(super) const DAEMON: &[Key<Layer>] = &[
    Key { name: "command", read: |l, r, n| l.command = r.command(n).into() },
    Key { name: "count", read: |l, r, n| l.count = r.count(n).map(|count| (count, n.place)) },
    Key { name: "user", read: |l, r, n| l.user = user(r, n) },
    Key { name: "group", read: |l, r, n| l.group = group(r, n) },
    Key { name: "directory", read: |l, r, n| l.directory = r.path_template(n) },
    Key { name: "umask", read: |l, r, n| l.umask = umask(r, n) },
    Key { name: "env", read: |l, r, n| l.env = env(r, n) },
    Key {
        name: "env_file",
        read: |l, r, n| {
            l.env_file = if off(n) { Some(Switch::Off) } else { r.path_template(n).map(Switch::On) }
        },
    },
    Key {
        name: "nice",
        read: |l, r, n| {
            let nice = r.whole(n, -20..=19, "a whole number from -20 to 19");
            l.nice = nice.and_then(|nice| i8::try_from(nice).ok());
        },
    },
    Key { name: "limits", read: |l, r, n| l.limits = settings::limits(r, n) },
    Key {
        name: "restart",
        read: |l, r, n| {
            let words =
                [("always", Restart::Always), ("on-failure", Restart::OnFailure), ("never", Restart::Never)];
            l.restart = r.word(n, &words, "always, on-failure or never");
        },
    },
    Key { name: "backoff", read: |l, r, n| l.backoff = settings::backoff(r, n) },
    Key { name: "start_limit", read: |l, r, n| l.start_limit = settings::start_limit(r, n) },
    Key { name: "ready", read: |l, r, n| l.ready = settings::ready(r, n) },
    Key { name: "ready_timeout", read: |l, r, n| l.ready_timeout = r.time(n) },
    Key {
        name: "watchdog",
        read: |l, r, n| l.watchdog = if off(n) { Some(Switch::Off) } else { r.time(n).map(Switch::On) },
    },
    Key { name: "after", read: |l, r, n| l.after = after(r, n) },
    Key { name: "stop_signal", read: |l, r, n| l.stop_signal = stop_signal(r, n) },
    Key { name: "stop_timeout", read: |l, r, n| l.stop_timeout = r.duration(n) },
    Key {
        name: "kill",
        read: |l, r, n| {
            l.kill = r.word(n, &[("group", Kill::Group), ("process", Kill::Process)], "group or process");
        },
    },
    Key { name: "log", read: |l, r, n| l.log = settings::log(r, n).map(|log| (log, n.place)) },
];

impl Layer {
    /// Takes a setting, if it is one.
    pub(super) fn take(&mut self, reader: &mut Reader<'_>, entry: &Entry) -> bool {
        take(DAEMON, self, reader, entry)
    }

    pub(super) fn names() -> Vec<&'static str> {
        fields::names(DAEMON)
    }
}

/// Whether a setting is taken back.
fn off(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar { text, .. } if text == "none")
}

/// A user that the supervisor can start processes as.
fn user(reader: &mut Reader<'_>, node: &Node) -> Option<User> {
    let name = reader.text(node, "the name of a user")?;
    match reader.host.privilege() {
        Privilege::Root => {
            let user = reader.host.user(name);
            reader.check(node, user.ok_or_else(|| Fault::NoUser(name.to_owned())))
        }
        Privilege::Unprivileged => {
            let me = reader.host.me();
            if *me.name == *name {
                return Some(me);
            }
            let me = me.name.to_string();
            reader.error(node.place, Fault::NotPermitted { other: name.to_owned(), me });
            None
        }
        Privilege::Dev => {
            let me = reader.host.me();
            if *me.name != *name {
                reader.ignored_users.push((node.place, name.to_owned()));
            }
            Some(me)
        }
    }
}

fn group(reader: &mut Reader<'_>, node: &Node) -> Option<Group> {
    let name = reader.text(node, "the name of a group")?;
    let own = reader.host.me().group;
    match reader.host.privilege() {
        Privilege::Root => {
            let group = reader.host.group(name);
            reader.check(node, group.ok_or_else(|| Fault::NoGroup(name.to_owned())))
        }
        Privilege::Unprivileged if *own.name != *name => {
            let me = reader.host.me().name.to_string();
            reader.error(node.place, Fault::NotPermitted { other: format!("group {name}"), me });
            None
        }
        Privilege::Unprivileged | Privilege::Dev => Some(own),
    }
}

/// In octal, with a leading zero: then it cannot be mistaken.
fn umask(reader: &mut Reader<'_>, node: &Node) -> Option<u16> {
    let text = reader.as_written(node, "a umask in octal, as 0027")?;
    let octal = matches!(text.len(), 3 | 4) && text.starts_with('0');
    match u16::from_str_radix(text, 8) {
        Ok(mask) if octal && mask <= 0o777 => Some(mask),
        _ => {
            reader.error(node.place, Fault::Umask(text.to_owned()));
            None
        }
    }
}

/// Variables that every instance gets from the supervisor.
const RESERVED: [&str; 6] =
    ["AYL_APP", "AYL_VERSION", "AYL_TUBE", "AYL_BEANSTALK", "AYL_INSTANCE", "NOTIFY_SOCKET"];

fn env(reader: &mut Reader<'_>, node: &Node) -> Environment {
    let mut env = BTreeMap::new();
    let Some(entries) = entries(reader, node, "a map of variables, as {RAILS_ENV: production}") else {
        return env;
    };
    for entry in entries {
        let name = &entry.key;
        reader.at(name, |reader| {
            if RESERVED.contains(&name.as_str()) {
                reader.error(entry.place, Fault::ReservedVariable(name.clone()));
            } else if name.is_empty() || name.contains(['=', '\0']) {
                reader.error(entry.place, Fault::VariableName(name.clone()));
            } else if let Some(value) = reader.template_of(&entry.value) {
                env.insert(Arc::from(name.as_str()), value);
            }
        });
    }
    env
}

fn after(reader: &mut Reader<'_>, node: &Node) -> Option<After> {
    let Value::List(items) = &node.value else {
        return reader.wrong_type(node, "a list of daemons, as [solr]");
    };
    let names = reader.items(items, |reader, item| {
        let name: DaemonName = reader.parse(item, "the name of a daemon")?;
        Some((name, item.place))
    })?;
    for (i, (name, place)) in names.iter().enumerate() {
        if names[..i].iter().any(|(earlier, _)| earlier == name) {
            reader.error(*place, Fault::Twice(name.to_string()));
            return None;
        }
    }
    Some(names)
}

fn stop_signal(reader: &mut Reader<'_>, node: &Node) -> Option<Signal> {
    let signal: Signal = reader.parse(node, "the name of a signal, as TERM")?;
    if signal.can_end_a_process() {
        return Some(signal);
    }
    reader.error(node.place, Fault::StopSignal(signal.to_string()));
    None
}
