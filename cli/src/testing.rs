//! What several modules' tests start from.

use ledger_core::{
    api::{AccountView, GroupBuyHeader, OpenGroupBuy},
    codec::List,
    crypto::Digest,
    fund::{
        AccountId, Cover, Filing, Minimum, Offer, Order, OrderLine, OrderRequest, Phase, ShortRule,
        Split,
    },
    types::{BusinessDate, DurationMs, Fen, MemberId, Quantity, TimestampMs, Unit, UnitPrice},
};

fn offer(item: &str, unit: Unit, goods: u32, leader: u32, property: u32) -> Offer {
    let split = Split {
        goods: UnitPrice::new(goods),
        leader: UnitPrice::new(leader),
        property: UnitPrice::new(property),
        ..Split::default()
    };
    Offer {
        item: item.parse().expect("an item"),
        unit,
        price: UnitPrice::new(goods + leader + property),
        quote: UnitPrice::new(goods),
        split,
        stock: None,
        cap: None,
    }
}

/// An open group buy: cabbage at 3.98 the kilogram, eggs at 12.00, apples at 9.90 and 8.80.
pub(crate) fn group_buy() -> OpenGroupBuy {
    let offers = vec![
        offer("cabbage", Unit::Weight, 350, 30, 18),
        offer("egg", Unit::Piece, 1_000, 100, 100),
        offer("apple", Unit::Weight, 900, 50, 40),
        offer("apple", Unit::Weight, 800, 50, 30),
    ];
    let filing = Filing {
        group_buy: "veg-0105".parse().expect("an id"),
        business_date: BusinessDate::new(20_260_105),
        supplier: MemberId::new(2),
        delivery: MemberId::new(4),
        packing: MemberId::new(4),
        property: MemberId::new(0),
        offers: List::new(offers).expect("four fit"),
        cut_off: TimestampMs::new(1_767_600_000_000),
        confirm_by: TimestampMs::new(1_767_603_600_000),
        deliver_by: TimestampMs::new(1_767_690_000_000),
        minimum: Minimum { households: 1, amount: Fen::ZERO },
        after_sale_window: DurationMs::new(86_400_000),
        retention_basis_points: 1_000,
        short_rule: ShortRule::Proportional,
        relation_declared: false,
    };
    let header = GroupBuyHeader {
        leader: MemberId::new(4),
        filing: filing.digest(),
        phase: Phase::Open,
        since: TimestampMs::ZERO,
        approvals: Vec::new(),
        accepted: true,
        line_count: 0,
        paid: Fen::ZERO,
        purchase_total: Fen::ZERO,
        purchase_order: Digest::default(),
        note: None,
        deliveries_left: 0,
        last_delivery: TimestampMs::ZERO,
        held: Fen::ZERO,
        stuck: None,
    };
    OpenGroupBuy {
        id: filing.group_buy,
        header,
        filing,
        orders: Vec::new(),
        households: Vec::new(),
        payments: Vec::new(),
        accounts: Vec::new(),
        offers: Vec::new(),
    }
}

/// The order that a request makes.
pub(crate) fn order_of(request: &OrderRequest) -> Order {
    let lines = request.lines.iter().map(|line| OrderLine {
        offer: line.offer,
        quantity: line.quantity,
        allocated: Quantity::ZERO,
    });
    Order {
        household: request.household,
        version: 1,
        delivery_code: request.delivery_code,
        lines: List::new(lines.collect()).expect("as many as before"),
        cover: Cover::Open,
    }
}

/// An account that was only credited.
pub(crate) fn credit(account: AccountId, amount: u64) -> AccountView {
    let amount = Fen::new(amount);
    AccountView {
        account,
        text: account.to_string(),
        debits: Fen::ZERO,
        credits: amount,
        balance: amount,
    }
}

/// What a node says, as one that lies could say it: each number at the ends of what numbers there are, one at a
/// time and all at once.
pub(crate) fn lies<T: serde::Serialize + serde::de::DeserializeOwned>(truth: &T) -> Vec<T> {
    use serde_json::{Value, json};
    /// Replaces the number with this position, or every one; returns how many there are.
    fn replace(value: &mut Value, at: Option<usize>, lie: &Value, count: usize) -> usize {
        match value {
            Value::Number(_) => {
                if at.is_none_or(|at| at == count) {
                    *value = lie.clone();
                }
                count + 1
            }
            Value::Array(items) => {
                items.iter_mut().fold(count, |count, item| replace(item, at, lie, count))
            }
            Value::Object(fields) => {
                fields.values_mut().fold(count, |count, field| replace(field, at, lie, count))
            }
            Value::Null | Value::Bool(_) | Value::String(_) => count,
        }
    }
    let edges = [
        json!(0),
        json!(1),
        json!(u16::MAX),
        json!(i32::MAX),
        json!(u32::MAX),
        json!(1_u64 << 53),
        json!(i64::MAX),
        json!(u64::MAX - 1),
        json!(u64::MAX),
        json!(-1),
        json!(i64::MIN),
    ];
    let truth = serde_json::to_value(truth).expect("is JSON");
    let mut lies = Vec::new();
    for lie in &edges {
        let count = replace(&mut truth.clone(), None, lie, 0);
        for at in (0..count).map(Some).chain([None]) {
            let mut changed = truth.clone();
            replace(&mut changed, at, lie, 0);
            // What does not fit is refused before anybody computes with it.
            lies.extend(serde_json::from_value(changed));
        }
    }
    assert!(lies.len() > edges.len(), "nothing fits");
    lies
}
