//! Whose an entry is: the doors and known names in it.

use super::{
    door::{Door, Doors, Place},
    list::Entry,
    memory::{Fact, Memory, NOTHING},
    question::{Choice, Question, Subject, Trouble},
    token::{Token, Vocabulary},
};
use crate::lang::say;
use std::collections::{BTreeMap, BTreeSet};

/// The households that entries of a list may name.
pub(super) struct Households<'a> {
    doors: &'a Doors,
    memory: &'a Memory,
    /// Households of which the list names several units, though the directory has none: two doors, not one.
    torn: BTreeSet<String>,
}

/// Whose an entry is, and its words.
pub(super) struct Owned {
    /// Nobody, if an answer said so.
    pub(super) number: Option<String>,
    pub(super) tokens: Vec<Token>,
}

impl<'a> Households<'a> {
    pub(super) fn new(entries: &[Entry], doors: &'a Doors, memory: &'a Memory) -> Self {
        let mut units: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in entries {
            let text: Vec<char> = format!("{} {}", entry.text, entry.struck).chars().collect();
            for place in doors.places(&text) {
                if let (Door::Known(number), Some(unit)) = (place.door, place.unit) {
                    units.entry(number).or_default().insert(unit);
                }
            }
        }
        units.retain(|_, units| units.len() > 1);
        Self { doors, memory, torn: units.into_keys().collect() }
    }

    /// Whether a text names a door.
    pub(super) fn has_door(&self, text: &[char]) -> bool {
        !self.doors.places(text).is_empty()
    }

    /// The household of an entry, and its words with the door among them.
    ///
    /// # Errors
    /// What has to be asked.
    pub(super) fn of(&self, text: &[char], vocabulary: &Vocabulary) -> Result<Owned, Trouble> {
        let places = self.doors.places(text);
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let mut numbers = BTreeSet::new();
        let mut open = None;
        let mut tokens = Vec::new();
        let mut begin = 0;
        for place in &places {
            tokens.extend(vocabulary.tokens(part(begin, place.begin)));
            tokens.push(Token::Door);
            begin = place.end;
            match self.behind(place, part(place.begin, place.end)) {
                Ok(number) => {
                    numbers.insert(number);
                }
                Err(question) => open = Some(question),
            }
        }
        tokens.extend(vocabulary.tokens(part(begin, text.len())));
        for token in &tokens {
            if let Token::Household(name) = token {
                numbers.extend(self.memory.households.get(name).cloned());
            }
        }
        let nobody = numbers.remove(NOTHING);
        if numbers.len() > 1 {
            let all = numbers.into_iter().collect::<Vec<_>>().join(", ");
            return Err(say!(
                "several households: {all}; write one entry for each",
                "写了多户（{all}）：请每户写一条"
            )
            .into());
        }
        match (numbers.pop_first(), open) {
            (Some(_), Some((written, _))) => {
                Err(say!("also {written}: is that a door?", "还有“{written}”：是门牌吗？").into())
            }
            (None, Some((written, perhaps))) => Err(who(written, perhaps).into()),
            (Some(number), None) if self.doors.has(&number) => {
                Ok(Owned { number: Some(number), tokens })
            }
            // The directory changed since the answer.
            (Some(number), None) => Err(who(number, Vec::new()).into()),
            (None, None) if nobody => Ok(Owned { number: None, tokens }),
            (None, None) => match tokens.first() {
                Some(Token::Unknown(name)) => Err(who(name.clone(), Vec::new()).into()),
                _ => Err(say!("it does not say whose it is", "没写是哪一户").into()),
            },
        }
    }

    /// The household behind a door; or what was written, and who may be meant.
    fn behind(&self, place: &Place, text: &[char]) -> Result<String, (String, Vec<String>)> {
        let (written, perhaps) = match &place.door {
            Door::Known(number) if place.unit.is_none() || !self.torn.contains(number) => {
                return Ok(number.clone());
            }
            Door::Known(number) => (text.iter().collect(), vec![number.clone()]),
            Door::Unclear { written, perhaps } => (written.clone(), perhaps.clone()),
        };
        self.memory.households.get(&written).cloned().ok_or((written, perhaps))
    }
}

fn who(written: String, perhaps: Vec<String>) -> Question {
    let fact = |number: &str| Fact::Household { written: written.clone(), number: number.into() };
    let choice = |number: String| Choice { fact: fact(&number), text: number };
    let mut choices: Vec<Choice> = perhaps.into_iter().map(choice).collect();
    let nobody = say!("nobody: leave it out", "不是住户：不算");
    choices.push(Choice { text: nobody, fact: fact(NOTHING) });
    Question::new(Subject::Household { written }, choices)
}
