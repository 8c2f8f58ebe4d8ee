//! Why the chain stands still or is slow: from a node's status to sentences.
//!
//! [`explain`] is pure and looks from the node that answered: who is missing for it, whose clock is off
//! against the others', what is full. The first finding is the most important cause.

use crate::{
    lang::{say, word},
    output::{self, plain},
};
use ledger_core::{
    api::{Activity, PeerStatus, Status},
    types::TimestampMs,
};
use serde::Serialize;

/// A node says something every two seconds at least; one that is silent for so long is not there.
const SILENT_MS: u64 = 15_000;
/// A block takes a second or two, also when one proposer is away; one that takes so long does not come
/// by itself: who is connected need not be able to sign.
const STALLED_MS: u64 = 10_000;
/// A double signature is told for so long; whether the second node is gone, nobody can see.
const SIGNED_TWICE_TOLD_MS: u64 = 24 * 3_600_000;
/// A clock that is off by less does no harm: blocks may be 10 s ahead.
const CLOCK_OFF_MS: i64 = 2_000;
/// One round may fail because one proposer is away.
const ROUNDS_FAILING: u32 = 2;
/// A few blocks are on their way at any time.
const BEHIND_BLOCKS: u64 = 5;
/// Authors are refused before the pool as a whole is full.
const MEMPOOL_FULL_PERCENT: u64 = 90;
/// Less room than this share of the disk.
const DISK_FREE_PERCENT: u64 = 5;
/// Less room than this, however large the disk is.
const DISK_FREE_BYTES: u64 = 1 << 30;

/// A validator that does not take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Absent {
    /// Whose node.
    pub(super) member: String,
    /// Since when.
    pub(super) since: TimestampMs,
}

/// Something that is worth saying about a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub(super) enum Finding {
    /// Those that are there cannot decide.
    NoQuorum {
        absent: Vec<Absent>,
        /// This node is there, and may not sign.
        this_node_silent: bool,
        present_power: u64,
        total_power: u64,
    },
    /// The key of this node signs elsewhere.
    SignedElsewhere { member: String, seen: TimestampMs },
    /// A member was proven to have signed twice.
    SignedTwice {
        member: String,
        is_this_node: bool,
        times: u64,
        height: u64,
        at: Option<TimestampMs>,
    },
    /// This node asks the others what it signed before its start.
    Recovering { waits_for: Vec<String> },
    /// This node may not sign at heights at which it may have signed before.
    Barred,
    /// This node lacks blocks.
    Behind { blocks: u64 },
    /// A clock differs from the others.
    ClockOff { member: String, is_this_node: bool, offset_ms: i64 },
    /// Two clocks differ, and there is no third to tell which is right.
    ClocksDiffer { member: String, offset_ms: i64 },
    /// Some are missing; the others can decide, but wait in vain when one of them is to propose.
    Missing { absent: Vec<Absent> },
    /// Enough are there, and nothing happens.
    Stalled { step: String, since: TimestampMs, waits_for: Vec<String>, absent: Vec<Absent> },
    /// Rounds end without a decision.
    RoundsFailing { round: u32, since: TimestampMs, proposers: Vec<String> },
    /// There is hardly room for new transactions.
    MempoolFull { percent: u64, transactions: u64 },
    /// There is hardly room on the disk of this node.
    DiskNearlyFull { free_bytes: u64 },
    /// Another node lacks blocks.
    PeerBehind { member: String, blocks: u64 },
    /// Nothing is to be done: a healthy chain at rest.
    Idle { since: TimestampMs, next_deadline: Option<TimestampMs> },
    /// A block is on its way.
    Deciding { height: u64, since: TimestampMs, transactions: u64 },
}

fn absent_since(peer: &PeerStatus, now: TimestampMs) -> Option<TimestampMs> {
    if !peer.connected {
        // It was gone before the connection was given up.
        return Some(peer.heard.map_or(peer.since, |heard| heard.min(peer.since)));
    }
    let heard = peer.heard.unwrap_or(peer.since).max(peer.since);
    (now.get().saturating_sub(heard.get()) > SILENT_MS).then_some(heard)
}

