//! `tuand`: the node.

mod help;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use commandline::Mistake;
use genesis::{Address, AddressError, Genesis, Invitation, Language, Phrase, Reach, Text, text};
use node::{
    exit::{self, Failure},
    home::{Home, Settings, Taken, read_founding, read_genesis},
    lang::{self, say},
    offline, runtime, tokens,
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A node of a Tuanzhang chain.
#[derive(Parser)]
#[command(name = "tuand", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a node's folder and keys from an invitation; later, give it the founding document.
    Init {
        /// The node's folder.
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        #[command(flatten)]
        from: Source,
        /// The member whose node this is, as the invitation calls it.
        #[arg(long, required_unless_present = "genesis", conflicts_with = "genesis")]
        name: Option<String>,
        /// Where to listen for other nodes.
        #[arg(
            long,
            value_name = "ADDRESS",
            default_value = "0.0.0.0:7001",
            conflicts_with = "genesis"
        )]
        listen: String,
        /// Where other nodes reach this one, if not where it listens: 203.0.113.7:7001 or
        /// node.example.cn:7001; repeat it for several.
        #[arg(long = "address", value_name = "ADDRESS", conflicts_with = "genesis")]
        addresses: Vec<String>,
        /// Where the HTTP API listens.
        #[arg(
            long,
            value_name = "ADDRESS",
            default_value = "127.0.0.1:7101",
            conflicts_with = "genesis"
        )]
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
        #[arg(long, value_name = "DIR")]
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

/// What a node is made from.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The founder's invitation: makes the folder, fresh keys and node-card.toml.
    #[arg(long, value_name = "FILE")]
    invitation: Option<PathBuf>,
    /// The sealed founding document: checks that it has this node's keys, and keeps it in the folder.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Node {
    /// The node's folder.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The founding document, if not the one in the folder.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

impl Node {
    fn read(&self) -> Result<(Home, Genesis), Failure> {
        let home = Home::new(&self.home);
        let genesis = match &self.genesis {
            Some(path) => read_genesis(path)?,
            None => home.genesis()?,
        };
        Ok((home, genesis))
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
    let read = command(lang::current()).try_get_matches();
    match read.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => match run(arguments.command) {
            Ok(code) => ExitCode::from(code),
            Err(failure) => failure.report(),
        },
        Err(error) => refuse(&error),
    }
}

/// The command line in one language.
fn command(language: Language) -> clap::Command {
    match language {
        Language::En => Arguments::command(),
        Language::Zh => help::WORDS.chinese(Arguments::command(), Some(commandline::columns())),
    }
}

/// Tells what is wrong with the command line, or what was asked about it.
fn refuse(error: &clap::Error) -> ExitCode {
    let mistake = match lang::current() {
        Language::Zh => Mistake::of(error),
        Language::En => None,
    };
    if let Some(Mistake { what, help }) = mistake {
        return Failure::usage(what).help(help).report();
    }
    // Whoever closed the stream does not want to know.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK })
}

fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Init { home, from, name, listen, addresses, api } => {
            if let Some(genesis) = from.genesis {
                take_genesis(&home, &genesis)?;
            } else if let (Some(invitation), Some(member)) = (from.invitation, name) {
                let invitation = read_founding(&invitation, Invitation::parse)?;
                let parsed = Address::listen(&listen).map_err(|e| wrong_address(&e))?;
                // As it was typed, so that a mistake is told in the operator's own words.
                let addresses = if addresses.is_empty() { vec![listen] } else { addresses };
                let listen = vec![parsed.to_string()];
                make(
                    &home,
                    &invitation,
                    &Settings { member, listen, api, clients: Default::default() },
                    &addresses,
                )?;
            }
            Ok(exit::OK)
        }
        Command::Run { node } => {
            let (home, genesis) = node.read()?;
            let warnings = [home.not_found_by_others(&genesis)?, home.heard_by_others()?];
            for Text { en, zh } in warnings.into_iter().flatten() {
                eprintln!("{}", say(text!("warning: {en}", "警告：{zh}")));
            }
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let result = runtime.block_on(async {
                let shutdown = CancellationToken::new();
                tokio::spawn(stop_on(signals()?, shutdown.clone()));
                runtime::run(&home, genesis, shutdown).await
            });
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
            result.map(|()| exit::OK)
        }
        Command::Archive { node, out } => {
            let (home, genesis) = node.read()?;
            let manifest = offline::archive(&home, &genesis, &out)?;
            let (last, out) = (manifest.last, out.display());
            eprintln!(
                "{}",
                say(text!("wrote blocks 1 to {last} to {out}", "已将第 1 至 {last} 块写入 {out}"))
            );
            Ok(exit::OK)
        }
        Command::Check { node } => {
            let (home, genesis) = node.read()?;
            offline::check(&home, &genesis)
        }
        Command::Token(command) => tokens::run(&command).map(|()| exit::OK),
    }
}

