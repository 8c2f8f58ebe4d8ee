//! Talking to nodes: any of them will do, and none is believed.
//!
//! A question goes to the node that answered last, then to the others. A transaction that one node
//! keeps silent about goes to the next: the same bytes have the same id, so sending twice changes
//! nothing. What a node says about the ledger counts once its receipt verifies ([`crate::proof`]).
//!
//! Source: DESIGN D13.

use crate::exit::Failure;
use ledger_core::{
    api::{
        EntryView, GroupBuyView, MemberView, Problem, Progress, ProposalView, Status, Submitted,
    },
    crypto::TransactionId,
    types::{GroupBuyId, Height, LogIndex},
};
use serde::de::DeserializeOwned;
use std::{
    cell::Cell,
    thread,
    time::{Duration, Instant},
};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one question may take in all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a node is asked to hold its answer until a transaction is decided.
const HOLD: Duration = Duration::from_secs(5);
/// After this time without a decision the transaction goes to the next node as well.
const RESEND_AFTER: Duration = Duration::from_secs(10);
/// Pause between two questions whether a transaction is decided.
const POLL_PAUSE: Duration = Duration::from_millis(250);
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
    /// What `authorization` says, for nodes that ask for an access token.
    authorization: Option<String>,
    /// Position of the node that answered last.
    first: Cell<usize>,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// In the ledger, says a node.
    Decided {
        /// Its block.
        height: Height,
        /// Its place in the log.
        log_index: LogIndex,
    },
    /// Taken in; nobody waited for more.
    Pending,
    /// The ledger will not have it.
    Refused(Box<Problem>),
}

/// An answer over HTTP.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// Nobody answered.
struct Silence {
    /// What happened at each node.
    reasons: Vec<String>,
    /// A node may have got the question all the same.
    may_have_arrived: bool,
}

impl Silence {
    fn failure(&self) -> Failure {
        Failure::unreachable(format!("no node answers: {}", self.reasons.join("; ")))
            .help("check the network, or name other nodes with --node")
    }
}

