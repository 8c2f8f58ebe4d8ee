//! Whole clusters under a false clock, network and disk: what must hold through every fault.

use ledger_core::{
    consensus::Step,
    types::{Height, Round},
};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};
use tests::{
    clock::{MILLISECOND, SECOND},
    cluster::{Cluster, Setup},
    disk::Tear,
    scenario::{Kind, Scenario},
};

/// Seeds that every run of the tests plays: sixteen of each mix of faults.
const SEEDS: std::ops::Range<u64> = 0..16 * Kind::ALL.len() as u64;

fn busy(seed: u64, validators: usize) -> Setup {
    let mut setup = Setup::calm(seed, validators);
    setup.work.group_buys_max = 20;
    setup
}

/// Every honest machine gets so many blocks further.
#[track_caller]
fn goes_on(cluster: &mut Cluster, blocks: u64) {
    let goal = Height::new(cluster.top().get() + blocks);
    let reached = cluster.run_until(120 * SECOND, |cluster| cluster.all_reached(goal));
    cluster.assert_sound();
    assert!(reached, "not all have reached {goal}{}", cluster.standing());
}

#[test]
fn every_seed_is_safe_and_live() {
    let next = AtomicU64::new(SEEDS.start);
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let play = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !SEEDS.contains(&seed) {
                return failures;
            }
            failures.extend(Scenario::of(seed).run().err());
        }
    };
    let failures: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(play)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("panics are caught")).collect()
    });
    let texts: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert!(texts.is_empty(), "{} of {SEEDS:?}:\n{}", texts.len(), texts.join("\n"));
}

