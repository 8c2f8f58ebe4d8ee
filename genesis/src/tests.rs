use crate::*;
use ledger_core::{
    consensus::ValidatorSetError,
    crypto::{KeyError, KeyPurpose, SecretKey},
    fund::Role,
    types::{MemberId, TimestampMs, VotingPower},
};

const CREATED_MS: u64 = 1_767_225_600_000;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn member(seed: u8, name: &str, role: Role, power: Option<u64>) -> MemberSection {
    let founding = founding_id(&"orchard-1".parse().expect("a name"), TimestampMs::new(CREATED_MS));
    let proven = |seed: u8, purpose| {
        let key = key(seed);
        (key.public_key(), key.prove(&founding, name, purpose))
    };
    let (own, proof) = proven(seed, KeyPurpose::Member);
    let validator = power.map(|power| {
        let (key, proof) = proven(seed + 100, KeyPurpose::Validator);
        ValidatorSection { key, proof, power }
    });
    let transport = power.map(|_| {
        let (key, proof) = proven(seed + 200, KeyPurpose::Transport);
        TransportSection { key, proof, addresses: vec![format!("/ip4/127.0.0.1/tcp/70{seed:02}")] }
    });
    let name = name.parse().expect("a name");
    MemberSection { name, role, key: own, proof, related: Vec::new(), validator, transport }
}

fn document(powers: [Option<u64>; 4]) -> Document {
    Document {
        format: FORMAT,
        name: "orchard-1".parse().expect("a name"),
        created_ms: CREATED_MS,
        policy: PolicySection::default(),
        consensus: ConsensusSection::default(),
        channels: vec![ChannelSection {
            name: "wechat".parse().expect("a name"),
            custodian: "property".into(),
        }],
        members: vec![
            member(1, "property", Role::Property, powers[0]),
            member(2, "committee", Role::Committee, powers[1]),
            member(3, "supplier-a", Role::Supplier, powers[2]),
            member(4, "supplier-b", Role::Supplier, powers[3]),
            member(5, "leader-li", Role::Leader, None),
        ],
    }
}

fn four() -> Document {
    document([Some(1); 4])
}

fn english(texts: &[Text]) -> String {
    texts.iter().map(|text| text.en.as_str()).collect::<Vec<_>>().join("\n")
}

fn refused(change: impl FnOnce(&mut Document)) -> GenesisError {
    let mut document = four();
    change(&mut document);
    Genesis::from_document(document).expect_err("must be refused")
}

#[test]
fn a_document_survives_its_text_and_names_the_chain() {
    let genesis = Genesis::from_document(four()).expect("a good document");
    let text = genesis.to_toml();
    let again = Genesis::parse(&text).expect("reads what it writes");
    assert_eq!(again, genesis);
    let commented = format!("# our community\n\n{}", text.replace(" = ", "="));
    assert_eq!(Genesis::parse(&commented).expect("same content").chain, genesis.chain);
    assert_eq!(genesis.member_id("committee"), Some(MemberId::new(1)));
    assert_eq!(genesis.member_of_key(&key(3).public_key()), Some(MemberId::new(2)));
    assert_eq!(genesis.nodes.len(), 4);
    let (state, writes) = genesis.initial_state();
    assert_eq!((state.chain(), state.tip().time), (&genesis.chain, genesis.created));
    assert!(!writes.is_empty());
}

#[test]
fn whatever_the_document_says_changes_the_chain_id() {
    let chain = |change: fn(&mut Document)| {
        let mut document = four();
        change(&mut document);
        Genesis::from_document(document).expect("still good").chain
    };
    let base = chain(|_| ());
    let changes: [fn(&mut Document); 6] = [
        |d| d.policy.heartbeat_ms += 1,
        |d| d.consensus.precommit_delta_ms += 1,
        |d| d.members[0].related.push("supplier-a".into()),
        |d| d.members.swap(2, 3),
        |d| d.members[1].validator.as_mut().expect("a validator").power = 2,
        |d| d.members[1].transport.as_mut().expect("a node").addresses.clear(),
    ];
    for (position, change) in changes.into_iter().enumerate() {
        assert_ne!(chain(change), base, "change {position}");
    }
}

