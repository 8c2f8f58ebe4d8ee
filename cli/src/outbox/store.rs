//! The folder `<state>/<chain id>/outbox`: one file for each transaction, and a note beside it.
//!
//! An entry is a JSON file named `<signed at, ms>-<id>.json` that never changes ([`EntryFile`]); what was
//! learnt of it stands in `<same name>.note` ([`Note`]) and may be lost without harm. Whoever works on an
//! entry holds a lock on its file, which the system releases when the process ends, however it ends.
//! A file that cannot be read is named and left alone.

use super::{
    send::{Reason, reasons_text},
    words,
};
use crate::{
    clock::now,
    exit::Failure,
    files,
    lang::{self, Language, say, word},
    output,
};
use ledger_core::{
    crypto::{ChainId, TransactionId},
    fund::Action,
    refusal::Refusal,
    transaction::{ReceivedTransaction, TRANSACTION_BYTES_MAX},
    types::{MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The layout of [`EntryFile`] that this code writes and reads.
const VERSION: u16 = 1;
/// Most transactions that wait: more than a month of one leader's imports on a dead network.
const ENTRIES_MAX: usize = 4_096;
/// Most files of the folder that are looked at: entries, their notes, and what else lies there.
const FILES_MAX: usize = 4 * ENTRIES_MAX;
/// Longest entry: the transaction in hexadecimal and what stands around it.
const ENTRY_BYTES_MAX: u64 = 2 * TRANSACTION_BYTES_MAX as u64 + 4_096;
/// Longest note.
const NOTE_BYTES_MAX: u64 = 16 * 1024;
/// Most characters of one text that a note keeps.
const TEXT_CHARS_MAX: usize = 300;
/// Longest refusal that a note keeps with its values.
const REASON_BYTES_MAX: usize = 1_024;
/// Most texts that a note keeps, so that it stays below its length; the last ones are.
const REASONS_MAX: usize = 8;
/// Ids that an entry had before it was signed again; the last are kept.
const EARLIER_MAX: usize = 16;

/// An entry as it is on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryFile {
    version: u16,
    chain: ChainId,
    id: TransactionId,
    signed_at_ms: TimestampMs,
    /// Ids under which the same was signed before, and which can enter no more.
    #[serde(default)]
    earlier: Vec<TransactionId>,
    /// The signed bytes in hexadecimal, as they are sent.
    transaction: String,
}

/// What was learnt of an entry. Without a note, the bytes may have reached a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// When it was last tried.
    pub(super) tried_at_ms: Option<TimestampMs>,
    /// No node can have the bytes.
    #[serde(default)]
    pub(super) reached_nobody: bool,
    /// What was heard then.
    #[serde(default)]
    pub(super) heard: Option<Heard>,
}

/// What was last heard of an entry. It is put in words when it is shown, in the language of that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(super) enum Heard {
    /// A node took it, and nobody waited.
    Sent,
    /// A node refuses it; another may have it.
    Refused {
        detail: String,
        detail_zh: Option<String>,
        /// The same with its values, if the node sent them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Box<Refusal>>,
    },
    /// No node answered.
    Unreachable { reasons: Vec<Reason> },
    /// Nobody said what became of it.
    Unclear { reasons: Vec<Reason> },
    /// The node wants an access token, or another one.
    Locked,
    /// It has expired.
    Expired,
    /// It has expired, and may have got in before.
    ExpiredUnclear { reasons: Vec<Reason> },
    /// It has expired, has no number of its own, and not every node denies it.
    ExpiredUnnumbered,
    /// It has expired, and the key is not its author's.
    ExpiredOtherKey,
}

impl Heard {
    /// In the user's language; `tell` says a refusal in the words of the chain, where it has any.
    pub(super) fn text(&self, tell: impl Fn(&Refusal) -> Option<String>) -> String {
        match self {
            Self::Sent => word!("sent, not decided yet", "已发送，尚未决定").to_owned(),
            Self::Refused { detail, detail_zh, reason } => {
                let zh = detail_zh.as_ref().filter(|_| lang::current() == Language::Zh);
                let told = reason.as_deref().and_then(tell);
                let why = told.unwrap_or_else(|| output::plain(zh.unwrap_or(detail)));
                say!(
                    "a node refuses it ({why}), but another may have it and enter it still",
                    "一个节点拒绝了它（{why}），但其他节点可能已收到并仍会入账"
                )
            }
            Self::Unreachable { reasons } => {
                let heard = reasons_text(reasons);
                say!("no node answers: {heard}", "没有节点应答：{heard}")
            }
            Self::Unclear { reasons } if reasons.contains(&Reason::NoBlockYet) => {
                let heard = reasons_text(reasons);
                say!("not decided yet: {heard}", "尚未入账：{heard}")
            }
            Self::Unclear { reasons } => {
                let heard = reasons_text(reasons);
                say!("nobody says what became of it: {heard}", "尚不知道结果：{heard}")
            }
            Self::Locked => {
                word!("the node wants another access token", "节点要求（另一个）访问令牌")
                    .to_owned()
            }
            Self::Expired => word!("it has expired", "它已过期").to_owned(),
            Self::ExpiredUnclear { reasons } => {
                let heard = reasons_text(reasons);
                say!(
                    "it has expired, and it is not known whether it got in before: {heard}",
                    "它已过期，且不知此前是否已入账：{heard}"
                )
            }
            Self::ExpiredUnnumbered => say!(
                "it has expired; as it has no number of its own, it is signed again only once every named node says that it did not get in",
                "它已过期；因其没有自己的编号，须所有指定节点都确认未入账后才会重新签名"
            ),
            Self::ExpiredOtherKey => say!(
                "it has expired, and the key named is not that of its author; name it with --key",
                "它已过期，而所用密钥不属于其签署人；请用 --key 指定"
            ),
        }
    }

