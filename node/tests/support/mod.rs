//! A chain of real `tuand` processes on loopback.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod loopback;

use genesis::{
    ChannelSection, Collection, ConsensusSection, Contribution, Genesis, Invitation, Invited,
    NodeCard, PolicySection, Received,
};
use ledger_core::{
    api::{ClosedGroupBuy, GroupBuySummary, Problem, Progress, Status, Submitted},
    codec::List,
    crypto::SecretKey,
    fund::{
        Action, Filing, FilingDecision, LineRequest, Minimum, Offer, OrderRequest, PaymentRecord,
        Role, Share, ShortRule, Split,
    },
    transaction::{ReceivedTransaction, TRANSACTION_VERSION, Transaction},
    types::{
        BusinessDate, DurationMs, Fen, HouseholdTag, MemberId, Quantity, TimestampMs, Unit,
        UnitPrice,
    },
};
use machine_token::Folders;
use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Nothing here takes nearly as long unless it hangs, also on a slow machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

const CREATED_MS: u64 = 1_767_225_600_000;
const CHAIN: &str = "orchard-1";

pub(crate) const PROPERTY: u16 = 0;
pub(crate) const COMMITTEE: u16 = 1;
pub(crate) const SUPPLIER: u16 = 2;
pub(crate) const LEADER: u16 = 4;

const MEMBERS: [(&str, Role); 5] = [
    ("property", Role::Property),
    ("committee", Role::Committee),
    ("supplier-a", Role::Supplier),
    ("supplier-b", Role::Supplier),
    ("leader-li", Role::Leader),
];

/// Asks until the answer is there.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited too long for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Addresses with ports that nobody else listens on, each another.
fn free_addresses(host: Ipv4Addr, count: usize) -> Vec<String> {
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind((host, 0)).unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect()
}

pub(crate) fn member_key(member: u16) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(member).unwrap() + 1; 32])
}

pub(crate) fn tuand() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuand"));
    command.env("TUAND_LOG", "warn").env("LC_ALL", "C").env_remove("RUNTIME_DIRECTORY");
    command
}

/// `tuand init --genesis`: gives a node the founding document.
pub(crate) fn init_genesis(home: &Path, genesis_file: &Path) -> Command {
    let mut command = tuand();
    command.arg("init").arg("--home").arg(home).arg("--genesis").arg(genesis_file);
    command
}

pub(crate) fn invitation() -> Invitation {
    let members = MEMBERS.map(|(name, role)| Invited {
        name: name.parse().unwrap(),
        role,
        votes: u64::from(role != Role::Leader),
        related: Vec::new(),
    });
    let channel =
        ChannelSection { name: "wechat".parse().unwrap(), custodian: "property".to_owned() };
    Invitation::new(
        CHAIN.parse().unwrap(),
        TimestampMs::new(CREATED_MS),
        PolicySection::default(),
        ConsensusSection::default(),
        vec![channel],
        members.into(),
    )
    .unwrap()
}

pub(crate) struct Node {
    pub(crate) home: PathBuf,
    pub(crate) api: String,
    process: Option<Child>,
}

pub(crate) struct Cluster {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) genesis: Genesis,
    pub(crate) genesis_file: PathBuf,
    pub(crate) nodes: Vec<Node>,
    nonce: u64,
}

