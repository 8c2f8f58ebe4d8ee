//! Gives the words of a list a meaning: who takes how much of which offer, and what has to be asked.
//!
//! A pure function of the list, the filing, the directory and what was answered before. Asking and reading
//! again after every answer is simpler than patching a half-read list, and fast enough.

use super::{
    beside::{self, WITHDRAWING, asks, changes_meaning},
    door::Doors,
    goods::Goods,
    household::{Households, Owned},
    intent::{Intent, Mode, intent},
    lines::Lines,
    list::{self, ENTRIES_MAX, Entry, Relay},
    memory::{Fact, ListMemory, Memory, NEVER_WRITTEN, NOTHING},
    merge,
    money::{Said, without_money},
    question::{self, Choice, Meaning, Place, Question, Subject, Trouble},
    reading::{ReadEntry, Reading, Understood, Wanted},
    text::{self, Line},
    token::{ENTRY_CHARS_MAX, Token, Vocabulary},
};
use crate::lang::say;
use ledger_core::fund::Filing;
use std::collections::BTreeMap;

/// Most names in one question.
const NAMES_MAX: usize = 40;

/// What a reading rests on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knowledge<'a> {
    pub(super) filing: &'a Filing,
    pub(super) doors: &'a Doors,
    pub(super) memory: &'a Memory,
    /// Words that stand where names stand are asked about one by one.
    pub(super) one_by_one: bool,
}

/// Reads a list.
pub(super) fn read(lines: &[Line], knowledge: Knowledge<'_>) -> Reading {
    let Knowledge { filing, doors, memory, one_by_one } = knowledge;
    let mut vocabulary = vocabulary_of(memory);
    let relay = split(lines, doors, &vocabulary);
    let entries = relay.entries.get(..ENTRIES_MAX).unwrap_or(&relay.entries);
    let answers = memory.list(filing);
    let goods = Goods::new(&relay.offered, filing, memory, &answers);
    goods.words().for_each(|word| vocabulary.good(word));
    // What changes the meaning of an order is asked about wherever it stands.
    let harmless = memory.words.iter().filter(|word| !changes_meaning(word));
    harmless.for_each(|word| vocabulary.remark(word));
    let mut reader = Reader {
        goods,
        households: Households::new(entries, doors, memory),
        answers: &answers,
        vocabulary,
        one_by_one,
        reading: Reading::default(),
        seen: BTreeMap::new(),
        previous: None,
        text: String::new(),
        doubt: None,
        late: Vec::new(),
        unknown_names: BTreeMap::new(),
    };
    entries.iter().for_each(|entry| reader.entry(entry));
    reader.ask_names();
    reader.ask_late();
    let shown = |all: &[list::Talk]| all.iter().map(|talk| (talk.row, talk.text.clone())).collect();
    let unread = relay.heading.iter().chain(&relay.talk).filter(|line| line.perhaps_order);
    Reading {
        talk: shown(&relay.talk),
        heading: shown(&relay.heading),
        perhaps_orders: unread.map(|line| line.row).collect(),
        too_many: relay.entries.len() - entries.len(),
        ..reader.reading
    }
}

/// The offers and entries of a list.
pub(super) fn split(lines: &[Line], doors: &Doors, vocabulary: &Vocabulary) -> Relay {
    let known = list::Known {
        doors,
        begins_household: &|text| vocabulary.begins_household(text),
        is_good: &|text| vocabulary.is_good(text),
        names_good: &|text| vocabulary.names_good(text),
    };
    list::split(lines, known)
}

/// The words that were learned, before a list is read.
pub(super) fn vocabulary_of(memory: &Memory) -> Vocabulary {
    let mut vocabulary = Vocabulary::new();
    memory.households.keys().for_each(|word| vocabulary.household(word));
    let known = memory.goods.iter().filter(|(_, alias)| alias.item.is_some());
    known.for_each(|(word, _)| vocabulary.good(word));
    vocabulary
}

/// Why an entry that is understood may not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It stands below the line that closes the list.
    Late,
    /// It quotes somebody.
    Quotes,
}

struct Reader<'a> {
    goods: Goods<'a>,
    households: Households<'a>,
    /// What was answered about this list.
    answers: &'a ListMemory,
    vocabulary: Vocabulary,
    one_by_one: bool,
    reading: Reading,
    /// How often each text has come.
    seen: BTreeMap<String, usize>,
    /// What the entry before says, for 同上.
    previous: Option<Lines>,
    /// The text of this entry, and why it may not count; until somebody says that it does.
    text: String,
    doubt: Option<Doubt>,
    /// Entries below the line that closes the list: what they say, and where they stand.
    late: Vec<(String, Place)>,
    /// Words that stand where names stand, with the entries that have them.
    unknown_names: BTreeMap<String, Vec<Place>>,
}

