//! `tuan genesis`: how organisations found a chain together, and the document that comes of it.
//!
//! The founder invites, each member joins, the founder collects and seals, everybody checks. Files travel
//! by any messenger; no private key ever does. Nobody has to believe the founder: see
//! docs/decisions/0006-founding-ceremony.md.

use crate::{
    exit::Failure,
    files, input,
    lang::{self, Language, say, word},
    output::{self, Output},
    session::{self, Session},
    signer,
};
use clap::Subcommand;
use genesis::{
    ChannelSection, Collection, ConsensusSection, Contribution, ContributionError,
    DOCUMENT_BYTES_MAX, Explanation, Genesis, GenesisError, Invitation, Invited, MEMBERS_MAX,
    NodeCard, Phrase, PolicySection, Received, SealError, Text, role_zh,
};
use ledger_core::{
    fund::Role,
    types::{Code, DurationMs, Fen, MemberId, TimestampMs},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Most entries of a folder that are looked at.
const FOLDER_ENTRIES_MAX: usize = 10 * MEMBERS_MAX;

/// How much of a key is shown to be recognised by.
const KEY_CHARS_SHOWN: usize = 16;

/// Shown by `tuan genesis invite --help`.
pub(crate) const INVITE_EXAMPLE: &str = "\
Example:

  tuan genesis invite --name orchard-1 \\
    --member property --member committee \\
    --member supplier-a=supplier --member supplier-b=supplier \\
    --member auditor=auditor:0 --member leader-li=leader \\
    --channel wechat=property --channel cash=committee \\
    --related supplier-b=property --set heartbeat=30m \\
    --out invitation.toml

What --set can change, with the defaults: see `tuan genesis show` on an invitation.";

/// `tuan genesis`.
#[derive(Debug, Subcommand)]
pub(crate) enum GenesisCommand {
    /// Founder: proposes a chain: who takes part, who holds the money, by which policy
    #[command(after_long_help = INVITE_EXAMPLE)]
    Invite {
        /// Name of the chain
        #[arg(long)]
        name: Code<32>,
        /// Who takes part: NAME=ROLE or NAME=ROLE:VOTES, or a role that is the name too
        #[arg(long = "member", value_name = "NAME=ROLE[:VOTES]", required = true)]
        members: Vec<MemberOption>,
        /// A way of paying and who holds its money; repeat for each
        #[arg(long = "channel", value_name = "CHANNEL=NAME", required = true)]
        channels: Vec<Pair>,
        /// Two members of whom the first is related to the second; members can declare more
        #[arg(long, value_name = "NAME=NAME")]
        related: Vec<Pair>,
        /// A duration or limit other than the default, such as heartbeat=30m or payment-max=50000
        #[arg(long, value_name = "SETTING=VALUE")]
        set: Vec<Pair>,
        /// Founding time, such as "2026-01-05 18:00"; else now
        #[arg(long, value_name = "TIME", value_parser = input::time)]
        founded: Option<TimestampMs>,
        /// Where to write the invitation
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Member: says yes to an invitation, with keys and proofs, in one signed file
    Join {
        /// The invitation
        invitation: PathBuf,
        /// Your name in it
        #[arg(long)]
        name: Code<32>,
        /// The node-card.toml of your node, from `tuand init`
        #[arg(long, value_name = "FILE")]
        node_card: Option<PathBuf>,
        /// A member to whom you are related; repeat for each
        #[arg(long, value_name = "NAME")]
        related: Vec<String>,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Founder: checks what has come so far, and says who is missing
    Collect {
        /// The invitation
        invitation: PathBuf,
        /// Contributions, or folders of them
        #[arg(required = true, value_name = "FILE|DIR")]
        from: Vec<PathBuf>,
    },
    /// Founder: writes the founding document once everybody has joined
    Seal {
        /// The invitation
        invitation: PathBuf,
        /// Contributions, or folders of them
        #[arg(required = true, value_name = "FILE|DIR")]
        from: Vec<PathBuf>,
        /// Where to write the document
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Everyone: checks a founding document and shows the phrase to compare by telephone
    Check {
        /// The document
        file: PathBuf,
        /// Your contribution: does it stand in the document unchanged?
        #[arg(long, value_name = "FILE")]
        mine: Option<PathBuf>,
        /// The phrase that somebody else read to you
        #[arg(long, value_name = "DIGITS")]
        phrase: Option<String>,
    },
    /// Shows members, channels and policy of a founding document or an invitation
    Show {
        /// The file
        file: PathBuf,
    },
}

/// `NAME=NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair(String, String);

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((left, right)) if !left.is_empty() && !right.is_empty() => {
                Ok(Self(left.to_owned(), right.to_owned()))
            }
            _ => Err(say!("write it as NAME=VALUE", "请写成 名称=值 的形式")),
        }
    }
}

/// `NAME=ROLE[:VOTES]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberOption(Invited);

impl FromStr for MemberOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, votes) = match text.rsplit_once(':') {
            None => (text, None),
            Some((rest, votes)) => (rest, Some(votes)),
        };
        let (name, role) = rest.split_once('=').unwrap_or((rest, rest));
        let roles = [Role::Property, Role::Committee, Role::Supplier, Role::Leader, Role::Auditor];
        let role = roles.into_iter().find(|known| known.name() == role).ok_or_else(|| {
            let known = roles.map(Role::name).join(", ");
            say!("{role} is no role; the roles are {known}", "没有 {role} 这个角色；角色有 {known}")
        })?;
        // An organisation votes with weight 1 unless it is said otherwise.
        let votes = match votes {
            None => u64::from(role.is_organisation()),
            Some(votes) => votes
                .parse()
                .map_err(|_| say!("{votes} is no number of votes", "{votes} 不是票数"))?,
        };
        let name = name.parse().map_err(|error| {
            say!(
                "{error}",
                "{name:?} 不能作名称：只能用 1 到 32 个英文字母、数字、点、下划线或连字符"
            )
        })?;
        Ok(Self(Invited { name, role, votes, related: Vec::new() }))
    }
}

