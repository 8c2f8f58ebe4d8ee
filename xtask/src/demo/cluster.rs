//! The nodes: real `tuand` processes on loopback, stopped however the demo ends.

use anyhow::{Context as _, Result, bail, ensure};
use ledger_core::{api::Status, types::Height};
use machine_token::Folders;
use serde::de::DeserializeOwned;
use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Pause between two looks at something that will happen soon.
const PAUSE: Duration = Duration::from_millis(100);
/// How long nodes may take to start and find each other.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a node may take to stop after SIGTERM before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// How long one answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer: a group buy of 4,000 lines in JSON.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A node's folder and addresses.
pub(crate) struct Node {
    /// The member whose node it is.
    pub(crate) name: String,
    /// Whether it votes; the auditor's only follows.
    pub(crate) votes: bool,
    /// Its folder.
    pub(crate) home: PathBuf,
    /// Where other nodes reach it.
    pub(crate) listen: String,
    /// Where its HTTP API listens.
    pub(crate) api: String,
    log: PathBuf,
}

/// Free ports on loopback.
///
/// They are kept open until all are chosen, so that none is given twice; what another program takes
/// between then and the node's start makes the node say so and the demo fail.
#[derive(Default)]
pub(crate) struct Ports(Vec<TcpListener>);

impl Ports {
    fn free(&mut self) -> Result<u16> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free port on loopback")?;
        let port = listener.local_addr()?.port();
        self.0.push(listener);
        Ok(port)
    }
}

impl Node {
    /// Chooses folder and ports; nothing is made yet.
    pub(crate) fn new(name: &str, votes: bool, home: &Path, ports: &mut Ports) -> Result<Self> {
        let nodes = home.join("nodes");
        Ok(Self {
            name: name.to_owned(),
            votes,
            home: nodes.join(name),
            listen: format!("/ip4/127.0.0.1/tcp/{}", ports.free()?),
            api: format!("127.0.0.1:{}", ports.free()?),
            log: nodes.join(format!("{name}.log")),
        })
    }

    /// The address of its API.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// What it said last, for messages about its end.
    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n  ")
    }
}

/// Running nodes.
pub(crate) struct Cluster {
    nodes: Vec<(Node, Mutex<Child>)>,
    agent: ureq::Agent,
}

