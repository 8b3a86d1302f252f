//! A process as the system starts it: every template completed, the environment put together.
//!
//! ```text
//!     what the supervisor passes on   PATH LANG TZ
//!     the user                        HOME USER LOGNAME SHELL
//!     env_file, then env              as configured
//!     the release                     AYL_APP AYL_VERSION AYL_TUBE AYL_BEANSTALK AYL_INSTANCE
//! ```
//!
//! each over the one before. It is done anew for each start and nothing of it is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::spec::InstanceSpec;
use crate::config::{Template, Variable};

/// Where programs are looked for if the supervisor itself was started without a `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the supervisor passes on of its own environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inherited {
    /// `PATH`
    pub path: Option<String>,
    /// `LANG`
    pub lang: Option<String>,
    /// `TZ`
    pub tz: Option<String>,
}

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The whole environment, but for the notify socket.
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub directory: PathBuf,
}

/// What is started for `spec`, or the variable of one of its templates that is not known.
pub fn render(spec: &InstanceSpec, inherited: &Inherited) -> Result<Rendered, Variable> {
    let process = &spec.daemon.process;
    let argv = process.command.iter().map(|word| complete(spec, word)).collect::<Result<_, _>>()?;
    let directory = complete(spec, &process.directory)?.into();
    Ok(Rendered { argv, env: environment(spec, inherited)?, directory })
}

/// A template with what is known of an instance, or the variable that is not.
pub fn complete(spec: &InstanceSpec, template: &Template) -> Result<String, Variable> {
    template.render(|variable| value(spec, variable))
}

/// The command of an instance, quoted as a shell would take it; a variable that is not known
/// stays as it is written.
pub fn command_line(spec: &InstanceSpec) -> String {
    let known = |variable: Variable| value(spec, variable).or_else(|| Some(variable.to_string().into()));
    let words = spec.daemon.process.command.iter().filter_map(|word| word.render(known).ok());
    shell_words::join(words)
}

fn value(spec: &InstanceSpec, variable: Variable) -> Option<Cow<'_, str>> {
    let release = &spec.release;
    match variable {
        Variable::App => Some(spec.id.application.as_str().into()),
        Variable::Version => release.version.as_ref().map(|version| version.as_str().into()),
        Variable::Tube => release.tube.as_ref().map(|tube| tube.as_str().into()),
        Variable::Path => Some(release.path.to_string_lossy()),
        Variable::Instance => Some(spec.id.to_string().into()),
    }
}

fn environment(spec: &InstanceSpec, inherited: &Inherited) -> Result<BTreeMap<String, String>, Variable> {
    let process = &spec.daemon.process;
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        env.insert(name.to_owned(), value);
    };
    set("PATH", inherited.path.clone().unwrap_or_else(|| DEFAULT_PATH.to_owned()));
    for (name, value) in [("LANG", &inherited.lang), ("TZ", &inherited.tz)] {
        if let Some(value) = value {
            set(name, value.clone());
        }
    }
    let account = &process.account;
    set("HOME", account.home.to_string_lossy().into_owned());
    set("USER", account.user.as_ref().to_owned());
    set("LOGNAME", account.user.as_ref().to_owned());
    set("SHELL", account.shell.to_string_lossy().into_owned());
    for (name, value) in spec.env_file.iter().flat_map(|file| file.iter()) {
        set(name, value.as_ref().to_owned());
    }
    for (name, template) in process.env.iter() {
        set(name, complete(spec, template)?);
    }
    set("AYL_APP", spec.id.application.to_string());
    set("AYL_INSTANCE", spec.id.to_string());
    let servers: Vec<String> = spec.release.beanstalk.iter().map(ToString::to_string).collect();
    set("AYL_BEANSTALK", servers.join(","));
    if let Some(version) = &spec.release.version {
        set("AYL_VERSION", version.to_string());
    }
    if let Some(tube) = &spec.release.tube {
        set("AYL_TUBE", tube.to_string());
    }
    Ok(env)
}
