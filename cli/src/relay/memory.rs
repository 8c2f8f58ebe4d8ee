//! What a leader answered: which good a word means, who 王姐 is. A file on this computer, private, short,
//! and made to be read and edited by people. Nothing of it is ever sent.

use crate::{
    exit::Failure,
    input,
    lang::{say, word},
    offer::find_offer,
};
use ledger_core::{
    fund::{Filing, OfferIndex},
    types::{GroupBuyId, ItemCode},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

/// Most words, households and readings of each kind; a community of 3,000 households stays far below.
pub(super) const WORDS_MAX: usize = 10_000;
/// Group buys whose readings are kept.
const GROUP_BUYS_MAX: usize = 30;
/// Answer that says: nothing, leave it out.
pub(super) const NOTHING: &str = "-";

/// Answer that says: as if the entry had never been written; others of its household count.
pub(super) const NEVER_WRITTEN: &str = "~";

/// Everything that was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory {
    /// Words for goods.
    #[serde(default)]
    pub(super) goods: BTreeMap<String, GoodAlias>,
    /// Words for households.
    #[serde(default)]
    pub(super) households: BTreeMap<String, String>,
    /// Names and remarks: words that order nothing.
    #[serde(default)]
    pub(super) words: BTreeSet<String>,
    /// What holds for the list of one group buy.
    #[serde(default)]
    pub(super) group_buys: BTreeMap<GroupBuyId, ListMemory>,
}

/// What a word for a good means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoodAlias {
    /// Item code of the filing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<ItemCode>,
    /// In yuan, where the item has several prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<String>,
    /// How much one of a unit is: kilograms or pieces. No unit is a bare number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) portions: BTreeMap<String, String>,
}

/// What was answered about the list of one group buy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListMemory {
    /// Day of the group buy; the oldest are forgotten first.
    #[serde(default)]
    pub(super) day: u32,
    /// The good of entries that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) good: Option<String>,
    /// Prices of the list that differ from the filing and were seen.
    #[serde(default)]
    pub(super) prices_seen: BTreeSet<String>,
    /// What entries mean.
    #[serde(default)]
    pub(super) readings: BTreeMap<String, String>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// A word means an offer; or no good at all.
    Good { word: String, item: Option<(ItemCode, Option<String>)> },
    /// Entries without a good mean this offer.
    ListGood(String),
    /// One `unit` of a good is so much, in kilograms or pieces.
    Portion { word: String, unit: String, amount: String },
    /// These words are names or remarks.
    Words(Vec<String>),
    /// Somebody lives there.
    Household { written: String, number: String },
    /// The price of the list was seen; the filing's counts.
    PriceSeen(String),
    /// An entry means this.
    Entry { written: String, reading: String },
    /// Several entries mean this, each as [`Self::Entry`].
    Entries(Vec<(String, String)>),
    /// Ask about words one by one; holds for this run only.
    OneByOne,
}

