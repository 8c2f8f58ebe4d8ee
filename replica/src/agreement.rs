//! Agreement at the height at hand: consensus, the proposals it is about, its timers, and what it waits for.
//!
//! ```text
//!  messages, timers, answers ──▶ inputs ──step──▶ consensus ──effects──▶ wishes
//!  outlines, decisions ────────▶ proposals ──judge, build──▶ inputs
//! ```
//!
//! Promises: inputs are taken one at a time, in the order in which they came; nothing signed leaves before the
//! record of it is durable ([`Wish::Persist`], docs/protocol.md P20); a block that cannot be judged yet stays
//! wanted until its height is over. Knows no peers and no disk: what is to be said or made durable leaves as
//! [`Wish`]es, and blocks are judged on the [`Ground`] that the caller brings. Who calls must not have anything
//! judged or built while a decided block is being stored, since the store is then ahead of the state.

use crate::{
    chain_store::ChainStore,
    event::Write,
    journal::Job,
    mempool::Mempool,
    message::{Decided, PeerMessage},
    node::NodeId,
    now::{Now, SteadyMs},
    proposal::{Lacks, Proposals, judge_fresh},
    standing::Standing,
};
use ledger_core::{
    block::{BLOCK_TRANSACTIONS_MAX, Block, BlockOutline, evidence_hash},
    codec::encode,
    consensus::{
        self, Alarm, AnswerError, CertificateError, Effects, Evidence, GuardError, GuardRecord,
        Ignored, Input, Message, Permit, QuorumCertificate, Recovery, Step, Timeout, TimeoutPolicy,
        ToPersist, ToSign, ValidationRequest, ValidatorSet, Validity, VerifiedMessage,
    },
    crypto::{BlockHash, ChainId, EntryHash, SecretKey},
    fund::Reads,
    ledger::{Executed, Proposed, State},
    refusal::Refusal,
    transaction::{ReceivedTransaction, VerifiedTransaction},
    types::{DurationMs, Height, Round, TimestampMs, ValidatorIndex},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most evidence kept for coming blocks.
const EVIDENCE_MAX: usize = 64;

/// What agreement wants of the rest of the node, to be carried out in order.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Send this to every validator.
    Tell(PeerMessage),
    /// Make this durable; then hand the messages to [`Agreement::release`].
    Persist(Vec<Write>, Job),
    /// Something is to be judged of which a part may be lacking.
    Fetch,
    /// Tell the operator.
    Alarm(String),
    /// The height is decided.
    Decide(QuorumCertificate),
}

/// What blocks are judged and built on.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    /// The state after the last block.
    state: &'a State,
    /// What came before.
    reads: &'a dyn Reads,
    /// Transactions that are here.
    mempool: &'a Mempool,
}

impl<'a> Ground<'a> {
    pub(crate) fn of(state: &'a State, reads: &'a dyn Reads, mempool: &'a Mempool) -> Self {
        Self { state, reads, mempool }
    }

    fn transaction(&self, entry: &EntryHash) -> Option<VerifiedTransaction> {
        self.mempool.get(entry).cloned()
    }
}

/// A block that was built.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) block: BlockHash,
    /// What was left out, by its position, and why.
    pub(crate) refused: Vec<(usize, Refusal)>,
    /// Whether nothing is in it.
    pub(crate) is_empty: bool,
}

/// Why a decision that somebody passed on is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Disbelief {
    /// The certificate does not verify. Blame: the sender.
    #[error("passed on a certificate that proves nothing: {0}")]
    ProvesNothing(CertificateError),
    /// Both certificates verify. Blame: more than a third of the validators.
    #[error("conflicting decision: {0} and {1}")]
    Conflict(BlockHash, BlockHash),
}

