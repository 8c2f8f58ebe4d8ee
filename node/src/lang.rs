//! The language in which `tuand` answers its operator: Chinese where the environment says so, else
//! English. Its log is for machines and stays English.

use genesis::{Language, Text};
use std::sync::LazyLock;

static CURRENT: LazyLock<Language> =
    LazyLock::new(|| Language::of_environment(|name| std::env::var(name).ok()));

/// The operator's language.
#[must_use]
pub fn current() -> Language {
    *CURRENT
}

/// A sentence in the operator's language.
#[must_use]
pub fn say(text: Text) -> String {
    text.of(current())
}
