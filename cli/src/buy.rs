//! `tuan buy`: group buys from filing to closing.

use crate::{
    approve, exit::Failure, input, names::Names, order::yuan, output, pay::propose,
    session::Session,
};
use clap::Subcommand;
use ledger_core::{
    api::{GroupBuySummary, GroupBuyView, OpenGroupBuy},
    codec::List,
    fund::{
        Action, FeePart, Filing, FilingDecision, Minimum, Movement, Offer, OfferTally, Phase, Role,
        ShortRule, Split,
    },
    types::{
        BusinessDate, DurationMs, Fen, GroupBuyId, ItemCode, TimestampMs, Unit, UnitPrice,
        parse_decimal,
    },
};
use serde::Deserialize;
use std::path::PathBuf;

/// What a filing looks like; shown by `tuan buy file --help`.
const FILING_EXAMPLE: &str = r#"A filing, with amounts in yuan for a kilogram or a piece, in quotes:

  group_buy = "veg-0105"
  business_date = "2026-01-05"
  supplier = "supplier-a"
  delivery = "leader-li"           # payees, else the property company
  packing = "leader-li"
  cut_off = "2026-01-05T18:00:00+08:00"
  confirm_by = "2026-01-05 19:00"  # as in China; or milliseconds since 1970
  deliver_by = "2026-01-06 12:00"
  after_sale_window = "24h"        # ms, s, m, h or d
  retention_percent = "10"
  relation_declared = false

  [minimum]
  households = 3
  amount = "500.00"

  [[offers]]
  item = "cabbage"
  unit = "kg"                      # or "piece"
  price = "3.98"                   # the sum of goods and the other parts
  quote = "3.50"                   # what the supplier asks; goods is that, or the price if less
  leader = "0.30"
  property = "0.18"
  stock = "500"                    # optional limits: in all, and for one household
  cap = "10""#;

/// `tuan buy`.
#[derive(Debug, Subcommand)]
pub(crate) enum BuyCommand {
    /// Leader: files a group buy
    #[command(after_long_help = FILING_EXAMPLE)]
    File {
        /// The filing as TOML
        file: PathBuf,
    },
    /// Property, committee: approves a filing
    Approve {
        /// Which group buy
        group_buy: GroupBuyId,
    },
    /// Property, committee, supplier: rejects a filing
    Reject {
        /// Which group buy
        group_buy: GroupBuyId,
        /// Number of the reason in the published list
        #[arg(long)]
        reason: u16,
    },
    /// Supplier: accepts a filing; the quotes are its own
    Accept {
        /// Which group buy
        group_buy: GroupBuyId,
    },
    /// Property or committee: proposes to give a group buy up, and refund everybody
    Cancel {
        /// Which group buy
        group_buy: GroupBuyId,
        /// Approve the proposal that waits
        #[arg(long)]
        approve: bool,
    },
    /// Lists group buys that are not closed
    List,
    /// Shows a group buy
    Show {
        /// Which group buy
        group_buy: GroupBuyId,
    },
}

/// Runs `tuan buy`.
pub(crate) fn run(command: &BuyCommand, session: &Session) -> Result<(), Failure> {
    match command {
        BuyCommand::File { file } => {
            let text = input::file_text(file)?;
            let filing = read_filing(&text, &session.names()?)
                .map_err(|failure| failure.in_file(&file.display().to_string()))?;
            session.output.note(&facts(&filing, &session.names()?));
            session.submit_one(Action::File(filing))
        }
        BuyCommand::Approve { group_buy } => decide(group_buy, FilingDecision::Approve, session),
        BuyCommand::Reject { group_buy, reason } => {
            decide(group_buy, FilingDecision::Reject(*reason), session)
        }
        BuyCommand::Accept { group_buy } => decide(group_buy, FilingDecision::Accept, session),
        BuyCommand::Cancel { group_buy, approve: false } => {
            if let GroupBuyView::Open(view) = session.client.group_buy(group_buy)?
                && view.header.phase == Phase::Cancelled
            {
                return session.already_done(&format!("{group_buy} is cancelled"));
            }
            propose(Movement::Cancel { group_buy: *group_buy }, session)
        }
        BuyCommand::Cancel { group_buy, approve: true } => {
            let kind = |movement: &Movement| matches!(movement, Movement::Cancel { .. });
            approve::approve_named(group_buy.as_str(), kind, session)
        }
        BuyCommand::List => {
            let list: Vec<GroupBuySummary> = session.client.get("/v1/group-buys")?;
            session.output.data(&listing(&list, &session.names()?), &list)
        }
        BuyCommand::Show { group_buy } => {
            let view = session.client.group_buy(group_buy)?;
            let text = match &view {
                GroupBuyView::Open(open) => show(open, &session.names()?),
                GroupBuyView::Closed { seal, log_index } => format!(
                    "{group_buy} is closed ({}) by entry {log_index}\npaid      {}\nrefunded  {}\n\
                     filing    {}\nseal      {}",
                    seal.phase.name(),
                    seal.totals.paid.to_yuan(),
                    seal.totals.refunded.to_yuan(),
                    seal.filing,
                    seal.digest(),
                ),
            };
            session.output.data(&text, &view)
        }
    }
}

