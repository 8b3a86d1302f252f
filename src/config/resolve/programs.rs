//! The commands of the daemons that are this project's own programs.

use std::path::Path;

use crate::config::quantity::{write_duration, write_size};
use crate::config::{Command, Runtime, Signing, Template, Worker};

/// What every one of them is told.
fn begin(program_dir: &Path, program: &str) -> Vec<Template> {
    let mut command = vec![Template::literal(&program_dir.join(program).to_string_lossy())];
    command.extend(["-a", "{path}", "-t", "{tube}", "-n", "{instance}"].map(word));
    command
}

/// A word of ours, `{…}` as they are.
fn word(text: &str) -> Template {
    text.parse().unwrap_or_else(|_| Template::literal(text))
}

/// `ayl_worker` with the settings of `workers`; those that are its own defaults are left
/// out.
pub(super) fn worker(program_dir: &Path, settings: &Worker) -> Command {
    let mut command = begin(program_dir, "ayl_worker");
    let Worker::Ayl { runtime, job, max_jobs, max_memory, max_age, max_runtime, signing, .. } = settings
    else {
        return command.into();
    };
    require(&mut command, settings);
    let runtime = match runtime {
        Runtime::Ruby => None,
        Runtime::Python => Some("python".to_owned()),
        Runtime::Exec => Some("exec".to_owned()),
    };
    let signing = match signing {
        Signing::Off => None,
        Signing::Warn => Some("warn".to_owned()),
        Signing::Require => Some("require".to_owned()),
    };
    let options = [
        ("--runtime", runtime),
        ("--max-jobs", max_jobs.map(|jobs| jobs.to_string())),
        ("--max-memory", max_memory.map(write_size)),
        ("--max-age", max_age.map(write_duration)),
        ("--max-runtime", max_runtime.map(write_duration)),
        ("--signing", signing),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            command.extend([word(option), word(&value)]);
        }
    }
    if let Some(job) = job {
        command.push(word("--"));
        command.extend(job.iter().cloned());
    }
    command.into()
}

/// What is loaded of the application: has to be the same for workers and their preloader.
fn require(command: &mut Vec<Template>, settings: &Worker) {
    if let Worker::Ayl { require: Some(require), .. } = settings {
        command.extend([word("-c"), Template::literal(&require.to_string_lossy())]);
    }
}

/// The process that boots the application for those workers.
pub(super) fn preloader(program_dir: &Path, settings: &Worker) -> Command {
    let mut command = begin(program_dir, "ayl_worker");
    require(&mut command, settings);
    command.extend(["--be", "preloader"].map(word));
    command.into()
}

/// `ayl_scheduler` with a timetable.
pub(super) fn scheduler(program_dir: &Path, file: &Path) -> Command {
    let mut command = begin(program_dir, "ayl_scheduler");
    command.extend([word("--file"), Template::literal(&file.to_string_lossy())]);
    command.into()
}
