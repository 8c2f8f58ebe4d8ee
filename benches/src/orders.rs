//! The work: leaders enter orders into group buys of their own.
//!
//! Transactions are new orders or batches of new orders, so that nothing depends on the order in which
//! they are decided and each of them grows the books; or, where a chain shall become long and its books
//! shall not grow, changes of the same orders over and over. What a transaction says follows from the
//! founding document and its number alone, so that transactions can be signed on all cores and a later
//! program can go on where an earlier one ended.

use crate::community::{COMMITTEE, PROPERTY, SUPPLIER, leaders, secret_key};
use anyhow::{Result, ensure};
use genesis::Genesis;
use ledger_core::{
    codec::List,
    crypto::{ChainId, Digest, KeyPurpose, SecretKey},
    fund::{
        Action, Filing, FilingDecision, GROUP_BUY_LINES_MAX, LineRequest, Minimum, Offer,
        OrderRequest, ShortRule, Split,
    },
    transaction::{ReceivedTransaction, TRANSACTION_VERSION, Transaction},
    types::{
        BusinessDate, DurationMs, Fen, GroupBuyId, HouseholdTag, MemberId, Quantity, TimestampMs,
        Unit, UnitPrice,
    },
};

/// Group buys that a chain keeps open at once (FUND-RULES), which bounds what can be ordered.
const GROUP_BUYS_MAX: usize = 1_000;
const HOUR_MS: u64 = 3_600_000;

/// Orders that [`Mix::CHANGES`] changes. More than are ever on their way at once, or a change could come
/// before the one that it builds on.
pub const CHANGED_ORDERS: usize = 8_000;

/// The shape of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Orders in a transaction.
    pub orders: usize,
    /// Lines of an order.
    pub lines: usize,
    /// After so many transactions the next ones change what the first ones ordered.
    pub repeats_after: Option<usize>,
}

impl Mix {
    /// One order with one line.
    pub const SINGLE: Self = Self { orders: 1, lines: 1, repeats_after: None };
    /// What a leader imports at once: 1,000 lines, two to an order, as in the sample week.
    pub const BATCH: Self = Self { orders: 500, lines: 2, repeats_after: None };
    /// Like [`Self::SINGLE`], but only so many orders are ever entered.
    pub const CHANGES: Self = Self { orders: 1, lines: 1, repeats_after: Some(CHANGED_ORDERS) };

    /// Order lines in a transaction.
    #[must_use]
    pub const fn order_lines(self) -> usize {
        self.orders * self.lines
    }

    const fn transactions_of_group_buy(self) -> usize {
        GROUP_BUY_LINES_MAX as usize / self.order_lines()
    }
}

/// A group buy of the plan.
#[derive(Debug, Clone)]
struct GroupBuyPlan {
    filing: Filing,
    digest: Digest,
}

/// Who orders what: group buys of each leader, filled one after the other.
#[derive(Debug)]
pub struct Plan {
    chain: ChainId,
    leaders: Vec<MemberId>,
    /// Keys of all members: to derive one takes as long as to sign.
    keys: Vec<SecretKey>,
    mix: Mix,
    /// Round by round: the first group buy of each leader, then the second of each.
    group_buys: Vec<GroupBuyPlan>,
}

impl Plan {
    /// Most transactions that a chain with these leaders can take.
    #[must_use]
    pub fn capacity(genesis: &Genesis, mix: Mix) -> usize {
        if mix.repeats_after.is_some() {
            return usize::MAX;
        }
        let leaders = leaders(genesis).len().max(1);
        leaders * (GROUP_BUYS_MAX / leaders) * mix.transactions_of_group_buy()
    }

    /// Plans group buys for `transactions` transactions; orders are taken for a day after the founding.
    ///
    /// # Errors
    /// More transactions than the group buys that may be open at once can take.
    pub fn new(genesis: &Genesis, mix: Mix, transactions: usize) -> Result<Self> {
        let capacity = Self::capacity(genesis, mix);
        ensure!(
            transactions <= capacity,
            "{transactions} transactions are more than the {capacity} that {GROUP_BUYS_MAX} open \
             group buys of {GROUP_BUY_LINES_MAX} lines can take; make rate or duration smaller"
        );
        let leaders = leaders(genesis);
        let of_round = leaders.len() * mix.transactions_of_group_buy();
        let places = mix.repeats_after.unwrap_or(transactions).min(transactions);
        let rounds = places.div_ceil(of_round).max(1);
        let group_buys = (0..rounds * leaders.len()).map(|number| {
            let filing = filing(number, leaders[number % leaders.len()], genesis.created)?;
            Ok(GroupBuyPlan { digest: filing.digest(), filing })
        });
        let group_buys = group_buys.collect::<Result<_>>()?;
        let keys =
            (0..genesis.members.len()).map(|it| secret_key(KeyPurpose::Member, it)).collect();
        Ok(Self { chain: genesis.chain, leaders, keys, mix, group_buys })
    }

