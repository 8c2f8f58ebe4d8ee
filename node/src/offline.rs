//! What an operator does with a node that is not running: export its archive, check its store.

use crate::{
    advice,
    exit::{self, Failure},
    guard::{NOTHING_SIGNED, VoteGuard},
    home::Home,
    lang::say,
    store::RocksStore,
};
use anyhow::anyhow;
use genesis::{Genesis, Phrase, text};
use ledger_core::{
    audit::{ARCHIVE_FILE_BYTES_MAX, Auditor, Manifest, Verdict, archive_file_name, record},
    codec::decode,
    consensus::GuardRecord,
    types::{Height, LogIndex},
};
use replica::chain_store::{ChainStore, ChainStoreError};
use std::{fs, path::Path, sync::Arc};

/// Opens the chain of a stopped node. It makes none: a folder that lost its store would be called
/// intact.
fn open(home: &Home, genesis: &Genesis) -> Result<Result<ChainStore, ChainStoreError>, Failure> {
    home.refuse_root()?;
    if !home.has_store()? {
        let store = home.store();
        let store = store.display();
        let mut failure = Failure::said(text!(
            "there is no chain yet: {store} is missing or empty",
            "还没有账本：{store} 不存在或是空的"
        ))
        .help(say(text!(
            "start the node: it founds the chain, or fetches it from the others",
            "请启动节点：它会建立账本，或从其他节点取回"
        )));
        failure.code = exit::INCOMPLETE;
        return Err(failure);
    }
    let store = RocksStore::open(&home.store(), genesis.chain.as_bytes());
    let chain = store.map_err(ChainStoreError::from);
    Ok(chain.and_then(|store| ChainStore::open(Arc::new(store), genesis)).map(|(chain, _)| chain))
}

/// Writes every block of a stopped node as an archive.
///
/// # Errors
/// [`Failure`] if the store or the folder cannot be used.
pub fn archive(home: &Home, genesis: &Genesis, out: &Path) -> Result<Manifest, Failure> {
    let chain = open(home, genesis)?.map_err(|error| advice::chain(&error))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        fs::write(&path, bytes).map_err(|error| advice::unwritable(&path, &error))
    };
    let last = chain.head().map_err(|error| advice::chain(&error))?.tip.height;
    if last == Height::ZERO {
        return Err(no_block_yet());
    }
    fs::create_dir(out).map_err(|error| advice::unwritable(out, &error))?;
    let mut manifest =
        Manifest { chain: genesis.chain, first: Height::new(1), last, files: Vec::new() };
    let mut file = Vec::new();
    let mut first = Height::new(1);
    for height in first.through(last) {
        let block = chain.block_bytes(height).and_then(|block| {
            block.ok_or_else(|| ChainStoreError::Missing(format!("block {height}")))
        });
        let block = block.map_err(|error| advice::chain(&error))?;
        file.extend_from_slice(&record(&block));
        if file.len() >= ARCHIVE_FILE_BYTES_MAX || height == last {
            let name = archive_file_name(first);
            write(&name, &file)?;
            manifest.files.push(name);
            file.clear();
            first = height.next();
        }
    }
    write("manifest", manifest.to_text().as_bytes())?;
    Ok(manifest)
}

/// Checks everything that a stopped node has: replays what is stored and compares it with the state,
/// reads the vote guard and the keys.
///
/// # Errors
/// [`Failure`]: with [`exit::NO`] if the store or the vote guard is damaged, with [`exit::INCOMPLETE`] if
/// there is no block yet, else if something cannot be opened.
pub fn check(home: &Home, genesis: &Genesis) -> Result<u8, Failure> {
    let damage = |error: ChainStoreError| {
        let mut failure = advice::chain(&error);
        if advice::is_damage(&error) {
            failure.code = exit::NO;
        }
        failure
    };
    let identity = home.identity(genesis)?;
    let chain = open(home, genesis)?.map_err(damage)?;
    let last = chain.head().map_err(damage)?.tip.height;
    if identity.validator.is_some() {
        check_guard(home, last > Height::ZERO)?;
    }
    if last == Height::ZERO {
        return Err(no_block_yet());
    }
    let code = replay(&chain, genesis).map_err(|error| match error {
        Unchecked::Chain(error) => damage(error),
        Unchecked::Other(failure) => failure,
    })?;
    Ok(code)
}

