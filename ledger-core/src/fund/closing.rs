//! The end of a group buy: settlement, refunds, what nobody claims, the seal (rules G36–G41).

use super::{
    account::{AccountId, Beneficiary, FeePart},
    draft::{Desk, Draft, no_group_buy},
    group_buy::{GroupBuy, PaymentState, Phase, SHARES_MAX, Share},
    movement::RefundItem,
    payment::PAYMENTS_MAX,
    permanent::{PermanentId, PermanentRecord},
};
use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain},
    refusal::Refusal,
    types::{Fen, GroupBuyId, HouseholdTag, PaymentNo},
};
use serde::{Deserialize, Serialize};

/// What remains of a closed group buy.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Seal {
    /// Which group buy.
    pub group_buy: GroupBuyId,
    /// How it ended.
    pub phase: Phase,
    /// Hash of its filing.
    pub filing: Digest,
    /// What all households paid, got back and spent.
    pub totals: HouseholdTotals,
    /// Root of the Merkle-sum tree over the households, in order of entry.
    pub households: Digest,
}

/// Sums of one household, or of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
pub struct HouseholdTotals {
    /// Confirmed payments.
    pub paid: Fen,
    /// Owed back (and paid back, or unclaimed).
    pub refunded: Fen,
}

impl HouseholdTotals {
    fn plus(self, other: Self) -> Self {
        Self {
            paid: self.paid.saturating_add(other.paid),
            refunded: self.refunded.saturating_add(other.refunded),
        }
    }
}

impl Seal {
    /// The hash that the state keeps for ever.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Domain::Seal.digest(&[&encode(self)])
    }

    fn of(group_buy: &GroupBuy) -> Self {
        let leaves: Vec<_> = group_buy
            .households
            .iter()
            .map(|(tag, household)| {
                // Not what was credited to Refund: a refund that bounced was credited twice.
                let refunded = household.paid.saturating_sub(group_buy.spent_by(household));
                let totals = HouseholdTotals { paid: household.paid, refunded };
                (Domain::Seal.digest(&[&encode(&(*tag, totals))]), totals)
            })
            .collect();
        let (households, totals) = sum_root(leaves);
        Self {
            group_buy: group_buy.id(),
            phase: group_buy.header.phase,
            filing: group_buy.header.filing,
            totals,
            households,
        }
    }
}

/// Root of a binary Merkle tree whose nodes carry the sums below them; an odd node moves up.
fn sum_root(mut level: Vec<(Digest, HouseholdTotals)>) -> (Digest, HouseholdTotals) {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    let hash = Domain::Seal.digest(&[&encode(&(*left, *right))]);
                    (hash, left.1.plus(right.1))
                }
                odd => odd[0],
            })
            .collect();
    }
    level.first().copied().unwrap_or_default()
}

impl Desk<'_, '_> {
    /// Ends the after-sale window: what was held back is the supplier's (G36).
    pub(super) fn settle(&mut self, payable: Fen) -> Result<(), Refusal> {
        self.require_phase(Phase::Delivered)?;
        let header = &self.group_buy.header;
        let at = header.last_delivery.after(self.group_buy.filing.after_sale_window);
        if self.act.now < at {
            return Err(Refusal::TooEarly { at });
        }
        let retention = self.group_buy.balance(&AccountId::Retention);
        let expected = self
            .group_buy
            .balance(&AccountId::Payable)
            .checked_add(retention)
            .ok_or(Refusal::AmountTooLarge {})?;
        if payable != expected {
            return Err(Refusal::TotalDiffers { expected, given: payable });
        }
        self.book(AccountId::Retention, AccountId::Payable, retention)?;
        self.enter(Phase::Settled);
        Ok(())
    }

    /// Gives a group buy up before its goods arrived (G41).
    pub(super) fn cancel(&mut self) -> Result<(), Refusal> {
        let phase = self.group_buy.header.phase;
        let before_arrival = [Phase::Filed, Phase::Open, Phase::Formed, Phase::Ordered];
        if !before_arrival.contains(&phase) {
            return Err(Refusal::WrongPhase { phase, needed: before_arrival.to_vec() });
        }
        self.refund_all_escrow()?;
        self.enter(Phase::Cancelled);
        Ok(())
    }

    /// Takes a refund out of what is left of a payment (G38).
    pub(super) fn take_from_payment(&mut self, item: &RefundItem) -> Result<(), Refusal> {
        let number = || item.payment.to_string();
        let payment = self.group_buy.payments.get_mut(&item.payment);
        let Some(payment) = payment.filter(|p| p.state == PaymentState::Confirmed) else {
            return Err(Refusal::PaymentUnknown { number: number() });
        };
        let mut shares = std::mem::take(&mut payment.record.shares).into_vec();
        let of_household = |share: &&mut Share| share.household == item.household;
        let left = Fen::sum(
            shares.iter().filter(|s| s.household == item.household).map(|share| share.amount),
        )
        .unwrap_or_default();
        if item.amount > left {
            return Err(Refusal::PaymentShareExceeded { number: number(), left });
        }
        let mut wanted = item.amount;
        for share in shares.iter_mut().filter(of_household) {
            let taken = share.amount.min(wanted);
            share.amount = share.amount.saturating_sub(taken);
            wanted = wanted.saturating_sub(taken);
        }
        payment.record.shares = List::new(shares).unwrap_or_default();
        Ok(())
    }

