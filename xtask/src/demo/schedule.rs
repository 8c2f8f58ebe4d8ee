//! Who does what when: group buys side by side, deadlines from measured speed, an honest estimate.
//!
//! A group buy goes through three stages, and between them it waits for the ledger's clock: until its
//! `confirm_by`, then until delivery and after-sale window are over. The wait costs no worker, so
//! many group buys wait at once. What is due goes before what is new, or the first would be
//! finished last.

use super::{
    founding::{AFTER_SALE_MS, AUTO_DELIVERY_MS},
    people::{Account, People, Received, now_ms},
    week::{GroupBuy, Week},
};
use anyhow::{Result, anyhow};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ledger_core::types::TimestampMs;
use std::{
    collections::VecDeque,
    io::IsTerminal as _,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// A deadline is this many times as far away as the work is expected to take.
const MARGIN: u32 = 10;
/// And never nearer than this.
const MARGIN_MIN: Duration = Duration::from_secs(10);
/// How many of the last measurements count.
const MEASUREMENTS: usize = 12;
/// Commands between filing and the last confirmed payment, then for the goods, then for the end.
const STEPS: [u64; 3] = [7, 3, 4];
/// A deadline shows in the next block.
const BLOCK_TIME: Duration = Duration::from_millis(300);
/// Between two lines of progress where there is no terminal.
const PROGRESS_PAUSE: Duration = Duration::from_secs(10);

/// What a group buy does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Enter,
    Receive,
    Settle,
}

/// A group buy that waits for its next stage.
#[derive(Debug, Clone, Copy)]
struct Job {
    due: Instant,
    stage: Stage,
    position: usize,
}

struct State {
    waiting: Vec<Job>,
    busy: usize,
    steps: u64,
    /// How long the last group buys took from filing to the last payment.
    measured: VecDeque<Duration>,
    accounts: Vec<Option<Account>>,
    failure: Option<anyhow::Error>,
}

struct Board<'a> {
    people: &'a People<'a>,
    group_buys: &'a [GroupBuy],
    /// What the first ones are expected to take.
    first_guess: Duration,
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

/// Carries every group buy to its end and returns their accounts, in their order.
///
/// # Errors
/// The first thing that goes wrong; what is in flight then is finished.
pub(super) fn carry_out(people: &People<'_>, week: &Week, quiet: bool) -> Result<Vec<Account>> {
    let Some(first) = week.group_buys.first() else { return Ok(Vec::new()) };
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let workers = (cores * 2).clamp(2, 8).min(week.group_buys.len());
    let one_command = people.rejected_filing(first)?;
    // Workers share the cores, and an import is more work than a filing.
    let crowd = u32::try_from(workers.div_ceil(cores)).unwrap_or(1);
    let commands = u32::try_from(STEPS[0]).unwrap_or(1);
    let now = Instant::now();
    let waiting = (0..week.group_buys.len())
        .map(|position| Job { due: now, stage: Stage::Enter, position })
        .collect();
    let board = Board {
        people,
        group_buys: &week.group_buys,
        first_guess: one_command * commands * crowd,
        started: now,
        state: Mutex::new(State {
            waiting,
            busy: 0,
            steps: 0,
            measured: VecDeque::new(),
            accounts: week.group_buys.iter().map(|_| None).collect(),
            failure: None,
        }),
        changed: Condvar::new(),
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| board.work());
        }
        board.show_progress(quiet);
    });
    let state = board.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failure {
        Some(failure) => Err(failure),
        None => Ok(state.accounts.into_iter().flatten().collect()),
    }
}

