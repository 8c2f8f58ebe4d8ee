//! A ledger of one block for each transaction, nodes that show it well or badly, and people in between.

use super::{
    send::Reason,
    settle::{Settled, SignAgain},
    store::{Heard, Kept, Outbox, Taken},
};
use crate::{
    client::tests::{FakeNode, dead_node, listening_node},
    clock::now,
    exit,
    genesis::tests::{member_key, orchard},
    import::{self, Item, Report},
    lang::{self, Language},
    receipts::{ReceiptCommand, Receipts},
    session::{Outcome, Session},
    signer::Signer,
};
use genesis::Genesis;
use ledger_core::{
    api::{EntryView, Problem, Progress, Status, Submitted},
    block::CertifiedBlock,
    codec::{Always, List},
    consensus::{QuorumCertificate, Verified, Vote, VoteKind},
    crypto::{Digest, TransactionId},
    fund::{Action, Movement, PermanentId, PermanentRecord, Reads, Receipt as MoneyReceipt},
    ledger::{OnRefusal, Proposed, State, execute},
    merkle::{NodeAt, inclusion_proof},
    receipt::{CertifiedHeader, Receipt},
    refusal::Refusal,
    transaction::ReceivedTransaction,
    types::{Fen, Height, LogIndex, Round, TimestampMs, ValidatorIndex},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Longer than any signature of `tuan` lives.
const LONG_AGO_MS: u64 = 2 * 3_600_000;

#[derive(Default)]
struct History {
    permanent: BTreeMap<PermanentId, PermanentRecord>,
    transactions: BTreeMap<TransactionId, LogIndex>,
}

impl Reads for History {
    fn permanent(&self, id: &PermanentId) -> Option<PermanentRecord> {
        self.permanent.get(id).cloned()
    }
    fn transaction(&self, id: &TransactionId) -> Option<LogIndex> {
        self.transactions.get(id).copied()
    }
}

/// The real rules, decided by all four validators at once.
struct Ledger {
    genesis: Genesis,
    state: State,
    history: History,
    blocks: Vec<CertifiedBlock>,
    nodes: BTreeMap<NodeAt, Digest>,
}

impl Ledger {
    fn new() -> Self {
        let genesis = orchard();
        let (state, _) = genesis.initial_state();
        let (history, blocks, nodes) = (History::default(), Vec::new(), BTreeMap::new());
        Self { genesis, state, history, blocks, nodes }
    }

    /// The block time that a transaction would be judged at.
    fn time() -> TimestampMs {
        now().expect("a clock")
    }

    fn submit(&mut self, bytes: Vec<u8>) -> Result<(Height, LogIndex), Refusal> {
        let transaction = ReceivedTransaction::decode(&bytes).expect("tuan writes canonical bytes");
        let id = transaction.id();
        if let Some(place) = self.place(&id) {
            return Ok(place);
        }
        let author = transaction.transaction().author;
        let key = self.state.fund().members.get(&author).expect("a member").key;
        let verified = transaction.verify(&key).expect("a good signature");
        self.state.check(&verified, Self::time(), &self.history)?;
        self.decide(&[verified]);
        Ok(self.place(&id).expect("it was decided"))
    }

    fn decide(&mut self, transactions: &[ledger_core::transaction::VerifiedTransaction]) {
        let height = self.state.tip().height.next();
        let validators = self.state.validators();
        let proposed = Proposed::new(
            Self::time().max(self.state.tip().time.after(ledger_core::types::DurationMs::new(1))),
            validators.proposer(height, Round::ZERO),
            Round::ZERO,
        );
        let executed = execute(
            self.state.clone(),
            &self.history,
            proposed,
            &[],
            transactions,
            OnRefusal::Fail,
        )
        .expect("a valid block");
        let signatures = (0u8..4).map(|index| {
            let vote = Vote {
                height,
                round: Round::ZERO,
                kind: VoteKind::Precommit,
                block: Some(executed.hash),
                validator: ValidatorIndex::new(index.into()),
            };
            let key = member_key(index + 101);
            let signed = Verified::sign(vote, &key, &self.genesis.chain, validators);
            let signature = signed.expect("a validator's key").signed().signature;
            (ValidatorIndex::new(index.into()), signature)
        });
        let certificate = QuorumCertificate {
            kind: Always,
            height,
            round: Round::ZERO,
            block: executed.hash,
            signatures: List::new(signatures.collect()).expect("four fit"),
        };
        self.history.permanent.extend(executed.permanent.clone());
        self.nodes.extend(executed.log_nodes.iter().map(|node| (node.at, node.hash)));
        for (entry, index) in executed.entries.iter().zip(executed.first_index.get()..) {
            let id = entry.transaction.expect("nothing is due");
            self.history.transactions.insert(id, LogIndex::new(index));
        }
        self.blocks.push(CertifiedBlock { block: executed.block(), certificate });
        self.state = executed.state;
    }

    fn block_of(&self, index: LogIndex) -> Option<&CertifiedBlock> {
        self.blocks.iter().find(|decided| decided.block.header.log_size > index.get())
    }

    fn place(&self, id: &TransactionId) -> Option<(Height, LogIndex)> {
        let index = *self.history.transactions.get(id)?;
        Some((self.block_of(index)?.block.header.height, index))
    }

    fn view(&self, log_index: LogIndex) -> Option<EntryView> {
        let decided = self.block_of(log_index)?;
        let header = decided.block.header.clone();
        let first = header.log_size - decided.block.entries.len() as u64;
        let position = usize::try_from(log_index.get() - first).expect("in the block");
        let entry = decided.block.entries[position].clone();
        let node = |at| Ok::<_, std::convert::Infallible>(self.nodes[&at]);
        let Ok(path) = inclusion_proof(node, log_index.get(), header.log_size);
        let height = header.height;
        let receipt = Receipt {
            entry: entry.clone(),
            index: log_index,
            path: List::new(path).expect("short"),
            block: CertifiedHeader { header, certificate: decided.certificate.clone() },
            changes: List::default(),
        };
        let entry = entry.decode().expect("canonical");
        Some(EntryView { log_index, height, entry, receipt: receipt.to_text() })
    }

    fn status(&self) -> Status {
        let tip = self.state.tip();
        Status {
            chain: self.genesis.chain,
            height: tip.height,
            tip: tip.hash,
            time: tip.time,
            log_size: self.log_size(),
            ..crate::status::explain::tests::healthy()
        }
    }

    fn log_size(&self) -> u64 {
        self.blocks.last().map_or(0, |decided| decided.block.header.log_size)
    }
}

type Shared = Arc<Mutex<Ledger>>;

fn json(status: u16, value: &impl serde::Serialize) -> Option<(u16, String)> {
    Some((status, serde_json::to_string(value).expect("is JSON")))
}

/// What an honest node answers.
fn honest(ledger: &Shared, line: &str, body: Vec<u8>) -> Option<(u16, String)> {
    let mut ledger = ledger.lock().expect("not poisoned");
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let last = path.rsplit('/').next().unwrap_or_default().to_owned();
    let unknown = || json(404, &Problem::new(404, "not-found", "not here"));
    let decided = |id, (height, log_index)| Submitted {
        id,
        progress: Progress::Decided,
        height: Some(height),
        log_index: Some(log_index),
    };
    if line.starts_with("POST") {
        let id = ReceivedTransaction::decode(&body).expect("canonical").id();
        return match ledger.submit(body) {
            Ok(place) => json(200, &decided(id, place)),
            Err(refusal) => {
                let problem = Problem::refusal(&refusal);
                json(problem.status, &problem)
            }
        };
    }
    if path == "/v1/status" {
        json(200, &ledger.status())
    } else if path == "/v1/proposals" {
        json(200, &Vec::<u8>::new())
    } else if path.starts_with("/v1/transactions/") {
        let id = last.parse().expect("an id");
        ledger.place(&id).map_or_else(unknown, |place| json(200, &decided(id, place)))
    } else {
        let index = LogIndex::new(last.parse().expect("a place"));
        ledger.view(index).map_or_else(unknown, |view| json(200, &view))
    }
}

fn node(ledger: &Shared) -> FakeNode {
    let ledger = ledger.clone();
    listening_node(move |line, body| honest(&ledger, line, body))
}

fn pending(body: Vec<u8>) -> Option<(u16, String)> {
    let id = ReceivedTransaction::decode(&body).expect("canonical").id();
    let progress = Progress::Pending;
    json(202, &Submitted { id, progress, height: None, log_index: None })
}

/// The property company, which books money that came in, at a computer with a folder of its own.
struct Property {
    ledger: Shared,
    state: tempfile::TempDir,
}

impl Property {
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a folder");
        Self { ledger: Arc::new(Mutex::new(Ledger::new())), state }
    }

    fn genesis(&self) -> Genesis {
        self.ledger.lock().expect("not poisoned").genesis.clone()
    }

    fn signer(&self) -> Signer {
        Signer::new(&self.genesis(), member_key(1), None).expect("a member")
    }

    fn at(&self, nodes: &[&str]) -> Session {
        let nodes: Vec<_> = nodes.iter().map(|url| (*url).to_owned()).collect();
        let state = self.state.path().to_owned();
        Session::of(&nodes, state, self.genesis(), Some(self.signer()))
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.state.path(), self.genesis().chain)
    }

    /// Signs, as it was done some time ago, and keeps it; then the process is killed.
    fn killed_after_writing(&self, action: Action, ago_ms: u64) -> ReceivedTransaction {
        let at = TimestampMs::new(Ledger::time().get() - ago_ms);
        let signed = self.signer().sign(action, at, 7).expect("signs");
        let kept = self.outbox().put(&signed, Vec::new()).expect("keeps");
        drop(kept);
        signed
    }

    fn waiting(&self) -> Vec<TransactionId> {
        let listed = self.outbox().list().expect("a folder");
        listed.into_iter().filter_map(|listed| Some(listed.content.ok()?.id())).collect()
    }

    fn take(&self) -> Kept {
        let name = self.outbox().names().expect("a folder").remove(0);
        match self.outbox().take(&name).expect("a disk") {
            Taken::Kept(kept) => *kept,
            other => panic!("not to be had: {other:?}"),
        }
    }

    fn retry(&self, session: &Session) -> Settled {
        session.settle(&mut self.take(), session.patience(), SignAgain::Yes).expect("settles")
    }

    fn entries(&self) -> u64 {
        self.ledger.lock().expect("not poisoned").log_size()
    }

    fn kept_receipts(&self) -> Vec<PathBuf> {
        let folder = self.state.path().join(self.genesis().chain.to_string()).join("receipts");
        let files = fs::read_dir(folder).into_iter().flatten();
        files.map(|file| file.expect("a file").path()).collect()
    }
}

