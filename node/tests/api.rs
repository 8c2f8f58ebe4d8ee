//! The HTTP API of real nodes: what it answers, to whom, how often, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ledger_core::{
    api::{BlockEvent, EntrySummary, MemberView, Problem},
    transaction::TRANSACTION_BYTES_MAX,
    types::Height,
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};
use support::{Cluster, PATIENCE, eventually, trade, tuand};

const DOCUMENT: &str = include_str!("../openapi.json");

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Asks as a user of the node's machine.
fn ask(cluster: &Cluster, node: usize, path: &str, headers: &[(&str, &str)]) -> Answer {
    let bearer = cluster.bearer(node);
    let shown = [("authorization", bearer.as_str())];
    ask_with(cluster, node, path, &[&shown, headers].concat())
}

/// Asks with these headers alone.
fn ask_with(cluster: &Cluster, node: usize, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = ureq::get(format!("http://{}{path}", cluster.nodes[node].api))
        .config()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.call().unwrap();
    let headers = response.headers().iter();
    let headers = headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
    let status = response.status().as_u16();
    Answer { status, headers, body: response.body_mut().read_to_string().unwrap() }
}

/// As a proxy on the node's machine passes on what comes from elsewhere.
const FROM_ELSEWHERE: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

// --- answers against the document ---

/// Checks a value against a schema in the subset of JSON Schema that the document uses.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let fails = |why: String| Err(format!("{at}: {why}: {value}"));
    for (keyword, wanted) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "description" | "contentMediaType" | "default" => {}
            "$ref" => {
                let target = document.pointer(wanted.as_str().unwrap().strip_prefix('#').unwrap());
                check(document, target.unwrap(), value, at)?;
            }
            "type" => {
                let types = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                let is = |name: &Value| match name.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("unknown type {other}"),
                };
                if !types.iter().any(is) {
                    return fails(format!("is no {wanted}"));
                }
            }
            "properties" => {
                for (name, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(document, schema, value, &format!("{at}.{name}"))?;
                    }
                }
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        return fails(format!("lacks {name}"));
                    }
                }
            }
            "additionalProperties" => {
                assert_eq!(wanted, &Value::Bool(false));
                let known = schema["properties"].as_object().unwrap();
                for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
                    if !known.contains_key(name) {
                        return fails(format!("has an undocumented {name}"));
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, wanted, item, &format!("{at}[{index}]"))?;
                }
            }
            "prefixItems" => {
                let items = value.as_array().into_iter().flatten();
                for (index, (schema, item)) in
                    wanted.as_array().unwrap().iter().zip(items).enumerate()
                {
                    check(document, schema, item, &format!("{at}[{index}]"))?;
                }
            }
            "enum" => {
                if !wanted.as_array().unwrap().contains(value) {
                    return fails(format!("is none of {wanted}"));
                }
            }
            "const" => {
                if wanted != value {
                    return fails(format!("is not {wanted}"));
                }
            }
            "oneOf" => {
                let results: Vec<_> = wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|schema| check(document, schema, value, at))
                    .collect();
                // An empty list fits lists of anything.
                let empty = value.as_array().is_some_and(Vec::is_empty);
                let fitting = results.iter().filter(|result| result.is_ok()).count();
                if fitting != 1 && !empty {
                    return fails(format!("fits {fitting} of several: {results:?}"));
                }
            }
            "minimum" => {
                if value.as_i64().is_some_and(|value| value < wanted.as_i64().unwrap()) {
                    return fails(format!("is below {wanted}"));
                }
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" => {
                let length = match value {
                    Value::String(text) => text.chars().count() as u64,
                    Value::Array(items) => items.len() as u64,
                    _ => continue,
                };
                let bound = wanted.as_u64().unwrap();
                let fits =
                    if keyword.starts_with("min") { length >= bound } else { length <= bound };
                if !fits {
                    return fails(format!("breaks {keyword} {bound}"));
                }
            }
            other => panic!("the check does not know {other}"),
        }
    }
    Ok(())
}

