//! `tuan audit`: the chain as files, and a verdict on them.
//!
//! Fetching checks only that blocks are in order and of the right chain; the verdict comes from
//! [`ledger_core::audit`], which needs nothing but the files and the founding document.

use crate::{
    exit::{self, Failure},
    files::because,
    input,
    lang::say,
    names,
    output::{self, Output, Progress, Tone, plain},
    session::Session,
    used_once::OnDisk,
};
use clap::Subcommand;
use ledger_core::{
    audit::{
        ARCHIVE_FILE_BYTES_MAX, Auditor, Checkpoint, Finding, Manifest, RecordError, RecordReader,
        Report, Verdict, archive_file_name, read_records, record,
    },
    block::{CERTIFIED_BLOCK_BYTES_MAX, CertifiedBlock},
    codec::decode_within,
    crypto::ChainId,
    types::Height,
};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufReader, Write as _},
    path::{Path, PathBuf},
    thread,
};

/// What the manifest is called.
const MANIFEST: &str = "manifest";
/// What it is called until it is whole.
const MANIFEST_NEW: &str = "manifest.new";
/// Records whose signatures one thread checks at a time.
const RECORDS_PER_THREAD: usize = 64;

/// `tuan audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Copies the chain from a node; continues a copy that was begun
    Fetch {
        /// Folder for the copy
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Checks a copy from the founding document alone: 0 intact, 1 tampered, 3 incomplete
    Verify {
        /// Folder with the copy
        archive: PathBuf,
        /// A receipt or checkpoint kept from elsewhere: the chain cannot be shorter than it
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
}

/// Runs `tuan audit`.
pub(crate) fn run(command: &AuditCommand, session: &Session) -> Result<(), Failure> {
    match command {
        AuditCommand::Fetch { out } => {
            let chain = match session.options().genesis {
                Some(_) => session.genesis()?.chain,
                None => session.client.status()?.chain,
            };
            let progress = Progress::start(say!("fetching the chain", "正在复制链"));
            let manifest = fetch(out, chain, |from| {
                progress.say(say!("fetching block {from}", "正在复制区块 {from}"));
                session.client.archive(from)
            })?;
            drop(progress);
            let Manifest { first, last, .. } = manifest;
            let answer = serde_json::json!({ "first": first, "last": last, "folder": out });
            let text = say!(
                "ok: blocks {first} to {last} in {}",
                "完成：区块 {first} 至 {last}，存于 {}",
                out.display()
            );
            session.output.data(&text, &answer)
        }
        AuditCommand::Verify { archive, checkpoint } => {
            let checkpoint = checkpoint.as_deref().map(read_checkpoint).transpose()?;
            let mut entropy = [0; 32];
            getrandom::fill(&mut entropy).map_err(|error| {
                Failure::setup(say!("no randomness: {error}", "取不到随机数：{error}"))
            })?;
            let auditor = Auditor::new(session.genesis()?.initial_state().0, entropy, checkpoint)
                .keeping_in(Box::new(OnDisk::new()?));
            let chain = session.genesis()?.chain;
            tell(&verify(archive, chain, auditor, &entropy)?, session.output)
        }
    }
}

/// Copies blocks into `folder` until `archive` has no more, and writes the manifest.
fn fetch(
    folder: &Path,
    chain: ChainId,
    archive: impl Fn(Height) -> Result<Vec<u8>, Failure>,
) -> Result<Manifest, Failure> {
    let mut manifest = begin(folder, chain)?;
    let mut file: Option<(fs::File, usize)> = None;
    loop {
        let records = archive(after(manifest.last)?)?;
        if records.is_empty() {
            break;
        }
        for bytes in RecordReader::new(&records[..]) {
            let bytes = bytes.map_err(|error| wrong_answer(&error.to_string()))?;
            let expected = after(manifest.last)?;
            check_block(&bytes, chain, expected)?;
            let record = record(&bytes);
            let full =
                |(_, length): &(fs::File, usize)| length + record.len() > ARCHIVE_FILE_BYTES_MAX;
            if file.as_ref().is_none_or(full) {
                let name = archive_file_name(expected);
                let path = folder.join(&name);
                // A leftover of an interrupted copy is not in the manifest, and is begun anew.
                let created = fs::File::create(&path).map_err(|error| unwritable(&path, &error))?;
                manifest.files.push(name);
                file = Some((created, 0));
            }
            if let Some((file, length)) = file.as_mut() {
                file.write_all(&record).map_err(|error| unwritable(folder, &error))?;
                *length += record.len();
            }
            manifest.last = expected;
        }
        if let Some((file, _)) = &file {
            file.sync_all().map_err(|error| unwritable(folder, &error))?;
        }
        write_manifest(folder, &manifest)?;
    }
    if manifest.files.is_empty() {
        return Err(Failure::incomplete(say!("the node has no blocks yet", "节点还没有区块"))
            .help(say!("try again later", "请稍后再试")));
    }
    Ok(manifest)
}

/// The manifest of a copy that was begun, or an empty one.
fn begin(folder: &Path, chain: ChainId) -> Result<Manifest, Failure> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let path = folder.join(MANIFEST);
    let unusable = |detail: &str| {
        Failure::setup(say!(
            "cannot continue the copy in {}: {detail}",
            "无法接着 {} 中的副本继续：{detail}",
            folder.display()
        ))
        .help(say!("name another folder with --out", "用 --out 指定另一个文件夹"))
    };
    if path.exists() {
        let manifest = Manifest::parse(&input::file_text(&path)?)
            .map_err(|error| unusable(&error.to_string()))?;
        return match manifest.chain == chain {
            true => Ok(manifest),
            false => Err(unusable(&say!(
                "it is of chain {}",
                "它属于另一条链 {}",
                manifest.chain.short()
            ))),
        };
    }
    let mut entries = fs::read_dir(folder).map_err(|error| unwritable(folder, &error))?;
    let foreign = entries.any(|entry| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            !name.ends_with(".blocks") && name != MANIFEST_NEW
        })
    });
    if foreign {
        return Err(unusable(&say!("there are other files in it", "里面有别的文件")));
    }
    Ok(Manifest { chain, first: Height::ZERO.next(), last: Height::ZERO, files: Vec::new() })
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let path = folder.join(MANIFEST);
    let fresh = folder.join(MANIFEST_NEW);
    fs::write(&fresh, manifest.to_text())
        .and_then(|()| fs::rename(&fresh, &path))
        .map_err(|error| unwritable(&path, &error))
}

