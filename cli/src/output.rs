//! What is printed: data on stdout, everything else on stderr.
//!
//! Tables and lists fit the terminal, if stdout is one; elsewhere nothing is cut or wrapped. Colour marks
//! what went well or wrong and nothing else, only for people on a terminal that wants it (`NO_COLOR`,
//! `CLICOLOR`), and never in JSON.

use crate::{
    exit::Failure,
    lang::{say, word},
};
use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table};
use commandline::longest_number;
pub(crate) use commandline::wrap;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ledger_core::types::{BusinessDate, DurationMs, TimestampMs};
use serde::Serialize;
use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write as _},
    sync::LazyLock,
    time::Duration,
};
use unicode_width::UnicodeWidthStr as _;

/// Narrower than this no column of a table is made; the table becomes a list instead.
const COLUMN_MIN: usize = 20;
/// Columns between two cells of a table.
const GAP: usize = 2;
/// How often a progress line moves.
const TICK: Duration = Duration::from_millis(200);

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

    /// Whether machines read the answer.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints the answer: `text` for people, `value` as one line of JSON for machines.
    ///
    /// # Errors
    /// [`Failure::reader_left`] if nobody reads any more.
    pub(crate) fn data(&self, text: &str, value: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return print(&format!("{}\n", with_good_news(text.trim_end())));
        }
        let json = serde_json::to_string(value).map_err(|error| {
            Failure::bug(say!("the answer is not JSON: {error}", "结果无法写成 JSON：{error}"))
        })?;
        print(&format!("{json}\n"))
    }

    /// Tells the user something beside the answer.
    pub(crate) fn note(&self, text: &str) {
        print_aside(text);
    }
}

/// Writes to stdout, with colour where it is wanted.
///
/// # Errors
/// [`Failure::reader_left`] if nobody reads any more.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write(&coloured(text, AutoStream::choice(&io::stdout())))
}

fn write(text: &str) -> Result<(), Failure> {
    let written = PROGRESS.suspend(|| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
    });
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::reader_left()),
        Err(error) => {
            Err(Failure::setup(say!("cannot write the answer: {error}", "无法输出结果：{error}"))
                .help(say!("check where the output goes", "请检查输出去向")))
        }
    }
}

/// Writes a picture to the terminal in place of the last one, which had so many lines.
///
/// # Errors
/// [`Failure::reader_left`] if nobody reads any more.
pub(crate) fn redraw(last_lines: usize, picture: &str) -> Result<(), Failure> {
    let picture = coloured(picture, AutoStream::choice(&io::stdout()));
    let back = if last_lines == 0 { String::new() } else { format!("\x1b[{last_lines}A\r\x1b[J") };
    write(&format!("{back}{picture}\n"))
}

/// Writes a line to stderr, with colour where it is wanted.
pub(crate) fn print_aside(text: &str) {
    let text = coloured(text, AutoStream::choice(&io::stderr()));
    // Whoever closed stderr does not want to know.
    let _ = PROGRESS.suspend(|| writeln!(io::stderr(), "{text}"));
}

/// Tells on stderr why a command ends early, in lines that fit the terminal if stderr is one.
pub(crate) fn print_failure(failure: &Failure) {
    let columns = io::stderr().is_terminal().then(|| terminal_size::terminal_size_of(io::stderr()));
    let columns = columns.flatten().map(|(columns, _)| usize::from(columns.0));
    print_aside(&failure_within(columns, failure));
}

fn failure_within(columns: Option<usize>, failure: &Failure) -> String {
    let part = |tone, name: &str, text: &str| {
        let text = format!("{name}{text}");
        let text = columns.map_or_else(|| text.clone(), |columns| wrap(&text, columns).join("\n"));
        match text.strip_prefix(name) {
            Some(rest) => format!("{}{rest}", paint(tone, name)),
            None => text,
        }
    };
    let error = part(Tone::Bad, word!("error: ", "错误："), failure.message());
    match failure.hint() {
        Some(hint) => format!("{error}\n{}", part(Tone::Hint, word!("help: ", "提示："), hint)),
        None => error,
    }
}

