//! Compiles the units and puts the library together.
//!
//! Whatever stops it leaves no library that is not whole: everything is written under another name and
//! gets its own when it is done. What was compiled before is then taken over, since the folder is only
//! for this recipe. A lock, which goes away with its process, keeps a second xtask waiting.

use super::{
    progress::Progress,
    recipe::{self, Recipe},
};
use anyhow::{Context as _, Result, bail};
use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What one unit needs of memory, and a little more.
const UNIT_MEMORY_KIB: u64 = 1_500_000;

/// Makes the library, unless it is there.
///
/// # Errors
/// A unit does not compile; the message is the compiler's and says how to go on without units.
pub(super) fn make(recipe: &Recipe) -> Result<()> {
    if recipe.library().exists() {
        return Ok(());
    }
    let folder = &recipe.folder;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _lock = lock(&folder.join("lock"))?;
    if recipe.library().exists() {
        return Ok(());
    }
    fs::write(folder.join("recipe.txt"), &recipe.words)?;
    let units = recipe.units()?;
    let units: Vec<Unit> =
        (1..).zip(units).map(|(number, text)| Unit { folder, number, text }).collect();
    let missing: Vec<&Unit> = units.iter().filter(|unit| !unit.object().exists()).collect();
    compile(recipe, &missing, units.len())?;
    let part = folder.join(format!("library.{}.part", process::id()));
    let mut archive = Command::new("ar");
    archive.arg("rcs").arg(&part).args(units.iter().map(Unit::object));
    run(&mut archive).context("cannot put RocksDB's library together")?;
    finish(&part, &recipe.library())?;
    tidy_up(recipe)
}

/// Waits until no other process makes the same library.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let locked = match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            eprintln!("rocksdb: another process is compiling it, waiting for that");
            file.lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
    };
    locked.with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Some of the files, compiled together.
struct Unit<'a> {
    folder: &'a Path,
    /// From 1.
    number: usize,
    text: String,
}

impl Unit<'_> {
    /// What it compiles to; where it is, it is whole.
    fn object(&self) -> PathBuf {
        self.folder.join(format!("unit{:02}.o", self.number))
    }

    fn compile(&self, compiler: &[OsString], sources: &Path) -> Result<()> {
        // A compiler may outlive an xtask that is killed; it must not write to the next one's file.
        let name = format!("unit{:02}.{}", self.number, process::id());
        let source = self.folder.join(format!("{name}.cc"));
        let part = self.folder.join(format!("{name}.part"));
        fs::write(&source, &self.text)?;
        let mut command = recipe::command(compiler);
        command.arg("-c").arg(&source).arg("-o").arg(&part).current_dir(sources);
        run(&mut command)?;
        finish(&part, &self.object())
    }
}

/// Compiles on all cores, as far as there is memory; after a failure what is begun is finished.
fn compile(recipe: &Recipe, units: &[&Unit], count: usize) -> Result<()> {
    let workers = workers(thread::available_parallelism().map_or(1, usize::from), free_memory());
    let progress = Progress::new(units.len(), count, workers);
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let failed = || failure.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        for _ in 0..workers.min(units.len()) {
            scope.spawn(|| {
                while failed().is_none()
                    && let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    match unit.compile(&recipe.compiler, &recipe.sources) {
                        Ok(()) => progress.unit_done(),
                        Err(error) => {
                            failed().get_or_insert((unit.number, error));
                        }
                    }
                }
            });
        }
    });
    progress.close();
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(()),
        Some((number, error)) => bail!(
            "unit {number} of RocksDB does not compile: {error:#}\n\
             help: with ROCKSDB_COMPILE=1 in the environment RocksDB is left to the build script of its \
             crate, which takes four times as long"
        ),
    }
}

/// How many compilers run at a time.
fn workers(cores: usize, memory_kib: Option<u64>) -> usize {
    let bearable = memory_kib
        .map_or(cores, |free| usize::try_from(free / UNIT_MEMORY_KIB).unwrap_or(usize::MAX));
    cores.min(bearable).max(1)
}

/// What Linux says there is for programs that start now, in KiB.
fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Runs a program; its words are the error if it fails.
fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let program = command.get_program().to_string_lossy().into_owned();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{program} ended with {}\n{}", output.status, said.trim_end())
}

/// Gives a file its name once all of it is on the disk.
fn finish(part: &Path, whole: &Path) -> Result<()> {
    File::open(part)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(part, whole))
        .with_context(|| format!("cannot write {}", whole.display()))
}

