//! `tuan settle` and `tuan refund`: money that goes out.

use crate::{
    approve::{self, payee},
    exit::Failure,
    input,
    lang::{say, word},
    names::{self, Names, did_you_mean},
    pay::{made_number, propose},
    session::{Session, balance},
};
use clap::{Args, Subcommand};
use ledger_core::{
    api::{AccountView, GroupBuySummary, OpenGroupBuy, ProposalView},
    codec::List,
    fund::{
        AccountId, ChannelId, FeePart, Movement, PayTo, PaymentState, Payout, Phase, Policy,
        REFUNDS_MAX, RefundItem,
    },
    types::{Code, Fen, GroupBuyId, HouseholdTag, MemberId, PaymentNo},
};
use std::collections::{BTreeMap, BTreeSet};

/// `tuan settle`.
#[derive(Debug, Subcommand)]
pub(crate) enum SettleCommand {
    /// Property: proposes to end the after-sale window, so that payees may be paid
    Propose {
        /// Which group buy
        group_buy: GroupBuyId,
    },
    /// Approves what waits for this group buy: its settlement and its payouts
    Approve {
        /// A group buy, or the id of one proposal
        #[arg(value_name = "GROUP-BUY|PROPOSAL")]
        what: String,
    },
    /// Custodian: proposes to pay a payee of a settled group buy
    Pay(PayArgs),
}

/// `tuan settle pay`.
#[derive(Debug, Args)]
#[command(override_usage = "tuan settle pay [OPTIONS] <GROUP_BUY> (--to <TO> | --all)")]
pub(crate) struct PayArgs {
    /// Which group buy
    group_buy: GroupBuyId,
    /// Whom: a part (supplier, leader, property, delivery, packing), or the name of the member who earns it
    #[arg(long, required_unless_present = "all")]
    to: Option<String>,
    /// Every payee that has earned something
    #[arg(long, conflicts_with_all = ["to", "number", "amount"])]
    all: bool,
    /// From which channel; else one of yours that holds enough
    #[arg(long)]
    channel: Option<Code<16>>,
    /// Number that the channel gave it; else one made from the group buy's name
    #[arg(long)]
    number: Option<PaymentNo>,
    /// How much, in yuan; else everything earned
    #[arg(long, value_name = "YUAN", value_parser = input::yuan)]
    amount: Option<Fen>,
}

/// Whom a settled group buy pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payee {
    /// The supplier.
    Supplier,
    /// The leader.
    Leader,
    /// The property company.
    Property,
    /// Whoever carries it to the door.
    Delivery,
    /// Whoever packs it.
    Packing,
}

/// `tuan refund`.
#[derive(Debug, Subcommand)]
pub(crate) enum RefundCommand {
    /// Custodian: proposes to give every open refund back the way it came
    #[command(override_usage = "tuan refund pay [OPTIONS] (<GROUP_BUY> | --all)")]
    Pay {
        /// Which group buy
        #[arg(required_unless_present = "all")]
        group_buy: Option<GroupBuyId>,
        /// Every group buy that is not closed
        #[arg(long, conflicts_with = "group_buy")]
        all: bool,
    },
    /// Approves the refunds that wait for this group buy
    Approve {
        /// A group buy, or the id of one proposal
        #[arg(value_name = "GROUP-BUY|PROPOSAL")]
        what: String,
    },
}

impl Payee {
    const ALL: [Self; 5] =
        [Self::Supplier, Self::Leader, Self::Property, Self::Delivery, Self::Packing];

    fn pay_to(self) -> PayTo {
        match self {
            Self::Supplier => PayTo::Supplier,
            Self::Leader => PayTo::Fee(0),
            Self::Property => PayTo::Fee(1),
            Self::Delivery => PayTo::Fee(2),
            Self::Packing => PayTo::Fee(3),
        }
    }

    /// Who earns it in a group buy.
    fn member(self, view: &OpenGroupBuy) -> MemberId {
        match self {
            Self::Supplier => view.filing.supplier,
            Self::Leader => view.header.leader,
            Self::Property => view.filing.property,
            Self::Delivery => view.filing.delivery,
            Self::Packing => view.filing.packing,
        }
    }

    /// What it is called on the command line, and in the user's language.
    fn words(self) -> [&'static str; 2] {
        [payee(self.pay_to()), names::payee(self.pay_to())]
    }

    fn account(self) -> AccountId {
        match self {
            Self::Supplier => AccountId::Payable,
            Self::Leader => AccountId::Fee(FeePart::Leader),
            Self::Property => AccountId::Fee(FeePart::Property),
            Self::Delivery => AccountId::Fee(FeePart::Delivery),
            Self::Packing => AccountId::Fee(FeePart::Packing),
        }
    }
}

