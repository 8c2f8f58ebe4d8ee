//! What no honest client sends: for every route of the document each parameter and header with hostile values,
//! alone and in pairs, methods that are not served, bodies that are no transactions. Nothing of it may be answered
//! with a 5xx, be refused in another form than the documented one, or end the node.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};
use support::{Cluster, LEADER, PATIENCE, filing, trade};

const DOCUMENT: &str = include_str!("../openapi.json");
const RULES: &str = include_str!("../../docs/api.md");
/// How much of an endless answer is read, and how long nothing more may come.
const STREAM_BYTES: u64 = 2_000;
const STREAM_PATIENCE: Duration = Duration::from_millis(2);
/// Beside those that the document names: what the node reads of every request, what proxies and browsers add,
/// and what changes how HTTP itself reads a request.
const HEADERS: [&str; 19] = [
    "authorization",
    "host",
    "origin",
    "sec-fetch-site",
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
    "via",
    "access-control-request-method",
    "access-control-request-headers",
    "range",
    "accept",
    "accept-encoding",
    "if-none-match",
    "cookie",
    "content-type",
    "expect",
    "upgrade",
    "last-event-id",
];
/// What HTTP itself is made of: such a request need not get as far as the API.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

/// Values for one parameter at a time.
fn values() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = [
        "0",
        "-0",
        "-1",
        "+1",
        "1",
        "7",
        "00000000000000000000000000000001",
        "1.5",
        "1e3",
        "0x10",
        "1,000",
        "NaN",
        "Infinity",
        "null",
        "true",
        "[]",
        "{}",
        "[1]",
        "\"1\"",
        "'",
        "\"",
        "`",
        "1' OR '1'='1",
        "<script>",
        "%",
        "%zz",
        "%00",
        "&",
        "=",
        "#",
        "?",
        "/",
        "\\",
        "../",
        "../../etc/passwd",
        "..%2f",
        ".",
        "..",
        "",
        " ",
        "   ",
        "\t",
        " 7 ",
        "\0",
        "7\0",
        "\r\n",
        "7\r\nx-injected: 1",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{202e}",
        "\u{200b}",
        "\u{feff}7",
        "７",
        "٣",
        "菜",
        "🍎",
        "gb-1",
        "gb-2",
        "GB-1",
        "gb-1\0",
        "open",
        "closed",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "bearer  ",
        "Basic eDp5",
        "same-origin",
        "cross-site",
        "null, null",
        "*",
        "http://evil.example",
        "http://127.0.0.1",
        "::1",
        "[::1]",
        "[::1",
        "127.0.0.1",
        "localhost:99999999999",
        "127.0.0.1:x",
        "for=\"[::1]\"",
        "bytes=0-1",
        "GET",
        "18446744073709551615, 18446744073709551615",
        "Custody/0",
        "Escrow/",
        "Custody/99999999999999999999",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    for power in [8, 15, 16, 31, 32, 53, 63, 64, 127, 128_u32] {
        // Around each end of the numbers that programs have.
        let edge = 1_u128.checked_shl(power).unwrap_or(u128::MAX);
        values.extend([edge - 1, edge, edge.saturating_add(1)].map(|n| n.to_string().into_bytes()));
        values.push(format!("-{edge}").into_bytes());
    }
    values.push([b'9'; 500].to_vec());
    values.push([b'x'; 17].to_vec());
    values.push([b'x'; 6_000].to_vec());
    values.push("菜".repeat(600).into_bytes());
    values.push([b'0'; 64].to_vec());
    values.push([b'f'; 64].to_vec());
    values.push(b"\xff\xfe".to_vec());
    values.push(b"\xc3\x28".to_vec());
    values.push(b"\xed\xa0\x80".to_vec());
    values
}

/// Values for two parameters at once.
const PAIRED: [&[u8]; 14] = [
    b"0",
    b"1",
    b"2",
    b"-1",
    b"4294967296",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551614",
    b"18446744073709551615",
    b"18446744073709551616",
    b"",
    b"\0",
    b"\xff",
    b"gb-1",
];

fn encoded(bytes: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
    bytes
        .iter()
        .map(|b| if plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// Whether HTTP allows these bytes in a header at all.
fn fits_a_header(value: &[u8]) -> bool {
    value.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f))
}

