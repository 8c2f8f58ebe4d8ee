//! How `tuan` ends. The codes are part of its interface.

use crate::lang::{say, word};
use std::{fmt, process::ExitCode};

/// Everything asked for was done, or stands in the ledger already.
pub(crate) const OK: u8 = 0;
/// The ledger or the verdict says no.
pub(crate) const REFUSED: u8 = 1;
/// The command line or a file given with it is wrong.
pub(crate) const USAGE: u8 = 2;
/// Something is missing, or nobody knows yet whether it was done.
pub(crate) const INCOMPLETE: u8 = 3;
/// A key, genesis or directory file cannot be used.
pub(crate) const SETUP: u8 = 4;
/// No node answers.
pub(crate) const UNREACHABLE: u8 = 5;
/// A mistake of this program.
pub(crate) const BUG: u8 = 70;

/// Why a command ends early: what failed, and one line that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    help: Option<String>,
    is_kept: bool,
}

impl Failure {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, is_kept: false }
    }

    /// The ledger or the verdict says no.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(REFUSED, message)
    }

    /// The user wrote something that cannot be read.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    /// Not everything could be had, or the outcome is not known.
    pub(crate) fn incomplete(message: impl Into<String>) -> Self {
        Self::new(INCOMPLETE, message)
    }

    /// A file that the work rests on cannot be used.
    pub(crate) fn setup(message: impl Into<String>) -> Self {
        Self::new(SETUP, message)
    }

    /// No node answers.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(UNREACHABLE, message)
    }

    /// This program is at fault.
    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self::new(BUG, message).help(say!(
            "this is a mistake of tuan itself; please report it",
            "这是 tuan 自身的错误；请告知开发者"
        ))
    }

    /// Whoever read our output has stopped reading: not a failure, and nothing to say.
    pub(crate) fn reader_left() -> Self {
        Self::new(OK, String::new())
    }

    /// What failed.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// What failed, and what to do, in one line without the words before them.
    pub(crate) fn in_one_line(&self) -> String {
        match &self.help {
            Some(help) => say!("{}; {help}", "{}；{help}", self.message),
            None => self.message.clone(),
        }
    }

    /// The same failure in other words.
    #[must_use]
    pub(crate) fn said_so(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// Adds the line that says what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds that line where there is none yet.
    #[must_use]
    pub(crate) fn or_help(self, help: &str) -> Self {
        if self.help.is_some() { self } else { self.help(help) }
    }

    /// What the command was to enter is kept on this computer and will be sent.
    #[must_use]
    pub(crate) fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }

    /// Whether it is.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The end of a command that was to enter something and did not come as far as signing it: where
    /// no node answered, the user must know that nothing waits to be sent.
    #[must_use]
    pub(crate) fn before_signing(self) -> Self {
        if self.code != UNREACHABLE || self.is_kept {
            return self;
        }
        self.help(word!(
            "nothing was kept: enter it again later, or name other nodes with --node",
            "什么都没有保存，请稍后重新输入；也可用 --node 指定其他节点"
        ))
    }

    /// How the process ends.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// The number of [`Self::code`].
    #[cfg(test)]
    pub(crate) fn number(&self) -> u8 {
        self.code
    }

    /// Whether the same question may be answered later: nobody answers now, or not in full.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.code, UNREACHABLE | INCOMPLETE)
    }

    /// Whether it is that nobody answers.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.code == UNREACHABLE
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_silent(&self) -> bool {
        self.message.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", word!("error: ", "错误："), self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n{}{help}", word!("help: ", "提示：")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang;

    #[test]
    fn silence_before_signing_says_that_nothing_was_kept() {
        let silence = || Failure::unreachable("no node answers").help("check the network");
        assert!(silence().before_signing().to_string().contains("nothing was kept"));
        let chinese = lang::within(lang::Language::Zh, || silence().before_signing().to_string());
        assert!(chinese.contains("什么都没有保存，请稍后重新输入"), "{chinese}");
        assert_eq!(silence().kept().before_signing(), silence().kept());
        assert_eq!(Failure::refused("no").before_signing(), Failure::refused("no"));
    }

    #[test]
    fn a_failure_says_what_and_what_to_do() {
        let failure = Failure::setup("cannot read key.pem").help("name it with --key");
        assert_eq!(failure.to_string(), "error: cannot read key.pem\nhelp: name it with --key");
        assert_eq!(failure.number(), SETUP);
        assert_eq!(failure.in_one_line(), "cannot read key.pem; name it with --key");
        assert!(Failure::reader_left().is_silent());
        let chinese = lang::within(lang::Language::Zh, || failure.to_string());
        assert_eq!(chinese, "错误：cannot read key.pem\n提示：name it with --key");
    }
}
