//! Help in Chinese.

use crate::wrap;
use clap::{Arg, ArgAction, Command, builder::StyledStr};
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr as _;

/// What a command line says, in English and in Chinese.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Texts of help.
    pub texts: &'static [(&'static str, &'static str)],
    /// Names of values; those that are the same in both languages stand here as well.
    pub values: &'static [(&'static str, &'static str)],
}

/// What the parser itself says in every help.
const COMMON: &[(&str, &str)] = &[
    ("Print help", "显示帮助"),
    ("Print help (see more with '--help')", "显示帮助（--help 更详细）"),
    ("Print help (see a summary with '-h')", "显示帮助（-h 只看摘要）"),
    ("Print version", "显示版本"),
    ("Print this message or the help of the given subcommand(s)", "显示本说明，或某个命令的说明"),
];

/// Columns of the help where nobody says how wide the terminal is.
const COLUMNS: usize = 100;

/// How wide the terminal is.
#[must_use]
pub fn columns() -> usize {
    terminal_size::terminal_size().map_or(COLUMNS, |(width, _)| width.0.into())
}

/// Chinese columns beside the names of options; with less room the texts go below the names.
const HELP_COLUMNS_MIN: usize = 30;
/// How far texts below the names of options are indented.
const HELP_INDENT: usize = 10;

impl Words {
    /// A whole command line in Chinese, with texts cut for a terminal of so many columns; without a number
    /// nothing is cut.
    ///
    /// What has no row stays in English.
    #[must_use]
    pub fn chinese(&self, mut command: Command, width: Option<usize>) -> Command {
        command.build();
        self.translated(command, width, width)
    }

    /// What is missing in the table of a command line, and what is left over in it; nothing if it is whole.
    #[must_use]
    pub fn gaps(&self, mut command: Command) -> Vec<String> {
        command.build();
        let mut texts = Vec::new();
        texts_of(&command, "", &mut texts);
        let known =
            |text: &str| COMMON.iter().chain(self.texts).any(|(english, _)| *english == text);
        let unknown = texts.iter().filter(|(_, text)| !known(text));
        let mut gaps: Vec<_> =
            unknown.map(|(place, text)| format!("no Chinese: {place}: {text:?}")).collect();
        let mut names = BTreeSet::new();
        values_of(&command, &mut names);
        let unnamed =
            names.iter().filter(|name| !self.values.iter().any(|(known, _)| known == name));
        gaps.extend(unnamed.map(|name| format!("no Chinese: value {name}")));

        let mut once = BTreeSet::new();
        for (english, _) in self.texts {
            if !texts.iter().any(|(_, text)| text == english) {
                gaps.push(format!("nothing has this text: {english:?}"));
            }
            if !once.insert(("text", english)) {
                gaps.push(format!("this text stands twice: {english:?}"));
            }
        }
        for (english, _) in self.values {
            if !names.contains(*english) {
                gaps.push(format!("no value has this name: {english}"));
            }
            if !once.insert(("value", english)) {
                gaps.push(format!("this name stands twice: {english}"));
            }
        }
        gaps
    }

    /// `room` is what the list of the command above leaves for a line about this one.
    fn translated(&self, command: Command, width: Option<usize>, room: Option<usize>) -> Command {
        let texts = [
            command.get_about().cloned(),
            command.get_long_about().cloned(),
            command.get_after_help().cloned(),
            command.get_after_long_help().cloned(),
        ];
        let [about, long_about, after, after_long] =
            texts.map(|text| text.map(|text| self.text_of(text)));
        let template = template(&command, about.as_deref(), width);

        let names =
            command.get_arguments().map(|arg| arg_name(&self.with_chinese_values(arg.clone())));
        let names = names.map(|name| name.width());
        let commands = command.get_subcommands().map(|command| command.get_name().width());
        let names = names.chain(commands).max().unwrap_or_default();
        // Two columns before and two after the names.
        let beside = width.map(|width| width.saturating_sub(names + 4));
        let below = beside.is_some_and(|beside| beside < HELP_COLUMNS_MIN);
        let inner =
            if below { width.map(|width| width.saturating_sub(HELP_INDENT)) } else { beside };

        let mut command = command
            .mut_subcommands(|command| self.translated(command, width, inner))
            .mut_args(|arg| self.translated_arg(arg, inner))
            .subcommand_value_name("命令")
            .next_line_help(below)
            .help_template(template);
        if let Some(width) = width {
            command = command.term_width(width);
        }
        if let Some(about) = about {
            command = command.about(cut(&about, room));
        }
        if let Some(about) = long_about {
            command = command.long_about(cut(&about, width));
        }
        if let Some(after) = after {
            command = command.after_help(after);
        }
        if let Some(after) = after_long {
            command = command.after_long_help(after);
        }
        let usage = self.usage_of(&mut command);
        command.override_usage(usage)
    }

    /// The usage with its placeholders in Chinese, and following lines under the first.
    fn usage_of(&self, command: &mut Command) -> String {
        let usage = command.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim().replace("[OPTIONS]", "[选项]");
        // Where a command says its usage itself, the names of values are still English.
        let usage = self.values.iter().fold(usage, |usage, (english, chinese)| {
            usage.replace(&format!("<{english}>"), &format!("<{chinese}>"))
        });
        let lines: Vec<&str> = usage.lines().map(str::trim).collect();
        lines.join("\n      ")
    }

