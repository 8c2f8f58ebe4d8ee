//! `tuan`: the command line of Tuanzhang, for members, leaders and auditors.
//!
//! Every command reads its options, asks nodes, perhaps signs one thing, and prints one answer. It
//! believes receipts, not nodes; keeps households' numbers to itself; and ends with one of the codes in
//! [`exit`]. Builds without any database or peer-to-peer network.

mod approve;
mod audit;
mod buy;
mod client;
mod clock;
mod directory;
mod entry;
mod exit;
mod files;
mod funds;
mod genesis;
mod goods;
mod import;
mod input;
mod key;
mod lang;
mod manual;
mod movement;
mod names;
mod offer;
mod order;
mod outbox;
mod output;
mod pay;
mod proof;
mod receipts;
mod refusal;
mod relay;
mod session;
mod settle;
mod signer;
mod status;
mod table_file;
#[cfg(test)]
mod testing;
mod tx;
mod used_once;
mod watch;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use exit::Failure;
use lang::{Language, say};
use session::{Options, Session};
use std::{
    env,
    ffi::OsString,
    panic,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Ledger for the money of community group buying
#[derive(Debug, Parser)]
#[command(name = "tuan", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Signing keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Founding a chain together: invite, join, collect, seal, check
    #[command(subcommand)]
    Genesis(genesis::GenesisCommand),
    /// The directory of households, which stays off the ledger
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    /// Who takes part
    #[command(subcommand)]
    Member(status::MemberCommand),
    /// Group buys: file, approve, accept, cancel, list, show, watch
    #[command(subcommand)]
    Buy(buy::BuyCommand),
    /// Orders of households
    #[command(subcommand)]
    Order(order::OrderCommand),
    /// Money that came in, and channels
    #[command(subcommand)]
    Pay(pay::PayCommand),
    /// Purchase order, goods note, deliveries
    #[command(subcommand)]
    Goods(goods::GoodsCommand),
    /// Settlement and payouts
    #[command(subcommand)]
    Settle(settle::SettleCommand),
    /// Refunds, back the way they came
    #[command(subcommand)]
    Refund(settle::RefundCommand),
    /// Community funds, each for one purpose
    #[command(subcommand)]
    Reserve(funds::ReserveCommand),
    /// Money missing in channels, and who owes it
    #[command(subcommand)]
    Difference(funds::DifferenceCommand),
    /// What ended group buys could not pay out
    #[command(subcommand)]
    Unclaimed(funds::UnclaimedCommand),
    /// The second of two signatures
    Approve(approve::ApproveCommand),
    /// Entries of the ledger and their receipts
    #[command(subcommand)]
    Tx(tx::TxCommand),
    /// What was signed here and is not proven to be in the ledger
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// The receipts kept on this computer; works without a network
    #[command(subcommand)]
    Receipt(receipts::ReceiptCommand),
    /// The chain as files, and a verdict on them
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// How a node is
    Status(status::StatusCommand),
    /// Prints a script that completes commands in a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Writes manual pages, one for each command
    Man {
        /// Folder for the pages
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

impl Command {
    /// Whether it may enter something into the ledger, after which what waits in the outbox comes first.
    fn may_sign(&self) -> bool {
        match self {
            Self::Buy(_)
            | Self::Order(_)
            | Self::Pay(_)
            | Self::Goods(_)
            | Self::Settle(_)
            | Self::Refund(_)
            | Self::Reserve(_)
            | Self::Difference(_)
            | Self::Unclaimed(_)
            | Self::Approve(_) => true,
            Self::Key(_)
            | Self::Genesis(_)
            | Self::Directory(_)
            | Self::Member(_)
            | Self::Tx(_)
            | Self::Outbox(_)
            | Self::Receipt(_)
            | Self::Audit(_)
            | Self::Status(_)
            | Self::Completions { .. }
            | Self::Man { .. } => false,
        }
    }

    /// Whether it is one that only shows something, among those that may sign.
    fn only_reads(&self) -> bool {
        use {
            approve::{ApproveCommand, ApproveSubcommand},
            buy::BuyCommand,
            funds::{DifferenceCommand, ReserveCommand, UnclaimedCommand},
            order::OrderCommand,
            pay::PayCommand,
        };
        matches!(
            self,
            Self::Buy(BuyCommand::List | BuyCommand::Show { .. } | BuyCommand::Watch { .. })
                | Self::Order(OrderCommand::List { .. } | OrderCommand::Aliases(_))
                | Self::Pay(PayCommand::List { .. })
                | Self::Reserve(ReserveCommand::List)
                | Self::Difference(DifferenceCommand::List)
                | Self::Unclaimed(UnclaimedCommand::List)
                | Self::Approve(ApproveCommand { command: Some(ApproveSubcommand::List), .. })
        )
    }
}

/// The command line as the code has it; options of every command come after a command's own.
fn english_command() -> clap::Command {
    let mut place = GLOBAL_OPTIONS_PLACE;
    Arguments::command().mut_args(|arg| {
        place += 1;
        if arg.is_global_set() { arg.display_order(place) } else { arg }
    })
}

/// More than any command has options of its own, and less than where `--help` stands.
const GLOBAL_OPTIONS_PLACE: usize = 100;

/// The command line in the user's language, with help for a terminal of so many columns.
fn command(width: Option<usize>) -> clap::Command {
    match lang::current() {
        Language::En => english_command(),
        Language::Zh => lang::help::chinese(english_command(), width),
    }
}

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    let environment = |name: &str| env::var(name).ok();
    lang::set(
        Language::of_arguments(&words).unwrap_or_else(|| Language::of_environment(environment)),
    );
    let read = command(Some(commandline::columns())).try_get_matches_from(words);
    let arguments = match read.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let done =
        panic::catch_unwind(panic::AssertUnwindSafe(|| run(arguments))).unwrap_or_else(|_| {
            Err(Failure::bug(say!("tuan stopped in the middle of its work", "tuan 中途停止了工作")))
        });
    match done {
        Ok(()) => ExitCode::from(exit::OK),
        Err(failure) => end(&failure),
    }
}

fn end(failure: &Failure) -> ExitCode {
    if !failure.is_silent() {
        output::print_failure(failure);
    }
    failure.code()
}

/// Tells what is wrong with the command line, or what was asked about it.
fn refuse(error: &clap::Error) -> ExitCode {
    let chinese = match lang::current() {
        Language::Zh => lang::usage::chinese(error),
        Language::En => None,
    };
    if let Some(failure) = chinese {
        return end(&failure);
    }
    // Whoever closed the stream does not want to know.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::from(exit::OK) }
}

fn run(Arguments { options, command }: Arguments) -> Result<(), Failure> {
    let key_file = options.key.clone();
    let session = Session::new(options, |name| env::var(name).ok())?;
    if command.may_sign() {
        session.send_left_overs();
    }
    let enters = command.may_sign() && !command.only_reads();
    run_command(command, key_file.as_deref(), &session).map_err(|failure| {
        if enters && !signer::has_signed() { failure.before_signing() } else { failure }
    })
}

fn run_command(
    command: Command,
    key_file: Option<&Path>,
    session: &Session,
) -> Result<(), Failure> {
    match command {
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { out } => manual::pages(&out, session.output),
        Command::Key(command) => key::run(&command, key_file, session.secrets(), session.output),
        Command::Genesis(command) => {
            genesis::run(&command, key_file, session.secrets(), session.output)
        }
        Command::Directory(command) => directory::run(&command, session.output),
        Command::Member(command) => status::members(&command, session),
        Command::Buy(command) => buy::run(&command, session),
        Command::Order(command) => order::run(&command, session),
        Command::Pay(command) => pay::run(&command, session),
        Command::Goods(command) => goods::run(&command, session),
        Command::Settle(command) => settle::settle(&command, session),
        Command::Refund(command) => settle::refund(&command, session),
        Command::Reserve(command) => funds::reserve(&command, session),
        Command::Difference(command) => funds::difference(&command, session),
        Command::Unclaimed(command) => funds::unclaimed(&command, session),
        Command::Approve(command) => approve::run(&command, session),
        Command::Tx(command) => tx::run(&command, session),
        Command::Outbox(command) => outbox::run(&command, session),
        Command::Receipt(command) => receipts::run(&command, session),
        Command::Audit(command) => audit::run(&command, session),
        Command::Status(command) => status::run(&command, session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        english_command().debug_assert();
        lang::within(Language::Zh, || command(Some(50))).debug_assert();
    }

    #[test]
    fn commands_are_read_as_they_are_written() {
        for line in [
            "tuan order import o.csv --group-buy veg-0105 --yes --json",
            "tuan --node http://a:1,http://b:2 --node http://c:3 status",
            "tuan pay record p.csv --group-buy g",
            "tuan pay record --group-buy g --number W1 --channel wechat --household 3-201 --amount 42",
            "tuan pay confirm --group-buy g --number W1 --amount 42.00",
            "tuan pay confirm --group-buy g --bill b.csv",
            "tuan pay confirm --group-buy g --all-recorded",
            "tuan pay return --group-buy g",
            "tuan pay return --number W1 --channel wechat",
            "tuan goods deliver g --codes c.csv",
            "tuan goods deliver g --households h.txt --evidence photo.jpg",
            "tuan goods deliver g --all --evidence photo.jpg",
            "tuan settle pay g --to supplier",
            "tuan settle pay g --all --channel wechat",
            "tuan refund pay g",
            "tuan refund pay --all",
            "tuan pay top-up-fee --channel wechat --number W1 --amount 0.60",
            "tuan reserve give --purpose elevator --channel cash --number R1 --amount 500",
            "tuan reserve spend --purpose elevator --channel cash --number R2 --amount 1 --document d",
            "tuan difference missing --channel cash --number D1 --amount 1 --document count.jpg",
            "tuan difference charge --channel cash --member committee --amount 1 --document f.pdf",
            "tuan difference repay --member committee --channel cash --number D2 --amount 1",
            "tuan unclaimed pay veg-0105 --household 3-201 --channel wechat --number U1",
            "tuan unclaimed pay veg-0105 --payee leader-li --channel wechat --number U2 --amount 1",
            "tuan approve list",
            "tuan approve reject abcdef",
            "tuan approve abcdef 012345",
            "tuan approve --group-buy g",
            "tuan approve --all",
            "tuan outbox list",
            "tuan outbox retry --all",
            "tuan outbox retry abcdef 012345",
            "tuan outbox drop abcdef --yes",
            "tuan receipt list --group-buy g",
            "tuan receipt show 17 --out r.txt",
            "tuan receipt verify",
            "tuan audit verify archive --genesis genesis.toml --checkpoint r.txt",
        ] {
            let read = Arguments::try_parse_from(line.split(' '));
            assert!(
                read.is_ok(),
                "{line}: {}",
                read.err().map_or(String::new(), |e| e.to_string())
            );
        }
        for line in [
            "tuan pay record --group-buy g",
            "tuan pay confirm --group-buy g --number W1",
            "tuan pay confirm --group-buy g --number W1 --amount 1e300",
            "tuan goods deliver g --all",
            "tuan settle pay g",
            "tuan unclaimed pay veg-0105 --channel wechat --number U1",
            "tuan unclaimed pay g --household 1 --payee a --channel wechat --number U1",
            "tuan approve",
            "tuan order import o.csv --group-buy 蔬菜",
        ] {
            let read = Arguments::try_parse_from(line.split(' '));
            assert_eq!(read.expect_err(line).exit_code(), i32::from(exit::USAGE), "{line}");
        }
    }
}
