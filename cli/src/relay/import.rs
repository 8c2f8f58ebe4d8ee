//! Asks what a list leaves open, shows what was understood, and sends what the leader confirms.

use super::{
    console::{Console, Reply, converse},
    door::Doors,
    lines::total_of,
    memory::{Fact, Memory, NOTHING},
    plan::{Kind, Plan, plan},
    question,
    reading::Reading,
    show,
    text::{self, LIST_BYTES_MAX},
};
use crate::{
    exit::Failure,
    import::{self as batch, Item, Report},
    input,
    lang::{say, word},
    offer::order_action,
    output,
    session::Session,
};
use clap::{Args, Subcommand};
use ledger_core::{
    api::OpenGroupBuy,
    codec::encode,
    fund::{Filing, OrderRequest},
    types::{Code, Fen, GroupBuyId},
};
use serde_json::json;
use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// What only relay lists need.
#[derive(Debug, Default, Args)]
pub(crate) struct RelayOptions {
    /// Relay list: WORD=ITEM or WORD=ITEM@PRICE for a good, WORD=- for a name or remark, WORD/UNIT=AMOUNT for what one unit is; repeatable
    #[arg(long = "alias", value_name = "WORD=MEANING")]
    aliases: Vec<String>,
    /// Relay list: who a name is; repeatable
    #[arg(long = "who", value_name = "NAME=HOUSEHOLD")]
    who: Vec<String>,
    /// Relay list: its name, if the group buy has several lists
    #[arg(long, value_name = "NAME")]
    list: Option<Code<16>>,
    /// Relay list: withdraw orders whose households it does not mention any more
    #[arg(long)]
    withdraw_missing: bool,
}

/// `tuan order aliases`.
#[derive(Debug, Subcommand)]
pub(crate) enum AliasCommand {
    /// Lists what was answered about words, households and entries
    List,
    /// Forgets a word, a household's name, or a group buy
    Forget {
        /// The word
        word: String,
    },
}

impl RelayOptions {
    /// Whether any of them is given.
    pub(crate) fn any(&self) -> bool {
        let Self { aliases, who, list, withdraw_missing } = self;
        !aliases.is_empty() || !who.is_empty() || list.is_some() || *withdraw_missing
    }

    /// What they state.
    fn facts(&self, filing: &Filing, doors: &Doors) -> Result<Vec<Fact>, Failure> {
        let aliases = self.aliases.iter().map(|text| alias(text, filing));
        let who = self.who.iter().map(|text| who(text, doors));
        aliases.chain(who).collect()
    }
}

fn plain(word: &str) -> String {
    text::line(word).text
}

fn alias(text: &str, filing: &Filing) -> Result<Fact, Failure> {
    let wrong = || {
        Failure::usage(say!("{text:?} is no alias", "{text:?} 不是别名")).help(say!(
            "write --alias 土豆=ITEM, 土豆=ITEM@PRICE, 土豆/份=5斤 or 小李=-",
            "写成 --alias 土豆=商品编码、土豆=编码@单价、土豆/份=5斤 或 小李=-"
        ))
    };
    let (word, meaning) = text.split_once('=').ok_or_else(wrong)?;
    if let Some((word, unit)) = word.split_once('/') {
        let amount = question::portion_text(meaning).ok_or_else(wrong)?;
        return Ok(Fact::Portion { word: plain(word), unit: plain(unit), amount });
    }
    let word = plain(word);
    if word.is_empty() {
        return Err(wrong());
    }
    if meaning == NOTHING {
        return Ok(Fact::Good { word, item: None });
    }
    let item = question::typed_offer(meaning, filing).ok_or_else(|| {
        let id = filing.group_buy;
        wrong().help(say!(
            "the filing has to offer exactly one {meaning}; see `tuan buy show {id}`",
            "备案中须恰好有一个 {meaning}；见 `tuan buy show {id}`"
        ))
    })?;
    Ok(Fact::Good { word, item: Some(item) })
}

fn who(text: &str, doors: &Doors) -> Result<Fact, Failure> {
    let split = text.split_once('=').map(|(name, number)| (plain(name), doors.find(number)));
    match split {
        Some((written, Some(number))) if !written.is_empty() => {
            Ok(Fact::Household { written, number })
        }
        _ => Err(Failure::usage(say!("{text:?} names no household", "{text:?} 没有指明住户"))
            .help(say!(
                "write --who 王姐=3-201, with a household of the directory",
                "写成 --who 王姐=3-201，户号须在住户册中"
            ))),
    }
}

