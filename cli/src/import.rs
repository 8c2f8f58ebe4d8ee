//! Entering many things at once: orders, payments, confirmations.
//!
//! Items go into as few transactions as fit. A transaction is taken whole or not at all, so one that is
//! refused for what may be a single item is halved until the bad items stand alone: the good ones get
//! in. Every row of the file ends in exactly one of new, sent, unchanged and refused.

use crate::{
    exit::Failure,
    lang::say,
    output::{self, Progress},
    refusal,
    session::{Entered, Outcome, Session},
};
use ledger_core::{api::Problem, fund::BATCH_MAX, transaction::TRANSACTION_BYTES_MAX};
use serde::Serialize;

/// Room for everything in a transaction but its items: ids, hashes, signature.
const ENVELOPE_BYTES: usize = 1024;
/// Most lines and items of one transaction: a quarter of the work of a block, so that it finds room.
const BATCH_WORK_MAX: usize = 5_000;

/// Something to enter, and where it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item<T> {
    /// Its rows.
    pub(crate) rows: Vec<u64>,
    /// What is entered.
    pub(crate) content: T,
    /// Length of its encoding.
    pub(crate) bytes: usize,
    /// Lines and accounts that it touches.
    pub(crate) work: usize,
}

/// A row that was not entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedRow {
    /// Line in the file.
    pub(crate) row: u64,
    /// Why.
    pub(crate) reason: String,
}

/// What became of a file. `lines` is the sum of the others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Report {
    /// Rows of the file.
    pub(crate) lines: u64,
    /// Rows that are in the ledger now.
    pub(crate) new: u64,
    /// Rows that were sent, and nobody waited for what the ledger decides.
    pub(crate) sent: u64,
    /// Rows that wait in the outbox: nobody knows yet what the ledger decides about them.
    #[serde(skip_serializing_if = "is_none")]
    pub(crate) in_outbox: u64,
    /// Rows that were not sent, because the import had to stop before them.
    #[serde(skip_serializing_if = "is_none")]
    pub(crate) not_sent: u64,
    /// Rows that were in the ledger as they are.
    pub(crate) unchanged: u64,
    /// Rows that were not entered.
    pub(crate) refused: Vec<RefusedRow>,
    /// The transactions that did it.
    pub(crate) transactions: Vec<Entered>,
    /// Nothing was sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dry_run: bool,
    /// The one thing to enter stood on the command line, so there is neither a file nor a row.
    #[serde(skip)]
    pub(crate) is_one_thing: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// Where everything is after an import that had to stop, and what to do.
    pub(crate) fn stopped(&self) -> String {
        let Self { new, sent, in_outbox, not_sent, unchanged, refused, .. } = self;
        let (in_outbox, refused) = (in_outbox + sent, refused.len());
        let mut text = say!(
            "stopped: {new} entered, {in_outbox} signed and waiting in the outbox, {not_sent} not sent, {unchanged} unchanged, {refused} refused",
            "中断：已录入 {new}，已签名并在待发箱中等待 {in_outbox}，未发送 {not_sent}，未变 {unchanged}，被拒 {refused}"
        );
        self.refused.iter().for_each(|RefusedRow { row, reason }| {
            text.push_str(&say!("\nrow {row}: {reason}", "\n第 {row} 行：{reason}"));
        });
        text.push_str(&say!(
            "\nrun the same import again when a node answers: it sends what waits and enters the rest; nothing is entered twice",
            "\n等节点恢复后，把同一份文件再导入一次：会先发送待发箱里的，再录入其余的；不会重复录入"
        ));
        text
    }

    /// Notes that rows were not entered.
    pub(crate) fn refuse(&mut self, rows: &[u64], reason: &str) {
        let refused = rows.iter().map(|row| RefusedRow { row: *row, reason: reason.to_owned() });
        self.refused.extend(refused);
    }

    /// Prints the report.
    ///
    /// # Errors
    /// A refused [`Failure`] if a row was refused.
    pub(crate) fn finish(mut self, session: &Session) -> Result<(), Failure> {
        self.refused.sort_by_key(|refused| refused.row);
        if self.is_one_thing
            && let Some(RefusedRow { reason, .. }) = self.refused.first()
        {
            if session.output.is_json() {
                session.output.data("", &self)?;
            }
            return Err(refusal::failure(None, reason));
        }
        let mut text = self.summary();
        for RefusedRow { row, reason } in &self.refused {
            text.push_str(&say!("\nrow {row}: {reason}", "\n第 {row} 行：{reason}"));
        }
        session.output.data(&text, &self)?;
        match self.refused.len() {
            0 => Ok(()),
            count => Err(Failure::refused(say!(
                "{count} of {} rows refused",
                "{} 行中有 {count} 行被拒",
                self.lines
            ))
            .help(say!(
                "correct these rows and import the file again; what is entered stays as it is",
                "请改正这些行后重新导入；已录入的内容不受影响"
            ))),
        }
    }

    fn summary(&self) -> String {
        let Self { lines, new, sent, unchanged, refused, transactions, dry_run, .. } = self;
        let proof = match transactions.len() {
            0 => String::new(),
            1 => say!("; 1 receipt verified", "；已验证 1 份回执"),
            count => say!("; {count} receipts verified", "；已验证 {count} 份回执"),
        };
        let refused = refused.len();
        if *sent > 0 {
            let sent = say!("{sent} sent, not decided yet", "已发送 {sent} 笔，尚未入账");
            return match self.is_one_thing {
                true => sent,
                false => say!(
                    "{sent}; of {lines} rows: {new} new, {unchanged} unchanged, {refused} refused{proof}",
                    "{sent}；共 {lines} 行：新增 {new}，未变 {unchanged}，被拒 {refused}{proof}"
                ),
            };
        }
        if self.is_one_thing && !dry_run && refused == 0 {
            let ok = output::ok();
            return match *new {
                0 => say!("{ok}the ledger says so already", "{ok}账本中已有"),
                _ => say!("{ok}entered{proof}", "{ok}已录入{proof}"),
            };
        }
        let verb = if *dry_run { say!("would be new", "将新增") } else { say!("new", "新增") };
        let ok = if refused == 0 { output::ok() } else { "" };
        say!(
            "{ok}{lines} rows: {new} {verb}, {unchanged} unchanged, {refused} refused{proof}",
            "{ok}{lines} 行：{verb} {new}，未变 {unchanged}，被拒 {refused}{proof}"
        )
    }
}

