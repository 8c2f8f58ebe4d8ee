//! Real nodes on loopback: agreement, crashes, restarts, and what they refuse.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ledger_core::{
    api::{EntryView, Progress},
    fund::{Action, FilingDecision},
    receipt::Receipt,
    types::TimestampMs,
};
use std::{
    fs::Permissions,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};
use support::{
    COMMITTEE, Cluster, LEADER, PROPERTY, SUPPLIER, eventually, filing, init_genesis, tuand,
};

#[test]
fn a_killed_node_comes_back_and_has_what_the_others_decided() {
    let mut cluster = Cluster::found();
    cluster.start_all();
    let first = cluster.decide(0, LEADER, Action::File(filing("gb-1")));
    cluster.agree(&[0, 1, 2, 3], first.height.unwrap().get());

    cluster.kill(3);
    let group_buy = "gb-1".parse().unwrap();
    let digest = cluster.open(0, "gb-1").filing;
    let decide = |decision| Action::DecideFiling { group_buy, filing: digest, decision };
    cluster.decide(0, PROPERTY, decide(FilingDecision::Approve));
    cluster.decide(1, COMMITTEE, decide(FilingDecision::Approve));
    let last = cluster.decide(2, SUPPLIER, decide(FilingDecision::Accept));
    for number in 2..12 {
        cluster.decide(1, LEADER, Action::File(filing(&format!("gb-{number}"))));
    }
    cluster.start(3);
    cluster.agree(&[0, 1, 2, 3], last.height.unwrap().get() + 10);

    // Any node proves any entry; the one that was away too.
    let path = format!("/v1/entries/{}", last.log_index.unwrap());
    let entry: EntryView = cluster.get(3, &path).unwrap();
    let receipt = Receipt::from_text(&entry.receipt).unwrap();
    let proven = receipt.verify(&cluster.genesis.chain, &cluster.genesis.validators).unwrap();
    assert_eq!(proven, entry.entry);

    assert_eq!(cluster.stop(3).code(), Some(0));
    let check = tuand().arg("check").arg("--home").arg(&cluster.nodes[3].home).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
}

#[test]
fn with_two_of_four_down_the_chain_waits_says_for_whom_and_goes_on_when_one_returns() {
    let mut cluster = Cluster::found();
    cluster.start_all();
    cluster.decide(0, LEADER, Action::File(filing("gb-1")));
    // Three are enough for the first block: the fourth may still be on its way.
    let together = eventually("all to be connected", || {
        cluster.status(0).filter(|status| status.peers.iter().all(|peer| peer.connected))
    });
    cluster.kill(2);
    cluster.kill(3);
    let transaction = cluster.sign(LEADER, Action::File(filing("gb-2")));
    let pending = cluster.submit(0, transaction.bytes(), 0).unwrap();
    assert_eq!(pending.progress, Progress::Pending);
    let dead = |member: &String| ["supplier-a", "supplier-b"].contains(&member.as_str());
    let status = eventually("the node to say whom it waits for", || {
        cluster.status(0).filter(|status| {
            let mut peers = status.peers.iter();
            status.waiting_for.iter().any(dead)
                && peers.all(|peer| peer.connected != dead(&peer.member))
        })
    });
    // And since when: the two were lost after all had been together; then the next block had its reason.
    for lost in status.peers.iter().filter(|peer| dead(&peer.member)) {
        assert!((together.now..=status.now).contains(&lost.since), "{lost:?} {together:?}");
    }
    assert!(status.awake_since.is_some_and(|since| since >= status.height_since));
    assert!(status.step_since >= status.awake_since.unwrap());
    cluster.start(3);
    let path = format!("/v1/transactions/{}", transaction.id());
    eventually("the decision", || {
        let submitted: ledger_core::api::Submitted = cluster.get(0, &path)?;
        (submitted.progress == Progress::Decided).then_some(())
    });
    cluster.agree(&[0, 1, 3], 2);
}

/// Its guard is new, not lost: with another node down, the chain needs its vote.
#[test]
fn a_node_that_has_not_signed_anything_yet_may_sign_after_a_restart() {
    let mut cluster = Cluster::found();
    for node in [0, 1, 2] {
        cluster.start(node);
    }
    let first = cluster.decide(0, LEADER, Action::File(filing("gb-1")));
    cluster.start(3);
    cluster.agree(&[0, 1, 2, 3], first.height.unwrap().get());
    cluster.kill(3);
    cluster.kill(2);
    cluster.start(3);
    cluster.decide(0, LEADER, Action::File(filing("gb-2")));
}

