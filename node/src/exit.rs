//! Exit codes: part of the interface, so that scripts and service managers can rely on them.

use std::process::ExitCode;

/// Done.
pub const OK: u8 = 0;
/// The check says no.
pub const NO: u8 = 1;
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

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says it on standard error and gives the exit code.
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {:#}", self.error);
        if let Some(help) = &self.help {
            eprintln!("help: {help}");
        }
        ExitCode::from(self.code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::setup(error)
    }
}
