//! What becomes of a transaction that is kept: the rules of [`super`], step by step.

use super::{
    send::{Errand, Proof, Sent, Whereabouts, in_one_line},
    store::{Content, Heard, Kept, Outbox, Taken},
    words,
};
use crate::{
    client::{Client, Place},
    clock::now,
    exit::Failure,
    lang::{say, word},
    output, proof,
    receipts::Receipts,
    session::{Entered, Outcome, Session},
};
use ledger_core::{
    api::{EntryView, Problem},
    block::Entry,
    fund::Action,
    transaction::ReceivedTransaction,
    types::{Height, LogIndex, MemberId},
};
use std::time::{Duration, Instant};

/// How long a command that may sign spends on what is left from before.
const LEFT_OVERS_PATIENCE: Duration = Duration::from_secs(5);
/// The refusal of a transaction that has expired.
const EXPIRED: u16 = 105;

/// What came of trying to send an entry.
#[derive(Debug)]
pub(super) enum Settled {
    /// It has left the outbox, or was sent without waiting.
    Done(Outcome),
    /// It stays.
    Left(Left),
}

/// Why an entry stays in the outbox.
#[derive(Debug)]
pub(super) struct Left {
    /// What happened.
    pub(super) reason: String,
    /// No node was reached.
    pub(super) unreachable: bool,
    /// The node wants to know who asks.
    locked: bool,
    /// It can be sent no more as it is signed.
    pub(super) expired: bool,
}

impl Left {
    fn because(reason: String) -> Self {
        Self { reason, unreachable: false, locked: false, expired: false }
    }

    /// Whether the next entry would fare the same.
    fn ends_trying(&self) -> bool {
        self.unreachable || self.locked
    }

    /// The failure of the command that wanted it entered.
    fn failure(self, kept: &Content, client: &Client) -> Failure {
        if self.locked {
            let (id, failure) = (kept.id().short(), client.locked());
            let reason = failure.message();
            let text =
                say!("{reason}; kept in the outbox as {id}", "{reason}；已存入待发箱，编号 {id}");
            return failure.said_so(text);
        }
        let (id, expires) = (kept.id().short(), output::time(kept.expires()));
        let reason = self.reason;
        let text =
            say!("{reason}; kept in the outbox as {id}", "{reason}；已存入待发箱，编号 {id}");
        let help = say!(
            "`tuan outbox retry`, the same command again, or the next one that reaches a node sends it; its signature is good until {expires}",
            "可用 tuan outbox retry 发送，也可重复本命令，或在下一条连上节点的命令中自动发送；签名有效至 {expires}"
        );
        if self.unreachable { Failure::unreachable(text) } else { Failure::incomplete(text) }
            .help(help)
            .kept()
    }
}

/// Whether an expired entry may get a new signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignAgain {
    /// With the user's key.
    Yes,
    /// It was signed a moment ago: another signature would expire as well.
    IsNew,
    /// Not by the way: it might ask for a passphrase.
    No,
}

/// What this very command has settled before its own work: typed again, it is done already.
#[derive(Debug, Default)]
pub(crate) struct SettledNow(Vec<(MemberId, Action, Outcome)>);

impl SettledNow {
    fn keep(&mut self, content: &Content, outcome: Outcome) {
        // What was refused may be right now; what only waits is still in the outbox.
        if matches!(outcome, Outcome::Entered(_) | Outcome::AlreadyDone(_)) {
            let author = content.transaction.transaction().author;
            self.0.push((author, content.action().clone(), outcome));
        }
    }

    /// The outcome of this action, once: a second one like it is another.
    fn take(&mut self, author: MemberId, action: &Action) -> Option<Outcome> {
        let same = self.0.iter().position(|(by, said, _)| *by == author && said == action)?;
        Some(self.0.swap_remove(same).2)
    }

    fn like(&self, author: MemberId, action: &Action) -> Option<Action> {
        let is_it = |(by, said, _): &&(MemberId, Action, Outcome)| {
            *by == author && words::same_but_for_time(said, action)
        };
        self.0.iter().find(is_it).map(|(_, said, _)| said.clone())
    }
}

impl Session {
    /// The outbox of the chain.
    ///
    /// # Errors
    /// A setup [`Failure`] if the chain or the folder is not named.
    pub(super) fn outbox(&self) -> Result<Outbox, Failure> {
        Ok(Outbox::new(&self.state_folder()?, self.genesis()?.chain))
    }