impl Memory {
    /// Reads the file; an absent one is empty.
    ///
    /// # Errors
    /// A setup [`Failure`] if it is not what this program writes.
    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = input::file_text(path)?;
        toml::from_str(&text).map_err(|error| {
            let (path, detail) = (path.display(), error.message());
            Failure::setup(say!("{path}: {detail}", "{path}：{detail}")).help(say!(
                "correct the file, or move it away to begin anew",
                "请改正该文件，或将其移走以重新开始"
            ))
        })
    }

    /// Writes the file anew, readable by its owner only, whole or not at all.
    ///
    /// # Errors
    /// A setup [`Failure`] if it cannot be written.
    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        let failed = |detail: String| {
            let path = path.display();
            Failure::setup(say!("cannot write {path}: {detail}", "无法写入 {path}：{detail}"))
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            // Temporary files are private from the start.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(self.to_toml().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error: std::io::Error| failed(error.to_string()))
    }

    /// The file's text.
    pub(super) fn to_toml(&self) -> String {
        // Tables of strings always serialise.
        toml::to_string(self).unwrap_or_default()
    }

    /// What is known about the list of a group buy.
    pub(super) fn list(&self, filing: &Filing) -> ListMemory {
        self.group_buys.get(&filing.group_buy).cloned().unwrap_or_default()
    }

    /// Learns an answer. What would pass the bounds is not kept.
    pub(super) fn learn(&mut self, fact: &Fact, filing: &Filing) {
        match fact {
            Fact::Good { word, item: None } => {
                self.goods.remove(word);
                insert(&mut self.words, word);
            }
            Fact::Good { word, item: Some((item, price)) } => {
                self.words.remove(word);
                if let Some(alias) = slot(&mut self.goods, word) {
                    // Portions of another good mean nothing here.
                    if alias.item.is_some_and(|known| known != *item) {
                        alias.portions.clear();
                    }
                    alias.item = Some(*item);
                    alias.price.clone_from(price);
                }
            }
            Fact::Portion { word, unit, amount } => {
                if let Some(alias) = slot(&mut self.goods, word) {
                    alias.portions.insert(unit.clone(), amount.clone());
                }
            }
            Fact::Words(words) => words.iter().for_each(|word| insert(&mut self.words, word)),
            Fact::Household { written, number } => {
                if let Some(known) = slot(&mut self.households, written) {
                    known.clone_from(number);
                }
            }
            Fact::OneByOne => {}
            Fact::ListGood(good) => self.list_mut(filing).good = Some(good.clone()),
            Fact::PriceSeen(price) => insert(&mut self.list_mut(filing).prices_seen, price),
            Fact::Entries(entries) => {
                for (written, reading) in entries.clone() {
                    self.learn(&Fact::Entry { written, reading }, filing);
                }
            }
            Fact::Entry { written, reading } => {
                if let Some(known) = slot(&mut self.list_mut(filing).readings, written) {
                    known.clone_from(reading);
                }
            }
        }
    }

    fn list_mut(&mut self, filing: &Filing) -> &mut ListMemory {
        while self.group_buys.len() >= GROUP_BUYS_MAX
            && !self.group_buys.contains_key(&filing.group_buy)
        {
            let oldest = self.group_buys.iter().min_by_key(|(_, list)| list.day);
            match oldest.map(|(id, _)| *id) {
                Some(id) => self.group_buys.remove(&id),
                None => break,
            };
        }
        let list = self.group_buys.entry(filing.group_buy).or_default();
        list.day = filing.business_date.get();
        list
    }

    /// What is known, for people: what it is about, the word, and what it means.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let row = |about: &str, word: &str, meaning: String| {
            vec![about.to_owned(), word.to_owned(), meaning]
        };
        let mut rows = Vec::new();
        for (name, alias) in &self.goods {
            if let Some(item) = alias.item {
                let price = alias.price.as_ref().map_or_else(String::new, |p| format!("@{p}"));
                rows.push(row(word!("good", "商品"), name, format!("{item}{price}")));
            }
            for (unit, amount) in &alias.portions {
                let amount = match amount.strip_suffix('g') {
                    Some(grams) => say!("{grams} g", "{grams} 克"),
                    None => say!("{amount} pieces", "{amount} 件"),
                };
                rows.push(row(
                    word!("amount of one", "一份多少"),
                    &format!("{name}/{unit}"),
                    amount,
                ));
            }
        }
        for (name, number) in &self.households {
            let meaning = match number.as_str() {
                NOTHING => word!("nobody", "不是住户").to_owned(),
                number => number.to_owned(),
            };
            rows.push(row(word!("household", "住户"), name, meaning));
        }
        for name in &self.words {
            let meaning = word!("a name or a remark", "称呼或备注").to_owned();
            rows.push(row(word!("word", "字词"), name, meaning));
        }
        for (id, list) in &self.group_buys {
            let about = |what: &str| format!("{what} {id}");
            if let Some(good) = &list.good {
                let unnamed = word!("entries that name no good", "没写品名的");
                rows.push(row(&about(word!("list of", "接龙")), unnamed, good.clone()));
            }
            for price in &list.prices_seen {
                let meaning = word!("the filing's price counts", "以备案价为准").to_owned();
                rows.push(row(&about(word!("price in", "价格")), price, meaning));
            }
            for (written, reading) in &list.readings {
                let meaning = match reading.as_str() {
                    NOTHING => word!("left out", "不算").to_owned(),
                    NEVER_WRITTEN => {
                        word!("as if never written", "当作没写，其他条照算").to_owned()
                    }
                    reading => reading.to_owned(),
                };
                rows.push(row(&about(word!("entry of", "条目")), written, meaning));
            }
        }
        rows
    }

    /// Forgets all about a word; how many things that were.
    pub(super) fn forget(&mut self, word: &str) -> usize {
        let mut count = usize::from(self.goods.remove(word).is_some());
        // 大白菜/颗: only what one of that unit is.
        if let Some((good, unit)) = word.split_once('/')
            && let Some(alias) = self.goods.get_mut(good)
        {
            count += usize::from(alias.portions.remove(unit).is_some());
        }
        count += usize::from(self.households.remove(word).is_some());
        count += usize::from(self.words.remove(word));
        for list in self.group_buys.values_mut() {
            count += usize::from(list.readings.remove(word).is_some());
            count += usize::from(list.prices_seen.remove(word));
        }
        if let Ok(id) = word.parse::<GroupBuyId>() {
            count += usize::from(self.group_buys.remove(&id).is_some());
        }
        count
    }
}

