//! `tuan goods`: purchase order, what arrived, who has it.

use crate::{
    directory::{self, Tags},
    exit::Failure,
    input,
    lang::{say, word},
    names,
    offer::{find_offer, yuan},
    order::{self, delivery_code},
    output,
    pay::propose,
    session::{Outcome, Session},
    table_file::{self, Row},
};
use clap::{Args, Subcommand};
use ledger_core::{
    api::OpenGroupBuy,
    codec::{List, encode},
    crypto::{Digest, Domain},
    fund::{Action, BATCH_MAX, Cover, GoodsNote, Movement, OfferIndex, Phase},
    types::{Fen, GroupBuyId, HouseholdTag, ItemCode, Quantity, Unit},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Columns of a goods note.
pub(crate) const NOTE_COLUMNS: [&str; 3] = ["item_code", "unit_price", "accepted"];
/// Columns of a file of delivery codes.
pub(crate) const CODE_COLUMNS: [&str; 2] = ["household", "code"];

/// `tuan goods`.
#[derive(Debug, Subcommand)]
pub(crate) enum GoodsCommand {
    /// Supplier: confirms the purchase order, after adding it up from the paid lines
    Order {
        /// Which group buy
        group_buy: GroupBuyId,
    },
    /// Leader (or property) and supplier: each signs what arrived
    Receive {
        /// Which group buy
        group_buy: GroupBuyId,
        /// CSV with the columns item_code,unit_price,accepted; without it, everything arrived
        #[arg(long, value_name = "FILE")]
        note: Option<PathBuf>,
    },
    /// Property and committee: propose what arrived when one side does not sign
    Decide {
        /// Which group buy
        group_buy: GroupBuyId,
        /// CSV with the columns item_code,unit_price,accepted; without it, everything arrived
        #[arg(long, value_name = "FILE")]
        note: Option<PathBuf>,
    },
    /// Leader: who has its goods, by the households' codes or by evidence
    Deliver(DeliverArgs),
}

/// `tuan goods deliver`.
#[derive(Debug, Args)]
#[command(override_usage = "tuan goods deliver [OPTIONS] <GROUP_BUY> \
       (--codes <FILE> | --households <FILE> --evidence <FILE-OR-HASH> | --all --evidence <FILE-OR-HASH>)")]
pub(crate) struct DeliverArgs {
    /// Which group buy
    group_buy: GroupBuyId,
    /// CSV with the columns household,code
    #[arg(long, value_name = "FILE", required_unless_present_any = ["households", "all"])]
    codes: Option<PathBuf>,
    /// Text file with one household number a line; proposes the delivery
    #[arg(long, value_name = "FILE", conflicts_with_all = ["codes", "all"], requires = "evidence")]
    households: Option<PathBuf>,
    /// Every household that still waits; proposes the delivery
    #[arg(long, conflicts_with = "codes", requires = "evidence")]
    all: bool,
    /// Photographs or signatures: a file, or its SHA-256
    #[arg(long, value_name = "FILE-OR-HASH")]
    evidence: Option<String>,
}

/// What the covered lines come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purchase {
    /// What they cost.
    pub(crate) total: Fen,
    /// How much of each offer, by ascending offer.
    pub(crate) quantities: Vec<(OfferIndex, u64)>,
}

impl Purchase {
    /// Adds up the covered lines.
    pub(crate) fn of(view: &OpenGroupBuy) -> Self {
        let mut total = Fen::ZERO;
        let mut quantities: BTreeMap<OfferIndex, u64> = BTreeMap::new();
        let covered = view.orders.iter().filter(|(_, order)| order.cover == Cover::Covered);
        for line in covered.flat_map(|(_, order)| &order.lines) {
            let quantity = u64::from(line.quantity.get());
            let sum = quantities.entry(line.offer).or_default();
            *sum = sum.saturating_add(quantity);
            let offer = view.filing.offers.get(usize::from(line.offer));
            let cost = offer.map_or(Fen::ZERO, |offer| offer.total(line.quantity));
            total = total.saturating_add(cost);
        }
        Self { total, quantities: quantities.into_iter().collect() }
    }

