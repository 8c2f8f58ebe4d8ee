//! What goes into consensus, what comes out, and what it remembers in between.

use super::{
    certificate::QuorumCertificate,
    evidence::{Evidence, EvidenceKey},
    guard::{GUARD_VERSION, GuardError, GuardRecord, Polka, ToSign},
    message::{
        Message, MessageKind, Position, Statement as _, Unsigned, VerifiedMessage,
        VerifiedProposal, VerifiedVote, VoteKind,
    },
    round_log::RoundLog,
    timeout::{Timeout, TimeoutKind},
    validator::ValidatorSet,
};
use crate::{
    codec::{Always, List},
    crypto::{BlockHash, ChainId},
    types::{Height, Round, ValidatorIndex},
};
use std::collections::{BTreeMap, BTreeSet};

/// How many rounds ahead of the current one messages are kept. More than one third of the voting power
/// is enough to skip ahead, so honest validators drift this far apart only when cut off from each other,
/// and then one vote of each is enough to find back (P4).
pub const ROUNDS_AHEAD_MAX: u32 = 16;

/// What this validator waits for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, crate::codec::Encode, crate::codec::Decode,
)]
pub enum Step {
    /// A reason to begin the height (P1).
    Waiting,
    /// A proposal that can be judged.
    Propose,
    /// More than two thirds of the prevotes.
    Prevote,
    /// More than two thirds of the precommits.
    Precommit,
    /// The next height.
    Decided,
}

/// The caller's judgement of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// The body is valid and, if the request was fresh, so are its time, its proposer and its reason.
    Valid,
    /// The body is valid, but a fresh proposal may not bring it: its time is out of bounds, it names
    /// another round or proposer, or it has no reason. The only honest answer other than `Valid` and
    /// `Invalid`, and only to a fresh request.
    Unfit,
    /// The body is not valid and never will be.
    Invalid,
}

/// Asks the caller to fetch, execute and judge a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidationRequest {
    /// The height that the block is for.
    pub height: Height,
    /// The round that needs to know.
    pub round: Round,
    /// The block.
    pub block: BlockHash,
    /// Whether this is a fresh proposal of `round`, the only kind that is judged on its time (P6).
    pub fresh: bool,
}

/// What can happen to consensus. Every signature in here has been verified.
#[derive(Debug, Clone)]
pub enum Input {
    /// The block before this height is applied; its validators are known.
    HeightStarted {
        /// The height to decide now.
        height: Height,
        /// Who decides it.
        validators: ValidatorSet,
        /// Which of them we are, if any.
        me: Option<ValidatorIndex>,
    },
    /// [`Recovery`](super::Recovery) has ended.
    SigningAllowed {
        /// The height up to and including which nothing may be signed.
        barred_through: Option<Height>,
    },
    /// There is a reason for a block: a transaction, a deadline, or the heartbeat.
    Wake,
    /// A peer says that it is awake.
    PeerAwake {
        /// The height it is awake at.
        height: Height,
        /// Who it is.
        validator: ValidatorIndex,
    },
    /// The answer to [`Effects::build`].
    BlockBuilt {
        /// The height of the block.
        height: Height,
        /// The round it was asked for.
        round: Round,
        /// The block, valid by construction.
        block: BlockHash,
    },
    /// A proposal, our own included once it is durable.
    Proposal(VerifiedProposal),
    /// A vote, our own included once it is durable.
    Vote(VerifiedVote),
    /// The answer to one of [`Effects::validate`].
    BlockValidated {
        /// What was asked.
        request: ValidationRequest,
        /// The judgement.
        validity: Validity,
    },
    /// A timer has run out.
    TimeoutElapsed(Timeout),
}

impl From<VerifiedMessage> for Input {
    fn from(message: VerifiedMessage) -> Self {
        match message {
            VerifiedMessage::Proposal(proposal) => Self::Proposal(proposal),
            VerifiedMessage::Vote(vote) => Self::Vote(vote),
        }
    }
}

