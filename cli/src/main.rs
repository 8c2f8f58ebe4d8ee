//! `tuan`: the command line of Tuanzhang, for members, leaders and auditors.
//!
//! Every command reads its options, asks nodes, perhaps signs one thing, and prints one answer. It
//! believes receipts, not nodes; keeps households' numbers to itself; and ends with one of the codes in
//! [`exit`]. Builds without any database or peer-to-peer network.

mod approve;
mod audit;
mod buy;
mod client;
mod directory;
mod exit;
mod files;
mod genesis;
mod goods;
mod import;
mod input;
mod key;
mod lang;
mod names;
mod order;
mod outbox;
mod output;
mod pay;
mod proof;
mod receipts;
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

use clap::{Parser, Subcommand};
use exit::Failure;
use session::{Options, Session};
use std::{io::Write as _, panic, process::ExitCode};

/// An audit makes and drops many small things; docs/performance.md says what this saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Group buys: file, approve, accept, cancel, list, show
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
            | Self::Approve(_) => true,
            Self::Key(_)
            | Self::Genesis(_)
            | Self::Directory(_)
            | Self::Member(_)
            | Self::Tx(_)
            | Self::Outbox(_)
            | Self::Receipt(_)
            | Self::Audit(_)
            | Self::Status(_) => false,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = panic::catch_unwind(panic::AssertUnwindSafe(|| run(arguments)))
        .unwrap_or_else(|_| Err(Failure::bug("tuan stopped in the middle of its work")));
    match done {
        Ok(()) => ExitCode::from(exit::OK),
        Err(failure) => {
            if !failure.is_silent() {
                // Whoever closed stderr does not want to know.
                let _ = writeln!(std::io::stderr(), "{failure}");
            }
            failure.code()
        }
    }
}

fn run(Arguments { options, command }: Arguments) -> Result<(), Failure> {
    let key_file = options.key.clone();
    let session = Session::new(options, |name| std::env::var(name).ok())?;
    if command.may_sign() {
        session.send_left_overs();
    }
    match command {
        Command::Key(command) => {
            key::run(&command, key_file.as_deref(), session.secrets(), session.output)
        }
        Command::Genesis(command) => genesis::run(&command, key_file.as_deref(), &session),
        Command::Directory(command) => directory::run(&command, session.output),
        Command::Member(command) => status::members(&command, &session),
        Command::Buy(command) => buy::run(&command, &session),
        Command::Order(command) => order::run(&command, &session),
        Command::Pay(command) => pay::run(&command, &session),
        Command::Goods(command) => goods::run(&command, &session),
        Command::Settle(command) => settle::settle(&command, &session),
        Command::Refund(command) => settle::refund(&command, &session),
        Command::Approve(command) => approve::run(&command, &session),
        Command::Tx(command) => tx::run(&command, &session),
        Command::Outbox(command) => outbox::run(&command, &session),
        Command::Receipt(command) => receipts::run(&command, &session),
        Command::Audit(command) => audit::run(&command, &session),
        Command::Status(command) => status::run(&command, &session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
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
            "tuan approve",
            "tuan order import o.csv --group-buy 蔬菜",
        ] {
            let read = Arguments::try_parse_from(line.split(' '));
            assert_eq!(read.expect_err(line).exit_code(), i32::from(exit::USAGE), "{line}");
        }
    }
}