/// The place of a word, if it is known or there is room for another.
fn slot<'a, T: Default>(map: &'a mut BTreeMap<String, T>, word: &str) -> Option<&'a mut T> {
    if map.len() >= WORDS_MAX && !map.contains_key(word) {
        return None;
    }
    Some(map.entry(word.to_owned()).or_default())
}

fn insert(set: &mut BTreeSet<String>, word: &str) {
    if set.len() < WORDS_MAX {
        set.insert(word.to_owned());
    }
}

/// Whether the item alone does not say which offer.
pub(super) fn needs_price(filing: &Filing, item: ItemCode) -> bool {
    filing.offers.iter().filter(|offer| offer.item == item).count() > 1
}

/// The offer that a code names, if it is exactly one.
pub(super) fn offer_of(filing: &Filing, item: ItemCode, price: Option<&str>) -> Option<OfferIndex> {
    let price = price.map(input::price).transpose().ok()?;
    find_offer(filing, item, price).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn answers_survive_their_file_which_is_private() {
        let filing = testing::group_buy().filing;
        let mut memory = Memory::default();
        let item = Some(("egg".parse().expect("a code"), None));
        memory.learn(&Fact::Good { word: "鸡蛋".into(), item }, &filing);
        memory.learn(
            &Fact::Portion { word: "鸡蛋".into(), unit: "板".into(), amount: "1".into() },
            &filing,
        );
        memory.learn(&Fact::Household { written: "王姐".into(), number: "3-201".into() }, &filing);
        memory.learn(&Fact::Words(vec!["小李".into()]), &filing);
        memory.learn(
            &Fact::Entry { written: "3-201 +1".into(), reading: "3-201 EGG1PCS".into() },
            &filing,
        );
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("relay/x.toml");
        memory.save(&path).expect("writes");
        memory.save(&path).expect("writes over it");
        assert_eq!(Memory::load(&path), Ok(memory.clone()));
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(memory.rows().len(), 5);
        assert_eq!((memory.forget("鸡蛋/板"), memory.forget("鸡蛋/板")), (1, 0));
        assert_eq!(
            (memory.forget("鸡蛋"), memory.forget("鸡蛋"), memory.forget("veg-0105")),
            (1, 0, 1)
        );
        fs::write(&path, "goods = 3").expect("writes");
        assert_eq!(Memory::load(&path).expect_err("no memory").number(), crate::exit::SETUP);
    }

    #[test]
    fn the_oldest_group_buy_is_forgotten() {
        let mut filing = testing::group_buy().filing;
        let mut memory = Memory::default();
        for day in 0..40 {
            filing.group_buy = format!("veg-{day}").parse().expect("an id");
            filing.business_date = ledger_core::types::BusinessDate::new(20_260_101 + day);
            memory.learn(&Fact::ListGood("egg".into()), &filing);
        }
        assert_eq!(memory.group_buys.len(), GROUP_BUYS_MAX);
        assert!(memory.group_buys.keys().all(|id| id.as_str() != "veg-9"));
    }
}
