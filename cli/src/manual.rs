//! `tuan completions` and `tuan man`: what shells and `man` know of the commands, in the user's language.

use crate::{
    command,
    exit::Failure,
    files::because,
    lang::{say, word},
    output::{self, Output},
};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::{fs, io, path::Path};

/// Headings of manual pages and their Chinese.
const HEADINGS: [(&str, &str); 7] = [
    ("NAME", "名称"),
    ("SYNOPSIS", "概述"),
    ("DESCRIPTION", "说明"),
    ("OPTIONS", "选项"),
    ("SUBCOMMANDS", "命令"),
    ("EXTRA", "附注"),
    ("VERSION", "版本"),
];

/// Prints the script that completes commands in a shell.
///
/// # Errors
/// [`Failure::reader_left`] if nobody reads any more.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(None), "tuan", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

/// Writes a manual page for every command.
///
/// # Errors
/// A setup [`Failure`] if the folder cannot be written.
pub(crate) fn pages(folder: &Path, output: Output) -> Result<(), Failure> {
    let unwritable = |error: io::Error| {
        let (folder, error) = (folder.display(), because(&error));
        Failure::setup(say!("cannot write {folder}: {error}", "无法写入 {folder}：{error}"))
            .help(say!("name another folder with --out", "用 --out 指定另一个文件夹"))
    };
    fs::create_dir_all(folder).map_err(unwritable)?;
    let mut command = command(None).disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    page(&command, "tuan".to_owned(), &mut pages).map_err(unwritable)?;
    for (name, text) in &pages {
        fs::write(folder.join(name), text).map_err(unwritable)?;
    }
    let count = pages.len();
    let text = say!(
        "{}{count} pages in {}; read one with `man {}`",
        "{}{count} 页写在 {}；用 `man {}` 阅读",
        output::ok(),
        folder.display(),
        folder.join("tuan.1").display()
    );
    output.data(&text, &serde_json::json!({ "pages": count, "folder": folder }))
}

/// The page of a command, and those of its subcommands after it.
fn page(command: &Command, name: String, pages: &mut Vec<(String, String)>) -> io::Result<()> {
    let mut page = Vec::new();
    let titled = command.clone().display_name(name.clone());
    Man::new(titled).title(name.to_uppercase()).render(&mut page)?;
    let text = String::from_utf8_lossy(&page);
    let lines = text.lines().map(|line| match line.strip_prefix(".SH ") {
        Some(heading) => {
            let row = HEADINGS.iter().find(|(english, _)| *english == heading.trim_matches('"'));
            format!(".SH {}", row.map_or(heading, |(english, chinese)| word!(english, chinese)))
        }
        None => line.to_owned(),
    });
    pages.push((format!("{name}.1"), lines.collect::<Vec<_>>().join("\n") + "\n"));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        self::page(inner, format!("{name}-{}", inner.get_name()), pages)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::{self, Language};
    use clap::ValueEnum as _;

    #[test]
    fn there_is_a_page_for_every_command_in_both_languages() {
        for (language, heading, about) in [
            (Language::En, ".SH SYNOPSIS", "Leader: files a group buy"),
            (Language::Zh, ".SH 概述", "团长：报备一个团购"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            lang::within(language, || pages(folder.path(), Output::new(true))).expect("writes");
            let text = fs::read_to_string(folder.path().join("tuan-buy-file.1")).expect("is there");
            assert!(text.contains(heading) && text.contains(about), "{text}");
            assert!(folder.path().join("tuan.1").exists());
            let count = fs::read_dir(folder.path()).expect("reads").count();
            assert!(count > 40, "{count} pages");
        }
    }

    #[test]
    fn every_shell_gets_its_script() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command(None), "tuan", &mut script);
            assert!(String::from_utf8_lossy(&script).contains("group-buy"), "{shell}");
        }
    }
}
