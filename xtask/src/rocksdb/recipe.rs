//! What RocksDB is compiled of and with.
//!
//! The flags are those of the build script of `librocksdb-sys` in the one version named here, and
//! nobody has compared others: another version, or a feature that changes them, is left to the crate.

use super::Processors;
use crate::{setup, workspace::Workspace};
use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The version of `librocksdb-sys` whose build script these flags come from.
const KNOWN_VERSION: &str = "0.19.0+11.8.1";
/// Features of it with which the flags are these.
const KNOWN_FEATURES: [&str; 4] = ["bindgen-runtime", "lz4", "lz4-sys", "static"];
/// Files compiled together. With more, the units of one machine end less evenly, and each takes more
/// than its 1.3 GB of memory.
pub(super) const UNIT_FILES: usize = 16;

/// Variables by which users say how RocksDB comes into a build.
const USERS_OWN: [&str; 7] = [
    "ROCKSDB_LIB_DIR",
    "ROCKSDB_STATIC",
    "ROCKSDB_COMPILE",
    "ROCKSDB_INCLUDE_DIR",
    "ROCKSDB_CXX_STD",
    "CXXSTDLIB",
    "CARGO_BUILD_TARGET",
];

/// The same for every processor. Warnings are for those who develop RocksDB.
const FLAGS: [&str; 8] = [
    "-std=c++20",
    "-O2",
    "-fPIC",
    "-ffunction-sections",
    "-fdata-sections",
    "-w",
    "-include",
    "cstdint",
];
const DEFINITIONS: [&str; 11] = [
    "NDEBUG=1",
    "LZ4=1",
    "HAVE_ALIGNED_NEW",
    "HAVE_UINT128_EXTENSION",
    "OS_LINUX",
    "ROCKSDB_PLATFORM_POSIX",
    "ROCKSDB_LIB_IO_POSIX",
    "ROCKSDB_SCHED_GETCPU_PRESENT",
    "ROCKSDB_AUXV_GETAUXVAL_PRESENT",
    "ROCKSDB_FALLOCATE_PRESENT",
    "ROCKSDB_RANGESYNC_PRESENT",
];
/// Folders with headers, in the folder of the crate.
const INCLUDED: [&str; 4] =
    ["rocksdb/include", "rocksdb", "rocksdb/third-party/gtest-1.8.1/fused-src", "."];

/// The crates that Cargo.lock pins.
pub(super) struct Sources {
    pub(super) version: String,
    pub(super) features: Vec<String>,
    /// The folder of `librocksdb-sys`.
    pub(super) folder: PathBuf,
    pub(super) lz4_version: String,
    /// The folder of `lz4-sys`.
    pub(super) lz4_folder: PathBuf,
}

impl Sources {
    /// Asks cargo, which has to download nothing for it but what the build needs, too.
    pub(super) fn find(workspace: &Workspace) -> Result<Self> {
        let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
        let metadata = workspace.metadata(&["--filter-platform", &target])?;
        let package = |name: &str| {
            let package = metadata.packages.iter().find(|package| package.name == name);
            package.with_context(|| format!("{name} is not in Cargo.lock"))
        };
        let folder = |manifest: &Path| manifest.parent().map(Path::to_owned).unwrap_or_default();
        let (rocksdb, lz4) = (package("librocksdb-sys")?, package("lz4-sys")?);
        Ok(Self {
            version: rocksdb.version.clone(),
            features: metadata.features(rocksdb),
            folder: folder(&rocksdb.manifest_path),
            lz4_version: lz4.version.clone(),
            lz4_folder: folder(&lz4.manifest_path),
        })
    }
}

/// What of this machine matters; tests make up their own.
pub(super) struct Machine {
    /// Whether units are known to work on this system.
    pub(super) is_known: bool,
    pub(super) variables: BTreeMap<OsString, OsString>,
    /// The C++ compiler, perhaps with arguments, as in `ccache g++`.
    pub(super) compiler: Vec<OsString>,
    /// What it says of its version.
    pub(super) compiler_version: String,
    /// Flags for what the processor has.
    pub(super) processor: Vec<&'static str>,
}

