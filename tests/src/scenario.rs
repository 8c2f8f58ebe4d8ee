//! What a seed stands for: how many nodes, which faults, and for how long; then whether all is well.

use crate::{
    checks::Tolerance,
    clock::{MILLISECOND, Micros, SECOND},
    cluster::{Cluster, Setup},
    community::Design,
    disk::Tear,
    network::NetworkProfile,
    rng::Rng,
    workload::WorkProfile,
};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How many more blocks every honest node decides once the faults have stopped.
const BLOCKS_AFTER: u64 = 4;
/// How long that may take at most.
const BLOCKS_AFTER_WITHIN: Micros = 180 * SECOND;
/// How long it may take until everybody has every answer and is at one height.
const LEVEL_WITHIN: Micros = 240 * SECOND;

/// The mix of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None.
    Calm,
    /// Messages are lost, doubled and delayed.
    Lossy,
    /// Every road is long and narrow.
    Slow,
    /// Connections break, and groups are cut off from each other.
    Partitions,
    /// Single nodes lose power.
    Crashes,
    /// All nodes lose power at once.
    PowerFailures,
    /// Clocks are wrong, drift and jump; nodes stand still.
    Clocks,
    /// Operators restore old copies of the store.
    OldImages,
    /// A node loses its vote guard.
    LostGuard,
    /// A validator shows different peers different votes.
    Equivocator,
    /// Two machines run with one key.
    Twin,
    /// A validator keeps to itself what others need.
    Withholder,
    /// All of it.
    Chaos,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Calm,
        Self::Lossy,
        Self::Slow,
        Self::Partitions,
        Self::Crashes,
        Self::PowerFailures,
        Self::Clocks,
        Self::OldImages,
        Self::LostGuard,
        Self::Equivocator,
        Self::Twin,
        Self::Withholder,
        Self::Chaos,
    ];

    /// As it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Lossy => "lossy",
            Self::Slow => "slow",
            Self::Partitions => "partitions",
            Self::Crashes => "crashes",
            Self::PowerFailures => "power-failures",
            Self::Clocks => "clocks",
            Self::OldImages => "old-images",
            Self::LostGuard => "lost-guard",
            Self::Equivocator => "equivocator",
            Self::Twin => "twin",
            Self::Withholder => "withholder",
            Self::Chaos => "chaos",
        }
    }
}

/// One thing that goes wrong while a scenario runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Crash,
    Restart,
    PowerFailure,
    CutOff,
    Heal,
    Flap,
    Stall,
    ClockStep,
    KeepImage,
    RestoreImage,
    LoseGuard,
}

/// What a seed stands for.
#[derive(Debug)]
pub struct Scenario {
    /// The seed.
    pub seed: u64,
    /// The mix of faults.
    pub kind: Kind,
    setup: Setup,
    /// Machines that lie; together at most f.
    liars: Vec<(usize, Kind)>,
    /// The one machine whose guard may be lost; counts as faulty.
    forgetful: Option<usize>,
    /// Machines whose store may be exchanged for an older one. A guard that is ahead of the store bars
    /// signing through its height, so together they too must be at most f.
    restorable: Vec<usize>,
    faults: Vec<Fault>,
    /// Time between faults.
    pace: (Micros, Micros),
    faults_until: Micros,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The mix of faults.
    pub kind: Kind,
    /// How many validators.
    pub validators: usize,
    /// How many nodes that only follow.
    pub followers: usize,
    /// Blocks in the chain.
    pub height: u64,
    /// Transactions in the ledger.
    pub transactions: usize,
    /// Transactions that one node refused and another one brought into the ledger.
    pub refused_and_decided: usize,
    /// Group buys that are closed.
    pub closed: usize,
    /// Machines that lost power.
    pub crashes: u64,
    /// Other faults, lying validators among them.
    pub faults: u64,
    /// Equivocations on the ledger.
    pub convictions: u32,
    /// Events.
    pub events: u64,
    /// Simulated time.
    pub simulated: Micros,
    /// Hash of everything that happened.
    pub trace: [u8; 32],
}

