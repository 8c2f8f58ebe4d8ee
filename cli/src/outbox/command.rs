//! `tuan outbox`: what waits, sending it, dropping it.

use super::{
    send::in_one_line,
    settle::{Left, Settled, SignAgain},
    store::{Content, Heard, Kept, Listed, Outbox, Taken},
    words,
};
use crate::{
    clock::now,
    exit::Failure,
    lang::{say, word},
    output::{self, plain},
    session::{Entered, Outcome, Session},
};
use clap::{Args, Subcommand};
use ledger_core::{
    crypto::TransactionId,
    types::{GroupBuyId, TimestampMs},
};
use serde::Serialize;
use std::{
    io::{self, BufRead as _, IsTerminal as _},
    time::Duration,
};

/// How long to wait for an entry after another was waited for in vain: if the chain stands still, not as
/// long as for the first.
const AFTER_WAITING: Duration = Duration::from_secs(3);
/// Shortest beginning of an id that names an entry.
const PREFIX_MIN: usize = 6;

/// `tuan outbox`.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// Lists what was signed here and is not proven to be in the ledger
    List,
    /// Sends it again; what has expired is signed again, for which --key is needed
    Retry(RetryArgs),
    /// Forgets a transaction; if it was ever sent, it may still be decided
    Drop {
        /// Its id, or the beginning of it
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// `tuan outbox retry`.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Ids, or their beginnings; else everything
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Everything, oldest first
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

/// An entry as it is listed.
#[derive(Debug, Serialize)]
struct Line {
    id: TransactionId,
    what: String,
    group_buy: Option<GroupBuyId>,
    author: String,
    signed_at_ms: TimestampMs,
    expires_ms: TimestampMs,
    expired: bool,
    /// No node can have it.
    reached_nobody: bool,
    tried_at_ms: Option<TimestampMs>,
    /// What was last heard, for programs and in words.
    last_heard: Option<Heard>,
    last_error: Option<String>,
    earlier: Vec<TransactionId>,
}

/// A file that cannot be read.
#[derive(Debug, Serialize)]
struct Damaged {
    file: String,
    reason: String,
}

/// What became of one entry.
#[derive(Debug, Serialize)]
struct Tried {
    id: String,
    outcome: Kind,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<Entered>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Entered,
    AlreadyDone,
    Sent,
    Refused,
    Left,
    Unreachable,
    Busy,
    Damaged,
    Failed,
}

/// Runs `tuan outbox`.
///
/// # Errors
/// A setup [`Failure`] if chain or folder cannot be used; one that says what is left after a retry.
pub(crate) fn run(command: &OutboxCommand, session: &Session) -> Result<(), Failure> {
    let outbox = session.outbox()?;
    match command {
        OutboxCommand::List => list(&outbox, session),
        OutboxCommand::Retry(args) => retry(&outbox, &args.ids, session),
        OutboxCommand::Drop { id, yes } => drop(&outbox, id, *yes, session),
    }
}

fn list(outbox: &Outbox, session: &Session) -> Result<(), Failure> {
    let names = session.names()?;
    let now = now()?;
    let (mut waiting, mut damaged) = (Vec::new(), Vec::new());
    for Listed { name, content, note } in outbox.list()? {
        match content {
            Ok(content) => {
                let body = content.transaction.transaction();
                waiting.push(Line {
                    id: content.id(),
                    what: words::what(&body.action),
                    group_buy: body.action.group_buy(),
                    author: names.name(body.author),
                    signed_at_ms: content.signed_at,
                    expires_ms: body.expires,
                    expired: now >= body.expires,
                    reached_nobody: note.reached_nobody,
                    tried_at_ms: note.tried_at_ms,
                    last_error: note.heard.as_ref().map(|heard| session.tell_heard(heard)),
                    last_heard: note.heard,
                    earlier: content.earlier,
                });
            }
            Err(reason) => damaged.push(Damaged { file: format!("{name}.json"), reason }),
        }
    }
    for Damaged { file, reason } in &damaged {
        session.output.note(&say!(
            "{file} in the outbox cannot be read: {reason}",
            "待发箱中的 {file} 无法读取：{reason}"
        ));
    }
    let text = table(&waiting);
    session.output.data(&text, &serde_json::json!({ "waiting": waiting, "damaged": damaged }))
}

fn table(waiting: &[Line]) -> String {
    if waiting.is_empty() {
        return word!("ok: nothing waits in the outbox", "完成：待发箱是空的").to_owned();
    }
    let rows = waiting.iter().map(|line| {
        let expires = output::time(line.expires_ms);
        let state = line
            .last_error
            .clone()
            .unwrap_or_else(|| word!("may have been sent", "可能已发出").to_owned());
        vec![
            line.id.short(),
            line.what.clone(),
            line.group_buy.map_or_else(String::new, |id| id.to_string()),
            line.author.clone(),
            output::time(line.signed_at_ms),
            if line.expired { say!("{expires} (past)", "{expires}（已过）") } else { expires },
            state,
        ]
    });
    let headings = [
        word!("ID", "编号"),
        word!("WHAT", "内容"),
        word!("GROUP BUY", "团购"),
        word!("BY", "签署人"),
        word!("SIGNED", "签名时间"),
        word!("EXPIRES", "有效至"),
        word!("LAST HEARD", "最近情况"),
    ];
    output::table(&headings, rows)
}

/// The names of the entries that texts name, in the order of the outbox; all for none.
fn named(outbox: &Outbox, texts: &[String]) -> Result<Vec<String>, Failure> {
    let names = outbox.names()?;
    let mut chosen = Vec::new();
    for text in texts {
        let wanted = text.to_ascii_lowercase();
        if wanted.len() < PREFIX_MIN {
            return Err(Failure::usage(say!(
                "{text:?} is too short for the id of a transaction",
                "{text:?} 作为交易编号太短"
            ))
            .help(say!(
                "give at least {PREFIX_MIN} characters of it; see `tuan outbox list`",
                "至少写 {PREFIX_MIN} 位；用 tuan outbox list 查看"
            )));
        }
        let is_it = |name: &&String| {
            // A damaged file is named as it is called.
            name.rsplit('-').next().is_some_and(|id| id.starts_with(&wanted))
                || wanted.trim_end_matches(".json") == **name
        };
        let mut found = names.iter().filter(is_it);
        match (found.next(), found.next()) {
            (Some(name), None) => chosen.push(name.clone()),
            (None, _) => {
                return Err(Failure::refused(say!(
                    "nothing in the outbox has the id {text}",
                    "待发箱中没有编号为 {text} 的交易"
                ))
                .help(word!(
                    "see `tuan outbox list`; what is in the ledger is in `tuan receipt list`",
                    "用 tuan outbox list 查看；已入账的见 tuan receipt list"
                )));
            }
            (Some(_), Some(_)) => {
                return Err(Failure::usage(say!(
                    "several ids in the outbox begin with {text}",
                    "待发箱中以 {text} 开头的编号不止一个"
                ))
                .help(word!("give more characters of the id", "请多写几位编号")));
            }
        }
    }
    if texts.is_empty() {
        return Ok(names);
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

fn retry(outbox: &Outbox, ids: &[String], session: &Session) -> Result<(), Failure> {
    let mut tried = Vec::new();
    let (mut silence, mut stands_still) = (false, false);
    for name in named(outbox, ids)? {
        let one = match outbox.take(&name)? {
            Taken::Gone => continue,
            Taken::Kept(kept) if silence => {
                // Nobody answered a moment ago; the rest would only wait for the same.
                Tried::new(&kept.content, Kind::Unreachable, word!("not tried", "未尝试"))
            }
            Taken::Kept(mut kept) => {
                let patience = match stands_still {
                    true => session.patience().map(|patience| patience.min(AFTER_WAITING)),
                    false => session.patience(),
                };
                try_one(&mut kept, patience, session)
            }
            Taken::Busy => {
                let text = word!("another tuan works on it", "另一个 tuan 正在处理").to_owned();
                Tried { id: short(&name), outcome: Kind::Busy, text, transaction: None }
            }
            Taken::Damaged(text) => {
                Tried { id: name, outcome: Kind::Damaged, text, transaction: None }
            }
        };
        silence = one.outcome == Kind::Unreachable;
        stands_still = one.outcome == Kind::Left;
        tried.push(one);
    }
    let line = |one: &Tried| {
        let Tried { id, text, .. } = one;
        say!("{id}: {text}", "{id}：{text}")
    };
    let mut lines: Vec<_> = tried.iter().map(line).collect();
    if lines.is_empty() {
        lines.push(word!("ok: nothing waits in the outbox", "完成：待发箱是空的").to_owned());
    }
    session.output.data(&lines.join("\n"), &tried)?;
    verdict(&tried)
}

fn try_one(kept: &mut Kept, patience: Option<Duration>, session: &Session) -> Tried {
    let settled = session.settle(kept, patience, SignAgain::Yes);
    let content = &kept.content;
    match settled {
        Ok(Settled::Done(outcome)) => {
            let kind = match &outcome {
                Outcome::Entered(_) => Kind::Entered,
                Outcome::AlreadyDone(_) => Kind::AlreadyDone,
                Outcome::Pending(_) => Kind::Sent,
                Outcome::Refused(_) => Kind::Refused,
            };
            let mut tried = Tried::new(content, kind, &session.tell_outcome(&outcome));
            if let Outcome::Entered(entered) = outcome {
                tried.transaction = Some(entered);
            }
            tried
        }
        Ok(Settled::Left(Left { reason, unreachable: true, .. })) => {
            Tried::new(content, Kind::Unreachable, &reason)
        }
        Ok(Settled::Left(Left { reason, .. })) => Tried::new(content, Kind::Left, &reason),
        // One that cannot be signed again, for want of a key, does not hold up the others.
        Err(failure) => Tried::new(content, Kind::Failed, &in_one_line(&failure)),
    }
}

impl Tried {
    fn new(content: &Content, outcome: Kind, text: &str) -> Self {
        let what = words::what(content.action());
        let text = plain(text);
        let text = say!("{what}: {text}", "{what}：{text}");
        Self { id: content.id().short(), outcome, text, transaction: None }
    }
}

/// How a retry ends: what is left counts for more than what was refused.
fn verdict(tried: &[Tried]) -> Result<(), Failure> {
    let count = |kinds: &[Kind]| tried.iter().filter(|one| kinds.contains(&one.outcome)).count();
    let unreachable = count(&[Kind::Unreachable]);
    let left = count(&[Kind::Left, Kind::Busy, Kind::Damaged, Kind::Failed]);
    let refused = count(&[Kind::Refused]);
    let all = unreachable + left;
    let rest = say!("left in the outbox: {all}", "待发箱中还剩 {all} 笔交易");
    if unreachable > 0 {
        return Err(Failure::unreachable(rest).help(word!(
            "no node answers; check the network, or name other nodes with --node",
            "没有节点应答；请检查网络，或用 --node 指定其他节点"
        )));
    }
    if left > 0 {
        return Err(Failure::incomplete(rest).help(word!(
            "see `tuan outbox list`; try again later, or name other nodes with --node",
            "用 tuan outbox list 查看；请稍后重试，或用 --node 指定其他节点"
        )));
    }
    if refused > 0 {
        return Err(Failure::refused(say!(
            "refused, and no longer in the outbox: {refused}",
            "{refused} 笔交易被拒绝，已移出待发箱"
        ))
        .help(word!(
            "the ledger did not take them; enter what is right instead",
            "账本未收录；请按正确内容重新录入"
        )));
    }
    Ok(())
}

fn drop(outbox: &Outbox, id: &str, yes: bool, session: &Session) -> Result<(), Failure> {
    let name = named(outbox, &[id.to_owned()])?.pop().unwrap_or_default();
    let warning = match outbox.take(&name)? {
        Taken::Kept(kept) => {
            let (id, what) = (kept.id().short(), words::what(kept.content.action()));
            let expires = output::time(kept.content.expires());
            let unknown = if kept.reached_nobody {
                word!("it has reached no node", "它没有到达任何节点").to_owned()
            } else {
                say!(
                    "it may have reached a node and may still be decided until {expires}",
                    "它可能已到达节点，在 {expires} 之前仍可能入账"
                )
            };
            ask(yes, &format!("{id} ({what}): {unknown}"))?;
            kept.remove()?;
            unknown
        }
        Taken::Damaged(reason) => {
            ask(yes, &format!("{name}: {reason}"))?;
            outbox.remove_damaged(&name)?;
            reason
        }
        Taken::Busy => {
            return Err(Failure::incomplete(word!(
                "another tuan works on it",
                "另一个 tuan 正在处理"
            ))
            .help(word!("wait until it has ended", "请等它结束")));
        }
        Taken::Gone => word!("it was done meanwhile", "它已完成").to_owned(),
    };
    let id = short(&name);
    let text = say!("ok: {id} is forgotten; {warning}", "完成：已丢弃 {id}；{warning}");
    session.output.data(&text, &serde_json::json!({ "dropped": id, "note": warning }))
}

/// Asks on the terminal; anything but yes ends the command.
fn ask(yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(say!("{what}; nobody is there to ask", "{what}；无人可确认"))
            .help(word!("add --yes to drop it", "确认丢弃请加 --yes")));
    }
    eprint!("{} ", say!("{what}. Drop it? [y/N]", "{what}。丢弃吗？[y/N]"));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" | "是" if read.is_ok() => Ok(()),
        _ => Err(Failure::refused(word!("nothing was dropped", "未丢弃"))
            .help(word!("answer y to drop it", "确认丢弃请回答 y"))),
    }
}

/// The short id in the name of an entry.
fn short(name: &str) -> String {
    name.rsplit('-').next().unwrap_or(name).chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::{self, Language};

    #[test]
    fn what_waits_is_listed_on_narrow_terminals_without_breaking_a_number() {
        let heard =
            "a node refuses it (payment W1 was recorded as ¥1234567.89), but another may have it";
        let line = || Line {
            id: TransactionId::new([0xab; 32]),
            what: "books 1234567.89 yuan that came in as W1".into(),
            group_buy: "veg-0105".parse().ok(),
            author: "leader-li".into(),
            signed_at_ms: TimestampMs::new(1_767_225_600_000),
            expires_ms: TimestampMs::new(1_767_229_200_000),
            expired: true,
            reached_nobody: false,
            tried_at_ms: None,
            last_heard: None,
            last_error: Some(heard.into()),
            earlier: Vec::new(),
        };
        for columns in [50, 80] {
            let told = output::tests::on_a_terminal(columns, || {
                let english = table(&[line()]);
                format!("{english}\n\n{}", lang::within(Language::Zh, || table(&[line()])))
            });
            insta::assert_snapshot!(format!("outbox_{columns}"), told);
        }
    }
}
