//! Where the project is, and cargo run in it.

use crate::rocksdb::{Processors, RocksDb};
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::{
    cell::OnceCell,
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The programs for cargo to build, and xtask for its features: [`crate::check`] says why.
pub(crate) const PROGRAMS: [&str; 6] =
    ["--package", "cli", "--package", "node", "--package", "xtask"];
/// The same for the simulator.
pub(crate) const SIMULATOR: [&str; 4] = ["--package", "tests", "--package", "xtask"];

/// The checked-out project and the folder that cargo builds into.
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where built files go: `CARGO_TARGET_DIR`, cargo's configuration, or `target`.
    pub(crate) target: PathBuf,
    rocksdb: OnceCell<RocksDb>,
}

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    target_directory: PathBuf,
    /// Not without dependencies.
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Resolved>,
}

/// A package as it is compiled.
#[derive(Deserialize)]
struct Resolved {
    id: String,
    features: Vec<String>,
}

impl Metadata {
    /// The features of a package.
    pub(crate) fn features(&self, package: &Package) -> Vec<String> {
        let mut nodes = self.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let node = nodes.find(|node| node.id == package.id);
        node.map(|node| node.features.clone()).unwrap_or_default()
    }
}

/// A package of the workspace or one that it depends on.
#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    /// Where it comes from; nothing for packages of the workspace.
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as a `Cargo.toml` names it.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) rename: Option<String>,
    /// `dev`, `build`, or nothing for an ordinary one.
    pub(crate) kind: Option<String>,
}

impl Dependency {
    /// The name that sources use.
    pub(crate) fn name_in_sources(&self) -> String {
        self.rename.as_ref().unwrap_or(&self.name).replace('-', "_")
    }
}

impl Workspace {
    /// The workspace that xtask belongs to.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("xtask lies inside the workspace")?.to_owned();
        let mut workspace = Self { target: PathBuf::new(), root, rocksdb: OnceCell::new() };
        workspace.target = workspace.metadata(&["--no-deps"])?.target_directory;
        Ok(workspace)
    }

    /// Asks cargo about the packages.
    pub(crate) fn metadata(&self, arguments: &[&str]) -> Result<Metadata> {
        let fixed = ["metadata", "--format-version", "1"];
        let answer = self.ask_cargo(fixed.iter().chain(arguments))?;
        serde_json::from_slice(&answer).context("cannot read what cargo metadata says")
    }

    /// What cargo prints.
    pub(crate) fn ask_cargo<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>> {
        let mut command = cargo_command();
        command.args(arguments).current_dir(&self.root).stderr(Stdio::inherit());
        let output = command.output().context("cannot run cargo")?;
        if output.status.success() { Ok(output.stdout) } else { bail!("{command:?} failed") }
    }

    /// How RocksDB comes into the builds.
    pub(crate) fn rocksdb(&self) -> Result<&RocksDb> {
        if let Some(rocksdb) = self.rocksdb.get() {
            return Ok(rocksdb);
        }
        let rocksdb = RocksDb::find(self, Processors::This)?;
        Ok(self.rocksdb.get_or_init(|| rocksdb))
    }

    /// Runs cargo, with RocksDB there to be linked, and says so; fails if it fails.
    pub(crate) fn cargo<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
    ) -> Result<()> {
        let rocksdb = self.rocksdb()?.prepare()?;
        let rocksdb = rocksdb.iter().map(|(name, value)| (*name, value.as_os_str()));
        let variables = variables.iter().map(|(name, value)| (*name, OsStr::new(value)));
        self.run_cargo(arguments, variables.chain(rocksdb))
    }

    /// Runs cargo for what has nothing to do with RocksDB.
    pub(crate) fn cargo_without_rocksdb<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<()> {
        self.run_cargo(arguments, [])
    }

    /// Everything that cargo and what it runs print goes to stderr: stdout belongs to the command's
    /// own result.
    fn run_cargo<'a, A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        variables: impl IntoIterator<Item = (&'a str, &'a OsStr)>,
    ) -> Result<()> {
        let arguments: Vec<OsString> =
            arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let line = arguments.join(OsStr::new(" "));
        let line = line.to_string_lossy();
        eprintln!("+ cargo {line}");
        let status = cargo_command()
            .args(&arguments)
            .envs(variables)
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .status()
            .context("cannot run cargo")?;
        if status.success() { Ok(()) } else { bail!("`cargo {line}` failed") }
    }

    /// A program that cargo built in the development profile.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// The folders of the workspace's packages.
    pub(crate) fn is_member(&self, package: &Package) -> bool {
        package.source.is_none()
    }

    /// All `.rs` files below `folder`, in a fixed order.
    pub(crate) fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder)
                .with_context(|| format!("cannot read {}", folder.display()))?;
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Cargo as a shell would start it.
///
/// `cargo run` tells xtask about the package xtask in variables. Build scripts that watch those (ring's
/// does) would run again whenever a build inside xtask follows one outside, and half of the network
/// stack would be compiled anew.
fn cargo_command() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_xtask =
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if of_xtask.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}
