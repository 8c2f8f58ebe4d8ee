//! The folder of a node: its keys, its settings, its data.
//!
//! ```text
//! node.toml        settings, written by `tuand init`
//! node-card.toml   public keys and proofs, for `tuan genesis join`
//! genesis.toml     the founding document of its chain, put there by `tuand init --genesis`
//! validator.key    PKCS#8, 0600: votes
//! transport.key    PKCS#8, 0600: the network identity
//! api-tokens.toml  digests of the access tokens of the API, 0600
//! vote.guard       what must not be forgotten about votes, 0600
//! store/           RocksDB, 0700
//! ```

use crate::{
    advice,
    api::ClientSettings,
    exit::Failure,
    files::{read_text, replace, write_new},
    lang::say,
    store::{RocksStore, StoreError},
};
use anyhow::anyhow;
use genesis::{
    Address, Contribution, DOCUMENT_BYTES_MAX, Genesis, GenesisError, Invitation, NodeCard, Text,
    text,
};
use ledger_core::{
    crypto::{KeyPurpose, SecretKey, plain_key_file, read_plain_key_file},
    types::Code,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    net::{IpAddr, SocketAddr, TcpListener},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
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

/// Which node of a chain a folder holds.
pub(crate) struct Identity {
    /// Its place among the nodes of the founding document.
    pub(crate) node: usize,
    /// What its connections prove.
    pub(crate) transport: SecretKey,
    /// What it votes with; a node that only follows has none.
    pub(crate) validator: Option<SecretKey>,
}

/// What [`Home::take_genesis`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The folder had none.
    New,
    /// The folder had the same.
    Same,
    /// The folder had another, with which the node had not begun.
    Replaced,
}

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
        folder
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|error| advice::unwritable(&self.0, &error))?;
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
    /// Whoever compares the phrase sees only afterwards that a document was a wrong one, so it can be
    /// replaced until the node has begun a chain with it.
    ///
    /// # Errors
    /// If the document has other keys for this node, or the node has begun another chain.
    pub fn take_genesis(&self, genesis: &Genesis) -> Result<Taken, Failure> {
        self.identity(genesis)?;
        let path = self.genesis_file();
        let bytes = genesis.to_toml();
        match fs::read(&path) {
            Ok(kept) if kept == bytes.as_bytes() => return Ok(Taken::Same),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write_new(&path, bytes.as_bytes(), 0o644)?;
                return Ok(Taken::New);
            }
            Err(error) => return Err(advice::unreadable(&path, &error, no_node())),
        }
        if self.has_store()? {
            // The store knows of which chain it is.
            match RocksStore::open(&self.store(), genesis.chain.as_bytes()) {
                Ok(_) => {}
                Err(StoreError::Foreign { found, .. }) => {
                    let (file, chain) = (path.display(), genesis.chain);
                    return Err(Failure::said(text!(
                        "this node has begun chain {found} with {file}; the other document is of chain {chain}",
                        "这个节点已按 {file} 开始了链 {found}；另一份文件是链 {chain} 的"
                    ))
                    .help(say(text!(
                        "compare the digits of both with the other members (`tuan genesis check`); if the one here is wrong, stop the node, move `store`, `vote.guard` and `genesis.toml` away together and do this again. The keys stay",
                        "请用 `tuan genesis check` 看两份文件的核对码，并与其他成员核对；若这里的是错的，请停止节点，把 `store`、`vote.guard` 和 `genesis.toml` 一起移到别处，再重新执行。密钥不变"
                    ))));
                }
                Err(error) => return Err(advice::store(&error)),
            }
        }
        let kept = read_genesis(&path).ok();
        replace(&path, bytes.as_bytes(), 0o644)?;
        let same = kept.is_some_and(|kept| kept.chain == genesis.chain);
        Ok(if same { Taken::Same } else { Taken::Replaced })
    }

    /// Which node of a chain this is. Its keys must be those that the founding document has for it:
    /// with the voting key of another, two nodes would vote with one key.
    ///
    /// # Errors
    /// If the keys or the settings cannot be used, or belong to another node.
    pub(crate) fn identity(&self, genesis: &Genesis) -> Result<Identity, Failure> {
        let member = self.settings()?.member;
        let chain = genesis.name;
        let transport = self.key(KeyPurpose::Transport)?;
        let public = transport.public_key();
        let own = |node: &genesis::NodeEntry| node.transport == public && node.name == member;
        let node = genesis.nodes.iter().position(own);
        let Some((node, entry)) = node.map(|node| (node, &genesis.nodes[node])) else {
            return Err(Failure::said(text!(
                "the founding document of {chain} does not have this node's keys for {member}",
                "{chain} 的创世文件里，{member} 的密钥不是这个节点的"
            ))
            .help(say(text!(
                "check it with `tuan genesis check --mine`; if you made the node twice, use the folder whose card you joined with",
                "请用 `tuan genesis check --mine` 核对；若建过两次节点，请用加入时所用的那个文件夹"
            ))));
        };
        let vote = genesis.validators.validators().iter().find(|v| v.member == entry.member);
        let Some(vote) = vote else { return Ok(Identity { node, transport, validator: None }) };
        let validator = self.key(KeyPurpose::Validator)?;
        if vote.key != validator.public_key() {
            let file = self.key_file(KeyPurpose::Validator);
            let file = file.display();
            return Err(Failure::said(text!(
                "the founding document of {chain} has another voting key for {member} than {file}",
                "{chain} 的创世文件里，{member} 的投票密钥不是 {file}"
            ))
            .help(say(text!(
                "put back the node's own validator.key from its backup, never that of another node; check the document with `tuan genesis check --mine`",
                "请从备份恢复这个节点自己的 validator.key，绝不能用别的节点的；创世文件请用 `tuan genesis check --mine` 核对"
            ))));
        }
        Ok(Identity { node, transport, validator: Some(validator) })
    }

    /// What keeps the others from finding this node, if `listen` was changed by hand: they go by the
    /// founding document.
    ///
    /// # Errors
    /// If the settings cannot be read.
    pub fn not_found_by_others(&self, genesis: &Genesis) -> Result<Option<Text>, Failure> {
        let settings = self.settings()?;
        let Some(entry) = genesis.nodes.iter().find(|node| node.name == settings.member) else {
            return Ok(None);
        };
        // What is no address at all is refused where it is to be listened on.
        let parsed = |texts: &[String]| -> Vec<Address> {
            texts.iter().filter_map(|text| Address::listen(text).ok()).collect()
        };
        let (called, listens) = (parsed(&entry.addresses), parsed(&settings.listen));
        // Only an address of this machine can be bound.
        let own = |ip: IpAddr| TcpListener::bind((ip, 0)).is_ok();
        let found = |called: &Address| listens.iter().any(|listen| called.leads_to(listen, own));
        if listens.is_empty() || called.iter().any(found) {
            return Ok(None);
        }
        let (called, listens) = (entry.addresses.join(", "), settings.listen.join(", "));
        Ok(Some(text!(
            "the other nodes call {called}, as the founding document says, and this one listens on {listens}: change `listen` in node.toml back, unless a router passes the one on to the other",
            "其他节点按创世文件连接 {called}，而本节点监听 {listens}：请把 node.toml 中的 `listen` 改回去，除非由路由器把前者转到后者"
        )))
    }

    /// What is wrong with an API that others reach directly.
    ///
    /// # Errors
    /// If the settings cannot be read.
    pub fn heard_by_others(&self) -> Result<Option<Text>, Failure> {
        let api = self.settings()?.api;
        Ok((!api.ip().to_canonical().is_loopback()).then(|| {
            text!(
                "the API listens on {api}, and plain HTTP lets whoever is on the way read access tokens: leave `api` in node.toml on 127.0.0.1 and put a proxy with TLS in front, as docs/api.md shows",
                "接口监听 {api}，而明文 HTTP 会让途中的任何人读到访问令牌：请让 node.toml 中的 `api` 留在 127.0.0.1，并按 docs/api.md 在前面设带 TLS 的代理"
            )
        }))
    }

    /// Whether the node has begun a chain.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn has_store(&self) -> Result<bool, Failure> {
        let store = self.store();
        match fs::read_dir(&store) {
            Ok(mut files) => Ok(files.next().is_some()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(advice::unreadable(&store, &error, no_node())),
        }
    }

    /// Makes sure that root does not open what belongs to the user that runs the node: the files
    /// that RocksDB makes would be root's, and the node could not open its own store any more.
    ///
    /// # Errors
    /// If the program runs as root and the folder belongs to another user.
    pub(crate) fn refuse_root(&self) -> Result<(), Failure> {
        // The owner of this entry is the user as whom the program runs.
        let me = fs::metadata("/proc/self").map(|me| me.uid());
        let owner = fs::metadata(&self.0).map(|folder| folder.uid());
        match (me, owner) {
            (Ok(0), Ok(owner)) if owner != 0 => {
                let home = self.0.display();
                Err(Failure::said(text!(
                    "{home} belongs to the user with number {owner}, and this is root",
                    "{home} 属于编号 {owner} 的用户，而现在是 root"
                ))
                .help(say(text!(
                    "do it as that user, or the node could not open its own files any more: `sudo -u tuanzhang tuand …`, or `sudo -u '#{owner}' tuand …`",
                    "请以该用户执行，否则节点会打不开自己的文件：`sudo -u tuanzhang tuand …` 或 `sudo -u '#{owner}' tuand …`"
                ))))
            }
            _ => Ok(()),
        }
    }

    /// The founding document that was taken in.
    ///
    /// # Errors
    /// If there is none, or it is not right.
    pub fn genesis(&self) -> Result<Genesis, Failure> {
        let path = self.genesis_file();
        let home = self.0.display();
        let missing = text!(
            "give it its founding document, once: `tuand init --home {home} --genesis genesis.toml`",
            "请先把创世文件交给它：`tuand init --home {home} --genesis genesis.toml`"
        );
        match fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.0.is_dir() => Err(
                Failure::said(text!("{home} has no founding document", "{home} 里没有创世文件"))
                    .help(say(missing)),
            ),
            Err(error) => Err(advice::unreadable(&path, &error, missing)),
            Ok(_) => read_genesis(&path),
        }
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
        let text = read_text(&path, SETTINGS_BYTES_MAX)
            .map_err(|error| advice::unreadable(&path, &error, no_node()))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let (file, detail) = (path.display(), error.to_string());
            let detail = detail.trim_end();
            Failure::said(text!("{file} has a mistake:\n{detail}", "{file} 有错误：\n{detail}"))
                .help(say(text!(
                    "correct that line; docs/guides/operator.md shows the whole file",
                    "请改正那一行；完整的示例见 docs/guides/operator.zh-CN.md"
                )))
        })
    }

    /// Reads one of the node's keys.
    ///
    /// # Errors
    /// If the file is missing, no key, or readable by other users of the machine.
    pub fn key(&self, purpose: KeyPurpose) -> Result<SecretKey, Failure> {
        let path = self.key_file(purpose);
        let restore = || {
            text!(
                "put it back from the backup; a new key would be another node's",
                "请从备份恢复；新生成的密钥是另一个节点的"
            )
        };
        let unreadable = |error| advice::unreadable(&path, &error, restore());
        let mode = fs::metadata(&path).map_err(unreadable)?.mode();
        let file = path.display();
        if mode & 0o077 != 0 {
            let mode = mode & 0o777;
            return Err(Failure::said(text!(
                "{file} can be read by other users of this machine (mode {mode:03o})",
                "本机其他用户可以读到 {file}（权限 {mode:03o}）"
            ))
            .help(say(text!(
                "if none of them has copied it: `chmod 600 {file}`",
                "若能确定无人拷走：`chmod 600 {file}`"
            ))));
        }
        let pem = read_text(&path, KEY_BYTES_MAX).map_err(unreadable)?;
        read_plain_key_file(&pem).map_err(|_| {
            Failure::said(text!(
                "{file} is no key of a node (PKCS#8, PEM)",
                "{file} 不是节点密钥（PKCS#8，PEM）"
            ))
            .help(say(restore()))
        })
    }
}

