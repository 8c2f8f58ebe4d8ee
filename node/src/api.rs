//! The HTTP API under `/v1`; [`ledger_core::api`] has the table of what it answers.
//!
//! Reading is served from the last published snapshot and from the store and never disturbs the loop;
//! only submissions, and questions about the moment, go through it.

use anyhow::anyhow;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State as Extract},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use genesis::Genesis;
use ledger_core::{
    api::{
        BlockView, EntryView, GroupBuySummary, GroupBuyView, MemberView, OpenGroupBuy, Problem,
        Progress, ProposalView, Status, Submitted, account_view,
    },
    audit::record,
    block::Entry,
    crypto::TransactionId,
    fund::Policy,
    ledger::State,
    transaction::TRANSACTION_BYTES_MAX,
    types::{GroupBuyId, Height, LogIndex},
};
use replica::{
    Outcome, Replica,
    chain_store::{ChainStore, ChainStoreError},
};
use serde::Deserialize;
use std::{future::IntoFuture as _, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// The longest that a submission waits for its decision.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Most bytes of blocks in one answer, but for a first block that is larger.
const ARCHIVE_BYTES_MAX: usize = 8 * 1024 * 1024;

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

/// What all requests share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Shared {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }
}

/// Serves until `shutdown`.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    shared: Shared,
    shutdown: CancellationToken,
) {
    let router = Router::new()
        .route("/v1/transactions", post(submit))
        .route("/v1/transactions/{id}", get(transaction))
        .route("/v1/status", get(status))
        .route("/v1/members", get(members))
        .route("/v1/policy", get(policy))
        .route("/v1/group-buys", get(group_buys))
        .route("/v1/group-buys/{id}", get(group_buy))
        .route("/v1/proposals", get(proposals))
        .route("/v1/accounts", get(accounts))
        .route("/v1/entries/{log_index}", get(entry))
        .route("/v1/blocks/{height}", get(block))
        .route("/v1/archive", get(archive))
        .fallback(async || ApiError(Problem::new(404, "not-found", "there is no such page")))
        .layer(DefaultBodyLimit::max(TRANSACTION_BYTES_MAX + 1))
        .with_state(shared);
    let ended = shutdown.clone();
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move { ended.cancelled().await });
    // A client that holds its connection open must not hold the node up.
    tokio::select! {
        result = server.into_future() => if let Err(error) = result {
            tracing::error!("the API has stopped: {error}");
        },
        () = async { shutdown.cancelled().await; tokio::time::sleep(Duration::from_secs(2)).await } => {}
    }
}

/// A problem as an answer.
struct ApiError(Problem);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(self.0)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl From<ChainStoreError> for ApiError {
    fn from(error: ChainStoreError) -> Self {
        Self(Problem::new(500, "store", format!("{:#}", anyhow!(error))))
    }
}

impl From<replica::store::StoreError> for ApiError {
    fn from(error: replica::store::StoreError) -> Self {
        ChainStoreError::from(error).into()
    }
}

fn stopping() -> ApiError {
    ApiError(Problem::new(503, "stopping", "the node is stopping; ask another one"))
}

fn not_found(what: impl std::fmt::Display) -> ApiError {
    ApiError(Problem::new(404, "not-found", format!("there is no {what} here")))
}

fn bad_name(name: &str) -> ApiError {
    ApiError(Problem::new(400, "bad-name", format!("{name:?} is not how such a thing is named")))
}

type Answer<T> = Result<Json<T>, ApiError>;

#[derive(Deserialize)]
struct Wait {
    #[serde(default)]
    wait_ms: u64,
}

async fn submit(
    Extract(shared): Extract<Shared>,
    Query(Wait { wait_ms }): Query<Wait>,
    body: Bytes,
) -> Result<(StatusCode, Json<Submitted>), ApiError> {
    let (reply, mut outcomes) = mpsc::channel(2);
    let command = Command::Submit { bytes: body.to_vec(), reply };
    shared.commands.send(command).await.map_err(|_| stopping())?;
    let mut outcome = outcomes.recv().await.ok_or_else(stopping)?;
    if matches!(outcome, Outcome::Pending(_)) && wait_ms > 0 {
        let wait = Duration::from_millis(wait_ms).min(WAIT_MAX);
        if let Ok(Some(decided)) = tokio::time::timeout(wait, outcomes.recv()).await {
            outcome = decided;
        }
    }
    match outcome {
        Outcome::Pending(id) => {
            let progress = Progress::Pending;
            let pending = Submitted { id, progress, height: None, log_index: None };
            Ok((StatusCode::ACCEPTED, Json(pending)))
        }
        Outcome::Decided { id, height, log_index } => {
            Ok((StatusCode::OK, Json(decided(id, height, log_index))))
        }
        Outcome::Refused(refusal) => Err(ApiError(Problem::refusal(&refusal))),
    }
}

fn decided(id: TransactionId, height: Height, log_index: LogIndex) -> Submitted {
    Submitted { id, progress: Progress::Decided, height: Some(height), log_index: Some(log_index) }
}

async fn transaction(
    Extract(shared): Extract<Shared>,
    Path(name): Path<String>,
) -> Answer<Submitted> {
    let id: TransactionId = name.parse().map_err(|_| bad_name(&name))?;
    let chain = shared.snapshot().chain.clone();
    if let Some(log_index) = chain.transaction(&id)? {
        let block = chain.block_of(log_index)?;
        let height = block.map_or(Height::ZERO, |(height, _)| height);
        return Ok(Json(decided(id, height, log_index)));
    }
    if shared.ask(|reply| Command::IsPending(id, reply)).await? {
        let progress = Progress::Pending;
        return Ok(Json(Submitted { id, progress, height: None, log_index: None }));
    }
    Err(not_found(format!("transaction {id}")))
}