/// What consensus starts from.
pub(crate) struct Restored<'a> {
    /// The chain.
    pub(crate) chain: ChainId,
    /// The state after the last block.
    pub(crate) state: &'a State,
    /// The place of this node among the validators, if it votes.
    pub(crate) me: Option<ValidatorIndex>,
    /// The key that votes.
    pub(crate) key: Option<SecretKey>,
    /// How long timers run.
    pub(crate) timeouts: TimeoutPolicy,
    /// The guard record on disk.
    pub(crate) guard: Option<&'a GuardRecord>,
    /// Without a record: whether the guard says that nothing was ever signed.
    pub(crate) nothing_signed: bool,
    /// Bodies of the height after the last block that are durable.
    pub(crate) bodies: &'a [Block],
    /// Random bytes that nobody else knows.
    pub(crate) entropy: &'a [u8; 32],
}

/// Consensus and what it is about.
pub(crate) struct Agreement {
    key: Option<SecretKey>,
    timeouts: TimeoutPolicy,
    /// Away only while an input is being applied.
    consensus: Option<consensus::State>,
    recovery: Option<Recovery>,
    /// The vote guard is lost: what was signed at this height nobody here remembers.
    forgotten: Option<Height>,
    proposals: Proposals,
    /// The round that a block was asked for while there was no reason for one.
    build_wanted: Option<Round>,
    evidence: Vec<Evidence>,
    inputs: VecDeque<Input>,
    timers: BTreeSet<(SteadyMs, Timeout)>,
    /// Since when consensus is in its round.
    round_since: TimestampMs,
    standing: Standing,
    /// When this node last saw its own key sign what it does not remember.
    signed_elsewhere: Option<TimestampMs>,
    /// How many inputs changed nothing, by the reason.
    ignored: BTreeMap<Ignored, u64>,
}

impl Agreement {
    /// Takes up the height after the last block.
    ///
    /// # Errors
    /// [`GuardError`] if the guard cannot be believed.
    pub(crate) fn restore(from: Restored<'_>, now: Now) -> Result<(Self, Vec<Wish>), GuardError> {
        let Restored { chain, state, me, key, timeouts, guard, nothing_signed, .. } = from;
        let set = state.validators();
        let height = state.tip().height.next();
        let (consensus, effects) =
            consensus::State::restore(&chain, height, (**set).clone(), me, guard)?;
        let recovery = me.map(|index| {
            let position = guard.map(GuardRecord::position);
            Recovery::new(chain, (**set).clone(), index, position)
        });
        // Peers remember only votes that they saw, so without a guard nothing more is signed at the
        // height that was being decided.
        let lost = guard.is_none() && !nothing_signed && state.tip().height > Height::ZERO;
        let mut proposals = Proposals::default();
        for block in from.bodies {
            proposals.restore(state, block, from.entropy);
        }
        let mut agreement = Self {
            key,
            timeouts,
            standing: Standing::new(&consensus, now.wall),
            consensus: Some(consensus),
            recovery,
            forgotten: lost.then_some(height),
            proposals,
            build_wanted: None,
            evidence: Vec::new(),
            inputs: VecDeque::new(),
            timers: BTreeSet::new(),
            round_since: now.wall,
            signed_elsewhere: None,
            ignored: BTreeMap::new(),
        };
        let mut wishes = agreement.carry_out(effects, state, now);
        wishes.extend(agreement.check_permit());
        Ok((agreement, wishes))
    }

    // ---- how it stands

    /// Consensus at the height being decided.
    pub(crate) fn consensus(&self) -> &consensus::State {
        self.consensus.as_ref().expect("consensus is put back after every step")
    }

    /// The height being decided.
    pub(crate) fn height(&self) -> Height {
        self.consensus().height()
    }

    /// Since when consensus stands where it stands.
    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    /// To be called at the end of every event.
    pub(crate) fn note_standing(&mut self, wall: TimestampMs) {
        let consensus = self.consensus.as_ref().expect("consensus is put back after every step");
        self.standing.note(consensus, wall);
    }

    /// When this node last saw its own key sign what it does not remember.
    pub(crate) fn signed_elsewhere(&self) -> Option<TimestampMs> {
        self.signed_elsewhere
    }

