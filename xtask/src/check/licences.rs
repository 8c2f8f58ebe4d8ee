//! Licences and sources of everything that is compiled in, by `deny.toml`.
//!
//! Works without the network and without another tool; who has cargo-deny can run it on the same
//! file, which then looks at advisories too.

use crate::workspace::{Metadata, Package, Workspace};
use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The parts of `deny.toml` that this check reads.
#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    package: String,
    reason: String,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    registries: Vec<String>,
}

/// What a dependency breaks of the rules.
pub(super) fn findings(workspace: &Workspace, metadata: &Metadata) -> Result<Vec<String>> {
    let path = workspace.root.join("deny.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let rules: Rules = toml::from_str(&text).context("deny.toml is not what it should be")?;
    let packages = || metadata.packages.iter().filter(|package| !workspace.is_member(package));
    let mut findings: Vec<_> = packages().filter_map(|package| rules.judge(package)).collect();
    // An exception that nothing needs any more would one day let something else in.
    for exception in &rules.licenses.exceptions {
        if !packages().any(|package| package.name == exception.package) {
            findings
                .push(format!("deny.toml: exception for {}, which is not used", exception.package));
        }
    }
    Ok(findings)
}

impl Rules {
    fn judge(&self, package: &Package) -> Option<String> {
        let Package { name, version, license, source, .. } = package;
        if let Some(ban) = self.bans.deny.iter().find(|ban| ban.package == *name) {
            return Some(format!("{name} {version} is banned: {}", ban.reason));
        }
        let source = source.as_deref().unwrap_or_default();
        let registry = source.strip_prefix("registry+").or(source.strip_prefix("sparse+"));
        if !registry.is_some_and(|url| self.sources.registries.iter().any(|known| known == url)) {
            return Some(format!("{name} {version} comes from an unknown source: {source}"));
        }
        let Some(expression) = license else {
            return Some(format!("{name} {version} names no licence"));
        };
        let exceptions = self.licenses.exceptions.iter().filter(|rule| rule.package == *name);
        let allowed: Vec<&str> = exceptions
            .flat_map(|exception| &exception.allow)
            .chain(&self.licenses.allow)
            .map(String::as_str)
            .collect();
        match is_allowed(expression, &allowed) {
            Some(true) => None,
            Some(false) => {
                Some(format!("{name} {version} is under {expression}, which is not allowed"))
            }
            None => Some(format!("{name} {version}: cannot read its licence {expression:?}")),
        }
    }
}

/// Whether the licences allowed satisfy an SPDX expression; `None` if it is none.
///
/// `/` is the old way of writing OR.
fn is_allowed(expression: &str, allowed: &[&str]) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    let satisfied = reader.any()?;
    reader.words.is_empty().then_some(satisfied)
}

/// Reads an expression word by word: OR binds weakest, then AND, then WITH.
struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl Reader<'_> {
    fn any(&mut self) -> Option<bool> {
        let mut satisfied = self.all()?;
        while self.take("OR") {
            satisfied |= self.all()?;
        }
        Some(satisfied)
    }

    fn all(&mut self) -> Option<bool> {
        let mut satisfied = self.one()?;
        while self.take("AND") {
            satisfied &= self.one()?;
        }
        Some(satisfied)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let satisfied = self.any()?;
            return self.take(")").then_some(satisfied);
        }
        let name = self.word()?;
        let licence = if self.take("WITH") {
            format!("{name} WITH {}", self.word()?)
        } else {
            name.to_owned()
        };
        Some(self.allowed.contains(&licence.as_str()))
    }

    fn word(&mut self) -> Option<String> {
        let (first, rest) = self.words.split_first()?;
        let is_name = !matches!(*first, "(" | ")" | "OR" | "AND" | "WITH");
        self.words = rest;
        is_name.then(|| (*first).to_owned())
    }

    fn take(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
        let judge = |expression| is_allowed(expression, &allowed);
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "ISC AND (MIT OR GPL-3.0)",
            "GPL-2.0 AND GPL-3.0 OR MIT",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert_eq!(judge(good), Some(true), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR ISC) AND GPL-3.0"] {
            assert_eq!(judge(bad), Some(false), "{bad}");
        }
        for broken in ["", "MIT OR", "(MIT", "MIT ISC", "AND MIT"] {
            assert_eq!(judge(broken), None, "{broken}");
        }
    }
}
