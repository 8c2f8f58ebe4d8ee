//! The real ledger and the model, step by step, and everything in which they may differ.

use super::{
    cast::{Cast, FOUNDED},
    known,
    real::{Real, transaction},
    step::{Form, Said, Step, kind_of},
};
use crate::model::{Account, Due, Envelope, Model, Posting};
use ledger_core::{
    fund::{self, Action, Deadline, DeadlineKind, Movement, Seal},
    refusal::Refusal,
    types::{Fen, TimestampMs},
};
use std::fmt;

/// Accepted, or refused under this number.
pub type Verdict = Result<(), u16>;

/// What a step was and how it was answered.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its kind, as it is counted.
    pub kind: String,
    /// How the code answered.
    pub verdict: Verdict,
    /// Which known difference it was, if the model answered differently.
    pub known: Option<usize>,
    /// How many deadlines fell due before it.
    pub due: usize,
}

/// In what the real ledger and the model differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// One accepts and the other refuses, or they give other numbers.
    Answer {
        /// What was said.
        kind: String,
        /// The model's answer.
        model: Verdict,
        /// The real one.
        real: Verdict,
    },
    /// Other deadlines fell due, or they did something else.
    Due {
        /// What the model did.
        model: Vec<DueSummary>,
        /// What the real ledger did.
        real: Vec<DueSummary>,
    },
    /// Both accept, and book something else.
    Bookings {
        /// What was said.
        kind: String,
        /// What the model posts.
        model: Vec<Booking>,
        /// What the real ledger posts.
        real: Vec<Booking>,
    },
    /// An account holds something else.
    Balance {
        /// Which account.
        account: Account,
        /// By the model.
        model: u64,
        /// Really.
        real: u64,
    },
    /// Something besides the money stands differently.
    State {
        /// What.
        what: String,
        /// By the model.
        model: String,
        /// Really.
        real: String,
    },
    /// Somebody's books do not add up.
    NotConserved {
        /// Whose.
        whose: &'static str,
    },
    /// One of the two gave up.
    Panic,
}

/// What was posted from one kind of account to another, in all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Booking {
    /// The kind of the account debited.
    pub debit: &'static str,
    /// The kind of the account credited.
    pub credit: &'static str,
    /// How many fen.
    pub amount: u64,
}

/// A deadline and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueSummary {
    /// Which deadline.
    pub deadline: Deadline,
    /// What it posted.
    pub bookings: Vec<Booking>,
    /// What remains of the group buy, if it closed.
    pub seal: Option<Seal>,
}

impl Clash {
    /// Whether two clashes are of one kind, so that the shorter story tells both.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Answer { .. }, Self::Answer { .. }) => self == other,
            (Self::Due { model, real }, Self::Due { model: m, real: r }) => {
                let kinds = |due: &[DueSummary]| -> Vec<_> {
                    due.iter().map(|due| std::mem::discriminant(&due.deadline.kind)).collect()
                };
                (kinds(model) == kinds(real)) == (kinds(m) == kinds(r))
            }
            (Self::Bookings { kind, .. }, Self::Bookings { kind: other, .. }) => kind == other,
            (Self::Balance { account, .. }, Self::Balance { account: other, .. }) => {
                account.kind() == other.kind()
            }
            (Self::State { what, .. }, Self::State { what: other, .. }) => what == other,
            (Self::NotConserved { whose }, Self::NotConserved { whose: other }) => whose == other,
            (Self::Panic, Self::Panic) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |verdict: &Verdict| match verdict {
            Ok(()) => "accepted".to_owned(),
            Err(number) => format!("refused, {}", refusal_name(*number)),
        };
        match self {
            Self::Answer { model, real, .. } => {
                write!(f, "the document's answer: {}; the code's: {}", said(model), said(real))
            }
            Self::Due { model, real } => {
                let (model, real) = (told(model, "nothing"), told(real, "nothing"));
                write!(f, "by the document this fell due: {model}; in the code: {real}")
            }
            Self::Bookings { model, real, .. } => {
                let (model, real) = (told(model, "nothing"), told(real, "nothing"));
                write!(f, "the document books {model}; the code books {real}")
            }
            Self::Balance { account, model, real } => {
                write!(f, "{account} holds {model} fen by the document, {real} in the code")
            }
            Self::State { what, model, real } => {
                write!(f, "{what}: {model} by the document, {real} in the code")
            }
            Self::NotConserved { whose } => write!(f, "{whose} does not add up"),
            Self::Panic => f.write_str("one of the two panicked"),
        }
    }
}

