//! What goes wrong, by mistake or on purpose: an act that made sense, bent in one place.

use super::{
    cast::{HOUSEHOLDS, household},
    generator::Generator,
    list,
    movements::{Money, parts},
    step::{Faith, Form, Step},
};
use crate::model::Model;
use ledger_core::{
    crypto::Digest,
    fund::{Action, Beneficiary, Filing, Movement, PayTo, Payout, Receipt, Share},
    types::{DurationMs, Fen, GroupBuyId, HouseholdTag, MemberId, PaymentNo, Quantity},
};

impl Generator {
    /// Bends one thing about a step.
    pub(super) fn make_mischief(&mut self, step: &mut Step, model: &Model) {
        match self.rng.below(100) {
            0..=24 => step.author = self.anybody(),
            25..=27 => step.faith = Faith::Bad,
            28..=30 => step.faith = Faith::Totals,
            31..=33 => step.form = self.odd_form(),
            34..=45 => {
                let id = self.any_group_buy(model);
                rename_group_buy(&mut step.action, id);
            }
            _ => self.bend(&mut step.action, model),
        }
    }

    /// Says the same under the same number, of somebody or something else.
    pub(super) fn say_otherwise(&mut self, action: &mut Action) {
        let other = self.rng.below(3) == 0;
        match action {
            Action::ReceiveUnidentified(receipt) => {
                *action = Action::Propose(Movement::GiveReserve {
                    purpose: "lifts".parse().expect("a code"),
                    receipt: *receipt,
                });
            }
            Action::Propose(Movement::GiveReserve { receipt, .. }) if other => {
                *action = Action::ReceiveUnidentified(*receipt);
            }
            Action::Propose(
                Movement::GiveReserve { purpose, .. } | Movement::SpendReserve { purpose, .. },
            ) => {
                *purpose = if purpose.as_str() == "lifts" { "elderly" } else { "lifts" }
                    .parse()
                    .expect("a code")
            }
            Action::Propose(
                Movement::ChannelFee { bill: document, .. } | Movement::Difference { document, .. },
            ) => *document = Digest::new(self.rng.bytes()),
            Action::Propose(Movement::RepayReceivable { member, receipt }) => {
                if other {
                    let receipt = *receipt;
                    *action = Action::Propose(Movement::FoundDifference { receipt });
                } else {
                    *member = self.anybody();
                }
            }
            Action::Propose(Movement::FoundDifference { receipt }) => {
                let receipt = *receipt;
                *action = Action::Propose(Movement::TopUpChannelFee { receipt });
            }
            Action::Propose(Movement::TopUpChannelFee { receipt }) => {
                let receipt = *receipt;
                *action = Action::Propose(Movement::FoundDifference { receipt });
            }
            Action::Propose(Movement::PayOut { to, .. }) => {
                *to = PayTo::Fee(u8::try_from(self.rng.below(4)).expect("small"));
            }
            Action::Propose(Movement::PayUnclaimed { beneficiary, .. }) => {
                *beneficiary = Beneficiary::Household(self.any_household());
            }
            Action::Propose(Movement::Transfer { from, to }) => {
                if other {
                    let purpose = "lifts".parse().expect("a code");
                    let (payout, document) = (*from, Digest::default());
                    let spent = Movement::SpendReserve { purpose, payout, document };
                    *action = Action::Propose(spent);
                } else {
                    *to = self.some_channel();
                }
            }
            Action::Propose(Movement::Refund { items, .. }) => {
                let mut refunds: Vec<_> = items.iter().copied().collect();
                refunds.reverse();
                if let Some(item) = refunds.first_mut().filter(|_| other) {
                    item.household = self.any_household();
                }
                *items = list(refunds);
            }
            _ => {}
        }
    }

    fn anybody(&mut self) -> MemberId {
        let members = self.cast.members.len() as u64;
        let stranger = u64::from(self.rng.chance(60)) * 50;
        MemberId::new(u16::try_from(self.rng.below(members) + stranger).expect("few"))
    }

    fn odd_form(&mut self) -> Form {
        [Form::OtherVersion, Form::OtherChain, Form::Expired, Form::TooLong][self.rng.index(4)]
    }