    /// Signs an action, keeps it, sends it, waits for the decision, verifies the receipt and keeps that.
    ///
    /// # Errors
    /// A [`Failure`] if it cannot be signed or kept; an unreachable or incomplete one if it stays in the
    /// outbox. A refusal is an [`Outcome`].
    pub(crate) fn submit(&self, action: Action) -> Result<Outcome, Failure> {
        let author = self.signer()?.author;
        if let Some(outcome) = self.settled_now.borrow_mut().take(author, &action) {
            return Ok(outcome);
        }
        let outbox = self.outbox()?;
        let mut is_new = false;
        let mut kept = match outbox.find(author, &action)? {
            Some((_, Taken::Kept(kept))) => {
                let id = kept.id().short();
                self.output.note(&say!(
                    "this waits in the outbox as {id} already; sending that",
                    "待发箱中已有此项（{id}）；继续发送该项"
                ));
                *kept
            }
            Some((id, _)) => {
                let id = id.short();
                return Err(Failure::incomplete(say!(
                    "another tuan on this computer is sending this very thing ({id})",
                    "本机另一个 tuan 正在发送同一内容（{id}）"
                ))
                .help(say!(
                    "wait until it has ended, then see `tuan outbox list`",
                    "请等它结束，再用 tuan outbox list 查看"
                )));
            }
            None => {
                is_new = true;
                outbox.put(&self.sign(action)?, Vec::new())?
            }
        };
        let sign_again = if is_new { SignAgain::IsNew } else { SignAgain::Yes };
        match self.settle(&mut kept, self.patience(), sign_again)? {
            Settled::Done(outcome) => Ok(outcome),
            Settled::Left(left) => Err(left.failure(&kept.content, &self.client)),
        }
    }

    /// The action whose time the user left open as it was said before, if it was: with the time that it
    /// was given then, so that the same command again is the same.
    ///
    /// # Errors
    /// A [`Failure`] if key or outbox cannot be used.
    pub(crate) fn as_said_before(&self, action: Action) -> Result<Action, Failure> {
        let author = self.signer()?.author;
        let settled = self.settled_now.borrow().like(author, &action);
        let waiting = || -> Result<Option<Action>, Failure> {
            let listed = self.outbox()?.list()?;
            let mut waiting = listed.into_iter().rev().filter_map(|listed| listed.content.ok());
            let same = waiting.find(|content| content.says_but_for_time(author, &action));
            Ok(same.map(|content| content.action().clone()))
        };
        Ok(match settled {
            Some(before) => before,
            None => waiting()?.unwrap_or(action),
        })
    }

