//! What things are called: members and channels by their names, the rest in the user's language.

use crate::{
    directory::Tags,
    exit::Failure,
    lang::{say, word},
};
use genesis::Genesis;
use ledger_core::{
    api::MemberView,
    audit::Verdict,
    fund::{AccountId, ChannelId, FeePart, PayTo, PaymentState, Phase, Policy, Role},
    types::{MemberId, Unit},
};

/// What members are called, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Vec<(String, Role)>);

impl Names {
    /// As the founding document has them.
    pub(crate) fn of_genesis(genesis: &Genesis) -> Self {
        Self(genesis.members.iter().map(|m| (m.name.to_string(), m.role)).collect())
    }

    /// As a node has them.
    pub(crate) fn of_members(members: &[MemberView]) -> Self {
        Self(members.iter().map(|m| (m.name.clone(), m.role)).collect())
    }

    /// A member's name, or its id if nobody knows it.
    pub(crate) fn name(&self, id: MemberId) -> String {
        self.0
            .get(usize::from(id.get()))
            .map_or_else(|| say!("member {id}", "成员 {id}"), |(name, _)| name.clone())
    }

    /// The member of this name.
    ///
    /// # Errors
    /// A usage [`Failure`] that lists the names there are.
    pub(crate) fn id(&self, name: &str) -> Result<MemberId, Failure> {
        let found = (0u16..).zip(&self.0).find(|(_, (known, _))| known == name);
        found.map(|(id, _)| MemberId::new(id)).ok_or_else(|| {
            let known: Vec<_> = self.0.iter().map(|(name, _)| name.as_str()).collect();
            Failure::usage(say!("{name:?} is no member", "没有成员“{name}”")).help(say!(
                "the members are: {}",
                "成员有：{}",
                known.join(", ")
            ))
        })
    }

    /// The first member with a role.
    pub(crate) fn first(&self, role: Role) -> Option<MemberId> {
        let found = (0u16..).zip(&self.0).find(|(_, (_, known))| *known == role);
        found.map(|(id, _)| MemberId::new(id))
    }
}

/// A channel's name, or its number if the policy does not know it.
pub(crate) fn channel_name(policy: &Policy, id: ChannelId) -> String {
    let channel = policy.channels.get(usize::from(id));
    channel.map_or_else(|| say!("channel {id}", "渠道 {id}"), |channel| channel.name.to_string())
}

/// Where a group buy stands.
pub(crate) fn phase(phase: Phase) -> &'static str {
    word!(phase.name(), phase.chinese())
}

/// What a member is.
pub(crate) fn role(role: Role) -> &'static str {
    let chinese = match role {
        Role::Property => "物业",
        Role::Committee => "居委会",
        Role::Supplier => "供应商",
        Role::Leader => "团长",
        Role::Auditor => "审计",
    };
    word!(role.name(), chinese)
}

/// What a price is for.
pub(crate) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Weight => word!("kg", "公斤"),
        Unit::Piece => word!("piece", "件"),
    }
}

/// Who earns a part of the price.
pub(crate) fn fee_part(part: FeePart) -> &'static str {
    let chinese = match part {
        FeePart::Leader => "团长",
        FeePart::Property => "物业",
        FeePart::Delivery => "配送",
        FeePart::Packing => "分拣",
    };
    word!(part.name(), chinese)
}

/// A payee of a settled group buy.
pub(crate) fn payee(to: PayTo) -> &'static str {
    match to {
        PayTo::Supplier => word!("supplier", "供应商"),
        PayTo::Fee(part) => FeePart::ALL
            .get(usize::from(part))
            .map_or(word!("unknown payee", "未知收款方"), |part| fee_part(*part)),
    }
}

/// How far a payment has come.
pub(crate) fn payment_state(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Recorded => word!("recorded", "已登记"),
        PaymentState::Confirmed => word!("confirmed", "已确认"),
        PaymentState::Late => word!("late", "迟到"),
    }
}

/// An audit's verdict.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Intact => word!("intact", "完好"),
        Verdict::Tampered => word!("tampered", "被篡改"),
        Verdict::Incomplete => word!("incomplete", "不完整"),
    }
}

/// An account of a group buy; households by their numbers where the directory knows them.
pub(crate) fn account(account: &AccountId, text: &str, tags: &Tags) -> String {
    let held_for = |what: &str, tag| format!("{what}/{}", tags.number(tag));
    match account {
        AccountId::Advance => word!("Advance", "预付货款").to_owned(),
        AccountId::Escrow(tag) => held_for(word!("Escrow", "代管款"), tag),
        AccountId::Refund(tag) => held_for(word!("Refund", "待退款"), tag),
        AccountId::Payable => word!("Payable", "应付货款").to_owned(),
        AccountId::Retention => word!("Retention", "质保金").to_owned(),
        AccountId::Fee(part) => format!("{}/{}", word!("Fee", "分成"), fee_part(*part)),
        AccountId::Disputed(claim) => format!("{}/{claim}", word!("Disputed", "争议款")),
        AccountId::Custody(_)
        | AccountId::Receivable(_)
        | AccountId::ChannelFee(_)
        | AccountId::Difference(_)
        | AccountId::Unidentified(_)
        | AccountId::Unclaimed(..)
        | AccountId::Reserve(_) => text.to_owned(),
    }
}
