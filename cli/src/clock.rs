//! The time by this computer's clock.

use crate::{exit::Failure, lang::word};
use ledger_core::types::TimestampMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time now.
///
/// # Errors
/// A setup [`Failure`] if the clock stands before 1970.
pub(crate) fn now() -> Result<TimestampMs, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let ms = since.and_then(|since| u64::try_from(since.as_millis()).ok());
    ms.map(TimestampMs::new).ok_or_else(|| {
        Failure::setup(word!("this computer's clock is wrong", "本机时钟不对"))
            .help(word!("set the clock", "请校准时钟"))
    })
}
