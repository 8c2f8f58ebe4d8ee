//! Whether cargo compiles each crate the same way, whatever it is told to build.
//!
//! Cargo gives a crate the features that the packages selected ask for. What `cargo xtask demo` compiles
//! would be compiled again for the tests, whose dependencies ask for more: libp2p, `ledger-core` and all
//! above them, and much of it a third time for xtask itself, which asks for less. So xtask is always
//! among the packages selected, and names what others ask for in its `Cargo.toml`.

use crate::workspace::{PROGRAMS, SIMULATOR, Workspace};
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;

/// Every crate that has other features in a smaller selection than with the tests of all packages.
pub(super) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    let all = crates(workspace, &["--workspace", "--edges", "normal,build,dev"])?;
    let mut findings = BTreeSet::new();
    for selection in [&["--package", "xtask"][..], &PROGRAMS, &SIMULATOR] {
        let selected = [selection, &["--edges", "normal,build"]].concat();
        findings.extend(
            crates(workspace, &selected)?
                .difference(&all)
                .map(|found| format!("{found}: xtask/Cargo.toml does not name all its features")),
        );
    }
    Ok(findings.into_iter().collect())
}

/// Crates with their features, those for build scripts apart from the others.
fn crates(workspace: &Workspace, selection: &[&str]) -> Result<BTreeSet<String>> {
    let fixed = ["tree", "--quiet", "--prefix", "none", "--format", "{p} [{f}]"];
    let tree = workspace.ask_cargo(fixed.iter().chain(selection))?;
    let tree = String::from_utf8(tree).context("cargo tree does not print text")?;
    // What was printed before has a mark.
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned());
    Ok(lines.filter(|line| !line.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_compiles_what_the_tests_use() {
        let workspace = Workspace::find().expect("inside the workspace");
        assert_eq!(findings(&workspace).expect("cargo tree"), [""; 0]);
        // Without xtask's list it would not.
        let alone = crates(&workspace, &["--package", "replica", "--edges", "normal,build"]);
        let all = crates(&workspace, &["--workspace", "--edges", "normal,build,dev"]);
        let (alone, all) = (alone.expect("cargo tree"), all.expect("cargo tree"));
        assert!(alone.difference(&all).any(|found| found.starts_with("serde v1")));
    }
}
