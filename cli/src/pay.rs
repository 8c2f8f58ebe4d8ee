//! `tuan pay`: money that came in, and channels.

use crate::{
    clock::now,
    directory::Tags,
    exit::Failure,
    import::{self, Item, Report},
    input,
    lang::{say, word},
    movement::Words,
    names::{self, channel_name, did_you_mean},
    output,
    session::{Session, balance},
    table_file::{self, Row},
};
use clap::{Args, Subcommand};
use ledger_core::{
    api::{AccountView, OpenGroupBuy},
    codec::{List, encode},
    crypto::Digest,
    fund::{
        AccountId, Action, ChannelId, Confirmation, Movement, Payment, PaymentRecord, PaymentState,
        Payout, Policy, Receipt, Share,
    },
    types::{Code, Fen, GroupBuyId, PaymentNo, TimestampMs},
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Columns of a file of payments.
pub(crate) const COLUMNS: [&str; 5] = ["number", "channel", "household", "amount", "paid_at"];
/// Columns of a channel's bill.
pub(crate) const BILL_COLUMNS: [&str; 3] = ["number", "channel", "amount"];

/// `tuan pay`.
#[derive(Debug, Subcommand)]
pub(crate) enum PayCommand {
    /// Leader: records payments of households
    Record(RecordArgs),
    /// Custodian: confirms recorded payments that arrived
    Confirm(ConfirmArgs),
    /// Custodian: refuses a record, which frees its number
    Refuse {
        /// Which group buy
        #[arg(long)]
        group_buy: GroupBuyId,
        /// Which payment
        #[arg(long)]
        number: PaymentNo,
    },
    /// Lists the payments of a group buy
    List {
        /// Which group buy
        #[arg(long)]
        group_buy: GroupBuyId,
    },
    /// Custodian: books money whose payer is not known
    Receive {
        #[command(flatten)]
        money: Money,
        /// When it came; else now
        #[arg(long, value_name = "TIME", value_parser = input::time)]
        received_at: Option<TimestampMs>,
    },
    /// Leader: proposes whose payment it was
    Identify {
        /// The payment
        #[arg(long)]
        number: PaymentNo,
        /// The group buy it was for
        #[arg(long)]
        group_buy: GroupBuyId,
        /// HOUSEHOLD=YUAN; repeatable
        #[arg(long = "share", value_name = "SHARE", required = true)]
        shares: Vec<String>,
    },
    /// Custodian: proposes to give money back that came too late or belongs to nobody
    Return(ReturnArgs),
    /// Custodian: proposes to book what a channel kept
    Fee {
        #[command(flatten)]
        money: Money,
        /// The bill: a file, or its SHA-256
        #[arg(long, value_name = "FILE-OR-HASH")]
        bill: String,
    },
    /// Property: proposes that its fee of a group buy bears what a channel kept
    BearFee {
        /// Whose property fee
        #[arg(long)]
        group_buy: GroupBuyId,
        /// Which channel's fee
        #[arg(long)]
        channel: Code<16>,
        /// How much, in yuan
        #[arg(long, value_name = "YUAN", value_parser = input::yuan)]
        amount: Fen,
    },
    /// Custodian: proposes to book that the property company makes up for what a channel kept
    TopUpFee {
        #[command(flatten)]
        money: Money,
    },
    /// Custodian: proposes to move money between channels
    Transfer {
        /// Where it leaves
        #[arg(long, value_name = "CHANNEL")]
        from: Code<16>,
        /// Where it arrives
        #[arg(long, value_name = "CHANNEL")]
        to: Code<16>,
        /// Number that the channel gave it
        #[arg(long)]
        number: PaymentNo,
        /// How much, in yuan
        #[arg(long, value_name = "YUAN", value_parser = input::yuan)]
        amount: Fen,
    },
    /// Custodian: proposes to book a payout that came back
    Bounce {
        /// The payout
        #[arg(long)]
        payout: PaymentNo,
        #[command(flatten)]
        money: Money,
    },
}

/// Money under a number of a channel.
#[derive(Debug, Args)]
pub(crate) struct Money {
    /// Which channel
    #[arg(long)]
    channel: Code<16>,
    /// Number that the channel gave it
    #[arg(long)]
    number: PaymentNo,
    /// How much, in yuan
    #[arg(long, value_name = "YUAN", value_parser = input::yuan)]
    amount: Fen,
}

/// `tuan pay record`.
#[derive(Debug, Args)]
#[command(override_usage = "tuan pay record [OPTIONS] --group-buy <GROUP_BUY> <FILE>
       tuan pay record [OPTIONS] --group-buy <GROUP_BUY> --number <NUMBER> --channel <CHANNEL> \
       --household <HOUSEHOLD> --amount <YUAN>")]
pub(crate) struct RecordArgs {
    /// CSV with the columns number,channel,household,amount,paid_at
    #[arg(conflicts_with_all = ["number", "channel", "household", "amount", "paid_at"])]
    file: Option<PathBuf>,
    /// Which group buy
    #[arg(long)]
    group_buy: GroupBuyId,
    /// Number that the channel gave it
    #[arg(long, required_unless_present = "file")]
    number: Option<String>,
    /// Which channel
    #[arg(long, required_unless_present = "file")]
    channel: Option<String>,
    /// For which household
    #[arg(long, required_unless_present = "file")]
    household: Option<String>,
    /// How much, in yuan
    #[arg(long, value_name = "YUAN", required_unless_present = "file")]
    amount: Option<String>,
    /// When it was paid; else now
    #[arg(long, value_name = "TIME")]
    paid_at: Option<String>,
}

/// `tuan pay confirm`.
#[derive(Debug, Args)]
#[command(override_usage = "tuan pay confirm [OPTIONS] --group-buy <GROUP_BUY> \
       (--number <NUMBER> --amount <YUAN> | --bill <FILE> | --all-recorded)")]
pub(crate) struct ConfirmArgs {
    /// Which group buy
    #[arg(long)]
    group_buy: GroupBuyId,
    /// One payment, with --amount
    #[arg(long, requires = "amount", required_unless_present_any = ["bill", "all_recorded"])]
    number: Option<PaymentNo>,
    /// What arrived, in yuan
    #[arg(long, value_name = "YUAN", requires = "number", value_parser = input::yuan)]
    amount: Option<Fen>,
    /// CSV of the channel with the columns number,channel,amount: confirms what matches
    #[arg(long, value_name = "FILE", conflicts_with_all = ["number", "all_recorded"])]
    bill: Option<PathBuf>,
    /// Everything recorded for channels that you keep
    #[arg(long, conflicts_with = "number")]
    all_recorded: bool,
}

/// `tuan pay return`.
#[derive(Debug, Args)]
#[command(override_usage = "tuan pay return [OPTIONS] \
       (--group-buy <GROUP_BUY> | --number <NUMBER> --channel <CHANNEL>)")]
pub(crate) struct ReturnArgs {
    /// The payment
    #[arg(long, requires = "channel", required_unless_present = "group_buy")]
    number: Option<PaymentNo>,
    /// The channel that it came by
    #[arg(long, requires = "number")]
    channel: Option<Code<16>>,
    /// Number that the channel gave to the return; else one made from the payment's
    #[arg(long, requires = "number")]
    return_number: Option<PaymentNo>,
    /// Every late payment of this group buy in channels that you keep
    #[arg(long, conflicts_with = "number")]
    group_buy: Option<GroupBuyId>,
}

/// Runs `tuan pay`.
pub(crate) fn run(command: &PayCommand, session: &Session) -> Result<(), Failure> {
    match command {
        PayCommand::Record(args) => record(args, session),
        PayCommand::Confirm(args) => confirm(args, session),
        PayCommand::Refuse { group_buy, number } => {
            let view = session.group_buy(group_buy)?;
            let record = payment(&view, number)?.entered;
            session.submit_one(Action::RefusePayment {
                group_buy: *group_buy,
                number: *number,
                record,
            })
        }
        PayCommand::List { group_buy } => list(group_buy, session),
        PayCommand::Receive { money, received_at } => {
            let receipt = receipt(money, *received_at, session)?;
            let action = Action::ReceiveUnidentified(receipt);
            session.submit_one(match received_at {
                Some(_) => action,
                None => session.as_said_before(action)?,
            })
        }
        PayCommand::Identify { number, group_buy, shares } => {
            let tags = session.tags(group_buy)?;
            let shares = shares.iter().map(|text| share(text, &tags));
            let shares = List::new(shares.collect::<Result<_, _>>()?).map_err(|shares| {
                Failure::usage(say!("{} shares are too many", "{} 份太多了", shares.len()))
            })?;
            let movement = Movement::Identify { payment: *number, group_buy: *group_buy, shares };
            propose(movement, session)
        }
        PayCommand::Return(args) => give_back(args, session),
        PayCommand::Fee { money, bill } => {
            let bill = input::document(bill)?;
            propose(Movement::ChannelFee { fee: payout(money, session)?, bill }, session)
        }
        PayCommand::BearFee { group_buy, channel, amount } => {
            let (group_buy, channel, amount) = (*group_buy, session.channel(channel)?, *amount);
            propose(Movement::BearChannelFee { group_buy, channel, amount }, session)
        }
        PayCommand::TopUpFee { money } => {
            let receipt = receipt(money, None, session)?;
            propose(Movement::TopUpChannelFee { receipt }, session)
        }
        PayCommand::Transfer { from, to, number, amount } => {
            let (number, amount) = (*number, *amount);
            let from = Payout { channel: session.channel(from)?, number, amount };
            propose(Movement::Transfer { from, to: session.channel(to)? }, session)
        }
        PayCommand::Bounce { payout, money } => {
            let receipt = receipt(money, None, session)?;
            propose(Movement::Bounce { payout: *payout, receipt }, session)
        }
    }
}

/// Proposes a movement, unless this very one waits already.
pub(crate) fn propose(movement: Movement, session: &Session) -> Result<(), Failure> {
    let waiting = session.client.proposals()?;
    if let Some(known) = waiting.iter().find(|view| view.movement == movement) {
        let id = known.id;
        return session.already_done(&say!(
            "proposal {id} says so and waits for approval",
            "提案 {id} 内容相同，正在等待同意"
        ));
    }
    let words = Words::of(session)?.movement(&movement);
    session.output.note(&say!("proposing: {words}", "提议：{words}"));
    session.submit_one(Action::Propose(movement))
}

/// Money that goes out.
pub(crate) fn payout(money: &Money, session: &Session) -> Result<Payout, Failure> {
    let Money { channel, number, amount } = money;
    Ok(Payout { channel: session.channel(channel)?, number: *number, amount: *amount })
}

/// Money that came in; now, if nothing else is said.
pub(crate) fn receipt(
    money: &Money,
    received_at: Option<TimestampMs>,
    session: &Session,
) -> Result<Receipt, Failure> {
    let received_at = received_at.map_or_else(now, Ok)?;
    let Payout { channel, number, amount } = payout(money, session)?;
    Ok(Receipt { channel, number, amount, received_at })
}

fn payment<'a>(view: &'a OpenGroupBuy, number: &PaymentNo) -> Result<&'a Payment, Failure> {
    let found = view.payments.iter().find(|(known, _)| known == number);
    found.map(|(_, payment)| payment).ok_or_else(|| {
        Failure::refused(say!(
            "there is no payment {number} in {}",
            "没有付款 {number}（团购 {}）",
            view.id
        ))
        .help(say!(
            "see `tuan pay list --group-buy {}`",
            "请看 `tuan pay list --group-buy {}`",
            view.id
        ))
    })
}

