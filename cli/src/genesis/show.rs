//! What a founding document or an invitation says, for people.

use super::{
    document::{here, is_kind, parse, wrong},
    settings::{plain_name, plain_value, table},
};
use crate::{
    exit::Failure,
    input,
    lang::{say, word},
    output::{self, Output},
};
use genesis::{ConsensusSection, Explanation, Genesis, Invitation, PolicySection, role_zh};
use ledger_core::{fund::Role, types::MemberId};
use std::{collections::BTreeMap, path::Path};

/// Runs `tuan genesis show`.
pub(super) fn show(file: &Path, output: Output) -> Result<(), Failure> {
    let text = input::file_text(file)?;
    if is_kind(&text, "invitation") {
        let invitation = parse(file, &text, Invitation::parse)?;
        return output.data(&show_invitation(&invitation)?, &invitation);
    }
    let genesis = parse(file, &text, Genesis::parse)?;
    output.data(&show_genesis(&genesis), genesis.document())
}

pub(super) fn words(explanation: &Explanation) -> String {
    let mut text = String::new();
    for sentence in &explanation.sentences {
        text.push_str(&format!("{}\n", here(sentence.clone())));
    }
    for warning in &explanation.warnings {
        text.push_str(&say!("warning: {}\n", "警告：{}\n", here(warning.clone())));
    }
    text
}

pub(super) fn role(role: Role) -> String {
    word!(role.name(), role_zh(role)).to_owned()
}

pub(super) fn votes(votes: u64) -> String {
    if votes == 0 { String::new() } else { votes.to_string() }
}

/// A row for a member: its name, role, votes, relations, addresses.
struct MemberRow {
    name: String,
    role: Role,
    votes: u64,
    related: String,
    addresses: String,
}

pub(super) fn show_invitation(invitation: &Invitation) -> Result<String, Failure> {
    let explanation = invitation.explain().map_err(|error| wrong(None, &error))?;
    let members = invitation.members.iter().map(|invited| MemberRow {
        name: invited.name.to_string(),
        role: invited.role,
        votes: invited.votes,
        related: invited.related.join(" "),
        addresses: String::new(),
    });
    let channels = invitation.channels.iter().map(|c| (c.name.to_string(), c.custodian.clone()));
    let parts = parts(members, channels, &invitation.policy, &invitation.consensus)?;
    let (name, founded) = (invitation.name, output::time(invitation.created()));
    let first = say!(
        "name     {name}\nfounded  {founded} (UTC+8)",
        "链名      {name}\n创世时间  {founded}（UTC+8）"
    );
    Ok(format!("{first}\n\n{parts}\n\n{}", words(&explanation)))
}

fn show_genesis(genesis: &Genesis) -> String {
    let name = |id: MemberId| {
        genesis.member(id).map_or_else(|| id.to_string(), |member| member.name.to_string())
    };
    let power: BTreeMap<MemberId, u64> =
        genesis.validators.validators().iter().map(|v| (v.member, v.power.get())).collect();
    let node = |id| genesis.nodes.iter().find(|node| node.member == id);
    let members = (0u16..).map(MemberId::new).zip(&genesis.members).map(|(id, m)| MemberRow {
        name: m.name.to_string(),
        role: m.role,
        votes: power.get(&id).copied().unwrap_or_default(),
        related: m.related.iter().map(|other| name(*other)).collect::<Vec<_>>().join(" "),
        addresses: node(id).map_or(String::new(), |node| node.addresses.join(" ")),
    });
    let channels = &genesis.document().channels;
    let channels = channels.iter().map(|c| (c.name.to_string(), c.custodian.clone()));
    let document = genesis.document();
    // The sections of a checked document are tables.
    let parts = parts(members, channels, &document.policy, &document.consensus).unwrap_or_default();
    let (chain, founded) = (genesis.chain, output::time(genesis.created));
    let first = say!(
        "name     {}\nchain    {chain}\nfounded  {founded} (UTC+8)",
        "链名      {}\n链号      {chain}\n创世时间  {founded}（UTC+8）",
        genesis.name
    );
    format!("{first}\n\n{parts}")
}

/// Tables of members, channels and settings.
fn parts(
    members: impl Iterator<Item = MemberRow>,
    channels: impl Iterator<Item = (String, String)>,
    policy: &PolicySection,
    consensus: &ConsensusSection,
) -> Result<String, Failure> {
    let rows = members.enumerate().map(|(id, m)| {
        vec![id.to_string(), m.name, role(m.role), votes(m.votes), m.related, m.addresses]
    });
    let headings = [
        word!("ID", "编号"),
        word!("NAME", "名称"),
        word!("ROLE", "角色"),
        word!("VOTES", "票数"),
        word!("RELATED TO", "关联"),
        word!("ADDRESSES", "地址"),
    ];
    let members = output::table(&headings, rows);
    let channels = output::table(
        &[word!("CHANNEL", "渠道"), word!("CUSTODIAN", "保管方")],
        channels.map(|(name, custodian)| vec![name, custodian]),
    );
    let settings = |section: toml::Table| {
        let rows = section.iter().map(|(name, value)| (plain_name(name), plain_value(name, value)));
        rows.collect::<BTreeMap<_, _>>()
    };
    let settings = settings(table(policy)?).into_iter().chain(settings(table(consensus)?));
    let settings = output::table(
        &[word!("SETTING", "设置"), word!("VALUE", "值")],
        settings.map(|(name, value)| vec![name, value]),
    );
    Ok(format!("{members}\n\n{channels}\n\n{settings}"))
}
