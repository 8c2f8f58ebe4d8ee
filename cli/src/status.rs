//! `tuan status` and `tuan member`: how nodes are, and who takes part.

pub(crate) mod explain;

use crate::{
    client::nobody_answers,
    exit::Failure,
    lang::{say, word},
    names::{self, Names},
    output::{self, Progress, plain},
    session::Session,
};
use clap::Subcommand;
use explain::{Finding, can_proceed, explain, step_name};
use ledger_core::{
    api::{MemberView, Status},
    types::Height,
};
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

/// What a node that is named says of itself.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Asked {
    url: String,
    /// Whose node it is, and how far it has come; absent if it does not say.
    node: Option<String>,
    height: Option<Height>,
    /// Why it is of no use.
    trouble: Option<String>,
}

/// A status, and which of the nodes that are named answer.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    status: &'a Status,
    nodes: &'a [Asked],
}

/// A status and what it means.
#[derive(Serialize)]
struct Explained<'a> {
    status: &'a Status,
    nodes: &'a [Asked],
    can_proceed: bool,
    findings: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    #[serde(flatten)]
    finding: Finding,
    sentence: String,
}

/// Runs `tuan status`: every node that is named is asked, the first of use is described.
pub(crate) fn run(command: &StatusCommand, session: &Session) -> Result<(), Failure> {
    let (status, nodes) = ask(session)?;
    let nodes = nodes.as_slice();
    if !command.explain {
        let text = match nodes {
            [_] => describe(&status),
            nodes => format!("{}\n\n{}", describe(&status), table(nodes)),
        };
        return session.output.data(&text, &Told { status: &status, nodes });
    }
    let said = |finding: Finding| Said { sentence: finding.sentence(), finding };
    let findings: Vec<_> = explain(&status).into_iter().map(said).collect();
    let mut text: Vec<_> = findings.iter().map(|said| said.sentence.clone()).collect();
    text.extend(nodes.iter().filter_map(|asked| {
        let (url, trouble) = (&asked.url, asked.trouble.as_ref()?);
        Some(say!("Asked from here, {url}: {trouble}.", "从本机访问 {url}：{trouble}。"))
    }));
    let text = output::wrapped(&text.join("\n"));
    let can_proceed = can_proceed(&status);
    session.output.data(&text, &Explained { status: &status, nodes, can_proceed, findings })?;
    // The sentences have said it; the exit code says it to scripts.
    if can_proceed { Ok(()) } else { Err(Failure::incomplete("")) }
}

/// The first status of use, and what each node says.
///
/// # Errors
/// A [`Failure`] if none answers, or none is of this chain.
fn ask(session: &Session) -> Result<(Status, Vec<Asked>), Failure> {
    let chain = match session.options().genesis {
        Some(_) => Some(session.genesis()?.chain),
        None => None,
    };
    let (mut first, mut failure, mut reasons) = (None, None, Vec::new());
    let mut nodes = Vec::new();
    let progress = Progress::start(word!("asking the nodes", "询问各节点"));
    let answers = session.client.statuses();
    drop(progress);
    for (url, answer) in answers {
        let url = url.to_owned();
        let asked = Asked { url: url.clone(), node: None, height: None, trouble: None };
        let trouble = match answer {
            Ok(status) if chain.is_none_or(|chain| chain == status.chain) => {
                let (node, height) = (Some(plain(&status.node)), Some(status.height));
                nodes.push(Asked { node, height, ..asked });
                first = first.or(Some(status));
                continue;
            }
            Ok(status) => other_chain(&status),
            Err(error) => error,
        };
        let message = trouble.message().to_owned();
        reasons.push(say!("{url}: {message}", "{url}：{message}"));
        if !trouble.is_unreachable() {
            failure = failure.or(Some(trouble));
        }
        nodes.push(Asked { trouble: Some(message), ..asked });
    }
    match (first, failure) {
        (Some(status), _) => Ok((status, nodes)),
        (None, Some(failure)) => Err(failure),
        (None, None) => Err(nobody_answers(&reasons)),
    }
}

fn other_chain(status: &Status) -> Failure {
    let chain = status.chain;
    Failure::refused(say!(
        "the node is of another chain: {chain}",
        "这个节点属于另一个账本：{chain}"
    ))
    .help(say!("name the right --node or --genesis", "请用 --node 或 --genesis 指明正确的一个"))
}

