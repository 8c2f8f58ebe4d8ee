//! Mistakes in the command line, told in Chinese.
//!
//! English is the parser's own language and stays as the parser says it.

use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use ledger_core::types::CodeError;
use std::{error::Error as _, net::AddrParseError, num::ParseIntError};

/// A mistake in the command line, in Chinese.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl Mistake {
    /// What the parser did not understand; `None` for what is no mistake, such as asking for help.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        let text = |kind| error.get(kind).map(plain).filter(|text| !text.is_empty());
        let argument = || text(ContextKind::InvalidArg).unwrap_or_else(|| "参数".to_owned());
        let value = || text(ContextKind::InvalidValue).unwrap_or_default();
        let what = match error.kind() {
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
        let suggested = [
            ContextKind::SuggestedSubcommand,
            ContextKind::SuggestedArg,
            ContextKind::SuggestedValue,
        ];
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
        Some(Self { what, help })
    }
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
        Some(source) if source.is::<AddrParseError>() => {
            "：请写成 地址:端口，例如 127.0.0.1:7101".to_owned()
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
