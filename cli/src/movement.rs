//! What movements of money are called: in a few words, and in a sentence for whoever signs.
//!
//! Each movement has one arm, in [`told`], with both. The few words need nothing; the sentence needs the
//! names of members and channels, which a node or a file may have to give, and so is put off until
//! somebody who has them ([`Words`]) asks for it.

use crate::{
    directory::Tags,
    exit::Failure,
    lang::{say, word},
    names::{self, Names, channel_name},
    session::Session,
};
use ledger_core::{
    fund::{Beneficiary, ChannelId, Movement, Payout, Policy, Receipt},
    types::{Fen, MemberId, PaymentNo},
};

/// A movement in people's words, in the user's language.
pub(crate) struct Told<'a> {
    /// What kind of movement it is, in a few words.
    pub(crate) kind: &'static str,
    sentence: Box<dyn Fn(&Words) -> String + 'a>,
}

/// An arm of [`told`].
fn in_words<'a>(kind: &'static str, sentence: impl Fn(&Words) -> String + 'a) -> Told<'a> {
    Told { kind, sentence: Box::new(sentence) }
}

/// Tells a movement in words.
pub(crate) fn told(movement: &Movement) -> Told<'_> {
    match movement {
        Movement::Identify { payment, group_buy, shares } => {
            in_words(word!("whose payment it was", "认领来款"), move |_| {
                let amount = sum(shares.iter().map(|share| share.amount));
                say!(
                    "payment {payment} is for {group_buy}: {amount} yuan, {} households",
                    "付款 {payment} 属于 {group_buy}：{amount} 元，{} 户",
                    shares.len()
                )
            })
        }
        Movement::ReturnUnidentified { payment, payout } => {
            in_words(word!("give a payment back", "退回来款"), move |words| {
                say!(
                    "give back payment {payment}: {}",
                    "退回付款 {payment}：{}",
                    words.payout(payout)
                )
            })
        }
        Movement::Refund { group_buy, items } => in_words(word!("refunds", "退款"), move |_| {
            let amount = sum(items.iter().map(|item| item.amount));
            say!(
                "refund {amount} yuan in {} parts from {group_buy}",
                "从 {group_buy} 退款 {amount} 元，共 {} 笔",
                items.len()
            )
        }),
        Movement::DecideGoods(note) => in_words(word!("what arrived", "裁定到货"), move |_| {
            say!(
                "decide what arrived for {}: {} offers",
                "认定 {} 的到货：{} 个商品",
                note.group_buy,
                note.accepted.len()
            )
        }),
        Movement::Deliver { group_buy, households, evidence } => {
            in_words(word!("delivered, by evidence", "凭证据认定交货"), move |_| {
                say!(
                    "{} households of {group_buy} have their goods, evidence {}",
                    "{group_buy} 有 {} 户已取货，凭证 {}",
                    households.len(),
                    evidence.short()
                )
            })
        }
        Movement::Settle { group_buy, payable } => {
            in_words(word!("settlement", "结算"), move |_| {
                say!(
                    "settle {group_buy}: the supplier gets {} yuan",
                    "结算 {group_buy}：供应商得 {} 元",
                    payable.to_yuan()
                )
            })
        }
        Movement::PayOut { group_buy, to, payout } => {
            in_words(word!("a payout", "付出款项"), move |words| {
                say!(
                    "pay the {} of {group_buy} {}",
                    "付给 {group_buy} 的{} {}",
                    names::payee(*to),
                    words.payout(payout)
                )
            })
        }
        Movement::Cancel { group_buy } => {
            in_words(word!("cancel the group buy", "取消团购"), move |_| {
                say!("cancel {group_buy} and refund everybody", "取消 {group_buy}，全部退款")
            })
        }
        Movement::Bounce { payout, receipt } => {
            in_words(word!("a payout came back", "付出款项被退回"), move |words| {
                say!(
                    "payout {payout} came back: {}",
                    "付款 {payout} 被退回：{}",
                    words.receipt(receipt)
                )
            })
        }
        Movement::PayUnclaimed { group_buy, beneficiary, payout } => {
            in_words(word!("pay what was unclaimed", "支付无人认领款"), move |words| {
                let whom = match beneficiary {
                    Beneficiary::Household(tag) => say!("household {tag}", "住户 {tag}"),
                    Beneficiary::Supplier(member) | Beneficiary::Payee(member) => {
                        words.name(*member)
                    }
                };
                say!(
                    "pay {whom} what {group_buy} left unclaimed: {}",
                    "向 {whom} 支付 {group_buy} 的待领款：{}",
                    words.payout(payout)
                )
            })
        }
        Movement::Transfer { from, to } => {
            in_words(word!("move money between channels", "渠道间调款"), move |words| {
                say!("move {} to {}", "转账 {} 至渠道 {}", words.payout(from), words.channel(*to))
            })
        }
        Movement::ChannelFee { fee, bill } => {
            in_words(word!("a fee that the channel kept", "渠道手续费"), move |words| {
                say!(
                    "the channel kept {}, bill {}",
                    "渠道扣下手续费 {}，账单 {}",
                    words.payout(fee),
                    bill.short()
                )
            })
        }
        Movement::BearChannelFee { group_buy, channel, amount } => in_words(
            word!("property bears the channel's fee", "物业承担手续费"),
            move |words| {
                say!(
                    "property's fee of {group_buy} bears {} yuan that {} kept",
                    "{group_buy} 的物业分成承担 {} 元手续费（渠道 {}）",
                    amount.to_yuan(),
                    words.channel(*channel)
                )
            },
        ),
        Movement::TopUpChannelFee { receipt } => {
            in_words(word!("top up channel fees", "补足手续费"), move |words| {
                say!("top up channel fees: {}", "补足渠道手续费：{}", words.receipt(receipt))
            })
        }
        Movement::Difference { missing, document } => {
            in_words(word!("money is missing", "登记短款"), move |words| {
                say!(
                    "missing: {}, count {}",
                    "盘点短缺 {}，盘点单 {}",
                    words.payout(missing),
                    document.short()
                )
            })
        }
        Movement::ChargeDifference { channel, member, amount, document } => {
            in_words(word!("who owes what is missing", "短款归责"), move |words| {
                say!(
                    "{} owes {} yuan missing in {}, finding {}",
                    "由 {} 承担短缺 {} 元（渠道 {}），认定书 {}",
                    words.name(*member),
                    amount.to_yuan(),
                    words.channel(*channel),
                    document.short()
                )
            })
        }
        Movement::FoundDifference { receipt } => {
            in_words(word!("missing money was found", "短款找回"), move |words| {
                say!("found again: {}", "短缺款找回：{}", words.receipt(receipt))
            })
        }
        Movement::RepayReceivable { member, receipt } => {
            in_words(word!("a member pays what it owes", "成员还款"), move |words| {
                say!(
                    "{} pays what it owes: {}",
                    "{} 归还欠款：{}",
                    words.name(*member),
                    words.receipt(receipt)
                )
            })
        }
        Movement::GiveReserve { purpose, receipt } => {
            in_words(word!("a gift to a reserve", "捐入公益金"), move |words| {
                say!(
                    "gift to reserve {purpose}: {}",
                    "公益金 {purpose} 收到捐款：{}",
                    words.receipt(receipt)
                )
            })
        }
        Movement::SpendReserve { purpose, payout, document } => {
            in_words(word!("spend a reserve", "动用公益金"), move |words| {
                say!(
                    "spend reserve {purpose}: {}, filing {}",
                    "动用公益金 {purpose}：{}，批件 {}",
                    words.payout(payout),
                    document.short()
                )
            })
        }
    }
}

