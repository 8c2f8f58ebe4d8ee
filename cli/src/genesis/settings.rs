//! Policy and timers as people write them, and as they are shown.

use crate::{exit::Failure, input, lang::say};
use genesis::{ConsensusSection, PolicySection};
use ledger_core::types::{DurationMs, Fen};
use serde::{Serialize, de::DeserializeOwned};

/// Policy and timers by the names of their fields, whichever there are.
pub(super) struct Settings {
    policy: toml::Table,
    consensus: toml::Table,
}

impl Settings {
    pub(super) fn new() -> Result<Self, Failure> {
        let policy = table(&PolicySection::default())?;
        Ok(Self { policy, consensus: table(&ConsensusSection::default())? })
    }

    /// Changes a setting that people call `heartbeat` and the document `heartbeat_ms`.
    pub(super) fn set(&mut self, setting: &str, value: &str) -> Result<(), Failure> {
        let bad = |detail: String| {
            let message = format!("--set {setting}={value}: {detail}");
            Failure::usage(message).help(say!(
                "durations are written like 30m or 48h, amounts in yuan",
                "时长写成 30m、48h 的形式，金额以元为单位"
            ))
        };
        let name = setting.replace('-', "_");
        for table in [&mut self.policy, &mut self.consensus] {
            if let Some(field) = table.get_mut(&format!("{name}_ms")) {
                *field = integer(input::duration(value).map_err(bad)?.get())?;
                return Ok(());
            }
            if let Some(field) = table.get_mut(&format!("{name}_fen")) {
                *field = integer(input::yuan(value).map_err(bad)?.get())?;
                return Ok(());
            }
            if let Some(field) = table.get_mut(&name) {
                let number = value.parse::<u64>().map_err(|error| bad(error.to_string()))?;
                *field = integer(number)?;
                return Ok(());
            }
        }
        let known = self.policy.keys().chain(self.consensus.keys());
        let known = known.map(|key| plain_name(key)).collect::<Vec<_>>().join(", ");
        Err(Failure::usage(say!("there is no setting {setting}", "没有 {setting} 这项设置"))
            .help(say!("the settings are: {known}", "可用的设置：{known}")))
    }

    pub(super) fn done(self) -> Result<(PolicySection, ConsensusSection), Failure> {
        let bug = |error: toml::de::Error| Failure::bug(error.to_string());
        fn read<T: DeserializeOwned>(table: toml::Table) -> Result<T, toml::de::Error> {
            table.try_into()
        }
        Ok((read(self.policy).map_err(bug)?, read(self.consensus).map_err(bug)?))
    }
}

pub(super) fn table(section: &impl Serialize) -> Result<toml::Table, Failure> {
    toml::Table::try_from(section).map_err(|error| Failure::bug(error.to_string()))
}

fn integer(value: u64) -> Result<toml::Value, Failure> {
    i64::try_from(value).map(toml::Value::Integer).map_err(|_| {
        Failure::usage(say!("{value} is too large", "{value} 太大"))
            .help(say!("choose a smaller value", "请选小一些的值"))
    })
}

/// `heartbeat_ms` as people write it: `heartbeat`.
pub(super) fn plain_name(field: &str) -> String {
    let name = field.strip_suffix("_ms").or_else(|| field.strip_suffix("_fen")).unwrap_or(field);
    name.replace('_', "-")
}

/// The value of a setting as `--set` takes it.
pub(super) fn plain_value(field: &str, value: &toml::Value) -> String {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    match number {
        Some(ms) if field.ends_with("_ms") => duration(DurationMs::new(ms)),
        Some(fen) if field.ends_with("_fen") => Fen::new(fen).to_yuan(),
        _ => value.to_string(),
    }
}

/// A duration in the largest unit that gives a whole number, as `--set` reads it.
fn duration(duration: DurationMs) -> String {
    let ms = duration.get();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{ms}ms"), |(size, unit)| format!("{}{unit}", ms / size))
}
