//! Gives the words of a list a meaning: who takes how much of which offer, and what has to be asked.
//!
//! A pure function of the list, the filing, the directory and what was answered before. Asking and reading
//! again after every answer is simpler than patching a half-read list, and fast enough.

use super::{
    door::{Door, Doors},
    list::{self, ENTRIES_MAX, Entry, Offered, Per, Relay},
    memory::{Fact, GoodAlias, ListMemory, Memory, NOTHING, offer_of},
    number::{self, Amount},
    question::{self, Choice, Place, Question, Subject},
    text::Line,
    token::{ENTRY_CHARS_MAX, Token, Vocabulary},
};
use crate::lang::say;
use ledger_core::{
    fund::{Filing, Offer, OfferIndex},
    types::{Fen, Quantity, Unit},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most names in one question.
const NAMES_MAX: usize = 40;
/// Largest quantity of a line: what a ledger line holds.
const QUANTITY_MAX: u64 = u32::MAX as u64;

/// What a reading rests on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knowledge<'a> {
    pub(super) filing: &'a Filing,
    pub(super) doors: &'a Doors,
    pub(super) memory: &'a Memory,
    /// Words that stand where names stand are asked about one by one.
    pub(super) one_by_one: bool,
}

/// How much of each offer: grams or pieces.
pub(super) type Lines = BTreeMap<OfferIndex, u64>;

/// A list that was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Every entry, in the order of the list.
    pub(super) entries: Vec<ReadEntry>,
    /// What households want in the end.
    pub(super) households: BTreeMap<String, Wanted>,
    /// What its heading offers.
    pub(super) offered: Vec<Offered>,
    /// What is not clear, each thing once.
    pub(super) questions: Vec<Question>,
    /// Lines that order nothing.
    pub(super) talk: Vec<(u64, String)>,
    /// Lines above the entries that were taken for the heading and say more, or less, than an offer.
    pub(super) heading: Vec<(u64, String)>,
    /// Rows among both that have a door or so much of something.
    pub(super) perhaps_orders: Vec<u64>,
    /// Entries beyond [`ENTRIES_MAX`].
    pub(super) too_many: usize,
}

/// What a household wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) lines: Lines,
    /// Rows of its entries.
    pub(super) rows: Vec<u64>,
    /// An entry of it waits for an answer: nothing is sent for it.
    pub(super) open: bool,
    /// It said that it wants nothing any more.
    pub(super) cancelled: bool,
    /// What its entries said so far, to know a repetition.
    said: Vec<(Mode, Lines)>,
    /// The word for the one good of its first entry.
    good: Option<String>,
}

/// An entry that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadEntry {
    pub(super) row: u64,
    pub(super) number: Option<u32>,
    pub(super) written: String,
    pub(super) household: Option<String>,
    pub(super) result: Understood,
    /// What was written beside the order.
    pub(super) remarks: Vec<String>,
    /// An earlier answer said what it means.
    pub(super) remembered: bool,
    /// What answers about it are kept under.
    pub(super) key: String,
}

/// What an entry means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Understood {
    /// These goods, beside or in place of what the household had in the list.
    Order(Mode, Lines),
    /// The household wants nothing any more.
    Cancelled,
    /// The same as an earlier entry of the household.
    Doubled,
    /// It was crossed out and another entry of the household counts.
    CrossedOut,
    /// It orders nothing: the number alone, or left out by the leader.
    Nothing,
    /// Waits for an answer; why.
    Asked(String),
}

/// How an entry relates to earlier ones of its household.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Fresh,
    /// +1: one for me; after an earlier entry it may be one more.
    Joins,
    Adds,
    Replaces,
    /// Replaces goods that it does not name, too.
    ReplacesAll,
}

/// What an entry asks for, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Intent {
    Order(Mode, Vec<Want>),
    /// 每样: so much of everything.
    EachOfAll(Mode, Portion),
    /// What is withdrawn, if the entry says it; `whole` if it cannot mean a part of the entry.
    Cancel {
        wants: Vec<Want>,
        whole: bool,
    },
    Same,
}

/// How much of a good; of the list's only one if none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Want {
    good: Option<String>,
    portion: Portion,
}

/// `2份`, `5斤 2份`, `5斤×2`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Portion {
    One(Amount),
    Beside(Amount, Amount),
    Times(Amount, u64),
}

/// Why something is not understood: a question, or a reason why the entry is not clear.
enum Trouble {
    Ask(Box<Question>),
    Unclear(String),
    /// A word stands where names stand; such words are asked about together.
    Name(Vec<String>),
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Unclear(reason)
    }
}

/// An offer that a word means, as the heading of the list has it.
struct Variant<'a> {
    offer: OfferIndex,
    filed: &'a Offer,
    offered: Option<&'a Offered>,
    key: String,
}

/// Reads a list.
pub(super) fn read(lines: &[Line], knowledge: Knowledge<'_>) -> Reading {
    let base = vocabulary_of(knowledge.memory);
    let known = list::Known {
        doors: knowledge.doors,
        begins_household: &|text| base.begins_household(text),
        is_good: &|text| base.is_good(text),
        names_good: &|text| base.names_good(text),
    };
    let mut relay = list::split(lines, known);
    let entries = std::mem::take(&mut relay.entries);
    let mut reader = Reader::new(&relay, knowledge);
    reader.torn = torn(&entries, knowledge.doors);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries.iter().take(ENTRIES_MAX) {
        reader.entry(entry, &mut seen);
    }
    reader.ask_names();
    let mut reading = reader.reading;
    reading.too_many = entries.len().saturating_sub(ENTRIES_MAX);
    let shown = |all: &[list::Talk]| all.iter().map(|talk| (talk.row, talk.text.clone())).collect();
    (reading.talk, reading.heading) = (shown(&relay.talk), shown(&relay.heading));
    let unread = relay.heading.iter().chain(&relay.talk).filter(|line| line.perhaps_order);
    reading.offered.clone_from(&relay.offered);
    reading.perhaps_orders = unread.map(|line| line.row).collect();
    reading
}

/// Households of which the list names several units, though the directory has none: two doors, not one.
fn torn(entries: &[Entry], doors: &Doors) -> BTreeSet<String> {
    let mut units: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in entries.iter().take(ENTRIES_MAX) {
        for place in doors.places(&chars(&format!("{} {}", entry.text, entry.struck))) {
            if let (Door::Known(number), Some(unit)) = (place.door, place.unit) {
                units.entry(number).or_default().insert(unit);
            }
        }
    }
    units.retain(|_, units| units.len() > 1);
    units.into_keys().collect()
}

fn vocabulary_of(memory: &Memory) -> Vocabulary {
    let mut vocabulary = Vocabulary::new();
    memory.households.keys().for_each(|word| vocabulary.household(word));
    let known = memory.goods.iter().filter(|(_, alias)| alias.item.is_some());
    known.for_each(|(word, _)| vocabulary.good(word));
    vocabulary
}

/// The code of an offer as it is written in an entry.
fn code_words(filing: &Filing) -> BTreeMap<String, OfferIndex> {
    let mut words = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for (index, offer) in (0u16..).zip(&filing.offers) {
        let code: String = offer
            .item
            .as_str()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_uppercase();
        let usable =
            code.len() >= 3 && code.chars().all(|c| c.is_ascii_alphabetic()) && code != "PCS";
        if usable && words.insert(code.clone(), index).is_some() {
            twice.insert(code);
        }
    }
    words.retain(|code, _| !twice.contains(code));
    words.extend((0u16..).zip(&filing.offers).map(|(index, _)| (format!("OFFER{index}号"), index)));
    words
}

