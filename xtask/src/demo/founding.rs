//! Founding a community: keys, cards, nodes' folders, the founding document, the directory.

use super::{
    cluster::{Node, Ports},
    people::Tuan,
};
use anyhow::{Context as _, Result, bail};
use genesis::{ChannelSection, PolicySection};
use ledger_core::fund::Role;
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

/// Name of the chain that a demo founds.
const CHAIN_NAME: &str = "osmanthus-court";
/// The windows of a demo, which in life are days.
pub(super) const AUTO_DELIVERY_MS: u64 = 2_000;
/// How long after delivery a claim is possible in a demo.
pub(super) const AFTER_SALE_MS: u64 = 2_000;
const MINUTE_MS: u64 = 60_000;

/// The property company, which holds the money.
pub(super) const PROPERTY: &str = "property";
/// The residents' committee, which holds the cash box.
pub(super) const COMMITTEE: &str = "committee";
/// Follows the chain and does not vote.
pub(super) const AUDITOR: &str = "auditor";
/// The leaders have keys and no nodes.
pub(super) const LEADERS: [&str; 2] = ["leader-chen", "leader-zhou"];
/// Where the money comes in.
pub(super) const WECHAT: &str = "wechat";
/// The committee's counter.
pub(super) const CASH: &str = "cash";

/// Files of a community, and the nodes that can be started.
pub(super) struct Community {
    /// The founding document.
    pub(super) genesis: PathBuf,
    /// What it tolerates, in words.
    pub(super) explanation: Vec<String>,
    /// Names of the suppliers.
    pub(super) suppliers: Vec<String>,
    /// Every node, not running yet.
    pub(super) nodes: Vec<Node>,
}

/// The members file of `tuan genesis new`.
#[derive(Serialize)]
struct Members {
    policy: PolicySection,
    channels: Vec<ChannelSection>,
    members: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    name: String,
    role: Role,
    card: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_card: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    power: Option<u64>,
}

/// Makes everything below `tuan.home` that a chain of `validators` organisations begins with.
///
/// # Errors
/// A folder cannot be written, or a program says no.
pub(super) fn found(
    tuan: &Tuan,
    tuand: &Path,
    validators: usize,
    households: &[String],
) -> Result<Community> {
    let home = &tuan.home;
    for folder in ["keys", "cards", "nodes", "week"] {
        let path = home.join(folder);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    // One passphrase for all keys of a demo; people have one each.
    fs::write(tuan.passphrase(), "osmanthus in autumn\n")?;
    fs::write(home.join("households.txt"), households.join("\n"))?;
    tuan.run(&["directory", "new", "--households", "households.txt", "--out", "directory.toml"])?;

    let suppliers: Vec<String> =
        ('a'..='z').take(validators - 2).map(|letter| format!("supplier-{letter}")).collect();
    let created_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let created_ms = created_ms.to_string();

    let mut cast = vec![(PROPERTY, Role::Property), (COMMITTEE, Role::Committee)];
    cast.extend(suppliers.iter().map(|name| (name.as_str(), Role::Supplier)));
    cast.push((AUDITOR, Role::Auditor));
    cast.extend(LEADERS.map(|name| (name, Role::Leader)));

    let mut ports = Ports::default();
    let mut nodes = Vec::new();
    let mut members = Vec::new();
    for (name, role) in cast {
        let (key, card) = (format!("keys/{name}.pem"), format!("cards/{name}.toml"));
        tuan.run(&["key", "new", "--out", &key])?;
        tuan.run(&[
            "key",
            "card",
            "--key",
            &key,
            "--name",
            name,
            "--chain-name",
            CHAIN_NAME,
            "--created-ms",
            &created_ms,
            "--out",
            &card,
        ])?;
        let mut member =
            Member { name: name.to_owned(), role, card: card.into(), node_card: None, power: None };
        if role.is_organisation() {
            let node = Node::new(name, role != Role::Auditor, home, &mut ports)?;
            init(&node, tuand, &created_ms)?;
            member.node_card = Some(Path::new("nodes").join(name).join("node-card.toml"));
            member.power = Some(u64::from(node.votes));
            nodes.push(node);
        }
        members.push(member);
    }
    let channel = |name: &str, custodian: &str| -> Result<ChannelSection> {
        Ok(ChannelSection { name: name.parse()?, custodian: custodian.to_owned() })
    };
    let policy = PolicySection {
        auto_delivery_after_ms: AUTO_DELIVERY_MS,
        goods_note_wait_ms: 10 * MINUTE_MS,
        unclaimed_after_ms: 60 * MINUTE_MS,
        proposal_lapses_after_ms: 30 * MINUTE_MS,
        ..PolicySection::default()
    };
    let channels = vec![channel(WECHAT, PROPERTY)?, channel(CASH, COMMITTEE)?];
    let file = toml::to_string(&Members { policy, channels, members })?;
    fs::write(home.join("members.toml"), file)?;
    let answers = tuan.run(&[
        "genesis",
        "new",
        "--name",
        CHAIN_NAME,
        "--created-ms",
        &created_ms,
        "--members",
        "members.toml",
        "--out",
        "genesis.toml",
    ])?;
    let sentences = answers.iter().find_map(|answer| answer.get("explanation")?.as_array());
    let explanation = sentences.into_iter().flatten().filter_map(|s| Some(s.as_str()?.to_owned()));
    let (explanation, genesis) = (explanation.collect(), home.join("genesis.toml"));
    Ok(Community { genesis, explanation, suppliers, nodes })
}

/// `tuand init`: the folder of a node, with fresh keys.
fn init(node: &Node, tuand: &Path, created_ms: &str) -> Result<()> {
    let output = Command::new(tuand)
        .arg("init")
        .arg("--home")
        .arg(&node.home)
        .args(["--name", &node.name, "--chain-name", CHAIN_NAME, "--created-ms", created_ms])
        .args(["--listen", &node.listen, "--api", &node.api])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", tuand.display()))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`tuand init` failed for {}: {}", node.name, stderr.trim());
    }
    Ok(())
}