#[derive(Debug, Clone)]
struct Parameter {
    place: String,
    name: String,
    required: bool,
}

/// One thing that the document says can be asked.
#[derive(Debug, Clone)]
struct Operation {
    method: String,
    path: String,
    parameters: Vec<Parameter>,
    needs_token: bool,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parameter = |parameter: &Value| {
        let parameter = match parameter.get("$ref") {
            Some(reference) => document.pointer(&text(reference)[1..]).unwrap(),
            None => parameter,
        };
        let required = parameter["required"] == true;
        Parameter { place: text(&parameter["in"]), name: text(&parameter["name"]), required }
    };
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.map(parameter).collect();
            let (method, path) = (method.to_uppercase(), path.clone());
            let needs_token = operation["security"][0].get("token").is_some();
            operations.push(Operation { method, path, parameters, needs_token });
        }
    }
    operations
}

impl Operation {
    /// The request with these values; what is required and not given is honest.
    fn request(&self, given: &[(&Parameter, &[u8])]) -> Request {
        let mut path = self.path.clone();
        let mut query = Vec::new();
        let mut headers = Vec::new();
        for parameter in &self.parameters {
            let value = given.iter().find(|(one, _)| one.name == parameter.name);
            let value = match value {
                Some((_, value)) => value.to_vec(),
                None if !parameter.required => continue,
                None if parameter.name == "id" && self.path.contains("group-buys") => {
                    b"gb-1".to_vec()
                }
                None => b"1".to_vec(),
            };
            let name = &parameter.name;
            match parameter.place.as_str() {
                "path" => path = path.replace(&format!("{{{name}}}"), &encoded(&value)),
                "query" => query.push(format!("{name}={}", encoded(&value))),
                "header" => headers.push((name.to_lowercase(), value)),
                place => panic!("a parameter in {place}"),
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        Request { method: self.method.clone(), target: path, headers, body: Vec::new() }
    }
}

#[derive(Debug, Clone)]
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    kind: String,
    body: Vec<u8>,
}

/// A client that sends bytes, whatever they are, and keeps its connection as long as the node does.
struct Stranger {
    api: String,
    connection: Option<BufReader<TcpStream>>,
    asked: usize,
    /// What it shows unless the request shows something itself.
    bearer: Option<String>,
}

impl Stranger {
    /// `None` if the node closes the connection without an answer.
    fn ask(&mut self, request: &Request) -> Option<Answer> {
        self.asked += 1;
        let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
        let has = |name: &str| request.headers.iter().any(|(one, _)| one == name);
        if !has("host") {
            bytes.extend_from_slice(format!("host: {}\r\n", self.api).as_bytes());
        }
        if !has("content-length") && !has("transfer-encoding") {
            bytes.extend_from_slice(
                format!("content-length: {}\r\n", request.body.len()).as_bytes(),
            );
        }
        if let Some(bearer) = self.bearer.as_ref().filter(|_| !has("authorization")) {
            bytes.extend_from_slice(format!("authorization: {bearer}\r\n").as_bytes());
        }
        for (name, value) in &request.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&request.body);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(&self.api).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                BufReader::new(stream)
            }
        };
        connection.get_mut().write_all(&bytes).ok()?;
        let answer = read_answer(&mut connection, request.method == "HEAD")?;
        if answer.1 {
            self.connection = Some(connection);
        }
        Some(answer.0)
    }
}