struct Reader<'a> {
    knowledge: Knowledge<'a>,
    relay: &'a Relay,
    list: ListMemory,
    /// Words for goods of the heading.
    names: BTreeMap<String, Vec<usize>>,
    codes: BTreeMap<String, OfferIndex>,
    vocabulary: Vocabulary,
    reading: Reading,
    /// What the entry before says, for 同上.
    previous: Option<Lines>,
    /// Words that stand where names stand, with the entries that have them.
    unknown_names: BTreeMap<String, Vec<Place>>,
    /// Households whose doors differ in the unit that is written.
    torn: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn new(relay: &'a Relay, knowledge: Knowledge<'a>) -> Self {
        let Knowledge { filing, memory, .. } = knowledge;
        let names = list::words_of(&relay.offered);
        let codes = code_words(filing);
        let mut vocabulary = vocabulary_of(memory);
        names.keys().for_each(|word| vocabulary.good(word));
        codes.keys().for_each(|word| vocabulary.good(word));
        // What changes the meaning of an order is asked about wherever it stands.
        let harmless = memory.words.iter().filter(|word| !changes_meaning(word));
        harmless.for_each(|word| vocabulary.remark(word));
        Self {
            knowledge,
            relay,
            list: memory.list(filing),
            names,
            codes,
            vocabulary,
            reading: Reading::default(),
            previous: None,
            unknown_names: BTreeMap::new(),
            torn: BTreeSet::new(),
        }
    }

    fn entry(&mut self, entry: &Entry, seen: &mut BTreeMap<String, usize>) {
        let count = seen.entry(format!("{}~{}", entry.text, entry.struck)).or_default();
        *count += 1;
        // Answers are kept under what is written; a repetition is another entry.
        let key = match (*count, entry.struck.is_empty()) {
            (1, true) => entry.text.clone(),
            (1, false) => format!("{} ~~{}~~", entry.text, entry.struck),
            (count, _) => format!("{} ({count})", entry.text),
        };
        let reading = self.list.readings.get(&key).cloned();
        let mut read = ReadEntry {
            row: entry.row,
            number: entry.number,
            written: entry.original.clone(),
            household: None,
            result: Understood::Nothing,
            remarks: Vec::new(),
            remembered: reading.is_some(),
            key: key.clone(),
        };
        if reading.as_deref() == Some(NOTHING) {
            // Left out: what stands in the ledger for that household stays as it is.
            if let Ok((Some(number), _)) = self.household(&chars(&entry.text)) {
                self.wanted(&number, entry.row).open = true;
                read.household = Some(number);
            }
        } else if entry.text.is_empty() && entry.struck.is_empty() && reading.is_none() {
            // A number that nobody took.
        } else {
            let text = reading.unwrap_or_else(|| entry.text.clone());
            self.understand(&text, entry, &key, &mut read);
        }
        self.previous = match &read.result {
            Understood::Order(_, lines) => Some(lines.clone()),
            _ => None,
        };
        self.reading.entries.push(read);
    }

    /// Reads one entry into `read` and into what its household wants.
    fn understand(&mut self, text: &str, entry: &Entry, key: &str, read: &mut ReadEntry) {
        let row = entry.row;
        let crossed_out = !read.remembered && !entry.struck.is_empty();
        let outcome = if crossed_out && text.is_empty() {
            self.crossed_out(&entry.struck, row, read)
        } else {
            self.meaning(text, entry.struck.as_str(), crossed_out, read).and_then(|intent| {
                match intent {
                    Some(intent) => {
                        let number = read.household.clone().unwrap_or_default();
                        self.apply(&number, intent, key, row)
                    }
                    None => Ok(Understood::Nothing),
                }
            })
        };
        let trouble = match outcome {
            Ok(result) => {
                read.result = result;
                return;
            }
            Err(trouble) => trouble,
        };
        if let Some(number) = read.household.clone() {
            self.wanted(&number, row).open = true;
        }
        read.result = Understood::Asked(self.ask(trouble, key, read));
    }

    /// An entry that is crossed out as a whole never was, unless the household wrote nothing else.
    fn crossed_out(
        &mut self,
        struck: &str,
        row: u64,
        read: &mut ReadEntry,
    ) -> Result<Understood, Trouble> {
        let (plain, _) = self.without_remarks(&chars(struck));
        let (Some(number), _) = self.household(&plain)? else { return Ok(Understood::Nothing) };
        read.household = Some(number.clone());
        let wanted = self.wanted(&number, row);
        if wanted.said.is_empty() {
            wanted.cancelled = true;
            return Ok(Understood::Cancelled);
        }
        Ok(Understood::CrossedOut)
    }

    fn wanted(&mut self, number: &str, row: u64) -> &mut Wanted {
        let wanted = self.reading.households.entry(number.to_owned()).or_default();
        if wanted.rows.last() != Some(&row) {
            wanted.rows.push(row);
        }
        wanted
    }

    /// Notes a question, or adds the entry to one that is asked already; what is asked.
    fn ask(&mut self, trouble: Trouble, key: &str, read: &ReadEntry) -> String {
        let place = Place::of(read, key);
        let question = match trouble {
            Trouble::Ask(question) => *question,
            Trouble::Unclear(reason) => self.unclear(key, reason, Vec::new()),
            Trouble::Name(names) => {
                for name in &names {
                    let places = self.unknown_names.entry(name.clone()).or_default();
                    places.push(place.clone());
                }
                let names = names.join(" ");
                return say!("is {names} only a name?", "“{names}”只是称呼吗？");
            }
        };
        let text = question.text();
        let known =
            self.reading.questions.iter_mut().find(|known| known.subject == question.subject);
        match known {
            Some(known) => {
                known.rows.push(place.row);
                known.places.push(place);
            }
            None => {
                let (rows, places) = (vec![place.row], vec![place]);
                self.reading.questions.push(Question { rows, places, ..question });
            }
        }
        text
    }

    fn unclear(&self, key: &str, reason: String, mut choices: Vec<Choice>) -> Question {
        choices.push(question::leave_out(key));
        Question::new(Subject::Entry { written: key.to_owned(), reason }, choices)
    }

    /// One question for all words that stand where names stand.
    fn ask_names(&mut self) {
        if self.unknown_names.is_empty() {
            return;
        }
        let names: Vec<(String, Vec<Place>)> =
            std::mem::take(&mut self.unknown_names).into_iter().take(NAMES_MAX).collect();
        let words: Vec<String> = names.iter().map(|(word, _)| word.clone()).collect();
        let mut rows: Vec<u64> =
            names.iter().flat_map(|(_, places)| places).map(|place| place.row).collect();
        rows.sort_unstable();
        rows.dedup();
        let yes = Choice {
            text: say!("yes, all of them", "是，都是"),
            fact: Fact::Words(words.clone()),
        };
        let no = Choice {
            text: say!("no: ask about each", "不都是：逐个问"),
            fact: Fact::OneByOne,
        };
        let mut question = Question::new(Subject::Words { words }, vec![yes, no]);
        question.rows = rows;
        let places = names.into_iter().filter_map(|(word, places)| {
            let place = places.into_iter().next()?;
            Some(Place { word: Some(word), ..place })
        });
        question.places = places.collect();
        self.reading.questions.insert(0, question);
    }

    /// Household and intent of a text; `None` if it orders nothing.
    fn meaning(
        &mut self,
        text: &str,
        struck: &str,
        partly_crossed_out: bool,
        read: &mut ReadEntry,
    ) -> Result<Option<Intent>, Trouble> {
        if text.chars().count() > ENTRY_CHARS_MAX {
            return Err(Trouble::Unclear(say!("it is too long", "太长")));
        }
        let (plain, remarks) = self.without_remarks(&chars(text));
        read.remarks = remarks;
        let (number, tokens) = self.household(&plain)?;
        let Some(number) = number else { return Ok(None) };
        read.household = Some(number);
        if plain.contains(&'?') {
            return Err(self.doubt(text, &['?'], read));
        }
        if let Some(word) = tokens.iter().find_map(|token| match token {
            Token::Unknown(word) if WITHDRAWING.contains(&word.as_str()) => Some(word.clone()),
            _ => None,
        }) {
            return Err(self.doubt(text, &chars(&word), read));
        }
        if let [.., Token::Times] = tokens.as_slice() {
            return Err(self.doubt(text, &['×'], read));
        }
        let tokens = self.without_names(tokens, read)?;
        let orders = tokens.iter().any(|token| !matches!(token, Token::Separator | Token::And));
        if partly_crossed_out {
            read.remarks.push(say!("crossed out: {struck}", "划掉：{struck}"));
            if !orders {
                return Ok(Some(Intent::Cancel { wants: Vec::new(), whole: true }));
            }
        }
        if !orders {
            return Err(Trouble::Unclear(say!(
                "it does not say what or how much",
                "没写要什么、要多少"
            )));
        }
        let (tokens, money, total) = without_money(tokens)?;
        let intent = intent(trimmed(&tokens))?;
        self.check_money(&intent, &money, total.as_ref())?;
        Ok(Some(intent))
    }

    /// A mark that may take the order back: withdrawn, or as it stands without the mark?
    fn doubt(&self, text: &str, mark: &[char], read: &ReadEntry) -> Trouble {
        let mark: String = mark.iter().collect();
        let number = read.household.clone().unwrap_or_default();
        let key = read.key.clone();
        let fact = |reading: String| Fact::Entry { written: key.clone(), reading };
        let without = super::text::line(&text.replace(&mark, " ")).text;
        let keep = Choice {
            text: say!("it is ordered: {without}", "要的：{without}"),
            fact: fact(without),
        };
        let withdraw =
            Choice { text: say!("withdrawn", "取消"), fact: fact(format!("{number} 取消")) };
        let reason = match mark.as_str() {
            "?" => say!("there is a question mark: is it ordered?", "写了问号：到底要不要？"),
            _ => say!("{mark}: is it withdrawn?", "“{mark}”：是取消吗？"),
        };
        Trouble::Ask(Box::new(self.unclear(&key, reason, vec![keep, withdraw])))
    }

    /// Takes out brackets that only remark, and the marks of the others.
    fn without_remarks(&self, source: &[char]) -> (Vec<char>, Vec<String>) {
        let mut plain = source.to_vec();
        let mut remarks = Vec::new();
        // Innermost first; each pass removes a pair.
        while let Some(end) = plain.iter().position(|c| *c == ')') {
            let Some(begin) = plain.get(..end).unwrap_or_default().iter().rposition(|c| *c == '(')
            else {
                plain.splice(end..=end, [' ']);
                continue;
            };
            let content: Vec<char> = plain.get(begin + 1..end).unwrap_or_default().to_vec();
            let is_remark = self.vocabulary.is_remark(&content)
                && self.knowledge.doors.places(&content).is_empty();
            if is_remark {
                let text: String = content.iter().collect();
                if !text.trim().is_empty() {
                    remarks.push(text.trim().to_owned());
                }
                plain.splice(begin..=end, [' ']);
            } else {
                plain.splice(end..=end, [' ']);
                plain.splice(begin..=begin, [' ']);
            }
        }
        let plain = plain.into_iter().map(|c| if c == '(' { ' ' } else { c }).collect();
        (plain, remarks)
    }

    /// The household of an entry and the words around its door. No household and no trouble: an answer
    /// said that this is nobody.
    fn household(&self, plain: &[char]) -> Result<(Option<String>, Vec<Token>), Trouble> {
        let Knowledge { doors, memory, .. } = self.knowledge;
        let places = doors.places(plain);
        let mut numbers = BTreeSet::new();
        let mut open = None;
        let mut tokens = Vec::new();
        let mut begin = 0;
        for (index, place) in places.iter().enumerate() {
            tokens
                .extend(self.vocabulary.tokens(plain.get(begin..place.begin).unwrap_or_default()));
            tokens.push(Token::Door(index));
            begin = place.end;
            match &place.door {
                Door::Known(number) if place.unit.is_some() && self.torn.contains(number) => {
                    let written: String =
                        plain.get(place.begin..place.end).unwrap_or_default().iter().collect();
                    match memory.households.get(&written) {
                        Some(number) => {
                            numbers.insert(number.clone());
                        }
                        None => open = Some((written, vec![number.clone()])),
                    }
                }
                Door::Known(number) => {
                    numbers.insert(number.clone());
                }
                Door::Unclear { written, perhaps } => match memory.households.get(written) {
                    Some(number) => {
                        numbers.insert(number.clone());
                    }
                    None => open = Some((written.clone(), perhaps.clone())),
                },
            }
        }
        tokens.extend(self.vocabulary.tokens(plain.get(begin..).unwrap_or_default()));
        for token in &tokens {
            if let Token::Household(name) = token {
                numbers.extend(memory.households.get(name).cloned());
            }
        }
        let nobody = numbers.remove(NOTHING);
        if numbers.len() > 1 {
            let all = numbers.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Trouble::Unclear(say!("several households: {all}", "写了多户：{all}")));
        }
        let number = numbers.pop_first();
        if let Some((written, perhaps)) = open {
            if number.is_some() {
                return Err(Trouble::Unclear(say!(
                    "also {written}: is that a door?",
                    "还有“{written}”：是门牌吗？"
                )));
            }
            return Err(ask_household(written, perhaps));
        }
        if let Some(number) = number {
            return match doors.has(&number) {
                true => Ok((Some(number), tokens)),
                // The directory changed since the answer.
                false => Err(ask_household(number, Vec::new())),
            };
        }
        if nobody {
            return Ok((None, tokens));
        }
        match tokens.first() {
            Some(Token::Unknown(name)) => Err(ask_household(name.clone(), Vec::new())),
            _ => Err(Trouble::Unclear(say!("it does not say whose it is", "没写是哪一户"))),
        }
    }

    /// Takes out doors, names and remarks. A word that may be a good stays; one that stands where names
    /// stand, after the door, is asked about together with others like it.
    fn without_names(
        &mut self,
        tokens: Vec<Token>,
        read: &mut ReadEntry,
    ) -> Result<Vec<Token>, Trouble> {
        let door =
            tokens.iter().position(|token| matches!(token, Token::Door(_) | Token::Household(_)));
        let sole = self.relay.offered.len() <= 1
            && (self.knowledge.filing.offers.len() == 1 || self.list.good.is_some());
        let mut kept = Vec::new();
        let mut names = Vec::new();
        // An entry that says nothing else may name a good.
        let says_more = tokens.iter().any(|token| {
            !matches!(
                token,
                Token::Unknown(_)
                    | Token::Door(_)
                    | Token::Household(_)
                    | Token::Remark(_)
                    | Token::Separator
            )
        });
        for (index, token) in tokens.iter().enumerate() {
            match token {
                Token::Door(_) | Token::Household(_) => {}
                Token::Remark(text) => read.remarks.push(text.clone()),
                Token::Unknown(word) => {
                    // 苹果四五斤, 土豆两三斤: a number that is not certain.
                    let range = matches!(tokens.get(index + 1), Some(Token::Amount(_)))
                        && word
                            .chars()
                            .next_back()
                            .is_some_and(|c| !c.is_ascii() && number::number_at(&[c], 0).is_some());
                    if range || changes_meaning(word) {
                        return Err(Trouble::Unclear(say!(
                            "what does {word} mean here?",
                            "“{word}”是什么意思？"
                        )));
                    }
                    let before_door = door.is_some_and(|door| index < door);
                    let like_good = looks_like_good(&tokens, index) || (!says_more && !before_door);
                    let is_name = !like_good
                        || (sole && !kept.iter().any(|token| matches!(token, Token::Good(_))));
                    if before_door && !like_good {
                        // 阳光妈妈 3-201: a name before the door.
                    } else if is_name {
                        names.push(word.clone());
                    } else {
                        kept.push(Token::Good(word.clone()));
                    }
                }
                other => kept.push(other.clone()),
            }
        }
        let Some(first) = names.first() else { return Ok(kept) };
        if self.knowledge.one_by_one {
            return Err(Trouble::Ask(Box::new(self.good_question(first, None))));
        }
        Err(Trouble::Name(names))
    }

    /// What an intent comes to for a household, beside its earlier entries.
    fn apply(
        &mut self,
        number: &str,
        intent: Intent,
        key: &str,
        row: u64,
    ) -> Result<Understood, Trouble> {
        let before = self.reading.households.get(number).cloned().unwrap_or_default();
        let (mode, lines, good) = match intent {
            Intent::Cancel { wants, whole } => {
                let lines = self.lines(&wants, &before)?;
                let other = lines != before.lines && (!whole || !before.lines.is_empty());
                if !lines.is_empty() && other {
                    let reason = say!(
                        "it withdraws something else than {number} has in the list",
                        "要取消的与 {number} 在接龙里的不一致"
                    );
                    return Err(Trouble::Unclear(reason));
                }
                let wanted = self.wanted(number, row);
                wanted.lines.clear();
                wanted.said.clear();
                wanted.cancelled = true;
                return Ok(Understood::Cancelled);
            }
            Intent::Same => {
                let lines = self.previous.clone();
                let nothing =
                    || say!("nothing that is understood stands above it", "上一条没有看懂的内容");
                (Mode::Fresh, lines.ok_or_else(nothing)?, None)
            }
            Intent::EachOfAll(mode, portion) => (mode, self.each_of_all(&portion)?, None),
            Intent::Order(mode, wants) => {
                let good = match wants.as_slice() {
                    [one] => one.good.clone(),
                    _ => None,
                };
                if let Some(trouble) = self.twice(number, mode, &wants, &before, key)? {
                    return Err(trouble);
                }
                (mode, self.lines(&wants, &before)?, good)
            }
        };
        let filing = self.knowledge.filing;
        if before.said.is_empty() && mode == Mode::Adds {
            let text = super::show::lines_text(&lines, filing);
            let reading = format!("{number} {}", canonical(&lines, filing));
            let choice = Choice {
                text: say!("all that it wants: {text}", "一共就要：{text}"),
                fact: Fact::Entry { written: key.to_owned(), reading },
            };
            let reason = say!(
                "it adds to something that is not in the list",
                "说是“再加”，但接龙里没有前一条"
            );
            return Err(Trouble::Ask(Box::new(self.unclear(key, reason, vec![choice]))));
        }
        if before.said.is_empty() {
            let wanted = self.wanted(number, row);
            wanted.lines.clone_from(&lines);
            wanted.said.push((mode, lines.clone()));
            wanted.good = good;
            wanted.cancelled = false;
            return Ok(Understood::Order(mode, lines));
        }
        let repeated = before.said.contains(&(mode, lines.clone()));
        let merged = match mode {
            Mode::Fresh if repeated || before.lines == lines => {
                self.wanted(number, row);
                return Ok(Understood::Doubled);
            }
            Mode::Adds if !repeated => sum(&before.lines, &lines)?,
            Mode::ReplacesAll => lines.clone(),
            Mode::Replaces if before.lines.keys().all(|offer| lines.contains_key(offer)) => {
                lines.clone()
            }
            Mode::Fresh | Mode::Joins | Mode::Adds | Mode::Replaces => {
                let reading = |word: &str, lines: &Lines| Fact::Entry {
                    written: key.to_owned(),
                    reading: format!("{number} {word} {}", canonical(lines, filing)),
                };
                let add = sum(&before.lines, &lines)?;
                let mut some = before.lines.clone();
                some.extend(lines.clone());
                let text = |lines: &Lines| super::show::lines_text(lines, filing);
                let (add_text, only_text, some_text) = (text(&add), text(&lines), text(&some));
                let first = match mode {
                    Mode::Replaces => Choice {
                        text: say!(
                            "only this changes: together {some_text}",
                            "只改这一样：合计 {some_text}"
                        ),
                        fact: reading("全部改成", &some),
                    },
                    _ => Choice {
                        text: say!("in addition: together {add_text}", "另外再加：合计 {add_text}"),
                        fact: reading("全部改成", &add),
                    },
                };
                let second = Choice {
                    text: say!("instead: only {only_text}", "改成这些：只要 {only_text}"),
                    fact: reading("全部改成", &lines),
                };
                let choices = vec![first, second];
                let reason = say!(
                    "{number} stands in the list before: is this more, or instead?",
                    "{number} 前面已接过龙：是另加，还是改成这些？"
                );
                return Err(Trouble::Ask(Box::new(self.unclear(key, reason, choices))));
            }
        };
        let wanted = self.wanted(number, row);
        wanted.lines = merged;
        wanted.cancelled = false;
        wanted.said.push((mode, lines.clone()));
        Ok(Understood::Order(mode, lines))
    }

    /// A good with two amounts in one entry: the sum, or a correction?
    fn twice(
        &self,
        number: &str,
        mode: Mode,
        wants: &[Want],
        before: &Wanted,
        key: &str,
    ) -> Result<Option<Trouble>, Trouble> {
        let mut last = Lines::new();
        for want in wants {
            last.extend(self.lines(std::slice::from_ref(want), before)?);
        }
        if last.len() == wants.len() {
            return Ok(None);
        }
        let filing = self.knowledge.filing;
        let word = match mode {
            Mode::Adds => "再加 ",
            Mode::Replaces => "改成 ",
            Mode::ReplacesAll => "全部改成 ",
            Mode::Fresh | Mode::Joins => "",
        };
        let fact = |lines: &Lines| Fact::Entry {
            written: key.to_owned(),
            reading: format!("{number} {word}{}", canonical(lines, filing)),
        };
        let all = self.lines(wants, before)?;
        let (all_text, last_text) =
            (super::show::lines_text(&all, filing), super::show::lines_text(&last, filing));
        let choices = vec![
            Choice {
                text: say!("together: {all_text}", "加在一起：{all_text}"), fact: fact(&all)
            },
            Choice {
                text: say!("the last counts: {last_text}", "以后写的为准：{last_text}"),
                fact: fact(&last),
            },
        ];
        let reason = say!(
            "a good stands twice: the sum, or a correction?",
            "同一商品写了两次：是加在一起，还是改了？"
        );
        Ok(Some(Trouble::Ask(Box::new(self.unclear(key, reason, choices)))))
    }

    /// The lines that wants come to.
    fn lines(&self, wants: &[Want], before: &Wanted) -> Result<Lines, Trouble> {
        let mut lines = Lines::new();
        for want in wants {
            // 改成3份: of what the household took before.
            let good = want.good.as_ref().or(before.good.as_ref());
            let (offer, quantity) = self.item(good.map(String::as_str), &want.portion)?;
            lines = sum(&lines, &Lines::from([(offer, quantity)]))?;
        }
        Ok(lines)
    }

    /// One offer and how much of it.
    fn item(&self, good: Option<&str>, portion: &Portion) -> Result<(OfferIndex, u64), Trouble> {
        let variants = match good {
            Some(word) => self.variants(word)?,
            None => self.list_good()?,
        };
        let variant = choose(variants, portion)?;
        if let Some(offered) = variant.offered {
            self.check_price(offered, &variant)?;
        }
        let quantity = self.quantity(&variant, portion)?;
        if quantity == 0 || quantity > QUANTITY_MAX || cost(variant.filed, quantity) == Fen::ZERO {
            return Err(Trouble::Unclear(say!(
                "the quantity is zero or too large",
                "数量为零或过大"
            )));
        }
        Ok((variant.offer, quantity))
    }

    /// The offers that a word may mean: one, or one good in several sizes.
    fn variants(&self, word: &str) -> Result<Vec<Variant<'a>>, Trouble> {
        let filing = self.knowledge.filing;
        if let Some(index) = self.codes.get(word) {
            let filed = filing.offers.get(usize::from(*index));
            let filed = filed.ok_or_else(|| say!("the offer is gone", "商品已不存在"))?;
            return Ok(vec![Variant { offer: *index, filed, offered: None, key: word.to_owned() }]);
        }
        let goods = &self.knowledge.memory.goods;
        let Some(indexes) = self.names.get(word) else {
            let alias = goods.get(word).and_then(|alias| self.filed(alias));
            let (offer, filed) = alias.ok_or_else(|| self.ask_good(word, None))?;
            // The heading may say in which pack that good comes.
            let offered = self.offered_as(offer);
            return Ok(vec![Variant { offer, filed, offered, key: word.to_owned() }]);
        };
        let mut variants = Vec::new();
        for index in indexes {
            let Some(offered) = self.relay.offered.get(*index) else { continue };
            let key = offered.key(&self.relay.offered);
            let alias = goods.get(&key).or_else(|| goods.get(word).filter(|_| indexes.len() == 1));
            let alias = alias.and_then(|alias| self.filed(alias));
            let (offer, filed) = alias.ok_or_else(|| self.ask_good(&key, Some(offered)))?;
            variants.push(Variant { offer, filed, offered: Some(offered), key });
        }
        Ok(variants)
    }

    /// The one good of the heading that is this offer.
    fn offered_as(&self, offer: OfferIndex) -> Option<&'a Offered> {
        let goods = &self.knowledge.memory.goods;
        let mut same = self.relay.offered.iter().filter(|offered| {
            let alias = goods.get(&offered.key(&self.relay.offered));
            alias.and_then(|alias| self.filed(alias)).is_some_and(|(known, _)| known == offer)
        });
        match (same.next(), same.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    fn filed(&self, alias: &GoodAlias) -> Option<(OfferIndex, &'a Offer)> {
        let filing = self.knowledge.filing;
        let index = offer_of(filing, alias.item?, alias.price.as_deref())?;
        Some((index, filing.offers.get(usize::from(index))?))
    }

    fn ask_good(&self, word: &str, offered: Option<&Offered>) -> Trouble {
        Trouble::Ask(Box::new(self.good_question(word, offered)))
    }

    fn good_question(&self, word: &str, offered: Option<&Offered>) -> Question {
        let filing = self.knowledge.filing;
        let likely = |index: OfferIndex| {
            let filed = filing.offers.get(usize::from(index));
            offered.zip(filed).is_some_and(|(offered, filed)| {
                !offered.prices.is_empty() && prices_agree(offered, filed)
            })
        };
        let fact = |item, price| Fact::Good { word: word.to_owned(), item: Some((item, price)) };
        let mut choices = question::offer_choices(filing, likely, fact);
        if offered.is_none() {
            choices.push(question::no_good(word));
        }
        Question::new(Subject::Good { word: word.to_owned() }, choices)
    }

    /// The good of entries that name none.
    fn list_good(&self) -> Result<Vec<Variant<'a>>, Trouble> {
        let filing = self.knowledge.filing;
        if let Some(code) = &self.list.good {
            let (item, price) =
                code.split_once('@').map_or((code.as_str(), None), |(i, p)| (i, Some(p)));
            let index = item.parse().ok().and_then(|item| offer_of(filing, item, price));
            let found =
                index.and_then(|index| Some((index, filing.offers.get(usize::from(index))?)));
            if let Some((offer, filed)) = found {
                let offered = self.offered_as(offer).or(match self.relay.offered.as_slice() {
                    [one] => Some(one),
                    _ => None,
                });
                let key = offered
                    .map_or_else(|| item.to_owned(), |offered| offered.key(&self.relay.offered));
                return Ok(vec![Variant { offer, filed, offered, key }]);
            }
        }
        match (self.relay.offered.as_slice(), filing.offers.len()) {
            ([offered], 1) => self.variants(&offered.name),
            ([], 1) => self.variants("OFFER0号"),
            ([] | [_], _) => {
                let first = self.relay.offered.first();
                let likely = |index: OfferIndex| {
                    let filed = filing.offers.get(usize::from(index));
                    first.zip(filed).is_some_and(|(offered, filed)| prices_agree(offered, filed))
                };
                let fact = |item: ledger_core::types::ItemCode, price: Option<String>| {
                    Fact::ListGood(
                        price.map_or_else(|| item.to_string(), |price| format!("{item}@{price}")),
                    )
                };
                let choices = question::offer_choices(filing, likely, fact);
                Err(Trouble::Ask(Box::new(Question::new(Subject::ListGood, choices))))
            }
            _ => Err(Trouble::Unclear(say!("it does not say which good", "没写是哪个商品"))),
        }
    }

    /// So much of everything that the list offers, if that is everything that the filing offers.
    fn each_of_all(&self, portion: &Portion) -> Result<Lines, Trouble> {
        let mut lines = Lines::new();
        for offered in &self.relay.offered {
            let key = offered.key(&self.relay.offered);
            let variants = self.variants(&offered.name)?;
            let variant = variants.into_iter().find(|variant| variant.key == key);
            let variant = variant.ok_or_else(|| say!("which of everything?", "“每样”指哪些？"))?;
            self.check_price(offered, &variant)?;
            lines =
                sum(&lines, &Lines::from([(variant.offer, self.quantity(&variant, portion)?)]))?;
        }
        if lines.is_empty() || lines.len() != self.knowledge.filing.offers.len() {
            let reason = say!(
                "\"one of each\": the list does not offer just what the filing offers",
                "“每样”：接龙里的商品与备案的不完全相同"
            );
            return Err(Trouble::Unclear(reason));
        }
        Ok(lines)
    }

    /// A price of the list that the filing does not have is never taken for granted.
    fn check_price(&self, offered: &Offered, variant: &Variant<'_>) -> Result<(), Trouble> {
        if prices_agree(offered, variant.filed) {
            return Ok(());
        }
        let word = variant.key.clone();
        let list = offered.prices_text();
        let seen = format!("{word} {list}");
        if self.list.prices_seen.contains(&seen) {
            return Ok(());
        }
        let filing = question::offer_text(variant.filed);
        let yes = Choice {
            text: say!("yes, the filing counts", "是，以备案价为准"),
            fact: Fact::PriceSeen(seen),
        };
        let subject = Subject::Price { word, list, filing };
        Err(Trouble::Ask(Box::new(Question::new(subject, vec![yes]))))
    }

    /// Grams or pieces of an offer.
    fn quantity(&self, variant: &Variant<'_>, portion: &Portion) -> Result<u64, Trouble> {
        let pack = pack_of(variant);
        match portion {
            Portion::One(amount) => self.single(variant, amount),
            Portion::Times(Amount::Grams(grams), times) => match pack {
                Some(pack) if pack == *grams => packs(variant.filed, pack, *times),
                _ => self.single(variant, &Amount::Grams(grams.saturating_mul(*times))),
            },
            Portion::Beside(Amount::Grams(grams), count @ Amount::Count { thousandths, .. })
            | Portion::Beside(count @ Amount::Count { thousandths, .. }, Amount::Grams(grams)) => {
                let pieces = thousandths / 1_000;
                let same = pack.is_some_and(|pack| {
                    let whole = matches!(portion, Portion::Beside(Amount::Count { .. }, _))
                        && pack.checked_mul(pieces) == Some(*grams);
                    pack == *grams || whole
                });
                let known = pack.filter(|_| {
                    same && thousandths.is_multiple_of(1_000) && is_portion(variant, count)
                });
                let unclear = || {
                    say!(
                        "weight and number: is the weight one portion?",
                        "又有重量又有份数：重量是一份的吗？"
                    )
                };
                packs(variant.filed, known.ok_or_else(unclear)?, pieces)
            }
            Portion::Beside(Amount::Count { thousandths, unit }, count) => {
                // 30枚装 2盒: what is in one, then how many.
                let contents = variant.offered.and_then(|offered| offered.contents.as_ref());
                let known =
                    contents.is_some_and(|(many, of)| many * 1_000 == *thousandths && of == unit);
                match known {
                    true => self.single(variant, count),
                    false => Err(Trouble::Unclear(say!(
                        "two numbers of one good",
                        "同一商品写了两个数量"
                    ))),
                }
            }
            Portion::Beside(..) | Portion::Times(..) => {
                Err(Trouble::Unclear(say!("two numbers of one good", "同一商品写了两个数量")))
            }
        }
    }

    fn single(&self, variant: &Variant<'_>, amount: &Amount) -> Result<u64, Trouble> {
        let Variant { filed, offered, key, .. } = variant;
        let pack = pack_of(variant);
        let (thousandths, unit) = match amount {
            Amount::Grams(grams) => return weight(filed.unit, pack, *grams),
            Amount::Count { thousandths, unit } => (*thousandths, unit.as_str()),
        };
        let whole = || match thousandths.is_multiple_of(1_000) {
            true => Ok(thousandths / 1_000),
            false => Err(Trouble::Unclear(say!("part of a piece", "不是整份"))),
        };
        if unit == "PCS" && filed.unit == Unit::Piece {
            return whole();
        }
        let told = self.knowledge.memory.goods.get(key).and_then(|alias| alias.portions.get(unit));
        if let Some(told) = told {
            let each = match (told.strip_suffix('g'), filed.unit) {
                (Some(grams), _) => weight(filed.unit, pack, grams.parse().unwrap_or(0))?,
                (None, Unit::Piece) => told.parse().unwrap_or(0),
                (None, Unit::Weight) => 0,
            };
            if each > 0 {
                return Ok(whole()?.saturating_mul(each));
            }
        }
        let contents = offered.and_then(|offered| offered.contents.as_ref());
        let bare = unit.is_empty();
        // 土豆10 of packs of 5 jin, 鸡蛋30 of boxes of 30: ten packs, or ten jin?
        let by_weight =
            pack.is_some_and(|pack| pack != 500 && (thousandths / 2).is_multiple_of(pack));
        let by_contents =
            contents.is_some_and(|(many, _)| *many > 1 && thousandths.is_multiple_of(many * 1_000));
        if bare && (by_weight || by_contents) {
            return Err(Trouble::Unclear(say!(
                "a number alone: portions, or what is in them?",
                "只写了数字：是份数，还是斤数（个数）？"
            )));
        }
        if let Some((many, of)) = contents
            .filter(|(_, of)| of == unit && offered.and_then(|o| o.unit.as_ref()) != Some(of))
        {
            let count = whole()?;
            return match *many > 0 && count.is_multiple_of(*many) {
                true => packs(filed, pack.unwrap_or(0), count / many),
                false => {
                    Err(Trouble::Unclear(say!("it comes by {many} {of}", "是按 {many}{of} 卖的")))
                }
            };
        }
        if is_portion(variant, amount) {
            match (filed.unit, pack) {
                (Unit::Piece, _) => return whole(),
                (Unit::Weight, Some(pack)) => return packs(filed, pack, whole()?),
                (Unit::Weight, None) => {}
            }
        }
        let choices = question::portion_choices(key, unit, filed, pack);
        let subject = Subject::Portion { word: key.clone(), unit: unit.to_owned() };
        Err(Trouble::Ask(Box::new(Question::new(subject, choices))))
    }

    /// Amounts of money in an entry must be what the filing comes to.
    fn check_money(
        &self,
        intent: &Intent,
        money: &[u64],
        total: Option<&Amount>,
    ) -> Result<(), Trouble> {
        let Intent::Order(_, wants) = intent else {
            return match (money, total) {
                ([], None) => Ok(()),
                _ => Err(Trouble::Unclear(say!(
                    "it names an amount of money or a total",
                    "写了金额或合计"
                ))),
            };
        };
        if money.is_empty() && total.is_none() {
            return Ok(());
        }
        let mut sums = Vec::new();
        let mut lines = Lines::new();
        for want in wants {
            let (offer, quantity) = self.item(want.good.as_deref(), &want.portion)?;
            if let Some(filed) = self.knowledge.filing.offers.get(usize::from(offer)) {
                sums.push(cost(filed, quantity).get());
                sums.push(u64::from(filed.price.get()));
            }
            lines = sum(&lines, &Lines::from([(offer, quantity)]))?;
        }
        let all = total_of(&lines, self.knowledge.filing);
        sums.push(all.get());
        if let Some(other) = money.iter().find(|fen| !sums.contains(fen)) {
            let (said, filed) = (Fen::new(*other).to_yuan(), all.to_yuan());
            return Err(Trouble::Unclear(say!(
                "it says {said} yuan, by the filing it is {filed}",
                "写的是 {said} 元，按备案价是 {filed} 元"
            )));
        }
        if let Some(amount) = total {
            let same = match wants.as_slice() {
                [one] => {
                    self.item(one.good.as_deref(), &Portion::One(amount.clone())).ok()
                        == lines.into_iter().next()
                }
                _ => counts_to(wants, amount),
            };
            if !same {
                return Err(Trouble::Unclear(say!(
                    "the total is not the sum of the goods",
                    "合计与各项之和不符"
                )));
            }
        }
        Ok(())
    }
}

