//! Four organisations and a leader found a chain, and somebody tries to cheat at every step.

use genesis::{
    Address, ChannelSection, Collection, ConsensusSection, Contribution, ContributionError,
    Document, Finding, Genesis, Invitation, Invited, NodeCard, Phrase, PolicySection, Received,
    SealError,
};
use ledger_core::{
    crypto::{KeyPurpose, SecretKey},
    fund::Role,
    types::TimestampMs,
};

const CAST: [(&str, Role, u64); 5] = [
    ("property", Role::Property, 1),
    ("committee", Role::Committee, 1),
    ("farm", Role::Supplier, 1),
    ("bakery", Role::Supplier, 1),
    ("leader-li", Role::Leader, 0),
];

fn invitation() -> Invitation {
    invitation_with(|_| ())
}

fn invitation_with(change: impl FnOnce(&mut Vec<Invited>)) -> Invitation {
    let mut members: Vec<Invited> = CAST
        .iter()
        .map(|(name, role, votes)| Invited {
            name: name.parse().expect("a name"),
            role: *role,
            votes: *votes,
            related: Vec::new(),
        })
        .collect();
    // The founder knows that the property company owns the bakery.
    members[3].related.push("property".to_owned());
    change(&mut members);
    let channel = |name: &str, custodian: &str| ChannelSection {
        name: name.parse().expect("a name"),
        custodian: custodian.to_owned(),
    };
    Invitation::new(
        "osmanthus-court".parse().expect("a name"),
        TimestampMs::new(1_767_225_600_000),
        PolicySection::default(),
        ConsensusSection::default(),
        vec![channel("wechat", "property"), channel("cash", "committee")],
        members,
    )
    .expect("a good invitation")
}

/// The keys of whoever has this seed: member, validator, transport.
fn key(seed: u8, purpose: u8) -> SecretKey {
    SecretKey::from_seed(&[seed.wrapping_mul(3).wrapping_add(purpose); 32])
}

fn node_card(invitation: &Invitation, seed: u8, name: &str) -> NodeCard {
    let address = Address::advertised(&format!("203.0.113.{seed}:7001")).expect("an address");
    let name = name.parse().expect("a name");
    NodeCard::new(&invitation.founding(), name, &key(seed, 1), &key(seed, 2), &[address])
}

/// What a member makes of an invitation, with keys of its own.
fn join(invitation: &Invitation, seed: u8, name: &str) -> Contribution {
    let invited = invitation.invited(name).expect("is invited");
    let card = (invited.votes > 0).then(|| node_card(invitation, seed, name));
    let name = name.parse().expect("a name");
    Contribution::sign(invitation.clone(), name, &key(seed, 0), &[], card.as_ref())
        .expect("a good contribution")
}

fn all() -> Vec<Contribution> {
    let invitation = invitation();
    (1u8..).zip(CAST).map(|(seed, (name, ..))| join(&invitation, seed, name)).collect()
}

fn collect(contributions: Vec<Contribution>) -> Collection {
    let received = contributions.into_iter().enumerate().map(|(position, contribution)| {
        // What is sent survives being written to a file.
        let read = Contribution::parse(&contribution.to_toml()).expect("reads what it writes");
        assert_eq!(read, contribution);
        Received { from: format!("{position}.toml"), contribution }
    });
    let read = Invitation::parse(&invitation().to_toml()).expect("reads what it writes");
    Collection::new(read, received.collect())
}

/// The document that the founder makes, perhaps after a change that nobody has agreed to.
fn sealed(change: impl FnOnce(&mut Document)) -> Result<Genesis, genesis::GenesisError> {
    let honest = collect(all()).seal().expect("all are there");
    let mut document = honest.document().clone();
    change(&mut document);
    Genesis::from_document(document)
}