fn share(text: &str, tags: &Tags) -> Result<Share, Failure> {
    let wrong = |detail: String| {
        Failure::usage(detail).help(say!("write --share HOUSEHOLD=YUAN", "请写 --share 户号=金额"))
    };
    let (household, amount) = text
        .rsplit_once('=')
        .ok_or_else(|| wrong(say!("{text:?} is no share", "{text:?} 不是“户号=金额”")))?;
    let household = tags.tag(household).map_err(wrong)?;
    Ok(Share { household, amount: input::yuan(amount).map_err(wrong)? })
}

fn record(args: &RecordArgs, session: &Session) -> Result<(), Failure> {
    let rows = match &args.file {
        Some(file) => table_file::read(file, COLUMNS)?,
        None => {
            let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
            let RecordArgs { number, channel, household, amount, paid_at, .. } = args;
            vec![Row { row: 1, cells: [number, channel, household, amount, paid_at].map(text) }]
        }
    };
    let view = session.group_buy(&args.group_buy)?;
    let tags = session.tags(&args.group_buy)?;
    let (items, mut report) = plan_records(&rows, &view, &tags, &session.policy()?, now()?);
    report.is_one_thing = args.file.is_none();
    import::run(session, items, report, |batch| {
        let payments = batch.iter().map(|item| item.content.clone()).collect();
        let payments = List::new(payments).unwrap_or_default();
        session.submit(Action::RecordPayments { group_buy: view.id, payments })
    })
}