/// The height after one that a manifest or a node has named.
fn after(height: Height) -> Result<Height, Failure> {
    height.checked_next().ok_or_else(|| {
        Failure::setup(say!(
            "the copy ends at block {height}, after which there can be no other",
            "副本写明到区块 {height} 为止，而其后不可能再有区块"
        ))
        .help(say!(
            "its manifest is wrong: name another folder with --out",
            "清单有误：请用 --out 指定另一个文件夹"
        ))
    })
}

fn check_block(bytes: &[u8], chain: ChainId, expected: Height) -> Result<(), Failure> {
    let certified: CertifiedBlock = decode_within(bytes, CERTIFIED_BLOCK_BYTES_MAX)
        .map_err(|error| wrong_answer(&error.to_string()))?;
    let header = &certified.block.header;
    if header.chain != chain {
        return Err(wrong_answer(&say!(
            "a block is of chain {}",
            "有区块属于另一条链 {}",
            header.chain.short()
        )));
    }
    if header.height != expected {
        let found = header.height;
        return Err(wrong_answer(&say!(
            "block {found} came where {expected} was asked for",
            "要的是区块 {expected}，来的是 {found}"
        )));
    }
    Ok(())
}

fn wrong_answer(detail: &str) -> Failure {
    Failure::incomplete(say!(
        "the node's archive cannot be used: {detail}",
        "节点的存档不能用：{detail}"
    ))
    .help(say!(
        "ask another node with --node; what was copied stays and is continued",
        "用 --node 询问其他节点；已复制的部分保留，可接着继续"
    ))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let (path, error) = (path.display(), because(error));
    Failure::setup(say!("cannot write {path}: {error}", "无法写入 {path}：{error}"))
        .help(say!("check the folder and the room on the disk", "请检查文件夹和磁盘空间"))
}

