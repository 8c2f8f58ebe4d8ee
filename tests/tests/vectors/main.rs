//! Golden vectors: every format of docs/wire-format.md, frozen.
//!
//! `TUANZHANG_WRITE_VECTORS=1 cargo test -p tests --test vectors` writes them anew, which is a change of
//! format and belongs into CHANGELOG.md. A small archive among them is also what the auditor is tested on:
//! no byte of it can change unseen. [`life`] is a whole life, with every way in which money moves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod life;

use chain::{CREATED_MS, Chain, key};
use ledger_core::{
    audit::{Checkpoint, Manifest, RecordReader, Verdict, archive_file_name, record},
    codec::{List, decode, encode},
    consensus::{Vote, VoteKind},
    fund::{
        Action, Filing, FilingDecision, LineRequest, Minimum, Offer, OrderRequest, ShortRule,
        Split, household_tag,
    },
    merkle::{Frontier, entry_hash},
    receipt::Receipt,
    types::{
        BusinessDate, DurationMs, Fen, Height, MemberId, Quantity, Round, TimestampMs, Unit,
        UnitPrice, ValidatorIndex,
    },
};
use serde_json::{Value, json};

/// A filing, its approvals, and two orders.
fn with_orders() -> Chain {
    let mut chain = Chain::new();
    let filing = filing();
    let (group_buy, digest) = (filing.group_buy, filing.digest());
    let decide = |decision| Action::DecideFiling { group_buy, filing: digest, decision };
    chain.next_at(1_000);
    chain.says(4, Action::File(filing));
    chain.decide();
    chain.next_at(2_000);
    chain.says(0, decide(FilingDecision::Approve));
    chain.says(1, decide(FilingDecision::Approve));
    chain.says(2, decide(FilingDecision::Accept));
    chain.decide();
    chain.next_at(3_000);
    let order = |number: &str, household: &str, quantity| OrderRequest {
        order: number.parse().unwrap(),
        household: household_tag(&[8; 32], household, &[9; 16]),
        delivery_code: None,
        replaces: None,
        lines: List::new(vec![LineRequest { offer: 0, quantity: Quantity::new(quantity) }])
            .unwrap(),
    };
    let orders = List::new(vec![order("A-1", "3-201", 1_500), order("A-2", "3-202", 600)]);
    let orders = orders.unwrap();
    chain.says(4, Action::Order { group_buy, filing: digest, orders });
    chain.decide();
    chain
}

fn filing() -> Filing {
    let price = UnitPrice::new;
    let time = |hours: u64| TimestampMs::new(CREATED_MS + hours * 3_600_000);
    let split = Split {
        goods: price(900),
        leader: price(60),
        property: price(30),
        delivery: price(50),
        packing: price(10),
    };
    let item = "spinach".parse().unwrap();
    let (price, quote) = (price(1050), price(900));
    let offer =
        Offer { item, unit: Unit::Weight, price, quote, split, stock: Some(90_000), cap: None };
    Filing {
        group_buy: "vegetables-1".parse().unwrap(),
        business_date: BusinessDate::new(20_260_101),
        supplier: MemberId::new(2),
        delivery: MemberId::new(4),
        packing: MemberId::new(4),
        property: MemberId::new(0),
        offers: List::new(vec![offer]).unwrap(),
        cut_off: time(24),
        confirm_by: time(30),
        deliver_by: time(72),
        minimum: Minimum { households: 2, amount: Fen::new(1_000) },
        after_sale_window: DurationMs::new(86_400_000),
        retention_basis_points: 1_000,
        short_rule: ShortRule::Proportional,
        relation_declared: false,
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(bytes)
}

fn vectors() -> Value {
    let mut chain = with_orders();
    let life = life::whole();
    let transaction = chain.sign(4, Action::File(filing()));
    let body = encode(transaction.transaction());
    let header = chain.blocks[0].block.header.clone();
    let mut log = Frontier::default();
    let roots: Vec<_> = (0u8..5)
        .map(|i| {
            let root = log.root().to_string();
            log.append(entry_hash(&[i]));
            root
        })
        .collect();
    let members = chain.genesis.members.clone();
    let validators = &chain.genesis.validators;
    let proposers: Vec<_> = (0..10)
        .map(|turn| {
            validators.proposer(Height::new(turn / 3), Round::new((turn - turn / 3) as u32))
        })
        .collect();
    let manifest = |chain: &Chain| {
        let tip = chain.state.tip();
        let files = vec![archive_file_name(Height::new(1))];
        Manifest { chain: chain.genesis.chain, first: Height::new(1), last: tip.height, files }
            .to_text()
    };
    json!({
        "about": "docs/wire-format.md section 11; all bytes in hex",
        "key": { "seed": hex([5; 32]), "public": key(5).public_key() },
        "genesis": {
            "toml": chain.genesis.to_toml(),
            "founding_id": chain.genesis.founding,
            "chain_id": chain.genesis.chain,
            "validator_set": hex(encode(validators)),
            "validator_set_hash": validators.hash(),
            "proposers_of_turns_0_to_9": proposers,
        },
        "transaction": {
            "json": transaction.transaction(),
            "body": hex(&body),
            "id": transaction.id(),
            "signature": transaction.signed().signature,
            "entry_hash": transaction.entry(),
        },
        "header": { "json": header, "bytes": hex(encode(&header)), "hash": header.hash() },
        "certificate": hex(encode(&chain.blocks[0].certificate)),
        "log_roots_of_entries_00_to_04": roots,
        "first_member_record": hex(encode(&(MemberId::new(0), members[0].clone()))),
        "state_root_of_genesis": chain.genesis.initial_state().0.tip().state_root,
        "receipt_of_entry_2": chain.receipt(2).to_text(),
        "archive": {
            "manifest": manifest(&chain),
            "blocks": hex(chain.records().iter().flat_map(|block| record(block)).collect::<Vec<_>>()),
            "state_root": chain.state.tip().state_root,
        },
        "life": {
            "manifest": manifest(&life.chain),
            "blocks": life.told(),
            "states": life.states,
            "receipt_of_entry_20": life.chain.receipt(20).to_text(),
        },
    })
}

#[test]
fn formats_have_not_drifted() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v1.json");
    let now = vectors();
    if std::env::var_os("TUANZHANG_WRITE_VECTORS").is_some() {
        std::fs::write(path, format!("{now:#}\n")).unwrap();
    }
    let frozen: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (part, value) in frozen.as_object().unwrap() {
        assert_eq!(value, &now[part], "format of {part}");
    }
    assert_eq!(frozen, now);
}

