use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use rocksdb::ErrorKind;
use tempfile::TempDir;

use super::{rocks::classify, *};

const CHAIN: &[u8] = b"orchard-1";

fn put(column: u8, key: &[u8], value: &[u8]) -> Change {
    Change::Put { column, key: key.to_vec(), value: value.to_vec() }
}

fn delete(column: u8, key: &[u8]) -> Change {
    Change::Delete { column, key: key.to_vec() }
}

fn delete_prefix(column: u8, prefix: &[u8]) -> Change {
    Change::DeletePrefix { column, prefix: prefix.to_vec() }
}

fn scan(
    store: &dyn Store,
    column: u8,
    prefix: &[u8],
    from: &[u8],
) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    store.scan(column, prefix, from, &mut |key, value| {
        entries.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(entries)
}

fn keys(store: &dyn Store, column: u8, prefix: &[u8], from: &[u8]) -> Vec<Vec<u8>> {
    scan(store, column, prefix, from).unwrap().into_iter().map(|(key, _)| key).collect()
}

fn open(folder: &Path) -> RocksStore {
    RocksStore::open(folder, CHAIN).unwrap()
}

fn open_error(folder: &Path, identity: &[u8]) -> StoreError {
    match RocksStore::open(folder, identity) {
        Ok(_) => panic!("the store should have been refused"),
        Err(error) => error,
    }
}

/// Every rule of the trait, on any implementation. Each rule uses a column of its own.
fn contract(store: &dyn Store) {
    absent_keys_are_none(store, 0);
    a_batch_takes_effect_in_its_order(store, 1);
    a_scan_visits_a_prefix_in_order(store, 2);
    last_is_the_greatest_of_its_prefix(store, 3);
    columns_do_not_mix(store, 4, 5);
    prefixes_of_the_greatest_bytes_are_deleted_exactly(store, 6);
    a_refused_batch_changes_nothing(store, 7);
    random_batches_match_a_model(store, 8);
}

fn absent_keys_are_none(store: &dyn Store, column: u8) {
    assert_eq!(store.get(column, b"a").unwrap(), None);
    assert_eq!(store.last(column, b"").unwrap(), None);
    assert_eq!(scan(store, column, b"", b"").unwrap(), []);
    store.apply(vec![]).unwrap();
    store.apply(vec![put(column, b"", b"empty key"), put(column, b"b", b"")]).unwrap();
    let asked = [b"b".to_vec(), b"a".to_vec(), vec![], b"b".to_vec()];
    let found = store.get_many(column, &asked).unwrap();
    assert_eq!(found, [Some(vec![]), None, Some(b"empty key".to_vec()), Some(vec![])]);
    assert_eq!(store.get_many(column, &[]).unwrap(), Vec::<Option<Vec<u8>>>::new());
}

fn a_batch_takes_effect_in_its_order(store: &dyn Store, column: u8) {
    store.apply(vec![put(column, b"p0", b"old"), put(column, b"q", b"stays")]).unwrap();
    store
        .apply(vec![
            put(column, b"p1", b"deleted in the same batch"),
            delete_prefix(column, b"p"),
            put(column, b"p2", b"first"),
            put(column, b"p2", b"second"),
            put(column, b"p3", b"gone"),
            delete(column, b"p3"),
            delete(column, b"never there"),
        ])
        .unwrap();
    let expected = [(b"p2".to_vec(), b"second".to_vec()), (b"q".to_vec(), b"stays".to_vec())];
    assert_eq!(scan(store, column, b"", b"").unwrap(), expected);
    store.apply(vec![delete_prefix(column, b""), put(column, b"r", b"1")]).unwrap();
    assert_eq!(keys(store, column, b"", b""), [b"r"]);
}

fn a_scan_visits_a_prefix_in_order(store: &dyn Store, column: u8) {
    let inserted: [&[u8]; 6] = [b"b\xff", b"a", b"b", b"c", b"b\x00", b"ba"];
    store.apply(inserted.map(|key| put(column, key, key)).to_vec()).unwrap();
    let all: [&[u8]; 4] = [b"b", b"b\x00", b"ba", b"b\xff"];
    assert_eq!(keys(store, column, b"b", b""), all);
    assert_eq!(keys(store, column, b"b", b"a"), all, "from before the prefix");
    assert_eq!(keys(store, column, b"b", b"b\x01"), all[2..], "from within the prefix");
    assert_eq!(keys(store, column, b"b", b"ba"), all[2..], "from is included");
    assert_eq!(keys(store, column, b"b", b"c"), [b""; 0], "from after the prefix");
    assert_eq!(keys(store, column, b"x", b""), [b""; 0]);
    let mut visited = 0;
    store
        .scan(column, b"b", b"", &mut |_, _| {
            visited += 1;
            if visited == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(visited, 2, "a scan stops when told");
}

fn last_is_the_greatest_of_its_prefix(store: &dyn Store, column: u8) {
    let inserted: [&[u8]; 5] = [b"\x01", b"\x01\xff\xff", b"\x02", b"\xff", b"\xff\xff\xff"];
    store.apply(inserted.map(|key| put(column, key, key)).to_vec()).unwrap();
    let last = |prefix| store.last(column, prefix).unwrap().map(|(key, _)| key);
    assert_eq!(last(b"\x01"), Some(b"\x01\xff\xff".to_vec()));
    assert_eq!(last(b"\x02"), Some(b"\x02".to_vec()));
    assert_eq!(last(b"\x03"), None);
    assert_eq!(last(b"\xff\xff"), Some(b"\xff\xff\xff".to_vec()));
    assert_eq!(last(b""), Some(b"\xff\xff\xff".to_vec()));
}

fn columns_do_not_mix(store: &dyn Store, one: u8, other: u8) {
    store.apply(vec![put(one, b"k", b"1"), put(other, b"k", b"2")]).unwrap();
    store.apply(vec![delete_prefix(one, b"")]).unwrap();
    assert_eq!(store.get(one, b"k").unwrap(), None);
    assert_eq!(store.get(other, b"k").unwrap(), Some(b"2".to_vec()));
}

fn prefixes_of_the_greatest_bytes_are_deleted_exactly(store: &dyn Store, column: u8) {
    let longest = [u8::MAX; KEY_BYTES_MAX];
    let inserted: [&[u8]; 5] = [b"\xfe\xff", b"\xfe\xff\xff", b"\xff", b"\xff\x00", &longest];
    store.apply(inserted.map(|key| put(column, key, b"")).to_vec()).unwrap();
    store.apply(vec![delete_prefix(column, b"\xfe\xff")]).unwrap();
    assert_eq!(keys(store, column, b"", b""), inserted[2..]);
    assert_eq!(keys(store, column, &longest, b""), inserted[4..]);
    store.apply(vec![delete_prefix(column, b"\xff")]).unwrap();
    assert_eq!(keys(store, column, b"", b""), [b""; 0]);
}

fn a_refused_batch_changes_nothing(store: &dyn Store, column: u8) {
    let long = vec![0; KEY_BYTES_MAX + 1];
    let bad_column = vec![put(column, b"k", b"v"), delete(COLUMN_COUNT, b"k")];
    let bad_key = vec![put(column, b"k", b"v"), put(column, &long, b"v")];
    let bad_prefix = vec![put(column, b"k", b"v"), delete_prefix(column, &long)];
    let refused = store.apply(bad_column).unwrap_err();
    assert!(matches!(refused, StoreError::UnknownColumn { column: COLUMN_COUNT }));
    for batch in [bad_key, bad_prefix] {
        let refused = store.apply(batch).unwrap_err();
        assert!(matches!(refused, StoreError::KeyTooLong { bytes } if bytes == long.len()));
    }
    assert_eq!(store.get(column, b"k").unwrap(), None);
    assert!(matches!(store.get(column, &long), Err(StoreError::KeyTooLong { .. })));
    assert!(matches!(store.get(COLUMN_COUNT, b""), Err(StoreError::UnknownColumn { .. })));
    assert!(matches!(store.get_many(COLUMN_COUNT, &[]), Err(StoreError::UnknownColumn { .. })));
    assert!(matches!(store.last(column, &long), Err(StoreError::KeyTooLong { .. })));
    assert!(matches!(scan(store, column, b"", &long), Err(StoreError::KeyTooLong { .. })));
}

fn random_batches_match_a_model(store: &dyn Store, column: u8) {
    let mut model = std::collections::BTreeMap::new();
    let mut state = 7_u64;
    let mut random = |below: u64| {
        // A linear congruential generator (Knuth): the same batches on every run and store.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..100 {
        let mut batch = Vec::new();
        for _ in 0..random(20) {
            let length = usize::try_from(random(3)).unwrap();
            let key: Vec<u8> = (0..length).map(|_| [0, 1, 254, 255][random(4) as usize]).collect();
            match random(8) {
                0 => {
                    model.retain(|stored: &Vec<u8>, _| !stored.starts_with(&key));
                    batch.push(delete_prefix(column, &key));
                }
                1..4 => {
                    model.remove(&key);
                    batch.push(delete(column, &key));
                }
                _ => {
                    let value = random(u64::from(u32::MAX)).to_le_bytes().to_vec();
                    batch.push(put(column, &key, &value));
                    model.insert(key, value);
                }
            }
        }
        store.apply(batch).unwrap();
        let expected: Vec<_> = model.clone().into_iter().collect();
        assert_eq!(scan(store, column, b"", b"").unwrap(), expected);
        assert_eq!(store.last(column, b"").unwrap(), expected.last().cloned());
        for prefix in [&[255_u8][..], &[255, 255], &[1]] {
            let mut expected = model.clone();
            expected.retain(|key, _| key.starts_with(prefix));
            assert_eq!(keys(store, column, prefix, b""), expected.into_keys().collect::<Vec<_>>());
        }
    }
}

#[test]
fn memory_store_keeps_the_contract() {
    contract(&MemoryStore::new());
}

#[test]
fn rocks_store_keeps_the_contract() {
    let folder = TempDir::new().unwrap();
    contract(&open(folder.path()));
}

#[test]
fn rocks_store_keeps_the_contract_over_old_table_files() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    for column in 0..COLUMN_COUNT {
        let old =
            (0..50_u8).flat_map(|n| [put(column, &[n], b"old"), put(column, &[255, n], b"old")]);
        store.apply(old.collect()).unwrap();
    }
    store.flush().unwrap();
    for column in 0..COLUMN_COUNT {
        store.apply(vec![delete_prefix(column, b"")]).unwrap();
    }
    contract(&store);
}

#[test]
fn rocks_store_remembers_across_restarts() {
    let folder = TempDir::new().unwrap();
    let nested = folder.path().join("not").join("there yet");
    for round in 0..3_u8 {
        let store = open(&nested);
        let expected: Vec<Vec<u8>> = (0..round).map(|n| vec![n]).collect();
        assert_eq!(keys(&store, 15, b"", b""), expected);
        store.apply(vec![put(15, &[round], b"v"), put(0, b"round", &[round])]).unwrap();
        if round == 1 {
            store.flush().unwrap();
        }
    }
    assert_eq!(open(&nested).get(0, b"round").unwrap(), Some(vec![2]));
}

#[test]
fn a_store_of_another_chain_is_refused() {
    let folder = TempDir::new().unwrap();
    drop(open(folder.path()));
    let error = open_error(folder.path(), b"orchard-2");
    assert!(matches!(&error, StoreError::Foreign { expected, found, .. }
        if *expected == hex::encode(b"orchard-2") && *found == hex::encode(CHAIN)));
    open(folder.path());
}

#[test]
fn a_store_in_use_is_refused_until_it_is_closed() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    assert!(matches!(open_error(folder.path(), CHAIN), StoreError::InUse { .. }));
    drop(store);
    open(folder.path());
}

#[test]
fn a_store_of_a_newer_release_is_refused_even_with_columns_unknown_to_us() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.write_format(STORE_FORMAT + 1).unwrap();
    drop(store);
    {
        let families = rocksdb::DB::list_cf(&rocksdb::Options::default(), folder.path()).unwrap();
        let mut database =
            rocksdb::DB::open_cf(&rocksdb::Options::default(), folder.path(), families).unwrap();
        database.create_cf("c99", &rocksdb::Options::default()).unwrap();
    }
    let error = open_error(folder.path(), CHAIN);
    assert!(matches!(error, StoreError::NewerFormat { found, supported, .. }
        if found == STORE_FORMAT + 1 && supported == STORE_FORMAT));
}

