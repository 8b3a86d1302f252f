//! What comes of a step, and how it is told.

use std::sync::Arc;

use super::resize::Resize;
use crate::names::{ServerAddress, Tube, Version};

/// Something worth telling of a release. The text is what `events` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Whose.
    pub version: Option<Version>,
    /// What happened.
    pub text: String,
    /// Whether somebody should look into it.
    pub grave: bool,
    /// The numbers behind it, where it is about how many workers there are.
    pub resize: Option<Resize>,
}

/// What a step asks for, beyond other instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The current release gives its place, and its plain names, to another.
    Promoted {
        /// The one that was current.
        from: Version,
        /// The one that is.
        to: Version,
    },
    /// Something worth telling.
    Told(News),
    /// What is left on an older release's tube is to be moved.
    Move {
        /// The older release.
        version: Version,
        /// Its tube.
        from: Tube,
        /// The current release's.
        to: Tube,
        /// Where both are.
        servers: Arc<[ServerAddress]>,
    },
}

impl Outcome {
    pub(super) fn told(version: Option<&Version>, text: String) -> Self {
        Self::Told(News { version: version.cloned(), text, grave: false, resize: None })
    }

    pub(super) fn grave(version: Option<&Version>, text: String) -> Self {
        Self::Told(News { version: version.cloned(), text, grave: true, resize: None })
    }
}

/// A version in a sentence.
pub(super) fn named(version: Option<&Version>) -> String {
    version.map_or_else(|| "the one without a version".to_owned(), |version| format!("release {version}"))
}