impl Machine {
    /// This machine.
    pub(super) fn find(processors: Processors) -> Result<Self> {
        let compiler = setup::compiler()?;
        let output = command(&compiler)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .context("cannot run the C++ compiler")?;
        ensure!(output.status.success(), "the C++ compiler does not tell its version");
        Ok(Self {
            is_known: cfg!(all(
                target_os = "linux",
                target_env = "gnu",
                any(target_arch = "x86_64", target_arch = "aarch64")
            )),
            variables: env::vars_os().collect(),
            compiler,
            compiler_version: String::from_utf8_lossy(&output.stdout).into_owned(),
            processor: match processors {
                Processors::This => of_this_processor(),
                Processors::All => Vec::new(),
            },
        })
    }

    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Where all libraries of ours lie, or why RocksDB is left to its crate.
    pub(super) fn place_of_ours(&self) -> Result<PathBuf, String> {
        let Some(cache) = self.cache() else {
            return Err("neither XDG_CACHE_HOME nor HOME is set".to_owned());
        };
        // A shell that was told of a library of ours is not told by its user. Perhaps it was long
        // ago, and the library is of another version.
        let told = self.variable("ROCKSDB_LIB_DIR");
        let ours = told.is_some_and(|folder| Path::new(folder).starts_with(&cache));
        let by_user = |name: &&&str| {
            let by_us = ours && ["ROCKSDB_LIB_DIR", "ROCKSDB_STATIC"].contains(name);
            self.variable(name).is_some() && !by_us
        };
        if let Some(name) = USERS_OWN.iter().find(by_user) {
            return Err(format!("{name} is set"));
        }
        if !self.is_known {
            return Err("xtask knows how only on Linux with glibc, x86-64 or aarch64".to_owned());
        }
        Ok(cache)
    }

    /// Whether the user has a library for the crate to link.
    pub(super) fn has_library(&self) -> bool {
        let is_to_compile = self
            .variable("ROCKSDB_COMPILE")
            .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
        self.variable("ROCKSDB_LIB_DIR").is_some() && !is_to_compile
    }

    /// As the XDG base directory specification has it, a path that is not absolute counts for nothing.
    fn cache(&self) -> Option<PathBuf> {
        let absolute = |name| self.variable(name).map(Path::new).filter(|path| path.is_absolute());
        let cache = absolute("XDG_CACHE_HOME").map(Path::to_owned);
        Some(cache.or_else(|| Some(absolute("HOME")?.join(".cache")))?.join("tuanzhang"))
    }
}

/// A command with its first arguments.
pub(super) fn command(words: &[OsString]) -> Command {
    let (program, arguments) = words
        .split_first()
        .map_or((OsStr::new("c++"), &[][..]), |split| (split.0.as_os_str(), split.1));
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

#[cfg(target_arch = "x86_64")]
fn of_this_processor() -> Vec<&'static str> {
    let mut flags = Vec::new();
    if is_x86_feature_detected!("sse4.2") {
        flags.push("-msse4.2");
    }
    if is_x86_feature_detected!("pclmulqdq") {
        flags.push("-mpclmul");
    }
    flags
}

#[cfg(target_arch = "aarch64")]
fn of_this_processor() -> Vec<&'static str> {
    use std::arch::is_aarch64_feature_detected;
    let has_both = is_aarch64_feature_detected!("crc") && is_aarch64_feature_detected!("aes");
    if has_both { vec!["-march=armv8-a+crc+aes+crypto"] } else { Vec::new() }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn of_this_processor() -> Vec<&'static str> {
    Vec::new()
}

/// What is compiled, how, and where to.
pub(crate) struct Recipe {
    /// The folder of the library and of nothing else.
    pub(super) folder: PathBuf,
    /// The folder of `librocksdb-sys`; files are named from here.
    pub(super) sources: PathBuf,
    /// The compiler with all arguments except for the files.
    pub(super) compiler: Vec<OsString>,
    /// What the library is made of, in words; the name of the folder is made of it.
    pub(super) words: String,
}