/// Whether those that the node reaches, with itself, are more than two thirds.
fn has_quorum(status: &Status) -> bool {
    3 * u128::from(present_power(status)) > 2 * u128::from(status.total_power.get())
}

/// Whether this node has a vote that it may not use now.
fn is_silent(status: &Status) -> bool {
    let may_not_sign = matches!(status.activity, Activity::Recovering | Activity::Barred);
    status.voting_power.is_some() && may_not_sign
}

/// The votes of those that are connected, as far as this node can know whether they may sign.
fn present_power(status: &Status) -> u64 {
    let present = status.peers.iter().filter(|peer| absent_since(peer, status.now).is_none());
    let mine = status.voting_power.filter(|_| !is_silent(status));
    let powers = present.filter_map(|peer| peer.voting_power).chain(mine);
    powers.fold(0, |sum, power| sum.saturating_add(power.get()))
}

fn is_stalled(status: &Status) -> bool {
    let awake = status.awake_since.map(|since| status.now.get().saturating_sub(since.get()));
    awake.is_some_and(|ms| ms > STALLED_MS)
}

/// Whether the chain can go on, as far as this node sees.
pub(super) fn can_proceed(status: &Status) -> bool {
    has_quorum(status) && !is_stalled(status)
}

/// What there is to say; never empty, the most important first.
pub(super) fn explain(status: &Status) -> Vec<Finding> {
    let now = status.now;
    let mut findings = Vec::new();
    let validators = status.peers.iter().filter(|peer| peer.voting_power.is_some());
    let mut absent: Vec<_> = validators
        .filter_map(|peer| {
            let since = absent_since(peer, now)?;
            Some(Absent { member: peer.member.clone(), since })
        })
        .collect();
    absent.sort_by(|one, other| (one.since, &one.member).cmp(&(other.since, &other.member)));
    let awake_since = status.awake_since.unwrap_or(status.step_since);
    findings.extend(double_signatures(status));
    let missing = if !has_quorum(status) {
        findings.push(Finding::NoQuorum {
            absent,
            this_node_silent: is_silent(status),
            present_power: present_power(status),
            total_power: status.total_power.get(),
        });
        None
    } else if is_stalled(status) {
        findings.push(Finding::Stalled {
            step: status.step.clone(),
            since: awake_since,
            waits_for: status.waiting_for.clone(),
            absent,
        });
        None
    } else {
        (!absent.is_empty()).then_some(Finding::Missing { absent })
    };
    match status.activity {
        Activity::Recovering => {
            findings.push(Finding::Recovering { waits_for: status.waiting_for.clone() });
        }
        Activity::Barred => findings.push(Finding::Barred),
        Activity::CatchingUp | Activity::Voting | Activity::Following => {}
    }
    let present = || status.peers.iter().filter(|peer| peer.connected);
    // What a certificate proves; what peers say of themselves is nothing to go by.
    let behind = status.certified_height.get().saturating_sub(status.height.get());
    if behind > BEHIND_BLOCKS || (status.activity == Activity::CatchingUp && behind > 0) {
        findings.push(Finding::Behind { blocks: behind });
    }
    findings.extend(clock(status));
    findings.extend(missing);
    if status.round.get() >= ROUNDS_FAILING {
        findings.push(Finding::RoundsFailing {
            round: status.round.get(),
            since: awake_since,
            proposers: status.failed_proposers.clone(),
        });
    }
    let pool = status.mempool_bytes;
    let percent = pool.used.saturating_mul(100) / pool.max.max(1);
    if percent >= MEMPOOL_FULL_PERCENT {
        findings.push(Finding::MempoolFull { percent, transactions: status.mempool });
    }
    if let Some(disk) = status.disk
        && disk.free_bytes < DISK_FREE_BYTES.max(disk.total_bytes / 100 * DISK_FREE_PERCENT)
    {
        findings.push(Finding::DiskNearlyFull { free_bytes: disk.free_bytes });
    }
    for peer in present() {
        let behind = peer.height.map_or(0, |at| status.height.get().saturating_sub(at.get()));
        if behind > BEHIND_BLOCKS {
            let member = peer.member.clone();
            findings.push(Finding::PeerBehind { member, blocks: behind });
        }
    }
    if findings.is_empty() {
        findings.push(if status.step == "waiting" && status.mempool == 0 {
            Finding::Idle { since: status.height_since, next_deadline: status.next_deadline }
        } else {
            Finding::Deciding {
                height: status.height.get().saturating_add(1),
                since: awake_since,
                transactions: status.mempool,
            }
        });
    }
    findings
}

