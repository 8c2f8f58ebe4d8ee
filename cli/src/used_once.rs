//! Identifiers that are used once, on disk: an audit's memory does not grow with the length of the chain.

use crate::{exit::Failure, lang::say};
use ledger_core::{
    audit::UsedOnce,
    codec::{decode, encode},
    fund::{PermanentId, PermanentRecord},
};
use redb::{Database, Durability, ReadableDatabase as _, TableDefinition};
use std::fmt;
use tempfile::TempDir;

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("used-once");
/// Memory for what was asked for lately.
const CACHE_BYTES: usize = 32 * 1024 * 1024;
/// After so many blocks space that is no longer needed is given back.
const BLOCKS_PER_SYNC: u32 = 4_096;

/// A table in a temporary folder, which goes with it.
pub(crate) struct OnDisk {
    database: Database,
    blocks: u32,
    _folder: TempDir,
}

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDisk")
    }
}

impl OnDisk {
    /// An empty table.
    pub(crate) fn new() -> Result<Self, Failure> {
        let unusable = |error: &dyn fmt::Display| {
            Failure::setup(say!(
                "cannot make a temporary file: {error}",
                "无法建立临时文件：{error}"
            ))
            .help(say!(
                "make room there, or name another folder in TMPDIR",
                "请腾出空间，或用 TMPDIR 指定另一个文件夹"
            ))
        };
        let folder = tempfile::tempdir().map_err(|error| unusable(&error))?;
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(folder.path().join("used-once"))
            .map_err(|error| unusable(&error))?;
        let mut table = Self { database, blocks: 0, _folder: folder };
        table.write(&[]).map_err(|error| unusable(&error))?;
        Ok(table)
    }

    fn read(&self, id: &PermanentId) -> Result<Option<Vec<u8>>, redb::Error> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        Ok(table.get(encode(id).as_slice())?.map(|value| value.value().to_vec()))
    }

    fn write(&mut self, records: &[(PermanentId, PermanentRecord)]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        if !self.blocks.is_multiple_of(BLOCKS_PER_SYNC) {
            transaction.set_durability(Durability::None)?;
        }
        self.blocks = self.blocks.wrapping_add(1);
        {
            let mut table = transaction.open_table(TABLE)?;
            for (id, record) in records {
                table.insert(encode(id).as_slice(), encode(record).as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// A temporary file that fails in the middle of an audit ends it: nothing right can follow.
impl UsedOnce for OnDisk {
    fn get(&self, id: &PermanentId) -> Option<PermanentRecord> {
        let bytes = self.read(id).unwrap_or_else(|error| panic!("temporary file: {error}"))?;
        Some(decode(&bytes).unwrap_or_else(|error| panic!("temporary file: {error}")))
    }

    fn put(&mut self, records: &[(PermanentId, PermanentRecord)]) {
        if !records.is_empty() {
            self.write(records).unwrap_or_else(|error| panic!("temporary file: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::crypto::Digest;

    #[test]
    fn what_was_put_is_found_and_nothing_else() {
        let mut table = OnDisk::new().expect("a temporary file");
        let id = |name: &str| PermanentId::GroupBuy(name.parse().expect("a code"));
        let record = PermanentRecord::Seal(Digest::new([7; 32]));
        assert_eq!(table.get(&id("a")), None);
        for round in 0..3 {
            table.put(&[(id(&format!("a{round}")), record.clone())]);
        }
        assert_eq!(table.get(&id("a2")), Some(record));
        assert_eq!(table.get(&id("b")), None);
    }
}
