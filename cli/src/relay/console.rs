//! Asks the leader: question by question, reading the list again after every answer.

use super::{
    door::Doors,
    memory::{Fact, Memory},
    question::{self, Question, Subject},
    reader::{Knowledge, read},
    reading::Reading,
    text::{LIST_BYTES_MAX, Line},
};
use crate::{
    exit::Failure,
    lang::{say, word},
};
use ledger_core::fund::Filing;
use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead, IsTerminal as _, Read as _},
};

/// Most questions of one run; a list that needs more is better written again.
const QUESTIONS_MAX: usize = 1_000;

/// An answer to a question.
#[derive(Debug)]
pub(super) enum Reply {
    Fact(Fact),
    Skip,
    /// Nobody is there any more.
    Stop,
}

/// Reads, asks, and reads again, until everything is clear or nobody answers any more.
pub(super) fn converse(
    lines: &[Line],
    filing: &Filing,
    doors: &Doors,
    memory: &mut Memory,
    mut ask: impl FnMut(&Question, &Memory) -> Result<Reply, Failure>,
) -> Result<Reading, Failure> {
    let mut skipped: BTreeSet<Subject> = BTreeSet::new();
    let mut one_by_one = false;
    for _ in 0..QUESTIONS_MAX {
        let reading = read(lines, Knowledge { filing, doors, memory, one_by_one });
        let Some(question) =
            reading.questions.iter().find(|question| !skipped.contains(&question.subject))
        else {
            return Ok(reading);
        };
        match ask(question, memory)? {
            Reply::Fact(Fact::OneByOne) => one_by_one = true,
            Reply::Fact(fact) => {
                let before = memory.clone();
                memory.learn(&fact, filing);
                let again = read(lines, Knowledge { filing, doors, memory, one_by_one });
                let open = again
                    .questions
                    .iter()
                    .filter(|other| other.rows.iter().any(|row| question.rows.contains(row)));
                let unclear = open.clone().any(|other| {
                    matches!(other.subject, Subject::Entry { .. } | Subject::Household { .. })
                });
                if matches!(fact, Fact::Entry { .. }) && unclear {
                    // What was written instead is not clear either: it is not kept, and asked again.
                    *memory = before;
                } else if open.into_iter().any(|other| other.subject == question.subject) {
                    // An answer that did not help is not asked for again.
                    skipped.insert(question.subject.clone());
                }
            }
            Reply::Skip => {
                skipped.insert(question.subject.clone());
            }
            Reply::Stop => return Ok(reading),
        }
    }
    Ok(read(lines, Knowledge { filing, doors, memory, one_by_one }))
}

/// Where questions are asked: the terminal, even if the list came through a pipe.
pub(super) struct Console {
    input: Box<dyn BufRead>,
}

impl Console {
    pub(super) fn open(yes: bool) -> Option<Self> {
        if yes || !io::stderr().is_terminal() {
            return None;
        }
        if io::stdin().is_terminal() {
            return Some(Self { input: Box::new(io::stdin().lock()) });
        }
        let terminal = fs::File::open("/dev/tty").ok()?;
        Some(Self { input: Box::new(io::BufReader::new(terminal)) })
    }