/// Something that cannot happen while fewer than one third are faulty and all execute alike.
///
/// Tell the operator. Consensus stays safe as far as it depends on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// More than two thirds voted for a block that is invalid here: either more than f are faulty, or
    /// our execution differs from theirs. We neither lock nor decide it.
    QuorumForInvalidBlock {
        /// The round of the votes.
        round: Round,
        /// Which votes.
        kind: VoteKind,
        /// The block.
        block: BlockHash,
    },
    /// A second block has a certificate at the height that is decided: more than f are faulty.
    ConflictingDecision(QuorumCertificate),
    /// Our key has signed something that this node does not remember: a second process uses it, or the
    /// guard is old. Signing is barred through this height.
    SignedElsewhere(VerifiedMessage),
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::QuorumForInvalidBlock { round, kind, block } => write!(
                f,
                "quorum for an invalid block: in round {round} more than two thirds signed a {} for \
                 block {block}, which is invalid here; this node does not follow them. Compare the \
                 versions of the nodes, and speak with the other operators before anything is restarted",
                match kind {
                    VoteKind::Prevote => "prevote",
                    VoteKind::Precommit => "precommit",
                }
            ),
            Self::ConflictingDecision(QuorumCertificate { height, block, .. }) => write!(
                f,
                "conflicting decision: block {block} has a certificate for height {height}, where this \
                 node has decided another; more than a third of the votes are faulty. Stop confirming \
                 money, keep all data, and speak with the other operators"
            ),
            Self::SignedElsewhere(message) => {
                let Position { height, round, .. } = message.message().position();
                write!(
                    f,
                    "signed elsewhere: at height {height}, round {round}, this node's key has signed what \
                     this node does not remember; it signs nothing more at this height. Either a second \
                     node runs with the same keys: stop one of the two now; or this node's data were put \
                     back from an older copy"
                )
            }
        }
    }
}

/// Why an input changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// It is about another height than the current one.
    OtherHeight,
    /// It is about a round that has passed, or one that has not come.
    OtherRound,
    /// The round lies further ahead than [`ROUNDS_AHEAD_MAX`]. Blame: the peer, unless we lag.
    RoundFarAhead,
    /// The step that it could matter in has passed or not come.
    OtherStep,
    /// The height is decided already.
    AlreadyDecided,
    /// The height is awake already.
    AlreadyAwake,
    /// The message is known.
    Duplicate,
    /// The signer has signed otherwise; evidence has been handed out. Blame: the signer.
    Equivocation,
    /// The signer may not propose in this round. Blame: the signer.
    NotProposer,
    /// The valid round is not before the round of the proposal. Blame: the signer.
    ValidRoundNotEarlier,
    /// Nobody asked for this answer. Blame: our own shell.
    NotAsked,
    /// There is no such validator. Blame: the peer.
    UnknownValidator,
}

/// Whose fault it is that an input changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame {
    /// Nobody's: it happens to honest nodes.
    Nobody,
    /// Of the peer that passed it on.
    Peer,
    /// Of the validator that signed it.
    Signer,
    /// Of the node around this machine: our bug.
    Shell,
}

impl Ignored {
    /// The name under which it is counted.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OtherHeight => "other_height",
            Self::OtherRound => "other_round",
            Self::RoundFarAhead => "round_far_ahead",
            Self::OtherStep => "other_step",
            Self::AlreadyDecided => "already_decided",
            Self::AlreadyAwake => "already_awake",
            Self::Duplicate => "duplicate",
            Self::Equivocation => "equivocation",
            Self::NotProposer => "not_proposer",
            Self::ValidRoundNotEarlier => "valid_round_not_earlier",
            Self::NotAsked => "not_asked",
            Self::UnknownValidator => "unknown_validator",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::OtherHeight
            | Self::OtherRound
            | Self::OtherStep
            | Self::AlreadyDecided
            | Self::AlreadyAwake
            | Self::Duplicate => Blame::Nobody,
            Self::RoundFarAhead | Self::UnknownValidator => Blame::Peer,
            Self::Equivocation | Self::NotProposer | Self::ValidRoundNotEarlier => Blame::Signer,
            Self::NotAsked => Blame::Shell,
        }
    }
}

