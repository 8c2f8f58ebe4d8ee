//! The folder of a node: its keys, its settings, its data.
//!
//! ```text
//! node.toml        settings, for people to edit
//! node-card.toml   public keys and proofs, for the founder of the chain
//! validator.key    PKCS#8, 0600: votes
//! transport.key    PKCS#8, 0600: the network identity
//! api-tokens.toml  digests of the access tokens of the API, 0600
//! vote.guard       what must not be forgotten about votes
//! store/           RocksDB
//! ```

use crate::{api::ClientSettings, exit::Failure};
use anyhow::{Context as _, anyhow};
use genesis::founding_id;
use ledger_core::{
    crypto::{KeyPurpose, SecretKey, plain_key_file, read_plain_key_file},
    types::{Code, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// The settings of a node, in `node.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The member whose node this is.
    pub member: String,
    /// Where other nodes reach it: a multiaddress such as `/ip4/0.0.0.0/tcp/7001`.
    pub listen: Vec<String>,
    /// Where the HTTP API listens. Keep it on loopback unless a proxy guards it.
    pub api: SocketAddr,
    /// What clients of the API may do that do not ask from this machine.
    #[serde(default)]
    pub clients: ClientSettings,
}

/// What the founder needs of a node, in `node-card.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCard {
    /// The member whose node it is.
    pub member: String,
    /// The key that votes.
    pub validator_key: String,
    /// Proof of possession.
    pub validator_proof: String,
    /// The key of the transport.
    pub transport_key: String,
    /// Proof of possession.
    pub transport_proof: String,
    /// Where other nodes reach it.
    pub address: String,
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

    /// Makes the folder, fresh keys and the card for the founder.
    ///
    /// # Errors
    /// If the folder has a node already, or cannot be written.
    pub fn init(
        &self,
        settings: &Settings,
        chain_name: &str,
        created: TimestampMs,
        address: &str,
    ) -> Result<NodeCard, Failure> {
        let chain_name: Code<32> = chain_name.parse()?;
        let founding = founding_id(&chain_name, created);
        fs::create_dir_all(&self.0).with_context(|| format!("cannot make {}", self.0.display()))?;
        if self.settings_file().exists() {
            let path = self.0.display();
            return Err(Failure::setup(anyhow!("{path} has a node already"))
                .help("choose another folder with --home"));
        }
        let key = |purpose| -> Result<SecretKey, Failure> {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|e| anyhow!("no randomness: {e}"))?;
            let key = SecretKey::from_seed(&seed);
            write_new(&self.key_file(purpose), plain_key_file(&key)?.as_bytes(), 0o600)?;
            Ok(key)
        };
        let validator = key(KeyPurpose::Validator)?;
        let transport = key(KeyPurpose::Transport)?;
        let member = &settings.member;
        let prove = |key: &SecretKey, purpose| key.prove(&founding, member, purpose).to_string();
        let card = NodeCard {
            member: member.clone(),
            validator_key: validator.public_key().to_string(),
            validator_proof: prove(&validator, KeyPurpose::Validator),
            transport_key: transport.public_key().to_string(),
            transport_proof: prove(&transport, KeyPurpose::Transport),
            address: address.to_owned(),
        };
        let text = toml::to_string(&card)?;
        write_new(&self.0.join("node-card.toml"), text.as_bytes(), 0o644)?;
        write_new(&self.settings_file(), toml::to_string(settings)?.as_bytes(), 0o644)?;
        Ok(card)
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// If the folder has no node, or `node.toml` is not right.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let path = self.settings_file();
        let text = fs::read_to_string(&path).map_err(|error| {
            Failure::setup(anyhow!("cannot read {}: {error}", path.display()))
                .help("make a node here with `tuand init`, or point --home at one")
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

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    Ok(write().with_context(|| format!("cannot write {}", path.display()))?)
}
