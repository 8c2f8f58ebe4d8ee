//! Files on this computer: those that a user names, never written over; and those that `tuan` keeps in the
//! user's folder, private and whole.

use crate::{
    exit::Failure,
    lang::{say, word},
};
use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    time::Duration,
};

/// How the name of a file ends that is not finished.
const HALF_WRITTEN: &str = ".half";
/// A half-written file of a killed process is removed after this time.
const LITTER_AGE: Duration = Duration::from_secs(3_600);

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
            "cannot write {}: {}",
            "无法写入 {}：{}",
            path.display(),
            because(&error)
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

/// Why the system does not let us, as people would say it.
pub(crate) fn because(error: &io::Error) -> String {
    use io::ErrorKind;
    let told = match error.kind() {
        ErrorKind::NotFound => word!("there is no such file or folder", "没有这个文件或文件夹"),
        ErrorKind::PermissionDenied => word!("permission denied", "没有权限"),
        ErrorKind::AlreadyExists => word!("it is there already", "已经存在"),
        ErrorKind::StorageFull => word!("the disk is full", "磁盘已满"),
        ErrorKind::ReadOnlyFilesystem => word!("the disk is read-only", "磁盘为只读"),
        ErrorKind::IsADirectory => word!("it is a folder", "这是一个文件夹"),
        ErrorKind::NotADirectory => word!("it is no folder", "这不是文件夹"),
        _ => return say!("the system says: {error}", "系统提示：{error}"),
    };
    told.to_owned()
}

/// Writes a private file so that it is there completely or not at all, also after a power cut; returns it,
/// locked since before it had its name.
///
/// # Errors
/// If the disk does not let us.
pub(crate) fn durable(path: &Path, content: &[u8]) -> io::Result<File> {
    let half = path.with_extension(format!("{}{HALF_WRITTEN}", std::process::id()));
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&half)?;
        file.lock()?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&half, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(file)
    };
    let written = write();
    if written.is_err() {
        // What cannot be removed now is litter, and removed later.
        let _ = fs::remove_file(&half);
    }
    written
}

/// Makes a folder, and those above it, that only their owner may enter.
///
/// # Errors
/// If the disk does not let us.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // The names of new folders stand in those above, as far up as they may be new.
    let above = path.ancestors().skip(1).take(4).filter(|above| above.is_dir());
    above.into_iter().try_for_each(|above| File::open(above)?.sync_all())
}

/// Removes what a killed process left half written, some time later.
pub(crate) fn remove_litter(file: &fs::DirEntry) {
    if !file.file_name().to_string_lossy().ends_with(HALF_WRITTEN) {
        return;
    }
    let age = file.metadata().and_then(|metadata| metadata.modified()).map(|at| at.elapsed());
    if age.is_ok_and(|age| age.is_ok_and(|age| age > LITTER_AGE)) {
        // If it cannot be removed now, it will be another time.
        let _ = fs::remove_file(file.path());
    }
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
