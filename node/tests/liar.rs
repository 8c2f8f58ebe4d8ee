//! Three real nodes, and a fourth that lies: a scripted peer with the keys of a validator.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ledger_core::{
    api::{Progress, Status, Submitted},
    crypto::{KeyPurpose, verify_batch},
    fund::Action as Act,
    types::Height,
};
use node::{
    home::Home,
    network::{
        Bytes, Channel, NetworkCommand, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle,
        PeerEntry, PeerKey, spawn,
    },
};
use replica::{
    Action, Config, Event, Now, Replica, Road, Start,
    chain_store::ChainStore,
    store::{MemoryStore, Store as _},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Cluster, LEADER, eventually, filing};
use tests::{byzantine::Obstructor, rng::Rng};
use tokio_util::sync::CancellationToken;

/// The node whose vote the chain lacks when it is kept behind.
const VICTIM: usize = 0;
/// The one that lies.
const LIAR: usize = 3;

/// Nobody sets the clock of a test.
fn now() -> Now {
    Now::of_one_clock(node::runtime::now())
}

/// A validator on the real network, with its store in memory, whose messages a script changes.
struct Liar {
    replica: Replica,
    script: Obstructor,
    keys: Vec<PeerKey>,
    network: NetworkHandle,
    events: NetworkEvents,
    store: Arc<MemoryStore>,
    /// The height that the victim decides, as the test sees it.
    victim_at: Arc<Mutex<Option<Height>>>,
}

impl Liar {
    async fn start(
        cluster_home: &std::path::Path,
        genesis: genesis::Genesis,
        victim_at: Arc<Mutex<Option<Height>>>,
        shutdown: CancellationToken,
    ) -> Self {
        let home = Home::new(cluster_home);
        let transport = home.key(KeyPurpose::Transport).unwrap();
        let keys: Vec<PeerKey> = genesis.nodes.iter().map(|n| *n.transport.as_bytes()).collect();
        let addresses = |node: usize| {
            genesis.nodes[node].addresses.iter().map(|text| text.parse().unwrap()).collect()
        };
        let others = (0..keys.len()).filter(|node| *node != LIAR);
        let peers =
            others.map(|node| PeerEntry { public_key: keys[node], addresses: addresses(node) });
        let config = NetworkConfig {
            secret_key: *transport.seed(),
            listen: addresses(LIAR),
            protocol_id: hex::encode(&genesis.chain.as_bytes()[..8]),
            peers: peers.collect(),
        };
        let (network, events) = spawn(config, shutdown).await.unwrap();
        let store = Arc::new(MemoryStore::new());
        let (chain, state) = ChainStore::open(store.clone(), &genesis).unwrap();
        let key = Some(home.key(KeyPurpose::Validator).unwrap());
        let start = Start { chain, state, guard: None, nothing_signed: true };
        let config = Config { genesis, me: LIAR, key, entropy: [7; 32] };
        let (replica, actions) = Replica::new(config, start, now()).unwrap();
        let script = Obstructor::new(VICTIM, 1);
        let mut liar = Self { replica, script, keys, network, events, store, victim_at };
        liar.carry_out(actions);
        liar
    }

    async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let wake = self.replica.wake_at().since(now().steady).get();
            tokio::select! {
                () = shutdown.cancelled() => return,
                event = self.events.recv() => match event {
                    Some(event) => self.hear(event),
                    None => return,
                },
                () = tokio::time::sleep(Duration::from_millis(wake)) => self.handle(Event::Tick),
            }
        }
    }

    fn hear(&mut self, event: NetworkEvent) {
        let node = |key: &PeerKey| self.keys.iter().position(|known| known == key).unwrap();
        match event {
            NetworkEvent::Connected(key) => self.handle(Event::Connected(node(&key))),
            NetworkEvent::Disconnected(key) => self.handle(Event::Disconnected(node(&key))),
            NetworkEvent::Received { from, payload, .. } => {
                let from = node(&from);
                match self.script.hears(from, &payload) {
                    Some((road, answer)) => self.send(from, road, answer),
                    None => self.handle(Event::Received { from, bytes: payload }),
                }
            }
            _ => {}
        }
    }

    fn handle(&mut self, event: Event) {
        let actions = self.replica.handle(event, now());
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            let event = match action {
                Action::Send { to, road, bytes } => {
                    self.script.learn(*self.victim_at.lock().unwrap());
                    for bytes in self.script.tamper(&self.replica, to, bytes) {
                        self.send(to, road, bytes);
                    }
                    continue;
                }
                Action::CheckSignatures(items) => {
                    Event::SignaturesChecked(verify_batch(&items, &Rng::new(1, "liar").bytes()))
                }
                Action::Persist { job, writes } => {
                    for write in writes {
                        if let replica::Write::Store(changes) = write {
                            self.store.apply(changes).unwrap();
                        }
                    }
                    Event::Persisted(job)
                }
                _ => continue,
            };
            actions.extend(self.replica.handle(event, now()));
        }
    }

    fn send(&self, to: usize, road: Road, bytes: Arc<[u8]>) {
        let channel = match road {
            Road::Consensus => Channel::Consensus,
            Road::Bodies => Channel::Bodies,
            Road::Sync => Channel::Sync,
            Road::Transactions => Channel::Transactions,
        };
        let payload = Bytes::from_owner(bytes);
        let _ = self.network.commands.try_send(NetworkCommand::Send {
            to: self.keys[to],
            channel,
            payload,
        });
    }
}

/// It shows its proposals, bodies and votes to all but one, says that it is far ahead, answers questions for
/// blocks with nothing, and falls silent once that one is behind. The others cannot decide without it.
#[test]
fn a_liar_that_keeps_one_of_four_behind_does_not_halt_the_chain() {
    let mut cluster = Cluster::found();
    for node in 0..LIAR {
        cluster.start(node);
    }
    let first = cluster.decide(1, LEADER, Act::File(filing("gb-0")));
    cluster.agree(&[0, 1, 2], first.height.unwrap().get());

    let shutdown = CancellationToken::new();
    let victim_at = Arc::new(Mutex::new(None));
    let liar = {
        let (home, genesis) = (cluster.nodes[LIAR].home.clone(), cluster.genesis.clone());
        let (victim_at, shutdown) = (victim_at.clone(), shutdown.clone());
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let liar = Liar::start(&home, genesis, victim_at, shutdown.clone()).await;
                liar.run(shutdown).await;
            });
        })
    };
    eventually("the liar to be connected", || {
        let status = cluster.status(1)?;
        let liar = &cluster.genesis.nodes[LIAR].name;
        status.peers.iter().find(|peer| peer.member == *liar && peer.connected).map(|_| ())
    });
    for number in 1..=20 {
        let transaction = cluster.sign(LEADER, Act::File(filing(&format!("gb-{number}"))));
        cluster.submit(1, transaction.bytes(), 0).unwrap();
        let path = format!("/v1/transactions/{}", transaction.id());
        eventually("the decision", || {
            let victim: Status = cluster.status(VICTIM)?;
            *victim_at.lock().unwrap() = Some(victim.height.next());
            let submitted: Submitted = cluster.get(1, &path)?;
            (submitted.progress == Progress::Decided).then_some(())
        });
    }
    let top = cluster.status(1).unwrap().height.get();
    cluster.agree(&[0, 1, 2], top);
    shutdown.cancel();
    liar.join().unwrap();
}
