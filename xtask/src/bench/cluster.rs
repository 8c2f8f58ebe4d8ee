//! `cargo xtask bench cluster`: founds a chain, starts its nodes, hands them to the load generator.

use super::Programs;
use crate::{
    demo::{
        Home,
        cluster::{Cluster, Node, Ports},
    },
    workspace::Workspace,
};
use anyhow::{Context as _, Result, ensure};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The options of `cargo xtask bench cluster`.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// Transactions a second, sent at their times whether they are answered or not; `max` or 0 sends
    /// as fast as the cluster takes them
    #[arg(long, default_value = "100")]
    rate: String,
    /// Seconds that are measured
    #[arg(long, default_value_t = 20)]
    duration: u64,
    /// Seconds of the same load before
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// What a transaction says: `single`, one order with one line; `batch`, 500 orders with two each
    #[arg(long, default_value = "single", value_parser = ["single", "batch"])]
    mix: String,
    /// Leaders that sign, each with a key of its own
    #[arg(long, default_value_t = 990)]
    signers: usize,
    /// Validators
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
    /// Keep chain and logs in this folder, which must not exist yet or be empty
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Handed to the load generator after `--`
    #[arg(last = true)]
    load: Vec<String>,
}

/// Runs one measurement.
///
/// # Errors
/// Something could not be built or started, or the run is not valid.
pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let home = Home::new(options.home.as_deref(), "bench")?;
    let programs = Programs::build(workspace, &home)?;
    let cluster = found(&programs, &home.path, options.nodes.into(), options.signers)?;
    let mut load = Command::new(&programs.load);
    load.arg("run").arg("--home").arg(&home.path);
    for pid in cluster.process_ids() {
        load.args(["--pid", &pid.to_string()]);
    }
    load.args(["--rate", &options.rate, "--mix", &options.mix]);
    load.args(["--duration", &options.duration.to_string()]);
    load.args(["--warm-up", &options.warm_up.to_string()]);
    if options.json {
        load.arg("--json");
    }
    let status = load.args(&options.load).stdin(Stdio::null()).status();
    let measured = status.context("cannot start the load generator")?.success();
    cluster.stop()?;
    ensure!(measured, "the measurement failed");
    home.close()
}

/// Founds a chain below `home` and starts its nodes.
pub(super) fn found(
    programs: &Programs,
    home: &Path,
    nodes: usize,
    signers: usize,
) -> Result<Cluster> {
    // The names that the load generator gives to the members with nodes.
    let name = |position: usize| match position {
        0 => "property".to_owned(),
        1 => "committee".to_owned(),
        _ => format!("supplier-{}", position - 1),
    };
    let mut ports = Ports::default();
    let mut places = Vec::new();
    for position in 0..nodes {
        places.push(Node::new(&name(position), true, home, &mut ports)?);
    }
    let mut load = Command::new(&programs.load);
    load.arg("found").arg("--home").arg(home).args(["--signers", &signers.to_string()]);
    for place in &places {
        load.args(["--node", &format!("{},{}", place.listen, place.api)]);
    }
    let status = load.stdin(Stdio::null()).status().context("cannot start the load generator")?;
    ensure!(status.success(), "the chain could not be founded");
    drop(ports);
    Cluster::start(places, &programs.tuand, &home.join("genesis.toml"))
}