/// Runs `tuan settle`.
pub(crate) fn settle(command: &SettleCommand, session: &Session) -> Result<(), Failure> {
    match command {
        SettleCommand::Propose { group_buy } => {
            let view = session.group_buy(group_buy)?;
            if view.header.phase == Phase::Settled {
                return session.already_done(&say!("{group_buy} is settled", "{group_buy} 已结算"));
            }
            let payable = balance(&view.accounts, &AccountId::Payable);
            let payable = payable.saturating_add(balance(&view.accounts, &AccountId::Retention));
            propose(Movement::Settle { group_buy: *group_buy, payable }, session)
        }
        SettleCommand::Approve { what } => {
            let kind = |movement: &Movement| {
                matches!(movement, Movement::Settle { .. } | Movement::PayOut { .. })
            };
            approve::approve_named(what, kind, session)
        }
        SettleCommand::Pay(args) => pay(args, session),
    }
}

fn pay(args: &PayArgs, session: &Session) -> Result<(), Failure> {
    let view = session.group_buy(&args.group_buy)?;
    if view.header.phase != Phase::Settled {
        let phase = names::phase(view.header.phase);
        return Err(Failure::refused(say!(
            "{} is {phase}: its payees are paid once it is settled",
            "{} 的状态为“{phase}”：结算之后才能付款给收款方",
            view.id
        ))
        .help(say!(
            "`tuan settle propose` comes first, then the committee's `tuan settle approve`",
            "请先由物业 tuan settle propose，再由居委会 tuan settle approve"
        )));
    }
    let waiting = session.client.proposals()?;
    let left = |payee: Payee| {
        let waits = proposed(&waiting, &args.group_buy, payee.pay_to());
        balance(&view.accounts, &payee.account()).saturating_sub(waits)
    };
    let mut payees = match &args.to {
        Some(to) => named(to, &view, &session.names()?)?,
        None => Payee::ALL.to_vec(),
    };
    payees.retain(|payee| left(*payee) > Fen::ZERO);
    if payees.len() > 1 && (args.number.is_some() || args.amount.is_some()) {
        let to = args.to.as_deref().unwrap_or_default();
        let parts: Vec<_> = payees.iter().map(|payee| payee.words()[0]).collect();
        let parts = parts.join(word!(", ", "、"));
        return Err(Failure::usage(say!(
            "{to} earns several parts of {}, and --number and --amount are for one",
            "{to} 在 {} 中有几项收入，而 --number 和 --amount 只能用于其中一项",
            view.id
        ))
        .help(say!("name one with --to: {parts}", "请用 --to 指定一项：{parts}")));
    }
    let chain: Vec<AccountView> = session.client.get("/v1/accounts")?;
    let mut custody = Custody {
        balances: mine(&chain, &session.policy()?, session.signer()?.author),
        fixed: args.channel.as_ref().map(|channel| session.channel(channel)).transpose()?,
    };
    let mut payouts = Vec::new();
    for payee in payees {
        let amount = args.amount.unwrap_or_else(|| left(payee));
        let number = args.number.unwrap_or_else(|| payout_number(&view, payee));
        let payout = Payout { channel: custody.take(amount)?, number, amount };
        payouts.push(Movement::PayOut { group_buy: view.id, to: payee.pay_to(), payout });
    }
    if payouts.is_empty() {
        return session.already_done(&say!(
            "nothing is left to propose for payees of {}",
            "{} 的收款方已没有待提议的付款",
            view.id
        ));
    }
    payouts.into_iter().try_for_each(|movement| propose(movement, session))
}

/// The payees that a text names: a part of the price, or everything that a member earns.
fn named(to: &str, view: &OpenGroupBuy, names: &Names) -> Result<Vec<Payee>, Failure> {
    if let Some(payee) = Payee::ALL.into_iter().find(|payee| payee.words().contains(&to)) {
        return Ok(vec![payee]);
    }
    let id = view.id;
    let Some(member) = names.find(to) else {
        let earners: Vec<_> =
            Payee::ALL.into_iter().map(|payee| names.name(payee.member(view))).collect();
        let mut known: Vec<&str> = Payee::ALL.into_iter().flat_map(Payee::words).collect();
        known.extend(earners.iter().map(String::as_str));
        let mut seen = BTreeSet::new();
        known.retain(|name| seen.insert(*name));
        return Err(Failure::usage(say!("{to:?} is no payee of {id}", "{id} 没有收款方“{to}”"))
            .help(did_you_mean(to, &known, say!("the payees are: ", "收款方有："))));
    };
    let earned: Vec<_> =
        Payee::ALL.into_iter().filter(|payee| payee.member(view) == member).collect();
    if earned.is_empty() {
        let payees = Payee::ALL.map(|payee| {
            let (part, name) = (payee.words()[1], names.name(payee.member(view)));
            say!("{part} is {name}", "{part}是 {name}")
        });
        return Err(Failure::refused(say!(
            "{to} earns nothing of {id}",
            "{to} 不是 {id} 的收款方"
        ))
        .help(say!("its {}", "该团的{}", payees.join(word!(", ", "，")))));
    }
    Ok(earned)
}