/// A payment as its rows have it so far.
struct Draft {
    rows: Vec<u64>,
    channel: Option<ChannelId>,
    paid_at: Option<TimestampMs>,
    shares: Vec<Share>,
    bad_row: Option<u64>,
}

/// Reads rows of payments against the directory and the payments that stand.
fn plan_records(
    rows: &[Row<5>],
    view: &OpenGroupBuy,
    tags: &Tags,
    policy: &Policy,
    now: TimestampMs,
) -> (Vec<Item<PaymentRecord>>, Report) {
    let mut report = Report { lines: rows.len() as u64, ..Report::default() };
    let mut drafts: Vec<(PaymentNo, Draft)> = Vec::new();
    let mut places: BTreeMap<PaymentNo, usize> = BTreeMap::new();
    for Row { row, cells: [number, channel, household, amount, paid_at] } in rows {
        let Ok(number) = number.parse::<PaymentNo>() else {
            let number = output::plain(number);
            let reason = say!(
                "{number:?} is no payment number of 1 to 32 of A-Z a-z 0-9 . _ -",
                "{number:?} 不是流水号；须为 1 至 32 个字符 A-Z a-z 0-9 . _ -"
            );
            report.refuse(&[*row], &reason);
            continue;
        };
        let place = *places.entry(number).or_insert_with(|| {
            let (channel, paid_at, bad_row) = (None, None, None);
            let (rows, shares) = (Vec::new(), Vec::new());
            drafts.push((number, Draft { rows, channel, paid_at, shares, bad_row }));
            drafts.len() - 1
        });
        let Some((_, draft)) = drafts.get_mut(place) else { continue };
        match draft.take([channel, household, amount, paid_at], tags, policy) {
            Ok(()) => draft.rows.push(*row),
            Err(reason) => {
                report.refuse(&[*row], &reason);
                draft.bad_row.get_or_insert(*row);
            }
        }
    }
    let known: BTreeMap<PaymentNo, &Payment> =
        view.payments.iter().map(|(no, p)| (*no, p)).collect();
    let mut items = Vec::new();
    for (number, draft) in drafts {
        if let Some(bad) = draft.bad_row {
            let reason =
                say!("row {bad} of the same payment is refused", "同一笔付款的第 {bad} 行被拒");
            report.refuse(&draft.rows, &reason);
            continue;
        }
        let rows = draft.rows.clone();
        match draft.settle(number, known.get(&number).copied(), now) {
            Ok(Some(item)) => items.push(item),
            Ok(None) => report.unchanged += rows.len() as u64,
            Err(reason) => report.refuse(&rows, &reason),
        }
    }
    (items, report)
}

