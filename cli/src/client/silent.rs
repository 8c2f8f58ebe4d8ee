//! Nodes that lately kept silent, remembered from one command to the next, so that not every command
//! waits for the same node again.
//!
//! What is remembered says who is asked last and nothing else: a node that is thought silent is still
//! asked when the others do not answer, and one that answers is forgotten here. So the file may be lost,
//! stale or wrong; that costs time and never changes an answer.

use crate::{clock, files};
use serde::{Deserialize, Serialize};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// The file in the user's folder.
const FILE: &str = "silent-nodes.json";
/// After this time a node is asked in its turn again.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Most nodes that are remembered; a chain has at most 31 validators.
const NODES_MAX: usize = 64;
/// Longest address that is remembered.
const URL_BYTES_MAX: usize = 256;
/// Longest file: that many addresses of that length, and what stands around them.
const FILE_BYTES_MAX: u64 = (NODES_MAX * (URL_BYTES_MAX + 32) + 64) as u64;

/// The file: addresses, and when each was first found silent, in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Since(BTreeMap<String, u64>);

impl Since {
    /// What a file says; nothing if it is absent, damaged or too long.
    fn read(file: &Path) -> Self {
        let read = || -> io::Result<Self> {
            let mut bytes = Vec::new();
            File::open(file)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
            Ok(serde_json::from_slice(&bytes)?)
        };
        read().unwrap_or_default()
    }

    /// Without what is old, or lies in the future of a clock that was set back.
    fn fresh(mut self, now_ms: u64) -> Self {
        let age_max = REMEMBERED.as_millis();
        self.0.retain(|_, since| {
            now_ms.checked_sub(*since).is_some_and(|age| u128::from(age) < age_max)
        });
        self
    }
}

/// Which nodes kept silent.
#[derive(Debug, Default)]
pub(super) struct Silent {
    /// Where it is written down, if anywhere.
    file: Option<PathBuf>,
    since: RefCell<Since>,
}

impl Silent {
    /// As the user's folder has it.
    pub(super) fn in_folder(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let since = RefCell::new(Since::read(&file).fresh(now_ms()));
        Self { file: Some(file), since }
    }

    /// Whether this node kept silent lately.
    pub(super) fn is(&self, url: &str) -> bool {
        self.since.borrow().0.contains_key(url)
    }

    /// This node did not answer.
    pub(super) fn add(&self, url: &str) {
        if !self.is(url) && url.len() <= URL_BYTES_MAX {
            self.change(|since| {
                // The longest silent makes room.
                let oldest = since.0.iter().min_by_key(|(_, since)| **since);
                if let (true, Some((oldest, _))) = (since.0.len() >= NODES_MAX, oldest) {
                    let oldest = oldest.clone();
                    since.0.remove(&oldest);
                }
                since.0.insert(url.to_owned(), now_ms());
            });
        }
    }

    /// This node answered.
    pub(super) fn remove(&self, url: &str) {
        if self.is(url) {
            self.change(|since| {
                since.0.remove(url);
            });
        }
    }

    /// Changes what is known and writes it down. Of two commands at once the last one's word stands.
    fn change(&self, change: impl FnOnce(&mut Since)) {
        let mut since = self.since.borrow_mut();
        if let Some(file) = &self.file {
            *since = Since::read(file).fresh(now_ms());
        }
        change(&mut since);
        if let Some(file) = &self.file
            && let Ok(json) = serde_json::to_string(&*since)
        {
            // A folder that cannot be written is told by what must be kept there; this need not be.
            let folder = file.parent().unwrap_or(Path::new("."));
            let _ = files::make_private_folder(folder)
                .and_then(|()| files::durable(file, json.as_bytes()));
        }
    }
}

fn now_ms() -> u64 {
    // By a clock that stands before 1970 nothing is remembered.
    clock::now().map_or(0, |now| now.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const A: &str = "http://a:7101";

    #[test]
    fn the_next_command_knows_who_kept_silent_until_it_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("state");
        Silent::in_folder(&folder).add(A);
        let next = Silent::in_folder(&folder);
        assert!(next.is(A) && !next.is("http://b:7101"));
        next.remove(A);
        assert!(!next.is(A) && !Silent::in_folder(&folder).is(A));
    }

    #[test]
    fn silence_is_remembered_for_a_while_and_not_from_the_future() {
        let at = |since_ms| Since(BTreeMap::from([(A.to_owned(), since_ms)]));
        let now = 1_767_225_600_000;
        let while_ms = u64::try_from(REMEMBERED.as_millis()).expect("minutes");
        for (since, is_fresh) in
            [(now, true), (now - while_ms + 1, true), (now - while_ms, false), (now + 1, false)]
        {
            assert_eq!(at(since).fresh(now) == at(since), is_fresh, "{since}");
        }
    }

    #[test]
    fn a_file_that_is_damaged_or_endless_says_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        let endless = format!("{{\"{A}\":{}}}{}", now_ms(), " ".repeat(100_000));
        for text in ["", "{\"http://a:71", "[]", "{\"http://a:7101\":-1}", "\0\0", &endless] {
            fs::write(&file, text).expect("writes");
            let read = Since::read(&file);
            assert!(read == Since::default() || text == endless, "{text:.20}");
        }
        // It is written anew as soon as there is something to say.
        Silent::in_folder(folder.path()).add(A);
        assert!(Silent::in_folder(folder.path()).is(A));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let silent = Silent::default();
        for n in 0..2 * NODES_MAX {
            silent.add(&format!("http://a:{n}"));
        }
        silent.add(&format!("http://{}", "a".repeat(URL_BYTES_MAX)));
        let json = serde_json::to_string(&*silent.since.borrow()).expect("is JSON");
        assert_eq!(silent.since.borrow().0.len(), NODES_MAX);
        assert!((json.len() as u64) < FILE_BYTES_MAX);
    }
}