/// Keys that sign in two places: no other trouble is as urgent, though the chain goes on.
fn double_signatures(status: &Status) -> Vec<Finding> {
    let is_recent =
        |at: TimestampMs| status.now.get().saturating_sub(at.get()) <= SIGNED_TWICE_TOLD_MS;
    let elsewhere = status.signed_elsewhere.filter(|seen| is_recent(*seen));
    let own = elsewhere.map(|seen| Finding::SignedElsewhere { member: status.node.clone(), seen });
    // One whose time cannot be read is told rather than passed over.
    let convicted = status.signed_twice.iter().filter(|found| found.at.is_none_or(is_recent));
    let convicted = convicted.map(|found| Finding::SignedTwice {
        member: found.member.clone(),
        is_this_node: found.member == status.node,
        times: found.times,
        height: found.height.get(),
        at: found.at,
    });
    own.into_iter().chain(convicted).collect()
}

/// The clock that differs most from the middle of all.
fn clock(status: &Status) -> Option<Finding> {
    let peers = status.peers.iter().filter(|peer| peer.connected);
    let known = peers.filter_map(|peer| Some((&peer.member, peer.clock_offset_ms?)));
    // All against this node's clock, its own included.
    let mut clocks: Vec<_> = known.chain([(&status.node, 0)]).collect();
    clocks.sort_by_key(|(_, offset)| *offset);
    let far = |offset: i64| offset.saturating_abs() > CLOCK_OFF_MS;
    if let [one, other] = clocks.as_slice() {
        let (member, offset_ms) = if one.0 == &status.node { *other } else { *one };
        let member = member.clone();
        return far(offset_ms).then_some(Finding::ClocksDiffer { member, offset_ms });
    }
    let middle = clocks.len() / 2;
    let median = match clocks.len() % 2 {
        0 => i64::midpoint(clocks.get(middle.checked_sub(1)?)?.1, clocks.get(middle)?.1),
        _ => clocks.get(middle)?.1,
    };
    let deviation = |offset: i64| offset.saturating_sub(median);
    let (member, offset) =
        clocks.iter().max_by_key(|(_, offset)| deviation(*offset).saturating_abs())?;
    let offset_ms = deviation(*offset);
    let is_this_node = *member == &status.node;
    let member = (*member).clone();
    far(offset_ms).then_some(Finding::ClockOff { member, is_this_node, offset_ms })
}