impl Answer {
    fn problem(&self) -> Problem {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| {
            let text: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
            let detail = format!("the node answered {} {}", self.status, text.trim());
            Problem::new(self.status, "unreadable-answer", detail.trim())
        })
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::incomplete(format!("a node's answer cannot be read: {error}"))
                .help("use a `tuan` of the same version as the node, or another --node")
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
                return Err(Failure::usage(format!("{node:?} is no address of a node")).help(
                    "write --node http://HOST:PORT; receipts are verified, so HTTP is enough",
                ));
            }
            urls.push(url.to_owned());
        }
        if urls.is_empty() {
            return Err(Failure::usage("no node is named").help("write --node http://HOST:PORT"));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(ANSWER_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self { nodes: urls, agent, authorization: None, first: Cell::new(0) })
    }

    /// Shows an access token with every question; nodes are told no other way who asks.
    pub(crate) fn with_token(self, token: Option<&str>) -> Self {
        Self { authorization: token.map(|token| format!("Bearer {token}")), ..self }
    }

    /// How a node is.
    pub(crate) fn status(&self) -> Result<Status, Failure> {
        self.get("/v1/status")
    }

    /// The registry.
    pub(crate) fn members(&self) -> Result<Vec<MemberView>, Failure> {
        self.get("/v1/members")
    }

    /// A group buy with all its money.
    pub(crate) fn group_buy(&self, id: &GroupBuyId) -> Result<GroupBuyView, Failure> {
        let view = self.get(&format!("/v1/group-buys/{id}"));
        view.map_err(|failure| failure.or_help("see `tuan buy list` for the names"))
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

    /// An entry of the log, as every node that answers has it.
    pub(crate) fn entries(&self, index: LogIndex) -> Result<Vec<EntryView>, Failure> {
        let path = format!("/v1/entries/{index}");
        let mut views = Vec::new();
        let mut reasons = Vec::new();
        let mut lacking = 0;
        for node in self.in_order() {
            match self.get_at(node, &path) {
                Ok(answer) if answer.status == 200 => match answer.read() {
                    Ok(view) => views.push(view),
                    Err(failure) => reasons.push(failure.to_string()),
                },
                Ok(answer) if answer.status == 404 => lacking += 1,
                Ok(answer) => reasons.push(answer.problem().detail),
                Err(error) => reasons.push(format!("{}: {error}", self.nodes[node])),
            }
        }
        if views.is_empty() && reasons.is_empty() && lacking > 0 {
            return Err(Failure::refused(format!("there is no entry {index} in the log yet"))
                .help("`tuan status` says how many entries the log has"));
        }
        if views.is_empty() {
            return Err(Failure::incomplete(format!(
                "no node shows entry {index}: {}",
                reasons.join("; ")
            ))
            .help("try again, or name other nodes with --node"));
        }
        Ok(views)
    }

    /// Where a transaction stands; `None` if no node that answers knows it.
    pub(crate) fn transaction(&self, id: &TransactionId) -> Result<Option<Submitted>, Failure> {
        let mut answered = false;
        let mut reasons = Vec::new();
        let mut pending = None;
        for node in self.in_order() {
            match self.get_at(node, &format!("/v1/transactions/{id}")) {
                Ok(answer) if answer.status == 200 || answer.status == 202 => {
                    let submitted: Submitted = answer.read()?;
                    if submitted.progress == Progress::Decided {
                        return Ok(Some(submitted));
                    }
                    answered = true;
                    pending = Some(submitted);
                }
                Ok(answer) => {
                    answered |= answer.status == 404;
                    reasons.push(answer.problem().detail);
                }
                Err(error) => reasons.push(format!("{}: {error}", self.nodes[node])),
            }
        }
        if answered {
            Ok(pending)
        } else {
            Err(Silence { reasons, may_have_arrived: false }.failure())
        }
    }

    /// Blocks with their certificates from a height on, as the archive has them.
    pub(crate) fn archive(&self, from: Height) -> Result<Vec<u8>, Failure> {
        let answer = self.ask(|node| self.get_at(node, &format!("/v1/archive?from={from}")));
        let answer = answer.map_err(|silence| silence.failure())?;
        match answer.status {
            200 => Ok(answer.body),
            // Nothing from there on.
            204 | 404 => Ok(Vec::new()),
            _ => Err(no(&answer.problem())),
        }
    }

    /// Asks a question that changes nothing.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer =
            self.ask(|node| self.get_at(node, path)).map_err(|silence| silence.failure())?;
        if answer.status == 200 { answer.read() } else { Err(no(&answer.problem())) }
    }

    /// Sends a signed transaction and waits until it is decided, for at most `patience`; `None` does not wait.
    ///
    /// # Errors
    /// A [`Failure`] if nobody could be asked, or if nobody knows yet what became of it.
    pub(crate) fn submit(
        &self,
        id: &TransactionId,
        bytes: &[u8],
        patience: Option<Duration>,
    ) -> Result<Sent, Failure> {
        let started = Instant::now();
        let mut turn = 0;
        loop {
            let left = patience.unwrap_or_default().saturating_sub(started.elapsed());
            let hold_ms = left.min(HOLD).as_millis();
            let path = format!("/v1/transactions?wait_ms={hold_ms}");
            match self.ask_from(turn, |node| self.post_at(node, &path, bytes)) {
                Ok(answer) => {
                    if let Some(sent) = self.judge(id, &answer)? {
                        return Ok(sent);
                    }
                }
                Err(silence) if turn == 0 && !silence.may_have_arrived => {
                    return Err(silence.failure());
                }
                Err(_) => {}
            }
            let Some(patience) = patience else { return Ok(Sent::Pending) };
            let resend_at = Instant::now() + RESEND_AFTER;
            while Instant::now() < resend_at {
                if started.elapsed() >= patience {
                    return Err(outcome_unknown(id, patience));
                }
                thread::sleep(POLL_PAUSE);
                match self.transaction(id) {
                    Ok(Some(submitted)) => {
                        if let Some(sent) = decided(&submitted) {
                            return Ok(sent);
                        }
                    }
                    // Every node has forgotten it: send it again, and hear why.
                    Ok(None) => break,
                    Err(_) => {}
                }
            }
            turn += 1;
        }
    }

    /// What an answer to a submission means; `None` if it is not decided yet.
    fn judge(&self, id: &TransactionId, answer: &Answer) -> Result<Option<Sent>, Failure> {
        if matches!(answer.status, 200 | 202) {
            let submitted: Submitted = answer.read()?;
            if submitted.id != *id {
                return Err(Failure::incomplete("a node answered for another transaction")
                    .help("ask another node with --node"));
            }
            return Ok(decided(&submitted));
        }
        let problem = answer.problem();
        // Refusal 107: an earlier sending of these very bytes got through.
        if problem.refusal == Some(107)
            && let Some(submitted) = self.transaction(id)?
        {
            return Ok(decided(&submitted));
        }
        Ok(Some(Sent::Refused(Box::new(problem))))
    }

    fn in_order(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let (first, count) = (self.first.get(), self.nodes.len());
        (0..count).map(move |step| (first + step) % count)
    }

    fn ask(
        &self,
        question: impl Fn(usize) -> Result<Answer, ureq::Error>,
    ) -> Result<Answer, Silence> {
        self.ask_from(0, question)
    }

    /// Asks nodes in turn, from the `skip`-th on, until one answers that lets us in and is not overloaded.
    fn ask_from(
        &self,
        skip: usize,
        question: impl Fn(usize) -> Result<Answer, ureq::Error>,
    ) -> Result<Answer, Silence> {
        let mut silence = Silence { reasons: Vec::new(), may_have_arrived: false };
        let mut overloaded = None;
        let count = self.nodes.len();
        for node in self.in_order().cycle().skip(skip % count).take(count) {
            match question(node) {
                // Another one may have room, or know who asks.
                Ok(answer) if answer.status >= 500 || matches!(answer.status, 401 | 429) => {
                    overloaded = Some(answer);
                }
                Ok(answer) => {
                    self.first.set(node);
                    return Ok(answer);
                }
                Err(error) => {
                    silence.may_have_arrived |= may_have_arrived(&error);
                    silence.reasons.push(format!("{}: {error}", self.nodes[node]));
                }
            }
        }
        overloaded.ok_or(silence)
    }

    fn get_at(&self, node: usize, path: &str) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.get(format!("{}{path}", self.nodes[node]));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        read_answer(request.call()?)
    }

    fn post_at(&self, node: usize, path: &str, bytes: &[u8]) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.post(format!("{}{path}", self.nodes[node]));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        read_answer(request.header("content-type", "application/octet-stream").send(bytes)?)
    }
}