    /// The hash that the ledger knows the quantities by.
    pub(crate) fn digest(&self) -> Digest {
        Domain::PurchaseOrder.digest(&[&encode(&self.quantities)])
    }
}

/// Runs `tuan goods`.
pub(crate) fn run(command: &GoodsCommand, session: &Session) -> Result<(), Failure> {
    match command {
        GoodsCommand::Order { group_buy } => order(group_buy, session),
        GoodsCommand::Receive { group_buy, note } => {
            let view = session.group_buy(group_buy)?;
            if matches!(view.header.phase, Phase::Received | Phase::Delivered | Phase::Settled) {
                return session.already_done(&say!(
                    "the goods of {group_buy} are received",
                    "{group_buy} 的货已签收"
                ));
            }
            let note = goods_note(&view, note.as_ref(), session)?;
            session.submit_one(Action::SignGoodsNote(note))
        }
        GoodsCommand::Decide { group_buy, note } => {
            let view = session.group_buy(group_buy)?;
            let note = goods_note(&view, note.as_ref(), session)?;
            propose(Movement::DecideGoods(note), session)
        }
        GoodsCommand::Deliver(args) => deliver(args, session),
    }
}

fn order(group_buy: &GroupBuyId, session: &Session) -> Result<(), Failure> {
    let view = session.group_buy(group_buy)?;
    let purchase = Purchase::of(&view);
    let header = &view.header;
    match header.phase {
        Phase::Formed => {}
        Phase::Ordered | Phase::Received | Phase::Delivered | Phase::Settled => {
            return session.already_done(&say!(
                "the purchase order of {group_buy} is confirmed",
                "{group_buy} 的采购单已确认"
            ));
        }
        phase => {
            return Err(Failure::refused(say!(
                "{group_buy} is {}, not FORMED",
                "{group_buy} 的状态是“{}”，还不是“已成团”",
                names::phase(phase)
            ))
            .help(say!(
                "it forms at {}",
                "成团时间为 {}",
                output::time(view.filing.confirm_by)
            )));
        }
    }
    if purchase.total != header.purchase_total || purchase.digest() != header.purchase_order {
        return Err(Failure::refused(say!(
            "the purchase order is not the sum of the paid lines: it says {} yuan, they cost {}",
            "采购单与已付款的订单行不符：采购单为 {} 元，订单行合计 {} 元",
            header.purchase_total.to_yuan(),
            purchase.total.to_yuan()
        ))
        .help(say!(
            "do not deliver; ask another node with --node, and tell the committee",
            "请勿发货；用 --node 询问其他节点，并告知居委会"
        )));
    }
    session.output.note(&listing(&view, &purchase));
    session.submit_one(Action::ConfirmPurchaseOrder {
        group_buy: *group_buy,
        total: purchase.total,
        purchase_order: purchase.digest(),
    })
}

fn listing(view: &OpenGroupBuy, purchase: &Purchase) -> String {
    let rows = purchase.quantities.iter().filter_map(|(index, quantity)| {
        let offer = view.filing.offers.get(usize::from(*index))?;
        let price = yuan(offer.price);
        Some(vec![offer.item.to_string(), price, quantity_text(*quantity, offer.unit)])
    });
    let headings = [word!("ITEM", "商品"), word!("PRICE", "售价"), word!("QUANTITY", "数量")];
    let table = output::table(&headings, rows);
    say!("{table}\ntotal {} yuan", "{table}\n合计 {} 元", purchase.total.to_yuan())
}

/// A sum of quantities; with decimals for weights.
pub(crate) fn quantity_text(quantity: u64, unit: Unit) -> String {
    match u32::try_from(quantity) {
        Ok(quantity) => Quantity::new(quantity).to_text(unit),
        Err(_) => quantity.to_string(),
    }
}

