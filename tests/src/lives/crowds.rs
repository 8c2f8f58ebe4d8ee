//! Lives that are full: what the bounds of G2 and G6 refuse, which no life of some hundred acts comes to.

use super::{
    cast::{Cast, DAY, FOUNDED, HOUR, household},
    list,
    step::{Faith, Form, Step},
};
use ledger_core::{
    crypto::Digest,
    fund::{
        Action, Confirmation, Filing, FilingDecision, LineRequest, Minimum, Movement, Offer,
        OrderRequest, PaymentRecord, Receipt, Share, ShortRule, Split,
    },
    types::{
        BusinessDate, DurationMs, Fen, GroupBuyId, MemberId, PaymentNo, Quantity, TimestampMs,
        Unit, UnitPrice,
    },
};

const PROPERTY: MemberId = MemberId::new(0);
const COMMITTEE: MemberId = MemberId::new(1);
const FARM: MemberId = MemberId::new(2);
const LEADER: MemberId = MemberId::new(5);
const SECOND_PROPERTY: MemberId = MemberId::new(7);
const SECOND_COMMITTEE: MemberId = MemberId::new(8);
const OTHER_LEADER: MemberId = MemberId::new(9);
/// The bank, which the second property company keeps.
const BANK: u8 = 3;

/// A life written by hand, and who is there.
#[derive(Debug)]
pub struct Crowd {
    /// Who is there.
    pub cast: Cast,
    /// What they do.
    pub steps: Vec<Step>,
}

impl Crowd {
    fn new() -> Self {
        Self { cast: Cast::usual(), steps: Vec::new() }
    }

    fn say(&mut self, author: MemberId, action: Action) {
        let id = u32::try_from(self.steps.len()).expect("not so many");
        let (faith, form) = (Faith::Good, Form::Proper);
        self.steps.push(Step { id, after_ms: 1, author, action, faith, of: None, form });
    }

    fn propose(&mut self, author: MemberId, movement: Movement) {
        self.say(author, Action::Propose(movement));
    }

    fn file(&mut self, name: &str, change: impl Fn(&mut Offer)) -> GroupBuyId {
        let group_buy = name.parse().expect("a code");
        let mut filing = filing(group_buy);
        let mut offer = filing.offers[0].clone();
        change(&mut offer);
        filing.offers = list(vec![offer]);
        self.say(LEADER, Action::File(filing));
        group_buy
    }

    fn open(&mut self, name: &str) -> GroupBuyId {
        self.open_with(name, |_| {})
    }

    fn open_with(&mut self, name: &str, change: impl Fn(&mut Offer)) -> GroupBuyId {
        let group_buy = self.file(name, change);
        for (author, decision) in [
            (PROPERTY, FilingDecision::Approve),
            (COMMITTEE, FilingDecision::Approve),
            (FARM, FilingDecision::Accept),
        ] {
            let filing = Digest::default();
            self.say(author, Action::DecideFiling { group_buy, filing, decision });
        }
        group_buy
    }

    /// An order that the books cannot say, and orders that no money can pay, which are dropped.
    #[must_use]
    pub fn of_money() -> Self {
        let mut crowd = Self::new();
        let group_buy = crowd.open_with("dear", |offer| {
            offer.price = UnitPrice::new(u32::MAX);
            offer.quote = offer.price;
            offer.split = Split { goods: offer.price, ..Split::default() };
        });
        let dear = LineRequest { offer: 0, quantity: Quantity::new(u32::MAX) };
        let enter = |crowd: &mut Self, number: u8, replaces, lines: usize| {
            let order = OrderRequest {
                order: format!("order-{number}").parse().expect("a code"),
                household: household(1),
                delivery_code: None,
                replaces,
                lines: list(vec![dear; lines]),
            };
            let (filing, orders) = (Digest::default(), list(vec![order]));
            crowd.say(LEADER, Action::Order { group_buy, filing, orders });
        };
        for (number, replaces, lines) in [
            (0, None, 2),
            (1, None, 1),
            (3, None, 1),
            (4, None, 1),
            (3, Some(1), 2),
            (3, Some(1), 0),
            (3, Some(2), 1),
        ] {
            enter(&mut crowd, number, replaces, lines);
        }
        crowd.record(group_buy, 0..1);
        let confirmation = Confirmation {
            number: "in-0".parse().expect("a code"),
            record: Digest::default(),
            amount: Fen::new(100),
        };
        let confirmations = list(vec![confirmation]);
        crowd.say(PROPERTY, Action::ConfirmPayments { group_buy, confirmations });
        // What was paid is needed as long as one of them stands.
        for (number, replaces) in [(1, 1), (3, 3), (4, 1)] {
            enter(&mut crowd, number, Some(replaces), 0);
        }
        enter(&mut crowd, 5, None, 1);
        crowd.steps.push(Step { id: 99, after_ms: 2 * DAY, ..crowd.steps[0].clone() });
        crowd
    }

    /// G6: as many group buys as may be open, and one more.
    #[must_use]
    pub fn of_group_buys() -> Self {
        let mut crowd = Self::new();
        for number in 0..=1_000 {
            crowd.file(&format!("buy-{number}"), |_| {});
        }
        crowd
    }