impl Recipe {
    /// What makes this library, or why RocksDB is left to its crate.
    pub(super) fn new(sources: &Sources, machine: &Machine, cache: &Path) -> Result<Self, String> {
        if sources.version != KNOWN_VERSION {
            return Err(format!("xtask knows librocksdb-sys {KNOWN_VERSION} only"));
        }
        let unknown = |feature: &&String| !KNOWN_FEATURES.contains(&feature.as_str());
        if let Some(feature) = sources.features.iter().find(unknown) {
            return Err(format!("xtask does not know the feature {feature} of librocksdb-sys"));
        }

        let mut flags: Vec<OsString> = FLAGS.map(OsString::from).into();
        flags.extend(machine.processor.iter().map(OsString::from));
        flags.extend(DEFINITIONS.map(|definition| OsString::from(format!("-D{definition}"))));
        let users = machine.variable("CXXFLAGS").unwrap_or_default().to_string_lossy();
        flags.extend(users.split_whitespace().map(OsString::from));

        // Not where the sources lie: they are the same in every user's registry.
        let words = format!(
            "librocksdb-sys {}, lz4-sys {}, {}, in units of {UNIT_FILES} files\n{}\n{}",
            sources.version,
            sources.lz4_version,
            env::consts::ARCH,
            flags.join(OsStr::new(" ")).to_string_lossy(),
            machine.compiler_version,
        );
        let digest = Sha256::digest(words.as_bytes());
        let key: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        let rocksdb = sources.version.rsplit('+').next().unwrap_or_default();

        let mut compiler = machine.compiler.clone();
        compiler.extend(flags);
        compiler.extend(INCLUDED.map(|folder| OsString::from(format!("-I{folder}"))));
        let mut lz4 = OsString::from("-I");
        lz4.push(sources.lz4_folder.join("liblz4/lib"));
        compiler.push(lz4);
        Ok(Self {
            folder: cache.join(format!("rocksdb-{rocksdb}-{key}")),
            sources: sources.folder.clone(),
            compiler,
            words,
        })
    }

    /// The library; where it is, it is whole.
    pub(super) fn library(&self) -> PathBuf {
        self.folder.join("librocksdb.a")
    }

