//! The store on disk, in RocksDB.
//!
//! One column family for each column, and one, `meta`, that says which chain and which format the
//! store has. Every batch is one write to the write-ahead log, synced before `apply` returns. The
//! log is never disabled, and a broken record before its end refuses to open instead of being
//! skipped: what was acknowledged is either there or missed loudly.

use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::Path};

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB,
    DBCompressionType, DBRecoveryMode, ErrorKind, LogLevel, Options, ReadOptions, WriteBatch,
    WriteOptions,
};

use super::{
    COLUMN_COUNT, Change, Entry, Store, StoreError, Visit, after_prefix, check, check_all,
};

/// Format of what this program writes; a store with a greater one is refused.
pub const STORE_FORMAT: u32 = 2;

/// Memory for blocks, indexes and filters read from disk, shared by all columns.
pub const CACHE_BYTES: usize = 64 * MIB;

const MIB: usize = 1024 * 1024;
/// Memory for what is written and not yet in a table file, over all columns.
const WRITE_BUFFER_ALL_BYTES: usize = 64 * MIB;
/// The same for one column: half, so that one busy column cannot make every other flush.
const WRITE_BUFFER_BYTES: usize = 32 * MIB;
/// Log replayed after a crash: a few seconds of reading.
const LOG_ALL_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Below the usual limit of 1,024 open files, with room for sockets.
const OPEN_FILES_MAX: i32 = 512;
/// Blocks of this size compress well and still cost one disk read for a point lookup.
const BLOCK_BYTES: usize = 16 * 1024;
/// A lookup of something that is not there reads one such part.
const FILTER_PART_BYTES: usize = 4 * 1024;
/// Ten bits make about one lookup in a hundred touch a table in vain.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Part of a write buffer for a filter over what is in it: ten bits for a key with its value of
/// some 60 bytes.
const BLOOM_OF_WRITE_BUFFER: f64 = 0.02;
/// One compaction beside one flush: a node shares its machine with consensus and signatures.
const BACKGROUND_JOBS_MAX: i32 = 2;
/// RocksDB's own text log, which only its developers read.
const TEXT_LOG_BYTES_MAX: usize = 2 * MIB;
const TEXT_LOG_FILES_MAX: usize = 2;

/// Column families of the columns, by number.
const FAMILIES: [&str; COLUMN_COUNT as usize] = [
    "c00", "c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08", "c09", "c10", "c11", "c12",
    "c13", "c14", "c15",
];
const META: &str = "meta";
const FORMAT_KEY: &[u8] = b"format";
const IDENTITY_KEY: &[u8] = b"identity";

const _: () = assert!(WRITE_BUFFER_BYTES <= WRITE_BUFFER_ALL_BYTES);
const _: () = assert!(LOG_ALL_BYTES_MAX >= WRITE_BUFFER_ALL_BYTES as u64);

/// A store on disk that belongs to one chain.
pub struct RocksStore {
    database: DB,
}

impl RocksStore {
    /// Opens the store in the folder `path`, or creates it for the chain `identity`.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] if it was created for another identity, [`StoreError::NewerFormat`], [`StoreError::OlderFormat`]
    /// if by a newer release, [`StoreError::InUse`] if it is open elsewhere,
    /// [`StoreError::Corrupt`] if it is damaged, [`StoreError::Full`] if the disk is, and
    /// [`StoreError::Io`] for the rest.
    pub fn open(path: &Path, identity: &[u8]) -> Result<Self, StoreError> {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(path).map_err(|source| from_io(path, &source))?;
        let cache = Cache::new_lru_cache(CACHE_BYTES);
        let families = family_names(path)?
            .into_iter()
            .map(|name| ColumnFamilyDescriptor::new(name, family_options(&cache)));
        let database = DB::open_cf_descriptors(&database_options(), path, families)
            .map_err(|error| from_open(path, &error))?;
        let store = Self { database };
        store.check_identity(path, identity)?;
        Ok(store)
    }

