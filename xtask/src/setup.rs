//! What a build needs besides Rust: a C++ compiler and libclang, both for RocksDB.
//!
//! On Debian and its relatives a missing libclang is installed; elsewhere a message says what to do.

use anyhow::{Context as _, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Looks for compiler and libclang, and installs the latter where that is known to work.
///
/// # Errors
/// Something is missing and could not be installed; the message says which package to install.
pub(crate) fn prepare() -> Result<()> {
    find_compiler()?;
    if has_libclang() {
        return Ok(());
    }
    if !is_debian() {
        bail!(
            "libclang is missing, which RocksDB's bindings are made with: install it (package clang \
             or libclang-dev), or name its folder in LIBCLANG_PATH"
        );
    }
    eprintln!("setup: libclang is missing, installing the package libclang-dev");
    apt_get(&["update"])?;
    apt_get(&["install", "-y", "--no-install-recommends", "libclang-dev"])?;
    if has_libclang() {
        Ok(())
    } else {
        bail!("libclang-dev is installed, but libclang is nowhere to be found")
    }
}

fn find_compiler() -> Result<()> {
    let named = env::var("CXX").ok();
    let candidates: Vec<&str> = match &named {
        Some(name) => vec![name],
        None => vec!["c++", "g++", "clang++"],
    };
    if candidates.iter().any(|name| answers(name)) {
        return Ok(());
    }
    bail!(
        "no C++ compiler answers to {}: install one (on Debian: apt-get install g++), or name it in CXX",
        candidates.join(", ")
    )
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether the library is in one of the places where bindgen looks.
fn has_libclang() -> bool {
    if !cfg!(target_os = "linux") {
        // Elsewhere it comes with the system's compiler, and bindgen says so itself if not.
        return true;
    }
    let named = env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    let by_llvm_config = Command::new("llvm-config")
        .arg("--libdir")
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let mut folders: Vec<PathBuf> = named.into_iter().chain(by_llvm_config).collect();
    folders.extend(
        ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"].map(PathBuf::from),
    );
    for parent in ["/usr/lib", "/usr/local"] {
        let Ok(entries) = fs::read_dir(parent) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("llvm") {
                folders.extend([path.join("lib"), path.join("lib64")]);
            } else if name.ends_with("-linux-gnu") || name.ends_with("-linux-musl") {
                folders.push(path);
            }
        }
    }
    folders.iter().any(|folder| is_libclang(folder) || folder_has_libclang(folder))
}

fn folder_has_libclang(folder: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(folder) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| is_libclang(&entry.path())))
}

fn is_libclang(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let versioned = name.starts_with("libclang-") && name.contains(".so");
    // `libclang-cpp` is another library.
    (name.starts_with("libclang.so") || versioned && !name.starts_with("libclang-cpp"))
        && path.is_file()
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && answers("apt-get")
}

/// Runs `apt-get`, with `sudo` where it is needed and there.
fn apt_get(arguments: &[&str]) -> Result<()> {
    let by_hand = "install libclang-dev yourself, then run this again";
    let mut command = if is_root() {
        Command::new("apt-get")
    } else if answers("sudo") {
        let mut command = Command::new("sudo");
        command.arg("apt-get");
        command
    } else {
        bail!(
            "libclang-dev has to be installed, which only root may do, and there is no sudo: {by_hand}"
        );
    };
    let status = command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(std::io::stderr())
        .status()
        .context("cannot run apt-get")?;
    if status.success() {
        Ok(())
    } else {
        bail!("`apt-get {}` failed: {by_hand}", arguments.join(" "))
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
