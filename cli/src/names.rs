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
    /// A usage [`Failure`] that lists the names near it, or else those there are.
    pub(crate) fn id(&self, name: &str) -> Result<MemberId, Failure> {
        self.find(name).ok_or_else(|| {
            let known: Vec<_> = self.all().collect();
            Failure::usage(say!("{name:?} is no member", "没有成员“{name}”")).help(did_you_mean(
                name,
                &known,
                say!("the members are: ", "成员有："),
            ))
        })
    }

    /// The member of this name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<MemberId> {
        let found = (0u16..).zip(&self.0).find(|(_, (known, _))| known == name);
        found.map(|(id, _)| MemberId::new(id))
    }

    /// All names, in the order of the registry.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The first member with a role.
    pub(crate) fn first(&self, role: Role) -> Option<MemberId> {
        let found = (0u16..).zip(&self.0).find(|(_, (_, known))| *known == role);
        found.map(|(id, _)| MemberId::new(id))
    }
}

/// How alike two names must be, of 1, for one to be a slip of the other.
const ALIKE_MIN: f64 = 0.75;
/// Most names that are listed in one line.
const LISTED_MAX: usize = 40;

/// A hint for somebody who wrote a name that is not known: those near it, or else all after `heading`.
pub(crate) fn did_you_mean(written: &str, known: &[&str], heading: String) -> String {
    let written = written.to_lowercase();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        let is_part = written.len() > 1 && (name.contains(&written) || written.contains(&name));
        if is_part { 1.0 } else { strsim::jaro_winkler(&written, &name) }
    };
    let mut near: Vec<_> = known.iter().map(|name| (likeness(name), *name)).collect();
    near.retain(|(likeness, _)| *likeness >= ALIKE_MIN);
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    if near.is_empty() {
        let some: Vec<_> = known.iter().copied().take(LISTED_MAX).collect();
        let more = if known.len() > some.len() { word!(", …", "、…") } else { "" };
        return format!("{heading}{}{more}", some.join(word!(", ", "、")));
    }
    let near: Vec<_> = near.into_iter().map(|(_, name)| name).take(3).collect();
    let near = near.join(word!(" or ", "”或“"));
    say!("did you mean {near}?", "是不是想写“{near}”？")
}

/// A channel's name, or its number if the policy does not know it.
pub(crate) fn channel_name(policy: &Policy, id: ChannelId) -> String {
    let channel = policy.channels.get(usize::from(id));
    channel.map_or_else(|| say!("channel {id}", "渠道 {id}"), |channel| channel.name.to_string())
}

/// An account as the ledger writes it in a refusal, in people's words; as it is written where that says
/// nothing to us.
pub(crate) fn account_of_text(
    text: &str,
    names: &Names,
    policy: Option<&Policy>,
    tags: &Tags,
) -> String {
    let parts: Vec<_> = text.split('/').collect();
    let member = |id: &str| id.parse().ok().map(|id| names.name(MemberId::new(id)));
    let channel = |id: &str| Some(channel_name(policy?, id.parse().ok()?));
    let household =
        |tag: &str| tag.parse().map_or_else(|_| tag.to_owned(), |tag| tags.number(&tag));
    let told = match parts.as_slice() {
        ["Custody", id] => channel(id).map(|channel| {
            let channels = policy.map(|policy| policy.channels.as_ref()).unwrap_or_default();
            let custodian = id.parse().ok().and_then(|id: usize| channels.get(id));
            let custodian = custodian.map_or_else(String::new, |c| names.name(c.custodian));
            say!(
                "the money that {custodian} holds in {channel}",
                "{custodian} 保管的渠道 {channel} 的资金"
            )
        }),
        ["Receivable", id] => member(id).map(|name| say!("what {name} owes", "{name} 的欠款")),
        ["ChannelFee", id] => channel(id)
            .map(|channel| say!("the fees that {channel} kept", "渠道 {channel} 扣下的手续费")),
        ["Difference", id] => channel(id)
            .map(|channel| say!("the money missing in {channel}", "渠道 {channel} 的短款")),
        ["Unidentified", number] => {
            Some(say!("payment {number} that nobody claims", "不明来款 {number}"))
        }
        ["Unclaimed", group_buy, "household", tag] => {
            let household = household(tag);
            Some(say!(
                "what household {household} has not claimed of {group_buy}",
                "团购 {group_buy} 中住户 {household} 的无人认领款"
            ))
        }
        ["Unclaimed", group_buy, _, id] => member(id).map(|name| {
            say!(
                "what {name} has not claimed of {group_buy}",
                "团购 {group_buy} 中 {name} 的无人认领款"
            )
        }),
        ["Reserve", purpose] => Some(say!("the community fund for {purpose}", "公益金 {purpose}")),
        ["Advance"] => Some(say!("what was advanced to the supplier", "预付货款")),
        ["Escrow", tag] => {
            let household = household(tag);
            Some(say!("the money in escrow for household {household}", "住户 {household} 的代管款"))
        }
        ["Refund", tag] => {
            let household = household(tag);
            Some(say!("the refund due to household {household}", "住户 {household} 的待退款"))
        }
        ["Payable"] => Some(say!("what is owed to the supplier", "应付货款")),
        ["Retention"] => Some(say!("what is retained from the supplier", "质保金")),
        ["Fee", part] => FeePart::ALL.iter().find(|known| known.name() == *part).map(|part| {
            let part = fee_part(*part);
            say!("the fee of: {part}", "分成（{part}）")
        }),
        ["Disputed", claim] => {
            Some(say!("the money in dispute, claim {claim}", "争议款（申诉 {claim}）"))
        }
        _ => None,
    };
    told.unwrap_or_else(|| say!("account {text}", "账户 {text}"))
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
