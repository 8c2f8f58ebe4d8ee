//! Lists that go on: a limit, a cursor that stays true while the list changes, a `Link` to the next.

use super::{ApiError, answers::problem};
use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Most items in an answer, and how many there are if the client does not say.
pub(super) const PAGE_MAX: usize = 1_000;

/// Which part of a list is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Part {
    /// What comes after the item with this key.
    pub(super) after: Option<String>,
    limit: Option<usize>,
}

impl Part {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)
    }

    /// The key after which the list is asked for.
    pub(super) fn after<K: FromStr>(&self) -> Result<Option<K>, ApiError> {
        let parse = |text: &String| {
            let bad = |_| {
                let english = format!("after={text} is no key of this list");
                problem(400, "bad-cursor", english, format!("after={text} 不是这个列表的键"))
            };
            text.parse().map_err(bad)
        };
        self.after.as_ref().map(parse).transpose()
    }

    /// The part of a list, in the order of its keys.
    pub(super) fn of<K: FromStr + Ord, V>(
        &self,
        items: impl Iterator<Item = (K, V)>,
    ) -> Result<Page<K, V>, ApiError> {
        let after = self.after::<K>()?;
        let mut items: Vec<_> =
            items.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).collect();
        items.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let more = items.len() > self.limit();
        items.truncate(self.limit());
        Ok(Page { items, more })
    }
}

/// A part of a list.
pub(super) struct Page<K, V> {
    items: Vec<(K, V)>,
    more: bool,
}

impl<K: ToString, V> Page<K, V> {
    /// The answer: each item as `view` shows it.
    pub(super) fn answer<T: Serialize>(
        self,
        path: &str,
        part: &Part,
        view: impl Fn((K, V)) -> T,
    ) -> Response {
        let last = self.items.last().filter(|_| self.more);
        let next = last.map(|(key, _)| {
            let (key, limit) = (encoded(&key.to_string()), part.limit());
            format!("{path}?after={key}&limit={limit}")
        });
        list(self.items.into_iter().map(view).collect(), next)
    }
}

/// A list, and where it goes on.
pub(super) fn list<T: Serialize>(items: Vec<T>, next: Option<String>) -> Response {
    let mut response = Json(items).into_response();
    let link = next.and_then(|next| format!("<{next}>; rel=\"next\"").parse().ok());
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// The text as part of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
