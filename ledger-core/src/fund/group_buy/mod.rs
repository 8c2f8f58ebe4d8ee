//! The records of one group buy. No rule is here.

mod filing;
mod order;
mod payment;
mod seal;
mod stage;
mod store;

pub(crate) use self::store::load_group_buy;
pub use self::{
    filing::{Filing, Minimum, OFFERS_MAX, Offer, OfferIndex, ShortRule, Split},
    order::{Cover, Household, ORDER_LINES_MAX, OfferTally, Order, OrderLine},
    payment::{Payment, PaymentRecord, PaymentState, SHARES_MAX, Share},
    seal::{HouseholdTotals, Seal, seal_leaf},
    stage::{APPROVALS_MAX, HalfSigned, Header, Phase, Purchase, Stage},
};
pub(super) use self::{seal::sum_root, stage::may_lead};

use super::{
    agenda::{Deadline, Due},
    chart::{AccountId, FeePart},
    matter::Matter,
    terms::{Epoch, Terms},
};
use crate::{
    accounting::{Account, AccountName as _},
    merkle::Table,
    types::{Fen, GroupBuyId, HouseholdTag, MemberId, OrderNo, PaymentNo, TimestampMs},
};
use std::sync::Arc;

/// Most lines in one group buy.
pub const GROUP_BUY_LINES_MAX: u32 = 4_000;
/// Most orders or payments that one transaction lists.
pub const BATCH_MAX: usize = 1_000;

/// One group buy with all its records and accounts.
#[derive(Debug, Clone)]
pub struct GroupBuy {
    /// What changes often.
    pub header: Header,
    /// What was filed. Stored once, and committed to by its hash in the header.
    pub filing: Arc<Filing>,
    /// Whether the filing has been handed out to be stored.
    pub(crate) filing_stored: bool,
    /// Orders in order of entry.
    pub orders: Table<OrderNo, Order>,
    /// Households in order of entry.
    pub households: Table<HouseholdTag, Household>,
    /// Payments in order of entry.
    pub payments: Table<PaymentNo, Payment>,
    /// Accounts of this group buy.
    pub accounts: Table<AccountId, Account>,
    /// Quantities by offer.
    pub offers: Table<OfferIndex, OfferTally>,
}

impl GroupBuy {
    /// A group buy that its leader has just filed.
    pub(crate) fn filed(filing: Filing, leader: MemberId, now: TimestampMs, terms: Epoch) -> Self {
        let header = Header {
            filed: Arc::new(Matter::open(filing.digest(), leader, now, terms)),
            stage: Stage::Filed,
            since: now,
            line_count: 0,
            paid: Fen::ZERO,
            held: Fen::ZERO,
            stuck: None,
        };
        Self {
            header,
            filing: Arc::new(filing),
            filing_stored: false,
            orders: Table::default(),
            households: Table::default(),
            payments: Table::default(),
            accounts: Table::default(),
            offers: Table::default(),
        }
    }

    /// The balance of one of its accounts.
    #[must_use]
    pub fn balance(&self, account: &AccountId) -> Fen {
        self.accounts.get(account).map_or(Fen::ZERO, |held| held.balance(account.side()))
    }

    /// What a payee has earned and not been paid.
    #[must_use]
    pub fn fee(&self, part: FeePart) -> Fen {
        self.balance(&AccountId::Fee(part))
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> GroupBuyId {
        self.filing.group_buy
    }
}

impl Due<Terms> for GroupBuy {
    fn due(&self, terms: &Terms) -> Option<Deadline> {
        self.header.due(&self.filing, terms)
    }
}

#[cfg(test)]
impl GroupBuy {
    /// A group buy that has failed, whose books say that it holds so much.
    pub(crate) fn failed_holding(name: &str, at: TimestampMs, held: u64) -> Self {
        use crate::codec::List;
        use crate::types::{BusinessDate, DurationMs, Unit, UnitPrice};
        let price = UnitPrice::new;
        let filing = Filing {
            group_buy: name.parse().expect("a name"),
            business_date: BusinessDate::new(20_260_105),
            supplier: MemberId::ZERO,
            delivery: MemberId::ZERO,
            packing: MemberId::ZERO,
            property: MemberId::ZERO,
            offers: List::new(vec![Offer {
                item: "apples".parse().expect("a name"),
                unit: Unit::Piece,
                price: price(100),
                quote: price(100),
                split: Split {
                    goods: price(100),
                    leader: price(0),
                    property: price(0),
                    delivery: price(0),
                    packing: price(0),
                },
                stock: None,
                cap: None,
            }])
            .expect("one offer"),
            cut_off: at,
            confirm_by: at,
            deliver_by: at,
            minimum: Minimum::default(),
            after_sale_window: DurationMs::new(1),
            retention_basis_points: 0,
            short_rule: ShortRule::Proportional,
            relation_declared: false,
        };
        let mut group_buy = Self::filed(filing, MemberId::new(1), at, 0);
        group_buy.header.stage = Stage::Failed;
        group_buy.header.held = Fen::new(held);
        group_buy
    }
}
