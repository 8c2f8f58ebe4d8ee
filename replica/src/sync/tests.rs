#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// The heights that a chain has in these tests.
const TOP: u64 = 300;
/// With seven validators two may lie, and three are asked at once.
const PARALLEL: usize = 3;

fn at(ms: u64) -> SteadyMs {
    SteadyMs::new(1_000_000 + ms)
}

fn everybody(count: usize, last: u64) -> Vec<Candidate> {
    (1..=count).map(|node| Candidate { node, last: Height::new(last) }).collect()
}

fn block(height: Height) -> Vec<u8> {
    height.get().to_le_bytes().to_vec()
}

fn blocks(range: Range, count: usize) -> Vec<Vec<u8>> {
    let heights = (range.first.get()..=range.last.get()).map(Height::new);
    heights.take(count).map(block).collect()
}

/// Plays catching up: each node of 1 to 6 answers with so many blocks after so many milliseconds, or never.
/// Says how long it takes until all blocks are there, and how often each was asked.
fn catch_up(answers: [Option<(usize, u64)>; 6], certified: u64, hurry: bool) -> (u64, Vec<usize>) {
    let mut sync = Sync::new(7);
    sync.certify(Height::new(certified));
    let mut next = Height::new(1);
    let mut under_way: Vec<(u64, NodeId, Range)> = Vec::new();
    let mut asked = vec![0; 7];
    for ms in 0..600_000 {
        for (node, range) in sync.ask(at(ms), next, &everybody(6, TOP), PARALLEL, hurry) {
            asked[node] += 1;
            if let Some((_, after)) = answers[node - 1] {
                under_way.push((ms + after, node, range));
            }
        }
        while let Some(position) = under_way.iter().position(|(due, ..)| *due <= ms) {
            let (_, node, range) = under_way.remove(position);
            let count = answers[node - 1].unwrap().0;
            let said = (range.first, Height::new(TOP));
            assert!(sync.take(at(ms), node, next, said, blocks(range, count)));
            if count > 0 {
                sync.trust(node);
            }
            while let Some((_, bytes)) = sync.pop(next) {
                assert_eq!(bytes, block(next));
                next = next.next();
            }
        }
        if next > Height::new(TOP) {
            return (ms, asked);
        }
    }
    panic!("stays at {next}");
}

const GOOD: Option<(usize, u64)> = Some((BLOCKS_MAX, 30));

#[test]
fn honest_nodes_are_asked_for_different_ranges() {
    let (ms, asked) = catch_up([GOOD; 6], TOP, true);
    assert!(ms < 300, "took {ms} ms");
    assert!(asked.iter().sum::<usize>() <= 8, "{asked:?}");
}

#[test]
fn two_who_keep_silent_or_give_one_block_at_a_time_hold_nobody_up() {
    for liar in [None, Some((0, 1)), Some((1, 900))] {
        for hurry in [false, true] {
            let (ms, asked) = catch_up([liar, liar, GOOD, GOOD, GOOD, GOOD], TOP, hurry);
            // At a block every 0.9 s from both of them it would be more than two minutes.
            assert!(ms < 5_000, "{liar:?} took {ms} ms, {asked:?}");
        }
    }
}

#[test]
fn a_liar_about_heights_is_asked_and_the_others_are_not_held_up() {
    let mut sync = Sync::new(4);
    let next = Height::new(8);
    let honest = Candidate { node: 2, last: Height::new(8) };
    let liar = Candidate { node: 1, last: Height::new(u64::MAX) };
    // No certificate proves anything, so both are asked for the block that is lacking.
    let asked = sync.ask(at(0), next, &[liar, honest], 2, true);
    assert_eq!(asked.len(), 2);
    let of_honest = asked.iter().find(|(node, _)| *node == 2).unwrap().1;
    assert_eq!(of_honest, Range { first: next, last: next });
    let said = |last: u64| (next, Height::new(last));
    assert!(sync.take(at(1), 1, next, said(u64::MAX), Vec::new()), "an answer, and no block");
    assert!(sync.take(at(1), 2, next, said(8), vec![block(next)]));
    assert_eq!(sync.pop(next), Some((2, block(next))));
    assert_eq!(sync.certified(), Height::ZERO, "nobody's word is proof");
}