fn goods_note(
    view: &OpenGroupBuy,
    file: Option<&PathBuf>,
    session: &Session,
) -> Result<GoodsNote, Failure> {
    let purchase = Purchase::of(view);
    let accepted = match file {
        None => purchase.quantities,
        Some(file) => {
            let rows = table_file::read(file, NOTE_COLUMNS)?;
            let (accepted, missing) =
                read_note(&rows, view, &purchase).map_err(|(row, detail)| {
                    Failure::usage(at_row(file, row, &detail)).help(say!(
                        "list each ordered item once, with what was accepted of it",
                        "每个已订商品写一行，并写明验收数量"
                    ))
                })?;
            if !missing.is_empty() {
                let missing = missing.join(word!(", ", "、"));
                session.output.note(&say!(
                    "not in the note, so not arrived at all: {missing}",
                    "收货单未列出，视为未到货：{missing}"
                ));
            }
            accepted
        }
    };
    for (index, quantity) in &accepted {
        if let Some(offer) = view.filing.offers.get(usize::from(*index)) {
            let (price, quantity) = (yuan(offer.price), quantity_text(*quantity, offer.unit));
            session.output.note(&say!(
                "accepted {} at {price}: {quantity}",
                "验收 {}（售价 {price}）：{quantity}",
                offer.item
            ));
        }
    }
    let accepted = List::new(accepted).map_err(|list| {
        Failure::usage(say!("{} offers are too many", "{} 个商品太多了", list.len()))
    })?;
    Ok(GoodsNote { group_buy: view.id, accepted })
}

fn at_row(file: &Path, row: u64, detail: &str) -> String {
    say!("{} row {row}: {detail}", "{} 第 {row} 行：{detail}", file.display())
}

/// A row and what is wrong with it.
type RowError = (u64, String);
/// What was accepted of each offer.
type Accepted = Vec<(OfferIndex, u64)>;

/// What was accepted, by ascending offer and without what did not arrive, so that both sides sign the
/// same note; and the ordered items that the file does not name.
fn read_note(
    rows: &[Row<3>],
    view: &OpenGroupBuy,
    purchase: &Purchase,
) -> Result<(Accepted, Vec<String>), RowError> {
    let mut accepted: BTreeMap<OfferIndex, u64> = BTreeMap::new();
    for Row { row, cells: [item, price, quantity] } in rows {
        let at = |detail: String| (*row, detail);
        let code: ItemCode = item
            .parse()
            .map_err(|_| at(say!("{item:?} is no item code", "{item:?} 不是商品编号")))?;
        let price = if price.is_empty() { None } else { Some(input::price(price).map_err(at)?) };
        let index = find_offer(&view.filing, code, price).map_err(at)?;
        let unit = view.filing.offers.get(usize::from(index)).map_or(Unit::Piece, |o| o.unit);
        let quantity = read_accepted(quantity, unit).map_err(at)?;
        let ordered = purchase.quantities.iter().find(|(known, _)| *known == index);
        let ordered = ordered.map_or(0, |(_, quantity)| *quantity);
        if quantity > ordered {
            let (quantity, ordered) = (quantity_text(quantity, unit), quantity_text(ordered, unit));
            return Err(at(say!(
                "{quantity} of {code} accepted, but only {ordered} ordered",
                "{code} 验收 {quantity}，但只订了 {ordered}"
            )));
        }
        if accepted.insert(index, quantity).is_some() {
            return Err(at(say!(
                "{code} stands twice at the same price",
                "{code} 同一售价出现了两次"
            )));
        }
    }
    let missing = purchase.quantities.iter().filter(|(index, _)| !accepted.contains_key(index));
    let missing = missing.filter_map(|(index, _)| view.filing.offers.get(usize::from(*index)));
    let missing = missing
        .map(|offer| say!("{} at {}", "{}（售价 {}）", offer.item, yuan(offer.price)))
        .collect();
    Ok((accepted.into_iter().filter(|(_, quantity)| *quantity > 0).collect(), missing))
}