fn read_checkpoint(path: &Path) -> Result<Checkpoint, Failure> {
    Checkpoint::from_text(&input::file_text(path)?).map_err(|error| {
        Failure::setup(say!(
            "{} is no checkpoint: {error}",
            "{} 不是检查点：{error}",
            path.display()
        ))
        .help(say!("name a receipt or a checkpoint that you kept", "请给出您保存的回执或检查点"))
    })
}

/// Checks every file of a copy, in order.
fn verify(
    folder: &Path,
    chain: ChainId,
    mut auditor: Auditor,
    entropy: &[u8; 32],
) -> Result<Report, Failure> {
    let unreadable = |error: io::Error| {
        let (folder, error) = (folder.display(), because(&error));
        Failure::setup(say!("cannot read {folder}: {error}", "无法读取 {folder}：{error}")).help(
            say!(
                "name a folder made by `tuan audit fetch`",
                "请给出由 `tuan audit fetch` 生成的文件夹"
            ),
        )
    };
    let mut present = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".blocks") {
            present.insert(name);
        }
    }
    let manifest = fs::read_to_string(folder.join(MANIFEST)).ok();
    let parsed = manifest.as_deref().map(Manifest::parse);
    let files: Vec<String> = match &parsed {
        Some(Ok(manifest)) => manifest.files.clone(),
        // Nobody trusts the manifest: without one, the names give the order.
        Some(Err(_)) | None => present.iter().cloned().collect(),
    };
    let progress = Progress::start(say!("checking the chain", "正在核查链"));
    for name in &files {
        if auditor.has_findings() {
            break;
        }
        if !present.contains(name) {
            let rule = say!("file {} is missing", "缺少文件 {}", plain(name));
            auditor.report_outside(Verdict::Incomplete, "file", &rule);
            break;
        }
        verify_file(&folder.join(name), &mut auditor, entropy, &progress)?;
    }
    drop(progress);
    match parsed {
        None => {
            let rule = say!("there is no manifest", "没有清单文件");
            auditor.report_outside(Verdict::Incomplete, MANIFEST, &rule);
        }
        Some(Err(error)) => auditor.report_outside(Verdict::Tampered, MANIFEST, &error.to_string()),
        Some(Ok(manifest)) => check_manifest(&manifest, chain, &present, &mut auditor),
    }
    Ok(auditor.finish())
}

/// Compares what the manifest says with what was found.
fn check_manifest(
    manifest: &Manifest,
    chain: ChainId,
    present: &BTreeSet<String>,
    auditor: &mut Auditor,
) {
    if auditor.has_findings() {
        return;
    }
    let height = auditor.height();
    let Manifest { first, last, .. } = manifest;
    if *first != Height::new(1) {
        let rule = say!(
            "the manifest begins at block {first}, a chain at 1",
            "清单从区块 {first} 开始，而链从 1 开始"
        );
        auditor.report_outside(Verdict::Tampered, MANIFEST, &rule);
    } else if manifest.chain != chain {
        let rule = say!(
            "the manifest names chain {}, genesis is {chain}",
            "清单写的链是 {}，创世文件是 {chain}",
            manifest.chain
        );
        auditor.report_outside(Verdict::Tampered, MANIFEST, &rule);
    } else if *last > height {
        let rule =
            say!("the manifest promises blocks up to {last}", "清单承诺的区块到 {last} 为止");
        auditor.report_outside(Verdict::Incomplete, MANIFEST, &rule);
    } else if *last < height {
        let rule = say!(
            "the manifest ends at block {last}, the files at {height}",
            "清单到区块 {last} 为止，文件却到 {height}"
        );
        auditor.report_outside(Verdict::Tampered, MANIFEST, &rule);
    } else if let Some(extra) = present.iter().find(|name| !manifest.files.contains(name)) {
        let rule = say!("file {} is not in the manifest", "清单里没有文件 {}", plain(extra));
        auditor.report_outside(Verdict::Tampered, "file", &rule);
    }
}

