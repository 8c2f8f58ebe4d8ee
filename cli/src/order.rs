//! `tuan order`: what households take.

use crate::{
    directory::Tags,
    exit::Failure,
    import::{self, Item, Report},
    input,
    lang::{say, word},
    offer::{find_offer, order_action, yuan},
    output::{self, plain},
    relay::{self, AliasCommand, RelayOptions},
    session::Session,
    table_file::{self, Row},
};
use clap::{Args, Subcommand};
use ledger_core::{
    api::OpenGroupBuy,
    codec::{List, encode},
    crypto::{Digest, Domain},
    fund::{Cover, Filing, LineRequest, Order, OrderRequest},
    types::{Fen, GroupBuyId, HouseholdTag, ItemCode, OrderNo, Quantity},
};
use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, IsTerminal as _},
    path::PathBuf,
};

/// Columns of an order file.
pub(crate) const COLUMNS: [&str; 5] =
    ["order_no", "household", "item_code", "quantity", "unit_price"];

/// `tuan order`.
#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Enters the orders of a CSV file or of a relay list; importing it again changes nothing
    Import {
        /// CSV with the columns order_no,household,item_code,quantity,unit_price; or the pasted text of a relay list, `-` for standard input
        file: PathBuf,
        /// What the file is
        #[arg(long, value_enum, default_value_t = OrderFormat::Csv)]
        format: OrderFormat,
        /// Which group buy
        #[arg(long)]
        group_buy: GroupBuyId,
        /// Check everything and send nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask before sending
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        relay: RelayOptions,
    },
    /// What was answered about the words of relay lists
    #[command(subcommand)]
    Aliases(AliasCommand),
    /// Enters one order
    Add {
        #[command(flatten)]
        order: OneOrder,
        /// Whose it is
        #[arg(long)]
        household: String,
        /// 32 hexadecimal digits that the household shows when it takes the goods
        #[arg(long, value_name = "CODE", value_parser = delivery_code)]
        delivery_code: Option<DeliveryCode>,
    },
    /// Replaces the lines of an order
    Change {
        #[command(flatten)]
        order: OneOrder,
        /// The version that you have seen; else the current one
        #[arg(long, value_name = "VERSION")]
        replaces: Option<u32>,
    },
    /// Withdraws an order; what was paid for it is refunded
    Withdraw {
        /// Which group buy
        #[arg(long)]
        group_buy: GroupBuyId,
        /// Its number
        #[arg(long)]
        order: OrderNo,
        /// The version that you have seen; else the current one
        #[arg(long, value_name = "VERSION")]
        replaces: Option<u32>,
    },
    /// Lists the orders of a group buy
    List {
        /// Which group buy
        #[arg(long)]
        group_buy: GroupBuyId,
        /// Only of this household
        #[arg(long)]
        household: Option<String>,
    },
}

/// What a file of orders is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OrderFormat {
    /// A table with one row for each line of an order.
    Csv,
    /// The text of a relay list 接龙, as people paste it.
    Relay,
}

/// An order by number, with its lines.
#[derive(Debug, Args)]
pub(crate) struct OneOrder {
    /// Which group buy
    #[arg(long)]
    group_buy: GroupBuyId,
    /// Its number
    #[arg(long)]
    order: OrderNo,
    /// ITEM=QUANTITY, or ITEM=QUANTITY@PRICE where an item has several prices; repeatable
    #[arg(long = "line", value_name = "LINE", required = true)]
    lines: Vec<String>,
}

/// What a household shows when it takes its goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeliveryCode(pub(crate) [u8; 16]);

impl DeliveryCode {
    /// What the ledger keeps of it.
    pub(crate) fn digest(&self, household: &HouseholdTag) -> Digest {
        Domain::DeliveryCode.digest(&[household.as_bytes(), &self.0])
    }
}

/// Reads a delivery code.
pub(crate) fn delivery_code(text: &str) -> Result<DeliveryCode, String> {
    let mut code = [0; 16];
    hex::decode_to_slice(text.trim(), &mut code).map_err(|_| {
        say!(
            "{text:?} is no delivery code of 32 hexadecimal digits",
            "{text:?} 不是 32 位十六进制的提货码"
        )
    })?;
    Ok(DeliveryCode(code))
}

