//! What is answered.

use super::{
    Command, Shared,
    page::{Part, list},
};
use anyhow::anyhow;
use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest as _, FromRequestParts, Path, Query, Request, State as Extract},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use ledger_core::{
    api::{
        BlockView, ClosedGroupBuy, DiskRoom, EntrySummary, EntryView, GroupBuySummary,
        GroupBuyView, MemberView, OpenGroupBuy, Problem, Progress, ProposalView, Status, Submitted,
        account_view,
    },
    audit::record,
    block::Entry,
    crypto::TransactionId,
    fund::{GroupBuy, Policy},
    types::{GroupBuyId, Height, LogIndex},
};
use replica::{
    Outcome,
    chain_store::{ChainStore, ChainStoreError},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use tokio::sync::mpsc;

/// The document of this API, as it is reviewed and kept in the repository.
pub(super) const OPENAPI: &str = include_str!("../../openapi.json");
/// The longest that a submission waits for its decision.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest that a client may take to send a transaction.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of blocks in one answer, but for a first block that is larger. Every answer under way takes as
/// much memory, and what the allocator keeps of it stays with the process.
const ARCHIVE_BYTES_MAX: usize = 1024 * 1024;

/// A problem as an answer.
#[derive(Debug)]
pub(super) struct ApiError {
    problem: Box<Problem>,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// The client has asked too often.
    pub(super) fn too_often(wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(1);
        problem(
            429,
            "too-many-requests",
            format!("too many requests; ask again in {seconds} s"),
            format!("请求太频繁；请 {seconds} 秒后再试"),
        )
        .retry_after(wait)
    }

    /// Says when it is worth asking again.
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            headers
                .insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
        }
        response
    }
}

impl From<ChainStoreError> for ApiError {
    fn from(error: ChainStoreError) -> Self {
        tracing::error!("the API cannot read the store: {:#}", anyhow!(error));
        let text = "the node cannot read its store; its operator finds the reason in its log";
        problem(500, "store", text, "节点读不了自己的存储；运营方可在日志中查到原因")
    }
}

impl From<replica::store::StoreError> for ApiError {
    fn from(error: replica::store::StoreError) -> Self {
        ChainStoreError::from(error).into()
    }
}

/// A problem in both languages.
pub(super) fn problem(
    status: u16,
    kind: &str,
    english: impl Into<String>,
    chinese: impl Into<String>,
) -> ApiError {
    let problem = Problem::new(status, kind, english);
    let problem = Box::new(Problem { detail_zh: Some(chinese.into()), ..problem });
    ApiError { problem, retry_after: None }
}

pub(super) fn stopping() -> ApiError {
    problem(
        503,
        "stopping",
        "the node is stopping; ask another one",
        "节点正在停止；请改问其他节点",
    )
}

/// `what` is how Chinese calls the kind of thing that `english` names.
fn not_found(english: &str, what: &str, name: impl std::fmt::Display) -> ApiError {
    let english = format!("there is no {english} {name} here");
    problem(404, "not-found", english, format!("这里没有{what} {name}"))
}

fn bad_name(name: &str) -> ApiError {
    let english = format!("{name:?} is not how such a thing is named");
    problem(400, "bad-name", english, format!("{name:?} 的写法不对"))
}

/// How far above the last block here a height may be asked for. A client may have been told of blocks by
/// other nodes that this one, which lags, has still to fetch: a busy chain decides so many in ten hours. What lies
/// beyond is no height of this chain, and whoever asked for it would wait for ever.
const HEIGHTS_AHEAD_MAX: u64 = 1 << 20;

/// A height from which a client wants to go on, if it can be one of this chain.
pub(super) fn within_reach(height: Height, tip: Height) -> Result<Height, ApiError> {
    if height.get().saturating_sub(tip.get()) <= HEIGHTS_AHEAD_MAX {
        return Ok(height);
    }
    let english = format!(
        "block {height} is far beyond block {tip}, the last one here; go on from one that you have been told of"
    );
    let chinese = format!("区块 {height} 远在本节点最后的区块 {tip} 之后；请从您见过的区块接着读");
    Err(problem(400, "bad-cursor", english, chinese))
}

/// What the path of a request names, or a problem that says that nothing is named so.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            // Its bytes are no text.
            Err(_) => Err(bad_name(parts.uri.path())),
        }
    }
}

