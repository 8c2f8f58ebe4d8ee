//! `cargo xtask`: what a developer, the CI and a visitor run.
//!
//! | command | what it does |
//! |---|---|
//! | `check` | form, lints, documentation, licences, unused dependencies, tidy rules |
//! | `test` | every test of the workspace; with `--outside` those that need programs from outside |
//! | `sim` | the simulator with the given arguments |
//! | `demo` | founds a chain, runs real nodes, carries group buys to their end, audits the chain |
//! | `bench` | measures a cluster of real nodes, or how a node bears a long chain |
//! | `data` | the same with real data, compared with what must come out |
//! | `rocksdb` | compiles RocksDB as the others do, for a cargo that is started by hand |
//!
//! Builds without RocksDB and libp2p, so that it is there within a minute on a fresh machine. Every
//! command first looks for what a build needs besides Rust ([`setup`]).

mod bench;
mod check;
mod data;
mod demo;
mod outlook;
mod outside;
mod rocksdb;
mod setup;
mod workspace;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use rocksdb::Processors;
use std::{ffi::OsString, path::PathBuf, process, process::ExitCode};
use workspace::{SIMULATOR, Workspace};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Checks, tests and shows the project", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// rustfmt, clippy, documentation, licences, unused dependencies, tidy rules
    Check,
    /// Every test of the workspace
    Test {
        /// Instead those that need programs from outside, such as nginx
        #[arg(long)]
        outside: bool,
        /// Handed to `cargo test`, for example a test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The simulator: `cargo xtask sim --seed 7`
    Sim {
        /// Handed to the simulator
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// A whole community on this machine: real nodes, a week of group buys, an offline audit
    Demo(demo::Options),
    /// Measures real nodes: throughput, latency, memory, start-up
    Bench {
        #[command(subcommand)]
        what: bench::Bench,
    },
    /// Imports real data through the demo and compares the books with what must come out
    Data {
        /// Folder with `vegetables/orders.csv`, `quotes.csv`, `expected.json`
        dir: PathBuf,
    },
    /// Compiles RocksDB and prints how plain cargo links it: `eval "$(cargo xtask rocksdb)"`
    Rocksdb {
        /// For every processor of this architecture, not only for the one in this machine
        #[arg(long)]
        portable: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    setup::prepare()?;
    match command {
        Command::Check => check::run(&workspace)?,
        Command::Test { outside: true, arguments } => outside::run(&workspace, arguments)?,
        Command::Test { outside: false, arguments } => test(&workspace, arguments)?,
        Command::Sim { arguments } => {
            workspace.cargo_without_rocksdb(["build", "--bin", "sim"].iter().chain(&SIMULATOR))?;
            let mut sim = process::Command::new(workspace.program("sim"));
            let status = sim.args(arguments).status().context("cannot run the simulator")?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
        }
        Command::Demo(options) => return demo::run(&workspace, &options),
        Command::Bench { what } => bench::run(&workspace, &what)?,
        Command::Data { dir } => data::run(&workspace, &dir)?,
        Command::Rocksdb { portable } => {
            let processors = if portable { Processors::All } else { Processors::This };
            rocksdb::print(&workspace, processors)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test(workspace: &Workspace, arguments: Vec<OsString>) -> Result<()> {
    let started = std::time::Instant::now();
    // End-to-end tests run the programs, which `cargo test` alone builds only for their own package.
    workspace.cargo(["build", "--workspace", "--bins"], &[])?;
    let fixed = ["test", "--workspace"].map(OsString::from);
    workspace.cargo(fixed.into_iter().chain(arguments), &[])?;
    eprintln!(
        "test: the programs were built and `cargo test --workspace` passed, in {} s",
        started.elapsed().as_secs()
    );
    Ok(())
}
