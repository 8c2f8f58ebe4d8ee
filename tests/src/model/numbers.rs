//! Numbers of payments, refunds and payouts: used once, for ever (G4).

use super::{
    Model,
    books::Account,
    hash_of,
    refusals::{
        AMOUNT_TOO_LARGE, Answer, PAYMENT_EXISTS, PAYMENT_NUMBER_USED, UNKNOWN_CHANNEL, ZERO_AMOUNT,
    },
    world::{Number, Out, PaymentState, Way},
};
use ledger_core::{
    crypto::Digest,
    fund::{AccountId, ChannelId, Payout, Receipt},
    types::PaymentNo,
};

impl Model {
    pub(crate) fn number(&self, number: PaymentNo) -> Option<&Number> {
        self.world.numbers.iter().find(|known| known.number == number)
    }

    /// Whether a record with this number waits for its custodian, in whatever group buy.
    pub(crate) fn is_recorded(&self, number: PaymentNo) -> bool {
        self.world.group_buys.iter().any(|group_buy| {
            group_buy.payment(number).is_some_and(|payment| payment.state == PaymentState::Recorded)
        })
    }

    /// G4: the same number with the same content is already done, other content is refused.
    pub(super) fn number_is_free(
        &self,
        number: PaymentNo,
        content: Digest,
        of_money: Digest,
    ) -> Answer<()> {
        if self.is_recorded(number) {
            return Err(PAYMENT_NUMBER_USED);
        }
        match self.number(number) {
            None => Ok(()),
            Some(known) if known.content == content => Err(PAYMENT_EXISTS),
            Some(known) if self.follows_code && known.of_money == of_money => Err(PAYMENT_EXISTS),
            Some(_) => Err(PAYMENT_NUMBER_USED),
        }
    }

    /// An amount that moves something and that the policy allows.
    pub(super) fn amount_is_fit(&self, amount: u64) -> Answer<()> {
        if amount == 0 {
            return Err(ZERO_AMOUNT);
        }
        if amount > self.world.policy.payment_max.get() {
            return Err(AMOUNT_TOO_LARGE);
        }
        Ok(())
    }

    pub(super) fn channel_is_known(&self, channel: ChannelId) -> Answer<()> {
        self.custodian(channel).map(|_| ()).map_err(|_| UNKNOWN_CHANNEL)
    }

    /// Money came in by a channel, under a number: Custody / `credit`.
    pub(super) fn receive(
        &mut self,
        receipt: &Receipt,
        content: Digest,
        credit: Account,
    ) -> Answer<()> {
        let amount = receipt.amount.get();
        self.amount_is_fit(amount)?;
        let of_money = hash_of("payment", receipt);
        self.number_is_free(receipt.number, content, of_money)?;
        self.world.numbers.push(Number {
            number: receipt.number,
            content,
            of_money,
            channel: receipt.channel,
            amount,
            way: Way::In(receipt.received_at),
        });
        self.post(Account::of_chain(AccountId::Custody(receipt.channel)), credit, amount)
    }

    /// Money goes out by a channel, under a number: `out.from` / Custody.
    pub(super) fn pay(&mut self, payout: &Payout, content: Digest, out: Out) -> Answer<()> {
        let amount = payout.amount.get();
        self.amount_is_fit(amount)?;
        let of_money = hash_of("payment", &(*payout, out.from.group_buy, out.from.id));
        self.number_is_free(payout.number, content, of_money)?;
        let from = out.from;
        self.world.numbers.push(Number {
            number: payout.number,
            content,
            of_money,
            channel: payout.channel,
            amount,
            way: Way::Out(out),
        });
        self.post(from, Account::of_chain(AccountId::Custody(payout.channel)), amount)
    }
}
