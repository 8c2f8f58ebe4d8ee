//! The rules, one file a chapter; none knows another. Who may act stands in the rows; a chapter asks only where
//! that depends on what the act is about (a decision, a signature, a payment of some custodian).
//!
//! A rule reads what stands, books and changes records on a draft. What two chapters share is below them:
//! records, arithmetic, numbers, the till.

pub(super) mod channel;
pub(super) mod deliver;
pub(super) mod end;
pub(super) mod file;
pub(super) mod form;
pub(super) mod goods;
pub(super) mod order;
pub(super) mod pay;
pub(super) mod pay_out;
pub(super) mod refund;
pub(super) mod reserve;
pub(super) mod settle;

pub use self::{
    file::FilingDecision,
    goods::GoodsNote,
    order::{LineRequest, OrderRequest},
    pay::Confirmation,
    pay_out::PayTo,
    refund::{REFUNDS_MAX, RefundItem},
};
