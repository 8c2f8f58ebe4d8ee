//! The language that `tuan` speaks: Chinese or English, chosen once at the start.
//!
//! Every sentence stands in the code in both languages, side by side, in [`say!`]: the compiler sees to
//! it that neither is missing and that both name the same values, and whoever changes one sees the
//! other.

use std::sync::atomic::{AtomicU8, Ordering};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// 中文.
    #[value(name = "zh-CN", alias = "zh")]
    Zh,
    /// English.
    En,
}

impl Language {
    /// Chinese where the environment says so, else English.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set);
        if locale.is_some_and(|locale| locale.starts_with("zh")) { Self::Zh } else { Self::En }
    }
}

static CURRENT: AtomicU8 = AtomicU8::new(Language::En as u8);

/// Chooses the language of everything that is said from now on.
pub(crate) fn set(language: Language) {
    CURRENT.store(language as u8, Ordering::Relaxed);
}

/// The language that was chosen; English before that.
pub(crate) fn current() -> Language {
    if CURRENT.load(Ordering::Relaxed) == Language::Zh as u8 { Language::Zh } else { Language::En }
}

/// A sentence in the user's language: `say!("{n} orders", "{n} 个订单")` is a [`String`].
///
/// Both are format strings and take the same arguments.
macro_rules! say {
    ($english:literal, $chinese:literal $(, $($argument:tt)*)?) => {
        match $crate::lang::current() {
            $crate::lang::Language::En => format!($english $(, $($argument)*)?),
            $crate::lang::Language::Zh => format!($chinese $(, $($argument)*)?),
        }
    };
}

/// A word that stands by itself, such as a heading: `word!("ORDERS", "订单")` is a `&'static str`.
macro_rules! word {
    ($english:expr, $chinese:expr) => {
        match $crate::lang::current() {
            $crate::lang::Language::En => $english,
            $crate::lang::Language::Zh => $chinese,
        }
    };
}

pub(crate) use {say, word};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_follows_the_environment() {
        let of = |pairs: &'static [(&str, &str)]| {
            Language::of_environment(|name| {
                pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Language::Zh);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Language::En);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "")]), Language::Zh);
        assert_eq!(of(&[]), Language::En);
    }
}
