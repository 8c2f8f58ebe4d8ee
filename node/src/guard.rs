//! The vote guard: what a validator must not forget, in a small file of its own.
//!
//! A vote is durable before it is visible: before it leaves the node, what the node needs so as not
//! to contradict it later is written here. The file lives beside the store and not in it: the store
//! can be restored from a backup or rolled back with a disk image, and must not take the votes with
//! it. To this module the content is opaque bytes.
//!
//! ```text
//! slot 0 (4096 bytes)  even sequence numbers      slot 1 (4096 bytes)  odd sequence numbers
//!
//!   0       8          16       20                                   4064       4096
//!   +-------+----------+--------+------------------------------------+----------+
//!   | magic | sequence | length | payload, then zeros                | SHA-256  |
//!   +-------+----------+--------+------------------------------------+----------+
//! ```
//!
//! Numbers are little-endian; the checksum covers all bytes before it. A write goes to the slot
//! that does not hold the newest payload: one positioned write and one `fdatasync`, without
//! changing the length of the file, and without a rename. A crash during a write can thus spoil
//! only the slot being written, whose vote was not yet visible to anybody, and the other one still
//! holds the payload before.
//!
//! What it refuses to do: guess. Two damaged slots, or two sound ones that do not follow each other
//! (a disk that lost a write it had acknowledged), are [`GuardError::Corrupt`]. After a failed
//! write it takes no more, because the kernel may have dropped the data for good.
//!
//! What it cannot know: whether a single damaged slot was torn by a crash or rotted later. In the
//! second case it falls back to a payload that is one vote old; [`VoteGuard::fell_back`] says so,
//! and the question to the peers that every start begins with covers it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The largest payload.
pub const GUARD_PAYLOAD_BYTES_MAX: usize = 4_000;

/// A page and a disk block on all usual machines: a write touches no byte of the other slot.
const SLOT_BYTES: usize = 4096;
const FILE_BYTES: usize = 2 * SLOT_BYTES;

/// Its last character is the version of the layout.
const MAGIC: [u8; 8] = *b"TZVOTEG1";
const SEQUENCE_AT: usize = MAGIC.len();
const LENGTH_AT: usize = SEQUENCE_AT + 8;
const PAYLOAD_AT: usize = LENGTH_AT + 4;
const CHECKSUM_BYTES: usize = 32;
const CHECKSUM_AT: usize = SLOT_BYTES - CHECKSUM_BYTES;
/// In place of a length: nothing was ever written. An empty payload is something else.
const LENGTH_NOTHING: u32 = u32::MAX;

const _: () = assert!(PAYLOAD_AT + GUARD_PAYLOAD_BYTES_MAX <= CHECKSUM_AT);

/// The payload of a guard that was made before anything was signed. One that has no payload at all was
/// made because the one before it was lost.
pub const NOTHING_SIGNED: &[u8] = &[];

/// Why the vote guard cannot be used. The operator has to act on each of them, except the last.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// There is no file. A node that has voted before must not simply create one.
    #[error("there is no vote guard at {path}")]
    Missing {
        /// Path of the guard file.
        path: PathBuf,
    },

    /// The file exists already and may hold votes; it is never overwritten.
    #[error("there is already a vote guard at {path}")]
    AlreadyExists {
        /// Path of the guard file.
        path: PathBuf,
    },

    /// Another process, or this one, has the guard open: two nodes with one key would vote twice.
    #[error("the vote guard at {path} is in use by another running node")]
    InUse {
        /// Path of the guard file.
        path: PathBuf,
    },

    /// The file does not say what was last signed.
    #[error("the vote guard at {path} is damaged: {detail}")]
    Corrupt {
        /// Path of the guard file.
        path: PathBuf,
        /// What is wrong with it.
        detail: &'static str,
    },

    /// The operating system could not read or write the file.
    #[error("the vote guard at {path} cannot be read or written")]
    Io {
        /// Path of the guard file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },

    /// An earlier write failed, so what is on disk is unknown until the file is opened again.
    #[error("the vote guard at {path} takes no more writes because an earlier one failed")]
    WriteFailedBefore {
        /// Path of the guard file.
        path: PathBuf,
    },

    /// The payload does not fit into a slot. Our bug.
    #[error("a vote guard payload of {bytes} bytes is longer than {GUARD_PAYLOAD_BYTES_MAX}")]
    PayloadTooLong {
        /// Length of the payload.
        bytes: usize,
    },
}

