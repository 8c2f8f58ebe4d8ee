//! Payments: recorded by the leader, confirmed by the custodian (rules G25–G29).

use crate::{
    codec::{Decode, Encode, List},
    crypto::Digest,
    fund::{
        chart::AccountId,
        draft::{Desk, Draft},
        group_buy::{BATCH_MAX, Payment, PaymentRecord, PaymentState, Phase, SHARES_MAX, Share},
        numbers::{Payout, PermanentId, PermanentRecord, Receipt},
        till::{self, Source},
    },
    refusal::Refusal,
    types::{Fen, PaymentNo},
};
use serde::{Deserialize, Serialize};

/// Most payments of one group buy.
const PAYMENTS_MAX: usize = 4_000;

/// The custodian's word that a payment is as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Confirmation {
    /// Which payment.
    pub number: PaymentNo,
    /// Hash of the record that is confirmed.
    pub record: Digest,
    /// What really arrived.
    pub amount: Fen,
}

/// Records a batch of payments; those that stand as given are skipped (G25).
pub(in crate::fund) fn record(
    desk: &mut Desk<'_, '_>,
    payments: &List<PaymentRecord, BATCH_MAX>,
) -> Result<(), Refusal> {
    desk.require_phase(Phase::Open)?;
    let mut repeated = None;
    let mut changed = false;
    for record in payments {
        if record_payment(desk, record)? {
            changed = true;
        } else {
            repeated = Some(record.number);
        }
    }
    finish_batch(changed, repeated)
}

fn record_payment(desk: &mut Desk<'_, '_>, record: &PaymentRecord) -> Result<bool, Refusal> {
    desk.act.charge(1 + record.shares.len());
    desk.policy.channel(record.channel)?;
    let entered = record.digest();
    let number = || record.number.to_string();
    if let Some(payment) = desk.group_buy.payments.get(&record.number) {
        return if payment.entered == entered {
            Ok(false)
        } else {
            Err(Refusal::PaymentNumberUsed { number: number() })
        };
    }
    if desk.numbers.recorded.contains(&record.number) || desk.numbers.is_used(record.number) {
        return Err(Refusal::PaymentNumberUsed { number: number() });
    }
    let amount = record.amount().ok_or(Refusal::AmountTooLarge {})?;
    if amount > desk.policy.payment_max {
        return Err(Refusal::AmountTooLarge {});
    }
    if record.shares.is_empty() || record.shares.iter().any(|s| s.amount == Fen::ZERO) {
        return Err(Refusal::ZeroAmount {});
    }
    for share in &record.shares {
        if !desk.group_buy.households.contains(&share.household) {
            let household = share.household.to_string();
            return Err(Refusal::UnknownHousehold { household });
        }
    }
    if desk.group_buy.payments.len() >= PAYMENTS_MAX {
        return Err(Refusal::TooManyLines { max: PAYMENTS_MAX as u32 });
    }
    desk.numbers.recorded.insert(record.number, desk.group_buy.filing.group_buy);
    let payment = Payment { record: record.clone(), entered, state: PaymentState::Recorded };
    desk.group_buy.payments.insert(record.number, payment);
    Ok(true)
}

/// Confirms a batch of payments; those confirmed as given are skipped (G26).
pub(in crate::fund) fn confirm(
    desk: &mut Desk<'_, '_>,
    confirmations: &List<Confirmation, BATCH_MAX>,
) -> Result<(), Refusal> {
    let mut repeated = None;
    let mut changed = false;
    for confirmation in confirmations {
        if confirm_payment(desk, confirmation)? {
            changed = true;
        } else {
            repeated = Some(confirmation.number);
        }
    }
    finish_batch(changed, repeated)
}

fn confirm_payment(desk: &mut Desk<'_, '_>, confirmation: &Confirmation) -> Result<bool, Refusal> {
    let number = || confirmation.number.to_string();
    let Some(payment) = desk.group_buy.payments.get(&confirmation.number) else {
        return Err(Refusal::PaymentUnknown { number: number() });
    };
    let channel = payment.record.channel;
    desk.policy.require_custodian(channel, desk.act.author)?;
    desk.act.charge(1 + payment.record.shares.len());
    if payment.state != PaymentState::Recorded {
        return if payment.entered == confirmation.record {
            Ok(false)
        } else {
            Err(Refusal::PaymentNotPending { number: number() })
        };
    }
    let recorded = payment.record.amount().ok_or(Refusal::AmountTooLarge {})?;
    if payment.entered != confirmation.record || recorded != confirmation.amount {
        let confirmed = confirmation.amount;
        return Err(Refusal::PaymentDiffers { number: number(), recorded, confirmed });
    }
    let record = payment.record.clone();
    let filing = &desk.group_buy.filing;
    // Money that came too late never counts towards the group buy; it goes back (G28).
    let in_time = desk.group_buy.header.phase() == Phase::Open
        && record.paid_at <= filing.cut_off
        && desk.act.now <= filing.confirm_by;
    if in_time {
        for share in &record.shares {
            desk.book(
                AccountId::Custody(channel),
                AccountId::Escrow(share.household),
                share.amount,
            )?;
            if let Some(household) = desk.group_buy.households.get_mut(&share.household) {
                household.paid = household.paid.saturating_add(share.amount);
            }
        }
        let paid = &mut desk.group_buy.header.paid;
        *paid = paid.checked_add(recorded).ok_or(Refusal::AmountTooLarge {})?;
    } else {
        let unidentified = AccountId::Unidentified(record.number);
        desk.book(AccountId::Custody(channel), unidentified, recorded)?;
    }
    let state = if in_time { PaymentState::Confirmed } else { PaymentState::Late };
    if let Some(payment) = desk.group_buy.payments.get_mut(&confirmation.number) {
        payment.state = state;
    }
    desk.numbers.recorded.remove(&confirmation.number);
    desk.numbers.use_up(
        PermanentId::Payment(record.number),
        PermanentRecord::Received {
            content: confirmation.record,
            channel,
            amount: recorded,
            at: record.paid_at,
        },
    );
    Ok(true)
}