fn coloured(text: &str, choice: ColorChoice) -> Cow<'_, str> {
    match choice {
        ColorChoice::Never => Cow::Owned(strip_str(text).to_string()),
        ColorChoice::Auto | ColorChoice::AlwaysAnsi | ColorChoice::Always => Cow::Borrowed(text),
    }
}

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Not finished, or not known.
    Open,
    /// Wrong.
    Bad,
    /// What to do.
    Hint,
}

/// A text in colour; [`print()`] and [`print_aside`] take the colour out where nobody wants it.
pub(crate) fn paint(tone: Tone, text: &str) -> String {
    let style = match tone {
        Tone::Good => AnsiColor::Green.on_default().bold(),
        Tone::Open => AnsiColor::Yellow.on_default().bold(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Hint => AnsiColor::Cyan.on_default(),
    };
    let style: Style = style;
    format!("{style}{text}{style:#}")
}

/// The beginning of an answer that says that all went well.
pub(crate) fn ok() -> &'static str {
    word!("ok: ", "完成：")
}

fn with_good_news(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix(ok()) {
        Some(rest) => format!("{}{rest}", paint(Tone::Good, ok())),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// All lines of progress; on a terminal only, on stderr.
static PROGRESS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A line that says what takes so long, while this lives. Shown on a terminal only.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Something of which nobody knows how long it takes.
    pub(crate) fn start(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(ProgressBar::new_spinner(), "{spinner} {wide_msg} {elapsed}", message)
    }

    /// Something that has so many parts.
    pub(crate) fn of_parts(parts: u64, message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(ProgressBar::new(parts), "{spinner} {pos}/{len} {wide_msg} {elapsed}", message)
    }

    fn of(bar: ProgressBar, template: &str, message: impl Into<Cow<'static, str>>) -> Self {
        // A template that cannot be read would leave the default one.
        let style = ProgressStyle::with_template(template);
        let bar = PROGRESS.add(bar);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(message);
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// What is being done now.
    pub(crate) fn say(&self, message: impl Into<Cow<'static, str>>) {
        self.0.set_message(message);
    }

    /// So many more parts are done.
    pub(crate) fn advance(&self, parts: u64) {
        self.0.inc(parts);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        PROGRESS.remove(&self.0);
    }
}

/// A text of others without control characters, which could rewrite what stands on the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Columns and lines of the terminal that stdout is, if it is one.
pub(crate) fn screen() -> Option<(usize, usize)> {
    #[cfg(test)]
    if let Some(columns) = tests::COLUMNS.get() {
        return Some((columns, 24));
    }
    if cfg!(test) || !io::stdout().is_terminal() {
        return None;
    }
    let (columns, lines) = terminal_size::terminal_size_of(io::stdout())?;
    Some((usize::from(columns.0), usize::from(lines.0)))
}

fn width() -> Option<usize> {
    screen().map(|(columns, _)| columns)
}

/// Columns under their headings; Chinese characters count as two wide, numbers stand to the right.
/// Where the terminal is too narrow, the widest column is wrapped; where that leaves too little, each
/// row becomes a list. Without rows it says so, instead of headings above nothing.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table_within(width(), headings, rows)
}

/// As [`table`], for so many columns.
pub(crate) fn table_within(
    width: Option<usize>,
    headings: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    if rows.is_empty() {
        return word!("none", "没有").to_owned();
    }
    if let Some(width) = width {
        match wrapping(width, headings, &rows) {
            Wrapping::Needless => {}
            Wrapping::Of { column, room } => {
                for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
                    *cell = wrap(cell, room).join("\n");
                }
            }
            Wrapping::TooNarrow => return lists(width, headings, &rows),
        }
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(headings);
    table.add_rows(&rows);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    for (position, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP as u16));
        let mut filled = cells(position).filter(|cell| !cell.is_empty()).peekable();
        if filled.peek().is_some() && filled.all(|cell| is_number(cell)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole) && all_digits(decimals)
}

