//! What is printed: data on stdout, everything else on stderr.

use crate::exit::Failure;
use ledger_core::types::TimestampMs;
use serde::Serialize;
use std::io::{self, Write as _};

/// Where a command's answer goes, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// For people, or as JSON for machines.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints the answer: `text` for people, `value` as one line of JSON for machines.
    ///
    /// # Errors
    /// [`Failure::reader_left`] if nobody reads any more.
    pub(crate) fn data(&self, text: &str, value: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return write_line(text);
        }
        let json = serde_json::to_string(value)
            .map_err(|error| Failure::bug(format!("the answer is not JSON: {error}")))?;
        write_line(&json)
    }

    /// Tells the user something beside the answer.
    pub(crate) fn note(&self, text: &str) {
        // Whoever closed stderr does not want to know.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn write_line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::reader_left()),
        Err(error) => Err(Failure::setup(format!("cannot write the answer: {error}"))),
    }
}

/// A text of others without control characters, which could rewrite what stands on the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Columns under their headings; Chinese characters count as two wide.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(headings);
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A moment as a clock in China shows it.
pub(crate) fn time(at: TimestampMs) -> String {
    let moment =
        i64::try_from(at.get()).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match moment {
        Some(moment) => {
            let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
            moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
        }
        None => format!("{at} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_cannot_move_the_cursor() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a [2Jb ");
        assert!(!table(&["x"], [vec!["a\x1bb".into()]]).contains('\x1b'));
    }

    #[test]
    fn times_are_shown_as_in_china() {
        assert_eq!(time(TimestampMs::new(1_767_225_600_000)), "2026-01-01 08:00:00");
        assert_eq!(time(TimestampMs::new(u64::MAX)), format!("{} ms", u64::MAX));
    }
}
