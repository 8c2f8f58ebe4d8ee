//! The files of the ceremony: which one a text is, what is wrong with it, and writing one.

use crate::{
    exit::Failure,
    files, input,
    lang::{self, Language, say, word},
    output,
};
use genesis::{ContributionError, DOCUMENT_BYTES_MAX, Genesis, GenesisError, Invitation, Text};
use std::path::Path;

/// Reads and checks a founding document.
pub(crate) fn load(path: &Path) -> Result<Genesis, Failure> {
    parse(path, &input::file_text(path)?, Genesis::parse)
}

pub(super) fn load_invitation(path: &Path) -> Result<Invitation, Failure> {
    parse(path, &input::file_text(path)?, Invitation::parse)
}

/// The files of the ceremony, each by the field that marks it.
pub(super) fn kinds() -> [(&'static str, &'static str); 4] {
    [
        ("invitation", word!("an invitation", "邀请文件")),
        ("contribution", word!("a contribution", "加入文件")),
        ("node_card", word!("a node card", "节点名片")),
        ("format", word!("a founding document", "创世文件")),
    ]
}

pub(super) fn is_kind(text: &str, marker: &str) -> bool {
    kind(text) == Some(marker)
}

/// Which file of the ceremony a text is, whether or not it is a good one.
pub(super) fn kind(text: &str) -> Option<&'static str> {
    let table = (text.len() <= DOCUMENT_BYTES_MAX).then(|| text.parse::<toml::Table>().ok())??;
    let marked = |marker: &str| table.get(marker).is_some_and(toml::Value::is_integer);
    kinds().into_iter().map(|(marker, _)| marker).find(|marker| marked(marker))
}

/// Reads a file of the ceremony; says which one it is instead, if it is another.
pub(super) fn parse<T>(
    path: &Path,
    text: &str,
    read: impl FnOnce(&str) -> Result<T, GenesisError>,
) -> Result<T, Failure> {
    read(text).map_err(|error| {
        let marker = kind(text);
        let found = kinds().into_iter().find(|(known, _)| Some(*known) == marker);
        match (found, &error) {
            (Some((_, found)), GenesisError::Form { .. }) => {
                let file = path.display();
                let failure =
                    Failure::setup(say!("{file} is {found}", "{file} 是{found}，不是这里要的文件"));
                failure.help(here(error.help()))
            }
            _ => wrong(Some(path), &error),
        }
    })
}

/// A sentence in the user's language.
pub(super) fn here(text: Text) -> String {
    text.of(match lang::current() {
        Language::En => genesis::Language::En,
        Language::Zh => genesis::Language::Zh,
    })
}

pub(super) fn wrong(path: Option<&Path>, error: &GenesisError) -> Failure {
    let message = here(error.text());
    let message = match path {
        None => message,
        Some(path) => say!("{}: {message}", "{}：{message}", path.display()),
    };
    Failure::setup(message).help(here(error.help()))
}

pub(super) fn wrong_contribution(error: &ContributionError) -> Failure {
    Failure::usage(here(error.text())).help(here(error.help()))
}

/// What a file of the ceremony says at its top, for people who open it.
pub(super) fn heading(invitation: &Invitation) -> String {
    let (name, founded) = (invitation.name, output::time(invitation.created()));
    format!("# {name}, {founded} (UTC+8)\n# 请勿手工修改 / do not edit by hand\n\n")
}

pub(super) fn write(out: &Path, heading: &str, text: &str) -> Result<(), Failure> {
    files::write_new(out, format!("{heading}{text}").as_bytes())
}
