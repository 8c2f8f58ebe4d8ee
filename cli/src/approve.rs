//! `tuan approve`: the second of two signatures (rule G2).
//!
//! Before anything is signed, the movement is told in plain words, and its hash is computed here: what
//! is approved is what was shown, not what a node says it is.

use crate::{
    exit::Failure,
    lang::{say, word},
    movement::Words,
    output,
    session::{Entered, Outcome, Session},
};
use clap::{Args, Subcommand};
use ledger_core::{
    api::ProposalView,
    crypto::TransactionId,
    fund::{Action, FeePart, Movement, PayTo},
    types::GroupBuyId,
};
use serde::Serialize;

/// Shortest beginning of an id that names a proposal.
const PREFIX_MIN: usize = 6;

/// `tuan approve`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ApproveCommand {
    #[command(subcommand)]
    pub(crate) command: Option<ApproveSubcommand>,
    /// Ids of proposals, or their beginnings
    #[arg(value_name = "PROPOSAL", required_unless_present_any = ["group_buy", "all"])]
    proposals: Vec<String>,
    /// Every proposal of a group buy that you may approve
    #[arg(long, conflicts_with_all = ["proposals", "all"])]
    group_buy: Option<GroupBuyId>,
    /// Every proposal that you may approve
    #[arg(long, conflicts_with = "proposals")]
    all: bool,
}

/// Subcommands of `tuan approve`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApproveSubcommand {
    /// Lists what waits for an approval
    List,
    /// Ends a proposal without carrying it out
    Reject {
        /// Its id, or the beginning of it
        proposal: String,
    },
}

/// What became of several approvals.
#[derive(Debug, Default, Serialize)]
struct Approved {
    transactions: Vec<Entered>,
    /// Approvals that nobody waited for.
    sent: Vec<TransactionId>,
    skipped: Vec<Skipped>,
}

/// A proposal that was not approved.
#[derive(Debug, Serialize)]
struct Skipped {
    proposal: TransactionId,
    reason: String,
}

/// Runs `tuan approve`.
pub(crate) fn run(command: &ApproveCommand, session: &Session) -> Result<(), Failure> {
    let waiting = session.client.proposals()?;
    match &command.command {
        Some(ApproveSubcommand::List) => list(&waiting, session),
        Some(ApproveSubcommand::Reject { proposal }) => {
            let view = named(&waiting, proposal)?;
            tell(&[view], session)?;
            session.submit_one(Action::RejectProposal {
                proposal: view.id,
                movement: view.movement.digest(),
            })
        }
        None if command.all => approve(&waiting.iter().collect::<Vec<_>>(), false, session),
        None => match &command.group_buy {
            Some(id) => approve(&of_group_buy(&waiting, id, |_| true), false, session),
            None => {
                let named = command.proposals.iter().map(|proposal| named(&waiting, proposal));
                approve(&named.collect::<Result<Vec<_>, _>>()?, true, session)
            }
        },
    }
}

/// Approves what a text names: one proposal by its id, or those of a group buy of a kind.
///
/// # Errors
/// A refused [`Failure`] if nothing of that kind waits.
pub(crate) fn approve_named(
    text: &str,
    kind: impl Fn(&Movement) -> bool,
    session: &Session,
) -> Result<(), Failure> {
    let waiting = session.client.proposals()?;
    if text.len() == 64
        && let Ok(view) = named(&waiting, text)
    {
        return approve(&[view], true, session);
    }
    let id: GroupBuyId = text.parse().map_err(|_| {
        Failure::usage(say!(
            "{text:?} is no group buy and no proposal that waits",
            "{text:?} 既不是团购，也不是等待中的提案"
        ))
        .help(say!("see `tuan approve list`", "请看 `tuan approve list`"))
    })?;
    let found = of_group_buy(&waiting, &id, kind);
    if found.is_empty() {
        return Err(Failure::refused(say!(
            "nothing of that kind waits for approval in {id}",
            "{id} 没有这类等待同意的提案"
        ))
        .help(say!(
            "see `tuan approve list`; what was carried out or has lapsed does not wait any more",
            "请看 `tuan approve list`；已执行或已过期的提案不再等待"
        )));
    }
    approve(&found, false, session)
}

