//! Movements that need the word of two (rules G2, G36–G45).
//!
//! One member proposes, another approves, and only then money moves. What is proposed is tried on a
//! copy first, so that a proposal that could not be carried out is refused at once.

use super::{
    account::{AccountId, Beneficiary, FeePart},
    draft::{Act, Draft, no_group_buy},
    flows::Cause,
    goods::GoodsNote,
    group_buy::{BATCH_MAX, Phase, SHARES_MAX, Share},
    lifecycle::{Deadline, DeadlineKind},
    member::{ChannelId, Role},
    permanent::{PermanentId, PermanentRecord},
    state::Fund,
};
use crate::{
    codec::{Decode, Encode, List, encode},
    crypto::{Digest, Domain, TransactionId},
    merkle::record_by_encoding,
    refusal::{Party, Refusal},
    types::{Code, Fen, GroupBuyId, HouseholdTag, MemberId, PaymentNo, TimestampMs},
};
use serde::{Deserialize, Serialize};

/// Most proposals that wait at once.
pub(super) const PROPOSALS_MAX: u32 = 4_096;
/// Most proposals of one organisation, and of one leader, so that nobody keeps the others out.
const PROPOSALS_OF_ORGANISATION_MAX: u32 = PROPOSALS_MAX / 4;
const PROPOSALS_OF_LEADER_MAX: u32 = PROPOSALS_MAX / 16;
/// Most refunds that one movement pays.
pub const REFUNDS_MAX: usize = 400;

/// Money that came in by a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Receipt {
    /// The way it came.
    pub channel: ChannelId,
    /// The number that the channel gave it.
    pub number: PaymentNo,
    /// How much.
    pub amount: Fen,
    /// When, by the channel.
    pub received_at: TimestampMs,
}

/// Money that goes out by a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Payout {
    /// The way it goes.
    pub channel: ChannelId,
    /// The number that the channel gave it.
    pub number: PaymentNo,
    /// How much.
    pub amount: Fen,
}

/// Whom a settled group buy pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayTo {
    /// The supplier, from Payable.
    Supplier,
    /// A payee, from its fee; in the order of [`FeePart::ALL`].
    Fee(u8),
}

/// One refund, back the way a payment came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RefundItem {
    /// To whom.
    pub household: HouseholdTag,
    /// The payment that is given back.
    pub payment: PaymentNo,
    /// How much of it.
    pub amount: Fen,
    /// The number that the channel gave to the refund.
    pub number: PaymentNo,
}

