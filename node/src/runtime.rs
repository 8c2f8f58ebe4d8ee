//! The shell around the replica: the only place where clocks, disks and sockets meet it.
//!
//! One loop owns the replica. Signatures are verified on other threads, the disk has its own, and
//! both answer with events; the network and the API talk to the loop through bounded channels.

use crate::{
    advice,
    api::{self, Command, Snapshot},
    disk::{self, Disk},
    exit::Failure,
    guard::{NOTHING_SIGNED, VoteGuard},
    home::{Home, Identity},
    lang::say,
    metrics::Metrics,
    network::{
        Channel, Multiaddr, NetworkCommand, NetworkConfig, NetworkEvent, NetworkHandle, PeerEntry,
        PeerKey, Topic, spawn,
    },
    store::RocksStore,
};
use anyhow::anyhow;
use genesis::{Genesis, Text, text};
use ledger_core::{
    api::{Activity, PeerStatus, SignedTwice, Status, Use},
    codec::decode,
    consensus::{GuardRecord, Step},
    crypto::{BatchItem, SecretKey, verify_batch},
    types::{Height, Round, TimestampMs},
};
use machine_token::MachineToken;
use replica::{
    Action, Config, Event, MEMPOOL_BYTES_MAX, NodeId, Now, Outcome, Replica, RequestId, Road,
    Start, StartError, SteadyMs,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::NonZero,
    panic::resume_unwind,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Most commands of the API that wait for the loop.
const COMMANDS_MAX: usize = 1_024;
/// Most events taken from the network, or commands from the API, before the loop looks at everything else.
const EVENTS_IN_A_ROW_MAX: usize = 64;
/// Fewest signatures that are worth a thread of their own: a batch is cheaper the larger it is.
const SIGNATURES_PER_THREAD_MIN: usize = 1_024;
/// How often it is seen to that the machine token is still in its file.
const TOKEN_INTERVAL: Duration = Duration::from_secs(60);
/// Most proposers of failed rounds that are named.
const FAILED_PROPOSERS_MAX: usize = 16;

/// The wall clock in milliseconds.
#[must_use]
pub fn now() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    TimestampMs::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The clocks of a running node: the system's, and one that nobody sets.
#[derive(Clone, Copy)]
struct Clocks {
    started: Instant,
}

impl Clocks {
    fn start() -> Self {
        Self { started: Instant::now() }
    }

    fn now(self) -> Now {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { steady: SteadyMs::new(ms), wall: now() }
    }
}

/// A node of a chain, opened and not yet running.
struct Opened {
    replica: Replica,
    actions: Vec<Action>,
    guard: Option<VoteGuard>,
    me: NodeId,
    name: String,
    transport: SecretKey,
}

fn open(home: &Home, genesis: &Genesis, clocks: Clocks) -> Result<Opened, Failure> {
    home.refuse_root()?;
    let Identity { node: me, validator, transport } = home.identity(genesis)?;
    let store = RocksStore::open(&home.store(), genesis.chain.as_bytes());
    let store: Arc<dyn crate::store::Store> =
        Arc::new(store.map_err(|error| advice::store(&error))?);
    let (chain, state) = replica::chain_store::ChainStore::open(store, genesis)
        .map_err(|error| advice::chain(&error))?;
    let fresh = state.tip().height == Height::ZERO;
    let path = home.guard();
    let create = || VoteGuard::create(&path).map_err(|error| advice::guard(&error));
    let exists = path.try_exists();
    let exists = exists.map_err(|error| advice::unreadable(&path, &error, text!("", "")))?;
    let (guard, record) = match (validator.is_some(), exists) {
        (false, _) => (None, None),
        (true, true) => {
            let (guard, record) = VoteGuard::open(&path).map_err(|error| advice::guard(&error))?;
            (Some(guard), record)
        }
        (true, false) if fresh => {
            let mut guard = create()?;
            guard.write(NOTHING_SIGNED).map_err(|error| advice::guard(&error))?;
            (Some(guard), Some(NOTHING_SIGNED.to_vec()))
        }
        (true, false) => {
            // What this node has signed is forgotten; its peers remember, and recovery asks them.
            tracing::warn!(
                "the vote guard is missing; asking the other validators what was signed"
            );
            (Some(create()?), None)
        }
    };
    let nothing_signed = record.as_deref() == Some(NOTHING_SIGNED);
    let record = record.filter(|_| !nothing_signed);
    let record = record.map(|bytes| decode::<GuardRecord>(&bytes)).transpose();
    let record = record.map_err(|error| advice::guard_damaged(&path, &error.to_string()))?;
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|error| anyhow!("no randomness: {error}"))?;
    let config = Config { genesis: genesis.clone(), me, key: validator, entropy };
    let start = Start { chain, state, guard: record, nothing_signed };
    let (replica, actions) =
        Replica::new(config, start, clocks.now()).map_err(|error| match error {
            StartError::Guard(error) => advice::guard_damaged(&path, &error.to_string()),
            StartError::Disk(error) => advice::chain(&error),
        })?;
    let name = genesis.nodes[me].name.clone();
    Ok(Opened { replica, actions, guard, me, name, transport })
}