/// Checks a JSON answer against what the document says of its path and status.
fn fits(document: &Value, path: &str, answer: &Answer) {
    let operation = &document["paths"][path]["get"];
    let responses = &operation["responses"];
    let response = responses.get(answer.status.to_string()).unwrap_or(&responses["default"]);
    let response = match response.get("$ref") {
        Some(target) => document.pointer(&target.as_str().unwrap()[1..]).unwrap(),
        None => response,
    };
    let kind = answer.header("content-type").unwrap();
    let schema = &response["content"][kind]["schema"];
    assert!(schema.is_object(), "{path} answers {} with {kind}", answer.status);
    check(document, schema, &answer.json(), path).unwrap();
}

/// Reads the next event of a stream: its id and its data.
fn next_event(stream: &mut BufReader<TcpStream>) -> Option<(String, BlockEvent)> {
    let mut id = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if let Some(text) = line.strip_prefix("id: ") {
            id = Some(text.trim().to_owned());
        }
        if let Some(text) = line.strip_prefix("data: ") {
            return Some((id.unwrap(), serde_json::from_str(text).unwrap()));
        }
    }
}

/// Opens a stream as a user of the node's machine.
fn watch(cluster: &Cluster, query: &str, headers: &str) -> BufReader<TcpStream> {
    watch_with(cluster, query, &format!("authorization: {}\r\n{headers}", cluster.bearer(0)))
}

fn watch_with(cluster: &Cluster, query: &str, headers: &str) -> BufReader<TcpStream> {
    let api = &cluster.nodes[0].api;
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /v1/events{query} HTTP/1.1\r\nhost: {api}\r\n{headers}\r\n").unwrap();
    BufReader::new(stream)
}