fn money(number: &str, fen: u64) -> Action {
    Action::ReceiveUnidentified(MoneyReceipt {
        channel: 0,
        number: number.parse().expect("a number"),
        amount: Fen::new(fen),
        received_at: TimestampMs::new(crate::genesis::tests::CREATED_MS),
    })
}

fn left(settled: &Settled) -> &super::settle::Left {
    match settled {
        Settled::Left(left) => left,
        Settled::Done(outcome) => panic!("not left: {outcome:?}"),
    }
}

#[test]
fn what_is_entered_leaves_the_outbox_and_its_receipt_is_kept() {
    let property = Property::new();
    let node = node(&property.ledger);
    let session = property.at(&[&node.url]);
    let outcome = session.submit(money("W1", 500)).expect("entered");
    assert!(matches!(outcome, Outcome::Entered(entered) if entered.log_index == LogIndex::ZERO));
    assert_eq!(property.waiting(), []);
    assert_eq!(property.kept_receipts().len(), 1);
    // With the network gone, the receipt still proves it.
    let offline = property.at(&[&dead_node()]);
    let verify = ReceiptCommand::Verify { files: Vec::new() };
    assert_eq!(crate::receipts::run(&verify, &offline), Ok(()));
    let show = ReceiptCommand::Show { what: "0".into(), out: None };
    assert_eq!(crate::receipts::run(&show, &offline), Ok(()));
    let text = fs::read_to_string(&property.kept_receipts()[0]).expect("text");
    fs::write(&property.kept_receipts()[0], text.replacen("3a", "3b", 1)).expect("writes");
    let spoilt = crate::receipts::run(&verify, &offline).expect_err("does not verify");
    assert_eq!(spoilt.number(), exit::REFUSED);
}