fn ask_household(written: String, perhaps: Vec<String>) -> Trouble {
    let choice = |number: String| {
        let fact = Fact::Household { written: written.clone(), number: number.clone() };
        Choice { text: number, fact }
    };
    let mut choices: Vec<Choice> = perhaps.into_iter().map(choice).collect();
    let nobody = say!("nobody: leave it out", "不是住户：不算");
    choices.push(Choice {
        text: nobody,
        fact: Fact::Household { written: written.clone(), number: NOTHING.into() },
    });
    Trouble::Ask(Box::new(Question::new(Subject::Household { written }, choices)))
}

/// Whether an unknown word stands where a good stands: beside an amount.
fn looks_like_good(tokens: &[Token], index: usize) -> bool {
    let rest = tokens.get(index + 1..).unwrap_or_default();
    let amount = |token: &Token| {
        matches!(
            token,
            Token::Amount(_) | Token::Times | Token::Plus | Token::Each | Token::Money(_)
        )
    };
    if rest.first().is_some_and(amount) {
        return true;
    }
    // 香菜 土豆各1份
    let names = |token: &&Token| {
        matches!(token, Token::Good(_) | Token::Unknown(_) | Token::Separator | Token::And)
    };
    let after_names = rest.iter().find(|token| !names(token));
    if after_names == Some(&Token::Each) {
        return true;
    }
    // 2份香菜: an amount that no good before it takes.
    let before: Vec<&Token> = tokens.get(..index).unwrap_or_default().iter().rev().collect();
    let first = tokens.iter().find(|token| {
        !matches!(token, Token::Door(_) | Token::Household(_) | Token::Separator | Token::Remark(_))
    });
    let amount_first = matches!(first, Some(Token::Amount(_)));
    match before.as_slice() {
        [Token::Amount(_), ..] if amount_first => true,
        [
            Token::Amount(_),
            Token::Good(_)
            | Token::Unknown(_)
            | Token::Times
            | Token::Each
            | Token::Amount(_)
            | Token::Change,
            ..,
        ] => false,
        [Token::Amount(_), ..] => true,
        [
            Token::Cancel
            | Token::Change
            | Token::ChangeAll
            | Token::Add
            | Token::And
            | Token::Slash
            | Token::Minus,
            ..,
        ] => true,
        _ => false,
    }
}