    /// The text of each unit.
    ///
    /// # Errors
    /// The list of files is not in the crate.
    pub(super) fn units(&self) -> Result<Vec<String>> {
        let list = self.sources.join("rocksdb_lib_sources.txt");
        let list = std::fs::read_to_string(&list)
            .with_context(|| format!("cannot read {}", list.display()))?;
        // The crate has a file of its own in place of the one that RocksDB generates.
        let listed = list.split_whitespace().filter(|file| *file != "util/build_version.cc");
        let files: Vec<&str> = listed.chain(["build_version.cc"]).collect();
        let include = |file: &&str| format!("#include \"{file}\"\n");
        Ok(files.chunks(UNIT_FILES).map(|unit| unit.iter().map(include).collect()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Sources {
        Sources {
            version: KNOWN_VERSION.to_owned(),
            features: KNOWN_FEATURES.map(str::to_owned).into(),
            folder: PathBuf::from("/registry/librocksdb-sys"),
            lz4_version: "1.11.1+lz4-1.10.0".to_owned(),
            lz4_folder: PathBuf::from("/registry/lz4-sys"),
        }
    }

    fn machine(variables: &[(&str, &str)]) -> Machine {
        let all = [("HOME", "/home/li")].iter().chain(variables);
        Machine {
            is_known: true,
            variables: all.map(|(name, value)| (name.into(), value.into())).collect(),
            compiler: vec!["c++".into()],
            compiler_version: "c++ 12.2.0".to_owned(),
            processor: vec!["-msse4.2"],
        }
    }

    /// The folder, or why there is none.
    fn folder(sources: &Sources, machine: &Machine) -> Result<PathBuf, String> {
        let cache = machine.place_of_ours()?;
        Ok(Recipe::new(sources, machine, &cache)?.folder)
    }

    #[test]
    fn the_flags_are_those_of_the_version_that_is_pinned() {
        // Who changes the version compares the flags with its build.rs.
        let workspace = Workspace::find().expect("inside the workspace");
        let sources = Sources::find(&workspace).expect("cargo knows");
        assert_eq!(sources.version, KNOWN_VERSION);
        let mut features = sources.features;
        features.sort();
        assert_eq!(features, KNOWN_FEATURES);
    }

    #[test]
    fn the_folder_says_what_the_library_is_made_of() {
        let usual = folder(&sources(), &machine(&[])).expect("ours");
        let name = usual.file_name().and_then(OsStr::to_str).expect("a name");
        assert!(usual.starts_with("/home/li/.cache/tuanzhang"), "{}", usual.display());
        assert!(name.starts_with("rocksdb-11.8.1-"), "{name}");

        let elsewhere = Sources { folder: "/other/registry".into(), ..sources() };
        assert_eq!(folder(&elsewhere, &machine(&[])).as_ref(), Ok(&usual));

        let lz4 = Sources { lz4_version: "2".to_owned(), ..sources() };
        let others = [
            folder(&lz4, &machine(&[])),
            folder(&sources(), &Machine { compiler_version: "c++ 13".into(), ..machine(&[]) }),
            folder(&sources(), &Machine { processor: vec![], ..machine(&[]) }),
            folder(&sources(), &machine(&[("CXXFLAGS", "-march=native")])),
        ];
        let mut folders: Vec<PathBuf> = others.into_iter().map(|it| it.expect("ours")).collect();
        folders.push(usual);
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), 5);
    }

    #[test]
    fn the_cache_is_where_the_user_keeps_it() {
        let place = |cache| folder(&sources(), &machine(&[("XDG_CACHE_HOME", cache)]));
        assert!(place("/var/c").is_ok_and(|folder| folder.starts_with("/var/c/tuanzhang")));
        assert_eq!(place("relative"), folder(&sources(), &machine(&[])));
        let homeless = Machine { variables: BTreeMap::new(), ..machine(&[]) };
        assert!(folder(&sources(), &homeless).is_err_and(|why| why.contains("HOME")));
    }

    #[test]
    fn users_who_have_a_way_of_their_own_keep_it() {
        for name in USERS_OWN {
            let why = folder(&sources(), &machine(&[(name, "1")])).expect_err(name);
            assert_eq!(why, format!("{name} is set"));
            assert_eq!(machine(&[(name, "1")]).has_library(), name == "ROCKSDB_LIB_DIR");
        }
    }

    #[test]
    fn a_library_of_ours_from_an_older_shell_is_not_taken_for_the_users_own() {
        let usual = folder(&sources(), &machine(&[]));
        let old = [
            ("ROCKSDB_LIB_DIR", "/home/li/.cache/tuanzhang/rocksdb-9.0.0-0123456789"),
            ("ROCKSDB_STATIC", "1"),
        ];
        assert_eq!(folder(&sources(), &machine(&old)), usual);
        let compile = machine(&[old[0], old[1], ("ROCKSDB_COMPILE", "1")]);
        assert!(folder(&sources(), &compile).is_err());
        assert!(!compile.has_library());
    }

    #[test]
    fn what_nobody_has_compared_is_left_to_the_crate() {
        let elsewhere = Machine { is_known: false, ..machine(&[]) };
        assert!(folder(&sources(), &elsewhere).is_err_and(|why| why.contains("Linux")));
        let newer = Sources { version: "0.20.0+12.0.0".to_owned(), ..sources() };
        assert!(folder(&newer, &machine(&[])).is_err_and(|why| why.contains(KNOWN_VERSION)));
        let mut more = sources();
        more.features.push("zstd".to_owned());
        assert!(folder(&more, &machine(&[])).is_err_and(|why| why.contains("feature zstd")));
    }
}
