//! What each movement books (G28, G29, G32, G35 to G39, G41 to G45).

use super::{
    Model,
    books::Account,
    hash_of,
    payments::total_of,
    refusals::{
        AMOUNT_TOO_LARGE, Answer, CUT_OFF_PASSED, NO_ORDERS, PAYMENT_EXISTS, PAYMENT_NUMBER_USED,
        PAYMENT_SHARE_EXCEEDED, PAYMENT_UNKNOWN, PAYOUT_UNKNOWN, TOO_EARLY, TOTAL_DIFFERS,
        UNKNOWN_AUTHOR, ZERO_AMOUNT,
    },
    world::{Out, Payment, PaymentState, Way},
};
use ledger_core::{
    codec::List,
    fund::{
        AccountId, Beneficiary, FeePart, GoodsNote, Movement, PayTo, PaymentRecord, Payout, Phase,
        Receipt, RefundItem, Share,
    },
    types::{Fen, GroupBuyId, HouseholdTag, PaymentNo},
};

/// An account of the chain.
fn chain(id: AccountId) -> Account {
    Account::of_chain(id)
}

/// Somebody is paid from an account of the chain, where it also comes back to.
fn out_of(id: AccountId) -> Out {
    let from = chain(id);
    Out { pays: true, from, after_closing: from, gives_back: None, bounced: None }
}

/// Custody shrinks and nobody is paid.
fn gone_to(id: AccountId) -> Out {
    Out { pays: false, ..out_of(id) }
}

impl Model {
    /// State, content and money of a movement whose authors are in order.
    pub(super) fn carry_out(&mut self, movement: &Movement) -> Answer<()> {
        let content = hash_of("payment", movement);
        match movement {
            Movement::Identify { payment, group_buy, shares } => {
                self.identify(*payment, *group_buy, shares)
            }
            Movement::ReturnUnidentified { payment, payout } => {
                let unidentified = AccountId::Unidentified(*payment);
                // G28: back by the channel that it came by.
                let stands = self.balance(&chain(unidentified)) > 0;
                if !stands || self.channel_of_received(*payment)? != payout.channel {
                    return Err(PAYMENT_UNKNOWN);
                }
                self.pay(payout, content, out_of(unidentified))
            }
            Movement::Refund { group_buy, items } => self.refund(*group_buy, items),
            Movement::DecideGoods(note) => self.decide_goods(note),
            Movement::Deliver { group_buy, households, .. } => {
                self.in_phase(*group_buy, &[Phase::Received])?;
                self.deliver_all(*group_buy, households)
            }
            Movement::Settle { group_buy, payable } => self.settle(*group_buy, payable.get()),
            Movement::PayOut { group_buy, to, payout } => {
                self.pay_out(*group_buy, *to, payout, movement)
            }
            Movement::Cancel { group_buy } => self.cancel(*group_buy),
            Movement::Bounce { payout, receipt } => self.bounce(*payout, receipt, movement),
            Movement::PayUnclaimed { group_buy, beneficiary, payout } => {
                let account = AccountId::Unclaimed(*group_buy, *beneficiary);
                self.pay(payout, content, out_of(account))
            }
            // G43.
            Movement::Transfer { from, to } => {
                if from.channel == *to {
                    return Err(NO_ORDERS);
                }
                self.pay(from, content, gone_to(AccountId::Custody(*to)))
            }
            Movement::ChannelFee { fee, .. } => {
                self.pay(fee, content, gone_to(AccountId::ChannelFee(fee.channel)))
            }
            Movement::BearChannelFee { group_buy, channel, amount } => {
                self.bear_channel_fee(*group_buy, *channel, *amount)
            }
            Movement::TopUpChannelFee { receipt } => {
                self.receive(receipt, content, chain(AccountId::ChannelFee(receipt.channel)))
            }
            // G44.
            Movement::Difference { missing, .. } => {
                self.pay(missing, content, gone_to(AccountId::Difference(missing.channel)))
            }
            Movement::ChargeDifference { channel, member, amount, .. } => {
                self.role(*member).ok_or(UNKNOWN_AUTHOR)?;
                self.amount_is_fit(amount.get())?;
                let receivable = chain(AccountId::Receivable(*member));
                self.post(receivable, chain(AccountId::Difference(*channel)), amount.get())
            }
            Movement::FoundDifference { receipt } => {
                self.receive(receipt, content, chain(AccountId::Difference(receipt.channel)))
            }
            Movement::RepayReceivable { member, receipt } => {
                self.receive(receipt, content, chain(AccountId::Receivable(*member)))
            }
            // G45.
            Movement::GiveReserve { purpose, receipt } => {
                self.receive(receipt, content, chain(AccountId::Reserve(*purpose)))
            }
            Movement::SpendReserve { purpose, payout, .. } => {
                self.channel_is_known(payout.channel)?;
                self.pay(payout, content, out_of(AccountId::Reserve(*purpose)))
            }
        }
    }