/// Marks that people set to take an order back.
const WITHDRAWING: [&str; 8] = ["X", "XX", "已取货", "取货", "已取", "已退款", "退款", "划掉"];

/// Words that say how much, that it is not certain, or that it is about something else: never names.
fn changes_meaning(word: &str) -> bool {
    const WORDS: [&str; 22] = [
        "月", "千", "百", "万", "半", "两", "大约", "大概", "约", "多", "少", "减", "几", "至",
        "到", "号", "OR", "AND", "X", "也", "都", "不",
    ];
    const PARTS: [&str; 38] = [
        "或",
        "还是",
        "双份",
        "翻倍",
        "加倍",
        "各加",
        "各",
        "再加",
        "不够",
        "多一点",
        "多点",
        "少一点",
        "少点",
        "少来",
        "多来",
        "要不",
        "算了",
        "都行",
        "都可以",
        "如果",
        "要是",
        "的话",
        "也要",
        "也行",
        "以上",
        "以下",
        "以内",
        "左右",
        "最多",
        "最少",
        "至少",
        "不少于",
        "删",
        "退",
        "取货",
        "取消",
        "补一下",
        "上次",
    ];
    let chars = chars(word);
    let unit = number::count_unit_at(&chars, 0).is_some_and(|(_, end)| end == chars.len());
    let weight = number::weight_unit_at(&chars, 0).is_some_and(|(_, end)| end == chars.len());
    let number = number::number_at(&chars, 0).is_some_and(|(_, end)| end == chars.len());
    unit || weight
        || number
        || word.starts_with(['号', '.'])
        || (0..chars.len()).any(|i| number::measure_at(&chars, i).is_some())
        || WORDS.contains(&word)
        || WITHDRAWING.contains(&word)
        || PARTS.iter().any(|part| word.contains(part))
}

