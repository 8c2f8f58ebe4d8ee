//! What a build needs besides Rust: a C++ compiler and libclang, both for RocksDB.
//!
//! On Debian and its relatives a missing libclang is installed; elsewhere a message says what to do.

use anyhow::{Context as _, Result, bail};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Looks for compiler and libclang, and installs the latter where that is known to work.
///
/// # Errors
/// Something is missing and could not be installed; the message says which package to install.
pub(crate) fn prepare() -> Result<()> {
    Machine::find().prepare()
}

/// The C++ compiler, perhaps with arguments.
///
/// # Errors
/// None answers.
pub(crate) fn compiler() -> Result<Vec<OsString>> {
    Machine::find().find_compiler()
}

/// The machine as far as a build depends on it; tests make up their own.
struct Machine {
    root: PathBuf,
    /// Where programs are looked for.
    path: OsString,
    /// The compiler that `CXX` names.
    cxx: Option<OsString>,
    /// Where `LIBCLANG_PATH` says that libclang is.
    libclang: Option<PathBuf>,
}

impl Machine {
    fn find() -> Self {
        Self {
            root: PathBuf::from("/"),
            path: env::var_os("PATH").unwrap_or_default(),
            cxx: env::var_os("CXX"),
            libclang: env::var_os("LIBCLANG_PATH").map(PathBuf::from),
        }
    }

    fn prepare(&self) -> Result<()> {
        self.find_compiler()?;
        if self.has_libclang() {
            return Ok(());
        }
        if !self.is_debian() {
            bail!(
                "libclang is missing, which RocksDB's bindings are made with: install it (package \
                 clang or libclang-dev), or name its folder in LIBCLANG_PATH"
            );
        }
        eprintln!("setup: libclang is missing, installing the package libclang-dev");
        self.apt_get(&["update"])?;
        self.apt_get(&["install", "-y", "--no-install-recommends", "libclang-dev"])?;
        if self.has_libclang() {
            Ok(())
        } else {
            bail!("libclang-dev is installed, but libclang is nowhere to be found")
        }
    }

