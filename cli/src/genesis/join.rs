//! A member says yes to an invitation.

use super::{
    document::{heading, load_invitation, parse, write, wrong_contribution},
    show::{role, show_invitation},
};
use crate::{
    exit::Failure,
    input,
    lang::{say, word},
    output::{self, Output},
    signer::{self, Secrets},
};
use clap::Args;
use genesis::{Contribution, NodeCard};
use ledger_core::types::Code;
use std::path::{Path, PathBuf};

/// How much of a key is shown to be recognised by.
const KEY_CHARS_SHOWN: usize = 16;

/// `tuan genesis join`.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The invitation
    invitation: PathBuf,
    /// Your name in it
    #[arg(long)]
    name: Code<32>,
    /// The node-card.toml of your node, from `tuand init`
    #[arg(long, value_name = "FILE")]
    node_card: Option<PathBuf>,
    /// A member to whom you are related; repeat for each
    #[arg(long, value_name = "NAME")]
    related: Vec<String>,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs `tuan genesis join`.
pub(super) fn join(
    args: &JoinArgs,
    key: Option<&Path>,
    secrets: &Secrets,
    output: Output,
) -> Result<(), Failure> {
    let name = args.name;
    let invitation = load_invitation(&args.invitation)?;
    let card = args.node_card.as_deref().map(load_node_card).transpose()?;
    Contribution::check_before(&invitation, name, card.as_ref())
        .map_err(|error| wrong_contribution(&error))?;
    output.note(&show_invitation(&invitation)?);
    let key = signer::load_key(key, secrets)?;
    let contribution = Contribution::sign(invitation, name, &key, &args.related, card.as_ref())
        .map_err(|error| wrong_contribution(&error))?;
    write(&args.out, &contribution_heading(&contribution), &contribution.to_toml())?;
    let file = args.out.display();
    let first = say!(
        "ok: {name} joins; send {file} to the founder and keep a copy to check with",
        "{name} 已同意加入；请把 {file} 发给发起人，并自留一份以便核对"
    );
    output.data(&format!("{first}\n\n{}", show_contribution(&contribution)), &contribution)
}

fn load_node_card(path: &Path) -> Result<NodeCard, Failure> {
    parse(path, &input::file_text(path)?, NodeCard::parse)
}

fn contribution_heading(contribution: &Contribution) -> String {
    format!("# {} ->\n{}", contribution.name, heading(&contribution.invitation))
}

/// What a member signs when it joins.
fn show_contribution(contribution: &Contribution) -> String {
    let invited = contribution.invitation.invited(contribution.name.as_str());
    let transport = contribution.transport.as_ref();
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let key = contribution.key.to_string().chars().take(KEY_CHARS_SHOWN).collect::<String>();
    let rows = [
        (word!("name", "名称"), contribution.name.to_string()),
        (word!("role", "角色"), invited.map_or_else(String::new, |invited| role(invited.role))),
        (word!("votes", "票数"), invited.map_or(0, |invited| invited.votes).to_string()),
        (word!("related to", "关联"), contribution.related.join(" ")),
        (word!("address", "地址"), transport.map_or_else(String::new, |t| t.addresses.join(" "))),
        (word!("key", "公钥"), format!("{key}…")),
    ];
    output::table(
        &[word!("SIGNED", "签署内容"), ""],
        rows.into_iter().map(|(what, value)| vec![what.to_owned(), dash(value)]),
    )
}