/// Takes amounts of money and totals out.
#[expect(clippy::type_complexity, reason = "three parts of one entry, used once")]
fn without_money(tokens: Vec<Token>) -> Result<(Vec<Token>, Vec<u64>, Option<Amount>), Trouble> {
    let (mut kept, mut money, mut total) = (Vec::new(), Vec::new(), None);
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Money(fen) => money.push(fen),
            Token::Total => match tokens.next() {
                Some(Token::Money(fen)) => money.push(fen),
                Some(Token::Amount(amount)) if total.is_none() => total = Some(amount),
                _ => return Err(Trouble::Unclear(say!("a total of what?", "“共”后面没看懂"))),
            },
            other => kept.push(other),
        }
    }
    Ok((kept, money, total))
}

/// Without the separators at both ends.
fn trimmed(tokens: &[Token]) -> &[Token] {
    let separates = |token: &Token| matches!(token, Token::Separator | Token::And);
    let begin = tokens.iter().take_while(|token| separates(token)).count();
    let tokens = match tokens.get(begin..).unwrap_or_default() {
        // 3-201 / 土豆2份
        [Token::Slash | Token::Minus, rest @ ..]
            if matches!(rest.first(), Some(Token::Good(_))) =>
        {
            rest
        }
        tokens => tokens,
    };
    let end = tokens.len() - tokens.iter().rev().take_while(|token| separates(token)).count();
    tokens.get(..end).unwrap_or_default()
}

