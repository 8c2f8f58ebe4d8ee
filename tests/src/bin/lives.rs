//! `lives`: random lives of the money, until so many acts are done or the code and the model differ.

use std::process::ExitCode;
use tests::lives::{Story, Tally, live};

const USAGE: &str = "\
usage: lives [--acts N] [--seed A]

Lives random lives from the seed A on, one seed each, on the real ledger and on the model that was written
from docs/fund-rules.md, and compares them at every step. Stops after N acts. Prints at the end how often each
kind of act was accepted and refused. Exits with 0 if they agree, 1 if they differ, 2 on wrong usage.

  --acts N     so many acts (100000)
  --seed A     the first seed (1)";

/// They agree.
const EXIT_OK: u8 = 0;
/// They differ.
const EXIT_FOUND: u8 = 1;
/// The command line makes no sense.
const EXIT_USAGE: u8 = 2;

/// Progress is told after so many acts.
const REPORT_EVERY: u64 = 100_000;

struct Options {
    acts: u64,
    seed: u64,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options { acts: 100_000, seed: 1 };
    while let Some(argument) = arguments.next() {
        let target = match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--acts" => &mut options.acts,
            "--seed" => &mut options.seed,
            _ => return Err(format!("unknown argument {argument}")),
        };
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        *target = value.parse().map_err(|_| format!("{value} is no number"))?;
    }
    Ok(Some(options))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]
fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::from(EXIT_OK);
        }
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let mut tally = Tally::default();
    let mut seed = options.seed;
    let mut told = 0;
    while tally.acts < options.acts {
        if let Err(failure) = live(seed, &mut tally) {
            let shrunk = failure.shrunk();
            println!("seed {seed}:\n{}", Story(&shrunk));
            return ExitCode::from(EXIT_FOUND);
        }
        seed += 1;
        if tally.acts / REPORT_EVERY > told {
            told = tally.acts / REPORT_EVERY;
            eprintln!("{} acts, {} accepted, next seed {seed}", tally.acts, tally.accepted());
        }
    }
    print!("{tally}");
    ExitCode::from(EXIT_OK)
}