/// Decides on the filing that was read here, after showing its main facts.
fn decide(id: &GroupBuyId, decision: FilingDecision, session: &Session) -> Result<(), Failure> {
    let view = session.group_buy(id)?;
    session.output.note(&facts(&view.filing, &session.names()?));
    let filing = view.filing.digest();
    session.submit_one(Action::DecideFiling { group_buy: *id, filing, decision })
}

/// What a person wants to know before signing.
fn facts(filing: &Filing, names: &Names) -> String {
    let rows = filing.offers.iter().map(|offer| {
        let fee = |part| yuan(offer.split.fee(part));
        let limit = |limit: Option<u64>| limit.map_or(String::new(), |limit| limit.to_string());
        vec![
            offer.item.to_string(),
            unit_name(offer.unit).to_owned(),
            yuan(offer.price),
            yuan(offer.quote),
            yuan(offer.split.goods),
            fee(FeePart::Leader),
            fee(FeePart::Property),
            fee(FeePart::Delivery),
            fee(FeePart::Packing),
            limit(offer.stock),
            limit(offer.cap),
        ]
    });
    let headings = [
        "ITEM", "PER", "PRICE", "QUOTE", "GOODS", "LEADER", "PROPERTY", "DELIVERY", "PACKING",
        "STOCK", "CAP",
    ];
    let declared = if filing.relation_declared { ", related to the leader" } else { "" };
    format!(
        "{} of {}, filing {}\nsupplier  {}{declared}\norders    until {}\nforms     at {} with {} households and {} yuan\n\
         goods     by {}\nretention {} %, after-sale window {} h\n{}",
        filing.group_buy,
        filing.business_date,
        filing.digest().short(),
        names.name(filing.supplier),
        output::time(filing.cut_off),
        output::time(filing.confirm_by),
        filing.minimum.households,
        filing.minimum.amount.to_yuan(),
        output::time(filing.deliver_by),
        Fen::new(u64::from(filing.retention_basis_points)).to_yuan(),
        filing.after_sale_window.get() / 3_600_000,
        output::table(&headings, rows),
    )
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Weight => "kg",
        Unit::Piece => "piece",
    }
}

fn listing(list: &[GroupBuySummary], names: &Names) -> String {
    let rows = list.iter().map(|summary| {
        vec![
            summary.id.to_string(),
            summary.business_date.to_string(),
            summary.phase.name().to_owned(),
            names.name(summary.leader),
            names.name(summary.supplier),
            output::time(summary.cut_off),
            summary.orders.to_string(),
            summary.paid.to_yuan(),
            summary.held.to_yuan(),
        ]
    });
    let headings =
        ["GROUP BUY", "DATE", "PHASE", "LEADER", "SUPPLIER", "CUT-OFF", "ORDERS", "PAID", "HELD"];
    output::table(&headings, rows)
}