/// The query of a request, or a problem that says what is wrong with it.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(bad) => Err(bad_query(&bad.body_text())),
        }
    }
}

/// Says which parameter is wrong, and without the words of the parser where they are known.
fn bad_query(parsed: &str) -> ApiError {
    let what = parsed.strip_prefix("Failed to deserialize query string: ").unwrap_or(parsed);
    let number = what.strip_suffix(": invalid digit found in string");
    match number {
        Some(name) => problem(
            400,
            "bad-query",
            format!("{name:?} in the query is no whole number; write digits only"),
            format!("网址参数 {name:?} 不是整数；请只写数字"),
        ),
        None => problem(
            400,
            "bad-query",
            format!("the query cannot be read ({what}); docs/api.md names its parameters"),
            format!("网址参数写得不对（{what}）；可用的参数见 docs/api.md"),
        ),
    }
}

/// Reads the disk where it does not hold up other requests.
pub(super) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ChainStoreError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(stopping()),
    }
}

type Answer<T> = Result<Json<T>, ApiError>;

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

pub(super) async fn metrics(Extract(shared): Extract<Shared>) -> Result<Response, ApiError> {
    let status = shared.ask(Command::Status).await?;
    let text = shared.metrics.text(&status).map_err(|_| stopping())?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

#[derive(Deserialize)]
pub(super) struct Wait {
    #[serde(default)]
    wait_ms: u64,
}

pub(super) async fn submit(
    Extract(shared): Extract<Shared>,
    Asked(Wait { wait_ms }): Asked<Wait>,
    request: Request,
) -> Result<(StatusCode, Json<Submitted>), ApiError> {
    let body = tokio::time::timeout(BODY_PATIENCE, Bytes::from_request(request, &()));
    let body = body.await.map_err(|_| {
        problem(408, "too-slow", "the transaction took too long to arrive", "交易上传得太慢")
    })?;
    let body = body.map_err(|bad| {
        problem(bad.status().as_u16(), "bad-body", bad.body_text(), "交易内容收不完整或太长")
    })?;
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
        Outcome::Refused(refusal) => {
            let problem = Box::new(Problem::refusal(&refusal));
            Err(ApiError { problem, retry_after: None })
        }
    }
}

fn decided(id: TransactionId, height: Height, log_index: LogIndex) -> Submitted {
    Submitted { id, progress: Progress::Decided, height: Some(height), log_index: Some(log_index) }
}

pub(super) async fn transaction(
    Extract(shared): Extract<Shared>,
    Named(name): Named,
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
    Err(not_found("transaction", "交易", id))
}

pub(super) async fn status(Extract(shared): Extract<Shared>) -> Answer<Status> {
    let status = shared.ask(Command::Status).await?;
    let store = shared.store.clone();
    let disk = blocking(move || Ok(rustix::fs::statvfs(store.as_path()).ok())).await?;
    let disk = disk.map(|disk| DiskRoom {
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        total_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
    });
    Ok(Json(Status { disk, ..status }))
}

pub(super) async fn members(
    Extract(shared): Extract<Shared>,
    Asked(part): Asked<Part>,
) -> Result<Response, ApiError> {
    let snapshot = shared.snapshot();
    let validators = snapshot.state.validators();
    let members = snapshot.state.fund().members.iter();
    let page = part.of(members.map(|(id, member)| (id.get(), (id, member))))?;
    Ok(page.answer("/v1/members", &part, |(_, (id, member))| {
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
    }))
}

pub(super) async fn policy(Extract(shared): Extract<Shared>) -> Answer<Policy> {
    Ok(Json(shared.snapshot().state.fund().policy().clone()))
}

/// Which group buys are listed.
#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Listed {
    #[default]
    Open,
    Closed,
}

#[derive(Deserialize)]
pub(super) struct ListedState {
    #[serde(default)]
    state: Listed,
}

