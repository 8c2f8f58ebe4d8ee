//! A chain is founded by commands alone.

use super::{
    document::load_invitation,
    invite::{MemberOption, Pair, invitation as invite},
    show::show_invitation,
    *,
};
use crate::{
    Arguments,
    exit::{self, Failure},
};
use clap::Parser as _;
use genesis::{Address, Collection, Contribution, Genesis, Invitation, NodeCard, Phrase, Received};
use ledger_core::{crypto::SecretKey, types::TimestampMs};
use std::{fs, path::Path};

pub(crate) const CREATED_MS: u64 = 1_767_225_600_000;
const CAST: [&str; 5] =
    ["property", "committee", "supplier-a=supplier", "supplier-b=supplier", "leader-li=leader"];

pub(crate) fn member_key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn pair(text: &str) -> Pair {
    text.parse().expect("a pair")
}

fn invitation() -> Invitation {
    let members = CAST.map(|text| text.parse().expect("a member"));
    invite(
        "orchard-1".parse().expect("a name"),
        TimestampMs::new(CREATED_MS),
        &members,
        &[pair("wechat=property"), pair("cash=committee")],
        &[],
        &[pair("heartbeat=1m")],
    )
    .expect("a good invitation")
}

/// The card of a node with keys `member_key(101..)` and `member_key(201..)`.
fn node_card(invitation: &Invitation, seed: u8, name: &str) -> NodeCard {
    let address = Address::advertised(&format!("127.0.0.1:700{seed}")).expect("an address");
    let (validator, transport) = (member_key(seed + 100), member_key(seed + 200));
    let name = name.parse().expect("a name");
    NodeCard::new(&invitation.founding(), name, &validator, &transport, &[address])
}

/// A chain of four organisations and a leader; member keys are `member_key(1..=5)`.
pub(crate) fn orchard() -> Genesis {
    let invitation = invitation();
    let received = (1u8..).zip(&invitation.members).map(|(seed, invited)| {
        let card = node_card(&invitation, seed, invited.name.as_str());
        let card = (invited.votes > 0).then_some(&card);
        let contribution =
            Contribution::sign(invitation.clone(), invited.name, &member_key(seed), &[], card);
        Received { from: String::new(), contribution: contribution.expect("joins") }
    });
    Collection::new(invitation.clone(), received.collect()).seal().expect("founds a chain")
}

/// What a user types in a folder, and how it ends.
struct Terminal(tempfile::TempDir);

impl Terminal {
    fn open() -> Self {
        let terminal = Self(tempfile::tempdir().expect("a folder"));
        terminal.write("passphrase", "a long one");
        terminal
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("writes");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("reads")
    }

    /// Words that begin with `@` are files of the folder.
    fn tuan(&self, line: &str) -> Result<(), Failure> {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name),
            None => word.to_owned(),
        });
        let mut words: Vec<String> = words.collect();
        words.splice(0..0, ["tuan".to_owned(), "--lang".to_owned(), "en".to_owned()]);
        words.extend(["--passphrase-file".to_owned(), self.path("passphrase")]);
        crate::run(Arguments::try_parse_from(words).expect(line))
    }

    fn refused(&self, line: &str, number: u8, part: &str) {
        let failure = self.tuan(line).expect_err(line);
        let text = failure.to_string();
        assert_eq!(failure.number(), number, "{text}");
        assert!(text.contains(part) && text.contains("help:"), "{part}: {text}");
    }
}

