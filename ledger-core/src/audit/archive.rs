//! The archive: the chain as plain files.
//!
//! A folder with a text file `manifest`, which nobody trusts, and `*.blocks` files: records of a
//! length (`u64`, little-endian) and that many bytes, each a certified block, in order of height.
//!
//! Source: docs/wire-format.md section 10.

use crate::{block::CERTIFIED_BLOCK_BYTES_MAX, crypto::ChainId, types::Height};
use std::{
    fmt::Write as _,
    io::{self, Read},
};

/// A new file is begun once one has this many bytes.
pub const ARCHIVE_FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

const MANIFEST_TITLE: &str = "tuanzhang archive 1";

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The chain.
    pub chain: ChainId,
    /// The first height.
    pub first: Height,
    /// The last height.
    pub last: Height,
    /// The files, in order of height.
    pub files: Vec<String>,
}

/// The text is no manifest in its one form.
///
/// Blame: whoever made or changed the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the manifest is not in its one form")]
pub struct ManifestError;

impl Manifest {
    /// The one form of a manifest.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { chain, first, last, files } = self;
        let mut text = format!("{MANIFEST_TITLE}\nchain {chain}\nheights {first} {last}\n");
        for file in files {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "file {file}");
        }
        text
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`] if the text is anything but the one form.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let mut lines = text.lines();
        let mut field = |name: &str| {
            let line = lines.next().ok_or(ManifestError)?;
            line.strip_prefix(name).map(str::to_owned).ok_or(ManifestError)
        };
        field(MANIFEST_TITLE)?;
        let chain = field("chain ")?.parse().map_err(|_| ManifestError)?;
        let heights = field("heights ")?;
        let (first, last) = heights.split_once(' ').ok_or(ManifestError)?;
        let height = |text: &str| text.parse().map(Height::new).map_err(|_| ManifestError);
        let (first, last) = (height(first)?, height(last)?);
        let files = lines
            .map(|line| line.strip_prefix("file ").map(str::to_owned).ok_or(ManifestError))
            .collect::<Result<_, _>>()?;
        let manifest = Self { chain, first, last, files };
        if manifest.to_text() == text { Ok(manifest) } else { Err(ManifestError) }
    }
}

/// The name of the file that begins with a height.
#[must_use]
pub fn archive_file_name(first: Height) -> String {
    format!("{:012}.blocks", first.get())
}

/// One record: the length of a certified block and its bytes.
#[must_use]
pub fn record(block: &[u8]) -> Vec<u8> {
    [&(block.len() as u64).to_le_bytes(), block].concat()
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file ends within a record.
    #[error("the file ends within a record")]
    Truncated,
    /// A record is longer than any block.
    #[error("a record of {bytes} bytes is longer than any block")]
    TooLong {
        /// What it claims.
        bytes: u64,
    },
    /// The file cannot be read.
    #[error("cannot read")]
    Io(#[from] io::Error),
}

/// Reads the records of a file one by one.
#[derive(Debug)]
pub struct RecordReader<R>(R);

impl<R: Read> RecordReader<R> {
    /// Reads from the start of a file; give it something buffered.
    pub fn new(file: R) -> Self {
        Self(file)
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, RecordError> {
        let mut length = Vec::with_capacity(8);
        self.0.by_ref().take(8).read_to_end(&mut length)?;
        if length.is_empty() {
            return Ok(None);
        }
        let length: [u8; 8] = length.try_into().map_err(|_| RecordError::Truncated)?;
        let bytes = u64::from_le_bytes(length);
        if bytes > CERTIFIED_BLOCK_BYTES_MAX as u64 {
            return Err(RecordError::TooLong { bytes });
        }
        let mut block = Vec::new();
        self.0.by_ref().take(bytes).read_to_end(&mut block)?;
        if block.len() as u64 == bytes { Ok(Some(block)) } else { Err(RecordError::Truncated) }
    }
}

impl<R: Read> Iterator for RecordReader<R> {
    type Item = Result<Vec<u8>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_one_form() {
        let manifest = Manifest {
            chain: ChainId::new([7; 32]),
            first: Height::new(1),
            last: Height::new(12),
            files: vec![archive_file_name(Height::new(1))],
        };
        let text = manifest.to_text();
        assert_eq!(Manifest::parse(&text), Ok(manifest));
        for bad in [text.replace("12", "012"), text.replace('\n', "\r\n"), format!("{text} ")] {
            assert_eq!(Manifest::parse(&bad), Err(ManifestError), "{bad:?}");
        }
    }

    #[test]
    fn records_are_read_back_and_cuts_are_seen() {
        let file = [record(b"one"), record(b""), record(b"three")].concat();
        let read: Result<Vec<_>, _> = RecordReader::new(&file[..]).collect();
        assert_eq!(read.expect("whole"), [b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        for cut in [1, 8, 10, file.len() - 1] {
            let last = RecordReader::new(&file[..cut]).last().expect("something");
            assert!(matches!(last, Err(RecordError::Truncated)), "cut at {cut}");
        }
        let long = u64::MAX.to_le_bytes();
        let first = RecordReader::new(&long[..]).next().expect("something");
        assert!(matches!(first, Err(RecordError::TooLong { .. })));
    }
}