    /// Makes the store one of this chain if it is new; otherwise makes sure that it is one.
    fn check_identity(&self, path: &Path, identity: &[u8]) -> Result<(), StoreError> {
        let meta = self.family(META)?;
        let read = |key| {
            self.database.get_cf_opt(meta, key, &read_options()).map_err(|error| from_rocks(&error))
        };
        let (format, found) = match (read(FORMAT_KEY)?, read(IDENTITY_KEY)?) {
            (Some(format), Some(found)) => (format, found),
            (None, None) if self.is_empty()? => return self.write_identity(identity),
            _ => return Err(corrupt("it does not say which chain it belongs to")),
        };
        let format = <[u8; 4]>::try_from(format.as_slice())
            .map(u32::from_le_bytes)
            .map_err(|_| corrupt("its format number is unreadable"))?;
        if format > STORE_FORMAT {
            let path = path.to_path_buf();
            return Err(StoreError::NewerFormat { path, found: format, supported: STORE_FORMAT });
        }
        if format != STORE_FORMAT {
            let path = path.to_path_buf();
            return Err(StoreError::OlderFormat { path, found: format, supported: STORE_FORMAT });
        }
        if found != identity {
            return Err(StoreError::Foreign {
                path: path.to_path_buf(),
                expected: hex::encode(identity),
                found: hex::encode(found),
            });
        }
        Ok(())
    }

    /// A crash while a store is being created leaves columns without content: still a new store.
    fn is_empty(&self) -> Result<bool, StoreError> {
        for column in 0..COLUMN_COUNT {
            if self.last(column, &[])?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write_identity(&self, identity: &[u8]) -> Result<(), StoreError> {
        let meta = self.family(META)?;
        let mut batch = WriteBatch::default();
        batch.put_cf(meta, FORMAT_KEY, STORE_FORMAT.to_le_bytes());
        batch.put_cf(meta, IDENTITY_KEY, identity);
        self.write(batch)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.database.write_opt(batch, &options).map_err(|error| from_rocks(&error))
    }

    fn family(&self, name: &str) -> Result<&ColumnFamily, StoreError> {
        self.database
            .cf_handle(name)
            .ok_or_else(|| corrupt(&format!("its column family {name} is missing")))
    }

    fn column(&self, column: u8) -> Result<&ColumnFamily, StoreError> {
        let name = FAMILIES.get(usize::from(column)).ok_or(StoreError::UnknownColumn { column })?;
        self.family(name)
    }

    /// Moves what is in memory into table files, for tests of damaged files.
    #[cfg(test)]
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        (0..COLUMN_COUNT).try_for_each(|column| {
            self.database.flush_cf(self.column(column)?).map_err(|error| from_rocks(&error))
        })
    }

    /// Overwrites the format number, for tests of stores of the future.
    #[cfg(test)]
    pub(super) fn write_format(&self, format: u32) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        batch.put_cf(self.family(META)?, FORMAT_KEY, format.to_le_bytes());
        self.write(batch)
    }
}

impl Store for RocksStore {
    fn get(&self, column: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        check(column, key)?;
        self.database
            .get_cf_opt(self.column(column)?, key, &read_options())
            .map_err(|error| from_rocks(&error))
    }

    fn get_many(&self, column: u8, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        check(column, &[])?;
        keys.iter().try_for_each(|key| check(column, key))?;
        self.database
            .batched_multi_get_cf_opt(self.column(column)?, keys, false, &read_options())
            .into_iter()
            .map(|result| match result {
                Ok(value) => Ok(value.map(|bytes| bytes.to_vec())),
                Err(error) => Err(from_rocks(&error)),
            })
            .collect()
    }

    fn scan(
        &self,
        column: u8,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        check(column, prefix)?;
        check(column, from)?;
        let mut options = read_options();
        options.set_iterate_upper_bound(after_prefix(prefix));
        let mut cursor = self.database.raw_iterator_cf_opt(self.column(column)?, options);
        cursor.seek(prefix.max(from));
        while let Some((key, value)) = cursor.item() {
            if visit(key, value).is_break() {
                return Ok(());
            }
            cursor.next();
        }
        // A cursor that meets a damaged block just ends; only its status tells that from the end.
        cursor.status().map_err(|error| from_rocks(&error))
    }

