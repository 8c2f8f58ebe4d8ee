//! `tuan approve`: the second of two signatures (rule G2).
//!
//! Before anything is signed, the movement is told in plain words, and its hash is computed here: what
//! is approved is what was shown, not what a node says it is.

use crate::{
    directory::Tags,
    exit::Failure,
    lang::{say, word},
    names::{self, Names, channel_name},
    output,
    session::{Entered, Outcome, Session},
};
use clap::{Args, Subcommand};
use ledger_core::{
    api::ProposalView,
    crypto::TransactionId,
    fund::{Action, Beneficiary, ChannelId, FeePart, Movement, PayTo, Payout, Policy, Receipt},
    types::{Fen, GroupBuyId, MemberId, PaymentNo},
};
use serde::Serialize;

/// Shortest beginning of an id that names a proposal.
const PREFIX_MIN: usize = 6;

/// `tuan approve`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ApproveCommand {
    #[command(subcommand)]
    pub(crate) command: Option<ApproveSubcommand>,
    /// Ids of proposals, or their beginnings
    #[arg(value_name = "PROPOSAL", required_unless_present_any = ["group_buy", "all"])]
    proposals: Vec<String>,
    /// Every proposal of a group buy that you may approve
    #[arg(long, conflicts_with_all = ["proposals", "all"])]
    group_buy: Option<GroupBuyId>,
    /// Every proposal that you may approve
    #[arg(long, conflicts_with = "proposals")]
    all: bool,
}

/// Subcommands of `tuan approve`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApproveSubcommand {
    /// Lists what waits for an approval
    List,
    /// Ends a proposal without carrying it out
    Reject {
        /// Its id, or the beginning of it
        proposal: String,
    },
}

/// What became of several approvals.
#[derive(Debug, Default, Serialize)]
struct Approved {
    transactions: Vec<Entered>,
    /// Approvals that nobody waited for.
    sent: Vec<TransactionId>,
    skipped: Vec<Skipped>,
}

/// A proposal that was not approved.
#[derive(Debug, Serialize)]
struct Skipped {
    proposal: TransactionId,
    reason: String,
}

/// Runs `tuan approve`.
pub(crate) fn run(command: &ApproveCommand, session: &Session) -> Result<(), Failure> {
    let waiting = session.client.proposals()?;
    match &command.command {
        Some(ApproveSubcommand::List) => list(&waiting, session),
        Some(ApproveSubcommand::Reject { proposal }) => {
            let view = named(&waiting, proposal)?;
            tell(&[view], session)?;
            session.submit_one(Action::RejectProposal {
                proposal: view.id,
                movement: view.movement.digest(),
            })
        }
        None if command.all => approve(&waiting.iter().collect::<Vec<_>>(), false, session),
        None => match &command.group_buy {
            Some(id) => approve(&of_group_buy(&waiting, id, |_| true), false, session),
            None => {
                let named = command.proposals.iter().map(|proposal| named(&waiting, proposal));
                approve(&named.collect::<Result<Vec<_>, _>>()?, true, session)
            }
        },
    }
}

/// Approves what a text names: one proposal by its id, or those of a group buy of a kind.
///
/// # Errors
/// A refused [`Failure`] if nothing of that kind waits.
pub(crate) fn approve_named(
    text: &str,
    kind: impl Fn(&Movement) -> bool,
    session: &Session,
) -> Result<(), Failure> {
    let waiting = session.client.proposals()?;
    if text.len() == 64
        && let Ok(view) = named(&waiting, text)
    {
        return approve(&[view], true, session);
    }
    let id: GroupBuyId = text.parse().map_err(|_| {
        Failure::usage(say!(
            "{text:?} is no group buy and no proposal that waits",
            "{text:?} 既不是团购，也不是等待中的提案"
        ))
        .help(say!("see `tuan approve list`", "请看 `tuan approve list`"))
    })?;
    let found = of_group_buy(&waiting, &id, kind);
    if found.is_empty() {
        return Err(Failure::refused(say!(
            "nothing of that kind waits for approval in {id}",
            "{id} 没有这类等待同意的提案"
        ))
        .help(say!(
            "see `tuan approve list`; what was carried out or has lapsed does not wait any more",
            "请看 `tuan approve list`；已执行或已过期的提案不再等待"
        )));
    }
    approve(&found, false, session)
}

