//! How a group buy is committed to, stored and loaded.

use super::{Filing, GroupBuy, Header};
use crate::{
    codec::{Decode, Encode, decode, encode},
    crypto::Digest,
    merkle::{Record, StateWrite, StoredRecord, Table},
    types::GroupBuyId,
};
use std::sync::Arc;

/// The stored head of a group buy: what its tables are loaded and checked by.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StoredGroupBuy {
    pub(crate) header: Header,
    /// Slot count and commitment of orders, households, payments, accounts and offers.
    pub(crate) tables: [(u32, Digest); 5],
}

/// Names of the tables below a group buy, in storage paths.
pub(crate) const GROUP_BUY_TABLES: [u8; 5] = [0, 1, 2, 3, 4];
/// Name of the filing in storage paths.
pub(crate) const FILING: u8 = 5;

/// Slots and commitment of a table of a group buy.
fn commit_below<K: Ord + Clone + Encode, V: Record>(
    table: &mut Table<K, V>,
    path: &[u8],
    name: u8,
    writes: &mut Vec<StateWrite>,
) -> (u32, Digest) {
    let below = || [path, &[name]].concat();
    let committed = table.commitment().copied();
    let commitment = committed.unwrap_or_else(|| table.commit(&below(), writes));
    (table.slot_count(), commitment)
}

impl Record for Arc<GroupBuy> {
    fn commit(&mut self, path: &[u8], writes: &mut Vec<StateWrite>) -> Vec<u8> {
        let group_buy = Arc::make_mut(self);
        let [orders, households, payments, accounts, offers] = GROUP_BUY_TABLES;
        let tables = [
            commit_below(&mut group_buy.orders, path, orders, writes),
            commit_below(&mut group_buy.households, path, households, writes),
            commit_below(&mut group_buy.payments, path, payments, writes),
            commit_below(&mut group_buy.accounts, path, accounts, writes),
            commit_below(&mut group_buy.offers, path, offers, writes),
        ];
        if !group_buy.filing_stored {
            group_buy.filing_stored = true;
            let value = Some(encode(&*group_buy.filing));
            writes.push(StateWrite { key: [path, &[FILING]].concat(), value });
        }
        encode(&(&group_buy.header, tables))
    }

    fn delete_below(&self, path: &[u8], writes: &mut Vec<StateWrite>) {
        let below = |table: u8| [path, &[table]].concat();
        self.orders.delete_all(&below(GROUP_BUY_TABLES[0]), writes);
        self.households.delete_all(&below(GROUP_BUY_TABLES[1]), writes);
        self.payments.delete_all(&below(GROUP_BUY_TABLES[2]), writes);
        self.accounts.delete_all(&below(GROUP_BUY_TABLES[3]), writes);
        self.offers.delete_all(&below(GROUP_BUY_TABLES[4]), writes);
        writes.push(StateWrite { key: below(FILING), value: None });
    }
}

/// Puts a stored group buy together; `records` are all below its slot, the head under the empty path.
pub(crate) fn load_group_buy(records: Vec<StoredRecord>) -> Result<GroupBuy, &'static str> {
    let mut head = None;
    let mut filing = None;
    let mut tables: [Vec<StoredRecord>; 5] = Default::default();
    for (path, value) in records {
        match path.split_first() {
            None => head = Some(value),
            Some((&FILING, [])) => filing = Some(value),
            Some((table, rest)) => tables
                .get_mut(usize::from(*table))
                .ok_or("a table that a group buy does not have")?
                .push((rest.to_vec(), value)),
        }
    }
    let head = head.ok_or("a group buy without a head")?;
    let filing = filing.ok_or("a group buy without a filing")?;
    let (_, head): (GroupBuyId, StoredGroupBuy) =
        decode(&head).map_err(|_| "a malformed group buy")?;
    let filing: Filing = decode(&filing).map_err(|_| "a malformed filing")?;
    if filing.digest() != head.header.filing() {
        return Err("a filing other than that of its group buy");
    }
    let [orders, households, payments, accounts, offers] = tables;
    let slots = head.tables.map(|(slots, _)| slots);
    Ok(GroupBuy {
        header: head.header,
        filing: Arc::new(filing),
        filing_stored: true,
        orders: Table::from_stored(slots[0], orders)?,
        households: Table::from_stored(slots[1], households)?,
        payments: Table::from_stored(slots[2], payments)?,
        accounts: Table::from_stored(slots[3], accounts)?,
        offers: Table::from_stored(slots[4], offers)?,
    })
}
