//! The store in memory: a lock around one ordered map for each column.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{PoisonError, RwLock},
};

use super::{
    COLUMN_COUNT, Change, Entry, Store, StoreError, Visit, after_prefix, check, check_all,
};

type Columns = Vec<BTreeMap<Vec<u8>, Vec<u8>>>;

/// A store that forgets everything when it is dropped: for tests, and as the simulator's disk.
#[derive(Debug)]
pub struct MemoryStore {
    columns: RwLock<Columns>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { columns: RwLock::new(vec![BTreeMap::new(); usize::from(COLUMN_COUNT)]) }
    }

    /// Runs `read` on one column, after the checks every method makes.
    fn read<T>(
        &self,
        column: u8,
        key: &[u8],
        read: impl FnOnce(&BTreeMap<Vec<u8>, Vec<u8>>) -> T,
    ) -> Result<T, StoreError> {
        check(column, key)?;
        // Nothing panics while a batch is half applied, so a poisoned lock still guards whole data.
        let columns = self.columns.read().unwrap_or_else(PoisonError::into_inner);
        let column_map =
            columns.get(usize::from(column)).ok_or(StoreError::UnknownColumn { column })?;
        Ok(read(column_map))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn get(&self, column: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(column, key, |entries| entries.get(key).cloned())
    }

    fn get_many(&self, column: u8, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        keys.iter().try_for_each(|key| check(column, key))?;
        self.read(column, &[], |entries| {
            keys.iter().map(|key| entries.get(key.as_slice()).cloned()).collect()
        })
    }

    fn scan(
        &self,
        column: u8,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        check(column, from)?;
        self.read(column, prefix, |entries| {
            let start = Bound::Included(prefix.max(from));
            for (key, value) in entries.range::<[u8], _>((start, Bound::Unbounded)) {
                if !key.starts_with(prefix) || visit(key, value).is_break() {
                    break;
                }
            }
        })
    }

    fn last(&self, column: u8, prefix: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.read(column, prefix, |entries| {
            let end = after_prefix(prefix);
            entries
                .range::<[u8], _>((Bound::Included(prefix), Bound::Excluded(end.as_slice())))
                .next_back()
                .map(|(key, value)| (key.clone(), value.clone()))
        })
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        check_all(&changes)?;
        let mut columns = self.columns.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let (Change::Put { column, .. }
            | Change::Delete { column, .. }
            | Change::DeletePrefix { column, .. }) = change;
            let Some(entries) = columns.get_mut(usize::from(column)) else { continue };
            match change {
                Change::Put { key, value, .. } => {
                    entries.insert(key, value);
                }
                Change::Delete { key, .. } => {
                    entries.remove(&key);
                }
                Change::DeletePrefix { prefix, .. } => {
                    let mut tail = entries.split_off(&prefix);
                    entries.append(&mut tail.split_off(&after_prefix(&prefix)));
                }
            }
        }
        Ok(())
    }
}