#[test]
fn a_chain_is_founded_by_commands_alone() {
    let it = Terminal::open();
    it.tuan(
        "genesis invite --name orchard-1 --member property --member committee \
         --member supplier-a=supplier --member supplier-b=supplier --member leader-li=leader \
         --channel wechat=property --related supplier-b=property --out @invitation.toml",
    )
    .expect("invites");
    fs::create_dir(it.path("in")).expect("makes a folder");
    let invitation = load_invitation(Path::new(&it.path("invitation.toml"))).expect("reads");
    for (seed, invited) in (1u8..).zip(&invitation.members) {
        let name = invited.name;
        it.tuan(&format!("key new --out @{name}.pem")).expect("makes a key");
        let mut join = format!(
            "genesis join @invitation.toml --name {name} --key @{name}.pem --out @in/{name}.toml"
        );
        if invited.votes > 0 {
            it.refused(&join, exit::USAGE, "brings no node");
            let card = node_card(&invitation, seed, name.as_str());
            it.write(&format!("{name}.card"), &card.to_toml());
            join.push_str(&format!(" --node-card @{name}.card"));
        }
        it.tuan(&join).expect("joins");
        if seed == 1 {
            it.refused(
                "genesis collect @invitation.toml @in",
                exit::INCOMPLETE,
                "still missing: committee, supplier-a, supplier-b, leader-li",
            );
        }
    }

    // A messenger has damaged one file, and a stranger has sent one in the committee's name.
    let good = it.read("in/supplier-a.toml");
    it.write("in/supplier-a.toml", &good.replace("/tcp/7003", "/tcp/7009"));
    it.refused(
        "genesis seal @invitation.toml @in --out @genesis.toml",
        exit::REFUSED,
        "changed, or forged",
    );
    // The answer has named it; the error does not say it again.
    it.refused("genesis collect @invitation.toml @in", exit::REFUSED, "cannot be used yet");
    it.write("in/supplier-a.toml", &good);
    it.tuan("key new --out @stranger.pem").expect("makes a key");
    it.tuan(
        "genesis join @invitation.toml --name committee --key @stranger.pem \
         --node-card @committee.card --out @in/stranger.toml",
    )
    .expect("anybody can write a file");
    it.refused(
        "genesis seal @invitation.toml @in --out @genesis.toml",
        exit::REFUSED,
        "two different contributions of committee",
    );
    fs::remove_file(it.path("in/stranger.toml")).expect("removes");

    it.tuan("genesis collect @invitation.toml @in").expect("all are there");
    let other = it.read("invitation.toml").replacen("orchard-1", "orchard-2", 2);
    it.write("other.toml", &other.replacen("created_ms = 1", "created_ms = 2", 1));
    it.refused(
        "genesis seal @other.toml @in --out @genesis.toml",
        exit::REFUSED,
        "the invitation named here is the wrong one",
    );
    it.tuan("genesis seal @invitation.toml @in --out @genesis.toml").expect("seals");
    let genesis = load(Path::new(&it.path("genesis.toml"))).expect("reads");
    let phrase = Phrase::of(&genesis.chain).to_string().replace([' ', '/'], "");
    for invited in &invitation.members {
        let name = invited.name;
        let check = format!("genesis check @genesis.toml --mine @in/{name}.toml");
        it.tuan(&format!("{check} --phrase {phrase}")).expect("stands in it");
    }
    let wrong = phrase.replace(&phrase[..1], "");
    let wrong = format!("{wrong:0<36}");
    let check = "genesis check @genesis.toml --phrase";
    it.refused(&format!("{check} {wrong}"), exit::REFUSED, "another founding document");
    it.refused(&format!("{check} 12"), exit::USAGE, "no phrase");

    // The founder gives the property company more votes than was agreed.
    let stronger = it.read("genesis.toml").replacen("power = 1", "power = 9", 1);
    it.write("stronger.toml", &stronger);
    it.refused(
        "genesis check @stronger.toml --mine @in/leader-li.toml",
        exit::REFUSED,
        "property was invited with 1 votes and has 9",
    );
    it.refused(
        "genesis check @genesis.toml --mine @invitation.toml",
        exit::SETUP,
        "is an invitation",
    );
    it.tuan("genesis show @invitation.toml").expect("shows");
    it.tuan("genesis show @genesis.toml").expect("shows");
}

#[test]
fn what_the_founder_writes_is_read_or_told_what_is_wrong() {
    let it = Terminal::open();
    let start = "genesis invite --name orchard-1 --out @invitation.toml --member property \
                 --member committee --member supplier-a=supplier";
    for (rest, number, part) in [
        ("--channel wechat=property", exit::USAGE, "there is no leader"),
        ("--channel wechat=li --member li=leader", exit::USAGE, "no organisation"),
        ("--channel wechat=property --member li=leader:1", exit::USAGE, "no organisation"),
        (
            "--channel wechat=property --member li=leader --set heartbeet=1h",
            exit::USAGE,
            "no setting heartbeet",
        ),
        (
            "--channel wechat=property --member li=leader --set heartbeat=soon",
            exit::USAGE,
            "no length of time",
        ),
        (
            "--channel wechat=property --member li=leader --set heartbeat=0h",
            exit::USAGE,
            "policy.heartbeat_ms is 0",
        ),
        (
            "--channel wechat=property --member li=leader --related wang=property",
            exit::USAGE,
            "wang, who is not invited",
        ),
    ] {
        it.refused(&format!("{start} {rest}"), number, part);
    }
    it.tuan(&format!(
        "{start} --channel wechat=property --member li=leader --set heartbeat=90s \
         --set payment-max=500.50 --set propose=2s"
    ))
    .expect("invites");
    let invitation = load_invitation(Path::new(&it.path("invitation.toml"))).expect("reads");
    assert_eq!(invitation.policy.heartbeat_ms, 90_000);
    assert_eq!(invitation.policy.payment_max_fen, 50_050);
    assert_eq!(invitation.consensus.propose_ms, 2_000);
    let shown = show_invitation(&invitation).expect("shows");
    assert!(shown.contains("90s") && shown.contains("500.50"), "{shown}");
    for bad in ["property=owner", "=property", "a=supplier:x", "白菜=supplier"] {
        assert!(bad.parse::<MemberOption>().is_err(), "{bad}");
    }
}