/// Runs `tuan genesis`.
pub(crate) fn run(
    command: &GenesisCommand,
    key: Option<&Path>,
    session: &Session,
) -> Result<(), Failure> {
    let output = session.output;
    match command {
        GenesisCommand::Invite { name, members, channels, related, set, founded, out } => {
            let founded = founded.map_or_else(session::now, Ok)?;
            let invitation = invite(*name, founded, members, channels, related, set)?;
            write(out, &heading(&invitation), &invitation.to_toml())?;
            let file = out.display();
            let first = say!("ok: invitation in {file}", "邀请已写入 {file}");
            output.data(&format!("{first}\n\n{}", show_invitation(&invitation)?), &invitation)?;
            output.note(&say!(
                "send it to every member; each answers with the file that `tuan genesis join` makes",
                "请发给每个成员；各成员用 `tuan genesis join` 生成加入文件后发回"
            ));
            Ok(())
        }
        GenesisCommand::Join { invitation, name, node_card, related, out } => {
            let invitation = load_invitation(invitation)?;
            let card = node_card.as_deref().map(load_node_card).transpose()?;
            Contribution::check_before(&invitation, *name, card.as_ref())
                .map_err(|error| wrong_contribution(&error))?;
            output.note(&show_invitation(&invitation)?);
            let key = signer::load_key(key, session.secrets())?;
            let contribution = Contribution::sign(invitation, *name, &key, related, card.as_ref())
                .map_err(|error| wrong_contribution(&error))?;
            write(out, &contribution_heading(&contribution), &contribution.to_toml())?;
            let file = out.display();
            let first = say!(
                "ok: {name} joins; send {file} to the founder and keep a copy to check with",
                "{name} 已同意加入；请把 {file} 发给发起人，并自留一份以便核对"
            );
            output.data(&format!("{first}\n\n{}", show_contribution(&contribution)), &contribution)
        }
        GenesisCommand::Collect { invitation, from } => {
            let collection = gather(invitation, from, output)?;
            let answer = Collected::of(&collection);
            output.data(&show_collection(&collection)?, &answer)?;
            answer.verdict(true)
        }
        GenesisCommand::Seal { invitation, from, out } => {
            let collection = gather(invitation, from, output)?;
            Collected::of(&collection).verdict(false)?;
            let genesis = collection.seal().map_err(|error| match error {
                SealError::Genesis(error) => wrong(None, &error),
                SealError::NotReady => Failure::bug(error.to_string()),
            })?;
            write(out, &heading(collection.invitation()), &genesis.to_toml())?;
            let file = out.display();
            let first =
                say!("ok: chain {} in {file}", "创世文件已写入 {file}，链号 {}", genesis.chain);
            report(&genesis, &first, Compared::default(), output)?;
            output.note(&say!(
                "send {file} to every member; each checks it with `tuan genesis check {file} --mine ITS-OWN-FILE`",
                "请把 {file} 发给每个成员；各成员用 `tuan genesis check {file} --mine 自己的加入文件` 核对"
            ));
            Ok(())
        }
        GenesisCommand::Check { file, mine, phrase } => {
            let genesis = load(file)?;
            if let Some(mine) = mine {
                check_mine(&genesis, mine)?;
            }
            if let Some(told) = phrase {
                check_phrase(&genesis, told)?;
            }
            let first = say!("ok: chain {}", "核对通过：链号 {}", genesis.chain);
            let compared = Compared { mine: mine.is_some(), phrase: phrase.is_some() };
            report(&genesis, &first, compared, output)?;
            if mine.is_none() {
                output.note(&say!(
                    "whether your own keys stand in it, --mine YOUR-FILE checks",
                    "加上 --mine 自己的加入文件，才能核对自己的密钥有没有被改"
                ));
            }
            Ok(())
        }
        GenesisCommand::Show { file } => {
            let text = input::file_text(file)?;
            if is_kind(&text, "invitation") {
                let invitation = parse(file, &text, Invitation::parse)?;
                return output.data(&show_invitation(&invitation)?, &invitation);
            }
            let genesis = parse(file, &text, Genesis::parse)?;
            output.data(&show(&genesis), genesis.document())
        }
    }
}

/// Reads and checks a founding document.
pub(crate) fn load(path: &Path) -> Result<Genesis, Failure> {
    parse(path, &input::file_text(path)?, Genesis::parse)
}

fn load_invitation(path: &Path) -> Result<Invitation, Failure> {
    parse(path, &input::file_text(path)?, Invitation::parse)
}

fn load_node_card(path: &Path) -> Result<NodeCard, Failure> {
    parse(path, &input::file_text(path)?, NodeCard::parse)
}