/// What is needed to tell a movement in words.
pub(crate) struct Words {
    names: Names,
    policy: Policy,
}

impl Words {
    /// With the names that the founding document or a node has.
    ///
    /// # Errors
    /// A [`Failure`] if neither can be had.
    pub(crate) fn of(session: &Session) -> Result<Self, Failure> {
        Ok(Self { names: session.names()?, policy: session.policy()? })
    }

    /// A member's name, or its id if nobody knows it.
    pub(crate) fn name(&self, id: MemberId) -> String {
        self.names.name(id)
    }

    fn channel(&self, id: ChannelId) -> String {
        channel_name(&self.policy, id)
    }

    fn payout(&self, payout: &Payout) -> String {
        let Payout { channel, number, amount } = payout;
        self.money(*amount, *channel, number)
    }

    fn receipt(&self, receipt: &Receipt) -> String {
        let Receipt { channel, number, amount, .. } = receipt;
        self.money(*amount, *channel, number)
    }

    fn money(&self, amount: Fen, channel: ChannelId, number: &PaymentNo) -> String {
        let (amount, channel) = (amount.to_yuan(), self.channel(channel));
        say!(
            "{amount} yuan by {channel} as {number}",
            "{amount} 元（渠道 {channel}，流水号 {number}）"
        )
    }

