//! `tuan buy`: group buys from filing to closing.

use crate::{
    approve,
    directory::Tags,
    exit::Failure,
    goods::quantity_text,
    input,
    lang::{say, word},
    names::{self, Names},
    offer::yuan,
    output,
    pay::propose,
    session::Session,
    watch,
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
pub(crate) const FILING_EXAMPLE: &str = r#"A filing, with amounts in yuan for a kilogram or a piece, in quotes:

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

/// The same in Chinese.
pub(crate) const FILING_EXAMPLE_ZH: &str = r#"报备文件的写法；金额为每公斤或每件的元数，写在引号里：

  group_buy = "veg-0105"
  business_date = "2026-01-05"
  supplier = "supplier-a"
  delivery = "leader-li"           # 配送、分拣的收款方；不写则为物业
  packing = "leader-li"
  cut_off = "2026-01-05T18:00:00+08:00"
  confirm_by = "2026-01-05 19:00"  # 北京时间；也可写自 1970 年起的毫秒数
  deliver_by = "2026-01-06 12:00"
  after_sale_window = "24h"        # 单位 ms、s、m、h 或 d
  retention_percent = "10"         # 质保金百分比
  relation_declared = false        # 供应商与团长是否有关联关系

  [minimum]                        # 成团条件
  households = 3
  amount = "500.00"

  [[offers]]
  item = "cabbage"
  unit = "kg"                      # 公斤；按件卖写 "piece"
  price = "3.98"                   # 售价，等于货款与各分成之和
  quote = "3.50"                   # 供应商报价；货款即报价，售价更低时为售价
  leader = "0.30"                  # 团长分成
  property = "0.18"                # 物业分成
  stock = "500"                    # 可不写：总限量与每户限量
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
    /// Shows a group buy filling up, until it closes or Ctrl-C
    Watch {
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
                return session
                    .already_done(&say!("{group_buy} is cancelled", "{group_buy} 已取消"));
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
                GroupBuyView::Open(open) => {
                    show(open, &session.names()?, &session.tags_if_known(group_buy)?)
                }
                GroupBuyView::Closed { seal, log_index } => {
                    let closed = say!(
                        "{group_buy} is closed ({}) by entry {log_index}",
                        "{group_buy} 已关闭（{}），见条目 {log_index}",
                        names::phase(seal.phase)
                    );
                    let facts = output::pairs(&[
                        (word!("paid", "已付"), seal.totals.paid.to_yuan()),
                        (word!("refunded", "已退"), seal.totals.refunded.to_yuan()),
                        (word!("filing", "报备"), seal.filing.to_string()),
                        (word!("seal", "封存"), seal.digest().to_string()),
                    ]);
                    format!("{closed}\n{facts}")
                }
            };
            session.output.data(&text, &view)
        }
        BuyCommand::Watch { group_buy } => watch::run(group_buy, session),
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
        let limit = |limit: Option<u64>| {
            limit.map_or(String::new(), |limit| quantity_text(limit, offer.unit))
        };
        vec![
            offer.item.to_string(),
            names::unit(offer.unit).to_owned(),
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
        word!("ITEM", "商品"),
        word!("PER", "单位"),
        word!("PRICE", "售价"),
        word!("QUOTE", "报价"),
        word!("GOODS", "货款"),
        word!("LEADER", "团长"),
        word!("PROPERTY", "物业"),
        word!("DELIVERY", "配送"),
        word!("PACKING", "分拣"),
        word!("STOCK", "限量"),
        word!("CAP", "每户限量"),
    ];
    let declared = if filing.relation_declared {
        word!(", related to the leader", "（与团长有关联关系）")
    } else {
        ""
    };
    let title = say!(
        "{} of {}, filing {}",
        "{}，日期 {}，报备 {}",
        filing.group_buy,
        output::date(filing.business_date),
        filing.digest().short()
    );
    let minimum = say!(
        "at {} with {} households and {} yuan",
        "{}，至少 {} 户、{} 元",
        output::time(filing.confirm_by),
        filing.minimum.households,
        filing.minimum.amount.to_yuan()
    );
    let retention = say!(
        "{} %, after-sale window {}",
        "{}%，售后期 {}",
        Fen::new(u64::from(filing.retention_basis_points)).to_yuan(),
        output::duration(filing.after_sale_window)
    );
    let facts = output::pairs(&[
        (word!("supplier", "供应商"), format!("{}{declared}", names.name(filing.supplier))),
        (word!("orders until", "截止下单"), output::time(filing.cut_off)),
        (word!("forms", "成团"), minimum),
        (word!("goods by", "到货期限"), output::time(filing.deliver_by)),
        (word!("retention", "质保金"), retention),
    ]);
    format!("{title}\n{facts}\n\n{}", output::table(&headings, rows))
}

