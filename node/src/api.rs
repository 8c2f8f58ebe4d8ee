//! The HTTP API under `/v1`; [`ledger_core::api`] has the table of what it answers, docs/api.md the
//! rules, `openapi.json` the document for machines.
//!
//! Reading is served from the last published snapshot and from the store and never disturbs the loop;
//! only submissions, and questions about the moment, go through it.
//!
//! ```text
//! server    connections: how many, how slow, how they end
//! client    who asks: a user of this machine, somebody elsewhere, a web page
//! limits    how often
//! routes    what there is, who may ask it, what it costs
//! answers   what is answered; page: how lists go on; events: the stream of blocks
//! ```
//!
//! Every number in here may be a stranger's, and a panic ends the node: nothing is added up that may
//! overflow, and nothing is taken by an index that may not be there.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::indexing_slicing))]

mod answers;
mod client;
mod events;
mod limits;
mod page;
mod routes;
mod server;
mod settings;

pub use settings::ClientSettings;

use crate::{
    metrics::Metrics,
    tokens::{Tokens, digest},
};
use answers::{ApiError, Asked};
use events::Streams;
use genesis::Genesis;
use ledger_core::{api::Status, crypto::TransactionId, ledger::State};
use limits::Limits;
use replica::{Outcome, Replica, chain_store::ChainStore};
use std::{path::PathBuf, sync::Arc, time::Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// What the API asks of the loop.
pub(crate) enum Command {
    /// A transaction, and where its outcomes go: a pending one may come before the final one.
    Submit { bytes: Vec<u8>, reply: mpsc::Sender<Outcome> },
    /// How the node is.
    Status(oneshot::Sender<Status>),
    /// Whether a transaction waits here.
    IsPending(TransactionId, oneshot::Sender<bool>),
}

/// The ledger as of one block, to read from while the loop goes on.
pub(crate) struct Snapshot {
    state: State,
    chain: ChainStore,
}

impl Snapshot {
    pub(crate) fn of(replica: &Replica) -> Self {
        Self { state: replica.state().clone(), chain: replica.chain_store().clone() }
    }
}

/// What the API needs of the node.
pub(crate) struct Surroundings {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) settings: ClientSettings,
    pub(crate) metrics: Metrics,
    /// The file of the access tokens.
    pub(crate) tokens: PathBuf,
    /// The machine token, if one could be left for the users of the machine.
    pub(crate) machine_token: Option<String>,
    /// Where the store is, to say how much room is left.
    pub(crate) store: PathBuf,
}

/// What all requests share.
#[derive(Clone)]
struct Shared {
    genesis: Arc<Genesis>,
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    settings: Arc<ClientSettings>,
    metrics: Metrics,
    tokens: Arc<Tokens>,
    /// The digest of the machine token.
    machine_token: Option<[u8; 32]>,
    store: Arc<PathBuf>,
    limits: Arc<Limits>,
    streams: Arc<Streams>,
    shutdown: CancellationToken,
}

impl Shared {
    fn new(node: Surroundings, shutdown: CancellationToken) -> Self {
        Self {
            genesis: node.genesis,
            commands: node.commands,
            snapshots: node.snapshots,
            limits: Arc::new(Limits::new(&node.settings, Instant::now())),
            settings: Arc::new(node.settings),
            metrics: node.metrics,
            tokens: Arc::new(Tokens::of(node.tokens)),
            machine_token: node.machine_token.as_deref().map(digest),
            store: Arc::new(node.store),
            streams: Arc::default(),
            shutdown,
        }
    }

    /// Comparing digests tells nothing about the token by the time it takes.
    fn is_machine_token(&self, token: &str) -> bool {
        self.machine_token == Some(digest(token))
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| answers::stopping())?;
        answer.await.map_err(|_| answers::stopping())
    }
}

/// Serves until `shutdown`.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    node: Surroundings,
    shutdown: CancellationToken,
) {
    let settings = node.settings.clone();
    let router = routes::router(Shared::new(node, shutdown.clone()));
    server::serve(listener, router, &settings, shutdown).await;
}