/// The files of the ceremony, each by the field that marks it.
fn kinds() -> [(&'static str, &'static str); 4] {
    [
        ("invitation", word!("an invitation", "邀请文件")),
        ("contribution", word!("a contribution", "加入文件")),
        ("node_card", word!("a node card", "节点名片")),
        ("format", word!("a founding document", "创世文件")),
    ]
}

fn is_kind(text: &str, marker: &str) -> bool {
    kind(text) == Some(marker)
}

/// Which file of the ceremony a text is, whether or not it is a good one.
fn kind(text: &str) -> Option<&'static str> {
    let table = (text.len() <= DOCUMENT_BYTES_MAX).then(|| text.parse::<toml::Table>().ok())??;
    let marked = |marker: &str| table.get(marker).is_some_and(toml::Value::is_integer);
    kinds().into_iter().map(|(marker, _)| marker).find(|marker| marked(marker))
}

/// Reads a file of the ceremony; says which one it is instead, if it is another.
fn parse<T>(
    path: &Path,
    text: &str,
    read: impl FnOnce(&str) -> Result<T, GenesisError>,
) -> Result<T, Failure> {
    read(text).map_err(|error| {
        let marker = kind(text);
        let found = kinds().into_iter().find(|(known, _)| Some(*known) == marker);
        match (found, &error) {
            (Some((_, found)), GenesisError::Form { .. }) => {
                let file = path.display();
                let failure =
                    Failure::setup(say!("{file} is {found}", "{file} 是{found}，不是这里要的文件"));
                failure.help(here(error.help()))
            }
            _ => wrong(Some(path), &error),
        }
    })
}

/// A sentence in the user's language.
fn here(text: Text) -> String {
    text.of(match lang::current() {
        Language::En => genesis::Language::En,
        Language::Zh => genesis::Language::Zh,
    })
}

fn wrong(path: Option<&Path>, error: &GenesisError) -> Failure {
    let message = here(error.text());
    let message = match path {
        None => message,
        Some(path) => say!("{}: {message}", "{}：{message}", path.display()),
    };
    Failure::setup(message).help(here(error.help()))
}

fn wrong_contribution(error: &ContributionError) -> Failure {
    Failure::usage(here(error.text())).help(here(error.help()))
}

/// What a file of the ceremony says at its top, for people who open it.
fn heading(invitation: &Invitation) -> String {
    let (name, founded) = (invitation.name, output::time(invitation.created()));
    format!("# {name}, {founded} (UTC+8)\n# 请勿手工修改 / do not edit by hand\n\n")
}

fn contribution_heading(contribution: &Contribution) -> String {
    format!("# {} ->\n{}", contribution.name, heading(&contribution.invitation))
}

fn write(out: &Path, heading: &str, text: &str) -> Result<(), Failure> {
    files::write_new(out, format!("{heading}{text}").as_bytes())
}

fn invite(
    name: Code<32>,
    founded: TimestampMs,
    members: &[MemberOption],
    channels: &[Pair],
    related: &[Pair],
    set: &[Pair],
) -> Result<Invitation, Failure> {
    let mut members: Vec<Invited> = members.iter().map(|MemberOption(m)| m.clone()).collect();
    for Pair(member, other) in related {
        let invited = members.iter_mut().find(|invited| invited.name.as_str() == member);
        let invited = invited.ok_or_else(|| {
            Failure::usage(say!(
                "--related names {member}, who is not invited",
                "--related 里的 {member} 不在受邀成员中"
            ))
            .help(say!("name it with --member too", "请同时用 --member 邀请该成员"))
        })?;
        invited.related.push(other.clone());
    }
    let channel = |Pair(name, custodian): &Pair| {
        let name = name.parse().map_err(|error: ledger_core::types::CodeError| {
            Failure::usage(say!("--channel: {error}", "--channel：{name:?} 不能作渠道名称")).help(
                say!("write it like --channel wechat=property", "请写成 --channel wechat=property"),
            )
        })?;
        Ok(ChannelSection { name, custodian: custodian.clone() })
    };
    let channels = channels.iter().map(channel).collect::<Result<_, Failure>>()?;
    let mut settings = Settings::new()?;
    for Pair(setting, value) in set {
        settings.set(setting, value)?;
    }
    let (policy, consensus) = settings.done()?;
    Invitation::new(name, founded, policy, consensus, channels, members)
        .map_err(|error| Failure::usage(here(error.text())).help(here(error.help())))
}

/// Policy and timers by the names of their fields, whichever there are.
struct Settings {
    policy: toml::Table,
    consensus: toml::Table,
}

impl Settings {
    fn new() -> Result<Self, Failure> {
        let policy = table(&PolicySection::default())?;
        Ok(Self { policy, consensus: table(&ConsensusSection::default())? })
    }

