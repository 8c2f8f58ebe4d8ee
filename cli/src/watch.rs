//! `tuan buy watch`: a group buy filling up.
//!
//! On a terminal one picture is drawn over and over; elsewhere every change is a line, or an object of
//! JSON. What stands in the ledger is asked of nodes whenever [`Changes`] says that something may have
//! changed; a node that goes away for a while is asked again.

use crate::{
    clock::now,
    exit::Failure,
    goods::quantity_text,
    lang::{say, word},
    names,
    offer::yuan,
    output::{self, Output, Tone},
    session::{Session, balance},
};
use ledger_core::{
    api::{GroupBuyView, OpenGroupBuy},
    fund::{AccountId, Cover, Order, Phase},
    types::{Fen, GroupBuyId, HouseholdTag, ItemCode, TimestampMs, Unit, UnitPrice},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_secs(2);
/// Columns of the bar that shows how much is paid.
const BAR_COLUMNS: u64 = 20;
/// Narrower screens have no bar.
const BAR_SCREEN_MIN: usize = 72;

/// Runs `tuan buy watch`.
pub(crate) fn run(group_buy: &GroupBuyId, session: &Session) -> Result<(), Failure> {
    let (stop, stopped) = mpsc::channel();
    // A second Ctrl-C finds nobody who listens any more, and needs nobody.
    let handler = move || {
        let _ = stop.send(());
    };
    ctrlc::set_handler(handler).map_err(|error| {
        Failure::setup(say!("cannot listen for Ctrl-C: {error}", "无法监听 Ctrl-C：{error}"))
    })?;
    let look = || session.client.group_buy(group_buy);
    watch(group_buy, look, &mut EveryPause { stopped }, &mut Paper::new(session.output))
}

/// Says when to look again.
trait Changes {
    /// Returns when something may have changed, or the user has seen enough.
    fn wait(&mut self) -> Next;
}

/// What to do after waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Look,
    Stop,
}

/// Nobody tells us of changes, so we look again and again.
struct EveryPause {
    stopped: mpsc::Receiver<()>,
}

impl Changes for EveryPause {
    fn wait(&mut self) -> Next {
        match self.stopped.recv_timeout(PAUSE) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Next::Stop,
            Err(RecvTimeoutError::Timeout) => Next::Look,
        }
    }
}

/// Where pictures go.
trait Screen {
    /// Shows how it stands; `silence` says why nobody answers at present.
    fn show(&mut self, picture: &Picture, silence: Option<&str>) -> Result<(), Failure>;
    /// Says how it ended.
    fn end(&mut self, end: &End) -> Result<(), Failure>;
    /// Leaves room for what comes after the picture.
    fn leave(&mut self) -> Result<(), Failure>;
}

fn watch(
    group_buy: &GroupBuyId,
    mut look: impl FnMut() -> Result<GroupBuyView, Failure>,
    changes: &mut impl Changes,
    screen: &mut impl Screen,
) -> Result<(), Failure> {
    let mut last: Option<Picture> = None;
    loop {
        match (look(), &last) {
            (Ok(GroupBuyView::Open(view)), _) => {
                let picture = Picture::of(&view);
                screen.show(&picture, None)?;
                if has_ended(picture.phase) {
                    return screen.end(&End { group_buy: *group_buy, ended: picture.phase });
                }
                last = Some(picture);
            }
            (Ok(GroupBuyView::Closed { seal, .. }), _) => {
                return screen.end(&End { group_buy: *group_buy, ended: seal.phase });
            }
            // It was there before, so the question is right and somebody will answer again.
            (Err(failure), Some(picture)) if failure.may_pass() => {
                screen.show(picture, Some(failure.message()))?;
            }
            (Err(failure), _) => return Err(failure),
        }
        if changes.wait() == Next::Stop {
            return screen.leave();
        }
    }
}

/// Whether nothing more comes together. The ledger has dropped all orders then, so that nothing can
/// be said of the minimum any more.
fn has_ended(phase: Phase) -> bool {
    matches!(phase, Phase::Rejected | Phase::Failed | Phase::Cancelled)
}

