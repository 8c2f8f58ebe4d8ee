//! The rules of the money a second time, by another hand and in another shape.
//!
//! Written from docs/fund-rules.md, whose rules it cites, without a look at how `ledger-core` carries
//! them out; of `ledger-core` it uses the types of what members say, the encoding and nothing else. It is
//! as plain as it can be: lists that are searched from the beginning, and a journal that every balance
//! is summed up from anew. Where the two answer differently, the document decides which one is wrong.
//!
//! ```text
//!  begin_block(now, parent) ── what block time alone causes (G5) ──▶ what fell due, postings, seals
//!  act(envelope, action)    ── form, object, authority, state, content, money ──▶ postings or a number
//! ```
//!
//! What it does not know: signatures, the bytes of blocks, the work that a transaction is (G6, 109), and
//! how many transactions of an author may live (108).

mod books;
mod closing;
mod deadlines;
mod filing;
mod form;
mod goods;
mod moves;
mod numbers;
mod orders;
mod payments;
pub(crate) mod prices;
mod proposals;
mod refusals;
mod who;
pub(crate) mod world;

pub use books::{Account, Posting};
pub use deadlines::Due;
pub use form::Envelope;
pub use refusals::Answer;

use books::Journal;
use ledger_core::{
    codec::{Encode, encode},
    crypto::{BlockHash, ChainId, Digest},
    fund::{AccountId, Action, Member, Phase, Policy},
    types::{GroupBuyId, TimestampMs},
};
use refusals::{GROUP_BUY_CLOSED, GROUP_BUY_UNKNOWN, INSUFFICIENT_FUNDS, WRONG_PHASE};
use sha2::{Digest as _, Sha256};
use world::{GroupBuy, World};

/// The second set of books.
#[derive(Debug, Clone)]
pub struct Model {
    chain: ChainId,
    pub(crate) world: World,
    journal: Journal,
    act_number: u64,
    /// Set for one act where the code is known to allow what the document does not.
    follows_code: bool,
}

/// SHA-256 of a tag, a zero byte and a content, as docs/wire-format.md section 2 has it.
pub(crate) fn hash(tag: &str, content: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(b"tuanzhang/v1/");
    hasher.update(tag.as_bytes());
    hasher.update([0]);
    hasher.update(content);
    Digest::new(hasher.finalize().into())
}

/// The hash of what somebody said.
pub(crate) fn hash_of<T: Encode>(tag: &str, content: &T) -> Digest {
    hash(tag, &encode(content))
}

impl Model {
    /// The books of a chain that has just been founded.
    #[must_use]
    pub fn new(chain: ChainId, members: Vec<Member>, policy: Policy) -> Self {
        let world = World {
            now: TimestampMs::ZERO,
            parent: BlockHash::default(),
            policy,
            members,
            group_buys: Vec::new(),
            closed: Vec::new(),
            numbers: Vec::new(),
            proposals: Vec::new(),
            transactions: Vec::new(),
        };
        Self { chain, world, journal: Journal::default(), act_number: 0, follows_code: false }
    }

    /// A block begins: what block time alone causes, in the order in which it happens (G5).
    pub fn begin_block(&mut self, now: TimestampMs, parent: BlockHash) -> Vec<Due> {
        self.world.now = now;
        self.world.parent = parent;
        self.deadlines()
    }

    /// A member acts. What is refused leaves nothing behind.
    ///
    /// # Errors
    /// The number of the refusal.
    pub fn act(&mut self, envelope: &Envelope, action: &Action) -> Answer<Vec<Posting>> {
        let before = self.journal.postings().len();
        let world = self.world.clone();
        self.act_number += 1;
        let answer = self.try_act(envelope, action);
        if answer.is_err() {
            self.world = world;
            self.journal.truncate(before);
        }
        answer.map(|()| self.journal.postings()[before..].to_vec())
    }

    /// A member acts where the code is known to allow what the document does not (the comparison has the
    /// list): goes on as the code does.
    ///
    /// # Errors
    /// The number of the refusal, if the code's way of it is another one still.
    pub fn act_as_the_code(
        &mut self,
        envelope: &Envelope,
        action: &Action,
    ) -> Answer<Vec<Posting>> {
        self.follows_code = true;
        let answer = self.act(envelope, action);
        self.follows_code = false;
        answer
    }