#[test]
fn what_is_wrong_with_a_transaction_has_its_number() {
    let mut cluster = Cluster::found();
    cluster.start_all();
    let number = |cluster: &Cluster, bytes: &[u8]| {
        cluster.submit(0, bytes, 30_000).map_err(|problem| problem.refusal)
    };
    let good = cluster.sign(LEADER, Action::File(filing("gb-1")));
    let first = cluster.decided(0, good.bytes());

    // The same bytes again are answered with the first decision.
    assert_eq!(number(&cluster, good.bytes()), Ok(first.clone()));
    let mut cut = good.bytes().to_vec();
    cut.pop();
    assert_eq!(number(&cluster, &cut), Err(Some(100)));
    let mut other_chain = good.transaction().clone();
    other_chain.chain = ledger_core::crypto::ChainId::new([9; 32]);
    let other_chain = other_chain.sign(&support::member_key(LEADER));
    assert_eq!(number(&cluster, other_chain.bytes()), Err(Some(102)));
    let forged = good.transaction().clone();
    let forged = ledger_core::transaction::Transaction { nonce: 77, ..forged };
    let forged = forged.sign(&support::member_key(PROPERTY));
    assert_eq!(number(&cluster, forged.bytes()), Err(Some(104)));
    let expired = ledger_core::transaction::Transaction {
        expires: TimestampMs::new(1),
        ..good.transaction().clone()
    };
    let expired = expired.sign(&support::member_key(LEADER));
    assert_eq!(number(&cluster, expired.bytes()), Err(Some(105)));
    let again = cluster.sign(LEADER, Action::File(good_filing(&good)));
    // A node that has not decided it yet could only wait.
    cluster.agree(&[0, 1], first.height.unwrap().get());
    let problem = cluster.submit(1, again.bytes(), 30_000).unwrap_err();
    assert_eq!((problem.refusal, problem.already_done), (Some(308), true));
}

fn good_filing(good: &ledger_core::transaction::ReceivedTransaction) -> ledger_core::fund::Filing {
    match &good.transaction().action {
        Action::File(filing) => filing.clone(),
        other => panic!("not a filing: {other:?}"),
    }
}

/// Runs a command that must end with one sentence, what to do, and exit code 4.
fn refused(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("error: ") && text.contains("help: "), "{text}");
    text
}