#[test]
fn on_a_dead_network_it_is_kept_and_the_same_command_resumes_it() {
    let property = Property::new();
    let failure = property.at(&[&dead_node()]).submit(money("W1", 500)).expect_err("nobody");
    assert_eq!(failure.number(), exit::UNREACHABLE);
    let waiting = property.waiting();
    assert!(failure.to_string().contains(&waiting[0].short()), "{failure}");
    assert!(property.take().reached_nobody);
    let node = node(&property.ledger);
    let outcome = property.at(&[&node.url]).submit(money("W1", 500)).expect("entered");
    assert!(matches!(outcome, Outcome::Entered(entered) if entered.id == waiting[0]));
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
}

#[test]
fn what_was_written_and_not_sent_is_sent_before_the_next_command() {
    let property = Property::new();
    property.killed_after_writing(money("W1", 500), 0);
    property.killed_after_writing(money("W2", 500), 0);
    let node = node(&property.ledger);
    property.at(&[&node.url]).send_left_overs();
    assert_eq!((property.entries(), property.waiting()), (2, Vec::new()));
    assert_eq!(property.kept_receipts().len(), 2);
}

#[test]
fn what_was_sent_before_the_process_was_killed_is_not_entered_again() {
    let property = Property::new();
    let signed = property.killed_after_writing(money("W1", 500), 0);
    property.ledger.lock().expect("not poisoned").submit(signed.bytes().to_vec()).expect("enters");
    let node = node(&property.ledger);
    let settled = property.retry(&property.at(&[&node.url]));
    assert!(
        matches!(settled, Settled::Done(Outcome::Entered(entered)) if entered.id == signed.id())
    );
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
}

