//! How a group buy ends: what nobody took, and the seal (G39, G40).

use super::{
    Model,
    books::Account,
    hash_of,
    world::{GroupBuy, PaymentState},
};
use ledger_core::{
    crypto::Digest,
    fund::{AccountId, Beneficiary, FeePart, HouseholdTotals, Seal},
    types::{Fen, GroupBuyId, HouseholdTag},
};

/// What a household paid and was owed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SealedTotals {
    /// Confirmed payments.
    paid: u64,
    /// From Escrow to Refund.
    owed_back: u64,
}

impl SealedTotals {
    fn as_said(self) -> HouseholdTotals {
        HouseholdTotals { paid: Fen::new(self.paid), refunded: Fen::new(self.owed_back) }
    }
}

impl GroupBuy {
    /// What a household paid that counted.
    pub(crate) fn paid_by(&self, household: HouseholdTag) -> u64 {
        let counted =
            self.payments.iter().filter(|payment| payment.state == PaymentState::Confirmed);
        let shares = counted.flat_map(|payment| payment.record.shares.iter());
        let own = shares.filter(|share| share.household == household);
        own.map(|share| share.amount.get()).sum()
    }
}

impl Model {
    /// G39: one account for each household, for the supplier and for each payee.
    pub(super) fn make_unclaimed(&mut self, id: GroupBuyId) {
        let group_buy = self.group_buy(id).expect("its deadline").clone();
        let filing = &group_buy.filing;
        let mut left: Vec<(AccountId, Beneficiary)> = Vec::new();
        for household in group_buy.households() {
            left.push((AccountId::Refund(household), Beneficiary::Household(household)));
        }
        left.push((AccountId::Payable, Beneficiary::Supplier(filing.supplier)));
        for (part, payee) in FeePart::ALL.into_iter().zip([
            group_buy.leader,
            filing.property,
            filing.delivery,
            filing.packing,
        ]) {
            left.push((AccountId::Fee(part), Beneficiary::Payee(payee)));
        }
        for (account, beneficiary) in left {
            let account = Account::of(id, account);
            let unclaimed = Account::of_chain(AccountId::Unclaimed(id, beneficiary));
            let amount = self.balance(&account);
            self.post(account, unclaimed, amount).expect("what stands there can be taken");
        }
    }

    /// G40: what remains of a group buy.
    pub(super) fn close(&mut self, id: GroupBuyId) -> Seal {
        let group_buy = self.group_buy(id).expect("its deadline").clone();
        let mut leaves: Vec<(Digest, SealedTotals)> = Vec::new();
        for household in group_buy.households() {
            let escrow = Account::of(id, AccountId::Escrow(household));
            let refund = Account::of(id, AccountId::Refund(household));
            let totals = SealedTotals {
                paid: group_buy.paid_by(household),
                owed_back: self.journal.posted(&escrow, &refund),
            };
            leaves.push((hash_of("seal", &(household, totals.as_said())), totals));
        }
        let (households, totals) = merkle_sum(leaves);
        self.world.group_buys.retain(|group_buy| group_buy.id() != id);
        self.world.closed.push(id);
        Seal {
            group_buy: id,
            phase: group_buy.phase,
            filing: group_buy.filing_hash,
            totals: totals.as_said(),
            households,
        }
    }
}

/// The Merkle-sum tree of docs/wire-format.md section 8: an odd node moves up as it is.
fn merkle_sum(mut nodes: Vec<(Digest, SealedTotals)>) -> (Digest, SealedTotals) {
    while nodes.len() > 1 {
        let mut above = Vec::new();
        for pair in nodes.chunks(2) {
            above.push(match pair {
                [(left, of_left), (right, of_right)] => {
                    let content = ((*left, of_left.as_said()), (*right, of_right.as_said()));
                    let totals = SealedTotals {
                        paid: of_left.paid + of_right.paid,
                        owed_back: of_left.owed_back + of_right.owed_back,
                    };
                    (hash_of("seal", &content), totals)
                }
                odd => odd[0],
            });
        }
        nodes = above;
    }
    let nothing = (Digest::default(), SealedTotals { paid: 0, owed_back: 0 });
    nodes.pop().unwrap_or(nothing)
}