/// Splits items, in their order, into as few transactions as fit.
pub(crate) fn batches<T>(items: Vec<Item<T>>) -> Vec<Vec<Item<T>>> {
    let mut batches: Vec<Vec<Item<T>>> = Vec::new();
    let (mut bytes, mut work) = (0, 0);
    for item in items {
        let fits = batches.last().is_some_and(|batch| {
            batch.len() < BATCH_MAX
                && bytes + item.bytes <= TRANSACTION_BYTES_MAX - ENVELOPE_BYTES
                && work + item.work <= BATCH_WORK_MAX
        });
        if !fits {
            batches.push(Vec::new());
            (bytes, work) = (0, 0);
        }
        bytes += item.bytes;
        work += item.work;
        if let Some(batch) = batches.last_mut() {
            batch.push(item);
        }
    }
    batches
}

/// Enters all items, by transactions that `send` makes and submits.
///
/// # Errors
/// What `send` gives: then the report says how far it came, and what waits in the outbox.
pub(crate) fn enter<T: Clone>(
    items: Vec<Item<T>>,
    report: &mut Report,
    tell: impl Fn(&Problem) -> String,
    mut send: impl FnMut(&[Item<T>]) -> Result<Outcome, Failure>,
) -> Result<(), Failure> {
    let mut waiting = batches(items);
    waiting.reverse();
    while let Some(mut batch) = waiting.pop() {
        let rows: Vec<u64> = batch.iter().flat_map(|item| item.rows.iter().copied()).collect();
        let outcome = send(&batch).inspect_err(|failure| {
            let count = rows.len() as u64;
            let left = waiting.iter().flatten().map(|item| item.rows.len() as u64).sum::<u64>();
            match failure.is_kept() {
                true => (report.in_outbox, report.not_sent) = (count, left),
                false => report.not_sent = count + left,
            }
        })?;
        match outcome {
            Outcome::Entered(entered) => {
                report.new += rows.len() as u64;
                report.transactions.push(entered);
            }
            Outcome::Pending(_) => report.sent += rows.len() as u64,
            Outcome::AlreadyDone(_) => report.unchanged += rows.len() as u64,
            Outcome::Refused(problem) if !concerns_an_item(&problem) => {
                // The reason holds for everything that is left.
                let reason = tell(&problem);
                report.refuse(&rows, &reason);
                for item in waiting.drain(..).flatten() {
                    report.refuse(&item.rows, &reason);
                }
            }
            Outcome::Refused(problem) if batch.len() == 1 => report.refuse(&rows, &tell(&problem)),
            Outcome::Refused(_) => {
                let second = batch.split_off(batch.len() / 2);
                waiting.push(second);
                waiting.push(batch);
            }
        }
    }
    Ok(())
}

/// Whether a refusal may be about one item among many: too much work, or the numbers of orders and payments.
fn concerns_an_item(problem: &Problem) -> bool {
    matches!(problem.refusal, Some(109 | 401..=599))
}