fn table(nodes: &[Asked]) -> String {
    let rows = nodes.iter().map(|asked| {
        let answers = || word!("answers", "应答").to_owned();
        vec![
            asked.url.clone(),
            asked.node.clone().unwrap_or_default(),
            asked.height.map_or_else(String::new, |height| height.to_string()),
            asked.trouble.clone().unwrap_or_else(answers),
        ]
    });
    let headings = [
        word!("NODE", "节点地址"),
        word!("OF", "所属"),
        word!("HEIGHT", "高度"),
        word!("FROM HERE", "从本机访问"),
    ];
    output::table(&headings, rows)
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
    let facts = say!(
        "{name} ({chain}), node of {node}, version {version}, times in UTC+8\n\
         height {height} at {at}, round {round} {step}{waiting}\n\
         log {entries} entries, state root {root}\n\
         mempool {mempool}, clock offset {clock}{disk}",
        "{name}（{chain}），{node} 的节点，版本 {version}，时间为 UTC+8\n\
         高度 {height}，{at}，第 {round} 轮 {step}{waiting}\n\
         日志 {entries} 条，状态根 {root}\n\
         待处理 {mempool}，时钟偏差 {clock}{disk}"
    );
    format!("{}\n\n{peers}", output::wrapped(&facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::tests::{dead_node, fake_node},
        lang::{self, Language},
        session::Options,
    };
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_node_that_is_named_is_told_with_what_it_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let status = explain::tests::healthy();
        let answer = serde_json::to_string(&status).expect("is JSON");
        let node = fake_node(move |_, _| Some((200, answer.clone())));
        let session = |nodes: &[&str]| {
            let mut line = vec!["tuan", "--state", folder.path().to_str().expect("UTF-8")];
            nodes.iter().for_each(|node| line.extend(["--node", node]));
            Session::new(Line::parse_from(line).options, |_| None).expect("addresses")
        };
        let dead = dead_node();
        let (told, nodes) = ask(&session(&[&dead, &node.url])).expect("one answers");
        assert_eq!(told, status);
        assert_eq!(nodes[1].height, Some(status.height));
        let text = lang::within(Language::Zh, || table(&nodes));
        assert!(text.contains(&node.url) && text.contains("应答"), "{text}");
        let trouble = nodes[0].trouble.as_deref();
        assert_eq!((nodes[0].url.as_str(), nodes[0].height), (dead.as_str(), None));
        assert_eq!(trouble, Some("nothing runs there (connection refused)"));
        let failure = ask(&session(&[&dead, &dead_node()])).expect_err("nobody is there");
        assert_eq!(failure.number(), crate::exit::UNREACHABLE);
        assert!(failure.message().contains(&dead), "{failure}");
    }

    #[test]
    fn a_status_fits_a_narrow_terminal() {
        let mut status = explain::tests::healthy();
        status.height = Height::new(1_234_567_890);
        let nodes =
            [("http://10.1.2.3:7101", None), ("http://10.1.2.4:7101", Some("no answer in time"))];
        let nodes = nodes.map(|(url, trouble)| Asked {
            url: url.into(),
            node: trouble.is_none().then(|| "property".into()),
            height: trouble.is_none().then_some(status.height),
            trouble: trouble.map(Into::into),
        });
        for columns in [50, 80] {
            let told = output::tests::on_a_terminal(columns, || {
                let told = || format!("{}\n\n{}", describe(&status), table(&nodes));
                format!("{}\n\n{}", told(), lang::within(Language::Zh, told))
            });
            insta::assert_snapshot!(format!("status_{columns}"), told);
        }
    }

    #[test]
    fn no_number_that_a_node_says_is_too_much() {
        let truth = Status {
            next_deadline: Some(Default::default()),
            signed_elsewhere: Some(Default::default()),
            clock_offset_ms: Some(7),
            ..explain::tests::healthy()
        };
        for status in crate::testing::lies(&truth) {
            assert!(!describe(&status).is_empty());
            let findings = explain::explain(&status);
            assert!(findings.iter().all(|finding| !finding.sentence().is_empty()));
            explain::can_proceed(&status);
        }
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