    /// A movement in one line.
    pub(crate) fn movement(&self, movement: &Movement) -> String {
        let Told { sentence, .. } = told(movement);
        sentence(self)
    }

    /// The single parts of a movement, for whoever signs it.
    ///
    /// # Errors
    /// A [`Failure`] of the directory that knows the households' numbers.
    pub(crate) fn details(
        &self,
        movement: &Movement,
        session: &Session,
    ) -> Result<Vec<String>, Failure> {
        let tags = match movement.group_buy() {
            Some(id) => session.tags_if_known(&id)?,
            None => Tags::default(),
        };
        Ok(match movement {
            Movement::Identify { shares, .. } => shares
                .iter()
                .map(|share| {
                    say!(
                        "{} {} yuan",
                        "{} {} 元",
                        tags.number(&share.household),
                        share.amount.to_yuan()
                    )
                })
                .collect(),
            Movement::Refund { items, .. } => items
                .iter()
                .map(|item| {
                    let (whom, amount) = (tags.number(&item.household), item.amount.to_yuan());
                    say!(
                        "{whom} {amount} yuan of payment {} as {}",
                        "{whom} {amount} 元，原付款 {}，退款流水号 {}",
                        item.payment,
                        item.number
                    )
                })
                .collect(),
            Movement::DecideGoods(note) => note
                .accepted
                .iter()
                .map(|(offer, accepted)| {
                    say!("offer {offer}: {accepted}", "商品 {offer}：{accepted}")
                })
                .collect(),
            Movement::Deliver { households, .. } => {
                households.iter().map(|tag| tags.number(tag)).collect()
            }
            // What holds no list has no parts: its sentence says all of it. What holds one gets its arm
            // above, or it would be signed by people who were shown a sum.
            _ => Vec::new(),
        })
    }
}

fn sum(amounts: impl Iterator<Item = Fen>) -> String {
    amounts.fold(Fen::ZERO, Fen::saturating_add).to_yuan()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        genesis::tests::orchard,
        lang::{self, Language},
    };
    use ledger_core::fund::PayTo;

    #[test]
    fn movements_are_told_with_names_and_yuan() {
        let genesis = orchard();
        let words = Words { names: Names::of_genesis(&genesis), policy: genesis.policy.clone() };
        let settle =
            Movement::Settle { group_buy: "a".parse().expect("an id"), payable: Fen::new(16_200) };
        assert_eq!(words.movement(&settle), "settle a: the supplier gets 162.00 yuan");
        let payout = Payout {
            channel: 1,
            number: "a.leader".parse().expect("a number"),
            amount: Fen::new(900),
        };
        let movement =
            Movement::PayOut { group_buy: "a".parse().expect("an id"), to: PayTo::Fee(0), payout };
        assert_eq!(told(&movement).kind, "a payout");
        let text = words.movement(&movement);
        assert_eq!(text, "pay the leader of a 9.00 yuan by cash as a.leader");
        let text = lang::within(Language::Zh, || words.movement(&movement));
        assert_eq!(text, "付给 a 的团长 9.00 元（渠道 cash，流水号 a.leader）");
    }
}
