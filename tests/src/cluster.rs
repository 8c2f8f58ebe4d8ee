//! Whole clusters of the real replica in one thread, under a false clock, network and disk.
//!
//! ```text
//!  workload ──Submit──▶ ┌─────────┐ ──Send──▶ network ──Received──▶ other machines
//!  clock ────Tick─────▶ │ replica │ ──Persist──▶ disk ──Persisted──▶ back
//!                       └─────────┘ ──CheckSignatures──▶ later ──SignaturesChecked──▶ back
//! ```
//!
//! One queue holds everything that will happen, ordered by time and then by when it was put there, so a
//! run depends on nothing but its seed.

use crate::{
    byzantine::{Actor, Equivocator, Obstructor},
    checks::{Checks, Tolerance},
    clock::{Clock, MILLISECOND, Micros, SECOND},
    community::{Community, Design, START},
    disk::{Disk, Image, Tear},
    network::{Network, NetworkProfile},
    rng::Rng,
    trace::Trace,
    workload::{WorkProfile, Workload},
};
use ledger_core::{
    codec::decode,
    crypto::verify_batch,
    types::{Height, TimestampMs},
};
use replica::{
    Action, Config, Event, JobId, NodeId, Now, Outcome, PeerMessage, Replica, RequestId, Road,
};
use std::{collections::BTreeMap, sync::Arc};

/// Clients look at the ledger about this often.
const LOOK_INTERVAL: Micros = 150 * MILLISECOND;
/// A run with more events than this for each simulated second and machine turns in circles.
const EVENTS_PER_SECOND_MAX: u64 = 20_000;

/// What a cluster is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where all chance comes from.
    pub seed: u64,
    /// Who takes part.
    pub design: Design,
    /// The network.
    pub network: NetworkProfile,
    /// Error of each machine's clock: milliseconds, and millionths of drift. Missing ones are right.
    pub clocks: Vec<(i64, i64)>,
    /// What the clients do.
    pub work: WorkProfile,
    /// Longest time that a write takes.
    pub write_max: Micros,
    /// What may be complained about.
    pub tolerance: Tolerance,
}

impl Setup {
    /// So many honest validators on a good network, and clients that do nothing.
    #[must_use]
    pub fn calm(seed: u64, validators: usize) -> Self {
        Self {
            seed,
            design: Design::of(validators),
            network: NetworkProfile::calm(),
            clocks: Vec::new(),
            work: WorkProfile {
                filing_interval: 3 * SECOND,
                group_buys_max: 0,
                households: 4,
                nonsense_permille: 0,
            },
            write_max: 3 * MILLISECOND,
            tolerance: Tolerance::default(),
        }
    }
}

/// Something that will happen.
#[derive(Debug)]
enum Due {
    Tick { machine: usize },
    Deliver { from: usize, to: usize, road: Road, epoch: u32, bytes: Arc<[u8]> },
    Announced { machine: usize, height: Height },
    Write { machine: usize, life: u32 },
    Persisted { machine: usize, life: u32, job: JobId },
    Checked { machine: usize, life: u32, valid: Vec<bool> },
    Connect { a: usize, b: usize },
    Disconnect { a: usize, b: usize },
    Submit { machine: usize, request: RequestId, bytes: Vec<u8> },
    Resume { machine: usize },
    Look,
}

impl Due {
    /// The machine in whose queue it waits while that machine stands still. Connections are told at once:
    /// nothing depends on their delay.
    fn waits_with(&self) -> Option<usize> {
        match *self {
            Self::Deliver { to: machine, .. }
            | Self::Announced { machine, .. }
            | Self::Persisted { machine, .. }
            | Self::Checked { machine, .. }
            | Self::Submit { machine, .. } => Some(machine),
            Self::Tick { .. }
            | Self::Write { .. }
            | Self::Connect { .. }
            | Self::Disconnect { .. }
            | Self::Resume { .. }
            | Self::Look => None,
        }
    }
}

