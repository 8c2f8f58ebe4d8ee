//! Payments: recorded by the leader, confirmed by the custodian (rules G25–G29).

use super::{
    account::AccountId,
    draft::{Desk, Draft},
    group_buy::{BATCH_MAX, Payment, PaymentRecord, PaymentState, Phase},
    movement::Receipt,
    permanent::{PermanentId, PermanentRecord},
};
use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain},
    refusal::Refusal,
    types::{Fen, PaymentNo},
};
use serde::{Deserialize, Serialize};

/// Most payments of one group buy.
pub(super) const PAYMENTS_MAX: usize = 4_000;

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

impl Desk<'_, '_> {
    /// Records a batch of payments; those that stand as given are skipped (G25).
    pub(super) fn record_payments(
        &mut self,
        payments: &List<PaymentRecord, BATCH_MAX>,
    ) -> Result<(), Refusal> {
        self.require_leader()?;
        self.require_phase(Phase::Open)?;
        let mut repeated = None;
        let mut changed = false;
        for record in payments {
            if self.record_payment(record)? {
                changed = true;
            } else {
                repeated = Some(record.number);
            }
        }
        finish_batch(changed, repeated)
    }

    fn record_payment(&mut self, record: &PaymentRecord) -> Result<bool, Refusal> {
        self.act.charge(1 + record.shares.len());
        self.policy.channel(record.channel)?;
        let entered = record.digest();
        let number = || record.number.to_string();
        if let Some(payment) = self.group_buy.payments.get(&record.number) {
            return if payment.entered == entered {
                Ok(false)
            } else {
                Err(Refusal::PaymentNumberUsed { number: number() })
            };
        }
        if self.recorded.contains(&record.number)
            || self.act.permanent(&PermanentId::Payment(record.number)).is_some()
        {
            return Err(Refusal::PaymentNumberUsed { number: number() });
        }
        let amount = record.amount().ok_or(Refusal::AmountTooLarge {})?;
        if amount > self.policy.payment_max {
            return Err(Refusal::AmountTooLarge {});
        }
        if record.shares.is_empty() || record.shares.iter().any(|s| s.amount == Fen::ZERO) {
            return Err(Refusal::ZeroAmount {});
        }
        for share in &record.shares {
            if !self.group_buy.households.contains(&share.household) {
                let household = share.household.to_string();
                return Err(Refusal::UnknownHousehold { household });
            }
        }
        if self.group_buy.payments.len() >= PAYMENTS_MAX {
            return Err(Refusal::TooManyLines { max: PAYMENTS_MAX as u32 });
        }
        self.recorded.insert(record.number, self.group_buy.filing.group_buy);
        let payment = Payment { record: record.clone(), entered, state: PaymentState::Recorded };
        self.group_buy.payments.insert(record.number, payment);
        Ok(true)
    }

    /// Confirms a batch of payments; those confirmed as given are skipped (G26).
    pub(super) fn confirm_payments(
        &mut self,
        confirmations: &List<Confirmation, BATCH_MAX>,
    ) -> Result<(), Refusal> {
        let mut repeated = None;
        let mut changed = false;
        for confirmation in confirmations {
            if self.confirm_payment(confirmation)? {
                changed = true;
            } else {
                repeated = Some(confirmation.number);
            }
        }
        finish_batch(changed, repeated)
    }