    /// How many inputs changed nothing since the start, by the reason.
    pub(crate) fn ignored(&self) -> &BTreeMap<Ignored, u64> {
        &self.ignored
    }

    /// Validators whose message is missing: for recovery after a start, or else for the current step.
    pub(crate) fn waiting_for(&self) -> Vec<ValidatorIndex> {
        match &self.recovery {
            Some(recovery) => recovery.unanswered().collect(),
            None => self.consensus().waiting_for(),
        }
    }

    /// When the next timer ends.
    pub(crate) fn wake_at(&self) -> Option<SteadyMs> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Whether something is lacking that is to be asked for again and again.
    pub(crate) fn lacks_something(&self) -> bool {
        self.recovery.is_some()
            || !self.proposals.wanted().is_empty()
            || self.proposals.certificate().is_some()
    }

    /// Whether judging waits for something.
    pub(crate) fn is_judging(&self) -> bool {
        !self.proposals.wanted().is_empty()
    }

    // ---- driving consensus

    /// Puts the timers that have ended among the inputs.
    pub(crate) fn fire_timers(&mut self, now: SteadyMs) {
        while let Some((at, timeout)) = self.timers.first().copied() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            self.inputs.push_back(Input::TimeoutElapsed(timeout));
        }
    }

    /// A message of the height at hand, or one that is ignored, that came at this moment.
    pub(crate) fn take(&mut self, message: VerifiedMessage, at: TimestampMs, set: &ValidatorSet) {
        if let VerifiedMessage::Proposal(proposal) = &message
            && proposal.proposer == set.proposer(proposal.height, proposal.round)
        {
            self.proposals.note_proposed(proposal.block, at);
        }
        self.inputs.push_back(message.into());
    }

    /// A validator says that it is awake at the height at hand.
    pub(crate) fn peer_awake(&mut self, validator: ValidatorIndex) {
        let height = self.height();
        self.inputs.push_back(Input::PeerAwake { height, validator });
    }

    /// There is a reason for a block.
    pub(crate) fn wake(&mut self) {
        if !self.inputs.iter().any(|input| matches!(input, Input::Wake)) {
            self.inputs.push_back(Input::Wake);
        }
    }

    /// Takes the next input; nothing if there is none.
    pub(crate) fn step(&mut self, state: &State, now: Now) -> Option<Vec<Wish>> {
        let input = self.inputs.pop_front()?;
        let before = self.consensus.take().expect("consensus is put back after every step");
        let (height, round, step) = (before.height(), before.round(), before.step());
        let (after, effects) = consensus::step(before, input);
        let woken = step == Step::Waiting && after.step() != Step::Waiting;
        if woken || height != after.height() || round != after.round() {
            self.round_since = now.wall;
        }
        self.consensus = Some(after);
        Some(self.carry_out(effects, state, now))
    }

    fn carry_out(&mut self, effects: Effects, state: &State, now: Now) -> Vec<Wish> {
        let Effects { sign, resend, schedule, build, validate, decide, evidence, alarms, ignored } =
            effects;
        if let Some(reason) = ignored {
            *self.ignored.entry(reason).or_default() += 1;
        }
        let mut wishes = Vec::new();
        if let Some(message) = resend {
            self.broadcast(&message, &mut wishes);
        }
        if let Some(to_sign) = sign {
            wishes.extend(self.sign(to_sign, state));
        }
        for timeout in schedule {
            self.timers.insert((now.steady.after(self.timeouts.duration(&timeout)), timeout));
        }
        if build.is_some() {
            self.build_wanted = build;
        }
        if !validate.is_empty() {
            wishes.push(Wish::Fetch);
        }
        self.proposals.want(validate);
        let room = EVIDENCE_MAX.saturating_sub(self.evidence.len());
        self.evidence.extend(evidence.into_iter().take(room));
        for alarm in alarms {
            if let Alarm::SignedElsewhere(_) = alarm {
                self.signed_elsewhere = Some(now.wall);
            }
            wishes.push(Wish::Alarm(alarm.to_string()));
        }
        wishes.extend(decide.map(Wish::Decide));
        wishes
    }

    /// Signs, and holds the messages back until guard and bodies are durable (P20).
    fn sign(&mut self, to_sign: ToSign, state: &State) -> Option<Wish> {
        let key = self.key.as_ref()?;
        let valid_block = to_sign.valid_block();
        let to_persist = match to_sign.sign(key, state.chain(), state.validators()) {
            Ok(to_persist) => to_persist,
            Err(error) => return Some(Wish::Alarm(format!("cannot sign: {error}"))),
        };
        let mut bodies = Vec::new();
        let mut writes = Vec::new();
        if let Some(block) = valid_block.filter(|block| !self.proposals.durable().contains(block))
            && let Some(executed) = self.proposals.executed(&block)
        {
            writes.push(Write::Store(vec![ChainStore::body(executed)]));
            bodies.push(block);
        }
        writes.push(Write::Guard(encode(to_persist.record())));
        Some(Wish::Persist(writes, Job::Release(Box::new(to_persist), bodies)))
    }

    /// Guard and bodies are durable: the messages go out, and count here too.
    pub(crate) fn release(&mut self, to_persist: ToPersist, bodies: Vec<BlockHash>) -> Vec<Wish> {
        self.proposals.made_durable(bodies);
        let mut wishes = Vec::new();
        for message in to_persist.persisted() {
            self.broadcast(&message, &mut wishes);
            self.inputs.push_back(message.into());
        }
        wishes
    }

    fn broadcast(&self, message: &VerifiedMessage, wishes: &mut Vec<Wish>) {
        if let VerifiedMessage::Proposal(proposal) = message
            && let Some(outline) = self.proposals.outline(&proposal.block).cloned()
        {
            wishes.push(Wish::Tell(PeerMessage::Outline(Box::new(outline))));
        }
        wishes.push(Wish::Tell(PeerMessage::Consensus(message.message())));
    }

    /// The block after `state`'s is to be decided: what was known of the one before is forgotten.
    pub(crate) fn begin_height(&mut self, state: &State) {
        self.proposals = Proposals::default();
        self.build_wanted = None;
        self.timers.clear();
        self.evidence.retain(|found| state.accepts_evidence(found));
        let height = state.tip().height.next();
        let validators = (**state.validators()).clone();
        let me = self.consensus().me();
        self.inputs.push_back(Input::HeightStarted { height, validators, me });
    }

    // ---- recovery after a start (P21)

    /// Validators that have not yet said what they saw of this one; nothing once that is over.
    pub(crate) fn unanswered(&self) -> Option<BTreeSet<ValidatorIndex>> {
        self.recovery.as_ref().map(|recovery| recovery.unanswered().collect())
    }

    /// A validator says what it saw of this one.
    ///
    /// # Errors
    /// [`AnswerError`] if it cannot be true.
    pub(crate) fn take_answer(
        &mut self,
        from: ValidatorIndex,
        latest: Option<&Message>,
    ) -> Result<Option<Wish>, AnswerError> {
        let Some(recovery) = &mut self.recovery else { return Ok(None) };
        recovery.on_answer(from, latest)?;
        Ok(self.check_permit())
    }

    fn check_permit(&mut self) -> Option<Wish> {
        let mut alarm = None;
        let barred_through = match self.recovery.as_ref()?.permit() {
            Permit::Collecting { .. } => return None,
            Permit::Allowed => self.forgotten,
            Permit::BarredThrough(height) => {
                let text = "peers have seen newer votes of ours than the guard remembers: \
                            signing is barred until the chain is past them";
                alarm = Some(Wish::Alarm(format!("{text} (height {height})")));
                Some(height).max(self.forgotten)
            }
        };
        self.recovery = None;
        self.inputs.push_back(Input::SigningAllowed { barred_through });
        alarm
    }

    // ---- building

    /// The round that a block of this node is wanted for, and this node as its proposer.
    pub(crate) fn wants_block(&mut self) -> Option<(Round, ValidatorIndex)> {
        let (round, proposer) = (self.build_wanted?, self.consensus().me()?);
        if self.consensus().round() != round || self.consensus().step() != Step::Propose {
            self.build_wanted = None;
            return None;
        }
        Some((round, proposer))
    }

    /// How many of so many waiting transactions the next block takes: all at first, half after a failure, then
    /// none ("smaller batches" in docs/protocol.md).
    pub(crate) fn batch_of(&self, waiting: usize) -> usize {
        match self.proposals.built() {
            0 => BLOCK_TRANSACTIONS_MAX,
            1 => waiting.min(BLOCK_TRANSACTIONS_MAX) / 2,
            _ => 0,
        }
    }

    /// Whether there is evidence that a block would take.
    pub(crate) fn has_evidence(&self, state: &State) -> bool {
        self.evidence.iter().any(|found| state.accepts_evidence(found))
    }

    /// Builds a block, which is not proposed yet.
    pub(crate) fn build(
        &mut self,
        ground: Ground<'_>,
        proposed: Proposed,
        transactions: &[VerifiedTransaction],
    ) -> Option<Built> {
        let Ground { state, reads, .. } = ground;
        let (block, refused) =
            self.proposals.build(state, reads, proposed, &self.evidence, transactions)?;
        let executed = self.proposals.executed(&block);
        let is_empty = executed.is_none_or(|built| built.entries.is_empty());
        Some(Built { block, refused, is_empty })
    }

    /// Answers consensus with a block that was built.
    pub(crate) fn propose(&mut self, round: Round, block: BlockHash) {
        self.proposals.note_built();
        self.build_wanted = None;
        let height = self.height();
        self.inputs.push_back(Input::BlockBuilt { height, round, block });
    }

    // ---- judging

    /// Judges what consensus waits for, as far as bodies are there. Says what the operator should know.
    pub(crate) fn judge_wanted(&mut self, ground: Ground<'_>, wall: TimestampMs) -> Vec<String> {
        let mut alarms = Vec::new();
        for request in self.proposals.take_wanted() {
            match self.judge(&request, ground, wall, &mut alarms) {
                Ok(validity) => {
                    self.inputs.push_back(Input::BlockValidated { request, validity });
                }
                Err(_) => self.proposals.want([request]),
            }
        }
        alarms
    }

    fn judge(
        &mut self,
        request: &ValidationRequest,
        ground: Ground<'_>,
        wall: TimestampMs,
        alarms: &mut Vec<String>,
    ) -> Result<Validity, Lacks> {
        let block = &request.block;
        let waiting = |entry: &EntryHash| ground.transaction(entry);
        let valid = self.proposals.body_is_valid(ground.state, ground.reads, block, waiting)?;
        let outline = self.proposals.outline(block);
        let (Some(outline), Some(executed)) = (outline, self.proposals.executed(block)) else {
            if !valid {
                alarms.push(format!("proposed block {block} is not valid"));
            }
            return Ok(Validity::Invalid);
        };
        if !request.fresh {
            return Ok(Validity::Valid);
        }
        let entries = executed.entries.len();
        // By the moment the proposal came, or its round began here if that was later: a proposal sent ahead
        // must not keep a time that has long passed.
        let proposed = self.proposals.proposed(block, wall).max(self.round_since);
        let validity = judge_fresh(ground.state, outline, entries, request, proposed);
        if validity == Validity::Unfit {
            let time = outline.header.time;
            alarms.push(format!(
                "proposed block {block} is unfit: block time {time}, our clock {wall}; check clocks"
            ));
        }
        Ok(validity)
    }

    /// What judging waits for, and what it lacks.
    pub(crate) fn lacking(&self) -> Vec<(ValidationRequest, Lacks)> {
        let lacks = |request: &ValidationRequest| {
            self.proposals.lacks(&request.block).map(|lacks| (*request, lacks))
        };
        self.proposals.wanted().iter().filter_map(lacks).collect()
    }

    /// How long something that a block needs is lacking.
    pub(crate) fn lacking_for(&self, block: &BlockHash, now: SteadyMs) -> DurationMs {
        now.since(self.proposals.arrived(block, now))
    }

    /// An outline of the height at hand, from anybody.
    pub(crate) fn take_outline(&mut self, outline: BlockOutline, state: &State, now: SteadyMs) {
        let (tip, header) = (state.tip(), &outline.header);
        let fits = header.height == tip.height.next()
            && header.parent == tip.hash
            && evidence_hash(&outline.evidence) == header.evidence;
        if fits && self.proposals.outline(&header.hash()).is_none() {
            self.proposals.add_outline(outline, now);
        }
    }

    /// The outline of a block of the height at hand.
    pub(crate) fn outline(&self, block: &BlockHash) -> Option<&BlockOutline> {
        self.proposals.outline(block)
    }

    /// A transaction that a block lists has come.
    pub(crate) fn add_transaction(&mut self, transaction: &VerifiedTransaction) {
        self.proposals.add_fetched(transaction);
    }

    /// A transaction that a block lists has come, and its signature is wrong.
    pub(crate) fn add_forged(&mut self, transaction: &ReceivedTransaction) {
        self.proposals.add_forged(transaction);
    }

    /// A transaction that a block lists and that had to be asked for.
    pub(crate) fn transaction(&self, entry: &EntryHash) -> Option<&VerifiedTransaction> {
        self.proposals.fetched(entry)
    }

    // ---- decisions

    /// Somebody says that the height at hand is decided, with proof (C2). Says whether that is worth anything.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub(crate) fn take_decision(
        &mut self,
        from: NodeId,
        decided: Decided,
        state: &State,
        now: SteadyMs,
    ) -> Result<bool, Disbelief> {
        if !self.proposals.takes_decision_of(from) {
            return Ok(false);
        }
        let Decided { certificate, outline } = decided;
        let known = self.proposals.certificate().map(|known| known.block);
        if known != Some(certificate.block) {
            let proof = certificate.verify(state.chain(), state.validators());
            proof.map_err(Disbelief::ProvesNothing)?;
            if let Some(known) = known {
                return Err(Disbelief::Conflict(known, certificate.block));
            }
        }
        self.proposals.certify(certificate, from, outline, now);
        Ok(true)
    }

    /// The block that a certificate proves to be decided, once its body is here; and who has passed on a list that
    /// is wrong.
    pub(crate) fn certified_body(
        &mut self,
        ground: Ground<'_>,
    ) -> (Option<(Executed, QuorumCertificate)>, Vec<NodeId>) {
        let waiting = |entry: &EntryHash| ground.transaction(entry);
        self.proposals.certified_body(ground.state, ground.reads, waiting)
    }

    /// The block that a certificate proves to be decided, its height, and what is lacking of it.
    pub(crate) fn lacking_of_certified(&self) -> Option<(BlockHash, Height, Vec<EntryHash>)> {
        let certificate = self.proposals.certificate()?;
        let lacking = self.proposals.lacking_of_certified().copied().collect();
        Some((certificate.block, certificate.height, lacking))
    }

    /// The block that consensus has decided.
    ///
    /// # Panics
    /// If it was never judged valid here: consensus decides no other.
    pub(crate) fn take_decided(&mut self, block: &BlockHash) -> Executed {
        self.proposals.take(block).expect("consensus decides only what was judged valid")
    }

    /// Blocks of the height at hand whose bodies are durable.
    pub(crate) fn durable(&self) -> &BTreeSet<BlockHash> {
        self.proposals.durable()
    }
}
