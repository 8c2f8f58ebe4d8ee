//! One measurement from the opening of group buys to the check of the chain.

use crate::{
    Options, Rate, chain,
    http::Connection,
    machine::{self, Machine, Usage},
    now,
    report::{Measured, Report},
    sender::{Fate, Lane, Prepared, Sent, Work, send_over_one_connection},
};
use anyhow::{Context as _, Result, bail, ensure};
use benches::{
    community::{self, NodeSettings},
    orders::Plan,
    verification,
};
use genesis::Genesis;
use ledger_core::{
    api::Status,
    transaction::ReceivedTransaction,
    types::{DurationMs, TimestampMs},
};
use rayon::prelude::*;
use std::{collections::BTreeSet, fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// How long a transaction of the load lives after it is to be sent.
const LIFE: Duration = Duration::from_secs(120);
/// How long what opens the group buys lives.
const OPENING_LIFE: DurationMs = DurationMs::new(3_600_000);
/// Connections to each node for opening.
const OPENING_CONNECTIONS: usize = 64;
/// Connections to each node for transactions whose receipts are verified: these wait for decisions.
const RECEIPT_CONNECTIONS: usize = 64;
/// How long the nodes may take to decide what is left when sending ends.
const REST_PATIENCE: Duration = Duration::from_secs(150);
/// With `--rate max` a transaction is given the time that it would have at this rate, in transactions a
/// second, before its two minutes begin.
const SLOWEST_RATE: f64 = 500.0;
/// How often the size of the log is asked for with `--rate max`.
const LOOK: Duration = Duration::from_millis(10);
/// Time between the signing and the first transaction.
const BREATH: Duration = Duration::from_secs(1);

struct Cluster {
    genesis: Genesis,
    homes: Vec<PathBuf>,
    nodes: Vec<SocketAddr>,
    ports: BTreeSet<u16>,
}

impl Cluster {
    fn read(options: &Options) -> Result<Self> {
        let path = options.home.join("genesis.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let genesis = Genesis::parse(&text)?;
        let mut cluster =
            Self { genesis, homes: Vec::new(), nodes: Vec::new(), ports: BTreeSet::new() };
        for position in 0..cluster.genesis.nodes.len() {
            let home = options.home.join("nodes").join(community::organisation(position).0);
            let settings: NodeSettings =
                toml::from_str(&fs::read_to_string(home.join("node.toml"))?)?;
            cluster.nodes.push(settings.api.parse()?);
            let port = settings.listen.first().and_then(|listen| listen.rsplit_once('/'));
            cluster.ports.insert(port.context("a node listens nowhere")?.1.parse()?);
            cluster.homes.push(home);
        }
        let (pids, nodes) = (options.pids.len(), cluster.nodes.len());
        ensure!(pids == nodes, "{pids} process ids for {nodes} nodes");
        Ok(cluster)
    }
}

fn tell(text: &str) {
    eprintln!("load: {text}");
}

/// Measures; what is wrong with the outcome is in the report.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let cluster = Cluster::read(options)?;
    let signers = community::leaders(&cluster.genesis).len();
    tell("measuring signature verification on one idle core");
    let verifications = verification::per_second(signers.min(verification::BATCH));
    let machine = Machine::this();
    let bound = machine.cores as f64 * verifications / cluster.nodes.len() as f64;

    let total = options.total().as_secs_f64();
    let wanted = match options.rate {
        Rate::Open(rate) => rate * total,
        // No cluster can take more than its bound.
        Rate::Max => (bound * total).min(Plan::capacity(&cluster.genesis, options.mix()) as f64),
    };
    let count = options.transactions.unwrap_or(wanted.ceil() as usize);
    let plan = Plan::new(&cluster.genesis, options.mix(), options.first + count)?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if options.first == 0 {
        tell(&format!("opening {} group buys", plan.group_buys().count()));
        runtime.block_on(open(&cluster, &plan))?;
    }
    let (transactions, start) = sign(options, &plan, count)?;
    let bytes: usize = transactions.iter().map(|(transaction, _)| transaction.bytes().len()).sum();
    let step = sampling_step(options, verifications, count);
    let prepared =
        transactions.into_par_iter().enumerate().map(|(number, (transaction, offset))| {
            Prepared::new(&transaction, offset, number % step == 0)
        });
    let prepared: Vec<Prepared> = prepared.collect();
    tell(&format!(
        "sending for {} s, of which {} s are measured",
        options.total().as_secs(),
        options.duration
    ));
    let measured = runtime.block_on(send(options, &cluster, prepared, start))?;
    Report::new(options, &machine, verifications, bound, signers, bytes / count.max(1), &measured)
}

/// Every so manieth transaction's receipt is verified.
fn sampling_step(options: &Options, verifications: f64, count: usize) -> usize {
    let per_second = match options.rate {
        Rate::Open(rate) => rate,
        Rate::Max => verifications.min(count as f64 / options.total().as_secs_f64()),
    };
    (per_second / options.receipts.max(1) as f64).ceil().max(1.0) as usize
}

async fn open(cluster: &Cluster, plan: &Plan) -> Result<()> {
    let (filings, decisions) = plan.opening(now().after(OPENING_LIFE));
    for step in [filings, decisions] {
        decide_all(cluster, step).await?;
        chain::settled(&cluster.nodes, REST_PATIENCE).await?;
    }
    Ok(())
}

/// Submits transactions and waits until every one is in the ledger.
async fn decide_all(cluster: &Cluster, transactions: Vec<ReceivedTransaction>) -> Result<()> {
    let count = transactions.len();
    let prepared: Vec<Prepared> =
        transactions.iter().map(|transaction| Prepared::new(transaction, None, true)).collect();
    let (_permit, permitted) = watch::channel(usize::MAX);
    let start = Instant::now();
    let end = start + REST_PATIENCE;
    let genesis = cluster.genesis.clone();
    let work = Arc::new(Work { genesis, transactions: prepared, start, end, permitted });
    let sent = send_all(&work, &lanes(cluster, 0..count), OPENING_CONNECTIONS).await?;
    let refused = sent.iter().find(|sent| sent.receipt_after.is_none());
    if let Some(refused) = refused {
        bail!(
            "transaction {} that opens group buys was not decided: {:?}",
            refused.number,
            refused.fate
        );
    }
    ensure!(sent.len() == count, "only {} of {count} transactions were sent in time", sent.len());
    Ok(())
}

/// Transactions for each node in turn.
fn lanes(cluster: &Cluster, numbers: impl Iterator<Item = usize>) -> Vec<Arc<Lane>> {
    let count = cluster.nodes.len();
    let mut of_node = vec![Vec::new(); count];
    for (turn, number) in numbers.enumerate() {
        of_node[turn % count].push(number);
    }
    let lanes = cluster.nodes.iter().zip(of_node);
    lanes.map(|(address, numbers)| Arc::new(Lane::new(*address, numbers))).collect()
}

async fn send_all(work: &Arc<Work>, lanes: &[Arc<Lane>], connections: usize) -> Result<Vec<Sent>> {
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        for lane in lanes {
            tasks.spawn(send_over_one_connection(work.clone(), lane.clone()));
        }
    }
    let mut sent = Vec::new();
    while let Some(done) = tasks.join_next().await {
        sent.extend(done??);
    }
    Ok(sent)
}