/// The last thing there is to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct End {
    group_buy: GroupBuyId,
    ended: Phase,
}

impl End {
    fn text(&self) -> String {
        let (id, phase) = (self.group_buy, names::phase(self.ended));
        match self.ended {
            Phase::Rejected | Phase::Failed | Phase::Cancelled => {
                say!("{id} has ended: {phase}", "{id} 已结束：{phase}")
            }
            Phase::Filed
            | Phase::Open
            | Phase::Formed
            | Phase::Ordered
            | Phase::Received
            | Phase::Delivered
            | Phase::Settled => say!("{id} is closed: {phase}", "{id} 已关闭：{phase}"),
        }
    }
}

/// How a group buy stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Picture {
    group_buy: GroupBuyId,
    phase: Phase,
    cut_off: TimestampMs,
    confirm_by: TimestampMs,
    orders: usize,
    households: usize,
    lines: usize,
    ordered: Fen,
    paid: Fen,
    minimum: Minimum,
    items: Vec<ItemPicture>,
}

/// What must come together, and what has: only orders that are paid in full count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Minimum {
    households: u32,
    households_covered: usize,
    amount: Fen,
    amount_covered: Fen,
    reached: bool,
}

/// How much of one offer is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ItemPicture {
    item: ItemCode,
    price: UnitPrice,
    unit: Unit,
    ordered: u64,
    stock: Option<u64>,
}

impl Picture {
    fn of(view: &OpenGroupBuy) -> Self {
        let OpenGroupBuy { id, header, filing, orders, .. } = view;
        // An order without lines was withdrawn.
        let orders: Vec<&Order> =
            orders.iter().map(|(_, order)| order).filter(|order| !order.lines.is_empty()).collect();
        let households: BTreeSet<_> = orders.iter().map(|order| order.household).collect();
        let cost = |order: &Order| {
            let costs = order.lines.iter().filter_map(|line| {
                let offer = filing.offers.get(usize::from(line.offer))?;
                Some(offer.total(line.quantity))
            });
            costs.fold(Fen::ZERO, Fen::saturating_add)
        };
        let items = filing.offers.iter().zip(ordered(view)).map(|(offer, ordered)| ItemPicture {
            item: offer.item,
            price: offer.price,
            unit: offer.unit,
            ordered,
            stock: offer.stock,
        });
        let covered = covered(view, &orders, cost);
        let households_covered: BTreeSet<_> = covered.iter().map(|order| order.household).collect();
        let amount_covered =
            covered.iter().map(|order| cost(order)).fold(Fen::ZERO, Fen::saturating_add);
        let needed = filing.minimum;
        let minimum = Minimum {
            households: needed.households,
            households_covered: households_covered.len(),
            amount: needed.amount,
            amount_covered,
            // As at the founding hour itself (G30): nothing at all is never enough.
            reached: amount_covered > Fen::ZERO
                && amount_covered >= needed.amount
                && households_covered.len()
                    >= usize::try_from(needed.households).unwrap_or(usize::MAX),
        };
        Self {
            group_buy: *id,
            phase: header.phase,
            cut_off: filing.cut_off,
            confirm_by: filing.confirm_by,
            orders: orders.len(),
            households: households.len(),
            lines: orders.iter().map(|order| order.lines.len()).sum(),
            ordered: orders.iter().map(|order| cost(order)).fold(Fen::ZERO, Fen::saturating_add),
            paid: header.paid,
            minimum,
            items: items.collect(),
        }
    }
}

/// How much of each offer the orders take, in the order of the filing.
///
/// The ledger itself counts along only where the stock is limited, so the lines are added up here.
pub(crate) fn ordered(view: &OpenGroupBuy) -> Vec<u64> {
    let mut ordered = vec![0_u64; view.filing.offers.len()];
    for line in view.orders.iter().flat_map(|(_, order)| &order.lines) {
        if let Some(sum) = ordered.get_mut(usize::from(line.offer)) {
            *sum = sum.saturating_add(u64::from(line.quantity.get()));
        }
    }
    ordered
}

