//! Operators, who do not talk to each other.

use abaqis_daemons::names::Selector;
use abaqis_daemons::supervisor::core::{Command, Verb};

use crate::random::Random;

const SELECTORS: [&str; 12] = [
    "all",
    "abaqis",
    "rqi",
    "web",
    "abaqis/worker",
    "abaqis/solr",
    "rqi/worker",
    "web/preloader",
    "abaqis/worker/1",
    "abaqis/worker/2",
    "rqi/solr/1",
    "web/clock/1",
];

/// A command nobody thought through.
pub(crate) fn command(random: &mut Random) -> Command {
    let selector: Selector = random.pick(&SELECTORS).parse().unwrap();
    let verb = match random.below(10) {
        0..=3 => Verb::Start,
        4 | 5 => Verb::Stop,
        6 => Verb::Signal(1),
        _ => Verb::Restart,
    };
    Command { verb, selector, at_once: random.percent(30), wait: random.percent(85) }
}

/// A command that has everything running again.
pub(crate) fn start_all() -> Command {
    Command { verb: Verb::Start, selector: Selector::All, at_once: false, wait: true }
}
