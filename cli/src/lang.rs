//! The language that `tuan` speaks: Chinese or English, chosen once at the start.
//!
//! Every sentence stands in the code in both languages, side by side, in [`say!`]: the compiler sees to
//! it that neither is missing and that both name the same values, and whoever changes one sees the
//! other. Help is the exception: it stands in doc comments in English, and in [`help`] in Chinese.

pub(crate) mod help;
pub(crate) mod usage;

#[cfg(test)]
use std::cell::Cell;
use std::ffi::OsString;
#[cfg(not(test))]
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

    /// What `--lang` on a command line asks for, before the line is read in earnest: help and the
    /// mistakes in it are told in this language as well.
    pub(crate) fn of_arguments(arguments: &[OsString]) -> Option<Self> {
        let words: Vec<_> = arguments.iter().skip(1).map(|word| word.to_string_lossy()).collect();
        let options = words.split(|word| word == "--").next().unwrap_or_default();
        let after = options.iter().skip(1).map(Some).chain([None]);
        let value = options.iter().zip(after).find_map(|(word, next)| match word.as_ref() {
            "--lang" => next.map(AsRef::as_ref),
            word => word.strip_prefix("--lang="),
        })?;
        clap::ValueEnum::from_str(value, false).ok()
    }
}

#[cfg(not(test))]
static CURRENT: AtomicU8 = AtomicU8::new(Language::En as u8);

/// Chooses the language of everything that is said from now on.
#[cfg(not(test))]
pub(crate) fn set(language: Language) {
    CURRENT.store(language as u8, Ordering::Relaxed);
}

/// The language that was chosen; English before that.
#[cfg(not(test))]
pub(crate) fn current() -> Language {
    if CURRENT.load(Ordering::Relaxed) == Language::Zh as u8 { Language::Zh } else { Language::En }
}

// Tests of both languages run side by side in one process.
#[cfg(test)]
thread_local! {
    static CURRENT: Cell<Language> = const { Cell::new(Language::En) };
}

/// Chooses the language of this thread.
#[cfg(test)]
pub(crate) fn set(language: Language) {
    CURRENT.set(language);
}

/// The language of this thread.
#[cfg(test)]
pub(crate) fn current() -> Language {
    CURRENT.get()
}

/// Does something in a language.
#[cfg(test)]
pub(crate) fn within<T>(language: Language, work: impl FnOnce() -> T) -> T {
    let before = current();
    set(language);
    let done = work();
    set(before);
    done
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

    #[test]
    fn the_command_line_is_asked_first() {
        let of = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            Language::of_arguments(&words)
        };
        assert_eq!(of("tuan --lang zh-CN status"), Some(Language::Zh));
        assert_eq!(of("tuan buy show veg --lang=zh"), Some(Language::Zh));
        assert_eq!(of("tuan --lang en"), Some(Language::En));
        assert_eq!(of("tuan status"), None);
        assert_eq!(of("tuan status --lang"), None);
        assert_eq!(of("tuan --lang fr status"), None);
        assert_eq!(of("tuan order add -- --lang zh"), None);
    }
}