/// The open guard file, locked against every other opener until it is dropped.
#[derive(Debug)]
pub struct VoteGuard {
    file: File,
    path: PathBuf,
    /// Of the newest payload.
    sequence: u64,
    fell_back: bool,
    write_failed: bool,
}

impl VoteGuard {
    /// Creates the file, with room for every later write and nothing in it.
    ///
    /// It is prepared under another name first, so that a crash leaves either a whole file or none.
    ///
    /// # Errors
    /// [`GuardError::AlreadyExists`] if there is one, [`GuardError::InUse`] if another process is
    /// creating it, [`GuardError::Io`] for the rest.
    pub fn create(path: &Path) -> Result<Self, GuardError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let draft_path = path.with_file_name(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&draft_path)
            .map_err(|source| io_error(path, source))?;
        lock(&file, path)?;
        // Only now: a rival that was faster has just given our draft the final name.
        if path.try_exists().map_err(|source| io_error(path, source))? {
            return Err(GuardError::AlreadyExists { path: path.to_path_buf() });
        }
        let mut content = encode_slot(0, None);
        content.extend(encode_slot(1, None));
        file.set_len(0)
            .and_then(|()| file.write_all_at(&content, 0))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&draft_path, path))
            .and_then(|()| sync_folder_of(path))
            .map_err(|source| io_error(path, source))?;
        let path = path.to_path_buf();
        Ok(Self { file, path, sequence: 1, fell_back: false, write_failed: false })
    }

    /// Opens the file and returns it with the newest payload, or `None` if none was ever written.
    ///
    /// # Errors
    /// [`GuardError::Missing`] if there is no file, [`GuardError::InUse`] if it is open elsewhere,
    /// [`GuardError::Corrupt`] if it does not say what was last written, [`GuardError::Io`] for the
    /// rest.
    pub fn open(path: &Path) -> Result<(Self, Option<Vec<u8>>), GuardError> {
        let file =
            OpenOptions::new().read(true).write(true).open(path).map_err(|source| match source
                .kind()
            {
                ErrorKind::NotFound => GuardError::Missing { path: path.to_path_buf() },
                _ => io_error(path, source),
            })?;
        lock(&file, path)?;
        let corrupt = |detail| GuardError::Corrupt { path: path.to_path_buf(), detail };
        let length = file.metadata().map_err(|source| io_error(path, source))?.len();
        if length != FILE_BYTES as u64 {
            return Err(corrupt("its size is not that of two slots"));
        }
        let mut content = [0; FILE_BYTES];
        file.read_exact_at(&mut content, 0).map_err(|source| io_error(path, source))?;
        let (even, odd) = content.split_at(SLOT_BYTES);
        let slots = (decode_slot(even, 0), decode_slot(odd, 1));
        let fell_back = slots.0.is_none() || slots.1.is_none();
        let newest = match slots {
            (Some(even), Some(odd)) if even.sequence.abs_diff(odd.sequence) != 1 => {
                return Err(corrupt("its slots do not follow each other, a write was lost"));
            }
            (Some(even), Some(odd)) if even.sequence > odd.sequence => even,
            (Some(_), Some(only)) | (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return Err(corrupt("neither of its slots is whole")),
        };
        let path = path.to_path_buf();
        let guard = Self { file, path, sequence: newest.sequence, fell_back, write_failed: false };
        Ok((guard, newest.payload))
    }

    /// Whether one slot was damaged when the file was opened: torn by a crash, most likely.
    #[must_use]
    pub fn fell_back(&self) -> bool {
        self.fell_back
    }

    /// Replaces the payload, durably before it returns.
    ///
    /// # Errors
    /// [`GuardError::PayloadTooLong`] above [`GUARD_PAYLOAD_BYTES_MAX`]; nothing is written then.
    /// [`GuardError::Io`] if the disk fails: what is on disk is unknown, nothing may be signed, and
    /// every later write is refused with [`GuardError::WriteFailedBefore`].
    pub fn write(&mut self, payload: &[u8]) -> Result<(), GuardError> {
        if payload.len() > GUARD_PAYLOAD_BYTES_MAX {
            return Err(GuardError::PayloadTooLong { bytes: payload.len() });
        }
        if self.write_failed {
            return Err(GuardError::WriteFailedBefore { path: self.path.clone() });
        }
        let Some(sequence) = self.sequence.checked_add(1) else {
            let detail = "its sequence numbers are used up";
            return Err(GuardError::Corrupt { path: self.path.clone(), detail });
        };
        let slot = encode_slot(sequence, Some(payload));
        let offset = (sequence % 2) * SLOT_BYTES as u64;
        self.file.write_all_at(&slot, offset).and_then(|()| self.file.sync_data()).map_err(
            |source| {
                self.write_failed = true;
                io_error(&self.path, source)
            },
        )?;
        self.sequence = sequence;
        Ok(())
    }
}