/// Runs `tuan order`.
pub(crate) fn run(command: &OrderCommand, session: &Session) -> Result<(), Failure> {
    match command {
        OrderCommand::Import {
            file,
            format: OrderFormat::Relay,
            group_buy,
            dry_run,
            yes,
            relay,
        } => relay::import(session, file, group_buy, relay, *dry_run, *yes),
        OrderCommand::Aliases(command) => relay::aliases(command, session),
        OrderCommand::Import { relay, .. } if relay.any() => Err(Failure::usage(say!(
            "--alias, --who, --list and --withdraw-missing are for relay lists",
            "--alias、--who、--list、--withdraw-missing 只用于接龙"
        ))
        .help(say!("add --format relay", "请加上 --format relay"))),
        OrderCommand::Import { file, group_buy, dry_run, yes, .. } => {
            let rows = table_file::read(file, COLUMNS)?;
            let view = session.group_buy(group_buy)?;
            let plan = plan(&rows, &view, &session.tags(group_buy)?);
            import_orders(session, &view, plan, *dry_run, *yes)
        }
        OrderCommand::Add { order, household, delivery_code } => {
            let view = session.group_buy(&order.group_buy)?;
            let tags = session.tags(&order.group_buy)?;
            let household = tags.tag(household).map_err(unknown_household)?;
            let request = OrderRequest {
                order: order.order,
                household,
                delivery_code: delivery_code.map(|code| code.digest(&household)),
                replaces: None,
                lines: lines(&order.lines, &view.filing)?,
            };
            submit(session, &view, request)
        }
        OrderCommand::Change { order, replaces } => {
            let view = session.group_buy(&order.group_buy)?;
            let lines = lines(&order.lines, &view.filing)?;
            replace(session, &view, order.order, *replaces, lines)
        }
        OrderCommand::Withdraw { group_buy, order, replaces } => {
            let view = session.group_buy(group_buy)?;
            replace(session, &view, *order, *replaces, List::default())
        }
        OrderCommand::List { group_buy, household } => {
            let view = session.group_buy(group_buy)?;
            let tags = session.tags_if_known(group_buy)?;
            let only = match household {
                Some(number) => {
                    Some(session.tags(group_buy)?.tag(number).map_err(unknown_household)?)
                }
                None => None,
            };
            let orders: Vec<_> = view
                .orders
                .iter()
                .filter(|(_, order)| only.is_none_or(|only| order.household == only))
                .collect();
            session.output.data(&listing(&orders, &view.filing, &tags), &orders)
        }
    }
}

fn unknown_household(detail: String) -> Failure {
    Failure::usage(detail).help(say!(
        "check the number, and that --directory is the right one",
        "请核对户号，并确认 --directory 指定的住户册正确"
    ))
}

fn submit(session: &Session, view: &OpenGroupBuy, request: OrderRequest) -> Result<(), Failure> {
    session.submit_one(order_action(view, vec![request]))
}

fn replace(
    session: &Session,
    view: &OpenGroupBuy,
    number: OrderNo,
    replaces: Option<u32>,
    lines: List<LineRequest, { ledger_core::fund::ORDER_LINES_MAX }>,
) -> Result<(), Failure> {
    let (_, order) = view.orders.iter().find(|(known, _)| *known == number).ok_or_else(|| {
        let id = view.id;
        Failure::refused(say!("there is no order {number} in {id}", "{id} 中没有订单 {number}"))
            .help(say!(
                "see `tuan order list --group-buy {id}`",
                "见 `tuan order list --group-buy {id}`"
            ))
    })?;
    if replaces.is_none() && says(order, &lines) {
        let version = order.version;
        return session.already_done(&say!(
            "order {number} stands so, as version {version}",
            "订单 {number} 已是如此，版本 {version}"
        ));
    }
    let request = OrderRequest {
        order: number,
        household: order.household,
        delivery_code: order.delivery_code,
        replaces: Some(replaces.unwrap_or(order.version)),
        lines,
    };
    submit(session, view, request)
}