impl Blame {
    /// The name under which it is counted.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Peer => "peer",
            Self::Signer => "signer",
            Self::Shell => "shell",
        }
    }
}

/// What the node must now do. `sign` goes through [`ToPersist`](super::ToPersist) before anything of it
/// is sent; the rest needs no order.
#[must_use]
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Sign these, make the guard record durable, then send them and feed them back.
    pub sign: Option<ToSign>,
    /// Send this again, exactly as it was signed before the restart.
    pub resend: Option<VerifiedMessage>,
    /// Start these timers.
    pub schedule: Vec<Timeout>,
    /// Build a block for this round and answer with [`Input::BlockBuilt`], or not at all if there is no
    /// reason for one.
    pub build: Option<Round>,
    /// Fetch and judge these blocks, and answer each with [`Input::BlockValidated`].
    pub validate: Vec<ValidationRequest>,
    /// The height is decided.
    pub decide: Option<QuorumCertificate>,
    /// Proof that validators equivocated.
    pub evidence: Vec<Evidence>,
    /// Tell the operator.
    pub alarms: Vec<Alarm>,
    /// The input changed nothing, for this reason.
    pub ignored: Option<Ignored>,
}

/// What is known of a block's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Asked,
    Valid,
    Invalid,
}

/// Consensus at one height, as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub(super) height: Height,
    pub(super) validators: ValidatorSet,
    pub(super) me: Option<ValidatorIndex>,
    pub(super) round: Round,
    pub(super) step: Step,
    pub(super) locked: Option<(Round, BlockHash)>,
    /// The quorum of prevotes for it is in `rounds`.
    pub(super) valid: Option<(Round, BlockHash)>,
    pub(super) decided: Option<QuorumCertificate>,
    /// Messages of rounds up to [`ROUNDS_AHEAD_MAX`] ahead.
    pub(super) rounds: BTreeMap<Round, RoundLog>,
    /// For each validator its vote of the highest round beyond that.
    pub(super) far_votes: BTreeMap<ValidatorIndex, VerifiedVote>,
    /// Blocks whose body was asked for.
    pub(super) bodies: BTreeMap<BlockHash, Body>,
    /// Peers that say they are awake.
    pub(super) awake: BTreeSet<ValidatorIndex>,
    /// A block for the current round is being built.
    pub(super) building: bool,
    /// Evidence that has been handed out.
    pub(super) convicted: BTreeSet<EvidenceKey>,
    /// Quorums for invalid blocks that have been reported.
    pub(super) alarmed: BTreeSet<(Round, VoteKind)>,
    /// Nothing at or below this position is signed again.
    pub(super) last_signed: Option<Position>,
    /// Whether recovery has ended (P21).
    pub(super) signing_allowed: bool,
    pub(super) barred_through: Option<Height>,
    /// Messages of the current round to sign when recovery ends.
    pub(super) withheld: Vec<Unsigned>,
}

/// One transition: a state and an input give the next state and the effects.
///
/// The rules are in docs/protocol.md, in the order in which the code tries them.
pub fn step(mut state: State, input: Input) -> (State, Effects) {
    let effects = state.apply(input);
    (state, effects)
}

impl State {
    /// A height that waits, in a process that has signed nothing and may not sign yet.
    ///
    /// `me` is our place among the validators, `None` for a node that only follows.
    #[must_use]
    pub fn new(height: Height, validators: ValidatorSet, me: Option<ValidatorIndex>) -> Self {
        Self {
            height,
            validators,
            me,
            round: Round::ZERO,
            step: Step::Waiting,
            locked: None,
            valid: None,
            decided: None,
            rounds: BTreeMap::new(),
            far_votes: BTreeMap::new(),
            bodies: BTreeMap::new(),
            awake: BTreeSet::new(),
            building: false,
            convicted: BTreeSet::new(),
            alarmed: BTreeSet::new(),
            last_signed: None,
            signing_allowed: false,
            barred_through: None,
            withheld: Vec::new(),
        }
    }

