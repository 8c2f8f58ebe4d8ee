//! Filings by chance.

use super::{
    cast::{Cast, DAY, FARM, HOUR, MINUTE},
    list,
};
use crate::rng::Rng;
use ledger_core::{
    fund::{Filing, Minimum, Offer, Role, ShortRule, Split},
    types::{BusinessDate, DurationMs, Fen, GroupBuyId, MemberId, TimestampMs, Unit, UnitPrice},
};

/// Most offers in a filing here.
const OFFERS_MAX: u64 = 4;
/// More than any number of units that a household asks for.
const PLENTY: u64 = 40;

fn one_of(rng: &mut Rng, members: &[MemberId]) -> MemberId {
    members[rng.index(members.len())]
}

fn price(rng: &mut Rng, low: u64, high: u64) -> UnitPrice {
    UnitPrice::new(u32::try_from(rng.between(low, high)).expect("a small price"))
}

fn offer(rng: &mut Rng, position: u64) -> Offer {
    let unit = if rng.chance(500) { Unit::Weight } else { Unit::Piece };
    // Now and then the price is so small that a small quantity costs nothing.
    let high = if rng.chance(100) { 3 } else { 2_500 };
    let goods = price(rng, 1, high);
    let dear = rng.chance(100);
    let mut fee = |most: u64| {
        if dear || rng.chance(200) { UnitPrice::new(0) } else { price(rng, 0, most) }
    };
    let split =
        Split { goods, leader: fee(150), property: fee(60), delivery: fee(160), packing: fee(30) };
    let fees = [split.leader, split.property, split.delivery, split.packing];
    let whole = goods.get() + fees.iter().map(|fee| fee.get()).sum::<u32>();
    // The quote may lie above the price, which then is all for the goods.
    let above = if dear { 7 } else { 0 };
    let small = if unit == Unit::Weight { 1_000 } else { 1 };
    Offer {
        item: format!("item-{position}").parse().expect("a code"),
        unit,
        price: UnitPrice::new(whole),
        quote: UnitPrice::new(goods.get() + above),
        split,
        stock: rng.chance(300).then(|| rng.between(1, PLENTY) * small),
        cap: rng.chance(200).then(|| rng.between(1, PLENTY / 4) * small),
    }
}

/// A filing as a leader would make it now.
pub(super) fn filing(
    rng: &mut Rng,
    cast: &Cast,
    leader: MemberId,
    id: GroupBuyId,
    now: TimestampMs,
) -> Filing {
    let suppliers = cast.with_role(Role::Supplier);
    let everybody: Vec<MemberId> =
        (0..cast.members.len()).map(|n| MemberId::new(u16::try_from(n).expect("few"))).collect();
    let supplier = one_of(rng, &suppliers);
    let payee = |rng: &mut Rng| {
        if rng.chance(500) { one_of(rng, &everybody) } else { supplier }
    };
    let cut_off = now.after(DurationMs::new(rng.between(10 * MINUTE, 2 * DAY)));
    let later = rng.between(0, 6 * HOUR);
    let confirm_by = cut_off.after(DurationMs::new(if rng.chance(200) { 0 } else { later }));
    let deliver_by = confirm_by.after(DurationMs::new(rng.between(1, 2 * DAY)));
    let offers = rng.between(1, OFFERS_MAX);
    let minimum = if rng.chance(700) {
        Minimum::default()
    } else {
        Minimum {
            households: u32::try_from(rng.below(4)).expect("few"),
            amount: Fen::new(rng.below(10_000)),
        }
    };
    Filing {
        group_buy: id,
        business_date: BusinessDate::new(20_260_301),
        supplier,
        delivery: payee(rng),
        packing: payee(rng),
        property: one_of(rng, &cast.with_role(Role::Property)),
        offers: list((0..offers).map(|position| offer(rng, position)).collect()),
        cut_off,
        confirm_by,
        deliver_by,
        minimum,
        after_sale_window: DurationMs::new(rng.below(DAY)),
        retention_basis_points: [0, 1_000, 333, 10_000][rng.index(4)],
        short_rule: ShortRule::Proportional,
        relation_declared: supplier == FARM || leader.get() == 9 || rng.chance(100),
    }
}
