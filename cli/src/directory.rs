//! The directory of households: the one place that knows which pseudonym is which door.
//!
//! It stays off the ledger. A household's tag in a group buy comes from its number, a salt of its own
//! and the key of the group buy, which comes from the master secret here; erasing a salt unlinks one
//! household for good.
//!
//! Source: FUND-RULES section 10, rule G60.

use crate::{
    exit::Failure,
    files, input,
    lang::say,
    output::{self, Output},
};
use clap::Subcommand;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ledger_core::{
    fund::household_tag,
    types::{GroupBuyId, HouseholdTag},
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// `tuan directory`.
#[derive(Debug, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Makes a directory with fresh secrets for households listed one a line
    New {
        /// Text file with one household number a line
        #[arg(long, value_name = "FILE")]
        households: PathBuf,
        /// Where to write the directory
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryFile {
    master: String,
    households: Vec<HouseholdSection>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HouseholdSection {
    number: String,
    salt: String,
}

/// Numbers and salts of all households, and the secret that the keys of group buys come from.
pub(crate) struct Directory {
    master: Zeroizing<[u8; 32]>,
    households: Vec<(String, [u8; 16])>,
}

/// The pseudonyms of one group buy, both ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    by_number: BTreeMap<String, HouseholdTag>,
    by_tag: BTreeMap<HouseholdTag, String>,
}

/// Runs `tuan directory`.
pub(crate) fn run(command: &DirectoryCommand, output: Output) -> Result<(), Failure> {
    let DirectoryCommand::New { households, out } = command;
    let numbers = read_numbers(households)?;
    let directory = Directory::random(numbers, |bytes| {
        getrandom::fill(bytes).map_err(|error| {
            Failure::setup(say!("no randomness: {error}", "取不到随机数：{error}"))
        })
    })?;
    files::write_private(out, directory.to_toml().as_bytes())?;
    let count = directory.households.len();
    let answer = serde_json::json!({ "households": count, "out": out });
    let text =
        say!("{}{count} households in {}", "{}{count} 户，写在 {}", output::ok(), out.display());
    output.data(&text, &answer)
}

/// Household numbers, one a line; empty lines are skipped.
pub(crate) fn read_numbers(path: &Path) -> Result<Vec<String>, Failure> {
    let text = input::file_text(path)?;
    numbers_of(&text).map_err(|(line, detail)| {
        Failure::usage(say!(
            "{} line {line}: {detail}",
            "{} 第 {line} 行：{detail}",
            path.display()
        ))
        .help(say!("write one household number a line, each once", "每行写一个户号，不要重复"))
    })
}

fn numbers_of(text: &str) -> Result<Vec<String>, (usize, String)> {
    let mut seen = BTreeSet::new();
    let mut numbers = Vec::new();
    for (position, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = input::household(line).map_err(|detail| (position + 1, detail))?;
        if !seen.insert(number.clone()) {
            return Err((position + 1, twice(&number)));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

fn twice(number: &str) -> String {
    say!("household {number} stands twice", "户号 {number} 出现了两次")
}

impl Directory {
    fn random(
        numbers: Vec<String>,
        mut fill: impl FnMut(&mut [u8]) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let mut master = Zeroizing::new([0; 32]);
        fill(master.as_mut_slice())?;
        let mut households = Vec::with_capacity(numbers.len());
        for number in numbers {
            let mut salt = [0; 16];
            fill(&mut salt)?;
            households.push((number, salt));
        }
        Ok(Self { master, households })
    }

    /// Reads a directory file.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = Zeroizing::new(input::file_text(path)?);
        Self::parse(&text).map_err(|detail| {
            Failure::setup(say!(
                "{} is no directory: {detail}",
                "{} 不是住户名册：{detail}",
                path.display()
            ))
            .help(say!("make one with `tuan directory new`", "用 `tuan directory new` 生成"))
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: DirectoryFile =
            toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut master = Zeroizing::new([0; 32]);
        hex::decode_to_slice(&file.master, master.as_mut_slice()).map_err(|_| {
            say!("the master secret is not 64 hexadecimal digits", "主密钥不是 64 位十六进制")
        })?;
        let mut seen = BTreeSet::new();
        let mut households = Vec::with_capacity(file.households.len());
        for section in file.households {
            let number = input::household(&section.number)?;
            let mut salt = [0; 16];
            hex::decode_to_slice(&section.salt, &mut salt).map_err(|_| {
                say!(
                    "the salt of {number} is not 32 hexadecimal digits",
                    "{number} 的盐值不是 32 位十六进制"
                )
            })?;
            if !seen.insert(number.clone()) {
                return Err(twice(&number));
            }
            households.push((number, salt));
        }
        Ok(Self { master, households })
    }

    fn to_toml(&self) -> Zeroizing<String> {
        let section = |(number, salt): &(String, [u8; 16])| HouseholdSection {
            number: number.clone(),
            salt: hex::encode(salt),
        };
        let households = self.households.iter().map(section).collect();
        let file = DirectoryFile { master: hex::encode(*self.master), households };
        // Tables of strings always serialise.
        Zeroizing::new(toml::to_string(&file).unwrap_or_default())
    }

    /// The pseudonyms of a group buy.
    pub(crate) fn tags(&self, group_buy: &GroupBuyId) -> Tags {
        let mut mac = match Hmac::<Sha256>::new_from_slice(self.master.as_slice()) {
            Ok(mac) => mac,
            // HMAC takes keys of any length.
            Err(_) => return Tags::default(),
        };
        mac.update(group_buy.as_bytes());
        let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        let mut tags = Tags::default();
        for (number, salt) in &self.households {
            let tag = household_tag(&key, number, salt);
            tags.by_number.insert(number.clone(), tag);
            tags.by_tag.insert(tag, number.clone());
        }
        tags
    }
}

impl Tags {
    /// The pseudonym of a household.
    pub(crate) fn tag(&self, number: &str) -> Result<HouseholdTag, String> {
        let number = input::household(number)?;
        let unknown =
            || say!("household {number} is not in the directory", "名册中没有户号 {number}");
        self.by_number.get(&number).copied().ok_or_else(unknown)
    }

    /// The numbers of all households.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = &str> {
        self.by_number.keys().map(String::as_str)
    }

    /// A text of the ledger with numbers in place of the pseudonyms that are known.
    pub(crate) fn with_numbers(&self, text: &str) -> String {
        let is_apart = |c: char| !c.is_ascii_alphanumeric();
        let words = text.split_inclusive(is_apart).map(|piece| {
            let word = piece.trim_end_matches(is_apart);
            let number = word.parse().ok().and_then(|tag| self.by_tag.get(&tag));
            number.map_or_else(|| piece.to_owned(), |number| piece.replacen(word, number, 1))
        });
        words.collect()
    }

    /// The number of a household, or its pseudonym if the directory does not know it.
    pub(crate) fn number(&self, tag: &HouseholdTag) -> String {
        self.by_tag.get(tag).cloned().unwrap_or_else(|| tag.to_string())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A directory with the households given, and secrets that repeat.
    pub(crate) fn directory(numbers: &[&str]) -> Directory {
        let mut next = 0u8;
        let fill = |bytes: &mut [u8]| {
            next = next.wrapping_add(1);
            bytes.fill(next);
            Ok(())
        };
        let numbers = numbers.iter().map(|number| (*number).to_owned()).collect();
        Directory::random(numbers, fill).expect("never fails")
    }

    #[test]
    fn a_directory_survives_its_file() {
        let directory = directory(&["3-201", "3号楼202"]);
        let again = Directory::parse(&directory.to_toml()).expect("reads what it writes");
        let id = "veg-0105".parse().expect("an id");
        assert_eq!(again.tags(&id), directory.tags(&id));
    }

    #[test]
    fn a_household_has_another_tag_in_every_group_buy() {
        let directory = directory(&["3-201"]);
        let one = directory.tags(&"veg-0105".parse().expect("an id"));
        let other = directory.tags(&"veg-0106".parse().expect("an id"));
        let tag = one.tag(" 3-201 ").expect("known");
        assert_ne!(Ok(tag), other.tag("3-201"));
        assert_eq!(one.number(&tag), "3-201");
        assert_eq!(one.with_numbers(&format!("household {tag} waits")), "household 3-201 waits");
        // Wherever it stands: in Chinese nothing need be between the words.
        assert_eq!(one.with_numbers(&format!("住户{tag}，\"{tag}\"")), "住户3-201，\"3-201\"");
        assert_eq!(other.number(&tag), tag.to_string());
        assert!(one.tag("9-999").expect_err("unknown").contains("not in the directory"));
    }

    #[test]
    fn numbers_stand_once() {
        assert_eq!(numbers_of("3-201\n\n 3-202 \n"), Ok(vec!["3-201".into(), "3-202".into()]));
        assert_eq!(numbers_of("a\nb\na").map_err(|(line, _)| line), Err(3));
        assert_eq!(numbers_of(&"x".repeat(65)).map_err(|(line, _)| line), Err(1));
        let twice = "master = \"00\"\nhouseholds = []";
        assert!(Directory::parse(twice).is_err());
    }
}