    /// Changes a setting that people call `heartbeat` and the document `heartbeat_ms`.
    fn set(&mut self, setting: &str, value: &str) -> Result<(), Failure> {
        let bad = |detail: String| {
            let message = format!("--set {setting}={value}: {detail}");
            Failure::usage(message).help(say!(
                "durations are written like 30m or 48h, amounts in yuan",
                "时长写成 30m、48h 的形式，金额以元为单位"
            ))
        };
        let name = setting.replace('-', "_");
        for table in [&mut self.policy, &mut self.consensus] {
            if let Some(field) = table.get_mut(&format!("{name}_ms")) {
                *field = integer(input::duration(value).map_err(bad)?.get())?;
                return Ok(());
            }
            if let Some(field) = table.get_mut(&format!("{name}_fen")) {
                *field = integer(input::yuan(value).map_err(bad)?.get())?;
                return Ok(());
            }
            if let Some(field) = table.get_mut(&name) {
                let number = value.parse::<u64>().map_err(|error| bad(error.to_string()))?;
                *field = integer(number)?;
                return Ok(());
            }
        }
        let known = self.policy.keys().chain(self.consensus.keys());
        let known = known.map(|key| plain_name(key)).collect::<Vec<_>>().join(", ");
        Err(Failure::usage(say!("there is no setting {setting}", "没有 {setting} 这项设置"))
            .help(say!("the settings are: {known}", "可用的设置：{known}")))
    }

    fn done(self) -> Result<(PolicySection, ConsensusSection), Failure> {
        let bug = |error: toml::de::Error| Failure::bug(error.to_string());
        fn read<T: DeserializeOwned>(table: toml::Table) -> Result<T, toml::de::Error> {
            table.try_into()
        }
        Ok((read(self.policy).map_err(bug)?, read(self.consensus).map_err(bug)?))
    }
}

fn table(section: &impl Serialize) -> Result<toml::Table, Failure> {
    toml::Table::try_from(section).map_err(|error| Failure::bug(error.to_string()))
}

fn integer(value: u64) -> Result<toml::Value, Failure> {
    i64::try_from(value).map(toml::Value::Integer).map_err(|_| {
        Failure::usage(say!("{value} is too large", "{value} 太大"))
            .help(say!("choose a smaller value", "请选小一些的值"))
    })
}

/// `heartbeat_ms` as people write it: `heartbeat`.
fn plain_name(field: &str) -> String {
    let name = field.strip_suffix("_ms").or_else(|| field.strip_suffix("_fen")).unwrap_or(field);
    name.replace('_', "-")
}

/// The value of a setting as `--set` takes it.
fn plain_value(field: &str, value: &toml::Value) -> String {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    match number {
        Some(ms) if field.ends_with("_ms") => duration(DurationMs::new(ms)),
        Some(fen) if field.ends_with("_fen") => Fen::new(fen).to_yuan(),
        _ => value.to_string(),
    }
}

/// A duration in the largest unit that gives a whole number, as `--set` reads it.
fn duration(duration: DurationMs) -> String {
    let ms = duration.get();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{ms}ms"), |(size, unit)| format!("{}{unit}", ms / size))
}

/// The contributions among files and folders.
fn gather(invitation: &Path, from: &[PathBuf], output: Output) -> Result<Collection, Failure> {
    let invitation = load_invitation(invitation)?;
    let (mut received, mut ignored) = (Vec::new(), Vec::new());
    for path in from {
        if !path.is_dir() {
            received.push(read_contribution(path, &input::file_text(path)?)?);
            continue;
        }
        for file in files_of(path)? {
            if file.extension().is_none_or(|extension| extension != "toml") {
                ignored.push(file.display().to_string());
                continue;
            }
            let text = input::file_text(&file)?;
            let found = kind(&text);
            if found == Some("contribution") {
                received.push(read_contribution(&file, &text)?);
                continue;
            }
            let known = kinds().into_iter().find(|(marker, _)| Some(*marker) == found);
            let is = known.map_or_else(
                || word!("no contribution, or damaged on its way", "不是加入文件，或在传送中损坏"),
                |(_, name)| name,
            );
            ignored.push(say!("{} ({is})", "{}（{is}）", file.display()));
        }
    }
    if !ignored.is_empty() {
        let files = ignored.join(word!(", ", "、"));
        output.note(&say!("ignored: {files}", "未采用的文件：{files}"));
    }
    Ok(Collection::new(invitation, received))
}

fn read_contribution(path: &Path, text: &str) -> Result<Received, Failure> {
    let contribution = parse(path, text, Contribution::parse)?;
    Ok(Received { from: path.display().to_string(), contribution })
}

