//! Who does what when: mostly what sensible people do, with mischief among it.

use super::{
    cast::{Cast, DAY, HOUR, MINUTE, SECOND},
    filings::filing,
    step::{Faith, Form, Said, Step},
};
use crate::{
    model::{
        Account, Model,
        world::{GroupBuy, Way},
    },
    rng::Rng,
};
use ledger_core::{
    crypto::{Digest, TransactionId},
    fund::{AccountId, Action, ChannelId, Movement, Payout, Receipt, Role},
    types::{Fen, GroupBuyId, MemberId, PaymentNo, TimestampMs},
};

/// Group buys that go on at once, usually.
const GROUP_BUYS: usize = 3;

/// Something to do.
#[derive(Debug, Clone)]
pub(super) struct Idea {
    pub(super) author: MemberId,
    pub(super) action: Action,
    pub(super) of: Option<u32>,
}

impl Idea {
    pub(super) fn of(author: MemberId, action: Action) -> Self {
        Self { author, action, of: None }
    }
}

/// Makes up a life, one step after the other.
#[derive(Debug)]
pub(super) struct Generator {
    pub(super) rng: Rng,
    pub(super) cast: Cast,
    steps: Vec<Step>,
    serial: u32,
    /// Of a thousand acts, so many are mischief.
    mischief_permille: u64,
    jump_permille: u64,
}

impl Generator {
    /// The life of a seed.
    pub(super) fn new(mut rng: Rng, cast: &Cast) -> Self {
        let mischief_permille = [30, 150, 300, 500][rng.index(4)];
        let jump_permille = [15, 30, 60][rng.index(3)];
        let cast = cast.clone();
        Self { rng, cast, steps: Vec::new(), serial: 0, mischief_permille, jump_permille }
    }

    /// The next step, given how things stand.
    pub(super) fn next(&mut self, model: &Model, said: &Said) -> Step {
        let id = u32::try_from(self.steps.len()).expect("a short life");
        let now = model.world.now;
        let mut step = if !self.steps.is_empty() && self.rng.chance(self.mischief_permille / 5) {
            // Somebody says again what was said before.
            let recent = self.rng.below(self.steps.len().min(30) as u64 + 1);
            let recent = usize::try_from(recent).expect("small");
            let mut step = self.steps[self.steps.len().saturating_sub(recent.max(1))].clone();
            match self.rng.below(10) {
                0 | 1 => step.form = Form::Again(step.id),
                2..=4 => {
                    step.form = Form::Proper;
                    self.say_otherwise(&mut step.action);
                }
                _ => step.form = Form::Proper,
            }
            step
        } else {
            let idea = self.idea(model, said, now);
            Step {
                id,
                after_ms: 0,
                author: idea.author,
                action: idea.action,
                faith: Faith::Good,
                of: idea.of,
                form: Form::Proper,
            }
        };
        // Seldom does more than one thing go wrong at once.
        while self.rng.chance(self.mischief_permille) {
            self.make_mischief(&mut step, model);
        }
        step.id = id;
        step.after_ms = self.pause(model);
        self.steps.push(step.clone());
        step
    }

    /// How long until somebody does something.
    fn pause(&mut self, model: &Model) -> u64 {
        if self.rng.chance(self.jump_permille) || model.world.group_buys.is_empty() {
            let now = model.world.now;
            let mut moments = moments(model);
            moments.retain(|moment| *moment > now);
            moments.sort_unstable();
            let near = self.rng.index(moments.len().min(3));
            if let Some(moment) = moments.get(near) {
                let until = moment.get() - now.get();
                return match self.rng.below(6) {
                    0 => until.saturating_sub(1).max(1),
                    1 | 2 => until,
                    3 => until + 1,
                    _ => until + self.rng.below(2 * HOUR),
                };
            }
        }
        match self.rng.below(1_000) {
            0..=699 => self.rng.between(1, 5 * SECOND),
            700..=979 => self.rng.between(1, 5 * MINUTE),
            980..=995 => self.rng.between(1, 8 * HOUR),
            _ => self.rng.between(1, 40 * DAY),
        }
    }

    fn idea(&mut self, model: &Model, said: &Said, now: TimestampMs) -> Idea {
        let open = &model.world.group_buys;
        loop {
            let topic = self.rng.below(100);
            let idea = match topic {
                0..=3 => Some(self.chain_matter(model)),
                4..=39 => self.proposal(model, said),
                40..=49 if open.len() < GROUP_BUYS => Some(self.file(now)),
                40 if self.rng.chance(200) => Some(self.file(now)),
                _ if open.is_empty() => Some(self.file(now)),
                _ => {
                    let buy: &GroupBuy = &open[self.rng.index(open.len())];
                    self.wish_for(model, buy)
                }
            };
            if let Some(idea) = idea {
                return idea;
            }
            // Nothing to do there; now and then that is a reason to do something else altogether.
            if self.rng.chance(100) {
                return self.chain_matter(model);
            }
        }
    }

