//! What every command works with: the options, the nodes, the chain, the signer, the directory.

use crate::{
    client::{self, Client},
    directory::{Directory, Tags},
    exit::Failure,
    files::because,
    genesis as founding,
    lang::{self, Language, say, word},
    names::{Names, did_you_mean},
    outbox::SettledNow,
    output::{Output, plain},
    refusal,
    signer::{self, Secrets, Signer},
};
use genesis::Genesis;
use ledger_core::{
    api::{AccountView, GroupBuyView, OpenGroupBuy, Problem},
    crypto::TransactionId,
    fund::{AccountId, Action, ChannelId, Policy},
    refusal::Refusal,
    types::{Code, Fen, GroupBuyId, Height, LogIndex},
};
use machine_token::Folders;
use serde::Serialize;
use std::{
    cell::{OnceCell, RefCell},
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// The longest that a command waits for a decision, in seconds: a signature lives no longer.
const WAIT_MAX: u64 = 24 * 3_600;

/// The options that every command takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Nodes to ask, in this order; repeat it or separate them by commas
    #[arg(
        long = "node",
        value_name = "URL",
        env = "TUAN_NODE",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:7101",
        global = true
    )]
    pub(crate) nodes: Vec<String>,
    /// Founding document of the chain
    #[arg(long, value_name = "FILE", env = "TUAN_GENESIS", global = true)]
    pub(crate) genesis: Option<PathBuf>,
    /// Your signing key
    #[arg(long, value_name = "FILE", env = "TUAN_KEY", global = true)]
    pub(crate) key: Option<PathBuf>,
    /// File with the passphrase of the key; else TUAN_PASSPHRASE, else a prompt
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// File with the access token of the nodes; else TUAN_TOKEN. On the node's own machine none is needed
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// Your member name, if the key alone does not say it
    #[arg(long = "as", value_name = "NAME", global = true)]
    pub(crate) member: Option<String>,
    /// Language; else that of the environment
    #[arg(long, value_enum, global = true)]
    pub(crate) lang: Option<Language>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Directory of households
    #[arg(long, value_name = "FILE", env = "TUAN_DIRECTORY", global = true)]
    pub(crate) directory: Option<PathBuf>,
    /// Folder for what tuan keeps on this computer: outbox, receipts, remembered names
    #[arg(long, value_name = "DIR", env = "TUAN_STATE", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// Do not wait until the ledger has decided
    #[arg(long, global = true)]
    pub(crate) no_wait: bool,
    /// How long to wait for the decision
    #[arg(long, value_name = "SECONDS", default_value_t = 60, global = true)]
    pub(crate) wait: u64,
}

/// Longest access token.
const TOKEN_BYTES_MAX: usize = 200;

/// The access token of a file, or of the environment.
fn access_token(
    file: Option<&Path>,
    environment: Option<String>,
) -> Result<Option<String>, Failure> {
    let text = match file {
        Some(file) => {
            let read = || -> std::io::Result<String> {
                let mut text = String::new();
                // One byte more than fits, so that a longer file is no token either.
                let limit = TOKEN_BYTES_MAX as u64 + 2;
                std::fs::File::open(file)?.take(limit).read_to_string(&mut text)?;
                Ok(text)
            };
            Some(read().map_err(|error| {
                let (path, error) = (file.display(), because(&error));
                Failure::setup(say!("cannot read {path}: {error}", "无法读取 {path}：{error}"))
                    .help(word!(
                        "name the file of the access token with --token-file",
                        "请用 --token-file 指定访问令牌文件"
                    ))
            })?)
        }
        None => environment.filter(|text| !text.trim().is_empty()),
    };
    let Some(text) = text else { return Ok(None) };
    let token = text.trim();
    if token.is_empty()
        || token.len() > TOKEN_BYTES_MAX
        || !token.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(Failure::setup(say!("this is no access token", "这不是访问令牌")).help(say!(
            "a node's operator makes one with `tuand token add`",
            "由节点运营方用 `tuand token add` 发放"
        )));
    }
    Ok(Some(token.to_owned()))
}

