//! A community that exists to be measured: organisations with nodes, and as many leaders as wanted.
//!
//! Every secret follows from a member's position, so that whoever puts load on the chain needs no key
//! files. Nothing else should ever be founded like this.

use anyhow::{Context as _, Result, ensure};
use genesis::{
    ChannelSection, ConsensusSection, Document, FORMAT, Genesis, MEMBERS_MAX, MemberSection,
    PolicySection, TransportSection, ValidatorSection, founding_id,
};
use ledger_core::{
    crypto::{KeyPurpose, SecretKey, plain_key_file},
    fund::Role,
    types::{MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};
use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

/// Name of the chain.
const NAME: &str = "measured-court";
/// The property company.
pub const PROPERTY: MemberId = MemberId::new(0);
/// The residents' committee.
pub const COMMITTEE: MemberId = MemberId::new(1);
/// The supplier of every group buy.
pub const SUPPLIER: MemberId = MemberId::new(2);
/// Property company, committee and one supplier are needed for a group buy.
const ORGANISATIONS_MIN: usize = 3;

/// Where a node listens.
#[derive(Debug, Clone)]
pub struct NodePlace {
    /// For other nodes, as a multiaddress.
    pub listen: String,
    /// For clients.
    pub api: String,
}

/// The settings of a node, as `tuand` reads them.
#[derive(Debug, Serialize, Deserialize)]
pub struct NodeSettings {
    /// The member whose node it is.
    pub member: String,
    /// Where it listens for other nodes.
    pub listen: Vec<String>,
    /// Where its HTTP API listens.
    pub api: String,
}

/// Name and role of the organisation at a position.
#[must_use]
pub fn organisation(position: usize) -> (String, Role) {
    match position {
        0 => ("property".to_owned(), Role::Property),
        1 => ("committee".to_owned(), Role::Committee),
        _ => (format!("supplier-{}", position - 1), Role::Supplier),
    }
}

/// The key of a member for a purpose.
#[must_use]
pub fn secret_key(purpose: KeyPurpose, position: usize) -> SecretKey {
    let mut seed = [match purpose {
        KeyPurpose::Member => 1,
        KeyPurpose::Validator => 2,
        KeyPurpose::Transport => 3,
    }; 32];
    seed[..8].copy_from_slice(&(position as u64).to_le_bytes());
    SecretKey::from_seed(&seed)
}

/// The most leaders that a chain with so many nodes can have.
#[must_use]
pub fn leaders_max(nodes: usize) -> usize {
    MEMBERS_MAX - nodes.max(ORGANISATIONS_MIN)
}

/// The leaders of a chain.
#[must_use]
pub fn leaders(genesis: &Genesis) -> Vec<MemberId> {
    let leaders = (0u16..).zip(&genesis.members).filter(|(_, member)| member.role == Role::Leader);
    leaders.map(|(id, _)| MemberId::new(id)).collect()
}

/// Founds a chain: one validator for each place, and `leaders` leaders.
///
/// # Errors
/// More members than a chain may have, or none where some are needed.
pub fn found(places: &[NodePlace], leaders: usize, created: TimestampMs) -> Result<Genesis> {
    ensure!(
        (1..=leaders_max(places.len())).contains(&leaders),
        "{leaders} signers are not between 1 and {}: a chain has at most {MEMBERS_MAX} members",
        leaders_max(places.len())
    );
    let name = NAME.parse()?;
    let founding = founding_id(&name, created);
    let organisations = places.len().max(ORGANISATIONS_MIN);
    let member = |position: usize| -> Result<MemberSection> {
        let (name, role) = if position < organisations {
            organisation(position)
        } else {
            (format!("leader-{}", position - organisations), Role::Leader)
        };
        let proven = |purpose| {
            let key = secret_key(purpose, position);
            (key.public_key(), key.prove(&founding, &name, purpose))
        };
        let (key, proof) = proven(KeyPurpose::Member);
        let place = places.get(position);
        let validator = place.map(|_| {
            let (key, proof) = proven(KeyPurpose::Validator);
            ValidatorSection { key, proof, power: 1 }
        });
        let transport = place.map(|place| {
            let (key, proof) = proven(KeyPurpose::Transport);
            TransportSection { key, proof, addresses: vec![place.listen.clone()] }
        });
        let name = name.parse()?;
        Ok(MemberSection { name, role, key, proof, related: Vec::new(), validator, transport })
    };
    let document = Document {
        format: FORMAT,
        name,
        created_ms: created.get(),
        policy: PolicySection::default(),
        consensus: ConsensusSection::default(),
        channels: vec![ChannelSection { name: "wechat".parse()?, custodian: organisation(0).0 }],
        members: (0..organisations + leaders).map(member).collect::<Result<_>>()?,
    };
    Ok(Genesis::from_document(document)?)
}

/// Writes the folder of the node at a position, as `tuand init` would, with the keys of this module.
///
/// # Errors
/// The folder cannot be written.
pub fn write_home(home: &Path, position: usize, place: &NodePlace) -> Result<()> {
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    let settings = NodeSettings {
        member: organisation(position).0,
        listen: vec![place.listen.clone()],
        api: place.api.clone(),
    };
    write(&home.join("node.toml"), toml::to_string(&settings)?.as_bytes(), 0o644)?;
    for (purpose, file) in
        [(KeyPurpose::Validator, "validator.key"), (KeyPurpose::Transport, "transport.key")]
    {
        let key = plain_key_file(&secret_key(purpose, position))?;
        write(&home.join(file), key.as_bytes(), 0o600)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_with_as_many_leaders_as_members_allow_is_founded() {
        let place =
            NodePlace { listen: "/ip4/127.0.0.1/tcp/1".to_owned(), api: "127.0.0.1:2".to_owned() };
        let created = TimestampMs::new(1_767_225_600_000);
        let genesis =
            found(std::slice::from_ref(&place), leaders_max(1), created).expect("founded");
        assert_eq!(genesis.members.len(), MEMBERS_MAX);
        assert_eq!(leaders(&genesis).len(), leaders_max(1));
        assert_eq!(genesis.validators.validators().len(), 1);
        assert!(found(&[place], leaders_max(1) + 1, created).is_err());
    }
}