struct Slot {
    sequence: u64,
    payload: Option<Vec<u8>>,
}

/// `payload` is at most [`GUARD_PAYLOAD_BYTES_MAX`] long.
fn encode_slot(sequence: u64, payload: Option<&[u8]>) -> Vec<u8> {
    let length =
        payload.map_or(LENGTH_NOTHING, |bytes| u32::try_from(bytes.len()).unwrap_or_default());
    let mut slot = Vec::with_capacity(SLOT_BYTES);
    slot.extend(MAGIC);
    slot.extend(sequence.to_le_bytes());
    slot.extend(length.to_le_bytes());
    slot.extend(payload.unwrap_or_default());
    slot.resize(CHECKSUM_AT, 0);
    let checksum = Sha256::digest(&slot);
    slot.extend_from_slice(&checksum);
    slot
}

/// The content of a slot, or `None` if it is not what was written there.
fn decode_slot(bytes: &[u8], index: u64) -> Option<Slot> {
    let (content, checksum) = bytes.split_at_checked(CHECKSUM_AT)?;
    if Sha256::digest(content).as_slice() != checksum {
        return None;
    }
    let content = content.strip_prefix(&MAGIC)?;
    let (sequence, content) = content.split_first_chunk::<8>()?;
    let (length, content) = content.split_first_chunk::<4>()?;
    let sequence = u64::from_le_bytes(*sequence);
    if sequence % 2 != index {
        return None;
    }
    let payload = match u32::from_le_bytes(*length) {
        LENGTH_NOTHING => None,
        length => Some(content.get(..usize::try_from(length).ok()?)?.to_vec()),
    };
    Some(Slot { sequence, payload })
}

fn lock(file: &File, path: &Path) -> Result<(), GuardError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => GuardError::InUse { path: path.to_path_buf() },
        TryLockError::Error(source) => io_error(path, source),
    })
}

