//! An entry of the ledger in words, and what its receipt proves.

use crate::{
    exit::Failure,
    lang::{say, word},
    outbox::words,
    output,
    proof::Proven,
    session::Session,
};
use ledger_core::{block::Entry, fund::DeadlineKind};

/// Tells what a receipt proves. Needs no node.
///
/// # Errors
/// A setup [`Failure`] without a founding document.
pub(crate) fn show_proven(proven: &Proven, session: &Session) -> Result<(), Failure> {
    let genesis = session.genesis()?;
    let Proven { entry, index, proven_at, time, .. } = proven;
    let names = session.names()?;
    let signed_by: Vec<_> = proven.signed_by.iter().map(|id| names.name(*id)).collect();
    let answer = serde_json::json!({
        "verified": true,
        "chain": genesis.chain,
        "log_index": index,
        "proven_at_height": proven_at,
        "time_ms": time,
        "signed_by": signed_by,
        "entry": entry,
    });
    let (chain, time) = (&genesis.name, output::time(*time));
    let signers = signed_by.join(word!(", ", "、"));
    let described = describe(entry, session)?;
    let text = say!(
        "ok: entry {index} is in the log of {chain}, proven by the block at height {proven_at} of {time}, signed by {signers}\n{described}",
        "完成：条目 {index} 在 {chain} 的账本中，由 {time} 高度 {proven_at} 的区块证明，区块由 {signers} 签署\n{described}"
    );
    session.output.data(&text, &answer)
}

/// What an entry says and who signed it.
///
/// # Errors
/// A [`Failure`] if nobody says what members are called.
pub(crate) fn describe(entry: &Entry, session: &Session) -> Result<String, Failure> {
    Ok(match entry {
        Entry::Transaction(signed) => {
            let body = &signed.transaction;
            let author = session.names()?.name(body.author);
            let what = words::what(&body.action);
            let what = match body.action.group_buy() {
                Some(group_buy) => say!("{group_buy}: {what}", "{group_buy}：{what}"),
                None => what,
            };
            let action = serde_json::to_string_pretty(&body.action)
                .map_err(|error| Failure::bug(format!("the action is not JSON: {error}")))?;
            let told =
                say!("signed by {author}\n{what}\n{action}", "签署人：{author}\n{what}\n{action}");
            match body.action.group_buy() {
                Some(group_buy) => session.tags_if_known(&group_buy)?.with_numbers(&told),
                None => told,
            }
        }
        Entry::System(system) => {
            let at = output::time(system.deadline.at);
            match system.deadline.kind {
                DeadlineKind::CutOff(id) => say!(
                    "deadline {at}: {id} was not approved by its cut-off",
                    "{at} 到期：{id} 截单前未获批准"
                ),
                DeadlineKind::ConfirmBy(id) => {
                    say!("deadline {at}: {id} formed or failed", "{at} 到期：{id} 成团或流团")
                }
                DeadlineKind::AutoDelivery(id) => say!(
                    "deadline {at}: the rest of {id} counts as delivered",
                    "{at} 到期：{id} 其余视为已交货"
                ),
                DeadlineKind::Unclaimed(id) => say!(
                    "deadline {at}: what {id} could not pay out is unclaimed",
                    "{at} 到期：{id} 未能付出的款项转为无人认领"
                ),
                DeadlineKind::Close(id) => {
                    say!("{id} is closed: every account is zero", "{id} 已结清关闭：所有账户为零")
                }
                DeadlineKind::ProposalLapses(id) => {
                    say!("deadline {at}: proposal {id} lapsed", "{at} 到期：提案 {id} 失效")
                }
            }
        }
        Entry::Evidence(_) => word!(
            "a validator signed two things that exclude each other",
            "有验证节点签署了互相矛盾的内容"
        )
        .to_owned(),
    })
}