impl Draft {
    fn take(
        &mut self,
        [channel, household, amount, paid_at]: [&str; 4],
        tags: &Tags,
        policy: &Policy,
    ) -> Result<(), String> {
        let id = (0u8..).zip(&policy.channels).find(|(_, known)| known.name.as_str() == channel);
        let Some((id, _)) = id else {
            return Err(no_channel(channel, policy));
        };
        let household = tags.tag(household)?;
        let amount = input::yuan(amount)?;
        let paid_at = if paid_at.is_empty() { None } else { Some(input::time(paid_at)?) };
        if !self.rows.is_empty() && (self.channel != Some(id) || self.paid_at != paid_at) {
            return Err(say!(
                "rows of one payment differ in channel or time",
                "同一笔付款的各行渠道或时间不一致"
            ));
        }
        if self.shares.iter().any(|share| share.household == household) {
            return Err(say!(
                "the household stands twice in this payment",
                "这笔付款里同一户出现了两次"
            ));
        }
        self.channel = Some(id);
        self.paid_at = paid_at;
        self.shares.push(Share { household, amount });
        Ok(())
    }

    /// What to enter; `None` if it stands in the ledger.
    fn settle(
        self,
        number: PaymentNo,
        known: Option<&Payment>,
        now: TimestampMs,
    ) -> Result<Option<Item<PaymentRecord>>, String> {
        let work = 1 + self.shares.len();
        let shares = List::new(self.shares).map_err(|shares| {
            say!("{} households share one payment, too many", "{} 户合付一笔，太多了", shares.len())
        })?;
        // Without a time the file says nothing that could differ from the record's time.
        let known_at = known.map(|payment| payment.record.paid_at);
        let paid_at = self.paid_at.or(known_at).unwrap_or(now);
        let channel = self.channel.unwrap_or_default();
        let record = PaymentRecord { number, channel, paid_at, shares };
        match known {
            Some(payment) if payment.entered == record.digest() => Ok(None),
            Some(_) => Err(say!(
                "payment {number} stands with other content; check the number",
                "付款 {number} 已登记但内容不同；请核对流水号"
            )),
            None => {
                let bytes = encode(&record).len();
                Ok(Some(Item { rows: self.rows, content: record, bytes, work }))
            }
        }
    }
}