impl Reader<'_> {
    fn entry(&mut self, entry: &Entry) {
        let key = self.key_of(entry);
        let answer = self.answers.readings.get(&key).map(String::as_str);
        self.text.clone_from(&entry.text);
        self.doubt = match answer {
            Some(_) => None,
            None if entry.is_late => Some(Doubt::Late),
            None if entry.is_quote() => Some(Doubt::Quotes),
            None => None,
        };
        let mut read = ReadEntry {
            row: entry.row,
            number: entry.number,
            written: entry.original.clone(),
            household: None,
            result: Understood::Nothing,
            remarks: Vec::new(),
            remembered: answer.is_some(),
            key,
        };
        match answer {
            Some(NOTHING) => {
                // Left out: what stands in the ledger for that household stays as it is.
                let owned = self.households.of(&chars(&entry.text), &self.vocabulary);
                if let Ok(Owned { number: Some(number), .. }) = owned {
                    self.wanted(&number, entry.row).open = true;
                    read.household = Some(number);
                }
            }
            Some(NEVER_WRITTEN) => {}
            Some(text) => self.understand(text, "", &mut read),
            // A number that nobody took.
            None if entry.text.is_empty() && entry.struck.is_empty() => {}
            None => self.understand(&entry.text, &entry.struck, &mut read),
        }
        self.previous = match &read.result {
            Understood::Order(_, lines) => Some(lines.clone()),
            _ => None,
        };
        self.reading.entries.push(read);
    }

    /// What answers about an entry are kept under: what is written; a repetition is another entry.
    fn key_of(&mut self, entry: &Entry) -> String {
        let Entry { text, struck, .. } = entry;
        let count = self.seen.entry(format!("{text}~{struck}")).or_default();
        *count += 1;
        match (*count, struck.is_empty()) {
            (1, true) => text.clone(),
            (1, false) => format!("{text} ~~{struck}~~"),
            (count, _) => format!("{text} ({count})"),
        }
    }

    /// Reads one entry into `read` and into what its household wants.
    fn understand(&mut self, text: &str, struck: &str, read: &mut ReadEntry) {
        let understood = match text.is_empty() && !struck.is_empty() {
            true => self.crossed_out(struck, read),
            false => self.meaning(text, struck, read),
        };
        read.result = understood.unwrap_or_else(|trouble| {
            if let Some(number) = &read.household {
                self.wanted(number, read.row).open = true;
            }
            Understood::Asked(self.ask(trouble, read))
        });
    }

    /// An entry that is crossed out as a whole never was, unless the household wrote nothing else.
    fn crossed_out(&mut self, struck: &str, read: &mut ReadEntry) -> Result<Understood, Trouble> {
        let (plain, _) = self.without_remarks(struck);
        let Some(number) = self.households.of(&plain, &self.vocabulary)?.number else {
            return Ok(Understood::Nothing);
        };
        read.household = Some(number.clone());
        match self.wanted(&number, read.row).said.is_empty() {
            true => Ok(Understood::Cancelled),
            false => Ok(Understood::CrossedOut),
        }
    }

    fn without_remarks(&self, text: &str) -> (Vec<char>, Vec<String>) {
        let has_door = |text: &[char]| self.households.has_door(text);
        beside::without_remarks(text, &self.vocabulary, has_door)
    }

    fn wanted(&mut self, number: &str, row: u64) -> &mut Wanted {
        let wanted = self.reading.households.entry(number.to_owned()).or_default();
        if wanted.rows.last() != Some(&row) {
            wanted.rows.push(row);
        }
        wanted
    }

    /// What a text means, beside what is crossed out in it.
    fn meaning(
        &mut self,
        text: &str,
        struck: &str,
        read: &mut ReadEntry,
    ) -> Result<Understood, Trouble> {
        if text.chars().count() > ENTRY_CHARS_MAX {
            return Err(say!("it is too long", "太长").into());
        }
        let (plain, remarks) = self.without_remarks(text);
        read.remarks = remarks;
        let Owned { number, tokens } = self.households.of(&plain, &self.vocabulary)?;
        let Some(number) = number else { return Ok(Understood::Nothing) };
        read.household = Some(number.clone());
        if let Some(mark) = withdrawing_mark(&plain, &tokens) {
            return Err(withdrawn_or_not(text, mark, &number));
        }
        let sorted = beside::sorted(&tokens, self.goods.only_one())?;
        read.remarks.extend(sorted.remarks);
        if let Some(first) = sorted.names.first() {
            return Err(match self.one_by_one {
                true => self.goods.question(first).into(),
                false => Trouble::Names(sorted.names),
            });
        }
        let separates = |token: &Token| matches!(token, Token::Separator | Token::And);
        let says_nothing = sorted.ordering.iter().all(separates);
        if !struck.is_empty() {
            read.remarks.push(say!("crossed out: {struck}", "划掉：{struck}"));
            if says_nothing {
                let intent = Intent::Cancel { wants: Vec::new(), whole: true };
                return self.apply(&number, intent, &Said::default(), read.row);
            }
        }
        if says_nothing {
            return Err(say!("it does not say what or how much", "没写要什么、要多少").into());
        }
        let (tokens, said) = without_money(sorted.ordering)?;
        let intent = intent(&tokens)?;
        if !matches!(intent, Intent::Order(..)) {
            said.nothing()?;
        }
        self.apply(&number, intent, &said, read.row)
    }

    /// What an intent comes to for a household, beside its earlier entries.
    fn apply(
        &mut self,
        number: &str,
        intent: Intent,
        said: &Said,
        row: u64,
    ) -> Result<Understood, Trouble> {
        let before = self.reading.households.get(number).cloned().unwrap_or_default();
        let (mode, lines, good) = match intent {
            Intent::Cancel { wants, whole } => {
                let lines = self.goods.lines(&wants, before.good.as_ref())?;
                let other = lines != before.lines && (!whole || !before.lines.is_empty());
                if !lines.is_empty() && other {
                    return Err(merge::withdraws_something_else(number).into());
                }
                self.counts(number)?;
                let wanted = self.wanted(number, row);
                wanted.lines.clear();
                wanted.said.clear();
                return Ok(Understood::Cancelled);
            }
            Intent::CancelGoods(words) => {
                let mut offers = Vec::new();
                for word in &words {
                    offers.extend(self.goods.offers(word)?);
                }
                return Err(merge::without(number, &before.lines, &offers, self.goods.filing));
            }
            Intent::Same => (Mode::Fresh, self.above()?.clone(), None),
            Intent::LikeAbove => {
                return Err(merge::like_above(number, self.above()?, self.goods.filing));
            }
            Intent::EachOfAll(mode, portion) => (mode, self.goods.each_of_all(&portion)?, None),
            Intent::Order(mode, wants) => {
                let (goods, standing) = (&self.goods, before.good.as_ref());
                let parts = merge::parts(number, mode, &wants, standing, goods)?;
                said.check(&wants, &parts, goods)?;
                let lines = merge::each_good_once(number, mode, &parts, goods.filing)?;
                let good = match wants.as_slice() {
                    [one] => one.good.clone(),
                    _ => None,
                };
                (mode, lines, good)
            }
        };
        let all = match merge::joined(number, &before, mode, &lines, self.goods.filing) {
            Err(Trouble::Unclear { reason, mut meanings }) if self.doubt == Some(Doubt::Quotes) => {
                meanings.push(only_quoted());
                return Err(Trouble::Unclear { reason, meanings });
            }
            Ok(None) => None,
            other => {
                self.counts(number)?;
                other?
            }
        };
        let wanted = self.wanted(number, row);
        let Some(all) = all else { return Ok(Understood::Doubled) };
        if wanted.said.is_empty() {
            wanted.good = good;
        }
        wanted.lines = all;
        wanted.said.push((mode, lines.clone()));
        Ok(Understood::Order(mode, lines))
    }

    /// What the entry above says.
    fn above(&self) -> Result<&Lines, String> {
        self.previous.as_ref().ok_or_else(|| {
            say!("nothing that is understood stands above it", "上一条没有看懂的内容")
        })
    }

    /// What stands below the line that closes the list, or quotes somebody, counts only if the leader says so.
    fn counts(&self, number: &str) -> Result<(), Trouble> {
        let (Some(doubt), text) = (self.doubt, &self.text) else { return Ok(()) };
        if doubt == Doubt::Late {
            return Err(Trouble::Late);
        }
        let keep = Meaning {
            text: say!("an order of its own: {text}", "是一条订单：{text}"),
            reading: text.clone(),
        };
        Err(Trouble::Unclear {
            reason: say!(
                "it quotes what {number} wrote: is it an order?",
                "这是引用 {number} 的话：算订单吗？"
            ),
            meanings: vec![keep, only_quoted()],
        })
    }

    /// Notes a question, or adds the entry to one that is asked already; what is asked.
    fn ask(&mut self, trouble: Trouble, read: &ReadEntry) -> String {
        let ReadEntry { row, number, written, key, .. } = read.clone();
        let place = Place { row, number, written, key, word: None };
        let question = match trouble {
            Trouble::Ask(question) => *question,
            Trouble::Unclear { reason, meanings } => question_of_entry(&read.key, reason, meanings),
            Trouble::HowMuch { reason, .. } => question_of_entry(&read.key, reason, Vec::new()),
            Trouble::Late => {
                self.late.push((self.text.clone(), place));
                return Question::new(Subject::Late, Vec::new()).text();
            }
            Trouble::Names(names) => {
                for name in &names {
                    let places = self.unknown_names.entry(name.clone()).or_default();
                    places.push(place.clone());
                }
                let names = names.join(" ");
                return say!("is {names} only a name?", "“{names}”只是称呼吗？");
            }
        };
        let text = question.text();
        let questions = &mut self.reading.questions;
        match questions.iter_mut().find(|known| known.subject == question.subject) {
            Some(known) => {
                known.rows.push(row);
                known.places.push(place);
            }
            None => questions.push(Question { rows: vec![row], places: vec![place], ..question }),
        }
        text
    }

    /// One question for all words that stand where names stand.
    fn ask_names(&mut self) {
        let names = std::mem::take(&mut self.unknown_names);
        let names: Vec<(String, Vec<Place>)> = names.into_iter().take(NAMES_MAX).collect();
        if names.is_empty() {
            return;
        }
        let words: Vec<String> = names.iter().map(|(word, _)| word.clone()).collect();
        let yes = Choice {
            text: say!("yes, all of them", "是，都是"),
            fact: Fact::Words(words.clone()),
        };
        let no = Choice {
            text: say!("no: ask about each", "不都是：逐个问"),
            fact: Fact::OneByOne,
        };
        let mut question = Question::new(Subject::Words { words }, vec![yes, no]);
        question.rows =
            names.iter().flat_map(|(_, places)| places).map(|place| place.row).collect();
        question.rows.sort_unstable();
        question.rows.dedup();
        let places = names.into_iter().filter_map(|(word, places)| {
            let place = places.into_iter().next()?;
            Some(Place { word: Some(word), ..place })
        });
        question.places = places.collect();
        self.reading.questions.insert(0, question);
    }

    /// One question for everything below the line that closes the list.
    fn ask_late(&mut self) {
        let late = std::mem::take(&mut self.late);
        if late.is_empty() {
            return;
        }
        let all = |reading: &dyn Fn(&str) -> String| {
            let each = late.iter().map(|(text, place)| (place.key.clone(), reading(text)));
            Fact::Entries(each.collect())
        };
        let counts = all(&str::to_owned);
        let out = all(&|_| NEVER_WRITTEN.to_owned());
        let choices = vec![
            Choice { text: say!("all of them count", "都算"), fact: counts },
            Choice { text: say!("none of them counts", "都不算"), fact: out },
        ];
        let mut question = Question::new(Subject::Late, choices);
        question.places = late.into_iter().map(|(_, place)| place).collect();
        question.rows = question.places.iter().map(|place| place.row).collect();
        self.reading.questions.push(question);
    }
}

