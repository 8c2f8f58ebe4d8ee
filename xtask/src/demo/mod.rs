//! `cargo xtask demo`: a community on one machine, from its founding to the auditor's verdict.
//!
//! Founds a chain for a property company, a residents' committee and suppliers, with an auditor's node
//! that follows; starts the real nodes; lets people type into the real `tuan`; carries group buys to
//! their end; has the chain audited offline; prints what happened. Only the windows are shorter than
//! in life, as the founding document of the demo says.

pub(crate) mod cluster;
mod founding;
mod people;
mod report;
mod schedule;
mod week;

pub(crate) use report::Outcome;
pub(crate) use week::Expected;

use crate::{
    outlook::Outlook,
    workspace::{PROGRAMS, Workspace},
};
use anyhow::{Context as _, Result, bail, ensure};
use cluster::{Cluster, Node};
use founding::AUDITOR;
use people::{People, Tuan};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};
use week::Week;

/// Set by Ctrl-C or SIGTERM.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// From now on Ctrl-C and SIGTERM end what waits for nodes, so that these are stopped.
pub(crate) fn heed_interrupts() {
    // The handler is set once; a second demo in one process would find it set.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
}

/// The options of `cargo xtask demo`.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// Data to use instead of the sample week: a folder with orders.csv and quotes.csv
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// End after the verdict instead of staying up until Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,
    /// Keep nodes, keys and archive in this folder, which must not exist yet or be empty
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Validators: property, committee and suppliers; the auditor's node comes on top
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=16))]
    pub(crate) nodes: u8,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the demo as its options say.
///
/// # Errors
/// Something could not be built, started or done. A verdict that is not good is no error but an exit
/// code.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let json = options.json;
    let played = play(workspace, options, |shown| {
        if json {
            println!("{}", serde_json::to_string(&shown.outcome)?);
        } else {
            println!("{}", shown.text);
        }
        Ok(())
    })?;
    for fault in &played.faults {
        eprintln!("error: {fault}");
    }
    Ok(if played.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a demo came to.
pub(crate) struct Played {
    /// The numbers.
    pub(crate) outcome: Outcome,
    /// What the data says they must be.
    pub(crate) expected: Option<Expected>,
    /// Everything that is not as it should be.
    pub(crate) faults: Vec<String>,
    /// The tables for people.
    text: String,
}

/// Builds, founds, runs, audits; calls `show` once all is known, then perhaps stays up.
///
/// # Errors
/// Something could not be built, started or done.
pub(crate) fn play(
    workspace: &Workspace,
    options: &Options,
    show: impl Fn(&Played) -> Result<()>,
) -> Result<Played> {
    let data = options.data.clone().unwrap_or_else(|| workspace.root.join("demo"));
    // What is wrong with the data should not be told after ten minutes of compiling.
    let week = Week::read(&data).with_context(|| format!("in {}", data.display()))?;
    ensure!(!week.group_buys.is_empty(), "there is no order in {}", data.display());
    let home = Home::new(options.home.as_deref(), "demo")?;
    tell_outlook(workspace)?;
    workspace.cargo(["build", "--bins"].iter().chain(&PROGRAMS), &[])?;
    heed_interrupts();

    let started = Instant::now();
    let tell = |text: &str| eprintln!("demo: {:>5.1} s  {text}", started.elapsed().as_secs_f64());
    let tuan = Tuan { program: workspace.program("tuan"), home: home.path.clone() };
    let tuand = workspace.program("tuand");
    tell(&format!("founding a chain in {}", home.path.display()));
    let community = founding::found(&tuan, &tuand, options.nodes.into(), &week.households)?;
    for sentence in &community.explanation {
        tell(sentence);
    }
    let count = community.nodes.len();
    tell(&format!("starting {} validators and the auditor's node", count - 1));
    let cluster = Cluster::start(community.nodes, &tuand, &community.genesis)?;
    let lines: usize = week.group_buys.iter().map(|group_buy| group_buy.lines.len()).sum();
    tell(&format!(
        "all {count} nodes are connected; {} group buys, {lines} lines, {} households",
        week.group_buys.len(),
        week.households.len()
    ));
    let people = People {
        tuan: &tuan,
        cluster: &cluster,
        suppliers: &community.suppliers,
        height: AtomicU64::new(0),
    };
    let accounts = schedule::carry_out(&people, &week, options.json)?;
    tell("every group buy is closed; the auditor copies the chain and checks it offline");
    let statuses = cluster.agreed_status()?;
    let archive = home.path.join("archive");
    let verdict = audit(&tuan, cluster.node_of(AUDITOR, 0)?)?;
    tell(&format!("the verdict: {verdict}"));

    let seconds = started.elapsed().as_secs_f64();
    let outcome = Outcome::new(&statuses, &accounts, verdict, archive, seconds)?;
    let faults = outcome.faults(week.expected.as_ref());
    let nodes: Vec<&Node> = cluster.nodes().collect();
    let program = tuan.program.display().to_string();
    let stays = !options.once || home.is_kept;
    let shown_home = home.path.display().to_string();
    let text = format!(
        "{}\n{}\n{}",
        report::tables(&accounts)?,
        summary(&outcome, week.expected.is_some() && faults.is_empty()),
        report::where_to_look(&shown_home, &nodes, stays, &program)?
    );
    let played = Played { outcome, expected: week.expected, faults, text };
    show(&played)?;
    if !options.once {
        eprintln!("demo: the nodes stay up until Ctrl-C");
        while !interrupted() {
            thread::sleep(Duration::from_millis(200));
        }
    }
    cluster.stop()?;
    home.close()?;
    Ok(played)
}

/// Says what comes before the demo, and how long all of it will take.
fn tell_outlook(workspace: &Workspace) -> Result<()> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let programs = ["tuan", "tuand"].iter().all(|name| workspace.program(name).exists());
    let rocksdb = workspace.rocksdb()?.outlook(programs, cores);
    let first = match (rocksdb == Outlook::NOTHING, programs) {
        (false, false) => "RocksDB, the programs and the crates they use are",
        (false, true) => "RocksDB is",
        (true, false) => "the programs and the crates they use are",
        (true, true) => "what has changed is",
    };
    let outlook = Outlook::demo(rocksdb, programs, cores);
    eprintln!(
        "demo: {first} compiled first; from here to the verdict it takes {outlook} on {cores} cores"
    );
    Ok(())
}