impl fmt::Display for Booking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {} {}", self.debit, self.credit, Fen::new(self.amount).to_yuan())
    }
}

impl fmt::Display for DueSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deadline.kind {
            DeadlineKind::CutOff(id) => write!(f, "the cut-off of {id}"),
            DeadlineKind::ConfirmBy(id) => write!(f, "forming or failing of {id}"),
            DeadlineKind::AutoDelivery(id) => write!(f, "automatic delivery of {id}"),
            DeadlineKind::Unclaimed(id) => write!(f, "what is unclaimed of {id}"),
            DeadlineKind::Close(id) => write!(f, "closing of {id}"),
            DeadlineKind::ProposalLapses(id) => write!(f, "lapse of proposal {}", id.short()),
        }?;
        write!(f, " ({} ms; {})", self.deadline.at, told(&self.bookings, "books nothing"))?;
        let Some(seal) = &self.seal else { return Ok(()) };
        let (paid, back) = (seal.totals.paid.to_yuan(), seal.totals.refunded.to_yuan());
        let root = hex::encode(&seal.households.as_bytes()[..6]);
        write!(f, " sealed as {:?} with {paid} paid, {back} owed back, root {root}", seal.phase)
    }
}

fn told<T: fmt::Display>(list: &[T], nothing: &str) -> String {
    if list.is_empty() {
        return nothing.to_owned();
    }
    list.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// A number with the name of the refusal.
pub(super) fn refusal_name(number: u16) -> String {
    let known = Refusal::ALL.iter().find(|(known, _)| *known == number);
    format!("{number} {}", known.map_or("unknown", |(_, name)| *name))
}

/// Both sides, with what is needed to take the next step.
pub(super) struct Both<'a> {
    cast: &'a Cast,
    pub(super) model: Model,
    real: Real,
    now: TimestampMs,
    pub(super) said: Said,
    /// Running sums over the model's postings, for the comparison of all accounts at each step.
    balances: Vec<(Account, u64)>,
}

impl<'a> Both<'a> {
    pub(super) fn new(cast: &'a Cast) -> Self {
        Self {
            cast,
            model: Model::new(cast.chain, cast.members.clone(), cast.printed.clone()),
            real: Real::new(cast),
            now: FOUNDED,
            said: Said::default(),
            balances: Vec::new(),
        }
    }

    /// Takes a step on both sides.
    pub(super) fn take(&mut self, step: &Step) -> Result<Outcome, Clash> {
        let both = std::panic::AssertUnwindSafe(|| self.try_take(step));
        std::panic::catch_unwind(both).unwrap_or(Err(Clash::Panic))
    }