    fn any_group_buy(&mut self, model: &Model) -> GroupBuyId {
        let world = &model.world;
        let mut known: Vec<GroupBuyId> = world.group_buys.iter().map(|buy| buy.id()).collect();
        known.extend(&world.closed);
        known.push("nowhere".parse().expect("a code"));
        known[self.rng.index(known.len())]
    }

    fn any_number(&mut self, model: &Model) -> PaymentNo {
        let world = &model.world;
        let mut known: Vec<PaymentNo> = world.numbers.iter().map(|known| known.number).collect();
        let payments = world.group_buys.iter().flat_map(|buy| &buy.payments);
        known.extend(payments.map(|payment| payment.record.number));
        known.push("no-such-number".parse().expect("a code"));
        // The last ones more often than those of long ago.
        let recent = if self.rng.chance(600) { known.len().min(8) } else { known.len() };
        known[known.len() - 1 - self.rng.index(recent)]
    }

    fn any_household(&mut self) -> HouseholdTag {
        household(u8::try_from(self.rng.below(u64::from(HOUSEHOLDS) + 2)).expect("few"))
    }

    fn bent_amount(&mut self, amount: Fen, model: &Model) -> Fen {
        let most = model.world.policy.payment_max.get();
        Fen::new(match self.rng.below(9) {
            0 => 0,
            1 => most,
            2 => most + 1,
            3 => u64::MAX,
            4 => amount.get() / 2,
            5 | 6 => amount.get().saturating_add(1),
            7 => amount.get().saturating_sub(1),
            _ => amount.get().saturating_mul(2),
        })
    }

    fn bend(&mut self, action: &mut Action, model: &Model) {
        match action {
            Action::File(filing) => self.bend_filing(filing, model),
            Action::DecideFiling { .. } => {}
            Action::Order { group_buy, filing, orders } => {
                let mut requests: Vec<_> = orders.iter().cloned().collect();
                if self.rng.chance(60) {
                    requests.clear();
                }
                let at = self.rng.index(requests.len());
                if let Some(request) = requests.get_mut(at) {
                    let mut lines: Vec<_> = request.lines.iter().copied().collect();
                    let line = self.rng.index(lines.len());
                    match self.rng.below(12) {
                        0 => request.household = self.any_household(),
                        1 => request.replaces = None,
                        2 | 3 => request.replaces = Some(request.replaces.unwrap_or(0) + 1),
                        4 => request.replaces = Some(1),
                        5 => lines.clear(),
                        6 => request.delivery_code = None,
                        7 => {
                            for line in &mut lines {
                                line.quantity = Quantity::new(u32::MAX);
                            }
                        }
                        kind => {
                            if let Some(line) = lines.get_mut(line) {
                                match kind {
                                    8 => line.offer += 3,
                                    9 => line.quantity = Quantity::ZERO,
                                    10 => line.quantity = Quantity::new(1),
                                    _ => {
                                        let more = line.quantity.get().saturating_mul(9);
                                        line.quantity = Quantity::new(more);
                                    }
                                }
                            }
                        }
                    }
                    request.lines = list(lines);
                    let twice = request.clone();
                    if self.rng.chance(100) {
                        requests.push(twice);
                    }
                }
                let (group_buy, filing) = (*group_buy, *filing);
                *action = Action::Order { group_buy, filing, orders: list(requests) };
            }
            Action::RecordPayments { payments, .. } => {
                let mut records: Vec<_> = payments.iter().cloned().collect();
                let first = records.first().cloned();
                match (self.rng.below(9), records.first_mut()) {
                    (0, _) => records.clear(),
                    (1, Some(record)) => record.number = self.any_number(model),
                    (2, Some(record)) => {
                        record.channel = self.rng.index(7).try_into().expect("few")
                    }
                    (3, Some(record)) => record.shares = list(Vec::new()),
                    (4, Some(record)) => {
                        record.paid_at = record.paid_at.after(DurationMs::new(1));
                    }
                    (5, _) => records.extend(first),
                    (_, Some(record)) => {
                        record.shares = list(self.bent_shares(&record.shares, model));
                    }
                    (_, None) => {}
                }
                *payments = list(records);
            }
            Action::ConfirmPayments { confirmations, .. } => {
                let mut words: Vec<_> = confirmations.iter().cloned().collect();
                let first = words.first().cloned();
                match (self.rng.below(5), words.first_mut()) {
                    (0, _) => words.clear(),
                    (1, Some(word)) => word.number = self.any_number(model),
                    (2, _) => words.extend(first),
                    (_, Some(word)) => word.amount = self.bent_amount(word.amount, model),
                    (_, None) => {}
                }
                *confirmations = list(words);
            }
            Action::RefusePayment { number, .. } => *number = self.any_number(model),
            Action::ReceiveUnidentified(receipt) => self.bend_receipt(receipt, model),
            Action::ConfirmPurchaseOrder { .. } => {}
            Action::SignGoodsNote(note) => {
                note.accepted = list(self.bent_note(&note.accepted));
            }
            Action::Deliver { codes, .. } => {
                let mut pairs: Vec<_> = codes.iter().copied().collect();
                let first = pairs.first().copied();
                match (self.rng.below(5), pairs.first_mut()) {
                    (0, _) => pairs.clear(),
                    (1, _) => pairs.extend(first),
                    (2, Some((tag, _))) => *tag = self.any_household(),
                    (_, Some((_, code))) => code[0] ^= 1,
                    (_, None) => {}
                }
                *codes = list(pairs);
            }
            Action::Propose(movement) => self.bend_movement(movement, model),
            Action::Approve { proposal, movement } => {
                // What was to be approved is ended instead, by whoever it may be.
                *action = Action::RejectProposal { proposal: *proposal, movement: *movement };
            }
            Action::RejectProposal { .. } => {}
        }
    }