/// The auditor copies the chain from its own node, and then needs no node any more.
fn audit(tuan: &Tuan, node: &Node) -> Result<String> {
    let url = node.url();
    let fetch = ["audit", "fetch", "--out", "archive", "--node", &url, "--genesis", "genesis.toml"];
    tuan.run(&fetch)?;
    let output = Command::new(&tuan.program)
        .args(["audit", "verify", "archive", "--genesis", "genesis.toml", "--json"])
        .current_dir(&tuan.home)
        .stdin(Stdio::null())
        .output()
        .context("cannot run the audit")?;
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    match answer.get("verdict").and_then(Value::as_str) {
        Some(verdict) => Ok(verdict.to_owned()),
        None => {
            bail!("the audit gives no verdict: {}", String::from_utf8_lossy(&output.stderr).trim())
        }
    }
}

fn summary(outcome: &Outcome, as_expected: bool) -> String {
    let Outcome { nodes, height, transactions, order_lines, verdict, seconds, archive, .. } =
        outcome;
    let expected = if as_expected { "; equal to expected.json to the fen" } else { "" };
    format!(
        "{nodes} nodes at height {height}, {transactions} entries in the log, {order_lines} lines on purchase \
         orders{expected}\nAudit of {}: {verdict}. It took {seconds} s.\n",
        archive.display()
    )
}

/// The folder of a chain: the user's, or one that goes away in the end.
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    is_kept: bool,
}

impl Home {
    /// The wanted folder, or a temporary one with the name of the command in its name.
    pub(crate) fn new(wanted: Option<&Path>, command: &str) -> Result<Self> {
        let path = match wanted {
            Some(path) => path.to_owned(),
            None => env::temp_dir().join(format!("tuanzhang-{command}-{}", std::process::id())),
        };
        if let Ok(mut entries) = fs::read_dir(&path)
            && entries.next().is_some()
        {
            bail!("{} is not empty: choose another folder with --home", path.display());
        }
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let path = fs::canonicalize(&path)?;
        Ok(Self { path, is_kept: wanted.is_some() })
    }

    /// Removes a temporary folder and says if that fails.
    pub(crate) fn close(mut self) -> Result<()> {
        if self.is_kept {
            return Ok(());
        }
        self.is_kept = true;
        let path = &self.path;
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
