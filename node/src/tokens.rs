//! Access tokens of the API, in `api-tokens.toml` of the node's folder.
//!
//! A token is 256 random bits, shown once. The file has only its SHA-256: whoever reads it cannot ask
//! with it. The node sees a change of the file within a second, so that a removed token ends
//! without a restart; a file that cannot be read lets nobody in.

use crate::{
    advice,
    exit::Failure,
    files::{read_text, replace},
    home::Home,
    lang::say,
    runtime::now,
};
use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use genesis::text;
use ledger_core::types::{Code, TimestampMs};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
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
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        /// Whose it is: lower-case letters, digits and hyphens.
        #[arg(long)]
        name: Code<32>,
    },
    /// List the names of the tokens and since when they are.
    List {
        /// The node's folder.
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
    },
    /// Remove a token: nobody gets in with it any more.
    Remove {
        /// The node's folder.
        #[arg(long, value_name = "DIR")]
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
                return Err(Failure::said(text!(
                    "{name} has a token already",
                    "{name} 已有访问令牌"
                ))
                .help(say(text!(
                    "remove it first with `tuand token remove`, or choose another name",
                    "请先用 `tuand token remove` 删除，或另取名称"
                ))));
            }
            if file.token.len() >= TOKENS_MAX {
                return Err(Failure::said(text!(
                    "there are {TOKENS_MAX} tokens already",
                    "访问令牌已有 {TOKENS_MAX} 个"
                ))
                .help(say(text!(
                    "remove those that nobody uses: `tuand token list`",
                    "请删除没有人用的：`tuand token list`"
                ))));
            }
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(|error| anyhow!("no randomness: {error}"))?;
            let token = format!("{PREFIX}{}", hex::encode(secret));
            let sha256 = hex::encode(digest(&token));
            file.token.push(Entry { name: *name, sha256, added_ms: now() });
            write(&path, &file)?;
            println!("{token}");
            let note = text!(
                "keep it like a password: it is not shown again",
                "请像密码一样保管：不会再次显示"
            );
            eprintln!("{}", say(note));
        }
        TokenCommand::List { .. } => {
            if file.token.is_empty() {
                let none = text!(
                    "no tokens: clients on other machines may only read what is public",
                    "没有访问令牌：其他机器上的客户端只能读取公开内容"
                );
                eprintln!("{}", say(none));
            }
            for entry in &file.token {
                println!("{}\t{}", entry.name, time(entry.added_ms));
            }
        }
        TokenCommand::Remove { name, .. } => {
            let before = file.token.len();
            file.token.retain(|entry| entry.name != *name);
            if file.token.len() == before {
                return Err(Failure::said(text!("{name} has no token", "{name} 没有访问令牌"))
                    .help(say(text!(
                        "`tuand token list` shows who has one",
                        "`tuand token list` 会列出都有谁"
                    ))));
            }
            write(&path, &file)?;
            let gone = text!(
                "removed the token of {name}: within a second nobody gets in with it",
                "已删除 {name} 的访问令牌：一秒之内即告失效"
            );
            eprintln!("{}", say(gone));
        }
    }
    Ok(())
}

/// A moment as `tuan` shows it: in China's time.
fn time(at: TimestampMs) -> String {
    let moment =
        i64::try_from(at.get()).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map_or_else(
        || format!("{at} ms"),
        |moment| {
            let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
            moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
        },
    )
}

/// What is kept of a token.
pub(crate) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = match read_text(path, FILE_BYTES_MAX + 1) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => return Err(advice::unreadable(path, &error, text!("", ""))),
    };
    let broken = |detail: String| {
        let path = path.display();
        Failure::said(text!("{path} is damaged: {detail}", "{path} 已损坏：{detail}")).help(say(
            text!(
                "move it away and make new tokens: it holds nothing else",
                "请把它移开，重新生成访问令牌：里面没有别的内容"
            ),
        ))
    };
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(broken(format!("> {FILE_BYTES_MAX} bytes")));
    }
    toml::from_str(&text).map_err(|error| broken(error.to_string().trim_end().to_owned()))
}

/// Replaces the file whole, so that a running node never sees half of it.
fn write(path: &Path, file: &File) -> Result<(), Failure> {
    replace(path, toml::to_string(file)?.as_bytes(), 0o600)
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
    let file = read(path).map_err(|failure| failure.error)?;
    for entry in file.token.into_iter().take(TOKENS_MAX) {
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
