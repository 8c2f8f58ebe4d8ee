//! Founding a community, as people do it: invitation, nodes and keys, contributions, the founding
//! document, the directory.

use super::{
    cluster::{Node, Ports},
    people::Tuan,
};
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Name of the chain that a demo founds.
const CHAIN_NAME: &str = "osmanthus-court";
/// The file that the founder sends to everybody.
const INVITATION: &str = "invitation.toml";
/// The windows of a demo, which in life are days.
pub(super) const AUTO_DELIVERY_MS: u64 = 2_000;
/// How long after delivery a claim is possible in a demo.
pub(super) const AFTER_SALE_MS: u64 = 2_000;

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
    for folder in ["keys", "joined", "nodes", "week"] {
        let path = home.join(folder);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    // One passphrase for all keys of a demo; people have one each.
    fs::write(tuan.passphrase(), "osmanthus in autumn\n")?;
    fs::write(home.join("households.txt"), households.join("\n"))?;
    tuan.run(&["directory", "new", "--households", "households.txt", "--out", "directory.toml"])?;

    let suppliers: Vec<String> =
        ('a'..='z').take(validators - 2).map(|letter| format!("supplier-{letter}")).collect();
    let mut cast = vec![(PROPERTY, "property"), (COMMITTEE, "committee")];
    cast.extend(suppliers.iter().map(|name| (name.as_str(), "supplier")));
    cast.push((AUDITOR, "auditor:0"));
    cast.extend(LEADERS.map(|name| (name, "leader")));
    invite(tuan, &cast)?;

    let mut ports = Ports::default();
    let mut nodes = Vec::new();
    for (name, role) in cast {
        let key = format!("keys/{name}.pem");
        let joined = format!("joined/{name}.toml");
        tuan.run(&["key", "new", "--out", &key])?;
        let mut join = vec!["genesis", "join", INVITATION];
        join.extend(["--name", name, "--key", &key, "--out", &joined]);
        let card = format!("nodes/{name}/node-card.toml");
        if role != "leader" {
            let node = Node::new(name, name != AUDITOR, home, &mut ports)?;
            let init = ["--name", name, "--listen", &node.listen, "--api", &node.api];
            tuand_init(tuand, tuan, &node, "--invitation", INVITATION, &init)?;
            join.extend(["--node-card", &card]);
            nodes.push(node);
        }
        tuan.run(&join)?;
    }
    let seal = ["genesis", "seal", INVITATION, "joined", "--out", "genesis.toml"];
    let answers = tuan.run(&seal)?;
    // Everybody looks whether what it signed stands in the document before it starts its node.
    for entry in fs::read_dir(home.join("joined"))? {
        let mine = entry?.path();
        let mine = mine.to_str().context("the demo's folder has a name that is no text")?;
        tuan.run(&["genesis", "check", "genesis.toml", "--mine", mine])?;
    }
    for node in &nodes {
        tuand_init(tuand, tuan, node, "--genesis", "genesis.toml", &[])?;
    }
    let sentences = answers.iter().find_map(|answer| answer.get("explanation")?.as_array());
    let explanation = sentences.into_iter().flatten().filter_map(|s| Some(s.as_str()?.to_owned()));
    let (explanation, genesis) = (explanation.collect(), home.join("genesis.toml"));
    Ok(Community { genesis, explanation, suppliers, nodes })
}

/// The founder's part: who is asked, who holds the money, and windows of seconds.
fn invite(tuan: &Tuan, cast: &[(&str, &str)]) -> Result<()> {
    let mut options: Vec<(&str, String)> = Vec::new();
    options.extend(cast.iter().map(|(name, role)| ("--member", format!("{name}={role}"))));
    for (channel, custodian) in [(WECHAT, PROPERTY), (CASH, COMMITTEE)] {
        options.push(("--channel", format!("{channel}={custodian}")));
    }
    for setting in [
        &format!("auto-delivery-after={AUTO_DELIVERY_MS}ms"),
        "goods-note-wait=10m",
        "unclaimed-after=60m",
        "proposal-lapses-after=30m",
    ] {
        options.push(("--set", setting.to_owned()));
    }
    let mut line = vec!["genesis", "invite", "--name", CHAIN_NAME, "--out", INVITATION];
    line.extend(options.iter().flat_map(|(option, value)| [*option, value.as_str()]));
    tuan.run(&line)?;
    Ok(())
}

/// `tuand init`: makes the folder of a node from the invitation, or gives it the founding document.
fn tuand_init(
    tuand: &Path,
    tuan: &Tuan,
    node: &Node,
    from: &str,
    file: &str,
    options: &[&str],
) -> Result<()> {
    let output = Command::new(tuand)
        .arg("init")
        .arg("--home")
        .arg(&node.home)
        .args([from, file])
        .args(options)
        .current_dir(&tuan.home)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", tuand.display()))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`tuand init {from}` failed for {}: {}", node.name, stderr.trim());
    }
    Ok(())
}
