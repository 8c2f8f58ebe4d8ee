//! Payments: recorded by the leader, confirmed by the custodian (G25 to G29).

use super::{
    Model,
    books::Account,
    hash_of,
    refusals::{
        AMOUNT_TOO_LARGE, Answer, NO_ORDERS, PAYMENT_DIFFERS, PAYMENT_EXISTS, PAYMENT_NOT_PENDING,
        PAYMENT_NUMBER_USED, PAYMENT_UNKNOWN, TOO_MANY_LINES, UNKNOWN_HOUSEHOLD, ZERO_AMOUNT,
    },
    world::{Number, Payment, PaymentState, Way},
};
use ledger_core::{
    crypto::Digest,
    fund::{AccountId, Confirmation, PaymentRecord, Phase, Receipt, Share},
    types::{GroupBuyId, MemberId, PaymentNo},
};

/// G6: payments in a group buy.
const PAYMENTS_MAX: usize = 4_000;

/// What the shares of a payment add up to.
pub(crate) fn total_of(shares: &[Share]) -> u128 {
    shares.iter().map(|share| u128::from(share.amount.get())).sum()
}

impl Model {
    /// G25: the leader says which payment is for which households. That books nothing.
    pub(super) fn record_payments(
        &mut self,
        author: MemberId,
        id: GroupBuyId,
        records: &[PaymentRecord],
    ) -> Answer<()> {
        self.is_leader_of(author, id)?;
        self.in_phase(id, &[Phase::Open])?;
        if records.is_empty() {
            return Err(NO_ORDERS);
        }
        let mut news = false;
        for record in records {
            news |= self.record_payment(id, record)?;
        }
        if news { Ok(()) } else { Err(PAYMENT_EXISTS) }
    }

    /// Records one payment; `false` if it stands as given.
    fn record_payment(&mut self, id: GroupBuyId, record: &PaymentRecord) -> Answer<bool> {
        self.channel_is_known(record.channel)?;
        let content = hash_of("payment", record);
        let group_buy = self.group_buy(id)?;
        if let Some(standing) = group_buy.payment(record.number) {
            let same = standing.hash == Some(content);
            return if same { Ok(false) } else { Err(PAYMENT_NUMBER_USED) };
        }
        // G4: whatever it says, in another group buy it is another payment.
        if self.number_is_free(record.number, content, content).is_err() {
            return Err(PAYMENT_NUMBER_USED);
        }
        if group_buy.payments.len() >= PAYMENTS_MAX {
            return Err(TOO_MANY_LINES);
        }
        self.total_is_fit(&record.shares)?;
        self.shares_are_fit(id, &record.shares)?;
        let payment = Payment {
            record: record.clone(),
            hash: Some(content),
            state: PaymentState::Recorded,
            left: vec![0; record.shares.len()],
        };
        self.group_buy_mut(id).payments.push(payment);
        Ok(true)
    }

    /// The shares together are an amount that the policy allows.
    pub(super) fn total_is_fit(&self, shares: &[Share]) -> Answer<()> {
        let total = u64::try_from(total_of(shares)).map_err(|_| AMOUNT_TOO_LARGE)?;
        self.amount_is_fit(total)
    }

    /// Each share is of something, for a household that has an order.
    pub(super) fn shares_are_fit(&self, id: GroupBuyId, shares: &[Share]) -> Answer<()> {
        let households = self.group_buy(id)?.households();
        for share in shares {
            if share.amount.get() == 0 {
                return Err(ZERO_AMOUNT);
            }
            if !households.contains(&share.household) {
                return Err(UNKNOWN_HOUSEHOLD);
            }
        }
        Ok(())
    }

