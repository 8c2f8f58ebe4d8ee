//! The founder checks what has come, and seals it.

use super::{
    check::{Compared, report},
    document::{heading, here, kind, kinds, load_invitation, parse, write, wrong},
    show::{role, votes, words},
};
use crate::{
    exit::Failure,
    files::because,
    input,
    lang::{say, word},
    output::{self, Output},
};
use genesis::{Collection, Contribution, MEMBERS_MAX, Received, SealError};
use ledger_core::types::Code;
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Most entries of a folder that are looked at.
const FOLDER_ENTRIES_MAX: usize = 10 * MEMBERS_MAX;

/// Runs `tuan genesis collect`.
pub(super) fn collect(invitation: &Path, from: &[PathBuf], output: Output) -> Result<(), Failure> {
    let collection = gather(invitation, from, output)?;
    let answer = Collected::of(&collection);
    output.data(&show_collection(&collection)?, &answer)?;
    answer.verdict(true)
}

/// Runs `tuan genesis seal`.
pub(super) fn seal(
    invitation: &Path,
    from: &[PathBuf],
    out: &Path,
    output: Output,
) -> Result<(), Failure> {
    let collection = gather(invitation, from, output)?;
    Collected::of(&collection).verdict(false)?;
    let genesis = collection.seal().map_err(|error| match error {
        SealError::Genesis(error) => wrong(None, &error),
        SealError::NotReady => Failure::bug(error.to_string()),
    })?;
    write(out, &heading(collection.invitation()), &genesis.to_toml())?;
    let file = out.display();
    let first = say!("ok: chain {} in {file}", "创世文件已写入 {file}，链号 {}", genesis.chain);
    report(&genesis, &first, Compared::default(), output)?;
    output.note(&say!(
        "send {file} to every member; each checks it with `tuan genesis check {file} --mine ITS-OWN-FILE`",
        "请把 {file} 发给每个成员；各成员用 `tuan genesis check {file} --mine 自己的加入文件` 核对"
    ));
    Ok(())
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
        let (folder, error) = (folder.display(), because(&error));
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
