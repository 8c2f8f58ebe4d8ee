//! What sensible people do about money that belongs to no group buy, or not any more.

use super::generator::{Generator, Idea};
use crate::model::{Account, Model, world::Way};
use ledger_core::{
    crypto::Digest,
    fund::{AccountId, Action, ChannelId, Movement, Role},
    types::{Code, Fen, MemberId},
};

/// What reserves are for.
const PURPOSES: [&str; 2] = ["lifts", "elderly"];

impl Generator {
    /// Something about channels, differences, reserves, unclaimed or unidentified money.
    pub(super) fn chain_matter(&mut self, model: &Model) -> Idea {
        loop {
            let idea = match self.rng.below(14) {
                0 | 1 => Some(self.unidentified(model)),
                2 => self.return_unidentified(model),
                3 | 4 => self.bounce(model),
                5 | 6 => self.pay_unclaimed(model),
                7 => self.transfer(model),
                8 => self.channel_fee(model),
                9 => self.difference(model),
                10 => self.explain_difference(model),
                11 => self.repay(model),
                12 => Some(self.give(model)),
                _ => self.spend(model),
            };
            if let Some(idea) = idea {
                return idea;
            }
        }
    }

    fn standing(model: &Model, id: AccountId) -> u64 {
        model.balance(&Account::of_chain(id))
    }

    fn custodian(model: &Model, channel: ChannelId) -> MemberId {
        model.custodian(channel).unwrap_or_default()
    }

    fn propose(&mut self, author: MemberId, movement: Movement) -> Idea {
        Idea::of(author, Action::Propose(movement))
    }

    fn document(&mut self) -> Digest {
        Digest::new(self.rng.bytes())
    }

    fn purpose(&mut self) -> Code<16> {
        PURPOSES[self.rng.index(PURPOSES.len())].parse().expect("a code")
    }

    fn unidentified(&mut self, model: &Model) -> Idea {
        let (channel, amount) = (self.some_channel(), self.rng.between(1, 9_000));
        let receipt = self.some_receipt(model, channel, amount);
        Idea::of(Self::custodian(model, channel), Action::ReceiveUnidentified(receipt))
    }

    fn return_unidentified(&mut self, model: &Model) -> Option<Idea> {
        let (payment, standing) = self.some_unidentified(model)?;
        let amount = if self.rng.chance(700) { standing } else { self.rng.between(1, standing) };
        let mut payout = self.some_payout(model, amount);
        payout.channel = model.number(payment)?.channel;
        let author = Self::custodian(model, payout.channel);
        Some(self.propose(author, Movement::ReturnUnidentified { payment, payout }))
    }

    fn bounce(&mut self, model: &Model) -> Option<Idea> {
        let numbers = &model.world.numbers;
        let paid: Vec<_> =
            numbers.iter().filter(|known| matches!(&known.way, Way::Out(_))).collect();
        let paid = paid.get(self.rng.index(paid.len()))?;
        let receipt = self.some_receipt(model, paid.channel, paid.amount);
        let author = Self::custodian(model, paid.channel);
        let payout = paid.number;
        Some(self.propose(author, Movement::Bounce { payout, receipt }))
    }

    fn pay_unclaimed(&mut self, model: &Model) -> Option<Idea> {
        let unclaimed =
            model.balances().into_iter().filter_map(|(account, balance)| match account.id {
                AccountId::Unclaimed(group_buy, beneficiary) if balance > 0 => {
                    Some((group_buy, beneficiary, balance))
                }
                _ => None,
            });
        let unclaimed: Vec<_> = unclaimed.collect();
        let (group_buy, beneficiary, balance) = *unclaimed.get(self.rng.index(unclaimed.len()))?;
        let amount = if self.rng.chance(800) { balance } else { self.rng.between(1, balance) };
        let payout = self.some_payout(model, amount);
        let author = Self::custodian(model, payout.channel);
        let movement = Movement::PayUnclaimed { group_buy, beneficiary, payout };
        Some(self.propose(author, movement))
    }

    fn transfer(&mut self, model: &Model) -> Option<Idea> {
        let to = self.some_channel();
        let channel = self.some_channel();
        let held = Self::standing(model, AccountId::Custody(channel));
        let mut from = self.some_payout(model, held.min(1_000));
        from.channel = channel;
        let author = Self::custodian(model, channel);
        (held > 0).then(|| self.propose(author, Movement::Transfer { from, to }))
    }

    fn channel_fee(&mut self, model: &Model) -> Option<Idea> {
        let amount = self.rng.between(1, 50);
        let payout = self.some_payout(model, amount);
        let author = Self::custodian(model, payout.channel);
        let kept = Self::standing(model, AccountId::ChannelFee(payout.channel));
        if kept > 0 && self.rng.chance(400) {
            let receipt = self.some_receipt(model, payout.channel, kept);
            return Some(self.propose(author, Movement::TopUpChannelFee { receipt }));
        }
        let bill = self.document();
        Some(self.propose(author, Movement::ChannelFee { fee: payout, bill }))
    }

    fn difference(&mut self, model: &Model) -> Option<Idea> {
        let amount = self.rng.between(1, 500);
        let missing = self.some_payout(model, amount);
        let author = Self::custodian(model, missing.channel);
        let document = self.document();
        Some(self.propose(author, Movement::Difference { missing, document }))
    }

    fn explain_difference(&mut self, model: &Model) -> Option<Idea> {
        let channel = self.some_channel();
        let missing = Self::standing(model, AccountId::Difference(channel));
        if missing == 0 {
            return None;
        }
        let amount = self.rng.between(1, missing);
        if self.rng.chance(500) {
            let receipt = self.some_receipt(model, channel, amount);
            let author = Self::custodian(model, channel);
            return Some(self.propose(author, Movement::FoundDifference { receipt }));
        }
        let members = self.cast.members.len() as u64;
        let member = MemberId::new(u16::try_from(self.rng.below(members)).expect("few"));
        let author = self.one_of_board();
        let (amount, document) = (Fen::new(amount), self.document());
        let movement = Movement::ChargeDifference { channel, member, amount, document };
        Some(self.propose(author, movement))
    }

    fn repay(&mut self, model: &Model) -> Option<Idea> {
        let members = u16::try_from(self.cast.members.len()).expect("few");
        let owing: Vec<_> = (0..members)
            .map(MemberId::new)
            .map(|member| (member, Self::standing(model, AccountId::Receivable(member))))
            .filter(|(_, owed)| *owed > 0)
            .collect();
        let (member, owed) = *owing.get(self.rng.index(owing.len()))?;
        let (channel, amount) = (self.some_channel(), self.rng.between(1, owed));
        let receipt = self.some_receipt(model, channel, amount);
        let author = Self::custodian(model, channel);
        Some(self.propose(author, Movement::RepayReceivable { member, receipt }))
    }

    fn give(&mut self, model: &Model) -> Idea {
        let (channel, amount) = (self.some_channel(), self.rng.between(1, 5_000));
        let receipt = self.some_receipt(model, channel, amount);
        let purpose = self.purpose();
        let author = Self::custodian(model, channel);
        self.propose(author, Movement::GiveReserve { purpose, receipt })
    }

    fn spend(&mut self, model: &Model) -> Option<Idea> {
        let purpose = self.purpose();
        let held = Self::standing(model, AccountId::Reserve(purpose));
        if held == 0 {
            return None;
        }
        let amount = self.rng.between(1, held);
        let payout = self.some_payout(model, amount);
        let document = self.document();
        let author = self.one_with(Role::Property);
        Some(self.propose(author, Movement::SpendReserve { purpose, payout, document }))
    }
}
