//! The commands of the ceremony.

use super::{
    check::check,
    collect::{collect, seal},
    invite::{INVITE_EXAMPLE, InviteArgs, invite},
    join::{JoinArgs, join},
    show::show,
};
use crate::{exit::Failure, output::Output, signer::Secrets};
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// `tuan genesis`.
#[derive(Debug, Subcommand)]
pub(crate) enum GenesisCommand {
    /// Founder: proposes a chain: who takes part, who holds the money, by which policy
    #[command(after_long_help = INVITE_EXAMPLE)]
    Invite(InviteArgs),
    /// Member: says yes to an invitation, with keys and proofs, in one signed file
    Join(JoinArgs),
    /// Founder: checks what has come so far, and says who is missing
    Collect {
        /// The invitation
        invitation: PathBuf,
        /// Contributions, or folders of them
        #[arg(required = true, value_name = "FILE|DIR")]
        from: Vec<PathBuf>,
    },
    /// Founder: writes the founding document once everybody has joined
    Seal {
        /// The invitation
        invitation: PathBuf,
        /// Contributions, or folders of them
        #[arg(required = true, value_name = "FILE|DIR")]
        from: Vec<PathBuf>,
        /// Where to write the document
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Everyone: checks a founding document and shows the phrase to compare by telephone
    Check {
        /// The document
        file: PathBuf,
        /// Your contribution: does it stand in the document unchanged?
        #[arg(long, value_name = "FILE")]
        mine: Option<PathBuf>,
        /// The phrase that somebody else read to you
        #[arg(long, value_name = "DIGITS")]
        phrase: Option<String>,
    },
    /// Shows members, channels and policy of a founding document or an invitation
    Show {
        /// The file
        file: PathBuf,
    },
}

/// Runs `tuan genesis`.
///
/// # Errors
/// A usage or setup [`Failure`] if what is written cannot be used; a refused or incomplete one if what has
/// come does not make a chain.
pub(crate) fn run(
    command: &GenesisCommand,
    key: Option<&Path>,
    secrets: &Secrets,
    output: Output,
) -> Result<(), Failure> {
    match command {
        GenesisCommand::Invite(args) => invite(args, output),
        GenesisCommand::Join(args) => join(args, key, secrets, output),
        GenesisCommand::Collect { invitation, from } => collect(invitation, from, output),
        GenesisCommand::Seal { invitation, from, out } => seal(invitation, from, out, output),
        GenesisCommand::Check { file, mine, phrase } => {
            check(file, mine.as_deref(), phrase.as_deref(), output)
        }
        GenesisCommand::Show { file } => show(file, output),
    }
}