/// Whether an order has these lines, in whatever order.
fn says(order: &Order, lines: &[LineRequest]) -> bool {
    let mut given: Vec<_> = lines.iter().map(|line| (line.offer, line.quantity)).collect();
    let mut known: Vec<_> = order.lines.iter().map(|line| (line.offer, line.quantity)).collect();
    given.sort_unstable();
    known.sort_unstable();
    given == known
}

/// Reads `--line`s.
fn lines(
    texts: &[String],
    filing: &Filing,
) -> Result<List<LineRequest, { ledger_core::fund::ORDER_LINES_MAX }>, Failure> {
    let wrong = |detail: String| {
        Failure::usage(detail).help(say!(
            "write --line ITEM=QUANTITY or --line ITEM=QUANTITY@PRICE",
            "写成 --line 商品编码=数量 或 --line 商品编码=数量@单价"
        ))
    };
    let mut lines: Vec<LineRequest> = Vec::new();
    for text in texts {
        let (item, rest) = text
            .split_once('=')
            .ok_or_else(|| wrong(say!("{text:?} is no line", "{text:?} 不是明细行")))?;
        let (quantity, price) = match rest.split_once('@') {
            Some((quantity, price)) => (quantity, Some(price)),
            None => (rest, None),
        };
        lines.push(line(filing, item, quantity, price).map_err(wrong)?);
    }
    List::new(lines).map_err(|lines| {
        let count = lines.len();
        wrong(say!("{count} lines are too many", "{count} 行太多了"))
    })
}

/// Finds the offer and reads the quantity in its unit.
fn line(
    filing: &Filing,
    item: &str,
    quantity: &str,
    price: Option<&str>,
) -> Result<LineRequest, String> {
    let code: ItemCode = item
        .trim()
        .parse()
        .map_err(|_| say!("{item:?} is no item code", "{item:?} 不是商品编码"))?;
    let price = price.map(input::price).transpose()?;
    let offer = find_offer(filing, code, price)?;
    let unknown = || say!("item {code} is not offered", "没有商品 {code}");
    let filed = filing.offers.get(usize::from(offer)).ok_or_else(unknown)?;
    let quantity = input::quantity(quantity, filed.unit)?;
    if filed.total(quantity) == Fen::ZERO {
        let quantity = quantity.to_text(filed.unit);
        return Err(say!("{quantity} of {code} costs nothing", "{quantity} 的 {code} 金额为零"));
    }
    Ok(LineRequest { offer, quantity })
}

/// What an order file comes to.
#[derive(Debug)]
struct Plan {
    /// Orders to enter.
    items: Vec<Item<OrderRequest>>,
    /// What is settled before anything is sent.
    report: Report,
    /// What the new orders cost.
    total: Fen,
}

/// An order as its rows have it so far.
struct Draft {
    rows: Vec<u64>,
    household: Option<String>,
    lines: Vec<(u64, LineRequest)>,
    /// The first row in which something is wrong.
    bad_row: Option<u64>,
}

/// Reads the rows against the filing, the directory and the orders that stand.
fn plan(rows: &[Row<5>], view: &OpenGroupBuy, tags: &Tags) -> Plan {
    let mut report = Report { lines: rows.len() as u64, ..Report::default() };
    let mut drafts: Vec<(OrderNo, Draft)> = Vec::new();
    let mut places: BTreeMap<OrderNo, usize> = BTreeMap::new();
    for Row { row, cells: [number, household, item, quantity, price] } in rows {
        let Ok(number) = number.parse::<OrderNo>() else {
            let number = plain(number);
            let reason = say!(
                "{number:?} is no order number of 1 to 16 of A-Z a-z 0-9 . _ -",
                "{number:?} 不是订单号：应为 1 至 16 个字符，限 A-Z a-z 0-9 . _ -"
            );
            report.refuse(&[*row], &reason);
            continue;
        };
        let place = *places.entry(number).or_insert_with(|| {
            let draft =
                Draft { rows: Vec::new(), household: None, lines: Vec::new(), bad_row: None };
            drafts.push((number, draft));
            drafts.len() - 1
        });
        let Some((_, draft)) = drafts.get_mut(place) else { continue };
        if let Err(reason) = draft.take(*row, [household, item, quantity, price], view, tags) {
            report.refuse(&[*row], &reason);
            draft.bad_row.get_or_insert(*row);
        } else {
            draft.rows.push(*row);
        }
    }
    let known: BTreeMap<OrderNo, &Order> = view.orders.iter().map(|(no, o)| (*no, o)).collect();
    let mut plan = Plan { items: Vec::new(), report, total: Fen::ZERO };
    for (number, draft) in drafts {
        plan.settle(number, draft, known.get(&number).copied(), view, tags);
    }
    plan
}

