//! Files with secrets: readable by their owner only, never written over.

use crate::{exit::Failure, lang::say};
use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

/// Writes a new file that only its owner may read.
///
/// # Errors
/// A setup [`Failure`] if the file exists or cannot be written.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), Failure> {
    write_with_mode(path, content, 0o600)
}

/// Writes a new file that anybody may read.
///
/// # Errors
/// A setup [`Failure`] if the file exists or cannot be written.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), Failure> {
    write_with_mode(path, content, 0o644)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        let failure = Failure::setup(say!(
            "cannot write {}: {error}",
            "无法写入 {}：{error}",
            path.display()
        ));
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            failure.help(say!(
                "name another file, or move that one away; nothing is written over",
                "请换一个文件名，或先移走原文件；tuan 不覆盖已有文件"
            ))
        } else {
            failure
        }
    };
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_is_private_and_not_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.pem");
        write_private(&path, b"one").expect("writes");
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = write_private(&path, b"two").expect_err("refuses");
        assert_eq!(again.number(), crate::exit::SETUP);
        assert_eq!(fs::read(&path).expect("reads"), b"one");
    }
}