fn show(view: &OpenGroupBuy, names: &Names) -> String {
    let header = &view.header;
    let approved: Vec<_> = header.approvals.iter().map(|id| names.name(*id)).collect();
    let accepted = if header.accepted { "yes" } else { "not yet" };
    let accounts = view.accounts.iter().map(|account| {
        vec![
            account.text.clone(),
            account.debits.to_yuan(),
            account.credits.to_yuan(),
            account.balance.to_yuan(),
        ]
    });
    let accounts = output::table(&["ACCOUNT", "DEBITS", "CREDITS", "BALANCE"], accounts);
    let tallies = view.offers.iter().filter_map(|(index, tally)| {
        let offer = view.filing.offers.get(usize::from(*index))?;
        let OfferTally { ordered, purchased, accepted } = tally;
        Some(vec![
            offer.item.to_string(),
            yuan(offer.price),
            ordered.to_string(),
            purchased.to_string(),
            accepted.to_string(),
        ])
    });
    let tallies = output::table(&["ITEM", "PRICE", "ORDERED", "PURCHASED", "ACCEPTED"], tallies);
    format!(
        "{} since {}, leader {}\napproved by {}; accepted by the supplier: {accepted}\n\
         {} orders of {} households, {} lines; paid {}, purchase order {}, held {}\n\n{}\n\n{tallies}\n\n{accounts}",
        header.phase.name(),
        output::time(header.since),
        names.name(header.leader),
        if approved.is_empty() { "nobody".to_owned() } else { approved.join(", ") },
        view.orders.len(),
        view.households.len(),
        header.line_count,
        header.paid.to_yuan(),
        header.purchase_total.to_yuan(),
        header.held.to_yuan(),
        facts(&view.filing, names),
    )
}

