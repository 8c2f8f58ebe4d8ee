//! `tuan genesis`: the founding document.

use crate::{exit::Failure, files, input, key, output};
use clap::Subcommand;
use genesis::{
    ChannelSection, ConsensusSection, Document, FORMAT, Genesis, GenesisError, MemberSection,
    PolicySection, TransportSection, ValidatorSection,
};
use ledger_core::{
    crypto::{PublicKey, Signature},
    fund::Role,
    types::Code,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// What `--members` names; shown by `tuan genesis new --help`.
pub(crate) const MEMBERS_EXAMPLE: &str = r#"The file of members; paths are relative to it:

  [[channels]]
  name = "wechat"
  custodian = "property"

  [[members]]
  name = "property"
  role = "property"                # property, committee, supplier, leader or auditor
  card = "property.card.toml"      # from `tuan key card`
  node_card = "property/node-card.toml"  # from `tuand init`, if it runs a node
  power = 1                        # its votes; 0 for a node that only follows
  related = []                     # names of members it is related to

  [policy]                         # optional: what differs from the defaults
  heartbeat_ms = 3600000

  [consensus]
  propose_ms = 1000"#;

/// `tuan genesis`.
#[derive(Debug, Subcommand)]
pub(crate) enum GenesisCommand {
    /// Puts key cards together into a founding document
    #[command(after_long_help = MEMBERS_EXAMPLE)]
    New {
        /// Name of the chain
        #[arg(long)]
        name: Code<32>,
        /// Founding time in milliseconds since 1970
        #[arg(long)]
        created_ms: u64,
        /// TOML file that lists members with their cards, and channels
        #[arg(long, value_name = "FILE")]
        members: PathBuf,
        /// Where to write the document
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Checks a founding document and says what it tolerates
    Check {
        /// The document
        file: PathBuf,
    },
    /// Shows members, nodes and policy of a founding document
    Show {
        /// The document
        file: PathBuf,
    },
}

/// What `--members` names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembersFile {
    #[serde(default)]
    policy: toml::Table,
    #[serde(default)]
    consensus: toml::Table,
    channels: Vec<ChannelSection>,
    members: Vec<MemberEntry>,
}

/// A member of that file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberEntry {
    name: Code<32>,
    role: Role,
    card: PathBuf,
    node_card: Option<PathBuf>,
    power: Option<u64>,
    #[serde(default)]
    related: Vec<String>,
}