struct Machine {
    node: NodeId,
    clock: Clock,
    disk: Disk,
    replica: Option<Replica>,
    actor: Actor,
    /// Counts the starts; what was meant for an earlier life is dropped.
    life: u32,
    tick_at: Option<Micros>,
    paused_until: Micros,
    /// What came while it stood still, in the order in which it came.
    held: Vec<Due>,
    reported_until: Micros,
    disk_is_older: bool,
    images: Vec<Image>,
}

/// A cluster under simulation.
pub struct Cluster {
    setup: Setup,
    community: Community,
    machines: Vec<Machine>,
    network: Network,
    workload: Workload,
    checks: Checks,
    trace: Trace,
    queue: BTreeMap<(Micros, u64), Due>,
    sequence: u64,
    now: Micros,
    rng: Rng,
    crashes: u64,
    faults: u64,
    /// Requests that were told to wait, by the machine and the life that told them.
    pending: BTreeMap<RequestId, (usize, u32)>,
    blocks: u64,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster of seed {} at {} us", self.setup.seed, self.now)
    }
}

impl Cluster {
    /// Founds a community and starts one machine for each of its nodes.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let community = Community::found(&setup.design);
        let mut cluster = Self {
            network: Network::new(setup.network, Rng::new(setup.seed, "network")),
            workload: Workload::new(setup.work, Rng::new(setup.seed, "workload")),
            checks: Checks::new(setup.tolerance),
            rng: Rng::new(setup.seed, "cluster"),
            trace: Trace::default(),
            machines: Vec::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            now: 0,
            crashes: 0,
            faults: 0,
            pending: BTreeMap::new(),
            blocks: 0,
            community,
            setup,
        };
        cluster.trace.note(cluster.setup.seed, "seed", 0, &[]);
        for node in 0..cluster.community.genesis.nodes.len() {
            cluster.add_machine(node, Actor::Honest);
        }
        for machine in 0..cluster.machines.len() {
            cluster.start(machine);
        }
        cluster.put(LOOK_INTERVAL, Due::Look);
        cluster
    }

    fn add_machine(&mut self, node: NodeId, actor: Actor) -> usize {
        let (skew_ms, drift_ppm) =
            self.setup.clocks.get(self.machines.len()).copied().unwrap_or_default();
        self.machines.push(Machine {
            node,
            clock: Clock::new(START, skew_ms, drift_ppm),
            disk: Disk::default(),
            replica: None,
            actor,
            life: 0,
            tick_at: None,
            paused_until: 0,
            held: Vec::new(),
            reported_until: 0,
            disk_is_older: false,
            images: Vec::new(),
        });
        self.machines.len() - 1
    }

    // ---- what stories do

    /// The machine lies from now on: it shows different peers different votes.
    pub fn make_equivocator(&mut self, machine: usize) {
        let key = self.community.voting_key(self.machines[machine].node);
        let key = key.expect("only validators equivocate").clone();
        self.machines[machine].actor = Actor::Equivocator(Box::new(Equivocator::new(key)));
        self.checks.tolerate(|tolerance| tolerance.liars = true);
    }

    /// The machine lies from now on: it keeps to itself what others need.
    pub fn make_withholder(&mut self, machine: usize) {
        self.machines[machine].actor = Actor::Withholder;
        self.checks.tolerate(|tolerance| tolerance.liars = true);
    }

    /// The machine lies from now on: it keeps `victim` behind, and falls silent when it lags by so much.
    pub fn make_obstructor(&mut self, machine: usize, victim: usize, lag: u64) {
        self.machines[machine].actor = Actor::Obstructor(Box::new(Obstructor::new(victim, lag)));
        self.checks.tolerate(|tolerance| tolerance.liars = true);
    }

    /// The machine lies from now on: it hands out decided blocks one at a time.
    pub fn make_trickler(&mut self, machine: usize) {
        self.machines[machine].actor = Actor::Trickler;
        self.checks.tolerate(|tolerance| tolerance.liars = true);
    }

    /// A second machine with its own disk runs with the identity and key of this one.
    pub fn add_twin(&mut self, of: usize) -> usize {
        self.checks.tolerate(|tolerance| tolerance.liars = true);
        self.machines[of].actor = Actor::Twin;
        let twin = self.add_machine(self.machines[of].node, Actor::Twin);
        self.start(twin);
        twin
    }

    /// Power fails: what was not durable is gone.
    pub fn crash(&mut self, machine: usize, tear: Tear) {
        if self.machines[machine].replica.is_none() {
            return;
        }
        self.crashes += 1;
        self.trace.note(self.now, "crash", machine, &[]);
        for other in 0..self.machines.len() {
            self.disconnect(machine, other);
        }
        let crashed = &mut self.machines[machine];
        crashed.replica = None;
        crashed.life += 1;
        crashed.tick_at = None;
        crashed.disk.lose_power(tear);
        self.checks.forgot(machine);
    }

    /// Starts a machine from what is durable.
    pub fn start(&mut self, machine: usize) {
        if self.machines[machine].replica.is_some() {
            return;
        }
        self.trace.note(self.now, "start", machine, &[]);
        let entropy = self.rng.bytes();
        let started = &mut self.machines[machine];
        started.life += 1;
        started.reported_until = self.now;
        let now = Now::of_one_clock(started.clock.read(self.now));
        let start = match started.disk.open(&self.community.genesis) {
            Ok(start) => start,
            Err(error) => {
                return self.checks.violate(format!("machine {machine} cannot open: {error}"));
            }
        };
        let config = Config {
            genesis: self.community.genesis.clone(),
            me: started.node,
            key: self.community.voting_key(started.node).cloned(),
            entropy,
        };
        match Replica::new(config, start, now) {
            Ok((replica, actions)) => {
                if started.actor.is_honest() {
                    self.checks.started(machine, &replica, started.disk_is_older);
                }
                started.disk_is_older = false;
                started.replica = Some(replica);
                self.carry_out(machine, actions);
            }
            Err(error) => {
                return self.checks.violate(format!("machine {machine} cannot start: {error}"));
            }
        }
        for other in 0..self.machines.len() {
            self.reconnect(machine, other);
        }
    }

    fn reconnect(&mut self, a: usize, b: usize) {
        let wait = self.rng.between(5 * MILLISECOND, 500 * MILLISECOND);
        self.put(self.now + wait, Due::Connect { a, b });
    }

    /// Keeps a copy of a machine's store.
    pub fn keep_image(&mut self, machine: usize) {
        let image = self.machines[machine].disk.image();
        self.machines[machine].images.push(image);
    }

    /// Puts the oldest kept copy of a stopped machine's store back. Says whether there was one.
    pub fn restore_image(&mut self, machine: usize) -> bool {
        let stopped = &mut self.machines[machine];
        assert!(stopped.replica.is_none(), "a store is exchanged while nobody uses it");
        if stopped.images.is_empty() {
            return false;
        }
        let image = stopped.images.remove(0);
        stopped.disk.restore_store(&image);
        stopped.disk_is_older = true;
        self.faults += 1;
        self.trace.note(self.now, "restore", machine, &[]);
        true
    }

    /// A stopped machine loses its vote guard; its store stays.
    pub fn lose_guard(&mut self, machine: usize) {
        assert!(
            self.machines[machine].replica.is_none(),
            "the guard is lost while nobody writes it"
        );
        self.machines[machine].disk.lose_guard();
        self.faults += 1;
        self.trace.note(self.now, "lose guard", machine, &[]);
    }

    /// Nothing passes between these machines and the others. Connections break only later.
    pub fn cut_off(&mut self, group: &[usize]) {
        self.faults += 1;
        for a in 0..self.machines.len() {
            for b in 0..a {
                if group.contains(&a) != group.contains(&b) {
                    self.network.set_blocked(a, b, true);
                    let wait = self.rng.between(SECOND, 8 * SECOND);
                    self.put(self.now + wait, Due::Disconnect { a, b });
                }
            }
        }
    }

    /// Every link works again.
    pub fn heal(&mut self) {
        for a in 0..self.machines.len() {
            for b in 0..a {
                self.network.set_blocked(a, b, false);
                self.reconnect(a, b);
            }
        }
    }

    /// A connection breaks and comes back.
    pub fn flap(&mut self, a: usize, b: usize) {
        self.faults += 1;
        self.disconnect(a, b);
        self.reconnect(a, b);
    }

    /// A machine stands still: whatever comes has to wait. Of two pauses the later end counts.
    pub fn stall(&mut self, machine: usize, how_long: Micros) {
        self.faults += 1;
        let until = self.now + how_long;
        let stalled = &mut self.machines[machine];
        stalled.paused_until = stalled.paused_until.max(until);
        self.put(until, Due::Resume { machine });
    }

    /// Somebody sets a machine's clock.
    pub fn step_clock(&mut self, machine: usize, by_ms: i64) {
        self.faults += 1;
        self.machines[machine].clock.step(by_ms);
    }

    /// What the network is like from now on.
    pub fn set_network(&mut self, profile: NetworkProfile) {
        self.network.profile = profile;
    }

    /// Clients stop or go on.
    pub fn pause_clients(&mut self, paused: bool) {
        self.workload.pause(paused);
    }

    /// Runs for so long. Stops early at a violation.
    pub fn run_for(&mut self, how_long: Micros) {
        let until = self.now + how_long;
        self.run_until(how_long, |_| false);
        if self.checks.violation().is_none() {
            self.now = until;
        }
    }

    /// Runs until `done`, at most so long. Says whether it came true.
    pub fn run_until(&mut self, how_long: Micros, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + how_long;
        loop {
            if self.checks.violation().is_some() {
                return false;
            }
            if done(self) {
                return true;
            }
            let Some(entry) = self.queue.first_entry() else { return false };
            if entry.key().0 > until {
                self.now = until;
                return false;
            }
            let ((at, _), due) = entry.remove_entry();
            self.now = at;
            self.happen(due);
        }
    }

    // ---- what stories look at

    /// What was checked so far.
    #[must_use]
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// For further checks.
    pub fn checks_mut(&mut self) -> &mut Checks {
        &mut self.checks
    }

    /// The clients.
    #[must_use]
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// What happened so far.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// True time since the start.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.now
    }

    /// How often a machine lost power.
    #[must_use]
    pub fn crashes(&self) -> u64 {
        self.crashes
    }

    /// How many other faults there were.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Blocks that honest machines applied, all machines together.
    #[must_use]
    pub fn blocks_applied(&self) -> u64 {
        self.blocks
    }

    /// How many machines there are, twins included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.machines.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.machines.is_empty()
    }

    /// The replica on a machine that runs.
    #[must_use]
    pub fn replica(&self, machine: usize) -> Option<&Replica> {
        self.machines[machine].replica.as_ref()
    }

    /// Whether a machine does what is written.
    #[must_use]
    pub fn is_honest(&self, machine: usize) -> bool {
        self.machines[machine].actor.is_honest()
    }

    /// How many obstructors have fallen silent because somebody was as far behind as they wanted.
    #[must_use]
    pub fn obstructors_silent(&self) -> usize {
        let silent = |machine: &&Machine| match &machine.actor {
            Actor::Obstructor(obstructor) => obstructor.is_silent(),
            _ => false,
        };
        self.machines.iter().filter(silent).count()
    }

    /// Whether a machine runs.
    #[must_use]
    pub fn is_running(&self, machine: usize) -> bool {
        self.machines[machine].replica.is_some()
    }

    /// The height of the last block that a machine applied, if it runs.
    #[must_use]
    pub fn height(&self, machine: usize) -> Option<Height> {
        self.replica(machine).map(|replica| replica.state().tip().height)
    }

    /// Heights of the honest machines that run.
    pub fn honest_heights(&self) -> impl Iterator<Item = Height> + '_ {
        (0..self.len()).filter(|m| self.is_honest(*m)).filter_map(|m| self.height(m))
    }

    /// The highest block that an honest machine has applied.
    #[must_use]
    pub fn top(&self) -> Height {
        self.honest_heights().max().unwrap_or_default()
    }

    /// Whether every honest machine runs and has applied this height.
    #[must_use]
    pub fn all_reached(&self, height: Height) -> bool {
        (0..self.len())
            .filter(|m| self.is_honest(*m))
            .all(|m| self.height(m).is_some_and(|at| at >= height))
    }

    /// Whether all honest machines run and are at one height.
    #[must_use]
    pub fn is_level(&self) -> bool {
        self.all_reached(self.top())
    }

    /// How many of the first group buys the ledger has sealed.
    #[must_use]
    pub fn group_buys_closed(&self) -> usize {
        let best = (0..self.len()).filter(|m| self.is_honest(*m)).max_by_key(|m| self.height(*m));
        let Some(replica) = best.and_then(|machine| self.replica(machine)) else { return 0 };
        self.workload
            .group_buys()
            .filter(|id| replica.chain_store().closing(id).is_ok_and(|place| place.is_some()))
            .count()
    }

    /// Transactions that one node refused, and that are in the ledger because another one kept them.
    #[must_use]
    pub fn refused_and_decided(&self) -> usize {
        self.workload.told_refused().filter(|id| self.checks.is_in_ledger(id)).count()
    }

    /// Whether some write of a machine is under way.
    #[must_use]
    pub fn is_writing(&self, machine: usize) -> bool {
        self.machines[machine].disk.is_busy()
    }

    /// Equivocations that are on the ledger, by an honest machine's state.
    #[must_use]
    pub fn convictions(&self) -> u32 {
        let honest = (0..self.len()).filter(|m| self.is_honest(*m));
        let states = honest.filter_map(|m| self.replica(m)).map(Replica::state);
        states
            .map(|state| state.fund().members.iter().map(|(_, m)| m.equivocations).sum())
            .max()
            .unwrap_or(0)
    }

    /// Requests that were told to wait, by an honest machine that has run ever since, and heard nothing more.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        let lives = |(machine, life): &&(usize, u32)| {
            self.machines[*machine].life == *life && self.is_honest(*machine)
        };
        self.pending.values().filter(lives).count()
    }

    /// Looks at everything once more: promises, every node's index, and what each disk would load.
    pub fn check_everything(&mut self) {
        self.checks.check_promises();
        for (position, machine) in self.machines.iter().enumerate() {
            let Some(replica) = machine.replica.as_ref().filter(|_| machine.actor.is_honest())
            else {
                continue;
            };
            self.checks.check_index(position, replica);
            match machine.disk.open(&self.community.genesis) {
                // A block that is durable and not yet reported may be ahead of the replica.
                Ok(start) if start.state.tip().height >= replica.state().tip().height => {}
                Ok(start) => {
                    let height = start.state.tip().height;
                    self.checks.violate(format!("machine {position} has only {height} on disk"));
                }
                Err(error) => self.checks.violate(format!("machine {position}: {error}")),
            }
        }
    }

    /// Stops the test here if something happened that must not.
    ///
    /// # Panics
    /// With what happened.
    #[track_caller]
    pub fn assert_sound(&mut self) {
        self.check_everything();
        if let Some(violation) = self.checks.violation() {
            panic!("seed {}, after {} ms: {violation}", self.setup.seed, self.now / MILLISECOND);
        }
    }

    /// A look at where everybody stands, for the text of a failure.
    #[must_use]
    pub fn standing(&self) -> String {
        let mut text = String::new();
        for (position, machine) in self.machines.iter().enumerate() {
            let Some(replica) = &machine.replica else {
                text.push_str(&format!("\n  {position}: down"));
                continue;
            };
            let consensus = replica.consensus();
            text.push_str(&format!(
                "\n  {position}: applied {}, at {}/{} {:?}, barred {:?}, may sign {}, mempool {}, \
                 waiting for {:?}, honest {}",
                replica.state().tip().height,
                consensus.height(),
                consensus.round(),
                consensus.step(),
                consensus.barred_through(),
                consensus.may_sign(),
                replica.mempool().len(),
                replica.waiting_for(),
                machine.actor.is_honest(),
            ));
        }
        text
    }

    // ---- the machinery

    fn put(&mut self, at: Micros, due: Due) {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), due);
    }

    fn happen(&mut self, due: Due) {
        let limit = (self.now / SECOND + 10) * EVENTS_PER_SECOND_MAX * self.machines.len() as u64;
        if self.trace.events() > limit {
            self.checks.violate("the cluster turns in circles".to_owned());
        }
        if let Some(machine) = due.waits_with()
            && (self.is_paused(machine) || !self.machines[machine].held.is_empty())
        {
            return self.machines[machine].held.push(due);
        }
        match due {
            Due::Tick { machine } if self.is_paused(machine) => {
                let until = self.machines[machine].paused_until;
                if self.machines[machine].tick_at == Some(self.now) {
                    self.machines[machine].tick_at = Some(until);
                    self.put(until, Due::Tick { machine });
                }
            }
            Due::Resume { machine } => {
                if !self.is_paused(machine) {
                    for due in std::mem::take(&mut self.machines[machine].held) {
                        self.happen(due);
                    }
                }
            }
            Due::Tick { machine } => {
                if self.machines[machine].tick_at == Some(self.now) {
                    self.machines[machine].tick_at = None;
                    self.handle(machine, "tick", &[], Event::Tick);
                }
            }
            Due::Deliver { from, to, road, epoch, bytes } => {
                if self.network.arrives(from, to, road, epoch) && self.is_running(to) {
                    self.note_shown(from, to, &bytes);
                    if let Some((road, answer)) = self.machines[to].actor.hears(from, &bytes) {
                        return self.put_on_the_way(to, from, road, &answer, self.now);
                    }
                    let event =
                        Event::Received { from: self.machines[from].node, bytes: bytes.to_vec() };
                    self.handle(to, "received", &bytes, event);
                }
            }
            Due::Announced { machine, height } => {
                self.handle(machine, "announced", &[], Event::Announced(height));
            }
            Due::Write { machine, life } => self.write(machine, life),
            Due::Persisted { machine, life, job } => {
                if self.machines[machine].life == life {
                    self.handle(machine, "persisted", &[], Event::Persisted(job));
                }
            }
            Due::Checked { machine, life, valid } => {
                if self.machines[machine].life == life {
                    self.handle(machine, "checked", &[], Event::SignaturesChecked(valid));
                }
            }
            Due::Connect { a, b } => self.connect(a, b),
            Due::Disconnect { a, b } => {
                if self.network.is_blocked(a, b) {
                    self.disconnect(a, b);
                }
            }
            Due::Submit { machine, request, bytes } => {
                let event = Event::Submit { request, bytes: bytes.clone() };
                self.handle(machine, "submit", &bytes, event);
            }
            Due::Look => self.look(),
        }
    }

    fn is_paused(&self, machine: usize) -> bool {
        self.machines[machine].paused_until > self.now
    }

    /// One event for one replica, if it runs.
    fn handle(&mut self, machine: usize, what: &str, bytes: &[u8], event: Event) {
        let now = Now::of_one_clock(self.machines[machine].clock.read(self.now));
        let Some(replica) = self.machines[machine].replica.as_mut() else { return };
        self.trace.note(self.now, what, machine, bytes);
        let actions = replica.handle(event, now);
        self.carry_out(machine, actions);
    }

    fn carry_out(&mut self, machine: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { to, road, bytes } => self.send(machine, to, road, bytes),
                Action::CheckSignatures(items) => {
                    let entropy = self.rng.bytes();
                    let valid = verify_batch(&items, &entropy);
                    let work = 60 * items.len() as u64 + self.rng.below(2 * MILLISECOND);
                    let life = self.machines[machine].life;
                    self.put(self.now + work, Due::Checked { machine, life, valid });
                }
                Action::Persist { job, writes } => {
                    if self.machines[machine].disk.push(job, writes) {
                        self.start_write(machine);
                    }
                }
                Action::Answer { request, outcome } => self.answer(machine, request, &outcome),
                Action::Applied { height, hash, entries: _ } => {
                    self.trace.note(self.now, "applied", machine, hash.as_bytes());
                    if self.is_honest(machine) {
                        self.blocks += 1;
                        if let Some(replica) = self.machines[machine].replica.as_ref() {
                            self.checks.applied(machine, replica, height, hash);
                        }
                    }
                }
                Action::Announce(height) => self.announce(machine, height),
                Action::DiskFailed(error) => {
                    self.checks.violate(format!("machine {machine}: its disk failed: {error}"));
                }
                Action::Alarm(text) => {
                    self.trace.note(self.now, "alarm", machine, text.as_bytes());
                    if self.is_honest(machine) {
                        self.checks.alarmed(self.now, machine, text);
                    }
                }
            }
        }
        self.schedule_tick(machine);
    }

    fn schedule_tick(&mut self, machine: usize) {
        let late = self.rng.below(MILLISECOND);
        let ticked = &mut self.machines[machine];
        let Some(replica) = ticked.replica.as_ref() else { return };
        // Both clocks of a machine are this one.
        let wake_at = TimestampMs::new(replica.wake_at().get());
        let at = ticked.clock.when(wake_at, self.now) + late;
        if ticked.tick_at.is_none_or(|tick_at| tick_at > at) {
            ticked.tick_at = Some(at);
            self.put(at, Due::Tick { machine });
        }
    }

    fn send(&mut self, from: usize, to_node: NodeId, road: Road, bytes: Arc<[u8]>) {
        let receivers: Vec<_> = (0..self.machines.len())
            .filter(|m| self.machines[*m].node == to_node && self.network.is_connected(from, *m))
            .collect();
        let me = self.replica(from).and_then(|replica| replica.consensus().me());
        if self.is_honest(from) && road == Road::Consensus {
            self.checks.sent(from, me, &bytes);
        }
        if let Actor::Obstructor(obstructor) = &self.machines[from].actor {
            let victim_at = self.replica(obstructor.victim()).map(|r| r.consensus().height());
            if let Actor::Obstructor(obstructor) = &mut self.machines[from].actor {
                obstructor.learn(victim_at);
            }
        }
        for to in receivers {
            let sender = &mut self.machines[from];
            let Some(replica) = sender.replica.as_ref() else { return };
            let at = self.now + sender.actor.dawdles(road);
            let messages = sender.actor.tamper(replica, to, bytes.clone(), &mut self.rng);
            for bytes in messages {
                self.put_on_the_way(from, to, road, &bytes, at);
            }
        }
    }

    fn put_on_the_way(
        &mut self,
        from: usize,
        to: usize,
        road: Road,
        bytes: &Arc<[u8]>,
        at: Micros,
    ) {
        let (epoch, arrivals) = self.network.send(from, to, road, bytes.len(), at);
        for at in arrivals {
            self.put(at, Due::Deliver { from, to, road, epoch, bytes: bytes.clone() });
        }
    }

    /// Remembers what an equivocator shows to an honest node that can tell.
    fn note_shown(&mut self, from: usize, to: usize, bytes: &[u8]) {
        if !matches!(self.machines[from].actor, Actor::Equivocator(_)) || !self.is_honest(to) {
            return;
        }
        let (Some(replica), Some(me)) = (self.replica(to), self.replica(from)) else { return };
        let liar = me.consensus().me();
        if let Ok(PeerMessage::Consensus(message)) = decode::<PeerMessage>(bytes)
            && Some(message.signer()) == liar
            && message.height() == replica.consensus().height()
        {
            self.checks.shown(to, &message);
        }
    }

    fn start_write(&mut self, machine: usize) {
        let takes = self.rng.between(100, self.setup.write_max.max(100));
        let life = self.machines[machine].life;
        self.put(self.now + takes, Due::Write { machine, life });
    }

    fn write(&mut self, machine: usize, life: u32) {
        if self.machines[machine].life != life {
            return;
        }
        if let Some(job) = self.machines[machine].disk.complete_write() {
            // It is durable before the replica hears of it.
            let heard = self.now + self.rng.below(2 * MILLISECOND);
            let heard = heard.max(self.machines[machine].reported_until);
            self.machines[machine].reported_until = heard;
            self.put(heard, Due::Persisted { machine, life, job });
        }
        if self.machines[machine].disk.is_busy() {
            self.start_write(machine);
        }
    }

    fn answer(&mut self, machine: usize, request: RequestId, outcome: &Outcome) {
        self.trace.note(self.now, "answer", machine, format!("{request} {outcome:?}").as_bytes());
        match outcome {
            Outcome::Pending(_) => {
                self.pending.insert(request, (machine, self.machines[machine].life));
            }
            Outcome::Decided { .. } | Outcome::Refused(_) => {
                self.pending.remove(&request);
            }
        }
        if self.is_honest(machine) {
            self.checks.answered(machine, outcome);
        }
        self.workload.answered(request, outcome);
    }

    /// A new block is announced to everybody, as far as the gossip gets.
    fn announce(&mut self, from: usize, height: Height) {
        for machine in 0..self.machines.len() {
            if self.network.is_connected(from, machine) && self.rng.chance(300) {
                let wait = self.rng.between(MILLISECOND, 50 * MILLISECOND);
                self.put(self.now + wait, Due::Announced { machine, height });
            }
        }
    }

    fn connections(&self, machine: usize, node: NodeId) -> usize {
        (0..self.machines.len())
            .filter(|m| self.machines[*m].node == node && self.network.is_connected(machine, *m))
            .count()
    }

    fn connect(&mut self, a: usize, b: usize) {
        let (node_a, node_b) = (self.machines[a].node, self.machines[b].node);
        if node_a == node_b
            || !self.is_running(a)
            || !self.is_running(b)
            || self.network.is_blocked(a, b)
            || !self.network.set_connected(a, b, true)
        {
            return;
        }
        for (machine, node) in [(a, node_b), (b, node_a)] {
            if self.connections(machine, node) == 1 {
                self.handle(machine, "connected", &[], Event::Connected(node));
            }
        }
    }

    fn disconnect(&mut self, a: usize, b: usize) {
        if a == b || !self.network.set_connected(a, b, false) {
            return;
        }
        let (node_a, node_b) = (self.machines[a].node, self.machines[b].node);
        for (machine, node) in [(a, node_b), (b, node_a)] {
            if self.connections(machine, node) == 0 {
                self.handle(machine, "disconnected", &[], Event::Disconnected(node));
            }
        }
    }

    /// The clients look at the ledger on some machine and hand in what is to be done.
    fn look(&mut self) {
        let next = self.now + self.rng.between(LOOK_INTERVAL / 2, LOOK_INTERVAL * 3 / 2);
        self.put(next, Due::Look);
        let running: Vec<_> = (0..self.len()).filter(|m| self.is_running(*m)).collect();
        let honest: Vec<_> = running.iter().copied().filter(|m| self.is_honest(*m)).collect();
        if honest.is_empty() {
            return;
        }
        let seen = honest[self.rng.index(honest.len())];
        let Some(replica) = self.machines[seen].replica.as_ref() else { return };
        let submissions = self.workload.look(&self.community, replica.state(), self.now);
        for submission in submissions {
            let machine = running[self.rng.index(running.len())];
            let at = self.now + self.rng.between(MILLISECOND, 30 * MILLISECOND);
            let (request, bytes) = (submission.request, submission.bytes);
            self.put(at, Due::Submit { machine, request, bytes });
        }
    }
}
