//! What an entry asks for, in its own words: which goods, how much of each, and whether it adds to what
//! its household wrote before. Knows no filing: what a word for a good or an amount comes to, others say.

use super::{number::Amount, token::Token};
use crate::lang::say;

/// How an entry relates to earlier ones of its household.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Fresh,
    /// +1: one for me; after an earlier entry it may be one more.
    Joins,
    Adds,
    Replaces,
    /// Replaces goods that it does not name, too.
    ReplacesAll,
}

impl Mode {
    /// The word that an entry begins with to say so.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Adds => "再加 ",
            Self::Replaces => "改成 ",
            Self::ReplacesAll => "全部改成 ",
            Self::Fresh | Self::Joins => "",
        }
    }
}

/// What an entry asks for, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Intent {
    Order(Mode, Vec<Want>),
    /// 每样: so much of everything.
    EachOfAll(Mode, Portion),
    /// What is withdrawn, if the entry says it; `whole` if it cannot mean a part of the entry.
    Cancel {
        wants: Vec<Want>,
        whole: bool,
    },
    /// 鸡蛋不要了: these goods, however much of them.
    CancelGoods(Vec<String>),
    Same,
    /// 楼上+1: perhaps the same as above.
    LikeAbove,
}

/// How much of a good; of the list's only one if none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) good: Option<String>,
    pub(super) portion: Portion,
}

/// `2份`, `5斤 2份`, `5斤×2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Portion {
    One(Amount),
    Beside(Amount, Amount),
    Times(Amount, u64),
}

/// Reads the words of an order. Everything has to fit.
///
/// # Errors
/// What does not fit, in words, to be asked about.
pub(super) fn intent(tokens: &[Token]) -> Result<Intent, String> {
    let tokens = trimmed(tokens);
    let says = |word: Token| tokens.contains(&word);
    if says(Token::AsBefore) {
        return Err(say!(
            "as another day: this list does not say what that was; write it out",
            "“照旧”“老样子”：这份接龙里没写是什么，请写清楚"
        ));
    }
    if matches!(tokens, [Token::Same | Token::Above, Token::Plus, Token::Amount(_)]) {
        return Ok(Intent::LikeAbove);
    }
    if says(Token::Same) {
        let separates = |token: &&Token| matches!(token, Token::Separator);
        return match tokens.iter().filter(|token| !separates(token)).count() {
            1 => Ok(Intent::Same),
            _ => Err(say!("\"the same\" and something else", "“同上”之外还写了别的")),
        };
    }
    if says(Token::All) && !says(Token::Cancel) {
        return Err(say!("everything: how much of each?", "“全要”：每样多少？"));
    }
    if says(Token::Cancel) {
        return withdrawal(tokens);
    }
    let (mode, rest) = match tokens {
        [Token::Change, rest @ ..] => (Mode::Replaces, rest),
        [Token::ChangeAll, rest @ ..] => (Mode::ReplacesAll, rest),
        [Token::Add, rest @ ..] => (Mode::Adds, rest),
        _ => (Mode::Fresh, tokens),
    };
    let joining = |mode| if mode == Mode::Fresh { Mode::Joins } else { mode };
    match rest {
        // +1: one for me, of the only good.
        [Token::Plus, Token::Amount(amount @ Amount::Count { .. })] => {
            let want = Want { good: None, portion: Portion::One(amount.clone()) };
            Ok(Intent::Order(joining(mode), vec![want]))
        }
        [Token::Plus, ..] => Err(say!("\"+\": one more of what?", "“+”：加的是什么？")),
        [Token::EachOfAll, Token::Amount(amount)]
        | [Token::EachOfAll, Token::Each, Token::Amount(amount)]
        | [Token::Each, Token::Amount(amount)] => {
            Ok(Intent::EachOfAll(mode, Portion::One(amount.clone())))
        }
        _ => {
            let plus = rest.windows(2).any(|two| matches!(two, [Token::Plus, Token::Amount(_)]));
            let mode = if plus { joining(mode) } else { mode };
            Ok(Intent::Order(mode, wants(rest)?))
        }
    }
}