/// The proposals of a group buy, of a kind.
pub(crate) fn of_group_buy<'a>(
    waiting: &'a [ProposalView],
    id: &GroupBuyId,
    kind: impl Fn(&Movement) -> bool,
) -> Vec<&'a ProposalView> {
    let of = |view: &&ProposalView| view.movement.group_buy() == Some(*id) && kind(&view.movement);
    waiting.iter().filter(of).collect()
}

/// The proposal whose id begins so.
fn named<'a>(waiting: &'a [ProposalView], text: &str) -> Result<&'a ProposalView, Failure> {
    let prefix = text.to_ascii_lowercase();
    let mut found = waiting.iter().filter(|view| view.id.to_string().starts_with(&prefix));
    match (found.next(), found.next()) {
        _ if prefix.len() < PREFIX_MIN => Err(Failure::usage(say!(
            "{text:?} is too short for the id of a proposal",
            "{text:?} 作为提案编号太短"
        ))
        .help(say!(
            "give at least {PREFIX_MIN} characters of it; see `tuan approve list`",
            "至少写编号的前 {PREFIX_MIN} 位；请看 `tuan approve list`"
        ))),
        (Some(view), None) => Ok(view),
        (None, _) => {
            Err(Failure::refused(say!("no proposal {text} waits", "没有等待中的提案 {text}")).help(
                say!(
                    "see `tuan approve list`; it was carried out or rejected, or has lapsed",
                    "请看 `tuan approve list`；它已执行、被否决或过期"
                ),
            ))
        }
        (Some(_), Some(_)) => Err(Failure::usage(say!(
            "several proposals begin with {text}",
            "有几个提案以 {text} 开头"
        ))
        .help(say!("give more characters of the id", "请多写几位编号"))),
    }
}

/// Approves proposals one by one; `asked_by_name` makes a refusal a failure.
fn approve(
    proposals: &[&ProposalView],
    asked_by_name: bool,
    session: &Session,
) -> Result<(), Failure> {
    let own = session.signer()?.author;
    // A submitter may not approve, so its own proposals are not even tried unless named.
    let (own, others): (Vec<_>, Vec<_>) =
        proposals.iter().copied().partition(|view| view.by == own && !asked_by_name);
    tell(&others, session)?;
    let mut answer = Approved::default();
    for view in own {
        let reason = say!("you proposed it yourself", "这是您自己提议的");
        answer.skipped.push(Skipped { proposal: view.id, reason });
    }
    let mut refusal = None;
    for view in others {
        if view.movement.digest() != view.movement_hash {
            return Err(Failure::refused(say!(
                "the node shows another proposal under {}",
                "节点以 {} 之名给出了另一个提案",
                view.id
            ))
            .help(say!(
                "the node is at fault; ask another with --node",
                "该节点有误；用 --node 询问其他节点"
            )));
        }
        let action = Action::Approve { proposal: view.id, movement: view.movement_hash };
        match session.submit(action)? {
            Outcome::Entered(entered) => answer.transactions.push(entered),
            Outcome::AlreadyDone(reason) => {
                answer.skipped.push(Skipped { proposal: view.id, reason });
            }
            Outcome::Pending(id) => {
                answer.sent.push(id);
            }
            Outcome::Refused(problem) => {
                // Not yours to approve: no matter, unless you asked for this very one.
                if asked_by_name || !matches!(problem.refusal, Some(200..=299)) {
                    refusal = Some(session.refusal(&problem));
                }
                let reason = session.tell(&problem);
                answer.skipped.push(Skipped { proposal: view.id, reason });
            }
        }
    }
    session.output.data(&answer.to_string(), &answer)?;
    refusal.map_or(Ok(()), Err)
}

