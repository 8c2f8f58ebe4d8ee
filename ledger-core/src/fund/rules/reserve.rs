//! Community funds, each with one purpose (rule G45).

use crate::{
    fund::{
        chart::AccountId,
        draft::Draft,
        numbers::{Payout, Receipt},
        till::{self, Source},
    },
    refusal::Refusal,
    types::Code,
};

/// A grant or gift comes in.
pub(in crate::fund) fn give(
    draft: &mut Draft<'_>,
    purpose: Code<16>,
    receipt: &Receipt,
) -> Result<(), Refusal> {
    till::receive(draft, AccountId::Reserve(purpose), receipt)
}

/// It is spent for its purpose.
pub(in crate::fund) fn spend(
    draft: &mut Draft<'_>,
    purpose: Code<16>,
    payout: &Payout,
) -> Result<(), Refusal> {
    till::pay(draft, Source::chain(AccountId::Reserve(purpose)), payout)
}