impl Draft {
    fn take(
        &mut self,
        row: u64,
        [household, item, quantity, price]: [&str; 4],
        view: &OpenGroupBuy,
        tags: &Tags,
    ) -> Result<(), String> {
        let household = input::household(household)?;
        tags.tag(&household)?;
        let line = line(&view.filing, item, quantity, Some(price))?;
        if let Some(known) = self.household.as_ref().filter(|known| **known != household) {
            return Err(say!(
                "the order is of household {known} in an earlier row",
                "前面的行里这个订单属于 {known}"
            ));
        }
        self.household = Some(household);
        self.lines.push((row, line));
        Ok(())
    }
}

impl Plan {
    fn settle(
        &mut self,
        number: OrderNo,
        draft: Draft,
        known: Option<&Order>,
        view: &OpenGroupBuy,
        tags: &Tags,
    ) {
        if let Some(bad) = draft.bad_row {
            // Half an order is not what the household asked for.
            let reason =
                say!("row {bad} of the same order is refused", "同一订单的第 {bad} 行被拒");
            self.report.refuse(&draft.rows, &reason);
            return;
        }
        let household = draft.household.as_deref().unwrap_or_default();
        let Ok(household) = tags.tag(household) else { return };
        let lines: Vec<_> = draft.lines.iter().map(|(_, line)| *line).collect();
        match known {
            Some(order) if order.household == household && says(order, &lines) => {
                self.report.unchanged += draft.rows.len() as u64;
                return;
            }
            Some(order) => {
                let version = order.version;
                let reason = say!(
                    "order {number} stands with other content (version {version}); use `tuan order change`",
                    "订单 {number} 已有不同内容（版本 {version}）；请用 `tuan order change`"
                );
                self.report.refuse(&draft.rows, &reason);
                return;
            }
            None => {}
        }
        let costs = lines.iter().filter_map(|line| {
            let offer = view.filing.offers.get(usize::from(line.offer))?;
            Some(offer.total(line.quantity))
        });
        let cost = costs.fold(Fen::ZERO, Fen::saturating_add);
        let work = 1 + lines.len();
        let Ok(lines) = List::new(lines) else {
            let reason = say!("order {number} has too many lines", "订单 {number} 的行数太多");
            self.report.refuse(&draft.rows, &reason);
            return;
        };
        self.total = self.total.saturating_add(cost);
        let content =
            OrderRequest { order: number, household, delivery_code: None, replaces: None, lines };
        let bytes = encode(&content).len();
        self.items.push(Item { rows: draft.rows, content, bytes, work });
    }
}

fn import_orders(
    session: &Session,
    view: &OpenGroupBuy,
    plan: Plan,
    dry_run: bool,
    yes: bool,
) -> Result<(), Failure> {
    let Plan { items, mut report, total } = plan;
    if dry_run {
        report.new = items.iter().map(|item| item.rows.len() as u64).sum();
        report.dry_run = true;
        return report.finish(session);
    }
    if !items.is_empty() && !yes {
        let refused = report.refused.len();
        let (count, total, id) = (items.len(), total.to_yuan(), view.id);
        let unchanged = report.unchanged;
        let question = say!(
            "Enter {count} orders for {total} yuan in {id} ({unchanged} rows unchanged, {refused} refused)?",
            "在 {id} 录入 {count} 个订单，共 {total} 元（{unchanged} 行不变，{refused} 行被拒）？"
        );
        ask(&question)?;
    }
    import::run(session, items, report, |batch| {
        let requests = batch.iter().map(|item| item.content.clone()).collect();
        session.submit(order_action(view, requests))
    })
}