#[test]
fn a_store_of_an_older_release_is_not_called_damaged() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.write_format(STORE_FORMAT - 1).unwrap();
    drop(store);
    let error = open_error(folder.path(), CHAIN);
    assert!(matches!(error, StoreError::OlderFormat { found, supported, .. }
        if found == STORE_FORMAT - 1 && supported == STORE_FORMAT));
}

#[test]
fn a_store_that_lost_its_root_file_is_refused_not_emptied() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.apply(vec![put(0, b"k", b"v")]).unwrap();
    drop(store);
    let root = folder.path().join("CURRENT");
    let content = fs::read(&root).unwrap();
    fs::remove_file(&root).unwrap();
    assert!(matches!(open_error(folder.path(), CHAIN), StoreError::Corrupt { .. }));
    fs::write(&root, content).unwrap();
    assert_eq!(open(folder.path()).get(0, b"k").unwrap(), Some(b"v".to_vec()));
}

fn files_with_extension(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn copy_folder(from: &Path) -> TempDir {
    let to = TempDir::new().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

fn value_of(n: u8) -> Vec<u8> {
    // Half compressible, half not, so that blocks of both kinds are on disk.
    (0..40_u8)
        .map(|i| if i < 20 { n } else { n.wrapping_mul(167).wrapping_add(i.wrapping_mul(73)) })
        .collect()
}

#[test]
fn a_flipped_byte_in_a_table_file_is_an_error_or_harmless_never_a_wrong_value() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.apply((0..100).map(|n| put(3, &[b'k', n], &value_of(n))).collect()).unwrap();
    store.flush().unwrap();
    drop(store);
    let expected: Vec<Entry> = (0..100).map(|n| (vec![b'k', n], value_of(n))).collect();
    let tables = files_with_extension(folder.path(), "sst");
    let (mut refused, mut harmless) = (0, 0);
    for table in &tables {
        let content = fs::read(table).unwrap();
        for position in (0..content.len()).step_by(97) {
            let mut damaged = content.clone();
            damaged[position] ^= 0x10;
            fs::write(table, &damaged).unwrap();
            let read = RocksStore::open(folder.path(), CHAIN).and_then(|store| {
                let many: Vec<Vec<u8>> = expected.iter().map(|(key, _)| key.clone()).collect();
                let one = expected.iter().map(|(key, _)| store.get(3, key)).collect::<Vec<_>>();
                for (result, (_, value)) in one.into_iter().zip(&expected) {
                    if let Ok(found) = result {
                        assert_eq!(found.as_ref(), Some(value), "byte {position}");
                    }
                }
                if let Ok(found) = store.get_many(3, &many) {
                    let values: Vec<_> = expected.iter().map(|(_, v)| Some(v.clone())).collect();
                    assert_eq!(found, values, "byte {position}");
                }
                if let Ok(found) = store.last(3, b"k") {
                    assert_eq!(found.as_ref(), expected.last(), "byte {position}");
                }
                scan(&store, 3, b"", b"")
            });
            match read {
                Ok(entries) => {
                    assert_eq!(entries, expected, "byte {position}");
                    harmless += 1;
                }
                Err(_) => refused += 1,
            }
        }
        fs::write(table, &content).unwrap();
    }
    assert!(refused > 0, "no flip was noticed; harmless: {harmless}");
    assert_eq!(scan(&open(folder.path()), 3, b"", b"").unwrap(), expected);
}

/// Copies the files of a running store, as a crash would leave them, with its log cut short.
#[test]
fn a_log_cut_anywhere_recovers_whole_batches_in_order() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    for n in 0..8_u8 {
        let mut batch = vec![delete_prefix(1, b""), put(1, &[n], &value_of(n)), put(2, b"n", &[n])];
        batch.push(put(3, &[n], &value_of(n)));
        store.apply(batch).unwrap();
    }
    let logs = files_with_extension(folder.path(), "log");
    let log = logs.last().unwrap();
    let length = fs::metadata(log).unwrap().len();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (0..=length).rev().step_by(53) {
        let crashed = copy_folder(folder.path());
        let cut_log = crashed.path().join(log.file_name().unwrap());
        fs::OpenOptions::new().write(true).open(cut_log).unwrap().set_len(cut).unwrap();
        let store = open(crashed.path());
        let n = store.get(2, b"n").unwrap().map(|value| value[0]);
        let expected: Vec<Vec<u8>> = n.iter().map(|&n| vec![n]).collect();
        assert_eq!(keys(&store, 1, b"", b""), expected);
        let history: Vec<Vec<u8>> = n.map_or(vec![], |n| (0..=n).map(|n| vec![n]).collect());
        assert_eq!(keys(&store, 3, b"", b""), history);
        assert!(cut < length || n == Some(7), "an acknowledged batch is missing");
        seen.insert(n);
    }
    assert_eq!(seen.len(), 9, "some batch boundary was never tried: {seen:?}");
}

