//! Doors: `3-201`, `3栋201`, `3#201`, `3号楼2单元201` and the households of the directory.

use super::number;
use std::collections::{BTreeMap, BTreeSet};

/// Longest number within a door.
const GROUP_DIGITS_MAX: usize = 5;
/// Most numbers within a door: district, building, unit, room.
const GROUPS_MAX: usize = 4;

/// The households of the directory, by the numbers and letters that name their doors.
#[derive(Debug, Clone, Default)]
pub(super) struct Doors {
    numbers: BTreeSet<String>,
    by_key: BTreeMap<Vec<String>, Vec<String>>,
}

/// A door that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    /// Exactly this household.
    Known(String),
    /// It looks like a door; these households may be meant.
    Unclear { written: String, perhaps: Vec<String> },
}

/// A door and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) door: Door,
    /// The unit 单元 that was written beside a door of which the directory names none.
    pub(super) unit: Option<String>,
}

/// Something that is written like a door.
struct Shape {
    groups: Vec<(String, usize)>,
    /// 栋, 号楼, 单元 or # say that it is one.
    explicit: bool,
    /// It begins with a unit or a floor: the building is not said.
    vague: bool,
    end: usize,
}

impl Doors {
    /// The households by these numbers.
    pub(super) fn new<'a>(numbers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut doors = Self::default();
        for number in numbers {
            let plain = super::text::line(number).text;
            let chars: Vec<char> = plain.chars().collect();
            let key = match shape_at(&chars, 0) {
                Some(shape) if shape.end == chars.len() => keys(&shape.groups),
                _ => vec![plain],
            };
            doors.by_key.entry(key).or_default().push(number.to_owned());
            doors.numbers.insert(number.to_owned());
        }
        doors
    }

    /// Whether the directory has this household.
    pub(super) fn has(&self, number: &str) -> bool {
        self.numbers.contains(number)
    }

    /// The household that a door names, however it is written.
    pub(super) fn find(&self, written: &str) -> Option<String> {
        if self.has(written.trim()) {
            return Some(written.trim().to_owned());
        }
        let chars: Vec<char> = super::text::line(written).text.chars().collect();
        let place = self.place_at(&chars, 0)?;
        match place.door {
            Door::Known(number) if place.end == chars.len() => Some(number),
            _ => None,
        }
    }

    /// Every door in a text, from left to right.
    pub(super) fn places(&self, chars: &[char]) -> Vec<Place> {
        let mut places = Vec::new();
        let mut i = 0;
        while i < chars.len() {
            match self.place_at(chars, i) {
                Some(place) => {
                    i = place.end.max(i + 1);
                    places.push(place);
                }
                None => i += 1,
            }
        }
        places
    }

    /// A door that begins here.
    fn place_at(&self, chars: &[char], begin: usize) -> Option<Place> {
        let before = begin.checked_sub(1).and_then(|i| chars.get(i)).copied();
        let current = chars.get(begin).copied()?;
        let inside =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/' | '×' | '+' | '¥');
        if before.is_some_and(inside) {
            return None;
        }
        if let Some(place) = self.literal_at(chars, begin) {
            return Some(place);
        }
        if !current.is_ascii_alphanumeric() && number::number_at(chars, begin).is_none() {
            return None;
        }
        let shape = shape_at(chars, begin)?;
        // The longest part of it that is a household and not followed by a unit.
        for count in (1..=shape.groups.len()).rev() {
            let part = shape.groups.get(..count).unwrap_or_default();
            let Some((_, part_end)) = part.last() else { continue };
            let end = room_suffix(chars, *part_end);
            // A room of three digits has no unit behind it: 3-201两份, 3-201排骨.
            let room_like = count > 1 && part.last().is_some_and(|(room, _)| room.len() >= 3);
            if (!room_like && is_measure(chars, *part_end))
                || (count == 1 && !stands_alone(chars, begin, end))
            {
                continue;
            }
            if !shape.vague
                && let [one] = self.by_key.get(&keys(part)).map_or(&[][..], Vec::as_slice)
            {
                return Some(Place { begin, end, door: Door::Known(one.clone()), unit: None });
            }
        }
        let end = room_suffix(chars, shape.end);
        if is_measure(chars, shape.end) {
            return None;
        }
        let written = || chars.get(begin..end).unwrap_or_default().iter().collect::<String>();
        if shape.groups.len() == 1 {
            let perhaps = self.split_digits(&shape.groups);
            let whole = stands_alone(chars, begin, end) && begin == 0;
            let door = Door::Unclear { written: written(), perhaps };
            let has_choice = matches!(&door, Door::Unclear { perhaps, .. } if !perhaps.is_empty());
            return (whole && has_choice).then_some(Place { begin, end, door, unit: None });
        }
        let key = keys(&shape.groups);
        let perhaps = if shape.vague { self.ending(&key) } else { self.alike(&key) };
        // A unit that the directory does not know is said beside a door that it does.
        if let ([first, unit, last], [one]) = (key.as_slice(), perhaps.as_slice())
            && shape.explicit
            && self
                .by_key
                .get(&vec![first.clone(), last.clone()])
                .is_some_and(|all| all == std::slice::from_ref(one))
            && !self.by_key.keys().any(|key| key.len() == 3 && key.first() == Some(first))
        {
            return Some(Place {
                begin,
                end,
                door: Door::Known(one.clone()),
                unit: Some(unit.clone()),
            });
        }
        let room_like = key.last().is_some_and(|last| last.len() >= 3);
        (shape.explicit || room_like).then(|| {
            let door = Door::Unclear { written: written(), perhaps };
            Place { begin, end, door, unit: None }
        })
    }

    /// Households whose number is no door, such as 王家大院.
    fn literal_at(&self, chars: &[char], begin: usize) -> Option<Place> {
        let rest: String = chars.get(begin..)?.iter().take(64).collect();
        let (key, numbers) =
            self.by_key.iter().filter(|(key, _)| key.len() == 1).find(|(key, _)| {
                key.first().is_some_and(|k| !k.is_ascii() && rest.starts_with(k.as_str()))
            })?;
        let [one] = numbers.as_slice() else { return None };
        let end = begin + key.first().map_or(0, |k| k.chars().count());
        Some(Place { begin, end, door: Door::Known(one.clone()), unit: None })
    }

    /// Households with the same first and last number.
    fn alike(&self, key: &[String]) -> Vec<String> {
        let ends = |key: &[String]| key.first().cloned().zip(key.last().cloned());
        let alike =
            self.by_key.iter().filter(|(known, _)| known.len() > 1 && ends(known) == ends(key));
        alike.flat_map(|(_, numbers)| numbers.clone()).take(9).collect()
    }

    /// Households whose numbers end so.
    fn ending(&self, key: &[String]) -> Vec<String> {
        let ending =
            self.by_key.iter().filter(|(known, _)| known.len() > key.len() && known.ends_with(key));
        ending.flat_map(|(_, numbers)| numbers.clone()).take(9).collect()
    }

    /// `3201` may be 3-201.
    fn split_digits(&self, groups: &[(String, usize)]) -> Vec<String> {
        let [(digits, _)] = groups else { return Vec::new() };
        if !(3..=5).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Vec::new();
        }
        let splits = (1..digits.len()).filter_map(|at| {
            let (first, rest) = digits.split_at(at);
            self.by_key.get(&vec![first.to_owned(), rest.to_owned()])
        });
        splits.flatten().cloned().collect()
    }
}