#[test]
fn a_node_that_takes_it_and_dies_or_hangs_up_or_is_in_trouble_is_left_for_the_next() {
    let property = Property::new();
    let good = node(&property.ledger);
    // Takes it, and is dead from then on.
    let dies = listening_node(|line, body| line.starts_with("POST").then(|| pending(body))?);
    // Enters it, and hangs up before it answers.
    let ledger = property.ledger.clone();
    let hangs_up = listening_node(move |line, body| {
        honest(&ledger, line, body);
        None
    });
    let troubled = listening_node(|_, _| Some((500, "{}".into())));
    // Takes everything and knows of nothing.
    let swallows = listening_node(|line, body| match line.starts_with("POST") {
        true => pending(body),
        false => Some((404, "{}".into())),
    });
    for (number, bad) in [("W1", dies), ("W2", hangs_up), ("W3", troubled), ("W4", swallows)] {
        let session = property.at(&[&bad.url, &good.url]);
        let outcome = session.submit(money(number, 500)).expect("entered");
        assert!(matches!(outcome, Outcome::Entered(_)), "{number}: {outcome:?}");
    }
    assert_eq!((property.entries(), property.waiting()), (4, Vec::new()));
}

#[test]
fn a_node_that_lies_about_the_decision_is_not_believed() {
    let property = Property::new();
    let good = node(&property.ledger);
    property.at(&[&good.url]).submit(money("W1", 500)).expect("entered");
    // Says of everything that it is the first entry, and shows that one's receipt.
    let ledger = property.ledger.clone();
    let liar = listening_node(move |line, body| {
        if !line.starts_with("POST") {
            return honest(&ledger, line, body);
        }
        let id = ReceivedTransaction::decode(&body).expect("canonical").id();
        let (height, log_index) = (Some(Height::new(1)), Some(LogIndex::ZERO));
        json(200, &Submitted { id, progress: Progress::Decided, height, log_index })
    });
    let alone = property.at(&[&liar.url]).submit(money("W2", 500)).expect_err("not proven");
    assert_eq!(alone.number(), exit::INCOMPLETE);
    assert!(alone.to_string().contains("receipt is of another entry"), "{alone}");
    assert_eq!((property.entries(), property.waiting().len()), (1, 1));
    let session = property.at(&[&liar.url, &good.url]);
    let outcome = session.submit(money("W2", 500)).expect("entered");
    assert!(matches!(outcome, Outcome::Entered(entered) if entered.log_index == LogIndex::new(1)));
    assert_eq!(property.waiting(), []);
}

