//! `tuan receipt`: the receipts that are kept on this computer, which need no network.
//!
//! They lie in `<state>/<chain id>/receipts`, one text file for each entry, named
//! `<place in the log>-<id>.receipt`. The file is the receipt itself: it may be copied, mailed or printed,
//! and anyone who has the founding document can verify it with `tuan tx verify`. What lies there is
//! verified each time before anything is said of it.

use crate::{
    entry,
    exit::Failure,
    files, input,
    lang::{say, word},
    outbox::{in_one_line, words},
    output, proof,
    session::Session,
};
use clap::Subcommand;
use ledger_core::{
    block::Entry,
    crypto::{ChainId, TransactionId},
    transaction::Transaction,
    types::{GroupBuyId, Height, LogIndex, TimestampMs},
};
use serde::Serialize;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Most receipts that one command looks at: the newest.
const RECEIPTS_MAX: usize = 20_000;
/// Shortest beginning of an id that names a receipt.
const PREFIX_MIN: usize = 6;
/// How the name of a receipt ends.
const EXTENSION: &str = ".receipt";

/// `tuan receipt`.
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Lists the receipts kept on this computer
    List {
        /// Only those of a group buy
        #[arg(long)]
        group_buy: Option<GroupBuyId>,
    },
    /// Shows what a kept receipt proves
    Show {
        /// Place in the log, or id of the transaction, or the beginning of it
        #[arg(value_name = "LOG-INDEX|ID")]
        what: String,
        /// Also write the receipt to a file, to share it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Verifies receipts against the founding document: files, or else all that are kept
    Verify {
        /// The receipts
        files: Vec<PathBuf>,
    },
}

/// The receipts of one chain.
pub(crate) struct Receipts {
    folder: PathBuf,
}

/// A receipt that verified, in a line.
#[derive(Debug, Serialize)]
struct Line {
    log_index: LogIndex,
    proven_at_height: Height,
    time_ms: TimestampMs,
    id: Option<TransactionId>,
    author: Option<String>,
    what: String,
    group_buy: Option<GroupBuyId>,
    file: String,
}

/// A receipt that did not.
#[derive(Debug, Serialize)]
struct Failed {
    file: String,
    reason: String,
}

impl Receipts {
    /// The receipts of a chain below the user's folder; nothing is made yet.
    pub(crate) fn new(state: &Path, chain: ChainId) -> Self {
        Self { folder: state.join(chain.to_string()).join("receipts") }
    }

    /// Keeps the text of a receipt that has verified, durably.
    ///
    /// # Errors
    /// A setup [`Failure`] if it cannot be written.
    pub(crate) fn keep(
        &self,
        index: LogIndex,
        id: &TransactionId,
        text: &str,
    ) -> Result<PathBuf, Failure> {
        let path = self.folder.join(format!("{:012}-{id}{EXTENSION}", index.get()));
        let text = format!("{}\n", text.trim());
        let written = files::make_private_folder(&self.folder)
            .and_then(|()| files::durable(&path, text.as_bytes()));
        written.map_err(|error| {
            let (path, error) = (path.display(), files::because(&error));
            Failure::setup(say!(
                "cannot keep the receipt in {path}: {error}",
                "无法保存回执 {path}：{error}"
            ))
            .help(word!(
                "make room; `tuan outbox retry` fetches it again",
                "请腾出空间；tuan outbox retry 会重新取得回执"
            ))
        })?;
        Ok(path)
    }

