//! What is to change about a table: which record each slot will hold.

/// What becomes of a slot.
#[derive(Debug, Clone)]
pub(super) enum Slot<K, V> {
    /// It holds this record.
    Record(K, V),
    /// It is free.
    Free,
}

impl<K, V> Slot<K, V> {
    pub(super) fn record(&self) -> Option<&V> {
        match self {
            Self::Record(_, record) => Some(record),
            Self::Free => None,
        }
    }

    pub(super) fn record_mut(&mut self) -> Option<&mut V> {
        match self {
            Self::Record(_, record) => Some(record),
            Self::Free => None,
        }
    }
}

/// What [`Table::make`](super::Table::make) carries out.
#[derive(Debug, Clone)]
pub struct Changes<K, V> {
    /// Slots that the table has, ascending.
    pub(super) changed: Vec<(u32, Slot<K, V>)>,
    /// Slots that it will have, in their order.
    pub(super) added: Vec<Slot<K, V>>,
}

impl<K, V> Changes<K, V> {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty()
    }

    /// The records that are new or changed.
    pub fn records(&self) -> impl Iterator<Item = (&K, &V)> {
        let slots = self.changed.iter().map(|(_, slot)| slot).chain(&self.added);
        slots.filter_map(|slot| match slot {
            Slot::Record(key, record) => Some((key, record)),
            Slot::Free => None,
        })
    }

    /// The slots that change and that the table has, ascending.
    pub fn changed(&self) -> impl Iterator<Item = u32> {
        self.changed.iter().map(|(slot, _)| *slot)
    }
}