/// Makes a new name durable: a synced file in an unsynced folder can vanish in a crash.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn io_error(path: &Path, source: io::Error) -> GuardError {
    GuardError::Io { path: path.to_path_buf(), source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tempfile::TempDir;

    use super::*;

    struct Scene {
        _folder: TempDir,
        path: PathBuf,
    }

    impl Scene {
        fn new() -> Self {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("guard");
            Self { _folder: folder, path }
        }

        /// A guard file after writing each payload in turn.
        fn written(payloads: &[&[u8]]) -> Self {
            let scene = Self::new();
            let mut guard = VoteGuard::create(&scene.path).unwrap();
            payloads.iter().for_each(|payload| guard.write(payload).unwrap());
            scene
        }

        fn read(&self) -> Result<Option<Vec<u8>>, GuardError> {
            VoteGuard::open(&self.path).map(|(_, payload)| payload)
        }

        fn content(&self) -> Vec<u8> {
            fs::read(&self.path).unwrap()
        }

        fn damage(&self, position: usize) {
            let mut content = self.content();
            content[position] ^= 1;
            self.overwrite(&content);
        }

        /// Without truncating the file first, which many file systems take for a reason to sync.
        fn overwrite(&self, content: &[u8]) {
            let file = OpenOptions::new().write(true).open(&self.path).unwrap();
            file.write_all_at(content, 0).unwrap();
        }
    }

    #[test]
    fn a_new_guard_holds_nothing_and_an_empty_payload_is_something() {
        let scene = Scene::new();
        assert!(matches!(scene.read(), Err(GuardError::Missing { .. })));
        drop(VoteGuard::create(&scene.path).unwrap());
        assert_eq!(scene.read().unwrap(), None);
        VoteGuard::open(&scene.path).unwrap().0.write(b"").unwrap();
        assert_eq!(scene.read().unwrap(), Some(vec![]));
    }

    #[test]
    fn the_newest_payload_survives_every_restart() {
        let scene = Scene::written(&[]);
        for n in 0..20_u8 {
            let (mut guard, payload) = VoteGuard::open(&scene.path).unwrap();
            assert_eq!(payload, n.checked_sub(1).map(|last| vec![last; usize::from(last)]));
            assert!(!guard.fell_back());
            guard.write(&vec![n; usize::from(n)]).unwrap();
        }
        assert_eq!(scene.content().len(), FILE_BYTES);
    }

    #[test]
    fn payloads_up_to_the_limit_fit_and_longer_ones_change_nothing() {
        let scene = Scene::written(&[]);
        let (mut guard, _) = VoteGuard::open(&scene.path).unwrap();
        let longest = vec![7; GUARD_PAYLOAD_BYTES_MAX];
        guard.write(&longest).unwrap();
        let error = guard.write(&vec![8; GUARD_PAYLOAD_BYTES_MAX + 1]).unwrap_err();
        assert!(matches!(error, GuardError::PayloadTooLong { bytes: 4_001 }));
        drop(guard);
        assert_eq!(scene.read().unwrap(), Some(longest));
    }

    #[test]
    fn writes_alternate_between_the_slots() {
        let scene = Scene::written(&[]);
        let (mut guard, _) = VoteGuard::open(&scene.path).unwrap();
        for n in 0..6_u8 {
            let before = scene.content();
            guard.write(&[n]).unwrap();
            let after = scene.content();
            let written = usize::from(n % 2) * SLOT_BYTES..(usize::from(n % 2) + 1) * SLOT_BYTES;
            let changed: Vec<usize> = (0..FILE_BYTES).filter(|&i| before[i] != after[i]).collect();
            assert!(!changed.is_empty() && changed.iter().all(|i| written.contains(i)));
        }
    }

    #[test]
    fn a_write_torn_at_any_byte_falls_back_to_the_payload_before() {
        for earlier in [&[&b"first"[..]][..], &[b"zeroth", b"first"]] {
            let scene = Scene::written(earlier);
            let before = scene.content();
            VoteGuard::open(&scene.path).unwrap().0.write(&[9; GUARD_PAYLOAD_BYTES_MAX]).unwrap();
            let after = scene.content();
            let start = if before[..SLOT_BYTES] == after[..SLOT_BYTES] { SLOT_BYTES } else { 0 };
            let mut fallbacks = 0;
            for length in 0..=SLOT_BYTES {
                let mut torn = before.clone();
                torn[start..start + length].copy_from_slice(&after[start..start + length]);
                scene.overwrite(&torn);
                let (guard, payload) = VoteGuard::open(&scene.path).unwrap();
                if torn == after {
                    assert_eq!(payload, Some(vec![9; GUARD_PAYLOAD_BYTES_MAX]));
                } else {
                    assert_eq!(payload.as_deref(), Some(&b"first"[..]), "torn after {length}");
                    assert_eq!(guard.fell_back(), torn != before);
                    fallbacks += 1;
                }
            }
            assert!(fallbacks > SLOT_BYTES - CHECKSUM_BYTES);
        }
    }

    #[test]
    fn after_a_fall_back_the_damaged_slot_is_written_next() {
        let scene = Scene::written(&[b"one", b"two"]);
        scene.damage(SLOT_BYTES + 100);
        let (mut guard, payload) = VoteGuard::open(&scene.path).unwrap();
        assert_eq!((payload.as_deref(), guard.fell_back()), (Some(&b"one"[..]), true));
        guard.write(b"two again").unwrap();
        drop(guard);
        let (guard, payload) = VoteGuard::open(&scene.path).unwrap();
        assert_eq!((payload.as_deref(), guard.fell_back()), (Some(&b"two again"[..]), false));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let scene = Scene::written(&[b"one", b"two"]);
        let content = scene.content();
        for position in 0..FILE_BYTES {
            scene.damage(position);
            let (guard, payload) = VoteGuard::open(&scene.path).unwrap();
            assert!(guard.fell_back(), "byte {position}");
            let expected: &[u8] = if position < SLOT_BYTES { b"two" } else { b"one" };
            assert_eq!(payload.as_deref(), Some(expected), "byte {position}");
            drop(guard);
            scene.overwrite(&content);
        }
    }

    #[test]
    fn two_damaged_slots_are_never_taken_for_a_new_guard() {
        let scene = Scene::written(&[b"one", b"two"]);
        scene.damage(0);
        scene.damage(SLOT_BYTES);
        assert!(matches!(scene.read(), Err(GuardError::Corrupt { .. })));
        for content in
            [vec![], vec![0; FILE_BYTES], vec![0; FILE_BYTES - 1], vec![0; 3 * SLOT_BYTES]]
        {
            fs::write(&scene.path, content).unwrap();
            assert!(matches!(scene.read(), Err(GuardError::Corrupt { .. })));
        }
    }

    #[test]
    fn a_lost_write_and_a_misplaced_slot_are_noticed() {
        let scene = Scene::written(&[b"one", b"two"]);
        let early = scene.content();
        let (mut guard, _) = VoteGuard::open(&scene.path).unwrap();
        guard.write(b"three").unwrap();
        guard.write(b"four").unwrap();
        guard.write(b"five").unwrap();
        drop(guard);
        let late = scene.content();
        // Sequence numbers 3 ("two") and 6 ("five"): "three" and "four" were acknowledged and lost.
        let lost = [&late[..SLOT_BYTES], &early[SLOT_BYTES..]].concat();
        fs::write(&scene.path, lost).unwrap();
        assert!(matches!(scene.read(), Err(GuardError::Corrupt { .. })));
        fs::write(&scene.path, [&late[SLOT_BYTES..], &late[..SLOT_BYTES]].concat()).unwrap();
        assert!(matches!(scene.read(), Err(GuardError::Corrupt { .. })));
    }

    #[test]
    fn an_open_guard_is_locked_and_an_existing_one_never_overwritten() {
        let scene = Scene::new();
        let guard = VoteGuard::create(&scene.path).unwrap();
        assert!(matches!(scene.read(), Err(GuardError::InUse { .. })));
        assert!(matches!(VoteGuard::create(&scene.path), Err(GuardError::AlreadyExists { .. })));
        drop(guard);
        assert_eq!(scene.read().unwrap(), None);
        assert!(matches!(VoteGuard::create(&scene.path), Err(GuardError::AlreadyExists { .. })));
    }

    #[test]
    fn a_crash_while_creating_leaves_no_guard_and_the_next_attempt_succeeds() {
        let scene = Scene::new();
        fs::write(scene.path.with_file_name("guard.new"), vec![1; 3 * SLOT_BYTES]).unwrap();
        assert!(matches!(scene.read(), Err(GuardError::Missing { .. })));
        drop(VoteGuard::create(&scene.path).unwrap());
        assert_eq!(scene.read().unwrap(), None);
    }

    #[test]
    fn after_a_failed_write_nothing_more_is_written() {
        let scene = Scene::written(&[b"one"]);
        let (mut guard, _) = VoteGuard::open(&scene.path).unwrap();
        // A file opened for reading stands in for a disk that refuses to write.
        guard.file = File::open(&scene.path).unwrap();
        assert!(matches!(guard.write(b"two"), Err(GuardError::Io { .. })));
        guard.file = OpenOptions::new().write(true).open(&scene.path).unwrap();
        assert!(matches!(guard.write(b"two"), Err(GuardError::WriteFailedBefore { .. })));
        drop(guard);
        assert_eq!(scene.read().unwrap(), Some(b"one".to_vec()));
    }
}
