//! What happens in a demo: group buys with their offers, orders and small mishaps, read from files.
//!
//! A folder holds `orders.csv` (`cycle` is the group buy), `quotes.csv` (what the supplier asks for an
//! item on a day), perhaps `items.csv` (units and names), `week.toml` (who, and what goes wrong) and
//! `expected.json` (what the purchase orders must come to).
//!
//! An offer is an item at a unit price on a day. Its goods part is the day's quote, or the price where
//! the quote is above it; the rest is shared by [`FEE_KEY`].

use anyhow::{Context as _, Result, bail, ensure};
use ledger_core::{
    fund::{GROUP_BUY_LINES_MAX, Offer, Split},
    types::{Fen, GroupBuyId, ItemCode, Quantity, Unit, UnitPrice, parse_decimal},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// How what the goods leave of a price is shared, in percent: leader, delivery, packing. Each part is
/// rounded down to a fen for a unit, and the property company gets the rest.
pub(super) const FEE_KEY: [u32; 3] = [40, 30, 10];

/// A week, or two months, of group buys.
pub(super) struct Week {
    /// In the order in which they are filed.
    pub(super) group_buys: Vec<GroupBuy>,
    /// Every household that orders something, once.
    pub(super) households: Vec<String>,
    /// What the purchase orders must come to, if the data says so.
    pub(super) expected: Option<Expected>,
}

/// One group buy as it is planned.
pub(super) struct GroupBuy {
    /// Its name in the data and in the ledger.
    pub(super) id: GroupBuyId,
    /// Position among the leaders.
    pub(super) leader: usize,
    /// Position among the suppliers.
    pub(super) supplier: usize,
    /// Households that must come together.
    pub(super) minimum_households: u32,
    /// What is sold.
    pub(super) offers: Vec<Offer>,
    /// What is ordered, in order of entry.
    pub(super) lines: Vec<Line>,
    /// Households that pay cash at the committee's counter.
    pub(super) cash: BTreeSet<String>,
    /// What households pay more than they ordered for.
    pub(super) overpaid: BTreeMap<String, Fen>,
    /// Orders that are withdrawn after they were paid.
    pub(super) withdrawn: Vec<String>,
    /// What arrives of an item, where it is less than ordered.
    pub(super) short: BTreeMap<ItemCode, u64>,
}

/// A line of an order.
pub(super) struct Line {
    /// Number of the order.
    pub(super) order: String,
    /// Whose order it is.
    pub(super) household: String,
    /// Position among the offers.
    pub(super) offer: usize,
    /// How much.
    pub(super) quantity: Quantity,
}

/// What `expected.json` says.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Lines on purchase orders.
    pub(crate) order_lines: u64,
    /// Their sum.
    pub(crate) total_fen: u64,
    /// The sums of the purchase orders.
    pub(crate) per_cycle_fen: BTreeMap<String, u64>,
}

/// A row of `orders.csv`: quantities and prices in grams and yuan for a kilogram, or in the columns
/// that `tuan order import` takes.
#[derive(Deserialize)]
struct OrderRow {
    cycle: String,
    order_no: String,
    household: String,
    item_code: String,
    quantity_g: Option<u32>,
    quantity: Option<String>,
    #[serde(alias = "unit_price_yuan_per_kg")]
    unit_price: String,
}

#[derive(Deserialize)]
struct QuoteRow {
    date: String,
    item_code: String,
    #[serde(alias = "wholesale_yuan_per_kg")]
    quote: String,
}

#[derive(Deserialize)]
struct ItemRow {
    item_code: String,
    unit: Option<String>,
}

/// `week.toml`, by name of the group buy.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Story {
    #[serde(default)]
    group_buys: BTreeMap<String, Chapter>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields, default)]
struct Chapter {
    leader: Option<usize>,
    supplier: Option<usize>,
    minimum_households: u32,
    cash: BTreeSet<String>,
    overpaid: BTreeMap<String, String>,
    withdrawn: Vec<String>,
    short: BTreeMap<String, String>,
}