impl Cluster {
    /// Starts all nodes and waits until each is connected to every other.
    ///
    /// # Errors
    /// A node ends, or they do not find each other in time.
    pub(crate) fn start(nodes: Vec<Node>, tuand: &Path, genesis: &Path) -> Result<Self> {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_PATIENCE))
            .proxy(None)
            .build()
            .new_agent();
        let mut cluster = Self { nodes: Vec::new(), agent };
        for node in nodes {
            let log = fs::File::create(&node.log)
                .with_context(|| format!("cannot write {}", node.log.display()))?;
            let child = Command::new(tuand)
                // Tokens lie where users look for them, also when a service runs this.
                .env_remove("RUNTIME_DIRECTORY")
                .arg("run")
                .arg("--home")
                .arg(&node.home)
                .arg("--genesis")
                .arg(genesis)
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()
                .with_context(|| format!("cannot start {}", tuand.display()))?;
            cluster.nodes.push((node, Mutex::new(child)));
        }
        cluster.wait("the nodes to find each other", START_PATIENCE, |cluster| {
            cluster.check_alive()?;
            let all = cluster.nodes().all(|node| {
                let status: Result<Status> = cluster.get(node, "/v1/status");
                status.is_ok_and(|status| status.peers.iter().all(|peer| peer.connected))
            });
            Ok(all.then_some(()))
        })?;
        Ok(cluster)
    }

    /// Process ids of the nodes, in the order in which they were given.
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        let id = |child: &Mutex<Child>| child.lock().unwrap_or_else(PoisonError::into_inner).id();
        self.nodes.iter().map(|(_, child)| id(child)).collect()
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(|(node, _)| node)
    }

    /// The node of a member, or the validator at `turn` for who has none.
    pub(crate) fn node_of(&self, member: &str, turn: usize) -> Result<&Node> {
        let own = self.nodes().find(|node| node.name == member);
        let voting: Vec<&Node> = self.nodes().filter(|node| node.votes).collect();
        let other = || voting.get(turn % voting.len().max(1)).copied();
        own.or_else(other).context("there are no validators")
    }

    /// Waits until a node has come to a height that another has told somebody of.
    pub(crate) fn catch_up(&self, node: &Node, height: Height) -> Result<()> {
        if height == Height::ZERO {
            return Ok(());
        }
        self.wait(&format!("the node of {} to come to {height}", node.name), START_PATIENCE, |it| {
            let status: Status = it.get(node, "/v1/status")?;
            Ok((status.height >= height).then_some(()))
        })
    }

    /// Addresses for a member: its own node first, the others for when that is silent.
    pub(crate) fn urls_for(&self, member: &str, turn: usize) -> Result<String> {
        let first = self.node_of(member, turn)?;
        let others = self.nodes().filter(|node| node.name != first.name);
        let urls: Vec<String> = std::iter::once(first).chain(others).map(Node::url).collect();
        Ok(urls.join(","))
    }

    /// Asks a node.
    pub(crate) fn get<T: DeserializeOwned>(&self, node: &Node, path: &str) -> Result<T> {
        let url = format!("{}{path}", node.url());
        let mut request = self.agent.get(&url);
        let tokens = Folders::of(|name| env::var(name).ok()).tokens_for_url(&url);
        if let Some(token) = tokens.first() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().with_context(|| format!("GET {url}"))?;
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        body.read_json().with_context(|| format!("cannot read the answer of {url}"))
    }

    /// Looks again and again until `look` finds something.
    ///
    /// # Errors
    /// `look` fails, or `patience` is over.
    pub(crate) fn wait<T>(
        &self,
        what: &str,
        patience: Duration,
        look: impl Fn(&Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            ensure!(!super::interrupted(), "interrupted");
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            if started.elapsed() > patience {
                self.check_answers()?;
                bail!("waited {} s for {what}, in vain", patience.as_secs());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Waits until all nodes stand at one height, and asks them all about it.
    pub(crate) fn agreed_status(&self) -> Result<Vec<Status>> {
        self.wait("all nodes to stand at one height", START_PATIENCE, |cluster| {
            let statuses: Result<Vec<Status>> =
                cluster.nodes().map(|node| cluster.get(node, "/v1/status")).collect();
            let statuses = statuses?;
            let same = statuses.windows(2).all(|pair| pair[0].height == pair[1].height);
            Ok(same.then_some(statuses))
        })
    }

    /// Fails if a node has ended.
    fn check_alive(&self) -> Result<()> {
        for (node, child) in &self.nodes {
            // A thread that panicked while it held the lock changed nothing that matters here.
            let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(status) = child.try_wait()? {
                bail!("the node of {} has ended ({status}):\n  {}", node.name, node.last_words());
            }
        }
        Ok(())
    }

    fn check_answers(&self) -> Result<()> {
        self.check_alive()?;
        for node in self.nodes() {
            let status: Result<Status> = self.get(node, "/v1/status");
            status.with_context(|| {
                format!("{} does not answer:\n  {}", node.name, node.last_words())
            })?;
        }
        Ok(())
    }

    /// Stops every node and gives them back to be started again.
    ///
    /// # Errors
    /// One did not end well.
    pub(crate) fn stop(mut self) -> Result<Vec<Node>> {
        let ends = self.terminate();
        let stopped = ends.into_iter().map(|(node, success)| {
            let name = &node.name;
            ensure!(success, "the node of {name} did not stop in good order; see its log");
            Ok(node)
        });
        stopped.collect()
    }

    fn terminate(&mut self) -> Vec<(Node, bool)> {
        let nodes: Vec<(Node, Child)> = self
            .nodes
            .drain(..)
            .map(|(node, child)| (node, child.into_inner().unwrap_or_else(PoisonError::into_inner)))
            .collect();
        for (_, child) in &nodes {
            // The standard library can only kill; asking nicely is the shell's business.
            let line = format!("kill -TERM {}", child.id());
            let _ = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status();
        }
        let started = Instant::now();
        let mut ends = Vec::new();
        for (node, mut child) in nodes {
            let end = loop {
                match child.try_wait() {
                    Ok(Some(status)) => break status.success(),
                    Ok(None) if started.elapsed() < STOP_PATIENCE => thread::sleep(PAUSE),
                    Ok(None) | Err(_) => {
                        let _ = child.kill();
                        let _ = child.wait();
                        break false;
                    }
                }
            };
            ends.push((node, end));
        }
        ends
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.terminate();
    }
}