#[test]
fn a_refusal_of_what_nobody_else_can_have_is_final() {
    let property = Property::new();
    let good = node(&property.ledger);
    let session = property.at(&[&dead_node(), &good.url]);
    session.submit(money("W1", 500)).expect("entered");
    let outcome = session.submit(money("W1", 600)).expect("an answer");
    assert!(matches!(outcome, Outcome::Refused(problem) if problem.refusal == Some(501)));
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
}

#[test]
fn a_refusal_of_what_another_node_may_have_is_not() {
    let property = Property::new();
    let good = node(&property.ledger);
    property.at(&[&good.url]).submit(money("W1", 500)).expect("entered");
    // The first node takes it in and says nothing; the second refuses it.
    let silent = listening_node(|_, _| None);
    let session = property.at(&[&silent.url, &good.url]);
    // No channel has this number; the members may agree on one yet.
    let no_channel = match money("W2", 600) {
        Action::ReceiveUnidentified(receipt) => {
            Action::ReceiveUnidentified(MoneyReceipt { channel: 9, ..receipt })
        }
        other => other,
    };
    let failure = session.submit(no_channel).expect_err("unknown");
    assert_eq!(failure.number(), exit::INCOMPLETE);
    assert_eq!(property.waiting().len(), 1);
    // What the ledger says already is no matter of who else may have it.
    let settled = property.at(&[&silent.url, &good.url]).submit(money("W1", 500));
    assert!(matches!(settled, Ok(Outcome::AlreadyDone(_))), "{settled:?}");
    assert_eq!(property.waiting().len(), 1);
}

#[test]
fn what_has_expired_is_signed_again() {
    let property = Property::new();
    let old = property.killed_after_writing(money("W1", 500), LONG_AGO_MS);
    let good = node(&property.ledger);
    // By the way, nothing is signed.
    property.at(&[&good.url]).send_left_overs();
    assert_eq!((property.entries(), property.waiting()), (0, vec![old.id()]));
    let settled = property.retry(&property.at(&[&good.url]));
    assert!(matches!(settled, Settled::Done(Outcome::Entered(entered)) if entered.id != old.id()));
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
}

#[test]
fn what_has_expired_but_got_in_is_not_signed_again() {
    let property = Property::new();
    let at = property.ledger.lock().expect("not poisoned").log_size();
    assert_eq!(at, 0);
    // Signed now, entered by a node that nobody can reach any more; the others answer late.
    let signed = property.killed_after_writing(money("W1", 500), 0);
    property.ledger.lock().expect("not poisoned").submit(signed.bytes().to_vec()).expect("enters");
    let ledger = property.ledger.clone();
    let refuses = listening_node(move |line, body| match line.starts_with("POST") {
        true => {
            let expires = TimestampMs::new(1);
            let problem = Problem::refusal(&Refusal::Expired { expires, now: expires });
            json(problem.status, &problem)
        }
        false => honest(&ledger, line, body),
    });
    let settled = property.retry(&property.at(&[&refuses.url]));
    assert!(
        matches!(settled, Settled::Done(Outcome::Entered(entered)) if entered.id == signed.id())
    );
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
}