impl Cluster {
    /// Founds a chain whose first four members run validators.
    pub(crate) fn found() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut addresses = free_addresses(loopback::own_address(), 2 * MEMBERS.len());
        let invitation = invitation();
        let invitation_file = directory.path().join("invitation.toml");
        fs::write(&invitation_file, invitation.to_toml()).unwrap();
        let mut nodes = Vec::new();
        let mut received = Vec::new();
        for (id, (name, role)) in (0u16..).zip(MEMBERS) {
            let mut card = None;
            if role != Role::Leader {
                let home = directory.path().join(name);
                let (api, listen) = (addresses.pop().unwrap(), addresses.pop().unwrap());
                let made = tuand()
                    .args(["init", "--name", name, "--api", &api, "--listen", &listen])
                    .arg("--invitation")
                    .arg(&invitation_file)
                    .arg("--home")
                    .arg(&home)
                    .output()
                    .unwrap();
                assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
                let text = fs::read_to_string(home.join("node-card.toml")).unwrap();
                card = Some(NodeCard::parse(&text).unwrap());
                nodes.push(Node { home, api, process: None });
            }
            let (key, name) = (member_key(id), name.parse().unwrap());
            let contribution =
                Contribution::sign(invitation.clone(), name, &key, &[], card.as_ref()).unwrap();
            received.push(Received { from: name.to_string(), contribution });
        }
        let genesis = Collection::new(invitation, received).seal().unwrap();
        let genesis_file = directory.path().join("genesis.toml");
        fs::write(&genesis_file, genesis.to_toml()).unwrap();
        for node in &nodes {
            let taken = init_genesis(&node.home, &genesis_file).output().unwrap();
            assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
        }
        Self { directory, genesis, genesis_file, nodes, nonce: 0 }
    }

    /// Changes a line of a node's `node.toml`.
    pub(crate) fn set(&self, node: usize, name: &str, value: impl std::fmt::Display) {
        let file = self.nodes[node].home.join("node.toml");
        let text = fs::read_to_string(&file).unwrap();
        let is_it = |line: &&str| line.split_once(" = ").is_some_and(|(one, _)| one == name);
        let line = text.lines().find(is_it).unwrap();
        fs::write(&file, text.replace(line, &format!("{name} = {value}"))).unwrap();
    }

    pub(crate) fn run_command(&self, node: usize) -> Command {
        let mut command = tuand();
        command.arg("run").arg("--home").arg(&self.nodes[node].home);
        command.env("XDG_RUNTIME_DIR", self.directory.path());
        command
    }

    /// What a node has left for the users of this machine, while it runs.
    pub(crate) fn machine_token(&self, node: usize) -> Option<String> {
        let folder = self.directory.path().to_str().unwrap();
        let folders = Folders::of(|name| (name == "XDG_RUNTIME_DIR").then(|| folder.to_owned()));
        folders.tokens(self.nodes[node].api.parse().unwrap()).into_iter().next()
    }

    /// What a user of this machine shows a node.
    pub(crate) fn bearer(&self, node: usize) -> String {
        format!("Bearer {}", self.machine_token(node).unwrap_or_default())
    }

    pub(crate) fn start(&mut self, node: usize) {
        let child = self.run_command(node).stdin(Stdio::null()).spawn().unwrap();
        self.nodes[node].process = Some(child);
        eventually("the API of a node", || {
            let ended = self.nodes[node].process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the node has ended: {ended:?}");
            self.status(node)
        });
    }

    pub(crate) fn start_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.start(node);
        }
    }

    /// SIGKILL: no chance to put anything in order.
    pub(crate) fn kill(&mut self, node: usize) {
        let mut child = self.nodes[node].process.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM: a clean stop.
    pub(crate) fn stop(&mut self, node: usize) -> ExitStatus {
        let mut child = self.nodes[node].process.take().unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        eventually("the node to end", || child.try_wait().unwrap())
    }

    fn url(&self, node: usize, path: &str) -> String {
        format!("http://{}{path}", self.nodes[node].api)
    }

    pub(crate) fn get<T: serde::de::DeserializeOwned>(&self, node: usize, path: &str) -> Option<T> {
        let request = agent().get(self.url(node, path));
        let response = request.header("authorization", self.bearer(node)).call().ok()?;
        response.into_body().read_json().ok()
    }

    pub(crate) fn status(&self, node: usize) -> Option<Status> {
        self.get(node, "/v1/status")
    }

    pub(crate) fn sign(&mut self, author: u16, action: Action) -> ReceivedTransaction {
        self.nonce += 1;
        let expires = node::runtime::now().after(DurationMs::new(3_600_000));
        let transaction = Transaction {
            version: TRANSACTION_VERSION,
            chain: self.genesis.chain,
            author: MemberId::new(author),
            expires,
            nonce: self.nonce,
            action,
        };
        transaction.sign(&member_key(author))
    }

    pub(crate) fn submit(
        &self,
        node: usize,
        bytes: &[u8],
        wait_ms: u64,
    ) -> Result<Submitted, Problem> {
        let url = self.url(node, &format!("/v1/transactions?wait_ms={wait_ms}"));
        let request = agent().post(url).header("authorization", self.bearer(node));
        let response = request.send(bytes).unwrap();
        let ok = response.status().is_success();
        let mut body = response.into_body();
        if ok { Ok(body.read_json().unwrap()) } else { Err(body.read_json().unwrap()) }
    }

    /// Submits and waits for the decision.
    pub(crate) fn decide(&mut self, node: usize, author: u16, action: Action) -> Submitted {
        let transaction = self.sign(author, action);
        self.decided(node, transaction.bytes())
    }

    /// Hands in a transaction, again while it waits, until it is decided.
    pub(crate) fn decided(&self, node: usize, bytes: &[u8]) -> Submitted {
        eventually("the decision", || {
            let submitted = self.submit(node, bytes, 30_000).unwrap();
            (submitted.progress == Progress::Decided).then_some(submitted)
        })
    }

    /// Waits until a node tells of an open group buy.
    pub(crate) fn open(&self, node: usize, group_buy: &str) -> GroupBuySummary {
        eventually("the group buy", || {
            let open: Vec<GroupBuySummary> = self.get(node, "/v1/group-buys")?;
            open.into_iter().find(|summary| summary.id.to_string() == group_buy)
        })
    }

    /// Waits until these nodes have the same last block, of at least this height.
    pub(crate) fn agree(&self, nodes: &[usize], height: u64) {
        eventually("nodes to agree", || {
            let statuses: Vec<_> =
                nodes.iter().map(|node| self.status(*node)).collect::<Option<_>>()?;
            let first = &statuses[0];
            let same = |s: &Status| {
                (s.height, s.tip, s.state_root) == (first.height, first.tip, first.state_root)
            };
            (first.height.get() >= height && statuses.iter().all(same)).then_some(())
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in 0..self.nodes.len() {
                eprintln!("{}: {:?}", self.nodes[node].home.display(), self.status(node));
            }
        }
        for node in &mut self.nodes {
            if let Some(mut child) = node.process.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

/// A filing of leader Li whose deadlines are far away.
pub(crate) fn filing(name: &str) -> Filing {
    let price = UnitPrice::new;
    let now = node::runtime::now();
    let split = Split {
        goods: price(1800),
        leader: price(100),
        property: price(50),
        delivery: price(150),
        packing: price(0),
    };
    Filing {
        group_buy: name.parse().unwrap(),
        business_date: BusinessDate::new(20_260_105),
        supplier: MemberId::new(SUPPLIER),
        delivery: MemberId::new(LEADER),
        packing: MemberId::new(LEADER),
        property: MemberId::new(PROPERTY),
        offers: List::new(vec![Offer {
            item: "apples".parse().unwrap(),
            unit: Unit::Piece,
            price: price(2100),
            quote: price(1800),
            split,
            stock: None,
            cap: None,
        }])
        .unwrap(),
        cut_off: now.after(DurationMs::new(3_600_000)),
        confirm_by: now.after(DurationMs::new(7_200_000)),
        deliver_by: now.after(DurationMs::new(10_800_000)),
        minimum: Minimum { households: 0, amount: Fen::ZERO },
        after_sale_window: DurationMs::new(1_000),
        retention_basis_points: 1_000,
        short_rule: ShortRule::Proportional,
        relation_declared: false,
    }
}

pub(crate) fn tag(n: u8) -> HouseholdTag {
    HouseholdTag::new([n; 16])
}

/// Opens `gb-1` with three orders and a recorded payment, and closes `gb-2`, which is rejected.
pub(crate) fn trade(cluster: &mut Cluster) {
    for name in ["gb-1", "gb-2"] {
        cluster.decide(0, LEADER, Action::File(filing(name)));
    }
    let (group_buy, filing) = ("gb-1".parse().unwrap(), cluster.open(0, "gb-1").filing);
    for (member, decision) in [
        (PROPERTY, FilingDecision::Approve),
        (COMMITTEE, FilingDecision::Approve),
        (SUPPLIER, FilingDecision::Accept),
    ] {
        cluster.decide(0, member, Action::DecideFiling { group_buy, filing, decision });
    }
    let order = |n: u8| OrderRequest {
        order: format!("o-{n}").parse().unwrap(),
        household: tag(n),
        delivery_code: None,
        replaces: None,
        lines: List::new(vec![LineRequest { offer: 0, quantity: Quantity::new(2) }]).unwrap(),
    };
    let orders = List::new((1..=3).map(order).collect()).unwrap();
    cluster.decide(0, LEADER, Action::Order { group_buy, filing, orders });
    let payment = PaymentRecord {
        number: "pay-1".parse().unwrap(),
        channel: 0,
        paid_at: node::runtime::now(),
        shares: List::new(vec![Share { household: tag(1), amount: Fen::new(4_200) }]).unwrap(),
    };
    let payments = List::new(vec![payment]).unwrap();
    cluster.decide(0, LEADER, Action::RecordPayments { group_buy, payments });

    let (group_buy, filing) = ("gb-2".parse().unwrap(), cluster.open(0, "gb-2").filing);
    let decision = FilingDecision::Reject(1);
    cluster.decide(0, COMMITTEE, Action::DecideFiling { group_buy, filing, decision });
    eventually("gb-2 to close", || {
        let closed: Vec<ClosedGroupBuy> = cluster.get(0, "/v1/group-buys?state=closed")?;
        (!closed.is_empty()).then_some(())
    });
}