/// Without the separators at both ends.
fn trimmed(tokens: &[Token]) -> &[Token] {
    let separates = |token: &Token| matches!(token, Token::Separator | Token::And);
    let begin = tokens.iter().take_while(|token| separates(token)).count();
    let tokens = match tokens.get(begin..).unwrap_or_default() {
        // 3-201 / 土豆2份
        [Token::Slash | Token::Minus, rest @ ..] if begins_good(rest) => rest,
        tokens => tokens,
    };
    let end = tokens.len() - tokens.iter().rev().take_while(|token| separates(token)).count();
    tokens.get(..end).unwrap_or_default()
}

/// 取消, 土豆不要了.
fn withdrawal(tokens: &[Token]) -> Result<Intent, String> {
    let unclear = || say!("what is withdrawn, and what stays?", "取消哪些、保留哪些？");
    let (rest, last) = match tokens {
        [rest @ .., Token::Cancel] => (trimmed(rest), true),
        [Token::Cancel, rest @ ..] => (trimmed(rest), false),
        _ => return Err(unclear()),
    };
    // 所有都不要了
    if matches!(rest, [] | [Token::All]) {
        return Ok(Intent::Cancel { wants: Vec::new(), whole: true });
    }
    let goods = rest.iter().filter(|token| !matches!(token, Token::Separator | Token::And));
    let goods: Option<Vec<String>> = goods
        .map(|token| match token {
            Token::Good(good) => Some(good.clone()),
            _ => None,
        })
        .collect();
    if let Some(goods) = goods {
        return Ok(Intent::CancelGoods(goods));
    }
    let wants = wants(rest).map_err(|_| unclear())?;
    // 土豆2份 鸡蛋1盒不要了 may mean the eggs alone.
    Ok(Intent::Cancel { whole: last && wants.len() == 1, wants })
}

/// Goods with their amounts: `土豆2份 鸡蛋1盒`, `2份土豆，1盒鸡蛋`, `土豆、鸡蛋各1份`, or one amount alone.
fn wants(tokens: &[Token]) -> Result<Vec<Want>, String> {
    let mut draft = Draft { begins: true, ..Draft::default() };
    let mut rest = tokens;
    while !rest.is_empty() {
        rest = draft.take(rest)?;
    }
    if let Some(good) = draft.waiting.first() {
        return Err(say!("how much {good}?", "{good}要多少？"));
    }
    if draft.wants.is_empty() { Err(no_fit()) } else { Ok(draft.wants) }
}

fn no_fit() -> String {
    say!("goods and amounts do not fit together", "商品和数量对不上")
}

/// An order as far as it is read.
#[derive(Default)]
struct Draft {
    wants: Vec<Want>,
    /// Goods without an amount yet: 土豆、鸡蛋各1份 reaches over separators.
    waiting: Vec<String>,
    /// Amounts stand before their goods: 2份土豆1盒鸡蛋.
    amounts_first: bool,
    /// A part of the entry begins here.
    begins: bool,
}

