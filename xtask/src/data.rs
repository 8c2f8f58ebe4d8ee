//! `cargo xtask data DIR`: real data through real nodes, compared with what must come out.

use crate::{
    demo::{self, Options},
    workspace::Workspace,
};
use anyhow::{Result, bail, ensure};
use std::path::Path;

/// Runs the demo on `folder/vegetables` and compares the books with `expected.json`.
///
/// # Errors
/// The data is not there, the demo fails, or the books differ by as much as a fen.
pub(crate) fn run(workspace: &Workspace, folder: &Path) -> Result<()> {
    let vegetables = folder.join("vegetables");
    ensure!(
        vegetables.join("expected.json").exists(),
        "{} has no expected.json to compare with",
        vegetables.display()
    );
    let options = Options { data: Some(vegetables), once: true, home: None, nodes: 4, json: true };
    let played = demo::play(workspace, &options, |_| Ok(()))?;
    for fault in &played.faults {
        eprintln!("  {fault}");
    }
    if !played.faults.is_empty() {
        bail!("data: {} differences", played.faults.len());
    }
    let outcome = &played.outcome;
    eprintln!(
        "data: imported {} lines in {} group buys through {} nodes: {} fen, as expected.json says of \
         each group buy; the nodes agree on the state, the audit says {}; {} s",
        outcome.order_lines,
        played.expected.map_or(0, |expected| expected.per_cycle_fen.len()),
        outcome.nodes,
        outcome.total_fen,
        outcome.verdict,
        outcome.seconds
    );
    Ok(())
}