fn confirm(args: &ConfirmArgs, session: &Session) -> Result<(), Failure> {
    let view = session.group_buy(&args.group_buy)?;
    let policy = session.policy()?;
    let (items, report) = match (&args.bill, args.number, args.amount) {
        (Some(bill), ..) => {
            let rows = table_file::read(bill, BILL_COLUMNS)?;
            let (items, report, unbilled) = plan_bill(&rows, &view, &policy);
            if !unbilled.is_empty() {
                let numbers: Vec<_> = unbilled.iter().map(PaymentNo::to_string).collect();
                let numbers = numbers.join(word!(", ", "、"));
                session.output.note(&say!(
                    "recorded, but not in the bill: {numbers}",
                    "已登记，但账单里没有：{numbers}"
                ));
            }
            (items, report)
        }
        (None, Some(number), Some(amount)) => {
            let (confirmation, work) = confirmation(number, payment(&view, &number)?, amount);
            let mut report = Report { lines: 1, is_one_thing: true, ..Report::default() };
            let known = payment(&view, &number)?;
            let recorded = known.record.amount().unwrap_or_default();
            if known.state != PaymentState::Recorded {
                report.unchanged = 1;
                return report.finish(session);
            }
            if recorded != amount {
                report.refuse(&[1], &differs(recorded, amount));
                return report.finish(session);
            }
            (vec![item(vec![1], confirmation, work)], report)
        }
        (None, ..) => {
            let author = session.signer()?.author;
            if !policy.channels.iter().any(|channel| channel.custodian == author) {
                let name = session.names()?.name(author);
                return Err(Failure::refused(say!(
                    "{name} keeps no channel, so there is nothing that it could confirm",
                    "{name} 不保管任何渠道，没有可确认的付款"
                ))
                .help(say!(
                    "payments are confirmed by the custodian of their channel",
                    "付款由其渠道的保管人确认"
                )));
            }
            plan_all(&view, &policy, author)
        }
    };
    import::run(session, items, report, |batch| {
        let confirmations = batch.iter().map(|item| item.content.clone()).collect();
        let confirmations = List::new(confirmations).unwrap_or_default();
        session.submit(Action::ConfirmPayments { group_buy: view.id, confirmations })
    })
}

fn confirmation(number: PaymentNo, payment: &Payment, amount: Fen) -> (Confirmation, usize) {
    let confirmation = Confirmation { number, record: payment.entered, amount };
    (confirmation, 1 + payment.record.shares.len())
}

fn item(rows: Vec<u64>, content: Confirmation, work: usize) -> Item<Confirmation> {
    let bytes = encode(&content).len();
    Item { rows, content, bytes, work }
}

fn differs(recorded: Fen, arrived: Fen) -> String {
    let (recorded, arrived) = (recorded.to_yuan(), arrived.to_yuan());
    say!(
        "{recorded} yuan were recorded, {arrived} arrived; refuse the record with `tuan pay refuse`",
        "登记 {recorded} 元，到账 {arrived} 元；请用 `tuan pay refuse` 拒绝该登记"
    )
}