async fn status(Extract(shared): Extract<Shared>) -> Answer<Status> {
    Ok(Json(shared.ask(Command::Status).await?))
}

async fn members(Extract(shared): Extract<Shared>) -> Answer<Vec<MemberView>> {
    let snapshot = shared.snapshot();
    let validators = snapshot.state.validators();
    let view = |(id, member): (&ledger_core::types::MemberId, &ledger_core::fund::Member)| {
        let validator = validators.validators().iter().find(|v| v.member == *id);
        MemberView {
            id: *id,
            name: member.name.to_string(),
            role: member.role,
            key: member.key,
            related: member.related.to_vec(),
            voting_power: validator.map(|validator| validator.power),
            equivocations: member.equivocations,
        }
    };
    Ok(Json(snapshot.state.fund().members.iter().map(view).collect()))
}

async fn policy(Extract(shared): Extract<Shared>) -> Answer<Policy> {
    Ok(Json((*shared.snapshot().state.fund().policy).clone()))
}

async fn group_buys(Extract(shared): Extract<Shared>) -> Answer<Vec<GroupBuySummary>> {
    let snapshot = shared.snapshot();
    let group_buys = snapshot.state.fund().group_buys.iter();
    Ok(Json(group_buys.map(|(_, group_buy)| GroupBuySummary::of(group_buy)).collect()))
}

async fn group_buy(
    Extract(shared): Extract<Shared>,
    Path(name): Path<String>,
) -> Answer<GroupBuyView> {
    let id: GroupBuyId = name.parse().map_err(|_| bad_name(&name))?;
    let snapshot = shared.snapshot();
    if let Some(open) = snapshot.state.fund().group_buys.get(&id) {
        return Ok(Json(GroupBuyView::Open(Box::new(OpenGroupBuy::of(open)))));
    }
    let closing = snapshot.chain.closing(&id)?;
    let log_index = closing.ok_or_else(|| not_found(format!("group buy {id}")))?;
    let entry = snapshot.chain.entry(log_index)?.map(|(_, entry)| entry.decode());
    match entry {
        Some(Ok(Entry::System(system))) if system.seal.is_some() => {
            let seal = system.seal.ok_or_else(|| not_found(format!("group buy {id}")))?;
            Ok(Json(GroupBuyView::Closed { seal, log_index }))
        }
        _ => Err(not_found(format!("group buy {id}"))),
    }
}

async fn proposals(Extract(shared): Extract<Shared>) -> Answer<Vec<ProposalView>> {
    let snapshot = shared.snapshot();
    let proposals = snapshot.state.fund().proposals.iter();
    Ok(Json(proposals.map(|(id, pending)| ProposalView::of(id, pending)).collect()))
}

async fn accounts(Extract(shared): Extract<Shared>) -> Answer<Vec<ledger_core::api::AccountView>> {
    let snapshot = shared.snapshot();
    let accounts = snapshot.state.fund().accounts.iter();
    Ok(Json(accounts.map(|(name, account)| account_view(name, account)).collect()))
}

async fn entry(Extract(shared): Extract<Shared>, Path(name): Path<String>) -> Answer<EntryView> {
    let index: u64 = name.parse().map_err(|_| bad_name(&name))?;
    let index = LogIndex::new(index);
    let chain = shared.snapshot().chain.clone();
    let receipt = chain.receipt(index)?.ok_or_else(|| not_found(format!("entry {index}")))?;
    let entry = receipt.entry.decode().map_err(ChainStoreError::from)?;
    let height = receipt.block.header.height;
    Ok(Json(EntryView { log_index: index, height, entry, receipt: receipt.to_text() }))
}

async fn block(Extract(shared): Extract<Shared>, Path(name): Path<String>) -> Answer<BlockView> {
    let height: u64 = name.parse().map_err(|_| bad_name(&name))?;
    let snapshot = shared.snapshot();
    let found = snapshot.chain.block(Height::new(height))?;
    let decided = found.ok_or_else(|| not_found(format!("block {height}")))?;
    let header = decided.block.header;
    let entries = decided.block.entries.len() as u64;
    let signer = |index| {
        let validator = snapshot.state.validators().get(index)?;
        Some(shared.genesis.member(validator.member)?.name.to_string())
    };
    Ok(Json(BlockView {
        hash: decided.certificate.block,
        first_index: LogIndex::new(header.log_size - entries),
        entries,
        decided_in: decided.certificate.round,
        signed_by: decided.certificate.signatures.iter().filter_map(|s| signer(s.0)).collect(),
        header,
    }))
}

#[derive(Deserialize)]
struct FromHeight {
    from: u64,
}

async fn archive(
    Extract(shared): Extract<Shared>,
    Query(FromHeight { from }): Query<FromHeight>,
) -> Result<impl IntoResponse, ApiError> {
    let snapshot = shared.snapshot();
    let tip = snapshot.state.tip().height;
    let mut height = Height::new(from.max(1));
    let mut bytes = Vec::new();
    while height <= tip {
        let Some(block) = snapshot.chain.block_bytes(height)? else { break };
        if !bytes.is_empty() && bytes.len() + block.len() > ARCHIVE_BYTES_MAX {
            break;
        }
        bytes.extend_from_slice(&record(&block));
        height = height.next();
    }
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes))
}
