//! The folder of a node: its keys, its settings, its data.
//!
//! ```text
//! node.toml        settings, written by `tuand init`
//! node-card.toml   public keys and proofs, for `tuan genesis join`
//! genesis.toml     the founding document of its chain, put there by `tuand init --genesis`
//! validator.key    PKCS#8, 0600: votes
//! transport.key    PKCS#8, 0600: the network identity
//! api-tokens.toml  digests of the access tokens of the API, 0600
//! vote.guard       what must not be forgotten about votes
//! store/           RocksDB
//! ```

use crate::{api::ClientSettings, exit::Failure, lang::say};
use anyhow::{Context as _, anyhow};
use genesis::{Address, DOCUMENT_BYTES_MAX, Genesis, GenesisError, Invitation, NodeCard, text};
use ledger_core::{
    crypto::{KeyPurpose, SecretKey, plain_key_file, read_plain_key_file},
    types::Code,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// The settings of a node, in `node.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The member whose node this is.
    pub member: String,
    /// Where it listens for other nodes: a multiaddress such as `/ip4/0.0.0.0/tcp/7001`.
    pub listen: Vec<String>,
    /// Where the HTTP API listens. Keep it on loopback unless a proxy guards it.
    pub api: SocketAddr,
    /// What clients of the API may do that do not ask from this machine.
    #[serde(default)]
    pub clients: ClientSettings,
}

/// A node's folder.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// Names a folder.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The vote guard.
    #[must_use]
    pub fn guard(&self) -> PathBuf {
        self.0.join("vote.guard")
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The founding document of its chain.
    #[must_use]
    pub fn genesis_file(&self) -> PathBuf {
        self.0.join("genesis.toml")
    }

    /// The access tokens of the API.
    #[must_use]
    pub fn tokens(&self) -> PathBuf {
        self.0.join("api-tokens.toml")
    }

    fn settings_file(&self) -> PathBuf {
        self.0.join("node.toml")
    }

    fn key_file(&self, purpose: KeyPurpose) -> PathBuf {
        self.0.join(match purpose {
            KeyPurpose::Transport => "transport.key",
            KeyPurpose::Validator | KeyPurpose::Member => "validator.key",
        })
    }

    /// Makes the folder, fresh keys, the settings and the card for the member's contribution.
    ///
    /// # Errors
    /// If the invitation does not ask this member for a node, the folder has a node already, or it cannot
    /// be written.
    pub fn init(
        &self,
        settings: &Settings,
        invitation: &Invitation,
        addresses: &[Address],
    ) -> Result<NodeCard, Failure> {
        let name = invited(invitation, &settings.member)?;
        let path = self.0.display();
        if self.settings_file().exists() {
            return Err(Failure::said(text!("{path} has a node already", "{path} 里已有节点"))
                .help(say(text!("choose another folder with --home", "请用 --home 另选文件夹"))));
        }
        // The keys in it are private.
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.0).map_err(|error| {
            Failure::said(text!("cannot make {path}: {error}", "无法建立 {path}：{error}"))
        })?;
        let key = |purpose| -> Result<SecretKey, Failure> {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|e| anyhow!("no randomness: {e}"))?;
            let key = SecretKey::from_seed(&seed);
            write_new(&self.key_file(purpose), plain_key_file(&key)?.as_bytes(), 0o600)?;
            Ok(key)
        };
        let validator = key(KeyPurpose::Validator)?;
        let transport = key(KeyPurpose::Transport)?;
        let card = NodeCard::new(&invitation.founding(), name, &validator, &transport, addresses);
        write_new(&self.card_file(), card.to_toml().as_bytes(), 0o644)?;
        write_new(&self.settings_file(), toml::to_string(settings)?.as_bytes(), 0o644)?;
        Ok(card)
    }

    /// Takes in the founding document, so that the node can run: its keys must be the ones in it.
    ///
    /// # Errors
    /// If the document has other keys for this node, or the folder another document.
    pub fn take_genesis(&self, genesis: &Genesis) -> Result<(), Failure> {
        let member = self.settings()?.member;
        let chain = genesis.name;
        let transport = self.key(KeyPurpose::Transport)?.public_key();
        let node = genesis.nodes.iter().find(|node| node.transport == transport);
        let Some(node) = node.filter(|node| node.name == member) else {
            return Err(Failure::said(text!(
                "the founding document of {chain} does not have this node's keys for {member}",
                "{chain} 的创世文件里，{member} 的密钥不是这个节点的"
            ))
            .help(say(text!(
                "check it with `tuan genesis check --mine`; if you made the node twice, use the folder whose card you joined with",
                "请用 `tuan genesis check --mine` 核对；若建过两次节点，请用加入时所用的那个文件夹"
            ))));
        };
        let vote = genesis.validators.validators().iter().find(|v| v.member == node.member);
        let own = self.key(KeyPurpose::Validator)?.public_key();
        if vote.is_some_and(|vote| vote.key != own) {
            return Err(Failure::said(text!(
                "the founding document of {chain} has another voting key for {member}",
                "{chain} 的创世文件里，{member} 的投票密钥不是这个节点的"
            ))
            .help(say(text!(
                "check it with `tuan genesis check --mine`",
                "请用 `tuan genesis check --mine` 核对"
            ))));
        }
        let path = self.genesis_file();
        if path.exists() {
            if read_genesis(&path)?.chain == genesis.chain {
                return Ok(());
            }
            let file = path.display();
            return Err(Failure::said(text!(
                "{file} is the founding document of another chain",
                "{file} 是另一条链的创世文件"
            ))
            .help(say(text!(
                "a node's folder is for one chain: make another with `tuand init --invitation`",
                "一个节点文件夹只用于一条链：请用 `tuand init --invitation` 另建"
            ))));
        }
        write_new(&path, genesis.to_toml().as_bytes(), 0o644)
    }

    /// The founding document that was taken in.
    ///
    /// # Errors
    /// If there is none, or it is not right.
    pub fn genesis(&self) -> Result<Genesis, Failure> {
        let path = self.genesis_file();
        if !path.exists() {
            let home = self.0.display();
            return Err(Failure::said(text!(
                "{home} has no founding document",
                "{home} 里没有创世文件"
            ))
            .help(say(text!(
                "put it there once with `tuand init --home {home} --genesis genesis.toml`",
                "请先执行一次 `tuand init --home {home} --genesis genesis.toml`"
            ))));
        }
        read_genesis(&path)
    }

    fn card_file(&self) -> PathBuf {
        self.0.join("node-card.toml")
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// If the folder has no node, or `node.toml` is not right.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let path = self.settings_file();
        let text = fs::read_to_string(&path).map_err(|error| {
            let file = path.display();
            Failure::said(text!("cannot read {file}: {error}", "无法读取 {file}：{error}")).help(
                say(text!(
                    "make a node here with `tuand init --invitation`, or point --home at one",
                    "请用 `tuand init --invitation` 建立节点，或用 --home 指明已有节点的文件夹"
                )),
            )
        })?;
        Ok(toml::from_str(&text).with_context(|| format!("in {}", path.display()))?)
    }

    /// Reads one of the node's keys.
    ///
    /// # Errors
    /// If the file is missing, or no key.
    pub fn key(&self, purpose: KeyPurpose) -> Result<SecretKey, Failure> {
        let path = self.key_file(purpose);
        let pem =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(read_plain_key_file(&pem).with_context(|| format!("in {}", path.display()))?)
    }
}