/// A pause on top of a longer one once ended both and let a disk tell of its writes in another order.
#[test]
fn pauses_upon_pauses_change_no_order() {
    for seed in [409, 565, 695, 825] {
        let outcome = Scenario::of(seed).run();
        assert!(outcome.is_ok(), "{}", outcome.expect_err("just looked"));
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for kind in [Kind::Chaos, Kind::Equivocator, Kind::Partitions] {
        let run = || Scenario::of_kind(4_711, kind).run();
        let report = run().expect("a sound run");
        assert!(report.events > 1_000, "{} is too short to tell", kind.name());
        assert_eq!(Ok(report), run());
    }
}

#[test]
fn different_seeds_are_different_runs() {
    let traces: BTreeSet<_> = (100..120)
        .map(|seed| Scenario::of_kind(seed, Kind::Calm).run().expect("a sound run").trace)
        .collect();
    assert_eq!(traces.len(), 20);
}

#[test]
fn a_group_buy_goes_from_filing_to_closing() {
    let mut setup = Setup::calm(1, 4);
    setup.work.group_buys_max = 2;
    setup.work.households = 6;
    setup.design.followers = 1;
    let mut cluster = Cluster::new(setup);
    let done = cluster.run_until(90 * SECOND, |cluster| cluster.group_buys_closed() == 2);
    cluster.assert_sound();
    assert!(done, "{} closed{}", cluster.group_buys_closed(), cluster.standing());
    // Two times six households order, pay and are confirmed; the rest of the course adds to that.
    assert!(cluster.checks().transactions() > 2 * 6 * 3 + 20);
}

#[test]
fn proposer_that_crashes_after_voting_does_not_vote_differently_after_restart() {
    let mut crashed_while_voting = 0;
    for seed in 0..12 {
        let tear = [Tear::Lost, Tear::Torn, Tear::Unreported][seed as usize % 3];
        let mut cluster = Cluster::new(busy(seed, 4));
        cluster.run_for(SECOND);
        for _ in 0..4 {
            // The proposer has signed its proposal or its vote, and the guard is being written.
            let proposer = |cluster: &Cluster| {
                (0..4).find(|machine| {
                    cluster.replica(*machine).is_some_and(|replica| {
                        let consensus = replica.consensus();
                        let turn = consensus.validators().proposer(consensus.height(), Round::ZERO);
                        consensus.me() == Some(turn)
                            && consensus.step() > Step::Waiting
                            && cluster.is_writing(*machine)
                    })
                })
            };
            assert!(cluster.run_until(60 * SECOND, |cluster| proposer(cluster).is_some()));
            let machine = proposer(&cluster).expect("just found");
            cluster.crash(machine, tear);
            crashed_while_voting += 1;
            cluster.run_for(200 * MILLISECOND);
            cluster.start(machine);
            goes_on(&mut cluster, 2);
        }
    }
    assert_eq!(crashed_while_voting, 48);
}

#[test]
fn two_of_four_down_the_chain_waits_and_goes_on_when_one_returns() {
    let mut cluster = Cluster::new(busy(2, 4));
    goes_on(&mut cluster, 5);
    cluster.crash(2, Tear::Torn);
    cluster.crash(3, Tear::Lost);
    // What was on its way may still decide the height that had begun.
    cluster.run_for(2 * SECOND);
    let stopped_at = cluster.top();
    cluster.run_for(30 * SECOND);
    assert_eq!(cluster.top(), stopped_at, "two of four decide nothing");
    cluster.start(3);
    let goal = Height::new(stopped_at.get() + 3);
    let went_on = |cluster: &Cluster| cluster.top() >= goal;
    assert!(cluster.run_until(30 * SECOND, went_on), "{}", cluster.standing());
    cluster.start(2);
    goes_on(&mut cluster, 2);
}

#[test]
fn a_node_away_for_many_blocks_catches_up() {
    for down in [0, 3, 4] {
        let mut setup = busy(3, 4);
        setup.design.followers = 1;
        let mut cluster = Cluster::new(setup);
        cluster.crash(down, Tear::Lost);
        let goal = Height::new(80);
        assert!(cluster.run_until(120 * SECOND, |cluster| cluster.top() >= goal));
        cluster.start(down);
        let caught_up = cluster.run_until(10 * SECOND, |cluster| cluster.all_reached(goal));
        cluster.assert_sound();
        assert!(caught_up, "{}", cluster.standing());
        goes_on(&mut cluster, 2);
    }
}

#[test]
fn answers_that_take_longer_than_the_patience_of_a_node_still_bring_it_up() {
    let mut setup = busy(4, 4);
    setup.network.latency_min = 1_500 * MILLISECOND;
    setup.network.latency_max = 1_600 * MILLISECOND;
    let mut cluster = Cluster::new(setup);
    cluster.crash(3, Tear::Lost);
    let goal = Height::new(5);
    assert!(cluster.run_until(300 * SECOND, |cluster| cluster.top() >= goal));
    cluster.start(3);
    let caught_up = cluster.run_until(30 * SECOND, |cluster| cluster.all_reached(goal));
    cluster.assert_sound();
    assert!(caught_up, "{}", cluster.standing());
}

#[test]
fn restored_old_disk_image_does_not_vote_twice() {
    for seed in 0..8 {
        let mut cluster = Cluster::new(busy(seed, 4));
        goes_on(&mut cluster, 3);
        cluster.keep_image(1);
        goes_on(&mut cluster, 3 + seed % 3);
        // It stops in the middle of a height, with votes of its own on the way.
        let voting = |cluster: &Cluster| {
            cluster.replica(1).is_some_and(|replica| replica.consensus().step() >= Step::Prevote)
        };
        assert!(cluster.run_until(30 * SECOND, voting));
        cluster.crash(1, Tear::Lost);
        assert!(cluster.restore_image(1));
        cluster.start(1);
        goes_on(&mut cluster, 4);
        assert!(cluster.replica(1).is_some_and(|replica| replica.consensus().may_sign()));
    }
}

#[test]
fn a_lost_guard_is_found_out_and_bars_the_height_that_was_voted_on() {
    let mut cluster = Cluster::new(busy(5, 4));
    cluster.checks_mut().tolerate(|tolerance| tolerance.guards = true);
    goes_on(&mut cluster, 3);
    cluster.crash(2, Tear::Lost);
    cluster.crash(3, Tear::Lost);
    // Two go on voting at a height that they cannot decide.
    cluster.run_for(10 * SECOND);
    let height = cluster.replica(0).expect("it runs").consensus().height();
    assert!(cluster.replica(0).is_some_and(|r| r.consensus().step() >= Step::Prevote));
    cluster.start(2);
    // The third hears what the first has said; had it known less, nobody could have told.
    let heard = |cluster: &Cluster| {
        let (Some(first), Some(third)) = (cluster.replica(0), cluster.replica(2)) else {
            return false;
        };
        let me = first.consensus().me().expect("a validator");
        third.consensus().latest_from(me).is_some()
    };
    assert!(cluster.run_until(SECOND, heard));
    cluster.crash(0, Tear::Lost);
    cluster.lose_guard(0);
    cluster.start(0);
    let told = |cluster: &Cluster| {
        cluster
            .checks()
            .alarms()
            .iter()
            .any(|(_, machine, text)| *machine == 0 && text.contains("signing is barred"))
    };
    assert!(cluster.run_until(10 * SECOND, told), "{}", cluster.standing());
    let barred = cluster.replica(0).and_then(|replica| replica.consensus().barred_through());
    assert_eq!(barred, Some(height));
    cluster.start(3);
    goes_on(&mut cluster, 3);
    assert!(cluster.replica(0).is_some_and(|replica| replica.consensus().may_sign()));
}

#[test]
fn power_failure_of_every_node() {
    for seed in 0..6 {
        let mut cluster = Cluster::new(busy(seed, 4));
        cluster.run_for(SECOND);
        for failure in 0..6 {
            cluster.run_for((137 + 211 * failure) * MILLISECOND);
            for machine in 0..4 {
                let tear =
                    [Tear::Lost, Tear::Torn, Tear::Unreported][(machine + failure as usize) % 3];
                cluster.crash(machine, tear);
            }
            for machine in 0..4 {
                cluster.start(machine);
            }
        }
        goes_on(&mut cluster, 4);
    }
}

#[test]
fn skewed_clock_is_reported_and_does_not_stop_the_chain() {
    for skew_ms in [60_000, -60_000] {
        let mut setup = busy(6, 4);
        setup.clocks = vec![(0, 0), (skew_ms, 0), (0, 0), (0, 0)];
        setup.tolerance.clocks = true;
        let mut cluster = Cluster::new(setup);
        goes_on(&mut cluster, 12);
        let told = cluster
            .checks()
            .alarms()
            .iter()
            .any(|(_, machine, text)| *machine != 1 && text.contains("check clocks"));
        assert!(told, "nobody was told of the clock");
        let offset = cluster.replica(1).and_then(|replica| replica.clock_offset_ms());
        let offset = offset.expect("it hears others");
        assert!((offset - skew_ms).abs() < 1_000, "off by {offset}");
    }
}

#[test]
fn idle_chain_is_quiet() {
    let mut cluster = Cluster::new(Setup::calm(7, 4));
    // The chain was founded a heartbeat ago.
    assert!(cluster.run_until(5 * SECOND, |cluster| cluster.all_reached(Height::new(1))));
    let events = cluster.trace().events();
    cluster.run_for(50 * SECOND);
    assert_eq!(cluster.top(), Height::new(1));
    // Four nodes tell three others every two seconds what they have, and that is all.
    let views = 50 / 2 * 4 * 3;
    let ticks = 4 * 50;
    assert!(cluster.trace().events() - events < views + ticks, "{}", cluster.trace().events());
    // With the next heartbeat there is a block, so the wait was long enough to see one.
    assert!(cluster.run_until(15 * SECOND, |cluster| cluster.all_reached(Height::new(2))));
    cluster.assert_sound();
}

#[test]
fn a_node_that_is_held_up_for_a_moment_does_not_wait_for_the_regular_exchange() {
    const STEP: u64 = 5 * MILLISECOND;
    const HELD_UP: u64 = 50 * MILLISECOND;
    // Less than the quarter of a second between two views.
    const PATIENCE: u64 = HELD_UP + 130 * MILLISECOND;
    for seed in 0..4 {
        let mut setup = busy(seed, 4);
        setup.work.filing_interval = 20 * MILLISECOND;
        let mut cluster = Cluster::new(setup);
        // By then all have met.
        goes_on(&mut cluster, 5);
        // The height of each node that others are past, and since when they are.
        let mut passed = [None; 4];
        for step in 0..600 {
            if step % 40 == 0 {
                cluster.stall(step / 40 % 4, HELD_UP);
            }
            cluster.run_for(STEP);
            for (node, passed) in passed.iter_mut().enumerate() {
                let height = cluster.height(node).filter(|height| *height < cluster.top());
                let since = passed.filter(|(at, _)| Some(*at) == height);
                *passed = height.map(|at| since.unwrap_or((at, cluster.now())));
                if let Some((at, since)) = *passed {
                    let waited = cluster.now() - since;
                    assert!(waited < PATIENCE, "{node} stays at {at}, seed {seed}");
                }
            }
        }
        assert!(cluster.top() > Height::new(40), "too few blocks to tell: {}", cluster.top());
        cluster.assert_sound();
    }
}

#[test]
fn evidence_against_an_equivocator_ends_on_the_ledger() {
    let mut cluster = Cluster::new(busy(8, 4));
    cluster.make_equivocator(2);
    goes_on(&mut cluster, 20);
    assert!(cluster.checks().provable() > 0, "it showed both messages to somebody");
    assert!(cluster.convictions() > 0);
}

#[test]
fn more_evidence_than_is_kept_against_one_validator_does_not_stop_the_chain() {
    let mut cluster = Cluster::new(busy(9, 4));
    cluster.make_equivocator(1);
    let all = cluster.run_until(300 * SECOND, |cluster| cluster.convictions() >= 16);
    assert!(all, "{} convictions{}", cluster.convictions(), cluster.standing());
    goes_on(&mut cluster, 20);
    assert_eq!(cluster.convictions(), 16);
}

#[test]
fn a_key_in_use_twice_does_not_fork_the_chain() {
    let mut cluster = Cluster::new(busy(10, 4));
    cluster.add_twin(3);
    goes_on(&mut cluster, 30);
}

#[test]
fn a_withholder_slows_the_chain_and_does_not_stop_it() {
    let mut cluster = Cluster::new(busy(11, 4));
    cluster.make_withholder(0);
    goes_on(&mut cluster, 10);
    cluster.crash(2, Tear::Torn);
    cluster.run_for(20 * SECOND);
    cluster.start(2);
    goes_on(&mut cluster, 4);
}

/// Whoever has decided passes the decision on; nobody depends on the one who talks most.
#[test]
fn liars_that_keep_one_node_behind_do_not_halt_the_chain() {
    let mut silent = 0;
    for (validators, liars) in [(4, 1), (7, 2)] {
        for (seed, lag) in [(1, 2), (2, 2), (3, 2), (4, 2), (5, 1)] {
            let mut cluster = Cluster::new(busy(seed, validators));
            goes_on(&mut cluster, 2);
            let victim = 0;
            for liar in validators - liars..validators {
                cluster.make_obstructor(liar, victim, lag);
            }
            // Each proposes behind its back, helps the others, and falls silent if that has left it behind.
            cluster.run_until(20 * SECOND, |cluster| cluster.obstructors_silent() == liars);
            goes_on(&mut cluster, 4 * validators as u64);
            silent += cluster.obstructors_silent();
        }
    }
    assert!(silent > 0, "nobody was kept behind even for a moment");
}

#[test]
fn a_node_catches_up_although_two_of_seven_hand_out_a_block_now_and_then() {
    const MISSED: u64 = 150;
    for seed in 0..3 {
        let mut setup = busy(seed, 7);
        setup.work.filing_interval = 20 * MILLISECOND;
        setup.work.group_buys_max = 400;
        let mut cluster = Cluster::new(setup);
        goes_on(&mut cluster, 2);
        cluster.make_trickler(1);
        cluster.make_trickler(2);
        cluster.crash(0, Tear::Lost);
        let away = Height::new(cluster.top().get() + MISSED);
        assert!(cluster.run_until(300 * SECOND, |cluster| cluster.top() >= away));
        cluster.start(0);
        // One after the other these blocks would take more than two minutes from those two.
        let caught_up = cluster.run_until(15 * SECOND, |cluster| cluster.height(0) >= Some(away));
        assert!(caught_up, "seed {seed}{}", cluster.standing());
        cluster.assert_sound();
    }
}
