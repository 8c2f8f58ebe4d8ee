//! Dependencies that a member names and its sources do not.

use crate::workspace::{Metadata, Workspace};
use anyhow::{Context as _, Result};
use std::{fs, path::Path};

/// Dependencies that sources use without naming them, and how.
const UNNAMED: &[(&str, &str, &str)] = &[
    ("replica", "bincode", "derive(Encode, Decode) expands to its paths"),
    ("xtask", "base64", FEATURES),
    ("xtask", "either", FEATURES),
    ("xtask", "http", FEATURES),
    ("xtask", "httparse", FEATURES),
    ("xtask", "log", FEATURES),
    ("xtask", "memchr", FEATURES),
    ("xtask", "rand_core", FEATURES),
    ("xtask", "rustix", FEATURES),
    ("xtask", "smallvec", FEATURES),
    ("xtask", "syn", FEATURES),
    ("xtask", "syn_2", FEATURES),
];
const FEATURES: &str = "it gives the crate the features that others need";

/// Every dependency whose name occurs in none of the sources it is for.
pub(super) fn findings(workspace: &Workspace, metadata: &Metadata) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for package in metadata.packages.iter().filter(|package| workspace.is_member(package)) {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        for dependency in &package.dependencies {
            let name = dependency.name_in_sources();
            let unnamed = |entry: &&(&str, &str, _)| (entry.0, entry.1) == (&package.name, &name);
            if UNNAMED.iter().any(|entry| unnamed(&entry)) {
                continue;
            }
            let kind = dependency.kind.as_deref().unwrap_or("normal");
            if !is_named(folder, kind, &name)? {
                findings
                    .push(format!("{}: {kind} dependency {name} is named nowhere", package.name));
            }
        }
    }
    Ok(findings)
}

/// Whether sources that a dependency of this kind is for name it.
fn is_named(folder: &Path, kind: &str, name: &str) -> Result<bool> {
    let parts: &[&str] = match kind {
        "build" => &["build.rs"],
        "dev" => &["src", "tests", "benches", "examples"],
        _ => &["src"],
    };
    for part in parts.iter().map(|part| folder.join(part)).filter(|part| part.exists()) {
        let files = if part.is_dir() { Workspace::sources(&part)? } else { vec![part] };
        for file in files {
            if has_word(&fs::read_to_string(&file)?, name) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether `word` stands in a line of code, not as a part of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let in_name = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.into_iter().any(|line| {
        line.match_indices(word).any(|(start, _)| {
            let before = start.checked_sub(1).and_then(|i| line.as_bytes().get(i));
            !in_name(before) && !in_name(line.as_bytes().get(start + word.len()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_whole_and_not_in_a_comment() {
        assert!(has_word("use toml::from_str;", "toml"));
        assert!(!has_word("// toml is not used", "toml"));
        assert!(!has_word("let genesis_toml = 1;", "toml"));
        assert!(!has_word("use toml_edit::Document;", "toml"));
    }
}