#[test]
fn without_a_number_of_its_own_it_is_signed_again_only_when_all_nodes_deny_it() {
    let property = Property::new();
    let fee = Action::Propose(Movement::BearChannelFee {
        group_buy: "veg-0105".parse().expect("a name"),
        channel: 0,
        amount: Fen::new(5),
    });
    let old = property.killed_after_writing(fee, LONG_AGO_MS);
    let good = node(&property.ledger);
    let (dead, idle) = (dead_node(), property.at(&[&good.url]));
    // The last block is older than the expiry: an entry could still come.
    assert!(left(&property.retry(&idle)).expired);
    property.ledger.lock().expect("not poisoned").decide(&[]);
    assert!(left(&property.retry(&property.at(&[&good.url, &dead]))).expired);
    assert_eq!(property.waiting(), [old.id()]);
    // Now everybody denies it. (The ledger has no such fee, and says so to the new signature.)
    let settled = property.retry(&property.at(&[&good.url]));
    assert!(matches!(settled, Settled::Done(Outcome::Refused(_))), "{settled:?}");
    assert_eq!(property.waiting(), []);
}

#[test]
fn what_reached_nobody_is_signed_again_without_asking() {
    let property = Property::new();
    property.killed_after_writing(money("W1", 500), LONG_AGO_MS);
    property.take().note(&Heard::Sent, true);
    let good = node(&property.ledger);
    let settled = property.retry(&property.at(&[&good.url, &dead_node()]));
    assert!(matches!(settled, Settled::Done(Outcome::Entered(_))), "{settled:?}");
    let asked = good.requests.lock().expect("not poisoned").clone();
    assert!(!asked.iter().any(|line| line.contains("/v1/status")), "{asked:?}");
}

#[test]
fn killed_while_signing_again_one_of_both_remains() {
    let property = Property::new();
    let old = property.killed_after_writing(money("W1", 500), LONG_AGO_MS);
    let new = property.signer().sign(money("W1", 500), Ledger::time(), 8).expect("signs");
    drop(property.outbox().put(&new, vec![old.id()]).expect("keeps"));
    assert_eq!(property.waiting(), [old.id(), new.id()]);
    let good = node(&property.ledger);
    // The old one comes first, finds its successor, and goes.
    let settled = property.retry(&property.at(&[&good.url]));
    assert!(matches!(settled, Settled::Done(Outcome::AlreadyDone(_))), "{settled:?}");
    assert_eq!(property.waiting(), [new.id()]);
    let settled = property.retry(&property.at(&[&good.url]));
    assert!(matches!(settled, Settled::Done(Outcome::Entered(entered)) if entered.id == new.id()));
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
}

#[test]
fn what_was_superseded_is_told_at_once_although_a_node_still_holds_it() {
    let property = Property::new();
    let good = node(&property.ledger);
    // Entered with the right amount from another computer, after the wrong one had gone out from here.
    let elsewhere = Property { state: tempfile::tempdir().expect("a folder"), ..property };
    let right = elsewhere.at(&[&good.url]).submit(money("W1", 600));
    assert!(matches!(right, Ok(Outcome::Entered(_))), "{right:?}");
    let property = Property { state: tempfile::tempdir().expect("a folder"), ..elsewhere };
    property.killed_after_writing(money("W1", 500), 0);
    let stuck = listening_node(|line, body| match line.starts_with("POST") {
        true => pending(body),
        false => {
            let id = line.split([' ', '/']).find_map(|part| part.parse().ok()).unwrap_or_default();
            let progress = Progress::Pending;
            json(202, &Submitted { id, progress, height: None, log_index: None })
        }
    });
    let settled = property.retry(&property.at(&[&good.url, &stuck.url]));
    let Settled::Done(Outcome::Refused(problem)) = settled else { panic!("{settled:?}") };
    assert_eq!(problem.refusal, Some(501));
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
    // It was asked whether it knows better, and not waited for.
    assert_eq!(stuck.requests.lock().expect("not poisoned").len(), 1);
}