fn differences(genesis: &Genesis, contribution: &Contribution) -> String {
    let found = genesis.differences_from(contribution);
    found.iter().map(|text| text.en.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_was_proposed_and_signed_becomes_the_document_and_everybody_reads_the_same_phrase() {
    let collection = collect(all());
    assert_eq!((collection.findings(), collection.missing()), (&[][..], Vec::new()));
    let genesis = collection.seal().expect("all are there");
    let phrases = all().into_iter().map(|mine| {
        // Everybody reads the file that the founder has sent around.
        let read = Genesis::parse(&genesis.to_toml()).expect("reads");
        assert_eq!(differences(&read, &mine), "", "{}", mine.name);
        mine.verify().expect("signed");
        Phrase::of(&read.chain)
    });
    let phrases: Vec<Phrase> = phrases.collect();
    assert_eq!(phrases.len(), 5);
    assert!(phrases.iter().all(|phrase| *phrase == phrases[0]));
    assert_eq!(genesis.validators.validators().len(), 4);
    assert_eq!(genesis.members[3].related.len(), 1, "the bakery's relation stands");
}

#[test]
fn one_missing_one_forged_and_one_doubled_are_found() {
    let mut received = all();
    // The leader's message has not arrived.
    received.pop();
    // Somebody has put another address into the farm's file on its way.
    received[2].transport.as_mut().expect("a node").addresses =
        vec!["/ip4/198.51.100.66/tcp/7001".to_owned()];
    // Somebody else writes in the committee's name, with keys of their own.
    received.push(join(&invitation(), 77, "committee"));
    // A copy of the same file is no second contribution.
    received.push(received[0].clone());

    let collection = collect(received);
    let missing: Vec<String> = collection.missing().iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["farm", "leader-li"]);
    let [forged, doubled] = collection.findings() else {
        panic!("{:?}", collection.findings());
    };
    let name = "farm".to_owned();
    let error = ContributionError::BadSignature { name };
    assert_eq!(*forged, Finding::Invalid { from: "2.toml".to_owned(), error });
    let (member, first) = ("committee".parse().expect("a name"), "1.toml".to_owned());
    assert_eq!(*doubled, Finding::Twice { member, first, second: "4.toml".to_owned() });
    assert_eq!(collection.seal().expect_err("not ready"), SealError::NotReady);
}

#[test]
fn one_key_or_one_address_for_two_members_is_found() {
    let invitation = invitation();
    let mut received = all();
    // The bakery lets the farm's people set up its node.
    let (name, founding) = ("bakery".parse().expect("a name"), invitation.founding());
    let address = Address::advertised("203.0.113.3:7001").expect("an address");
    let card = NodeCard::new(&founding, name, &key(3, 1), &key(4, 2), &[address]);
    received[3] = Contribution::sign(invitation, name, &key(4, 0), &[], Some(&card)).expect("good");
    let collection = collect(received);
    let [key, address] = collection.findings() else { panic!("{:?}", collection.findings()) };
    assert!(matches!(key, Finding::KeyTwice { .. }));
    assert!(matches!(address, Finding::AddressTwice { .. }));
}

#[test]
fn who_said_yes_to_something_else_has_not_said_yes_to_this() {
    // The bakery was shown an invitation in which it has more votes.
    let other = invitation_with(|members| members[3].votes = 5);
    let mut received = all();
    received[3] = join(&other, 4, "bakery");
    let collection = collect(received);
    let [Finding::OtherInvitation { member, differences, .. }] = collection.findings() else {
        panic!("{:?}", collection.findings());
    };
    assert_eq!(member.as_str(), "bakery");
    assert_eq!(differences[0].en, "bakery was invited with 1 votes and has 5");
}

#[test]
fn every_part_of_a_contribution_is_signed() {
    let changes: [fn(&mut Contribution); 8] = [
        |c| c.name = "farm".parse().expect("a name"),
        |c| c.key = key(9, 0).public_key(),
        |c| c.related.push("farm".to_owned()),
        |c| c.validator.as_mut().expect("votes").key = key(9, 1).public_key(),
        |c| c.transport.as_mut().expect("a node").key = key(9, 2).public_key(),
        |c| c.transport.as_mut().expect("a node").addresses.clear(),
        |c| c.invitation.policy.heartbeat_ms += 1,
        |c| c.invitation.members[0].votes = 2,
    ];
    let good = all().swap_remove(1);
    for (position, change) in changes.into_iter().enumerate() {
        let mut changed = good.clone();
        change(&mut changed);
        let error = changed.verify().expect_err("changed");
        assert!(matches!(error, ContributionError::BadSignature { .. }), "{position}: {error}");
    }
}

#[test]
fn the_bytes_that_are_signed_have_not_drifted() {
    // Frozen: docs/wire-format.md, section 3, says which bytes these are.
    let signature = join(&invitation(), 4, "bakery").signature.to_string();
    assert_eq!(
        signature,
        "8849f5706f8aa63070d921e19458b4cd617afc8bdcf7538c63a553037664289bbc641b30df76352e0b33a29954f9efd0eff4318d0d1ef288598d93922454a100"
    );
}

#[test]
fn what_would_not_count_is_not_signed() {
    let invitation = invitation();
    let sign = |name: &str, related: &[String], card: Option<&NodeCard>| {
        let name = name.parse().expect("a name");
        Contribution::sign(invitation.clone(), name, &key(1, 0), related, card)
            .expect_err("must be refused")
    };
    let card = node_card(&invitation, 1, "property");
    let stranger = sign("auditor", &[], None);
    assert!(matches!(stranger, ContributionError::NotInvited { .. }));
    assert!(matches!(sign("property", &[], None), ContributionError::NoNode { .. }));
    let foreign = sign("committee", &[], Some(&card));
    assert!(matches!(foreign, ContributionError::ForeignNode { .. }));
    let itself = sign("property", &["property".to_owned()], Some(&card));
    assert!(matches!(itself, ContributionError::BadRelation { .. }));
    let later = Invitation { created_ms: invitation.created_ms + 1, ..invitation.clone() };
    let card = node_card(&later, 1, "property");
    let other = sign("property", &[], Some(&card));
    assert!(matches!(other, ContributionError::OtherFounding { .. }));
    let mut card = node_card(&invitation, 1, "property");
    card.transport.addresses = vec!["/ip4/0.0.0.0/tcp/7001".to_owned()];
    let nowhere = sign("property", &[], Some(&card));
    assert!(matches!(nowhere, ContributionError::Address { .. }));
    card.transport.addresses.clear();
    assert!(matches!(sign("property", &[], Some(&card)), ContributionError::Addresses { .. }));
}

#[test]
fn a_founder_who_changes_what_was_agreed_is_found_out() {
    type Change = fn(&mut Document);
    // Who finds it out, what the founder did, what is said about it.
    let cases: [(&str, Change, &str); 9] = [
        ("farm", |d| d.members[1].validator.as_mut().expect("votes").power = 3, "has 3"),
        ("farm", |d| d.members[3].related.clear(), "relation of bakery to property is left out"),
        ("bakery", |d| d.members[3].related = vec!["farm".to_owned()], "bakery to property"),
        (
            "property",
            |d| d.members[0].related.push("farm".to_owned()),
            "property to farm was added",
        ),
        ("leader-li", |d| drop(d.members.remove(3)), "bakery is left out"),
        ("farm", |d| d.policy.payment_max_fen = 1, "policy.payment_max_fen was 100000000 and is 1"),
        ("farm", |d| d.channels[0].custodian = "farm".to_owned(), "is held by farm"),
        ("farm", |d| d.members.swap(2, 3), "another order"),
        ("farm", |d| d.members[2].transport.as_mut().expect("a node").addresses.clear(), "address"),
    ];
    let contributions = all();
    for (name, change, part) in cases {
        let genesis = sealed(change).expect("a chain could be founded so");
        let mine = contributions.iter().find(|c| c.name.as_str() == name).expect("has joined");
        let found = differences(&genesis, mine);
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn a_founder_who_replaces_keys_is_found_out_by_their_owner() {
    let founding = invitation().founding();
    let swap = |purpose: KeyPurpose| {
        sealed(|document| {
            let stolen = key(99, 0);
            let proof = stolen.prove(&founding, "farm", purpose);
            let farm = &mut document.members[2];
            let (key_of, proof_of) = match purpose {
                KeyPurpose::Member => (&mut farm.key, &mut farm.proof),
                KeyPurpose::Validator => {
                    let validator = farm.validator.as_mut().expect("votes");
                    (&mut validator.key, &mut validator.proof)
                }
                KeyPurpose::Transport => {
                    let transport = farm.transport.as_mut().expect("a node");
                    (&mut transport.key, &mut transport.proof)
                }
            };
            (*key_of, *proof_of) = (stolen.public_key(), proof);
        })
        .expect("proofs for a key that the founder holds")
    };
    let contributions = all();
    for (purpose, part) in [
        (KeyPurpose::Member, "signing key of farm is another one"),
        (KeyPurpose::Validator, "voting key of farm is another one"),
        (KeyPurpose::Transport, "network key of farm is another one"),
    ] {
        let genesis = swap(purpose);
        let found = differences(&genesis, &contributions[2]);
        assert!(found.contains(part), "{part}: {found}");
        // The others cannot see it in the file: they hear another phrase from the farm, which was
        // shown a document with its own keys.
        assert_eq!(differences(&genesis, &contributions[0]), "");
        let shown_to_the_farm = collect(all()).seal().expect("all are there");
        assert_ne!(Phrase::of(&genesis.chain), Phrase::of(&shown_to_the_farm.chain));
    }
}
