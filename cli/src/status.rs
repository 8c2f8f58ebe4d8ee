//! `tuan status` and `tuan member`: how nodes are, and who takes part.

use crate::{
    exit::Failure,
    names::{self, Names},
    output::{self, plain},
    session::Session,
};
use clap::Subcommand;
use ledger_core::api::{MemberView, PeerStatus, Status};

/// `tuan member`.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// Lists the registry
    List,
}

/// Runs `tuan member`.
pub(crate) fn members(command: &MemberCommand, session: &Session) -> Result<(), Failure> {
    let MemberCommand::List = command;
    let members = session.client.members()?;
    session.output.data(&registry(&members), &members)
}

fn registry(members: &[MemberView]) -> String {
    let names = Names::of_members(members);
    let rows = members.iter().map(|member| {
        let related: Vec<_> = member.related.iter().map(|id| names.name(*id)).collect();
        vec![
            member.id.to_string(),
            member.name.clone(),
            names::role(member.role).to_owned(),
            member.voting_power.map_or_else(String::new, |power| power.to_string()),
            related.join(" "),
            member.key.to_string(),
        ]
    });
    output::table(&["ID", "NAME", "ROLE", "VOTES", "RELATED", "KEY"], rows)
}

/// Runs `tuan status`.
pub(crate) fn run(session: &Session) -> Result<(), Failure> {
    let status = session.client.status()?;
    if session.options().genesis.is_some() && status.chain != session.genesis()?.chain {
        return Err(Failure::refused(format!("the node is of another chain: {}", status.chain))
            .help("name the right --node or --genesis"));
    }
    session.output.data(&describe(&status), &status)
}

fn describe(status: &Status) -> String {
    let waiting = match status.waiting_for.as_slice() {
        [] => String::new(),
        names => format!(", waits for {}", plain(&names.join(", "))),
    };
    let clock =
        status.clock_offset_ms.map_or_else(|| "unknown".to_owned(), |ms| format!("{ms} ms"));
    let peers = status.peers.iter().map(|peer| {
        let PeerStatus { member, connected, height } = peer;
        vec![
            member.clone(),
            if *connected { "connected" } else { "silent" }.to_owned(),
            height.map_or_else(String::new, |height| height.to_string()),
        ]
    });
    format!(
        "{} ({}), node of {}, version {}\nheight {} at {}, round {} {}{waiting}\nlog {} entries, state root {}\n\
         mempool {}, clock offset {clock}\n\n{}",
        plain(&status.name),
        status.chain,
        plain(&status.node),
        plain(&status.version),
        status.height,
        output::time(status.time),
        status.round,
        plain(&status.step),
        status.log_size,
        status.state_root,
        status.mempool,
        output::table(&["PEER", "LINK", "HEIGHT"], peers),
    )
}