/// The proposals of a group buy, of a kind.
pub(crate) fn of_group_buy<'a>(
    waiting: &'a [ProposalView],
    id: &GroupBuyId,
    kind: impl Fn(&Movement) -> bool,
) -> Vec<&'a ProposalView> {
    let of = |view: &&ProposalView| view.movement.group_buy() == Some(*id) && kind(&view.movement);
    waiting.iter().filter(of).collect()
}

/// The proposal whose id begins so.
fn named<'a>(waiting: &'a [ProposalView], text: &str) -> Result<&'a ProposalView, Failure> {
    let prefix = text.to_ascii_lowercase();
    let mut found = waiting.iter().filter(|view| view.id.to_string().starts_with(&prefix));
    match (found.next(), found.next()) {
        _ if prefix.len() < PREFIX_MIN => Err(Failure::usage(say!(
            "{text:?} is too short for the id of a proposal",
            "{text:?} 作为提案编号太短"
        ))
        .help(say!(
            "give at least {PREFIX_MIN} characters of it; see `tuan approve list`",
            "至少写编号的前 {PREFIX_MIN} 位；请看 `tuan approve list`"
        ))),
        (Some(view), None) => Ok(view),
        (None, _) => {
            Err(Failure::refused(say!("no proposal {text} waits", "没有等待中的提案 {text}")).help(
                say!(
                    "see `tuan approve list`; it was carried out or rejected, or has lapsed",
                    "请看 `tuan approve list`；它已执行、被否决或过期"
                ),
            ))
        }
        (Some(_), Some(_)) => Err(Failure::usage(say!(
            "several proposals begin with {text}",
            "有几个提案以 {text} 开头"
        ))
        .help(say!("give more characters of the id", "请多写几位编号"))),
    }
}

/// Approves proposals one by one; `asked_by_name` makes a refusal a failure.
fn approve(
    proposals: &[&ProposalView],
    asked_by_name: bool,
    session: &Session,
) -> Result<(), Failure> {
    let own = session.signer()?.author;
    // A submitter may not approve, so its own proposals are not even tried unless named.
    let (own, others): (Vec<_>, Vec<_>) =
        proposals.iter().copied().partition(|view| view.by == own && !asked_by_name);
    tell(&others, session)?;
    let mut answer = Approved::default();
    for view in own {
        let reason = say!("you proposed it yourself", "这是您自己提议的");
        answer.skipped.push(Skipped { proposal: view.id, reason });
    }
    let mut refusal = None;
    for view in others {
        if view.movement.digest() != view.movement_hash {
            return Err(Failure::refused(say!(
                "the node shows another proposal under {}",
                "节点以 {} 之名给出了另一个提案",
                view.id
            ))
            .help(say!(
                "the node is at fault; ask another with --node",
                "该节点有误；用 --node 询问其他节点"
            )));
        }
        let action = Action::Approve { proposal: view.id, movement: view.movement_hash };
        match session.submit(action)? {
            Outcome::Entered(entered) => answer.transactions.push(entered),
            Outcome::AlreadyDone(reason) => {
                answer.skipped.push(Skipped { proposal: view.id, reason });
            }
            Outcome::Pending(id) => {
                answer.sent.push(id);
            }
            Outcome::Refused(problem) => {
                // Not yours to approve: no matter, unless you asked for this very one.
                if asked_by_name || !matches!(problem.refusal, Some(200..=299)) {
                    refusal = Some(session.refusal(&problem));
                }
                let reason = session.tell(&problem);
                answer.skipped.push(Skipped { proposal: view.id, reason });
            }
        }
    }
    session.output.data(&answer.to_string(), &answer)?;
    refusal.map_or(Ok(()), Err)
}

impl std::fmt::Display for Approved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lines: Vec<String> = self.transactions.iter().map(Entered::to_string).collect();
        for Skipped { proposal, reason } in &self.skipped {
            lines.push(say!("skipped {}: {reason}", "跳过 {}：{reason}", proposal.short()));
        }
        for id in &self.sent {
            lines.push(say!("sent, not decided yet: {id}", "已发送，尚未入账：{id}"));
        }
        if lines.is_empty() {
            lines.push(say!("ok: nothing waits for your approval", "完成：没有等待您同意的提案"));
        }
        f.write_str(&lines.join("\n"))
    }
}