/// How a table comes to fit a terminal.
enum Wrapping {
    /// It does already.
    Needless,
    /// By wrapping its widest column to so many columns of the terminal.
    Of { column: usize, room: usize },
    /// It does not: that column would be left too little, or its numbers would have to be broken.
    TooNarrow,
}

fn wrapping(width: usize, headings: &[&str], rows: &[Vec<String>]) -> Wrapping {
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let widths = headings.iter().enumerate().map(|(column, heading)| {
        (cells(column).map(|cell| cell.width()).fold(heading.width(), usize::max), column)
    });
    let widths: Vec<_> = widths.collect();
    let whole =
        widths.iter().map(|(width, _)| width).sum::<usize>() + GAP * widths.len().saturating_sub(1);
    let Some(&(widest, column)) = widths.iter().max().filter(|_| whole > width) else {
        return Wrapping::Needless;
    };
    let room = (width + widest).saturating_sub(whole);
    let heading = headings.get(column).map_or(0, |heading| heading.width());
    let least = cells(column).map(|cell| longest_number(cell)).fold(heading, usize::max);
    if room < COLUMN_MIN.max(least) {
        return Wrapping::TooNarrow;
    }
    Wrapping::Of { column, room }
}

/// A table as lists, one for each row.
fn lists(width: usize, headings: &[&str], rows: &[Vec<String>]) -> String {
    let one = |row: &Vec<String>| {
        let filled = headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let pairs: Vec<_> = filled.map(|(heading, cell)| (*heading, cell.clone())).collect();
        pairs_within(Some(width), &pairs)
    };
    rows.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

/// One thing a line: its name, and its value beside it.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> String {
    pairs_within(width(), pairs)
}

/// As [`pairs`], for so many columns.
pub(crate) fn pairs_within(width: Option<usize>, pairs: &[(&str, String)]) -> String {
    let names = pairs.iter().map(|(name, _)| name.width()).max().unwrap_or_default() + GAP;
    let mut text = Vec::new();
    for (name, value) in pairs {
        let room =
            width.map_or(usize::MAX, |width| width.saturating_sub(names).max(COLUMN_MIN / 2));
        for (position, line) in wrap(&plain(value), room).iter().enumerate() {
            let name = if position == 0 { *name } else { "" };
            text.push(format!("{name}{}{line}", " ".repeat(names - name.width())));
        }
    }
    text.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// A text of sentences in lines that fit the terminal.
pub(crate) fn wrapped(text: &str) -> String {
    width().map_or_else(|| text.to_owned(), |width| wrap(text, width).join("\n"))
}

/// A moment as a clock in China shows it.
pub(crate) fn time(at: TimestampMs) -> String {
    at.to_china_time()
}

/// A length of time, in the largest unit up to hours that gives a whole number.
pub(crate) fn duration(duration: DurationMs) -> String {
    let ms = duration.get();
    let units = [
        (3_600_000, word!("h", "小时")),
        (60_000, word!("min", "分钟")),
        (1_000, word!("s", "秒")),
    ];
    let unit = units.into_iter().find(|(unit, _)| ms.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, word!("ms", "毫秒")));
    format!("{} {name}", ms / unit)
}