/// The name under which an invitation asks this member for a node.
fn invited(invitation: &Invitation, name: &str) -> Result<Code<32>, Failure> {
    let names = || {
        let organisations = invitation.members.iter().filter(|m| m.role.is_organisation());
        organisations.map(|m| m.name.to_string()).collect::<Vec<_>>().join(", ")
    };
    match invitation.invited(name) {
        Some(invited) if invited.role.is_organisation() => Ok(invited.name),
        Some(_) => Err(Failure::said(text!(
            "{name} is a leader and runs no node",
            "{name} 是团长，不运行节点"
        ))
        .help(say(text!(
            "a leader joins with `tuan genesis join` alone",
            "团长只需 `tuan genesis join`"
        )))),
        None => {
            let names = names();
            Err(Failure::said(text!("{name} is not invited", "邀请文件中没有 {name}")).help(say(
                text!("with --name, name one of: {names}", "请用 --name 指明其中之一：{names}"),
            )))
        }
    }
}

/// Reads and checks a founding document.
///
/// # Errors
/// If it cannot be read, or is none.
pub fn read_genesis(path: &Path) -> Result<Genesis, Failure> {
    read_founding(path, Genesis::parse)
}

/// Reads and checks a file of the founding.
///
/// # Errors
/// If it cannot be read, or is another file.
pub fn read_founding<T>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, GenesisError>,
) -> Result<T, Failure> {
    let unreadable = |error: std::io::Error| {
        let file = path.display();
        Failure::said(text!("cannot read {file}: {error}", "无法读取 {file}：{error}"))
            .help(say(text!("check the name of the file", "请确认文件名")))
    };
    let mut text = String::new();
    // One byte more, so that what is too long is called so and not cut.
    let limit = DOCUMENT_BYTES_MAX as u64 + 1;
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(limit).read_to_string(&mut text).map_err(unreadable)?;
    parse(&text).map_err(|error| Failure::founding(path, &error))
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| {
        let file = path.display();
        Failure::said(text!("cannot write {file}: {error}", "无法写入 {file}：{error}"))
    })
}