/// The orders that are paid in full: as the ledger decided, or as it would decide now, with each
/// household's money going to its orders in order of entry.
fn covered<'a>(
    view: &OpenGroupBuy,
    orders: &[&'a Order],
    cost: impl Fn(&Order) -> Fen,
) -> Vec<&'a Order> {
    if !matches!(view.header.phase, Phase::Filed | Phase::Open) {
        return orders.iter().copied().filter(|order| order.cover == Cover::Covered).collect();
    }
    let mut left: BTreeMap<HouseholdTag, Fen> = BTreeMap::new();
    let mut covered = Vec::new();
    for order in orders {
        let escrow = || balance(&view.accounts, &AccountId::Escrow(order.household));
        let left = left.entry(order.household).or_insert_with(escrow);
        let cost = cost(order);
        if cost > Fen::ZERO && cost <= *left {
            *left = left.saturating_sub(cost);
            covered.push(*order);
        }
    }
    covered
}

/// The terminal, a file or a pipe.
struct Paper {
    output: Output,
    live: bool,
    /// Lines of the picture that stands on the terminal.
    drawn: usize,
    last: Option<Picture>,
    silent: bool,
}

impl Paper {
    fn new(output: Output) -> Self {
        let dumb = std::env::var("TERM").is_ok_and(|terminal| terminal == "dumb");
        let live = !output.is_json() && !dumb && output::screen().is_some();
        Self { output, live, drawn: 0, last: None, silent: false }
    }
}

impl Screen for Paper {
    fn show(&mut self, picture: &Picture, silence: Option<&str>) -> Result<(), Failure> {
        let at = now()?;
        if let Some((columns, lines)) = output::screen().filter(|_| self.live) {
            let text = drawing(picture, silence, at, columns, lines);
            output::redraw(self.drawn, &text)?;
            self.drawn = text.lines().count();
            return Ok(());
        }
        if silence.is_some() != self.silent {
            self.silent = silence.is_some();
            self.output.note(&match silence {
                Some(reason) => say!("{reason}; will ask again", "{reason}；稍后再问"),
                None => say!("a node answers again", "节点恢复应答"),
            });
        }
        if self.last.as_ref() != Some(picture) {
            self.last = Some(picture.clone());
            self.output.data(&line(picture, at), picture)?;
        }
        Ok(())
    }

    fn end(&mut self, end: &End) -> Result<(), Failure> {
        self.output.data(&end.text(), end)
    }

    fn leave(&mut self) -> Result<(), Failure> {
        // The terminal has written ^C.
        if self.live { output::print("\n") } else { Ok(()) }
    }
}

/// One change in one line.
fn line(picture: &Picture, at: TimestampMs) -> String {
    let Picture { group_buy, orders, households, lines, .. } = picture;
    let (time, phase) = (output::time(at), names::phase(picture.phase));
    let (paid, ordered) = (picture.paid.to_yuan(), picture.ordered.to_yuan());
    let minimum = match has_ended(picture.phase) {
        true => String::new(),
        false => {
            let minimum = minimum(&picture.minimum);
            say!("; minimum {minimum}", "；成团条件 {minimum}")
        }
    };
    say!(
        "{time}  {group_buy} {phase}: {orders} orders, {households} households, {lines} lines; \
         paid {paid} of {ordered} yuan{minimum}",
        "{time}  {group_buy} {phase}：{orders} 个订单，{households} 户，{lines} 行；\
         已付 {paid} 元，共订 {ordered} 元{minimum}"
    )
}

fn minimum(minimum: &Minimum) -> String {
    let Minimum { households, households_covered, amount, amount_covered, reached } = minimum;
    let (amount, covered) = (amount.to_yuan(), amount_covered.to_yuan());
    let reached = if *reached { reached_text() } else { word!("not reached", "未达到") };
    say!(
        "{reached} ({households_covered} of {households} households, {covered} of {amount} yuan)",
        "{reached}（{households_covered}/{households} 户，{covered}/{amount} 元）"
    )
}