/// A chain that is founded and has decided nothing: there is nothing to verify, or to copy.
fn no_block_yet() -> Failure {
    let mut failure = Failure::said(text!(
        "the chain has no block yet: there is nothing to verify",
        "这条链还没有区块：没有可核查的内容"
    ))
    .help(say(text!(
        "start the node and wait for the first block",
        "请启动节点，等第一个区块产生"
    )));
    failure.code = exit::INCOMPLETE;
    failure
}

/// Reads the vote guard of a validator. One that is missing is told and no damage: a node without
/// it asks the others before it votes.
fn check_guard(home: &Home, has_begun: bool) -> Result<(), Failure> {
    use crate::guard::GuardError;
    let path = home.guard();
    let damaged = |detail: &str| {
        let mut failure = advice::guard_damaged(&path, detail);
        failure.code = exit::NO;
        failure
    };
    let (guard, payload) = match VoteGuard::open(&path) {
        Ok(opened) => opened,
        Err(GuardError::Missing { .. }) if has_begun => {
            let path = path.display();
            let note = text!(
                "note: {path} is missing; before it votes, the node will ask the others what it has signed",
                "注意：{path} 不存在；节点在投票之前会先向其他节点问清自己签过什么"
            );
            eprintln!("{}", say(note));
            return Ok(());
        }
        Err(GuardError::Missing { .. }) => return Ok(()),
        Err(error @ GuardError::Corrupt { .. }) => return Err(damaged(&error.to_string())),
        Err(error) => return Err(advice::guard(&error)),
    };
    let record = payload.filter(|payload| payload != NOTHING_SIGNED);
    if let Some(Err(error)) = record.map(|bytes| decode::<GuardRecord>(&bytes)) {
        return Err(damaged(&error.to_string()));
    }
    if guard.fell_back() {
        let path = path.display();
        let note = text!(
            "note: the last write to {path} was cut short, by a power cut most likely; the one before it is whole, and the node asks the others before it votes",
            "注意：{path} 的最后一次写入不完整，多半是断电所致；之前的一次完好，节点在投票之前会先向其他节点核对"
        );
        eprintln!("{}", say(note));
    }
    Ok(())
}

/// Why a replay could not end.
enum Unchecked {
    Chain(ChainStoreError),
    Other(Failure),
}

impl From<ChainStoreError> for Unchecked {
    fn from(error: ChainStoreError) -> Self {
        Self::Chain(error)
    }
}

fn replay(chain: &ChainStore, genesis: &Genesis) -> Result<u8, Unchecked> {
    let last = chain.head()?.tip.height;
    let (state, _) = genesis.initial_state();
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)
        .map_err(|error| Unchecked::Other(anyhow!("no randomness: {error}").into()))?;
    let mut auditor = Auditor::new(state, entropy, None);
    for height in Height::new(1).through(last) {
        if auditor.has_findings() {
            break;
        }
        match chain.block_bytes(height)? {
            Some(block) => auditor.take_record(&block),
            None => auditor.report_outside(Verdict::Incomplete, "store", "a block is missing"),
        }
    }
    let replayed = auditor.height();
    for index in 0..chain.head()?.log.size() {
        let index = LogIndex::new(index);
        let sound = match chain.receipt(index)? {
            None => false,
            Some(receipt) => receipt.verify(&genesis.chain, &genesis.validators).is_ok(),
        };
        if !sound {
            let rule = format!("entry {index} cannot be proven from the stored log");
            auditor.report_outside(Verdict::Tampered, "log", &rule);
            break;
        }
    }
    let report = auditor.finish();
    if report.verdict == Verdict::Intact && report.state_root == chain.head()?.tip.state_root {
        let (entries, phrase) = (report.entries, Phrase::of(&genesis.chain));
        let intact = text!(
            "intact: blocks 1 to {replayed}, {entries} entries\nphrase {phrase}",
            "完好：第 1 至 {replayed} 块，共 {entries} 条\n核对码 {phrase}"
        );
        println!("{}", say(intact));
        return Ok(exit::OK);
    }
    for finding in &report.findings {
        println!("{}: {}", finding.field, finding.rule);
    }
    let height = report.height;
    let (en, zh) = match report.verdict {
        Verdict::Incomplete => ("incomplete", "不完整"),
        // Sound blocks beside another state.
        Verdict::Intact | Verdict::Tampered => ("tampered", "与账本不符"),
    };
    let verdict = text!("{en}: right up to block {height}", "{zh}：到第 {height} 块为止是对的");
    println!("{}", say(verdict));
    let help = say(advice::fetch_again());
    eprintln!("{}", say(text!("help: {help}", "提示：{help}")));
    Ok(exit::NO)
}
