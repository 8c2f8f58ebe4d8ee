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
    use crate::{command, exit, lang};

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
            ("tuan settle pay g --to nobody", "“nobody”不能用", "可以写：supplier、leader"),
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

    #[test]
    fn asking_for_help_is_no_mistake() {
        for line in ["tuan --help", "tuan --version", "tuan buy", "tuan help buy file"] {
            let error = command(None).try_get_matches_from(line.split(' ')).expect_err(line);
            assert!(super::chinese(&error).is_none(), "{line}");
        }
    }
}
