//! Mistakes in the command line, told in Chinese.
//!
//! English is the parser's own language and stays as the parser says it.

use crate::exit::Failure;
use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use ledger_core::types::CodeError;
use std::{error::Error as _, num::ParseIntError};

/// A mistake in the command line as a failure in Chinese; `None` for what is no mistake, such as help.
pub(crate) fn chinese(error: &Error) -> Option<Failure> {
    let text = |kind| error.get(kind).map(plain).filter(|text| !text.is_empty());
    let argument = || text(ContextKind::InvalidArg).unwrap_or_else(|| "参数".to_owned());
    let value = || text(ContextKind::InvalidValue).unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => return None,
        ErrorKind::Io | ErrorKind::Format => format!("命令行处理失败{}", reason(error)),
        ErrorKind::InvalidSubcommand => {
            let command = text(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("没有“{command}”这个命令")
        }
        ErrorKind::MissingSubcommand => "还缺一个命令".to_owned(),
        ErrorKind::UnknownArgument => format!("用不上“{}”", argument()),
        ErrorKind::InvalidValue if value().is_empty() => format!("{} 后面缺少值", argument()),
        ErrorKind::InvalidValue => format!("{} 的值“{}”不能用", argument(), value()),
        ErrorKind::ValueValidation => {
            format!("{} 的值“{}”不能用{}", argument(), value(), reason(error))
        }
        ErrorKind::ArgumentConflict => match text(ContextKind::PriorArg) {
            Some(prior) if prior == argument() => format!("{} 只能写一次", argument()),
            Some(prior) => format!("{} 不能与 {prior} 同时使用", argument()),
            None => format!("{} 不能与其他选项同时使用", argument()),
        },
        ErrorKind::MissingRequiredArgument => format!("缺少 {}", argument()),
        ErrorKind::NoEquals => format!("{} 与它的值之间要写等号", argument()),
        ErrorKind::TooManyValues => format!("{} 的值“{}”是多余的", argument(), value()),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{} 的值个数不对", argument())
        }
        ErrorKind::InvalidUtf8 => "命令行里有不是 UTF-8 的文字".to_owned(),
        // The kinds of clap are open to additions: what it says itself is better than nothing.
        _ => format!("命令行有误：{}", error.to_string().trim()),
    };
    let suggested =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let help = match (suggested.into_iter().find_map(text), text(ContextKind::ValidValue)) {
        (Some(suggested), _) => {
            format!("是不是想写“{}”？", suggested.replace('、', "”或“"))
        }
        // The parser has a suggestion, in English: it is always to write `--` before a value.
        (None, None) if text(ContextKind::Suggested).is_some() => {
            format!("若“{}”本身就是值，请在它前面加上 --", argument())
        }
        (None, Some(valid)) => format!("可以写：{valid}"),
        (None, None) => match text(ContextKind::Usage) {
            Some(usage) => {
                let usage = usage.trim_start_matches("Usage:").trim_start();
                let usage = usage.replace("[OPTIONS]", "[选项]").replace("[COMMAND]", "[命令]");
                let usage = usage.replace("<COMMAND>", "<命令>");
                format!("用法：{usage}；加上 --help 查看说明")
            }
            None => "加上 --help 查看说明".to_owned(),
        },
    };
    Some(Failure::usage(message).help(help))
}

fn plain(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(texts) => texts.join("、"),
        ContextValue::StyledStrs(texts) => {
            texts.iter().map(ToString::to_string).collect::<Vec<_>>().join("、")
        }
        ContextValue::None => String::new(),
        other => other.to_string(),
    }
}

