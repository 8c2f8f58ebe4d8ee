//! The rules of the money: members, filings, orders, payments, goods, settlement.
//!
//! [`Fund::plan`] says what an action of a member comes to, [`Fund::plan_deadline`] the same of a deadline
//! that fell due: postings, records, numbers. Nothing has changed then. [`Fund::carry_out`] is the one place
//! that changes the fund. `docs/fund-rules.md` numbers the rules.
//!
//! ```text
//! plan → consent → rows → rules → till → draft → {group_buy, arithmetic, numbers, terms, parties} → chart
//! ```

mod act;
mod agenda;
mod arithmetic;
mod cause;
mod chart;
mod consent;
mod draft;
mod group_buy;
mod matter;
mod numbers;
mod parties;
mod plan;
mod rows;
mod rules;
mod state;
mod tag;
mod terms;
mod till;

pub use self::{
    act::{Action, Movement},
    agenda::{Agenda, Deadline, DeadlineKind},
    arithmetic::LineMoney,
    chart::{AccountId, Beneficiary, ChannelId, FeePart, Posting},
    draft::WORK_MAX,
    group_buy::{
        APPROVALS_MAX, BATCH_MAX, Cover, Filing, GROUP_BUY_LINES_MAX, GroupBuy, HalfSigned, Header,
        Household, HouseholdTotals, Minimum, OFFERS_MAX, ORDER_LINES_MAX, Offer, OfferIndex,
        OfferTally, Order, OrderLine, Payment, PaymentRecord, PaymentState, Phase, Purchase,
        SHARES_MAX, Seal, Share, ShortRule, Split, Stage, seal_leaf,
    },
    matter::Matter,
    numbers::{Payout, PermanentId, PermanentRecord, Reads, Receipt},
    parties::{Member, Role},
    plan::{Context, Plan},
    rules::{
        Confirmation, FilingDecision, GoodsNote, LineRequest, OrderRequest, PayTo, REFUNDS_MAX,
        RefundItem,
    },
    state::Fund,
    tag::household_tag,
    terms::{Channel, Epoch, Policy, Terms},
};
pub(crate) use group_buy::load_group_buy;
