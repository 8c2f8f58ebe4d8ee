//! Mistakes in the command line, told in Chinese.

use crate::exit::Failure;
use clap::Error;
use commandline::Mistake;

/// A mistake in the command line as a failure in Chinese; `None` for what is no mistake, such as help.
pub(crate) fn chinese(error: &Error) -> Option<Failure> {
    let Mistake { what, help } = Mistake::of(error)?;
    Some(Failure::usage(what).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command, exit, lang};
    use clap::{Arg, ArgAction, Command, error::ErrorKind};

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