    /// A line that somebody typed; `None` at the end of the input.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.input.by_ref().take(LIST_BYTES_MAX as u64).read_line(&mut line);
        matches!(read, Ok(count) if count > 0).then(|| line.trim().to_owned())
    }

    pub(super) fn ask(&mut self, question: &Question, filing: &Filing, doors: &Doors) -> Reply {
        let text = question.text();
        eprintln!();
        question.about().iter().for_each(|entry| eprintln!("{entry}"));
        eprintln!("{text}");
        for (number, choice) in (1..).zip(&question.choices) {
            eprintln!("  {number}) {}", choice.text);
        }
        let typed =
            question.typed().map_or_else(String::new, |what| say!(", or {what}", "，或输入{what}"));
        loop {
            eprint!(
                "{}",
                say!(
                    "number{typed}; Enter to skip, ? for help > ",
                    "选编号{typed}；回车跳过，? 帮助 > "
                )
            );
            let Some(answer) = self.line() else { return Reply::Stop };
            match answer.as_str() {
                "" => return Reply::Skip,
                "?" | "？" => {
                    eprintln!("{}", help(question));
                    continue;
                }
                "q" | "Q" | "其余都跳过" => return Reply::Stop,
                "-" | "这条不算" => match question.places.as_slice() {
                    [place] => return Reply::Fact(question::leave_out(&place.key).fact),
                    _ => {
                        eprintln!(
                            "{}",
                            word!(
                                "several entries wait for this: press Enter to skip the question",
                                "这个问题涉及多条，不能一起去掉；按回车先跳过"
                            )
                        );
                        continue;
                    }
                },
                _ => {}
            }
            if let Some(fact) = reply(question, &answer, filing, doors) {
                return Reply::Fact(fact);
            }
            eprintln!("{}", word!("that is no answer", "没看懂这个回答"));
        }
    }

    /// A question for yes or no; only yes is yes.
    pub(super) fn confirm(&mut self, question: &str) -> bool {
        eprint!("{question} [y/N] ");
        matches!(self.line().as_deref(), Some("y" | "Y" | "yes" | "是"))
    }
}

/// What may be answered.
fn help(question: &Question) -> String {
    let typed = question.typed().unwrap_or(word!("nothing else", "没有其他输入"));
    say!(
        "1, 2, …: one of the answers above\nor type: {typed}\n-: leave this entry out\nEnter: skip this question, the entry waits\nq: leave all other questions open",
        "1、2……：选上面的一个\n也可以输入：{typed}\n-（或“这条不算”）：这一条不算\n回车：跳过这个问题，这一条先不录入\nq（或“其余都跳过”）：其余问题都先不答"
    )
}

/// The fact that an answer states: the number of a choice, or what the question lets people type.
fn reply(question: &Question, answer: &str, filing: &Filing, doors: &Doors) -> Option<Fact> {
    let chosen = answer
        .parse::<usize>()
        .ok()
        .and_then(|number| question.choices.get(number.checked_sub(1)?));
    match chosen {
        Some(choice) => Some(choice.fact.clone()),
        None => question.read(answer, filing, doors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{relay::text, testing};

    const LIST: &str =
        "#接龙\n白菜 1.99/斤\n鸡蛋 12元/盒\n\n1. 王姐 白菜2斤\n2. 3-202 鸡蛋+1 还有白菜\n";

    /// Answers the questions in this order; nobody is there after the last.
    fn answered(answers: &[&str], memory: &mut Memory) -> Reading {
        let filing = testing::group_buy().filing;
        let doors = Doors::new(["3-201", "3-202"]);
        let mut answers = answers.iter();
        let ask = |question: &Question, _: &Memory| {
            let Some(answer) = answers.next() else { return Ok(Reply::Stop) };
            Ok(reply(question, answer, &filing, &doors).map_or(Reply::Skip, Reply::Fact))
        };
        converse(&text::lines(LIST), &filing, &doors, memory, ask).expect("never fails")
    }

    #[test]
    fn answers_make_a_list_clear_and_are_not_asked_for_again() {
        let mut memory = Memory::default();
        let open = answered(&[], &mut memory);
        assert!(open.questions.len() >= 2 && memory == Memory::default());
        let answers = ["3栋201", "cabbage", "y", "3-202 鸡蛋1盒 白菜1斤", "egg"];
        let clear = answered(&answers, &mut memory);
        assert_eq!(clear.questions, [], "{memory:?}");
        assert_eq!(clear.households["3-201"].lines.get(&0), Some(&1_000));
        assert_eq!(clear.households["3-202"].lines.get(&1), Some(&1));
        // 白菜 was asked about once, and "y" is no entry.
        let readings = &memory.group_buys.values().next().expect("one list").readings;
        assert!(readings.values().all(|reading| reading != "Y"), "{readings:?}");
        assert_eq!(answered(&[], &mut memory.clone()).questions, []);
    }
}