fn keys(groups: &[(String, usize)]) -> Vec<String> {
    groups.iter().map(|(key, _)| key.clone()).collect()
}

/// A number alone is a door only between blanks, at the beginning.
fn stands_alone(chars: &[char], begin: usize, end: usize) -> bool {
    let blank = |c: Option<&char>| c.is_none_or(|c| matches!(c, ' ' | ','));
    begin == 0 && blank(chars.get(end))
}

fn room_suffix(chars: &[char], end: usize) -> usize {
    let suffix = matches!(chars.get(end), Some('室' | '户' | '房'))
        || (chars.get(end) == Some(&'号') && chars.get(end + 1) != Some(&'楼'));
    end + usize::from(suffix)
}

/// Whether a number that ends here has a unit: then it is a quantity.
fn is_measure(chars: &[char], end: usize) -> bool {
    number::weight_unit_at(chars, end).is_some()
        || number::count_unit_at(chars, end).is_some()
        || matches!(chars.get(end), Some('元' | '毛' | '点' | '月' | '天'))
        || (chars.get(end) == Some(&'.') && chars.get(end + 1).is_some_and(char::is_ascii_digit))
}

fn shape_at(chars: &[char], begin: usize) -> Option<Shape> {
    let mut groups = Vec::new();
    let (mut explicit, mut vague) = (false, false);
    let mut i = begin;
    loop {
        let (group, end) = group_at(chars, i)?;
        groups.push((group, end));
        vague |= groups.len() == 1 && matches!(chars.get(end), Some('单' | '楼'));
        let Some((next, is_explicit)) = separator_at(chars, end) else { break };
        if groups.len() == GROUPS_MAX || group_at(chars, next).is_none() {
            break;
        }
        explicit |= is_explicit;
        i = next;
    }
    let end = groups.last().map_or(begin, |(_, end)| *end);
    Some(Shape { groups, explicit, vague, end })
}

/// Digits, one or two letters, or a Chinese number before 栋 and the like.
fn group_at(chars: &[char], begin: usize) -> Option<(String, usize)> {
    let run = |test: fn(&char) -> bool| {
        chars.get(begin..).unwrap_or_default().iter().take_while(|c| test(c)).count()
    };
    let digits = run(char::is_ascii_digit);
    if digits > 0 {
        let text: String = chars.get(begin..begin + digits)?.iter().collect();
        return (digits <= GROUP_DIGITS_MAX).then_some((text, begin + digits));
    }
    let letters = run(char::is_ascii_alphabetic);
    if letters > 0 {
        let text: String = chars.get(begin..begin + letters)?.iter().collect();
        return (letters <= 2).then_some((text, begin + letters));
    }
    if let Some(room) = spoken_room_at(chars, begin) {
        return Some(room);
    }
    let (thousandths, end) = number::number_at(chars, begin)?;
    let building = separator_at(chars, end).is_some_and(|(_, explicit)| explicit);
    (building && thousandths.is_multiple_of(1_000))
        .then(|| ((thousandths / 1_000).to_string(), end))
}

