//! Talking to nodes: any of them will do, and none is believed.
//!
//! A question goes to the node that answered last, then to the others, and last to those that lately kept
//! silent ([`silent`]); one that is in trouble (5xx) is passed over like one that is silent. Handing a transaction in is said here in its single steps;
//! [`crate::outbox`] puts them together. What a node says about the ledger counts once its receipt
//! verifies ([`crate::proof`]).
//!
//! Source: DESIGN D13.

mod silent;

use crate::{
    exit::Failure,
    lang::{self, Language, say, word},
    output,
};
use ledger_core::{
    api::{
        EntryView, GroupBuyView, MemberView, Problem, Progress, ProposalView, Status, Submitted,
    },
    crypto::TransactionId,
    types::{GroupBuyId, Height, LogIndex},
};
use machine_token::Folders;
use serde::de::DeserializeOwned;
use silent::Silent;
use std::{cell::Cell, path::Path, thread, time::Duration};

/// How long a connection may take to open: two attempts of a line that loses packets.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a node may keep silent before it begins to answer: one that is frozen is passed over then.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a node may take to say how it is: the answer is short and needs no work.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one question may take in all.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The refusal that says nothing about the transaction: the node has no room.
const FULL: u16 = 110;
/// The HTTP status of a node that wants an access token, or another one.
const UNAUTHORIZED: u16 = 401;
/// Most items that a node puts into one list (docs/api.md).
const LIST_MAX: usize = 1_000;
/// The ledger has no more; a node that lists more is not asked for ever.
const PROPOSALS_MAX: usize = 4_096;
/// Longest answer: a group buy with 4,000 lines and as many payments is some megabytes of JSON.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The nodes to ask, one after the other.
pub(crate) struct Client {
    nodes: Vec<String>,
    agent: ureq::Agent,
    /// What nodes are shown.
    rights: Rights,
    /// Position of the node that answered last.
    first: Cell<usize>,
    /// Those that are asked last.
    silent: Silent,
}

/// By what a node lets this user do more than read what is public.
#[derive(Default)]
struct Rights {
    /// An access token that the user was given; every node is shown it.
    token: Option<String>,
    /// Where nodes on this machine leave tokens for its users; each is shown its own.
    folders: Option<Folders>,
}

impl Rights {
    /// What to show a node, one after the other. A given token may be for other nodes than the one on this machine.
    /// A node that stopped uncleanly has left one that is none any more, and what is public needs none.
    fn for_node(&self, url: &str) -> Vec<Option<String>> {
        let bearer = |token: &str| Some(format!("Bearer {token}"));
        let given = self.token.as_deref().map(bearer);
        // Looked up again for each question: a node that was started anew has left another one.
        let left = self.folders.as_ref().map(|folders| folders.tokens_for_url(url));
        let left = left.iter().flatten().map(|token| bearer(token));
        let nothing = self.token.is_none().then_some(None);
        given.into_iter().chain(left).chain(nothing).collect()
    }

    /// Asks a node, if need be again with what is left to show.
    fn ask(
        &self,
        url: &str,
        mut ask: impl FnMut(Option<&str>) -> Result<Answer, ureq::Error>,
    ) -> Result<Answer, ureq::Error> {
        let mut shown = self.for_node(url).into_iter();
        let mut answer = ask(shown.next().flatten().as_deref())?;
        for next in shown {
            if answer.status != UNAUTHORIZED {
                break;
            }
            answer = ask(next.as_deref())?;
        }
        Ok(answer)
    }
}

/// Where a transaction stands, by the word of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the ledger.
    Decided {
        /// Its block.
        height: Height,
        /// Its place in the log.
        log_index: LogIndex,
    },
    /// It waits for a block.
    Pending,
    /// The node does not know it.
    Unknown,
    /// The node says nothing of use.
    Silent(String),
}

/// What a node says to a transaction that is handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandedIn {
    /// It is in the ledger already.
    Decided {
        /// Its block.
        height: Height,
        /// Its place in the log.
        log_index: LogIndex,
    },
    /// It takes it, and passes it on to the validators.
    Taken,
    /// It does not take it.
    Refused(Box<Problem>),
    /// It has no room for anything now, and did not take it.
    Full(String),
    /// It wants to know who asks, and did not take it.
    Locked,
    /// The node got nothing.
    NotSent(String),
    /// The node may have got it.
    Unclear(String),
}