#[test]
fn what_another_process_works_on_is_skipped() {
    let property = Property::new();
    let signed = property.killed_after_writing(money("W1", 500), 0);
    let held = property.take();
    let name = property.outbox().names().expect("a folder").remove(0);
    assert!(matches!(property.outbox().take(&name), Ok(Taken::Busy)));
    let good = node(&property.ledger);
    property.at(&[&good.url]).send_left_overs();
    assert_eq!((property.entries(), property.waiting()), (0, vec![signed.id()]));
    let same = property.at(&[&good.url]).submit(money("W1", 500)).expect_err("being sent");
    assert_eq!(same.number(), exit::INCOMPLETE);
    // It is done by the time that its lock is free.
    held.remove().expect("removes");
    assert!(matches!(property.outbox().take(&name), Ok(Taken::Gone)));
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let property = Property::new();
    property.killed_after_writing(money("W1", 500), 0);
    let folder = property.state.path().join(property.genesis().chain.to_string()).join("outbox");
    let name = property.outbox().names().expect("a folder").remove(0);
    let good = fs::read_to_string(folder.join(format!("{name}.json"))).expect("text");
    let bad = [
        ("1-torn", good[..good.len() / 2].to_owned()),
        ("2-other-id", good.replacen("\"id\":\"", "\"id\":\"0", 1)),
        ("3-spoilt", good.replacen("00000000", "00000001", 1)),
        ("4-later-format", good.replacen("\"version\":1", "\"version\":2", 1)),
        ("5-empty", String::new()),
        ("6-endless", "x".repeat(400_000)),
    ];
    for (name, text) in &bad {
        fs::write(folder.join(format!("{name}.json")), text).expect("writes");
        fs::write(folder.join(format!("{name}.note")), text).expect("writes");
    }
    let listed = property.outbox().list().expect("a folder");
    let damaged: Vec<_> = listed.iter().filter(|listed| listed.content.is_err()).collect();
    assert_eq!(damaged.len(), bad.len(), "{damaged:?}");
    let node = node(&property.ledger);
    property.at(&[&node.url]).send_left_overs();
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
    for (name, _) in &bad {
        assert!(matches!(property.outbox().take(name), Ok(Taken::Damaged(_))), "{name}");
        property.outbox().remove_damaged(name).expect("removes");
    }
    assert_eq!(property.outbox().names(), Ok(Vec::new()));
}

#[test]
fn files_are_private() {
    let property = Property::new();
    property.killed_after_writing(money("W1", 500), 0);
    property.take().note(&Heard::Sent, true);
    let receipts = Receipts::new(property.state.path(), property.genesis().chain);
    receipts.keep(LogIndex::ZERO, &TransactionId::default(), "text").expect("keeps");
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    let chain = property.state.path().join(property.genesis().chain.to_string());
    let mut files = 0;
    for folder in ["outbox", "receipts"] {
        assert_eq!(mode(&chain.join(folder)), 0o700);
        for file in fs::read_dir(chain.join(folder)).expect("a folder") {
            assert_eq!(mode(&file.expect("a file").path()), 0o600);
            files += 1;
        }
    }
    assert_eq!(files, 3);
}

fn money_at(number: &str, fen: u64, received_at: TimestampMs) -> Action {
    match money(number, fen) {
        Action::ReceiveUnidentified(receipt) => {
            Action::ReceiveUnidentified(MoneyReceipt { received_at, ..receipt })
        }
        other => other,
    }
}

#[test]
fn the_same_command_again_is_done_when_what_it_left_gets_in() {
    let property = Property::new();
    let early = money_at("W1", 500, TimestampMs::new(1_767_225_600_000));
    let late = money_at("W1", 500, TimestampMs::new(1_767_225_601_000));
    let signed = property.killed_after_writing(early.clone(), 0);
    // While nobody answers, typing it again makes no second one.
    let offline = property.at(&[&dead_node()]);
    let again = offline.as_said_before(late.clone()).expect("an outbox");
    assert_eq!(again, early);
    assert!(offline.submit(again).is_err());
    assert_eq!(property.waiting(), [signed.id()]);
    // The left-over is sent first; then the command finds its own work done.
    let good = node(&property.ledger);
    let session = property.at(&[&good.url]);
    session.send_left_overs();
    let again = session.as_said_before(late.clone()).expect("an outbox");
    let outcome = session.submit(again).expect("done");
    assert!(matches!(outcome, Outcome::Entered(entered) if entered.id == signed.id()));
    assert_eq!((property.entries(), property.waiting()), (1, Vec::new()));
    // Another amount under the same number is no repetition, and is refused.
    let other = money_at("W1", 600, TimestampMs::new(1_767_225_601_000));
    assert_eq!(session.as_said_before(other.clone()), Ok(other.clone()));
    assert!(matches!(session.submit(other), Ok(Outcome::Refused(_))));
}