/// A day as people write it.
pub(crate) fn date(day: BusinessDate) -> String {
    let number = day.get();
    format!("{:04}-{:02}-{:02}", number / 10_000, number / 100 % 100, number % 100)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        pub(super) static COLUMNS: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Does something as on a terminal of so many columns.
    pub(crate) fn on_a_terminal<T>(columns: usize, work: impl FnOnce() -> T) -> T {
        COLUMNS.set(Some(columns));
        let done = work();
        COLUMNS.set(None);
        done
    }

    #[test]
    fn texts_of_others_cannot_move_the_cursor() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a [2Jb ");
        assert!(!table(&["x"], [vec!["a\x1bb".into()]]).contains('\x1b'));
    }

    #[test]
    fn times_are_shown_as_in_china() {
        assert_eq!(time(TimestampMs::new(1_767_225_600_000)), "2026-01-01 08:00:00");
        assert_eq!(time(TimestampMs::new(u64::MAX)), format!("{} ms", u64::MAX));
        assert_eq!(date(BusinessDate::new(20_260_105)), "2026-01-05");
        for (ms, text) in
            [(86_400_000, "24 h"), (5_400_000, "90 min"), (30_000, "30 s"), (1, "1 ms")]
        {
            assert_eq!(duration(DurationMs::new(ms)), text);
        }
    }

    fn proposals() -> Vec<Vec<String>> {
        vec![
            vec![
                "ab12cd".into(),
                "物业".into(),
                "9.50".into(),
                "结算 veg-0105，付供应商 162.00 元".into(),
            ],
            vec!["ef34".into(), "leader-li".into(), "1162.00".into(), "取消 veg-0106".into()],
        ]
    }

    const HEADINGS: [&str; 4] = ["提案", "提出人", "金额", "内容"];

    #[test]
    fn columns_of_chinese_texts_line_up_and_numbers_stand_to_the_right() {
        let text = table_within(None, &HEADINGS, proposals());
        assert_eq!(
            text,
            "提案    提出人        金额  内容\n\
             ab12cd  物业          9.50  结算 veg-0105，付供应商 162.00 元\n\
             ef34    leader-li  1162.00  取消 veg-0106"
        );
    }

    #[test]
    fn a_table_without_rows_says_so() {
        assert_eq!(table(&HEADINGS, []), "none");
        let chinese = crate::lang::within(crate::lang::Language::Zh, || table(&HEADINGS, []));
        assert_eq!(chinese, "没有");
    }

    #[test]
    fn a_narrow_terminal_wraps_the_widest_column() {
        let text = table_within(Some(50), &HEADINGS, proposals());
        assert!(text.lines().all(|line| line.width() <= 50), "{text}");
        assert!(text.lines().count() > 3 && text.starts_with("提案    提出人"), "{text}");
    }

    #[test]
    fn a_narrower_terminal_makes_lists_of_rows() {
        let text = table_within(Some(40), &HEADINGS, proposals());
        assert_eq!(
            text,
            "提案    ab12cd\n提出人  物业\n金额    9.50\n内容    结算 veg-0105，付供应商 162.00\n        元\n\n\
             提案    ef34\n提出人  leader-li\n金额    1162.00\n内容    取消 veg-0106"
        );
        let text = table_within(Some(24), &HEADINGS, proposals());
        assert!(text.lines().all(|line| line.width() <= 24), "{text}");
    }

    #[test]
    fn no_number_is_broken_however_narrow_the_terminal() {
        let amount = "-1234567890.12";
        let row =
            vec!["ab12cd".to_owned(), amount.into(), format!("结算 veg-0105，付供应商{amount}元")];
        for width in 1..80 {
            let headings = ["PROPOSAL", "AMOUNT", "WHAT IT SAYS"];
            let text = table_within(Some(width), &headings, [row.clone(), row.clone()]);
            assert_eq!(text.matches(amount).count(), 4, "{width}:\n{text}");
        }
    }

    #[test]
    fn a_failure_fits_a_narrow_terminal_and_breaks_no_number() {
        let failure = Failure::refused(
            "渠道 wechat 的资金：现有 ¥1234567.89，需要 ¥7654321.00（拒绝编号 700）",
        )
        .help("请减少金额，或先补足缺少的款项");
        let told = crate::lang::within(crate::lang::Language::Zh, || {
            coloured(&failure_within(Some(30), &failure), ColorChoice::Never).into_owned()
        });
        assert_eq!(
            told,
            "错误：渠道 wechat 的资金：现有\n¥1234567.89，需要 ¥7654321.00\n（拒绝编号 700）\n\
             提示：请减少金额，或先补足缺少\n的款项"
        );
    }

    #[test]
    fn colour_is_taken_out_where_nobody_wants_it() {
        let text = with_good_news("ok: 3 rows\nok 2");
        assert!(text.starts_with("\x1b["), "{text:?}");
        assert_eq!(coloured(&text, ColorChoice::Never), "ok: 3 rows\nok 2");
        assert_eq!(coloured(&text, ColorChoice::Always), text);
    }
}