impl Finding {
    /// The finding as a sentence.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::SignedElsewhere { member, seen } => {
                let (who, seen) = (plain(member), output::time(*seen));
                say!(
                    "The key of this node ({who}) has signed what this node does not remember, last seen \
                     at {seen}: either somebody runs a second node with its keys, then stop one of the \
                     two now; or the data of this node were put back from an older copy.",
                    "本节点（{who}）的密钥签过本节点不知道的内容，最近一次在 {seen}：如果有人用同一密钥运行了第二个节点，请立即停掉其中一个；否则就是本节点的数据曾从旧备份恢复。"
                )
            }
            Self::SignedTwice { member, is_this_node, times, height, at } => {
                let who = plain(member);
                let who = match is_this_node {
                    true => say!("{who} (this node)", "{who}（本节点）"),
                    false => who,
                };
                let at = at.map_or_else(String::new, |at| {
                    let at = output::time(at);
                    say!(", {at}", "，{at}")
                });
                say!(
                    "{who} has signed twice ({times} times, last at height {height}{at}): somebody runs a \
                     second node with its keys; stop one now.",
                    "{who} 重复签名 {times} 次（最近一次在高度 {height}{at}）：有人用它的密钥运行了第二个节点，请立即停掉其中一个。"
                )
            }
            Self::NoQuorum { absent, this_node_silent: true, present_power, total_power } => {
                let missing = match absent.as_slice() {
                    [] => String::new(),
                    absent => {
                        let who = absentees(absent);
                        say!(" Missing: {who}.", "缺席的有：{who}。")
                    }
                };
                say!(
                    "The chain stands still: more than two thirds of the votes are needed, and only \
                     {present_power} of {total_power} can sign; this node may not sign now.{missing}",
                    "账本停着：需要超过三分之二的投票权，现在只有 {present_power}/{total_power} 能签名；本节点目前不能签名。{missing}"
                )
            }
            Self::NoQuorum { absent, this_node_silent: false, present_power, total_power } => {
                let who = absentees(absent);
                say!(
                    "The chain stands still: more than two thirds of the votes are needed, and only \
                     {present_power} of {total_power} are here; missing: {who}.",
                    "账本停着：需要超过三分之二的投票权，现在只有 {present_power}/{total_power}；缺席的有：{who}。"
                )
            }
            Self::Recovering { waits_for } => {
                let who = names(waits_for);
                say!(
                    "This node has just started and signs nothing until the others have told it what it \
                     signed before; it waits for {who}.",
                    "本节点刚启动，要等其他节点告知它之前签过什么，才会再签名；正在等 {who}。"
                )
            }
            Self::Barred => say!(
                "This node may have signed at this height before and signs nothing until the chain is \
                 past it.",
                "本节点可能已在当前高度签过名，要等账本越过这个高度才会再签名。"
            ),
            Self::Behind { blocks } => say!(
                "This node is {blocks} blocks behind and is catching up.",
                "本节点落后 {blocks} 个区块，正在追赶。"
            ),
            Self::ClockOff { member, is_this_node, offset_ms } => {
                let (by, who) = (seconds(offset_ms.unsigned_abs()), plain(member));
                match (is_this_node, *offset_ms > 0) {
                    (true, true) => say!(
                        "The clock of this node ({who}) is {by} ahead of the others: set it right.",
                        "本节点（{who}）的时钟比其他节点快 {by}，请校准。"
                    ),
                    (true, false) => say!(
                        "The clock of this node ({who}) is {by} behind the others: set it right.",
                        "本节点（{who}）的时钟比其他节点慢 {by}，请校准。"
                    ),
                    (false, true) => say!(
                        "The clock of {who} is {by} ahead of the others: its operator must set it right.",
                        "{who} 的时钟比其他节点快 {by}，请其运营方校准。"
                    ),
                    (false, false) => say!(
                        "The clock of {who} is {by} behind the others: its operator must set it right.",
                        "{who} 的时钟比其他节点慢 {by}，请其运营方校准。"
                    ),
                }
            }
            Self::ClocksDiffer { member, offset_ms } => {
                let (by, who) = (seconds(offset_ms.unsigned_abs()), plain(member));
                say!(
                    "The clocks of {who} and of this node differ by {by}, and there is no third to tell \
                     which is right.",
                    "{who} 与本节点的时钟相差 {by}，没有第三个节点可供比对，请两边都检查。"
                )
            }
            Self::Missing { absent } => {
                let who = absentees(absent);
                say!(
                    "The chain goes on without {who}; it waits a little whenever one of them is to propose.",
                    "账本仍在运行，但缺了 {who}；轮到缺席者提议时会稍慢。"
                )
            }
            Self::Stalled { step, since, waits_for, absent } => {
                let (step, since, who) = (step_name(step), output::time(*since), names(waits_for));
                let absent = match absent.as_slice() {
                    [] => String::new(),
                    absent => {
                        let who = absentees(absent);
                        say!(" Not connected: {who}.", "没有连上的有：{who}。")
                    }
                };
                say!(
                    "The chain stands still: enough nodes are connected, but no block was decided since \
                     {since}; the step {step} waits for {who}. A node that is connected may still not \
                     sign, such as one that has just been restarted: ask it with `tuan status --explain`.\
                     {absent}",
                    "账本停着：连上的节点够数，但自 {since} 起没有产生区块；“{step}”这一步在等 {who}。连上的节点也可能暂时不能签名（例如刚重启），请在该节点上用 tuan status --explain 查看。{absent}"
                )
            }
            Self::RoundsFailing { round, since, proposers } => {
                let (since, who) = (output::time(*since), names(proposers));
                say!(
                    "{round} rounds of this block have failed since {since}; their proposers were {who}.",
                    "自 {since} 起，这个区块已有 {round} 轮没有成功；提议者依次是 {who}。"
                )
            }
            Self::MempoolFull { percent, transactions } => say!(
                "{transactions} transactions wait and fill {percent} % of the room for them: new ones may \
                 be refused for now.",
                "有 {transactions} 笔交易在排队，已占等候空间的 {percent}%，新的交易可能暂时不收。"
            ),
            Self::DiskNearlyFull { free_bytes } => {
                let mib = free_bytes / (1 << 20);
                say!(
                    "The disk of this node has only {mib} MiB left: make room before it stops.",
                    "本节点的磁盘只剩 {mib} MiB，请尽快腾出空间，否则节点会停。"
                )
            }
            Self::PeerBehind { member, blocks } => {
                let who = plain(member);
                say!(
                    "The node of {who} is {blocks} blocks behind.",
                    "{who} 的节点落后 {blocks} 个区块。"
                )
            }
            Self::Idle { since, next_deadline } => {
                let since = output::time(*since);
                match next_deadline.map(output::time) {
                    None => say!(
                        "All is well: idle since {since}, nothing is waiting.",
                        "一切正常：自 {since} 起空闲，没有要处理的事。"
                    ),
                    Some(next) => say!(
                        "All is well: idle since {since}, nothing is waiting; the next deadline falls \
                         due at {next}.",
                        "一切正常：自 {since} 起空闲，没有要处理的事；下一个期限是 {next}。"
                    ),
                }
            }
            Self::Deciding { height, since, transactions } => {
                let since = output::time(*since);
                say!(
                    "All is well: block {height} is being decided since {since}, {transactions} \
                     transactions wait.",
                    "一切正常：自 {since} 起正在决定区块 {height}，有 {transactions} 笔交易在等。"
                )
            }
        }
    }
}

