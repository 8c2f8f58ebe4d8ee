//! False clocks: true time is the simulator's, every machine reads it with its own error.

use ledger_core::types::TimestampMs;

/// True time since the start of the simulation, in microseconds.
pub type Micros = u64;

/// Microseconds in a millisecond.
pub const MILLISECOND: Micros = 1_000;
/// Microseconds in a second.
pub const SECOND: Micros = 1_000_000;

/// The clock of one machine.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: TimestampMs,
    skew_ms: i64,
    drift_ppm: i64,
}

impl Clock {
    /// A clock that is right when the simulation starts at `start`, but for a constant error, and runs
    /// fast by so many millionths.
    #[must_use]
    pub fn new(start: TimestampMs, skew_ms: i64, drift_ppm: i64) -> Self {
        Self { start, skew_ms, drift_ppm }
    }

    /// What it shows.
    #[must_use]
    pub fn read(&self, now: Micros) -> TimestampMs {
        let true_us = i128::from(now);
        let local_us = true_us + true_us * i128::from(self.drift_ppm) / 1_000_000;
        let local_ms = i128::from(self.start.get())
            + i128::from(self.skew_ms)
            + local_us.div_euclid(i128::from(MILLISECOND));
        TimestampMs::new(u64::try_from(local_ms).unwrap_or(0))
    }

    /// About when it will show `at`; never before `now`.
    #[must_use]
    pub fn when(&self, at: TimestampMs, now: Micros) -> Micros {
        let shown = self.read(now);
        let wait = at.get().saturating_sub(shown.get()).saturating_mul(MILLISECOND);
        let rate = i128::from(1_000_000 + self.drift_ppm);
        let wait = i128::from(wait) * 1_000_000 / rate.max(1);
        now.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// Somebody sets it.
    pub fn step(&mut self, by_ms: i64) {
        self.skew_ms += by_ms;
    }
}