#[test]
fn nobody_is_asked_again_before_all_others_were() {
    let mut sync = Sync::new(7);
    sync.certify(Height::new(TOP));
    let mut order = Vec::new();
    for ms in 0..20_000 {
        let candidates = everybody(6, TOP);
        let asked = sync.ask(at(ms), Height::new(1), &candidates, PARALLEL, true);
        order.extend(asked.into_iter().map(|(node, _)| node));
    }
    let mut first: Vec<_> = order.iter().take(6).copied().collect();
    first.sort_unstable();
    assert_eq!(first, [1, 2, 3, 4, 5, 6], "{order:?}");
    let mut second: Vec<_> = order.iter().skip(6).take(6).copied().collect();
    second.sort_unstable();
    assert_eq!(second, [1, 2, 3, 4, 5, 6], "silence is asked again in the end: {order:?}");
}

#[test]
fn a_late_answer_counts_and_an_answer_that_nobody_asked_for_does_not() {
    let mut sync = Sync::new(7);
    sync.certify(Height::new(TOP));
    let next = Height::new(1);
    let asked = sync.ask(at(0), next, &everybody(6, TOP), PARALLEL, true);
    let (late, range) = *asked.iter().find(|(_, range)| range.first == next).unwrap();
    for ms in 1..3_500 {
        sync.ask(at(ms), next, &everybody(6, TOP), PARALLEL, true);
    }
    let top = Height::new(TOP);
    let seventh = Height::new(7);
    assert!(!sync.take(at(3_500), late, next, (seventh, top), vec![block(seventh)]), "others");
    assert!(sync.take(at(3_500), late, next, (next, top), blocks(range, 3)));
    assert!(!sync.take(at(3_500), late, next, (next, top), blocks(range, 3)), "twice");
    assert_eq!(sync.pop(next), Some((late, block(next))));
    assert!(!sync.take(at(3_500), 0, next, (next, top), blocks(range, 3)), "was never asked");
}

#[test]
fn what_a_node_brought_that_turns_out_wrong_is_asked_of_others() {
    let mut sync = Sync::new(7);
    sync.certify(Height::new(TOP));
    let next = Height::new(1);
    let asked = sync.ask(at(0), next, &everybody(6, TOP), PARALLEL, true);
    let (liar, range) = *asked.iter().find(|(_, range)| range.first == next).unwrap();
    let said = (next, Height::new(TOP));
    assert!(sync.take(at(1), liar, next, said, blocks(range, BLOCKS_MAX)));
    sync.pop(next).unwrap();
    sync.distrust(liar, at(1));
    assert_eq!(sync.pop(next.next()), None);
    let again = sync.ask(at(1), next, &everybody(6, TOP), PARALLEL, true);
    assert!(again.iter().any(|(node, range)| *node != liar && range.first == next), "{again:?}");
}

#[test]
fn blocks_that_wait_take_bounded_memory() {
    let mut sync = Sync::new(7);
    sync.certify(Height::new(TOP));
    let (next, large) = (Height::new(1), vec![0; WAITING_BYTES_MAX / 4]);
    // Everything comes but the block that is next.
    let (mut asked_beyond, mut fullest) = (0, 0);
    for ms in 0..30_000 {
        for (node, range) in sync.ask(at(ms), next, &everybody(6, TOP), PARALLEL, true) {
            if range.first > next {
                asked_beyond += 1;
                let said = (range.first, Height::new(TOP));
                sync.take(at(ms), node, next, said, vec![large.clone()]);
                fullest = fullest.max(sync.waiting_bytes);
            }
        }
    }
    assert!(asked_beyond >= 3, "{asked_beyond}");
    assert!(fullest <= WAITING_BYTES_MAX + PARALLEL * large.len(), "{fullest}");
    sync.rest();
    assert_eq!((sync.waiting_bytes, sync.is_busy()), (0, false));
}

/// With few validators, or few connections, everybody who could be asked is asked already.
#[test]
fn who_gives_nothing_of_use_is_left_out_also_where_nobody_else_is_left() {
    for gives_junk in [false, true] {
        let mut sync = Sync::new(3);
        let next = Height::new(8);
        sync.certify(next);
        let candidates = [1, 2].map(|node| Candidate { node, last: next });
        let mut honest_asked = None;
        for ms in 0..2_000 {
            for (node, range) in sync.ask(at(ms), next, &candidates, PARALLEL, false) {
                if node == 2 {
                    honest_asked = honest_asked.or(Some(ms));
                } else {
                    // The liar has the smaller number and answers at once.
                    let junk = if gives_junk { vec![vec![0]] } else { Vec::new() };
                    assert!(sync.take(at(ms), node, next, (range.first, next), junk));
                    if sync.pop(next).is_some() {
                        sync.distrust(node, at(ms));
                    }
                }
            }
        }
        assert!(honest_asked.is_some_and(|ms| ms <= 200), "{gives_junk}: {honest_asked:?}");
    }
}
