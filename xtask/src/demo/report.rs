//! What happened, for people and as JSON.

use super::{
    cluster::Node,
    founding::{AUDITOR, LEADERS},
    people::Account,
    week::Expected,
};
use anyhow::{Result, ensure};
use ledger_core::{
    api::Status,
    fund::{FeePart, Phase},
    types::Fen,
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// The result of a demo: with `--json` this is all that stands on stdout.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Nodes that ran, the auditor's among them.
    pub(crate) nodes: usize,
    /// The height at which they all stand.
    pub(crate) height: u64,
    /// Leaves of the log.
    pub(crate) transactions: u64,
    /// Lines on purchase orders, before shortages.
    pub(crate) order_lines: u64,
    /// Sum of the purchase orders.
    pub(crate) total_fen: u64,
    /// Sum of each group buy's purchase order, by its name.
    pub(crate) per_group_buy_fen: BTreeMap<String, u64>,
    /// Root of the state at `height`, by node.
    pub(crate) state_roots: BTreeMap<String, String>,
    /// What the offline audit says: `intact`, `tampered`, `incomplete`.
    pub(crate) verdict: String,
    /// The folder of the archive that was audited.
    pub(crate) archive: PathBuf,
    /// From founding to verdict, without compiling.
    pub(crate) seconds: f64,
}

impl Outcome {
    /// Puts together what nodes and ledger say.
    pub(super) fn new(
        statuses: &[Status],
        accounts: &[Account],
        verdict: String,
        archive: PathBuf,
        seconds: f64,
    ) -> Result<Self> {
        let height = statuses.first().map_or(0, |status| status.height.get());
        ensure!(
            statuses.iter().all(|status| status.height.get() == height),
            "the nodes stand at different heights"
        );
        let per_group_buy_fen: BTreeMap<_, _> =
            accounts.iter().map(|a| (a.id.to_string(), a.purchase.get())).collect();
        Ok(Self {
            nodes: statuses.len(),
            height,
            transactions: statuses.first().map_or(0, |status| status.log_size),
            order_lines: accounts.iter().map(|account| account.lines).sum(),
            total_fen: per_group_buy_fen.values().sum(),
            per_group_buy_fen,
            state_roots: statuses
                .iter()
                .map(|status| (status.node.clone(), status.state_root.to_string()))
                .collect(),
            verdict,
            archive,
            seconds: (seconds * 10.0).round() / 10.0,
        })
    }

    /// Everything that is not as it should be; nothing if all is well.
    pub(crate) fn faults(&self, expected: Option<&Expected>) -> Vec<String> {
        let mut faults = Vec::new();
        if self.verdict != "intact" {
            faults.push(format!("the audit says {}", self.verdict));
        }
        let mut roots = self.state_roots.values();
        if let Some(first) = roots.next()
            && roots.any(|root| root != first)
        {
            faults.push(format!("the nodes disagree on the state at height {}", self.height));
        }
        let Some(expected) = expected else { return faults };
        let mut compare = |what: &str, found: u64, expected: u64| {
            if found != expected {
                faults.push(format!("{what}: the ledger has {found}, expected are {expected}"));
            }
        };
        compare("order lines", self.order_lines, expected.order_lines);
        compare("total in fen", self.total_fen, expected.total_fen);
        for (id, fen) in &expected.per_cycle_fen {
            let found = self.per_group_buy_fen.get(id).copied().unwrap_or(0);
            compare(&format!("fen of {id}"), found, *fen);
        }
        let strangers =
            self.per_group_buy_fen.keys().filter(|id| !expected.per_cycle_fen.contains_key(*id));
        faults.extend(strangers.map(|id| format!("group buy {id} was not expected")));
        faults
    }
}

/// The tables for people.
pub(super) fn tables(accounts: &[Account]) -> Result<String> {
    let mut text = String::new();
    let yuan = |fen: Fen| fen.to_yuan();
    let rows = accounts.iter().map(|account| {
        let ended = match account.phase {
            Phase::Failed => "too few came together",
            _ => "closed",
        };
        let fees = account.fees.iter().fold(Fen::ZERO, |sum, fee| sum.saturating_add(*fee));
        vec![
            account.id.to_string(),
            account.leader.clone(),
            account.supplier.clone(),
            account.households.to_string(),
            account.lines.to_string(),
            yuan(account.paid),
            yuan(account.purchase),
            yuan(account.goods),
            yuan(fees),
            yuan(account.refunded),
            ended.to_owned(),
        ]
    });
    let headings = [
        "group buy",
        "leader",
        "supplier",
        "homes",
        "lines",
        "paid",
        "ordered",
        "goods",
        "fees",
        "back",
        "end",
    ];
    // Names left, numbers right.
    let table = align(&headings, &rows.collect::<Vec<_>>(), &[3, 4, 5, 6, 7, 8, 9]);
    writeln!(text, "Group buys, in yuan\n\n{table}")?;
    text.push_str(&where_it_went(accounts)?);
    Ok(text)
}