    fn last(&self, column: u8, prefix: &[u8]) -> Result<Option<Entry>, StoreError> {
        check(column, prefix)?;
        let mut options = read_options();
        options.set_iterate_lower_bound(prefix);
        options.set_iterate_upper_bound(after_prefix(prefix));
        let mut cursor = self.database.raw_iterator_cf_opt(self.column(column)?, options);
        cursor.seek_to_last();
        let entry = cursor.item().map(|(key, value)| (key.to_vec(), value.to_vec()));
        cursor.status().map_err(|error| from_rocks(&error))?;
        Ok(entry)
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        check_all(&changes)?;
        let mut batch = WriteBatch::default();
        for change in &changes {
            match change {
                Change::Put { column, key, value } => {
                    batch.put_cf(self.column(*column)?, key, value);
                }
                Change::Delete { column, key } => batch.delete_cf(self.column(*column)?, key),
                Change::DeletePrefix { column, prefix } => {
                    let end = after_prefix(prefix);
                    batch.delete_range_cf(self.column(*column)?, prefix.as_slice(), &end);
                }
            }
        }
        self.write(batch)
    }
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_max_total_wal_size(LOG_ALL_BYTES_MAX);
    options.set_db_write_buffer_size(WRITE_BUFFER_ALL_BYTES);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_max_background_jobs(BACKGROUND_JOBS_MAX);
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(TEXT_LOG_BYTES_MAX);
    options.set_keep_log_file_num(TEXT_LOG_FILES_MAX);
    options
}

fn family_options(cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(BLOCK_BYTES);
    table.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    // Indexes and filters count against the cache too, or memory would grow with the chain; in small
    // parts, since one that is larger than a shard of the cache would be read for every lookup anew.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(FILTER_PART_BYTES);
    table.set_pin_top_level_index_and_filter(true);
    table.set_cache_index_and_filter_blocks(true);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    // Most lookups are for identifiers that should not exist yet.
    options.set_memtable_prefix_bloom_ratio(BLOOM_OF_WRITE_BUFFER);
    options.set_memtable_whole_key_filtering(true);
    options
}

fn read_options() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(true);
    options
}

/// Our column families, and those a newer release may have added: RocksDB opens all or none, and
/// the format number, which gives the better error, is inside.
fn family_names(path: &Path) -> Result<Vec<String>, StoreError> {
    let mut names: Vec<String> = FAMILIES.map(str::to_owned).to_vec();
    names.push(META.to_owned());
    let exists = path.join("CURRENT").try_exists().map_err(|source| from_io(path, &source))?;
    if !exists {
        refuse_orphans(path)?;
        return Ok(names);
    }
    let present = DB::list_cf(&Options::default(), path).map_err(|e| from_open(path, &e))?;
    for name in present {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Without its file `CURRENT`, RocksDB takes a folder for a new store and deletes the data in it.
fn refuse_orphans(path: &Path) -> Result<(), StoreError> {
    for file in fs::read_dir(path).map_err(|source| from_io(path, &source))? {
        let name = file.map_err(|source| from_io(path, &source))?.file_name();
        let extension = Path::new(&name).extension().and_then(|text| text.to_str());
        if matches!(extension, Some("sst" | "log")) {
            return Err(corrupt("it holds data, but the file CURRENT is missing"));
        }
    }
    Ok(())
}

fn corrupt(detail: &str) -> StoreError {
    StoreError::Corrupt { detail: detail.to_owned() }
}

/// RocksDB reports a lock only in its message, so its two sentences are matched; a test holds them.
fn from_open(path: &Path, error: &rocksdb::Error) -> StoreError {
    let message = error.as_ref();
    if message.contains("lock hold by current process") || message.contains("While lock file") {
        return StoreError::InUse { path: path.to_path_buf() };
    }
    from_rocks(error)
}

fn from_rocks(error: &rocksdb::Error) -> StoreError {
    classify(error.kind(), error.as_ref())
}

/// RocksDB has no kind of its own for a full disk.
pub(super) fn classify(kind: ErrorKind, message: &str) -> StoreError {
    let detail = message.to_owned();
    let full = ["No space left on device", "Disk quota exceeded", "Space limit reached"];
    if full.iter().any(|sentence| message.contains(sentence)) {
        return StoreError::Full { detail };
    }
    match kind {
        ErrorKind::Corruption => StoreError::Corrupt { detail },
        _ => StoreError::Io { detail },
    }
}

fn from_io(path: &Path, error: &io::Error) -> StoreError {
    let detail = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { detail },
        _ => StoreError::Io { detail },
    }
}
