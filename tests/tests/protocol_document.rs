//! docs/protocol.md says what the code does: each rule names code and tests, and they are there.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const DOCUMENT: &str = include_str!("../../docs/protocol.md");
/// Where rules are carried out, and where they are tested.
const SOURCES: [&str; 4] = ["ledger-core/src/consensus", "replica/src", "replica/tests", "tests"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All sources that may hold a rule, as one text.
fn sources() -> String {
    let mut text = String::new();
    let mut folders: Vec<_> = SOURCES.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

/// The rules of the document and what each says.
fn rules() -> BTreeMap<&'static str, &'static str> {
    let mut rules = BTreeMap::new();
    for part in DOCUMENT.split("\n- **").skip(1) {
        let number = part.split([' ', '*']).next().unwrap();
        let is_number = number.strip_prefix(['P', 'C']).is_some_and(|n| n.parse::<u32>().is_ok());
        if is_number {
            let text = part.split("\n\n").next().unwrap();
            assert!(rules.insert(number, text).is_none(), "{number} is there twice");
        }
    }
    rules
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What a rule says of its code and of its tests.
fn code_and_tests<'a>(number: &str, text: &'a str) -> (&'a str, &'a str) {
    let (_, held) = text.split_once("*Code:*").unwrap_or_else(|| panic!("{number} names no code"));
    held.split_once("*Tests:*").unwrap_or_else(|| panic!("{number} names no tests"))
}

/// Whether a source defines something of this name.
fn defines(source: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    ["fn", "struct", "enum", "const", "type", "trait"].iter().any(|kind| {
        let definition = format!("{kind} {name}");
        source.match_indices(&definition).any(|(at, _)| ends(&source[at + definition.len()..]))
    })
}

/// Whether a source has a test of this name, and not only a function.
fn tests(source: &str, name: &str) -> bool {
    let definition = format!("fn {name}(");
    source.match_indices(&definition).any(|(at, _)| {
        let mut before = source[..at].lines().rev().skip_while(|line| line.trim().is_empty());
        before.by_ref().take(3).any(|line| line.trim() == "#[test]")
    })
}

#[test]
fn every_rule_names_code_that_is_there() {
    let mut items = 0;
    for (number, text) in rules() {
        let mut file = None;
        for name in quoted(code_and_tests(number, text).0) {
            if name.ends_with(".rs") {
                let path = match name.strip_prefix("consensus/") {
                    Some(rest) => root().join("ledger-core/src/consensus").join(rest),
                    None => root().join(name),
                };
                let source = fs::read_to_string(&path);
                file = Some(source.unwrap_or_else(|_| panic!("{number} names {name}")));
            } else {
                let source = file.as_ref().unwrap_or_else(|| panic!("{number}: {name} of no file"));
                assert!(defines(source, name), "{number} names {name}");
                items += 1;
            }
        }
        assert!(file.is_some(), "{number} names no file");
    }
    assert!(items > 40, "{items}");
}

#[test]
fn every_rule_names_tests_that_are_there() {
    let source = sources();
    let mut names = 0;
    for (number, text) in rules() {
        let before = names;
        for name in quoted(code_and_tests(number, text).1) {
            assert!(tests(&source, name), "{number} names {name}");
            names += 1;
        }
        assert!(names > before, "{number} names no test");
    }
    assert!(names > 50, "{names}");
}

#[test]
fn rules_are_numbered_without_gaps_and_code_cites_no_others() {
    let rules = rules();
    for letter in ["P", "C"] {
        let count = rules.keys().filter(|number| number.starts_with(letter)).count();
        for number in 1..=count {
            assert!(rules.contains_key(format!("{letter}{number}").as_str()), "{letter}{number}");
        }
    }
    let source = sources();
    let comments = source.lines().filter_map(|line| line.split_once("//").map(|(_, text)| text));
    let mut cited = BTreeSet::new();
    for word in comments.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric())) {
        let digits = word.strip_prefix(['P', 'C']).unwrap_or_default();
        if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
            cited.insert(word);
        }
    }
    assert!(cited.len() > 20, "{cited:?}");
    let unknown: Vec<_> = cited.iter().filter(|number| !rules.contains_key(**number)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