fn reached_text() -> &'static str {
    word!("reached", "已达到")
}

/// The whole picture, for a screen of so many columns and lines.
fn drawing(
    picture: &Picture,
    silence: Option<&str>,
    at: TimestampMs,
    columns: usize,
    lines: usize,
) -> String {
    let phase = names::phase(picture.phase);
    let (id, orders, households) = (picture.group_buy, picture.orders, picture.households);
    let line_count = picture.lines;
    let mut facts = Vec::new();
    if picture.phase == Phase::Open {
        let (name, moment) = match at < picture.cut_off {
            true => (word!("cut-off", "截止下单"), picture.cut_off),
            false => (word!("forms", "成团时间"), picture.confirm_by),
        };
        facts.push((name, format!("{} ({})", left(at, moment), output::time(moment))));
    }
    facts.push((
        word!("orders", "订单"),
        say!(
            "{orders} by {households} households, {line_count} lines",
            "{orders} 个，{households} 户，{line_count} 行"
        ),
    ));
    let bar = if columns < BAR_SCREEN_MIN { String::new() } else { bar(picture) };
    let (paid, ordered) = (picture.paid.to_yuan(), picture.ordered.to_yuan());
    facts.push((
        word!("paid", "已付"),
        say!("{paid} of {ordered} yuan{bar}", "{paid} 元，共订 {ordered} 元{bar}"),
    ));
    if !has_ended(picture.phase) {
        facts.push((word!("minimum", "成团条件"), minimum(&picture.minimum)));
    }
    let rows = picture.items.iter().map(|item| {
        let quantity = |quantity| quantity_text(quantity, item.unit);
        let stock = item.stock.map_or(String::new(), quantity);
        vec![item.item.to_string(), yuan(item.price), quantity(item.ordered), stock]
    });
    let headings = [
        word!("ITEM", "商品"),
        word!("PRICE", "售价"),
        word!("ORDERED", "已订"),
        word!("STOCK", "限量"),
    ];
    let facts = output::pairs_within(Some(columns), &facts);
    let items = output::table_within(Some(columns), &headings, rows);
    let mut text: Vec<String> = vec![format!("{id}  {phase}")];
    text.extend(facts.lines().map(|line| {
        let tone = if picture.minimum.reached { Tone::Good } else { Tone::Open };
        match line.strip_prefix(word!("minimum", "成团条件")) {
            Some(rest) => {
                format!("{}{}", word!("minimum", "成团条件"), output::paint(tone, rest))
            }
            None => line.to_owned(),
        }
    }));
    text.push(String::new());
    text.extend(items.lines().map(str::to_owned));
    let footer = match silence {
        Some(reason) => {
            let said = say!("{reason}; asking again", "{reason}；正在重试");
            let said = output::wrap(&output::plain(&said), columns);
            said.iter().map(|line| output::paint(Tone::Open, line)).collect()
        }
        None => vec![say!("Ctrl-C ends this view", "按 Ctrl-C 结束")],
    };
    text.push(String::new());
    // The picture is drawn over the last one, so none of it may scroll away; the cursor needs a line.
    let room = lines.saturating_sub(footer.len() + 2);
    if text.len() > room {
        let hidden = text.len() - room;
        text.truncate(room);
        text.push(say!("... and {hidden} more lines", "……另有 {hidden} 行"));
    }
    text.extend(footer);
    text.join("\n")
}

/// How much of what is ordered is paid, as a bar.
fn bar(picture: &Picture) -> String {
    let (paid, ordered) = (picture.paid.get(), picture.ordered.get());
    if ordered == 0 {
        return String::new();
    }
    let of = |whole: u64| {
        let share = u128::from(paid.min(ordered)) * u128::from(whole) / u128::from(ordered);
        u64::try_from(share).unwrap_or(whole)
    };
    let full = usize::try_from(of(BAR_COLUMNS)).unwrap_or_default();
    let empty = usize::try_from(BAR_COLUMNS).unwrap_or_default() - full;
    format!("  [{}{}] {}%", "#".repeat(full), "-".repeat(empty), of(100))
}

