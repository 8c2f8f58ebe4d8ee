//! `cargo xtask test --outside`: tests with programs that are not ours, such as a proxy in front of a node.
//!
//! They are targets with `test = false`, so that `cargo test` neither runs nor skips them: nothing is green because
//! a program was not there.

use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// The targets.
pub(crate) const TESTS: [&str; 1] = ["outside_proxy"];

/// A program that they run.
struct Program {
    name: &'static str,
    /// Where the environment tells them its place.
    variable: &'static str,
    /// Its package on Debian and its relatives.
    package: &'static str,
    what_for: &'static str,
}

const PROGRAMS: [Program; 1] = [Program {
    name: "nginx",
    variable: "NGINX_PROGRAM",
    package: "nginx",
    what_for: "a proxy in front of a node",
}];

/// Where programs are that only root has in its `PATH`.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// Looks for every program, then runs the tests.
///
/// # Errors
/// A program is missing, or a test fails.
pub(crate) fn run(workspace: &Workspace, arguments: Vec<OsString>) -> Result<()> {
    let started = std::time::Instant::now();
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for program in PROGRAMS {
        match find(program.name, &path, &SYSTEM_FOLDERS) {
            Some(file) => found.push((program.variable, file)),
            None => missing.push(program),
        }
    }
    if !missing.is_empty() {
        for Program { name, what_for, .. } in &missing {
            eprintln!("{name} is missing: {what_for}");
        }
        let packages: Vec<_> = missing.iter().map(|program| program.package).collect();
        let packages = packages.join(" ");
        bail!("on Debian and Ubuntu: apt-get install --no-install-recommends {packages}");
    }
    let variables: Vec<_> =
        found.iter().filter_map(|(variable, file)| Some((*variable, file.to_str()?))).collect();
    let fixed = ["test", "--workspace"].into_iter();
    let tests = fixed.chain(TESTS.iter().flat_map(|test| ["--test", test]));
    workspace.cargo(tests.map(OsString::from).chain(arguments), &variables)?;
    eprintln!("test --outside: everything passed, in {} s", started.elapsed().as_secs());
    Ok(())
}

fn find(name: &str, path: &OsStr, folders: &[&str]) -> Option<PathBuf> {
    let folders = folders.iter().map(|folder| Path::new(folder).to_owned());
    env::split_paths(path)
        .chain(folders)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::fs;

    #[test]
    fn a_program_is_found_in_the_path_and_where_only_root_looks() {
        let folder = tempfile::tempdir().unwrap();
        let places = ["bin", "sbin"].map(|name| folder.path().join(name));
        places.iter().for_each(|place| fs::create_dir(place).unwrap());
        let path = env::join_paths([&places[0]]).unwrap();
        let found = || find("nginx", &path, &[places[1].to_str().unwrap()]);
        assert_eq!(found(), None);
        fs::write(places[1].join("nginx"), "").unwrap();
        assert_eq!(found(), Some(places[1].join("nginx")));
        fs::write(places[0].join("nginx"), "").unwrap();
        assert_eq!(found(), Some(places[0].join("nginx")));
    }

    #[test]
    fn every_target_that_is_run_only_when_it_is_asked_for_is_asked_for() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let manifest = fs::read_to_string(root.join("node/Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        let targets = manifest["test"].as_array().unwrap().iter();
        let outside = targets.filter(|target| target.get("test") == Some(&false.into()));
        let names: Vec<_> = outside.map(|target| target["name"].as_str().unwrap()).collect();
        assert_eq!(names, TESTS);
    }
}
