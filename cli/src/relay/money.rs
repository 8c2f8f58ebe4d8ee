//! Amounts of money and totals in an entry: they are only compared with what the filing comes to.

use super::{
    goods::Goods,
    intent::{Portion, Want},
    lines::{Lines, cost, offers_of, total_of},
    number::Amount,
    question::Trouble,
    token::Token,
};
use crate::lang::say;
use ledger_core::types::Fen;

/// What an entry says that it comes to.
#[derive(Default)]
pub(super) struct Said {
    /// Amounts of money, in fen: a price, what a good comes to, or all.
    money: Vec<u64>,
    /// What several goods, or all, are said to come to, in fen: 共5元.
    sums: Vec<u64>,
    /// 共3份.
    total: Option<Amount>,
}

/// Takes amounts of money and totals out.
///
/// # Errors
/// A total of nothing, to be asked about.
pub(super) fn without_money(tokens: Vec<Token>) -> Result<(Vec<Token>, Said), Trouble> {
    let (mut kept, mut said) = (Vec::new(), Said::default());
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            Token::Money(fen) => said.money.push(fen),
            Token::Total => match tokens.next() {
                Some(Token::Money(fen)) => said.sums.push(fen),
                Some(Token::Amount(amount)) if said.total.is_none() => said.total = Some(amount),
                _ => return Err(say!("a total of what?", "“共”后面没看懂").into()),
            },
            other => kept.push(other),
        }
    }
    Ok((kept, said))
}

impl Said {
    /// An entry that is no order of its own may name no sum.
    ///
    /// # Errors
    /// That it does, to be asked about.
    pub(super) fn nothing(&self) -> Result<(), Trouble> {
        match self.money.is_empty() && self.sums.is_empty() && self.total.is_none() {
            true => Ok(()),
            false => Err(say!("it names an amount of money or a total", "写了金额或合计").into()),
        }
    }

    /// Sums must be what the filing comes to.
    ///
    /// # Errors
    /// What differs, to be asked about.
    pub(super) fn check(
        &self,
        wants: &[Want],
        parts: &[Lines],
        goods: &Goods<'_>,
    ) -> Result<(), Trouble> {
        let filing = goods.filing;
        let filed =
            parts.iter().map(|part| total_of(part, filing)).fold(Fen::ZERO, Fen::saturating_add);
        let lines = || parts.iter().flat_map(|part| offers_of(part, filing));
        // A sum alone is that of all goods; one of several may be that of one good, and never a price.
        let mut sums = vec![filed];
        if self.sums.len() > 1 {
            sums.extend(lines().map(|(offer, quantity)| cost(offer, quantity)));
        }
        let mut amounts = vec![filed];
        for (offer, quantity) in lines() {
            amounts.extend([cost(offer, quantity), Fen::new(offer.price.get().into())]);
        }
        let differs = |said: &[u64], known: &[Fen]| {
            said.iter().copied().find(|fen| !known.contains(&Fen::new(*fen)))
        };
        let other = differs(&self.sums, &sums).or_else(|| differs(&self.money, &amounts));
        if let Some(other) = other {
            let (said, filed) = (Fen::new(other).to_yuan(), filed.to_yuan());
            return Err(say!(
                "it says {said} yuan, by the filing it is {filed}",
                "写的是 {said} 元，按备案价是 {filed} 元"
            )
            .into());
        }
        let agrees = match (&self.total, wants, parts) {
            (None, ..) => true,
            (Some(total), ..) if is_yuan(total, filed) => true,
            (Some(total), [want], [part]) => {
                let portion = Portion::One(total.clone());
                goods.line(want.good.as_deref(), &portion).is_ok_and(|line| line == *part)
            }
            (Some(total), ..) => count_to(wants, total),
        };
        match agrees {
            true => Ok(()),
            false => {
                Err(say!("the total is not the sum of the goods", "合计与各项之和不符").into())
            }
        }
    }
}

/// Whether a bare number, as in 共8.98, is this amount in yuan.
fn is_yuan(total: &Amount, filed: Fen) -> bool {
    matches!(total, Amount::Count { thousandths, unit }
        if unit.is_empty() && filed.get().checked_mul(10) == Some(*thousandths))
}

/// Whether the numbers of all goods together are the total.
fn count_to(wants: &[Want], total: &Amount) -> bool {
    let Amount::Count { thousandths, .. } = total else { return false };
    let counts = wants.iter().map(|want| match &want.portion {
        Portion::One(Amount::Count { thousandths, .. }) => Some(*thousandths),
        _ => None,
    });
    counts.sum::<Option<u64>>() == Some(*thousandths)
}