/// One run of a command.
pub(crate) struct Session {
    /// Where the answer goes.
    pub(crate) output: Output,
    /// The nodes.
    pub(crate) client: Client,
    options: Options,
    secrets: Secrets,
    /// Where this computer keeps things of users, if it says so.
    home: Option<PathBuf>,
    genesis: OnceCell<Genesis>,
    signer: OnceCell<Signer>,
    /// Pseudonyms used so far, to tell refusals with numbers.
    tags: RefCell<Tags>,
    /// What was settled by the way.
    pub(crate) settled_now: RefCell<SettledNow>,
}

/// A transaction that is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entered {
    /// Its id.
    pub(crate) id: TransactionId,
    /// Its block.
    pub(crate) height: Height,
    /// Its place in the log.
    pub(crate) log_index: LogIndex,
    /// Its receipt was checked against genesis.
    pub(crate) receipt_verified: bool,
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// In the ledger, and proven so.
    Entered(Entered),
    /// The ledger said so before.
    AlreadyDone(String),
    /// Sent, and nobody waited.
    Pending(TransactionId),
    /// The ledger will not have it.
    Refused(Box<Problem>),
}

impl Session {
    /// Gathers what the options name; reads nothing yet.
    ///
    /// # Errors
    /// A usage [`Failure`] for addresses that are none.
    pub(crate) fn new(
        options: Options,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let token = access_token(options.token_file.as_deref(), environment("TUAN_TOKEN"))?;
        let secrets = Secrets::of(options.passphrase_file.clone(), environment("TUAN_PASSPHRASE"));
        lang::set(options.lang.unwrap_or_else(|| Language::of_environment(&environment)));
        let home = state_home(&environment);
        let folder = options.state.as_deref().or(home.as_deref());
        let folders = Folders::of(&environment);
        let client = Client::new(&options.nodes)?.with_rights(token, folders);
        Ok(Self {
            output: Output::new(options.json),
            client: client.with_memory(folder),
            options,
            secrets,
            home,
            genesis: OnceCell::new(),
            signer: OnceCell::new(),
            tags: RefCell::default(),
            settled_now: RefCell::default(),
        })
    }

    /// Where passphrases come from.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The options.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// The folder for what tuan keeps on this computer; it may not exist yet.
    ///
    /// # Errors
    /// A setup [`Failure`] if neither an option nor the environment says where.
    pub(crate) fn state_folder(&self) -> Result<PathBuf, Failure> {
        self.options.state.clone().or_else(|| self.home.clone()).ok_or_else(|| {
            Failure::setup(say!(
                "nothing says where to keep outbox and receipts",
                "未指定待发箱和回执的存放位置"
            ))
            .help(say!(
                "name a folder with --state or TUAN_STATE",
                "用 --state 或 TUAN_STATE 指定一个文件夹"
            ))
        })
    }

    /// The chain.
    ///
    /// # Errors
    /// A setup [`Failure`] if no founding document is named or it is not one.
    pub(crate) fn genesis(&self) -> Result<&Genesis, Failure> {
        if let Some(genesis) = self.genesis.get() {
            return Ok(genesis);
        }
        let path = self.options.genesis.as_deref().ok_or_else(|| {
            Failure::setup(word!("no founding document is named", "未指定创世文件")).help(word!(
                "name it with --genesis or TUAN_GENESIS; receipts are verified against it",
                "用 --genesis 或 TUAN_GENESIS 指定；回执以它为准验证"
            ))
        })?;
        let genesis = founding::load(path)?;
        Ok(self.genesis.get_or_init(|| genesis))
    }

    /// Who signs.
    ///
    /// # Errors
    /// A setup [`Failure`] if the key cannot be used.
    pub(crate) fn signer(&self) -> Result<&Signer, Failure> {
        if let Some(signer) = self.signer.get() {
            return Ok(signer);
        }
        let genesis = self.genesis()?;
        let key = signer::load_key(self.options.key.as_deref(), &self.secrets)?;
        let signer = Signer::new(genesis, key, self.options.member.as_deref())?;
        Ok(self.signer.get_or_init(|| signer))
    }