impl Draft {
    /// Reads what comes next; the tokens behind it.
    fn take<'t>(&mut self, tokens: &'t [Token]) -> Result<&'t [Token], String> {
        match tokens {
            [token @ (Token::Separator | Token::And), rest @ ..] => {
                self.begins = true;
                // The next part may be written the other way round.
                self.amounts_first &= *token == Token::And;
                Ok(rest)
            }
            [Token::Good(good), rest @ ..] if !self.amounts_first => {
                self.waiting.push(good.clone());
                self.begins = false;
                Ok(rest)
            }
            [Token::Each, Token::Amount(amount), rest @ ..] if !self.waiting.is_empty() => {
                let (portion, rest) = portion(amount, rest)?;
                let want = |good| Want { good: Some(good), portion: portion.clone() };
                self.wants.extend(self.waiting.drain(..).map(want));
                Ok(rest)
            }
            // 土豆2份+鸡蛋1盒, 土豆2份再加鸡蛋1盒: both, and the next part begins.
            [Token::Plus, rest @ ..]
                if begins_good(rest) && !(self.waiting.is_empty() && self.wants.is_empty()) =>
            {
                self.begins = true;
                Ok(rest)
            }
            [Token::Add, rest @ ..]
                if !self.wants.is_empty()
                    && (begins_good(rest)
                        || matches!(rest, [Token::Amount(_), Token::Good(_)])) =>
            {
                self.begins = true;
                Ok(rest)
            }
            [Token::Times | Token::Plus, Token::Amount(amount), rest @ ..] => {
                self.amount(amount, rest, true)
            }
            [Token::Amount(amount), rest @ ..] => self.amount(amount, rest, false),
            // 土豆2份改成3份; 土豆2斤，不对，3斤
            [Token::Change, Token::Separator, Token::Amount(amount), rest @ ..]
            | [Token::Change, Token::Amount(amount), rest @ ..]
                if self.waiting.is_empty() =>
            {
                let last = self.wants.last_mut().ok_or_else(no_fit)?;
                let (portion, rest) = portion(amount, rest)?;
                last.portion = portion;
                Ok(rest)
            }
            _ => Err(no_fit()),
        }
    }

    /// An amount belongs to the good before it, or to the one behind it where a part begins.
    fn amount<'t>(
        &mut self,
        amount: &Amount,
        rest: &'t [Token],
        signed: bool,
    ) -> Result<&'t [Token], String> {
        let (portion, rest) = portion(amount, rest)?;
        let starts = !signed && (self.wants.is_empty() || self.begins || self.amounts_first);
        self.begins = false;
        match (self.waiting.as_slice(), rest) {
            ([_, _, ..], _) => Err(say!("is it that much of each good?", "是每样都这么多吗？")),
            ([_], _) => {
                self.wants.push(Want { good: self.waiting.pop(), portion });
                Ok(rest)
            }
            // 2×苹果3斤: the weight of one.
            (
                [],
                [Token::Times, Token::Good(good), Token::Amount(Amount::Grams(grams)), rest @ ..],
            ) if starts && !self.amounts_first && !goes_on(rest) => {
                let times = whole_number(amount).ok_or_else(no_fit)?;
                let portion = Portion::Times(Amount::Grams(*grams), times);
                self.wants.push(Want { good: Some(good.clone()), portion });
                Ok(rest)
            }
            ([], [Token::Times, Token::Good(good), rest @ ..] | [Token::Good(good), rest @ ..])
                if starts =>
            {
                self.amounts_first = true;
                self.wants.push(Want { good: Some(good.clone()), portion });
                Ok(rest)
            }
            ([], []) if self.wants.is_empty() => {
                self.wants.push(Want { good: None, portion });
                Ok(rest)
            }
            _ => Err(no_fit()),
        }
    }
}

fn begins_good(tokens: &[Token]) -> bool {
    matches!(tokens.first(), Some(Token::Good(_)))
}

/// Whether an amount before this belongs to a good in it: 2×苹果 3斤×梨.
fn goes_on(rest: &[Token]) -> bool {
    begins_good(rest) || matches!(rest.first(), Some(Token::Times | Token::Amount(_)))
}

/// A number of nothing in particular.
fn whole_number(amount: &Amount) -> Option<u64> {
    match amount {
        Amount::Count { thousandths, unit } if unit.is_empty() || unit == "份" => {
            Some(thousandths / 1_000).filter(|_| thousandths.is_multiple_of(1_000))
        }
        _ => None,
    }
}

/// An amount with what belongs to it, and the tokens behind that.
fn portion<'t>(amount: &Amount, rest: &'t [Token]) -> Result<(Portion, &'t [Token]), String> {
    match rest {
        [Token::Times, Token::Amount(Amount::Count { thousandths, .. }), rest @ ..]
            if thousandths.is_multiple_of(1_000) =>
        {
            Ok((Portion::Times(amount.clone(), thousandths / 1_000), rest))
        }
        // 苹果2×3斤
        [Token::Times, Token::Amount(Amount::Grams(grams)), rest @ ..] => {
            let times = whole_number(amount).ok_or_else(no_fit)?;
            Ok((Portion::Times(Amount::Grams(*grams), times), rest))
        }
        [Token::Amount(second), rest @ ..] => {
            // 5斤 2份鸡蛋 may be five jin, then two eggs.
            let takes_second = begins_good(rest)
                && !matches!(
                    rest.get(1),
                    Some(Token::Amount(_) | Token::Times | Token::Each | Token::Plus)
                );
            if takes_second {
                return Err(no_fit());
            }
            Ok((Portion::Beside(amount.clone(), second.clone()), rest))
        }
        [Token::Plus, Token::Amount(_), ..] | [Token::Minus, ..] | [Token::Slash, ..] => {
            Err(no_fit())
        }
        _ => Ok((Portion::One(amount.clone()), rest)),
    }
}