fn listing(list: &[GroupBuySummary], names: &Names) -> String {
    let rows = list.iter().map(|summary| {
        vec![
            summary.id.to_string(),
            output::date(summary.business_date),
            names::phase(summary.phase).to_owned(),
            names.name(summary.leader),
            names.name(summary.supplier),
            output::time(summary.cut_off),
            summary.orders.to_string(),
            summary.paid.to_yuan(),
            summary.held.to_yuan(),
        ]
    });
    let headings = [
        word!("GROUP BUY", "团购"),
        word!("DATE", "日期"),
        word!("PHASE", "状态"),
        word!("LEADER", "团长"),
        word!("SUPPLIER", "供应商"),
        word!("CUT-OFF", "截止下单"),
        word!("ORDERS", "订单"),
        word!("PAID", "已付"),
        word!("HELD", "在账"),
    ];
    output::table(&headings, rows)
}

fn show(view: &OpenGroupBuy, names: &Names, tags: &Tags) -> String {
    let header = &view.header;
    let approved: Vec<_> = header.approvals.iter().map(|id| names.name(*id)).collect();
    let approved = match approved.as_slice() {
        [] => word!("nobody", "尚无").to_owned(),
        approved => approved.join(word!(", ", "、")),
    };
    let accepted = if header.accepted { word!("yes", "是") } else { word!("not yet", "尚未") };
    let accounts = view.accounts.iter().map(|account| {
        vec![
            names::account(&account.account, &account.text, tags),
            account.debits.to_yuan(),
            account.credits.to_yuan(),
            account.balance.to_yuan(),
        ]
    });
    let headings = [
        word!("ACCOUNT", "账户"),
        word!("DEBITS", "借方"),
        word!("CREDITS", "贷方"),
        word!("BALANCE", "余额"),
    ];
    let accounts = output::table(&headings, accounts);
    let offers = (0u16..).zip(&view.filing.offers).zip(watch::ordered(view));
    let tallies = offers.map(|((index, offer), ordered)| {
        // What is ordered does not come from the tally, which has it for limited stock only.
        let tally = view.offers.iter().find(|(known, _)| *known == index).map(|(_, tally)| tally);
        let of =
            |quantity: fn(&OfferTally) -> u64| quantity_text(tally.map_or(0, quantity), offer.unit);
        vec![
            offer.item.to_string(),
            yuan(offer.price),
            quantity_text(ordered, offer.unit),
            of(|tally| tally.purchased),
            of(|tally| tally.accepted),
        ]
    });
    let headings = [
        word!("ITEM", "商品"),
        word!("PRICE", "售价"),
        word!("ORDERED", "已订"),
        word!("PURCHASED", "已采购"),
        word!("ACCEPTED", "已验收"),
    ];
    let tallies = output::table(&headings, tallies);
    let (paid, purchase) = (header.paid.to_yuan(), header.purchase_total.to_yuan());
    let stand = say!(
        "{} since {}, leader {}\napproved by {approved}; accepted by the supplier: {accepted}\n\
         {} orders of {} households, {} lines; paid {paid}, purchase order {purchase}, held {}",
        "{}，自 {} 起，团长 {}\n已同意：{approved}；供应商接单：{accepted}\n\
         {} 个订单，{} 户，{} 行；已付 {paid}，采购单 {purchase}，在账 {}",
        names::phase(header.phase),
        output::time(header.since),
        names.name(header.leader),
        view.orders.len(),
        view.households.len(),
        header.line_count,
        header.held.to_yuan()
    );
    let stuck = header.stuck.map_or_else(String::new, |why| {
        say!(
            "\nstuck: what was due could not be done (reason {why}); no time limit acts on it until a member \
             takes the next step; please report it to the developers",
            "\n卡住：到期的事项未能执行（原因 {why}）；在成员推进之前，期限不再自动生效；请报告开发者"
        )
    });
    let filing = facts(&view.filing, names);
    format!("{stand}{stuck}\n\n{filing}\n\n{tallies}\n\n{accounts}")
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
        Failure::usage(say!("{name}: {}", "{name}：{}", self.0)).help(say!(
            "write amounts in quotes, like price = \"3.98\"; `tuan buy file --help` has an example",
            "金额写在引号里，如 price = \"3.98\"；`tuan buy file --help` 有示例"
        ))
    }
}

