//! What there is to ask, who may ask it, and what it costs.

use super::{
    ApiError, Shared,
    answers::{self, problem},
    client::{Client, ClientName},
    events::events,
    server::Connected,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State as Extract},
    http::{HeaderMap, HeaderValue, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get, post},
};
use ledger_core::transaction::TRANSACTION_BYTES_MAX;
use std::{net::Ipv6Addr, sync::Arc, time::Instant};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anyone: what everybody should be able to check.
    Public,
    /// Clients on this machine, and others with a token: what makes the node work, shows the orders of
    /// households side by side, or is the operator's own business.
    Token,
}

/// One thing to ask.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) access: Access,
    /// How many requests it counts as.
    pub(super) cost: u32,
    handler: MethodRouter<Shared>,
}

/// Everything there is to ask.
pub(super) fn routes() -> Vec<Route> {
    let route = |path, access, cost, handler| Route { path, access, cost, handler };
    use Access::{Public, Token};
    vec![
        route("/openapi.json", Public, 1, get(answers::openapi)),
        route("/metrics", Token, 1, get(answers::metrics)),
        route("/v1/status", Public, 1, get(answers::status)),
        route("/v1/members", Public, 2, get(answers::members)),
        route("/v1/policy", Public, 1, get(answers::policy)),
        route("/v1/accounts", Public, 2, get(answers::accounts)),
        route("/v1/group-buys", Public, 5, get(answers::group_buys)),
        route("/v1/group-buys/{id}", Token, 10, get(answers::group_buy)),
        route("/v1/group-buys/{id}/orders", Token, 5, get(answers::orders)),
        route("/v1/group-buys/{id}/payments", Token, 5, get(answers::payments)),
        route("/v1/group-buys/{id}/households", Token, 5, get(answers::households)),
        route("/v1/proposals", Token, 5, get(answers::proposals)),
        route("/v1/transactions", Token, 1, post(answers::submit)),
        route("/v1/transactions/{id}", Public, 1, get(answers::transaction)),
        route("/v1/entries", Public, 5, get(answers::entries)),
        route("/v1/entries/{log_index}", Public, 1, get(answers::entry)),
        route("/v1/blocks/{height}", Public, 1, get(answers::block)),
        route("/v1/archive", Public, 10, get(answers::archive)),
        route("/v1/events", Public, 1, get(events)),
    ]
}

pub(super) fn router(shared: Shared) -> Router {
    let mut router = Router::new();
    for Route { path, access, cost, handler } in routes() {
        let door = Door { shared: shared.clone(), access, cost };
        router = router.route(path, handler.layer(from_fn_with_state(door, admit)));
    }
    let door = Door { shared: shared.clone(), access: Access::Public, cost: 1 };
    let nothing = get(no_such_page).fallback(no_such_page);
    let metrics = shared.metrics.clone();
    router
        .method_not_allowed_fallback(async || {
            problem(405, "method-not-allowed", "this page is not asked so", "这个地址不能这样请求")
        })
        .fallback_service(nothing.layer(from_fn_with_state(door, admit)).with_state(shared.clone()))
        .layer(DefaultBodyLimit::max(TRANSACTION_BYTES_MAX + 1))
        .layer(from_fn(move |request: Request, next: Next| {
            let metrics = metrics.clone();
            async move {
                let response = next.run(request).await;
                metrics.answered(response.status().as_u16());
                response
            }
        }))
        .with_state(shared)
}

async fn no_such_page() -> ApiError {
    problem(404, "not-found", "there is no such page", "没有这个页面")
}

#[derive(Clone)]
struct Door {
    shared: Shared,
    access: Access,
    cost: u32,
}

/// Lets a request in, or says why not.
async fn admit(Extract(door): Extract<Door>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Connected>();
    // Whoever cannot be told apart is from elsewhere.
    let peer = peer.map_or(Ipv6Addr::UNSPECIFIED.into(), |peer| peer.0);
    let mut client = Client::of(peer, request.headers(), &door.shared.settings);
    let now = Instant::now();
    if !client.local
        && let Err(refused) = admit_from_elsewhere(&door, request.headers(), &mut client, now)
    {
        return refused.into_response();
    }
    let private = door.access == Access::Token || matches!(client.name, ClientName::Token(_));
    request.extensions_mut().insert(client);
    let mut response = next.run(request).await;
    if private {
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    }
    response
}

fn admit_from_elsewhere(
    door: &Door,
    headers: &HeaderMap,
    client: &mut Client,
    now: Instant,
) -> Result<(), ApiError> {
    let shown = headers.get(header::AUTHORIZATION);
    let token = shown.and_then(|shown| shown.to_str().ok()).and_then(bearer);
    let owner: Option<Arc<str>> = token.and_then(|token| door.shared.tokens.name_of(token, now));
    if let Some(name) = &owner {
        client.name = ClientName::Token(name.clone());
    }
    // Guessing tokens counts too: a wrong one is counted for the address.
    door.shared.limits.take(&client.name, door.cost, now).map_err(ApiError::too_often)?;
    match owner {
        Some(_) => Ok(()),
        None if shown.is_some() => Err(problem(
            401,
            "wrong-token",
            "this node knows no such access token; ask its operator",
            "本节点不认识这个访问令牌；请联系节点运营方",
        )),
        None if door.access == Access::Token => Err(problem(
            401,
            "token-needed",
            "this takes an access token of the node's operator, or asking from the node's machine",
            "需要节点运营方发放的访问令牌，或在节点本机上请求",
        )),
        None => Ok(()),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
