//! RocksDB, compiled by xtask itself, once for all builds on this machine.
//!
//! The build script of `librocksdb-sys` compiles 342 files one by one, and what takes the time is that
//! all of them parse the same headers. Sixteen to a unit they take a quarter of it. The script links
//! a library that is there already when `ROCKSDB_LIB_DIR` and `ROCKSDB_STATIC` say so, and every cargo
//! that may compile `librocksdb-sys` is told ([`Workspace::cargo`]): always the same, since the script
//! runs again when a variable has changed, and all that uses RocksDB is then compiled again.
//!
//! The library lies in the user's cache, in a folder whose name says what it was made of, so that
//! clones, target folders and profiles share it. [`recipe`] says what is compiled and how, [`make`]
//! does it, [`progress`] says how far it is.
//!
//! Where this is not known to work, and for users who have a RocksDB or a way of their own, the crate
//! is left alone.

mod make;
mod progress;
mod recipe;

use crate::{outlook::Outlook, workspace::Workspace};
use anyhow::Result;
use recipe::{Machine, Recipe, Sources};
use std::{
    ffi::{OsStr, OsString},
    io::Write as _,
    path::Path,
};

/// For which processors RocksDB is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processors {
    /// The one of this machine, with what it has for checksums.
    This,
    /// All of its architecture.
    All,
}

/// How RocksDB comes into what cargo builds.
pub(crate) enum RocksDb {
    /// Compiled by xtask.
    Ours(Recipe),
    /// Left to its crate.
    LeftToCrate {
        /// Whether the crate's build script compiles it; else it links a library of the user's.
        compiles: bool,
    },
}

impl RocksDb {
    /// Finds out how it comes into this workspace's builds, and says so in a line.
    ///
    /// # Errors
    /// Cargo does not know where the sources are, or no compiler answers.
    pub(crate) fn find(workspace: &Workspace, processors: Processors) -> Result<Self> {
        let machine = Machine::find(processors)?;
        let recipe = match machine.place_of_ours() {
            Ok(cache) => Recipe::new(&Sources::find(workspace)?, &machine, &cache),
            Err(because) => Err(because),
        };
        Ok(match recipe {
            Ok(recipe) => {
                eprintln!("rocksdb: in {}", recipe.folder.display());
                Self::Ours(recipe)
            }
            Err(because) => {
                eprintln!("rocksdb: left to its crate, because {because}");
                Self::LeftToCrate { compiles: !machine.has_library() }
            }
        })
    }

    /// How long a build will take with it, where the programs were built before or not.
    pub(crate) fn outlook(&self, programs_are_there: bool, cores: usize) -> Outlook {
        match self {
            Self::Ours(recipe) if !recipe.library().exists() => Outlook::rocksdb(cores),
            // Its library is in the target folder.
            Self::LeftToCrate { compiles: true } if !programs_are_there => {
                Outlook::rocksdb_by_crate(cores)
            }
            Self::Ours(_) | Self::LeftToCrate { .. } => Outlook::NOTHING,
        }
    }

    /// Compiles it if it is not there, and returns the variables that cargo needs to link it.
    ///
    /// # Errors
    /// A unit does not compile, or the cache cannot be written.
    pub(crate) fn prepare(&self) -> Result<Vec<(&'static str, OsString)>> {
        let Self::Ours(recipe) = self else { return Ok(Vec::new()) };
        make::make(recipe)?;
        Ok(vec![
            ("ROCKSDB_LIB_DIR", recipe.folder.clone().into_os_string()),
            ("ROCKSDB_STATIC", OsString::from("1")),
        ])
    }
}

/// `cargo xtask rocksdb`: prints what a shell has to export for a cargo that is not started by xtask.
///
/// # Errors
/// RocksDB cannot be compiled.
pub(crate) fn print(workspace: &Workspace, processors: Processors) -> Result<()> {
    let rocksdb = RocksDb::find(workspace, processors)?;
    rocksdb.prepare()?;
    if let RocksDb::Ours(recipe) = rocksdb {
        std::io::stdout().write_all(&shell_line(&recipe.folder))?;
    }
    Ok(())
}

/// In single quotes a shell takes everything as it is, except for the quote itself.
fn shell_line(folder: &Path) -> Vec<u8> {
    let mut line = b"export ROCKSDB_LIB_DIR='".to_vec();
    for byte in OsStr::as_encoded_bytes(folder.as_os_str()) {
        match byte {
            b'\'' => line.extend(br"'\''"),
            other => line.push(*other),
        }
    }
    line.extend(b"' ROCKSDB_STATIC=1\n");
    line
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_reads_the_folder_as_it_is() {
        let folder = "/home/o'neil/a  \"b\" $HOME `id` \\ 缓存/rocksdb";
        let line = String::from_utf8(shell_line(Path::new(folder))).unwrap();
        let script = format!(r#"{line}printf '%s|%s' "$ROCKSDB_LIB_DIR" "$ROCKSDB_STATIC""#);
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{folder}|1"));
    }
}
