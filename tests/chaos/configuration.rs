//! daemons.yml of a site and what it speaks of, with all that its edits may change.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::schedule::{APPLICATIONS, Edit};
use crate::site::{Site, replace};

/// The jobs of the last entry stay in the queue, and say for which slots they were put.
const TIMETABLE: &str = "\
one: {every: 1s, code: 'Ledger.beat(:one)'}
two: {every: 1s, code: 'Ledger.beat(:two)', catch_up: all}
slots: {every: 1s, code: '1', catch_up: all, tube: slots}
";

/// One that comes and goes.
const ENTRY: &str = "three: {every: 2s, code: 'Ledger.beat(:three)'}\n";

/// What stands in daemons.yml besides what always does.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// The number of each application's workers: the least, and the most where the jobs that wait
    /// decide.
    workers: [(u64, Option<u64>); 3],
    /// Two daemons more.
    extra: bool,
    /// In an application's environment: another value makes other processes of all of it.
    values: [u64; 3],
    /// How nice an application is: the same.
    nice: [u64; 3],
    /// Seconds that a stop may take: a change of it makes no process another.
    patience: u64,
    /// Milliseconds after the first failure: nor does one of it.
    backoff: u64,
    /// KiB of a log before a new one is begun.
    log: u64,
    /// An application that is not in it.
    without: Option<usize>,
    /// By which proxy the queue is reached.
    proxy: usize,
}

impl Configuration {
    /// Two workers each, nothing more and nothing less.
    pub(crate) fn usual() -> Self {
        Self {
            workers: [(2, None); 3],
            extra: false,
            values: [0; 3],
            nice: [0; 3],
            patience: 20,
            backoff: 20,
            log: 16,
            without: None,
            proxy: 0,
        }
    }

    /// What an edit makes of it; false: that is about something else.
    fn change(&mut self, edit: Edit, application: usize) -> bool {
        match edit {
            Edit::Count(count) => self.workers[application] = (count, None),
            Edit::Scaled(min, max) => self.workers[application] = (min, Some(max)),
            Edit::Daemon(wanted) => self.extra = wanted,
            Edit::Environment(value) => self.values[application] = value,
            Edit::Nice(nice) => self.nice[application] = nice,
            Edit::Patience(seconds) => self.patience = seconds,
            Edit::Backoff(milliseconds) => self.backoff = milliseconds,
            Edit::Log(size) => self.log = size,
            Edit::Without(gone) => self.without = gone,
            Edit::Address(proxy) => self.proxy = proxy,
            _ => return false,
        }
        true
    }

    /// As text: for `site`, with what the clock adds to every environment.
    fn text(
        &self,
        site: &Path,
        user: Option<&str>,
        proxies: &[String; 2],
        clock: &[(&str, String)],
    ) -> String {
        let folder = site.display();
        let user = user.map(|user| format!("  user: {user}\n")).unwrap_or_default();
        let clock: String = clock.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = write!(text, ", {name}: '{value}'");
            text
        });
        let mut text = format!(
            "beanstalk: {}\ndefaults:\n{user}  env: {{CHAOS: '{folder}', AYL_LIBRARY: '{folder}'{clock}}}\n  \
             backoff: {{initial: {}ms, max: 500ms}}\n  start_limit: {{count: 1000, within: 1m}}\n  \
             stop_timeout: {}s\napplications:\n",
            proxies[self.proxy], self.backoff, self.patience
        );
        for (i, name) in APPLICATIONS.into_iter().enumerate().filter(|(i, _)| self.without != Some(*i)) {
            let (preload, path) = (i > 0, path(i));
            let pool = match self.workers[i] {
                (count, None) => format!("count: {count}"),
                (min, Some(max)) => format!("min: {min}, max: {max}"),
            };
            let _ = write!(
                text,
                "  {name}:\n    path: {folder}/{path}\n    env: {{VALUE: '{}'}}\n    nice: {}\n    \
                 env_file: {folder}/{name}/env\n    workers: {{{pool}, preload: {preload}}}\n    daemons:\n      \
                 web: {{command: [sh, -c, 'while sleep 0.1; do echo alive; done'], \
                 log: {{file: {folder}/small/logs/{name}.log, max_size: {}KiB, keep: 1}}}}\n",
                self.values[i], self.nice[i], self.log
            );
            if i == 2 && self.extra {
                text.push_str("      more: {command: [sleep, infinity], count: 2}\n");
            }
            if i == 2 {
                text.push_str("    scheduler: config/schedule.yml\n");
            }
        }
        text
    }
}