/// What `tuand init` writes about a new node.
#[derive(Debug, Deserialize)]
struct NodeCard {
    member: Code<32>,
    validator_key: Option<PublicKey>,
    validator_proof: Option<Signature>,
    transport_key: PublicKey,
    transport_proof: Signature,
    address: Option<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

/// Runs `tuan genesis`.
pub(crate) fn run(command: &GenesisCommand, output: output::Output) -> Result<(), Failure> {
    match command {
        GenesisCommand::New { name, created_ms, members, out } => {
            let genesis = new(*name, *created_ms, members)?;
            files::write_new(out, genesis.to_toml().as_bytes())?;
            report(&genesis, &format!("ok: chain {} in {}", genesis.chain, out.display()), output)
        }
        GenesisCommand::Check { file } => {
            let genesis = load(file)?;
            report(&genesis, &format!("ok: chain {}", genesis.chain), output)
        }
        GenesisCommand::Show { file } => {
            let genesis = load(file)?;
            output.data(&show(&genesis), genesis.document())
        }
    }
}

/// Reads and checks a founding document.
pub(crate) fn load(path: &Path) -> Result<Genesis, Failure> {
    Genesis::parse(&input::file_text(path)?)
        .map_err(|error| wrong(&path.display().to_string(), &error))
}

fn wrong(name: &str, error: &GenesisError) -> Failure {
    let mut message = format!("{name}: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Failure::setup(message).help(error.help())
}

fn report(genesis: &Genesis, first: &str, output: output::Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Answer<'a> {
        chain: String,
        founding: String,
        tolerated: usize,
        explanation: &'a [String],
        warnings: &'a [String],
    }
    let explanation = genesis.explain();
    let answer = Answer {
        chain: genesis.chain.to_string(),
        founding: genesis.founding.to_string(),
        tolerated: explanation.tolerated,
        explanation: &explanation.sentences,
        warnings: &explanation.warnings,
    };
    output.data(&format!("{first}\n{explanation}"), &answer)
}

fn show(genesis: &Genesis) -> String {
    let name = |id: ledger_core::types::MemberId| {
        genesis.member(id).map_or_else(|| id.to_string(), |member| member.name.to_string())
    };
    let power = |id| {
        let validator = genesis.validators.validators().iter().find(|v| v.member == id);
        validator.map_or(String::new(), |validator| validator.power.to_string())
    };
    let node = |id| genesis.nodes.iter().find(|node| node.member == id);
    let members =
        (0u16..).map(ledger_core::types::MemberId::new).zip(&genesis.members).map(|(id, m)| {
            vec![
                id.to_string(),
                m.name.to_string(),
                m.role.name().to_owned(),
                power(id),
                m.related.iter().map(|other| name(*other)).collect::<Vec<_>>().join(" "),
                node(id).map_or(String::new(), |node| node.addresses.join(" ")),
            ]
        });
    let members = output::table(&["ID", "NAME", "ROLE", "VOTES", "RELATED", "ADDRESSES"], members);
    let channels = genesis
        .policy
        .channels
        .iter()
        .map(|channel| vec![channel.name.to_string(), name(channel.custodian)]);
    let channels = output::table(&["CHANNEL", "CUSTODIAN"], channels);
    format!(
        "name     {}\nchain    {}\nfounded  {}\n\n{members}\n\n{channels}",
        genesis.name,
        genesis.chain,
        output::time(genesis.created)
    )
}

fn new(name: Code<32>, created_ms: u64, path: &Path) -> Result<Genesis, Failure> {
    let file: MembersFile = read_toml(path, "see `tuan genesis new --help` for an example")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let members = file.members.into_iter().map(|entry| member(entry, folder));
    let document = Document {
        format: FORMAT,
        name,
        created_ms,
        policy: overlay(PolicySection::default(), file.policy, path, "policy")?,
        consensus: overlay(ConsensusSection::default(), file.consensus, path, "consensus")?,
        channels: file.channels,
        members: members.collect::<Result<_, _>>()?,
    };
    Genesis::from_document(document).map_err(|error| wrong(&path.display().to_string(), &error))
}

fn read_toml<T: DeserializeOwned>(path: &Path, help: &str) -> Result<T, Failure> {
    toml::from_str(&input::file_text(path)?).map_err(|error| {
        Failure::usage(format!("{}: {}", path.display(), error.to_string().trim_end())).help(help)
    })
}

/// The defaults with what a file says instead.
fn overlay<T: Serialize + DeserializeOwned>(
    defaults: T,
    changes: toml::Table,
    path: &Path,
    section: &str,
) -> Result<T, Failure> {
    let mut table = toml::Table::try_from(defaults)
        .map_err(|error| Failure::bug(format!("the defaults are no table: {error}")))?;
    table.extend(changes);
    table.try_into().map_err(|error: toml::de::Error| {
        Failure::usage(format!("{}: [{section}]: {}", path.display(), error.message()))
            .help("durations are whole milliseconds; a founding document has all names")
    })
}

fn member(entry: MemberEntry, folder: &Path) -> Result<MemberSection, Failure> {
    let card = key::read_card(&folder.join(&entry.card))?;
    let foreign = |file: &Path, of: &Code<32>| {
        let (file, name) = (file.display(), entry.name);
        Failure::usage(format!("{file} is the card of {of}, not of {name}"))
            .help("name each member's own card")
    };
    if card.member != entry.name {
        return Err(foreign(&entry.card, &card.member));
    }
    let mut section = MemberSection {
        name: entry.name,
        role: entry.role,
        key: card.key,
        proof: card.proof,
        related: entry.related,
        validator: None,
        transport: None,
    };
    let Some(node_card) = &entry.node_card else {
        return match entry.power {
            None => Ok(section),
            Some(_) => Err(Failure::usage(format!("{} has power but no node_card", entry.name))
                .help("name the node-card.toml that `tuand init` wrote")),
        };
    };
    let card: NodeCard =
        read_toml(&folder.join(node_card), "name a node-card.toml made by `tuand init`")?;
    if card.member != entry.name {
        return Err(foreign(node_card, &card.member));
    }
    let mut addresses = card.addresses;
    addresses.extend(card.address);
    section.transport =
        Some(TransportSection { key: card.transport_key, proof: card.transport_proof, addresses });
    // An organisation votes with weight 1 unless the file says otherwise; 0 is a node that follows.
    let power = entry.power.unwrap_or(u64::from(entry.role.is_organisation()));
    if power > 0 {
        let (Some(key), Some(proof)) = (card.validator_key, card.validator_proof) else {
            return Err(Failure::usage(format!("{} has no validator key", node_card.display()))
                .help("set power = 0 for a node that only follows"));
        };
        section.validator = Some(ValidatorSection { key, proof, power });
    }
    Ok(section)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ledger_core::{
        crypto::{KeyPurpose, SecretKey},
        types::TimestampMs,
    };
    use std::fs;

    pub(crate) const CREATED_MS: u64 = 1_767_225_600_000;

    pub(crate) fn member_key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    /// A chain of four organisations and a leader; member keys are `member_key(1..=5)`.
    pub(crate) fn orchard() -> Genesis {
        let folder = tempfile::tempdir().expect("a folder");
        let path = write_files(folder.path());
        new("orchard-1".parse().expect("a name"), CREATED_MS, &path).expect("founds a chain")
    }

    fn write_files(folder: &Path) -> PathBuf {
        let chain: Code<32> = "orchard-1".parse().expect("a name");
        let founding = genesis::founding_id(&chain, TimestampMs::new(CREATED_MS));
        let mut text = String::from(
            "[policy]\nheartbeat_ms = 60000\n\
             [[channels]]\nname = \"wechat\"\ncustodian = \"property\"\n\
             [[channels]]\nname = \"cash\"\ncustodian = \"committee\"\n",
        );
        let members = [
            ("property", "property"),
            ("committee", "committee"),
            ("supplier-a", "supplier"),
            ("supplier-b", "supplier"),
            ("leader-li", "leader"),
        ];
        for (seed, (name, role)) in (1u8..).zip(members) {
            let prove = |seed: u8, purpose| {
                let key = member_key(seed);
                (key.public_key(), key.prove(&founding, name, purpose))
            };
            let (key, proof) = prove(seed, KeyPurpose::Member);
            let card = format!("member = \"{name}\"\nkey = \"{key}\"\nproof = \"{proof}\"\n");
            fs::write(folder.join(format!("{name}.toml")), card).expect("writes");
            text.push_str(&format!(
                "[[members]]\nname = \"{name}\"\nrole = \"{role}\"\ncard = \"{name}.toml\"\n"
            ));
            if role != "leader" {
                let (validator, validator_proof) = prove(seed + 100, KeyPurpose::Validator);
                let (transport, transport_proof) = prove(seed + 200, KeyPurpose::Transport);
                let card = format!(
                    "member = \"{name}\"\nvalidator_key = \"{validator}\"\n\
                     validator_proof = \"{validator_proof}\"\ntransport_key = \"{transport}\"\n\
                     transport_proof = \"{transport_proof}\"\naddress = \"/ip4/127.0.0.1/tcp/7001\"\n"
                );
                fs::write(folder.join(format!("{name}-node.toml")), card).expect("writes");
                text.push_str(&format!("node_card = \"{name}-node.toml\"\n"));
            }
        }
        let path = folder.join("members.toml");
        fs::write(&path, text).expect("writes");
        path
    }

    #[test]
    fn the_example_that_help_shows_is_a_file_of_members() {
        let (_, example) = MEMBERS_EXAMPLE.split_once("\n\n").expect("a title and a file");
        let file: MembersFile = toml::from_str(example).expect("reads");
        assert_eq!((file.members.len(), file.channels.len()), (1, 1));
    }

    #[test]
    fn cards_found_a_chain() {
        let genesis = orchard();
        assert_eq!(genesis.validators.validators().len(), 4);
        assert_eq!(genesis.policy.heartbeat.get(), 60_000);
        assert_eq!(genesis.policy.payment_max.get(), 100_000_000);
        let shown = show(&genesis);
        assert!(shown.contains("leader-li") && shown.contains("wechat"), "{shown}");
    }

    #[test]
    fn what_is_wrong_with_the_members_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = write_files(folder.path());
        let good = fs::read_to_string(&path).expect("reads");
        let name = || "orchard-1".parse().expect("a name");
        for (from, to, part) in [
            ("heartbeat_ms = 60000", "heartbeat = 60000", "[policy]"),
            ("heartbeat_ms = 60000", "heartbeat_ms = 1.5", "[policy]"),
            ("card = \"property.toml\"", "card = \"committee.toml\"", "card of committee"),
            ("card = \"property.toml\"", "card = \"nobody.toml\"", "cannot read"),
            ("node_card = \"property-node.toml\"", "power = 1", "no node_card"),
            ("custodian = \"property\"", "custodian = \"leader-li\"", "no organisation"),
            ("role = \"property\"", "role = \"owner\"", "unknown variant"),
        ] {
            fs::write(&path, good.replacen(from, to, 1)).expect("writes");
            let failure = new(name(), CREATED_MS, &path).expect_err(part).to_string();
            assert!(failure.contains(part) && failure.contains("help:"), "{part}: {failure}");
        }
        // Cards made for another founding time prove nothing.
        fs::write(&path, &good).expect("writes");
        let failure = new(name(), CREATED_MS + 1, &path).expect_err("not proven").to_string();
        assert!(failure.contains("--created-ms"), "{failure}");
    }
}
