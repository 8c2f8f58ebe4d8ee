//! The rules of the money: members, filings, orders, payments, goods, settlement.
//!
//! [`Fund::plan`] says what an action of a member comes to, [`Fund::plan_deadline`] the same of a deadline
//! that fell due: postings, records, numbers. Nothing has changed then. [`Fund::carry_out`] is the one place
//! that changes the fund. `docs/fund-rules.md` numbers the rules.

mod account;
mod action;
mod closing;
mod draft;
mod filing;
mod flows;
mod goods;
mod group_buy;
mod lifecycle;
mod member;
mod movement;
mod order;
mod payment;
mod permanent;
mod plan;
mod state;
mod tag;

pub use account::{AccountId, Beneficiary, FeePart};
pub use action::{Action, FilingDecision};
pub use closing::{HouseholdTotals, Seal, seal_leaf};
pub use filing::{Filing, LineMoney, Minimum, OFFERS_MAX, Offer, OfferIndex, ShortRule, Split};
pub use flows::{Cause, Defect};
pub use goods::GoodsNote;
pub(crate) use group_buy::load_group_buy;
pub use group_buy::{
    APPROVALS_MAX, BATCH_MAX, Cover, GROUP_BUY_LINES_MAX, GroupBuy, HalfSignedNote, Header,
    Household, ORDER_LINES_MAX, OfferTally, Order, OrderLine, Payment, PaymentRecord, PaymentState,
    Phase, SHARES_MAX, Share,
};
pub use lifecycle::{Deadline, DeadlineKind};
pub use member::{Channel, ChannelId, Member, Policy, Role};
pub use movement::{Movement, PayTo, Payout, PendingMovement, REFUNDS_MAX, Receipt, RefundItem};
pub use order::{LineRequest, OrderRequest};
pub use payment::Confirmation;
pub use permanent::{PermanentId, PermanentRecord, Reads};
pub use plan::{Context, Plan, WORK_MAX};
pub use state::Fund;
pub use tag::household_tag;

/// A booking between two accounts of the chart.
pub type Posting = crate::accounting::Posting<AccountId>;