/// Reads the words of an order. Everything has to fit; what does not is asked about.
fn intent(tokens: &[Token]) -> Result<Intent, String> {
    let ordering: Vec<&Token> =
        tokens.iter().filter(|token| !matches!(token, Token::Separator)).collect();
    if ordering.contains(&&Token::Same) {
        return match ordering.as_slice() {
            [Token::Same] => Ok(Intent::Same),
            _ => Err(say!("\"the same\" and something else", "“同上”之外还写了别的")),
        };
    }
    if ordering.contains(&&Token::All) {
        return Err(say!("everything: how much of each?", "“全要”：每样多少？"));
    }
    if ordering.contains(&&Token::Cancel) {
        let (rest, last) = match tokens {
            [rest @ .., Token::Cancel] => (trimmed(rest), true),
            [Token::Cancel, rest @ ..] => (trimmed(rest), false),
            _ => return Err(say!("what is withdrawn, and what stays?", "取消哪些、保留哪些？")),
        };
        if rest.is_empty() {
            return Ok(Intent::Cancel { wants: Vec::new(), whole: true });
        }
        return match items(rest) {
            // 土豆2份 鸡蛋1盒不要了 may mean the eggs alone.
            Ok(wants) => Ok(Intent::Cancel { whole: last && wants.len() == 1, wants }),
            Err(_) => Err(say!("what is withdrawn, and what stays?", "取消哪些、保留哪些？")),
        };
    }
    let (mode, rest) = match tokens {
        [Token::Change, rest @ ..] => (Mode::Replaces, rest),
        [Token::ChangeAll, rest @ ..] => (Mode::ReplacesAll, rest),
        [Token::Add, rest @ ..] => (Mode::Adds, rest),
        _ => (Mode::Fresh, tokens),
    };
    if let [Token::Plus, rest @ ..] = rest {
        // +1: one for me, of the only good.
        return match rest {
            [Token::Amount(amount @ Amount::Count { .. })] => {
                let want = Want { good: None, portion: Portion::One(amount.clone()) };
                let mode = if mode == Mode::Fresh { Mode::Joins } else { mode };
                Ok(Intent::Order(mode, vec![want]))
            }
            _ => Err(say!("\"+\": one more of what?", "“+”：加的是什么？")),
        };
    }
    match rest {
        [Token::EachOfAll, Token::Amount(amount)]
        | [Token::EachOfAll, Token::Each, Token::Amount(amount)]
        | [Token::Each, Token::Amount(amount)] => {
            return Ok(Intent::EachOfAll(mode, Portion::One(amount.clone())));
        }
        _ => {}
    }
    let plus = rest.windows(2).any(|pair| matches!(pair, [Token::Plus, Token::Amount(_)]));
    let mode = if plus && mode == Mode::Fresh { Mode::Joins } else { mode };
    Ok(Intent::Order(mode, items(rest)?))
}