    /// G29: for which households of an OPEN group buy it was, the whole amount at once. G28: what was
    /// paid too late does not become timely by it.
    fn identify(&mut self, number: PaymentNo, id: GroupBuyId, shares: &[Share]) -> Answer<()> {
        let known = self.number(number).ok_or(PAYMENT_UNKNOWN)?.clone();
        let Way::In(received_at) = known.way else { return Err(PAYMENT_UNKNOWN) };
        self.in_phase(id, &[Phase::Open])?;
        if received_at > self.group_buy(id)?.filing.cut_off {
            return Err(CUT_OFF_PASSED);
        }
        if total_of(shares) > u128::from(u64::MAX) {
            return Err(AMOUNT_TOO_LARGE);
        }
        if shares.iter().any(|share| share.amount == Fen::ZERO) {
            return Err(ZERO_AMOUNT);
        }
        if total_of(shares) != u128::from(known.amount) {
            return Err(TOTAL_DIFFERS);
        }
        let unidentified = chain(AccountId::Unidentified(number));
        for share in shares {
            self.shares_are_fit(id, &[*share])?;
            let escrow = Account::of(id, AccountId::Escrow(share.household));
            self.post(unidentified, escrow, share.amount.get())?;
        }
        let record = PaymentRecord {
            number,
            channel: known.channel,
            paid_at: received_at,
            shares: List::new(shares.to_vec()).expect("as many as in the movement"),
        };
        let left = shares.iter().map(|share| share.amount.get()).collect();
        let payment = Payment { record, hash: None, state: PaymentState::Confirmed, left };
        self.group_buy_mut(id).payments.push(payment);
        Ok(())
    }

    /// G38: each names the payment that it gives back, and goes the way it came.
    fn refund(&mut self, id: GroupBuyId, items: &[RefundItem]) -> Answer<()> {
        for item in items {
            let channel = self.channel_of_confirmed(id, item.payment)?;
            if item.amount == Fen::ZERO {
                return Err(ZERO_AMOUNT);
            }
            self.give_back(id, item)?;
            let household = Beneficiary::Household(item.household);
            let out = Out {
                pays: true,
                from: Account::of(id, AccountId::Refund(item.household)),
                after_closing: chain(AccountId::Unclaimed(id, household)),
                gives_back: Some((item.payment, item.household)),
                bounced: None,
            };
            let payout = Payout { channel, number: item.number, amount: item.amount };
            self.pay(&payout, hash_of("payment", item), out)?;
        }
        Ok(())
    }

    /// G38: no more than is left of the household's share of the payment.
    fn give_back(&mut self, id: GroupBuyId, item: &RefundItem) -> Answer<()> {
        let payments = &mut self.group_buy_mut(id).payments;
        let payment = payments.iter_mut().find(|payment| payment.record.number == item.payment);
        let payment = payment.ok_or(PAYMENT_UNKNOWN)?;
        let mut take = item.amount.get();
        for (share, left) in payment.record.shares.iter().zip(&mut payment.left) {
            if share.household == item.household {
                let taken = take.min(*left);
                *left -= taken;
                take -= taken;
            }
        }
        if take == 0 { Ok(()) } else { Err(PAYMENT_SHARE_EXCEEDED) }
    }

    /// G32: when the second signature has been missing for too long.
    fn decide_goods(&mut self, note: &GoodsNote) -> Answer<()> {
        let id = note.group_buy;
        self.in_phase(id, &[Phase::Ordered])?;
        Self::note_is_in_order(note)?;
        self.note_is_within_order(note)?;
        let group_buy = self.group_buy(id)?;
        let since = group_buy.note.as_ref().map_or(group_buy.filing.deliver_by, |half| half.at);
        if self.world.now < since.after(self.world.policy.goods_note_wait) {
            return Err(TOO_EARLY);
        }
        self.book_goods(note);
        Ok(())
    }

    /// G36.
    fn settle(&mut self, id: GroupBuyId, payable: u64) -> Answer<()> {
        self.in_phase(id, &[Phase::Delivered])?;
        let group_buy = self.group_buy(id)?;
        let window = group_buy.filing.after_sale_window;
        if self.world.now < group_buy.last_delivery.after(window) {
            return Err(TOO_EARLY);
        }
        let retained = self.in_group_buy(id, AccountId::Retention);
        if payable != self.in_group_buy(id, AccountId::Payable) + retained {
            return Err(TOTAL_DIFFERS);
        }
        self.post_own(id, AccountId::Retention, AccountId::Payable, retained);
        self.enter_phase(id, Phase::Settled);
        Ok(())
    }

