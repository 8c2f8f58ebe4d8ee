//! What an action says, in a few words, and whether the ledger would take it twice.

use crate::{
    lang::{say, word},
    movement::told,
};
use ledger_core::fund::{Action, FilingDecision, Receipt};

/// Whether the ledger could take the same action a second time, because neither a number nor a state of
/// the books rules that out.
pub(crate) fn may_repeat(action: &Action) -> bool {
    matches!(action, Action::Propose(movement) if movement.may_repeat())
}

/// Whether two actions say the same up to the time that `tuan` fills in where the user gives none.
pub(super) fn same_but_for_time(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::ReceiveUnidentified(one), Action::ReceiveUnidentified(other)) => {
            *one == Receipt { received_at: one.received_at, ..*other }
        }
        _ => one == other,
    }
}

/// What an action does, in a few words.
pub(crate) fn what(action: &Action) -> String {
    match action {
        Action::File(_) => word!("files a group buy", "报备团购").to_owned(),
        Action::DecideFiling { decision, .. } => match decision {
            FilingDecision::Approve => word!("approves the filing", "批准报备").to_owned(),
            FilingDecision::Reject(reason) => {
                say!("rejects the filing, reason {reason}", "驳回报备，理由 {reason}")
            }
            FilingDecision::Accept => word!("accepts the filing", "接受报备").to_owned(),
        },
        Action::Order { orders, .. } => match orders.as_ref() {
            [one] => {
                let order = one.order;
                match (one.replaces, one.lines.is_empty()) {
                    (None, _) => say!("enters order {order}", "录入订单 {order}"),
                    (Some(_), true) => say!("withdraws order {order}", "撤回订单 {order}"),
                    (Some(_), false) => say!("changes order {order}", "修改订单 {order}"),
                }
            }
            many => {
                let count = many.len();
                say!("enters {count} orders", "录入 {count} 个订单")
            }
        },
        Action::RecordPayments { payments, .. } => match payments.as_ref() {
            [one] => {
                let number = one.number;
                say!("records payment {number}", "登记付款 {number}")
            }
            many => {
                let count = many.len();
                say!("records {count} payments", "登记 {count} 笔付款")
            }
        },
        Action::ConfirmPayments { confirmations, .. } => {
            let count = confirmations.len();
            say!("confirms payments: {count}", "确认付款：{count} 笔")
        }
        Action::RefusePayment { number, .. } => {
            say!("refuses payment {number}", "拒绝付款登记 {number}")
        }
        Action::ReceiveUnidentified(receipt) => {
            let (number, yuan) = (receipt.number, receipt.amount.to_yuan());
            say!("books {yuan} yuan that came in as {number}", "登记不明来款 {number}，{yuan} 元")
        }
        Action::ConfirmPurchaseOrder { total, .. } => {
            let yuan = total.to_yuan();
            say!("confirms the purchase order of {yuan} yuan", "确认采购单，{yuan} 元")
        }
        Action::SignGoodsNote(_) => word!("signs the goods note", "签验收单").to_owned(),
        Action::Deliver { codes, .. } => {
            let count = codes.len();
            say!("hands goods over to {count} households", "向 {count} 户交货")
        }
        Action::Propose(movement) => {
            let movement = told(movement).kind;
            say!("proposes: {movement}", "提议：{movement}")
        }
        Action::Approve { proposal, .. } => {
            let id = proposal.short();
            say!("approves proposal {id}", "同意提案 {id}")
        }
        Action::RejectProposal { proposal, .. } => {
            let id = proposal.short();
            say!("rejects proposal {id}", "否决提案 {id}")
        }
    }
}