/// Where each yuan went that households paid.
fn where_it_went(accounts: &[Account]) -> Result<String> {
    let sum = |amount: &dyn Fn(&Account) -> Fen| {
        accounts.iter().map(amount).fold(Fen::ZERO, Fen::saturating_add)
    };
    let paid = sum(&|account| account.paid);
    let mut parts: Vec<(&str, Fen)> = vec![("suppliers, for goods", sum(&|account| account.goods))];
    for (position, part) in FeePart::ALL.into_iter().enumerate() {
        let name = match part {
            FeePart::Leader => "leaders, for organising",
            FeePart::Property => "property company",
            FeePart::Delivery => "delivery to the door",
            FeePart::Packing => "packing",
        };
        parts.push((name, sum(&|account| account.fees[position])));
    }
    parts.push(("back to households", sum(&|account| account.refunded)));
    let out = parts.iter().fold(Fen::ZERO, |all, (_, part)| all.saturating_add(*part));
    ensure!(out == paid, "{} yuan came in, {} went out", paid.to_yuan(), out.to_yuan());
    let rows: Vec<_> = parts
        .iter()
        .chain([&("paid by households", paid)])
        .map(|(name, amount)| {
            let per_mille = amount.get().saturating_mul(1000) / paid.get().max(1);
            let share = format!("{}.{}", per_mille / 10, per_mille % 10);
            vec![(*name).to_owned(), amount.to_yuan(), share]
        })
        .collect();
    let table = align(&["", "yuan", "of 100"], &rows, &[1, 2]);
    Ok(format!("Where each yuan went\n\n{table}"))
}

/// What to try next while the nodes are up, or on what they left.
pub(super) fn where_to_look(
    home: &str,
    nodes: &[&Node],
    stays: bool,
    tuan: &str,
) -> Result<String> {
    let mut text = String::from("Where to look next\n\n");
    if !stays {
        writeln!(
            text,
            "  --home DIR   keeps nodes, keys and archive; without --once the nodes stay up"
        )?;
        return Ok(text);
    }
    for node in nodes {
        let what = if node.name == AUDITOR { "follows" } else { "votes" };
        writeln!(text, "  {:<12} {}/v1/status   ({what})", node.name, node.url())?;
    }
    let Some(node) = nodes.first() else { return Ok(text) };
    let leader = LEADERS[0];
    writeln!(text, "\n  cd {home}")?;
    writeln!(text, "  export TUAN_NODE={} TUAN_GENESIS=genesis.toml", node.url())?;
    writeln!(text, "  {tuan} status")?;
    writeln!(text, "  {tuan} tx show 0")?;
    writeln!(text, "  {tuan} audit verify archive")?;
    writeln!(text, "  {tuan} key show --key keys/{leader}.pem --passphrase-file passphrase.txt")?;
    Ok(text)
}

/// Columns that line up; those in `right` are numbers.
fn align(headings: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&headings).chain(rows).collect();
    let width = |column: usize| {
        all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let mut text = String::new();
    for row in &all {
        text.push(' ');
        for (column, cell) in row.iter().enumerate() {
            let width = width(column).unwrap_or(0);
            let padded = if right.contains(&column) {
                format!(" {cell:>width$}")
            } else {
                format!(" {cell:<width$}")
            };
            text.push_str(&padded);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows =
            [vec!["a".to_owned(), "1.00".to_owned()], vec!["bcd".to_owned(), "20.00".to_owned()]];
        assert_eq!(align(&["x", "yuan"], &rows, &[1]), "  x    yuan\n  a    1.00\n  bcd 20.00\n");
    }

    #[test]
    fn a_fen_too_few_is_a_fault() {
        let outcome = Outcome {
            nodes: 1,
            height: 9,
            transactions: 20,
            order_lines: 3,
            total_fen: 99,
            per_group_buy_fen: BTreeMap::from([("a".to_owned(), 99)]),
            state_roots: BTreeMap::from([("n".to_owned(), "00".to_owned())]),
            verdict: "intact".to_owned(),
            archive: PathBuf::new(),
            seconds: 1.0,
        };
        let expected = |fen| Expected {
            order_lines: 3,
            total_fen: fen,
            per_cycle_fen: BTreeMap::from([("a".to_owned(), fen)]),
        };
        assert!(outcome.faults(Some(&expected(99))).is_empty());
        assert_eq!(outcome.faults(Some(&expected(100))).len(), 2);
        assert_eq!(Outcome { verdict: "tampered".to_owned(), ..outcome }.faults(None).len(), 1);
    }
}
