//! What differs between what somebody said yes to and what became of it.

use crate::{
    Text,
    check::Genesis,
    contribution::Contribution,
    document::{MemberSection, TransportSection},
    invitation::{Invitation, Invited},
    text,
};
use ledger_core::fund::Role;
use serde::Serialize;
use std::collections::BTreeSet;

impl Genesis {
    /// Everything in this document that is other than what a contribution signed: its own keys, addresses
    /// and relations, and whatever its invitation said of anybody. Empty if all is as it should be.
    ///
    /// The keys and addresses of others are theirs to compare; that all have the same document is what
    /// the [`Phrase`](crate::Phrase) is for.
    #[must_use]
    pub fn differences_from(&self, contribution: &Contribution) -> Vec<Text> {
        let sealed = Invitation::of_document(self.document());
        let mut found = differences(&contribution.invitation, &sealed, Relations::MayBeAdded);
        let own = self.document().members.iter().find(|section| section.name == contribution.name);
        // That its owner is missing is among the differences already.
        if let Some(own) = own {
            own_differences(contribution, own, &mut found);
        }
        found
    }
}

/// Whether the other side may name more relations: members declare theirs after they were invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relations {
    Same,
    MayBeAdded,
}

/// What the second says otherwise than the first.
pub(crate) fn differences(
    first: &Invitation,
    second: &Invitation,
    relations: Relations,
) -> Vec<Text> {
    let mut found = Vec::new();
    if first.name != second.name {
        let (was, is) = (first.name, second.name);
        found.push(text!(
            "the chain was to be called {was} and is called {is}",
            "链名原为 {was}，现为 {is}"
        ));
    }
    if first.created_ms != second.created_ms {
        found.push(text!("the founding time is another one", "创世时间不同"));
    }
    settings("policy", &first.policy, &second.policy, &mut found);
    settings("consensus", &first.consensus, &second.consensus, &mut found);
    for was in &first.channels {
        match second.channels.iter().find(|channel| channel.name == was.name) {
            None => {
                let name = was.name;
                found.push(text!("channel {name} is left out", "少了付款渠道 {name}"));
            }
            Some(is) if is.custodian != was.custodian => {
                let (name, was, is) = (was.name, &was.custodian, &is.custodian);
                found.push(text!(
                    "the money of channel {name} was to be held by {was} and is held by {is}",
                    "渠道 {name} 的资金原由 {was} 保管，现由 {is} 保管"
                ));
            }
            Some(_) => (),
        }
    }
    for is in &second.channels {
        if !first.channels.iter().any(|channel| channel.name == is.name) {
            let name = is.name;
            found.push(text!("channel {name} was added", "多了付款渠道 {name}"));
        }
    }
    for was in &first.members {
        match second.invited(was.name.as_str()) {
            None => {
                let name = was.name;
                found.push(text!("{name} is left out", "少了成员 {name}"));
            }
            Some(is) => member(was, is, relations, &mut found),
        }
    }
    for is in &second.members {
        if first.invited(is.name.as_str()).is_none() {
            let name = is.name;
            found.push(text!("{name} was added", "多了成员 {name}"));
        }
    }
    // The order gives members and channels their numbers.
    if found.is_empty() {
        let names = |i: &Invitation| i.members.iter().map(|m| m.name).collect::<Vec<_>>();
        let channels = |i: &Invitation| i.channels.iter().map(|c| c.name).collect::<Vec<_>>();
        if names(first) != names(second) || channels(first) != channels(second) {
            found.push(text!("members or channels stand in another order", "成员或渠道的顺序变了"));
        }
    }
    found
}

/// Names of durations and limits that differ, whichever there are.
fn settings<T: Serialize>(section: &str, first: &T, second: &T, found: &mut Vec<Text>) {
    let table = |value: &T| toml::Table::try_from(value).unwrap_or_default();
    let (first, second) = (table(first), table(second));
    for (name, was) in &first {
        let is = second.get(name);
        if is != Some(was) {
            let is = is.map_or_else(String::new, toml::Value::to_string);
            found.push(text!(
                "{section}.{name} was {was} and is {is}",
                "{section}.{name} 原为 {was}，现为 {is}"
            ));
        }
    }
}

fn member(was: &Invited, is: &Invited, relations: Relations, found: &mut Vec<Text>) {
    let name = was.name;
    if was.role != is.role {
        let (en, zh) = (Role::name, crate::role_zh);
        found.push(Text {
            en: format!("{name} was invited as {} and is {}", en(was.role), en(is.role)),
            zh: format!("{name} 原为{}，现为{}", zh(was.role), zh(is.role)),
        });
    }
    if was.votes != is.votes {
        let (was, is) = (was.votes, is.votes);
        found.push(text!(
            "{name} was invited with {was} votes and has {is}",
            "{name} 原有 {was} 票，现有 {is} 票"
        ));
    }
    let (first, second) = (set(&was.related), set(&is.related));
    for other in first.difference(&second) {
        found.push(text!(
            "the relation of {name} to {other} is left out",
            "少了 {name} 与 {other} 的关联关系"
        ));
    }
    if relations == Relations::Same {
        for other in second.difference(&first) {
            found.push(text!(
                "a relation of {name} to {other} was added",
                "多了 {name} 与 {other} 的关联关系"
            ));
        }
    }
}

fn set(names: &[String]) -> BTreeSet<&String> {
    names.iter().collect()
}

/// What the document says of a member otherwise than the member itself.
fn own_differences(mine: &Contribution, is: &MemberSection, found: &mut Vec<Text>) {
    let name = mine.name;
    if (mine.key, mine.proof) != (is.key, is.proof) {
        found.push(text!("the signing key of {name} is another one", "{name} 的签名密钥被换掉了"));
    }
    let was = mine.validator.map(|v| (v.key, v.proof));
    if was != is.validator.as_ref().map(|v| (v.key, v.proof)) {
        found.push(text!("the voting key of {name} is another one", "{name} 的投票密钥被换掉了"));
    }
    let keys = |t: &Option<TransportSection>| t.as_ref().map(|t| (t.key, t.proof));
    if keys(&mine.transport) != keys(&is.transport) {
        found.push(text!("the network key of {name} is another one", "{name} 的网络密钥被换掉了"));
    }
    let addresses = |t: &Option<TransportSection>| t.as_ref().map(|t| t.addresses.clone());
    let (was, now) = (addresses(&mine.transport), addresses(&is.transport));
    if was != now {
        let (was, now) = (was.unwrap_or_default().join(" "), now.unwrap_or_default().join(" "));
        found.push(text!(
            "the address of {name} was {was} and is {now}",
            "{name} 的地址原为 {was}，现为 {now}"
        ));
    }
    for other in set(&is.related).difference(&set(&mine.related)) {
        found.push(text!(
            "a relation of {name} to {other} was added",
            "多了 {name} 与 {other} 的关联关系"
        ));
    }
    for other in set(&mine.related).difference(&set(&is.related)) {
        let sentence = text!(
            "the relation of {name} to {other} is left out",
            "少了 {name} 与 {other} 的关联关系"
        );
        // The invitation may have named it too.
        if !found.contains(&sentence) {
            found.push(sentence);
        }
    }
}