    /// P20: goes on where the guard record says that the process before this one stopped.
    ///
    /// # Errors
    /// [`GuardError`] if the record cannot be believed; the validator must not run then.
    pub fn restore(
        chain: &ChainId,
        height: Height,
        validators: ValidatorSet,
        me: Option<ValidatorIndex>,
        guard: Option<&GuardRecord>,
    ) -> Result<(Self, Effects), GuardError> {
        let mut state = Self::new(height, validators, me);
        let Some(guard) = guard else { return Ok((state, Effects::default())) };
        if guard.version != GUARD_VERSION {
            return Err(GuardError::UnknownVersion { found: guard.version });
        }
        if guard.chain != *chain {
            return Err(GuardError::OtherChain { found: guard.chain, expected: *chain });
        }
        state.last_signed = Some(guard.position());
        if guard.position().height != height {
            // Of the past: all it promised is decided. Of the future: the database is older than the
            // guard, and the blocks in between come from peers.
            state.barred_through = Some(guard.position().height).filter(|barred| *barred > height);
            return Ok((state, Effects::default()));
        }
        let last = guard.last.verify(chain, &state.validators).map_err(GuardError::LastNotOurs)?;
        if me != Some(guard.last.signer()) {
            let signer = guard.last.signer();
            return Err(GuardError::LastNotOurs(super::SignatureError::NotOurKey(signer)));
        }
        let polka = guard.verified_polka(chain, &state.validators).map_err(GuardError::BadPolka)?;
        state.locked = guard.locked;
        state.valid = guard.valid.as_ref().map(|polka| (polka.round, polka.block));
        for vote in polka {
            state.keep_own_or_proven(VerifiedMessage::Vote(vote));
        }
        state.keep_own_or_proven(last);
        let mut effects = state.resume(guard.position());
        effects.resend = Some(last);
        Ok((state, effects))
    }

    /// The height being decided.
    #[must_use]
    pub fn height(&self) -> Height {
        self.height
    }

    /// The current round.
    #[must_use]
    pub fn round(&self) -> Round {
        self.round
    }