/// Asks on the terminal; anything but yes ends the command.
fn ask(question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(say!(
            "nobody is there to confirm the import",
            "没有人可以确认导入"
        ))
        .help(say!(
            "look at it with --dry-run, then add --yes",
            "先用 --dry-run 查看，再加 --yes"
        )));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" | "是" if read.is_ok() => Ok(()),
        _ => Err(Failure::refused(say!("nothing was sent", "未发送任何内容"))
            .help(say!("answer y to send it", "回答 y 才会发送"))),
    }
}

/// Whether an order is part of the purchase, in a word.
fn cover_name(cover: Cover) -> &'static str {
    match cover {
        Cover::Open => word!("open", "未定"),
        Cover::Covered => word!("covered", "已付清"),
        Cover::Dropped => word!("dropped", "未付清，不订"),
    }
}

fn listing(orders: &[&(OrderNo, Order)], filing: &Filing, tags: &Tags) -> String {
    let mut rows = Vec::new();
    for (number, order) in orders {
        let household = tags.number(&order.household);
        let cover = cover_name(order.cover).to_owned();
        let first = |rest: [String; 4]| {
            let mut row = vec![number.to_string(), order.version.to_string(), household.clone()];
            row.extend(rest);
            row.push(cover.clone());
            row
        };
        if order.lines.is_empty() {
            rows.push(first([
                word!("(withdrawn)", "（已取消）").into(),
                String::new(),
                String::new(),
                String::new(),
            ]));
        }
        for line in &order.lines {
            let Some(offer) = filing.offers.get(usize::from(line.offer)) else { continue };
            let quantity = |quantity: Quantity| quantity.to_text(offer.unit);
            rows.push(first([
                offer.item.to_string(),
                quantity(line.quantity),
                yuan(offer.price),
                offer.total(line.quantity).to_yuan(),
            ]));
        }
    }
    let headings = [
        word!("ORDER", "订单"),
        word!("VERSION", "版本"),
        word!("HOUSEHOLD", "户号"),
        word!("ITEM", "商品"),
        word!("QUANTITY", "数量"),
        word!("PRICE", "单价"),
        word!("TOTAL", "金额"),
        word!("COVER", "付清"),
    ];
    output::table(&headings, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{directory, testing};

    const HEAD: &str = "order_no,household,item_code,quantity,unit_price\n";

    fn planned(text: &str, view: &OpenGroupBuy) -> Plan {
        let bytes = format!("{HEAD}{text}").into_bytes();
        let rows = table_file::parse(bytes, "o.csv", COLUMNS).expect("a good heading");
        let directory = directory::tests::directory(&["3-201", "3-202"]);
        plan(&rows, view, &directory.tags(&view.id))
    }

    fn reasons(text: &str) -> Vec<(u64, String)> {
        let mut refused = planned(text, &testing::group_buy()).report.refused;
        refused.sort_by_key(|refused| refused.row);
        refused.into_iter().map(|refused| (refused.row, refused.reason)).collect()
    }

    #[test]
    fn rows_of_one_order_become_one_request() {
        let view = testing::group_buy();
        let plan =
            planned("A1,3-201,cabbage,1.5,3.98\nA2,3-202,egg,2,12.00\nA1,3-201,egg,1,12\n", &view);
        assert_eq!(plan.report.refused, []);
        let orders: Vec<_> = plan
            .items
            .iter()
            .map(|item| {
                (item.content.order.to_string(), item.rows.clone(), item.content.lines.len())
            })
            .collect();
        assert_eq!(orders, [("A1".into(), vec![2, 4], 2), ("A2".into(), vec![3], 1)]);
        // 1.5 kg at 3.98 is 5.97.
        assert_eq!(plan.total, Fen::new(597 + 2_400 + 1_200));
        assert_eq!(plan.items[0].bytes, encode(&plan.items[0].content).len());
    }

    #[test]
    fn importing_again_changes_nothing() {
        let mut view = testing::group_buy();
        let text = "A1,3-201,cabbage,1.5,3.98\nA1,3-201,egg,1,12\nA2,3-202,egg,2,12.00\n";
        for item in planned(text, &view).items {
            view.orders.push((item.content.order, testing::order_of(&item.content)));
        }
        let again = planned(text, &view);
        assert_eq!((again.items.len(), again.report.unchanged), (0, 3));
        let other = planned("A1,3-201,cabbage,2,3.98\n", &view);
        assert!(other.report.refused[0].reason.contains("tuan order change"));
        assert!(other.items.is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused_by_row_and_takes_its_order_along() {
        let refused =
            reasons("A1,3-201,cabbage,-1,3.98\nA1,3-201,egg,1,12.00\nA2,3-202,egg,1,12.00\n");
        assert_eq!(refused.len(), 2);
        assert_eq!(refused[0].0, 2);
        assert!(refused[0].1.contains("is no weight"), "{}", refused[0].1);
        assert_eq!(refused[1], (3, "row 2 of the same order is refused".into()));
        for (row, part) in [
            ("A1,3-201,cabbage,1e300,3.98", "is no weight"),
            ("A1,3-201,cabbage,NaN,3.98", "is no weight"),
            ("A1,3-201,egg,1.5,12.00", "no number of pieces"),
            ("A1,3-201,cabbage,0,3.98", "the quantity is zero"),
            ("A1,3-201,cabbage,0.001,3.98", "costs nothing"),
            ("A1,9-999,cabbage,1,3.98", "household 9-999 is not in the directory"),
            ("A1,,cabbage,1,3.98", "the household number is empty"),
            ("A1,3-201,durian,1,3.98", "item durian is not offered"),
            ("A1,3-201,白菜,1,3.98", "is no item code"),
            ("A1,3-201,cabbage,1,3.99", "not offered at 3.99, but at 3.98"),
            ("A1,3-201,cabbage,1,3.980001", "is no price"),
            ("\"A 1\",3-201,cabbage,1,3.98", "is no order number"),
            ("12345678901234567,3-201,cabbage,1,3.98", "is no order number"),
        ] {
            let refused = reasons(row);
            assert_eq!(refused.len(), 1, "{row}");
            assert!(refused[0].1.contains(part), "{row}: {}", refused[0].1);
        }
    }

    #[test]
    fn an_order_has_one_household_and_a_line_may_repeat_another() {
        let refused = reasons("A1,3-201,egg,1,12.00\nA1,3-202,cabbage,1,3.98\n");
        assert!(refused[1].1.contains("household 3-201 in an earlier row"), "{refused:?}");
        // Two purchases of the same good are two lines: a line is known by its position.
        assert!(reasons("A1,3-201,egg,1,12.00\nA1,3-201,egg,1,12.00\n").is_empty());
    }

    #[test]
    fn lines_on_the_command_line_name_an_item_and_a_price_where_needed() {
        let filing = testing::group_buy().filing;
        let read = |text: &str| lines(&[text.to_owned()], &filing).map(|lines| lines[0]);
        let line = LineRequest { offer: 0, quantity: Quantity::new(1_500) };
        assert_eq!(read("cabbage=1.5"), Ok(line));
        assert_eq!(read("cabbage=1.5@3.98"), Ok(line));
        for bad in ["cabbage", "cabbage=", "cabbage=-1", "cabbage=1@9", "apple=1", "=1"] {
            assert_eq!(read(bad).expect_err(bad).number(), crate::exit::USAGE, "{bad}");
        }
        assert!(read("apple=1").expect_err("two prices").to_string().contains("several prices"));
        assert_eq!(lines(&["egg=1".into(), "egg=1".into()], &filing).expect("two").len(), 2);
    }

    #[test]
    fn a_listing_shows_numbers_where_the_directory_knows_them() {
        let mut view = testing::group_buy();
        let plan = planned("A1,3-201,cabbage,1.5,3.98\n", &view);
        view.orders.push((plan.items[0].content.order, testing::order_of(&plan.items[0].content)));
        let tags = directory::tests::directory(&["3-201"]).tags(&view.id);
        let orders: Vec<_> = view.orders.iter().collect();
        let text = listing(&orders, &view.filing, &tags);
        assert!(
            text.contains("3-201") && text.contains("1.500") && text.contains("5.97"),
            "{text}"
        );
    }
}
