//! A life in sentences: who did what when, and what each side answered.

use super::{
    Failure, Step,
    cast::Cast,
    compare::{Both, refusal_name},
    movements::{self, Money, Parts, parts},
    step::{Faith, Form},
};
use ledger_core::{
    fund::{
        Action, Filing, FilingDecision, Movement, OrderRequest, PayTo, Payout, Receipt, RefundItem,
        Share,
    },
    types::{Fen, HouseholdTag, Unit},
};
use std::fmt;

/// A failure, told.
#[derive(Debug)]
pub struct Story<'a>(pub &'a Failure);

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { cast, steps, clash } = self.0;
        let mut both = Both::new(cast);
        let channels =
            cast.policy.channels.iter().map(|channel| {
                format!("{} is kept by {}", channel.name, cast.name(channel.custodian))
            });
        writeln!(f, "{}.", channels.collect::<Vec<_>>().join(", "))?;
        for (position, step) in steps.iter().enumerate() {
            let what = told(cast, step);
            write!(f, "{}. After {}, {what}", step.id, duration(step.after_ms))?;
            match both.take(step) {
                Ok(outcome) => match outcome.verdict {
                    Ok(()) => writeln!(f, " Accepted.")?,
                    Err(number) => writeln!(f, " Refused, {}.", refusal_name(number))?,
                },
                Err(_) if position + 1 == steps.len() => writeln!(f)?,
                Err(other) => writeln!(f, " And here already: {other}")?,
            }
        }
        write!(f, "Then {clash}.")
    }
}

fn duration(ms: u64) -> String {
    let (seconds, rest) = (ms / 1_000, ms % 1_000);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"), (rest, "ms")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, unit)| format!("{count} {unit}")).collect();
    parts.join(" ")
}

fn yuan(amount: Fen) -> String {
    amount.to_yuan()
}

fn home(tag: HouseholdTag) -> String {
    format!("household {}", tag.as_bytes()[0])
}

fn told(cast: &Cast, step: &Step) -> String {
    let who = cast.name(step.author);
    let odd = match step.form {
        Form::Proper => String::new(),
        Form::OtherVersion => " (in a version that nobody speaks)".to_owned(),
        Form::OtherChain => " (for another chain)".to_owned(),
        Form::Expired => " (expired at this moment)".to_owned(),
        Form::TooLong => " (living too long)".to_owned(),
        Form::Again(of) => return format!("the transaction of {of} is handed in again."),
    };
    let hash = if step.faith == Faith::Good { "" } else { " by a wrong hash" };
    let of = step.of.map_or("nothing".to_owned(), |of| of.to_string());
    match &step.action {
        Action::File(filing) => format!("{who}{odd} files {}.", told_filing(cast, filing)),
        Action::DecideFiling { group_buy, decision, .. } => {
            let verb = match decision {
                FilingDecision::Approve => "approves",
                FilingDecision::Reject(_) => "rejects",
                FilingDecision::Accept => "accepts",
            };
            format!("{who}{odd} {verb} {group_buy}{hash}.")
        }
        Action::Order { group_buy, orders, .. } => {
            let orders: Vec<String> = orders.iter().map(told_order).collect();
            format!("{who}{odd} enters into {group_buy}{hash}: {}.", orders.join("; "))
        }
        Action::RecordPayments { group_buy, payments } => {
            let records = payments.iter().map(|record| {
                let channel = cast.channel_name(record.channel);
                let at = record.paid_at.to_china_time();
                let shares = told_shares(&record.shares);
                format!("{} by {channel}, paid at {at}, {shares}", record.number)
            });
            let records: Vec<String> = records.collect();
            format!("{who}{odd} records for {group_buy}: {}.", records.join("; "))
        }
        Action::ConfirmPayments { group_buy, confirmations } => {
            let words = confirmations.iter();
            let words = words.map(|word| format!("{} of {}", word.number, yuan(word.amount)));
            let words: Vec<String> = words.collect();
            format!("{who}{odd} confirms for {group_buy}{hash}: {}.", words.join("; "))
        }
        Action::RefusePayment { group_buy, number, .. } => {
            format!("{who}{odd} refuses the record of {number} for {group_buy}{hash}.")
        }
        Action::ReceiveUnidentified(receipt) => {
            format!("{who}{odd} books {} of an unknown payer.", told_receipt(cast, receipt))
        }
        Action::ConfirmPurchaseOrder { group_buy, .. } => {
            format!("{who}{odd} confirms the purchase order of {group_buy}{hash}.")
        }
        Action::SignGoodsNote(note) => {
            format!("{who}{odd} signs for {} that {:?} arrived.", note.group_buy, &*note.accepted)
        }
        Action::Deliver { group_buy, codes } => {
            let homes: Vec<String> = codes.iter().map(|(tag, _)| home(*tag)).collect();
            format!("{who}{odd} gives in the codes of {} of {group_buy}.", homes.join(", "))
        }
        Action::Propose(movement) => {
            let name = movements::name(movement);
            format!("{who}{odd} proposes {name}: {}.", told_movement(cast, movement))
        }
        Action::Approve { .. } => format!("{who}{odd} approves the proposal of {of}{hash}."),
        Action::RejectProposal { .. } => format!("{who}{odd} ends the proposal of {of}{hash}."),
    }
}

