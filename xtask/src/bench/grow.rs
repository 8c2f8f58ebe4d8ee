//! `cargo xtask bench grow`: how a node bears a long chain, and how fast it is audited.
//!
//! A chain with one validator is filled by the load generator with changes of the same orders, so that
//! the chain grows and the books do not. Then the node is started anew, and the stopped node's archive
//! is verified.

use super::{Programs, cluster};
use crate::{
    demo::{Home, cluster::Cluster},
    workspace::Workspace,
};
use anyhow::{Context as _, Result, bail, ensure};
use ledger_core::api::Status;
use serde::Serialize;
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

/// Most seconds for one filling.
const PATIENCE_S: u64 = 7_200;
/// What is sent to the node after it was started anew, in transactions.
const MORE: u64 = 10_000;

/// The options of `cargo xtask bench grow`.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// Entries that the log is to have
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// Leaders that sign, each with a key of its own
    #[arg(long, default_value_t = 500)]
    signers: usize,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
    /// Keep chain, archive and logs in this folder, which must not exist yet or be empty
    #[arg(long, value_name = "DIR")]
    home: Option<std::path::PathBuf>,
}

/// What was seen; docs/performance.md explains each field.
#[derive(Debug, Serialize)]
struct Grown {
    entries: u64,
    blocks: u64,
    signers: usize,
    transactions_per_second: f64,
    store_bytes: u64,
    start_ms: u128,
    memory_after_filling_mib: u64,
    memory_after_start_mib: u64,
    memory_after_more_mib: u64,
    archive_bytes: u64,
    audit_seconds: f64,
    audit_entries_per_second: f64,
    verifications_per_second: f64,
    audit_ratio: f64,
}

/// Grows a chain, starts its node anew, audits it.
///
/// # Errors
/// Something could not be built or started, or the chain is not what it must be.
pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let home = Home::new(options.home.as_deref(), "bench")?;
    let programs = Programs::build(workspace, &home)?;
    let tell = |text: &str| eprintln!("bench: {text}");
    tell("filling the chain");
    let filling = cluster::found(&programs, &home.path, 1, options.signers)?;
    let filled = load(&programs, &home.path, &filling, 0, options.entries)?;
    let memory_after_filling_mib = memory_mib(&filling)?;
    let node = filling.stop()?.pop().context("there is no node")?;
    let number = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_f64).with_context(|| format!("no {field}"))
    };

    tell("starting the node anew");
    let store_bytes = folder_bytes(&node.home)?;
    let started = Instant::now();
    let cluster = Cluster::start(vec![node], &programs.tuand, &home.path.join("genesis.toml"))?;
    let start_ms = started.elapsed().as_millis();
    let memory_after_start_mib = memory_mib(&cluster)?;
    load(&programs, &home.path, &cluster, options.entries, MORE)?;
    let memory_after_more_mib = memory_mib(&cluster)?;
    let status: Status = {
        let node = cluster.nodes().next().context("there is no node")?;
        cluster.get(node, "/v1/status")?
    };
    let node = cluster.stop()?.pop().context("there is no node")?;

    tell("auditing");
    let archive = home.path.join("archive");
    let genesis = home.path.join("genesis.toml");
    let written = Command::new(&programs.tuand)
        .args(["archive", "--home"])
        .args([&node.home, Path::new("--genesis"), &genesis, Path::new("--out"), &archive])
        .stdin(Stdio::null())
        .status();
    ensure!(written.context("cannot start tuand")?.success(), "the archive was not written");
    let started = Instant::now();
    let output = Command::new(&programs.tuan)
        .args(["audit", "verify"])
        .args([&archive, Path::new("--genesis"), &genesis, Path::new("--json")])
        .stdin(Stdio::null())
        .output()
        .context("cannot start tuan")?;
    let audit_seconds = started.elapsed().as_secs_f64();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let verdict = answer.get("verdict").and_then(Value::as_str);
    // Without a checkpoint nobody knows whether the end is missing; what is there is right.
    if !matches!(verdict, Some("intact" | "incomplete")) || !output.status.success() {
        bail!("the audit says {answer}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let cores = std::thread::available_parallelism()?.get() as f64;
    let verifications_per_second = cores * number(&filled, "verifications_per_second_per_core")?;
    let audit_entries_per_second = status.log_size as f64 / audit_seconds;
    let grown = Grown {
        entries: status.log_size,
        blocks: status.height.get(),
        signers: options.signers,
        transactions_per_second: number(&filled, "transactions_per_second")?,
        store_bytes,
        start_ms,
        memory_after_filling_mib,
        memory_after_start_mib,
        memory_after_more_mib,
        archive_bytes: folder_bytes(&archive)?,
        audit_seconds,
        audit_entries_per_second,
        verifications_per_second,
        audit_ratio: audit_entries_per_second / verifications_per_second,
    };
    if options.json {
        println!("{}", serde_json::to_string(&grown)?);
    } else {
        println!("{}", table(&grown));
    }
    home.close()
}

/// Has the load generator send so many transactions from the `first` on; what it says.
fn load(
    programs: &Programs,
    home: &Path,
    cluster: &Cluster,
    first: u64,
    transactions: u64,
) -> Result<Value> {
    let mut load = Command::new(&programs.load);
    load.arg("run").arg("--home").arg(home).args(["--rate", "max", "--mix", "changes"]);
    load.args(["--warm-up", "0", "--json"]);
    for pid in cluster.process_ids() {
        load.args(["--pid", &pid.to_string()]);
    }
    for (option, value) in
        [("--duration", PATIENCE_S), ("--first", first), ("--transactions", transactions)]
    {
        load.args([option, &value.to_string()]);
    }
    let output = load.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.context("cannot start the load generator")?;
    ensure!(output.status.success(), "the chain could not be filled");
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let accepted = said.get("accepted").and_then(Value::as_u64);
    ensure!(accepted == Some(transactions), "only {accepted:?} of {transactions} were taken");
    Ok(said)
}

/// Resident memory of the one node.
fn memory_mib(cluster: &Cluster) -> Result<u64> {
    let pid = cluster.process_ids().pop().context("there is no node")?;
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("no /proc")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kib.context("the system does not say how much memory the node has")? / 1_024)
}

fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("in {}", folder.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn table(grown: &Grown) -> String {
    let mib = |bytes: u64| bytes / (1 << 20);
    let rows = [
        (
            "chain",
            format!(
                "{} entries in {} blocks, {} signers; store {} MiB, archive {} MiB",
                grown.entries,
                grown.blocks,
                grown.signers,
                mib(grown.store_bytes),
                mib(grown.archive_bytes)
            ),
        ),
        ("filling", format!("{:.0} transactions/s, one node", grown.transactions_per_second)),
        ("start-up", format!("{} ms until the API answers", grown.start_ms)),
        (
            "memory",
            format!(
                "{} MiB after filling, {} MiB after start-up, {} MiB after {MORE} more entries",
                grown.memory_after_filling_mib,
                grown.memory_after_start_mib,
                grown.memory_after_more_mib
            ),
        ),
        (
            "audit",
            format!(
                "{:.1} s, {:.0} entries/s; ratio to signature batches on all cores {:.2}",
                grown.audit_seconds, grown.audit_entries_per_second, grown.audit_ratio
            ),
        ),
    ];
    rows.map(|(name, value)| format!("{name:<10} {value}")).join("\n")
}