#[test]
fn receipts_prove_their_entry_and_nothing_else() {
    let chain = with_orders();
    let (id, founders) = (&chain.genesis.chain, &chain.genesis.validators);
    for index in 0..chain.state.log().size() {
        let receipt = chain.receipt(index);
        let text = receipt.to_text();
        assert_eq!(Receipt::from_text(&text).unwrap(), receipt);
        let entry = receipt.verify(id, founders).unwrap();
        assert_eq!(encode(&entry), receipt.entry.as_bytes());
        let bytes = encode(&receipt);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let proves = decode::<Receipt>(&changed)
                .is_ok_and(|receipt| receipt.verify(id, founders).is_ok());
            assert!(!proves, "byte {at} of the receipt of entry {index}");
        }
    }
}

#[test]
fn no_byte_of_an_archive_can_change_unseen() {
    let chain = with_orders();
    let records = chain.records();
    assert_eq!(chain.audit(&records, None), Verdict::Intact);
    let file: Vec<u8> = records.iter().flat_map(|block| record(block)).collect();
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        let read: Result<Vec<_>, _> = RecordReader::new(&changed[..]).collect();
        // A file that cannot be cut into records is not intact either.
        let verdict = read.map_or(Verdict::Tampered, |read| chain.audit(&read, None));
        assert_ne!(verdict, Verdict::Intact, "byte {at}");
    }
}

#[test]
fn gaps_and_cuts_are_incomplete_and_a_checkpoint_shows_a_cut() {
    let chain = with_orders();
    let records = chain.records();
    let gap = [records[0].clone(), records[2].clone()];
    assert_eq!(chain.audit(&gap, None), Verdict::Incomplete);
    assert_eq!(chain.audit(&records[1..], None), Verdict::Incomplete);
    let repeated = [records[0].clone(), records[0].clone()];
    assert_eq!(chain.audit(&repeated, None), Verdict::Tampered);
    // Without a checkpoint a tail cut at a block cannot be seen.
    assert_eq!(chain.audit(&records[..2], None), Verdict::Intact);
    let checkpoint = |index| Checkpoint::from_text(&chain.receipt(index).to_text()).unwrap();
    assert_eq!(chain.audit(&records[..2], Some(checkpoint(4))), Verdict::Incomplete);
    assert_eq!(chain.audit(&records, Some(checkpoint(4))), Verdict::Intact);
    let text = checkpoint(4).to_text();
    assert_eq!(Checkpoint::from_text(&text).unwrap(), checkpoint(4));
}

#[test]
fn a_quorum_is_not_enough_where_a_signature_is_wrong() {
    let chain = with_orders();
    let mut block = chain.blocks[0].clone();
    let mut signatures = block.certificate.signatures.to_vec();
    signatures[3].1 = signatures[2].1;
    block.certificate.signatures = List::new(signatures).unwrap();
    assert_eq!(chain.audit(&[encode(&block)], None), Verdict::Tampered);
}

/// The way out of bincode: another library writes and reads the same bytes.
mod wincode_writes_the_same {
    use super::*;

    #[derive(wincode::SchemaWrite, wincode::SchemaRead, PartialEq, Debug)]
    struct MirrorVote {
        height: u64,
        round: u32,
        kind: MirrorKind,
        block: Option<[u8; 32]>,
        validator: u16,
    }

    #[derive(wincode::SchemaWrite, wincode::SchemaRead, PartialEq, Debug)]
    enum MirrorKind {
        Prevote,
        Precommit,
    }

    #[derive(wincode::SchemaWrite, wincode::SchemaRead, PartialEq, Debug)]
    struct MirrorNote {
        group_buy: [u8; 16],
        accepted: Vec<(u16, u64)>,
    }

    #[test]
    fn votes_and_lists() {
        for block in [None, Some([3; 32])] {
            let vote = Vote {
                height: Height::new(7),
                round: Round::new(2),
                kind: VoteKind::Precommit,
                block: block.map(ledger_core::crypto::BlockHash::new),
                validator: ValidatorIndex::new(3),
            };
            let kind = MirrorKind::Precommit;
            let mirror = MirrorVote { height: 7, round: 2, kind, block, validator: 3 };
            let bytes = wincode::serialize(&mirror).unwrap();
            assert_eq!(bytes, encode(&vote));
            assert_eq!(wincode::deserialize::<MirrorVote>(&bytes).unwrap(), mirror);
        }
        let note = ledger_core::fund::GoodsNote {
            group_buy: "gb".parse().unwrap(),
            accepted: List::new(vec![(1, 10), (4, 0)]).unwrap(),
        };
        let mut group_buy = [0; 16];
        group_buy[..2].copy_from_slice(b"gb");
        let mirror = MirrorNote { group_buy, accepted: vec![(1, 10), (4, 0)] };
        assert_eq!(wincode::serialize(&mirror).unwrap(), encode(&note));
    }
}