    fn file(&mut self, now: TimestampMs) -> Idea {
        let leader = self.one_with(Role::Leader);
        self.serial += 1;
        let id: GroupBuyId = format!("buy-{}", self.serial).parse().expect("a code");
        let filing = filing(&mut self.rng, &self.cast, leader, id, now);
        Idea::of(leader, Action::File(filing))
    }

    /// Somebody decides on a proposal that waits.
    fn proposal(&mut self, model: &Model, said: &Said) -> Option<Idea> {
        let waiting = &model.world.proposals;
        let proposal = waiting.get(self.rng.index(waiting.len()))?;
        let of = said.step_of(proposal.id);
        let (id, movement) = (TransactionId::default(), Digest::default());
        let reject = self.rng.chance(100);
        let author = match &proposal.movement {
            _ if reject && self.rng.chance(300) => proposal.by,
            Movement::Identify { payment, .. } if self.rng.chance(800) => {
                model.custodian(model.number(*payment)?.channel).ok()?
            }
            Movement::Transfer { to, .. } if self.rng.chance(500) => model.custodian(*to).ok()?,
            _ if self.rng.chance(700) => self.one_of_board(),
            _ => {
                let organisations = self.cast.organisations();
                organisations[self.rng.index(organisations.len())]
            }
        };
        let action = if reject {
            Action::RejectProposal { proposal: id, movement }
        } else {
            Action::Approve { proposal: id, movement }
        };
        Some(Idea { author, action, of })
    }

    pub(super) fn one_with(&mut self, role: Role) -> MemberId {
        let members = self.cast.with_role(role);
        // The first of a role does most of the work.
        if self.rng.chance(600) { members[0] } else { members[self.rng.index(members.len())] }
    }

    pub(super) fn one_of_board(&mut self) -> MemberId {
        let role = if self.rng.chance(500) { Role::Property } else { Role::Committee };
        self.one_with(role)
    }

    pub(super) fn some_channel(&mut self) -> ChannelId {
        let channels = self.cast.policy.channels.len();
        u8::try_from(self.rng.index(channels)).expect("few channels")
    }

    /// A channel that has so much, if there is one.
    pub(super) fn channel_with(&mut self, model: &Model, amount: u64) -> ChannelId {
        let any = self.some_channel();
        let channels = (0u8..).zip(self.cast.policy.channels.iter()).map(|(id, _)| id);
        let has = |channel: &ChannelId| {
            model.balance(&Account::of_chain(AccountId::Custody(*channel))) >= amount
        };
        let mut rich: Vec<ChannelId> = channels.filter(has).collect();
        if rich.contains(&any) { any } else { rich.pop().unwrap_or(any) }
    }

    pub(super) fn fresh_number(&mut self, what: &str) -> PaymentNo {
        self.serial += 1;
        format!("{what}-{}", self.serial).parse().expect("a code")
    }

    /// A payment whose money stands as Unidentified, and how much of it.
    pub(super) fn some_unidentified(&mut self, model: &Model) -> Option<(PaymentNo, u64)> {
        let mut standing = Vec::new();
        for known in &model.world.numbers {
            let account = Account::of_chain(AccountId::Unidentified(known.number));
            let balance = model.balance(&account);
            if matches!(known.way, Way::In(_)) && balance > 0 {
                standing.push((known.number, balance));
            }
        }
        standing.get(self.rng.index(standing.len())).copied()
    }

    pub(super) fn some_payout(&mut self, model: &Model, amount: u64) -> Payout {
        let channel = self.channel_with(model, amount);
        Payout { channel, number: self.fresh_number("out"), amount: Fen::new(amount) }
    }

    pub(super) fn some_receipt(
        &mut self,
        model: &Model,
        channel: ChannelId,
        amount: u64,
    ) -> Receipt {
        let received_at = model.world.now;
        Receipt { channel, number: self.fresh_number("in"), amount: Fen::new(amount), received_at }
    }
}

/// Moments at which something becomes possible or impossible.
fn moments(model: &Model) -> Vec<TimestampMs> {
    let wait = model.world.policy.goods_note_wait;
    let mut moments: Vec<TimestampMs> =
        model.deadlines_ahead().iter().map(|deadline| deadline.at).collect();
    for buy in &model.world.group_buys {
        let filing = &buy.filing;
        moments.extend([filing.cut_off, filing.confirm_by]);
        let since = buy.note.as_ref().map_or(filing.deliver_by, |half| half.at);
        moments.extend([since, since.after(wait)]);
        moments.push(buy.last_delivery.after(filing.after_sale_window));
    }
    moments
}