    fn confirm_payment(&mut self, confirmation: &Confirmation) -> Result<bool, Refusal> {
        let number = || confirmation.number.to_string();
        let Some(payment) = self.group_buy.payments.get(&confirmation.number) else {
            return Err(Refusal::PaymentUnknown { number: number() });
        };
        let channel = payment.record.channel;
        self.policy.require_custodian(channel, self.act.author)?;
        self.act.charge(1 + payment.record.shares.len());
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
        let filing = &self.group_buy.filing;
        // Money that came too late never counts towards the group buy; it goes back (G28).
        let in_time = self.group_buy.header.phase == Phase::Open
            && record.paid_at <= filing.cut_off
            && self.act.now <= filing.confirm_by;
        if in_time {
            for share in &record.shares {
                self.book(
                    AccountId::Custody(channel),
                    AccountId::Escrow(share.household),
                    share.amount,
                )?;
                if let Some(household) = self.group_buy.households.get_mut(&share.household) {
                    household.paid = household.paid.saturating_add(share.amount);
                }
            }
            let paid = &mut self.group_buy.header.paid;
            *paid = paid.checked_add(recorded).ok_or(Refusal::AmountTooLarge {})?;
        } else {
            let unidentified = AccountId::Unidentified(record.number);
            self.book(AccountId::Custody(channel), unidentified, recorded)?;
        }
        let state = if in_time { PaymentState::Confirmed } else { PaymentState::Late };
        if let Some(payment) = self.group_buy.payments.get_mut(&confirmation.number) {
            payment.state = state;
        }
        self.recorded.remove(&confirmation.number);
        self.act.use_up(
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
    pub(super) fn refuse_payment(
        &mut self,
        number: PaymentNo,
        record: &Digest,
    ) -> Result<(), Refusal> {
        let unknown = || Refusal::PaymentUnknown { number: number.to_string() };
        let payment = self.group_buy.payments.get(&number).ok_or_else(unknown)?;
        self.policy.require_custodian(payment.record.channel, self.act.author)?;
        if payment.state != PaymentState::Recorded || payment.entered != *record {
            return Err(Refusal::PaymentNotPending { number: number.to_string() });
        }
        self.act.charge(1);
        self.group_buy.payments.remove(&number);
        self.recorded.remove(&number);
        Ok(())
    }
}

fn finish_batch(changed: bool, repeated: Option<PaymentNo>) -> Result<(), Refusal> {
    match (changed, repeated) {
        (true, _) => Ok(()),
        (false, Some(number)) => Err(Refusal::PaymentExists { number: number.to_string() }),
        (false, None) => Err(Refusal::NoOrders {}),
    }
}

impl Draft<'_> {
    /// Books money whose payer is not known yet (G29).
    pub(super) fn receive_unidentified(&mut self, receipt: &Receipt) -> Result<(), Refusal> {
        self.fund.policy.require_custodian(receipt.channel, self.act.author)?;
        self.take_number(receipt)?;
        self.book(
            AccountId::Custody(receipt.channel),
            AccountId::Unidentified(receipt.number),
            receipt.amount,
        )
    }

    /// Uses up the number of money that came in.
    pub(super) fn take_number(&mut self, receipt: &Receipt) -> Result<(), Refusal> {
        let Receipt { channel, number, amount, received_at: at } = *receipt;
        self.fund.policy.channel(channel)?;
        self.require_amount(amount)?;
        let content = Domain::Payment.digest(&[&encode(receipt)]);
        let record = PermanentRecord::Received { content, channel, amount, at };
        self.use_number(number, record)
    }

    pub(super) fn require_amount(&self, amount: Fen) -> Result<(), Refusal> {
        if amount == Fen::ZERO {
            Err(Refusal::ZeroAmount {})
        } else if amount > self.fund.policy.payment_max {
            Err(Refusal::AmountTooLarge {})
        } else {
            Ok(())
        }
    }

    /// Uses up a number for ever (identifiers are idempotency keys).
    pub(super) fn use_number(
        &mut self,
        number: PaymentNo,
        record: PermanentRecord,
    ) -> Result<(), Refusal> {
        let id = PermanentId::Payment(number);
        match self.act.permanent(&id) {
            Some(known) if known == record => {
                Err(Refusal::PaymentExists { number: number.to_string() })
            }
            Some(_) => Err(Refusal::PaymentNumberUsed { number: number.to_string() }),
            None if self.recorded.contains(&number) => {
                Err(Refusal::PaymentNumberUsed { number: number.to_string() })
            }
            None => {
                self.act.use_up(id, record);
                Ok(())
            }
        }
    }
}