/// Compares a bill with what is recorded: what to confirm, the report, and what the bill lacks.
fn plan_bill(
    rows: &[Row<3>],
    view: &OpenGroupBuy,
    policy: &Policy,
) -> (Vec<Item<Confirmation>>, Report, Vec<PaymentNo>) {
    let mut report = Report { lines: rows.len() as u64, ..Report::default() };
    let known: BTreeMap<PaymentNo, &Payment> =
        view.payments.iter().map(|(no, p)| (*no, p)).collect();
    let mut seen = BTreeSet::new();
    let mut channels = BTreeSet::new();
    let mut items = Vec::new();
    for Row { row, cells: [number, channel, amount] } in rows {
        let first = number.parse().map_or(true, |number: PaymentNo| seen.insert(number));
        let compared = match compare([number, channel, amount], &known, policy) {
            Ok(_) if !first => Err(say!(
                "payment {number} stands twice in the bill",
                "账单里付款 {number} 出现了两次"
            )),
            compared => compared,
        };
        if let Ok((_, channel, _)) = &compared {
            channels.insert(*channel);
        }
        match compared {
            Ok((number, _, Some(amount))) => {
                if let Some(payment) = known.get(&number) {
                    let (content, work) = confirmation(number, payment, amount);
                    items.push(item(vec![*row], content, work));
                }
            }
            Ok((.., None)) => report.unchanged += 1,
            Err(reason) => report.refuse(&[*row], &reason),
        }
    }
    let unbilled = view.payments.iter().filter(|(number, payment)| {
        payment.state == PaymentState::Recorded
            && channels.contains(&payment.record.channel)
            && !seen.contains(number)
    });
    let unbilled = unbilled.map(|(number, _)| *number).collect();
    (items, report, unbilled)
}

/// Number, channel, and what to confirm: nothing if the payment is confirmed already.
fn compare(
    [number, channel, amount]: [&str; 3],
    known: &BTreeMap<PaymentNo, &Payment>,
    policy: &Policy,
) -> Result<(PaymentNo, ChannelId, Option<Fen>), String> {
    let number: PaymentNo = number
        .parse()
        .map_err(|_| say!("{:?} is no payment number", "{:?} 不是流水号", output::plain(number)))?;
    let channel = (0u8..)
        .zip(&policy.channels)
        .find(|(_, known)| known.name.as_str() == channel)
        .map(|(id, _)| id)
        .ok_or_else(|| no_channel(channel, policy))?;
    let amount = input::yuan(amount)?;
    let payment = known.get(&number).ok_or_else(|| {
        say!(
            "payment {number} is in the bill, but not recorded in this group buy",
            "账单里有付款 {number}，但本团购没有登记"
        )
    })?;
    if payment.record.channel != channel {
        let recorded = channel_name(policy, payment.record.channel);
        return Err(say!(
            "payment {number} was recorded for channel {recorded}",
            "付款 {number} 登记在渠道 {recorded}"
        ));
    }
    if payment.state != PaymentState::Recorded {
        return Ok((number, channel, None));
    }
    let recorded = payment.record.amount().unwrap_or_default();
    if recorded == amount {
        Ok((number, channel, Some(amount)))
    } else {
        Err(differs(recorded, amount))
    }
}

/// Everything recorded for channels of this custodian.
fn plan_all(
    view: &OpenGroupBuy,
    policy: &Policy,
    custodian: ledger_core::types::MemberId,
) -> (Vec<Item<Confirmation>>, Report) {
    let mut items = Vec::new();
    let mine = |id: ChannelId| {
        policy.channels.get(usize::from(id)).is_some_and(|channel| channel.custodian == custodian)
    };
    for (number, payment) in &view.payments {
        let waits = payment.state == PaymentState::Recorded && mine(payment.record.channel);
        if let Some(amount) = payment.record.amount().filter(|_| waits) {
            let (content, work) = confirmation(*number, payment, amount);
            items.push(item(vec![items.len() as u64 + 1], content, work));
        }
    }
    let report = Report { lines: items.len() as u64, ..Report::default() };
    (items, report)
}

fn list(group_buy: &GroupBuyId, session: &Session) -> Result<(), Failure> {
    let view = session.group_buy(group_buy)?;
    let tags = session.tags_if_known(group_buy)?;
    let policy = session.policy()?;
    let rows = view.payments.iter().map(|(number, payment)| {
        let shares = payment.record.shares.iter().map(|share| tags.number(&share.household));
        vec![
            number.to_string(),
            channel_name(&policy, payment.record.channel),
            output::time(payment.record.paid_at),
            payment.record.amount().unwrap_or_default().to_yuan(),
            names::payment_state(payment.state).to_owned(),
            shares.collect::<Vec<_>>().join(" "),
        ]
    });
    let headings = [
        word!("NUMBER", "流水号"),
        word!("CHANNEL", "渠道"),
        word!("PAID", "付款时间"),
        word!("AMOUNT", "金额"),
        word!("STATE", "状态"),
        word!("HOUSEHOLDS", "住户"),
    ];
    session.output.data(&output::table(&headings, rows), &view.payments)
}