fn read_answer(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok(Answer { status, body })
}

fn decided(submitted: &Submitted) -> Option<Sent> {
    match (submitted.progress, submitted.height, submitted.log_index) {
        (Progress::Decided, Some(height), Some(log_index)) => {
            Some(Sent::Decided { height, log_index })
        }
        _ => None,
    }
}

/// Whether the node may have read the request before the connection failed.
fn may_have_arrived(error: &ureq::Error) -> bool {
    use ureq::{Error, Timeout};
    let refused = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    match error {
        Error::Io(error) => !refused(error),
        Error::Timeout(Timeout::Connect | Timeout::Resolve)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::BadUri(_) => false,
        _ => true,
    }
}

fn outcome_unknown(id: &TransactionId, patience: Duration) -> Failure {
    let seconds = patience.as_secs();
    Failure::incomplete(format!("after {seconds} s nobody says what became of transaction {id}"))
        .help(format!(
            "it may still be decided: ask with `tuan tx show {id}` before you repeat the command"
        ))
}

/// The failure that a problem is, without a choice of language.
fn no(problem: &Problem) -> Failure {
    Failure::refused(crate::output::plain(&problem.detail))
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
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("has an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for (count, stream) in listener.incoming().enumerate() {
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
                let reply = answer(count, &line);
                seen.lock().expect("not poisoned").push(line);
                if let Some((status, body)) = reply {
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

    fn dead_node() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        format!("http://{}", listener.local_addr().expect("has an address"))
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

    const PATIENCE: Option<Duration> = Some(Duration::from_secs(5));

    #[test]
    fn the_next_node_is_asked_when_one_is_silent() {
        let good = fake_node(|_, _| Some((200, "[]".into())));
        let client = Client::new(&[dead_node(), good.url.clone()]).expect("addresses");
        assert_eq!(client.proposals(), Ok(Vec::new()));
        assert_eq!(client.proposals(), Ok(Vec::new()));
        assert_eq!(good.requests.lock().expect("not poisoned").len(), 2);
    }

    #[test]
    fn nobody_reachable_and_outcome_unknown_are_told_apart() {
        let client = Client::new(&[dead_node()]).expect("an address");
        let failure = client.submit(&id(), b"x", PATIENCE).expect_err("nobody there");
        assert_eq!(failure.number(), crate::exit::UNREACHABLE);
        // A node that takes the transaction and hangs up.
        let silent = fake_node(|_, _| None);
        let client = Client::new(&[silent.url]).expect("an address");
        let patience = Some(Duration::from_millis(600));
        let failure = client.submit(&id(), b"x", patience).expect_err("unknown");
        assert_eq!(failure.number(), crate::exit::INCOMPLETE);
        assert!(failure.to_string().contains(&format!("tuan tx show {}", id())));
    }

    #[test]
    fn a_transaction_is_followed_until_it_is_decided() {
        let node = fake_node(|count, _| match count {
            0 => Some((202, submitted(Progress::Pending))),
            1 => Some((200, submitted(Progress::Pending))),
            _ => Some((200, submitted(Progress::Decided))),
        });
        let client = Client::new(&[node.url]).expect("an address");
        let sent = client.submit(&id(), b"x", PATIENCE);
        let (height, log_index) = (Height::new(5), LogIndex::new(5));
        assert_eq!(sent, Ok(Sent::Decided { height, log_index }));
    }

    #[test]
    fn a_transaction_that_was_dropped_is_sent_again_and_its_refusal_heard() {
        let problem = Problem { refusal: Some(303), ..Problem::new(409, "x", "too late") };
        let text = serde_json::to_string(&problem).expect("is JSON");
        let node = fake_node(move |count, line| match (count, line.starts_with("POST")) {
            (0, _) => Some((202, submitted(Progress::Pending))),
            (_, false) => Some((404, "{}".into())),
            (_, true) => Some((409, text.clone())),
        });
        let client = Client::new(&[node.url]).expect("an address");
        let sent = client.submit(&id(), b"x", PATIENCE);
        assert_eq!(sent, Ok(Sent::Refused(Box::new(problem))));
    }

    #[test]
    fn bytes_that_got_through_before_count_as_sent() {
        let problem = Problem { refusal: Some(107), ..Problem::new(409, "x", "again") };
        let text = serde_json::to_string(&problem).expect("is JSON");
        let node = fake_node(move |_, line| match line.starts_with("POST") {
            true => Some((409, text.clone())),
            false => Some((200, submitted(Progress::Decided))),
        });
        let client = Client::new(&[node.url]).expect("an address");
        assert!(matches!(client.submit(&id(), b"x", PATIENCE), Ok(Sent::Decided { .. })));
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
        assert_eq!(client.with_token(Some("tuan-token-1")).proposals(), Ok(Vec::new()));
        let head = friend.join().expect("answered");
        assert!(head.contains("\r\nauthorization: bearer tuan-token-1\r\n"), "{head}");
    }

    #[test]
    fn addresses_are_checked_before_anything_is_sent() {
        for bad in ["", "localhost:7101", "https://x", "http://", "http://a b"] {
            let failure = Client::new(&[bad.to_owned()]).err().expect("refused");
            assert_eq!(failure.number(), crate::exit::USAGE, "{bad}");
        }
    }
}
