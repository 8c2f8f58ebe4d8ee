//! `tuand`: the node.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use genesis::Genesis;
use ledger_core::types::TimestampMs;
use node::{
    exit::{self, Failure},
    home::{Home, Settings},
    offline, runtime, tokens,
};
use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode};
use tokio_util::sync::CancellationToken;

/// A node of a Tuanzhang chain.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a node's folder, its keys and the card for the founder of the chain.
    Init {
        /// The folder to make.
        #[arg(long)]
        home: PathBuf,
        /// The member whose node this is.
        #[arg(long)]
        name: String,
        /// Name of the chain, as the founder gave it.
        #[arg(long)]
        chain_name: String,
        /// Founding time of the chain in milliseconds since 1970, as the founder gave it.
        #[arg(long)]
        created_ms: u64,
        /// Where to listen for other nodes.
        #[arg(long, default_value = "/ip4/0.0.0.0/tcp/7001")]
        listen: String,
        /// Where other nodes reach this one, if not where it listens.
        #[arg(long)]
        address: Option<String>,
        /// Where the HTTP API listens.
        #[arg(long, default_value = "127.0.0.1:7101")]
        api: SocketAddr,
    },
    /// Run the node until SIGTERM or Ctrl-C.
    Run {
        #[command(flatten)]
        node: Node,
    },
    /// Write the chain of a stopped node as an archive that anyone can verify.
    Archive {
        #[command(flatten)]
        node: Node,
        /// The folder to make.
        #[arg(long)]
        out: PathBuf,
    },
    /// Check everything that a stopped node has on disk.
    Check {
        #[command(flatten)]
        node: Node,
    },
    /// Access tokens for clients of the API that are on other machines.
    #[command(subcommand)]
    Token(tokens::TokenCommand),
}

#[derive(clap::Args)]
struct Node {
    /// The node's folder.
    #[arg(long)]
    home: PathBuf,
    /// The founding document.
    #[arg(long, env = "TUAN_GENESIS")]
    genesis: PathBuf,
}

impl Node {
    fn read(&self) -> Result<(Home, Genesis), Failure> {
        let text = fs::read_to_string(&self.genesis)
            .with_context(|| format!("cannot read {}", self.genesis.display()))?;
        let genesis = Genesis::parse(&text).map_err(|error| {
            let help = error.help();
            Failure::setup(error).help(help)
        })?;
        Ok((Home::new(&self.home), genesis))
    }
}

fn main() -> ExitCode {
    // tokio swallows the panic of a task; a node that limps on is worse than one that stops.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(i32::from(exit::BUG));
    }));
    let filter = tracing_subscriber::EnvFilter::try_from_env("TUAND_LOG")
        .unwrap_or_else(|_| "info,libp2p_gossipsub=error,libp2p_swarm=warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Init { home, name, chain_name, created_ms, listen, address, api } => {
            let address = address.unwrap_or_else(|| listen.clone());
            let settings =
                Settings { member: name, listen: vec![listen], api, clients: Default::default() };
            let created = TimestampMs::new(created_ms);
            Home::new(&home).init(&settings, &chain_name, created, &address)?;
            eprintln!("made {}: send its node-card.toml to the founder", home.display());
            Ok(exit::OK)
        }
        Command::Run { node } => {
            let (home, genesis) = node.read()?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let result = runtime.block_on(async {
                let shutdown = CancellationToken::new();
                tokio::spawn(stop_on_signal(shutdown.clone()));
                runtime::run(&home, genesis, shutdown).await
            });
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
            result.map(|()| exit::OK)
        }
        Command::Archive { node, out } => {
            let (home, genesis) = node.read()?;
            let manifest = offline::archive(&home, &genesis, &out)?;
            eprintln!("wrote blocks 1 to {} to {}", manifest.last, out.display());
            Ok(exit::OK)
        }
        Command::Check { node } => {
            let (home, genesis) = node.read()?;
            offline::check(&home, &genesis)
        }
        Command::Token(command) => tokens::run(&command).map(|()| exit::OK),
    }
}

async fn stop_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    shutdown.cancel();
}
