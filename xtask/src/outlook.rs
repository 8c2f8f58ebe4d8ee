//! How long things will take, as far as that can honestly be said before they begin.

use std::{fmt, time::Duration};

/// A time between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlook {
    from: Duration,
    to: Duration,
}

/// What was measured on two cores, on a fast day of the machine and on a slow one.
const ROCKSDB: Outlook = Outlook::minutes(3, 6);
const ROCKSDB_BY_CRATE: Outlook = Outlook::minutes(12, 25);
const CRATES: Outlook = Outlook::minutes(2, 6);
/// From the founding to the verdict, with the sample week.
const DEMO: Outlook = Outlook::minutes(1, 2);
/// However many cores there are, one crate waits for another.
const CRATES_MIN: Duration = Duration::from_secs(90);

impl Outlook {
    /// It is there.
    pub(crate) const NOTHING: Self = Self::minutes(0, 0);

    const fn minutes(from: u64, to: u64) -> Self {
        Self { from: Duration::from_secs(from * 60), to: Duration::from_secs(to * 60) }
    }

    /// Compiling RocksDB with as many compilers at a time.
    pub(crate) fn rocksdb(workers: usize) -> Self {
        ROCKSDB.share(2, workers)
    }

    /// Leaving that to the build script of its crate.
    pub(crate) fn rocksdb_by_crate(cores: usize) -> Self {
        ROCKSDB_BY_CRATE.share(2, cores)
    }

    /// From here to the verdict of the demo.
    pub(crate) fn demo(rocksdb: Self, programs_are_there: bool, cores: usize) -> Self {
        if programs_are_there {
            return DEMO.and(rocksdb);
        }
        let Self { from, to } = CRATES.share(2, cores);
        DEMO.and(rocksdb).and(Self { from: from.max(CRATES_MIN), to: to.max(CRATES_MIN) })
    }

    /// The part of it that falls to some of all.
    pub(crate) fn share(self, some: usize, all: usize) -> Self {
        Self { from: share(self.from, some, all), to: share(self.to, some, all) }
    }

    fn and(self, other: Self) -> Self {
        Self { from: self.from + other.from, to: self.to + other.to }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = |time: Duration| time.as_secs().div_ceil(60);
        match (minutes(self.from), minutes(self.to)) {
            (_, 0 | 1) => write!(f, "a minute at most"),
            (from, to) if from == to => write!(f, "some {to} minutes"),
            (from, to) => write!(f, "{from} to {to} minutes"),
        }
    }
}

/// What is left at the speed so far.
pub(crate) fn left(elapsed: Duration, done: usize, all: usize) -> Duration {
    share(elapsed, all.saturating_sub(done), done)
}

fn share(time: Duration, some: usize, all: usize) -> Duration {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    time * number(some) / number(all).max(1)
}

/// As people say it, neither finer than it is known nor coarser than is of use.
pub(crate) fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_takes_what_is_left_to_be_compiled() {
        let said = |rocksdb, programs, cores| Outlook::demo(rocksdb, programs, cores).to_string();
        assert_eq!(said(Outlook::rocksdb(2), false, 2), "6 to 14 minutes");
        assert_eq!(said(Outlook::NOTHING, false, 2), "3 to 8 minutes");
        assert_eq!(said(Outlook::rocksdb(2), true, 2), "4 to 8 minutes");
        assert_eq!(said(Outlook::NOTHING, true, 2), "1 to 2 minutes");
        assert_eq!(said(Outlook::rocksdb_by_crate(2), false, 2), "15 to 33 minutes");
        assert_eq!(said(Outlook::rocksdb(1), false, 1), "11 to 26 minutes");
        // More cores help RocksDB more than the crates.
        assert_eq!(said(Outlook::rocksdb(8), false, 8), "4 to 5 minutes");
        assert_eq!(said(Outlook::rocksdb(64), false, 64), "3 to 4 minutes");
    }

    #[test]
    fn what_is_left_follows_from_what_is_done() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        assert_eq!(left(minutes(2), 8, 24), minutes(4));
        assert_eq!(left(minutes(2), 24, 24), Duration::ZERO);
        assert_eq!(in_words(minutes(4)), "4 min");
        assert_eq!(in_words(Duration::from_secs(149)), "2 min");
        assert_eq!(in_words(Duration::from_secs(119)), "119 s");
        assert_eq!(Outlook::rocksdb(2).share(1, 3).to_string(), "1 to 2 minutes");
        assert_eq!(Outlook::rocksdb(16).to_string(), "a minute at most");
    }
}
