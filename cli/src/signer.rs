//! Who signs: key file, passphrase, member, expiry.

use crate::{exit::Failure, input};
use genesis::Genesis;
use ledger_core::{
    crypto::{ChainId, SecretKey, decrypt_key_file},
    fund::Action,
    transaction::{ReceivedTransaction, TRANSACTION_BYTES_MAX, TRANSACTION_VERSION, Transaction},
    types::{DurationMs, MemberId, TimestampMs},
};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How long a signed transaction may take to be decided, where policy does not ask for less.
const LIFE: DurationMs = DurationMs::new(3_600_000);

/// Where passphrases come from.
pub(crate) enum Secrets {
    /// The first line of a file.
    File(PathBuf),
    /// Given beforehand: by the environment, or a test.
    Given(Zeroizing<String>),
    /// Asked for on the terminal.
    Prompt,
}

impl Secrets {
    /// From a file, else the environment, else the terminal.
    pub(crate) fn of(file: Option<PathBuf>, environment: Option<String>) -> Self {
        match (file, environment) {
            (Some(file), _) => Self::File(file),
            (None, Some(given)) => Self::Given(Zeroizing::new(given)),
            (None, None) => Self::Prompt,
        }
    }

    /// A passphrase known beforehand.
    #[cfg(test)]
    pub(crate) fn fixed(passphrase: &str) -> Self {
        Self::Given(Zeroizing::new(passphrase.to_owned()))
    }

    fn passphrase(&self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        match self {
            Self::Given(given) => Ok(given.clone()),
            Self::File(path) => {
                let text = Zeroizing::new(input::file_text(path)?);
                Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
            }
            Self::Prompt => {
                rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| {
                    Failure::setup(format!("cannot ask for the passphrase: {error}"))
                        .help("run it in a terminal, or use --passphrase-file or TUAN_PASSPHRASE")
                })
            }
        }
    }

    /// The passphrase of a new key: not empty, and typed twice.
    pub(crate) fn new_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        let passphrase = self.passphrase("New passphrase: ")?;
        if passphrase.is_empty() {
            return Err(Failure::setup("the passphrase is empty")
                .help("a key file is always encrypted; choose a passphrase"));
        }
        if matches!(self, Self::Prompt) && self.passphrase("The same again: ")? != passphrase {
            return Err(Failure::setup("the two passphrases differ").help("try again"));
        }
        Ok(passphrase)
    }
}

/// Opens the key file named with `--key`.
pub(crate) fn load_key(path: Option<&Path>, secrets: &Secrets) -> Result<SecretKey, Failure> {
    let path = path.ok_or_else(|| {
        Failure::setup("no key is named").help("name your key file with --key or TUAN_KEY")
    })?;
    let pem = Zeroizing::new(input::file_text(path)?);
    let passphrase = secrets.passphrase(&format!("Passphrase of {}: ", path.display()))?;
    decrypt_key_file(&pem, passphrase.as_bytes()).map_err(|error| {
        Failure::setup(format!("cannot open {}: {error}", path.display()))
            .help("check the passphrase, and that --key names a file made by `tuan key new`")
    })
}

/// A member with its key: makes transactions of one chain.
pub(crate) struct Signer {
    key: SecretKey,
    chain: ChainId,
    life: DurationMs,
    /// Who signs.
    pub(crate) author: MemberId,
}

impl Signer {
    /// The member that the key belongs to, or the one named.
    ///
    /// # Errors
    /// A setup [`Failure`] if the key is not of this chain or not of that member.
    pub(crate) fn new(
        genesis: &Genesis,
        key: SecretKey,
        name: Option<&str>,
    ) -> Result<Self, Failure> {
        let public = key.public_key();
        let owner = genesis.member_of_key(&public);
        let author = match name {
            None => owner.ok_or_else(|| {
                Failure::setup(format!("key {public} belongs to no member of {}", genesis.name))
                    .help("check --key and --genesis, or name the member with --as")
            })?,
            Some(name) => genesis.member_id(name).ok_or_else(|| {
                Failure::setup(format!("{name} is no member of {}", genesis.name))
                    .help("see `tuan genesis show` for the names")
            })?,
        };
        if owner != Some(author) {
            let name = name.unwrap_or_default();
            return Err(Failure::setup(format!("key {public} is not the key of {name}"))
                .help("leave out --as to sign as the owner of the key, or name the right --key"));
        }
        // A demo's policy may live by seconds; three quarters leave room for a clock that is ahead.
        let longest = genesis.policy.transaction_life_max.get();
        let life = LIFE.min(DurationMs::new(longest / 4 * 3 + longest % 4));
        Ok(Self { key, chain: genesis.chain, life, author })
    }

    /// Signs one action.
    ///
    /// # Errors
    /// A usage [`Failure`] if it is too long for a transaction.
    pub(crate) fn sign(
        &self,
        action: Action,
        now: TimestampMs,
        nonce: u64,
    ) -> Result<ReceivedTransaction, Failure> {
        let signed = Transaction {
            version: TRANSACTION_VERSION,
            chain: self.chain,
            author: self.author,
            expires: now.after(self.life),
            nonce,
            action,
        }
        .sign(&self.key);
        let length = signed.bytes().len();
        if length > TRANSACTION_BYTES_MAX {
            return Err(Failure::usage(format!(
                "the transaction has {length} bytes, at most {TRANSACTION_BYTES_MAX} are allowed"
            ))
            .help("split what it says"));
        }
        Ok(signed)
    }
}