fn told_filing(cast: &Cast, filing: &Filing) -> String {
    let offers = (0..).zip(filing.offers.iter()).map(|(position, offer): (u32, _)| {
        let unit = match offer.unit {
            Unit::Weight => "kg",
            Unit::Piece => "piece",
        };
        let split = &offer.split;
        let limit = |limit: Option<u64>| limit.map_or("none".to_owned(), |most| most.to_string());
        format!(
            "offer {position} {} at {} fen a {unit} (quote {}, goods {}, leader {}, property {}, \
             delivery {}, packing {}; stock {}, cap {})",
            offer.item,
            offer.price.get(),
            offer.quote.get(),
            split.goods.get(),
            split.leader.get(),
            split.property.get(),
            split.delivery.get(),
            split.packing.get(),
            limit(offer.stock),
            limit(offer.cap),
        )
    });
    let offers: Vec<String> = offers.collect();
    format!(
        "{} of {} (delivery {}, packing {}, property {}), {}, cut off {}, confirm by {}, deliver by {}, \
         window {}, minimum {} households and {}, retained {}/10000{}",
        filing.group_buy,
        cast.name(filing.supplier),
        cast.name(filing.delivery),
        cast.name(filing.packing),
        cast.name(filing.property),
        offers.join(", "),
        filing.cut_off.to_china_time(),
        filing.confirm_by.to_china_time(),
        filing.deliver_by.to_china_time(),
        duration(filing.after_sale_window.get()),
        filing.minimum.households,
        yuan(filing.minimum.amount),
        filing.retention_basis_points,
        if filing.relation_declared { ", declared as related" } else { "" },
    )
}

fn told_order(request: &OrderRequest) -> String {
    let lines = request.lines.iter();
    let lines: Vec<String> =
        lines.map(|line| format!("{} of offer {}", line.quantity, line.offer)).collect();
    let what = if lines.is_empty() { "nothing".to_owned() } else { lines.join(" and ") };
    let replaces =
        request.replaces.map_or(String::new(), |version| format!(" in place of version {version}"));
    format!("{} of {}{replaces}: {what}", request.order, home(request.household))
}

fn told_shares(shares: &[Share]) -> String {
    let shares = shares.iter();
    let shares = shares.map(|share| format!("{} of {}", yuan(share.amount), home(share.household)));
    shares.collect::<Vec<_>>().join(" and ")
}

fn told_receipt(cast: &Cast, receipt: &Receipt) -> String {
    let channel = cast.channel_name(receipt.channel);
    let at = receipt.received_at.to_china_time();
    format!("{} by {channel} as {} at {at}", yuan(receipt.amount), receipt.number)
}