/// An answer over HTTP.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn problem(&self) -> Problem {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| {
            let text: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
            let (status, text) = (self.status, text.trim());
            let detail = say!("the node answered {status} {text}", "节点回答 {status} {text}");
            Problem::new(self.status, "unreadable-answer", detail.trim())
        })
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::incomplete(say!(
                "a node's answer cannot be read: {error}",
                "无法读取节点的回答：{error}"
            ))
            .help(say!(
                "use a `tuan` of the same version as the node, or another --node",
                "请使用与节点同版本的 tuan，或换一个 --node"
            ))
        })
    }
}

impl Client {
    /// Will ask these nodes, in this order.
    ///
    /// # Errors
    /// A usage [`Failure`] if one is no `http://` address.
    pub(crate) fn new(nodes: &[String]) -> Result<Self, Failure> {
        let mut urls = Vec::with_capacity(nodes.len());
        for node in nodes {
            let url = node.trim().trim_end_matches('/');
            let host = url.strip_prefix("http://").unwrap_or_default();
            if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(Failure::usage(say!(
                    "{node:?} is no address of a node",
                    "{node:?} 不是节点地址"
                ))
                .help(say!(
                    "write --node http://HOST:PORT; receipts are verified, so HTTP is enough",
                    "请写 --node http://主机:端口；回执会被验证，用 HTTP 即可"
                )));
            }
            urls.push(url.to_owned());
        }
        if urls.is_empty() {
            return Err(Failure::usage(word!("no node is named", "未指定节点"))
                .help(word!("write --node http://HOST:PORT", "请写 --node http://主机:端口")));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(FIRST_BYTE_TIMEOUT))
            .timeout_global(Some(ANSWER_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .new_agent();
        let (first, silent) = (Cell::new(0), Silent::default());
        Ok(Self { nodes: urls, agent, rights: Rights::default(), first, silent })
    }

    /// Remembers in the user's folder which nodes keep silent, and knows which did so lately.
    pub(crate) fn with_memory(self, folder: Option<&Path>) -> Self {
        Self { silent: folder.map_or_else(Silent::default, Silent::in_folder), ..self }
    }

    /// Shows an access token with every question, and to each node on this machine that does not take it the token
    /// that it has left in one of these folders. Nodes are told no other way who asks.
    pub(crate) fn with_rights(self, token: Option<String>, folders: Folders) -> Self {
        Self { rights: Rights { token, folders: Some(folders) }, ..self }
    }

    /// How a node is.
    pub(crate) fn status(&self) -> Result<Status, Failure> {
        self.get("/v1/status")
    }

    /// How the nodes are, each by its own word, with their addresses in the order in which they are
    /// named. All are asked at once: one that is frozen does not hold up the others.
    pub(crate) fn statuses(&self) -> Vec<(&str, Result<Status, Failure>)> {
        let (agent, rights) = (&self.agent, &self.rights);
        let ask = |url: &str| get(agent, rights, url, "/v1/status", STATUS_TIMEOUT);
        let answers: Vec<_> = thread::scope(|scope| {
            let asked: Vec<_> =
                self.nodes.iter().map(|url| scope.spawn(move || ask(url))).collect();
            asked.into_iter().map(|asked| asked.join()).collect()
        });
        let told = |(node, answer): (usize, thread::Result<Result<Answer, ureq::Error>>)| {
            let status = match answer {
                Ok(answer) => {
                    self.remember(node, &answer);
                    match answer {
                        Ok(answer) if answer.status == 200 => answer.read(),
                        Ok(answer) if answer.status == UNAUTHORIZED => Err(self.locked()),
                        Ok(answer) => Err(no(&answer.problem())),
                        Err(error) => Err(Failure::unreachable(why_silent(&error))),
                    }
                }
                Err(_) => Err(Failure::bug(word!("asking it ended early", "询问中断了"))),
            };
            (self.nodes[node].as_str(), status)
        };
        answers.into_iter().enumerate().map(told).collect()
    }

    /// The registry.
    pub(crate) fn members(&self) -> Result<Vec<MemberView>, Failure> {
        self.get("/v1/members")
    }

    /// A group buy with all its money.
    pub(crate) fn group_buy(&self, id: &GroupBuyId) -> Result<GroupBuyView, Failure> {
        let view = self.get(&format!("/v1/group-buys/{id}"));
        view.map_err(|failure| {
            failure.or_help(word!(
                "see `tuan buy list` for the names",
                "用 tuan buy list 查看团购名称"
            ))
        })
    }

    /// Movements that wait for an approval.
    pub(crate) fn proposals(&self) -> Result<Vec<ProposalView>, Failure> {
        let mut proposals: Vec<ProposalView> = Vec::new();
        loop {
            let after = proposals.last().map(|last| format!("?after={}", last.id));
            let path = format!("/v1/proposals{}", after.unwrap_or_default());
            let page: Vec<ProposalView> = self.get(&path)?;
            let is_last = page.len() < LIST_MAX || proposals.len() >= PROPOSALS_MAX;
            proposals.extend(page);
            if is_last {
                return Ok(proposals);
            }
        }
    }

    /// Where a transaction stands; `None` if no node that answers knows it.
    ///
    /// # Errors
    /// An unreachable [`Failure`] if none answers.
    pub(crate) fn transaction(&self, id: &TransactionId) -> Result<Option<Place>, Failure> {
        let mut answered = false;
        let mut reasons = Vec::new();
        let mut pending = None;
        for node in self.in_order() {
            match self.place_at(node, id, ANSWER_TIMEOUT) {
                Place::Unknown => answered = true,
                Place::Pending => {
                    answered = true;
                    pending = Some(Place::Pending);
                }
                place @ Place::Decided { .. } => return Ok(Some(place)),
                Place::Silent(reason) => reasons.push(reason),
            }
        }
        if answered { Ok(pending) } else { Err(nobody_answers(&reasons)) }
    }

    /// The first of the nodes' views of an entry that passes a test.
    ///
    /// # Errors
    /// What the test said last, or a [`Failure`] if no node shows the entry.
    pub(crate) fn entry<T>(
        &self,
        index: LogIndex,
        mut test: impl FnMut(EntryView) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut reasons = Vec::new();
        let mut lacking = false;
        let mut failure = None;
        for node in self.in_order() {
            match self.entry_at(node, index, ANSWER_TIMEOUT) {
                Ok(Some(view)) => match test(view) {
                    Ok(passed) => return Ok(passed),
                    Err(error) => failure = Some(error),
                },
                Ok(None) => lacking = true,
                Err(reason) => reasons.push(reason),
            }
        }
        Err(failure.unwrap_or_else(|| {
            if lacking && reasons.is_empty() {
                return Failure::refused(say!(
                    "there is no entry {index} in the log yet",
                    "账本中还没有序号为 {index} 的条目"
                ))
                .help(say!(
                    "`tuan status` says how many entries the log has",
                    "用 tuan status 查看账本现有多少条"
                ));
            }
            let reasons = reasons.join(word!("; ", "；"));
            if lacking {
                return Failure::incomplete(say!(
                    "no node that answers has an entry {index} yet; others are silent: {reasons}",
                    "应答的节点中还没有条目 {index}；其余节点没有应答：{reasons}"
                ))
                .help(say!(
                    "`tuan status` says how many entries the log has",
                    "用 tuan status 查看账本现有多少条"
                ));
            }
            Failure::incomplete(say!(
                "no node shows entry {index}: {reasons}",
                "没有节点提供条目 {index}：{reasons}"
            ))
            .help(say!(
                "try again, or name other nodes with --node",
                "请重试，或用 --node 指定其他节点"
            ))
        }))
    }

    /// An entry as one node has it; `None` if it has no such entry, `Err` if it says nothing of use.
    pub(crate) fn entry_at(
        &self,
        node: usize,
        index: LogIndex,
        timeout: Duration,
    ) -> Result<Option<EntryView>, String> {
        match self.get_at(node, &format!("/v1/entries/{index}"), timeout) {
            Ok(answer) if answer.status == 200 => {
                let view = answer.read::<EntryView>();
                view.map(Some).map_err(|failure| failure.to_string())
            }
            Ok(answer) if answer.status == 404 => Ok(None),
            Ok(answer) => Err(detail(&answer.problem())),
            Err(error) => Err(self.silence(node, &error)),
        }
    }

    /// Where a transaction stands, by the word of one node.
    pub(crate) fn place_at(&self, node: usize, id: &TransactionId, timeout: Duration) -> Place {
        let answer = match self.get_at(node, &format!("/v1/transactions/{id}"), timeout) {
            Ok(answer) => answer,
            Err(error) => return Place::Silent(self.silence(node, &error)),
        };
        match answer.status {
            200 | 202 => match answer.read::<Submitted>() {
                Ok(submitted) if submitted.id == *id => place(&submitted),
                Ok(_) => Place::Silent(self.other_transaction(node)),
                Err(failure) => Place::Silent(failure.to_string()),
            },
            404 => Place::Unknown,
            _ => Place::Silent(detail(&answer.problem())),
        }
    }

    /// How one node is.
    ///
    /// # Errors
    /// Why it does not say.
    pub(crate) fn status_at(&self, node: usize, timeout: Duration) -> Result<Status, String> {
        match self.get_at(node, "/v1/status", timeout) {
            Ok(answer) if answer.status == 200 => {
                answer.read().map_err(|failure: Failure| failure.to_string())
            }
            Ok(answer) => Err(detail(&answer.problem())),
            Err(error) => Err(self.silence(node, &error)),
        }
    }

    /// Hands a signed transaction in at one node, which answers at once whether it takes it.
    pub(crate) fn hand_in(
        &self,
        node: usize,
        id: &TransactionId,
        bytes: &[u8],
        timeout: Duration,
    ) -> HandedIn {
        // Without `wait_ms` a refusal is one of admission: such a transaction is passed on to nobody.
        let answer = match self.post_at(node, "/v1/transactions", bytes, timeout) {
            Ok(answer) => answer,
            Err(error) if may_have_arrived(&error) => {
                return HandedIn::Unclear(self.silence(node, &error));
            }
            Err(error) => return HandedIn::NotSent(self.silence(node, &error)),
        };
        if matches!(answer.status, 200 | 202) {
            return match answer.read::<Submitted>() {
                Ok(submitted) if submitted.id == *id => match place(&submitted) {
                    Place::Decided { height, log_index } => HandedIn::Decided { height, log_index },
                    _ => HandedIn::Taken,
                },
                Ok(_) => HandedIn::Unclear(self.other_transaction(node)),
                Err(failure) => HandedIn::Unclear(failure.to_string()),
            };
        }
        let problem = answer.problem();
        match problem.refusal {
            Some(FULL) => HandedIn::Full(detail(&problem)),
            None if answer.status == UNAUTHORIZED => HandedIn::Locked,
            None if answer.status == 429 => HandedIn::Full(detail(&problem)),
            Some(_) => HandedIn::Refused(Box::new(problem)),
            // No node of ours speaks so, or one that is in trouble.
            None => HandedIn::Unclear(format!("{}: {}", self.nodes[node], detail(&problem))),
        }
    }

    /// How many nodes there are to ask.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Asks this node first from now on.
    pub(crate) fn prefer(&self, node: usize) {
        self.first.set(node);
    }

    /// The nodes, the one that is preferred first, and those last that lately kept silent.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let (first, count) = (self.first.get(), self.nodes.len());
        let mut order: Vec<_> = (0..count).map(|step| (first + step) % count).collect();
        order.sort_by_key(|node| self.silent.is(&self.nodes[*node]));
        order.into_iter()
    }