#[test]
fn text_of_another_form_is_refused_with_its_place() {
    let text = Genesis::from_document(four()).expect("good").to_toml();
    let unknown = text.replacen("format = 1", "format = 1\nfrmat = 2", 1);
    assert!(
        matches!(Genesis::parse(&unknown), Err(GenesisError::Form { detail }) if detail.contains("frmat"))
    );
    let float = text.replacen("heartbeat_ms = 3600000", "heartbeat_ms = 1e300", 1);
    assert!(matches!(Genesis::parse(&float), Err(GenesisError::Form { .. })));
    let missing = text.replacen("heartbeat_ms = 3600000", "", 1);
    assert!(matches!(Genesis::parse(&missing), Err(GenesisError::Form { .. })));
    let long = " ".repeat(DOCUMENT_BYTES_MAX + 1);
    assert!(matches!(Genesis::parse(&long), Err(GenesisError::TooLong { .. })));
    let newer = text.replacen("format = 1", "format = 2", 1);
    assert_eq!(Genesis::parse(&newer), Err(GenesisError::UnknownFormat { format: 2, known: 1 }));
}

#[test]
fn numbers_that_cannot_work_are_refused() {
    let field = |error| match error {
        GenesisError::OutOfRange { field, .. } => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(refused(|d| d.created_ms = 0)), "created_ms");
    assert_eq!(field(refused(|d| d.consensus.prevote_delta_ms = 0)), "consensus.prevote_delta_ms");
    assert_eq!(field(refused(|d| d.policy.heartbeat_ms = 0)), "policy.heartbeat_ms");
    assert_eq!(field(refused(|d| d.policy.payment_max_fen = 0)), "policy.payment_max_fen");
    let day = TRANSACTION_LIFE_MAX.get();
    let life = refused(|d| d.policy.transaction_life_max_ms = day + 1);
    assert_eq!(field(life), "policy.transaction_life_max_ms");
    let long = refused(|d| d.policy.unclaimed_after_ms = DURATION_MAX.get() + 1);
    assert_eq!(field(long), "policy.unclaimed_after_ms");
}

#[test]
fn names_and_keys_stand_once() {
    let twice = refused(|d| d.members.push(member(6, "committee", Role::Committee, None)));
    assert_eq!(twice, GenesisError::NameTwice { name: "committee".into() });
    // The voting key of one is the transaction key of another.
    let shared = refused(|d| {
        d.members.push(member(101, "auditor", Role::Auditor, None));
    });
    assert!(matches!(shared, GenesisError::KeyTwice { member, .. } if member == "auditor"));
    let many = refused(|d| {
        let section = d.members[4].clone();
        d.members.resize(MEMBERS_MAX + 1, section);
    });
    assert!(matches!(many, GenesisError::TooManyMembers { .. }));
}

#[test]
fn a_key_counts_only_for_the_member_purpose_and_chain_it_was_proven_for() {
    let other_member = refused(|d| d.members[4].name = "leader-wu".parse().expect("a name"));
    let source = KeyError::BadProof(key(5).public_key());
    let member = "leader-wu".to_owned();
    assert_eq!(other_member, GenesisError::Key { member, purpose: KeyPurpose::Member, source });
    let other_purpose = refused(|d| {
        let own = d.members[0].proof;
        d.members[0].validator.as_mut().expect("a validator").proof = own;
    });
    assert!(matches!(other_purpose, GenesisError::Key { purpose: KeyPurpose::Validator, .. }));
    let other_chain = refused(|d| d.created_ms += 1);
    assert!(matches!(other_chain, GenesisError::Key { source: KeyError::BadProof(_), .. }));
}

#[test]
fn relations_and_channels_name_members() {
    let unknown = refused(|d| d.members[0].related.push("nobody".into()));
    assert!(matches!(unknown, GenesisError::UnknownMember { name, .. } if name == "nobody"));
    let itself = refused(|d| d.members[0].related.push("property".into()));
    assert!(matches!(itself, GenesisError::BadRelation { .. }));
    let unknown = refused(|d| d.channels[0].custodian = "bank".into());
    assert!(matches!(unknown, GenesisError::UnknownMember { by, .. } if by == "channel wechat"));
    let leader = refused(|d| d.channels[0].custodian = "leader-li".into());
    assert!(matches!(leader, GenesisError::CustodianIsNoOrganisation { .. }));
    assert_eq!(refused(|d| d.channels.clear()), GenesisError::NoChannels);
    let twice = refused(|d| d.channels.push(d.channels[0].clone()));
    assert_eq!(twice, GenesisError::ChannelTwice { name: "wechat".into() });
    let many = refused(|d| {
        d.channels = (0..17)
            .map(|n| ChannelSection {
                name: format!("c{n}").parse().expect("a name"),
                custodian: "property".into(),
            })
            .collect();
    });
    assert_eq!(many, GenesisError::TooManyChannels { count: 17, max: 16 });
}