#[test]
fn a_node_that_wants_a_token_says_so_at_once() {
    let property = Property::new();
    let good = node(&property.ledger);
    let locked = listening_node(|_, _| json(401, &Problem::new(401, "wrong-token", "who?")));
    let session = property.at(&[&locked.url, &dead_node()]);
    let failure = session.submit(money("W1", 500)).expect_err("not let in");
    assert_eq!(failure.number(), exit::SETUP);
    let text = failure.to_string();
    assert!(text.starts_with("error: this node wants an access token; kept in"), "{text}");
    assert!(text.contains("help: name it with --token-file"), "{text}");
    // It was asked once, and nobody has it.
    assert_eq!(locked.requests.lock().expect("not poisoned").len(), 1);
    assert!(property.take().reached_nobody);
    // Another node takes it.
    let session = property.at(&[&locked.url, &good.url]);
    assert!(matches!(session.submit(money("W1", 500)), Ok(Outcome::Entered(_))));
}

#[test]
fn what_was_heard_is_told_in_the_language_of_whoever_reads_it() {
    let property = Property::new();
    property.killed_after_writing(money("W1", 500), 0);
    let reasons = (0..99).map(|_| Reason::Said("很".repeat(2_000))).chain([Reason::NoBlockYet]);
    let heard = Heard::Unclear { reasons: reasons.collect() };
    lang::within(Language::Zh, || property.take().note(&heard, false));
    let note = property.outbox().list().expect("a folder").remove(0).note;
    let heard = note.heard.expect("a long one fits too");
    assert!(heard.text(|_| None).starts_with("not decided yet: "));
    assert!(heard.text(|_| None).contains("; a node has it, and no block yet"));
    let chinese = lang::within(Language::Zh, || heard.text(|_| None));
    assert!(chinese.contains("；有节点已收到，尚未进入区块"), "{chinese}");
}

#[test]
fn an_import_that_stops_says_what_waits_and_the_same_import_again_finishes_it() {
    let property = Property::new();
    // Too large for two in one transaction, so that each is a transaction of its own.
    let import = |session: &Session| {
        let rows = (2..).zip(["W1", "W2", "W3"]);
        let items = rows.map(|(row, number)| Item {
            rows: vec![row],
            content: money(number, 500),
            bytes: 100_000,
            work: 1,
        });
        let mut report = Report { lines: 3, ..Report::default() };
        let entered = import::enter(
            items.collect(),
            &mut report,
            |problem| problem.detail.clone(),
            |batch| session.submit(batch[0].content.clone()),
        );
        (entered, report)
    };
    // The node hangs up on the second transaction, and never takes it in.
    let ledger = property.ledger.clone();
    let posts = std::cell::Cell::new(0);
    let tired = listening_node(move |line, body| {
        posts.set(posts.get() + usize::from(line.starts_with("POST")));
        if posts.get() > 1 { None } else { honest(&ledger, line, body) }
    });
    let (stopped, report) = import(&property.at(&[&tired.url]));
    assert!(stopped.expect_err("nobody answers").is_kept());
    assert_eq!((report.new, report.in_outbox, report.not_sent), (1, 1, 1));
    assert_eq!(report.lines, report.new + report.in_outbox + report.not_sent);
    assert!(report.stopped().contains("1 signed and waiting in the outbox, 1 not sent"));
    assert_eq!((property.waiting().len(), property.entries()), (1, 1));

    let node = node(&property.ledger);
    let session = property.at(&[&node.url]);
    session.send_left_overs();
    let (finished, report) = import(&session);
    assert_eq!(finished, Ok(()));
    assert_eq!((report.new + report.unchanged, report.in_outbox, report.not_sent), (3, 0, 0));
    assert_eq!((property.waiting().len(), property.entries()), (0, 3), "nothing twice");
}