    fn silence(&self, node: usize, error: &ureq::Error) -> String {
        let (url, why) = (&self.nodes[node], why_silent(error));
        say!("{url}: {why}", "{url}：{why}")
    }

    /// Remembers whether a node answered. With a single one there is no order to choose.
    fn remember<T>(&self, node: usize, answer: &Result<T, ureq::Error>) {
        let url = &self.nodes[node];
        match answer {
            Ok(_) => self.silent.remove(url),
            Err(_) if self.nodes.len() > 1 => self.silent.add(url),
            Err(_) => {}
        }
    }

    fn other_transaction(&self, node: usize) -> String {
        let node = &self.nodes[node];
        say!("{node} answers for another transaction", "{node} 的回答属于另一笔交易")
    }

    /// Blocks with their certificates from a height on, as the archive has them.
    pub(crate) fn archive(&self, from: Height) -> Result<Vec<u8>, Failure> {
        let answer = self.ask(&format!("/v1/archive?from={from}"))?;
        match answer.status {
            200 => Ok(answer.body),
            // Nothing from there on.
            204 | 404 => Ok(Vec::new()),
            UNAUTHORIZED => Err(self.locked()),
            _ => Err(no(&answer.problem())),
        }
    }

    /// Asks a question that changes nothing.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.ask(path)?;
        match answer.status {
            200 => answer.read(),
            UNAUTHORIZED => Err(self.locked()),
            _ => Err(no(&answer.problem())),
        }
    }

    /// The failure of a question that only a token opens the door for.
    pub(crate) fn locked(&self) -> Failure {
        let failure = Failure::setup(match self.rights.token {
            None => word!("this node wants an access token", "这个节点要求访问令牌"),
            Some(_) => word!(
                "this node does not know the access token that was shown",
                "这个节点不认得所出示的访问令牌"
            ),
        });
        failure.help(word!(
            "name it with --token-file; the node's operator makes one with `tuand token add`. On the node's own \
             machine none is needed: write the node as an address, http://127.0.0.1:7101, and be the user who runs \
             it, unless it is a service of the system",
            "用 --token-file 指定令牌文件；令牌由节点运营方用 tuand token add 发放。在节点本机上不需要令牌：\
             请用地址写明节点，如 http://127.0.0.1:7101；节点若不是系统服务，请以运行它的用户执行"
        ))
    }

    /// Asks nodes in turn until one answers that is not in trouble.
    fn ask(&self, path: &str) -> Result<Answer, Failure> {
        let mut reasons = Vec::new();
        let mut in_trouble = None;
        for node in self.in_order() {
            match self.get_at(node, path, ANSWER_TIMEOUT) {
                // Another one may have room, or know who asks.
                Ok(answer)
                    if answer.status >= 500 || matches!(answer.status, UNAUTHORIZED | 429) =>
                {
                    in_trouble = Some(answer);
                }
                Ok(answer) => {
                    self.prefer(node);
                    return Ok(answer);
                }
                Err(error) => reasons.push(self.silence(node, &error)),
            }
        }
        in_trouble.ok_or_else(|| nobody_answers(&reasons))
    }

    fn get_at(&self, node: usize, path: &str, timeout: Duration) -> Result<Answer, ureq::Error> {
        let answer = get(&self.agent, &self.rights, &self.nodes[node], path, timeout);
        self.remember(node, &answer);
        answer
    }

    fn post_at(
        &self,
        node: usize,
        path: &str,
        bytes: &[u8],
        timeout: Duration,
    ) -> Result<Answer, ureq::Error> {
        let url = &self.nodes[node];
        let answer = self.rights.ask(url, |authorization| {
            let request = authorized(self.agent.post(format!("{url}{path}")), authorization);
            let request = request.config().timeout_global(Some(timeout)).build();
            let request = request.header("content-type", "application/octet-stream");
            request.send(bytes).and_then(read_answer)
        });
        self.remember(node, &answer);
        answer
    }
}