#[test]
fn set_up_that_cannot_work_is_one_sentence_and_exit_code_4() {
    let mut cluster = Cluster::found();
    let other = Cluster::found();
    // Another chain's genesis does not know this node.
    let mut wrong = tuand();
    wrong.arg("run").arg("--home").arg(&cluster.nodes[0].home);
    wrong.arg("--genesis").arg(&other.genesis_file);
    assert!(refused(&mut wrong).contains("does not have this node's keys"));
    // A second process on the same folder.
    cluster.start(0);
    assert!(refused(&mut cluster.run_command(0)).contains("in use"));
    // The API port is taken by node 0.
    let taken = cluster.nodes[0].api.clone();
    let settings = cluster.nodes[1].home.join("node.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let text = text.replace(&cluster.nodes[1].api, &taken);
    std::fs::write(&settings, &text).unwrap();
    let told = refused(&mut cluster.run_command(1));
    assert!(told.contains("cannot listen") && !told.contains("warning"), "{told}");
    // Nobody finds a node at another port than the one in the founding document.
    let called = &cluster.genesis.nodes[1].addresses[0];
    let moved = called.rsplit_once('/').unwrap().0.to_owned() + "/1025";
    std::fs::write(&settings, text.replace(called, &moved)).unwrap();
    let told = refused(&mut cluster.run_command(1));
    let warning = format!("warning: the other nodes call {called}, ");
    assert!(told.contains(&warning) && told.contains(&moved), "{told}");
}

#[test]
fn a_folder_takes_only_the_founding_document_that_has_its_keys() {
    let cluster = Cluster::found();
    let other = Cluster::found();
    let (own, others) = (&cluster.nodes[0].home, &cluster.nodes[1].home);
    let again = init_genesis(own, &cluster.genesis_file).output().unwrap();
    assert!(again.status.success(), "the same document again changes nothing");
    let phrase = genesis::Phrase::of(&cluster.genesis.chain);
    let told = String::from_utf8_lossy(&again.stdout).into_owned();
    assert_eq!(genesis::Phrase::parse(&told), Some(phrase), "{told}");
    // Root of a machine, a friend's computer: who else reads the keys can vote in one's name.
    let key = own.join("validator.key");
    std::fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    assert!(refused(&mut init_genesis(own, &cluster.genesis_file)).contains("chmod 600"));
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let foreign = refused(&mut init_genesis(own, &other.genesis_file));
    assert!(foreign.contains("does not have this node's keys for property"), "{foreign}");
    // The committee's keys in the folder of the property company.
    let kept = std::fs::read(own.join("transport.key")).unwrap();
    std::fs::copy(others.join("transport.key"), own.join("transport.key")).unwrap();
    let mixed = refused(&mut init_genesis(own, &cluster.genesis_file));
    assert!(mixed.contains("does not have this node's keys for property"), "{mixed}");
    std::fs::write(own.join("transport.key"), kept).unwrap();
    std::fs::copy(others.join("validator.key"), own.join("validator.key")).unwrap();
    let mixed = refused(&mut init_genesis(own, &cluster.genesis_file));
    assert!(mixed.contains("another voting key for property"), "{mixed}");
    // Two nodes would vote with one key.
    let mixed = refused(&mut cluster.run_command(0));
    assert!(mixed.contains("another voting key for property"), "{mixed}");
    assert!(!own.join("store").exists());
}

#[test]
fn a_false_document_is_replaced_until_the_node_has_begun_with_it() {
    let mut cluster = Cluster::found();
    let home = cluster.nodes[0].home.clone();
    // The founder gives itself more votes; the keys are everybody's own.
    let forged = cluster.directory.path().join("forged.toml");
    let document = std::fs::read_to_string(&cluster.genesis_file).unwrap();
    assert!(document.contains("power = 1\n"));
    std::fs::write(&forged, document.replacen("power = 1\n", "power = 9\n", 1)).unwrap();
    let told = |output: std::process::Output| {
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told(init_genesis(&home, &forged).output().unwrap()).contains("replaces"));
    let again = told(init_genesis(&home, &forged).output().unwrap());
    assert!(!again.contains("replaces"), "{again}");
    assert!(
        told(init_genesis(&home, &cluster.genesis_file).output().unwrap()).contains("replaces")
    );
    assert_eq!(std::fs::read_to_string(home.join("genesis.toml")).unwrap(), document);

    cluster.start(0);
    eventually("the node to answer", || cluster.status(0));
    assert!(cluster.stop(0).success());
    let begun = refused(&mut init_genesis(&home, &forged));
    assert!(begun.contains("has begun chain") && begun.contains("The keys stay"), "{begun}");
    assert!(!begun.contains("--invitation"), "a new node would have other keys: {begun}");
    assert_eq!(std::fs::read_to_string(home.join("genesis.toml")).unwrap(), document);
    // The store says which document was the right one.
    std::fs::write(home.join("genesis.toml"), "half of a docum").unwrap();
    assert!(
        told(init_genesis(&home, &cluster.genesis_file).output().unwrap()).contains("replaces")
    );

    // Files of the founding that are something else are called by their name.
    let invitation = cluster.directory.path().join("invitation.toml");
    assert!(refused(&mut init_genesis(&home, &invitation)).contains("is an invitation"));
}

#[test]
fn a_check_says_what_is_missing_and_what_is_damaged() {
    let mut cluster = Cluster::found();
    let home = cluster.nodes[0].home.clone();
    let check = |code: i32, parts: &[&str]| {
        let output = tuand().arg("check").arg("--home").arg(&home).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    check(3, &["there is no chain yet"]);
    assert!(!home.join("store").exists(), "a check makes no store");
    cluster.start(0);
    eventually("the node to answer", || cluster.status(0));
    assert!(cluster.stop(0).success());
    let private = |name: &str| std::fs::metadata(home.join(name)).unwrap().mode() & 0o077 == 0;
    assert!(private("store") && private("vote.guard"));
    check(3, &["has no block yet"]);

    let guard = std::fs::read(home.join("vote.guard")).unwrap();
    std::fs::write(home.join("vote.guard"), &guard[..100]).unwrap();
    check(1, &["vote guard", "is damaged", "move `store` and `vote.guard` away"]);
    let run = refused(&mut cluster.run_command(0));
    assert!(run.contains("move `store` and `vote.guard` away"), "{run}");
    std::fs::write(home.join("vote.guard"), &guard).unwrap();

    let files = std::fs::read_dir(home.join("store")).unwrap().map(|file| file.unwrap().path());
    let tables: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|kind| kind == "sst")).collect();
    assert!(!tables.is_empty());
    for file in tables {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        std::fs::write(&file, bytes).unwrap();
    }
    check(1, &["damaged", "move `store` and `vote.guard` away"]);
}

#[test]
fn a_node_that_could_not_take_part_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let (invitation, home) =
        (directory.path().join("invitation.toml"), directory.path().join("node"));
    std::fs::write(&invitation, support::invitation().to_toml()).unwrap();
    let init = |name: &str, listen: &str| {
        let mut command = tuand();
        command.arg("init").arg("--invitation").arg(&invitation).arg("--home").arg(&home);
        command.args(["--name", name, "--listen", listen]);
        command
    };
    // Nobody can connect to an address that stands for all.
    assert!(refused(&mut init("property", "0.0.0.0:7001")).contains("--address"));
    assert!(refused(&mut init("leader-li", "127.0.0.1:7001")).contains("is a leader"));
    assert!(refused(&mut init("nobody", "127.0.0.1:7001")).contains("is not invited"));
    assert!(!home.exists());
    let mut good = init("property", "0.0.0.0:7001");
    good.args(["--address", "node.example.cn:7001"]);
    assert!(good.output().unwrap().status.success());
    assert!(refused(&mut good).contains("has a node already"));
    let mut run = tuand();
    run.arg("run").arg("--home").arg(&home);
    assert!(refused(&mut run).contains("has no founding document"));
}
