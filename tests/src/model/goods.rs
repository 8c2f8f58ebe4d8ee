//! The purchase order, the goods note and what it books, delivery (G31 to G35).

use super::{
    Model, hash, hash_of, prices,
    refusals::{
        ACCEPTED_EXCEEDS_ORDERED, ALREADY_DELIVERED, Answer, BAD_GOODS_NOTE, NO_ORDERS,
        NOTE_ALREADY_SIGNED, NOTE_DIFFERS, PURCHASE_ORDER_DIFFERS, TOTAL_DIFFERS,
        UNKNOWN_HOUSEHOLD, WRONG_DELIVERY_CODE, WRONG_ROLE,
    },
    world::{GroupBuy, HalfNote},
};
use ledger_core::{
    codec::encode,
    crypto::Digest,
    fund::{AccountId, FeePart, GoodsNote, Phase, Role},
    types::{GroupBuyId, HouseholdTag, MemberId},
};

impl GroupBuy {
    /// G30: what the covered lines cost.
    pub(crate) fn purchase_total(&self) -> u64 {
        let covered = self.orders.iter().filter(|order| order.covered);
        covered.flat_map(|order| &order.lines).map(|line| self.price_of(line)).sum()
    }

    /// How much of an offer is on covered lines.
    pub(crate) fn purchased(&self, offer: u16) -> u64 {
        let covered = self.orders.iter().filter(|order| order.covered);
        let lines = covered.flat_map(|order| &order.lines).filter(|line| line.offer == offer);
        lines.map(|line| u64::from(line.quantity)).sum()
    }

    /// G31: the quantities of the covered lines, by ascending offer.
    pub(crate) fn purchase_order(&self) -> Vec<(u16, u64)> {
        let offers = (0u16..).zip(self.filing.offers.iter()).map(|(offer, _)| offer);
        offers.map(|offer| (offer, self.purchased(offer))).filter(|(_, sum)| *sum > 0).collect()
    }

    pub(crate) fn purchase_order_hash(&self) -> Digest {
        hash_of("purchase-order", &self.purchase_order())
    }
}

impl Model {
    /// G31.
    pub(super) fn confirm_purchase_order(
        &mut self,
        author: MemberId,
        id: GroupBuyId,
        total: u64,
        purchase_order: Digest,
    ) -> Answer<()> {
        let group_buy = self.group_buy(id)?;
        if author != group_buy.filing.supplier {
            return Err(WRONG_ROLE);
        }
        self.in_phase(id, &[Phase::Formed])?;
        if total != group_buy.purchase_total() {
            return Err(TOTAL_DIFFERS);
        }
        if purchase_order != group_buy.purchase_order_hash() {
            return Err(PURCHASE_ORDER_DIFFERS);
        }
        self.enter_phase(id, Phase::Ordered);
        Ok(())
    }

    /// G32: one half of the goods note, or the second.
    pub(super) fn sign_goods_note(&mut self, author: MemberId, note: &GoodsNote) -> Answer<()> {
        let id = note.group_buy;
        let group_buy = self.group_buy(id)?;
        let supplier = group_buy.filing.supplier;
        let gives = author == supplier;
        let receives = author == group_buy.leader || self.role(author) == Some(Role::Property);
        if !gives && !receives {
            return Err(WRONG_ROLE);
        }
        self.in_phase(id, &[Phase::Ordered])?;
        Self::note_is_in_order(note)?;
        self.note_is_within_order(note)?;
        let hash = hash_of("goods-note", note);
        let now = self.world.now;
        let half = self.group_buy(id)?.note.clone();
        match half {
            None => {
                self.group_buy_mut(id).note = Some(HalfNote { by: author, at: now, hash });
                Ok(())
            }
            Some(half) if half.by == author && half.hash == hash => Err(NOTE_ALREADY_SIGNED),
            // Whoever signed first may sign another note in its place; the time stays.
            Some(half) if half.by == author => {
                self.group_buy_mut(id).note = Some(HalfNote { by: author, at: half.at, hash });
                Ok(())
            }
            Some(half) if half.hash != hash => Err(NOTE_DIFFERS),
            Some(half) if gives == (half.by == supplier) => Err(WRONG_ROLE),
            Some(_) => {
                self.book_goods(note);
                Ok(())
            }
        }
    }

    /// G32: each offer once, ascending.
    pub(super) fn note_is_in_order(note: &GoodsNote) -> Answer<()> {
        let ascends = note.accepted.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if ascends { Ok(()) } else { Err(BAD_GOODS_NOTE) }
    }

    /// G32: never more than was ordered, which is nothing of what is not offered.
    pub(super) fn note_is_within_order(&self, note: &GoodsNote) -> Answer<()> {
        let group_buy = self.group_buy(note.group_buy)?;
        let mut lines = note.accepted.iter();
        let exceeds = lines.any(|(offer, accepted)| *accepted > group_buy.purchased(*offer));
        if exceeds { Err(ACCEPTED_EXCEEDS_ORDERED) } else { Ok(()) }
    }