/// The time until a moment, as people say it.
fn left(now: TimestampMs, moment: TimestampMs) -> String {
    let seconds = moment.get().saturating_sub(now.get()) / 1_000;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => say!("in {seconds} s", "还有 {seconds} 秒"),
        (0, 0, _) => say!("in {minutes} min {seconds} s", "还有 {minutes} 分 {seconds} 秒"),
        (0, ..) => say!("in {hours} h {minutes} min", "还有 {hours} 小时 {minutes} 分"),
        _ => say!("in {days} d {hours} h", "还有 {days} 天 {hours} 小时"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        lang::{self, Language},
        testing,
    };
    use ledger_core::{
        codec::List,
        fund::{LineRequest, OrderRequest},
        types::Quantity,
    };
    use unicode_width::UnicodeWidthStr as _;

    fn tag(seed: u8) -> HouseholdTag {
        HouseholdTag::new([seed; 16])
    }

    /// Two households with cabbage and eggs; the first has paid its first order, not its second.
    fn filling() -> OpenGroupBuy {
        let mut view = testing::group_buy();
        view.filing.minimum.households = 2;
        view.filing.minimum.amount = Fen::new(3_000);
        let mut offers = view.filing.offers.to_vec();
        offers[0].stock = Some(500_000);
        view.filing.offers = List::new(offers).expect("as many as before");
        for (number, seed, lines) in [
            ("A1", 1, vec![(0, 2_500), (1, 1)]),
            ("A2", 1, vec![(1, 1)]),
            ("A3", 2, vec![(0, 10_000)]),
            ("A4", 3, vec![]),
        ] {
            let lines = lines
                .into_iter()
                .map(|(offer, quantity)| LineRequest { offer, quantity: Quantity::new(quantity) });
            let request = OrderRequest {
                order: number.parse().expect("a number"),
                household: tag(seed),
                delivery_code: None,
                replaces: None,
                lines: List::new(lines.collect()).expect("fits"),
            };
            view.orders.push((request.order, testing::order_of(&request)));
        }
        view.accounts = vec![testing::credit(AccountId::Escrow(tag(1)), 2_200)];
        view.header.paid = Fen::new(2_200);
        view
    }

    const EVENING: TimestampMs = TimestampMs::new(1_767_592_020_000);

    #[test]
    fn no_number_that_a_node_says_is_too_much() {
        for view in testing::lies(&filling()) {
            let picture = Picture::of(&view);
            assert!(!drawing(&picture, None, EVENING, 80, 24).is_empty());
            assert!(!line(&picture, EVENING).is_empty());
        }
    }

    #[test]
    fn the_minimum_counts_what_is_paid_in_full() {
        let mut view = filling();
        let picture = Picture::of(&view);
        assert_eq!((picture.orders, picture.households, picture.lines), (3, 2, 4));
        assert_eq!(picture.ordered, Fen::new(2_195 + 1_200 + 3_980));
        assert_eq!(picture.items[0].ordered, 12_500);
        let Minimum { households_covered, amount_covered, reached, .. } = picture.minimum;
        assert_eq!((households_covered, amount_covered, reached), (1, Fen::new(2_195), false));

        view.accounts.push(testing::credit(AccountId::Escrow(tag(2)), 3_980));
        assert!(Picture::of(&view).minimum.reached);

        // Once it has formed the ledger's own decision counts.
        view.header.phase = Phase::Formed;
        view.orders[2].1.cover = Cover::Covered;
        let minimum = Picture::of(&view).minimum;
        assert_eq!((minimum.households_covered, minimum.reached), (1, false));
    }

    #[test]
    fn pictures_fit_the_screen_in_both_languages() {
        let picture = Picture::of(&filling());
        for (language, name) in [(Language::En, "en"), (Language::Zh, "zh")] {
            for columns in [40, 100] {
                let text = lang::within(language, || drawing(&picture, None, EVENING, columns, 40));
                let text = anstream::adapter::strip_str(&text).to_string();
                for line in text.lines() {
                    assert!(line.width() <= columns, "{columns} columns: {line}");
                }
                insta::assert_snapshot!(format!("drawing_{name}_{columns}"), text);
            }
            let text = lang::within(language, || line(&picture, EVENING));
            insta::assert_snapshot!(format!("line_{name}"), text);
        }
    }

    #[test]
    fn a_low_screen_never_scrolls() {
        let picture = Picture::of(&filling());
        for lines in 4..20 {
            for silence in [None, Some("no node answers")] {
                let text = drawing(&picture, silence, EVENING, 40, lines);
                assert!(text.lines().count() < lines, "{lines} lines:\n{text}");
            }
        }
    }

    #[derive(Default)]
    struct Seen {
        pictures: Vec<(Phase, bool)>,
        end: Option<Phase>,
    }

    impl Screen for Seen {
        fn show(&mut self, picture: &Picture, silence: Option<&str>) -> Result<(), Failure> {
            self.pictures.push((picture.phase, silence.is_some()));
            Ok(())
        }

        fn end(&mut self, end: &End) -> Result<(), Failure> {
            self.end = Some(end.ended);
            Ok(())
        }

        fn leave(&mut self) -> Result<(), Failure> {
            Ok(())
        }
    }

    struct Looks(usize);

    impl Changes for Looks {
        fn wait(&mut self) -> Next {
            self.0 -= 1;
            if self.0 == 0 { Next::Stop } else { Next::Look }
        }
    }

    fn seen(
        looks: usize,
        answers: Vec<Result<GroupBuyView, Failure>>,
    ) -> (Result<(), Failure>, Seen) {
        let mut seen = Seen::default();
        let mut answers = answers.into_iter();
        let look = || answers.next().expect("nobody looks after the end");
        let done = watch(&testing::group_buy().id, look, &mut Looks(looks), &mut seen);
        (done, seen)
    }

    fn open(phase: Phase) -> Result<GroupBuyView, Failure> {
        let mut view = filling();
        view.header.phase = phase;
        Ok(GroupBuyView::Open(Box::new(view)))
    }

    #[test]
    fn a_node_that_goes_away_is_asked_again() {
        let silence = || Err(Failure::unreachable("no node answers"));
        let answers = vec![open(Phase::Open), silence(), silence(), open(Phase::Cancelled)];
        let (done, seen) = seen(9, answers);
        assert_eq!(done, Ok(()));
        let away = [Phase::Open; 3].into_iter().zip([false, true, true]);
        let expected: Vec<_> = away.chain([(Phase::Cancelled, false)]).collect();
        assert_eq!((seen.pictures, seen.end), (expected, Some(Phase::Cancelled)));
    }

    #[test]
    fn a_question_that_nobody_ever_answered_is_a_failure() {
        let (done, _) = seen(9, vec![Err(Failure::unreachable("no node answers"))]);
        assert_eq!(done.expect_err("fails").number(), crate::exit::UNREACHABLE);
        let gone = Err(Failure::refused("there is no such group buy"));
        let (done, _) = seen(9, vec![open(Phase::Open), gone]);
        assert_eq!(done.expect_err("fails").number(), crate::exit::REFUSED);
    }

    #[test]
    fn ctrl_c_ends_it_well() {
        let (done, seen) = seen(2, vec![open(Phase::Open), open(Phase::Settled)]);
        assert_eq!((done, seen.end), (Ok(()), None));
        let (stop, stopped) = mpsc::channel();
        stop.send(()).expect("listens");
        assert_eq!(EveryPause { stopped }.wait(), Next::Stop);
    }

    #[test]
    fn time_is_told_as_people_tell_it() {
        let of = |seconds: u64| left(TimestampMs::ZERO, TimestampMs::new(seconds * 1_000));
        assert_eq!(of(0), "in 0 s");
        assert_eq!(of(61), "in 1 min 1 s");
        assert_eq!(of(7_980), "in 2 h 13 min");
        assert_eq!(of(180_000), "in 2 d 2 h");
    }
}