/// An answer, and whether another request may follow on the connection.
fn read_answer(connection: &mut BufReader<TcpStream>, is_head: bool) -> Option<(Answer, bool)> {
    let (mut status, mut kind, mut length, mut open) = (0, String::new(), None, true);
    let mut chunked = false;
    loop {
        let mut line = Vec::new();
        connection.read_until(b'\n', &mut line).ok()?;
        if line.is_empty() {
            return None;
        }
        let line = String::from_utf8(line).unwrap().trim_end().to_lowercase();
        if status == 0 {
            status = line.split(' ').nth(1).unwrap().parse().unwrap();
        } else if let Some((name, value)) = line.split_once(": ") {
            match name {
                "content-type" => kind = value.to_owned(),
                "content-length" => length = Some(value.parse().unwrap()),
                "transfer-encoding" => chunked = value == "chunked",
                "connection" => open = value != "close",
                _ => {}
            }
        } else if line.is_empty() {
            // What comes before the answer proper says nothing.
            if (100..200).contains(&status) {
                status = 0;
                continue;
            }
            break;
        }
    }
    let mut body = Vec::new();
    if is_head || status == 204 {
        return Some((Answer { status, kind, body }, open));
    }
    if chunked && kind.starts_with("text/event-stream") {
        // What is there is read; a stream without news is left alone.
        let stream = connection.get_ref();
        stream.set_read_timeout(Some(STREAM_PATIENCE)).unwrap();
        let _ = connection.take(STREAM_BYTES).read_to_end(&mut body);
        return Some((Answer { status, kind, body }, false));
    }
    match length {
        Some(length) => {
            connection.take(length).read_to_end(&mut body).ok()?;
        }
        None => {
            connection.read_to_end(&mut body).ok()?;
            open = false;
        }
    }
    Some((Answer { status, kind, body }, open))
}

/// Fails if an answer is none that the document allows.
fn check(request: &Request, answer: &Answer) {
    let told = || {
        let body = String::from_utf8_lossy(&answer.body);
        let head: String = body.chars().take(500).collect();
        let mut asked = format!("{request:?}");
        asked.truncate(asked.floor_char_boundary(900));
        format!("{asked}\n{} {}\n{head}", answer.status, answer.kind)
    };
    assert!(answer.status < 500, "{}", told());
    if answer.status < 400 || request.method == "HEAD" {
        return;
    }
    assert_eq!(answer.kind, "application/problem+json", "{}", told());
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    let kind = problem["type"].as_str().unwrap();
    match kind.strip_prefix("urn:tuanzhang:problem:") {
        Some(name) => {
            assert!(RULES.contains(&format!("`{name}`")), "docs/api.md lacks {name}: {}", told())
        }
        None => assert!(kind.starts_with("urn:tuanzhang:refusal:"), "{}", told()),
    }
    for field in ["detail", "detail_zh"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{}", told());
    }
}

struct Scene {
    cluster: Cluster,
    stranger: Stranger,
}

impl Scene {
    fn must_answer(&mut self, request: &Request) {
        let answer = self.stranger.ask(request);
        let answer = answer.unwrap_or_else(|| panic!("no answer: {request:?}"));
        check(request, &answer);
    }

    /// What HTTP itself may refuse: without words, or by hanging up.
    fn may_answer(&mut self, request: &Request) {
        match self.stranger.ask(request) {
            Some(answer) if answer.status >= 400 && answer.body.is_empty() => {
                assert!(answer.status < 500, "{request:?}: {}", answer.status);
            }
            Some(answer) => check(request, &answer),
            None => {}
        }
    }

    fn lives(&mut self) {
        let status = self.cluster.status(0);
        assert!(status.is_some(), "the node does not answer any more");
    }
}