    /// What members are called: by the founding document, or else by a node.
    pub(crate) fn names(&self) -> Result<Names, Failure> {
        if self.options.genesis.is_some() {
            return Ok(Names::of_genesis(self.genesis()?));
        }
        Ok(Names::of_members(&self.client.members()?))
    }

    /// What the members agreed on: by the founding document, or else by a node.
    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        if self.options.genesis.is_some() {
            return Ok(self.genesis()?.policy.clone());
        }
        self.client.get("/v1/policy")
    }

    /// The channel of this name.
    pub(crate) fn channel(&self, name: &Code<16>) -> Result<ChannelId, Failure> {
        let policy = self.policy()?;
        let found = (0u8..).zip(&policy.channels).find(|(_, channel)| channel.name == *name);
        found.map(|(id, _)| id).ok_or_else(|| {
            let known: Vec<_> = policy.channels.iter().map(|c| c.name.as_str()).collect();
            let heading = say!("the channels are: ", "现有渠道：");
            Failure::usage(say!("there is no channel {name}", "没有渠道 {name}"))
                .help(did_you_mean(name.as_str(), &known, heading))
        })
    }

    /// The pseudonyms of a group buy's households.
    ///
    /// # Errors
    /// A setup [`Failure`] if no directory is named or it is not one.
    pub(crate) fn tags(&self, group_buy: &GroupBuyId) -> Result<Tags, Failure> {
        let path = self.options.directory.as_deref().ok_or_else(|| {
            Failure::setup(word!("no directory of households is named", "未指定住户名册")).help(
                word!(
                    "name it with --directory or TUAN_DIRECTORY; make one with `tuan directory new`",
                    "用 --directory 或 TUAN_DIRECTORY 指定；用 tuan directory new 新建"
                ),
            )
        })?;
        let tags = Directory::load(path)?.tags(group_buy);
        self.tags.replace(tags.clone());
        Ok(tags)
    }

    /// The pseudonyms, as far as they are known: none without a directory.
    pub(crate) fn tags_if_known(&self, group_buy: &GroupBuyId) -> Result<Tags, Failure> {
        match self.options.directory {
            Some(_) => self.tags(group_buy),
            None => Ok(Tags::default()),
        }
    }

    /// A group buy that is not closed, with a filing that has the hash it is known by.
    ///
    /// # Errors
    /// A refused [`Failure`] if there is none, it is closed, or the node mixes something up.
    pub(crate) fn group_buy(&self, id: &GroupBuyId) -> Result<OpenGroupBuy, Failure> {
        match self.client.group_buy(id)? {
            GroupBuyView::Open(view) => {
                check_filing(&view, id)?;
                Ok(*view)
            }
            GroupBuyView::Closed { .. } => {
                Err(Failure::refused(say!("group buy {id} is closed", "团购 {id} 已结清关闭"))
                    .help(say!(
                        "its seal remains: `tuan buy show {id}`",
                        "封存记录仍可查：tuan buy show {id}"
                    )))
            }
        }
    }

    /// How long to wait for a decision; `None` does not wait.
    pub(crate) fn patience(&self) -> Option<Duration> {
        (!self.options.no_wait).then(|| Duration::from_secs(self.options.wait.min(WAIT_MAX)))
    }

    /// Submits one action and reports what became of it.
    ///
    /// # Errors
    /// As [`Self::submit`], and a refused [`Failure`] for a refusal.
    pub(crate) fn submit_one(&self, action: Action) -> Result<(), Failure> {
        match self.submit(action)? {
            Outcome::Entered(entered) => self.output.data(&entered.to_string(), &entered),
            Outcome::AlreadyDone(note) => self.already_done(&note),
            Outcome::Pending(id) => {
                let answer = serde_json::json!({ "id": id, "progress": "pending" });
                let text = say!("sent, not decided yet: {id}", "已发送，尚未入账：{id}");
                self.output.data(&text, &answer)
            }
            Outcome::Refused(problem) => Err(self.refusal(&problem)),
        }
    }

    /// Reports that the ledger says already what was to be said.
    pub(crate) fn already_done(&self, note: &str) -> Result<(), Failure> {
        let answer = serde_json::json!({ "already_done": true, "note": note });
        self.output.data(&say!("ok: already done: {note}", "完成：此前已办：{note}"), &answer)
    }

    /// A problem in the user's language, with the names of this chain where they are at hand.
    pub(crate) fn tell(&self, problem: &Problem) -> String {
        let told = problem.reason.as_deref().and_then(|reason| self.tell_reason(reason));
        self.with_numbers(&told.unwrap_or_else(|| client::detail(problem)))
    }

    /// A refusal in the words of this chain, where these say more than a node's.
    pub(crate) fn tell_reason(&self, reason: &Refusal) -> Option<String> {
        // Without names the node's own sentence remains.
        let (names, policy) = (self.names().ok()?, self.policy().ok());
        let tags = self.tags.borrow();
        let words = refusal::Words { names: &names, policy: policy.as_ref(), tags: &tags };
        words.tell(reason).map(|text| plain(&text))
    }

    /// A text with the numbers of households for their pseudonyms, as far as they are known.
    pub(crate) fn with_numbers(&self, text: &str) -> String {
        self.tags.borrow().with_numbers(text)
    }

    /// The failure that a refusal is.
    pub(crate) fn refusal(&self, problem: &Problem) -> Failure {
        refusal::failure(problem.refusal, &self.tell(problem))
    }
}