impl From<Failure> for FilingError {
    fn from(failure: Failure) -> Self {
        Self(failure.in_one_line())
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
            .ok_or_else(|| FilingError(say!("there is no property company", "成员中没有物业")))?,
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
            FilingError(say!(
                "offer {position} ({}): {detail}",
                "第 {position} 个商品（{}）：{detail}",
                offer.item
            ))
        })
    });
    let offers = List::new(offers.collect::<Result<_, _>>()?).map_err(|offers: Vec<_>| {
        FilingError(say!("{} offers are too many", "{} 个商品太多了", offers.len()))
    })?;
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
        return Err(FilingError(say!(
            "the parts add up to {parts}, the price is {}",
            "货款与各分成合计 {parts}，而售价是 {}",
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
            return Err(FilingError(say!(
                "{name} = {number} is no exact number; write {name} = \"{number}\"",
                "{name} = {number} 不是精确的数；请写 {name} = \"{number}\""
            )));
        }
        other => {
            return Err(FilingError(say!(
                "{name} = {other} is no number",
                "{name} = {other} 不是数"
            )));
        }
    };
    parse_decimal(&text, decimals).ok_or_else(|| {
        let form = match decimals {
            0 => say!("a whole number", "整数"),
            decimals => {
                say!("digits and at most {decimals} decimals", "最多 {decimals} 位小数的数")
            }
        };
        FilingError(say!("{name} = {text:?} is not {form}", "{name} = {text:?} 不是{form}"))
    })
}

fn read_fen(name: &str, value: &toml::Value) -> Result<u64, FilingError> {
    read_number(name, value, 2)
}

fn read_price(name: &str, value: &toml::Value) -> Result<UnitPrice, FilingError> {
    let fen = u32::try_from(read_fen(name, value)?);
    fen.map(UnitPrice::new)
        .map_err(|_| FilingError(say!("{name} = {value} is too large", "{name} = {value} 太大")))
}

/// Hundredths of a percent; nothing is retained where nothing is said.
fn read_percent(value: Option<&toml::Value>) -> Result<u16, FilingError> {
    let Some(value) = value else { return Ok(0) };
    let basis_points = read_number("retention_percent", value, 2)?;
    u16::try_from(basis_points).ok().filter(|basis_points| *basis_points <= 10_000).ok_or_else(
        || {
            FilingError(say!(
                "retention_percent = {value} is more than 100",
                "retention_percent = {value} 超过 100"
            ))
        },
    )
}

fn read_time(name: &str, value: &toml::Value) -> Result<TimestampMs, FilingError> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(moment) => moment.to_string(),
        toml::Value::Integer(ms) => ms.to_string(),
        other => {
            return Err(FilingError(say!(
                "{name} = {other} is no time",
                "{name} = {other} 不是时间"
            )));
        }
    };
    input::time(&text).map_err(|detail| FilingError(say!("{name}: {detail}", "{name}：{detail}")))
}

fn read_duration(value: &toml::Value) -> Result<DurationMs, FilingError> {
    match value {
        toml::Value::String(text) => input::duration(text),
        toml::Value::Integer(ms) => u64::try_from(*ms)
            .map(DurationMs::new)
            .map_err(|_| say!("{ms} is below zero", "{ms} 小于零")),
        other => Err(say!("{other} is no length of time", "{other} 不是时长")),
    }
    .map_err(|detail| {
        FilingError(say!("after_sale_window: {detail}", "after_sale_window：{detail}"))
    })
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
    number.map(BusinessDate::new).ok_or_else(|| {
        FilingError(say!(
            "business_date = {text:?} is no day like 2026-01-05",
            "business_date = {text:?} 不是 2026-01-05 这样的日期"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{genesis::tests::orchard, testing};
    use ledger_core::{
        fund::{AccountId, LineRequest, OrderRequest},
        types::{HouseholdTag, MemberId, Quantity},
    };

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
        for example in [FILING_EXAMPLE, FILING_EXAMPLE_ZH] {
            let (_, example) = example.split_once("\n\n").expect("a title and a filing");
            let filing = read_filing(example, &names()).expect("reads");
            assert_eq!(filing.offers[0].split.goods, UnitPrice::new(350));
        }
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

    #[test]
    fn no_number_that_a_node_says_is_too_much() {
        let mut truth = testing::group_buy();
        let request = OrderRequest {
            order: "A1".parse().expect("a number"),
            household: HouseholdTag::new([1; 16]),
            delivery_code: None,
            replaces: None,
            lines: List::new(vec![LineRequest { offer: 0, quantity: Quantity::new(2_500) }])
                .expect("fits"),
        };
        truth.orders.push((request.order, testing::order_of(&request)));
        truth.accounts.push(testing::credit(AccountId::Escrow(request.household), 500));
        for view in testing::lies(&truth) {
            assert!(!show(&view, &names(), &Tags::default()).is_empty());
            assert!(!facts(&view.filing, &names()).is_empty());
        }
    }

    #[test]
    fn what_is_ordered_is_shown_before_the_group_buy_forms() {
        let mut view = testing::group_buy();
        view.offers.clear();
        let number = "A1".parse().expect("a number");
        let line = LineRequest { offer: 0, quantity: Quantity::new(2_500) };
        let request = OrderRequest {
            order: number,
            household: HouseholdTag::new([1; 16]),
            delivery_code: None,
            replaces: None,
            lines: List::new(vec![line]).expect("fits"),
        };
        view.orders.push((number, testing::order_of(&request)));
        let text = show(&view, &names(), &Tags::default());
        assert!(text.contains("2.500      0.000"), "{text}");
    }
}