    fn try_take(&mut self, step: &Step) -> Result<Outcome, Clash> {
        self.now = TimestampMs::new(self.now.get() + step.after_ms.max(1));
        let parent = self.real.state.tip().hash;
        let due = self.model.begin_block(self.now, parent);
        let action = step.resolved(&self.model, &self.said);
        let again = match step.form {
            Form::Again(of) => self.said.find(of).map(|said| said.whole.clone()),
            _ => None,
        };
        let life_max = self.cast.policy.transaction_life_max;
        let letter = step.letter(self.cast.chain, self.now, life_max);
        let whole = again.unwrap_or_else(|| transaction(&letter, action));
        let action = &whole.transaction().action;
        let kind = kind_of(action, self.movement_of(action).as_ref());
        self.said.push(step.id, whole.clone());

        let block = self.real.decide(self.now, &whole);
        let due_count = due.len();
        self.compare_due(due, block.due)?;

        let said = whole.transaction();
        let envelope = Envelope {
            version: said.version,
            chain: said.chain,
            author: said.author,
            expires: said.expires,
            id: whole.id(),
        };
        let real = block.answer.as_ref().map(|_| ()).map_err(Refusal::number);
        let said_before = block.said_before.as_ref().copied().map_err(Refusal::number);
        if due_count == 0 && said_before != real {
            return Err(Clash::State {
                what: format!("the node's answer to {kind}, before the block and in it"),
                model: format!("{said_before:?}"),
                real: format!("{real:?}"),
            });
        }
        let (by_model, known) = self.answer_of_model(&kind, &envelope, &said.action, real);
        let model = verdict(&by_model);
        if model != real && known.is_none() {
            return Err(Clash::Answer { kind, model, real });
        }
        if let (Ok(postings), Ok(booked)) = (by_model, block.answer) {
            self.sum_up(&postings);
            let model = bookings_of_model(&postings);
            let real = bookings_of_real(&booked);
            if model != real {
                return Err(Clash::Bookings { kind, model, real });
            }
        }
        if !block.conserved {
            return Err(Clash::NotConserved { whose: "the code" });
        }
        self.compare_balances()?;
        self.compare_state()?;
        Ok(Outcome { kind, verdict: real, known, due: due_count })
    }

    /// The model's answer, and the known difference if the real one is another.
    fn answer_of_model(
        &mut self,
        kind: &str,
        envelope: &Envelope,
        action: &Action,
        real: Verdict,
    ) -> (Result<Vec<Posting>, u16>, Option<usize>) {
        let by_document = self.model.act(envelope, action);
        let Err(number) = by_document else { return (by_document, None) };
        if Err(number) == real {
            return (by_document, None);
        }
        match known::find(kind, number, real) {
            Some(known) if known::goes_on(known) => {
                let as_the_code = self.model.act_as_the_code(envelope, action);
                let is_it = verdict(&as_the_code) == real;
                if is_it { (as_the_code, Some(known)) } else { (by_document, None) }
            }
            known => (by_document, known),
        }
    }

    /// At the end of a life, what would be too much to do at each step.
    pub(super) fn end(&self) -> Result<(), Clash> {
        let (has, owes) = self.model.has_and_owes();
        if has != owes {
            return Err(Clash::NotConserved { whose: "the model" });
        }
        if !self.real.sums_are_true() {
            return Err(Clash::NotConserved { whose: "the code" });
        }
        for (account, balance) in self.model.balances() {
            assert_eq!(self.summed_up(&account), balance, "the running sum of {account}");
        }
        Ok(())
    }

    /// The movement that an action speaks of.
    fn movement_of(&self, action: &Action) -> Option<Movement> {
        let (Action::Approve { proposal, .. } | Action::RejectProposal { proposal, .. }) = action
        else {
            return None;
        };
        let said = self.said.find(self.said.step_of(*proposal)?)?;
        match &said.whole.transaction().action {
            Action::Propose(movement) => Some(movement.clone()),
            _ => None,
        }
    }

    fn compare_due(
        &mut self,
        model: Vec<Due>,
        real: Vec<(Deadline, Vec<fund::Posting>, Option<Seal>)>,
    ) -> Result<(), Clash> {
        for due in &model {
            self.sum_up(&due.postings);
        }
        let model: Vec<_> = model
            .into_iter()
            .map(|due| DueSummary {
                deadline: due.deadline,
                bookings: bookings_of_model(&due.postings),
                seal: due.seal,
            })
            .collect();
        let real: Vec<_> = real
            .into_iter()
            .map(|(deadline, booked, seal)| DueSummary {
                deadline,
                bookings: bookings_of_real(&booked),
                seal,
            })
            .collect();
        if model == real { Ok(()) } else { Err(Clash::Due { model, real }) }
    }