    fn find_compiler(&self) -> Result<Vec<OsString>> {
        let candidates: Vec<&OsStr> = match &self.cxx {
            Some(name) => vec![name],
            None => ["c++", "g++", "clang++"].map(OsStr::new).into(),
        };
        for candidate in &candidates {
            let words = words(candidate);
            if let Some((program, arguments)) = words.split_first()
                && self.answers(self.command(program).args(arguments))
            {
                return Ok(words);
            }
        }
        let names: Vec<_> = candidates.iter().map(|name| name.to_string_lossy()).collect();
        bail!(
            "no C++ compiler answers to {}: install one (on Debian: apt-get install g++), or name it in CXX",
            names.join(", ")
        )
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path).stdin(Stdio::null());
        command
    }

    fn has(&self, program: &str) -> bool {
        self.answers(&mut self.command(program))
    }

    fn answers(&self, command: &mut Command) -> bool {
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Whether the library is in one of the places where bindgen looks.
    fn has_libclang(&self) -> bool {
        if !cfg!(target_os = "linux") {
            // Elsewhere it comes with the system's compiler, and bindgen says so itself if not.
            return true;
        }
        let by_llvm_config = self
            .command("llvm-config")
            .arg("--libdir")
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())
            .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        let mut folders: Vec<PathBuf> =
            self.libclang.iter().cloned().chain(by_llvm_config).collect();
        folders.extend(
            ["usr/lib", "usr/lib64", "usr/local/lib", "usr/local/lib64"]
                .map(|folder| self.root.join(folder)),
        );
        for parent in ["usr/lib", "usr/local"] {
            let Ok(entries) = fs::read_dir(self.root.join(parent)) else { continue };
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

    fn is_debian(&self) -> bool {
        self.root.join("etc/debian_version").exists() && self.has("apt-get")
    }

    /// Runs `apt-get`, with `sudo` where it is needed and there.
    fn apt_get(&self, arguments: &[&str]) -> Result<()> {
        let by_hand = "install libclang-dev yourself, then run this again";
        let mut command = if self.is_root() {
            self.command("apt-get")
        } else if self.has("sudo") {
            let mut command = self.command("sudo");
            // It may ask for the password.
            command.arg("apt-get").stdin(Stdio::inherit());
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

    fn is_root(&self) -> bool {
        let output = self.command("id").arg("-u").output();
        output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
    }
}

/// `CXX` may name a file, or a program and its arguments, as in `ccache g++`.
fn words(cxx: &OsStr) -> Vec<OsString> {
    match cxx.to_str() {
        Some(text) if !Path::new(cxx).exists() => {
            text.split_whitespace().map(OsString::from).collect()
        }
        _ => vec![cxx.to_owned()],
    }
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const LIBRARY: &str = "usr/lib/llvm-14/lib/libclang-14.so.1";

    /// A made-up Debian with a compiler, without libclang, whose programs write down how they are called.
    struct Scene {
        folder: tempfile::TempDir,
        machine: Machine,
    }

    impl Scene {
        fn debian() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            for inner in ["etc", "usr/lib/llvm-14/lib", "usr/local/lib"] {
                fs::create_dir_all(root.join(inner)).unwrap();
            }
            fs::create_dir(folder.path().join("bin")).unwrap();
            fs::write(root.join("etc/debian_version"), "12.11\n").unwrap();
            // A library of another name in the right place.
            fs::write(root.join("usr/lib/llvm-14/lib/libclang-cpp.so.14"), "").unwrap();
            let path = folder.path().join("bin").into_os_string();
            let scene = Self { folder, machine: Machine { root, path, cxx: None, libclang: None } };
            scene.program("c++", "");
            scene.program("id", "echo 0");
            let library = scene.machine.root.join(LIBRARY);
            let install = format!(r#"[ "$1" != install ] || : > "{}""#, library.display());
            scene.program("apt-get", &install);
            scene
        }

        /// Puts a program there: a script that writes down how it was called and does `what`.
        fn program(&self, name: &str, what: &str) {
            let file = Path::new(&self.machine.path).join(name);
            let calls = self.folder.path().join("calls");
            let note =
                format!(r#"[ "$1" = --version ] || echo "{name} $*" >> "{}""#, calls.display());
            let text = self.folder.path().join(name);
            fs::write(&text, format!("#!/bin/sh\n{note}\n{what}\n")).unwrap();
            // A file that this process has written cannot be run while another thread starts one.
            let mut install = Command::new("install");
            let installed = install.args(["-m", "755"]).args([text, file]).status().unwrap();
            assert!(installed.success());
        }

        fn remove(&self, program: &str) {
            fs::remove_file(Path::new(&self.machine.path).join(program)).unwrap();
        }

        /// What `apt-get` and `sudo` were asked.
        fn installed(&self) -> Vec<String> {
            let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
            calls.lines().filter(|call| !call.starts_with("id ")).map(str::to_owned).collect()
        }

        fn refusal(&self) -> String {
            self.machine.prepare().unwrap_err().to_string()
        }
    }

    const UPDATE: &str = "apt-get update";
    const INSTALL: &str = "apt-get install -y --no-install-recommends libclang-dev";

    #[test]
    fn root_on_debian_gets_libclang_once() {
        let scene = Scene::debian();
        scene.machine.prepare().unwrap();
        assert_eq!(scene.installed(), [UPDATE, INSTALL]);
        scene.machine.prepare().unwrap();
        assert_eq!(scene.installed().len(), 2, "what is there is not installed again");
    }

    #[test]
    fn the_compiler_may_have_a_wrapper_and_a_place_with_a_space() {
        let mut scene = Scene::debian();
        assert_eq!(scene.machine.find_compiler().unwrap(), ["c++"]);
        scene.program("ccache", r#"[ "$*" = "g++ --version" ]"#);
        scene.machine.cxx = Some("ccache g++".into());
        assert_eq!(scene.machine.find_compiler().unwrap(), ["ccache", "g++"]);
        scene.machine.cxx = Some("ccache clang++".into());
        assert!(scene.refusal().contains("answers to ccache clang++"));
        let spaced = scene.folder.path().join("my compilers");
        fs::create_dir(&spaced).unwrap();
        let compiler = spaced.join("c++").into_os_string();
        let usual = Path::new(&scene.machine.path).join("c++");
        // Not by this process, for the reason above.
        assert!(
            Command::new("cp").args([usual.as_os_str(), &compiler]).status().unwrap().success()
        );
        scene.machine.cxx = Some(compiler.clone());
        assert_eq!(scene.machine.find_compiler().unwrap(), [compiler]);
    }

    #[test]
    fn others_install_it_by_sudo_or_by_hand() {
        let scene = Scene::debian();
        scene.program("id", "echo 1000");
        assert!(scene.refusal().contains("there is no sudo"));
        assert_eq!(scene.installed(), [""; 0]);
        scene.program("sudo", r#"[ "$1" = --version ] || "$@""#);
        scene.machine.prepare().unwrap();
        let sudo = |line: &str| format!("sudo {line}");
        assert_eq!(scene.installed(), [&sudo(UPDATE), UPDATE, &sudo(INSTALL), INSTALL]);
    }

    #[test]
    fn what_cannot_be_installed_is_named() {
        let scene = Scene::debian();
        scene.program("apt-get", "[ \"$1\" = --version ]");
        assert!(scene.refusal().contains("`apt-get update` failed: install libclang-dev yourself"));
        scene.program("apt-get", "");
        assert!(scene.refusal().contains("nowhere to be found"));
        fs::remove_file(scene.machine.root.join("etc/debian_version")).unwrap();
        let before = scene.installed();
        assert!(scene.refusal().contains("package clang or libclang-dev"));
        assert_eq!(scene.installed(), before);
        scene.remove("c++");
        assert!(scene.refusal().contains("c++, g++, clang++"));
    }

    #[test]
    fn a_library_that_is_there_is_found_wherever_bindgen_looks() {
        for place in
            [LIBRARY, "usr/lib/x86_64-linux-gnu/libclang-14.so.13", "usr/lib64/libclang.so"]
        {
            let scene = Scene::debian();
            let library = scene.machine.root.join(place);
            fs::create_dir_all(library.parent().unwrap()).unwrap();
            fs::write(library, "").unwrap();
            scene.machine.prepare().unwrap();
            assert_eq!(scene.installed(), [""; 0], "{place}");
        }
        let mut scene = Scene::debian();
        let own = scene.folder.path().join("own");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("libclang.so.19"), "").unwrap();
        scene.program("llvm-config", &format!("echo \"{}\"", own.display()));
        assert!(scene.machine.has_libclang());
        scene.remove("llvm-config");
        assert!(!scene.machine.has_libclang());
        scene.machine.libclang = Some(own);
        assert!(scene.machine.has_libclang());
        scene.machine.cxx = Some("a-compiler".into());
        assert!(scene.refusal().contains("answers to a-compiler"));
    }
}