/// Why a value cannot be used; those of our own readers are in Chinese already.
fn reason(error: &Error) -> String {
    match error.source() {
        None => String::new(),
        Some(source) if source.is::<CodeError>() => {
            "：只能用字母 A-Z a-z、数字和 . _ -，而且不能太长".to_owned()
        }
        Some(source) if source.is::<ParseIntError>() => "：请写一个整数".to_owned(),
        Some(source) => {
            let text = source.to_string();
            // The parser's own sentence for a number out of range.
            match text.split_once(" is not in ") {
                Some((_, range)) => format!("：须在 {range} 之间"),
                None => format!("：{text}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command, exit, lang};
    use clap::{Arg, ArgAction, Command};

    fn told(line: &str) -> String {
        lang::within(lang::Language::Zh, || {
            let error = command(None).try_get_matches_from(line.split(' ')).expect_err(line);
            let failure = super::chinese(&error).expect(line);
            assert_eq!(failure.number(), exit::USAGE, "{line}");
            failure.to_string()
        })
    }

    #[test]
    fn mistakes_are_told_in_chinese_with_what_to_do() {
        for (line, what, help) in [
            ("tuan bay", "没有“bay”这个命令", "是不是想写“buy”或“pay”？"),
            ("tuan status --jsn", "用不上“--jsn”", "--json"),
            ("tuan order import f --group-buy g --format x", "“x”不能用", "可以写：csv"),
            ("tuan order list --group-buy 蔬菜", "“蔬菜”不能用：只能用字母", "--help"),
            ("tuan status --wait soon", "“soon”不能用：请写一个整数", "--help"),
            ("tuan buy show", "缺少 <团购>", "用法：tuan buy show"),
            ("tuan settle pay g --all --to leader", "不能与 --to <收款方> 同时使用", "用法"),
            ("tuan pay fee --amount 1e300", "“1e300”不能用：", "--help"),
            ("tuan status --wait 1 --wait 2", "只能写一次", "用法"),
        ] {
            let told = told(line);
            let (said, helped) = told.split_once('\n').expect(line);
            assert!(said.starts_with("错误：") && said.contains(what), "{line}: {told}");
            assert!(helped.starts_with("提示：") && helped.contains(help), "{line}: {told}");
        }
    }

    /// A command with one of everything that can be written wrongly.
    fn of_everything() -> Command {
        let arg = |name: &'static str| Arg::new(name).long(name);
        Command::new("tuan")
            .arg(arg("number").value_parser(clap::value_parser!(u8).range(1..9)))
            .arg(arg("two").num_args(2))
            .arg(arg("some").num_args(1..=2).require_equals(true))
            .arg(arg("quick").action(ArgAction::SetTrue).conflicts_with("slow"))
            .arg(arg("slow").action(ArgAction::SetTrue))
            .arg(arg("needed").required(true))
            .arg(Arg::new("text"))
            .subcommand(
                Command::new("inner").subcommand_required(true).subcommand(Command::new("a")),
            )
    }

    #[test]
    fn every_kind_of_mistake_is_told_in_chinese() {
        use ErrorKind::*;
        let all = [
            (InvalidValue, "tuan --needed"),
            (UnknownArgument, "tuan --neded=1"),
            (UnknownArgument, "tuan --needed=1 -x"),
            (InvalidSubcommand, "tuan inner b"),
            (NoEquals, "tuan --needed=1 --some a"),
            (ValueValidation, "tuan --needed=1 --number 17"),
            (ValueValidation, "tuan --needed=1 --number x"),
            (TooManyValues, "tuan --needed=1 --quick=yes"),
            (WrongNumberOfValues, "tuan --needed=1 --two a"),
            (ArgumentConflict, "tuan --needed=1 --quick --slow"),
            (MissingRequiredArgument, "tuan"),
            (MissingSubcommand, "tuan inner"),
        ];
        let english =
            ["error", "argument", "value", "tip", "Usage", "similar", "try", "required", " in "];
        for (kind, line) in all {
            let error = of_everything().try_get_matches_from(line.split(' ')).expect_err(line);
            assert_eq!(error.kind(), kind, "{line}: {error}");
            let told = chinese(&error).expect(line);
            let told = lang::within(lang::Language::Zh, || told.to_string());
            assert!(told.contains("\n提示："), "{line}: {told}");
            assert!(!english.iter().any(|word| told.contains(word)), "{line}: {told}");
        }
        // Kinds that no line of ours brings about, made as the parser would.
        for kind in [TooFewValues, InvalidUtf8, Io, Format] {
            let told = chinese(&clap::Error::new(kind)).expect("a mistake").message().to_owned();
            assert!(told.chars().filter(|c| !c.is_ascii()).count() > 5, "{told}");
        }
        for kind in [DisplayHelp, DisplayVersion, DisplayHelpOnMissingArgumentOrSubcommand] {
            assert!(chinese(&clap::Error::new(kind)).is_none(), "{kind:?}");
        }
    }

    #[test]
    fn asking_for_help_is_no_mistake() {
        for line in ["tuan --help", "tuan --version", "tuan buy", "tuan help buy file"] {
            let error = command(None).try_get_matches_from(line.split(' ')).expect_err(line);
            assert!(super::chinese(&error).is_none(), "{line}");
        }
    }
}