/// Reads a list, asks, shows, and enters what was confirmed.
///
/// # Errors
/// A usage [`Failure`] for a list that cannot be read, an incomplete one if something stays unclear, a
/// refused one if the leader or the ledger says no.
pub(crate) fn import(
    session: &Session,
    file: &Path,
    group_buy: &GroupBuyId,
    options: &RelayOptions,
    dry_run: bool,
    yes: bool,
) -> Result<(), Failure> {
    let lines = text::lines(&list_text(file)?);
    if lines.iter().all(|line| line.original.trim().is_empty()) {
        return Err(Failure::usage(word!("the list is empty", "接龙是空的").to_owned()).help(
            say!(
                "copy the whole relay list from the chat, and paste or save it",
                "请从群里复制整份接龙，粘贴或存成文件"
            ),
        ));
    }
    let view = session.group_buy(group_buy)?;
    let tags = session.tags(group_buy)?;
    let doors = Doors::new(tags.numbers());
    let path = memory_path(session)?;
    let mut memory = Memory::load(&path)?;
    let facts = options.facts(&view.filing, &doors)?;
    facts.iter().for_each(|fact| memory.learn(fact, &view.filing));
    // A dry run leaves nothing behind.
    let keep = |memory: &Memory| if dry_run { Ok(()) } else { memory_saved(memory, &path) };
    if !facts.is_empty() {
        keep(&memory)?;
    }
    let mut console = Console::open(yes);
    let reading = converse(&lines, &view.filing, &doors, &mut memory, |question, memory| {
        // What was answered before is not lost if the leader stops here.
        keep(memory)?;
        Ok(console
            .as_mut()
            .map_or(Reply::Stop, |console| console.ask(question, &view.filing, &doors)))
    })?;
    keep(&memory)?;
    let list = options.list.as_ref().map_or("", Code::as_str);
    let mut plan = plan(&reading, &view, &tags, list);
    let text = overview(&reading, &plan, &view.filing);
    if reading.entries.is_empty() {
        show_people(session, &text, false)?;
        return Err(Failure::usage(say!("no entry was found in the list", "没有读到任何一条接龙"))
            .help(say!(
                "an entry begins with its number or its door, such as `1. 3-201 土豆2斤`",
                "每条以序号或门牌开头，例如 `1. 3-201 土豆2斤`"
            )));
    }
    if dry_run {
        session.output.data(&text, &answer(&reading, &plan, &view.filing, None))?;
        return finish(&reading, &Report::default(), false);
    }
    show_people(session, &text, console.is_some())?;
    let kept = !settle_missing(&mut plan, options.withdraw_missing, console.as_mut());
    let items = items(&plan);
    let mut report = Report { lines: items.len() as u64, ..Report::default() };
    if !items.is_empty() && !yes {
        confirm(&plan, &view, console.as_mut())?;
    }
    let sent = batch::enter(
        items,
        &mut report,
        |problem| session.tell(problem),
        |batch| {
            session.submit(order_action(
                &view,
                batch.iter().map(|item| item.content.clone()).collect(),
            ))
        },
    );
    let summary = match &sent {
        Ok(()) => summary(&report, &plan),
        Err(_) => report.stopped(),
    };
    session.output.data(&summary, &answer(&reading, &plan, &view.filing, Some(&report)))?;
    sent?;
    finish(&reading, &report, kept)
}

