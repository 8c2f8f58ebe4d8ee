//! Makes a long life that fails into a short one that fails in the same way.

use super::{Failure, Step, movements::parts, replay};
use ledger_core::{
    fund::{Action, Movement},
    types::{Fen, Quantity},
};

/// Most attempts for one failure.
const ATTEMPTS_MAX: usize = 4_000;

/// Leaves out steps, then halves amounts, as long as a clash of the same kind remains.
pub(super) fn shrink(mut failure: Failure) -> Failure {
    let mut attempts = 0;
    let mut chunk = failure.steps.len().div_ceil(2).max(1);
    loop {
        let before = failure.steps.len();
        let mut from = 0;
        while from < failure.steps.len() && attempts < ATTEMPTS_MAX {
            attempts += 1;
            let without = without(&failure.steps, from, chunk);
            if !still_fails(&mut failure, without) {
                from += chunk;
            }
        }
        if chunk == 1 && failure.steps.len() == before {
            break;
        }
        chunk = (chunk / 2).max(1);
        if attempts >= ATTEMPTS_MAX {
            break;
        }
    }
    // A life may be lived in seconds as well as in months; and small numbers are easier to read. A payment
    // is confirmed as it was recorded, so that amounts are halved together first.
    while attempts < ATTEMPTS_MAX {
        attempts += 1;
        let mut steps = failure.steps.clone();
        let changed = steps.iter_mut().fold(false, |any, step| halve_amounts(step) | any);
        if !changed || !still_fails(&mut failure, steps) {
            break;
        }
    }
    for position in 0..failure.steps.len() {
        for change in [halve_time, halve_amounts] {
            while attempts < ATTEMPTS_MAX {
                attempts += 1;
                let mut steps = failure.steps.clone();
                let Some(step) = steps.get_mut(position) else { break };
                if !change(step) || !still_fails(&mut failure, steps) {
                    break;
                }
            }
        }
    }
    failure
}

/// Takes over the steps if they still fail in the same way, up to where they do.
fn still_fails(failure: &mut Failure, mut steps: Vec<Step>) -> bool {
    match replay(&failure.cast, &steps) {
        Some((position, clash)) if clash.is_like(&failure.clash) => {
            steps.truncate(position + 1);
            failure.steps = steps;
            failure.clash = clash;
            true
        }
        _ => false,
    }
}

/// The steps without some; those after them happen when they did.
fn without(steps: &[Step], from: usize, count: usize) -> Vec<Step> {
    let to = (from + count).min(steps.len());
    let mut rest = steps.to_vec();
    let skipped: u64 = rest.drain(from..to).map(|step| step.after_ms.max(1)).sum();
    if let Some(next) = rest.get_mut(from) {
        next.after_ms += skipped;
    }
    rest
}

fn halve_time(step: &mut Step) -> bool {
    let before = step.after_ms;
    step.after_ms = (before / 2).max(1);
    step.after_ms != before
}

fn halve(amount: &mut Fen) -> bool {
    let before = *amount;
    if before.get() > 1 {
        *amount = Fen::new(before.get() / 2);
    }
    *amount != before
}

/// Halves what a step says about money and goods; `false` if there is nothing to halve.
fn halve_amounts(step: &mut Step) -> bool {
    let mut changed = false;
    match &mut step.action {
        Action::Order { orders, .. } => {
            let mut requests: Vec<_> = orders.iter().cloned().collect();
            for request in &mut requests {
                let mut lines: Vec<_> = request.lines.iter().copied().collect();
                for line in &mut lines {
                    if line.quantity.get() > 1 {
                        line.quantity = Quantity::new(line.quantity.get() / 2);
                        changed = true;
                    }
                }
                request.lines = super::list(lines);
            }
            *orders = super::list(requests);
        }
        Action::RecordPayments { payments, .. } => {
            let mut records: Vec<_> = payments.iter().cloned().collect();
            for record in &mut records {
                let mut shares: Vec<_> = record.shares.iter().copied().collect();
                for share in &mut shares {
                    changed |= halve(&mut share.amount);
                }
                record.shares = super::list(shares);
            }
            *payments = super::list(records);
        }
        Action::ConfirmPayments { confirmations, .. } => {
            let mut words: Vec<_> = confirmations.iter().cloned().collect();
            for word in &mut words {
                changed |= halve(&mut word.amount);
            }
            *confirmations = super::list(words);
        }
        Action::ReceiveUnidentified(receipt) => changed = halve(&mut receipt.amount),
        Action::Propose(movement) => changed = halve_movement(movement),
        Action::File(_)
        | Action::DecideFiling { .. }
        | Action::RefusePayment { .. }
        | Action::ConfirmPurchaseOrder { .. }
        | Action::SignGoodsNote(_)
        | Action::Deliver { .. }
        | Action::Approve { .. }
        | Action::RejectProposal { .. } => {}
    }
    changed
}

fn halve_movement(movement: &mut Movement) -> bool {
    let mut changed = false;
    if let Some(money) = parts(movement).money {
        money.change_amounts(|amount| changed |= halve(amount));
    }
    changed
}