    /// G33, G34: shares the goods out and books them.
    pub(super) fn book_goods(&mut self, note: &GoodsNote) {
        let id = note.group_buy;
        self.allocate(note);
        let group_buy = self.group_buy(id).expect("looked up before").clone();
        let mut goods_of = Vec::new();
        for household in group_buy.households() {
            let (mut goods, mut short) = (0, 0);
            for order in group_buy.orders_of(household).filter(|order| order.covered) {
                for line in &order.lines {
                    let offer = &group_buy.filing.offers[usize::from(line.offer)];
                    goods += prices::line_goods(offer, line.allocated);
                    // G51: what is given back is f(before) - f(after).
                    short += prices::line_price(offer, line.quantity)
                        - prices::line_price(offer, line.allocated);
                }
            }
            goods_of.push((household, goods));
            self.post_own(id, AccountId::Escrow(household), AccountId::Refund(household), short);
        }
        // G50: rounded down once for the note. Whose goods it is taken from changes no balance.
        let all_goods = goods_of.iter().map(|(_, goods)| goods).sum();
        let mut retain = prices::retained(all_goods, group_buy.filing.retention_basis_points);
        for (household, goods) in goods_of {
            let retained = goods.min(retain);
            retain -= retained;
            let escrow = AccountId::Escrow(household);
            self.post_own(id, escrow, AccountId::Retention, retained);
            self.post_own(id, escrow, AccountId::Payable, goods - retained);
        }
        self.enter_phase(id, Phase::Received);
        self.end_deliveries(id);
    }

    /// G33: each covered line of an offer gets its share of what was accepted of it.
    fn allocate(&mut self, note: &GoodsNote) {
        let id = note.group_buy;
        let parent = self.world.parent;
        let group_buy = self.group_buy_mut(id);
        for (offer, accepted) in &note.accepted {
            let mut places = Vec::new();
            let mut ordered = Vec::new();
            let mut tie_break = Vec::new();
            for (slot, order) in (0u32..).zip(&group_buy.orders) {
                for (position, line) in (0u64..).zip(&order.lines) {
                    if order.covered && line.offer == *offer {
                        places.push((slot, position));
                        ordered.push(line.quantity);
                        let content = encode(&(parent, id, slot, position));
                        tie_break.push(*hash("tie", &content).as_bytes());
                    }
                }
            }
            let shares = prices::share_out(&ordered, *accepted, &tie_break);
            for ((slot, position), share) in places.into_iter().zip(shares) {
                let order = &mut group_buy.orders[usize::try_from(slot).expect("an index")];
                order.lines[usize::try_from(position).expect("an index")].allocated = share;
            }
        }
    }

    /// G35: a household has its goods when the leader gives in its code.
    pub(super) fn deliver_by_code(
        &mut self,
        author: MemberId,
        id: GroupBuyId,
        codes: &[(HouseholdTag, [u8; 16])],
    ) -> Answer<()> {
        self.is_leader_of(author, id)?;
        self.in_phase(id, &[Phase::Received])?;
        if codes.is_empty() {
            return Err(NO_ORDERS);
        }
        let mut news = false;
        for (household, code) in codes {
            let waits = self.waits_for_goods(id, *household)?;
            let shown = hash("delivery-code", &[&household.as_bytes()[..], code].concat());
            let group_buy = self.group_buy(id)?;
            if !group_buy.orders_of(*household).any(|order| order.delivery_code == Some(shown)) {
                return Err(WRONG_DELIVERY_CODE);
            }
            if waits {
                self.hand_over(id, *household);
                news = true;
            }
        }
        self.end_deliveries(id);
        if news { Ok(()) } else { Err(ALREADY_DELIVERED) }
    }

    /// G35: households that have their goods, or got none, are skipped.
    pub(super) fn deliver_all(
        &mut self,
        id: GroupBuyId,
        households: &[HouseholdTag],
    ) -> Answer<()> {
        if households.is_empty() {
            return Err(NO_ORDERS);
        }
        let mut news = false;
        for household in households {
            if self.waits_for_goods(id, *household)? {
                self.hand_over(id, *household);
                news = true;
            }
        }
        self.end_deliveries(id);
        if news { Ok(()) } else { Err(ALREADY_DELIVERED) }
    }

    fn waits_for_goods(&self, id: GroupBuyId, household: HouseholdTag) -> Answer<bool> {
        let group_buy = self.group_buy(id)?;
        if group_buy.orders_of(household).next().is_none() {
            return Err(UNKNOWN_HOUSEHOLD);
        }
        Ok(group_buy.gets_goods(household) && !group_buy.delivered.contains(&household))
    }

    /// G35: the fees of a household's goods are earned.
    fn hand_over(&mut self, id: GroupBuyId, household: HouseholdTag) {
        let group_buy = self.group_buy(id).expect("looked up before").clone();
        for part in FeePart::ALL {
            let covered = group_buy.orders_of(household).filter(|order| order.covered);
            let lines = covered.flat_map(|order| &order.lines);
            let fee = lines.map(|line| {
                let offer = &group_buy.filing.offers[usize::from(line.offer)];
                prices::line_fee(offer, line.allocated, part)
            });
            let fee = fee.sum();
            self.post_own(id, AccountId::Escrow(household), AccountId::Fee(part), fee);
        }
        self.group_buy_mut(id).delivered.push(household);
    }

    /// G35: with the last household the group buy is DELIVERED; at once, if nothing arrived.
    pub(super) fn end_deliveries(&mut self, id: GroupBuyId) {
        let group_buy = self.group_buy(id).expect("looked up before");
        let households = group_buy.households();
        let mut waiting = households.iter().filter(|household| group_buy.gets_goods(**household));
        if waiting.all(|household| group_buy.delivered.contains(household)) {
            let now = self.world.now;
            self.group_buy_mut(id).last_delivery = now;
            self.enter_phase(id, Phase::Delivered);
        }
    }
}
