//! `tuan key`: signing keys.

use crate::{
    exit::Failure,
    files,
    lang::say,
    output::Output,
    signer::{self, Secrets},
};
use clap::Subcommand;
use ledger_core::crypto::{PublicKey, SecretKey, encrypt_key_file};
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
            let file = out.display();
            output.data(
                &say!("ok: key {public} in {file}", "已生成密钥 {public}：{file}"),
                &answer,
            )?;
            output.note(&say!(
                "keep a copy of the file and remember its passphrase: nobody can make either again",
                "请另存一份该文件并记住口令：丢了谁也无法补发"
            ));
            Ok(())
        }
        KeyCommand::Show => {
            let public = signer::load_key(key, secrets)?.public_key();
            output.data(&public.to_string(), &serde_json::json!({ "key": public }))
        }
    }
}

fn new(out: &Path, secrets: &Secrets) -> Result<PublicKey, Failure> {
    if out.exists() {
        let file = out.display();
        return Err(Failure::setup(say!("{file} exists", "{file} 已存在")).help(say!(
            "name another file; a key is never written over",
            "请换一个文件名；密钥文件绝不覆盖"
        )));
    }
    let passphrase = secrets.new_passphrase()?;
    let mut seed = Zeroizing::new([0; 32]);
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    for bytes in [seed.as_mut_slice(), &mut salt, &mut iv] {
        getrandom::fill(bytes).map_err(|error| {
            Failure::setup(say!("no randomness: {error}", "系统无法提供随机数：{error}"))
        })?;
    }
    let key = SecretKey::from_seed(&seed);
    let pem = encrypt_key_file(&key, passphrase.as_bytes(), salt, iv)
        .map_err(|error| Failure::bug(error.to_string()))?;
    files::write_private(out, pem.as_bytes())?;
    Ok(key.public_key())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_opens_with_its_passphrase_only() {
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