    /// G6: a group buy full of lines, in which a withdrawn order keeps one; and full of payments.
    #[must_use]
    pub fn of_lines_and_payments() -> Self {
        let mut crowd = Self::new();
        let group_buy = crowd.open("full");
        let order = |number: usize, replaces, lines: usize| {
            let line = LineRequest { offer: 0, quantity: Quantity::new(1) };
            OrderRequest {
                order: format!("order-{number}").parse().expect("a code"),
                household: household(u8::try_from(number % 200).expect("below 200")),
                delivery_code: None,
                replaces,
                lines: list(vec![line; lines]),
            }
        };
        let mut enter = |orders: Vec<OrderRequest>| {
            let (filing, orders) = (Digest::default(), list(orders));
            crowd.say(LEADER, Action::Order { group_buy, filing, orders });
        };
        enter((0..1_000).map(|number| order(number, None, 4)).collect());
        enter(vec![order(1_000, None, 1)]);
        // Of the four lines of a withdrawn order three are free again.
        enter(vec![order(7, Some(1), 0)]);
        enter(vec![order(1_000, None, 4)]);
        enter(vec![order(1_000, None, 3)]);
        enter(vec![order(8, Some(1), 5)]);
        for batch in 0..4 {
            let numbers = batch * 1_000..(batch + 1) * 1_000;
            crowd.record(group_buy, numbers);
        }
        crowd.record(group_buy, 4_000..4_001);
        crowd
    }

    fn record(&mut self, group_buy: GroupBuyId, numbers: std::ops::Range<usize>) {
        let records = numbers.map(|number| PaymentRecord {
            number: format!("in-{number}").parse().expect("a code"),
            channel: 0,
            paid_at: FOUNDED,
            shares: list(vec![Share { household: household(1), amount: Fen::new(100) }]),
        });
        let payments = list(records.collect());
        self.say(LEADER, Action::RecordPayments { group_buy, payments });
    }

    /// G2: as many proposals as a leader may have waiting, then as many as an organisation may, then as many
    /// as may wait in all; and each time one more.
    #[must_use]
    pub fn of_proposals() -> Self {
        let mut crowd = Self::new();
        let group_buy = crowd.open("open");
        let line = LineRequest { offer: 0, quantity: Quantity::new(1) };
        let orders = list(vec![OrderRequest {
            order: "order-1".parse().expect("a code"),
            household: household(1),
            delivery_code: None,
            replaces: None,
            lines: list(vec![line]),
        }]);
        crowd.say(LEADER, Action::Order { group_buy, filing: Digest::default(), orders });
        let payment: PaymentNo = "found".parse().expect("a code");
        let receipt = |channel, number| Receipt {
            channel,
            number,
            amount: Fen::new(2_100),
            received_at: FOUNDED,
        };
        crowd.say(PROPERTY, Action::ReceiveUnidentified(receipt(0, payment)));
        let share = Share { household: household(1), amount: Fen::new(2_100) };
        let identify = Movement::Identify { payment, group_buy, shares: list(vec![share]) };
        for _ in 0..=256 {
            crowd.propose(LEADER, identify.clone());
        }
        let given: PaymentNo = "given".parse().expect("a code");
        let purpose = "lifts".parse().expect("a code");
        let give = |channel| Movement::GiveReserve { purpose, receipt: receipt(channel, given) };
        for _ in 0..=1_024 {
            crowd.propose(PROPERTY, give(0));
        }
        for (author, movement, count) in [
            (COMMITTEE, give(2), 1_024),
            (SECOND_PROPERTY, give(BANK), 1_024),
            (SECOND_COMMITTEE, Movement::Cancel { group_buy }, 1_024 - 256),
        ] {
            for _ in 0..count {
                crowd.propose(author, movement.clone());
            }
        }
        // They are full now, for whoever has none yet as well.
        crowd.propose(SECOND_COMMITTEE, Movement::Cancel { group_buy });
        let own = crowd.other_leader_s_purchase();
        crowd.propose(OTHER_LEADER, own);
        crowd
    }

    /// Opens a group buy of another leader, who would like to have a payment identified.
    fn other_leader_s_purchase(&mut self) -> Movement {
        let group_buy = self.open("another");
        let position = self.steps.len() - 4;
        self.steps[position].author = OTHER_LEADER;
        let payment = "found".parse().expect("a code");
        Movement::Identify { payment, group_buy, shares: list(Vec::new()) }
    }
}

fn filing(group_buy: GroupBuyId) -> Filing {
    let after = |ms| TimestampMs::new(FOUNDED.get()).after(DurationMs::new(ms));
    let price = UnitPrice::new;
    let offer = Offer {
        item: "tangerines-box".parse().expect("a code"),
        unit: Unit::Piece,
        price: price(2_100),
        quote: price(1_800),
        split: Split {
            goods: price(1_800),
            leader: price(100),
            property: price(50),
            delivery: price(150),
            packing: price(0),
        },
        stock: None,
        cap: None,
    };
    Filing {
        group_buy,
        business_date: BusinessDate::new(20_260_301),
        supplier: FARM,
        delivery: FARM,
        packing: FARM,
        property: PROPERTY,
        offers: list(vec![offer]),
        cut_off: after(DAY),
        confirm_by: after(DAY + HOUR),
        deliver_by: after(2 * DAY),
        minimum: Minimum::default(),
        after_sale_window: DurationMs::new(DAY),
        retention_basis_points: 1_000,
        short_rule: ShortRule::Proportional,
        relation_declared: false,
    }
}
