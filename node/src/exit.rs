//! Exit codes: part of the interface, so that scripts and service managers can rely on them.

use crate::lang::say;
use anyhow::anyhow;
use genesis::{GenesisError, Text, text};
use std::process::ExitCode;

/// Done.
pub const OK: u8 = 0;
/// The check says no.
pub const NO: u8 = 1;
/// The command line has a mistake.
pub const USAGE: u8 = 2;
/// Something is missing: there is nothing to check yet.
pub const INCOMPLETE: u8 = 3;
/// Set-up is wrong: files, keys, ports, disk.
pub const SETUP: u8 = 4;
/// Our bug.
pub const BUG: u8 = 70;

/// A failure with the code to exit with, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What failed.
    pub error: anyhow::Error,
    /// What to do.
    pub help: Option<String>,
}

impl Failure {
    /// A set-up failure.
    pub fn setup(error: impl Into<anyhow::Error>) -> Self {
        Self { code: SETUP, error: error.into(), help: None }
    }

    /// A set-up failure in the operator's language.
    #[must_use]
    pub fn said(what: Text) -> Self {
        Self::setup(anyhow!(say(what)))
    }

    /// A mistake in the command line.
    #[must_use]
    pub fn usage(what: String) -> Self {
        Self { code: USAGE, error: anyhow!(what), help: None }
    }

    /// A file of the founding that cannot be used.
    #[must_use]
    pub fn founding(file: &std::path::Path, error: &GenesisError) -> Self {
        let (file, what) = (file.display(), error.text());
        let (en, zh) = (what.en, what.zh);
        Self::said(text!("{file}: {en}", "{file}：{zh}")).help(say(error.help()))
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says it on standard error and gives the exit code.
    pub fn report(&self) -> ExitCode {
        let error = &self.error;
        eprintln!("{}", say(text!("error: {error:#}", "错误：{error:#}")));
        if let Some(help) = &self.help {
            eprintln!("{}", say(text!("help: {help}", "提示：{help}")));
        }
        ExitCode::from(self.code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::setup(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_a_node_again_for_ever_and_gives_it_the_folder_for_its_token() {
        let unit = include_str!("../../packaging/systemd/tuand@.service");
        let setting = |name: &str| -> Vec<&str> {
            let of = |line: &'static str| line.split_once('=').filter(|(n, _)| *n == name);
            unit.lines().filter_map(of).map(|(_, value)| value).collect()
        };
        assert_eq!(setting("Restart"), ["on-failure"]);
        assert_eq!(setting("RestartPreventExitStatus"), [USAGE.to_string()]);
        assert_eq!(setting("StartLimitIntervalSec"), ["0"]);
        let folder = std::path::Path::new("/run").join(setting("RuntimeDirectory").concat());
        assert_eq!(folder, std::path::Path::new(machine_token::SYSTEM_FOLDER));
        assert_eq!(setting("RuntimeDirectoryMode"), ["0755"]);
        // What fails an assertion or a condition is not tried again.
        assert!(
            !unit.lines().any(|line| line.starts_with("Assert") || line.starts_with("Condition"))
        );
    }
}
