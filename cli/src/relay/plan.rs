//! What a list changes in the ledger: orders that are new, that change, that are withdrawn.
//!
//! Each household has one order of a list. Its number comes from the household's pseudonym in the group buy,
//! so a list that is pasted again finds it, and it tells no more than the pseudonym beside it does.

use super::{
    lines::Lines,
    reading::{ReadEntry, Reading, Understood},
};
use crate::directory::Tags;
use ledger_core::{
    api::OpenGroupBuy,
    codec::List,
    fund::{LineRequest, Order, OrderRequest},
    types::{HouseholdTag, OrderNo, Quantity},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Hexadecimal digits of an order number: 56 bits, so that two of 4,000 households do not meet.
const ORDER_DIGITS: usize = 14;

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    New,
    Changed,
    /// The list says that it is withdrawn.
    Withdrawn,
    Unchanged,
    /// The list does not mention its household any more.
    Missing,
}

/// An order before and after the list.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) household: String,
    pub(super) order: OrderNo,
    pub(super) kind: Kind,
    pub(super) before: Lines,
    pub(super) after: Lines,
    /// Rows of the list.
    pub(super) rows: Vec<u64>,
    /// What to send, unless nothing changes.
    pub(super) request: Option<OrderRequest>,
}

/// What a list changes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    /// Orders of this list whose households it does not mention any more.
    pub(super) missing: Vec<Change>,
    /// Other orders of households in the list.
    pub(super) elsewhere: Vec<(String, OrderNo)>,
    /// Entries of whom nobody knows whose they are.
    pub(super) unplaced: usize,
    /// Lines that were read as no entry and may be one.
    pub(super) unread: Vec<u64>,
}

/// The number of a household's order of a list.
pub(super) fn order_no(tag: &HouseholdTag, list: &str) -> Option<OrderNo> {
    let mut hasher = Sha256::new();
    hasher.update(b"tuan relay order\0");
    hasher.update(tag.as_bytes());
    hasher.update(list.as_bytes());
    let digits = hex::encode(hasher.finalize());
    format!("R-{}", digits.get(..ORDER_DIGITS)?).parse().ok()
}

/// Compares a list that was read with the orders that stand.
pub(super) fn plan(reading: &Reading, view: &OpenGroupBuy, tags: &Tags, list: &str) -> Plan {
    let known: BTreeMap<OrderNo, &Order> =
        view.orders.iter().map(|(no, order)| (*no, order)).collect();
    let mut plan = Plan::default();
    for (number, wanted) in &reading.households {
        let Ok(tag) = tags.tag(number) else { continue };
        let Some(order) = order_no(&tag, list) else { continue };
        let others = view.orders.iter().filter(|(no, other)| {
            *no != order && other.household == tag && !other.lines.is_empty()
        });
        plan.elsewhere.extend(others.map(|(no, _)| (number.clone(), *no)));
        let standing = known.get(&order).copied();
        if wanted.open || (standing.is_none() && wanted.lines.is_empty()) {
            continue;
        }
        plan.changes.extend(change(number, tag, order, standing, &wanted.lines, &wanted.rows));
    }
    let placed = |entry: &&ReadEntry| {
        matches!(entry.result, Understood::Asked(_)) && entry.household.is_none()
    };
    plan.unplaced = reading.entries.iter().filter(placed).count() + reading.too_many;
    plan.unread.clone_from(&reading.perhaps_orders);
    // An empty list is a mistake, not fifty withdrawals; and somebody unknown may be anybody.
    if plan.unplaced > 0 || !plan.unread.is_empty() || reading.households.is_empty() {
        return plan;
    }
    for number in tags.numbers().filter(|number| !reading.households.contains_key(*number)) {
        let Ok(tag) = tags.tag(number) else { continue };
        let Some(order) = order_no(&tag, list) else { continue };
        let Some(standing) = known.get(&order).filter(|order| !order.lines.is_empty()) else {
            continue;
        };
        if let Some(change) = change(number, tag, order, Some(standing), &Lines::new(), &[]) {
            plan.missing.push(Change { kind: Kind::Missing, ..change });
        }
    }
    plan
}

fn change(
    number: &str,
    tag: HouseholdTag,
    order: OrderNo,
    standing: Option<&Order>,
    after: &Lines,
    rows: &[u64],
) -> Option<Change> {
    let mut before = Lines::new();
    for line in standing.iter().flat_map(|order| &order.lines) {
        let quantity = before.entry(line.offer).or_default();
        *quantity += u64::from(line.quantity.get());
    }
    let kind = match standing {
        _ if standing.is_some() && before == *after => Kind::Unchanged,
        Some(_) if after.is_empty() => Kind::Withdrawn,
        Some(_) => Kind::Changed,
        None => Kind::New,
    };
    let lines = after.iter().map(|(offer, quantity)| {
        let quantity = u32::try_from(*quantity).ok()?;
        Some(LineRequest { offer: *offer, quantity: Quantity::new(quantity) })
    });
    let lines = List::new(lines.collect::<Option<Vec<_>>>()?).ok()?;
    let request = OrderRequest {
        order,
        household: tag,
        delivery_code: standing.and_then(|order| order.delivery_code),
        replaces: standing.map(|order| order.version),
        lines,
    };
    let request = (kind != Kind::Unchanged).then_some(request);
    Some(Change {
        household: number.to_owned(),
        order,
        kind,
        before,
        after: after.clone(),
        rows: rows.to_vec(),
        request,
    })
}
