//! What the clocks of a node show at one moment.
//!
//! Waits are measured by a clock that nobody sets; block times are told by the clock on the wall. A type for each
//! keeps them apart: whoever sets the wall clock of a node changes what it thinks of block times, and no wait.

use ledger_core::types::{DurationMs, TimestampMs};

/// A moment on a clock that only goes on, in milliseconds since a start that means nothing. Those of two nodes, or
/// of two runs of one node, cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SteadyMs(u64);

impl SteadyMs {
    /// The start.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds after the start.
    #[must_use]
    pub const fn new(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The moment after a wait; at the end of numbers if that is beyond it.
    #[must_use]
    pub const fn after(self, wait: DurationMs) -> Self {
        Self(self.0.saturating_add(wait.get()))
    }

    /// How long ago a moment is; nothing if it is still to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> DurationMs {
        DurationMs::new(self.0.saturating_sub(earlier.0))
    }
}

/// What the clocks of a node show at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For timers and waits.
    pub steady: SteadyMs,
    /// For block times, and for what is shown to people.
    pub wall: TimestampMs,
}

impl Now {
    /// Both from one clock: for simulations, whose clocks are all false.
    #[must_use]
    pub const fn of_one_clock(shown: TimestampMs) -> Self {
        Self { steady: SteadyMs(shown.get()), wall: shown }
    }

    /// This moment, or what was shown before of each clock that has been set back since.
    pub(crate) fn not_before(self, before: Self) -> Self {
        Self { steady: self.steady.max(before.steady), wall: self.wall.max(before.wall) }
    }

    /// When the wall clock will show `at`, if nobody sets it.
    pub(crate) fn when(self, at: TimestampMs) -> SteadyMs {
        self.steady.after(DurationMs::new(at.get().saturating_sub(self.wall.get())))
    }
}