    /// Names of the receipts in the order of the log, at most the last [`RECEIPTS_MAX`].
    fn names(&self) -> Result<Vec<String>, Failure> {
        let unreadable = |error: io::Error| {
            let (folder, error) = (self.folder.display(), files::because(&error));
            Failure::setup(say!("cannot read {folder}: {error}", "无法读取 {folder}：{error}"))
                .help(word!(
                    "see to it that you may read it, or name another folder with --state",
                    "请确认您有权读取，或用 --state 指定其他文件夹"
                ))
        };
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        // Only the newest are held, however many there are.
        let mut names = std::collections::BTreeSet::new();
        for file in files {
            let Ok(name) = file.map_err(unreadable)?.file_name().into_string() else { continue };
            if name.ends_with(EXTENSION) {
                names.insert(name);
            }
            if names.len() > RECEIPTS_MAX {
                names.pop_first();
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The one receipt that a text names.
    fn named(&self, text: &str) -> Result<PathBuf, Failure> {
        let wanted = text.to_ascii_lowercase();
        let index = wanted.parse::<u64>().ok();
        let names = self.names()?;
        let by_index = names.iter().find(|name| {
            index.is_some() && name.split('-').next().and_then(|part| part.parse().ok()) == index
        });
        let by_id = |name: &&String| {
            wanted.len() >= PREFIX_MIN
                && name.split_once('-').is_some_and(|(_, id)| id.starts_with(&wanted))
        };
        let mut by_id = names.iter().filter(by_id);
        let found = match (by_index, by_id.next(), by_id.next()) {
            (Some(name), _, _) | (None, Some(name), None) => name,
            (None, Some(_), Some(_)) => {
                return Err(Failure::usage(say!(
                    "several receipts begin with {text}",
                    "以 {text} 开头的回执不止一份"
                ))
                .help(word!("give more characters of the id", "请多写几位编号")));
            }
            (None, None, _) => {
                return Err(Failure::refused(say!(
                    "no receipt of {text} is kept on this computer",
                    "本机没有 {text} 的回执"
                ))
                .help(say!(
                    "see `tuan receipt list`; with a network, `tuan tx receipt {text}` fetches it",
                    "用 tuan receipt list 查看；有网络时可用 tuan tx receipt {text} 取得"
                )));
            }
        };
        Ok(self.folder.join(found))
    }
}

/// Runs `tuan receipt`.
///
/// # Errors
/// A setup [`Failure`] without a founding document; a refused one if a receipt does not verify.
pub(crate) fn run(command: &ReceiptCommand, session: &Session) -> Result<(), Failure> {
    let receipts = Receipts::new(&session.state_folder()?, session.genesis()?.chain);
    match command {
        ReceiptCommand::List { group_buy } => list(&receipts, group_buy.as_ref(), session),
        ReceiptCommand::Show { what, out } => {
            let path = receipts.named(what)?;
            let text = input::file_text(&path)?;
            let proven = proof::verify(session.genesis()?, &text)?;
            if let Some(out) = out {
                files::write_new(out, text.as_bytes())?;
                let out = out.display();
                session.output.note(&say!("written to {out}", "已写入 {out}"));
            }
            entry::show_proven(&proven, session)
        }
        ReceiptCommand::Verify { files } => verify(&receipts, files, session),
    }
}

fn list(
    receipts: &Receipts,
    group_buy: Option<&GroupBuyId>,
    session: &Session,
) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for name in receipts.names()? {
        match line(&receipts.folder.join(&name), session) {
            Ok(line) if group_buy.is_none_or(|wanted| line.group_buy == Some(*wanted)) => {
                lines.push(line);
            }
            Ok(_) => {}
            Err(failure) => session.output.note(&format!("{name}: {}", in_one_line(&failure))),
        }
    }
    let rows = lines.iter().map(|line| {
        vec![
            line.log_index.to_string(),
            output::time(line.time_ms),
            line.author.clone().unwrap_or_default(),
            line.what.clone(),
            line.group_buy.map_or_else(String::new, |id| id.to_string()),
        ]
    });
    let headings = [
        word!("ENTRY", "条目"),
        word!("TIME", "时间"),
        word!("BY", "签署人"),
        word!("WHAT", "内容"),
        word!("GROUP BUY", "团购"),
    ];
    session.output.data(&output::table(&headings, rows), &lines)
}

fn line(path: &Path, session: &Session) -> Result<Line, Failure> {
    let proven = proof::verify(session.genesis()?, &input::file_text(path)?)?;
    let (author, what, group_buy) = match &proven.entry {
        Entry::Transaction(signed) => {
            let Transaction { author, action, .. } = &signed.transaction;
            (Some(session.names()?.name(*author)), words::what(action), action.group_buy())
        }
        Entry::System(_) => (None, word!("a deadline", "到期事项").to_owned(), None),
        Entry::Evidence(_) => (None, word!("evidence", "违规证据").to_owned(), None),
    };
    Ok(Line {
        log_index: proven.index,
        proven_at_height: proven.proven_at,
        time_ms: proven.time,
        id: proven.transaction_id(),
        author,
        what,
        group_buy,
        file: path.display().to_string(),
    })
}

fn verify(receipts: &Receipts, files: &[PathBuf], session: &Session) -> Result<(), Failure> {
    let kept = || -> Result<Vec<PathBuf>, Failure> {
        Ok(receipts.names()?.iter().map(|name| receipts.folder.join(name)).collect())
    };
    let files = if files.is_empty() { kept()? } else { files.to_vec() };
    let mut failed = Vec::new();
    for path in &files {
        let text = input::file_text(path);
        if let Err(failure) = text.and_then(|text| proof::verify(session.genesis()?, &text)) {
            let (file, reason) = (path.display().to_string(), in_one_line(&failure));
            failed.push(Failed { file, reason });
        }
    }
    let verified = files.len() - failed.len();
    let chain = &session.genesis()?.name;
    let ok = if failed.is_empty() { word!("ok: ", "完成：") } else { "" };
    let mut text = say!(
        "{ok}receipts that verify against {chain}: {verified}",
        "{ok}{verified} 份回执经 {chain} 的创世文件验证通过"
    );
    for Failed { file, reason } in &failed {
        text.push_str(&format!("\n{file}: {reason}"));
    }
    let answer = serde_json::json!({ "verified": verified, "failed": failed });
    session.output.data(&text, &answer)?;
    match failed.len() {
        0 => Ok(()),
        count => Err(Failure::refused(say!(
            "receipts that do not verify: {count}",
            "{count} 份回执验证不通过"
        ))
        .help(word!(
            "check that --genesis is of the same chain; `tuan tx receipt` fetches a receipt anew",
            "请检查 --genesis 是否属于同一条链；可用 tuan tx receipt 重新取得回执"
        ))),
    }
}
