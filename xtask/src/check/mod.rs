//! `cargo xtask check`: what a change must pass before its tests are run.
//!
//! Cheap checks come first. None of them needs the network once the dependencies are downloaded.
//! clippy and rustdoc take the output of build scripts from the development profile, which tests and
//! demo share; RocksDB's says where the library is, so that has to be the same for all of them.

mod features;
mod licences;
mod tidy;
mod unused;

use crate::{outside::TESTS, workspace::Workspace};
use anyhow::{Result, bail};

/// Runs every check and reports all findings of a step before it fails.
///
/// # Errors
/// A check has findings, or could not be run.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let started = std::time::Instant::now();
    workspace.cargo_without_rocksdb(["fmt", "--all", "--check"])?;
    report("tidy rules", &tidy::findings(&workspace.root)?)?;
    let metadata = workspace.metadata(&[])?;
    report("licences and sources", &licences::findings(workspace, &metadata)?)?;
    report("unused dependencies", &unused::findings(workspace, &metadata)?)?;
    report("features", &features::findings(workspace)?)?;
    workspace.cargo(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"], &[])?;
    // What only `test --outside` runs is no target of those.
    let outside = TESTS.iter().flat_map(|test| ["--test", test]);
    let outside = ["clippy", "--workspace"].into_iter().chain(outside);
    workspace.cargo(outside.chain(["--", "--deny", "warnings"]), &[])?;
    workspace.cargo(["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "--deny warnings")])?;
    eprintln!("check: everything passed in {} s", started.elapsed().as_secs());
    Ok(())
}

fn report(what: &str, findings: &[String]) -> Result<()> {
    for finding in findings {
        eprintln!("  {finding}");
    }
    if findings.is_empty() {
        eprintln!("+ {what}: nothing found");
        Ok(())
    } else {
        bail!("{what}: {} findings", findings.len())
    }
}