fn authorized<Body>(
    request: ureq::RequestBuilder<Body>,
    authorization: Option<&str>,
) -> ureq::RequestBuilder<Body> {
    match authorization {
        Some(authorization) => request.header("authorization", authorization),
        None => request,
    }
}

fn get(
    agent: &ureq::Agent,
    rights: &Rights,
    url: &str,
    path: &str,
    timeout: Duration,
) -> Result<Answer, ureq::Error> {
    rights.ask(url, |authorization| {
        let request = authorized(agent.get(format!("{url}{path}")), authorization);
        read_answer(request.config().timeout_global(Some(timeout)).build().call()?)
    })
}

fn read_answer(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok(Answer { status, body })
}

fn place(submitted: &Submitted) -> Place {
    match (submitted.progress, submitted.height, submitted.log_index) {
        (Progress::Decided, Some(height), Some(log_index)) => Place::Decided { height, log_index },
        _ => Place::Pending,
    }
}

/// Whether the node may have read the request before the connection failed.
fn may_have_arrived(error: &ureq::Error) -> bool {
    use std::io::ErrorKind;
    use ureq::{Error, Timeout};
    match error {
        // These come of opening a connection, not of using one.
        Error::Io(error) => !matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
        ),
        Error::Timeout(Timeout::Connect | Timeout::Resolve)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::BadUri(_) => false,
        _ => true,
    }
}