impl std::fmt::Display for Entered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { height, log_index, .. } = self;
        f.write_str(&say!(
            "ok: entry {log_index} at height {height}, receipt verified",
            "完成：条目 {log_index}，区块高度 {height}，回执已验证"
        ))
    }
}

/// The filing that a node shows is the one that the ledger knows by its hash.
fn check_filing(view: &OpenGroupBuy, id: &GroupBuyId) -> Result<(), Failure> {
    if view.id != *id || view.filing.group_buy != *id || view.filing.digest() != view.header.filing
    {
        return Err(Failure::refused(word!(
            "the node shows a filing that is not of this group buy",
            "节点给出的报备不属于该团购"
        ))
        .help(word!(
            "the node is at fault; ask another with --node",
            "该节点有误；请用 --node 换一个节点"
        )));
    }
    Ok(())
}

/// Where programs keep their state by the XDG base directory specification.
fn state_home(environment: &impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").filter(|path| path.is_absolute());
    base.or_else(|| Some(set("HOME")?.join(".local/state"))).map(|base| base.join("tuan"))
}

/// The balance of an account among those that a node shows.
pub(crate) fn balance(accounts: &[AccountView], account: &AccountId) -> Fen {
    accounts.iter().find(|view| view.account == *account).map_or(Fen::ZERO, |view| view.balance)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{exit, testing};

    impl Session {
        /// Somebody at a computer of its own, with a founding document and perhaps a key in memory.
        pub(crate) fn of(
            nodes: &[String],
            state: PathBuf,
            genesis: Genesis,
            signer: Option<Signer>,
        ) -> Self {
            let options = Options {
                nodes: nodes.to_vec(),
                genesis: Some("genesis.toml".into()),
                key: None,
                passphrase_file: None,
                member: None,
                lang: Some(Language::En),
                json: false,
                directory: None,
                token_file: None,
                state: Some(state),
                no_wait: false,
                wait: 3,
            };
            let session = Self::new(options, |_| None).expect("addresses");
            let _ = session.genesis.set(genesis);
            if let Some(signer) = signer {
                let _ = session.signer.set(signer);
            }
            session
        }
    }

    #[test]
    fn a_filing_that_has_another_hash_is_not_taken() {
        let mut view = testing::group_buy();
        let id = view.id;
        assert_eq!(check_filing(&view, &id), Ok(()));
        view.filing.relation_declared = true;
        assert_eq!(check_filing(&view, &id).expect_err("differs").number(), exit::REFUSED);
    }
}
