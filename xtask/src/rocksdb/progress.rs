//! Says how far the compiling of RocksDB is: a bar on a terminal, now and then a line elsewhere.

use crate::outlook::{self, Outlook};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal as _,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Progress {
    bar: ProgressBar,
    started: Instant,
    /// Units that are done, and when a line was last written.
    state: Mutex<(usize, Instant)>,
    units: usize,
    workers: usize,
    /// What is said until enough is measured; it is from another machine.
    guess: Outlook,
}

impl Progress {
    /// For `missing` units of `all`.
    pub(super) fn new(missing: usize, all: usize, workers: usize) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let target =
            if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(u64::try_from(missing).ok(), target);
        let style = "rocksdb: {bar:30} {pos}/{len} units in {elapsed}, {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        let guess = Outlook::rocksdb(workers).share(missing, all);
        bar.set_message(format!("{guess} in all"));
        bar.enable_steady_tick(Duration::from_secs(1));
        eprintln!("rocksdb: compiling {missing} of {all} units, {workers} at a time: {guess}");
        let now = Instant::now();
        Self { bar, started: now, state: Mutex::new((0, now)), units: missing, workers, guess }
    }

    pub(super) fn unit_done(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        // One unit takes four times as long as another, so the first ones say little.
        let message = if state.0 < 2 * self.workers {
            format!("{} in all", self.guess)
        } else {
            let left = outlook::left(self.started.elapsed(), state.0, self.units);
            format!("about {} left", outlook::in_words(left))
        };
        if self.bar.is_hidden() && state.1.elapsed() >= PAUSE {
            state.1 = Instant::now();
            eprintln!("rocksdb: {} of {} units, {message}", state.0, self.units);
        }
        self.bar.set_message(message);
        self.bar.inc(1);
    }

    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
        let (done, _) = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let took = outlook::in_words(self.started.elapsed());
        eprintln!("rocksdb: {done} units compiled in {took}");
    }
}