pub(super) async fn group_buys(
    Extract(shared): Extract<Shared>,
    Asked(ListedState { state }): Asked<ListedState>,
    Asked(part): Asked<Part>,
) -> Result<Response, ApiError> {
    let snapshot = shared.snapshot();
    if state == Listed::Open {
        let page = part.of(copied(snapshot.state.fund().group_buys.iter()))?;
        return Ok(
            page.answer("/v1/group-buys", &part, |(_, group_buy)| GroupBuySummary::of(group_buy))
        );
    }
    let (after, limit) = (part.after::<GroupBuyId>()?, part.limit());
    let chain = snapshot.chain.clone();
    let mut closed =
        blocking(move || Ok(chain.closings(after.as_ref(), limit.saturating_add(1))?)).await?;
    let more = closed.len() > limit;
    closed.truncate(limit);
    let last = closed.last().filter(|_| more);
    let next = last.map(|(id, _)| format!("/v1/group-buys?state=closed&after={id}&limit={limit}"));
    let view = |(id, log_index)| ClosedGroupBuy { id, log_index };
    Ok(list(closed.into_iter().map(view).collect(), next))
}

pub(super) async fn group_buy(
    Extract(shared): Extract<Shared>,
    Named(name): Named,
) -> Answer<GroupBuyView> {
    let id: GroupBuyId = name.parse().map_err(|_| bad_name(&name))?;
    let snapshot = shared.snapshot();
    if let Some(open) = snapshot.state.fund().group_buys.get(&id) {
        return Ok(Json(GroupBuyView::Open(Box::new(OpenGroupBuy::of(open)))));
    }
    let chain = snapshot.chain.clone();
    let closing = blocking(move || seal(&chain, &id)).await?;
    closing.map(Json).ok_or_else(|| not_found("group buy", "团购", id))
}

fn seal(chain: &ChainStore, id: &GroupBuyId) -> Result<Option<GroupBuyView>, ChainStoreError> {
    let Some(log_index) = chain.closing(id)? else { return Ok(None) };
    let entry = chain.entry(log_index)?.map(|(_, entry)| entry.decode()).transpose()?;
    match entry {
        Some(Entry::System(system)) => {
            Ok(system.seal.map(|seal| GroupBuyView::Closed { seal, log_index }))
        }
        _ => Ok(None),
    }
}

/// Answers from a group buy that is not closed.
fn of_open(
    shared: &Shared,
    name: &str,
    answer: impl FnOnce(&GroupBuy) -> Result<Response, ApiError>,
) -> Result<Response, ApiError> {
    let id: GroupBuyId = name.parse().map_err(|_| bad_name(name))?;
    let snapshot = shared.snapshot();
    let open = snapshot.state.fund().group_buys.get(&id);
    answer(open.ok_or_else(|| not_found("open group buy", "进行中的团购", id))?)
}

pub(super) async fn orders(
    Extract(shared): Extract<Shared>,
    Named(name): Named,
    Asked(part): Asked<Part>,
) -> Result<Response, ApiError> {
    of_open(&shared, &name, |open| {
        let path = format!("/v1/group-buys/{name}/orders");
        Ok(part.of(copied(open.orders.iter()))?.answer(&path, &part, |pair| pair))
    })
}

pub(super) async fn payments(
    Extract(shared): Extract<Shared>,
    Named(name): Named,
    Asked(part): Asked<Part>,
) -> Result<Response, ApiError> {
    of_open(&shared, &name, |open| {
        let path = format!("/v1/group-buys/{name}/payments");
        Ok(part.of(copied(open.payments.iter()))?.answer(&path, &part, |pair| pair))
    })
}

pub(super) async fn households(
    Extract(shared): Extract<Shared>,
    Named(name): Named,
    Asked(part): Asked<Part>,
) -> Result<Response, ApiError> {
    of_open(&shared, &name, |open| {
        let path = format!("/v1/group-buys/{name}/households");
        Ok(part.of(copied(open.households.iter()))?.answer(&path, &part, |pair| pair))
    })
}

pub(super) async fn proposals(
    Extract(shared): Extract<Shared>,
    Asked(part): Asked<Part>,
) -> Result<Response, ApiError> {
    let snapshot = shared.snapshot();
    let page = part.of(copied(snapshot.state.fund().proposals.iter()))?;
    Ok(page.answer("/v1/proposals", &part, |(id, pending)| ProposalView::of(&id, pending)))
}

pub(super) async fn accounts(
    Extract(shared): Extract<Shared>,
    Asked(part): Asked<Part>,
) -> Result<Response, ApiError> {
    let snapshot = shared.snapshot();
    let accounts = snapshot.state.fund().accounts.iter();
    let page = part.of(accounts.map(|(name, account)| (name.to_string(), (name, account))))?;
    Ok(page.answer("/v1/accounts", &part, |(_, (name, account))| account_view(name, account)))
}

