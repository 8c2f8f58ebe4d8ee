//! Rules about the sources that neither compiler nor clippy knows. ARCHITECTURE.md says why they are.

use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use std::{collections::BTreeSet, fs, path::Path};

/// Members that build without the world, and the dependencies that would bring it in.
const PURE_MEMBERS: [&str; 3] = ["ledger-core", "genesis", "replica"];
const WORLDLY: [&str; 5] = ["tokio", "libp2p", "rocksdb", "axum", "ureq"];

/// What `cli` and `xtask` may not need, so that they build in a minute.
const LIGHT_MEMBERS: [&str; 2] = ["cli", "xtask"];
const HEAVY: [&str; 4] = ["rocksdb", "libp2p", "node", "replica"];

/// Modules of `ledger-core` and the only other modules of it that they have heard of.
const KNOWS_ONLY: [(&str, &[&str]); 4] = [
    ("ledger-core/src/types", &["codec", "types"]),
    // Double entry knows nothing of group buying.
    ("ledger-core/src/accounting", &["accounting", "codec", "types"]),
    // A block is an opaque hash to consensus.
    ("ledger-core/src/consensus", &["codec", "consensus", "crypto", "types"]),
    ("ledger-core/src/crypto", &["codec", "crypto", "types"]),
];

/// The rooms of the money, from the ground up: each knows only rooms that stand before it.
const FUND: &str = "ledger-core/src/fund/";
const FUND_ROOMS: [&str; 18] = [
    "cause",
    "chart",
    "agenda",
    "numbers",
    "terms",
    "parties",
    "matter",
    "tag",
    "group_buy",
    "arithmetic",
    "draft",
    "till",
    "rules",
    "act",
    "rows",
    "consent",
    "state",
    "plan",
];
/// The chapters of the rules: none knows another.
const FUND_RULES: &str = "ledger-core/src/fund/rules/";

/// The only places that name the encoding's library: the codec, and encodings written by hand.
const NAMES_BINCODE: [&str; 4] = [
    "ledger-core/src/codec.rs",
    "ledger-core/src/types/code.rs",
    "ledger-core/src/consensus/validator.rs",
    "ledger-core/src/merkle/log.rs",
];

/// Every breach of a rule, with its place.
pub(crate) fn findings(root: &Path) -> Result<Vec<String>> {
    let mut findings = manifests(root)?;
    for member in fs::read_dir(root).context("cannot read the workspace")? {
        let folder = member?.path();
        if !folder.join("Cargo.toml").exists() {
            continue;
        }
        for file in Workspace::sources(&folder)? {
            let text = fs::read_to_string(&file)?;
            let place = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
            source(&place, &text, &mut findings);
        }
    }
    Ok(findings)
}

/// Which layers a member's `Cargo.toml` names.
fn manifests(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let pure = PURE_MEMBERS.iter().map(|member| (member, &WORLDLY[..]));
    let light = LIGHT_MEMBERS.iter().map(|member| (member, &HEAVY[..]));
    for (member, barred) in pure.chain(light) {
        let path = root.join(member).join("Cargo.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: toml::Table =
            toml::from_str(&text).with_context(|| format!("{member}/Cargo.toml"))?;
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(named) = manifest.get(kind).and_then(toml::Value::as_table) else { continue };
            let breaches = named.keys().filter(|name| barred.contains(&name.as_str()));
            findings.extend(breaches.map(|name| format!("{member}/Cargo.toml names {name}")));
        }
    }
    Ok(findings)
}

/// The rules about one file.
fn source(place: &str, text: &str, findings: &mut Vec<String>) {
    for (folder, known) in KNOWS_ONLY {
        if place.starts_with(folder) {
            let used = modules_used(text, "crate::");
            let strangers = used.iter().filter(|module| !known.contains(module));
            findings.extend(strangers.map(|module| format!("{place} knows crate::{module}")));
        }
    }
    if let Some(own) = place.strip_prefix(FUND) {
        fund_rooms(place, own, text, findings);
    }
    let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    if !NAMES_BINCODE.contains(&place) && code.any(|line| line.contains(concat!("bin", "code::"))) {
        findings.push(format!("{place} names bincode, which only the codec may"));
    }
    // Put together here, or this file would break its own rules.
    let everywhere = [
        (concat!("todo", "!("), "unfinished"),
        (concat!("unimplemented", "!("), "unfinished"),
        (concat!("dbg", "!("), "left over from debugging"),
        (concat!("#[ig", "nore"), "a test that does not run"),
    ];
    let sleep = concat!("thread::", "sleep");
    for (number, line) in (1..).zip(text.lines()) {
        for (mark, why) in everywhere {
            if line.contains(mark) {
                findings.push(format!("{place}:{number}: {why}: {mark}"));
            }
        }
        let in_test = place.starts_with("tests/")
            || place.contains("/tests/")
            || place.ends_with("/tests.rs")
            || text.find("#[cfg(test)]").is_some_and(|at| at < offset(text, line));
        if in_test && line.contains(sleep) {
            findings
                .push(format!("{place}:{number}: a test waits for a condition, it does not sleep"));
        }
    }
}