impl Week {
    /// Reads a folder.
    ///
    /// # Errors
    /// A file is missing, or a row makes no sense; the message names it.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let orders: Vec<OrderRow> = read_csv(&folder.join("orders.csv"))?;
        let quotes = quotes(read_csv(&folder.join("quotes.csv"))?)?;
        let units = units(&folder.join("items.csv"))?;
        let story: Story = match fs::read_to_string(folder.join("week.toml")) {
            Ok(text) => toml::from_str(&text).context("cannot read week.toml")?,
            Err(_) => Story::default(),
        };
        let mut households = BTreeSet::new();
        let mut cycles: BTreeMap<&str, Vec<&OrderRow>> = BTreeMap::new();
        for row in &orders {
            households.insert(row.household.clone());
            cycles.entry(&row.cycle).or_default().push(row);
        }
        let group_buys = cycles.into_iter().enumerate().map(|(position, (cycle, rows))| {
            let chapter = story.group_buys.get(cycle).cloned().unwrap_or_default();
            group_buy(position, cycle, &rows, chapter, &quotes, &units)
                .with_context(|| format!("in group buy {cycle}"))
        });
        let expected = match fs::read_to_string(folder.join("expected.json")) {
            Ok(text) => Some(serde_json::from_str(&text).context("cannot read expected.json")?),
            Err(_) => None,
        };
        Ok(Self {
            group_buys: group_buys.collect::<Result<_>>()?,
            households: households.into_iter().collect(),
            expected,
        })
    }
}

impl GroupBuy {
    /// The day it is for: the data names group buys by it.
    pub(super) fn business_date(&self) -> &str {
        self.id.as_str().get(..10).unwrap_or(self.id.as_str())
    }

    /// What each household has to pay, in order of entry.
    pub(super) fn to_pay(&self) -> Vec<(&str, Fen)> {
        let mut sums: Vec<(&str, Fen)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for line in &self.lines {
            let place = *places.entry(&line.household).or_insert_with(|| {
                sums.push((&line.household, Fen::ZERO));
                sums.len() - 1
            });
            let cost = self.offers[line.offer].total(line.quantity);
            sums[place].1 = sums[place].1.saturating_add(cost);
        }
        for (household, sum) in &mut sums {
            let more = self.overpaid.get(*household).copied().unwrap_or_default();
            *sum = sum.saturating_add(more);
        }
        sums
    }
}

type Quotes = BTreeMap<(String, String), UnitPrice>;

fn quotes(rows: Vec<QuoteRow>) -> Result<Quotes> {
    rows.into_iter()
        .map(|row| {
            let quote = price(&row.quote).with_context(|| format!("quote of {}", row.item_code))?;
            Ok(((row.date, row.item_code), quote))
        })
        .collect()
}

/// Items that are sold by the piece; everything else is sold by weight.
fn units(path: &Path) -> Result<BTreeMap<String, Unit>> {
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<ItemRow> = read_csv(path)?;
    rows.into_iter()
        .map(|row| match row.unit.as_deref() {
            None | Some("kg") => Ok((row.item_code, Unit::Weight)),
            Some("piece") => Ok((row.item_code, Unit::Piece)),
            Some(other) => bail!("items.csv: unit {other:?} is neither kg nor piece"),
        })
        .collect()
}