/// Runs a node until `shutdown`, or until something fails.
///
/// # Errors
/// [`Failure`] with what to do.
pub async fn run(
    home: &Home,
    genesis: Genesis,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let settings = home.settings()?;
    let clocks = Clocks::start();
    let opened = open(home, &genesis, clocks)?;

    let mut keys: Vec<PeerKey> = Vec::new();
    let mut peers = Vec::new();
    for (node, entry) in genesis.nodes.iter().enumerate() {
        keys.push(*entry.transport.as_bytes());
        if node != opened.me {
            peers.push(PeerEntry {
                public_key: *entry.transport.as_bytes(),
                addresses: parse_addresses(&entry.addresses)?,
            });
        }
    }
    let network = NetworkConfig {
        secret_key: *opened.transport.seed(),
        listen: parse_addresses(&settings.listen)?,
        protocol_id: hex::encode(&genesis.chain.as_bytes()[..8]),
        peers,
    };
    let api_listener = tokio::net::TcpListener::bind(settings.api)
        .await
        .map_err(|error| advice::api_port(settings.api, &error))?;
    let machine_token = leave_machine_token(api_listener.local_addr()?);
    let (mut network, mut network_events) =
        spawn(network, shutdown.child_token()).await.map_err(advice::network)?;

    let (done, mut disk_done) = mpsc::channel(disk::JOBS_MAX);
    let store = opened.replica.chain_store().store().clone();
    let metrics = Metrics::new(std::mem::take(&mut network.metrics));
    let disk = Disk::start(store, opened.guard, done, metrics.store_batch())?;
    let (commands, mut api_commands) = mpsc::channel(COMMANDS_MAX);
    let (checked, mut signatures) = mpsc::channel(1);
    let snapshot = Snapshot::of(&opened.replica);
    let (publish, snapshots) = watch::channel(Arc::new(snapshot));
    let api = api::serve(
        api_listener,
        api::Surroundings {
            genesis: Arc::new(genesis.clone()),
            commands,
            snapshots,
            settings: settings.clients,
            metrics: metrics.clone(),
            tokens: home.tokens(),
            machine_token: machine_token.as_ref().map(|left| left.token().to_owned()),
            store: home.store(),
        },
        shutdown.clone(),
    );
    let api = tokio::spawn(api);
    let keeper = machine_token.map(|left| tokio::spawn(keep(left, shutdown.clone())));
    tracing::info!(node = opened.name, chain = %genesis.chain, api = %settings.api, "running");

    let mut shell = Shell {
        replica: opened.replica,
        name: opened.name,
        genesis,
        keys,
        network,
        disk,
        checked,
        publish,
        metrics,
        replies: BTreeMap::new(),
        next_request: 0,
        clocks,
        failure: None,
    };
    shell.carry_out(opened.actions);

    let result = loop {
        if let Some(failure) = shell.failure.take() {
            break Err(failure);
        }
        let wake = shell.replica.wake_at().since(clocks.now().steady).get();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break Ok(()),
            done = disk_done.recv() => match done {
                Some(Ok(job)) => shell.handle(Event::Persisted(job)),
                Some(Err(failure)) => break Err(failure),
                None => break Err(advice::bug("the disk thread has ended")),
            },
            Some(valid) = signatures.recv() => shell.handle(Event::SignaturesChecked(valid)),
            event = network_events.recv() => {
                let Some(event) = event else {
                    break Err(advice::bug("the network has stopped"));
                };
                shell.network_event(event);
                for _ in 0..EVENTS_IN_A_ROW_MAX {
                    let Some(event) = network_events.try_recv() else { break };
                    shell.network_event(event);
                }
            }
            Some(command) = api_commands.recv() => {
                shell.command(command);
                for _ in 0..EVENTS_IN_A_ROW_MAX {
                    let Ok(command) = api_commands.try_recv() else { break };
                    shell.command(command);
                }
            }
            () = tokio::time::sleep(Duration::from_millis(wake)) => shell.handle(Event::Tick),
        }
    };
    tracing::info!("stopping");
    shutdown.cancel();
    let Shell { disk, network, replica, .. } = shell;
    drop(disk_done);
    let _ = tokio::task::spawn_blocking(move || disk.finish()).await;
    if let Some(keeper) = keeper {
        let _ = keeper.await;
    }
    let _ = network.task.await;
    let _ = api.await;
    drop(replica);
    result
}