/// The rules about one file of the fund, `own` being its place there.
fn fund_rooms(place: &str, own: &str, text: &str, findings: &mut Vec<String>) {
    let (first, below) = own.split_once('/').unwrap_or((own, ""));
    let room = first.strip_suffix(".rs").unwrap_or(first);
    if room == "mod" {
        return;
    }
    let floor = |name: &str| FUND_ROOMS.iter().position(|known| *known == name);
    let Some(own_floor) = floor(room) else {
        findings.push(format!("{place} stands in no known room of the fund"));
        return;
    };
    // Tests may look at anything.
    let product = text.split("#[cfg(test)]").next().unwrap_or(text);
    let mut used = modules_used(product, "fund::");
    if matches!(below, "" | "mod.rs") {
        used.extend(modules_used(product, "super::"));
    }
    let above = used.iter().filter(|name| floor(name).is_some_and(|floor| floor > own_floor));
    findings.extend(above.map(|name| format!("{place} knows fund::{name}, which stands above it")));
    // What mod.rs hands on could come from any room.
    let named = used.iter().filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
    findings.extend(named.map(|name| format!("{place} names fund::{name} without its room")));
    if place.starts_with(FUND_RULES) && below != "mod.rs" {
        let mut others = modules_used(text, "super::");
        others.extend(modules_used(text, "rules::"));
        // In its tests a chapter is `super` itself.
        let named = others.iter().filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
        findings.extend(named.map(|name| format!("{place} knows the chapter {name}")));
    }
}

/// The modules below a path that a file names, alone or in a list in braces.
fn modules_used<'a>(text: &'a str, below: &str) -> BTreeSet<&'a str> {
    let name = |from: &'_ str| -> usize {
        from.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(from.len())
    };
    let mut modules = BTreeSet::new();
    // `refund::` is not `fund::`.
    let alone = |at: usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
    };
    let code = |at: usize| {
        let line = text.get(..at).and_then(|before| before.lines().next_back()).unwrap_or_default();
        !line.trim_start().starts_with("//")
    };
    for (at, mark) in text.match_indices(below).filter(|(at, _)| alone(*at) && code(*at)) {
        let rest = &text[at + mark.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            modules.insert(&rest[..name(rest)]);
            continue;
        };
        let mut depth = 1;
        let mut fresh = true;
        for (i, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => fresh = true,
                c if depth == 1 && fresh && c.is_ascii_alphabetic() => {
                    modules.insert(&list[i..i + name(&list[i..])]);
                    fresh = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    modules
}

/// Where `line`, a part of `text`, begins in it.
fn offset(text: &str, line: &str) -> usize {
    (line.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("inside the workspace");
        let findings = findings(root).expect("sources can be read");
        assert!(findings.is_empty(), "{findings:#?}");
    }

    #[test]
    fn breaches_are_found() {
        let found = |place: &str, text: &str| {
            let mut findings = Vec::new();
            source(place, text, &mut findings);
            findings.len()
        };
        assert_eq!(found("ledger-core/src/accounting/mod.rs", "use crate::fund::Order;"), 1);
        let list = "use crate::{codec::{self, fund}, ledger::State, types::Fen};";
        assert_eq!(found("ledger-core/src/consensus/rules.rs", list), 1);
        assert_eq!(found("ledger-core/src/ledger.rs", list), 0);
        let fund = |room: &str, text: &str| found(&format!("{FUND}{room}"), text);
        assert_eq!(fund("draft.rs", "use super::{chart::AccountId, numbers::Numbers};"), 0);
        assert_eq!(fund("draft.rs", "use super::{chart::AccountId, plan::Plan};"), 1);
        assert_eq!(fund("group_buy/mod.rs", "use super::{chart::AccountId, plan::Plan};"), 1);
        assert_eq!(fund("draft.rs", "use super::Plan;"), 1);
        assert_eq!(fund("draft.rs", "/// A [`Plan`](super::Plan).\n"), 0);
        assert_eq!(fund("group_buy/order.rs", "use crate::{fund::{chart, rows}, types};"), 1);
        assert_eq!(fund("rules/goods.rs", "use crate::fund::{draft::Desk, till};"), 0);
        assert_eq!(fund("rules/mod.rs", "use self::refund::RefundItem;"), 0);
        assert_eq!(fund("rules/goods.rs", "use super::deliver;"), 1);
        assert_eq!(fund("rules/goods.rs", "mod tests { use super::*; }"), 0);
        assert_eq!(fund("wallet.rs", "// nothing here"), 1);
        assert_eq!(found("node/src/main.rs", concat!("fn main() { todo", "!() }")), 1);
        assert_eq!(found("cli/src/main.rs", concat!("use bin", "code::encode;")), 1);
        let sleeper = concat!("#[cfg(test)]\nmod tests { fn f() { std::thread::", "sleep(d) } }");
        assert_eq!(found("node/src/guard.rs", sleeper), 1);
        assert_eq!(found("node/src/guard.rs", "// nothing here"), 0);
    }
}