fn group_buy(
    position: usize,
    cycle: &str,
    rows: &[&OrderRow],
    chapter: Chapter,
    quotes: &Quotes,
    units: &BTreeMap<String, Unit>,
) -> Result<GroupBuy> {
    let date = cycle.get(..10).unwrap_or(cycle);
    let mut offers: Vec<Offer> = Vec::new();
    let mut lines: Vec<Line> = Vec::with_capacity(rows.len());
    for row in rows {
        let unit = units.get(&row.item_code).copied().unwrap_or(Unit::Weight);
        let item: ItemCode = row.item_code.parse()?;
        let price = price(&row.unit_price)?;
        let known = offers.iter().position(|offer| offer.item == item && offer.price == price);
        let offer = match known {
            Some(known) => known,
            None => {
                let key = (date.to_owned(), row.item_code.clone());
                let quote = quotes.get(&key).copied();
                let quote = quote.with_context(|| format!("no quote for {item} on {date}"))?;
                let split = split(price, quote);
                offers.push(Offer { item, unit, price, quote, split, stock: None, cap: None });
                offers.len() - 1
            }
        };
        let quantity = match (row.quantity_g, &row.quantity) {
            (Some(grams), None) => Quantity::new(grams),
            (None, Some(text)) => Quantity::parse(text, unit)
                .with_context(|| format!("order {}: quantity {text:?}", row.order_no))?,
            _ => bail!("orders.csv needs either quantity_g or quantity"),
        };
        let order = row.order_no.clone();
        lines.push(Line { order, household: row.household.clone(), offer, quantity });
    }
    let max = usize::try_from(GROUP_BUY_LINES_MAX)?;
    ensure!(lines.len() <= max, "{} lines are more than the {max} of one group buy", lines.len());
    let overpaid = chapter.overpaid.into_iter().map(|(household, yuan)| {
        Ok((household, Fen::from_yuan(&yuan).with_context(|| format!("{yuan:?} is no amount"))?))
    });
    let short = chapter.short.into_iter().map(|(item, arrived)| {
        let unit = units.get(&item).copied().unwrap_or(Unit::Weight);
        let arrived = Quantity::parse(&arrived, unit).context("what arrived is no quantity")?;
        Ok((item.parse()?, u64::from(arrived.get())))
    });
    Ok(GroupBuy {
        id: cycle.parse()?,
        leader: chapter.leader.unwrap_or(position),
        supplier: chapter.supplier.unwrap_or(position),
        minimum_households: chapter.minimum_households,
        offers,
        lines,
        cash: chapter.cash,
        overpaid: overpaid.collect::<Result<_>>()?,
        withdrawn: chapter.withdrawn,
        short: short.collect::<Result<_>>()?,
    })
}

/// The published key: what is left over the goods goes to leader, delivery, packing and property.
fn split(price: UnitPrice, quote: UnitPrice) -> Split {
    let goods = price.min(quote);
    let rest = price.get() - goods.get();
    let part = |percent: u32| {
        let part = u64::from(rest) * u64::from(percent) / 100;
        u32::try_from(part).unwrap_or(rest)
    };
    let [leader, delivery, packing] = FEE_KEY.map(part);
    Split {
        goods,
        leader: UnitPrice::new(leader),
        property: UnitPrice::new(rest - leader - delivery - packing),
        delivery: UnitPrice::new(delivery),
        packing: UnitPrice::new(packing),
    }
}

fn price(text: &str) -> Result<UnitPrice> {
    let fen = parse_decimal(text, 2).with_context(|| format!("{text:?} is no price in yuan"))?;
    Ok(UnitPrice::new(u32::try_from(fen)?))
}

fn read_csv<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows: Result<_, _> = reader.deserialize().collect();
    rows.with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_shares_out_the_whole_price() {
        let parts = |price, quote| {
            let split = split(UnitPrice::new(price), UnitPrice::new(quote));
            let fees = [split.leader, split.delivery, split.packing, split.property];
            (split.goods.get(), fees.map(UnitPrice::get))
        };
        assert_eq!(parts(2_100, 1_800), (1_800, [120, 90, 30, 60]));
        assert_eq!(parts(103, 100), (100, [1, 0, 0, 2]));
        // Sold below the quote: everything is the supplier's.
        assert_eq!(parts(90, 100), (90, [0, 0, 0, 0]));
    }

    #[test]
    fn the_sample_week_is_sound() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("inside the workspace");
        let week = Week::read(&root.join("demo")).expect("reads");
        let expected = week.expected.expect("the sample week says what it comes to");
        assert_eq!(expected.per_cycle_fen.len(), week.group_buys.len());
        assert_eq!(expected.per_cycle_fen.values().sum::<u64>(), expected.total_fen);
        for group_buy in &week.group_buys {
            let households: BTreeSet<_> = group_buy.to_pay().into_iter().map(|(h, _)| h).collect();
            let named = group_buy.cash.iter().chain(group_buy.overpaid.keys());
            assert!(named.into_iter().all(|h| households.contains(h.as_str())), "{}", group_buy.id);
            let orders: BTreeSet<_> = group_buy.lines.iter().map(|line| &line.order).collect();
            assert!(group_buy.withdrawn.iter().all(|order| orders.contains(order)));
        }
    }
}