/// A filing as a leader writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilingFile {
    group_buy: GroupBuyId,
    business_date: toml::Value,
    supplier: String,
    delivery: Option<String>,
    packing: Option<String>,
    property: Option<String>,
    cut_off: toml::Value,
    confirm_by: toml::Value,
    deliver_by: toml::Value,
    #[serde(default)]
    minimum: MinimumSection,
    after_sale_window: toml::Value,
    #[serde(default)]
    retention_percent: Option<toml::Value>,
    #[serde(default)]
    short_rule: Option<ShortRule>,
    #[serde(default)]
    relation_declared: bool,
    offers: Vec<OfferSection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MinimumSection {
    #[serde(default)]
    households: u32,
    amount: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfferSection {
    item: ItemCode,
    unit: UnitName,
    price: toml::Value,
    quote: toml::Value,
    goods: Option<toml::Value>,
    leader: Option<toml::Value>,
    property: Option<toml::Value>,
    delivery: Option<toml::Value>,
    packing: Option<toml::Value>,
    stock: Option<toml::Value>,
    cap: Option<toml::Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum UnitName {
    #[serde(alias = "weight")]
    Kg,
    Piece,
}

/// What is wrong with a filing, before it is known which file it came from.
#[derive(Debug, PartialEq, Eq)]
struct FilingError(String);

impl FilingError {
    fn in_file(self, name: &str) -> Failure {
        Failure::usage(format!("{name}: {}", self.0)).help(
            "write amounts in quotes, like price = \"3.98\"; `tuan buy file --help` has an example",
        )
    }
}

impl From<Failure> for FilingError {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        Self(text.strip_prefix("error: ").unwrap_or(&text).replace("\nhelp: ", "; "))
    }
}

fn read_filing(text: &str, names: &Names) -> Result<Filing, FilingError> {
    let file: FilingFile = toml::from_str(text)
        .map_err(|error| FilingError(error.to_string().trim_end().to_owned()))?;
    let member = |name: &str| names.id(name).map_err(FilingError::from);
    let property = match &file.property {
        Some(name) => member(name)?,
        None => names
            .first(Role::Property)
            .ok_or_else(|| FilingError("there is no property company".into()))?,
    };
    let or_property = |name: &Option<String>| match name {
        Some(name) => member(name),
        None => Ok(property),
    };
    let minimum_amount = match &file.minimum.amount {
        Some(amount) => Fen::new(read_fen("minimum.amount", amount)?),
        None => Fen::ZERO,
    };
    let offers = (1..).zip(&file.offers).map(|(position, offer)| {
        read_offer(offer).map_err(|FilingError(detail)| {
            FilingError(format!("offer {position} ({}): {detail}", offer.item))
        })
    });
    let offers = List::new(offers.collect::<Result<_, _>>()?)
        .map_err(|offers| FilingError(format!("{} offers are too many", offers.len())))?;
    Ok(Filing {
        group_buy: file.group_buy,
        business_date: read_date(&file.business_date)?,
        supplier: member(&file.supplier)?,
        delivery: or_property(&file.delivery)?,
        packing: or_property(&file.packing)?,
        property,
        offers,
        cut_off: read_time("cut_off", &file.cut_off)?,
        confirm_by: read_time("confirm_by", &file.confirm_by)?,
        deliver_by: read_time("deliver_by", &file.deliver_by)?,
        minimum: Minimum { households: file.minimum.households, amount: minimum_amount },
        after_sale_window: read_duration(&file.after_sale_window)?,
        retention_basis_points: read_percent(file.retention_percent.as_ref())?,
        short_rule: file.short_rule.unwrap_or(ShortRule::Proportional),
        relation_declared: file.relation_declared,
    })
}

fn read_offer(section: &OfferSection) -> Result<Offer, FilingError> {
    let part = |name: &str, value: &Option<toml::Value>| match value {
        Some(value) => read_price(name, value),
        None => Ok(UnitPrice::default()),
    };
    let price = read_price("price", &section.price)?;
    let quote = read_price("quote", &section.quote)?;
    let split = Split {
        goods: match &section.goods {
            Some(goods) => read_price("goods", goods)?,
            None => quote.min(price),
        },
        leader: part("leader", &section.leader)?,
        property: part("property", &section.property)?,
        delivery: part("delivery", &section.delivery)?,
        packing: part("packing", &section.packing)?,
    };
    let parts = FeePart::ALL.iter().fold(u64::from(split.goods.get()), |sum, part| {
        sum.saturating_add(u64::from(split.fee(*part).get()))
    });
    if parts != u64::from(price.get()) {
        let parts = Fen::new(parts).to_yuan();
        return Err(FilingError(format!(
            "the parts add up to {parts}, the price is {}",
            yuan(price)
        )));
    }
    let (unit, decimals) = match section.unit {
        UnitName::Kg => (Unit::Weight, 3),
        UnitName::Piece => (Unit::Piece, 0),
    };
    let limit = |name: &str, value: &Option<toml::Value>| match value {
        Some(value) => read_number(name, value, decimals).map(Some),
        None => Ok(None),
    };
    let stock = limit("stock", &section.stock)?;
    let cap = limit("cap", &section.cap)?;
    Ok(Offer { item: section.item, unit, price, quote, split, stock, cap })
}

/// A decimal in quotes or a whole number; never a float, which would not be exact.
fn read_number(name: &str, value: &toml::Value, decimals: usize) -> Result<u64, FilingError> {
    let text = match value {
        toml::Value::String(text) => text.trim().to_owned(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => {
            let hint = format!("{name} = {number} is no exact number; write {name} = \"{number}\"");
            return Err(FilingError(hint));
        }
        other => return Err(FilingError(format!("{name} = {other} is no number"))),
    };
    parse_decimal(&text, decimals).ok_or_else(|| {
        let form = match decimals {
            0 => "a whole number".to_owned(),
            decimals => format!("digits and at most {decimals} decimals"),
        };
        FilingError(format!("{name} = {text:?} is not {form}"))
    })
}

fn read_fen(name: &str, value: &toml::Value) -> Result<u64, FilingError> {
    read_number(name, value, 2)
}

fn read_price(name: &str, value: &toml::Value) -> Result<UnitPrice, FilingError> {
    let fen = u32::try_from(read_fen(name, value)?);
    fen.map(UnitPrice::new).map_err(|_| FilingError(format!("{name} = {value} is too large")))
}

/// Hundredths of a percent; nothing is retained where nothing is said.
fn read_percent(value: Option<&toml::Value>) -> Result<u16, FilingError> {
    let Some(value) = value else { return Ok(0) };
    let basis_points = read_number("retention_percent", value, 2)?;
    u16::try_from(basis_points)
        .ok()
        .filter(|basis_points| *basis_points <= 10_000)
        .ok_or_else(|| FilingError(format!("retention_percent = {value} is more than 100")))
}

fn read_time(name: &str, value: &toml::Value) -> Result<TimestampMs, FilingError> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(moment) => moment.to_string(),
        toml::Value::Integer(ms) => ms.to_string(),
        other => return Err(FilingError(format!("{name} = {other} is no time"))),
    };
    input::time(&text).map_err(|detail| FilingError(format!("{name}: {detail}")))
}

fn read_duration(value: &toml::Value) -> Result<DurationMs, FilingError> {
    match value {
        toml::Value::String(text) => input::duration(text),
        toml::Value::Integer(ms) => {
            u64::try_from(*ms).map(DurationMs::new).map_err(|_| format!("{ms} is below zero"))
        }
        other => Err(format!("{other} is no length of time")),
    }
    .map_err(|detail| FilingError(format!("after_sale_window: {detail}")))
}