    /// G26, G28: the custodian confirms. In time: Custody / Escrow; too late: Custody / Unidentified.
    pub(super) fn confirm_payments(
        &mut self,
        author: MemberId,
        id: GroupBuyId,
        confirmations: &[Confirmation],
    ) -> Answer<()> {
        self.group_buy(id)?;
        if confirmations.is_empty() {
            return Err(NO_ORDERS);
        }
        let mut news = false;
        for confirmation in confirmations {
            let payment = self.group_buy(id)?.payment(confirmation.number);
            let payment = payment.ok_or(PAYMENT_UNKNOWN)?;
            self.is_custodian(author, payment.record.channel)?;
            if payment.hash != Some(confirmation.record) {
                return Err(PAYMENT_NOT_PENDING);
            }
            let differs = total_of(&payment.record.shares) != u128::from(confirmation.amount.get());
            let decided = payment.state != PaymentState::Recorded;
            if differs && !(decided && self.follows_code) {
                return Err(PAYMENT_DIFFERS);
            }
            if payment.state == PaymentState::Recorded {
                self.confirm_payment(id, confirmation.number)?;
                news = true;
            }
        }
        if news { Ok(()) } else { Err(PAYMENT_EXISTS) }
    }

    /// A record that has not been decided, and is the one that was read.
    fn pending(&self, id: GroupBuyId, number: PaymentNo, record: Digest) -> Answer<&Payment> {
        let payment = self.group_buy(id)?.payment(number).ok_or(PAYMENT_UNKNOWN)?;
        if payment.state != PaymentState::Recorded || payment.hash != Some(record) {
            return Err(PAYMENT_NOT_PENDING);
        }
        Ok(payment)
    }

    fn confirm_payment(&mut self, id: GroupBuyId, number: PaymentNo) -> Answer<()> {
        let group_buy = self.group_buy(id)?;
        let payment = group_buy.payment(number).ok_or(PAYMENT_UNKNOWN)?;
        let content = payment.hash.ok_or(PAYMENT_NOT_PENDING)?;
        let record = payment.record.clone();
        let late = group_buy.phase != Phase::Open || record.paid_at > group_buy.filing.cut_off;
        let total = u64::try_from(total_of(&record.shares)).expect("within the policy");
        self.world.numbers.push(Number {
            number,
            content,
            of_money: content,
            channel: record.channel,
            amount: total,
            way: Way::In(record.paid_at),
        });
        let custody = Account::of_chain(AccountId::Custody(record.channel));
        if late {
            self.post(custody, Account::of_chain(AccountId::Unidentified(number)), total)?;
        } else {
            for share in &record.shares {
                let escrow = Account::of(id, AccountId::Escrow(share.household));
                self.post(custody, escrow, share.amount.get())?;
            }
        }
        let payments = &mut self.group_buy_mut(id).payments;
        let payment = payments.iter_mut().find(|payment| payment.record.number == number);
        let payment = payment.expect("looked up before");
        payment.state = if late { PaymentState::Late } else { PaymentState::Confirmed };
        if !late {
            payment.left = record.shares.iter().map(|share| share.amount.get()).collect();
        }
        Ok(())
    }

    /// G27: a record that is not what arrived is refused, which frees the number.
    pub(super) fn refuse_payment(
        &mut self,
        author: MemberId,
        id: GroupBuyId,
        number: PaymentNo,
        record: Digest,
    ) -> Answer<()> {
        let payment = self.group_buy(id)?.payment(number).ok_or(PAYMENT_UNKNOWN)?;
        self.is_custodian(author, payment.record.channel)?;
        self.pending(id, number, record)?;
        self.group_buy_mut(id).payments.retain(|payment| payment.record.number != number);
        Ok(())
    }

    /// G29: the custodian books money that it cannot match.
    pub(super) fn receive_unidentified(
        &mut self,
        author: MemberId,
        receipt: &Receipt,
    ) -> Answer<()> {
        self.is_custodian(author, receipt.channel)?;
        let unidentified = Account::of_chain(AccountId::Unidentified(receipt.number));
        self.receive(receipt, hash_of("payment", receipt), unidentified)
    }
}