/// A movement that changes who benefits, or that leaves custody.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// Unidentified / Escrow: whose payment it was (G29).
    Identify {
        /// The payment.
        payment: PaymentNo,
        /// The group buy it was for.
        group_buy: GroupBuyId,
        /// For whom.
        shares: List<Share, SHARES_MAX>,
    },
    /// Unidentified / Custody: back the way it came (G28, G29).
    ReturnUnidentified {
        /// The payment.
        payment: PaymentNo,
        /// How it goes back.
        payout: Payout,
    },
    /// Refund / Custody: back to households (G38).
    Refund {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// To whom, from which payments.
        items: List<RefundItem, REFUNDS_MAX>,
    },
    /// What arrived, when one side has not signed the note in time (G32).
    DecideGoods(GoodsNote),
    /// Delivery shown by evidence (G35).
    Deliver {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Who has its goods.
        households: List<HouseholdTag, BATCH_MAX>,
        /// Hash of photographs, signatures or the like.
        evidence: Digest,
    },
    /// Retention / Payable; payees may be paid from now on (G36).
    Settle {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// What the supplier gets in all.
        payable: Fen,
    },
    /// Payable or Fee / Custody (G37).
    PayOut {
        /// Which group buy.
        group_buy: GroupBuyId,
        /// Whom.
        to: PayTo,
        /// How.
        payout: Payout,
    },
    /// Given up before the goods arrived (G41).
    Cancel {
        /// Which group buy.
        group_buy: GroupBuyId,
    },
    /// Custody / the account it was paid from: a payout came back (G42).
    Bounce {
        /// The payout.
        payout: PaymentNo,
        /// How it came back.
        receipt: Receipt,
    },
    /// Unclaimed / Custody: somebody came for it (G39).
    PayUnclaimed {
        /// Which group buy it was.
        group_buy: GroupBuyId,
        /// Whose it is.
        beneficiary: Beneficiary,
        /// How.
        payout: Payout,
    },
    /// Custody / Custody: between channels (G43).
    Transfer {
        /// Where it comes from, and under which number.
        from: Payout,
        /// Where it arrives.
        to: ChannelId,
    },
    /// ChannelFee / Custody: what a channel kept (G43).
    ChannelFee {
        /// Which channel, which bill line, how much.
        fee: Payout,
        /// Hash of the bill.
        bill: Digest,
    },
    /// Fee{property} / ChannelFee: borne as filed (G43).
    BearChannelFee {
        /// Whose property fee bears it.
        group_buy: GroupBuyId,
        /// Which channel's fee.
        channel: ChannelId,
        /// How much.
        amount: Fen,
    },
    /// Custody / ChannelFee: the property company tops up (G43).
    TopUpChannelFee {
        /// How it came.
        receipt: Receipt,
    },
    /// Difference / Custody: less is there than the books say (G44).
    Difference {
        /// Which channel, and how much is missing.
        missing: Payout,
        /// Hash of the count.
        document: Digest,
    },
    /// Receivable / Difference: a member owes it (G44).
    ChargeDifference {
        /// Which channel's difference.
        channel: ChannelId,
        /// Who owes it.
        member: MemberId,
        /// How much.
        amount: Fen,
        /// Hash of the finding.
        document: Digest,
    },
    /// Custody / Difference: it was found again (G44).
    FoundDifference {
        /// Where it was found.
        receipt: Receipt,
    },
    /// Custody / Receivable: a member pays what it owes (G44).
    RepayReceivable {
        /// Who pays.
        member: MemberId,
        /// How it came.
        receipt: Receipt,
    },
    /// Custody / Reserve: a grant or gift with a purpose (G45).
    GiveReserve {
        /// The purpose.
        purpose: Code<16>,
        /// How it came.
        receipt: Receipt,
    },
    /// Reserve / Custody: spent for its purpose (G45).
    SpendReserve {
        /// The purpose.
        purpose: Code<16>,
        /// How it goes.
        payout: Payout,
        /// Hash of the filing that says what for.
        document: Digest,
    },
}

impl Movement {
    /// The group buy that it belongs to; `None` for money that belongs to none, or to several.
    #[must_use]
    pub fn group_buy(&self) -> Option<GroupBuyId> {
        match self {
            Self::Identify { group_buy, .. }
            | Self::Refund { group_buy, .. }
            | Self::Deliver { group_buy, .. }
            | Self::Settle { group_buy, .. }
            | Self::PayOut { group_buy, .. }
            | Self::Cancel { group_buy }
            | Self::PayUnclaimed { group_buy, .. }
            | Self::BearChannelFee { group_buy, .. } => Some(*group_buy),
            Self::DecideGoods(note) => Some(note.group_buy),
            Self::ReturnUnidentified { .. }
            | Self::Bounce { .. }
            | Self::Transfer { .. }
            | Self::ChannelFee { .. }
            | Self::TopUpChannelFee { .. }
            | Self::Difference { .. }
            | Self::ChargeDifference { .. }
            | Self::FoundDifference { .. }
            | Self::RepayReceivable { .. }
            | Self::GiveReserve { .. }
            | Self::SpendReserve { .. } => None,
        }
    }

    /// The hash that an approval names.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Domain::Payment.digest(&[&encode(self)])
    }
}

/// A movement that waits for its approval.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PendingMovement {
    /// What is to be done.
    pub movement: Movement,
    /// Who proposed it.
    pub by: MemberId,
    /// When, in block time.
    pub at: TimestampMs,
}

record_by_encoding!(PendingMovement);

/// Which two members a movement needs.
enum Duty {
    /// The custodian proposes, any other unrelated organisation that is not paid by it approves.
    Custodian(ChannelId),
    /// The custodian that gives proposes, the custodian that gets approves.
    Custodians { from: ChannelId, to: MemberId },
    /// Property proposes, committee approves.
    PropertyThenCommittee,
    /// Property and committee, either first.
    Board,
    /// The leader proposes, this member approves.
    LeaderThen(MemberId, MemberId),
    /// The leader proposes, property or committee approves.
    LeaderThenBoard(MemberId),
}