/// What is wrong with a row whose channel is not known.
fn no_channel(channel: &str, policy: &Policy) -> String {
    let known: Vec<_> = policy.channels.iter().map(|channel| channel.name.as_str()).collect();
    let hint = did_you_mean(channel, &known, say!("the channels are: ", "现有渠道："));
    say!("there is no channel {channel:?}; {hint}", "没有渠道“{channel}”；{hint}")
}

fn give_back(args: &ReturnArgs, session: &Session) -> Result<(), Failure> {
    let accounts: Vec<AccountView> = session.client.get("/v1/accounts")?;
    let movement = |payment: PaymentNo, channel, number: Option<PaymentNo>| {
        let amount = balance(&accounts, &AccountId::Unidentified(payment));
        let number = number.unwrap_or_else(|| made_number("RT", &[payment.as_bytes()]));
        (amount > Fen::ZERO).then_some(Movement::ReturnUnidentified {
            payment,
            payout: Payout { channel, number, amount },
        })
    };
    if let (Some(payment), Some(channel)) = (args.number, &args.channel) {
        let channel = session.channel(channel)?;
        let movement = movement(payment, channel, args.return_number).ok_or_else(|| {
            Failure::refused(say!(
                "nothing is left of an unidentified payment {payment}",
                "未认领的付款 {payment} 已无余额"
            ))
            .help(say!(
                "check the number; it was given back or identified",
                "请核对流水号；该款已退回或已认领"
            ))
        })?;
        return propose(movement, session);
    }
    let Some(group_buy) = &args.group_buy else {
        return Err(Failure::usage(say!("no payment is named", "未指定付款")).help(say!(
            "give --number and --channel, or --group-buy",
            "请写 --number 和 --channel，或写 --group-buy"
        )));
    };
    let view = session.group_buy(group_buy)?;
    let (policy, author) = (session.policy()?, session.signer()?.author);
    let late = view.payments.iter().filter(|(_, payment)| {
        let channel = policy.channels.get(usize::from(payment.record.channel));
        payment.state == PaymentState::Late && channel.is_some_and(|c| c.custodian == author)
    });
    let movements: Vec<_> = late
        .filter_map(|(number, payment)| movement(*number, payment.record.channel, None))
        .collect();
    if movements.is_empty() {
        return session.already_done(&say!(
            "no late payment of {group_buy} waits in your channels",
            "您保管的渠道中没有 {group_buy} 的迟到付款"
        ));
    }
    movements.into_iter().try_for_each(|movement| propose(movement, session))
}

