//! Amounts of money and totals in an entry: they are only compared with what the filing comes to.

use super::{
    goods::Goods,
    intent::{Intent, Portion, Want},
    lines::{self, cost, offers_of, total_of},
    number::Amount,
    question::Trouble,
    token::Token,
};
use crate::lang::say;
use ledger_core::types::Fen;

/// What an entry says that it comes to.
#[derive(Default)]
pub(super) struct Said {
    /// Amounts of money, in fen.
    money: Vec<u64>,
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
                Some(Token::Money(fen)) => said.money.push(fen),
                Some(Token::Amount(amount)) if said.total.is_none() => said.total = Some(amount),
                _ => return Err(say!("a total of what?", "“共”后面没看懂").into()),
            },
            other => kept.push(other),
        }
    }
    Ok((kept, said))
}

/// Amounts of money in an entry must be what the filing comes to.
///
/// # Errors
/// What differs, to be asked about.
pub(super) fn check(said: &Said, intent: &Intent, goods: &Goods<'_>) -> Result<(), Trouble> {
    if said.money.is_empty() && said.total.is_none() {
        return Ok(());
    }
    let Intent::Order(_, wants) = intent else {
        return Err(say!("it names an amount of money or a total", "写了金额或合计").into());
    };
    let mut sums = Vec::new();
    let mut all = lines::Lines::new();
    for want in wants {
        let line = goods.line(want.good.as_deref(), &want.portion)?;
        for (offer, quantity) in offers_of(&line, goods.filing) {
            sums.extend([cost(offer, quantity), Fen::new(offer.price.get().into())]);
        }
        all = lines::sum(&all, &line)?;
    }
    let filed = total_of(&all, goods.filing);
    sums.push(filed);
    if let Some(other) = said.money.iter().find(|fen| !sums.contains(&Fen::new(**fen))) {
        let (said, filed) = (Fen::new(*other).to_yuan(), filed.to_yuan());
        return Err(say!(
            "it says {said} yuan, by the filing it is {filed}",
            "写的是 {said} 元，按备案价是 {filed} 元"
        )
        .into());
    }
    let agrees = match (&said.total, wants.as_slice()) {
        (None, _) => true,
        (Some(total), [one]) => {
            let portion = Portion::One(total.clone());
            goods.line(one.good.as_deref(), &portion).is_ok_and(|line| line == all)
        }
        (Some(total), wants) => count_to(wants, total),
    };
    match agrees {
        true => Ok(()),
        false => Err(say!("the total is not the sum of the goods", "合计与各项之和不符").into()),
    }
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