    /// As much of it as a note holds.
    fn bounded(&self) -> Self {
        let cut = |text: &String| output::plain(text).chars().take(TEXT_CHARS_MAX).collect();
        let cut_all = |reasons: &[Reason]| {
            let last = reasons.iter().skip(reasons.len().saturating_sub(REASONS_MAX));
            let one = |reason: &Reason| match reason {
                Reason::Said(text) => Reason::Said(cut(text)),
                reason => reason.clone(),
            };
            last.map(one).collect()
        };
        match self {
            Self::Refused { detail, detail_zh, reason } => {
                let is_short = |reason: &Refusal| {
                    serde_json::to_string(reason).is_ok_and(|json| json.len() <= REASON_BYTES_MAX)
                };
                let reason = reason.as_ref().filter(|reason| is_short(reason)).cloned();
                let detail_zh = detail_zh.as_ref().map(cut);
                Self::Refused { detail: cut(detail), detail_zh, reason }
            }
            Self::Unreachable { reasons } => Self::Unreachable { reasons: cut_all(reasons) },
            Self::Unclear { reasons } => Self::Unclear { reasons: cut_all(reasons) },
            Self::ExpiredUnclear { reasons } => Self::ExpiredUnclear { reasons: cut_all(reasons) },
            heard => heard.clone(),
        }
    }
}

/// A transaction of the outbox, readable.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) transaction: ReceivedTransaction,
    pub(super) signed_at: TimestampMs,
    pub(super) earlier: Vec<TransactionId>,
}

/// A file of the outbox.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its name without the extension.
    pub(super) name: String,
    /// What it holds, or why it cannot be read.
    pub(super) content: Result<Content, String>,
    pub(super) note: Note,
}

/// An entry on which this process works, and no other.
#[derive(Debug)]
pub(super) struct Kept {
    /// The file, locked.
    _lock: File,
    path: PathBuf,
    pub(super) content: Content,
    /// No node can have the bytes.
    pub(super) reached_nobody: bool,
    /// When it was last tried, if that is known.
    pub(super) tried_at: Option<TimestampMs>,
}

/// What came of taking an entry up.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is ours to work on.
    Kept(Box<Kept>),
    /// Another process works on it.
    Busy,
    /// It was done meanwhile.
    Gone,
    /// It cannot be read.
    Damaged(String),
}

/// The outbox of one chain.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    folder: PathBuf,
    chain: ChainId,
}

impl Outbox {
    /// The outbox of a chain below the user's folder; nothing is made yet.
    pub(super) fn new(state: &Path, chain: ChainId) -> Self {
        Self { folder: state.join(chain.to_string()).join("outbox"), chain }
    }

    /// Writes a signed transaction down, durably, and takes it up.
    ///
    /// # Errors
    /// A setup [`Failure`] if it cannot be written or the outbox is full.
    pub(super) fn put(
        &self,
        transaction: &ReceivedTransaction,
        mut earlier: Vec<TransactionId>,
    ) -> Result<Kept, Failure> {
        files::make_private_folder(&self.folder)
            .map_err(|error| cannot_keep(&self.folder, &error))?;
        let names = self.names()?;
        if names.len() >= ENTRIES_MAX {
            return Err(Failure::setup(say!(
                "the outbox holds {ENTRIES_MAX} transactions already",
                "待发箱中已有 {ENTRIES_MAX} 笔交易"
            ))
            .help(say!(
                "send them with `tuan outbox retry`, or drop what is of no use",
                "用 tuan outbox retry 发送，或用 tuan outbox drop 丢弃不需要的"
            )));
        }
        earlier.drain(..earlier.len().saturating_sub(EARLIER_MAX));
        let (id, signed_at) = (transaction.id(), now()?);
        let entry = EntryFile {
            version: VERSION,
            chain: self.chain,
            id,
            signed_at_ms: signed_at,
            earlier: earlier.clone(),
            transaction: hex::encode(transaction.bytes()),
        };
        let json = serde_json::to_string(&entry)
            .map_err(|error| Failure::bug(format!("an entry is not JSON: {error}")))?;
        // After all others, also when two are kept within a millisecond or the clock was set back.
        let newest = names.last().and_then(|name| name.split('-').next()?.parse().ok());
        let place = newest.map_or(0, |newest: u64| newest.saturating_add(1)).max(signed_at.get());
        let path = self.folder.join(format!("{place:013}-{id}.json"));
        // Locked before it has its name, so that nobody else takes it up first.
        let lock =
            files::durable(&path, json.as_bytes()).map_err(|error| cannot_keep(&path, &error))?;
        let content = Content { transaction: transaction.clone(), signed_at, earlier };
        Ok(Kept { _lock: lock, path, content, reached_nobody: true, tried_at: None })
    }