    fn try_act(&mut self, envelope: &Envelope, action: &Action) -> Answer<()> {
        self.form(envelope)?;
        let author = envelope.author;
        match action {
            Action::File(filing) => self.file(author, filing)?,
            Action::DecideFiling { group_buy, filing, decision } => {
                self.decide_filing(author, *group_buy, *filing, *decision)?;
            }
            Action::Order { group_buy, filing, orders } => {
                self.order(author, *group_buy, *filing, orders)?;
            }
            Action::RecordPayments { group_buy, payments } => {
                self.record_payments(author, *group_buy, payments)?;
            }
            Action::ConfirmPayments { group_buy, confirmations } => {
                self.confirm_payments(author, *group_buy, confirmations)?;
            }
            Action::RefusePayment { group_buy, number, record } => {
                self.refuse_payment(author, *group_buy, *number, *record)?;
            }
            Action::ReceiveUnidentified(receipt) => self.receive_unidentified(author, receipt)?,
            Action::ConfirmPurchaseOrder { group_buy, total, purchase_order } => {
                self.confirm_purchase_order(author, *group_buy, total.get(), *purchase_order)?;
            }
            Action::SignGoodsNote(note) => self.sign_goods_note(author, note)?,
            Action::Deliver { group_buy, codes } => {
                self.deliver_by_code(author, *group_buy, codes)?;
            }
            Action::Propose(movement) => self.propose(author, envelope.id, movement)?,
            Action::Approve { proposal, movement } => {
                self.approve(author, *proposal, *movement)?;
            }
            Action::RejectProposal { proposal, movement } => {
                self.reject_proposal(author, *proposal, *movement)?;
            }
        }
        self.world.transactions.push(envelope.id);
        Ok(())
    }

    /// What stands on an account.
    #[must_use]
    pub fn balance(&self, account: &Account) -> u64 {
        self.journal.balance(account)
    }

    /// Each account that was ever posted to, with what stands there.
    #[must_use]
    pub fn balances(&self) -> Vec<(Account, u64)> {
        self.journal.balances()
    }

    /// G12: what the fund has, and what it owes, by the journal.
    #[must_use]
    pub fn has_and_owes(&self) -> (u64, u64) {
        let (mut has, mut owes) = (0, 0);
        for (account, balance) in self.journal.balances() {
            *(if account.is_debit() { &mut has } else { &mut owes }) += balance;
        }
        (has, owes)
    }

    fn post(&mut self, debit: Account, credit: Account, amount: u64) -> Answer<()> {
        self.journal.post(self.act_number, debit, credit, amount)
    }

    /// Posts what the rules themselves have found to be there.
    fn post_own(
        &mut self,
        group_buy: GroupBuyId,
        debit: AccountId,
        credit: AccountId,
        amount: u64,
    ) {
        let (debit, credit) = (Account::of(group_buy, debit), Account::of(group_buy, credit));
        let posted = self.post(debit, credit, amount);
        assert!(posted != Err(INSUFFICIENT_FUNDS), "{debit} lacks {amount} for {credit}");
    }

    pub(crate) fn in_group_buy(&self, group_buy: GroupBuyId, id: AccountId) -> u64 {
        self.balance(&Account::of(group_buy, id))
    }

    /// The object of an action: a group buy that is not closed.
    pub(crate) fn group_buy(&self, id: GroupBuyId) -> Answer<&GroupBuy> {
        let found = self.world.group_buys.iter().find(|group_buy| group_buy.id() == id);
        let missing =
            if self.world.closed.contains(&id) { GROUP_BUY_CLOSED } else { GROUP_BUY_UNKNOWN };
        found.ok_or(missing)
    }

    /// A group buy of which it is known that it is there.
    fn group_buy_mut(&mut self, id: GroupBuyId) -> &mut GroupBuy {
        let found = self.world.group_buys.iter_mut().find(|group_buy| group_buy.id() == id);
        found.expect("looked up before")
    }

    /// State: the group buy is in one of these phases.
    fn in_phase(&self, id: GroupBuyId, phases: &[Phase]) -> Answer<()> {
        if phases.contains(&self.group_buy(id)?.phase) { Ok(()) } else { Err(WRONG_PHASE) }
    }

    fn enter_phase(&mut self, id: GroupBuyId, phase: Phase) {
        let now = self.world.now;
        let group_buy = self.group_buy_mut(id);
        group_buy.phase = phase;
        group_buy.since = now;
    }
}
