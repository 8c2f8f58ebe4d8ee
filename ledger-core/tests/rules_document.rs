//! docs/fund-rules.md says what the code does: its refusals, its rules, its tests are the real ones.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use ledger_core::refusal::Refusal;
use std::{collections::BTreeSet, fs, path::Path};

const DOCUMENT: &str = include_str!("../../docs/fund-rules.md");

/// All sources below a folder of this package, as one text.
fn sources(folder: &str) -> String {
    let mut text = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
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

/// The rule numbers that a text cites: `G` and digits.
fn rules(text: &str) -> BTreeSet<u32> {
    let number = |(at, _): (usize, &str)| {
        let before = text[..at].chars().next_back();
        let digits: String =
            text[at + 1..].chars().take_while(|character| character.is_ascii_digit()).collect();
        let alone = before.is_none_or(|character| !character.is_alphanumeric());
        if alone { digits.parse().ok() } else { None }
    };
    text.match_indices('G').filter_map(number).collect()
}

#[test]
fn the_table_of_refusals_is_that_of_the_code() {
    let rows: Vec<(u16, &str)> = DOCUMENT
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            Some((cells.next()?.parse().ok()?, cells.next()?))
        })
        .collect();
    assert_eq!(rows, Refusal::ALL);
}

#[test]
fn every_rule_that_the_code_cites_is_in_the_document() {
    let defined: BTreeSet<u32> = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("**G")?.split_once(' ')?.0.parse().ok())
        .collect();
    let cited = rules(&(sources("src/fund") + &sources("src/accounting")));
    assert!(cited.len() > 30, "{cited:?}");
    assert_eq!(cited.difference(&defined).collect::<Vec<_>>(), Vec::<&u32>::new());
    assert_eq!(rules(DOCUMENT), defined, "the document cites no rule that it does not define");
}

#[test]
fn every_test_and_source_that_the_document_names_exists() {
    let code = sources("src") + &sources("tests");
    let names = DOCUMENT.split('`').skip(1).step_by(2);
    let (mut tests, mut files) = (0, 0);
    for name in names {
        if name.ends_with(".rs") {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
            assert!(path.exists(), "{name}");
            files += 1;
        } else if name.matches('_').count() > 2 && !name.contains(' ') {
            assert!(code.contains(&format!("fn {name}(")), "{name}");
            tests += 1;
        }
    }
    assert!(tests > 50 && files > 30, "{tests} tests, {files} files");
}

#[test]
fn every_rule_of_the_life_cycle_names_its_code_and_its_tests() {
    let parts: Vec<_> = DOCUMENT.split("\n**G").skip(1).collect();
    for part in parts {
        let rule = part.split("\n\n**").next().unwrap();
        assert!(rule.contains("*Code*"), "G{}", &rule[..20]);
        assert!(rule.contains("*Tests*"), "G{}", &rule[..20]);
    }
}