impl Board<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            let done = self.run(job);
            let mut state = self.state();
            state.busy -= 1;
            match done {
                Ok(Done::Next(job)) => state.waiting.push(job),
                Ok(Done::Closed(account)) => state.accounts[job.position] = Some(*account),
                Err(failure) => {
                    let id = self.group_buys[job.position].id;
                    state.failure.get_or_insert(failure.context(format!("group buy {id}")));
                }
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// The next job that is due; nothing when all is done or something went wrong.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.failure.is_some() || state.waiting.is_empty() && state.busy == 0 {
                return None;
            }
            let now = Instant::now();
            let due = |job: &Job| job.due <= now;
            let next = state
                .waiting
                .iter()
                .enumerate()
                .filter(|(_, job)| due(job))
                .min_by_key(|(_, job)| (std::cmp::Reverse(job.stage), job.due, job.position));
            if let Some((at, _)) = next {
                state.busy += 1;
                return Some(state.waiting.swap_remove(at));
            }
            let soonest = state.waiting.iter().map(|job| job.due).min();
            let pause = soonest.map_or(PROGRESS_PAUSE, |due| due.saturating_duration_since(now));
            let waited = self.changed.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn run(&self, job: Job) -> Result<Done> {
        let Job { stage, position, .. } = job;
        let group_buy = &self.group_buys[position];
        let step = || self.state().steps += 1;
        let next = |stage, after| Done::Next(Job { due: Instant::now() + after, stage, position });
        Ok(match stage {
            Stage::Enter => {
                let margin = (self.expected() * MARGIN).max(MARGIN_MIN);
                let started = Instant::now();
                let cut_off = now_ms()? + u64::try_from(margin.as_millis())?;
                self.people.enter(group_buy, position, TimestampMs::new(cut_off), &step)?;
                let took = started.elapsed();
                let mut state = self.state();
                state.measured.push_back(took);
                if state.measured.len() > MEASUREMENTS {
                    state.measured.pop_front();
                }
                next(Stage::Receive, margin.saturating_sub(took) + BLOCK_TIME)
            }
            Stage::Receive => match self.people.receive(group_buy, position, &step)? {
                Received::Waiting => {
                    let windows = Duration::from_millis(AUTO_DELIVERY_MS + AFTER_SALE_MS);
                    next(Stage::Settle, windows + BLOCK_TIME)
                }
                Received::Failed => {
                    // No goods, and nobody to settle with: those steps fall away.
                    self.state().steps += STEPS[1] + STEPS[2] - 1;
                    next(Stage::Settle, Duration::ZERO)
                }
            },
            Stage::Settle => {
                Done::Closed(Box::new(self.people.settle(group_buy, position, &step)?))
            }
        })
    }

    /// How long a group buy is expected to take from its filing to its last payment: the slowest of
    /// the last ones.
    fn expected(&self) -> Duration {
        let state = self.state();
        state.measured.iter().max().copied().unwrap_or(self.first_guess)
    }

    /// Tells how far it is until all workers have nothing left to do.
    fn show_progress(&self, quiet: bool) {
        let total = STEPS.iter().sum::<u64>() * self.group_buys.len() as u64;
        let on_terminal = std::io::stderr().is_terminal() && !quiet;
        let target =
            if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {msg}") {
            bar.set_style(style);
        }
        let mut last_line = Instant::now();
        let mut state = self.state();
        while state.failure.is_none() && (state.busy > 0 || !state.waiting.is_empty()) {
            let closed = state.accounts.iter().flatten().count();
            let message = format!(
                "{closed} of {} group buys closed, about {} s left",
                self.group_buys.len(),
                self.seconds_left(&state, total)
            );
            bar.set_position(state.steps);
            bar.set_message(message.clone());
            if !on_terminal && last_line.elapsed() >= PROGRESS_PAUSE {
                last_line = Instant::now();
                let seconds = self.started.elapsed().as_secs();
                eprintln!("  {seconds:>4} s: {}/{total} steps, {message}", state.steps);
            }
            if super::interrupted() {
                // Nobody may be at work to notice it.
                state.failure.get_or_insert_with(|| anyhow!("interrupted"));
                self.changed.notify_all();
            }
            let waited = self.changed.wait_timeout(state, Duration::from_millis(500));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        bar.finish_and_clear();
    }

    /// The longer of two: the steps that are left at the speed so far, and the last wait with what
    /// comes after it.
    fn seconds_left(&self, state: &State, total: u64) -> u64 {
        let elapsed = self.started.elapsed();
        let left = total.saturating_sub(state.steps);
        let by_speed = match u32::try_from(state.steps) {
            Ok(steps) if steps > 0 => elapsed / steps * u32::try_from(left).unwrap_or(u32::MAX),
            _ => self.first_guess * u32::try_from(self.group_buys.len()).unwrap_or(u32::MAX),
        };
        let windows = Duration::from_millis(AUTO_DELIVERY_MS + AFTER_SALE_MS) + BLOCK_TIME;
        let waits = state.waiting.iter().map(|job| {
            let after = match job.stage {
                Stage::Enter => self.first_guess * MARGIN + windows,
                Stage::Receive => windows,
                Stage::Settle => Duration::ZERO,
            };
            job.due.saturating_duration_since(Instant::now()) + after
        });
        by_speed.max(waits.max().unwrap_or_default()).as_secs() + 1
    }
}

/// What a stage leads to.
enum Done {
    Next(Job),
    Closed(Box<Account>),
}