    fn sum_up(&mut self, postings: &[Posting]) {
        for posting in postings {
            for (account, is_debit) in [(posting.debit, true), (posting.credit, false)] {
                let known = self.balances.iter().position(|(known, _)| *known == account);
                let position = known.unwrap_or_else(|| {
                    self.balances.push((account, 0));
                    self.balances.len() - 1
                });
                let (_, balance) = &mut self.balances[position];
                if account.is_debit() == is_debit {
                    *balance += posting.amount;
                } else {
                    *balance -= posting.amount;
                }
            }
        }
    }

    fn summed_up(&self, account: &Account) -> u64 {
        let known = self.balances.iter().find(|(known, _)| known == account);
        known.map_or(0, |(_, balance)| *balance)
    }

    /// Every account of either side, by name; and G12 by the model.
    fn compare_balances(&self) -> Result<(), Clash> {
        let fund = self.real.state.fund();
        let (mut has, mut owes) = (0, 0);
        let mut standing = 0;
        for (account, model) in &self.balances {
            let real = match account.group_buy {
                Some(id) => {
                    fund.group_buys.get(&id).map_or(0, |buy| buy.balance(&account.id).get())
                }
                None => fund.balance(&account.id).get(),
            };
            if *model != real {
                return Err(Clash::Balance { account: *account, model: *model, real });
            }
            standing += usize::from(real > 0);
            *(if account.is_debit() { &mut has } else { &mut owes }) += model;
        }
        if has != owes {
            return Err(Clash::NotConserved { whose: "the model" });
        }
        // As many accounts have money in the code, so there are no others.
        let chain = fund.accounts.iter().map(|(id, _)| fund.balance(id));
        let of_buys = fund.group_buys.iter().flat_map(|(_, buy)| {
            buy.accounts.iter().map(|(id, _)| buy.balance(id)).collect::<Vec<_>>()
        });
        let real_standing = chain.chain(of_buys).filter(|balance| balance.get() > 0).count();
        if standing != real_standing {
            return Err(Clash::State {
                what: "accounts with money".to_owned(),
                model: standing.to_string(),
                real: real_standing.to_string(),
            });
        }
        Ok(())
    }

    /// What stands besides the money: group buys, their phases, proposals that wait.
    fn compare_state(&self) -> Result<(), Clash> {
        let fund = self.real.state.fund();
        let differs = |what: &str, model: String, real: String| {
            Err(Clash::State { what: what.to_owned(), model, real })
        };
        let world = &self.model.world;
        let (model, real) = (world.group_buys.len(), fund.group_buys.len());
        if model != real {
            return differs("group buys open", model.to_string(), real.to_string());
        }
        for buy in &world.group_buys {
            let phase = fund.group_buys.get(&buy.id()).map(|real| real.header.phase());
            if phase != Some(buy.phase) {
                return differs("phase", format!("{:?}", buy.phase), format!("{phase:?}"));
            }
        }
        let (model, real) = (world.proposals.len(), fund.proposals.len());
        if model != real {
            return differs("proposals waiting", model.to_string(), real.to_string());
        }
        Ok(())
    }
}

fn verdict(answer: &Result<Vec<Posting>, u16>) -> Verdict {
    answer.as_ref().map(|_| ()).map_err(|number| *number)
}

fn merged(pairs: impl Iterator<Item = Booking>) -> Vec<Booking> {
    let mut sums: Vec<Booking> = Vec::new();
    for pair in pairs {
        match sums.iter_mut().find(|sum| (sum.debit, sum.credit) == (pair.debit, pair.credit)) {
            Some(sum) => sum.amount += pair.amount,
            None => sums.push(pair),
        }
    }
    sums.retain(|sum| sum.amount > 0);
    sums.sort_unstable();
    sums
}

fn bookings_of_model(postings: &[Posting]) -> Vec<Booking> {
    merged(postings.iter().map(|posting| Booking {
        debit: posting.debit.kind(),
        credit: posting.credit.kind(),
        amount: posting.amount,
    }))
}

fn bookings_of_real(booked: &[fund::Posting]) -> Vec<Booking> {
    merged(booked.iter().map(|posting| Booking {
        debit: Account::of_chain(posting.debit).kind(),
        credit: Account::of_chain(posting.credit).kind(),
        amount: posting.amount.get(),
    }))
}
