//! The small files of a node's folder: read up to a bound, written whole, owned by whom the folder
//! belongs to.

use crate::{advice, exit::Failure};
use std::{
    fs,
    io::{ErrorKind, Read as _, Result, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::Path,
};

/// Reads a text. What is longer than `limit` bytes is cut.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file that must not be there yet.
///
/// # Errors
/// If it is there, or cannot be written.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> std::result::Result<(), Failure> {
    create(path, bytes, mode).map_err(|error| advice::unwritable(path, &error))
}

/// Writes a file whole or not at all, over one that may be there.
///
/// # Errors
/// If it cannot be written; what was there stays then.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> std::result::Result<(), Failure> {
    let new = path.with_extension("toml.new");
    let write = || {
        // Left over from a write that was cut off; it may have another mode.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        create(&new, bytes, mode)?;
        fs::rename(&new, path)
    };
    write().map_err(|error| advice::unwritable(path, &error))
}

fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    keep_owner(path, &file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What root puts into a node's folder must still be readable by the user that runs the node.
fn keep_owner(path: &Path, file: &fs::File) -> Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let (folder, made) = (fs::metadata(folder)?, file.metadata()?);
    if folder.uid() == made.uid() {
        return Ok(());
    }
    fchown(file, Some(folder.uid()), Some(folder.gid()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_private_file_is_never_written_over_by_chance_and_stays_private_when_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-tokens.toml");
        let state = || (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().mode() & 0o777);
        write_new(&path, b"one", 0o600).unwrap();
        assert!(write_new(&path, b"two", 0o600).is_err());
        assert_eq!(state(), (b"one".to_vec(), 0o600));
        // A power cut left half a file, which others may read.
        let litter = folder.path().join("api-tokens.toml.new");
        fs::write(&litter, b"thr").unwrap();
        replace(&path, b"three", 0o600).unwrap();
        assert_eq!(state(), (b"three".to_vec(), 0o600));
        assert!(!litter.exists());
        assert_eq!(read_text(&path, 3).unwrap(), "thr");
    }
}
