//! `tuan tx`: entries of the ledger and their receipts.

use crate::{
    client::Place,
    entry,
    exit::Failure,
    files, input,
    lang::{say, word},
    proof::{self, Proven},
    receipts::Receipts,
    session::Session,
};
use clap::Subcommand;
use ledger_core::{api::EntryView, crypto::TransactionId, types::LogIndex};
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
        TxCommand::Show { what } => {
            let index = match find(wanted(what)?, session)? {
                Found::At(index) => index,
                Found::Pending(id) => {
                    let answer = serde_json::json!({ "id": id, "progress": "pending" });
                    let text = word!("taken in, not decided yet", "已收到，尚未决定");
                    session.output.data(text, &answer)?;
                    return Err(not_decided(what));
                }
            };
            let is_verified = session.options().genesis.is_some();
            let view = if is_verified {
                verified(index, session)?.0
            } else {
                session.client.entry(index, Ok)?
            };
            let proof = if is_verified {
                word!("receipt verified", "回执已验证")
            } else {
                word!("receipt not verified (no --genesis)", "回执未验证（未指定 --genesis）")
            };
            let (index, height) = (view.log_index, view.height);
            let described = entry::describe(&view.entry, session)?;
            let text = say!(
                "entry {index} at height {height}, {proof}\n{described}",
                "条目 {index}，区块高度 {height}，{proof}\n{described}"
            );
            session.output.data(&text, &view)
        }
        TxCommand::Receipt { what, out } => {
            let Found::At(index) = find(wanted(what)?, session)? else {
                return Err(not_decided(what));
            };
            let (view, proven) = verified(index, session)?;
            keep(&view, &proven, session);
            match out {
                None => {
                    let answer = serde_json::json!({ "receipt": view.receipt });
                    session.output.data(&view.receipt, &answer)
                }
                Some(file) => {
                    files::write_new(file, format!("{}\n", view.receipt).as_bytes())?;
                    let answer = serde_json::json!({ "log_index": view.log_index, "file": file });
                    let file = file.display();
                    let text = say!(
                        "ok: receipt of entry {index} in {file}",
                        "完成：条目 {index} 的回执已写入 {file}"
                    );
                    session.output.data(&text, &answer)
                }
            }
        }
        TxCommand::Verify { file } => {
            let proven = proof::verify(session.genesis()?, &input::file_text(file)?)?;
            entry::show_proven(&proven, session)
        }
    }
}

/// Keeps a receipt that was fetched, where there is a place for it: it was asked for to look at, so that
/// a full disk is no failure.
fn keep(view: &EntryView, proven: &Proven, session: &Session) {
    let Some(id) = proven.transaction_id() else { return };
    let kept = session.state_folder().and_then(|folder| {
        Receipts::new(&folder, session.genesis()?.chain).keep(view.log_index, &id, &view.receipt)
    });
    if let Err(failure) = kept {
        session.output.note(&failure.to_string());
    }
}

fn not_decided(what: &str) -> Failure {
    Failure::incomplete(say!("{what} is not decided yet", "{what} 尚未决定"))
        .help(word!("ask again in a few seconds", "请过几秒再查"))
}

fn wanted(text: &str) -> Result<Wanted, Failure> {
    if text.len() == 64
        && let Ok(id) = text.parse()
    {
        return Ok(Wanted::Transaction(id));
    }
    text.parse().map(|index| Wanted::Index(LogIndex::new(index))).map_err(|_| {
        Failure::usage(say!(
            "{text:?} is neither the id of a transaction nor a place in the log",
            "{text:?} 既不是交易编号，也不是账本序号"
        ))
        .help(word!(
            "an id has 64 hexadecimal digits; a place is a number",
            "编号为 64 位十六进制；序号为数字"
        ))
    })
}

enum Found {
    At(LogIndex),
    Pending(TransactionId),
}

fn find(wanted: Wanted, session: &Session) -> Result<Found, Failure> {
    let id = match wanted {
        Wanted::Index(index) => return Ok(Found::At(index)),
        Wanted::Transaction(id) => id,
    };
    match session.client.transaction(&id)? {
        Some(Place::Decided { log_index, .. }) => Ok(Found::At(log_index)),
        Some(Place::Pending) => Ok(Found::Pending(id)),
        Some(Place::Unknown | Place::Silent(_)) | None => {
            Err(Failure::refused(say!("no node knows transaction {id}", "没有节点知道交易 {id}"))
                .help(word!(
                    "it was never taken in, was refused, or has expired; see `tuan outbox list`",
                    "它未被收到、已被拒绝或已过期；请用 tuan outbox list 查看"
                )))
        }
    }
}

/// The first view whose receipt verifies and proves the entry that the view shows.
fn verified(index: LogIndex, session: &Session) -> Result<(EntryView, Proven), Failure> {
    let genesis = session.genesis()?;
    session.client.entry(index, |view| {
        let proven = proof::verify(genesis, &view.receipt)?;
        let is_it = proven.index == index && view.log_index == index && proven.entry == view.entry;
        if is_it { Ok((view, proven)) } else { Err(proof::of_another_entry()) }
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
