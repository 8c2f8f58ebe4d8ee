//! Who signs: key file, passphrase, member, expiry.

use crate::{
    exit::Failure,
    input,
    lang::{say, word},
    names::{Names, did_you_mean},
};
use genesis::Genesis;
use ledger_core::{
    crypto::{ChainId, SecretKey, decrypt_key_file},
    fund::Action,
    transaction::{ReceivedTransaction, TRANSACTION_BYTES_MAX, TRANSACTION_VERSION, Transaction},
    types::{DurationMs, MemberId, TimestampMs},
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};
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
                    Failure::setup(say!(
                        "cannot ask for the passphrase: {error}",
                        "无法询问口令：{error}"
                    ))
                    .help(word!(
                        "run it in a terminal, or use --passphrase-file or TUAN_PASSPHRASE",
                        "请在终端中运行，或使用 --passphrase-file 或 TUAN_PASSPHRASE"
                    ))
                })
            }
        }
    }

    /// The passphrase of a new key: not empty, and typed twice.
    pub(crate) fn new_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        let passphrase = self.passphrase(word!("New passphrase: ", "新口令："))?;
        if passphrase.is_empty() {
            return Err(Failure::setup(word!("the passphrase is empty", "口令为空")).help(word!(
                "a key file is always encrypted; choose a passphrase",
                "密钥文件总是加密的；请设一个口令"
            )));
        }
        let again = word!("The same again: ", "再输入一次：");
        if matches!(self, Self::Prompt) && self.passphrase(again)? != passphrase {
            return Err(Failure::setup(word!("the two passphrases differ", "两次口令不一致"))
                .help(word!("try again", "请重试")));
        }
        Ok(passphrase)
    }
}

/// Opens the key file named with `--key`.
pub(crate) fn load_key(path: Option<&Path>, secrets: &Secrets) -> Result<SecretKey, Failure> {
    let path = path.ok_or_else(|| {
        Failure::setup(word!("no key is named", "未指定密钥")).help(word!(
            "name your key file with --key or TUAN_KEY",
            "用 --key 或 TUAN_KEY 指定您的密钥文件"
        ))
    })?;
    let pem = Zeroizing::new(input::file_text(path)?);
    let path = path.display();
    let passphrase = secrets.passphrase(&say!("Passphrase of {path}: ", "{path} 的口令："))?;
    decrypt_key_file(&pem, passphrase.as_bytes()).map_err(|error| {
        Failure::setup(say!("cannot open {path}: {error}", "无法打开 {path}：{error}")).help(word!(
            "check the passphrase, and that --key names a file made by `tuan key new`",
            "请检查口令，以及 --key 所指是否为 tuan key new 生成的文件"
        ))
    })
}

/// Whether this process has signed a transaction.
static HAS_SIGNED: AtomicBool = AtomicBool::new(false);

/// Whether this process has signed a transaction, so that something of it may be kept or sent.
pub(crate) fn has_signed() -> bool {
    HAS_SIGNED.load(Ordering::Relaxed)
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
        let chain = &genesis.name;
        let owner = genesis.member_of_key(&public);
        let author = match name {
            None => owner.ok_or_else(|| {
                Failure::setup(say!(
                    "key {public} belongs to no member of {chain}",
                    "密钥 {public} 不属于 {chain} 的任何成员"
                ))
                .help(word!(
                    "check --key and --genesis, or name the member with --as",
                    "请检查 --key 与 --genesis，或用 --as 指定成员"
                ))
            })?,
            Some(name) => genesis.member_id(name).ok_or_else(|| {
                let names = Names::of_genesis(genesis);
                let known: Vec<_> = names.all().collect();
                Failure::setup(say!("{name} is no member of {chain}", "{name} 不是 {chain} 的成员"))
                    .help(did_you_mean(name, &known, say!("the members are: ", "成员有：")))
            })?,
        };
        if owner != Some(author) {
            let name = name.unwrap_or_default();
            return Err(Failure::setup(say!(
                "key {public} is not the key of {name}",
                "密钥 {public} 不是 {name} 的密钥"
            ))
            .help(word!(
                "leave out --as to sign as the owner of the key, or name the right --key",
                "不写 --as 则以密钥所有者身份签名；否则请指定正确的 --key"
            )));
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
        HAS_SIGNED.store(true, Ordering::Relaxed);
        let length = signed.bytes().len();
        if length > TRANSACTION_BYTES_MAX {
            return Err(Failure::usage(say!(
                "the transaction has {length} bytes, at most {TRANSACTION_BYTES_MAX} are allowed",
                "交易有 {length} 字节，最多允许 {TRANSACTION_BYTES_MAX} 字节"
            ))
            .help(word!("split what it says", "请拆分内容")));
        }
        Ok(signed)
    }
}