    /// A refund came back: its payment can be given back once more (G42).
    pub(super) fn put_back_to_payment(
        &mut self,
        number: PaymentNo,
        household: &HouseholdTag,
        amount: Fen,
    ) {
        let Some(payment) = self.group_buy.payments.get_mut(&number) else { return };
        let mut shares = std::mem::take(&mut payment.record.shares).into_vec();
        if let Some(share) = shares.iter_mut().find(|share| share.household == *household) {
            share.amount = share.amount.saturating_add(amount);
        }
        payment.record.shares = List::new(shares).unwrap_or_default();
    }

    /// Finds out whose money it was (G29).
    pub(super) fn identify(
        &mut self,
        payment: PaymentNo,
        shares: &List<Share, SHARES_MAX>,
    ) -> Result<(), Refusal> {
        self.require_phase(Phase::Open)?;
        let known = self.act.permanent(&PermanentId::Payment(payment));
        let Some(PermanentRecord::Received { channel, amount, at, content }) = known else {
            return Err(Refusal::PaymentUnknown { number: payment.to_string() });
        };
        // Money that was paid too late does not become timely by being identified (G28).
        let cut_off = self.group_buy.filing.cut_off;
        if at > cut_off {
            return Err(Refusal::CutOffPassed { cut_off });
        }
        if self.group_buy.payments.len() >= PAYMENTS_MAX {
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
            let Some(household) = self.group_buy.households.get_mut(&share.household) else {
                let household = share.household.to_string();
                return Err(Refusal::UnknownHousehold { household });
            };
            household.paid = household.paid.saturating_add(share.amount);
            self.book(
                AccountId::Unidentified(payment),
                AccountId::Escrow(share.household),
                share.amount,
            )?;
        }
        let paid = &mut self.group_buy.header.paid;
        *paid = paid.checked_add(amount).ok_or(Refusal::AmountTooLarge {})?;
        let record =
            super::PaymentRecord { number: payment, channel, paid_at: at, shares: shares.clone() };
        let payment = super::Payment { record, entered: content, state: PaymentState::Confirmed };
        self.group_buy.payments.insert(payment.record.number, payment);
        Ok(())
    }

    /// What could not be paid out for long enough waits outside the group buy (G39).
    pub(super) fn sweep_unclaimed(&mut self) -> Result<(), Refusal> {
        let id = self.group_buy.id();
        let supplier = self.group_buy.filing.supplier;
        let leader = self.group_buy.header.leader;
        let mut owed: Vec<(AccountId, Beneficiary)> = self
            .group_buy
            .households
            .iter()
            .map(|(tag, _)| (AccountId::Refund(*tag), Beneficiary::Household(*tag)))
            .collect();
        owed.push((AccountId::Payable, Beneficiary::Supplier(supplier)));
        for part in FeePart::ALL {
            let payee = self.group_buy.filing.payee(part, leader);
            owed.push((AccountId::Fee(part), Beneficiary::Payee(payee)));
        }
        for (account, beneficiary) in owed {
            let balance = self.group_buy.balance(&account);
            self.act.charge(1);
            self.book(account, AccountId::Unclaimed(id, beneficiary), balance)?;
        }
        // Or the deadline would fall due again and again.
        require_nothing_held(self.group_buy.header.held)
    }
}

/// Closed means zero; anything else is a mistake in the books, which keeps this one group buy open.
fn require_nothing_held(held: Fen) -> Result<(), Refusal> {
    if held == Fen::ZERO {
        Ok(())
    } else {
        Err(Refusal::TotalDiffers { expected: Fen::ZERO, given: held })
    }
}

impl Draft<'_> {
    /// Seals a group buy whose accounts are all zero and forgets the rest (G40).
    pub(super) fn close(&mut self, id: GroupBuyId) -> Result<(), Refusal> {
        let open = self.fund.group_buys.get(&id);
        let group_buy = open.ok_or_else(|| no_group_buy(&self.act, id))?;
        require_nothing_held(group_buy.header.held)?;
        let pending = group_buy.payments.iter().filter(|(_, p)| p.state == PaymentState::Recorded);
        for (number, _) in pending {
            self.recorded.remove(number);
        }
        let seal = Seal::of(group_buy);
        let lines = usize::try_from(group_buy.header.line_count).unwrap_or(usize::MAX);
        self.act.charge(1 + group_buy.households.len() + lines);
        self.act.use_up(PermanentId::GroupBuy(id), PermanentRecord::Seal(seal.digest()));
        self.closes = Some(seal);
        Ok(())
    }
}

/// The leaf of a household in the tree of a seal, for proving one's own line.
#[must_use]
pub fn seal_leaf(tag: &HouseholdTag, totals: &HouseholdTotals) -> Digest {
    Domain::Seal.digest(&[&encode(&(*tag, *totals))])
}