    /// What this validator waits for.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// Whether the height has not begun, so that no timer runs (P1).
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.step == Step::Waiting
    }

    /// Who decides this height.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// Our place among the validators.
    #[must_use]
    pub fn me(&self) -> Option<ValidatorIndex> {
        self.me
    }

    /// Whether messages of this height can be signed: we are a validator, recovery has ended, and
    /// nothing bars us.
    #[must_use]
    pub fn may_sign(&self) -> bool {
        self.me.is_some() && self.signing_allowed && !self.is_barred()
    }

    /// The height up to and including which nothing is signed, if it has not passed.
    #[must_use]
    pub fn barred_through(&self) -> Option<Height> {
        self.barred_through.filter(|_| self.is_barred())
    }

    /// The round and block that this validator is locked on.
    #[must_use]
    pub fn locked(&self) -> Option<(Round, BlockHash)> {
        self.locked
    }

    /// The round and block that it would propose.
    #[must_use]
    pub fn valid(&self) -> Option<(Round, BlockHash)> {
        self.valid
    }

    /// The decision of this height.
    #[must_use]
    pub fn decision(&self) -> Option<&QuorumCertificate> {
        self.decided.as_ref()
    }

    /// The proposal of a round.
    #[must_use]
    pub fn proposal(&self, round: Round) -> Option<&VerifiedProposal> {
        self.rounds.get(&round)?.proposal.as_ref()
    }

    /// Blocks that were asked for and not judged yet.
    pub fn unjudged_blocks(&self) -> impl Iterator<Item = BlockHash> + '_ {
        self.bodies.iter().filter(|(_, body)| **body == Body::Asked).map(|(block, _)| *block)
    }

    /// The validators whose message the current step lacks.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<ValidatorIndex> {
        let log = self.rounds.get(&self.round);
        let lacks = |kind| {
            let voted =
                |index: &ValidatorIndex| log.is_some_and(|l| l.votes(kind).get(*index).is_some());
            self.validators.indices().filter(|index| !voted(index)).collect()
        };
        match self.step {
            Step::Waiting | Step::Decided => Vec::new(),
            Step::Propose if log.is_some_and(|log| log.proposal.is_some()) => Vec::new(),
            Step::Propose => vec![self.validators.proposer(self.height, self.round)],
            Step::Prevote => lacks(VoteKind::Prevote),
            Step::Precommit => lacks(VoteKind::Precommit),
        }
    }

    /// The latest message of this height seen from a validator: our answer to its recovery (P21).
    #[must_use]
    pub fn latest_from(&self, validator: ValidatorIndex) -> Option<Message> {
        let far = self.far_votes.get(&validator).map(|vote| Message::Vote(vote.signed()));
        let near = self.messages().filter(|message| message.signer() == validator);
        far.into_iter().chain(near).max_by_key(Message::position)
    }

    /// Every message of this height that is kept in a round, in order of rounds.
    pub fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        self.rounds.values().flat_map(|log| {
            let proposal = log.proposal.iter().map(|proposal| Message::Proposal(proposal.signed()));
            let votes = log.prevotes.iter().chain(log.precommits.iter());
            proposal.chain(votes.map(|vote| Message::Vote(vote.signed())))
        })
    }

    pub(super) fn is_barred(&self) -> bool {
        self.barred_through >= Some(self.height)
    }

    pub(super) fn certificate(&self, round: Round, block: BlockHash) -> Option<QuorumCertificate> {
        let precommits = &self.rounds.get(&round)?.precommits;
        let signatures = List::new(precommits.signatures_for(block)).ok()?;
        Some(QuorumCertificate { kind: Always, height: self.height, round, block, signatures })
    }

    pub(super) fn polka(&self) -> Option<Polka> {
        let (round, block) = self.valid?;
        let prevotes = &self.rounds.get(&round)?.prevotes;
        let signatures = List::new(prevotes.signatures_for(block)).ok()?;
        Some(Polka { round, block, signatures })
    }

    /// Puts a message from the guard where it counts, without asking any rule.
    fn keep_own_or_proven(&mut self, message: VerifiedMessage) {
        match message {
            VerifiedMessage::Proposal(proposal) => {
                self.rounds.entry(proposal.round).or_default().proposal = Some(proposal);
            }
            VerifiedMessage::Vote(vote) => {
                self.rounds.entry(vote.round).or_default().votes_mut(vote.kind).add(vote, false);
            }
        }
    }

    /// Takes up the round and step of the last signed message. Its timer runs again: after a power
    /// failure of every node no votes may be left to start it.
    fn resume(&mut self, last: Position) -> Effects {
        self.round = last.round;
        let (step, kind) = match last.kind {
            MessageKind::Proposal => (Step::Propose, TimeoutKind::Propose),
            MessageKind::Prevote => (Step::Prevote, TimeoutKind::Prevote),
            MessageKind::Precommit => (Step::Precommit, TimeoutKind::Precommit),
        };
        self.step = step;
        let mut effects = Effects::default();
        effects.schedule.push(Timeout { height: self.height, round: self.round, kind });
        self.settle(&mut effects);
        effects
    }
}

/// Whether our key signed this message.
pub(super) fn is_own(me: Option<ValidatorIndex>, message: &VerifiedMessage) -> bool {
    me == Some(match message {
        VerifiedMessage::Proposal(proposal) => proposal.signer(),
        VerifiedMessage::Vote(vote) => vote.signer(),
    })
}