/// `二零一`: a room as it is said, digit by digit, behind a building.
fn spoken_room_at(chars: &[char], begin: usize) -> Option<(String, usize)> {
    const DIGITS: [&str; 10] = ["零〇", "一幺", "二", "三", "四", "五", "六", "七", "八", "九"];
    let digit = |c: &char| (0..).zip(DIGITS).find(|(_, same)| same.contains(*c)).map(|(n, _)| n);
    let digits: Vec<u32> =
        chars.get(begin..)?.iter().map_while(digit).take(GROUP_DIGITS_MAX).collect();
    let behind_building = begin
        .checked_sub(1)
        .and_then(|i| chars.get(i))
        .is_some_and(|c| matches!(c, '杠' | '栋' | '幢' | '楼' | '座' | '元' | '-'));
    (behind_building && digits.len() >= 3).then(|| {
        let end = begin + digits.len();
        (digits.into_iter().filter_map(|digit| char::from_digit(digit, 10)).collect(), end)
    })
}

/// What stands between the numbers of a door; whether it can stand nowhere else.
fn separator_at(chars: &[char], begin: usize) -> Option<(usize, bool)> {
    const WORDS: [(&str, bool); 12] = [
        ("号楼", true),
        ("#楼", true),
        ("单元", true),
        ("栋", true),
        ("幢", true),
        ("楼", true),
        ("座", true),
        // As 3-201 is said, and typed by voice.
        ("杠", true),
        ("#", true),
        ("号", false),
        ("-", false),
        ("/", false),
    ];
    let mut i = begin;
    let mut found = false;
    let mut explicit = false;
    let mut glued = true;
    loop {
        let word = WORDS.iter().find_map(|(word, explicit)| {
            let length = word.chars().count();
            let same = chars.get(i..i + length)?.iter().copied().eq(word.chars());
            same.then_some((i + length, *explicit))
        });
        match word {
            Some((end, is_explicit)) => {
                (i, found, explicit) = (end, true, explicit || is_explicit);
            }
            // Blanks only around words that can stand nowhere else.
            None if chars.get(i) == Some(&' ') && explicit && glued => {
                glued = false;
                i += 1;
            }
            None => break,
        }
    }
    if found {
        return Some((i, explicit));
    }
    // A1203, 201B: letters and digits change without anything between.
    let before = begin.checked_sub(1).and_then(|i| chars.get(i))?;
    let after = chars.get(begin)?;
    let changes = (before.is_ascii_alphabetic() && after.is_ascii_digit())
        || (before.is_ascii_digit()
            && after.is_ascii_alphabetic()
            && number::weight_unit_at(chars, begin).is_none());
    changes.then_some((begin, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors() -> Doors {
        Doors::new([
            "3-201",
            "3-202",
            "12-1-1203",
            "12-2-1203",
            "A-1203",
            "5号楼2单元301",
            "王家大院",
        ])
    }

    #[test]
    fn a_door_is_found_however_it_is_written() {
        for (text, number) in [
            ("3-201", "3-201"),
            ("3栋201", "3-201"),
            ("3#201", "3-201"),
            ("3号楼201室", "3-201"),
            ("三栋202", "3-202"),
            ("3号楼1单元201", "3-201"),
            ("３－２０１", "3-201"),
            ("3—201", "3-201"),
            ("12-2-1203", "12-2-1203"),
            ("a1203", "A-1203"),
            ("A座1203", "A-1203"),
            ("5-2-301", "5号楼2单元301"),
            ("5栋2单元301", "5号楼2单元301"),
            ("3栋 201", "3-201"),
            ("三杠二零一", "3-201"),
            ("3栋二〇幺室", "3-201"),
            ("王家大院", "王家大院"),
        ] {
            assert_eq!(doors().find(text).as_deref(), Some(number), "{text}");
        }
        for text in ["3-299", "12-1203", "3201", "1-2", "3单元201", "3楼201", ""] {
            assert_eq!(doors().find(text), None, "{text}");
        }
    }

    #[test]
    fn quantities_are_no_doors() {
        let text = "3-201 土豆2-3斤 1.5-2斤 12-1203 2份";
        let places = doors().places(&text.chars().collect::<Vec<_>>());
        let all: Vec<_> = places.into_iter().map(|place| place.door).collect();
        let unclear = Door::Unclear {
            written: "12-1203".into(),
            perhaps: vec!["12-1-1203".into(), "12-2-1203".into()],
        };
        assert_eq!(all, [Door::Known("3-201".into()), unclear]);
    }

    #[test]
    fn a_number_in_one_piece_is_asked_about() {
        let places = doors().places(&"3201 2份".chars().collect::<Vec<_>>());
        assert_eq!(
            places[0].door,
            Door::Unclear { written: "3201".into(), perhaps: vec!["3-201".into()] }
        );
    }
}