/// Goods with their amounts: `土豆2份 鸡蛋1盒`, `2份土豆，1盒鸡蛋`, `土豆、鸡蛋各1份`, or one amount alone.
fn items(tokens: &[Token]) -> Result<Vec<Want>, String> {
    let mut wants = Vec::new();
    // 土豆、鸡蛋各1份 reaches over separators, so goods wait for their amount.
    let mut waiting: Vec<String> = Vec::new();
    let unclear = || say!("goods and amounts do not fit together", "商品和数量对不上");
    let missing = |good: &str| say!("how much {good}?", "{good}要多少？");
    let mut i = 0;
    let mut prefix_style = false;
    let mut begins = true;
    while let Some(token) = tokens.get(i) {
        match token {
            Token::Separator | Token::And => {
                begins = true;
                // The next part may be written the other way round.
                prefix_style &= *token == Token::And;
                i += 1;
            }
            Token::Good(good) => {
                if prefix_style {
                    return Err(unclear());
                }
                waiting.push(good.clone());
                begins = false;
                i += 1;
            }
            Token::Each => {
                let Some(Token::Amount(amount)) = tokens.get(i + 1) else { return Err(unclear()) };
                let (portion, length) = portion(amount, tokens.get(i + 2..).unwrap_or_default())?;
                if waiting.is_empty() {
                    return Err(unclear());
                }
                wants.extend(
                    waiting
                        .drain(..)
                        .map(|good| Want { good: Some(good), portion: portion.clone() }),
                );
                i += 2 + length;
            }
            Token::Times | Token::Plus | Token::Amount(_) => {
                let sign = !matches!(token, Token::Amount(_));
                // A plus between goods joins them.
                let between = !waiting.is_empty() || !wants.is_empty();
                if *token == Token::Plus
                    && between
                    && matches!(tokens.get(i + 1), Some(Token::Good(_)))
                {
                    begins = true;
                    i += 1;
                    continue;
                }
                let Some(Token::Amount(amount)) = tokens.get(i + usize::from(sign)) else {
                    return Err(unclear());
                };
                let after = i + usize::from(sign) + 1;
                let (portion, length) = portion(amount, tokens.get(after..).unwrap_or_default())?;
                let next = after + length;
                match waiting.as_slice() {
                    [one] => {
                        wants.push(Want { good: Some(one.clone()), portion });
                        waiting.clear();
                    }
                    [] => {
                        let starts = wants.is_empty() || begins || prefix_style;
                        let good_at = next + usize::from(tokens.get(next) == Some(&Token::Times));
                        match tokens.get(good_at) {
                            Some(Token::Good(good)) if starts && !sign => {
                                wants.push(Want { good: Some(good.clone()), portion });
                                prefix_style = true;
                                begins = false;
                                i = good_at + 1;
                                continue;
                            }
                            None if wants.is_empty()
                                && tokens.get(..i).is_some_and(|before| {
                                    before
                                        .iter()
                                        .all(|t| matches!(t, Token::Separator | Token::And))
                                }) =>
                            {
                                wants.push(Want { good: None, portion });
                            }
                            _ => return Err(unclear()),
                        }
                    }
                    [.., _] => {
                        return Err(say!("is it that much of each good?", "是每样都这么多吗？"));
                    }
                }
                begins = false;
                i = next;
            }
            Token::Change => {
                // 土豆2份改成3份
                let (Some(last), Some(Token::Amount(amount)), None) =
                    (wants.last_mut(), tokens.get(i + 1), waiting.first())
                else {
                    return Err(unclear());
                };
                let (portion, length) = portion(amount, tokens.get(i + 2..).unwrap_or_default())?;
                last.portion = portion;
                i += 2 + length;
            }
            Token::Add
                if !wants.is_empty() && matches!(tokens.get(i + 1), Some(Token::Good(_))) =>
            {
                begins = true;
                i += 1;
            }
            _ => return Err(unclear()),
        }
    }
    if let Some(good) = waiting.first() {
        return Err(missing(good));
    }
    if wants.is_empty() { Err(unclear()) } else { Ok(wants) }
}