fn told_payout(cast: &Cast, payout: &Payout) -> String {
    let channel = cast.channel_name(payout.channel);
    format!("{} by {channel} as {}", yuan(payout.amount), payout.number)
}

fn told_refunds(items: &[RefundItem]) -> String {
    let items = items.iter().map(|item| {
        let (amount, home) = (yuan(item.amount), home(item.household));
        format!("{amount} of {} to {home} as {}", item.payment, item.number)
    });
    items.collect::<Vec<_>>().join(", ")
}

fn told_movement(cast: &Cast, movement: &Movement) -> String {
    match movement {
        Movement::Identify { payment, group_buy, shares } => {
            format!("{payment} was for {group_buy}, {}", told_shares(shares))
        }
        Movement::ReturnUnidentified { payment, payout } => {
            format!("{payment} goes back, {}", told_payout(cast, payout))
        }
        Movement::Refund { group_buy, items } => {
            format!("{group_buy} gives back {}", told_refunds(items))
        }
        Movement::DecideGoods(note) => {
            format!("of {} there arrived {:?}", note.group_buy, &*note.accepted)
        }
        Movement::Deliver { group_buy, households, .. } => {
            let homes: Vec<String> = households.iter().map(|tag| home(*tag)).collect();
            format!("{} of {group_buy} have their goods", homes.join(", "))
        }
        Movement::Settle { group_buy, payable } => {
            format!("the supplier of {group_buy} gets {}", yuan(*payable))
        }
        Movement::PayOut { group_buy, to, payout } => {
            let payee = match to {
                PayTo::Supplier => "the supplier".to_owned(),
                PayTo::Fee(part) => format!("the payee of part {part}"),
            };
            format!("{payee} of {group_buy} gets {}", told_payout(cast, payout))
        }
        Movement::Cancel { group_buy } => format!("{group_buy} is given up"),
        Movement::Bounce { payout, receipt } => {
            format!("{payout} came back, {}", told_receipt(cast, receipt))
        }
        Movement::PayUnclaimed { group_buy, beneficiary, payout } => {
            let whose = format!("{beneficiary:?}");
            format!("{whose} of {group_buy} gets {}", told_payout(cast, payout))
        }
        Movement::Transfer { from, to } => {
            format!("to {}: {}", cast.channel_name(*to), told_payout(cast, from))
        }
        Movement::ChannelFee { fee, .. } => format!("kept {}", told_payout(cast, fee)),
        Movement::BearChannelFee { group_buy, channel, amount } => {
            let channel = cast.channel_name(*channel);
            format!("the property share of {group_buy} bears {} of {channel}", yuan(*amount))
        }
        Movement::ChargeDifference { channel, member, amount, .. } => {
            let (member, channel) = (cast.name(*member), cast.channel_name(*channel));
            format!("{member} owes {} of {channel}", yuan(*amount))
        }
        Movement::RepayReceivable { member, receipt } => {
            format!("{} pays {}", cast.name(*member), told_receipt(cast, receipt))
        }
        // The others are told by their names already.
        other => told_money(cast, other),
    }
}

/// Whose money a movement moves, and how much, whatever else it says.
fn told_money(cast: &Cast, movement: &Movement) -> String {
    let mut movement = movement.clone();
    let Parts { group_buy, money } = parts(&mut movement);
    let of = group_buy.map(|id| format!("of {id}"));
    let money = money.map(|money| match money {
        Money::Payout(payout) => told_payout(cast, payout),
        Money::Receipt(receipt) => told_receipt(cast, receipt),
        Money::Amount(amount) => yuan(*amount),
        Money::Shares(shares) => told_shares(shares),
        Money::Refunds(items) => told_refunds(items),
    });
    of.into_iter().chain(money).collect::<Vec<_>>().join(", ")
}
