//! `cargo xtask bench`: measures real nodes. docs/performance.md says what the figures mean.
//!
//! The members of the workspace are built with all optimisations, its dependencies as always, so that
//! they are not compiled again. The programs are copied away, since the next ordinary build puts
//! others in their place.

mod cluster;
mod grow;

use crate::{
    demo::{self, Home},
    workspace::{PROGRAMS, Workspace},
};
use anyhow::{Context as _, Result};
use std::{fs, path::PathBuf};

/// The members of the workspace that work in what is measured.
const MEASURED: [&str; 5] = ["benches", "genesis", "ledger-core", "node", "replica"];

/// What can be measured.
#[derive(clap::Subcommand, Debug, Clone)]
pub(crate) enum Bench {
    /// Puts load on a cluster of validators on this machine
    Cluster(cluster::Options),
    /// Grows a long chain, then measures start-up, memory and audit
    Grow(grow::Options),
}

/// Builds the programs and measures.
///
/// # Errors
/// Something could not be built or started, or the run is not valid.
pub(crate) fn run(workspace: &Workspace, what: &Bench) -> Result<()> {
    demo::heed_interrupts();
    match what {
        Bench::Cluster(options) => cluster::run(workspace, options),
        Bench::Grow(options) => grow::run(workspace, options),
    }
}

/// The programs as they are measured.
struct Programs {
    tuand: PathBuf,
    tuan: PathBuf,
    load: PathBuf,
}

impl Programs {
    /// Builds them and copies them into a folder.
    fn build(workspace: &Workspace, home: &Home) -> Result<Self> {
        let mut arguments: Vec<String> = ["build", "--bins", "--package", "benches"]
            .iter()
            .chain(&PROGRAMS)
            .map(ToString::to_string)
            .collect();
        for member in MEASURED {
            let optimised = format!("profile.dev.package.{member}.opt-level=3");
            arguments.extend(["--config".to_owned(), optimised]);
        }
        workspace.cargo(arguments, &[])?;
        let copy = |name: &str| -> Result<PathBuf> {
            let (from, to) = (workspace.program(name), home.path.join(name));
            fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
            Ok(to)
        };
        Ok(Self { tuand: copy("tuand")?, tuan: copy("tuan")?, load: copy("load")? })
    }
}
