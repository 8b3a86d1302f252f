//! What operators said about instances that may not even be there yet.

use serde::{Deserialize, Serialize};

use crate::names::{InstanceId, Selector};

/// What was said last about a selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Word {
    selector: Selector,
    say: Say,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Say {
    Stop,
    Start,
}

/// The operators' words, the oldest first. The latest that names an instance holds; one that says
/// something about all that an older one named makes that one forgotten.
///
/// An instance that is there knows itself whether it was stopped. These are for those that come
/// later: more of a daemon that was stopped are not started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(Vec<Word>);

impl Words {
    /// These are to be stopped.
    pub(super) fn stop(&mut self, selector: &Selector) {
        self.say(selector, Say::Stop);
    }

    /// These are to run.
    pub(super) fn start(&mut self, selector: &Selector) {
        self.say(selector, Say::Start);
    }

    fn say(&mut self, selector: &Selector, say: Say) {
        self.0.retain(|word| !covers(selector, &word.selector));
        // With nothing stopped there is no exception to remember.
        if say == Say::Stop || !self.0.is_empty() {
            self.0.push(Word { selector: selector.clone(), say });
        }
    }

    /// Whether a new instance is to be stopped.
    pub(super) fn stopped(&self, id: &InstanceId) -> bool {
        self.last(id).is_some_and(|word| word.say == Say::Stop)
    }

    /// Whether naming `id` by `selector` is as close as the word was that stopped it.
    pub(super) fn lifted_by(&self, id: &InstanceId, selector: &Selector) -> bool {
        self.last(id).is_none_or(|word| word.say == Say::Start || covers(&word.selector, selector))
    }

    /// Forgets what was said about releases that are not there any longer.
    pub(super) fn forget_releases(&mut self, is_there: impl Fn(&Selector) -> bool) {
        self.0.retain(|word| {
            !matches!(word.selector, Selector::Only { release: Some(_), .. }) || is_there(&word.selector)
        });
    }

    fn last(&self, id: &InstanceId) -> Option<&Word> {
        self.0.iter().rev().find(|word| word.selector.matches(id))
    }
}

/// Whether `wide` names everything that `narrow` does.
fn covers(wide: &Selector, narrow: &Selector) -> bool {
    let Selector::Only { application, release, daemon } = wide else { return true };
    let Selector::Only { application: other, release: of, daemon: one } = narrow else { return false };
    // A number without a release means the current one, not every one.
    let any_release = release.is_none() && !matches!(daemon, Some((_, Some(_))));
    let daemon = match (daemon, one) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((name, number)), Some((other, one))) => name == other && (number.is_none() || number == one),
    };
    application == other && (any_release || release == of) && daemon
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> Selector {
        text.parse().unwrap()
    }

    #[test]
    fn a_selector_covers_what_it_names_and_no_more() {
        let all = ["all", "a", "a@1", "a/w", "a@1/w", "a/w/1", "a@1/w/1", "b"].map(selector);
        let ids = ["a/w/1", "a/w/2", "a/v/1", "a@1/w/1", "a@1/w/2", "a@1/v/1", "a@2/w/1", "b/w/1"];
        let ids = ids.map(|id| id.parse::<InstanceId>().unwrap());
        for wide in &all {
            for narrow in &all {
                let named = ids.iter().filter(|id| narrow.matches(id)).all(|id| wide.matches(id));
                assert_eq!(covers(wide, narrow), named, "{wide} covers {narrow}");
            }
        }
    }

    #[test]
    fn the_latest_word_that_names_it_holds() {
        let id: InstanceId = "a/w/1".parse().unwrap();
        let mut words = Words::default();
        words.stop(&selector("a"));
        assert!(words.stopped(&id));
        words.start(&selector("a/w"));
        assert!(!words.stopped(&id) && words.stopped(&"a/v/1".parse().unwrap()));
        words.stop(&selector("a"));
        assert!(words.stopped(&id));
        assert_eq!(words.0.len(), 1);
        words.start(&selector("all"));
        assert_eq!(words, Words::default());
    }

    #[test]
    fn a_stop_is_lifted_by_a_name_no_wider_than_its_own() {
        let id: InstanceId = "a/w/1".parse().unwrap();
        let mut words = Words::default();
        words.stop(&selector("a/w"));
        for (text, lifted) in [("all", false), ("a", false), ("a/w", true), ("a/w/1", true)] {
            assert_eq!(words.lifted_by(&id, &selector(text)), lifted, "{text}");
        }
    }

    #[test]
    fn words_about_a_release_go_with_it() {
        let mut words = Words::default();
        words.stop(&selector("a/w"));
        words.stop(&selector("a@1/w/1"));
        words.forget_releases(|_| false);
        assert!(words.stopped(&"a/w/1".parse().unwrap()) && words.0.len() == 1);
    }
}