    fn sign(&self, action: Action) -> Result<ReceivedTransaction, Failure> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|error| {
            Failure::setup(say!("no randomness: {error}", "无法取得随机数：{error}"))
        })?;
        self.signer()?.sign(action, now()?, u64::from_le_bytes(nonce))
    }

    /// Sends what is left from earlier commands, before a command that may sign begins its work.
    ///
    /// Tells what came of it and never fails: the command itself will say what is wrong.
    pub(crate) fn send_left_overs(&self) {
        if self.options().genesis.is_none() {
            return;
        }
        let Ok(outbox) = self.outbox() else { return };
        let names = match outbox.names() {
            Ok(names) => names,
            Err(failure) => return self.output.note(&failure.to_string()),
        };
        let until = Instant::now() + LEFT_OVERS_PATIENCE;
        let mut expired = 0;
        for name in names {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // Busy, gone or damaged: others take care of it, or `tuan outbox list` names it.
            let Ok(Taken::Kept(mut kept)) = outbox.take(&name) else { continue };
            if kept.tried_at.is_some_and(|tried_at| tried_at >= kept.content.expires()) {
                expired += 1;
                continue;
            }
            let (id, what) = (kept.id().short(), words::what(kept.content.action()));
            match self.settle(&mut kept, Some(left), SignAgain::No) {
                Ok(Settled::Done(outcome)) => {
                    let became = self.tell_outcome(&outcome);
                    self.output.note(&say!(
                        "from the outbox: {id} ({what}): {became}",
                        "待发箱：{id}（{what}）：{became}"
                    ));
                    self.settled_now.borrow_mut().keep(&kept.content, outcome);
                }
                Ok(Settled::Left(left)) if left.ends_trying() => break,
                Ok(Settled::Left(left)) => expired += usize::from(left.expired),
                Err(failure) => self.output.note(&failure.to_string()),
            }
        }
        if expired > 0 {
            self.output.note(&say!(
                "expired in the outbox: {expired}; `tuan outbox retry` signs again",
                "待发箱中有 {expired} 笔交易已过期；用 tuan outbox retry 重新签名"
            ));
        }
    }

    /// Sends an entry, and carries out what follows from the answer.
    ///
    /// `kept` is the entry that is in the outbox afterwards, if one is: the one that was signed again.
    ///
    /// # Errors
    /// A [`Failure`] if disk or key do not let us.
    pub(super) fn settle(
        &self,
        kept: &mut Kept,
        patience: Option<Duration>,
        mut sign_again: SignAgain,
    ) -> Result<Settled, Failure> {
        loop {
            match self.send(kept, patience)? {
                Sent::Refused { problem, is_final } if problem.refusal == Some(EXPIRED) => {
                    kept.reached_nobody &= is_final;
                    match self.sign_expired_again(kept, sign_again)? {
                        None => sign_again = SignAgain::IsNew,
                        Some(settled) => return Ok(settled),
                    }
                }
                sent => return self.conclude(kept, sent),
            }
        }
    }

    fn send(&self, kept: &Kept, patience: Option<Duration>) -> Result<Sent, Failure> {
        self.outbox()?.remove_predecessors(&kept.content)?;
        kept.about_to_send()?;
        let genesis = self.genesis()?;
        let proves = |view: &EntryView, index: LogIndex, transaction: &ReceivedTransaction| {
            let proven = proof::verify_of(genesis, &view.receipt, transaction, index)?;
            Ok::<Height, Failure>(proven.proven_at)
        };
        Ok(self.errand(kept, patience, &proves).run())
    }

    fn errand<'a>(
        &'a self,
        kept: &'a Kept,
        patience: Option<Duration>,
        proves: &'a super::send::Proves<'a>,
    ) -> Errand<'a> {
        Errand {
            client: &self.client,
            transaction: &kept.content.transaction,
            reached_nobody: kept.reached_nobody,
            patience,
            proves,
        }
    }

    fn conclude(&self, kept: &mut Kept, sent: Sent) -> Result<Settled, Failure> {
        match sent {
            Sent::Proven(proof) => self.entered(kept, proof).map(Settled::Done),
            Sent::Taken => {
                kept.note(&Heard::Sent, false);
                Ok(Settled::Done(Outcome::Pending(kept.id())))
            }
            Sent::Refused { problem, is_final: true } => self.refused(kept, problem),
            Sent::Refused { problem, is_final: false } => {
                let Problem { detail, detail_zh, reason, .. } = *problem;
                let heard = Heard::Refused { detail, detail_zh, reason };
                kept.note(&heard, false);
                Ok(Settled::Left(Left::because(self.tell_heard(&heard))))
            }
            Sent::Locked { reached_nobody } => {
                kept.note(&Heard::Locked, reached_nobody);
                let reason = in_one_line(&self.client.locked());
                Ok(Settled::Left(Left { locked: true, ..Left::because(reason) }))
            }
            Sent::Unknown { reasons, unreachable, reached_nobody } => {
                let heard = match unreachable {
                    true => Heard::Unreachable { reasons },
                    false => Heard::Unclear { reasons },
                };
                kept.note(&heard, reached_nobody);
                Ok(Settled::Left(Left { unreachable, ..Left::because(self.tell_heard(&heard)) }))
            }
        }
    }

    /// The receipt has verified: it is kept, and then the transaction leaves the outbox.
    fn entered(&self, kept: &Kept, proof: Proof) -> Result<Outcome, Failure> {
        let Proof { height, log_index, receipt } = proof;
        let receipts = Receipts::new(&self.state_folder()?, self.genesis()?.chain);
        match receipts.keep(log_index, &kept.id(), &receipt) {
            Ok(_) => kept.remove()?,
            // It is in the ledger all the same; the receipt is fetched again with the next try.
            Err(failure) => self.output.note(&failure.to_string()),
        }
        let id = kept.id();
        Ok(Outcome::Entered(Entered { id, height, log_index, receipt_verified: true }))
    }

    /// The ledger will not have it, or says so already.
    fn refused(&self, kept: &Kept, problem: Box<Problem>) -> Result<Settled, Failure> {
        // A repetition of what got in before is refused, too.
        if let Some(proof) = self.proof_of_earlier(kept)? {
            return self.entered(kept, proof).map(Settled::Done);
        }
        kept.remove()?;
        Ok(Settled::Done(if problem.already_done {
            Outcome::AlreadyDone(self.tell(&problem))
        } else {
            Outcome::Refused(problem)
        }))
    }

    /// What was signed before may have got in after all, though nobody said so then.
    fn proof_of_earlier(&self, kept: &Kept) -> Result<Option<Proof>, Failure> {
        let body = kept.content.transaction.transaction();
        let genesis = self.genesis()?;
        for id in kept.content.earlier.iter().rev() {
            let Ok(Some(Place::Decided { log_index, .. })) = self.client.transaction(id) else {
                continue;
            };
            let proof = self.client.entry(log_index, |view| {
                let proven = proof::verify(genesis, &view.receipt)?;
                let is_it = match &proven.entry {
                    Entry::Transaction(signed) => {
                        signed.transaction.author == body.author
                            && signed.transaction.action == body.action
                    }
                    Entry::System(_) | Entry::Evidence(_) => false,
                };
                if !is_it || proven.index != log_index {
                    return Err(proof::of_another_entry());
                }
                Ok(Proof { height: proven.proven_at, log_index, receipt: view.receipt })
            });
            if let Ok(proof) = proof {
                return Ok(Some(proof));
            }
        }
        Ok(None)
    }

    /// Gives an expired entry a new signature, where that is right. `None`: `kept` is the new one.
    fn sign_expired_again(
        &self,
        kept: &mut Kept,
        sign_again: SignAgain,
    ) -> Result<Option<Settled>, Failure> {
        let left = |kept: &mut Kept, heard: Heard| {
            let reached_nobody = kept.reached_nobody;
            kept.note(&heard, reached_nobody);
            let left = Left::because(self.tell_heard(&heard));
            Ok(Some(Settled::Left(Left { expired: true, ..left })))
        };
        match sign_again {
            SignAgain::Yes => {}
            SignAgain::No => return left(kept, Heard::Expired),
            SignAgain::IsNew => {
                if kept.reached_nobody {
                    kept.remove()?;
                }
                return Err(Failure::setup(word!(
                    "what was signed just now has expired by the ledger's clock",
                    "刚签名的交易按账本时间已经过期"
                ))
                .help(word!(
                    "this computer's clock is slow; set it and repeat the command",
                    "本机时钟偏慢；请校准后重试"
                )));
            }
        }
        let outbox = self.outbox()?;
        if let Some(successor) = outbox.successor_of(&kept.id())? {
            // A process was killed between writing the new one down and removing this one.
            kept.remove()?;
            let id = successor.short();
            let note = say!("it was signed again as {id}", "已重新签名为 {id}");
            return Ok(Some(Settled::Done(Outcome::AlreadyDone(note))));
        }
        let action = kept.content.action().clone();
        if !kept.reached_nobody {
            let genesis = self.genesis()?;
            let proves = |view: &EntryView, index: LogIndex, transaction: &ReceivedTransaction| {
                let proven = proof::verify_of(genesis, &view.receipt, transaction, index)?;
                Ok::<Height, Failure>(proven.proven_at)
            };
            match self.errand(kept, None, &proves).whereabouts() {
                Whereabouts::Proven(proof) => {
                    return self.entered(kept, proof).map(Settled::Done).map(Some);
                }
                Whereabouts::Unclear(reasons) => {
                    return left(kept, Heard::ExpiredUnclear { reasons });
                }
                Whereabouts::Absent { past_everywhere: false } if words::may_repeat(&action) => {
                    return left(kept, Heard::ExpiredUnnumbered);
                }
                Whereabouts::Absent { .. } => {}
            }
        }
        let author = self.signer()?.author;
        if author != kept.content.transaction.transaction().author {
            return left(kept, Heard::ExpiredOtherKey);
        }
        if let Action::Propose(movement) = &action {
            // Typed again meanwhile, it waits under another id; a second proposal would be one too many.
            let waiting = self.client.proposals()?;
            if let Some(same) = waiting.iter().find(|view| view.movement == *movement) {
                let id = same.id;
                kept.remove()?;
                let note = say!(
                    "proposal {id} says so and waits for approval",
                    "提案 {id} 内容相同，正在等待同意"
                );
                return Ok(Some(Settled::Done(Outcome::AlreadyDone(note))));
            }
        }
        let mut earlier = kept.content.earlier.clone();
        earlier.push(kept.id());
        // The new one is written down before the old one goes, and is not sent before the old one is
        // gone: killed in between, both are there, and each of them removes the old one.
        let again = outbox.put(&self.sign(action)?, earlier)?;
        let old = std::mem::replace(kept, again);
        old.remove()?;
        let (old, id) = (old.id().short(), kept.id().short());
        self.output.note(&say!(
            "{old} has expired; signed again as {id}",
            "{old} 已过期；已重新签名为 {id}"
        ));
        Ok(None)
    }

    /// What was heard of a transaction, in the words of the chain.
    pub(super) fn tell_heard(&self, heard: &Heard) -> String {
        self.with_numbers(&heard.text(|reason| self.tell_reason(reason)))
    }

    /// What became of a transaction, in one line.
    pub(super) fn tell_outcome(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Entered(entered) => entered.to_string(),
            Outcome::AlreadyDone(note) => {
                say!("ok: already done: {note}", "完成：此前已办：{note}")
            }
            Outcome::Pending(_) => word!("sent, not decided yet", "已发送，尚未决定").to_owned(),
            Outcome::Refused(problem) => in_one_line(&self.refusal(problem)),
        }
    }
}