#[test]
fn a_flipped_byte_inside_the_log_refuses_to_open() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    for n in 0..8_u8 {
        store.apply(vec![put(0, &[n], &value_of(n))]).unwrap();
    }
    let logs = files_with_extension(folder.path(), "log");
    let crashed = copy_folder(folder.path());
    let log = crashed.path().join(logs.last().unwrap().file_name().unwrap());
    let mut content = fs::read(&log).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&log, content).unwrap();
    assert!(matches!(open_error(crashed.path(), CHAIN), StoreError::Corrupt { .. }));
}

#[test]
fn a_prefix_ends_before_the_next_string_of_its_length_or_after_every_key() {
    let upper_bounds = [(&b"ab"[..], &b"ac"[..]), (b"a\xff", b"b"), (b"\xfe\xff\xff", b"\xff")];
    for (prefix, bound) in upper_bounds {
        assert_eq!(after_prefix(prefix), bound);
    }
    for prefix in [&b""[..], b"\xff", b"\xff\xff"] {
        assert_eq!(after_prefix(prefix), vec![u8::MAX; KEY_BYTES_MAX + 1]);
    }
}

#[test]
fn a_full_disk_and_damage_are_told_apart_from_other_errors() {
    let full = "IO error: No space left on device: While appending to file: c/000010.log";
    assert!(matches!(classify(ErrorKind::IOError, full), StoreError::Full { .. }));
    let damage = "Corruption: block checksum mismatch";
    assert!(matches!(classify(ErrorKind::Corruption, damage), StoreError::Corrupt { .. }));
    let other = "IO error: Input/output error: While reading file: c/000010.sst";
    assert!(matches!(classify(ErrorKind::IOError, other), StoreError::Io { .. }));
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, b"").unwrap();
    assert!(matches!(open_error(&file, CHAIN), StoreError::Io { .. }));
}