/// Enters all items and reports; if it has to stop, says how far it came.
///
/// # Errors
/// As [`enter`] and [`Report::finish`].
pub(crate) fn run<T: Clone>(
    session: &Session,
    items: Vec<Item<T>>,
    mut report: Report,
    mut send: impl FnMut(&[Item<T>]) -> Result<Outcome, Failure>,
) -> Result<(), Failure> {
    let rows = |items: &[Item<T>]| items.iter().map(|item| item.rows.len() as u64).sum();
    let progress = Progress::of_parts(rows(&items), say!("rows", "行"));
    let entered = enter(
        items,
        &mut report,
        |problem| session.tell(problem),
        |batch| {
            let outcome = send(batch)?;
            // A batch that is refused comes again in halves.
            if batch.len() == 1 || !matches!(outcome, Outcome::Refused(_)) {
                progress.advance(rows(batch));
            }
            Ok(outcome)
        },
    );
    drop(progress);
    if let Err(failure) = entered {
        // Of one thing the failure says all; of a file people want to know how far it came.
        if !report.is_one_thing || session.output.is_json() {
            session.output.data(&report.stopped(), &report)?;
        }
        return Err(failure);
    }
    report.finish(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang;
    use ledger_core::{
        crypto::TransactionId,
        types::{Height, LogIndex},
    };

    fn items(count: u64, bytes: usize, work: usize) -> Vec<Item<u64>> {
        (0..count).map(|n| Item { rows: vec![n + 2], content: n, bytes, work }).collect()
    }

    fn entered() -> Outcome {
        Outcome::Entered(Entered {
            id: TransactionId::default(),
            height: Height::ZERO,
            log_index: LogIndex::ZERO,
            receipt_verified: true,
        })
    }

    fn refused(number: u16) -> Outcome {
        Outcome::Refused(Box::new(Problem {
            refusal: Some(number),
            ..Problem::new(409, "x", "no")
        }))
    }

    fn sizes(batches: &[Vec<Item<u64>>]) -> Vec<usize> {
        batches.iter().map(Vec::len).collect()
    }

    #[test]
    fn batches_are_bounded_by_count_bytes_and_work() {
        assert_eq!(sizes(&batches(items(2_500, 48, 2))), [1_000, 1_000, 500]);
        assert_eq!(sizes(&batches(items(5, 60_000, 2))), [2, 2, 1]);
        assert_eq!(sizes(&batches(items(5, 10, 2_500))), [2, 2, 1]);
        assert!(batches(items(0, 1, 1)).is_empty());
    }

    #[test]
    fn bad_items_are_isolated_and_the_good_ones_get_in() {
        let mut report = Report { lines: 100, ..Report::default() };
        let mut sent = 0;
        enter(
            items(100, 48, 2),
            &mut report,
            |p| p.detail.clone(),
            |batch| {
                sent += 1;
                let bad = batch.iter().any(|item| matches!(item.content, 17 | 80));
                Ok(if bad { refused(409) } else { entered() })
            },
        )
        .expect("nothing stops it");
        assert_eq!((report.new, report.unchanged), (98, 0));
        assert_eq!(report.refused.iter().map(|r| r.row).collect::<Vec<_>>(), [19, 82]);
        assert!(sent < 40, "{sent} transactions");
    }

    #[test]
    fn a_reason_that_holds_for_all_is_not_asked_again() {
        let mut report = Report { lines: 2_500, ..Report::default() };
        let mut sent = 0;
        enter(
            items(2_500, 48, 2),
            &mut report,
            |p| p.detail.clone(),
            |_| {
                sent += 1;
                Ok(if sent == 1 { Outcome::AlreadyDone(String::new()) } else { refused(306) })
            },
        )
        .expect("nothing stops it");
        assert_eq!((sent, report.unchanged, report.refused.len()), (2, 1_000, 1_500));
    }

    #[test]
    fn what_is_only_sent_is_not_called_done() {
        let mut report = Report { lines: 3, unchanged: 1, ..Report::default() };
        let send = |_: &[Item<u64>]| Ok(Outcome::Pending(TransactionId::default()));
        enter(items(2, 48, 2), &mut report, |p| p.detail.clone(), send).expect("nothing stops it");
        assert_eq!((report.new, report.sent), (0, 2));
        let english = report.summary();
        assert!(
            english.starts_with("2 sent, not decided yet") && !english.contains("ok"),
            "{english}"
        );
        let chinese = lang::within(lang::Language::Zh, || report.summary());
        assert!(chinese.starts_with("已发送 2 笔，尚未入账"), "{chinese}");
        assert!(!chinese.contains("完成"), "{chinese}");
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!((&json["new"], &json["sent"]), (&0.into(), &2.into()));
    }

    #[test]
    fn an_unknown_outcome_stops_the_import() {
        let mut report = Report::default();
        let stopped = enter(
            items(1_500, 48, 2),
            &mut report,
            |p| p.detail.clone(),
            |batch| {
                if batch.len() == 1_000 {
                    Ok(entered())
                } else {
                    Err(Failure::incomplete("silence").kept())
                }
            },
        );
        assert_eq!(stopped.expect_err("stopped").number(), crate::exit::INCOMPLETE);
        assert_eq!((report.new, report.in_outbox, report.not_sent), (1_000, 500, 0));
    }
}