/// Leaves the token by which users of this machine are known. A node without does everything else.
fn leave_machine_token(api: SocketAddr) -> Option<MachineToken> {
    match MachineToken::leave(api, |name| std::env::var(name).ok()) {
        Ok(left) => left,
        Err(error) => {
            let Text { en, zh } = advice::machine_token(&error);
            eprintln!("{}", say(text!("warning: {en}", "警告：{zh}")));
            None
        }
    }
}

/// Keeps the token in its file as long as the node runs.
async fn keep(left: MachineToken, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(TOKEN_INTERVAL) => {}
        }
        if let Err(error) = left.keep() {
            tracing::warn!("the machine token cannot be left again: {:#}", anyhow!(error));
        }
    }
}

fn parse_addresses(texts: &[String]) -> Result<Vec<Multiaddr>, Failure> {
    let parse = |text: &String| {
        text.parse::<Multiaddr>().map_err(|error| {
            Failure::said(text!(
                "{text} is no multiaddress: {error}",
                "{text} 不是节点地址：{error}"
            ))
            .help(say(text!(
                "write `listen` in node.toml like [\"/ip4/0.0.0.0/tcp/7001\"]",
                "node.toml 中的 `listen` 应写成 [\"/ip4/0.0.0.0/tcp/7001\"] 的形式"
            )))
        })
    };
    texts.iter().map(parse).collect()
}

struct Shell {
    replica: Replica,
    name: String,
    genesis: Genesis,
    keys: Vec<PeerKey>,
    network: NetworkHandle,
    disk: Disk,
    checked: mpsc::Sender<Vec<bool>>,
    publish: watch::Sender<Arc<Snapshot>>,
    metrics: Metrics,
    replies: BTreeMap<RequestId, mpsc::Sender<Outcome>>,
    next_request: RequestId,
    clocks: Clocks,
    /// Why the node has to stop.
    failure: Option<Failure>,
}