/// Sums over all households pass 32 bits, so this reads wider than an order line; zero is allowed.
fn read_accepted(text: &str, unit: Unit) -> Result<u64, String> {
    let decimals = match unit {
        Unit::Weight => 3,
        Unit::Piece => 0,
    };
    ledger_core::types::parse_decimal(text, decimals).ok_or_else(|| match unit {
        Unit::Weight => say!(
            "{text:?} is no weight; write kilograms, like 12.5, or 0",
            "{text:?} 不是重量；请写公斤数，如 12.5，或写 0"
        ),
        Unit::Piece => say!(
            "{text:?} is no number of pieces; write a whole number, or 0",
            "{text:?} 不是件数；请写整数，或写 0"
        ),
    })
}

fn deliver(args: &DeliverArgs, session: &Session) -> Result<(), Failure> {
    let DeliverArgs { group_buy, codes, households, evidence, .. } = args;
    let view = session.group_buy(group_buy)?;
    let has_goods = |tag: &HouseholdTag| {
        let known = view.households.iter().find(|(known, _)| known == tag);
        known.is_some_and(|(_, household)| household.delivered_at.is_some())
    };
    let done =
        || say!("these households of {group_buy} have their goods", "{group_buy} 的这些住户已取货");
    if let Some(file) = codes {
        let rows = table_file::read(file, CODE_COLUMNS)?;
        let codes = read_codes(&rows, &session.tags(group_buy)?).map_err(|(row, detail)| {
            Failure::usage(at_row(file, row, &detail)).help(say!(
                "list each household once, with the code that it showed",
                "每户写一行，并写上该户出示的取货码"
            ))
        })?;
        let codes: Vec<_> = codes.into_iter().filter(|(tag, _)| !has_goods(tag)).collect();
        if codes.is_empty() {
            return session.already_done(&done());
        }
        return deliver_by_code(group_buy, codes, session);
    }
    let waits = |tag: &HouseholdTag| !has_goods(tag);
    let chosen: Vec<HouseholdTag> = match households {
        None => view.households.iter().map(|(tag, _)| *tag).filter(waits).collect(),
        Some(file) => {
            let tags = session.tags(group_buy)?;
            let numbers = directory::read_numbers(file)?;
            let tags = numbers.iter().map(|number| tags.tag(number));
            tags.collect::<Result<_, _>>().map_err(|detail| {
                Failure::usage(say!("{}: {detail}", "{}：{detail}", file.display())).help(say!(
                    "check the number, and that --directory is the right one",
                    "请检查户号，以及 --directory 是否正确"
                ))
            })?
        }
    };
    let chosen: Vec<_> = chosen.into_iter().filter(waits).collect();
    if chosen.is_empty() {
        return session.already_done(&done());
    }
    let evidence = input::document(evidence.as_deref().unwrap_or_default())?;
    for part in chosen.chunks(BATCH_MAX) {
        let households = List::new(part.to_vec()).unwrap_or_default();
        propose(Movement::Deliver { group_buy: *group_buy, households, evidence }, session)?;
    }
    Ok(())
}

fn deliver_by_code(
    group_buy: &GroupBuyId,
    codes: Vec<(HouseholdTag, [u8; 16])>,
    session: &Session,
) -> Result<(), Failure> {
    let (mut entered, mut sent) = (Vec::new(), Vec::new());
    let mut text = Vec::new();
    for part in codes.chunks(BATCH_MAX) {
        let codes = List::new(part.to_vec()).unwrap_or_default();
        match session.submit(Action::Deliver { group_buy: *group_buy, codes })? {
            Outcome::Entered(one) => {
                text.push(one.to_string());
                entered.push(one);
            }
            Outcome::AlreadyDone(note) => {
                text.push(say!("ok: already done: {note}", "完成：此前已办：{note}"));
            }
            Outcome::Pending(id) => {
                text.push(say!("sent, not decided yet: {id}", "已发送，尚未入账：{id}"));
                sent.push(id);
            }
            Outcome::Refused(problem) => return Err(session.refusal(&problem)),
        }
    }
    let already_done = entered.is_empty() && sent.is_empty();
    let answer = serde_json::json!({
        "transactions": entered, "sent": sent, "already_done": already_done,
    });
    session.output.data(&text.join("\n"), &answer)
}