/// Why a node does not answer, as people would say it.
fn why_silent(error: &ureq::Error) -> String {
    use std::io::ErrorKind;
    match error {
        ureq::Error::Timeout(_) => word!("no answer in time", "没有及时应答").to_owned(),
        ureq::Error::HostNotFound => word!("there is no such host", "没有这台主机").to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => {
                word!("nothing runs there (connection refused)", "该处没有节点在运行（连接被拒绝）")
                    .to_owned()
            }
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                word!("no network leads there", "网络不通").to_owned()
            }
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                word!("the connection broke", "连接中断").to_owned()
            }
            _ => say!("the connection failed: {error}", "连接失败：{error}"),
        },
        _ => say!("the connection failed: {error}", "连接失败：{error}"),
    }
}

/// The failure that the silence of all nodes is.
pub(crate) fn nobody_answers(reasons: &[String]) -> Failure {
    let reasons = reasons.join(word!("; ", "；"));
    Failure::unreachable(say!("no node answers: {reasons}", "没有节点应答：{reasons}")).help(say!(
        "check the network, or name other nodes with --node",
        "请检查网络，或用 --node 指定其他节点"
    ))
}

/// What a problem says, in the user's language if the node speaks it.
pub(crate) fn detail(problem: &Problem) -> String {
    let zh = problem.detail_zh.as_ref().filter(|_| lang::current() == Language::Zh);
    output::plain(zh.unwrap_or(&problem.detail))
}