fn list(waiting: &[ProposalView], session: &Session) -> Result<(), Failure> {
    let words = Words::of(session)?;
    let rows = waiting.iter().map(|view| {
        vec![
            view.id.short(),
            words.names.name(view.by),
            output::time(view.at),
            words.movement(&view.movement),
        ]
    });
    let text = output::table(
        &[
            word!("PROPOSAL", "提案"),
            word!("BY", "提出人"),
            word!("SINCE", "时间"),
            word!("WHAT", "内容"),
        ],
        rows,
    );
    session.output.data(&text, &waiting)
}

/// Shows what is about to be signed.
fn tell(proposals: &[&ProposalView], session: &Session) -> Result<(), Failure> {
    let words = Words::of(session)?;
    for view in proposals {
        let by = words.names.name(view.by);
        session.output.note(&say!(
            "{}  {by} proposes: {}",
            "{}  {by} 提议：{}",
            view.id.short(),
            words.movement(&view.movement)
        ));
        for line in words.details(&view.movement, session)? {
            session.output.note(&format!("  {line}"));
        }
    }
    Ok(())
}

/// What is needed to tell a movement in words.
pub(crate) struct Words {
    names: Names,
    policy: Policy,
}

impl Words {
    /// With the names that the founding document or a node has.
    pub(crate) fn of(session: &Session) -> Result<Self, Failure> {
        Ok(Self { names: session.names()?, policy: session.policy()? })
    }

    fn channel(&self, id: ChannelId) -> String {
        channel_name(&self.policy, id)
    }

    fn payout(&self, payout: &Payout) -> String {
        let Payout { channel, number, amount } = payout;
        self.money(*amount, *channel, number)
    }

    fn money(&self, amount: Fen, channel: ChannelId, number: &PaymentNo) -> String {
        let (amount, channel) = (amount.to_yuan(), self.channel(channel));
        say!(
            "{amount} yuan by {channel} as {number}",
            "{amount} 元（渠道 {channel}，流水号 {number}）"
        )
    }

    fn receipt(&self, receipt: &Receipt) -> String {
        let Receipt { channel, number, amount, .. } = receipt;
        self.money(*amount, *channel, number)
    }

