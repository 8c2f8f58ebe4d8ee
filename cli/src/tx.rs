//! `tuan tx`: entries of the ledger and their receipts.

use crate::{
    exit::Failure,
    files, input, output,
    proof::{self, Proven},
    session::Session,
};
use clap::Subcommand;
use ledger_core::{
    api::{EntryView, Progress, Submitted},
    block::Entry,
    crypto::TransactionId,
    fund::DeadlineKind,
    types::LogIndex,
};
use std::path::PathBuf;

/// `tuan tx`.
#[derive(Debug, Subcommand)]
pub(crate) enum TxCommand {
    /// Shows an entry
    Show {
        /// Id of a transaction, or place in the log
        #[arg(value_name = "ID|LOG-INDEX")]
        what: String,
    },
    /// Prints or writes the receipt of an entry
    Receipt {
        /// Id of a transaction, or place in the log
        #[arg(value_name = "ID|LOG-INDEX")]
        what: String,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Verifies a receipt against the founding document, without any node
    Verify {
        /// The receipt
        file: PathBuf,
    },
}

/// Where an entry is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Transaction(TransactionId),
    Index(LogIndex),
}

/// Runs `tuan tx`.
pub(crate) fn run(command: &TxCommand, session: &Session) -> Result<(), Failure> {
    match command {
        TxCommand::Show { what } => match find(wanted(what)?, session)? {
            Found::Entry(view) => {
                let verified = session.options().genesis.is_some();
                let view = if verified { verified_view(&view, session)? } else { &view[0] };
                let proof = if verified {
                    "receipt verified"
                } else {
                    "receipt not verified (no --genesis)"
                };
                let text = format!(
                    "entry {} at height {}, {proof}\n{}",
                    view.log_index,
                    view.height,
                    describe(&view.entry, session)?
                );
                session.output.data(&text, view)
            }
            Found::Pending(submitted) => {
                session.output.data("taken in, not decided yet", &submitted)?;
                Err(Failure::incomplete(format!("transaction {} is not decided yet", submitted.id))
                    .help("ask again in a few seconds"))
            }
        },
        TxCommand::Receipt { what, out } => {
            let Found::Entry(views) = find(wanted(what)?, session)? else {
                return Err(Failure::incomplete(format!("{what} is not decided yet"))
                    .help("ask again in a few seconds"));
            };
            let view = verified_view(&views, session)?;
            match out {
                None => {
                    let answer = serde_json::json!({ "receipt": view.receipt });
                    session.output.data(&view.receipt, &answer)
                }
                Some(file) => {
                    files::write_new(file, format!("{}\n", view.receipt).as_bytes())?;
                    let answer = serde_json::json!({ "log_index": view.log_index, "file": file });
                    let text =
                        format!("ok: receipt of entry {} in {}", view.log_index, file.display());
                    session.output.data(&text, &answer)
                }
            }
        }
        TxCommand::Verify { file } => {
            let proven = proof::verify(session.genesis()?, &input::file_text(file)?)?;
            let Proven { entry, index, proven_at, .. } = &proven;
            let answer = serde_json::json!({
                "verified": true,
                "chain": session.genesis()?.chain,
                "log_index": index,
                "proven_at_height": proven_at,
                "entry": entry,
            });
            let text = format!(
                "ok: entry {index} is in the log of {}, proven by the block at height {proven_at}\n{}",
                session.genesis()?.name,
                describe(entry, session)?
            );
            session.output.data(&text, &answer)
        }
    }
}

fn wanted(text: &str) -> Result<Wanted, Failure> {
    if text.len() == 64
        && let Ok(id) = text.parse()
    {
        return Ok(Wanted::Transaction(id));
    }
    text.parse().map(|index| Wanted::Index(LogIndex::new(index))).map_err(|_| {
        Failure::usage(format!(
            "{text:?} is neither the id of a transaction nor a place in the log"
        ))
        .help("an id has 64 hexadecimal digits; a place is a number")
    })
}

enum Found {
    Entry(Vec<EntryView>),
    Pending(Submitted),
}

fn find(wanted: Wanted, session: &Session) -> Result<Found, Failure> {
    let index = match wanted {
        Wanted::Index(index) => index,
        Wanted::Transaction(id) => match session.client.transaction(&id)? {
            Some(submitted) if submitted.progress == Progress::Pending => {
                return Ok(Found::Pending(submitted));
            }
            Some(Submitted { log_index: Some(index), .. }) => index,
            _ => {
                return Err(Failure::refused(format!("no node knows transaction {id}"))
                    .help("it was never taken in, was refused, or has expired; repeat the command that made it"));
            }
        },
    };
    Ok(Found::Entry(session.client.entries(index)?))
}

/// The first view whose receipt verifies and proves the entry that the view shows.
fn verified_view<'a>(views: &'a [EntryView], session: &Session) -> Result<&'a EntryView, Failure> {
    let genesis = session.genesis()?;
    let mut failure = None;
    for view in views {
        match proof::verify(genesis, &view.receipt) {
            Ok(proven) if proven.index == view.log_index && proven.entry == view.entry => {
                return Ok(view);
            }
            Ok(_) => {
                let other = Failure::refused("the receipt is of another entry than the node shows");
                failure = Some(other.help("the node is at fault; ask another with --node"));
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| Failure::incomplete("no node gave a receipt")))
}

fn describe(entry: &Entry, session: &Session) -> Result<String, Failure> {
    Ok(match entry {
        Entry::Transaction(signed) => {
            let author = session.names()?.name(signed.transaction.author);
            let action = serde_json::to_string_pretty(&signed.transaction.action)
                .map_err(|error| Failure::bug(format!("the action is not JSON: {error}")))?;
            format!("signed by {author}\n{action}")
        }
        Entry::System(system) => {
            let at = output::time(system.deadline.at);
            match system.deadline.kind {
                DeadlineKind::CutOff(id) => {
                    format!("deadline {at}: {id} was not approved by its cut-off")
                }
                DeadlineKind::ConfirmBy(id) => format!("deadline {at}: {id} formed or failed"),
                DeadlineKind::AutoDelivery(id) => {
                    format!("deadline {at}: the rest of {id} counts as delivered")
                }
                DeadlineKind::Unclaimed(id) => {
                    format!("deadline {at}: what {id} could not pay out is unclaimed")
                }
                DeadlineKind::Close(id) => format!("{id} is closed: every account is zero"),
                DeadlineKind::ProposalLapses(id) => format!("deadline {at}: proposal {id} lapsed"),
            }
        }
        Entry::Evidence(_) => "a validator signed two things that exclude each other".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_wanted_by_id_or_place() {
        let id = "ab".repeat(32);
        assert_eq!(wanted(&id), Ok(Wanted::Transaction(TransactionId::new([0xab; 32]))));
        assert_eq!(wanted("17"), Ok(Wanted::Index(LogIndex::new(17))));
        for bad in ["", "-1", "abc", "1e300", "99999999999999999999999"] {
            assert_eq!(wanted(bad).expect_err(bad).number(), crate::exit::USAGE, "{bad}");
        }
    }
}