/// Where an application is, in its site: the last is deployed by turning a link.
fn path(application: usize) -> String {
    let name = APPLICATIONS[application];
    if application == 2 { format!("{name}/current") } else { name.to_owned() }
}

/// Lays down an application, with the code that its jobs run.
pub(crate) fn lay(site: &Path, application: usize, code: &str) {
    let home = site.join(APPLICATIONS[application]);
    let lay = |folder: &Path, version: u64| {
        fs::create_dir_all(folder.join("config")).unwrap();
        fs::write(folder.join("config/environment.rb"), code).unwrap();
        fs::write(folder.join("VERSION"), format!("{version}\n")).unwrap();
    };
    if application == 2 {
        (1..=2).for_each(|version| lay(&home.join(version.to_string()), version));
    } else {
        lay(&home, 1);
    }
    deploy(site, application, 1);
}

/// Puts a version of an application in the place of the other.
pub(crate) fn deploy(site: &Path, application: usize, version: u64) {
    let path = site.join(path(application));
    if application == 2 {
        turn(&path, Path::new(&version.to_string()));
    } else {
        replace(&path.join("VERSION"), &format!("{version}\n"));
    }
}

/// Has a link lead elsewhere, at one stroke.
fn turn(link: &Path, target: &Path) {
    let new = link.with_extension("link");
    let _ = fs::remove_file(&new);
    symlink(target, &new).unwrap();
    fs::rename(&new, link).unwrap();
}

impl Site {
    /// What an editor, a deploy or a mistake does to daemons.yml, or to what it speaks of.
    pub(crate) fn edit(&mut self, edit: Edit, application: usize) {
        let (file, added) = (self.path("daemons.yml"), self.path("daemons.d/d.yml"));
        let home = self.path(APPLICATIONS[application]);
        if !edit.is_elsewhere() {
            let _ = fs::remove_file(self.path("daemons.d/twice.yml"));
        }
        if self.configuration.change(edit, application) {
            return replace(&file, &self.config());
        }
        match edit {
            Edit::Same => fs::write(&file, self.config()).unwrap(),
            Edit::Invalid => replace(&file, &self.config().replace("workers:", "wrokers:")),
            Edit::Half => {
                let text = self.config();
                fs::write(&file, &text[..text.len() / 2]).unwrap();
            }
            Edit::Empty => fs::write(&file, "").unwrap(),
            Edit::Swapped => {
                let target = self.path("daemons.swapped");
                replace(&target, &self.config());
                turn(&file, &target);
            }
            Edit::Removed => drop(fs::remove_file(&file)),
            Edit::Added(wanted) => {
                replace(&file, &self.config());
                let daemon = "{command: [sleep, infinity], directory: /}";
                let text = format!("applications:\n  d: {{path: /, daemons: {{rest: {daemon}}}}}\n");
                if wanted { replace(&added, &text) } else { drop(fs::remove_file(&added)) }
            }
            Edit::Twice => {
                let text = format!("applications:\n  a: {{path: {}}}\n", home.display());
                replace(&self.path("daemons.d/twice.yml"), &text);
            }
            Edit::EnvFile(Some(value)) => replace(&home.join("env"), &format!("SECRET='{value}'\n")),
            Edit::EnvFile(None) => replace(&home.join("env"), "SECRET\n"),
            Edit::Timetable(more) => {
                let text = match more {
                    None => TIMETABLE.replace("every", "evrey"),
                    Some(false) => TIMETABLE.to_owned(),
                    Some(true) => format!("{TIMETABLE}{ENTRY}"),
                };
                for version in 1..=2 {
                    replace(&self.path(&format!("c/{version}/config/schedule.yml")), &text);
                }
            }
            // Done above.
            _ => {}
        }
    }

    /// Everything is as it should be.
    pub(crate) fn put_right(&mut self) {
        self.configuration = Configuration::usual();
        fs::create_dir_all(self.path("daemons.d")).unwrap();
        for name in ["d.yml", "twice.yml"] {
            let _ = fs::remove_file(self.path("daemons.d").join(name));
        }
        for application in 0..APPLICATIONS.len() {
            self.edit(Edit::EnvFile(Some(0)), application);
        }
        self.edit(Edit::Timetable(Some(false)), 2);
        replace(&self.path("daemons.yml"), &self.config());
    }

    fn config(&self) -> String {
        let proxies = [0, 1].map(|i: usize| self.proxies[i].address.to_string());
        self.configuration.text(Path::new(self.mark()), self.user(), &proxies, &self.clock.environment())
    }
}