/// Refuses a record, which frees its number (G27).
pub(in crate::fund) fn refuse(
    desk: &mut Desk<'_, '_>,
    number: PaymentNo,
    record: &Digest,
) -> Result<(), Refusal> {
    let unknown = || Refusal::PaymentUnknown { number: number.to_string() };
    let payment = desk.group_buy.payments.get(&number).ok_or_else(unknown)?;
    desk.policy.require_custodian(payment.record.channel, desk.act.author)?;
    if payment.state != PaymentState::Recorded || payment.entered != *record {
        return Err(Refusal::PaymentNotPending { number: number.to_string() });
    }
    desk.act.charge(1);
    desk.group_buy.payments.remove(&number);
    desk.numbers.recorded.remove(&number);
    Ok(())
}

fn finish_batch(changed: bool, repeated: Option<PaymentNo>) -> Result<(), Refusal> {
    match (changed, repeated) {
        (true, _) => Ok(()),
        (false, Some(number)) => Err(Refusal::PaymentExists { number: number.to_string() }),
        (false, None) => Err(Refusal::NoOrders {}),
    }
}

/// Books money whose payer is not known yet (G29).
pub(in crate::fund) fn receive_unidentified(
    draft: &mut Draft<'_>,
    receipt: &Receipt,
) -> Result<(), Refusal> {
    till::receive(draft, AccountId::Unidentified(receipt.number), receipt)
}

/// Finds out whose money it was (G29).
pub(in crate::fund) fn identify(
    desk: &mut Desk<'_, '_>,
    payment: PaymentNo,
    shares: &List<Share, SHARES_MAX>,
) -> Result<(), Refusal> {
    desk.require_phase(Phase::Open)?;
    let known = desk.numbers.get(&PermanentId::Payment(payment));
    let Some(PermanentRecord::Received { channel, amount, at, content }) = known else {
        return Err(Refusal::PaymentUnknown { number: payment.to_string() });
    };
    // Money that was paid too late does not become timely by being identified (G28).
    let cut_off = desk.group_buy.filing.cut_off;
    if at > cut_off {
        return Err(Refusal::CutOffPassed { cut_off });
    }
    if desk.group_buy.payments.len() >= PAYMENTS_MAX {
        return Err(Refusal::TooManyLines { max: PAYMENTS_MAX as u32 });
    }
    if shares.iter().any(|share| share.amount == Fen::ZERO) {
        return Err(Refusal::ZeroAmount {});
    }
    let given = Fen::sum(shares.iter().map(|s| s.amount)).ok_or(Refusal::AmountTooLarge {})?;
    if given != amount {
        return Err(Refusal::TotalDiffers { expected: amount, given });
    }
    for share in shares {
        let Some(household) = desk.group_buy.households.get_mut(&share.household) else {
            let household = share.household.to_string();
            return Err(Refusal::UnknownHousehold { household });
        };
        household.paid = household.paid.saturating_add(share.amount);
        desk.book(
            AccountId::Unidentified(payment),
            AccountId::Escrow(share.household),
            share.amount,
        )?;
    }
    let paid = &mut desk.group_buy.header.paid;
    *paid = paid.checked_add(amount).ok_or(Refusal::AmountTooLarge {})?;
    let record = PaymentRecord { number: payment, channel, paid_at: at, shares: shares.clone() };
    let payment = Payment { record, entered: content, state: PaymentState::Confirmed };
    desk.group_buy.payments.insert(payment.record.number, payment);
    Ok(())
}

/// Gives back money that was not matched, the way it came and no other (G28, G29).
pub(in crate::fund) fn give_back(
    draft: &mut Draft<'_>,
    payment: &PaymentNo,
    payout: &Payout,
) -> Result<(), Refusal> {
    let unidentified = AccountId::Unidentified(*payment);
    let came_by = draft.numbers.channel_of(payment)?;
    if !draft.accounts.contains(&unidentified) || came_by != payout.channel {
        return Err(Refusal::PaymentUnknown { number: payment.to_string() });
    }
    till::pay(draft, Source::chain(unidentified), payout)
}