/// Checks the signatures of many records at once, on every core, while those before them are executed one
/// by one.
fn verify_file(
    path: &Path,
    auditor: &mut Auditor,
    entropy: &[u8; 32],
    progress: &Progress,
) -> Result<(), Failure> {
    let unreadable = |error: &io::Error| {
        let (path, error) = (path.display(), because(error));
        Failure::setup(say!("cannot read {path}: {error}", "无法读取 {path}：{error}"))
            .help(say!("check the disk, or fetch the archive again", "请检查磁盘，或重新复制存档"))
    };
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut reader = RecordReader::new(BufReader::new(file));
    let threads = thread::available_parallelism().map_or(1, |count| count.get());
    let mut before = Vec::new();
    let end = loop {
        let mut records = Vec::new();
        let mut end = None;
        while records.len() < RECORDS_PER_THREAD * threads && end.is_none() {
            match reader.next() {
                Some(Ok(bytes)) => records.push(bytes),
                Some(Err(error)) => end = Some(Some(error)),
                None => end = Some(None),
            }
        }
        let keys = auditor.keys().clone();
        let read = thread::scope(|scope| {
            let workers: Vec<_> = records
                .chunks(RECORDS_PER_THREAD)
                .map(|records| scope.spawn(|| read_records(&keys, records, entropy)))
                .collect();
            before.drain(..).for_each(|block| auditor.take(block));
            workers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        for part in read {
            let part = part.map_err(|_| {
                Failure::bug(say!("checking signatures panicked", "核对签名时程序出错"))
            })?;
            before.extend(part);
        }
        let height = auditor.height();
        progress.say(say!("checked up to block {height}", "已核查至区块 {height}"));
        if auditor.has_findings() {
            return Ok(());
        }
        if let Some(end) = end {
            break end;
        }
    };
    before.into_iter().for_each(|block| auditor.take(block));
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    match end {
        None => {}
        Some(RecordError::Io(error)) => return Err(unreadable(&error)),
        Some(_) if auditor.has_findings() => {}
        Some(RecordError::Truncated) => {
            let rule = say!("{} ends within a record", "{} 在一条记录中间断开", plain(&name));
            auditor.report_outside(Verdict::Incomplete, "record", &rule);
        }
        Some(error) => {
            let rule = format!("{}: {error}", plain(&name));
            auditor.report_outside(Verdict::Tampered, "record", &rule);
        }
    }
    Ok(())
}

/// Prints the report and ends as the verdict says.
fn tell(report: &Report, output: Output) -> Result<(), Failure> {
    let Report { verdict, height, entries, state_root, end_is_proven, findings } = report;
    let end = match (verdict, end_is_proven) {
        (Verdict::Intact, true) => say!("\nthe checkpoint is in the chain", "\n检查点在链上"),
        (Verdict::Intact, false) => say!(
            "\nwithout a checkpoint at its end nobody can tell whether later blocks were left out",
            "\n末尾没有检查点，无法判断是否遗漏了之后的区块"
        ),
        _ => String::new(),
    };
    let tone = match verdict {
        Verdict::Intact => Tone::Good,
        Verdict::Tampered => Tone::Bad,
        Verdict::Incomplete => Tone::Open,
    };
    let word = output::paint(tone, names::verdict(*verdict));
    let mut text = say!(
        "{word}: {entries} entries in blocks up to {height} are right, state root {state_root}{end}",
        "{word}：截至区块 {height} 的 {entries} 个条目正确，状态根 {state_root}{end}"
    );
    for finding in findings {
        text.push_str(&format!("\n{}", sentence(finding)));
    }
    output.data(&text, report)?;
    let count = findings.len();
    match verdict {
        Verdict::Intact => Ok(()),
        Verdict::Tampered => Err(Failure::refused(say!(
            "the archive is tampered with: {count} findings",
            "存档被篡改：发现 {count} 处问题"
        ))
        .help(say!(
            "compare with a copy from another node; the findings name the first place that differs",
            "请与其他节点的副本比较；上面列出了最先不符之处"
        ))),
        Verdict::Incomplete => Err(Failure::incomplete(say!(
            "the archive is incomplete: {count} findings",
            "存档不完整：发现 {count} 处问题"
        ))
        .help(say!(
            "fetch the rest with `tuan audit fetch`, from another node if need be",
            "用 `tuan audit fetch` 取回其余部分，必要时换一个节点"
        ))),
    }
}

fn sentence(finding: &Finding) -> String {
    let Finding { height, entry, field, rule, organisation } = finding;
    let mut place =
        height.map_or_else(String::new, |height| say!("block {height}, ", "区块 {height}，"));
    if let Some(entry) = entry {
        place.push_str(&say!("entry {entry}, ", "条目 {entry}，"));
    }
    let who =
        organisation.as_ref().map_or_else(String::new, |name| say!(" ({})", "（{}）", plain(name)));
    let (field, rule) = (plain(field), plain(rule));
    say!("{place}{field}: {rule}{who}", "{place}{field}：{rule}{who}")
}

// The verdicts' exit codes are part of the interface.
const _: () = assert!(exit::OK == 0 && exit::REFUSED == 1 && exit::INCOMPLETE == 3);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesis::tests::orchard;
    use ledger_core::{
        block::{Block, Extensions, Header},
        codec::{Always, List, encode},
        consensus::QuorumCertificate,
        crypto::{BlockHash, Digest},
        types::{Round, TimestampMs, ValidatorIndex},
    };

    /// A block that only looks like one.
    fn block(chain: ChainId, height: u64) -> Vec<u8> {
        let header = Header {
            format: 1,
            rules: 1,
            chain,
            height: Height::new(height),
            time: TimestampMs::ZERO,
            proposer: ValidatorIndex::ZERO,
            round: Round::ZERO,
            parent: BlockHash::default(),
            log_size: 0,
            log_root: Digest::default(),
            state_root: Digest::default(),
            validators: Digest::default(),
            next_validators: Digest::default(),
            extensions: Extensions::default(),
            evidence: Digest::default(),
        };
        let certificate = QuorumCertificate {
            kind: Always,
            height: header.height,
            round: Round::ZERO,
            block: header.hash(),
            signatures: List::default(),
        };
        encode(&CertifiedBlock { block: Block { header, entries: List::default() }, certificate })
    }

    /// A node with this many blocks, two for each answer.
    fn node(chain: ChainId, last: u64) -> impl Fn(Height) -> Result<Vec<u8>, Failure> {
        move |from| {
            let heights = (from.get()..=last).take(2);
            Ok(heights.flat_map(|height| record(&block(chain, height))).collect())
        }
    }

    fn audited(folder: &Path) -> Report {
        let genesis = orchard();
        let auditor = Auditor::new(genesis.initial_state().0, [7; 32], None);
        verify(folder, genesis.chain, auditor, &[7; 32]).expect("readable")
    }

    #[test]
    fn a_copy_is_written_and_continued() {
        let chain = orchard().chain;
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = fetch(folder.path(), chain, node(chain, 3)).expect("copies");
        assert_eq!((manifest.first, manifest.last), (Height::new(1), Height::new(3)));
        let manifest = fetch(folder.path(), chain, node(chain, 5)).expect("continues");
        assert_eq!(manifest.last, Height::new(5));
        assert_eq!(manifest.files, ["000000000001.blocks", "000000000004.blocks"]);
        let text = fs::read_to_string(folder.path().join(MANIFEST)).expect("is there");
        assert_eq!(Manifest::parse(&text), Ok(manifest));
        let again = fetch(folder.path(), chain, node(chain, 5)).expect("nothing new");
        assert_eq!(again.last, Height::new(5));
    }

    #[test]
    fn a_node_that_answers_something_else_is_told() {
        let chain = orchard().chain;
        let folder = tempfile::tempdir().expect("a folder");
        let other = ChainId::new([1; 32]);
        for records in [
            record(&block(other, 1)),
            record(&block(chain, 2)),
            record(b"nonsense"),
            record(&block(chain, 1))[..40].to_vec(),
        ] {
            let failure = fetch(folder.path(), chain, |_| Ok(records.clone())).expect_err("wrong");
            assert_eq!(failure.number(), exit::INCOMPLETE);
        }
        let empty = fetch(folder.path(), chain, node(chain, 0)).expect_err("nothing");
        assert_eq!(empty.number(), exit::INCOMPLETE);
        fetch(folder.path(), chain, node(chain, 1)).expect("copies");
        let foreign = fetch(folder.path(), other, node(other, 1)).expect_err("another chain");
        assert_eq!(foreign.number(), exit::SETUP);
    }

    #[test]
    fn an_archive_without_blocks_is_incomplete() {
        let chain = orchard().chain;
        let folder = tempfile::tempdir().expect("a folder");
        let empty =
            Manifest { chain, first: Height::new(1), last: Height::ZERO, files: Vec::new() };
        write_manifest(folder.path(), &empty).expect("writes");
        let report = audited(folder.path());
        assert_eq!((report.verdict, report.height), (Verdict::Incomplete, Height::ZERO));
        let told = tell(&report, Output::new(false)).expect_err("nothing was verified");
        assert_eq!(told.number(), exit::INCOMPLETE);
    }

    #[test]
    fn a_manifest_that_promises_all_heights_there_are_is_incomplete_and_not_continued() {
        let chain = orchard().chain;
        let folder = tempfile::tempdir().expect("a folder");
        for last in [u64::MAX - 1, u64::MAX] {
            let last = Height::new(last);
            let manifest = Manifest { chain, first: Height::new(1), last, files: Vec::new() };
            write_manifest(folder.path(), &manifest).expect("writes");
            assert_eq!(audited(folder.path()).verdict, Verdict::Incomplete, "{last}");
            // A node that goes along with it.
            let liar = |from: Height| Ok(record(&block(chain, from.get())));
            let failure = fetch(folder.path(), chain, liar).expect_err("no end");
            assert_eq!(failure.number(), exit::SETUP, "{last}: {failure}");
        }
    }

    #[test]
    fn no_byte_of_a_manifest_can_change_unseen() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/v1.json")).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let genesis =
            ::genesis::Genesis::parse(&text(&vectors["genesis"]["toml"])).expect("genesis");
        let blocks = hex::decode(text(&vectors["archive"]["blocks"])).expect("hex");
        let manifest = text(&vectors["archive"]["manifest"]).into_bytes();
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("000000000001.blocks"), blocks).expect("writes");
        let verdict = |manifest: &[u8]| {
            fs::write(folder.path().join(MANIFEST), manifest).expect("writes");
            let auditor = Auditor::new(genesis.initial_state().0, [7; 32], None);
            verify(folder.path(), genesis.chain, auditor, &[7; 32]).expect("readable").verdict
        };
        assert_eq!(verdict(&manifest), Verdict::Intact);
        for at in 0..manifest.len() {
            for bit in 0..8 {
                let mut changed = manifest.clone();
                changed[at] ^= 1 << bit;
                assert_ne!(verdict(&changed), Verdict::Intact, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn blocks_that_nobody_signed_are_tampered_and_a_lost_file_is_incomplete() {
        let chain = orchard().chain;
        let folder = tempfile::tempdir().expect("a folder");
        fetch(folder.path(), chain, node(chain, 2)).expect("copies");
        let report = audited(folder.path());
        assert_eq!((report.verdict, report.height), (Verdict::Tampered, Height::ZERO));
        assert_eq!(report.findings[0].height, Some(Height::new(1)));
        let told = tell(&report, Output::new(false)).expect_err("no");
        assert_eq!(told.number(), exit::REFUSED);

        fs::remove_file(folder.path().join("000000000001.blocks")).expect("removes");
        let report = audited(folder.path());
        assert_eq!(report.verdict, Verdict::Incomplete);
        let told = tell(&report, Output::new(false)).expect_err("no");
        assert_eq!(told.number(), exit::INCOMPLETE);

        fs::remove_file(folder.path().join(MANIFEST)).expect("removes");
        assert_eq!(audited(folder.path()).verdict, Verdict::Incomplete);
        fs::write(folder.path().join(MANIFEST), "something").expect("writes");
        assert_eq!(audited(folder.path()).verdict, Verdict::Tampered);
    }
}
