//! CSV files: which columns they must have, and where in them something is wrong.

use crate::{exit::Failure, input, lang::say};
use std::path::Path;

/// Most rows of a file.
const ROWS_MAX: usize = 100_000;

/// A row: its line in the file, and its cells in the order of the columns asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<const N: usize> {
    /// Line in the file, from 1; the heading is line 1.
    pub(crate) row: u64,
    /// The cells, without blanks around them.
    pub(crate) cells: [String; N],
}

/// Reads a CSV file that has exactly these columns, in any order.
pub(crate) fn read<const N: usize>(
    path: &Path,
    columns: [&str; N],
) -> Result<Vec<Row<N>>, Failure> {
    parse(input::file_bytes(path)?, &path.display().to_string(), columns)
}

/// As [`read`], of bytes.
///
/// # Errors
/// A usage [`Failure`] that names the column or line.
pub(crate) fn parse<const N: usize>(
    bytes: Vec<u8>,
    name: &str,
    columns: [&str; N],
) -> Result<Vec<Row<N>>, Failure> {
    let expected = || say!("the first line must be: {}", "第一行须为：{}", columns.join(","));
    let wrong = |detail: String| {
        Failure::usage(say!("{name}: {detail}", "{name}：{detail}")).help(expected())
    };
    let text = input::text_of(bytes, name)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut lines = Lines { text: text.as_bytes(), byte: 0, line: 1 };
    let headings = reader.headers().map_err(|error| wrong(describe(&error, &mut lines)))?.clone();
    if headings.iter().all(str::is_empty) {
        return Err(wrong(say!("the file is empty", "文件是空的")));
    }
    for (position, heading) in headings.iter().enumerate() {
        if !columns.contains(&heading) {
            return Err(wrong(say!("column {heading:?} is not known", "不认识的列 {heading:?}")));
        }
        if headings.iter().take(position).any(|earlier| earlier == heading) {
            return Err(wrong(say!(
                "column {heading:?} stands twice",
                "列 {heading:?} 出现了两次"
            )));
        }
    }
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let found = headings.iter().position(|heading| heading == column);
        *place = found
            .ok_or_else(|| wrong(say!("column {column:?} is missing", "缺少列 {column:?}")))?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(describe(&error, &mut lines)))?;
        let row = record.position().map_or(0, |position| lines.at(position));
        let cell = |place: usize| record.get(place).unwrap_or_default().to_owned();
        rows.push(Row { row, cells: places.map(cell) });
        if rows.len() > ROWS_MAX {
            return Err(wrong(say!(
                "more than {ROWS_MAX} rows; split the file",
                "超过 {ROWS_MAX} 行；请把文件拆小"
            )));
        }
    }
    Ok(rows)
}

fn describe(error: &csv::Error, lines: &mut Lines<'_>) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, |position| lines.at(position));
            say!(
                "line {line} has {len} cells instead of {expected_len}",
                "第 {line} 行有 {len} 格，应为 {expected_len} 格"
            )
        }
        _ => error.to_string(),
    }
}

/// Counts lines as an editor does. The reader's own count lags behind where lines end in CR LF, and
/// takes empty lines for part of the next record.
struct Lines<'a> {
    text: &'a [u8],
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of a record that begins at or after this position; positions must ascend.
    fn at(&mut self, position: &csv::Position) -> u64 {
        let begin = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        while let Some(byte) = self.text.get(self.byte) {
            if self.byte >= begin && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.byte += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Row<2>>, String> {
        parse(text.as_bytes().to_vec(), "f.csv", ["number", "amount"]).map_err(|e| e.to_string())
    }

    #[test]
    fn columns_come_in_any_order_and_with_a_byte_order_mark() {
        let rows = read("\u{feff}amount, number\r\n1.50,W1\r\n\r\n 2 ,\"W,2\"\n").expect("reads");
        let cells: Vec<_> = rows.iter().map(|row| (row.row, row.cells.join("|"))).collect();
        assert_eq!(cells, [(2, "W1|1.50".into()), (4, "W,2|2".into())]);
        assert_eq!(read("number,amount\n"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("", "the file is empty"),
            ("number\nW1\n", "column \"amount\" is missing"),
            ("number,amount,note\n", "column \"note\" is not known"),
            ("number,amount,amount\n", "column \"amount\" stands twice"),
            ("number,amount\r\nW1,1\r\nW2\r\n", "line 3 has 1 cells instead of 2"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part), "{text:?}: {error}");
            assert!(error.contains("help: the first line must be: number,amount"), "{error}");
        }
    }
}