type Scheduled = (ReceivedTransaction, Option<Duration>);

/// Signs everything on all cores. The start lies after the end of the signing, so that each transaction
/// expires two minutes after its own time.
fn sign(options: &Options, plan: &Plan, count: usize) -> Result<(Vec<Scheduled>, TimestampMs)> {
    let probe = std::time::Instant::now();
    let probed = count.min(2_000);
    (0..probed).into_par_iter().for_each(|number| {
        let _ = plan.transaction(options.first + number, TimestampMs::ZERO);
    });
    let estimate = probe.elapsed().mul_f64(1.5 * count as f64 / probed.max(1) as f64);
    tell(&format!("signing {count} transactions, about {} s", estimate.as_secs() + 1));
    let ms = |duration: Duration| {
        DurationMs::new(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    };
    let start = now().after(ms(estimate + 2 * BREATH));
    let signed = (0..count).into_par_iter().map(|number| {
        let offset = match options.rate {
            Rate::Open(rate) => Some(Duration::from_secs_f64(number as f64 / rate)),
            Rate::Max => None,
        };
        let latest = || Duration::from_secs_f64(number as f64 / SLOWEST_RATE);
        let leaves = offset.unwrap_or_else(|| latest().min(options.total()));
        let expires = start.after(ms(leaves + LIFE));
        (plan.transaction(options.first + number, expires), offset)
    });
    let signed = signed.collect();
    ensure!(now() < start.after(ms(LIFE / 4)), "signing took far longer than a sample of it");
    Ok((signed, start))
}

async fn send(
    options: &Options,
    cluster: &Cluster,
    transactions: Vec<Prepared>,
    earliest: TimestampMs,
) -> Result<Measured> {
    let before = chain::settled(&cluster.nodes, REST_PATIENCE).await?.swap_remove(0);
    let lines_before = chain::booked_lines(cluster.nodes[0]).await?;
    let disk_before = machine::disk_bytes(&cluster.homes[0])?;
    let wait = earliest.get().saturating_sub(now().get());
    let start = Instant::now() + Duration::from_millis(wait).max(BREATH);
    let start_time = now().after(DurationMs::new(
        u64::try_from((start - Instant::now()).as_millis()).unwrap_or_default(),
    ));
    let end = start + options.total();
    let count = transactions.len();
    let (plain, sampled): (Vec<_>, Vec<_>) = {
        let numbers = 0..count;
        numbers.partition(|number| !transactions[*number].is_sampled)
    };
    let in_flight = options.in_flight();
    let open_loop = matches!(options.rate, Rate::Open(_));
    let (permit, permitted) = watch::channel(if open_loop { count } else { in_flight });
    let genesis = cluster.genesis.clone();
    let work = Arc::new(Work { genesis, transactions, start, end, permitted });

    let (ended, end_seen) = oneshot::channel();
    let meter = tokio::spawn(meter(options.clone(), cluster.ports.clone(), start, end_seen));
    let pace =
        tokio::spawn(pace(cluster.nodes[0], before.log_size, in_flight, permit, open_loop, end));
    let (plain, sampled) = (lanes(cluster, plain.into_iter()), lanes(cluster, sampled.into_iter()));
    sleep_until(start).await;
    let (plain, sampled) = tokio::join!(
        send_all(&work, &plain, options.connections),
        send_all(&work, &sampled, RECEIPT_CONNECTIONS)
    );
    let mut sent = plain?;
    sent.extend(sampled?);
    pace.abort();
    // The meter may have stopped by itself at the end of the measured time.
    let _ = ended.send(());
    let (usage, memory_mib) = meter.await??;

    tell("waiting for the rest to be decided, then reading the chain");
    let statuses = chain::settled(&cluster.nodes, REST_PATIENCE).await?;
    let after: &Status = &statuses[0];
    let disk_after = machine::disk_bytes(&cluster.homes[0])?;
    let node = cluster.nodes[0];
    let chain = chain::Chain::read(node, before.height.next(), after.height).await?;
    let missing = sent
        .iter()
        .filter(|sent| sent.fate == Fate::Accepted)
        .filter(|sent| !chain.ids.contains(&work.transactions[sent.number].id))
        .count();
    let lines = chain::booked_lines(node).await? - lines_before;
    let mut faults = Vec::new();
    if missing > 0 {
        faults.push(format!("{missing} accepted transactions are not in the ledger"));
    }
    let ordered = chain.new_order_lines;
    if lines != ordered {
        faults.push(format!("the log has {ordered} new order lines, the books have {lines}"));
    }
    let entries: u64 = chain.blocks.iter().map(|block| block.entries).sum();
    if before.log_size + entries != after.log_size {
        faults.push("the archive does not have the entries that the log has".to_owned());
    }
    Ok(Measured {
        start: start_time,
        usage,
        memory_mib,
        sent,
        disk_bytes: disk_after.saturating_sub(disk_before),
        blocks: chain.blocks,
        faults,
    })
}

/// What the nodes used in the measured time, and the memory of the largest at its end.
async fn meter(
    options: Options,
    ports: BTreeSet<u16>,
    start: Instant,
    ended: oneshot::Receiver<()>,
) -> Result<(Usage, Option<u64>)> {
    sleep_until(start + options.warm_up()).await;
    let before = Usage::now(&options.pids, &ports)?;
    tokio::select! {
        () = sleep_until(start + options.total()) => {}
        _ = ended => {}
    }
    let after = Usage::now(&options.pids, &ports)?;
    let memory = options.pids.iter().filter_map(|pid| machine::memory_mib(*pid)).max();
    Ok((after.since(&before), memory))
}

/// Lets transactions leave as the ledger takes others in.
async fn pace(
    node: SocketAddr,
    log_size: u64,
    in_flight: usize,
    permit: watch::Sender<usize>,
    open_loop: bool,
    end: Instant,
) -> Result<()> {
    if open_loop {
        return Ok(());
    }
    let mut connection = Connection::open(node).await?;
    let mut next = Instant::now();
    while Instant::now() < end {
        let status: Status = connection.get("/v1/status").await?;
        let decided = usize::try_from(status.log_size.saturating_sub(log_size))?;
        permit.send_replace(decided + in_flight);
        next += LOOK;
        sleep_until(next).await;
    }
    permit.send_replace(usize::MAX);
    Ok(())
}