/// A table with keys of its own, to be put in order.
fn copied<'a, K: Copy + 'a, V: 'a>(
    table: impl Iterator<Item = (&'a K, &'a V)>,
) -> impl Iterator<Item = (K, &'a V)> {
    table.map(|(key, value)| (*key, value))
}

#[derive(Deserialize)]
pub(super) struct FromIndex {
    from: u64,
    limit: Option<usize>,
}

pub(super) async fn entries(
    Extract(shared): Extract<Shared>,
    Asked(FromIndex { from, limit }): Asked<FromIndex>,
) -> Result<Response, ApiError> {
    let limit = limit.unwrap_or(ENTRIES_DEFAULT).clamp(1, super::page::PAGE_MAX);
    let snapshot = shared.snapshot();
    let size = snapshot.state.log().size();
    let chain = snapshot.chain.clone();
    // The store may be a block ahead of the snapshot.
    let wanted = usize::try_from(size.saturating_sub(from)).unwrap_or(usize::MAX).min(limit);
    let found = blocking(move || chain.entries(LogIndex::new(from), wanted)).await?;
    let summaries: Vec<_> = found.iter().map(|(at, entry)| EntrySummary::of(*at, entry)).collect();
    let next = found.last().map(|(at, _)| at.get().saturating_add(1)).filter(|next| *next < size);
    Ok(list(summaries, next.map(|next| format!("/v1/entries?from={next}&limit={limit}"))))
}

/// How many entries are listed if the client does not say.
const ENTRIES_DEFAULT: usize = 100;

pub(super) async fn entry(
    Extract(shared): Extract<Shared>,
    Named(name): Named,
) -> Answer<EntryView> {
    let index: u64 = name.parse().map_err(|_| bad_name(&name))?;
    let index = LogIndex::new(index);
    let chain = shared.snapshot().chain.clone();
    let view = blocking(move || {
        let Some(receipt) = chain.receipt(index)? else { return Ok(None) };
        let entry = receipt.entry.decode()?;
        let height = receipt.block.header.height;
        Ok(Some(EntryView { log_index: index, height, entry, receipt: receipt.to_text() }))
    });
    view.await?.map(Json).ok_or_else(|| not_found("entry", "条目", index))
}

pub(super) async fn block(
    Extract(shared): Extract<Shared>,
    Named(name): Named,
) -> Answer<BlockView> {
    let height: u64 = name.parse().map_err(|_| bad_name(&name))?;
    let snapshot = shared.snapshot();
    let chain = snapshot.chain.clone();
    let found = blocking(move || chain.block(Height::new(height))).await?;
    let decided = found.ok_or_else(|| not_found("block", "区块", height))?;
    let header = decided.block.header;
    let entries = decided.block.entries.len() as u64;
    let signer = |index| {
        let validator = snapshot.state.validators().get(index)?;
        Some(shared.genesis.member(validator.member)?.name.to_string())
    };
    Ok(Json(BlockView {
        hash: decided.certificate.block,
        first_index: LogIndex::new(header.log_size.saturating_sub(entries)),
        entries,
        decided_in: decided.certificate.round,
        signed_by: decided.certificate.signatures.iter().filter_map(|s| signer(s.0)).collect(),
        header,
    }))
}

#[derive(Deserialize)]
pub(super) struct FromHeight {
    from: Height,
}

pub(super) async fn archive(
    Extract(shared): Extract<Shared>,
    Asked(FromHeight { from }): Asked<FromHeight>,
) -> Result<impl IntoResponse, ApiError> {
    let snapshot = shared.snapshot();
    let tip = snapshot.state.tip().height;
    let from = within_reach(from, tip)?.max(Height::new(1));
    let bytes = blocking(move || {
        let mut bytes = Vec::with_capacity(ARCHIVE_BYTES_MAX);
        for height in from.through(tip) {
            let Some(block) = snapshot.chain.block_bytes(height)? else { break };
            let full = bytes.len().saturating_add(block.len()) > ARCHIVE_BYTES_MAX;
            if full && !bytes.is_empty() {
                break;
            }
            bytes.extend_from_slice(&record(&block));
        }
        Ok(bytes)
    });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes.await?))
}