    fn translated_arg(&self, arg: Arg, room: Option<usize>) -> Arg {
        let notes = notes(&arg);
        let help = arg.get_help().cloned().map(|text| self.text_of(text));
        let long_help = arg.get_long_help().cloned().map(|text| self.text_of(text));
        let mut arg = self
            .with_chinese_values(arg)
            .hide_env(true)
            .hide_default_value(true)
            .hide_possible_values(true);
        if let Some(help) = help {
            arg = arg.help(cut(&format!("{help}{notes}"), room));
        }
        if let Some(help) = long_help {
            arg = arg.long_help(cut(&format!("{help}{notes}"), room));
        }
        arg
    }

    fn with_chinese_values(&self, arg: Arg) -> Arg {
        let names = arg.get_value_names().unwrap_or_default();
        let names: Vec<clap::builder::Str> = names
            .iter()
            .map(|name| {
                let row = self.values.iter().find(|(english, _)| *english == name.as_str());
                row.map_or_else(|| name.clone(), |(_, chinese)| clap::builder::Str::from(*chinese))
            })
            .collect();
        if names.is_empty() { arg } else { arg.value_names(names) }
    }

    fn text_of(&self, english: StyledStr) -> String {
        let english = english.to_string();
        let row = COMMON.iter().chain(self.texts).find(|(known, _)| *known == english);
        row.map_or(english, |(_, chinese)| (*chinese).to_owned())
    }
}

/// How the help of a command is laid out: what it is, its usage, and lists of what it takes.
fn template(command: &Command, about: Option<&str>, width: Option<usize>) -> String {
    let header = *command.get_styles().get_header();
    let usage = *command.get_styles().get_usage();
    let section = |is_there: bool, title: &str, tag: &str| match is_there {
        true => format!("\n\n{header}{title}：{header:#}\n{{{tag}}}"),
        false => String::new(),
    };
    // What a list says about the command is cut for that list, so it stands here in full.
    let about = match (command.get_long_about(), about) {
        (None, Some(about)) => format!("{}\n", cut(about, width)),
        (Some(_), _) | (_, None) => "{about-with-newline}".to_owned(),
    };
    let lists = [
        section(command.has_subcommands(), "命令", "subcommands"),
        section(command.get_positionals().next().is_some(), "参数", "positionals"),
        // There is always --help.
        section(true, "选项", "options"),
    ];
    format!("{about}\n{usage}用法：{usage:#}{{usage}}{}{{after-help}}", lists.concat())
}

fn cut(text: &str, room: Option<usize>) -> String {
    room.map_or_else(|| text.to_owned(), |room| wrap(text, room).join("\n"))
}

/// What the parser would add in English: choices, default, variable of the environment.
fn notes(arg: &Arg) -> String {
    if !matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
        return String::new();
    }
    let mut notes = Vec::new();
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    if !choices.is_empty() {
        notes.push(format!("可选 {}", choices.join("、")));
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    if !defaults.is_empty() {
        notes.push(format!("默认 {}", defaults.join("、")));
    }
    if let Some(variable) = arg.get_env() {
        notes.push(format!("环境变量 {}", variable.to_string_lossy()));
    }
    if notes.is_empty() { String::new() } else { format!("（{}）", notes.join("；")) }
}

/// An argument as help lists it.
fn arg_name(arg: &Arg) -> String {
    // Options stand behind the room for a short name, such as `-h, `.
    if arg.is_positional() { arg.to_string() } else { format!("    {arg}") }
}

/// Every text of help with where it stands, and every name of a value.
fn texts_of(command: &Command, path: &str, found: &mut Vec<(String, String)>) {
    let path = format!("{path} {}", command.get_name());
    let own = [
        command.get_about(),
        command.get_long_about(),
        command.get_before_help(),
        command.get_before_long_help(),
        command.get_after_help(),
        command.get_after_long_help(),
    ];
    found.extend(own.into_iter().flatten().map(|text| (path.clone(), text.to_string())));
    for arg in command.get_arguments() {
        let place = format!("{path} {arg}");
        if arg.get_help().is_none() {
            found.push((place.clone(), String::new()));
        }
        let own = [arg.get_help(), arg.get_long_help()];
        found.extend(own.into_iter().flatten().map(|text| (place.clone(), text.to_string())));
    }
    for inner in command.get_subcommands() {
        if inner.get_about().is_none() {
            found.push((format!("{path} {}", inner.get_name()), String::new()));
        }
        // Below `help` stand the commands once more.
        if command.get_name() != "help" {
            texts_of(inner, &path, found);
        }
    }
}

fn values_of(command: &Command, found: &mut BTreeSet<String>) {
    let args = command.get_arguments().filter(|arg| arg.get_action().takes_values());
    let names = args.flat_map(|arg| arg.get_value_names().unwrap_or_default());
    found.extend(names.map(ToString::to_string));
    command.get_subcommands().for_each(|command| values_of(command, found));
}
