//! Everybody checks the document that was sealed.

use super::{
    document::{here, load, parse, wrong_contribution},
    show::words,
};
use crate::{exit::Failure, input, lang::say, output::Output};
use genesis::{Contribution, Genesis, Phrase};
use serde::Serialize;
use std::path::Path;

/// Runs `tuan genesis check`.
pub(super) fn check(
    file: &Path,
    mine: Option<&Path>,
    phrase: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    let genesis = load(file)?;
    if let Some(mine) = mine {
        check_mine(&genesis, mine)?;
    }
    if let Some(told) = phrase {
        check_phrase(&genesis, told)?;
    }
    let first = say!("ok: chain {}", "核对通过：链号 {}", genesis.chain);
    let compared = Compared { mine: mine.is_some(), phrase: phrase.is_some() };
    report(&genesis, &first, compared, output)?;
    if mine.is_none() {
        output.note(&say!(
            "whether your own keys stand in it, --mine YOUR-FILE checks",
            "加上 --mine 自己的加入文件，才能核对自己的密钥有没有被改"
        ));
    }
    Ok(())
}

fn check_mine(genesis: &Genesis, path: &Path) -> Result<(), Failure> {
    let mine = parse(path, &input::file_text(path)?, Contribution::parse)?;
    mine.verify().map_err(|error| wrong_contribution(&error))?;
    let differences = genesis.differences_from(&mine);
    if differences.is_empty() {
        return Ok(());
    }
    let found = differences.into_iter().map(here).collect::<Vec<_>>().join("\n  ");
    Err(Failure::refused(say!(
        "this is not what {} has signed:\n  {found}",
        "这不是 {} 签字同意的内容：\n  {found}",
        mine.name
    ))
    .help(say!(
        "do not use this document; ask the founder and the other members",
        "请勿使用这份文件；请询问发起人和其他成员"
    )))
}

fn check_phrase(genesis: &Genesis, told: &str) -> Result<(), Failure> {
    let phrase = Phrase::parse(told).ok_or_else(|| {
        Failure::usage(say!("{told:?} is no phrase", "{told:?} 不是核对码"))
            .help(say!("a phrase is nine groups of four digits", "核对码是九组四位数字"))
    })?;
    if phrase == Phrase::of(&genesis.chain) {
        return Ok(());
    }
    Err(Failure::refused(say!(
        "the other one has another founding document",
        "对方手里的是另一份创世文件"
    ))
    .help(say!(
        "read the phrases to each other again; if they differ, do not start a node",
        "请再念一遍核对；若仍不同，不要启动节点"
    )))
}

/// What a founding document was found to agree with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Compared {
    mine: bool,
    phrase: bool,
}

/// Tells what a founding document says, and what to compare.
pub(super) fn report(
    genesis: &Genesis,
    first: &str,
    compared: Compared,
    output: Output,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Answer {
        chain: String,
        founding: String,
        phrase: String,
        mine: bool,
        /// The phrase that was given is this one.
        phrase_agrees: bool,
        tolerated: usize,
        explanation: Vec<String>,
        warnings: Vec<String>,
    }
    let Compared { mine, phrase: phrase_agrees } = compared;
    let explanation = genesis.explain();
    let phrase = Phrase::of(&genesis.chain);
    let mut text = format!("{first}\n\n{}", words(&explanation));
    if mine {
        text.push_str(&say!(
            "\nYour own keys and all that you said yes to stand in it unchanged.\n",
            "\n您自己的密钥以及您同意的内容都在其中，未被改动。\n"
        ));
    }
    if phrase_agrees {
        text.push_str(&say!(
            "\nThe phrase is the same as yours: both have the same founding document.\n",
            "\n对方念的核对码与您的一致：双方手里是同一份创世文件。\n"
        ));
    }
    text.push_str(&say!(
        "\nRead this to every other member, row by row, before you start a node:\n",
        "\n启动节点之前，请与其他每个成员逐行念读核对：\n"
    ));
    for row in phrase.rows() {
        text.push_str(&format!("\n    {row}"));
    }
    let answer = Answer {
        chain: genesis.chain.to_string(),
        founding: genesis.founding.to_string(),
        phrase: phrase.to_string(),
        mine,
        phrase_agrees,
        tolerated: explanation.tolerated,
        explanation: explanation.sentences.into_iter().map(here).collect(),
        warnings: explanation.warnings.into_iter().map(here).collect(),
    };
    output.data(&text, &answer)
}
