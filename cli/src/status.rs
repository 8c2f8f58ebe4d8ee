//! `tuan status` and `tuan member`: how nodes are, and who takes part.

pub(crate) mod explain;

use crate::{
    exit::Failure,
    lang::{say, word},
    names::{self, Names},
    output::{self, plain},
    session::Session,
};
use clap::Subcommand;
use explain::{Finding, can_proceed, explain, step_name};
use ledger_core::api::{MemberView, Status};
use serde::Serialize;

/// `tuan member`.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// Lists the registry
    List,
}

/// Runs `tuan member`.
pub(crate) fn members(command: &MemberCommand, session: &Session) -> Result<(), Failure> {
    let MemberCommand::List = command;
    let members = session.client.members()?;
    session.output.data(&registry(&members), &members)
}

fn registry(members: &[MemberView]) -> String {
    let names = Names::of_members(members);
    let rows = members.iter().map(|member| {
        let related: Vec<_> = member.related.iter().map(|id| names.name(*id)).collect();
        vec![
            member.id.to_string(),
            member.name.clone(),
            names::role(member.role).to_owned(),
            member.voting_power.map_or_else(String::new, |power| power.to_string()),
            related.join(" "),
            member.key.to_string(),
        ]
    });
    let headings = [
        "ID",
        word!("NAME", "名称"),
        word!("ROLE", "角色"),
        word!("VOTES", "票权"),
        word!("RELATED", "关联方"),
        word!("KEY", "公钥"),
    ];
    output::table(&headings, rows)
}

/// `tuan status`.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusCommand {
    /// Say why the chain stands still or is slow; exit code 3 if it cannot go on
    #[arg(long)]
    explain: bool,
}

/// A status and what it means.
#[derive(Serialize)]
struct Explained<'a> {
    status: &'a Status,
    can_proceed: bool,
    findings: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    #[serde(flatten)]
    finding: Finding,
    sentence: String,
}

/// Runs `tuan status`.
pub(crate) fn run(command: &StatusCommand, session: &Session) -> Result<(), Failure> {
    let status = session.client.status()?;
    if session.options().genesis.is_some() && status.chain != session.genesis()?.chain {
        let chain = status.chain;
        return Err(Failure::refused(say!(
            "the node is of another chain: {chain}",
            "这个节点属于另一个账本：{chain}"
        ))
        .help(say!(
            "name the right --node or --genesis",
            "请用 --node 或 --genesis 指明正确的一个"
        )));
    }
    if !command.explain {
        return session.output.data(&describe(&status), &status);
    }
    let said = |finding: Finding| Said { sentence: finding.sentence(), finding };
    let findings: Vec<_> = explain(&status).into_iter().map(said).collect();
    let text: Vec<_> = findings.iter().map(|said| said.sentence.as_str()).collect();
    let text = text.join("\n");
    let can_proceed = can_proceed(&status);
    session.output.data(&text, &Explained { status: &status, can_proceed, findings })?;
    // The sentences have said it; the exit code says it to scripts.
    if can_proceed { Ok(()) } else { Err(Failure::incomplete("")) }
}

fn describe(status: &Status) -> String {
    let (name, chain, node) = (plain(&status.name), status.chain, plain(&status.node));
    let (version, step) = (plain(&status.version), step_name(&status.step));
    let (height, at, round) = (status.height, output::time(status.time), status.round);
    let (entries, root, mempool) = (status.log_size, status.state_root, status.mempool);
    let waiting = match status.waiting_for.as_slice() {
        [] => String::new(),
        names => {
            let names = plain(&names.join(", "));
            say!(", waits for {names}", "，在等 {names}")
        }
    };
    let clock = status
        .clock_offset_ms
        .map_or_else(|| word!("unknown", "未知").to_owned(), |ms| format!("{ms} ms"));
    let disk = status.disk.map_or_else(String::new, |disk| {
        let mib = disk.free_bytes / (1 << 20);
        say!(", disk {mib} MiB free", "，磁盘剩余 {mib} MiB")
    });
    let peers = status.peers.iter().map(|peer| {
        let since = output::time(peer.since);
        let link = if peer.connected {
            say!("connected since {since}", "自 {since} 起在线")
        } else {
            say!("silent since {since}", "自 {since} 起失联")
        };
        let height = peer.height.map_or_else(String::new, |height| height.to_string());
        let offset = peer.clock_offset_ms.map_or_else(String::new, |ms| format!("{ms:+} ms"));
        vec![peer.member.clone(), link, height, offset]
    });
    let headings = [
        word!("PEER", "节点"),
        word!("LINK", "连接"),
        word!("HEIGHT", "高度"),
        word!("CLOCK", "时钟"),
    ];
    let peers = output::table(&headings, peers);
    say!(
        "{name} ({chain}), node of {node}, version {version}, times in UTC+8\n\
         height {height} at {at}, round {round} {step}{waiting}\n\
         log {entries} entries, state root {root}\n\
         mempool {mempool}, clock offset {clock}{disk}\n\n{peers}",
        "{name}（{chain}），{node} 的节点，版本 {version}，时间为 UTC+8\n\
         高度 {height}，{at}，第 {round} 轮 {step}{waiting}\n\
         日志 {entries} 条，状态根 {root}\n\
         待处理 {mempool}，时钟偏差 {clock}{disk}\n\n{peers}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::tests::fake_node, session::Options};
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn scripts_learn_from_the_exit_code_whether_the_chain_can_go_on() {
        let outcome = |status: &Status| {
            let answer = serde_json::to_string(status).expect("is JSON");
            let node = fake_node(move |_, _| Some((200, answer.clone())));
            let line = Line::parse_from(["tuan", "--node", &node.url]);
            let session = Session::new(line.options, |_| None).expect("is an address");
            run(&StatusCommand { explain: true }, &session)
        };
        let mut status = explain::tests::healthy();
        assert_eq!(outcome(&status), Ok(()));
        for peer in &mut status.peers {
            peer.connected = false;
        }
        let failure = outcome(&status).expect_err("stands still");
        // The sentences are the answer, on stdout; there is no error beside them.
        assert_eq!((failure.number(), failure.is_silent()), (crate::exit::INCOMPLETE, true));
    }
}