impl std::fmt::Display for Approved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut lines: Vec<String> = self.transactions.iter().map(Entered::to_string).collect();
        for Skipped { proposal, reason } in &self.skipped {
            lines.push(say!("skipped {}: {reason}", "跳过 {}：{reason}", proposal.short()));
        }
        for id in &self.sent {
            lines.push(say!("sent, not decided yet: {id}", "已发送，尚未入账：{id}"));
        }
        if lines.is_empty() {
            lines.push(say!("ok: nothing waits for your approval", "完成：没有等待您同意的提案"));
        }
        f.write_str(&lines.join("\n"))
    }
}

fn list(waiting: &[ProposalView], session: &Session) -> Result<(), Failure> {
    let words = Words::of(session)?;
    let rows = waiting.iter().map(|view| {
        vec![
            view.id.short(),
            words.name(view.by),
            output::time(view.at),
            words.movement(&view.movement),
        ]
    });
    let text = output::table(
        &[
            word!("PROPOSAL", "提案"),
            word!("BY", "提出人"),
            word!("SINCE", "时间"),
            word!("WHAT", "内容"),
        ],
        rows,
    );
    session.output.data(&text, &waiting)
}

/// Shows what is about to be signed.
fn tell(proposals: &[&ProposalView], session: &Session) -> Result<(), Failure> {
    let words = Words::of(session)?;
    for view in proposals {
        let by = words.name(view.by);
        session.output.note(&say!(
            "{}  {by} proposes: {}",
            "{}  {by} 提议：{}",
            view.id.short(),
            words.movement(&view.movement)
        ));
        for line in words.details(&view.movement, session)? {
            session.output.note(&format!("  {line}"));
        }
    }
    Ok(())
}

/// A payee of a settled group buy, as it is written on the command line.
pub(crate) fn payee(to: PayTo) -> &'static str {
    match to {
        PayTo::Supplier => "supplier",
        PayTo::Fee(part) => {
            FeePart::ALL.get(usize::from(part)).map_or("unknown payee", |p| p.name())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::types::{Fen, MemberId, TimestampMs};

    fn proposal(seed: u8, movement: Movement) -> ProposalView {
        ProposalView {
            id: TransactionId::new([seed; 32]),
            movement_hash: movement.digest(),
            by: MemberId::ZERO,
            at: TimestampMs::ZERO,
            movement,
        }
    }

    fn settle(id: &str) -> Movement {
        Movement::Settle { group_buy: id.parse().expect("an id"), payable: Fen::new(16_200) }
    }

    #[test]
    fn a_proposal_is_named_by_the_beginning_of_its_id() {
        let waiting = [proposal(1, settle("a")), proposal(2, settle("b"))];
        assert_eq!(named(&waiting, "010101").map(|view| view.id), Ok(waiting[0].id));
        assert_eq!(named(&waiting, "0101").expect_err("short").number(), crate::exit::USAGE);
        assert_eq!(named(&waiting, "ffffff").expect_err("none").number(), crate::exit::REFUSED);
        let same = [waiting[0].clone(), waiting[0].clone()];
        assert_eq!(named(&same, "010101").expect_err("two").number(), crate::exit::USAGE);
    }

    #[test]
    fn proposals_are_chosen_by_group_buy_and_kind() {
        let cancel = Movement::Cancel { group_buy: "a".parse().expect("an id") };
        let waiting = [proposal(1, settle("a")), proposal(2, settle("b")), proposal(3, cancel)];
        let id = "a".parse().expect("an id");
        assert_eq!(of_group_buy(&waiting, &id, |_| true).len(), 2);
        let kind = |movement: &Movement| matches!(movement, Movement::Cancel { .. });
        assert_eq!(of_group_buy(&waiting, &id, kind)[0].id, waiting[2].id);
    }
}