impl Draft<'_> {
    /// Takes a proposal in, if it could be carried out now (G2).
    pub(super) fn propose(&mut self, movement: &Movement) -> Result<(), Refusal> {
        let duty = self.duty(movement)?;
        self.require_proposer(&duty, self.act.author)?;
        self.require_room_for_proposal(self.act.author)?;
        // Whether it could be carried out is found out beside this draft; the work counts.
        let mut rehearsal = self.rehearsal();
        rehearsal.cause = Cause::of_movement(movement);
        rehearsal.perform(movement)?;
        rehearsal.check()?;
        self.act.work = self.act.work.saturating_add(rehearsal.act.work);
        let pending =
            PendingMovement { movement: movement.clone(), by: self.act.author, at: self.act.now };
        self.proposals.insert(self.act.transaction, pending);
        Ok(())
    }

    /// Approves and carries out a proposal (G2).
    pub(super) fn approve(
        &mut self,
        proposal: &TransactionId,
        movement: &Digest,
    ) -> Result<(), Refusal> {
        let pending = self.proposal(proposal, movement)?;
        let author = self.act.author;
        if author == pending.by {
            return Err(Refusal::SubmitterMayNotApprove {});
        }
        let duty = self.duty(&pending.movement)?;
        self.require_approver(&duty, author, pending.by)?;
        if self.fund.are_related(author, pending.by) {
            return Err(Refusal::Related { other: pending.by });
        }
        if self.paid_by(&pending.movement)? == Some(author) {
            return Err(Refusal::PaidByIt { member: author });
        }
        self.proposals.remove(proposal);
        self.cause = Cause::of_movement(&pending.movement);
        self.perform(&pending.movement)
    }

    /// Whoever could approve, and whoever proposed, can end a proposal (G2).
    pub(super) fn reject_proposal(
        &mut self,
        proposal: &TransactionId,
        movement: &Digest,
    ) -> Result<(), Refusal> {
        let pending = self.proposal(proposal, movement)?;
        if self.act.author != pending.by {
            let duty = self.duty(&pending.movement)?;
            self.require_approver(&duty, self.act.author, pending.by)?;
        }
        self.act.charge(1);
        self.proposals.remove(proposal);
        Ok(())
    }

    fn require_room_for_proposal(&self, author: MemberId) -> Result<(), Refusal> {
        if self.proposals.len() >= PROPOSALS_MAX as usize {
            return Err(Refusal::TooManyProposals { max: PROPOSALS_MAX });
        }
        let max = if self.fund.member(author)?.role.is_organisation() {
            PROPOSALS_OF_ORGANISATION_MAX
        } else {
            PROPOSALS_OF_LEADER_MAX
        };
        let own = self.proposals.iter().filter(|(_, pending)| pending.by == author).count();
        if own >= max as usize { Err(Refusal::TooManyProposals { max }) } else { Ok(()) }
    }

    fn proposal(&self, id: &TransactionId, movement: &Digest) -> Result<PendingMovement, Refusal> {
        let pending = self.proposals.get(id).ok_or(Refusal::ProposalUnknown {})?;
        if pending.movement.digest() == *movement {
            Ok(pending.clone())
        } else {
            Err(Refusal::ProposalDiffers {})
        }
    }

    fn duty(&self, movement: &Movement) -> Result<Duty, Refusal> {
        let leader = |id: &GroupBuyId| match self.fund.group_buys.get(id) {
            Some(group_buy) => Ok(group_buy.header.leader),
            None => Err(no_group_buy(&self.act, *id)),
        };
        Ok(match movement {
            Movement::Identify { payment, group_buy, .. } => {
                let channel = channel_of(&self.act, payment)?;
                Duty::LeaderThen(leader(group_buy)?, self.fund.policy.channel(channel)?.custodian)
            }
            Movement::Deliver { group_buy, .. } => Duty::LeaderThenBoard(leader(group_buy)?),
            Movement::Settle { .. }
            | Movement::SpendReserve { .. }
            | Movement::BearChannelFee { .. } => Duty::PropertyThenCommittee,
            Movement::Cancel { .. }
            | Movement::DecideGoods(_)
            | Movement::ChargeDifference { .. } => Duty::Board,
            Movement::Refund { items, .. } => {
                let first = items.first().ok_or(Refusal::NoOrders {})?;
                let channel = channel_of(&self.act, &first.payment)?;
                // Nobody empties another custodian's box behind a first item of its own.
                let custodian = self.fund.policy.channel(channel)?.custodian;
                for item in items {
                    self.fund
                        .policy
                        .require_custodian(channel_of(&self.act, &item.payment)?, custodian)?;
                }
                Duty::Custodian(channel)
            }
            Movement::Transfer { from, to } => {
                let (giver, getter) =
                    (self.fund.policy.channel(from.channel)?, self.fund.policy.channel(*to)?);
                if giver.custodian == getter.custodian {
                    Duty::Custodian(from.channel)
                } else {
                    Duty::Custodians { from: from.channel, to: getter.custodian }
                }
            }
            Movement::ReturnUnidentified { payout, .. }
            | Movement::PayOut { payout, .. }
            | Movement::PayUnclaimed { payout, .. }
            | Movement::ChannelFee { fee: payout, .. }
            | Movement::Difference { missing: payout, .. } => Duty::Custodian(payout.channel),
            Movement::Bounce { receipt, .. }
            | Movement::TopUpChannelFee { receipt }
            | Movement::FoundDifference { receipt }
            | Movement::RepayReceivable { receipt, .. }
            | Movement::GiveReserve { receipt, .. } => Duty::Custodian(receipt.channel),
        })
    }

    fn require_proposer(&self, duty: &Duty, author: MemberId) -> Result<(), Refusal> {
        match duty {
            Duty::Custodian(channel) | Duty::Custodians { from: channel, .. } => {
                self.fund.policy.require_custodian(*channel, author)
            }
            Duty::PropertyThenCommittee => {
                self.fund.require_role(author, &[Role::Property], Party::Property).map(drop)
            }
            Duty::Board => {
                let board = [Role::Property, Role::Committee];
                self.fund.require_role(author, &board, Party::Board).map(drop)
            }
            Duty::LeaderThen(leader, _) | Duty::LeaderThenBoard(leader) => {
                if author == *leader {
                    Ok(())
                } else {
                    Err(Refusal::NotTheLeader { leader: *leader })
                }
            }
        }
    }

    fn require_approver(&self, duty: &Duty, author: MemberId, by: MemberId) -> Result<(), Refusal> {
        let role = self.fund.member(author)?.role;
        let (allowed, needed) = match duty {
            Duty::Custodian(_) => (role.is_organisation(), Party::OtherOrganisation),
            Duty::Custodians { to, .. } => (author == *to, Party::OtherChannelCustodian),
            Duty::PropertyThenCommittee => (role == Role::Committee, Party::Committee),
            Duty::Board => (
                matches!(role, Role::Property | Role::Committee)
                    && role != self.fund.member(by)?.role,
                Party::OtherOfBoard,
            ),
            Duty::LeaderThen(_, approver) => (author == *approver, Party::ChannelCustodian),
            Duty::LeaderThenBoard(_) => {
                (matches!(role, Role::Property | Role::Committee), Party::Board)
            }
        };
        if allowed { Ok(()) } else { Err(Refusal::WrongRole { needed }) }
    }

    /// The member that a movement pays, if it pays one.
    fn paid_by(&self, movement: &Movement) -> Result<Option<MemberId>, Refusal> {
        Ok(match movement {
            Movement::PayOut { group_buy, to, .. } => {
                let Some(open) = self.fund.group_buys.get(group_buy) else {
                    return Err(no_group_buy(&self.act, *group_buy));
                };
                match to {
                    PayTo::Supplier => Some(open.filing.supplier),
                    PayTo::Fee(part) => FeePart::ALL
                        .get(usize::from(*part))
                        .map(|part| open.filing.payee(*part, open.header.leader)),
                }
            }
            Movement::PayUnclaimed {
                beneficiary: Beneficiary::Supplier(member) | Beneficiary::Payee(member),
                ..
            } => Some(*member),
            _ => None,
        })
    }

    fn perform(&mut self, movement: &Movement) -> Result<(), Refusal> {
        self.act.charge(1);
        match movement {
            Movement::Identify { payment, group_buy, shares } => {
                self.at_desk(*group_buy, |desk| desk.identify(*payment, shares))
            }
            Movement::ReturnUnidentified { payment, payout } => {
                let unidentified = AccountId::Unidentified(*payment);
                // Back the way it came, and no other.
                let came_by = channel_of(&self.act, payment)?;
                if !self.accounts.contains(&unidentified) || came_by != payout.channel {
                    return Err(Refusal::PaymentUnknown { number: payment.to_string() });
                }
                self.pay(Source::chain(unidentified), payout)
            }
            Movement::Refund { group_buy, items } => {
                for item in items {
                    let payout = Payout {
                        channel: channel_of(&self.act, &item.payment)?,
                        number: item.number,
                        amount: item.amount,
                    };
                    self.at_desk(*group_buy, |desk| desk.take_from_payment(item))?;
                    let source = Source {
                        group_buy: Some(*group_buy),
                        account: AccountId::Refund(item.household),
                        gives_back: Some(item.payment),
                    };
                    self.pay(source, &payout)?;
                }
                Ok(())
            }
            Movement::DecideGoods(note) => {
                let wait = self.fund.policy.goods_note_wait;
                self.at_desk(note.group_buy, |desk| {
                    desk.require_phase(Phase::Ordered)?;
                    desk.check_note(note)?;
                    let signed = desk.group_buy.header.note.as_ref().map(|half| half.at);
                    let at = signed.unwrap_or(desk.group_buy.filing.deliver_by).after(wait);
                    if desk.act.now < at {
                        return Err(Refusal::TooEarly { at });
                    }
                    desk.receive(note)
                })
            }
            Movement::Deliver { group_buy, households, .. } => {
                self.at_desk(*group_buy, |desk| desk.deliver_by_evidence(households))
            }
            Movement::Settle { group_buy, payable } => {
                self.at_desk(*group_buy, |desk| desk.settle(*payable))
            }
            Movement::PayOut { group_buy, to, payout } => {
                let account = match to {
                    PayTo::Supplier => AccountId::Payable,
                    PayTo::Fee(part) => FeePart::ALL
                        .get(usize::from(*part))
                        .map(|part| AccountId::Fee(*part))
                        .ok_or(Refusal::PayoutUnknown { number: payout.number.to_string() })?,
                };
                self.at_desk(*group_buy, |desk| desk.require_phase(Phase::Settled))?;
                let source = Source { group_buy: Some(*group_buy), account, gives_back: None };
                self.pay(source, payout)
            }
            Movement::Cancel { group_buy } => self.at_desk(*group_buy, |desk| desk.cancel()),
            Movement::Bounce { payout, receipt } => self.bounce(*payout, receipt),
            Movement::PayUnclaimed { group_buy, beneficiary, payout } => {
                let unclaimed = AccountId::Unclaimed(*group_buy, *beneficiary);
                self.pay(Source::chain(unclaimed), payout)
            }
            Movement::Transfer { from, to } => {
                self.fund.policy.channel(*to)?;
                if from.channel == *to {
                    return Err(Refusal::NoOrders {});
                }
                self.pay(Source::chain(AccountId::Custody(*to)), from)
            }
            Movement::ChannelFee { fee, .. } => {
                self.pay(Source::chain(AccountId::ChannelFee(fee.channel)), fee)
            }
            Movement::BearChannelFee { group_buy, channel, amount } => {
                self.require_amount(*amount)?;
                let (fee, kept) =
                    (AccountId::Fee(FeePart::Property), AccountId::ChannelFee(*channel));
                self.at_desk(*group_buy, |desk| {
                    desk.require_phase(Phase::Settled)?;
                    desk.book(fee, kept, *amount)
                })
            }
            Movement::TopUpChannelFee { receipt } => {
                self.receive(AccountId::ChannelFee(receipt.channel), receipt)
            }
            Movement::Difference { missing, .. } => {
                self.pay(Source::chain(AccountId::Difference(missing.channel)), missing)
            }
            Movement::ChargeDifference { channel, member, amount, .. } => {
                self.fund.member(*member)?;
                self.require_amount(*amount)?;
                let (owed, missing) =
                    (AccountId::Receivable(*member), AccountId::Difference(*channel));
                self.book(owed, missing, *amount)
            }
            Movement::FoundDifference { receipt } => {
                self.receive(AccountId::Difference(receipt.channel), receipt)
            }
            Movement::RepayReceivable { member, receipt } => {
                self.receive(AccountId::Receivable(*member), receipt)
            }
            Movement::GiveReserve { purpose, receipt } => {
                self.receive(AccountId::Reserve(*purpose), receipt)
            }
            Movement::SpendReserve { purpose, payout, .. } => {
                self.pay(Source::chain(AccountId::Reserve(*purpose)), payout)
            }
        }
    }

    /// `account` / Custody, under a number that is used once.
    fn pay(&mut self, source: Source, payout: &Payout) -> Result<(), Refusal> {
        let Source { group_buy, account, gives_back } = source;
        let Payout { channel, number, amount } = *payout;
        self.fund.policy.channel(channel)?;
        self.require_amount(amount)?;
        let content = Domain::Payment.digest(&[&encode(&(group_buy, account, *payout))]);
        let after_closing = self.after_closing(group_buy, account)?;
        let record = PermanentRecord::Paid {
            content,
            channel,
            group_buy,
            account,
            after_closing,
            gives_back,
            amount,
        };
        self.use_number(number, record)?;
        let custody = AccountId::Custody(channel);
        match group_buy {
            Some(id) => self.at_desk(id, |desk| desk.book(account, custody, amount)),
            None => self.book(account, custody, amount),
        }
    }

    /// Custody / `account`, under a number that is used once.
    fn receive(&mut self, account: AccountId, receipt: &Receipt) -> Result<(), Refusal> {
        self.take_number(receipt)?;
        let custody = AccountId::Custody(receipt.channel);
        self.book(custody, account, receipt.amount)
    }

    /// A payout came back: to the account it was paid from, or to Unclaimed once that is gone (G42).
    fn bounce(&mut self, payout: PaymentNo, receipt: &Receipt) -> Result<(), Refusal> {
        let unknown = || Refusal::PayoutUnknown { number: payout.to_string() };
        let Some(PermanentRecord::Paid {
            group_buy,
            account,
            after_closing,
            gives_back,
            amount,
            ..
        }) = self.act.permanent(&PermanentId::Payment(payout))
        else {
            return Err(unknown());
        };
        if receipt.amount != amount {
            return Err(Refusal::TotalDiffers { expected: amount, given: receipt.amount });
        }
        // Once: or the same payout could be paid again and again, from money that never came back.
        let bounced = PermanentId::Bounced(payout);
        if self.act.permanent(&bounced).is_some() {
            return Err(Refusal::PaymentNumberUsed { number: payout.to_string() });
        }
        self.take_number(receipt)?;
        self.act.use_up(bounced, PermanentRecord::Bounced(receipt.number));
        let custody = AccountId::Custody(receipt.channel);
        match group_buy.filter(|id| self.fund.group_buys.contains(id)) {
            Some(id) => self.at_desk(id, |desk| {
                if let (AccountId::Refund(tag), Some(payment)) = (account, gives_back) {
                    desk.put_back_to_payment(payment, &tag, amount);
                }
                desk.book(custody, account, amount)
            }),
            None => self.book(custody, after_closing, amount),
        }
    }

    /// Where money that was paid from `account` belongs once its group buy is gone.
    fn after_closing(
        &self,
        group_buy: Option<GroupBuyId>,
        account: AccountId,
    ) -> Result<AccountId, Refusal> {
        let Some(id) = group_buy else { return Ok(account) };
        let open = self.fund.group_buys.get(&id).ok_or(Refusal::GroupBuyUnknown {})?;
        let beneficiary = match account {
            AccountId::Refund(tag) => Beneficiary::Household(tag),
            AccountId::Fee(part) => Beneficiary::Payee(open.filing.payee(part, open.header.leader)),
            _ => Beneficiary::Supplier(open.filing.supplier),
        };
        Ok(AccountId::Unclaimed(id, beneficiary))
    }
}

impl Fund {
    /// When a proposal that nobody approves lapses (G2).
    pub(super) fn lapse_of(&self, id: &TransactionId, pending: &PendingMovement) -> Deadline {
        let at = pending.at.after(self.policy.proposal_lapses_after);
        Deadline { at, kind: DeadlineKind::ProposalLapses(*id) }
    }
}

/// Where a payout comes from.
struct Source {
    /// The group buy whose account it is.
    group_buy: Option<GroupBuyId>,
    account: AccountId,
    /// The payment that it gives back, if it is a refund.
    gives_back: Option<PaymentNo>,
}

impl Source {
    /// An account of the chain.
    fn chain(account: AccountId) -> Self {
        Self { group_buy: None, account, gives_back: None }
    }
}

/// The channel that a payment came by.
fn channel_of(act: &Act<'_>, payment: &PaymentNo) -> Result<ChannelId, Refusal> {
    match act.permanent(&PermanentId::Payment(*payment)) {
        Some(PermanentRecord::Received { channel, .. }) => Ok(channel),
        _ => Err(Refusal::PaymentUnknown { number: payment.to_string() }),
    }
}