/// Shows what was understood to people.
fn show_people(session: &Session, text: &str, is_asked: bool) -> Result<(), Failure> {
    match stream_for(session.output.is_json(), is_asked) {
        Some(Stream::Out) => output::print(&format!("{text}\n\n")),
        Some(Stream::Aside) => {
            session.output.note(text);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// On stdout.
    Out,
    /// On stderr.
    Aside,
}

/// Where the table stands: it is data. Machines get it as JSON, with nothing beside it; somebody who is to
/// confirm it must see it all the same.
fn stream_for(json: bool, is_asked: bool) -> Option<Stream> {
    match (json, is_asked) {
        (false, _) => Some(Stream::Out),
        (true, true) => Some(Stream::Aside),
        (true, false) => None,
    }
}

fn memory_saved(memory: &Memory, path: &Path) -> Result<(), Failure> {
    if path.exists() || *memory != Memory::default() { memory.save(path) } else { Ok(()) }
}

/// The pasted text, from a file or from standard input.
fn list_text(file: &Path) -> Result<String, Failure> {
    let limit = LIST_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        fs::File::open(file).and_then(|opened| opened.take(limit).read_to_end(&mut bytes))
    };
    let name = file.display();
    read.map_err(|error| {
        Failure::setup(say!("cannot read {name}: {error}", "无法读取 {name}：{error}")).help(say!(
            "check the name of the file, and that you may read it",
            "请检查文件名和读取权限"
        ))
    })?;
    if bytes.len() > LIST_BYTES_MAX {
        let kib = LIST_BYTES_MAX / 1024;
        return Err(Failure::usage(say!(
            "the list is larger than {kib} KiB",
            "接龙超过 {kib} KiB"
        ))
        .help(say!(
            "import it in parts, each with its own --list name",
            "请分几份导入，每份用 --list 起不同的名字"
        )));
    }
    input::text_of(bytes, &name.to_string())
}

/// Where answers are kept: one file for each chain.
fn memory_path(session: &Session) -> Result<PathBuf, Failure> {
    let chain = session.genesis()?.chain.to_string();
    Ok(session.state_folder()?.join("relay").join(format!("{chain}.toml")))
}

/// Decides on orders that the list does not mention any more; whether they are withdrawn, if there are any.
fn settle_missing(plan: &mut Plan, withdraw: bool, console: Option<&mut Console>) -> bool {
    if plan.missing.is_empty() {
        return true;
    }
    let count = plan.missing.len();
    let confirmed = withdraw
        || console.is_some_and(|console| {
            console.confirm(&say!(
                "Withdraw the {count} orders that are not in the list any more?",
                "接龙里没有了的 {count} 个订单，要取消吗？"
            ))
        });
    if !confirmed {
        // They stay in the plan, to be told, with nothing to send.
        plan.missing.iter_mut().for_each(|change| change.request = None);
    }
    confirmed
}

fn items(plan: &Plan) -> Vec<Item<OrderRequest>> {
    let sent = plan.changes.iter().chain(&plan.missing).filter_map(|change| {
        let content = change.request.clone()?;
        let row = change.rows.first().copied().unwrap_or_default();
        let (bytes, work) = (encode(&content).len(), 1 + content.lines.len());
        // One row for each order, so that the report counts orders.
        Some(Item { rows: vec![row], content, bytes, work })
    });
    sent.collect()
}

fn confirm(plan: &Plan, view: &OpenGroupBuy, console: Option<&mut Console>) -> Result<(), Failure> {
    let Some(console) = console else {
        return Err(Failure::usage(say!(
            "nobody is there to confirm the import",
            "没有人可以确认导入"
        ))
        .help(say!(
            "look at it with --dry-run, then add --yes",
            "先用 --dry-run 查看，再加 --yes"
        )));
    };
    let count = |kind: Kind| {
        let all = plan.changes.iter().chain(&plan.missing);
        all.filter(|change| change.kind == kind && change.request.is_some()).count()
    };
    let (new, changed) = (count(Kind::New), count(Kind::Changed));
    let withdrawn = count(Kind::Withdrawn) + count(Kind::Missing);
    let of = |kinds: [Kind; 2]| {
        let all = plan.changes.iter().filter(|change| kinds.contains(&change.kind));
        all.fold(Fen::ZERO, |sum, change| sum.saturating_add(total_of(&change.after, &view.filing)))
    };
    let (total, id) = (of([Kind::New, Kind::Changed]).to_yuan(), view.id);
    let question = say!(
        "Enter {new} new and {changed} changed orders ({total} yuan) and withdraw {withdrawn} in {id}?",
        "在 {id} 录入 {new} 个新订单、{changed} 个修改（共 {total} 元），取消 {withdrawn} 个？"
    );
    match console.confirm(&question) {
        true => Ok(()),
        false => Err(Failure::refused(say!("nothing was sent", "未发送任何内容"))
            .help(say!("answer y to send it", "回答 y 才会发送"))),
    }
}

fn overview(reading: &Reading, plan: &Plan, filing: &Filing) -> String {
    let width = output::screen().map(|(columns, _)| columns);
    let mut parts = vec![show::entries(reading, filing, width)];
    if !reading.questions.is_empty() {
        parts.push(show::questions(reading, filing, width));
    }
    parts.push(show::changes(plan, filing, width));
    parts.join("\n\n")
}

fn summary(report: &Report, plan: &Plan) -> String {
    let Report { new, unchanged, refused, transactions, .. } = report;
    let unchanged = *unchanged
        + plan.changes.iter().filter(|change| change.kind == Kind::Unchanged).count() as u64;
    let receipts = transactions.len();
    let mut text = say!(
        "{new} orders entered, changed or withdrawn, {unchanged} unchanged, {} refused; {receipts} receipts verified",
        "录入、修改或取消 {new} 个订单，{unchanged} 个不变，{} 个被拒；验证回执 {receipts} 份",
        refused.len()
    );
    if report.sent > 0 {
        let sent = report.sent;
        text.push_str(&say!("; {sent} sent, not decided yet", "；已发送 {sent} 笔，尚未入账"));
    }
    for row in refused {
        let (line, reason) = (row.row, &row.reason);
        text.push_str(&say!("\nline {line}: {reason}", "\n第 {line} 行：{reason}"));
    }
    text
}

fn answer(
    reading: &Reading,
    plan: &Plan,
    filing: &Filing,
    report: Option<&Report>,
) -> serde_json::Value {
    let changes: Vec<_> = plan
        .changes
        .iter()
        .chain(&plan.missing)
        .map(|change| {
            json!({
                "household": change.household,
                "order": change.order,
                "change": change.kind,
                "rows": change.rows,
                "before": show::line_answers(&change.before, filing),
                "after": show::line_answers(&change.after, filing),
                "total": total_of(&change.after, filing).to_yuan(),
                "sent": report.is_some() && change.request.is_some(),
            })
        })
        .collect();
    json!({
        "entries": show::entry_answers(reading, filing),
        "questions": reading.questions,
        "changes": changes,
        "report": report,
        "dry_run": report.is_none(),
    })
}

/// How the command ends.
fn finish(reading: &Reading, report: &Report, kept_missing: bool) -> Result<(), Failure> {
    if !report.refused.is_empty() {
        let count = report.refused.len();
        return Err(Failure::refused(say!("{count} orders refused", "{count} 个订单被拒")).help(
            say!("correct these entries and import the list again", "改正这些条目后再导入一次"),
        ));
    }
    let unread = reading.perhaps_orders.len();
    if unread > 0 && reading.questions.is_empty() {
        return Err(Failure::incomplete(say!(
            "{unread} lines may be somebody's order and were not read as one",
            "有 {unread} 行像是有人接龙，但没有读进去"
        ))
        .help(say!(
            "give them a number like the others, or delete them, and import the list again",
            "请给这些行加上序号（或删掉），再导入一次"
        )));
    }
    let open = reading.questions.len();
    if open > 0 || reading.too_many > 0 {
        return Err(Failure::incomplete(say!("{open} questions are open; nothing was sent for these entries", "还有 {open} 个问题；相关条目未发送"))
            .help(say!(
                "import the list again on a terminal and answer them, or state them with --alias and --who",
                "在终端里再导入一次并回答，或用 --alias 和 --who 说明"
            )));
    }
    if kept_missing {
        return Err(Failure::incomplete(say!(
            "orders that are not in the list any more still stand",
            "接龙里没有了的订单仍然有效"
        ))
        .help(say!(
            "withdraw them with --withdraw-missing, or one by one",
            "用 --withdraw-missing 取消，或逐个取消"
        )));
    }
    Ok(())
}

/// Runs `tuan order aliases`.
///
/// # Errors
/// A setup [`Failure`] if the file cannot be used, a usage one for a word that nothing is known about.
pub(crate) fn aliases(command: &AliasCommand, session: &Session) -> Result<(), Failure> {
    let path = memory_path(session)?;
    let mut memory = Memory::load(&path)?;
    match command {
        AliasCommand::List => {
            let rows = memory.rows();
            let headings =
                [word!("ABOUT", "类别"), word!("WRITTEN", "写法"), word!("MEANS", "含义")];
            let is_empty = rows.is_empty();
            let text = output::table(&headings, rows);
            let place = path.display();
            let empty = say!(
                "nothing was answered yet; answers are kept in {place}",
                "还没有回答过；回答保存在 {place}"
            );
            session.output.data(if is_empty { &empty } else { &text }, &memory)
        }
        AliasCommand::Forget { word } => {
            // As `--alias` reads it: 大白菜/颗, in any spelling.
            let spelled: Vec<String> = word.split('/').map(plain).collect();
            let spelled = spelled.join("/");
            let word = match memory.forget(word).max(memory.forget(&spelled)) {
                0 => {
                    return Err(Failure::usage(say!(
                        "nothing is known about {word}",
                        "没有关于 {word} 的记录"
                    ))
                    .help(say!("see `tuan order aliases list`", "见 `tuan order aliases list`")));
                }
                _ => word,
            };
            memory.save(&path)?;
            session.output.data(
                &say!("ok: {word} is forgotten", "已忘记 {word}"),
                &json!({ "forgotten": word }),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_data_and_never_stands_beside_json() {
        for is_asked in [false, true] {
            assert_eq!(stream_for(false, is_asked), Some(Stream::Out));
            assert_ne!(stream_for(true, is_asked), Some(Stream::Out));
        }
        assert_eq!(
            stream_for(true, true),
            Some(Stream::Aside),
            "nobody confirms what is not shown"
        );
    }

    #[test]
    fn an_answer_for_machines_says_where_everything_is_after_an_import_that_stopped() {
        let view = crate::testing::group_buy();
        let report = Report { lines: 3, new: 1, in_outbox: 1, not_sent: 1, ..Report::default() };
        let json = answer(&Reading::default(), &Plan::default(), &view.filing, Some(&report));
        let numbers = ["new", "in_outbox", "not_sent"].map(|name| json["report"][name].clone());
        assert_eq!(numbers, [1, 1, 1].map(serde_json::Value::from));
        assert_eq!(json["dry_run"], false);
    }
}