/// The failure that a problem is.
fn no(problem: &Problem) -> Failure {
    Failure::refused(detail(problem))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        sync::{Arc, Mutex},
    };

    /// A node that answers request number `n` as the function says; `None` hangs up.
    pub(crate) struct FakeNode {
        pub(crate) url: String,
        pub(crate) requests: Arc<Mutex<Vec<String>>>,
    }

    pub(crate) fn fake_node(
        answer: impl Fn(usize, &str) -> Option<(u16, String)> + Send + 'static,
    ) -> FakeNode {
        let count = Cell::new(0);
        listening_node(move |line, _| {
            count.set(count.get() + 1);
            answer(count.get() - 1, line)
        })
    }

    /// A node that hears what is sent to it, too.
    pub(crate) fn listening_node(
        answer: impl Fn(&str, Vec<u8>) -> Option<(u16, String)> + Send + 'static,
    ) -> FakeNode {
        heading_node(move |head, body| answer(head.lines().next().unwrap_or_default(), body))
    }

    /// A node that hears the headers, too.
    fn heading_node(
        answer: impl Fn(&str, Vec<u8>) -> Option<(u16, String)> + Send + 'static,
    ) -> FakeNode {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("has an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).to_string();
                let length = head
                    .lines()
                    .find_map(|line| {
                        line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                    })
                    .unwrap_or(0);
                let mut body = vec![0; length];
                let _ = stream.read_exact(&mut body);
                let line = head.lines().next().unwrap_or_default().to_owned();
                seen.lock().expect("not poisoned").push(line.clone());
                if let Some((status, body)) = answer(&head, body) {
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                }
            }
        });
        FakeNode { url, requests }
    }

    /// An address at which nobody listens: the port for discarding. One that was free a moment ago
    /// may be another test's by now.
    pub(crate) fn dead_node() -> String {
        "http://127.0.0.1:9".to_owned()
    }

    fn id() -> TransactionId {
        TransactionId::new([7; 32])
    }

    fn submitted(progress: Progress) -> String {
        let at = (progress == Progress::Decided).then_some(5);
        let submitted = Submitted {
            id: id(),
            progress,
            height: at.map(Height::new),
            log_index: at.map(LogIndex::new),
        };
        serde_json::to_string(&submitted).expect("is JSON")
    }

    #[test]
    fn the_next_node_is_asked_when_one_is_silent() {
        let good = fake_node(|_, _| Some((200, "[]".into())));
        let client = Client::new(&[dead_node(), good.url.clone()]).expect("addresses");
        assert_eq!(client.proposals(), Ok(Vec::new()));
        assert_eq!(client.proposals(), Ok(Vec::new()));
        assert_eq!(good.requests.lock().expect("not poisoned").len(), 2);
    }

    #[test]
    fn a_node_that_kept_silent_is_asked_last_until_it_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        // It hangs up on its first caller, and answers from then on.
        let frozen = fake_node(|count, _| (count > 0).then(|| (200, "[]".into())));
        let good = fake_node(|_, _| Some((200, "[]".into())));
        let next_command = |nodes: &[&FakeNode]| {
            let urls: Vec<_> = nodes.iter().map(|node| node.url.clone()).collect();
            let client = Client::new(&urls).expect("addresses").with_memory(Some(folder.path()));
            assert_eq!(client.proposals(), Ok(Vec::new()));
        };
        let asked = |node: &FakeNode| node.requests.lock().expect("not poisoned").len();
        for _ in 0..3 {
            next_command(&[&frozen, &good]);
        }
        assert_eq!((asked(&frozen), asked(&good)), (1, 3));
        // Where nobody else answers, it is asked, and then it has its turn again.
        next_command(&[&frozen]);
        next_command(&[&frozen, &good]);
        assert_eq!((asked(&frozen), asked(&good)), (3, 3));
    }

    #[test]
    fn every_node_is_asked_how_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let status = crate::status::explain::tests::healthy();
        let text = serde_json::to_string(&status).expect("is JSON");
        let good = fake_node(move |_, _| Some((200, text.clone())));
        let urls = [dead_node(), good.url.clone(), fake_node(|_, _| None).url];
        // Those that are known to be silent are asked as well.
        for _ in 0..2 {
            let client = Client::new(&urls).expect("addresses").with_memory(Some(folder.path()));
            let told = client.statuses();
            let urls_told: Vec<_> = told.iter().map(|(url, _)| *url).collect();
            assert_eq!(urls_told, urls);
            assert_eq!(told[1].1, Ok(status.clone()));
            for silent in [0, 2] {
                let failure = told[silent].1.as_ref().expect_err("silent");
                assert_eq!(failure.number(), crate::exit::UNREACHABLE, "{failure}");
            }
            assert!(told[0].1.as_ref().expect_err("dead").message().contains("nothing runs there"));
        }
    }

    #[test]
    fn a_node_in_trouble_is_passed_over() {
        let troubled = fake_node(|_, _| Some((503, "{}".into())));
        let good = fake_node(|_, _| Some((200, "[]".into())));
        let client = Client::new(&[troubled.url, good.url]).expect("addresses");
        assert_eq!(client.proposals(), Ok(Vec::new()));
    }

    #[test]
    fn it_is_known_whether_bytes_may_have_arrived() {
        let hand_in = |url: String| {
            let client = Client::new(&[url]).expect("an address");
            client.hand_in(0, &id(), b"x", ANSWER_TIMEOUT)
        };
        assert!(matches!(hand_in(dead_node()), HandedIn::NotSent(_)));
        let silent = fake_node(|_, _| None);
        assert!(matches!(hand_in(silent.url), HandedIn::Unclear(_)));
        let no_node_of_ours = fake_node(|_, _| Some((404, "<html>".into())));
        assert!(matches!(hand_in(no_node_of_ours.url), HandedIn::Unclear(_)));
        let full = Problem { refusal: Some(FULL), ..Problem::new(503, "x", "full") };
        let full = serde_json::to_string(&full).expect("is JSON");
        let full = fake_node(move |_, _| Some((503, full.clone())));
        assert!(matches!(hand_in(full.url), HandedIn::Full(_)));
        let locked = serde_json::to_string(&Problem::new(401, "wrong-token", "who?"));
        let locked = locked.expect("is JSON");
        let locked = fake_node(move |_, _| Some((401, locked.clone())));
        assert_eq!(hand_in(locked.url), HandedIn::Locked);
        let taken = fake_node(|_, _| Some((202, submitted(Progress::Pending))));
        assert_eq!(hand_in(taken.url), HandedIn::Taken);
        let other = fake_node(|_, _| {
            let other = submitted(Progress::Pending).replace("07", "08");
            Some((202, other))
        });
        assert!(matches!(hand_in(other.url), HandedIn::Unclear(_)));
    }

    #[test]
    fn where_a_transaction_stands_is_the_best_that_any_node_knows() {
        let unknown = fake_node(|_, _| Some((404, "{}".into())));
        let pending = fake_node(|_, _| Some((200, submitted(Progress::Pending))));
        let decided = fake_node(|_, _| Some((200, submitted(Progress::Decided))));
        let place = |urls: &[&String]| {
            let urls: Vec<_> = urls.iter().map(|url| (*url).clone()).collect();
            Client::new(&urls).expect("addresses").transaction(&id())
        };
        let dead = dead_node();
        assert_eq!(place(&[&unknown.url, &dead]), Ok(None));
        assert_eq!(place(&[&unknown.url, &pending.url, &dead]), Ok(Some(Place::Pending)));
        let (height, log_index) = (Height::new(5), LogIndex::new(5));
        let all = [&unknown.url, &dead, &pending.url, &decided.url];
        assert_eq!(place(&all), Ok(Some(Place::Decided { height, log_index })));
        let nobody = place(&[&dead]).expect_err("nobody is there");
        assert_eq!(nobody.number(), crate::exit::UNREACHABLE);
    }

    #[test]
    fn an_answer_that_is_no_json_is_a_failure_not_a_panic() {
        let node = fake_node(|count, _| match count {
            0 => Some((200, "<html>".into())),
            _ => Some((418, "\x1b[31mteapot".into())),
        });
        let client = Client::new(&[node.url]).expect("an address");
        assert_eq!(client.status().expect_err("no JSON").number(), crate::exit::INCOMPLETE);
        let failure = client.status().expect_err("refused");
        assert_eq!(failure.number(), crate::exit::REFUSED);
        assert!(!failure.to_string().contains('\x1b'));
    }

    #[test]
    fn the_token_is_shown_and_a_node_that_does_not_know_it_is_passed_over() {
        let problem = serde_json::to_string(&Problem::new(401, "wrong-token", "who?"));
        let problem = problem.expect("is JSON");
        let stranger = fake_node(move |_, _| Some((401, problem.clone())));
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("has an address"));
        let friend = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("is asked");
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]";
            stream.write_all(answer).expect("answers");
            String::from_utf8(head).expect("is text").to_ascii_lowercase()
        });
        let client = Client::new(&[stranger.url, url]).expect("addresses");
        let client = client.with_rights(Some("tuan-token-1".to_owned()), Folders::of(|_| None));
        assert_eq!(client.proposals(), Ok(Vec::new()));
        let head = friend.join().expect("answered");
        assert!(head.contains("\r\nauthorization: bearer tuan-token-1\r\n"), "{head}");
    }

    /// A node that says on its first line whether it was shown `token`, and takes whoever shows nothing as a
    /// stranger: he may read what is public, the list of members.
    fn node_that_has_left(token: &Arc<Mutex<String>>) -> FakeNode {
        let token = token.clone();
        heading_node(move |head, _| {
            let shown = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
            let is_public = head.starts_with("GET /v1/members");
            let refused = |kind| serde_json::to_string(&Problem::new(401, kind, "who?"));
            match shown {
                Some(shown) if shown == *token.lock().expect("not poisoned") => {
                    Some((200, "[]".into()))
                }
                Some(_) => Some((401, refused("wrong-token").expect("is JSON"))),
                None if is_public => Some((200, "[]".into())),
                None => Some((401, refused("token-needed").expect("is JSON"))),
            }
        })
    }

    #[test]
    fn a_node_of_this_machine_is_shown_what_it_has_left_and_an_old_one_locks_nobody_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("is text");
        let environment = |name: &str| (name == "XDG_RUNTIME_DIR").then(|| path.to_owned());
        let known = Arc::new(Mutex::new(String::new()));
        let node = node_that_has_left(&known);
        let address = node.url.strip_prefix("http://").expect("an address").parse().expect("one");
        let client = || {
            let client = Client::new(std::slice::from_ref(&node.url)).expect("an address");
            client.with_rights(None, Folders::of(environment))
        };
        let asked = || std::mem::take(&mut *node.requests.lock().expect("not poisoned")).len();

        // Nothing is left: what is public can be read, and for the rest it says what helps.
        assert_eq!(client().members(), Ok(Vec::new()));
        let locked = client().proposals().expect_err("locked");
        assert!(locked.to_string().contains("http://127.0.0.1:7101"), "{locked}");
        asked();

        let left = machine_token::MachineToken::leave(address, environment);
        let left = left.expect("can be left").expect("over loopback");
        *known.lock().expect("not poisoned") = left.token().to_owned();
        let client = client();
        assert_eq!((client.proposals(), asked()), (Ok(Vec::new()), 1));
        let taken = client.hand_in(0, &id(), b"x", ANSWER_TIMEOUT);
        assert!(matches!(taken, HandedIn::Unclear(_)), "the fake node speaks no more: {taken:?}");
        asked();

        // The node has ended uncleanly, and another one runs there, of another user.
        *known.lock().expect("not poisoned") = "another".to_owned();
        assert_eq!((client.members(), asked()), (Ok(Vec::new()), 2));
        assert_eq!(client.hand_in(0, &id(), b"x", ANSWER_TIMEOUT), HandedIn::Locked);
        assert!(client.proposals().is_err());
        asked();

        // It is started anew while this command runs.
        let anew = machine_token::MachineToken::leave(address, environment);
        let anew = anew.expect("can be left").expect("over loopback");
        *known.lock().expect("not poisoned") = anew.token().to_owned();
        assert_eq!((client.proposals(), asked()), (Ok(Vec::new()), 1));

        // A token of other nodes locks nobody out of the one here.
        let urls = std::slice::from_ref(&node.url);
        let client = Client::new(urls).expect("an address");
        let client = client.with_rights(Some("tuan-token-1".into()), Folders::of(environment));
        assert_eq!((client.proposals(), asked()), (Ok(Vec::new()), 2));

        // A name may lead elsewhere, and is shown nothing.
        let named = node.url.replace("127.0.0.1", "localhost");
        let client = Client::new(&[named]).expect("an address");
        assert!(client.with_rights(None, Folders::of(environment)).proposals().is_err());
    }

    #[test]
    fn addresses_are_checked_before_anything_is_sent() {
        for bad in ["", "localhost:7101", "https://x", "http://", "http://a b"] {
            let failure = Client::new(&[bad.to_owned()]).err().expect("refused");
            assert_eq!(failure.number(), crate::exit::USAGE, "{bad}");
        }
    }
}