/// What already waits to be paid to a payee.
fn proposed(waiting: &[ProposalView], id: &GroupBuyId, payee: PayTo) -> Fen {
    let amounts = waiting.iter().filter_map(|view| match &view.movement {
        Movement::PayOut { group_buy, to, payout } if group_buy == id && *to == payee => {
            Some(payout.amount)
        }
        _ => None,
    });
    amounts.fold(Fen::ZERO, Fen::saturating_add)
}

/// A number that is this payout's alone: repeated until it is carried out, then another.
fn payout_number(view: &OpenGroupBuy, to: Payee) -> PaymentNo {
    let account = to.account();
    let debits =
        view.accounts.iter().find(|known| known.account == account).map(|known| known.debits);
    let name = payee(to.pay_to());
    let first = format!("{}.{name}", view.id).parse().ok();
    match (debits.unwrap_or_default(), first) {
        (Fen::ZERO, Some(number)) => number,
        (debits, _) => {
            let debits = debits.get().to_le_bytes();
            made_number("PO", &[view.id.as_bytes(), name.as_bytes(), &debits])
        }
    }
}

/// What this custodian holds in its channels.
fn mine(accounts: &[AccountView], policy: &Policy, author: MemberId) -> Vec<(ChannelId, Fen)> {
    let channels = (0u8..).zip(&policy.channels).filter(|(_, channel)| channel.custodian == author);
    channels.map(|(id, _)| (id, balance(accounts, &AccountId::Custody(id)))).collect()
}

/// Where payouts may come from.
struct Custody {
    balances: Vec<(ChannelId, Fen)>,
    fixed: Option<ChannelId>,
}

impl Custody {
    /// The channel that this amount is paid from.
    fn take(&mut self, amount: Fen) -> Result<ChannelId, Failure> {
        if let Some(channel) = self.fixed {
            return Ok(channel);
        }
        let found = self.balances.iter_mut().find(|(_, held)| *held >= amount);
        let (channel, held) = found.ok_or_else(|| {
            Failure::refused(say!(
                "no channel of yours holds {} yuan",
                "您保管的渠道没有一个够付 {} 元",
                amount.to_yuan()
            ))
            .help(say!(
                "name one with --channel, or move money with `tuan pay transfer`",
                "请用 --channel 指定渠道，或先用 `tuan pay transfer` 转账"
            ))
        })?;
        *held = held.saturating_sub(amount);
        Ok(*channel)
    }
}

/// Runs `tuan refund`.
pub(crate) fn refund(command: &RefundCommand, session: &Session) -> Result<(), Failure> {
    match command {
        RefundCommand::Approve { what } => {
            let kind = |movement: &Movement| matches!(movement, Movement::Refund { .. });
            approve::approve_named(what, kind, session)
        }
        RefundCommand::Pay { group_buy, .. } => {
            let ids = match group_buy {
                Some(id) => vec![*id],
                None => {
                    let list: Vec<GroupBuySummary> = session.client.get("/v1/group-buys")?;
                    list.into_iter().map(|summary| summary.id).collect()
                }
            };
            let (policy, author) = (session.policy()?, session.signer()?.author);
            let waiting = session.client.proposals()?;
            let mut movements = Vec::new();
            for id in ids {
                movements.extend(refunds(&session.group_buy(&id)?, &waiting, &policy, author));
            }
            if movements.is_empty() {
                return session.already_done(&say!(
                    "no refund is left to propose in your channels",
                    "您保管的渠道中没有待提议的退款"
                ));
            }
            movements.into_iter().try_for_each(|movement| propose(movement, session))
        }
    }
}