    fn bend_filing(&mut self, filing: &mut Filing, model: &Model) {
        let mut offers: Vec<_> = filing.offers.iter().cloned().collect();
        let at = self.rng.index(offers.len());
        match self.rng.below(16) {
            0 => filing.group_buy = self.any_group_buy(model),
            1 => filing.supplier = self.anybody(),
            2 => filing.delivery = self.anybody(),
            3 => filing.packing = self.anybody(),
            4 => filing.property = self.anybody(),
            5 => filing.cut_off = model.world.now,
            6 => filing.confirm_by = filing.cut_off,
            7 => filing.deliver_by = filing.confirm_by,
            8 => filing.cut_off = filing.confirm_by.after(DurationMs::new(1)),
            9 => filing.retention_basis_points = 10_001,
            10 => filing.relation_declared = !filing.relation_declared,
            11 => offers.clear(),
            12 => offers.extend(offers.first().cloned()),
            kind => {
                if let Some(offer) = offers.get_mut(at) {
                    match kind {
                        13 => offer.split.leader = offer.price,
                        14 => offer.quote = offer.price,
                        _ => offer.split.goods = offer.split.delivery,
                    }
                }
            }
        }
        filing.offers = list(offers);
    }

    fn bend_receipt(&mut self, receipt: &mut Receipt, model: &Model) {
        match self.rng.below(4) {
            0 => receipt.channel = self.rng.index(7).try_into().expect("few"),
            1 => receipt.number = self.any_number(model),
            2 => receipt.received_at = receipt.received_at.after(DurationMs::new(1)),
            _ => receipt.amount = self.bent_amount(receipt.amount, model),
        }
    }

    fn bend_payout(&mut self, payout: &mut Payout, model: &Model) {
        match self.rng.below(4) {
            0 => payout.channel = self.rng.index(7).try_into().expect("few"),
            1 => payout.number = self.any_number(model),
            _ => payout.amount = self.bent_amount(payout.amount, model),
        }
    }

    fn bent_shares(&mut self, shares: &[Share], model: &Model) -> Vec<Share> {
        let mut shares = shares.to_vec();
        let twice = shares.first().copied();
        match (self.rng.below(5), shares.first_mut()) {
            (0, Some(share)) => share.household = self.any_household(),
            (1, _) => shares.extend(twice),
            (_, Some(share)) => share.amount = self.bent_amount(share.amount, model),
            (_, None) => {}
        }
        shares
    }

    fn bent_note(&mut self, accepted: &[(u16, u64)]) -> Vec<(u16, u64)> {
        let mut accepted = accepted.to_vec();
        let twice = accepted.first().copied();
        match (self.rng.below(4), accepted.last_mut()) {
            (0, _) => accepted.extend(twice),
            (1, Some((offer, _))) => *offer += 4,
            (_, Some((_, sum))) => *sum = sum.saturating_add(1),
            (_, None) => accepted.push((7, 0)),
        }
        accepted
    }

