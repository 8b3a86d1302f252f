//! daemons.yml of a site and what it speaks of, with all that its edits may change.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::schedule::{APPLICATIONS, Edit};
use crate::settings::{Chosen, OTHER_TUBE, Place, SETTINGS};
use crate::site::{Site, USER, replace};

/// The jobs of the last entry stay in the queue, and say for which slots they were put.
const TIMETABLE: &str = "\
one: {every: 1s, code: 'Ledger.beat(:one)'}
two: {every: 1s, code: 'Ledger.beat(:two)', catch_up: all}
slots: {every: 1s, code: '1', catch_up: all, tube: slots}
";

/// One that comes and goes.
const ENTRY: &str = "three: {every: 2s, code: 'Ledger.beat(:three)'}\n";

/// Another user than the usual one, and another group, for where this is root.
const OTHERS: (&str, &str) = ("news", "users");

/// What stands in daemons.yml besides what always does.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// The settings that are not as usual.
    pub(crate) chosen: Chosen,
    /// Two daemons more.
    extra: bool,
    /// An application that is not in it.
    without: Option<usize>,
    /// By which proxy the queue is reached.
    proxy: usize,
    /// Edits are applied without being asked to.
    watch: bool,
}

impl Configuration {
    /// Two workers each, nothing more and nothing less.
    pub(crate) fn usual() -> Self {
        Self { chosen: Chosen::default(), extra: false, without: None, proxy: 0, watch: true }
    }

    /// What an edit makes of it; false: that is about something else.
    fn change(&mut self, edit: Edit, application: usize) -> bool {
        self.watch = edit != Edit::Unwatched;
        match edit {
            Edit::Set(setting, value) => self.chosen.choose(setting, application, value),
            Edit::Daemon(wanted) => self.extra = wanted,
            Edit::Without(gone) => self.without = gone,
            Edit::Address(proxy) => self.proxy = proxy,
            Edit::Unwatched => {}
            _ => return false,
        }
        true
    }

    /// The version an application has by its configuration, if not by what is deployed.
    pub(crate) fn version(&self, application: usize) -> Option<u64> {
        self.chosen.of_application("version", application).trim_matches('\'').parse().ok()
    }

    /// The tube of a version of an application.
    pub(crate) fn tube(&self, application: usize, version: u64) -> String {
        let other = !self.chosen.of_application("tube", application).is_empty();
        tube(application, other, version)
    }

    /// As text: for `site`, with what the clock adds to every environment.
    fn text(&self, site: &Path, user: Option<&str>, proxies: &[String], clock: &[(&str, String)]) -> String {
        let folder = site.display();
        let address = &proxies[self.proxy];
        let queue = if self.proxy == 0 { address.clone() } else { format!("[{address}]") };
        let clock: String = clock.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = write!(text, ", {name}: '{value}'");
            text
        });
        let mut defaults = self.chosen.entries(Place::Defaults, 0);
        defaults.push(format!("env: {{CHAOS: '{folder}', AYL_LIBRARY: '{folder}'{clock}}}"));
        defaults.extend(user.map(|user| format!("user: {user}")));
        let mut text = format!("beanstalk: {queue}\nwatch: {}\n", self.watch);
        for entry in self.chosen.entries(Place::File, 0) {
            let _ = writeln!(text, "{entry}");
        }
        let _ = write!(text, "defaults: {{{}}}\napplications:\n", defaults.join(", "));
        let there = APPLICATIONS.into_iter().enumerate().filter(|(i, _)| self.without != Some(*i));
        for (i, name) in there {
            let map = |place| format!("{{{}}}", self.chosen.entries(place, i).join(", "));
            let mut all = self.chosen.entries(Place::Application, i);
            // Root alone can have others.
            all.retain(|entry| user.is_some() || !entry.contains("OTHER"));
            all.push(format!("workers: {}", map(Place::Workers)));
            let mut daemons = format!("web: {}", map(Place::Web));
            if i == 2 && self.extra {
                let more = self.chosen.entries(Place::More, i).join(", ");
                let _ = write!(daemons, ", more: {{command: [sleep, infinity], {more}}}");
            }
            if i == 2 {
                all.push(format!("scheduler: {}", map(Place::Scheduler)));
            }
            all.push(format!("daemons: {{{daemons}}}"));
            let port = proxies[0].rsplit(':').next().unwrap_or_default();
            let all = all.join(", ").replace("SITE", &folder.to_string()).replace("HOME", &path(i));
            let all = all.replace("NAME", name).replace("PORT", port);
            let all = all.replace("OTHERS", OTHERS.1).replace("OTHER", OTHERS.0);
            let _ = writeln!(text, "  {name}: {{{all}}}");
        }
        text
    }
}