    /// A movement in one line.
    pub(crate) fn movement(&self, movement: &Movement) -> String {
        let name = |id: &MemberId| self.names.name(*id);
        match movement {
            Movement::Identify { payment, group_buy, shares } => {
                let amount = sum(shares.iter().map(|share| share.amount));
                say!(
                    "payment {payment} is for {group_buy}: {amount} yuan, {} households",
                    "付款 {payment} 属于 {group_buy}：{amount} 元，{} 户",
                    shares.len()
                )
            }
            Movement::ReturnUnidentified { payment, payout } => {
                say!(
                    "give back payment {payment}: {}",
                    "退回付款 {payment}：{}",
                    self.payout(payout)
                )
            }
            Movement::Refund { group_buy, items } => {
                let amount = sum(items.iter().map(|item| item.amount));
                say!(
                    "refund {amount} yuan in {} parts from {group_buy}",
                    "从 {group_buy} 退款 {amount} 元，共 {} 笔",
                    items.len()
                )
            }
            Movement::DecideGoods(note) => {
                say!(
                    "decide what arrived for {}: {} offers",
                    "认定 {} 的到货：{} 个商品",
                    note.group_buy,
                    note.accepted.len()
                )
            }
            Movement::Deliver { group_buy, households, evidence } => say!(
                "{} households of {group_buy} have their goods, evidence {}",
                "{group_buy} 有 {} 户已取货，凭证 {}",
                households.len(),
                evidence.short()
            ),
            Movement::Settle { group_buy, payable } => {
                say!(
                    "settle {group_buy}: the supplier gets {} yuan",
                    "结算 {group_buy}：供应商得 {} 元",
                    payable.to_yuan()
                )
            }
            Movement::PayOut { group_buy, to, payout } => {
                say!(
                    "pay the {} of {group_buy} {}",
                    "付给 {group_buy} 的{} {}",
                    names::payee(*to),
                    self.payout(payout)
                )
            }
            Movement::Cancel { group_buy } => {
                say!("cancel {group_buy} and refund everybody", "取消 {group_buy}，全部退款")
            }
            Movement::Bounce { payout, receipt } => {
                say!(
                    "payout {payout} came back: {}",
                    "付款 {payout} 被退回：{}",
                    self.receipt(receipt)
                )
            }
            Movement::PayUnclaimed { group_buy, beneficiary, payout } => {
                let whom = match beneficiary {
                    Beneficiary::Household(tag) => say!("household {tag}", "住户 {tag}"),
                    Beneficiary::Supplier(member) | Beneficiary::Payee(member) => name(member),
                };
                say!(
                    "pay {whom} what {group_buy} left unclaimed: {}",
                    "向 {whom} 支付 {group_buy} 的待领款：{}",
                    self.payout(payout)
                )
            }
            Movement::Transfer { from, to } => {
                say!("move {} to {}", "转账 {} 至渠道 {}", self.payout(from), self.channel(*to))
            }
            Movement::ChannelFee { fee, bill } => {
                say!(
                    "the channel kept {}, bill {}",
                    "渠道扣下手续费 {}，账单 {}",
                    self.payout(fee),
                    bill.short()
                )
            }
            Movement::BearChannelFee { group_buy, channel, amount } => say!(
                "property's fee of {group_buy} bears {} yuan that {} kept",
                "{group_buy} 的物业分成承担 {} 元手续费（渠道 {}）",
                amount.to_yuan(),
                self.channel(*channel)
            ),
            Movement::TopUpChannelFee { receipt } => {
                say!("top up channel fees: {}", "补足渠道手续费：{}", self.receipt(receipt))
            }
            Movement::Difference { missing, document } => {
                say!(
                    "missing: {}, count {}",
                    "盘点短缺 {}，盘点单 {}",
                    self.payout(missing),
                    document.short()
                )
            }
            Movement::ChargeDifference { channel, member, amount, document } => say!(
                "{} owes {} yuan missing in {}, finding {}",
                "由 {} 承担短缺 {} 元（渠道 {}），认定书 {}",
                name(member),
                amount.to_yuan(),
                self.channel(*channel),
                document.short()
            ),
            Movement::FoundDifference { receipt } => {
                say!("found again: {}", "短缺款找回：{}", self.receipt(receipt))
            }
            Movement::RepayReceivable { member, receipt } => {
                say!(
                    "{} pays what it owes: {}",
                    "{} 归还欠款：{}",
                    name(member),
                    self.receipt(receipt)
                )
            }
            Movement::GiveReserve { purpose, receipt } => {
                say!(
                    "gift to reserve {purpose}: {}",
                    "公益金 {purpose} 收到捐款：{}",
                    self.receipt(receipt)
                )
            }
            Movement::SpendReserve { purpose, payout, document } => say!(
                "spend reserve {purpose}: {}, filing {}",
                "动用公益金 {purpose}：{}，批件 {}",
                self.payout(payout),
                document.short()
            ),
        }
    }

