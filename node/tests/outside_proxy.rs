//! A real nginx in front of a real node: in the plainest form that there is, and as docs/api.md shows it.
//!
//! Needs nginx, so that it runs only if it is asked for: `cargo xtask test --outside`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ledger_core::fund::Action;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};
use support::{Cluster, LEADER, PATIENCE, eventually, filing, loopback::own_address, tuand};

const RULES: &str = include_str!("../../docs/api.md");

/// One process, which ends with this.
struct Nginx {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// Serves on an address of its own with this block for every path.
    fn start(location: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap();
        // What it would else keep in the folders of the system, or say to nobody.
        let own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};"))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr warn;
             events {{ worker_connections 256; }}
             http {{
                 access_log off; {own}
                 server {{ listen {address}; {location} }}
             }}"
        );
        fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let program = std::env::var_os("NGINX_PROGRAM").unwrap_or_else(|| "nginx".into());
        let process = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx can be run: `cargo xtask test --outside` says how to get it");
        let mut nginx = Self { process, address, _folder: folder };
        eventually("nginx to listen", || {
            let ended = nginx.process.try_wait().unwrap();
            assert!(ended.is_none(), "nginx has ended: {ended:?}");
            TcpStream::connect(address).ok()
        });
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The block of the nginx that docs/api.md shows, for a node at this address.
fn recommended(api: &str) -> String {
    let (_, example) = RULES.split_once("```nginx\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let (_, location) = example.split_once("    location / {").unwrap();
    let (location, _) = location.split_once("    }").unwrap();
    assert!(location.contains("proxy_pass http://127.0.0.1:7101;"));
    format!("location / {{{}}}", location.replace("127.0.0.1:7101", api))
}

/// An address of the machine from which a client asks, and what it asks.
struct Client<'a> {
    from: [u8; 4],
    proxy: &'a Nginx,
}

impl Client<'_> {
    fn connect(&self) -> TcpStream {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind((self.from, 0).into()).unwrap();
            socket.connect(self.proxy.address).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn send(&self, line: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = self.connect();
        let mut head = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str("host: ledger.example.cn\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(stream, "{head}\r\n").unwrap();
        stream
    }

    /// The status and the whole answer.
    fn ask(&self, line: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut answer = String::new();
        self.send(line, headers).read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{line}: {answer:?}"));
        (status.parse().unwrap(), answer)
    }

    fn status(&self, line: &str, headers: &[(&str, &str)]) -> u16 {
        self.ask(line, headers).0
    }
}

const SUBMIT: &str = "POST /v1/transactions";

#[test]
fn a_proxy_that_says_nothing_opens_nothing() {
    let mut cluster = Cluster::found();
    cluster.set(0, "burst", 400);
    cluster.set(0, "requests_per_second", 1);
    cluster.start(0);
    let api = cluster.nodes[0].api.clone();
    let proxy = Nginx::start(&format!("location / {{ proxy_pass http://{api}; }}"));
    let client = Client { from: [127, 0, 0, 2], proxy: &proxy };

    // On the machine the token lies ready, and lets its users do everything.
    assert!(cluster.machine_token(0).is_some());
    assert!(cluster.get::<Vec<()>>(0, "/v1/proposals").is_some());
    let wrong = format!("Bearer {}{}", machine_token::PREFIX, "0".repeat(64));
    for headers in [
        &[][..],
        &[("host", api.as_str())],
        &[("host", "localhost")],
        &[("x-forwarded-for", "127.0.0.1")],
        &[("x-real-ip", "127.0.0.1")],
        &[("forwarded", "for=127.0.0.1;host=localhost")],
        &[("x-forwarded-host", "localhost"), ("via", "1.1 localhost")],
        &[("authorization", "Bearer")],
        &[("authorization", wrong.as_str()), ("host", "localhost")],
    ] {
        let submit = [headers, &[("content-length", "0")]].concat();
        assert_eq!(client.status(SUBMIT, &submit), 401, "{headers:?}");
        for path in ["/v1/proposals", "/v1/group-buys/gb-1", "/metrics"] {
            assert_eq!(client.status(&format!("GET {path}"), headers), 401, "{path} {headers:?}");
        }
        let shows = headers.iter().any(|(name, _)| *name == "authorization");
        let reads = if shows { 401 } else { 200 };
        assert_eq!(client.status("GET /v1/status", headers), reads, "{headers:?}");
    }

    // Whoever comes through it is one client from elsewhere, and has its limit; users of the machine have none.
    let (_, answer) = eventually("the limit", || {
        let asked = client.ask("GET /v1/group-buys", &[]);
        (asked.0 == 429).then_some(asked)
    });
    assert!(answer.to_lowercase().contains("retry-after: "), "{answer}");
    assert!(cluster.get::<Vec<()>>(0, "/v1/proposals").is_some());
}

#[test]
fn behind_a_proxy_as_it_is_recommended_clients_are_told_apart_and_events_flow() {
    let mut cluster = Cluster::found();
    cluster.set(0, "burst", 60);
    cluster.set(0, "requests_per_second", 1);
    cluster.set(0, "trusted_proxies", "[\"127.0.0.1\"]");
    cluster.start_all();
    let proxy = Nginx::start(&recommended(&cluster.nodes[0].api));
    let client = |last| Client { from: [127, 0, 0, last], proxy: &proxy };
    let (greedy, other, leader) = (client(2), client(3), client(4));

    // One asks too often, and writes another address in vain; nobody else is held up.
    eventually("the limit", || (greedy.status("GET /v1/group-buys", &[]) == 429).then_some(()));
    let elsewhere = [("x-forwarded-for", "203.0.113.9"), ("x-real-ip", "203.0.113.9")];
    assert_eq!(greedy.status("GET /v1/group-buys", &elsewhere), 429);
    assert_eq!(other.status("GET /v1/group-buys", &[]), 200);
    assert_eq!(other.status("GET /v1/proposals", &[]), 401);

    // A token of the operator opens the rest, for programs and for a page of the same name.
    let home = &cluster.nodes[0].home;
    let made = tuand().args(["token", "add", "--name", "leader-li", "--home"]).arg(home).output();
    let token = String::from_utf8(made.unwrap().stdout).unwrap();
    let token = ("authorization", format!("Bearer {}", token.trim()));
    let token = (token.0, token.1.as_str());
    eventually("the token to be known", || {
        (leader.status("GET /v1/status", &[token]) == 200).then_some(())
    });
    assert_eq!(leader.status("GET /v1/proposals", &[token]), 200);
    assert_eq!(leader.status(SUBMIT, &[token, ("content-length", "0")]), 400);
    let own = ("origin", "https://ledger.example.cn");
    assert_eq!(leader.status("GET /v1/proposals", &[token, own]), 200);
    let evil = ("origin", "https://evil.example");
    assert_eq!(leader.status("GET /v1/proposals", &[token, evil]), 403);

    // Each block is told while the stream stays open, not once some buffer is full.
    let mut events = BufReader::new(other.send("GET /v1/events?from=1", &[]));
    for height in 1..=2 {
        cluster.decide(0, LEADER, Action::File(filing(&format!("gb-{height}"))));
        loop {
            let mut line = String::new();
            assert!(events.read_line(&mut line).unwrap() > 0, "the stream has ended");
            if line.trim() == format!("id: {height}") {
                break;
            }
        }
    }
}