#[test]
fn every_answer_fits_the_document_lists_go_on_and_a_stream_tells_each_block_once() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut cluster = Cluster::found();
    cluster.start_all();
    let mut live = watch(&cluster, "?from=1", "");
    trade(&mut cluster);

    assert_eq!(ask(&cluster, 0, "/openapi.json", &[]).body, DOCUMENT);
    let entries: Vec<EntrySummary> = cluster.get(0, "/v1/entries?from=0").unwrap();
    let order = entries.iter().find(|entry| entry.kind == "order").unwrap();
    assert_eq!(order.group_buy.unwrap().to_string(), "gb-1");
    let closing = entries.iter().find(|entry| entry.kind == "close").unwrap();
    assert_eq!((closing.transaction, closing.author), (None, None));
    let transaction = format!("/v1/transactions/{}", order.transaction.unwrap());
    for (path, asked) in [
        ("/v1/status", "/v1/status"),
        ("/v1/members", "/v1/members"),
        ("/v1/policy", "/v1/policy"),
        ("/v1/accounts", "/v1/accounts"),
        ("/v1/group-buys", "/v1/group-buys"),
        ("/v1/group-buys", "/v1/group-buys?state=closed"),
        ("/v1/group-buys", "/v1/group-buys?state=lost"),
        ("/v1/group-buys/{id}", "/v1/group-buys/gb-1"),
        ("/v1/group-buys/{id}", "/v1/group-buys/gb-2"),
        ("/v1/group-buys/{id}", "/v1/group-buys/gb-3"),
        ("/v1/group-buys/{id}/orders", "/v1/group-buys/gb-1/orders"),
        ("/v1/group-buys/{id}/payments", "/v1/group-buys/gb-1/payments"),
        ("/v1/group-buys/{id}/households", "/v1/group-buys/gb-1/households"),
        ("/v1/group-buys/{id}/orders", "/v1/group-buys/gb-2/orders"),
        ("/v1/proposals", "/v1/proposals"),
        ("/v1/transactions/{id}", transaction.as_str()),
        ("/v1/transactions/{id}", "/v1/transactions/nonsense"),
        ("/v1/entries", "/v1/entries?from=0"),
        ("/v1/entries", "/v1/entries"),
        ("/v1/entries/{log_index}", "/v1/entries/0"),
        ("/v1/entries/{log_index}", "/v1/entries/999999"),
        ("/v1/blocks/{height}", "/v1/blocks/1"),
        ("/v1/members", "/v1/members?limit=many"),
        ("/v1/members", "/v1/members?after=nobody"),
    ] {
        fits(&document, path, &ask(&cluster, 0, asked, &[]));
    }
    for entry in &entries {
        let asked = format!("/v1/entries/{}", entry.log_index);
        let answer = ask(&cluster, 0, &asked, &[]);
        fits(&document, "/v1/entries/{log_index}", &answer);
        let whole: Value = answer.json::<Value>()["entry"].clone();
        let action = &whole["transaction"]["transaction"]["action"];
        let deadline = &whole["system"]["deadline"]["kind"];
        let kinds = action.as_object().or(deadline.as_object()).unwrap();
        assert_eq!(kinds.keys().collect::<Vec<_>>(), [&entry.kind]);
    }
    assert_eq!(ask(&cluster, 0, "/v1/nothing", &[]).status, 404);
    assert_eq!(ask(&cluster, 0, "/v1/transactions", &[]).status, 405);

    // Lists go on where the link says, and every item comes once.
    let all: Vec<MemberView> = cluster.get(0, "/v1/members").unwrap();
    let mut pages = Vec::new();
    let mut next = Some("/v1/members?limit=2".to_owned());
    while let Some(path) = next {
        let answer = ask(&cluster, 0, &path, &[]);
        let page: Vec<MemberView> = answer.json();
        assert!(page.len() <= 2);
        pages.extend(page);
        next = answer.header("link").map(|link| {
            let (path, rest) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(rest, "; rel=\"next\"");
            path.to_owned()
        });
    }
    assert_eq!(pages, all);
    let numbers = |path: &str| -> Vec<String> {
        let orders: Vec<(String, Value)> = ask(&cluster, 0, path, &[]).json();
        orders.into_iter().map(|(number, _)| number).collect()
    };
    assert_eq!(numbers("/v1/group-buys/gb-1/orders?after=o-1&limit=1"), ["o-2"]);
    let second = ask(&cluster, 0, "/v1/entries?from=1&limit=1", &[]);
    assert_eq!(second.json::<Vec<EntrySummary>>(), entries[1..2]);
    assert_eq!(second.header("link"), Some("</v1/entries?from=2&limit=1>; rel=\"next\""));

    // The same blocks live, from the store, and from where a watcher left off.
    let tip = cluster.status(0).unwrap().height.get();
    let heights = |events: &[(String, BlockEvent)]| -> Vec<u64> {
        events
            .iter()
            .map(|(id, event)| {
                assert_eq!(*id, event.height.to_string());
                event.height.get()
            })
            .collect()
    };
    let take = |stream: &mut BufReader<TcpStream>, count: u64| -> Vec<(String, BlockEvent)> {
        (0..count).map(|_| next_event(stream).unwrap()).collect()
    };
    let seen_live = take(&mut live, tip);
    assert_eq!(heights(&seen_live), (1..=tip).collect::<Vec<_>>());
    let from_store = take(&mut watch(&cluster, "?from=1", ""), tip);
    assert_eq!(from_store, seen_live);
    let resumed = take(&mut watch(&cluster, "?from=1", "last-event-id: 3\r\n"), tip - 3);
    assert_eq!(resumed, seen_live[3..]);
    let told: Vec<_> = seen_live.iter().flat_map(|(_, event)| event.entries.clone()).collect();
    assert_eq!(told, entries);
    for (_, event) in &seen_live {
        let schema = &document["components"]["schemas"]["BlockEvent"];
        check(&document, schema, &serde_json::to_value(event).unwrap(), "event").unwrap();
    }

    // A node that lags a little serves whoever has seen more elsewhere; what no chain can have is refused.
    let ahead = tip + 1_000;
    let mut waiting = watch(&cluster, "", &format!("last-event-id: {ahead}\r\n"));
    let mut line = String::new();
    waiting.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "HTTP/1.1 200 OK");
    let archive = ask(&cluster, 0, &format!("/v1/archive?from={ahead}"), &[]);
    assert_eq!((archive.status, archive.body.as_str()), (200, ""));
    let last = u64::MAX.to_string();
    for (path, headers, kind) in [
        ("/v1/events", &[("last-event-id", last.as_str())][..], "bad-cursor"),
        ("/v1/events?from=18446744073709551615", &[], "bad-cursor"),
        ("/v1/archive?from=18446744073709551615", &[], "bad-cursor"),
        ("/v1/events", &[("last-event-id", "seven")], "bad-event-id"),
    ] {
        let answer = ask(&cluster, 0, path, headers);
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json::<Problem>().kind, format!("urn:tuanzhang:problem:{kind}"));
    }

    // From elsewhere four streams at a time; a closed one makes room.
    let opened = || {
        let header = format!("{}: {}\r\n", FROM_ELSEWHERE.0, FROM_ELSEWHERE.1);
        let mut stream = watch_with(&cluster, "", &header);
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        (line.trim().to_owned(), stream)
    };
    let mut streams: Vec<_> = (0..4).map(|_| opened()).collect();
    assert!(streams.iter().all(|(line, _)| line == "HTTP/1.1 200 OK"));
    assert_eq!(opened().0, "HTTP/1.1 429 Too Many Requests");
    streams.pop();
    eventually("room for a stream", || (opened().0 == "HTTP/1.1 200 OK").then_some(()));

    // What the node counts. Three of four decide: the last may still be on its way.
    eventually("all to be connected", || {
        cluster.status(0).filter(|status| status.peers.iter().all(|peer| peer.connected))
    });
    let metrics = ask(&cluster, 0, "/metrics", &[]).body;
    let value = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("no {name} in {metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("tuan_height") >= tip as f64);
    assert!(value("tuan_blocks_total") >= tip as f64);
    assert!(value("tuan_entries_total") >= entries.len() as f64);
    assert_eq!(value("tuan_peers_connected"), 3.0);
    assert!(value("tuan_store_batch_seconds_count") >= tip as f64);
    let mut bandwidth = metrics.lines().filter(|line| line.starts_with("libp2p_bandwidth_bytes"));
    assert!(bandwidth.any(|line| !line.ends_with(" 0")), "{metrics}");

    // An open stream does not hold up the end of the node, and is told of it.
    assert_eq!(cluster.stop(0).code(), Some(0));
    while next_event(&mut live).is_some() {}
}