/// Removes what only the making needed, that of makers that were killed included.
fn tidy_up(recipe: &Recipe) -> Result<()> {
    for entry in fs::read_dir(&recipe.folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("unit") || name.ends_with(".part") {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::collections::BTreeSet;

    /// Sources of as many files, and a compiler that copies what it is given and writes down what that was.
    struct Scene {
        folder: tempfile::TempDir,
        recipe: Recipe,
    }

    impl Scene {
        fn new(files: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path();
            let mut list: Vec<String> =
                (1..files).map(|number| format!("db/file{number}.cc\n")).collect();
            list.insert(files / 2, "util/build_version.cc\n".to_owned());
            fs::write(root.join("rocksdb_lib_sources.txt"), list.concat()).unwrap();
            let recipe = Recipe {
                folder: root.join("cache/rocksdb"),
                sources: root.to_owned(),
                compiler: vec!["sh".into(), root.join("compiler").into_os_string()],
                words: "made up".to_owned(),
            };
            let scene = Self { folder, recipe };
            scene.compiler("");
            scene
        }

        /// A compiler that does this first; `$2` is the unit, `$4` the object.
        fn compiler(&self, first: &str) {
            let calls = self.folder.path().join("calls");
            let text = format!(
                "{first}\ncat \"$2\" > \"$4\" || exit 2\ncat \"$2\" >> \"{}\"\n",
                calls.display()
            );
            fs::write(self.folder.path().join("compiler"), text).unwrap();
        }

        /// Every file that was compiled, as often as it was.
        fn compiled(&self) -> Vec<String> {
            let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
            let name = |line: &str| line.replace("#include ", "").replace('"', "");
            calls.lines().map(name).collect()
        }

        fn names(&self) -> BTreeSet<String> {
            let entries = fs::read_dir(&self.recipe.folder).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }

        /// What is in the library, one object after the other.
        fn library(&self) -> String {
            let output = Command::new("ar").arg("p").arg(self.recipe.library()).output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stdout).unwrap()
        }
    }

    #[test]
    fn every_file_is_compiled_once_and_is_in_the_library() {
        let scene = Scene::new(35);
        assert_eq!(scene.recipe.units().unwrap().len(), 3);
        make(&scene.recipe).unwrap();
        let mut compiled = scene.compiled();
        compiled.sort();
        let mut expected: Vec<String> =
            (1..35).map(|number| format!("db/file{number}.cc")).collect();
        expected.push("build_version.cc".to_owned());
        expected.sort();
        assert_eq!(compiled, expected);
        assert_eq!(scene.library(), scene.recipe.units().unwrap().concat());
        assert_eq!(scene.names(), ["librocksdb.a", "lock", "recipe.txt"].map(str::to_owned).into());

        make(&scene.recipe).unwrap();
        assert_eq!(scene.compiled().len(), 35, "what is there is not compiled again");
    }

    #[test]
    fn two_at_once_compile_it_once() {
        let scene = Scene::new(40);
        thread::scope(|scope| {
            let makers = [(); 2].map(|()| scope.spawn(|| make(&scene.recipe)));
            for maker in makers {
                maker.join().unwrap().unwrap();
            }
        });
        assert_eq!(scene.compiled().len(), 40);
        assert_eq!(scene.library(), scene.recipe.units().unwrap().concat());
    }

    #[test]
    fn a_failing_compiler_is_quoted_and_what_was_compiled_is_kept() {
        let scene = Scene::new(80);
        let broken =
            "case $2 in */unit03.*) echo half > \"$4\"; echo 'no such header' >&2; exit 1;; esac";
        scene.compiler(broken);
        let message = make(&scene.recipe).unwrap_err().to_string();
        assert!(
            message.contains("unit 3 of RocksDB") && message.contains("no such header"),
            "{message}"
        );
        assert!(message.contains("ROCKSDB_COMPILE=1"), "{message}");
        assert!(!scene.recipe.library().exists());
        assert!(!scene.names().contains("unit03.o"), "half an object is none");

        let before = scene.compiled().len();
        scene.compiler("");
        make(&scene.recipe).unwrap();
        assert!(before >= 32, "the first two units were compiled before the third");
        assert_eq!(scene.compiled().len(), 80);
        assert_eq!(scene.library(), scene.recipe.units().unwrap().concat());
    }

    #[test]
    fn what_a_killed_process_left_is_not_taken_for_whole() {
        let scene = Scene::new(20);
        fs::create_dir_all(&scene.recipe.folder).unwrap();
        for name in ["unit01.1.part", "unit02.1.cc", "library.1.part", "lock"] {
            fs::write(scene.recipe.folder.join(name), "half").unwrap();
        }
        make(&scene.recipe).unwrap();
        assert_eq!(scene.library(), scene.recipe.units().unwrap().concat());
        assert_eq!(scene.names().len(), 3, "{:?}", scene.names());
    }

    #[test]
    fn a_small_memory_bears_fewer_compilers() {
        let gib = |gib: u64| Some(gib * 1024 * 1024);
        assert_eq!(workers(8, gib(64)), 8);
        assert_eq!(workers(8, gib(8)), 5);
        assert_eq!(workers(8, gib(1)), 1);
        assert_eq!(workers(4, None), 4);
    }
}