#[test]
fn the_roles_that_the_money_needs_are_there() {
    for (role, position) in [(Role::Property, 0), (Role::Committee, 1), (Role::Leader, 4)] {
        let missing = refused(|d| d.members[position].role = Role::Auditor);
        assert_eq!(missing, GenesisError::RoleMissing { role });
    }
    let missing = refused(|d| {
        d.members[2].role = Role::Auditor;
        d.members[3].role = Role::Auditor;
    });
    assert_eq!(missing, GenesisError::RoleMissing { role: Role::Supplier });
    let second = refused(|d| d.members[3].role = Role::Property);
    assert!(matches!(second, GenesisError::SecondProperty { .. }));
}

#[test]
fn validators_are_organisations_that_can_be_reached_and_decide() {
    let leader = refused(|d| d.members[4] = member(5, "leader-li", Role::Leader, Some(1)));
    assert_eq!(leader, GenesisError::ValidatorIsNoOrganisation { member: "leader-li".into() });
    let alone = refused(|d| d.members[1].transport = None);
    assert_eq!(alone, GenesisError::ValidatorWithoutNode { member: "committee".into() });
    let none = refused(|d| d.members.iter_mut().for_each(|m| m.validator = None));
    assert_eq!(none, GenesisError::Validators(ValidatorSetError::Empty));
    let strong = refused(|d| d.members[0].validator.as_mut().expect("a validator").power = 1_001);
    let power = VotingPower::new(1_001);
    let out = ValidatorSetError::PowerOutOfRange { member: MemberId::ZERO, power };
    assert_eq!(strong, GenesisError::Validators(out));
    for bad in [
        "127.0.0.1:7001",
        "/ip4//tcp/1",
        "/",
        "/ip4/1.2.3.4/tcp/1 ",
        "/ip4",
        "/ip4/0.0.0.0/tcp/7001",
    ] {
        let error = refused(|d| {
            d.members[0].transport.as_mut().expect("a node").addresses = vec![bad.into()];
        });
        assert!(matches!(error, GenesisError::BadAddress { .. }), "{bad}");
    }
}

#[test]
fn four_with_equal_votes_tolerate_any_one() {
    let explanation = Genesis::from_document(four()).expect("good").explain();
    assert_eq!(explanation.tolerated, 1);
    assert_eq!(explanation.stopping_sets.len(), 6);
    assert_eq!(explanation.warnings, Vec::<Text>::new());
    let text = english(&explanation.sentences);
    for part in [
        "Any one of the 4 may fail or lie.",
        "Any 2 of them together can stop the chain",
        "If the node of property is down, the others go on without it.",
        "property holds the money of wechat",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn three_tolerate_nobody_and_that_is_said() {
    let three = document([Some(1), Some(1), Some(1), None]);
    let explanation = Genesis::from_document(three).expect("good").explain();
    assert_eq!(explanation.tolerated, 0);
    let text = english(&explanation.sentences);
    assert!(text.contains("None of the 3 may fail or lie."), "{text}");
    assert!(text.contains("the chain stands still until it is back"), "{text}");
    assert_eq!(explanation.warnings.len(), 1);
}

#[test]
fn unequal_votes_are_computed_exactly() {
    // 3 of 7 stop alone (3 * 3 >= 7); otherwise any two of weight 2 or 1 that reach 7/3.
    let unequal = document([Some(3), Some(1), Some(2), Some(1)]);
    let explanation = Genesis::from_document(unequal).expect("good").explain();
    assert_eq!(explanation.tolerated, 0);
    let sets: Vec<_> = explanation.stopping_sets.iter().map(|set| set.join("+")).collect();
    assert_eq!(sets, ["property", "supplier-a+committee", "supplier-a+supplier-b"]);
    assert!(explanation.warnings.iter().any(|w| w.en == "property can stop the chain alone"));
}

#[test]
fn related_validators_that_reach_a_third_are_warned_of() {
    let mut related = four();
    related.members[3].related.push("property".into());
    let explanation = Genesis::from_document(related).expect("good").explain();
    let warning = "property and supplier-b are related and together can stop the chain";
    assert_eq!(english(&explanation.warnings), warning);
    let text = english(&explanation.sentences);
    assert!(text.contains("supplier-b declares that it is related to property."), "{text}");
}

#[test]
fn a_set_with_many_ways_to_stop_is_listed_in_part() {
    let mut many = four();
    for seed in 6..30 {
        many.members.push(member(seed, &format!("auditor-{seed}"), Role::Auditor, Some(1)));
    }
    let explanation = Genesis::from_document(many).expect("good").explain();
    assert_eq!(explanation.tolerated, 9);
    assert!(explanation.more_stopping_sets);
    assert_eq!(explanation.stopping_sets.len(), STOPPING_SETS_LISTED_MAX);
}