/// An amount with what belongs to it, and how many more tokens that takes.
fn portion(amount: &Amount, rest: &[Token]) -> Result<(Portion, usize), String> {
    match rest {
        [Token::Times, Token::Amount(Amount::Count { thousandths, .. }), ..]
            if thousandths.is_multiple_of(1_000) =>
        {
            Ok((Portion::Times(amount.clone(), thousandths / 1_000), 2))
        }
        [Token::Amount(second), after @ ..] => {
            // 5斤 2份鸡蛋 may be five jin, then two eggs.
            if matches!(after.first(), Some(Token::Good(_)))
                && !matches!(
                    after.get(1),
                    Some(Token::Amount(_) | Token::Times | Token::Each | Token::Plus)
                )
            {
                return Err(say!("goods and amounts do not fit together", "商品和数量对不上"));
            }
            Ok((Portion::Beside(amount.clone(), second.clone()), 1))
        }
        [Token::Plus, Token::Amount(_), ..] | [Token::Minus, ..] | [Token::Slash, ..] => {
            Err(say!("goods and amounts do not fit together", "商品和数量对不上"))
        }
        _ => Ok((Portion::One(amount.clone()), 0)),
    }
}

/// The size that an amount means, where a good comes in several.
fn choose<'a>(mut variants: Vec<Variant<'a>>, portion: &Portion) -> Result<Variant<'a>, String> {
    let which = || say!("it comes in several sizes: which?", "有几种规格：要哪一种？");
    if variants.len() > 1 {
        let first = match portion {
            Portion::One(amount) | Portion::Beside(amount, _) | Portion::Times(amount, _) => amount,
        };
        let fits = |variant: &Variant<'_>| match first {
            Amount::Grams(grams) => {
                variant.offered.and_then(|offered| offered.pack) == Some(*grams)
            }
            Amount::Count { unit, .. } => {
                !unit.is_empty()
                    && variant.offered.and_then(|offered| offered.unit.as_ref()) == Some(unit)
            }
        };
        variants.retain(fits);
    }
    match (variants.pop(), variants.pop()) {
        (Some(one), None) => Ok(one),
        _ => Err(which()),
    }
}

/// Grams in one pack, as the heading has it.
fn pack_of(variant: &Variant<'_>) -> Option<u64> {
    let offered = variant.offered?;
    let sold_by_weight = || {
        offered.prices.iter().find_map(|price| match price.per {
            Per::Grams(grams) if variant.filed.unit == Unit::Piece => Some(grams),
            _ => None,
        })
    };
    offered.pack.or_else(sold_by_weight)
}

/// Whether an amount counts what the price of the filing is for, or the packs of the heading.
fn is_portion(variant: &Variant<'_>, amount: &Amount) -> bool {
    let Amount::Count { unit, .. } = amount else { return false };
    let offered = variant.offered;
    let by_weight = offered.is_some_and(|offered| {
        offered.pack.is_none()
            && offered.prices.iter().any(|price| matches!(price.per, Per::Grams(_)))
    });
    let named = offered.and_then(|offered| offered.unit.as_ref()) == Some(unit);
    named || (!by_weight && (unit.is_empty() || unit == "份"))
}

/// So many packs.
fn packs(filed: &Offer, pack: u64, count: u64) -> Result<u64, Trouble> {
    match filed.unit {
        Unit::Piece => Ok(count),
        Unit::Weight if pack > 0 => Ok(pack.saturating_mul(count)),
        Unit::Weight => Err(Trouble::Unclear(say!("it is sold by weight", "是按重量卖的"))),
    }
}

fn weight(unit: Unit, pack: Option<u64>, grams: u64) -> Result<u64, Trouble> {
    match (unit, pack) {
        (Unit::Weight, None) => Ok(grams),
        (_, Some(pack)) if pack > 0 && grams.is_multiple_of(pack) => match unit {
            Unit::Weight => Ok(grams),
            Unit::Piece => Ok(grams / pack),
        },
        (_, Some(pack)) => {
            let jin = format!("{}.{:03}", pack / 1_000, pack % 1_000);
            Err(Trouble::Unclear(say!("it comes in packs of {jin} kg", "是按每份 {jin} 公斤卖的")))
        }
        (Unit::Piece, None) => Err(Trouble::Unclear(say!(
            "it is sold by the piece, not by weight",
            "是按件卖的，不按重量"
        ))),
    }
}

/// Whether every price of the heading is the filing's.
fn prices_agree(offered: &Offered, filed: &Offer) -> bool {
    let filed_fen = u64::from(filed.price.get());
    let scaled =
        |fen: u64, grams: u64, each: u64| fen.checked_mul(each) == filed_fen.checked_mul(grams);
    offered.prices.iter().all(|price| match (price.per, filed.unit, offered.pack) {
        (Per::Grams(grams), Unit::Weight, _) => scaled(price.fen, grams, 1_000),
        // Sold by the pack: the price of the weight in it.
        (Per::Grams(grams), Unit::Piece, pack) => {
            price.fen.checked_mul(pack.unwrap_or(grams)) == filed_fen.checked_mul(grams)
        }
        (Per::Portion, Unit::Piece, _) => price.fen == filed_fen,
        (Per::Portion, Unit::Weight, Some(pack)) => scaled(price.fen, pack, 1_000),
        (Per::Portion, Unit::Weight, None) | (Per::Other, ..) => false,
    })
}

fn counts_to(wants: &[Want], amount: &Amount) -> bool {
    let Amount::Count { thousandths, .. } = amount else { return false };
    let mut all = 0u64;
    for want in wants {
        match &want.portion {
            Portion::One(Amount::Count { thousandths, .. }) => {
                all = all.saturating_add(*thousandths)
            }
            _ => return false,
        }
    }
    all == *thousandths
}

fn sum(a: &Lines, b: &Lines) -> Result<Lines, Trouble> {
    let mut sum = a.clone();
    for (offer, quantity) in b {
        let all = sum.entry(*offer).or_default();
        *all = all.saturating_add(*quantity);
        if *all > QUANTITY_MAX {
            return Err(Trouble::Unclear(say!(
                "the quantity is zero or too large",
                "数量为零或过大"
            )));
        }
    }
    Ok(sum)
}

/// Lines as an entry that reads as nothing else.
fn canonical(lines: &Lines, filing: &Filing) -> String {
    let texts = lines.iter().map(|(offer, quantity)| {
        let unit = match filing.offers.get(usize::from(*offer)).map(|offer| offer.unit) {
            Some(Unit::Weight) => "克",
            Some(Unit::Piece) | None => "PCS",
        };
        format!("OFFER{offer}号 {quantity}{unit}")
    });
    texts.collect::<Vec<_>>().join(" , ")
}

/// What a quantity costs by the filing.
pub(super) fn cost(offer: &Offer, quantity: u64) -> Fen {
    u32::try_from(quantity).map_or(Fen::ZERO, |quantity| offer.total(Quantity::new(quantity)))
}

/// What lines cost by the filing.
pub(super) fn total_of(lines: &Lines, filing: &Filing) -> Fen {
    let costs = lines.iter().filter_map(|(offer, quantity)| {
        Some(cost(filing.offers.get(usize::from(*offer))?, *quantity))
    });
    costs.fold(Fen::ZERO, Fen::saturating_add)
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}