    /// The single parts of a movement, for whoever signs it.
    fn details(&self, movement: &Movement, session: &Session) -> Result<Vec<String>, Failure> {
        let tags = match movement.group_buy() {
            Some(id) => session.tags_if_known(&id)?,
            None => Tags::default(),
        };
        Ok(match movement {
            Movement::Identify { shares, .. } => shares
                .iter()
                .map(|share| {
                    say!(
                        "{} {} yuan",
                        "{} {} 元",
                        tags.number(&share.household),
                        share.amount.to_yuan()
                    )
                })
                .collect(),
            Movement::Refund { items, .. } => items
                .iter()
                .map(|item| {
                    let (whom, amount) = (tags.number(&item.household), item.amount.to_yuan());
                    say!(
                        "{whom} {amount} yuan of payment {} as {}",
                        "{whom} {amount} 元，原付款 {}，退款流水号 {}",
                        item.payment,
                        item.number
                    )
                })
                .collect(),
            Movement::DecideGoods(note) => note
                .accepted
                .iter()
                .map(|(offer, accepted)| {
                    say!("offer {offer}: {accepted}", "商品 {offer}：{accepted}")
                })
                .collect(),
            Movement::Deliver { households, .. } => {
                households.iter().map(|tag| tags.number(tag)).collect()
            }
            Movement::ReturnUnidentified { .. }
            | Movement::Settle { .. }
            | Movement::PayOut { .. }
            | Movement::Cancel { .. }
            | Movement::Bounce { .. }
            | Movement::PayUnclaimed { .. }
            | Movement::Transfer { .. }
            | Movement::ChannelFee { .. }
            | Movement::BearChannelFee { .. }
            | Movement::TopUpChannelFee { .. }
            | Movement::Difference { .. }
            | Movement::ChargeDifference { .. }
            | Movement::FoundDifference { .. }
            | Movement::RepayReceivable { .. }
            | Movement::GiveReserve { .. }
            | Movement::SpendReserve { .. } => Vec::new(),
        })
    }
}

fn sum(amounts: impl Iterator<Item = Fen>) -> String {
    amounts.fold(Fen::ZERO, Fen::saturating_add).to_yuan()
}

/// A payee of a settled group buy, as it is written on the command line.
pub(crate) fn payee(to: PayTo) -> &'static str {
    match to {
        PayTo::Supplier => "supplier",
        PayTo::Fee(part) => {
            FeePart::ALL.get(usize::from(part)).map_or("unknown payee", |p| p.name())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        genesis::tests::orchard,
        lang::{self, Language},
    };
    use ledger_core::types::TimestampMs;

    fn proposal(seed: u8, movement: Movement) -> ProposalView {
        ProposalView {
            id: TransactionId::new([seed; 32]),
            movement_hash: movement.digest(),
            by: MemberId::ZERO,
            at: TimestampMs::ZERO,
            movement,
        }
    }

    fn settle(id: &str) -> Movement {
        Movement::Settle { group_buy: id.parse().expect("an id"), payable: Fen::new(16_200) }
    }

    #[test]
    fn a_proposal_is_named_by_the_beginning_of_its_id() {
        let waiting = [proposal(1, settle("a")), proposal(2, settle("b"))];
        assert_eq!(named(&waiting, "010101").map(|view| view.id), Ok(waiting[0].id));
        assert_eq!(named(&waiting, "0101").expect_err("short").number(), crate::exit::USAGE);
        assert_eq!(named(&waiting, "ffffff").expect_err("none").number(), crate::exit::REFUSED);
        let same = [waiting[0].clone(), waiting[0].clone()];
        assert_eq!(named(&same, "010101").expect_err("two").number(), crate::exit::USAGE);
    }

    #[test]
    fn proposals_are_chosen_by_group_buy_and_kind() {
        let cancel = Movement::Cancel { group_buy: "a".parse().expect("an id") };
        let waiting = [proposal(1, settle("a")), proposal(2, settle("b")), proposal(3, cancel)];
        let id = "a".parse().expect("an id");
        assert_eq!(of_group_buy(&waiting, &id, |_| true).len(), 2);
        let kind = |movement: &Movement| matches!(movement, Movement::Cancel { .. });
        assert_eq!(of_group_buy(&waiting, &id, kind)[0].id, waiting[2].id);
    }

    #[test]
    fn movements_are_told_with_names_and_yuan() {
        let genesis = orchard();
        let words = Words { names: Names::of_genesis(&genesis), policy: genesis.policy.clone() };
        assert_eq!(words.movement(&settle("a")), "settle a: the supplier gets 162.00 yuan");
        let payout = Payout {
            channel: 1,
            number: "a.leader".parse().expect("a number"),
            amount: Fen::new(900),
        };
        let movement =
            Movement::PayOut { group_buy: "a".parse().expect("an id"), to: PayTo::Fee(0), payout };
        let text = words.movement(&movement);
        assert_eq!(text, "pay the leader of a 9.00 yuan by cash as a.leader");
        let text = lang::within(Language::Zh, || words.movement(&movement));
        assert_eq!(text, "付给 a 的团长 9.00 元（渠道 cash，流水号 a.leader）");
    }
}