/// A day as `2026-01-05` or `20260105`.
fn read_date(value: &toml::Value) -> Result<BusinessDate, FilingError> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(day) => day.to_string(),
        toml::Value::Integer(number) => number.to_string(),
        other => other.to_string(),
    };
    let day: Option<jiff::civil::Date> = text.parse().ok();
    let number = day.and_then(|day| day.strftime("%Y%m%d").to_string().parse().ok());
    number
        .map(BusinessDate::new)
        .ok_or_else(|| FilingError(format!("business_date = {text:?} is no day like 2026-01-05")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesis::tests::orchard;
    use ledger_core::types::MemberId;

    const GOOD: &str = r#"
group_buy = "veg-0105"
business_date = "2026-01-05"
supplier = "supplier-a"
delivery = "leader-li"
cut_off = 2026-01-05T18:00:00+08:00
confirm_by = "2026-01-05 19:00"
deliver_by = 1767700000000
after_sale_window = "24h"
retention_percent = "10"
[minimum]
households = 3
amount = "500.50"
[[offers]]
item = "cabbage"
unit = "kg"
price = "3.98"
quote = "3.50"
leader = "0.30"
property = "0.18"
stock = "500.5"
cap = 10
[[offers]]
item = "egg"
unit = "piece"
price = 12
quote = 13
"#;

    fn names() -> Names {
        Names::of_genesis(&orchard())
    }

    #[test]
    fn the_example_that_help_shows_is_a_filing() {
        let (_, example) = FILING_EXAMPLE.split_once("\n\n").expect("a title and a filing");
        let filing = read_filing(example, &names()).expect("reads");
        assert_eq!(filing.offers[0].split.goods, UnitPrice::new(350));
    }

    #[test]
    fn a_filing_is_read_exactly() {
        let filing = read_filing(GOOD, &names()).expect("reads");
        assert_eq!((filing.supplier, filing.delivery), (MemberId::new(2), MemberId::new(4)));
        assert_eq!((filing.property, filing.packing), (MemberId::new(0), MemberId::new(0)));
        assert_eq!(filing.business_date, BusinessDate::new(20_260_105));
        assert_eq!(filing.cut_off.get() + 3_600_000, filing.confirm_by.get());
        assert_eq!(filing.minimum, Minimum { households: 3, amount: Fen::new(50_050) });
        assert_eq!(filing.retention_basis_points, 1_000);
        let cabbage = &filing.offers[0];
        assert_eq!(cabbage.split.goods, UnitPrice::new(350));
        assert_eq!((cabbage.stock, cabbage.cap), (Some(500_500), Some(10_000)));
        // Below the quote the goods part is the price.
        assert_eq!(filing.offers[1].split.goods, UnitPrice::new(1_200));
        assert!(facts(&filing, &names()).contains(&filing.digest().short()));
    }

    #[test]
    fn what_is_wrong_with_a_filing_is_told_with_its_place() {
        for (from, to, part) in [
            (
                "price = \"3.98\"",
                "price = 3.98",
                "offer 1 (cabbage): price = 3.98 is no exact number",
            ),
            ("price = \"3.98\"", "price = 1e300", "no exact number"),
            ("price = \"3.98\"", "price = \"-3.98\"", "is not digits"),
            ("price = \"3.98\"", "price = \"4.00\"", "add up to 3.98, the price is 4.00"),
            ("price = \"3.98\"", "price = \"99999999999\"", "too large"),
            ("supplier-a", "supplier-z", "\"supplier-z\" is no member"),
            ("unit = \"kg\"", "unit = \"jin\"", "unknown variant"),
            ("cap = 10", "cap = 10.5", "no exact number"),
            ("retention_percent = \"10\"", "retention_percent = \"101\"", "more than 100"),
            ("after_sale_window = \"24h\"", "after_sale_window = \"24\"", "no length of time"),
            ("confirm_by = \"2026-01-05 19:00\"", "confirm_by = \"tonight\"", "confirm_by: "),
            ("business_date = \"2026-01-05\"", "business_date = \"2026-13-05\"", "no day"),
            ("group_buy = \"veg-0105\"", "group_buy = \"蔬菜\"", "characters"),
            ("[minimum]", "[minimun]", "unknown field"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let FilingError(detail) = read_filing(&text, &names()).expect_err(to);
            assert!(detail.contains(part), "{to}: {detail}");
        }
        let failure = FilingError("x".into()).in_file("f.toml");
        assert_eq!(failure.number(), crate::exit::USAGE);
    }
}
