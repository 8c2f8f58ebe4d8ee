//! Sentences for people in both languages of the project.
//!
//! Whoever shows one chooses the language; this crate does not know who reads.

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// 中文.
    Zh,
}

impl Language {
    /// Chinese where the environment says so, else English.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set);
        if locale.is_some_and(|locale| locale.starts_with("zh")) { Self::Zh } else { Self::En }
    }
}

/// A sentence in both languages; made by [`text!`](crate::text!).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: String,
    /// 中文.
    pub zh: String,
}

impl Text {
    /// The sentence in one language.
    #[must_use]
    pub fn of(self, language: Language) -> String {
        match language {
            Language::En => self.en,
            Language::Zh => self.zh,
        }
    }
}

/// A [`Text`]: `text!("{n} orders", "{n} 个订单")`. Both are format strings and take the same arguments.
#[macro_export]
macro_rules! text {
    ($english:literal, $chinese:literal $(, $($argument:tt)*)?) => {
        $crate::Text {
            en: format!($english $(, $($argument)*)?),
            zh: format!($chinese $(, $($argument)*)?),
        }
    };
}
