//! Random lives: everything that members may say, sensible and not, to the real ledger and to the
//! [model](crate::model) at once, step by step, until the two answer differently.
//!
//! ```text
//!  cast ── who is there      wishes, matters ── what sensible people do
//!                                   │  mischief ── bent in one place
//!                                   v
//!  generator ── next step ──▶ compare ── the same answer? bookings? balances? phases?
//!                                   │ no
//!                                   v
//!                            shrink ──▶ story ── who did what when, in a few sentences
//! ```
//!
//! A life is a list of plain [`Step`]s from one seed. What a step names by hash it names anew at each
//! replay, so that steps can be left out and amounts halved.

mod cast;
mod compare;
mod crowds;
mod filings;
mod generator;
mod known;
mod matters;
mod mischief;
mod movements;
mod real;
mod shrink;
mod step;
mod story;
mod tally;
mod wishes;

pub use cast::Cast;
pub use compare::{Booking, Clash, DueSummary, Outcome, Verdict};
pub use crowds::Crowd;
pub use known::Known;
pub use step::{Faith, Form, Step, kind_of};
pub use story::Story;
pub use tally::Tally;

use crate::rng::Rng;
use compare::Both;
use generator::Generator;
use ledger_core::codec::List;

/// Steps in a life: a few group buys from filing to closing.
pub const STEPS: usize = 400;

fn list<T, const MAX: usize>(elements: Vec<T>) -> List<T, MAX> {
    List::new(elements).unwrap_or_default()
}

/// Where a life came to an end before its time.
#[derive(Debug)]
pub struct Failure {
    /// Who was there.
    pub cast: Cast,
    /// What was done, the last of it being what the two answered differently.
    pub steps: Vec<Step>,
    /// In what they differ.
    pub clash: Clash,
}

impl Failure {
    /// The shortest story that is found with the same kind of clash.
    #[must_use]
    pub fn shrunk(self) -> Self {
        shrink::shrink(self)
    }
}

/// Lives the life of a seed, counting into `tally`.
///
/// # Errors
/// The steps up to the first at which the ledger and the model differ.
pub fn live(seed: u64, tally: &mut Tally) -> Result<(), Box<Failure>> {
    live_with(Cast::found(&mut Rng::new(seed, "cast")), seed, tally)
}

/// Lives the life of a seed while the model is told a policy that is wrong by a millisecond, to see that a
/// difference is found.
///
/// # Errors
/// As [`live`].
pub fn live_misprinted(seed: u64) -> Result<(), Box<Failure>> {
    let mut cast = Cast::found(&mut Rng::new(seed, "cast"));
    cast.misprint();
    live_with(cast, seed, &mut Tally::default())
}

fn live_with(cast: Cast, seed: u64, tally: &mut Tally) -> Result<(), Box<Failure>> {
    let mut generator = Generator::new(Rng::new(seed, "life"), &cast);
    let mut both = Both::new(&cast);
    let mut steps = Vec::new();
    for _ in 0..STEPS {
        let step = generator.next(&both.model, &both.said);
        steps.push(step);
        match both.take(&steps[steps.len() - 1]) {
            Ok(outcome) => tally.count(&outcome),
            Err(clash) => return Err(Box::new(Failure { cast: cast.clone(), steps, clash })),
        }
    }
    match both.end() {
        Ok(()) => Ok(()),
        Err(clash) => Err(Box::new(Failure { cast: cast.clone(), steps, clash })),
    }
}

/// Repeats a list of steps: the first clash, and at which position it is.
#[must_use]
pub fn replay(cast: &Cast, steps: &[Step]) -> Option<(usize, Clash)> {
    let mut tally = Tally::default();
    replay_counting(cast, steps, &mut tally).err()
}

/// Repeats a list of steps, counting into `tally`.
///
/// # Errors
/// The first clash, and at which position it is.
pub fn replay_counting(
    cast: &Cast,
    steps: &[Step],
    tally: &mut Tally,
) -> Result<(), (usize, Clash)> {
    let mut both = Both::new(cast);
    for (position, step) in steps.iter().enumerate() {
        let outcome = both.take(step).map_err(|clash| (position, clash))?;
        tally.count(&outcome);
    }
    both.end().map_err(|clash| (steps.len().saturating_sub(1), clash))
}