    /// G37.
    fn pay_out(
        &mut self,
        id: GroupBuyId,
        to: PayTo,
        payout: &Payout,
        movement: &Movement,
    ) -> Answer<()> {
        let payee = self.payee(id, to)?;
        self.in_phase(id, &[Phase::Settled])?;
        let (account, beneficiary) = match to {
            PayTo::Supplier => (AccountId::Payable, Beneficiary::Supplier(payee)),
            PayTo::Fee(part) => {
                let part = FeePart::ALL.get(usize::from(part)).ok_or(PAYOUT_UNKNOWN)?;
                (AccountId::Fee(*part), Beneficiary::Payee(payee))
            }
        };
        let out = Out {
            pays: true,
            from: Account::of(id, account),
            after_closing: chain(AccountId::Unclaimed(id, beneficiary)),
            gives_back: None,
            bounced: None,
        };
        self.pay(payout, hash_of("payment", movement), out)
    }

    /// G41: until the goods are received; everything in Escrow is owed back.
    fn cancel(&mut self, id: GroupBuyId) -> Answer<()> {
        self.in_phase(id, &[Phase::Filed, Phase::Open, Phase::Formed, Phase::Ordered])?;
        self.owe_back_all(id);
        self.enter_phase(id, Phase::Cancelled);
        Ok(())
    }

    /// Everything in Escrow is owed back.
    pub(super) fn owe_back_all(&mut self, id: GroupBuyId) {
        let households = self.group_buy(id).expect("looked up before").households();
        for household in households {
            let escrow = AccountId::Escrow(household);
            let held = self.in_group_buy(id, escrow);
            self.post_own(id, escrow, AccountId::Refund(household), held);
        }
    }

    /// G42: it comes back whole and once, to the account that it was paid from, or to Unclaimed.
    fn bounce(&mut self, number: PaymentNo, receipt: &Receipt, movement: &Movement) -> Answer<()> {
        let paid = self.number(number).ok_or(PAYOUT_UNKNOWN)?.clone();
        let Way::Out(out) = paid.way else { return Err(PAYOUT_UNKNOWN) };
        if !out.pays && !self.follows_code {
            return Err(PAYOUT_UNKNOWN);
        }
        if paid.amount != receipt.amount.get() {
            return Err(TOTAL_DIFFERS);
        }
        let content = hash_of("payment", movement);
        if out.bounced.is_some() {
            // G4: the very same is already done.
            let same = self.number(receipt.number).is_some_and(|known| known.content == content);
            let same = same && !self.follows_code;
            return Err(if same { PAYMENT_EXISTS } else { PAYMENT_NUMBER_USED });
        }
        let lives = match out.from.group_buy {
            Some(group_buy) => self.group_buy(group_buy).is_ok(),
            None => true,
        };
        let back_to = if lives { out.from } else { out.after_closing };
        self.receive(receipt, content, back_to)?;
        for known in &mut self.world.numbers {
            if let (true, Way::Out(out)) = (known.number == number, &mut known.way) {
                out.bounced = Some(receipt.number);
            }
        }
        // The payment of a refund that bounced can be given back again.
        if let (true, Some((payment, household))) = (lives, out.gives_back) {
            let id = out.from.group_buy.expect("a refund is of a group buy");
            self.restore(id, payment, household, paid.amount);
        }
        Ok(())
    }

    fn restore(&mut self, id: GroupBuyId, number: PaymentNo, household: HouseholdTag, amount: u64) {
        let payments = &mut self.group_buy_mut(id).payments;
        let payment = payments.iter_mut().find(|payment| payment.record.number == number);
        let payment = payment.expect("it was given back");
        let mut restore = amount;
        for (share, left) in payment.record.shares.iter().zip(&mut payment.left) {
            if share.household == household {
                let restored = restore.min(share.amount.get() - *left);
                *left += restored;
                restore -= restored;
            }
        }
    }

    /// G43: the property company's share bears what a channel kept, once settled.
    fn bear_channel_fee(&mut self, id: GroupBuyId, channel: u8, amount: Fen) -> Answer<()> {
        self.in_phase(id, &[Phase::Settled])?;
        self.amount_is_fit(amount.get())?;
        let fee = Account::of(id, AccountId::Fee(FeePart::Property));
        self.post(fee, chain(AccountId::ChannelFee(channel)), amount.get())
    }
}
