//! Access tokens of the API, in `api-tokens.toml` of the node's folder.
//!
//! A token is 256 random bits, shown once. The file has only its SHA-256: whoever reads it cannot ask
//! with it. The node sees a change of the file within a second, so that a removed token ends
//! without a restart; a file that cannot be read lets nobody in.

use crate::{exit::Failure, home::Home, runtime::now};
use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use ledger_core::types::{Code, TimestampMs};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What every token begins with, so that tools that look for secrets find it.
const PREFIX: &str = "tuan-token-";
/// How often the file is looked at while tokens are shown.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most tokens of a node.
const TOKENS_MAX: usize = 1_000;

/// `tuand token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, once.
    Add {
        /// The node's folder.
        #[arg(long)]
        home: PathBuf,
        /// Whose it is: lower-case letters, digits and hyphens.
        #[arg(long)]
        name: Code<32>,
    },
    /// List the names of the tokens and since when they are.
    List {
        /// The node's folder.
        #[arg(long)]
        home: PathBuf,
    },
    /// Remove a token: nobody gets in with it any more.
    Remove {
        /// The node's folder.
        #[arg(long)]
        home: PathBuf,
        /// Whose it is.
        #[arg(long)]
        name: Code<32>,
    },
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Code<32>,
    sha256: String,
    added_ms: TimestampMs,
}

/// Runs `tuand token`.
///
/// # Errors
/// If the folder has no node, the file cannot be read or written, or the name is taken or unknown.
pub fn run(command: &TokenCommand) -> Result<(), Failure> {
    let (TokenCommand::Add { home, .. }
    | TokenCommand::List { home }
    | TokenCommand::Remove { home, .. }) = command;
    let home = Home::new(home);
    home.settings()?;
    let path = home.tokens();
    let mut file = read(&path)?;
    match command {
        TokenCommand::Add { name, .. } => {
            if file.token.iter().any(|entry| entry.name == *name) {
                return Err(Failure::setup(anyhow!("{name} has a token already"))
                    .help("remove it first, or choose another name"));
            }
            if file.token.len() >= TOKENS_MAX {
                return Err(Failure::setup(anyhow!("there are {TOKENS_MAX} tokens already"))
                    .help("remove those that nobody uses: `tuand token list`"));
            }
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(|error| anyhow!("no randomness: {error}"))?;
            let token = format!("{PREFIX}{}", hex::encode(secret));
            let sha256 = hex::encode(digest(&token));
            file.token.push(Entry { name: *name, sha256, added_ms: now() });
            write(&path, &file)?;
            println!("{token}");
            eprintln!("keep it like a password: it is not shown again");
        }
        TokenCommand::List { .. } => {
            for entry in &file.token {
                println!("{}\t{}", entry.name, entry.added_ms);
            }
        }
        TokenCommand::Remove { name, .. } => {
            let before = file.token.len();
            file.token.retain(|entry| entry.name != *name);
            if file.token.len() == before {
                return Err(
                    Failure::setup(anyhow!("{name} has no token")).help("see `tuand token list`")
                );
            }
            write(&path, &file)?;
        }
    }
    Ok(())
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn read(path: &Path) -> anyhow::Result<File> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {}", path.display()))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(anyhow!("{} is longer than {FILE_BYTES_MAX} bytes", path.display()));
    }
    toml::from_str(&text).with_context(|| format!("in {}", path.display()))
}

/// Replaces the file whole, so that a running node never sees half of it.
fn write(path: &Path, file: &File) -> anyhow::Result<()> {
    let new = path.with_extension("toml.new");
    let text = toml::to_string(file)?;
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The tokens that a running node lets in.
#[derive(Debug)]
pub(crate) struct Tokens {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    names: HashMap<[u8; 32], Arc<str>>,
    read_of: Option<Fingerprint>,
    checked: Option<Instant>,
}

/// Tells one version of the file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fingerprint {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Tokens {
    /// Those in a file, which need not be there.
    pub(crate) fn of(path: PathBuf) -> Self {
        Self { path, known: Mutex::default() }
    }

    /// Whose token it is. Comparing digests tells nothing about the token by the time it takes.
    pub(crate) fn name_of(&self, token: &str, now: Instant) -> Option<Arc<str>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |at: Instant| now.saturating_duration_since(at) < CHECK_INTERVAL;
        if !known.checked.is_some_and(fresh) {
            known.checked = Some(now);
            known.refresh(&self.path);
        }
        known.names.get(&digest(token)).cloned()
    }
}

impl Known {
    fn refresh(&mut self, path: &Path) {
        let found = fs::metadata(path).ok().map(|file| Fingerprint {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        });
        if found == self.read_of {
            return;
        }
        self.read_of = found;
        self.names = names(path).unwrap_or_else(|error| {
            tracing::error!("no access token is valid: {error:#}");
            HashMap::new()
        });
    }
}

fn names(path: &Path) -> anyhow::Result<HashMap<[u8; 32], Arc<str>>> {
    let mut names = HashMap::new();
    for entry in read(path)?.token.into_iter().take(TOKENS_MAX) {
        let mut digest = [0; 32];
        hex::decode_to_slice(&entry.sha256, &mut digest)
            .with_context(|| format!("the digest of {}", entry.name))?;
        names.insert(digest, entry.name.to_string().into());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_token_is_valid_from_its_making_to_its_removal_and_the_file_does_not_tell_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-tokens.toml");
        let tokens = Tokens::of(path.clone());
        let start = Instant::now();
        let name_of = |token, seconds| tokens.name_of(token, start + Duration::from_secs(seconds));
        assert_eq!(name_of("secret", 0), None);

        let entry = |name: &str, token| Entry {
            name: name.parse().unwrap(),
            sha256: hex::encode(digest(token)),
            added_ms: TimestampMs::ZERO,
        };
        let both = File { token: vec![entry("leader-li", "secret"), entry("board", "other")] };
        write(&path, &both).unwrap();
        assert!(!fs::read_to_string(&path).unwrap().contains("secret"));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(name_of("secret", 2).as_deref(), Some("leader-li"));
        assert_eq!(name_of("Secret", 2), None);
        write(&path, &File { token: vec![entry("board", "other")] }).unwrap();
        assert_eq!(name_of("secret", 4), None);
        assert_eq!(name_of("other", 4).as_deref(), Some("board"));

        // What cannot be read lets nobody in, and is no reason to stop.
        fs::write(&path, "[[token]]\nname = \"board\"\nsha256 = \"12\"\nadded_ms = 1\n").unwrap();
        assert_eq!(name_of("other", 6), None);
        fs::write(&path, [0xff; 10]).unwrap();
        assert_eq!(name_of("other", 8), None);
        fs::write(&path, vec![b'#'; 2 * 1024 * 1024]).unwrap();
        assert_eq!(name_of("other", 10), None);
    }
}
