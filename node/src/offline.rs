//! What an operator does with a node that is not running: export its archive, check its store.

use crate::{
    exit::{self, Failure},
    home::Home,
    lang::say,
    store::RocksStore,
};
use anyhow::{Context as _, anyhow};
use genesis::{Genesis, Phrase, text};
use ledger_core::{
    audit::{ARCHIVE_FILE_BYTES_MAX, Auditor, Manifest, Verdict, archive_file_name, record},
    types::{Height, LogIndex},
};
use replica::chain_store::ChainStore;
use std::{fs, path::Path, sync::Arc};

fn open(home: &Home, genesis: &Genesis) -> Result<ChainStore, Failure> {
    let store = RocksStore::open(&home.store(), genesis.chain.as_bytes()).map_err(|error| {
        Failure::setup(error).help(say(text!(
            "stop the node first, and use the genesis file of its chain",
            "请先停止节点，并使用该链的创世文件"
        )))
    })?;
    let (chain, _) = ChainStore::open(Arc::new(store), genesis)?;
    Ok(chain)
}

/// Writes every block of a stopped node as an archive.
///
/// # Errors
/// [`Failure`] if the store or the folder cannot be used.
pub fn archive(home: &Home, genesis: &Genesis, out: &Path) -> Result<Manifest, Failure> {
    let chain = open(home, genesis)?;
    fs::create_dir(out).with_context(|| format!("cannot make {}", out.display()))?;
    let last = chain.head()?.tip.height;
    let mut manifest =
        Manifest { chain: genesis.chain, first: Height::new(1), last, files: Vec::new() };
    let mut file = Vec::new();
    let mut first = Height::new(1);
    let mut height = Height::new(1);
    while height <= last {
        let block = chain.block_bytes(height)?;
        let block = block.ok_or_else(|| anyhow!("the store lacks block {height}"))?;
        file.extend_from_slice(&record(&block));
        height = height.next();
        if file.len() >= ARCHIVE_FILE_BYTES_MAX || height > last {
            let name = archive_file_name(first);
            fs::write(out.join(&name), &file).with_context(|| format!("cannot write {name}"))?;
            manifest.files.push(name);
            file.clear();
            first = height;
        }
    }
    fs::write(out.join("manifest"), manifest.to_text()).context("cannot write the manifest")?;
    Ok(manifest)
}

/// Replays everything that a stopped node has stored and compares it with its state.
///
/// # Errors
/// [`Failure`] if the store cannot be opened, which includes a state that does not add up.
pub fn check(home: &Home, genesis: &Genesis) -> Result<u8, Failure> {
    let chain = open(home, genesis)?;
    let last = chain.head()?.tip.height;
    let (state, _) = genesis.initial_state();
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|error| anyhow!("no randomness: {error}"))?;
    let mut auditor = Auditor::new(state, entropy, None);
    let mut height = Height::new(1);
    while height <= last && !auditor.has_findings() {
        match chain.block_bytes(height)? {
            Some(block) => auditor.take_record(&block),
            None => auditor.report_outside(Verdict::Incomplete, "store", "a block is missing"),
        }
        height = height.next();
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
    let (verdict, height) = (report.verdict, report.height);
    println!(
        "{}",
        say(text!(
            "{verdict}: right up to block {height}",
            "{verdict}：到第 {height} 块为止是对的"
        ))
    );
    Ok(exit::NO)
}
