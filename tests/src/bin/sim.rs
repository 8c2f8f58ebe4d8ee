//! `sim`: runs simulations by seed, one line each.

use std::process::ExitCode;
use tests::scenario::{Failure, Report, Scenario};

const USAGE: &str = "\
usage: sim (--seed N | --seeds A..B) [--json]

Runs clusters of replicas under a false clock, network and disk. Each seed is one scenario; the same
seed gives the same run. Exits with 0 if all is well, 1 if a seed found something, 2 on wrong usage.

  --seed N       one seed
  --seeds A..B   the seeds from A up to, not including, B
  --json         one JSON object for each seed";

/// All is well.
const EXIT_OK: u8 = 0;
/// A seed found something.
const EXIT_FOUND: u8 = 1;
/// The command line makes no sense.
const EXIT_USAGE: u8 = 2;

struct Options {
    seeds: std::ops::Range<u64>,
    json: bool,
}

enum Wish {
    Help,
    Run(Options),
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut arguments = arguments;
    let mut seeds = None;
    let mut json = false;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(Wish::Help),
            "--json" => json = true,
            "--seed" => {
                let seed = number(&value()?)?;
                let end = seed.checked_add(1).ok_or("the seed is too large")?;
                seeds = Some(seed..end);
            }
            "--seeds" => {
                let text = value()?;
                let (from, to) =
                    text.split_once("..").ok_or_else(|| format!("{text} is no range A..B"))?;
                let (from, to) = (number(from)?, number(to)?);
                if from >= to {
                    return Err(format!("the range {text} is empty"));
                }
                seeds = Some(from..to);
            }
            _ => return Err(format!("unknown argument {argument}")),
        }
    }
    let seeds = seeds.ok_or("name a seed or a range of seeds")?;
    Ok(Wish::Run(Options { seeds, json }))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn report_json(report: &Report) -> serde_json::Value {
    serde_json::json!({
        "seed": report.seed,
        "scenario": report.kind.name(),
        "validators": report.validators,
        "followers": report.followers,
        "height": report.height,
        "transactions": report.transactions,
        "refused_and_decided": report.refused_and_decided,
        "group_buys_closed": report.closed,
        "crashes": report.crashes,
        "faults": report.faults,
        "convictions": report.convictions,
        "events": report.events,
        "simulated_ms": report.simulated / 1_000,
        "trace": hex::encode(report.trace),
    })
}

fn failure_json(failure: &Failure) -> serde_json::Value {
    serde_json::json!({
        "seed": failure.seed,
        "scenario": failure.kind.name(),
        "failure": failure.what,
        "repeat": format!("cargo xtask sim --seed {}", failure.seed),
    })
}

fn report_text(report: &Report) -> String {
    format!(
        "seed {} {}: {} validators, {} followers, height {}, {} transactions, {} closed, {} crashes, \
         {} faults, {} convictions, trace {}, {}.{:03} s simulated",
        report.seed,
        report.kind.name(),
        report.validators,
        report.followers,
        report.height,
        report.transactions,
        report.closed,
        report.crashes,
        report.faults,
        report.convictions,
        report.trace_text(),
        report.simulated / 1_000_000,
        report.simulated / 1_000 % 1_000,
    )
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]
fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Wish::Run(options)) => options,
        Ok(Wish::Help) => {
            println!("{USAGE}");
            return ExitCode::from(EXIT_OK);
        }
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let mut exit = EXIT_OK;
    for seed in options.seeds {
        match (Scenario::of(seed).run(), options.json) {
            (Ok(report), false) => println!("{}", report_text(&report)),
            (Ok(report), true) => println!("{}", report_json(&report)),
            (Err(failure), json) => {
                exit = EXIT_FOUND;
                if json {
                    println!("{}", failure_json(&failure));
                } else {
                    println!("{failure}");
                }
            }
        }
    }
    ExitCode::from(exit)
}