#[test]
fn from_elsewhere_reading_is_open_the_rest_takes_a_token_and_all_is_limited() {
    let mut cluster = Cluster::found();
    cluster.set(0, "requests_per_second", 1);
    cluster.set(0, "burst", 30);
    cluster.start(0);
    let home = cluster.nodes[0].home.clone();
    let token = |arguments: &[&str]| {
        let output = tuand().arg("token").args(arguments).arg("--home").arg(&home).output();
        let output = output.unwrap();
        let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        (output.status.code(), text)
    };

    // Users of the node's own machine may ask everything, as often as they like.
    for path in ["/v1/proposals", "/metrics"] {
        let answer = ask(&cluster, 0, path, &[]);
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    }
    let refused = |headers: &[(&str, &str)]| {
        let answer = ask_with(&cluster, 0, "/v1/proposals", headers);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
        answer.json::<Problem>().kind
    };
    assert_eq!(ask_with(&cluster, 0, "/v1/status", &[FROM_ELSEWHERE]).status, 200);
    assert_eq!(refused(&[FROM_ELSEWHERE]), "urn:tuanzhang:problem:token-needed");
    assert_eq!(refused(&[("host", "evil.example")]), "urn:tuanzhang:problem:token-needed");

    // A token lets in from its making to its removal.
    let (code, secret) = token(&["add", "--name", "leader-li"]);
    assert_eq!((code, secret.starts_with("tuan-token-")), (Some(0), true));
    assert_eq!(token(&["add", "--name", "leader-li"]).0, Some(4));
    assert!(token(&["list"]).1.starts_with("leader-li\t"));
    let bearer = format!("Bearer {secret}");
    let shown = [FROM_ELSEWHERE, ("authorization", bearer.as_str())];
    eventually("the token to be known", || {
        (ask_with(&cluster, 0, "/v1/proposals", &shown).status == 200).then_some(())
    });
    let wrong = [FROM_ELSEWHERE, ("authorization", "Bearer tuan-token-12")];
    assert_eq!(refused(&wrong), "urn:tuanzhang:problem:wrong-token");
    assert_eq!(token(&["remove", "--name", "leader-li"]).0, Some(0));
    eventually("the token to end", || {
        (ask_with(&cluster, 0, "/v1/proposals", &shown).status == 401).then_some(())
    });

    // Whoever asks too often is told when to come back; the node's own machine is not held up.
    let answer = eventually("the limit", || {
        let answer = ask_with(&cluster, 0, "/v1/group-buys", &[FROM_ELSEWHERE]);
        (answer.status == 429).then_some(answer)
    });
    assert_eq!(answer.json::<Problem>().kind, "urn:tuanzhang:problem:too-many-requests");
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // What comes over loopback and shows nothing may be anybody's, through a proxy that says nothing.
    assert_eq!(ask_with(&cluster, 0, "/v1/group-buys", &[]).status, 429);
    for _ in 0..100 {
        assert_eq!(ask(&cluster, 0, "/v1/status", &[]).status, 200);
    }
    // Too long a transaction is refused while it is read. No more of it is sent than has to be read
    // for that: unread bytes would reset the connection, and perhaps take the answer along.
    let mut stream = TcpStream::connect(&cluster.nodes[0].api).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /v1/transactions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let bearer = cluster.bearer(0);
    write!(stream, "{head}authorization: {bearer}\r\ncontent-length: 204800\r\n\r\n").unwrap();
    stream.write_all(&vec![0; TRANSACTION_BYTES_MAX + 2]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    let problem: Problem = serde_json::from_str(body).unwrap();
    assert_eq!(problem.kind, "urn:tuanzhang:problem:bad-body");
    let status = cluster.status(0).unwrap();
    assert_eq!(status.height, Height::ZERO);
    assert!(status.disk.unwrap().free_bytes > 0);
    assert!(status.peers.iter().all(|peer| !peer.connected && peer.since <= status.now));
}

/// Sends a request as it stands; its status.
fn raw_status(cluster: &Cluster, head: &str) -> u16 {
    let mut stream = TcpStream::connect(&cluster.nodes[0].api).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{head}connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_user_of_the_machine_is_who_shows_its_token_and_a_web_page_is_nobody() {
    let mut cluster = Cluster::found();
    cluster.set(0, "burst", 1_000);
    cluster.start(0);
    let api = cluster.nodes[0].api.clone();
    let bearer = cluster.bearer(0);
    let token = ("authorization", bearer.as_str());
    let kind =
        |answer: &Answer| answer.json::<Problem>().kind.rsplit(':').next().unwrap().to_owned();

    // All of it together, and nothing less.
    assert_eq!(ask(&cluster, 0, "/v1/proposals", &[]).status, 200);
    for (headers, refused) in [
        (&[][..], "token-needed"),
        (&[("authorization", "Bearer tuan-machine-00")], "wrong-token"),
        (&[("authorization", bearer.trim_start_matches("Bearer "))], "wrong-token"),
        (&[token, ("host", "evil.example")], "wrong-token"),
        (&[token, ("x-forwarded-for", "127.0.0.1")], "wrong-token"),
        (&[token, ("forwarded", "for=127.0.0.1")], "wrong-token"),
        (&[token, ("x-real-ip", "127.0.0.1")], "wrong-token"),
        (&[token, ("via", "1.1 proxy")], "wrong-token"),
        (&[token, ("cf-connecting-ip", "127.0.0.1")], "wrong-token"),
        (&[token, token], "wrong-token"),
    ] {
        let answer = ask_with(&cluster, 0, "/v1/proposals", headers);
        assert_eq!((answer.status, kind(&answer).as_str()), (401, refused), "{headers:?}");
    }
    let line = format!("GET /v1/proposals HTTP/1.1\r\nauthorization: {bearer}\r\n");
    let host = format!("host: {api}\r\n");
    assert_eq!(raw_status(&cluster, &format!("{line}{host}")), 200);
    assert_eq!(raw_status(&cluster, &format!("{line}{host}{host}")), 401);
    assert_eq!(raw_status(&cluster, &line), 401);
    let post = format!("POST /v1/transactions HTTP/1.1\r\n{host}content-length: 0\r\n");
    assert_eq!(raw_status(&cluster, &post), 401);
    assert_eq!(raw_status(&cluster, &format!("{post}authorization: {bearer}\r\n")), 400);

    // A page of somebody else reads what is public, with nothing in its hands.
    let evil = ("origin", "https://evil.example");
    let own = format!("http://{api}");
    for path in ["/v1/status", "/v1/entries/999999", "/v1/members?limit=x", "/nothing"] {
        for headers in [&[][..], &[evil], &[("sec-fetch-site", "cross-site")]] {
            let answer = ask_with(&cluster, 0, path, headers);
            assert!(answer.status != 403, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
        let answer = ask_with(&cluster, 0, path, &[token, evil]);
        assert_eq!((answer.status, kind(&answer).as_str()), (403, "foreign-origin"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    for headers in [
        &[("origin", own.as_str())][..],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ] {
        assert_eq!(ask(&cluster, 0, "/v1/proposals", headers).status, 200, "{headers:?}");
    }
    for headers in [
        [evil],
        [("origin", "null")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(ask(&cluster, 0, "/v1/proposals", &headers).status, 403, "{headers:?}");
        let answer = ask_with(&cluster, 0, "/v1/proposals", &headers);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, None));
    }
    // Tokens of the operator are no better.
    let named = tuand()
        .args(["token", "add", "--name", "leader-li", "--home"])
        .arg(&cluster.nodes[0].home)
        .output();
    let named = format!("Bearer {}", String::from_utf8(named.unwrap().stdout).unwrap().trim());
    let named = ("authorization", named.as_str());
    eventually("the token to be known", || {
        (ask_with(&cluster, 0, "/v1/proposals", &[named]).status == 200).then_some(())
    });
    assert_eq!(ask_with(&cluster, 0, "/v1/proposals", &[named, evil]).status, 403);

    // Before a request that is not quite simple a browser asks whether it may.
    let preflight = |path: &str, method: &str| {
        let request = ureq::http::Request::options(format!("http://{api}{path}"))
            .header("origin", "https://evil.example")
            .header("access-control-request-method", method)
            .body(())
            .unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let response = agent.run(request).unwrap();
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let allowed = ["origin", "methods", "headers"];
        let allowed = allowed.map(|what| header(&format!("access-control-allow-{what}")));
        (response.status().as_u16(), allowed)
    };
    let granted = ["*", "GET", "last-event-id"].map(|text| Some(text.to_owned()));
    assert_eq!(preflight("/v1/events", "GET"), (204, granted.clone()));
    assert_eq!(preflight("/v1/status", "DELETE"), (204, granted));
    for path in ["/v1/transactions", "/v1/proposals", "/metrics"] {
        let (status, allowed) = preflight(path, "POST");
        assert!(matches!(status, 401 | 405), "{path}: {status}");
        assert_eq!(allowed, [const { None }; 3], "{path}");
    }

    // The file lives as long as the node, and each start has a token of its own.
    let folder = cluster.directory.path().join("tuanzhang");
    let file = folder.join(format!("{api}.token"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    cluster.kill(0);
    assert!(file.exists());
    cluster.start(0);
    assert_ne!(cluster.bearer(0), bearer);
    assert_eq!(ask_with(&cluster, 0, "/v1/proposals", &[token]).status, 401);
    assert_eq!(ask(&cluster, 0, "/v1/proposals", &[]).status, 200);
    assert_eq!(cluster.stop(0).code(), Some(0));
    assert!(!file.exists());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