#[test]
fn nothing_that_a_stranger_sends_ends_a_node_or_is_answered_in_another_form() {
    let mut cluster = Cluster::found();
    // All of this comes from one address, and none of it is about how often one may ask.
    for (name, value) in
        [("requests_per_second", 1_000_000), ("burst", 1_000_000), ("streams", 200)]
    {
        cluster.set(0, name, value);
    }
    cluster.start_all();
    trade(&mut cluster);
    let valid = cluster.sign(LEADER, ledger_core::fund::Action::File(filing("gb-3")));
    let api = cluster.nodes[0].api.clone();
    let bearer = Some(cluster.bearer(0));
    let stranger = Stranger { api, connection: None, asked: 0, bearer: bearer.clone() };
    let mut scene = Scene { stranger, cluster };
    let values = values();

    for operation in operations() {
        // One parameter at a time, and in forms that are none.
        for parameter in &operation.parameters {
            for value in &values {
                let request = operation.request(&[(parameter, value)]);
                if parameter.place == "header" && !fits_a_header(value) {
                    scene.may_answer(&request);
                } else {
                    scene.must_answer(&request);
                }
            }
            let name = &parameter.name;
            if parameter.place == "query" {
                let honest = operation.request(&[]).target;
                let more = if honest.contains('?') { '&' } else { '?' };
                for form in [
                    "NAME",
                    "NAME=1&NAME=1",
                    "NAME=1&NAME=x",
                    "NAME[]=1",
                    "NAME[0]=1&NAME[1]=2",
                    "NAME=1;NAME=2",
                    "&&=&NAME",
                ] {
                    let target = format!("{honest}{more}{}", form.replace("NAME", name));
                    scene.must_answer(&Request { target, ..operation.request(&[]) });
                }
            }
            scene.lives();
        }
        // Two at a time, where a handler reads two.
        for (index, one) in operation.parameters.iter().enumerate() {
            for other in &operation.parameters[index + 1..] {
                for value in PAIRED {
                    for beside in PAIRED {
                        let request = operation.request(&[(one, value), (other, beside)]);
                        let in_header =
                            |p: &Parameter, value| p.place == "header" && !fits_a_header(value);
                        if in_header(one, value) || in_header(other, beside) {
                            scene.may_answer(&request);
                        } else {
                            scene.must_answer(&request);
                        }
                    }
                }
            }
        }
        scene.lives();
        // Headers that every request may have, each also twice; many take rights away, and so the token is shown only
        // where nothing can be asked without.
        scene.stranger.bearer = bearer.clone().filter(|_| operation.needs_token);
        for name in HEADERS {
            for value in &values {
                let mut request = operation.request(&[]);
                request.headers.push((name.to_owned(), value.clone()));
                if fits_a_header(value) {
                    scene.must_answer(&request);
                } else {
                    scene.may_answer(&request);
                }
            }
            let mut request = operation.request(&[]);
            request.headers.extend([(); 2].map(|()| (name.to_owned(), b"1".to_vec())));
            // HTTP allows one host only; this server leaves it to what it serves.
            scene.must_answer(&request);
        }
        for name in FRAMING {
            for value in PAIRED {
                let mut request = operation.request(&[]);
                request.headers.push((name.to_owned(), value.to_vec()));
                // Whoever announces bytes and sends none is waited for; it does not wait itself.
                let waits = value.iter().all(u8::is_ascii_digit) && value != b"0";
                if name != "content-length" || !waits || operation.method == "GET" {
                    scene.may_answer(&request);
                }
                scene.stranger.connection = None;
            }
        }
        scene.stranger.bearer = bearer.clone();
        for method in
            ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "POST", "GET"]
        {
            scene.must_answer(&Request { method: method.to_owned(), ..operation.request(&[]) });
        }
        scene.lives();
    }

    // Bodies that are no transactions, or were one until somebody changed them.
    let post = |body: &[u8]| Request {
        method: "POST".to_owned(),
        target: "/v1/transactions?wait_ms=1".to_owned(),
        headers: Vec::new(),
        body: body.to_vec(),
    };
    let valid = valid.bytes();
    let mut bodies: Vec<Vec<u8>> = values.clone();
    bodies.extend((0..valid.len()).step_by(7).map(|end| valid[..end].to_vec()));
    for byte in 0..valid.len() {
        let mut changed = valid.to_vec();
        changed[byte] = if byte % 2 == 0 { 0xff } else { changed[byte] ^ 0x80 };
        bodies.push(changed);
    }
    bodies.push(vec![0xff; 128 * 1024]);
    bodies.push(vec![0; 128 * 1024 + 1]);
    for body in &bodies {
        scene.must_answer(&post(body));
    }
    scene.lives();

    // What is hardly HTTP.
    for target in [
        "",
        "*",
        "//",
        "/../..",
        "/v1/events?from=\u{7f}",
        "/\0",
        "/v1/%",
        "http://evil.example/v1/status",
        "/v1/status#x",
        "菜",
    ] {
        let headers = Vec::new();
        let request = Request {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers,
            body: Vec::new(),
        };
        scene.may_answer(&request);
        scene.stranger.connection = None;
    }
    let long = [b'x'; 20_000];
    for (name, value) in [("last-event-id", &long[..]), ("x", &long[..])] {
        let mut request = operations()[0].request(&[]);
        request.headers.push((name.to_owned(), value.to_vec()));
        scene.may_answer(&request);
        scene.stranger.connection = None;
    }

    scene.lives();
    assert!(scene.stranger.asked > 10_000, "only {} requests", scene.stranger.asked);
    assert_eq!(scene.cluster.stop(0).code(), Some(0));
}