fn read_codes(rows: &[Row<2>], tags: &Tags) -> Result<Vec<(HouseholdTag, [u8; 16])>, RowError> {
    let mut codes: Vec<(HouseholdTag, [u8; 16])> = Vec::with_capacity(rows.len());
    for Row { row, cells: [household, code] } in rows {
        let tag = tags.tag(household).map_err(|detail| (*row, detail))?;
        let order::DeliveryCode(code) = delivery_code(code).map_err(|detail| (*row, detail))?;
        if codes.iter().any(|(known, _)| *known == tag) {
            return Err((
                *row,
                say!("household {household} stands twice", "户号 {household} 出现了两次"),
            ));
        }
        codes.push((tag, code));
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use ledger_core::fund::{LineRequest, OrderRequest};

    /// 1.5 kg cabbage and 2 eggs are covered, 5 eggs are not.
    fn formed() -> OpenGroupBuy {
        let mut view = testing::group_buy();
        for (number, lines, cover) in [
            ("A1", vec![(0, 1_500)], Cover::Covered),
            ("A2", vec![(1, 2)], Cover::Covered),
            ("A3", vec![(1, 5)], Cover::Dropped),
        ] {
            let lines = lines
                .into_iter()
                .map(|(offer, quantity)| LineRequest { offer, quantity: Quantity::new(quantity) });
            let order = number.parse().expect("a number");
            let household = HouseholdTag::new([1; 16]);
            let lines = List::new(lines.collect()).expect("fits");
            let request =
                OrderRequest { order, household, delivery_code: None, replaces: None, lines };
            let mut entered = testing::order_of(&request);
            entered.cover = cover;
            view.orders.push((order, entered));
        }
        view
    }

    fn note(text: &str) -> Result<(Accepted, Vec<String>), RowError> {
        let bytes = format!("item_code,unit_price,accepted\n{text}").into_bytes();
        let rows = table_file::parse(bytes, "n.csv", NOTE_COLUMNS).expect("a good heading");
        let view = formed();
        read_note(&rows, &view, &Purchase::of(&view))
    }

    #[test]
    fn the_purchase_order_is_the_sum_of_covered_lines() {
        let purchase = Purchase::of(&formed());
        assert_eq!(purchase.total, Fen::new(597 + 2_400));
        assert_eq!(purchase.quantities, [(0, 1_500), (1, 2)]);
        assert!(listing(&formed(), &purchase).contains("1.500"));
    }

    #[test]
    fn a_note_says_what_arrived_and_is_the_same_for_both_sides() {
        let partly = note("egg,12.00,2\ncabbage,3.98,1.2\n").expect("reads");
        assert_eq!(partly, (vec![(0, 1_200), (1, 2)], vec![]));
        let none = note("egg,12.00,2\ncabbage,3.98,0\n").expect("reads").0;
        let left_out = note("egg,,2\n").expect("reads");
        assert_eq!(none, left_out.0);
        assert_eq!(left_out.1, ["cabbage at 3.98"]);
    }

    #[test]
    fn a_note_that_cannot_be_is_refused_by_row() {
        for (text, row, part) in [
            ("egg,12.00,3\n", 2, "only 2 ordered"),
            ("egg,12.00,2\negg,12.00,1\n", 3, "stands twice"),
            ("egg,12.00,-1\n", 2, "no number of pieces"),
            ("cabbage,3.98,1e300\n", 2, "no weight"),
            ("egg,11.00,1\n", 2, "not offered at"),
            ("durian,1,1\n", 2, "not offered"),
        ] {
            let (at, detail) = note(text).expect_err(text);
            assert!(at == row && detail.contains(part), "{text}: {at} {detail}");
        }
    }
}