    /// Everything that waits, oldest first.
    ///
    /// # Errors
    /// A setup [`Failure`] if the folder cannot be read.
    pub(super) fn list(&self) -> Result<Vec<Listed>, Failure> {
        let names = self.names()?;
        Ok(names
            .into_iter()
            .map(|name| {
                let path = self.path(&name);
                let content = File::open(&path)
                    .map_err(|error| error.to_string())
                    .and_then(|file| self.read(&file));
                Listed { content, note: read_note(&path), name }
            })
            .collect())
    }

    /// Names of the entries, oldest first.
    pub(super) fn names(&self) -> Result<Vec<String>, Failure> {
        let unreadable = |error: io::Error| {
            let (folder, error) = (self.folder.display(), files::because(&error));
            Failure::setup(say!("cannot read {folder}: {error}", "无法读取 {folder}：{error}"))
                .help(word!(
                    "see to it that you may read it, or name another folder with --state",
                    "请确认您有权读取，或用 --state 指定其他文件夹"
                ))
        };
        let found = match fs::read_dir(&self.folder) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut names = Vec::new();
        for file in found.take(FILES_MAX) {
            let file = file.map_err(unreadable)?;
            let Ok(name) = file.file_name().into_string() else { continue };
            if let Some(name) = name.strip_suffix(".json") {
                names.push(name.to_owned());
            } else {
                files::remove_litter(&file);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Takes an entry up, unless another process works on it.
    ///
    /// # Errors
    /// A setup [`Failure`] if the disk does not let us.
    pub(super) fn take(&self, name: &str) -> Result<Taken, Failure> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Taken::Gone),
            Err(error) => return Ok(Taken::Damaged(error.to_string())),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Taken::Busy),
            Err(TryLockError::Error(error)) => return Err(cannot_keep(&path, &error)),
        }
        // Whoever held the lock before us may have finished, and removed the file that we have open.
        if file.metadata().map_or(0, |metadata| metadata.nlink()) == 0 {
            return Ok(Taken::Gone);
        }
        Ok(match self.read(&file) {
            Ok(content) => {
                let Note { tried_at_ms: tried_at, reached_nobody, .. } = read_note(&path);
                Taken::Kept(Box::new(Kept { _lock: file, path, content, reached_nobody, tried_at }))
            }
            Err(reason) => Taken::Damaged(reason),
        })
    }

    /// The entry in which this member says the same, if there is one, and its id.
    ///
    /// # Errors
    /// A setup [`Failure`] if the disk does not let us.
    pub(super) fn find(
        &self,
        author: MemberId,
        action: &Action,
    ) -> Result<Option<(TransactionId, Taken)>, Failure> {
        // The latest is the one that was signed again, should a killed process have left both.
        for listed in self.list()?.into_iter().rev() {
            let Ok(content) = &listed.content else { continue };
            let body = content.transaction.transaction();
            if body.author == author && body.action == *action {
                match self.take(&listed.name)? {
                    Taken::Gone => {}
                    taken => return Ok(Some((content.id(), taken))),
                }
            }
        }
        Ok(None)
    }

    /// The entry as which this one was signed again, if a killed process left both.
    ///
    /// # Errors
    /// A setup [`Failure`] if the folder cannot be read.
    pub(super) fn successor_of(
        &self,
        id: &TransactionId,
    ) -> Result<Option<TransactionId>, Failure> {
        let readable = self.list()?.into_iter().filter_map(|listed| listed.content.ok());
        let mut successors = readable.filter(|content| content.earlier.contains(id));
        Ok(successors.next().map(|content| content.id()))
    }

    /// Removes what an entry was signed again for, if a killed process left it.
    ///
    /// # Errors
    /// A setup [`Failure`] if the disk does not let us.
    pub(super) fn remove_predecessors(&self, content: &Content) -> Result<(), Failure> {
        if content.earlier.is_empty() {
            return Ok(());
        }
        for name in self.names()? {
            if content.earlier.iter().any(|id| name.ends_with(&id.to_string())) {
                remove(&self.path(&name))?;
            }
        }
        Ok(())
    }

    /// Removes a file that cannot be read.
    ///
    /// # Errors
    /// A setup [`Failure`] if the disk does not let us.
    pub(super) fn remove_damaged(&self, name: &str) -> Result<(), Failure> {
        remove(&self.path(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// Reads an entry; nothing in it is believed that the signed bytes do not say.
    fn read(&self, file: &File) -> Result<Content, String> {
        let mut bytes = Vec::new();
        let mut limited = file.take(ENTRY_BYTES_MAX + 1);
        limited.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > ENTRY_BYTES_MAX {
            return Err(say!(
                "it is longer than {ENTRY_BYTES_MAX} bytes",
                "文件超过 {ENTRY_BYTES_MAX} 字节"
            ));
        }
        let entry: EntryFile = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if entry.version != VERSION {
            let version = entry.version;
            return Err(say!(
                "its format {version} is not read by this tuan",
                "此 tuan 不能读取格式 {version}"
            ));
        }
        let signed = hex::decode(&entry.transaction).map_err(|error| error.to_string())?;
        let transaction =
            ReceivedTransaction::decode(&signed).map_err(|error| error.to_string())?;
        if transaction.id() != entry.id || transaction.transaction().chain != self.chain {
            return Err(word!(
                "its transaction is another than it says",
                "文件所写与其中的交易不符"
            )
            .to_owned());
        }
        let EntryFile { signed_at_ms, mut earlier, .. } = entry;
        earlier.truncate(EARLIER_MAX);
        Ok(Content { transaction, signed_at: signed_at_ms, earlier })
    }
}

impl Content {
    /// Its id.
    pub(super) fn id(&self) -> TransactionId {
        self.transaction.id()
    }

    /// From this block time on it cannot enter the ledger.
    pub(super) fn expires(&self) -> TimestampMs {
        self.transaction.transaction().expires
    }

    /// Whether this member says the same with it, up to a time that may have been left open.
    pub(super) fn says_but_for_time(&self, author: MemberId, action: &Action) -> bool {
        let body = self.transaction.transaction();
        body.author == author && words::same_but_for_time(&body.action, action)
    }

    /// What it says.
    pub(super) fn action(&self) -> &Action {
        &self.transaction.transaction().action
    }
}

impl Kept {
    /// Its id.
    pub(super) fn id(&self) -> TransactionId {
        self.content.id()
    }

    /// From now on a node may have the bytes, even if this process is killed before it says so.
    ///
    /// # Errors
    /// A setup [`Failure`] if the disk does not let us.
    pub(super) fn about_to_send(&self) -> Result<(), Failure> {
        remove(&note_path(&self.path))
    }

    /// Notes what came of a try. A note that cannot be written is no loss.
    pub(super) fn note(&mut self, heard: &Heard, reached_nobody: bool) {
        self.reached_nobody = reached_nobody;
        let heard = Some(heard.bounded());
        let note = Note { tried_at_ms: now().ok(), reached_nobody, heard };
        if let Ok(json) = serde_json::to_string(&note) {
            let _ = files::durable(&note_path(&self.path), json.as_bytes());
        }
    }

    /// Takes it out of the outbox.
    ///
    /// # Errors
    /// A setup [`Failure`] if the disk does not let us.
    pub(super) fn remove(&self) -> Result<(), Failure> {
        // The entry first: a note alone means nothing, an entry without its note is taken for sent.
        remove(&self.path)?;
        remove(&note_path(&self.path))
    }
}

fn note_path(entry: &Path) -> PathBuf {
    entry.with_extension("note")
}

fn read_note(entry: &Path) -> Note {
    let read = || -> io::Result<Note> {
        let mut bytes = Vec::new();
        File::open(note_path(entry))?.take(NOTE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(serde_json::from_slice(&bytes)?)
    };
    read().unwrap_or_default()
}

fn cannot_keep(path: &Path, error: &io::Error) -> Failure {
    let (path, error) = (path.display(), files::because(error));
    Failure::setup(say!("cannot write {path}: {error}", "无法写入 {path}：{error}")).help(say!(
        "nothing was sent; make room, or name another folder with --state",
        "尚未发送任何内容；请腾出空间，或用 --state 指定其他文件夹"
    ))
}

/// Removes a file, durably; one that is not there is removed already.
fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    let path = path.display();
    removed.map_err(|error| {
        let error = files::because(&error);
        Failure::setup(say!("cannot remove {path}: {error}", "无法删除 {path}：{error}")).help(
            word!(
                "see to it that you may write there; nothing is lost",
                "请确认您有权写入该处；没有内容丢失"
            ),
        )
    })
}