/// A seed that found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The mix of faults.
    pub kind: Kind,
    /// What happened.
    pub what: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, kind, what } = self;
        write!(
            f,
            "seed {seed} ({}): {what}\nrepeat with: cargo xtask sim --seed {seed}",
            kind.name()
        )
    }
}

impl Report {
    /// The first half of the trace hash in hex, for people.
    #[must_use]
    pub fn trace_text(&self) -> String {
        self.trace.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn network(kind: Kind, rng: &mut Rng) -> NetworkProfile {
    let calm = NetworkProfile::calm();
    match kind {
        Kind::Lossy | Kind::Chaos => NetworkProfile {
            loss_permille: rng.between(10, 200),
            duplicate_permille: rng.between(0, 100),
            delay_permille: rng.between(0, 200),
            delay_max: rng.between(100, 2_000) * MILLISECOND,
            latency_max: rng.between(10, 150) * MILLISECOND,
            ..calm
        },
        Kind::Slow => NetworkProfile {
            latency_min: rng.between(50, 250) * MILLISECOND,
            latency_max: rng.between(250, 500) * MILLISECOND,
            bytes_per_ms: rng.between(20, 200),
            ..calm
        },
        _ => NetworkProfile {
            latency_max: rng.between(2, 40) * MILLISECOND,
            loss_permille: rng.between(0, 10),
            ..calm
        },
    }
}

fn faults(kind: Kind) -> Vec<Fault> {
    use Fault::{
        ClockStep, Crash, CutOff, Flap, Heal, KeepImage, LoseGuard, PowerFailure, Restart,
        RestoreImage, Stall,
    };
    match kind {
        Kind::Calm | Kind::Lossy | Kind::Slow => Vec::new(),
        Kind::Partitions => vec![CutOff, Heal, Heal, Flap, Flap],
        Kind::Crashes => vec![Crash, Crash, Restart, Restart, Restart],
        Kind::PowerFailures => vec![PowerFailure, Restart, Restart, Restart, Restart, Restart],
        Kind::Clocks => vec![ClockStep, Stall, Stall],
        Kind::OldImages => vec![KeepImage, Crash, RestoreImage, Restart, Restart],
        Kind::LostGuard => vec![LoseGuard, Crash, Restart, Restart, Restart],
        Kind::Equivocator | Kind::Twin => vec![Flap, Crash, Restart, Restart, Restart],
        Kind::Withholder => vec![Flap, Crash, Restart, Restart],
        Kind::Chaos => vec![
            Crash,
            Crash,
            Restart,
            Restart,
            Restart,
            PowerFailure,
            CutOff,
            Heal,
            Heal,
            Flap,
            Stall,
            KeepImage,
            RestoreImage,
        ],
    }
}

impl Scenario {
    /// What this seed stands for.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let kinds = Kind::ALL.len() as u64;
        let kind = Kind::ALL[usize::try_from(seed % kinds).unwrap_or(0)];
        Self::of_kind(seed, kind)
    }

    /// What this seed would stand for with this mix of faults.
    #[must_use]
    pub fn of_kind(seed: u64, kind: Kind) -> Self {
        let mut rng = Rng::new(seed, "scenario");
        let validators = 4 + rng.index(4);
        let mut design = Design::of(validators);
        if rng.chance(250) {
            design.powers = (0..validators).map(|_| rng.between(1, 3)).collect();
        }
        design.followers = usize::from(rng.chance(300));
        design.policy.heartbeat_ms = rng.between(8, 30) * 1_000;
        let total: u64 = design.powers.iter().sum();
        // Faulty machines as long as together they have less than one third of the power.
        let mut order: Vec<_> = (0..validators).collect();
        for position in (1..order.len()).rev() {
            order.swap(position, rng.index(position + 1));
        }
        let mut faulty_power = 0;
        let mut faulty = Vec::new();
        for machine in order {
            if 3 * (faulty_power + design.powers[machine]) < total {
                faulty_power += design.powers[machine];
                faulty.push(machine);
            }
        }
        let mut liars = Vec::new();
        let mut forgetful = None;
        match kind {
            Kind::Equivocator | Kind::Twin | Kind::Withholder => {
                liars = faulty.iter().map(|machine| (*machine, kind)).collect();
            }
            Kind::Chaos => {
                let lies = [Kind::Equivocator, Kind::Twin, Kind::Withholder];
                let lie = lies[rng.index(lies.len())];
                liars = faulty.iter().take(1).map(|machine| (*machine, lie)).collect();
            }
            Kind::LostGuard => forgetful = faulty.first().copied(),
            _ => {}
        }
        let mut clocks: Vec<_> = (0..validators + design.followers)
            .map(|_| {
                let skew = i64::try_from(rng.below(2_000)).unwrap_or(0) - 1_000;
                let drift = i64::try_from(rng.below(200)).unwrap_or(0) - 100;
                (skew, drift)
            })
            .collect();
        if kind == Kind::Clocks {
            for machine in &faulty {
                let skew = i64::try_from(rng.between(12_000, 60_000)).unwrap_or(0);
                clocks[*machine].0 = if rng.chance(500) { skew } else { -skew };
            }
        }
        let setup = Setup {
            seed,
            network: network(kind, &mut rng),
            clocks,
            work: WorkProfile {
                filing_interval: rng.between(2, 6) * SECOND,
                group_buys_max: 60,
                households: u8::try_from(rng.between(2, 6)).unwrap_or(2),
                nonsense_permille: rng.between(0, 50),
            },
            write_max: rng.between(1, 20) * MILLISECOND,
            tolerance: Tolerance {
                clocks: kind == Kind::Clocks,
                guards: forgetful.is_some(),
                liars: !liars.is_empty(),
            },
            design,
        };
        let slowest = rng.between(500, 3_000) * MILLISECOND;
        Self {
            seed,
            kind,
            setup,
            forgetful,
            restorable: if kind == Kind::OldImages {
                faulty
            } else {
                liars.iter().map(|l| l.0).collect()
            },
            liars,
            faults: faults(kind),
            pace: (50 * MILLISECOND, slowest),
            faults_until: rng.between(8, 20) * SECOND,
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`] with the first thing that was wrong, panics among them.
    pub fn run(&self) -> Result<Report, Failure> {
        let fail = |what| Failure { seed: self.seed, kind: self.kind, what };
        match catch_unwind(AssertUnwindSafe(|| self.play())) {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(what)) => Err(fail(what)),
            Err(panic) => Err(fail(format!("panic: {}", panic_text(panic.as_ref())))),
        }
    }

    fn play(&self) -> Result<Report, String> {
        let mut cluster = Cluster::new(self.setup.clone());
        for (machine, lie) in &self.liars {
            match lie {
                Kind::Equivocator => cluster.make_equivocator(*machine),
                Kind::Twin => drop(cluster.add_twin(*machine)),
                _ => cluster.make_withholder(*machine),
            }
        }
        if let Some(machine) = self.forgetful {
            cluster.checks_mut().excuse(machine);
        }
        let mut rng = Rng::new(self.seed, "faults");
        while cluster.now() < self.faults_until {
            cluster.run_for(rng.between(self.pace.0, self.pace.1));
            sound(&cluster)?;
            if !self.faults.is_empty() {
                let fault = self.faults[rng.index(self.faults.len())];
                self.inject(&mut cluster, fault, &mut rng);
            }
        }
        self.stop_faults(&mut cluster);
        live(&mut cluster)?;
        self.report(&mut cluster)
    }

    fn stop_faults(&self, cluster: &mut Cluster) {
        if self.kind != Kind::Slow {
            cluster.set_network(NetworkProfile::calm());
        }
        cluster.heal();
        for machine in 0..cluster.len() {
            cluster.start(machine);
        }
    }

    fn inject(&self, cluster: &mut Cluster, fault: Fault, rng: &mut Rng) {
        let machine = rng.index(cluster.len());
        match fault {
            Fault::Crash => cluster.crash(machine, tear(rng)),
            Fault::Restart => {
                let down: Vec<_> = (0..cluster.len()).filter(|m| !cluster.is_running(*m)).collect();
                if !down.is_empty() {
                    cluster.start(down[rng.index(down.len())]);
                }
            }
            Fault::PowerFailure => {
                for machine in 0..cluster.len() {
                    cluster.crash(machine, tear(rng));
                }
            }
            Fault::CutOff => {
                let group: Vec<_> = (0..cluster.len()).filter(|_| rng.chance(400)).collect();
                cluster.cut_off(&group);
            }
            Fault::Heal => cluster.heal(),
            Fault::Flap => {
                let other = rng.index(cluster.len());
                cluster.flap(machine, other);
            }
            Fault::Stall => cluster.stall(machine, rng.between(100, 4_000) * MILLISECOND),
            Fault::ClockStep => {
                let by = i64::try_from(rng.below(2_000)).unwrap_or(0) - 1_000;
                cluster.step_clock(machine, by);
            }
            Fault::KeepImage => {
                for machine in &self.restorable {
                    cluster.keep_image(*machine);
                }
            }
            Fault::RestoreImage => {
                if !self.restorable.is_empty() {
                    let machine = self.restorable[rng.index(self.restorable.len())];
                    cluster.crash(machine, tear(rng));
                    cluster.restore_image(machine);
                }
            }
            Fault::LoseGuard => {
                if let Some(machine) = self.forgetful {
                    cluster.crash(machine, tear(rng));
                    cluster.lose_guard(machine);
                }
            }
        }
    }

    fn report(&self, cluster: &mut Cluster) -> Result<Report, String> {
        cluster.check_everything();
        sound(cluster)?;
        Ok(Report {
            seed: self.seed,
            kind: self.kind,
            validators: self.setup.design.powers.len(),
            followers: self.setup.design.followers,
            height: cluster.top().get(),
            transactions: cluster.checks().transactions(),
            refused_and_decided: cluster.refused_and_decided(),
            closed: cluster.group_buys_closed(),
            crashes: cluster.crashes(),
            faults: cluster.faults() + self.liars.len() as u64,
            convictions: cluster.convictions(),
            events: cluster.trace().events(),
            simulated: cluster.now(),
            trace: cluster.trace().hash(),
        })
    }
}

/// Once nothing fails any more, everything that should come true does.
fn live(cluster: &mut Cluster) -> Result<(), String> {
    let stopped = cluster.now();
    let goal = ledger_core::types::Height::new(cluster.top().get() + BLOCKS_AFTER);
    if !cluster.run_until(BLOCKS_AFTER_WITHIN, |cluster| cluster.all_reached(goal)) {
        sound(cluster)?;
        return Err(stuck(cluster, stopped, &format!("not all have reached {goal}")));
    }
    let provable = cluster.checks().provable();
    let convicts = |cluster: &Cluster| provable == 0 || cluster.convictions() > 0;
    if !cluster.run_until(BLOCKS_AFTER_WITHIN, convicts) {
        sound(cluster)?;
        let text = format!("{provable} equivocations were seen and none is on the ledger");
        return Err(stuck(cluster, stopped, &text));
    }
    cluster.pause_clients(true);
    let settled = |cluster: &Cluster| {
        cluster.is_level() && cluster.unanswered() == 0 && cluster.workload().waiting().is_empty()
    };
    if !cluster.run_until(LEVEL_WITHIN, settled) {
        sound(cluster)?;
        let waiting = cluster.workload().waiting();
        let text = format!(
            "level: {}, unanswered: {}, clients wait for {waiting:?}",
            cluster.is_level(),
            cluster.unanswered(),
        );
        return Err(stuck(cluster, stopped, &text));
    }
    Ok(())
}

fn stuck(cluster: &Cluster, since: Micros, what: &str) -> String {
    let seconds = (cluster.now() - since) / SECOND;
    let alarms: Vec<_> = cluster.checks().alarms().iter().rev().take(5).collect();
    format!(
        "{seconds} s after the last fault {what}{}\n  last alarms: {alarms:?}",
        cluster.standing()
    )
}

fn sound(cluster: &Cluster) -> Result<(), String> {
    match cluster.checks().violation() {
        None => Ok(()),
        Some(violation) => {
            let at = cluster.now() / MILLISECOND;
            Err(format!("after {at} ms: {violation}{}", cluster.standing()))
        }
    }
}

fn tear(rng: &mut Rng) -> Tear {
    [Tear::Lost, Tear::Torn, Tear::Unreported][rng.index(3)]
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without a text".to_owned())
}