/// The files of a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        let folder = folder.display();
        Failure::setup(say!("cannot read {folder}: {error}", "无法读取 {folder}：{error}"))
            .help(say!("check the name of the folder", "请确认文件夹名称"))
    };
    let entries = fs::read_dir(folder).map_err(unreadable)?.take(FOLDER_ENTRIES_MAX);
    let paths: Result<Vec<_>, _> =
        entries.map(|entry| Ok(entry.map_err(unreadable)?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

/// What `tuan genesis collect` answers to machines.
#[derive(Serialize)]
struct Collected {
    present: Vec<Code<32>>,
    missing: Vec<Code<32>>,
    findings: Vec<String>,
    #[serde(skip)]
    help: Option<String>,
}

impl Collected {
    fn of(collection: &Collection) -> Self {
        let missing = collection.missing();
        let invited = collection.invitation().members.iter().map(|invited| invited.name);
        let help = match (collection.agreed_elsewhere(), collection.findings().first()) {
            (Some(_), _) => Some(say!(
                "name the invitation that the members have joined",
                "请改用各成员加入时的那份邀请文件"
            )),
            (None, first) => first.map(|finding| here(finding.help())),
        };
        Self {
            present: invited.filter(|name| !missing.contains(name)).collect(),
            missing,
            findings: what_is_wrong(collection),
            help,
        }
    }

    /// How the command ends; `told` if the findings stand in its answer already.
    fn verdict(&self, told: bool) -> Result<(), Failure> {
        if let (Some(first), Some(help)) = (self.findings.first(), &self.help) {
            let message = match told {
                true => word!("what has come cannot be used yet", "收到的文件还不能用").to_owned(),
                false => first.clone(),
            };
            return Err(Failure::refused(message).help(help.clone()));
        }
        if self.missing.is_empty() {
            return Ok(());
        }
        let names = self.missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(Failure::incomplete(say!("still missing: {names}", "还缺：{names}")).help(say!(
            "remind them; to found the chain without them, invite the others again",
            "请催一催；若不等，请重新邀请其余成员"
        )))
    }
}

/// What keeps a collection from being sealed, in sentences.
fn what_is_wrong(collection: &Collection) -> Vec<String> {
    if let Some(theirs) = collection.agreed_elsewhere() {
        let ours = collection.invitation();
        let (our_name, their_name) = (ours.name, theirs.name);
        let (our_time, their_time) = (output::time(ours.created()), output::time(theirs.created()));
        return vec![say!(
            "the invitation named here is the wrong one: everybody has said yes to another, {their_name} \
             of {their_time}; this is {our_name} of {our_time}",
            "指定的邀请文件不对：大家同意的都是另一份（{their_name}，{their_time}），这份是 {our_name}，{our_time}"
        )];
    }
    collection.findings().iter().map(|finding| here(finding.text())).collect()
}

/// What a member signs when it joins.
fn show_contribution(contribution: &Contribution) -> String {
    let invited = contribution.invitation.invited(contribution.name.as_str());
    let transport = contribution.transport.as_ref();
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let key = contribution.key.to_string().chars().take(KEY_CHARS_SHOWN).collect::<String>();
    let rows = [
        (word!("name", "名称"), contribution.name.to_string()),
        (word!("role", "角色"), invited.map_or_else(String::new, |invited| role(invited.role))),
        (word!("votes", "票数"), invited.map_or(0, |invited| invited.votes).to_string()),
        (word!("related to", "关联"), contribution.related.join(" ")),
        (word!("address", "地址"), transport.map_or_else(String::new, |t| t.addresses.join(" "))),
        (word!("key", "公钥"), format!("{key}…")),
    ];
    output::table(
        &[word!("SIGNED", "签署内容"), ""],
        rows.into_iter().map(|(what, value)| vec![what.to_owned(), dash(value)]),
    )
}

fn show_collection(collection: &Collection) -> Result<String, Failure> {
    let rows = collection.invitation().members.iter().map(|invited| {
        let received = collection.of(&invited.name);
        let contribution = received.map(|received| &received.contribution);
        let transport = contribution.and_then(|contribution| contribution.transport.as_ref());
        vec![
            invited.name.to_string(),
            role(invited.role),
            votes(invited.votes),
            contribution.map_or(&invited.related, |contribution| &contribution.related).join(" "),
            transport.map_or(String::new(), |transport| transport.addresses.join(" ")),
            received
                .map_or(word!("missing", "还缺").to_owned(), |received| received.from.clone()),
        ]
    });
    let headings = [
        word!("NAME", "名称"),
        word!("ROLE", "角色"),
        word!("VOTES", "票数"),
        word!("RELATED TO", "关联"),
        word!("ADDRESSES", "地址"),
        word!("FILE", "文件"),
    ];
    let mut text = output::table(&headings, rows);
    for finding in what_is_wrong(collection) {
        text.push_str(&say!("\n\nwrong: {finding}", "\n\n有误：{finding}"));
    }
    let ready = collection.findings().is_empty() && collection.missing().is_empty();
    if ready {
        let explanation = collection.invitation().explain().map_err(|e| wrong(None, &e))?;
        text.push_str(&format!("\n\n{}", words(&explanation)));
        text.push_str(&say!(
            "\nall have joined: make the document with `tuan genesis seal`",
            "\n全部到齐：请用 `tuan genesis seal` 生成创世文件"
        ));
    }
    Ok(text)
}

fn check_mine(genesis: &Genesis, path: &Path) -> Result<(), Failure> {
    let mine = parse(path, &input::file_text(path)?, Contribution::parse)?;
    mine.verify().map_err(|error| wrong_contribution(&error))?;
    let differences = genesis.differences_from(&mine);
    if differences.is_empty() {
        return Ok(());
    }
    let found = differences.into_iter().map(here).collect::<Vec<_>>().join("\n  ");
    Err(Failure::refused(say!(
        "this is not what {} has signed:\n  {found}",
        "这不是 {} 签字同意的内容：\n  {found}",
        mine.name
    ))
    .help(say!(
        "do not use this document; ask the founder and the other members",
        "请勿使用这份文件；请询问发起人和其他成员"
    )))
}

fn check_phrase(genesis: &Genesis, told: &str) -> Result<(), Failure> {
    let phrase = Phrase::parse(told).ok_or_else(|| {
        Failure::usage(say!("{told:?} is no phrase", "{told:?} 不是核对码"))
            .help(say!("a phrase is nine groups of four digits", "核对码是九组四位数字"))
    })?;
    if phrase == Phrase::of(&genesis.chain) {
        return Ok(());
    }
    Err(Failure::refused(say!(
        "the other one has another founding document",
        "对方手里的是另一份创世文件"
    ))
    .help(say!(
        "read the phrases to each other again; if they differ, do not start a node",
        "请再念一遍核对；若仍不同，不要启动节点"
    )))
}

/// What a founding document was found to agree with.
#[derive(Debug, Clone, Copy, Default)]
struct Compared {
    mine: bool,
    phrase: bool,
}

fn report(
    genesis: &Genesis,
    first: &str,
    compared: Compared,
    output: Output,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Answer {
        chain: String,
        founding: String,
        phrase: String,
        mine: bool,
        /// The phrase that was given is this one.
        phrase_agrees: bool,
        tolerated: usize,
        explanation: Vec<String>,
        warnings: Vec<String>,
    }
    let Compared { mine, phrase: phrase_agrees } = compared;
    let explanation = genesis.explain();
    let phrase = Phrase::of(&genesis.chain);
    let mut text = format!("{first}\n\n{}", words(&explanation));
    if mine {
        text.push_str(&say!(
            "\nYour own keys and all that you said yes to stand in it unchanged.\n",
            "\n您自己的密钥以及您同意的内容都在其中，未被改动。\n"
        ));
    }
    if phrase_agrees {
        text.push_str(&say!(
            "\nThe phrase is the same as yours: both have the same founding document.\n",
            "\n对方念的核对码与您的一致：双方手里是同一份创世文件。\n"
        ));
    }
    text.push_str(&say!(
        "\nRead this to every other member, row by row, before you start a node:\n",
        "\n启动节点之前，请与其他每个成员逐行念读核对：\n"
    ));
    for row in phrase.rows() {
        text.push_str(&format!("\n    {row}"));
    }
    let answer = Answer {
        chain: genesis.chain.to_string(),
        founding: genesis.founding.to_string(),
        phrase: phrase.to_string(),
        mine,
        phrase_agrees,
        tolerated: explanation.tolerated,
        explanation: explanation.sentences.into_iter().map(here).collect(),
        warnings: explanation.warnings.into_iter().map(here).collect(),
    };
    output.data(&text, &answer)
}

fn words(explanation: &Explanation) -> String {
    let mut text = String::new();
    for sentence in &explanation.sentences {
        text.push_str(&format!("{}\n", here(sentence.clone())));
    }
    for warning in &explanation.warnings {
        text.push_str(&say!("warning: {}\n", "警告：{}\n", here(warning.clone())));
    }
    text
}

fn role(role: Role) -> String {
    word!(role.name(), role_zh(role)).to_owned()
}

fn votes(votes: u64) -> String {
    if votes == 0 { String::new() } else { votes.to_string() }
}

/// A row for a member: its name, role, votes, relations, addresses.
struct MemberRow {
    name: String,
    role: Role,
    votes: u64,
    related: String,
    addresses: String,
}

fn show_invitation(invitation: &Invitation) -> Result<String, Failure> {
    let explanation = invitation.explain().map_err(|error| wrong(None, &error))?;
    let members = invitation.members.iter().map(|invited| MemberRow {
        name: invited.name.to_string(),
        role: invited.role,
        votes: invited.votes,
        related: invited.related.join(" "),
        addresses: String::new(),
    });
    let channels = invitation.channels.iter().map(|c| (c.name.to_string(), c.custodian.clone()));
    let parts = parts(members, channels, &invitation.policy, &invitation.consensus)?;
    let (name, founded) = (invitation.name, output::time(invitation.created()));
    let first = say!(
        "name     {name}\nfounded  {founded} (UTC+8)",
        "链名      {name}\n创世时间  {founded}（UTC+8）"
    );
    Ok(format!("{first}\n\n{parts}\n\n{}", words(&explanation)))
}

fn show(genesis: &Genesis) -> String {
    let name = |id: MemberId| {
        genesis.member(id).map_or_else(|| id.to_string(), |member| member.name.to_string())
    };
    let power: BTreeMap<MemberId, u64> =
        genesis.validators.validators().iter().map(|v| (v.member, v.power.get())).collect();
    let node = |id| genesis.nodes.iter().find(|node| node.member == id);
    let members = (0u16..).map(MemberId::new).zip(&genesis.members).map(|(id, m)| MemberRow {
        name: m.name.to_string(),
        role: m.role,
        votes: power.get(&id).copied().unwrap_or_default(),
        related: m.related.iter().map(|other| name(*other)).collect::<Vec<_>>().join(" "),
        addresses: node(id).map_or(String::new(), |node| node.addresses.join(" ")),
    });
    let channels = &genesis.document().channels;
    let channels = channels.iter().map(|c| (c.name.to_string(), c.custodian.clone()));
    let document = genesis.document();
    // The sections of a checked document are tables.
    let parts = parts(members, channels, &document.policy, &document.consensus).unwrap_or_default();
    let (chain, founded) = (genesis.chain, output::time(genesis.created));
    let first = say!(
        "name     {}\nchain    {chain}\nfounded  {founded} (UTC+8)",
        "链名      {}\n链号      {chain}\n创世时间  {founded}（UTC+8）",
        genesis.name
    );
    format!("{first}\n\n{parts}")
}

/// Tables of members, channels and settings.
fn parts(
    members: impl Iterator<Item = MemberRow>,
    channels: impl Iterator<Item = (String, String)>,
    policy: &PolicySection,
    consensus: &ConsensusSection,
) -> Result<String, Failure> {
    let rows = members.enumerate().map(|(id, m)| {
        vec![id.to_string(), m.name, role(m.role), votes(m.votes), m.related, m.addresses]
    });
    let headings = [
        word!("ID", "编号"),
        word!("NAME", "名称"),
        word!("ROLE", "角色"),
        word!("VOTES", "票数"),
        word!("RELATED TO", "关联"),
        word!("ADDRESSES", "地址"),
    ];
    let members = output::table(&headings, rows);
    let channels = output::table(
        &[word!("CHANNEL", "渠道"), word!("CUSTODIAN", "保管方")],
        channels.map(|(name, custodian)| vec![name, custodian]),
    );
    let settings = |section: toml::Table| {
        let rows = section.iter().map(|(name, value)| (plain_name(name), plain_value(name, value)));
        rows.collect::<BTreeMap<_, _>>()
    };
    let settings = settings(table(policy)?).into_iter().chain(settings(table(consensus)?));
    let settings = output::table(
        &[word!("SETTING", "设置"), word!("VALUE", "值")],
        settings.map(|(name, value)| vec![name, value]),
    );
    Ok(format!("{members}\n\n{channels}\n\n{settings}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Arguments, exit};
    use clap::Parser as _;
    use genesis::Address;
    use ledger_core::crypto::SecretKey;

    pub(crate) const CREATED_MS: u64 = 1_767_225_600_000;
    const CAST: [&str; 5] =
        ["property", "committee", "supplier-a=supplier", "supplier-b=supplier", "leader-li=leader"];

    pub(crate) fn member_key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    fn pair(text: &str) -> Pair {
        text.parse().expect("a pair")
    }

    fn invitation() -> Invitation {
        let members = CAST.map(|text| text.parse().expect("a member"));
        invite(
            "orchard-1".parse().expect("a name"),
            TimestampMs::new(CREATED_MS),
            &members,
            &[pair("wechat=property"), pair("cash=committee")],
            &[],
            &[pair("heartbeat=1m")],
        )
        .expect("a good invitation")
    }

    /// The card of a node with keys `member_key(101..)` and `member_key(201..)`.
    fn node_card(invitation: &Invitation, seed: u8, name: &str) -> NodeCard {
        let address = Address::advertised(&format!("127.0.0.1:700{seed}")).expect("an address");
        let (validator, transport) = (member_key(seed + 100), member_key(seed + 200));
        let name = name.parse().expect("a name");
        NodeCard::new(&invitation.founding(), name, &validator, &transport, &[address])
    }

    /// A chain of four organisations and a leader; member keys are `member_key(1..=5)`.
    pub(crate) fn orchard() -> Genesis {
        let invitation = invitation();
        let received = (1u8..).zip(&invitation.members).map(|(seed, invited)| {
            let card = node_card(&invitation, seed, invited.name.as_str());
            let card = (invited.votes > 0).then_some(&card);
            let contribution =
                Contribution::sign(invitation.clone(), invited.name, &member_key(seed), &[], card);
            Received { from: String::new(), contribution: contribution.expect("joins") }
        });
        Collection::new(invitation.clone(), received.collect()).seal().expect("founds a chain")
    }

    /// What a user types in a folder, and how it ends.
    struct Terminal(tempfile::TempDir);

    impl Terminal {
        fn open() -> Self {
            let terminal = Self(tempfile::tempdir().expect("a folder"));
            terminal.write("passphrase", "a long one");
            terminal
        }

        fn path(&self, name: &str) -> String {
            self.0.path().join(name).display().to_string()
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.path(name), text).expect("writes");
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).expect("reads")
        }

        /// Words that begin with `@` are files of the folder.
        fn tuan(&self, line: &str) -> Result<(), Failure> {
            let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
                Some(name) => self.path(name),
                None => word.to_owned(),
            });
            let mut words: Vec<String> = words.collect();
            words.splice(0..0, ["tuan".to_owned(), "--lang".to_owned(), "en".to_owned()]);
            words.extend(["--passphrase-file".to_owned(), self.path("passphrase")]);
            crate::run(Arguments::try_parse_from(words).expect(line))
        }

        fn refused(&self, line: &str, number: u8, part: &str) {
            let failure = self.tuan(line).expect_err(line);
            let text = failure.to_string();
            assert_eq!(failure.number(), number, "{text}");
            assert!(text.contains(part) && text.contains("help:"), "{part}: {text}");
        }
    }

    #[test]
    fn a_chain_is_founded_by_commands_alone() {
        let it = Terminal::open();
        it.tuan(
            "genesis invite --name orchard-1 --member property --member committee \
             --member supplier-a=supplier --member supplier-b=supplier --member leader-li=leader \
             --channel wechat=property --related supplier-b=property --out @invitation.toml",
        )
        .expect("invites");
        fs::create_dir(it.path("in")).expect("makes a folder");
        let invitation = load_invitation(Path::new(&it.path("invitation.toml"))).expect("reads");
        for (seed, invited) in (1u8..).zip(&invitation.members) {
            let name = invited.name;
            it.tuan(&format!("key new --out @{name}.pem")).expect("makes a key");
            let mut join = format!(
                "genesis join @invitation.toml --name {name} --key @{name}.pem --out @in/{name}.toml"
            );
            if invited.votes > 0 {
                it.refused(&join, exit::USAGE, "brings no node");
                let card = node_card(&invitation, seed, name.as_str());
                it.write(&format!("{name}.card"), &card.to_toml());
                join.push_str(&format!(" --node-card @{name}.card"));
            }
            it.tuan(&join).expect("joins");
            if seed == 1 {
                it.refused(
                    "genesis collect @invitation.toml @in",
                    exit::INCOMPLETE,
                    "still missing: committee, supplier-a, supplier-b, leader-li",
                );
            }
        }

        // A messenger has damaged one file, and a stranger has sent one in the committee's name.
        let good = it.read("in/supplier-a.toml");
        it.write("in/supplier-a.toml", &good.replace("/tcp/7003", "/tcp/7009"));
        it.refused(
            "genesis seal @invitation.toml @in --out @genesis.toml",
            exit::REFUSED,
            "changed, or forged",
        );
        // The answer has named it; the error does not say it again.
        it.refused("genesis collect @invitation.toml @in", exit::REFUSED, "cannot be used yet");
        it.write("in/supplier-a.toml", &good);
        it.tuan("key new --out @stranger.pem").expect("makes a key");
        it.tuan(
            "genesis join @invitation.toml --name committee --key @stranger.pem \
             --node-card @committee.card --out @in/stranger.toml",
        )
        .expect("anybody can write a file");
        it.refused(
            "genesis seal @invitation.toml @in --out @genesis.toml",
            exit::REFUSED,
            "two different contributions of committee",
        );
        fs::remove_file(it.path("in/stranger.toml")).expect("removes");

        it.tuan("genesis collect @invitation.toml @in").expect("all are there");
        let other = it.read("invitation.toml").replacen("orchard-1", "orchard-2", 2);
        it.write("other.toml", &other.replacen("created_ms = 1", "created_ms = 2", 1));
        it.refused(
            "genesis seal @other.toml @in --out @genesis.toml",
            exit::REFUSED,
            "the invitation named here is the wrong one",
        );
        it.tuan("genesis seal @invitation.toml @in --out @genesis.toml").expect("seals");
        let genesis = load(Path::new(&it.path("genesis.toml"))).expect("reads");
        let phrase = Phrase::of(&genesis.chain).to_string().replace([' ', '/'], "");
        for invited in &invitation.members {
            let name = invited.name;
            let check = format!("genesis check @genesis.toml --mine @in/{name}.toml");
            it.tuan(&format!("{check} --phrase {phrase}")).expect("stands in it");
        }
        let wrong = phrase.replace(&phrase[..1], "");
        let wrong = format!("{wrong:0<36}");
        let check = "genesis check @genesis.toml --phrase";
        it.refused(&format!("{check} {wrong}"), exit::REFUSED, "another founding document");
        it.refused(&format!("{check} 12"), exit::USAGE, "no phrase");

        // The founder gives the property company more votes than was agreed.
        let stronger = it.read("genesis.toml").replacen("power = 1", "power = 9", 1);
        it.write("stronger.toml", &stronger);
        it.refused(
            "genesis check @stronger.toml --mine @in/leader-li.toml",
            exit::REFUSED,
            "property was invited with 1 votes and has 9",
        );
        it.refused(
            "genesis check @genesis.toml --mine @invitation.toml",
            exit::SETUP,
            "is an invitation",
        );
        it.tuan("genesis show @invitation.toml").expect("shows");
        it.tuan("genesis show @genesis.toml").expect("shows");
    }

    #[test]
    fn what_the_founder_writes_is_read_or_told_what_is_wrong() {
        let it = Terminal::open();
        let start = "genesis invite --name orchard-1 --out @invitation.toml --member property \
                     --member committee --member supplier-a=supplier";
        for (rest, number, part) in [
            ("--channel wechat=property", exit::USAGE, "there is no leader"),
            ("--channel wechat=li --member li=leader", exit::USAGE, "no organisation"),
            ("--channel wechat=property --member li=leader:1", exit::USAGE, "no organisation"),
            (
                "--channel wechat=property --member li=leader --set heartbeet=1h",
                exit::USAGE,
                "no setting heartbeet",
            ),
            (
                "--channel wechat=property --member li=leader --set heartbeat=soon",
                exit::USAGE,
                "no length of time",
            ),
            (
                "--channel wechat=property --member li=leader --set heartbeat=0h",
                exit::USAGE,
                "policy.heartbeat_ms is 0",
            ),
            (
                "--channel wechat=property --member li=leader --related wang=property",
                exit::USAGE,
                "wang, who is not invited",
            ),
        ] {
            it.refused(&format!("{start} {rest}"), number, part);
        }
        it.tuan(&format!(
            "{start} --channel wechat=property --member li=leader --set heartbeat=90s \
             --set payment-max=500.50 --set propose=2s"
        ))
        .expect("invites");
        let invitation = load_invitation(Path::new(&it.path("invitation.toml"))).expect("reads");
        assert_eq!(invitation.policy.heartbeat_ms, 90_000);
        assert_eq!(invitation.policy.payment_max_fen, 50_050);
        assert_eq!(invitation.consensus.propose_ms, 2_000);
        let shown = show_invitation(&invitation).expect("shows");
        assert!(shown.contains("90s") && shown.contains("500.50"), "{shown}");
        for bad in ["property=owner", "=property", "a=supplier:x", "白菜=supplier"] {
            assert!(bad.parse::<MemberOption>().is_err(), "{bad}");
        }
    }
}