/// A step of a round in the user's language.
pub(super) fn step_name(step: &str) -> String {
    match step {
        "waiting" => word!("waiting", "等待事由").to_owned(),
        "propose" => word!("propose", "提议").to_owned(),
        "prevote" => word!("prevote", "预投票").to_owned(),
        "precommit" => word!("precommit", "预提交").to_owned(),
        "decided" => word!("decided", "已决定").to_owned(),
        // A later version may know more of them.
        other => plain(other),
    }
}

fn absentees(absent: &[Absent]) -> String {
    let one = |Absent { member, since }: &Absent| {
        let (member, since) = (plain(member), output::time(*since));
        say!("{member} (since {since})", "{member}（自 {since}）")
    };
    joined(absent.iter().map(one))
}

fn names(names: &[String]) -> String {
    joined(names.iter().map(|name| plain(name)))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    match parts.is_empty() {
        true => say!("nobody in particular", "（不确定）"),
        false => parts.join(&say!(", ", "、")),
    }
}

fn seconds(ms: u64) -> String {
    let tenths = ms.saturating_add(50) / 100;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    say!("{whole}.{tenth} s", "{whole}.{tenth} 秒")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ledger_core::{
        api::{DiskRoom, SignedTwice, Use},
        crypto::{BlockHash, ChainId, Digest},
        types::{Height, Round, VotingPower},
    };

    const NOW: u64 = 1_767_225_600_000;

    fn ago(seconds: u64) -> TimestampMs {
        TimestampMs::new(NOW - seconds * 1_000)
    }

    fn peer(member: &str) -> PeerStatus {
        PeerStatus {
            member: member.to_owned(),
            connected: true,
            since: ago(3_600),
            heard: Some(ago(1)),
            height: Some(Height::new(100)),
            clock_offset_ms: Some(20),
            voting_power: Some(VotingPower::new(1)),
        }
    }

    /// The node of `property` among four, at rest since ten minutes.
    pub(crate) fn healthy() -> Status {
        Status {
            chain: ChainId::new([1; 32]),
            name: "orchard-1".to_owned(),
            node: "property".to_owned(),
            version: "0".to_owned(),
            now: TimestampMs::new(NOW),
            activity: Activity::Voting,
            voting_power: Some(VotingPower::new(1)),
            total_power: VotingPower::new(4),
            height: Height::new(100),
            round: Round::ZERO,
            step: "waiting".to_owned(),
            height_since: ago(600),
            awake_since: None,
            step_since: ago(600),
            failed_proposers: Vec::new(),
            tip: BlockHash::new([2; 32]),
            time: ago(600),
            next_deadline: None,
            certified_height: Height::new(100),
            state_root: Digest::new([3; 32]),
            log_size: 7,
            waiting_for: Vec::new(),
            signed_twice: Vec::new(),
            signed_elsewhere: None,
            peers: ["committee", "supplier-a", "supplier-b"].map(peer).to_vec(),
            clock_offset_ms: Some(-20),
            mempool: 0,
            mempool_bytes: Use { used: 0, max: 1 << 26 },
            disk: Some(DiskRoom { free_bytes: 1 << 36, total_bytes: 1 << 38 }),
        }
    }

    fn first(status: &Status) -> String {
        explain(status)[0].sentence()
    }

    #[test]
    fn a_chain_at_rest_is_healthy_however_long_it_rests() {
        let status = Status { height_since: ago(86_400), step_since: ago(86_400), ..healthy() };
        assert_eq!(
            first(&status),
            "All is well: idle since 2025-12-31 08:00:00, nothing is waiting."
        );
        assert!(can_proceed(&status));
        let status = Status { next_deadline: Some(TimestampMs::new(NOW)), ..healthy() };
        assert!(first(&status).ends_with("falls due at 2026-01-01 08:00:00."));
    }

    #[test]
    fn nodes_that_boast_of_their_height_make_nobody_believe_that_it_is_behind() {
        let behind = |certified_height: u64| {
            let mut status = healthy();
            for peer in &mut status.peers {
                peer.height = Some(Height::new(u64::MAX));
            }
            let certified_height = Height::new(certified_height);
            let status = Status { certified_height, activity: Activity::CatchingUp, ..status };
            let mut findings = explain(&status).into_iter();
            findings.find(|finding| matches!(finding, Finding::Behind { .. }))
        };
        assert_eq!(behind(100), None);
        assert_eq!(behind(150), Some(Finding::Behind { blocks: 50 }));
    }

    #[test]
    fn a_block_on_its_way_is_no_fault() {
        let awake_since = Some(ago(1));
        let status = Status { step: "prevote".to_owned(), awake_since, mempool: 3, ..healthy() };
        assert!(matches!(&explain(&status)[..], [Finding::Deciding { height: 101, .. }]));
        assert!(can_proceed(&status));
    }

    #[test]
    fn with_two_of_four_gone_it_says_who_since_when_and_that_nothing_can_be_decided() {
        let mut status = healthy();
        status.peers[2] = PeerStatus { connected: false, since: ago(60), ..peer("supplier-b") };
        status.peers[0] = PeerStatus { connected: false, since: ago(120), ..peer("committee") };
        assert_eq!(
            first(&status),
            "The chain stands still: more than two thirds of the votes are needed, and only 2 of 4 are \
             here; missing: committee (since 2026-01-01 07:58:00), supplier-b (since 2026-01-01 07:59:00)."
        );
        assert!(!can_proceed(&status));
    }

    #[test]
    fn a_node_that_is_connected_and_silent_is_missing_too_but_one_of_four_stops_nothing() {
        let mut status = healthy();
        status.peers[1].heard = Some(ago(40));
        let absent = vec![Absent { member: "supplier-a".to_owned(), since: ago(40) }];
        assert_eq!(explain(&status), [Finding::Missing { absent }]);
        assert!(can_proceed(&status));
        // One that has no vote is missed by nobody.
        status.peers[1].voting_power = None;
        status.total_power = VotingPower::new(3);
        assert!(matches!(&explain(&status)[..], [Finding::Idle { .. }]));
    }

    #[test]
    fn the_clock_that_differs_from_the_others_is_named_and_this_nodes_own_too() {
        let mut status = healthy();
        status.peers[0].clock_offset_ms = Some(12_300);
        assert_eq!(
            first(&status),
            "The clock of committee is 12.3 s ahead of the others: its operator must set it right."
        );
        // Three peers that agree, and this node does not.
        for peer in &mut status.peers {
            peer.clock_offset_ms = Some(9_000);
        }
        assert_eq!(
            first(&status),
            "The clock of this node (property) is 9.0 s behind the others: set it right."
        );
        status.peers.truncate(1);
        status.total_power = VotingPower::new(2);
        assert!(matches!(&explain(&status)[..], [Finding::ClocksDiffer { offset_ms: 9_000, .. }]));
        status.peers[0].clock_offset_ms = Some(-1_999);
        assert!(matches!(&explain(&status)[..], [Finding::Idle { .. }]));
    }

    #[test]
    fn nodes_that_lack_blocks_are_told_apart() {
        let mut status = healthy();
        status.peers[0].height = Some(Height::new(90));
        assert_eq!(first(&status), "The node of committee is 10 blocks behind.");
        status.activity = Activity::CatchingUp;
        status.height = Height::new(60);
        assert_eq!(first(&status), "This node is 40 blocks behind and is catching up.");
    }

    #[test]
    fn what_is_full_is_said() {
        let status = Status {
            mempool: 190,
            mempool_bytes: Use { used: 95, max: 100 },
            disk: Some(DiskRoom { free_bytes: 300 << 20, total_bytes: 1 << 38 }),
            ..healthy()
        };
        let said: Vec<_> = explain(&status).iter().map(Finding::sentence).collect();
        assert_eq!(
            said,
            [
                "190 transactions wait and fill 95 % of the room for them: new ones may be refused for now.",
                "The disk of this node has only 300 MiB left: make room before it stops.",
            ]
        );
    }

    #[test]
    fn rounds_that_fail_and_a_chain_that_is_stuck_name_those_they_wait_for() {
        let stuck = Status {
            step: "prevote".to_owned(),
            round: Round::new(3),
            step_since: ago(20),
            awake_since: Some(ago(90)),
            failed_proposers: vec!["committee".to_owned(), "property".to_owned()],
            waiting_for: vec!["supplier-a".to_owned()],
            ..healthy()
        };
        let said: Vec<_> = explain(&stuck).iter().map(Finding::sentence).collect();
        assert_eq!(
            said,
            [
                "The chain stands still: enough nodes are connected, but no block was decided since \
                 2026-01-01 07:58:30; the step prevote waits for supplier-a. A node that is connected may \
                 still not sign, such as one that has just been restarted: ask it with `tuan status \
                 --explain`.",
                "3 rounds of this block have failed since 2026-01-01 07:58:30; their proposers were \
                 committee, property.",
            ]
        );
        assert!(!can_proceed(&stuck));
        // The rest before it is no part of it.
        let status = Status { awake_since: Some(ago(10)), round: Round::new(1), ..stuck };
        assert!(matches!(&explain(&status)[..], [Finding::Deciding { .. }]));
        assert!(can_proceed(&status));
    }

    #[test]
    fn a_node_that_has_just_started_says_what_it_waits_for_before_it_signs() {
        let waits_for = vec!["committee".to_owned()];
        let status =
            Status { activity: Activity::Recovering, waiting_for: waits_for.clone(), ..healthy() };
        assert_eq!(explain(&status), [Finding::Recovering { waits_for }]);
        assert!(can_proceed(&status));
        let status = Status { activity: Activity::Barred, ..healthy() };
        assert_eq!(explain(&status), [Finding::Barred]);
    }

    #[test]
    fn a_vote_that_this_node_may_not_use_is_not_counted() {
        for activity in [Activity::Recovering, Activity::Barred] {
            let mut status = Status { activity, ..healthy() };
            status.peers[2] = PeerStatus { connected: false, since: ago(60), ..peer("supplier-b") };
            assert!(!can_proceed(&status));
            let said: Vec<_> = explain(&status).iter().map(Finding::sentence).collect();
            assert_eq!(
                said[0],
                "The chain stands still: more than two thirds of the votes are needed, and only 2 of 4 \
                 can sign; this node may not sign now. Missing: supplier-b (since 2026-01-01 07:59:00)."
            );
            assert!(said[1].starts_with("This node "), "{said:?}");
            // One that follows has no vote to miss.
            status.voting_power = None;
            status.total_power = VotingPower::new(2);
            assert!(can_proceed(&status));
        }
    }

    #[test]
    fn who_is_connected_and_does_not_sign_is_not_taken_for_present_while_nothing_is_decided() {
        // One of four is dead; another is back and barred, which only itself can know.
        let mut status = Status {
            step: "prevote".to_owned(),
            awake_since: Some(ago(11)),
            waiting_for: vec!["supplier-a".to_owned(), "supplier-b".to_owned()],
            ..healthy()
        };
        status.peers[2] = PeerStatus { connected: false, since: ago(60), ..peer("supplier-b") };
        assert!(!can_proceed(&status));
        let found = explain(&status);
        assert!(matches!(&found[..], [Finding::Stalled { .. }]), "nothing goes on: {found:?}");
        let said = found[0].sentence();
        assert!(said.starts_with("The chain stands still: "), "{said}");
        assert!(said.contains("waits for supplier-a, supplier-b."), "{said}");
        assert!(said.ends_with("Not connected: supplier-b (since 2026-01-01 07:59:00)."), "{said}");
        let chinese = crate::lang::within(crate::lang::Language::Zh, || found[0].sentence());
        assert!(chinese.contains("“预投票”这一步在等 supplier-a、supplier-b"), "{chinese}");
        // A second or two are not long.
        status.awake_since = Some(ago(2));
        assert!(can_proceed(&status));
        assert!(matches!(&explain(&status)[..], [Finding::Missing { .. }]));
    }

    #[test]
    fn two_nodes_with_one_key_are_told_before_anything_else_on_every_node() {
        let twice = |member: &str, at| SignedTwice {
            member: member.to_owned(),
            times: 3,
            height: Height::new(99),
            at,
        };
        let mut status =
            Status { signed_twice: vec![twice("supplier-a", Some(ago(60)))], ..healthy() };
        status.peers[0].connected = false;
        status.peers[2].connected = false;
        let said: Vec<_> = explain(&status).iter().map(Finding::sentence).collect();
        assert_eq!(
            said[0],
            "supplier-a has signed twice (3 times, last at height 99, 2026-01-01 07:59:00): somebody runs \
             a second node with its keys; stop one now."
        );
        assert!(said[1].starts_with("The chain stands still: "), "{said:?}");
        // On the twin itself, before the ledger has the proof and after.
        let status = Status { signed_elsewhere: Some(ago(5)), ..healthy() };
        assert!(first(&status).starts_with("The key of this node (property) has signed what"));
        let status = Status { signed_twice: vec![twice("property", None)], ..healthy() };
        assert!(first(&status).starts_with("property (this node) has signed twice"));
        // What lies days back does not hide that all is well now.
        let status = Status {
            signed_twice: vec![twice("property", Some(ago(2 * 86_400)))],
            signed_elsewhere: Some(ago(2 * 86_400)),
            ..healthy()
        };
        assert!(matches!(&explain(&status)[..], [Finding::Idle { .. }]));
    }
}