    /// Bends what only this movement holds, or else its money.
    fn bend_movement(&mut self, movement: &mut Movement, model: &Model) {
        match movement {
            Movement::Identify { payment, .. } if self.rng.chance(400) => {
                *payment = self.any_number(model);
            }
            Movement::ReturnUnidentified { payment: number, .. }
            | Movement::Bounce { payout: number, .. }
                if self.rng.chance(300) =>
            {
                *number = self.any_number(model);
            }
            Movement::DecideGoods(note) => note.accepted = list(self.bent_note(&note.accepted)),
            Movement::Deliver { households, .. } => {
                let mut tags: Vec<_> = households.iter().copied().collect();
                match self.rng.below(3) {
                    0 => tags.clear(),
                    1 => tags.push(self.any_household()),
                    _ => tags.extend(tags.first().copied()),
                }
                *households = list(tags);
            }
            Movement::PayOut { to, .. } if self.rng.chance(200) => {
                *to = PayTo::Fee(u8::try_from(self.rng.below(6)).expect("small"));
            }
            Movement::PayUnclaimed { beneficiary, .. } if self.rng.chance(300) => {
                *beneficiary = match self.rng.below(3) {
                    0 => Beneficiary::Household(self.any_household()),
                    1 => Beneficiary::Supplier(self.anybody()),
                    _ => Beneficiary::Payee(self.anybody()),
                };
            }
            Movement::Transfer { to: channel, .. } | Movement::BearChannelFee { channel, .. }
                if self.rng.chance(300) =>
            {
                *channel = self.rng.index(7).try_into().expect("few");
            }
            Movement::ChargeDifference { channel, member, amount, .. } => match self.rng.below(3) {
                0 => *channel = self.rng.index(7).try_into().expect("few"),
                1 => *member = self.anybody(),
                _ => *amount = self.bent_amount(*amount, model),
            },
            Movement::RepayReceivable { member, .. } if self.rng.chance(300) => {
                *member = self.anybody();
            }
            _ => {
                if let Some(money) = parts(movement).money {
                    self.bend_money(money, model);
                }
            }
        }
    }

    fn bend_money(&mut self, money: Money<'_>, model: &Model) {
        match money {
            Money::Payout(payout) => self.bend_payout(payout, model),
            Money::Receipt(receipt) => self.bend_receipt(receipt, model),
            Money::Amount(amount) => *amount = self.bent_amount(*amount, model),
            Money::Shares(shares) => *shares = list(self.bent_shares(shares, model)),
            Money::Refunds(items) => {
                let mut refunds: Vec<_> = items.iter().copied().collect();
                let twice = refunds.first().copied();
                match (self.rng.below(7), refunds.last_mut()) {
                    (0, _) => refunds.clear(),
                    (1, _) => refunds.extend(twice),
                    (2, Some(item)) => item.household = self.any_household(),
                    (3, Some(item)) => item.payment = self.any_number(model),
                    (4, Some(item)) => item.number = self.any_number(model),
                    (_, Some(item)) => item.amount = self.bent_amount(item.amount, model),
                    (_, None) => {}
                }
                *items = list(refunds);
            }
        }
    }
}

/// Says the same about another group buy.
fn rename_group_buy(action: &mut Action, id: GroupBuyId) {
    match action {
        Action::File(Filing { group_buy, .. })
        | Action::DecideFiling { group_buy, .. }
        | Action::Order { group_buy, .. }
        | Action::RecordPayments { group_buy, .. }
        | Action::ConfirmPayments { group_buy, .. }
        | Action::RefusePayment { group_buy, .. }
        | Action::ConfirmPurchaseOrder { group_buy, .. }
        | Action::Deliver { group_buy, .. } => *group_buy = id,
        Action::SignGoodsNote(note) => note.group_buy = id,
        Action::Propose(movement) => {
            if let Some(group_buy) = parts(movement).group_buy {
                *group_buy = id;
            }
        }
        Action::ReceiveUnidentified(_) | Action::Approve { .. } | Action::RejectProposal { .. } => {
        }
    }
}