/// The tube that a version of an application has by the usual template, or by the other one.
pub(crate) fn tube(application: usize, other: bool, version: u64) -> String {
    format!("{}{}-{version}", APPLICATIONS[application], if other { ".b" } else { "" })
}

/// Every tube that workers may have: the application, which template, and the version.
pub(crate) fn every_tube() -> impl Iterator<Item = (usize, bool, u64)> {
    (0..APPLICATIONS.len()).flat_map(|application| {
        [(false, 1), (false, 2), (true, 1), (true, 2)].map(|(other, version)| (application, other, version))
    })
}

/// Where an application is, in its site: the last is deployed by turning a link.
fn path(application: usize) -> String {
    let name = APPLICATIONS[application];
    if application == 2 { format!("{name}/current") } else { name.to_owned() }
}

/// Where an application is as well: its path may be either.
fn homes(site: &Path, application: usize) -> [PathBuf; 2] {
    [site.join(path(application)), site.join("twin").join(path(application))]
}

/// Lays down an application, with the code that its jobs run, in each of its places.
pub(crate) fn lay(site: &Path, application: usize, ruby: &str, python: &str) {
    let lay = |folder: &Path, version: u64| {
        fs::create_dir_all(folder.join("config")).unwrap();
        for name in ["environment", "twin"] {
            fs::write(folder.join(format!("config/{name}.rb")), ruby).unwrap();
            fs::write(folder.join(format!("config/{name}.py")), python).unwrap();
        }
        fs::write(folder.join("VERSION"), format!("{version}\n")).unwrap();
    };
    for home in homes(site, application) {
        if application == 2 {
            (1..=2).for_each(|version| lay(&home.with_file_name(version.to_string()), version));
        } else {
            lay(&home, 1);
        }
    }
    deploy(site, application, 1);
}

/// Puts a version of an application in the place of the other.
pub(crate) fn deploy(site: &Path, application: usize, version: u64) {
    for home in homes(site, application) {
        if application == 2 {
            turn(&home, Path::new(&version.to_string()));
        } else {
            replace(&home.join("VERSION"), &format!("{version}\n"));
        }
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
            Edit::Fifo => {
                let new = home.join("fifo");
                mkfifo(&new, Mode::from_bits_truncate(0o644)).unwrap();
                fs::rename(new, home.join("env")).unwrap();
            }
            Edit::Timetable(more) => {
                let text = match more {
                    None => TIMETABLE.replace("every", "evrey"),
                    Some(false) => TIMETABLE.to_owned(),
                    Some(true) => format!("{TIMETABLE}{ENTRY}"),
                };
                for name in ["schedule", "twin"] {
                    for home in ["c/1", "c/2", "twin/c/1", "twin/c/2"] {
                        replace(&self.path(&format!("{home}/config/{name}.yml")), &text);
                    }
                }
            }
            // Done above.
            _ => {}
        }
    }

    /// An application has this tube from now on.
    pub(crate) fn turn_to(&mut self, application: usize, tube: &str) {
        let (template, version) = tube.rsplit_once('-').unwrap();
        let value = if template.contains('.') { OTHER_TUBE } else { "" };
        let setting = SETTINGS.iter().position(|setting| setting.key == "tube").unwrap();
        if version != self.version(application).to_string() {
            self.deploy(application);
        }
        self.edit(Edit::Set(setting, value), application);
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
        let proxies = self.proxies.each_ref().map(|proxy| proxy.address.to_string());
        self.configuration.text(Path::new(self.mark()), self.user(), &proxies, &self.clock.environment())
    }
}

#[test]
fn every_value_of_every_setting_is_one_that_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("daemons.yml");
    let root = nix::unistd::geteuid().is_root();
    let proxies = ["127.0.0.1:1".to_owned()];
    for (at, setting) in SETTINGS.iter().enumerate() {
        for value in setting.values {
            let mut configuration = Configuration::usual();
            configuration.extra = true;
            (0..3).for_each(|application| configuration.chosen.choose(at, application, value));
            let text = configuration.text(folder.path(), root.then_some(USER), &proxies, &[]);
            fs::write(&file, text).unwrap();
            let mut check = Command::new(env!("CARGO_BIN_EXE_abaqis-daemons"));
            let checked = check.args(["check", "--config"]).arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&checked.stderr).into_owned();
            assert!(checked.status.success(), "{}: {value}: {said}", setting.key);
        }
    }
}
