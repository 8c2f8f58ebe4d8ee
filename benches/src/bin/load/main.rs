//! Load on a cluster of real nodes; `cargo xtask bench cluster` drives it.
//!
//! `load found` writes the founding document and the nodes' folders, `load run` does the rest once the
//! nodes are up: opens group buys, signs everything beforehand, sends each transaction at its time, and
//! afterwards reads the chain to see that what was accepted is in it.

mod chain;
mod http;
mod machine;
mod report;
mod run;
mod sender;

use anyhow::{Context as _, Result, bail};
use benches::{
    community::{self, NodePlace},
    orders::{CHANGED_ORDERS, Mix},
};
use clap::{Parser, Subcommand, ValueEnum};
use ledger_core::types::TimestampMs;
use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[derive(Parser)]
#[command(name = "load", about = "Puts load on a cluster; see cargo xtask bench cluster")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write genesis.toml and nodes/MEMBER/ for a chain that is to be measured
    Found {
        /// The folder to write into
        #[arg(long)]
        home: PathBuf,
        /// Leaders, each with a key of its own
        #[arg(long)]
        signers: usize,
        /// A node: its multiaddress and its API address, with a comma between
        #[arg(long = "node", value_name = "LISTEN,API", required = true)]
        nodes: Vec<String>,
    },
    /// Measure the running nodes of a chain that `load found` has founded
    Run(Options),
}

/// What one transaction says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MixName {
    /// One order with one line
    Single,
    /// 500 orders with two lines each
    Batch,
    /// Changes of the same 8,000 orders, so that the chain grows and the books do not
    Changes,
}

/// How fast transactions are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rate {
    /// So many a second, whether they are answered or not.
    Open(f64),
    /// As fast as the cluster takes them, with a bounded number on their way.
    Max,
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            _ if text == "max" => Ok(Self::Max),
            Ok(0.0) => Ok(Self::Max),
            Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(Self::Open(rate)),
            _ => Err("it is a number of transactions a second, or `max`".to_owned()),
        }
    }
}

#[derive(clap::Args, Debug, Clone)]
struct Options {
    /// The folder that `load found` has written
    #[arg(long)]
    home: PathBuf,
    /// Process ids of the nodes, in the order in which they were founded
    #[arg(long = "pid", required = true)]
    pids: Vec<u32>,
    /// Transactions a second; `max` or 0 for as fast as the cluster takes them
    #[arg(long)]
    rate: Rate,
    /// Seconds that are measured
    #[arg(long)]
    duration: u64,
    /// End after so many transactions, if the time is not over before
    #[arg(long)]
    transactions: Option<usize>,
    /// Number of the first transaction: how many an earlier run has sent to this chain
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Seconds of the same load before
    #[arg(long)]
    warm_up: u64,
    /// What one transaction says
    #[arg(long, value_enum)]
    mix: MixName,
    /// Connections to each node
    #[arg(long, default_value_t = 192)]
    connections: usize,
    /// With `--rate max`: most transactions that were sent and are not in the ledger yet; 20,000, or 200
    /// batches, unless given
    #[arg(long)]
    in_flight: Option<usize>,
    /// Receipts verified for each second, at most; they are what the latencies come from
    #[arg(long, default_value_t = 100)]
    receipts: u64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

impl Options {
    fn mix(&self) -> Mix {
        match self.mix {
            MixName::Single => Mix::SINGLE,
            MixName::Batch => Mix::BATCH,
            MixName::Changes => Mix::CHANGES,
        }
    }

    /// Some blocks' worth, and far from what fills the mempools.
    fn in_flight(&self) -> usize {
        self.in_flight.unwrap_or(match self.mix {
            MixName::Single => 20_000,
            MixName::Changes => CHANGED_ORDERS / 2,
            MixName::Batch => 200,
        })
    }

    fn warm_up(&self) -> Duration {
        Duration::from_secs(self.warm_up)
    }

    fn total(&self) -> Duration {
        Duration::from_secs(self.warm_up + self.duration)
    }
}

fn now() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    TimestampMs::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Found { home, signers, nodes } => found(&home, signers, &nodes),
        Command::Run(options) => measure(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn found(home: &std::path::Path, signers: usize, nodes: &[String]) -> Result<()> {
    let place = |text: &String| -> Result<NodePlace> {
        let (listen, api) = text.split_once(',').context("--node takes LISTEN,API")?;
        Ok(NodePlace { listen: listen.to_owned(), api: api.to_owned() })
    };
    let places: Vec<NodePlace> = nodes.iter().map(place).collect::<Result<_>>()?;
    let genesis = community::found(&places, signers, now())?;
    for (position, place) in places.iter().enumerate() {
        let (name, _) = community::organisation(position);
        community::write_home(&home.join("nodes").join(name), position, place)?;
    }
    let path = home.join("genesis.toml");
    fs::write(&path, genesis.to_toml()).with_context(|| format!("cannot write {}", path.display()))
}

fn measure(options: &Options) -> Result<()> {
    let report = run::run(options)?;
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", report.table());
    }
    if report.faults.is_empty() {
        return Ok(());
    }
    bail!("the run is not valid: {}", report.faults.join("; "))
}