/// `tuand init --invitation`.
fn make(
    path: &Path,
    invitation: &Invitation,
    settings: &Settings,
    addresses: &[String],
) -> Result<(), Failure> {
    let parse = |text: &String| Address::advertised(text).map_err(|error| wrong_address(&error));
    let addresses: Vec<Address> = addresses.iter().map(parse).collect::<Result<_, _>>()?;
    Home::new(path).init(settings, invitation, &addresses)?;
    let (home, name) = (path.display(), &settings.member);
    eprintln!(
        "{}",
        say(text!("ok: made the node of {name} in {home}", "已在 {home} 建立 {name} 的节点"))
    );
    for address in &addresses {
        let note = match address.reach() {
            Reach::Anywhere => continue,
            Reach::SameMachine => text!(
                "note: {address} can be reached from this machine only; for a real chain name another with --address",
                "注意：{address} 只有本机能连；正式使用请用 --address 另指地址"
            ),
            Reach::LocalNetwork => text!(
                "note: {address} can be reached from the same local network only; is every node in it?",
                "注意：{address} 只有同一局域网内能连；请确认所有节点都在其中"
            ),
        };
        eprintln!("{}", say(note));
    }
    eprintln!(
        "{}",
        say(text!(
            "now join with `tuan genesis join INVITATION --name {name} --node-card {home}/node-card.toml`",
            "下一步：`tuan genesis join 邀请文件 --name {name} --node-card {home}/node-card.toml`"
        ))
    );
    Ok(())
}

/// `tuand init --genesis`.
fn take_genesis(home: &Path, file: &Path) -> Result<(), Failure> {
    let genesis = read_genesis(file)?;
    let taken = Home::new(home).take_genesis(&genesis)?;
    let (name, chain, home) = (genesis.name, genesis.chain, home.display());
    eprintln!(
        "{}",
        say(text!(
            "ok: {home} is a node of {name}, chain {chain}",
            "{home} 已是 {name} 的节点，链号 {chain}"
        ))
    );
    if taken == Taken::Replaced {
        let note = text!(
            "this replaces another founding document, with which the node had not begun",
            "已替换原来的另一份创世文件；节点尚未按原来的那份启动过"
        );
        eprintln!("{}", say(note));
    }
    eprintln!(
        "{}",
        say(text!(
            "Has every other member read this to you? If not, do not start the node:",
            "其他成员是否都念过同样的核对码？没有核对之前不要启动节点："
        ))
    );
    for row in Phrase::of(&genesis.chain).rows() {
        println!("    {row}");
    }
    eprintln!(
        "{}",
        say(text!(
            "then start it: `tuand run --home {home}`",
            "核对无误后启动：`tuand run --home {home}`"
        ))
    );
    Ok(())
}

fn wrong_address(error: &AddressError) -> Failure {
    Failure::said(error.text()).help(say(error.help()))
}

/// SIGTERM and Ctrl-C, from now on: whoever stops the node while it starts stops it cleanly, too.
fn signals() -> std::io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
}

async fn stop_on([mut terminate, mut interrupt]: [Signal; 2], shutdown: CancellationToken) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    shutdown.cancel();
}
