//! What node and clients say to each other over HTTP, as JSON. Amounts are integer fen.
//!
//! | method and path | body or answer |
//! |---|---|
//! | `POST /v1/transactions?wait_ms=N` | signed bytes (`application/octet-stream`) → [`Submitted`]; 200 decided, 202 pending |
//! | `GET /v1/transactions/{id}` | [`Submitted`]; 404 unknown |
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/members` | list of [`MemberView`] |
//! | `GET /v1/policy` | [`Policy`](crate::fund::Policy) |
//! | `GET /v1/group-buys` | list of [`GroupBuySummary`]; those that are not closed |
//! | `GET /v1/group-buys?state=closed` | list of [`ClosedGroupBuy`] |
//! | `GET /v1/group-buys/{id}` | [`GroupBuyView`] |
//! | `GET /v1/group-buys/{id}/orders`, `/payments`, `/households` | lists as in [`OpenGroupBuy`] |
//! | `GET /v1/proposals` | list of [`ProposalView`] |
//! | `GET /v1/accounts` | list of [`AccountView`]: those of the chain |
//! | `GET /v1/entries?from=N` | list of [`EntrySummary`] from index N on |
//! | `GET /v1/entries/{log_index}` | [`EntryView`] |
//! | `GET /v1/blocks/{height}` | [`BlockView`] |
//! | `GET /v1/archive?from=H` | records of the archive format from height H on, at most 8 MiB |
//! | `GET /v1/events?from=H` | a stream of [`BlockEvent`] from height H on |
//!
//! A refusal is a [`Problem`] (RFC 9457, `application/problem+json`). docs/api.md says who may ask
//! what, how lists go on, and which limits there are.

mod summary;

pub use summary::{BlockEvent, EntrySummary};

use crate::{
    accounting::AccountName as _,
    block::{Entry, Header},
    crypto::{BlockHash, ChainId, Digest, PublicKey, TransactionId},
    fund::{
        AccountId, Filing, GroupBuy, Household, Matter, Movement, OfferIndex, OfferTally, Order,
        Payment, Phase, Role, Seal, Stage,
    },
    refusal::Refusal,
    types::{
        BusinessDate, Fen, GroupBuyId, Height, HouseholdTag, LogIndex, MemberId, OrderNo,
        PaymentNo, Round, TimestampMs, VotingPower,
    },
};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// Taken in, not decided yet.
    Pending,
    /// In the ledger.
    Decided,
}

/// The answer to a submission or a question after one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Id of the transaction.
    pub id: TransactionId,
    /// Where it stands.
    pub progress: Progress,
    /// The block that it is in.
    pub height: Option<Height>,
    /// Its place in the log.
    pub log_index: Option<LogIndex>,
}

/// How a node sees another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Which member's node.
    pub member: String,
    /// Whether there is a connection.
    pub connected: bool,
    /// Since when there is one, or none; the start of the asked node if nothing changed after it.
    pub since: TimestampMs,
    /// When it last said something.
    pub heard: Option<TimestampMs>,
    /// The last height that it has decided, by its own last word.
    pub height: Option<Height>,
    /// How far its clock is ahead of that of the asked node, travel time included.
    pub clock_offset_ms: Option<i64>,
    /// Its voting power, if it runs a validator.
    pub voting_power: Option<VotingPower>,
}

/// What a node is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It votes.
    Voting,
    /// It has no vote and follows the others.
    Following,
    /// It has started, and asks the others what it signed before: until then it signs nothing.
    Recovering,
    /// It may sign nothing up to a height at which it may have signed before.
    Barred,
    /// It lacks blocks that others have.
    CatchingUp,
}

/// How much of something is used, and how much there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Used now.
    pub used: u64,
    /// The bound.
    pub max: u64,
}

/// Room on the disk that the store is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskRoom {
    /// What the node can still write.
    pub free_bytes: u64,
    /// How large the file system is.
    pub total_bytes: u64,
}

/// A validator that the ledger has convicted of signing two messages where one is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTwice {
    /// Which member's node.
    pub member: String,
    /// How often it was proven.
    pub times: u64,
    /// The last height at which it did.
    pub height: Height,
    /// The time of the block that says so, if the node can read it.
    pub at: Option<TimestampMs>,
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The chain.
    pub chain: ChainId,
    /// The name of the community.
    pub name: String,
    /// Whose node this is.
    pub node: String,
    /// Version of the program.
    pub version: String,
    /// The clock of the node when it answered.
    pub now: TimestampMs,
    /// What it is busy with.
    pub activity: Activity,
    /// Its voting power, if it runs a validator.
    pub voting_power: Option<VotingPower>,
    /// The voting power of all; more than two thirds of it decide.
    pub total_power: VotingPower,
    /// The last decided height.
    pub height: Height,
    /// The round of the height being decided.
    pub round: Round,
    /// What consensus waits for: `waiting`, `propose`, `prevote`, `precommit`, `decided`.
    pub step: String,
    /// Since when the last block is applied here; the start of the node if none was since.
    pub height_since: TimestampMs,
    /// Since when there is a reason for the next block; nothing while there is none.
    pub awake_since: Option<TimestampMs>,
    /// Since when the round is in this step.
    pub step_since: TimestampMs,
    /// Who proposed in the rounds of this height that decided nothing, at most 16.
    pub failed_proposers: Vec<String>,
    /// Hash of the last block.
    pub tip: BlockHash,
    /// Time of the last block.
    pub time: TimestampMs,
    /// When the next deadline falls due, in block time.
    pub next_deadline: Option<TimestampMs>,
    /// The newest height that a certificate has proven to this node: above `height` while blocks are lacking.
    pub certified_height: Height,
    /// Root of the state after the last block.
    pub state_root: Digest,
    /// Entries in the log.
    pub log_size: u64,
    /// Members whose message the current step lacks.
    pub waiting_for: Vec<String>,
    /// Members that were proven to have signed twice.
    #[serde(default)]
    pub signed_twice: Vec<SignedTwice>,
    /// When this node last saw its own key sign what it does not remember; nothing if never since its
    /// start.
    #[serde(default)]
    pub signed_elsewhere: Option<TimestampMs>,
    /// The other nodes.
    pub peers: Vec<PeerStatus>,
    /// How far this node's clock is ahead of the median of its peers', if it is known.
    pub clock_offset_ms: Option<i64>,
    /// Transactions that wait for a block.
    pub mempool: u64,
    /// The bytes of them.
    pub mempool_bytes: Use,
    /// Room on the disk; nothing if the system does not say.
    pub disk: Option<DiskRoom>,
}

/// A member of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Position in the registry.
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The key that signs its transactions.
    pub key: PublicKey,
    /// Members it declares a relation to.
    pub related: Vec<MemberId>,
    /// Its voting power, if it runs a validator.
    pub voting_power: Option<VotingPower>,
    /// How often its validator was proven to equivocate.
    pub equivocations: u32,
}

/// An account with its totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its name.
    pub account: AccountId,
    /// The name as text.
    pub text: String,
    /// Everything ever debited.
    pub debits: Fen,
    /// Everything ever credited.
    pub credits: Fen,
    /// What it holds on its normal side.
    pub balance: Fen,
}

/// A line in the list of group buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupBuySummary {
    /// Its name.
    pub id: GroupBuyId,
    /// The day it is for.
    pub business_date: BusinessDate,
    /// Where it stands.
    pub phase: Phase,
    /// Since when.
    pub since: TimestampMs,
    /// Who filed it.
    pub leader: MemberId,
    /// Who delivers.
    pub supplier: MemberId,
    /// Hash of the filing.
    pub filing: Digest,
    /// Orders end here.
    pub cut_off: TimestampMs,
    /// It forms or fails here.
    pub confirm_by: TimestampMs,
    /// Households that ordered.
    pub households: u64,
    /// Orders.
    pub orders: u64,
    /// Lines.
    pub lines: u32,
    /// Confirmed payments.
    pub paid: Fen,
    /// Sum of the purchase order.
    pub purchase_total: Fen,
    /// Sum of its balances.
    pub held: Fen,
}

/// A group buy with all its money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum GroupBuyView {
    /// Not closed yet.
    Open(Box<OpenGroupBuy>),
    /// Closed: the seal remains.
    Closed {
        /// What remains.
        seal: Seal,
        /// Where the closing stands in the log.
        log_index: LogIndex,
    },
}

/// What changes often about a group buy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupBuyHeader {
    /// Who filed it.
    pub leader: MemberId,
    /// Hash of the filing.
    pub filing: Digest,
    /// Where it stands.
    pub phase: Phase,
    /// Since when, in block time.
    pub since: TimestampMs,
    /// Who of property and committee approved the filing.
    pub approvals: Vec<MemberId>,
    /// The supplier accepted the filing.
    pub accepted: bool,
    /// Lines on all orders.
    pub line_count: u32,
    /// Confirmed payments so far.
    pub paid: Fen,
    /// Sum of the covered lines, once formed.
    pub purchase_total: Fen,
    /// Hash of the covered quantities, once formed.
    pub purchase_order: Digest,
    /// A goods note with one signature.
    pub note: Option<HalfSignedNote>,
    /// Households that still wait for their goods.
    pub deliveries_left: u32,
    /// When the last household got its goods; zero before they arrived.
    pub last_delivery: TimestampMs,
    /// Sum of the balances of the accounts of this group buy.
    pub held: Fen,
    /// Why its next deadline could not be carried out, by the number of the refusal.
    pub stuck: Option<u16>,
}

/// A goods note that waits for its second signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfSignedNote {
    /// Who signed first.
    pub by: MemberId,
    /// When, in block time.
    pub at: TimestampMs,
    /// Hash of the note.
    pub note: Digest,
}

/// A group buy that is not closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGroupBuy {
    /// Its name.
    pub id: GroupBuyId,
    /// Where it stands.
    pub header: GroupBuyHeader,
    /// What was filed.
    pub filing: Filing,
    /// Orders in order of entry.
    pub orders: Vec<(OrderNo, Order)>,
    /// Households in order of entry.
    pub households: Vec<(HouseholdTag, Household)>,
    /// Payments in order of entry.
    pub payments: Vec<(PaymentNo, Payment)>,
    /// Accounts.
    pub accounts: Vec<AccountView>,
    /// Quantities by offer.
    pub offers: Vec<(OfferIndex, OfferTally)>,
}

/// A line in the list of closed group buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedGroupBuy {
    /// Its name.
    pub id: GroupBuyId,
    /// Where the closing stands in the log.
    pub log_index: LogIndex,
}

/// A movement that waits for its approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalView {
    /// Id of the transaction that proposed it.
    pub id: TransactionId,
    /// Hash of the movement, which an approval names.
    pub movement_hash: Digest,
    /// Who proposed it.
    pub by: MemberId,
    /// When.
    pub at: TimestampMs,
    /// What is to be done.
    pub movement: Movement,
}

/// An entry and the proof that it is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its place in the log.
    pub log_index: LogIndex,
    /// Its block.
    pub height: Height,
    /// What it says.
    pub entry: Entry,
    /// The receipt as text ([`crate::receipt::Receipt::from_text`]).
    pub receipt: String,
}

/// A block without its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// Its name.
    pub hash: BlockHash,
    /// What the quorum signed.
    pub header: Header,
    /// Place of its first entry in the log.
    pub first_index: LogIndex,
    /// How many entries it has.
    pub entries: u64,
    /// The round that decided it.
    pub decided_in: Round,
    /// Members that signed the certificate.
    pub signed_by: Vec<String>,
}

/// Why something was not done (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A name for the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// In short.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do.
    pub detail: String,
    /// The same in Chinese, for refusals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail_zh: Option<String>,
    /// Number of the refusal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refusal: Option<u16>,
    /// The refusal with its values, for whoever wants to say it in other words; absent from a node that
    /// refuses for a reason that is not known here.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "if_known")]
    pub reason: Option<Box<Refusal>>,
    /// Whether the ledger already says what was asked for, so that nothing is left to do.
    #[serde(default)]
    pub already_done: bool,
}

impl Problem {
    /// A problem that is no refusal of the ledger.
    #[must_use]
    pub fn new(status: u16, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:tuanzhang:problem:{kind}"),
            title: kind.replace('-', " "),
            status,
            detail: detail.into(),
            detail_zh: None,
            refusal: None,
            reason: None,
            already_done: false,
        }
    }

    /// The problem that a refusal is.
    #[must_use]
    pub fn refusal(refusal: &Refusal) -> Self {
        let number = refusal.number();
        Self {
            kind: format!("urn:tuanzhang:refusal:{number}"),
            title: refusal.name().to_owned(),
            status: match number {
                100..=104 => 400,
                110 => 503,
                200..=299 => 403,
                _ => 409,
            },
            detail: refusal.english(),
            detail_zh: Some(refusal.chinese()),
            refusal: Some(number),
            reason: Some(Box::new(refusal.clone())),
            already_done: refusal.is_already_done(),
        }
    }
}

/// A reason that this version knows; another one is no mistake.
fn if_known<'de, D: Deserializer<'de>>(reason: D) -> Result<Option<Box<Refusal>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reason {
        Known(Box<Refusal>),
        Other(IgnoredAny),
    }
    Ok(match Reason::deserialize(reason)? {
        Reason::Known(refusal) => Some(refusal),
        Reason::Other(IgnoredAny) => None,
    })
}

/// An account as clients see it.
#[must_use]
pub fn account_view(name: &AccountId, account: &crate::accounting::Account) -> AccountView {
    AccountView {
        account: *name,
        text: name.to_string(),
        debits: account.debits,
        credits: account.credits,
        balance: account.balance(name.side()),
    }
}

impl GroupBuySummary {
    /// The line of a group buy.
    #[must_use]
    pub fn of(group_buy: &GroupBuy) -> Self {
        let header = &group_buy.header;
        Self {
            id: group_buy.id(),
            business_date: group_buy.filing.business_date,
            phase: header.phase(),
            since: header.since,
            leader: header.leader(),
            supplier: group_buy.filing.supplier,
            filing: header.filing(),
            cut_off: group_buy.filing.cut_off,
            confirm_by: group_buy.filing.confirm_by,
            households: group_buy.households.len() as u64,
            orders: group_buy.orders.len() as u64,
            lines: header.line_count,
            paid: header.paid,
            purchase_total: header.stage.purchase().map_or(Fen::ZERO, |purchase| purchase.total),
            held: header.held,
        }
    }
}

impl GroupBuyHeader {
    /// What is asked for most about a group buy.
    #[must_use]
    pub fn of(group_buy: &GroupBuy) -> Self {
        let header = &group_buy.header;
        let supplier = group_buy.filing.supplier;
        let purchase = header.stage.purchase();
        let note = match &header.stage {
            Stage::Ordered { note: Some(note), .. } => {
                Some(HalfSignedNote { by: note.by, at: note.opened, note: note.act })
            }
            _ => None,
        };
        let (deliveries_left, last_delivery) = match header.stage {
            Stage::Received { left, last, .. } => (left, last),
            Stage::Delivered { last, .. } | Stage::Settled { last, .. } => (0, last),
            _ => (0, TimestampMs::ZERO),
        };
        let agreed = &header.filed.agreed;
        Self {
            leader: header.leader(),
            filing: header.filing(),
            phase: header.phase(),
            since: header.since,
            approvals: agreed.iter().copied().filter(|member| *member != supplier).collect(),
            accepted: agreed.contains(&supplier),
            line_count: header.line_count,
            paid: header.paid,
            purchase_total: purchase.map_or(Fen::ZERO, |purchase| purchase.total),
            purchase_order: purchase.map_or(Digest::default(), |purchase| purchase.order),
            note,
            deliveries_left,
            last_delivery,
            held: header.held,
            stuck: header.stuck,
        }
    }
}

impl OpenGroupBuy {
    /// Everything about a group buy.
    #[must_use]
    pub fn of(group_buy: &GroupBuy) -> Self {
        Self {
            id: group_buy.id(),
            header: GroupBuyHeader::of(group_buy),
            filing: (*group_buy.filing).clone(),
            orders: group_buy.orders.iter().map(|(k, v)| (*k, v.clone())).collect(),
            households: group_buy.households.iter().map(|(k, v)| (*k, v.clone())).collect(),
            payments: group_buy.payments.iter().map(|(k, v)| (*k, v.clone())).collect(),
            accounts: group_buy.accounts.iter().map(|(k, v)| account_view(k, v)).collect(),
            offers: group_buy.offers.iter().map(|(k, v)| (*k, *v)).collect(),
        }
    }
}

impl ProposalView {
    /// A waiting movement as clients see it.
    #[must_use]
    pub fn of(id: &TransactionId, matter: &Matter<Movement>) -> Self {
        Self {
            id: *id,
            movement_hash: matter.act.digest(),
            by: matter.by,
            at: matter.opened,
            movement: matter.act.clone(),
        }
    }
}
