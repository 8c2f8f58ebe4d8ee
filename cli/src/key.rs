//! `tuan key`: signing keys and the cards that introduce them.

use crate::{
    exit::Failure,
    files, input,
    output::Output,
    signer::{self, Secrets},
};
use clap::Subcommand;
use genesis::founding_id;
use ledger_core::{
    crypto::{KeyPurpose, PublicKey, SecretKey, Signature, encrypt_key_file},
    types::{Code, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// `tuan key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes a signing key, encrypted with a passphrase
    New {
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Shows the public half of the key named with --key
    Show,
    /// Writes the public half and the proof that its owner wants it admitted
    Card {
        /// The member's name in the chain to be founded
        #[arg(long)]
        name: Code<32>,
        /// Name of the chain to be founded
        #[arg(long)]
        chain_name: Code<32>,
        /// Founding time in milliseconds since 1970
        #[arg(long)]
        created_ms: u64,
        /// Where to write the card
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// A member's public key with its proof, for the founding document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    /// The member's name.
    pub(crate) member: Code<32>,
    /// Its key.
    pub(crate) key: PublicKey,
    /// Proof of possession.
    pub(crate) proof: Signature,
}

/// Runs `tuan key`.
pub(crate) fn run(
    command: &KeyCommand,
    key: Option<&Path>,
    secrets: &Secrets,
    output: Output,
) -> Result<(), Failure> {
    match command {
        KeyCommand::New { out } => {
            let public = new(out, secrets)?;
            let answer = serde_json::json!({ "key": public, "file": out });
            output.data(&format!("ok: key {public} in {}", out.display()), &answer)
        }
        KeyCommand::Show => {
            let public = signer::load_key(key, secrets)?.public_key();
            output.data(&public.to_string(), &serde_json::json!({ "key": public }))
        }
        KeyCommand::Card { name, chain_name, created_ms, out } => {
            let key = signer::load_key(key, secrets)?;
            let card = card(&key, *name, chain_name, TimestampMs::new(*created_ms));
            let text = toml::to_string(&card)
                .map_err(|error| Failure::bug(format!("the card is no TOML: {error}")))?;
            files::write_new(out, text.as_bytes())?;
            output.data(&format!("ok: card of {name} in {}", out.display()), &card)
        }
    }
}

fn new(out: &Path, secrets: &Secrets) -> Result<PublicKey, Failure> {
    if out.exists() {
        return Err(Failure::setup(format!("{} exists", out.display()))
            .help("name another file; a key is never written over"));
    }
    let passphrase = secrets.new_passphrase()?;
    let mut seed = Zeroizing::new([0; 32]);
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    for bytes in [seed.as_mut_slice(), &mut salt, &mut iv] {
        getrandom::fill(bytes).map_err(|e| Failure::setup(format!("no randomness: {e}")))?;
    }
    let key = SecretKey::from_seed(&seed);
    let pem = encrypt_key_file(&key, passphrase.as_bytes(), salt, iv)
        .map_err(|error| Failure::bug(error.to_string()))?;
    files::write_private(out, pem.as_bytes())?;
    Ok(key.public_key())
}

fn card(key: &SecretKey, name: Code<32>, chain: &Code<32>, created: TimestampMs) -> Card {
    let founding = founding_id(chain, created);
    let proof = key.prove(&founding, name.as_str(), KeyPurpose::Member);
    Card { member: name, key: key.public_key(), proof }
}

/// Reads a card.
pub(crate) fn read_card(path: &Path) -> Result<Card, Failure> {
    toml::from_str(&input::file_text(path)?).map_err(|error| {
        Failure::usage(format!("{} is no key card: {}", path.display(), error.message()))
            .help("make one with `tuan key card`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_opens_with_its_passphrase_and_proves_its_card() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("leader.pem");
        let secrets = Secrets::fixed("correct horse");
        let public = new(&out, &secrets).expect("makes a key");
        let key = signer::load_key(Some(&out), &secrets).expect("opens");
        assert_eq!(key.public_key(), public);
        let wrong = signer::load_key(Some(&out), &Secrets::fixed("wrong")).expect_err("shut");
        assert_eq!(wrong.number(), crate::exit::SETUP);
        let again = new(&out, &secrets).expect_err("exists");
        assert!(again.to_string().contains("never written over"));

        let chain = "orchard-1".parse().expect("a name");
        let name: Code<32> = "leader-li".parse().expect("a name");
        let created = TimestampMs::new(1_767_225_600_000);
        let card = card(&key, name, &chain, created);
        let founding = founding_id(&chain, created);
        let admitted =
            card.key.check_admissible(&founding, "leader-li", KeyPurpose::Member, &card.proof);
        assert_eq!(admitted, Ok(()));
        let text = toml::to_string(&card).expect("is TOML");
        let path = folder.path().join("card.toml");
        std::fs::write(&path, text).expect("writes");
        assert_eq!(read_card(&path), Ok(card));
        std::fs::write(&path, "member = \"x\"").expect("writes");
        assert_eq!(read_card(&path).expect_err("short").number(), crate::exit::USAGE);
    }

    #[test]
    fn an_empty_passphrase_is_not_offered() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("key.pem");
        let failure = new(&out, &Secrets::fixed("")).expect_err("refused");
        assert!(failure.to_string().contains("empty"));
        assert!(!out.exists());
    }
}