/// Longest `node.toml` that is read.
const SETTINGS_BYTES_MAX: u64 = 64 * 1024;
/// Longest key file that is read; a key takes some 120 bytes.
const KEY_BYTES_MAX: u64 = 16 * 1024;

fn no_node() -> Text {
    text!(
        "there is no node in this folder: point --home at one, or make one with `tuand init --invitation`",
        "这个文件夹里没有节点：请用 --home 指明，或用 `tuand init --invitation` 建立"
    )
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
        advice::unreadable(path, &error, text!("check the name of the file", "请确认文件名"))
    };
    // One byte more, so that what is too long is called so and not cut.
    let text = read_text(path, DOCUMENT_BYTES_MAX as u64 + 1).map_err(unreadable)?;
    parse(&text).map_err(|error| match (&error, kind_of(&text)) {
        (GenesisError::Form { .. }, Some((kind, help))) => {
            let (file, Text { en, zh }) = (path.display(), kind);
            Failure::said(text!("{file} is {en}", "{file} 是{zh}")).help(say(help))
        }
        _ => Failure::founding(path, &error),
    })
}

/// Which file of the founding it is, and what it is for, if it is given where another is asked for.
fn kind_of(text: &str) -> Option<(Text, Text)> {
    if Invitation::parse(text).is_ok() {
        let kind = text!("an invitation, not a founding document", "邀请文件，不是创世文件");
        let help = text!(
            "the founding document is the genesis.toml that the founder seals once everybody has joined",
            "创世文件是所有成员加入之后由发起人封存的 genesis.toml"
        );
        return Some((kind, help));
    }
    if Contribution::parse(text).is_ok() {
        let kind = text!("a member's contribution", "一名成员的加入文件");
        let help = text!(
            "it goes to the founder, who makes genesis.toml from all of them",
            "它应发给发起人，由发起人汇总成 genesis.toml"
        );
        return Some((kind, help));
    }
    if NodeCard::parse(text).is_ok() {
        let kind = text!("a node card", "节点名片");
        let help = text!(
            "it is for `tuan genesis join --node-card`",
            "它用于 `tuan genesis join --node-card`"
        );
        return Some((kind, help));
    }
    if Genesis::parse(text).is_ok() {
        let kind = text!("a sealed founding document", "已封存的创世文件");
        let help = text!(
            "give it to a node that is there with `tuand init --home … --genesis`",
            "请用 `tuand init --home … --genesis` 交给已建好的节点"
        );
        return Some((kind, help));
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_api_that_others_reach_directly_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        for (api, warned) in [
            ("127.0.0.1:7101", false),
            ("[::1]:7101", false),
            ("127.0.0.2:7101", false),
            ("0.0.0.0:7101", true),
            ("[::]:7101", true),
            ("192.0.2.7:7101", true),
        ] {
            let text = format!("member = \"property\"\nlisten = []\napi = \"{api}\"\n");
            fs::write(home.settings_file(), text).unwrap();
            let warning = home.heard_by_others().unwrap();
            assert_eq!(warning.is_some_and(|warning| warning.en.contains(api)), warned, "{api}");
        }
    }
}