    /// The shape of a transaction.
    #[must_use]
    pub fn mix(&self) -> Mix {
        self.mix
    }

    /// Names of all group buys.
    pub fn group_buys(&self) -> impl Iterator<Item = GroupBuyId> + '_ {
        self.group_buys.iter().map(|plan| plan.filing.group_buy)
    }

    /// What opens the group buys: filings first, and once these are decided, approvals.
    #[must_use]
    pub fn opening(
        &self,
        expires: TimestampMs,
    ) -> (Vec<ReceivedTransaction>, Vec<ReceivedTransaction>) {
        let mut filings = Vec::with_capacity(self.group_buys.len());
        let mut decisions = Vec::with_capacity(3 * self.group_buys.len());
        for (number, plan) in self.group_buys.iter().enumerate() {
            let leader = self.leaders[number % self.leaders.len()];
            filings.push(self.sign(leader, number, expires, Action::File(plan.filing.clone())));
            for (member, decision) in [
                (PROPERTY, FilingDecision::Approve),
                (COMMITTEE, FilingDecision::Approve),
                (SUPPLIER, FilingDecision::Accept),
            ] {
                let group_buy = plan.filing.group_buy;
                let action = Action::DecideFiling { group_buy, filing: plan.digest, decision };
                decisions.push(self.sign(member, number, expires, action));
            }
        }
        (filings, decisions)
    }

    /// The transaction of a number, signed.
    ///
    /// # Panics
    /// If the number is not below that for which the plan was made.
    #[must_use]
    pub fn transaction(&self, number: usize, expires: TimestampMs) -> ReceivedTransaction {
        let of_round = self.mix.transactions_of_group_buy();
        let repeats_after = self.mix.repeats_after.unwrap_or(usize::MAX);
        let (version, place) = (number / repeats_after, number % repeats_after);
        let (turn, leader) = (place / self.leaders.len(), place % self.leaders.len());
        let plan = &self.group_buys[turn / of_round * self.leaders.len() + leader];
        let orders = (0..self.mix.orders).map(|i| self.order(place * self.mix.orders + i, version));
        let action = Action::Order {
            group_buy: plan.filing.group_buy,
            filing: plan.digest,
            orders: List::new(orders.collect()).expect("a mix keeps to the bounds"),
        };
        self.sign(self.leaders[leader], number, expires, action)
    }

    fn order(&self, number: usize, version: usize) -> OrderRequest {
        let mut tag = [0x5a; 16];
        tag[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let mut code = [0xc0; 32];
        code[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let line = |i: usize| LineRequest {
            offer: u16::try_from(i % OFFERS).unwrap_or_default(),
            quantity: Quantity::new(
                1 + u32::try_from((number + version + i) % 9).unwrap_or_default(),
            ),
        };
        OrderRequest {
            order: format!("{number:x}").parse().expect("hexadecimal digits"),
            household: HouseholdTag::new(tag),
            delivery_code: Some(Digest::new(code)),
            replaces: u32::try_from(version).ok().filter(|version| *version > 0),
            lines: List::new((0..self.mix.lines).map(line).collect())
                .expect("a mix keeps to the bounds"),
        }
    }

    fn sign(
        &self,
        author: MemberId,
        number: usize,
        expires: TimestampMs,
        action: Action,
    ) -> ReceivedTransaction {
        let transaction = Transaction {
            version: TRANSACTION_VERSION,
            chain: self.chain,
            author,
            expires,
            nonce: number as u64,
            action,
        };
        transaction.sign(&self.keys[usize::from(author.get())])
    }
}

/// Goods in a filing.
const OFFERS: usize = 8;

fn filing(number: usize, leader: MemberId, founded: TimestampMs) -> Result<Filing> {
    let price = UnitPrice::new;
    let split = Split {
        goods: price(1_800),
        leader: price(100),
        property: price(50),
        delivery: price(150),
        packing: price(0),
    };
    let offer = |i: usize| -> Result<Offer> {
        Ok(Offer {
            item: format!("box-{i}").parse()?,
            unit: Unit::Piece,
            price: price(2_100),
            quote: price(1_800),
            split,
            stock: None,
            cap: None,
        })
    };
    let after = |hours: u64| founded.after(DurationMs::new(hours * HOUR_MS));
    let offers: Vec<Offer> = (0..OFFERS).map(offer).collect::<Result<_>>()?;
    Ok(Filing {
        group_buy: format!("g{number}").parse()?,
        business_date: BusinessDate::new(20_260_105),
        supplier: SUPPLIER,
        delivery: leader,
        packing: leader,
        property: PROPERTY,
        offers: List::new(offers).unwrap_or_default(),
        cut_off: after(24),
        confirm_by: after(25),
        deliver_by: after(26),
        minimum: Minimum { households: 0, amount: Fen::ZERO },
        after_sale_window: DurationMs::new(HOUR_MS),
        retention_basis_points: 1_000,
        short_rule: ShortRule::Proportional,
        relation_declared: false,
    })
}