fn only_quoted() -> Meaning {
    let text = say!("no, only what was quoted", "不是，只是引用");
    Meaning { text, reading: NEVER_WRITTEN.to_owned() }
}

fn question_of_entry(key: &str, reason: String, meanings: Vec<Meaning>) -> Question {
    let choice = |Meaning { text, reading }| {
        let fact = Fact::Entry { written: key.to_owned(), reading };
        Choice { text, fact }
    };
    let mut choices: Vec<Choice> = meanings.into_iter().map(choice).collect();
    choices.push(question::leave_out(key));
    Question::new(Subject::Entry { written: key.to_owned(), reason }, choices)
}

/// A mark that may take the order back.
fn withdrawing_mark(plain: &[char], tokens: &[Token]) -> Option<String> {
    if plain.contains(&'?') {
        return Some("?".to_owned());
    }
    let orders = tokens.iter().any(|token| matches!(token, Token::Amount(_)));
    let word = tokens.iter().find_map(|token| match token {
        Token::Unknown(word) if WITHDRAWING.contains(&word.as_str()) => Some(word.clone()),
        // 1份来得及吗: a question beside an order.
        Token::Unknown(word) if orders && word.ends_with(['吗', '么', '呢']) => {
            Some(word.clone())
        }
        _ => None,
    });
    word.or_else(|| (tokens.last() == Some(&Token::Times)).then(|| "×".to_owned()))
}

/// Withdrawn, or as it stands without the mark?
fn withdrawn_or_not(text: &str, mark: String, number: &str) -> Trouble {
    let without = text::line(&text.replace(&mark, " ")).text;
    let keep =
        Meaning { text: say!("it is ordered: {without}", "要的：{without}"), reading: without };
    let withdraw =
        Meaning { text: say!("withdrawn", "取消"), reading: format!("{number} 取消") };
    let reason = match mark.as_str() {
        "?" => say!("there is a question mark: is it ordered?", "写了问号：到底要不要？"),
        mark if asks(mark) => {
            say!("it asks something: is it ordered?", "带了疑问：到底要不要？")
        }
        _ => say!("{mark}: is it withdrawn?", "“{mark}”：是取消吗？"),
    };
    Trouble::Unclear { reason, meanings: vec![keep, withdraw] }
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}