/// A number for money that goes out: the same for the same content, and no other's.
pub(crate) fn made_number(prefix: &str, content: &[&[u8]]) -> PaymentNo {
    let mut hasher = Sha256::new();
    for part in content {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = Digest::new(hasher.finalize().into()).to_string();
    let text: String = prefix.chars().chain(digest.chars()).take(32).collect();
    // Two letters and hexadecimal digits are always a code.
    text.parse().unwrap_or_else(|_| unreachable!("{text} is a code"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{directory, genesis::tests::orchard, testing};
    use ledger_core::types::MemberId;

    const NOW: TimestampMs = TimestampMs::new(1_767_500_000_000);

    fn records(text: &str, view: &OpenGroupBuy) -> (Vec<Item<PaymentRecord>>, Report) {
        let bytes = format!("{}\n{text}", COLUMNS.join(",")).into_bytes();
        let rows = table_file::parse(bytes, "p.csv", COLUMNS).expect("a good heading");
        let tags = directory::tests::directory(&["3-201", "3-202"]).tags(&view.id);
        plan_records(&rows, view, &tags, &orchard().policy, NOW)
    }

    fn bill(text: &str, view: &OpenGroupBuy) -> (Vec<Item<Confirmation>>, Report, Vec<PaymentNo>) {
        let bytes = format!("number,channel,amount\n{text}").into_bytes();
        let rows = table_file::parse(bytes, "b.csv", BILL_COLUMNS).expect("a good heading");
        plan_bill(&rows, view, &orchard().policy)
    }

    fn with_payments(text: &str) -> OpenGroupBuy {
        let mut view = testing::group_buy();
        for Item { content, .. } in records(text, &view).0 {
            let payment = Payment {
                entered: content.digest(),
                record: content,
                state: PaymentState::Recorded,
            };
            view.payments.push((payment.record.number, payment));
        }
        view
    }

    #[test]
    fn rows_of_one_number_are_one_payment_for_several_households() {
        let view = testing::group_buy();
        let (items, report) = records(
            "W1,wechat,3-201,42.00,2026-01-04 10:00\nC1,cash,3-202,5,\nW1,wechat,3-202,8.5,2026-01-04 10:00\n",
            &view,
        );
        assert_eq!(report.refused, []);
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].content.amount(), Some(Fen::new(5_050)));
        assert_eq!((items[1].content.channel, items[1].content.paid_at), (1, NOW));
    }

    #[test]
    fn recording_again_changes_nothing_with_or_without_a_time() {
        let text = "W1,wechat,3-201,42.00,2026-01-04 10:00\nC1,cash,3-202,5,\n";
        let view = with_payments(text);
        let (items, report) = records(text, &view);
        assert_eq!((items.len(), report.unchanged), (0, 2));
        let (_, report) = records("W1,wechat,3-201,42.01,2026-01-04 10:00\n", &view);
        assert!(report.refused[0].reason.contains("other content"));
    }

    #[test]
    fn payments_that_cannot_be_are_refused_by_row() {
        let view = testing::group_buy();
        for (row, part) in [
            ("W1,wechat,3-201,-42,", "no amount"),
            ("W1,wechat,3-201,1e300,", "no amount"),
            ("W1,wechat,3-201,0,", "zero"),
            ("W1,paypal,3-201,1,", "no channel"),
            ("W1,wechat,9-999,1,", "not in the directory"),
            ("W1,wechat,3-201,1,yesterday", "is no time"),
            ("W 1,wechat,3-201,1,", "no payment number"),
        ] {
            let (items, report) = records(row, &view);
            assert!(items.is_empty(), "{row}");
            assert!(report.refused[0].reason.contains(part), "{row}: {}", report.refused[0].reason);
        }
        let (_, report) = records("W1,wechat,3-201,1,\nW1,cash,3-202,1,\n", &view);
        assert_eq!(report.refused.len(), 2);
        let (_, report) = records("W1,wechat,3-201,1,\nW1,wechat,3-201,1,\n", &view);
        assert_eq!(report.refused.len(), 2);
    }

    #[test]
    fn a_bill_confirms_what_matches_and_tells_the_rest() {
        let mut view = with_payments(
            "W1,wechat,3-201,42,\nW2,wechat,3-202,8,\nW3,wechat,3-201,1,\nC1,cash,3-201,1,\n",
        );
        view.payments[2].1.state = PaymentState::Confirmed;
        let text = "W1,wechat,42.00\nW2,wechat,8.01\nW3,wechat,1\nW9,wechat,3\nC1,wechat,1\nW1,wechat,42\n";
        let (items, report, unbilled) = bill(text, &view);
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].content.record, view.payments[0].1.entered);
        assert_eq!(report.unchanged, 1);
        let rows: Vec<_> = report.refused.iter().map(|refused| refused.row).collect();
        assert_eq!(rows, [3, 5, 6, 7]);
        assert!(report.refused[0].reason.contains("8.00 yuan were recorded, 8.01 arrived"));
        assert!(report.refused[2].reason.contains("for channel cash"));
        assert_eq!(unbilled, []);
        let (.., unbilled) = bill("W1,wechat,42\n", &view);
        assert_eq!(unbilled, [view.payments[1].0]);
    }

    #[test]
    fn all_recorded_means_those_of_channels_that_i_keep() {
        let view = with_payments("W1,wechat,3-201,42,\nC1,cash,3-201,1,\n");
        let policy = orchard().policy;
        let numbers = |custodian| {
            let (items, _) = plan_all(&view, &policy, MemberId::new(custodian));
            items.iter().map(|item| item.content.number.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(0), ["W1"]);
        assert_eq!(numbers(1), ["C1"]);
        assert!(numbers(2).is_empty());
    }

    #[test]
    fn made_numbers_repeat_for_the_same_content_only() {
        let one = made_number("RT", &[b"W1"]);
        assert_eq!(one, made_number("RT", &[b"W1"]));
        assert_ne!(one, made_number("RT", &[b"W", b"1"]));
        assert_eq!(one.as_str().len(), 32);
    }
}