/// Gives every open refund back along the payments that it came by, as far as they are in this
/// custodian's channels and not proposed yet. One movement has one channel.
fn refunds(
    view: &OpenGroupBuy,
    waiting: &[ProposalView],
    policy: &Policy,
    author: MemberId,
) -> Vec<Movement> {
    let mut proposed: BTreeMap<(HouseholdTag, PaymentNo), Fen> = BTreeMap::new();
    for proposal in waiting {
        if let Movement::Refund { group_buy, items } = &proposal.movement
            && *group_buy == view.id
        {
            for item in items {
                let sum = proposed.entry((item.household, item.payment)).or_default();
                *sum = sum.saturating_add(item.amount);
            }
        }
    }
    let mut owed: BTreeMap<HouseholdTag, (Fen, Fen)> = BTreeMap::new();
    for account in &view.accounts {
        if let AccountId::Refund(tag) = account.account {
            owed.insert(tag, (account.balance, account.debits));
        }
    }
    for ((tag, _), amount) in &proposed {
        if let Some((left, _)) = owed.get_mut(tag) {
            *left = left.saturating_sub(*amount);
        }
    }
    let mine = |id: ChannelId| {
        policy.channels.get(usize::from(id)).is_some_and(|channel| channel.custodian == author)
    };
    let mut by_channel: BTreeMap<ChannelId, Vec<RefundItem>> = BTreeMap::new();
    let confirmed = view.payments.iter().filter(|(_, p)| p.state == PaymentState::Confirmed);
    for (number, payment) in confirmed.filter(|(_, p)| mine(p.record.channel)) {
        for share in &payment.record.shares {
            let Some((left, debits)) = owed.get_mut(&share.household) else { continue };
            let waits = proposed.get(&(share.household, *number)).copied().unwrap_or_default();
            let amount = share.amount.saturating_sub(waits).min(*left);
            if amount == Fen::ZERO {
                continue;
            }
            *left = left.saturating_sub(amount);
            let number_made = made_number(
                "RF",
                &[
                    view.id.as_bytes(),
                    number.as_bytes(),
                    share.household.as_bytes(),
                    // What was given back before tells a second refund of the same payment apart.
                    &debits.saturating_add(waits).get().to_le_bytes(),
                ],
            );
            by_channel.entry(payment.record.channel).or_default().push(RefundItem {
                household: share.household,
                payment: *number,
                amount,
                number: number_made,
            });
        }
    }
    let batches = by_channel.values().flat_map(|items| items.chunks(REFUNDS_MAX));
    batches
        .map(|items| Movement::Refund {
            group_buy: view.id,
            items: List::new(items.to_vec()).unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        genesis::tests::orchard,
        lang::{self, Language},
        testing,
    };
    use ledger_core::{
        crypto::TransactionId,
        fund::{Payment, PaymentRecord, Share},
        types::TimestampMs,
    };

    fn tag(seed: u8) -> HouseholdTag {
        HouseholdTag::new([seed; 16])
    }

    fn paid(number: &str, channel: ChannelId, shares: &[(u8, u64)]) -> (PaymentNo, Payment) {
        let shares = shares
            .iter()
            .map(|(seed, fen)| Share { household: tag(*seed), amount: Fen::new(*fen) });
        let record = PaymentRecord {
            number: number.parse().expect("a number"),
            channel,
            paid_at: TimestampMs::ZERO,
            shares: List::new(shares.collect()).expect("fits"),
        };
        let payment = Payment { entered: record.digest(), record, state: PaymentState::Confirmed };
        (payment.record.number, payment)
    }

    fn view() -> OpenGroupBuy {
        let mut view = testing::group_buy();
        view.payments = vec![
            paid("W1", 0, &[(1, 4_200), (2, 800)]),
            paid("W2", 0, &[(1, 1_000)]),
            paid("C1", 1, &[(2, 500)]),
        ];
        view.accounts = vec![
            testing::credit(AccountId::Refund(tag(1)), 4_500),
            testing::credit(AccountId::Refund(tag(2)), 900),
        ];
        view
    }

    fn items(movements: &[Movement]) -> Vec<(String, u64)> {
        let items = movements.iter().flat_map(|movement| match movement {
            Movement::Refund { items, .. } => items.to_vec(),
            other => panic!("{other:?}"),
        });
        items.map(|item| (item.payment.to_string(), item.amount.get())).collect()
    }

    fn waiting(movement: &Movement) -> ProposalView {
        ProposalView {
            id: TransactionId::default(),
            movement_hash: movement.digest(),
            by: MemberId::ZERO,
            at: TimestampMs::ZERO,
            movement: movement.clone(),
        }
    }

    #[test]
    fn refunds_go_back_the_way_they_came_and_never_more_than_came() {
        let policy = orchard().policy;
        let movements = refunds(&view(), &[], &policy, MemberId::new(0));
        assert_eq!(movements.len(), 1);
        let expected = [("W1", 4_200), ("W1", 800), ("W2", 300)];
        assert_eq!(items(&movements), expected.map(|(n, a)| (n.to_owned(), a)));
        // The committee keeps the cash.
        let cash = refunds(&view(), &[], &policy, MemberId::new(1));
        assert_eq!(items(&cash), [("C1".to_owned(), 500)]);
        assert!(refunds(&view(), &[], &policy, MemberId::new(3)).is_empty());
    }

    #[test]
    fn what_is_proposed_is_not_proposed_again() {
        let policy = orchard().policy;
        let movements = refunds(&view(), &[], &policy, MemberId::new(0));
        let waits: Vec<_> = movements.iter().map(waiting).collect();
        assert!(refunds(&view(), &waits, &policy, MemberId::new(0)).is_empty());
        // More is owed meanwhile: only the rest is proposed, under other numbers.
        let mut more = view();
        more.accounts[0] = testing::credit(AccountId::Refund(tag(1)), 5_000);
        let rest = refunds(&more, &waits, &policy, MemberId::new(0));
        assert_eq!(items(&rest), [("W2".to_owned(), 500)]);
        let number = |movement: &Movement, at: usize| match movement {
            Movement::Refund { items, .. } => items[at].number,
            other => panic!("{other:?}"),
        };
        assert_ne!(number(&rest[0], 0), number(&movements[0], 2));
        // Computed twice, the same: numbers do not depend on chance.
        assert_eq!(movements, refunds(&view(), &[], &policy, MemberId::new(0)));
    }

    #[test]
    fn payees_are_named_by_their_part_or_by_their_name() {
        let names = Names::of_genesis(&orchard());
        let view = testing::group_buy();
        let to = |text: &str| named(text, &view, &names);
        assert_eq!(to("leader"), Ok(vec![Payee::Leader]));
        assert_eq!(to("supplier-a"), Ok(vec![Payee::Supplier]));
        // This leader packs and delivers, too.
        assert_eq!(to("leader-li"), Ok(vec![Payee::Leader, Payee::Delivery, Payee::Packing]));
        let slip = to("suplier-a").expect_err("a slip");
        assert!(slip.to_string().contains("did you mean supplier-a"), "{slip}");
        let stranger = to("committee").expect_err("earns nothing");
        assert!(stranger.to_string().contains("supplier is supplier-a"), "{stranger}");
        assert_eq!(stranger.number(), crate::exit::REFUSED);
        lang::within(Language::Zh, || {
            assert_eq!(to("供应商"), Ok(vec![Payee::Supplier]));
            let nobody = to("菜场").expect_err("unknown").to_string();
            assert!(nobody.contains("提示：收款方有：supplier、供应商、leader、团长"), "{nobody}");
        });
    }

    #[test]
    fn many_refunds_are_split() {
        let mut view = view();
        let shares: Vec<_> = (0..200u8).map(|seed| (seed, 100)).collect();
        view.payments = (0..3).map(|n| paid(&format!("W{n}"), 0, &shares)).collect();
        view.accounts =
            shares.iter().map(|(s, _)| testing::credit(AccountId::Refund(tag(*s)), 300)).collect();
        let movements = refunds(&view, &[], &orchard().policy, MemberId::new(0));
        let sizes: Vec<_> =
            movements.iter().map(|m| items(std::slice::from_ref(m)).len()).collect();
        assert_eq!(sizes, [400, 200]);
    }

    #[test]
    fn payout_numbers_are_readable_at_first_and_never_repeat() {
        let mut view = testing::group_buy();
        assert_eq!(payout_number(&view, Payee::Supplier).as_str(), "veg-0105.supplier");
        let mut account = testing::credit(AccountId::Payable, 500);
        account.debits = Fen::new(100);
        view.accounts.push(account);
        let second = payout_number(&view, Payee::Supplier);
        assert!(second.as_str().starts_with("PO"));
        assert_eq!(second, payout_number(&view, Payee::Supplier));
    }

    #[test]
    fn a_payout_comes_from_a_channel_that_holds_enough() {
        let balances = vec![(0, Fen::new(100)), (2, Fen::new(500))];
        let mut custody = Custody { balances, fixed: None };
        assert_eq!(custody.take(Fen::new(400)), Ok(2));
        assert_eq!(custody.take(Fen::new(100)), Ok(0));
        assert!(custody.take(Fen::new(101)).is_err());
    }
}