/// Which signatures are right; a large batch is shared among the cores.
fn valid_signatures(items: &[BatchItem]) -> Vec<bool> {
    let mut entropy = [0; 32];
    if getrandom::fill(&mut entropy).is_err() {
        // Without fresh coefficients nothing may pass in a batch.
        let one = |item: &BatchItem| item.key.verify_zip215(&item.message, &item.signature);
        return items.iter().map(one).collect();
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(cores).max(SIGNATURES_PER_THREAD_MIN);
    let Some((first, others)) = items.split_at_checked(share) else {
        return verify_batch(items, &entropy);
    };
    thread::scope(|scope| {
        let others: Vec<_> = others
            .chunks(share)
            .map(|share| scope.spawn(|| verify_batch(share, &entropy)))
            .collect();
        let mut valid = verify_batch(first, &entropy);
        for share in others {
            valid.extend(share.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        valid
    })
}

impl Shell {
    fn handle(&mut self, event: Event) {
        let before = self.replica.standing();
        let actions = self.replica.handle(event, self.clocks.now());
        self.metrics.rounds_failed(self.replica.standing().rounds_after(&before));
        self.carry_out(actions);
    }

    fn network_event(&mut self, event: NetworkEvent) {
        let node = |key: &PeerKey| self.keys.iter().position(|known| known == key);
        match event {
            NetworkEvent::Listening(address) => tracing::info!(%address, "listening"),
            NetworkEvent::Connected(key) => {
                if let Some(node) = node(&key) {
                    self.handle(Event::Connected(node));
                }
            }
            NetworkEvent::Disconnected(key) => {
                if let Some(node) = node(&key) {
                    self.handle(Event::Disconnected(node));
                }
            }
            NetworkEvent::Received { from, payload, .. } => {
                if let Some(from) = node(&from) {
                    self.handle(Event::Received { from, bytes: payload });
                }
            }
            NetworkEvent::GossipReceived { id, payload, .. } => {
                let height = decode::<Height>(&payload);
                let verdict = NetworkCommand::GossipVerdict { id, accept: height.is_ok() };
                let _ = self.network.commands.try_send(verdict);
                if let Ok(height) = height {
                    self.handle(Event::Announced(height));
                }
            }
            // The regular exchange of the replica brings what was lost.
            NetworkEvent::SendFailed { .. } => {}
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Submit { bytes, reply } => {
                let request = self.next_request;
                self.next_request += 1;
                self.replies.insert(request, reply);
                self.handle(Event::Submit { request, bytes });
            }
            Command::Status(reply) => {
                // Whoever asks for the metrics asks for this first.
                self.metrics.ignored(self.replica.ignored());
                let _ = reply.send(self.status());
            }
            Command::IsPending(id, reply) => {
                let _ = reply.send(self.replica.mempool().contains_id(&id));
            }
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { to, road, bytes } => {
                    let channel = match road {
                        Road::Consensus => Channel::Consensus,
                        Road::Bodies => Channel::Bodies,
                        Road::Sync => Channel::Sync,
                        Road::Transactions => Channel::Transactions,
                    };
                    let to = self.keys[to];
                    let payload = crate::network::Bytes::from_owner(bytes);
                    // A full queue loses the message; the regular exchange brings it again.
                    let send = NetworkCommand::Send { to, channel, payload };
                    let _ = self.network.commands.try_send(send);
                }
                Action::CheckSignatures(items) => self.check_signatures(items),
                Action::Persist { job, writes } => self.disk.write(job, writes),
                Action::Answer { request, outcome } => self.answer(request, outcome),
                Action::Applied { height, hash, entries } => {
                    tracing::info!(%height, hash = hash.short(), entries, "decided");
                    self.metrics.applied(entries);
                    let _ = self.publish.send(Arc::new(Snapshot::of(&self.replica)));
                }
                Action::Announce(height) => {
                    let payload = ledger_core::codec::encode(&height);
                    let gossip = NetworkCommand::Gossip { topic: Topic::Blocks, payload };
                    let _ = self.network.commands.try_send(gossip);
                }
                Action::Alarm(text) => tracing::warn!("{text}"),
                Action::DiskFailed(error) => self.failure = Some(advice::chain(&error)),
            }
        }
    }

    fn answer(&mut self, request: RequestId, outcome: Outcome) {
        let is_final = !matches!(outcome, Outcome::Pending(_));
        if let Some(reply) = self.replies.get(&request) {
            // Whoever asked may have gone.
            let _ = reply.try_send(outcome);
        }
        if is_final {
            self.replies.remove(&request);
        }
    }

    fn check_signatures(&self, items: Vec<BatchItem>) {
        let checked = self.checked.clone();
        tokio::task::spawn_blocking(move || {
            let _ = checked.blocking_send(valid_signatures(&items));
        });
    }

    fn status(&self) -> Status {
        let replica = &self.replica;
        let consensus = replica.consensus();
        let standing = replica.standing();
        let validators = consensus.validators();
        let tip = replica.state().tip();
        let nodes = || replica.nodes().iter().enumerate();
        let peers = nodes().filter(|(_, node)| node.name != self.name).map(|(id, node)| {
            let peer = replica.peer_facts(id);
            PeerStatus {
                member: node.name.clone(),
                connected: peer.connected,
                since: peer.since,
                heard: peer.heard,
                // It says which height it decides.
                height: peer.height.map(|height| height.saturating_sub(Height::new(1))),
                clock_offset_ms: peer.clock_offset_ms.map(i64::saturating_neg),
                voting_power: node.validator.map(|index| validators.power(index)),
            }
        });
        let proposer_of = |round| {
            let index = validators.proposer(consensus.height(), Round::new(round));
            nodes().find(|(_, node)| node.validator == Some(index))
        };
        let failed = (0..consensus.round().get()).rev().take(FAILED_PROPOSERS_MAX);
        let failed: Vec<_> = failed.filter_map(proposer_of).map(|(_, n)| n.name.clone()).collect();
        let signed_twice = replica.equivocations().iter().filter_map(|found| {
            let (_, node) = nodes().find(|(_, node)| node.validator == Some(found.validator))?;
            let member = node.name.clone();
            Some(SignedTwice { member, times: found.times, height: found.height, at: found.at })
        });
        Status {
            chain: self.genesis.chain,
            name: self.genesis.name.to_string(),
            node: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: now(),
            activity: self.activity(),
            voting_power: consensus.me().map(|index| validators.power(index)),
            total_power: validators.total_power(),
            height: tip.height,
            round: consensus.round(),
            step: match consensus.step() {
                Step::Waiting => "waiting",
                Step::Propose => "propose",
                Step::Prevote => "prevote",
                Step::Precommit => "precommit",
                Step::Decided => "decided",
            }
            .to_owned(),
            height_since: standing.height_since,
            awake_since: standing.awake_since,
            step_since: standing.step_since,
            failed_proposers: failed.into_iter().rev().collect(),
            tip: tip.hash,
            time: tip.time,
            next_deadline: replica.state().next_deadline(),
            certified_height: replica.certified_height(),
            state_root: tip.state_root,
            log_size: replica.state().log().size(),
            waiting_for: replica.waiting_for(),
            signed_twice: signed_twice.collect(),
            signed_elsewhere: replica.signed_elsewhere(),
            peers: peers.collect(),
            clock_offset_ms: replica.clock_offset_ms(),
            mempool: replica.mempool().len() as u64,
            mempool_bytes: Use {
                used: replica.mempool().bytes() as u64,
                max: MEMPOOL_BYTES_MAX as u64,
            },
            // Asked of the system where it holds nothing up.
            disk: None,
        }
    }

    fn activity(&self) -> Activity {
        let replica = &self.replica;
        // Not what peers say of themselves. One block is on its way at any moment.
        if replica.certified_height() > replica.consensus().height() {
            Activity::CatchingUp
        } else if replica.consensus().me().is_none() {
            Activity::Following
        } else if replica.is_recovering() {
            Activity::Recovering
        } else if replica.consensus().barred_through().is_some() {
            Activity::Barred
        } else {
            Activity::Voting
        }
    }
}
