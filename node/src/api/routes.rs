//! What there is to ask, who may ask it, and what it costs.

use super::{
    ApiError, Shared,
    answers::{self, problem},
    client::{Client, ClientName, Source, asks_for_a_foreign_page},
    events::events,
    server::Connected,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State as Extract},
    handler::Handler,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, any, on},
};
use ledger_core::transaction::TRANSACTION_BYTES_MAX;
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Instant,
};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Anyone: what everybody should be able to check.
    Public,
    /// Users of this machine, and others with a token: what makes the node work, shows the orders of
    /// households side by side, or is the operator's own business.
    Token,
}

/// One thing to ask.
struct Route {
    path: &'static str,
    #[cfg(test)]
    method: MethodFilter,
    access: Access,
    /// How many requests it counts as.
    cost: u32,
    handler: MethodRouter<Shared>,
}

fn route<H: Handler<T, Shared>, T: 'static>(
    method: MethodFilter,
    path: &'static str,
    access: Access,
    cost: u32,
    handler: H,
) -> Route {
    Route {
        path,
        #[cfg(test)]
        method,
        access,
        cost,
        handler: on(method, handler),
    }
}

/// Everything there is to ask.
fn routes() -> Vec<Route> {
    use Access::{Public, Token};
    const GET: MethodFilter = MethodFilter::GET;
    const POST: MethodFilter = MethodFilter::POST;
    vec![
        route(GET, "/openapi.json", Public, 1, answers::openapi),
        route(GET, "/metrics", Token, 1, answers::metrics),
        route(GET, "/v1/status", Public, 1, answers::status),
        route(GET, "/v1/members", Public, 2, answers::members),
        route(GET, "/v1/policy", Public, 1, answers::policy),
        route(GET, "/v1/accounts", Public, 2, answers::accounts),
        route(GET, "/v1/group-buys", Public, 5, answers::group_buys),
        route(GET, "/v1/group-buys/{id}", Token, 10, answers::group_buy),
        route(GET, "/v1/group-buys/{id}/orders", Token, 5, answers::orders),
        route(GET, "/v1/group-buys/{id}/payments", Token, 5, answers::payments),
        route(GET, "/v1/group-buys/{id}/households", Token, 5, answers::households),
        route(GET, "/v1/proposals", Token, 5, answers::proposals),
        route(POST, "/v1/transactions", Token, 1, answers::submit),
        route(GET, "/v1/transactions/{id}", Public, 1, answers::transaction),
        route(GET, "/v1/entries", Public, 5, answers::entries),
        route(GET, "/v1/entries/{log_index}", Public, 1, answers::entry),
        route(GET, "/v1/blocks/{height}", Public, 1, answers::block),
        route(GET, "/v1/archive", Public, 10, answers::archive),
        route(GET, "/v1/events", Public, 1, events),
    ]
}

pub(super) fn router(shared: Shared) -> Router {
    let mut router = Router::new();
    for Route { path, access, cost, handler, .. } in routes() {
        let door = Door { shared: shared.clone(), access, cost };
        let handler = match access {
            Access::Public => handler.options(preflight),
            Access::Token => handler,
        };
        router = router.route(path, handler.layer(from_fn_with_state(door, admit)));
    }
    let door = Door { shared: shared.clone(), access: Access::Public, cost: 1 };
    let metrics = shared.metrics.clone();
    router
        .method_not_allowed_fallback(async || {
            problem(405, "method-not-allowed", "this page is not asked so", "这个地址不能这样请求")
        })
        .fallback_service(
            any(no_such_page).layer(from_fn_with_state(door, admit)).with_state(shared.clone()),
        )
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
    let open = is_open(&door, &request);
    let mut response = match identify(&door, peer, request.headers()) {
        Ok(client) => {
            request.extensions_mut().insert(client);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    };
    let headers = response.headers_mut();
    if open {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let exposed = HeaderValue::from_static("link, retry-after");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    } else {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Whether the answer is for everybody: then pages of others may read it, too.
fn is_open(door: &Door, request: &Request) -> bool {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let shows_nothing = !request.headers().contains_key(header::AUTHORIZATION);
    door.access == Access::Public && reads && shows_nothing
}

/// Says who asks, if he may ask this and not too often.
fn identify(door: &Door, peer: IpAddr, headers: &HeaderMap) -> Result<Client, ApiError> {
    let Door { shared, access, cost } = door;
    let now = Instant::now();
    let Source { address, near } = Source::of(peer, headers, &shared.settings);
    let shows_something = headers.contains_key(header::AUTHORIZATION);
    let token = bearer(headers);
    let is_machine_token = token.is_some_and(|token| shared.is_machine_token(token));
    let local = near && is_machine_token;
    let others = token.filter(|_| !is_machine_token);
    let owner: Option<Arc<str>> = others.and_then(|token| shared.tokens.name_of(token, now));
    let name = owner.clone().map_or(address, ClientName::Token);
    if !local {
        // Guessing tokens counts too: a wrong one is counted for the address.
        shared.limits.take(&name, *cost, now).map_err(ApiError::too_often)?;
    }
    // A browser shows a token for a page only if somebody gave it to that page, or it sits in a program
    // beside it: neither is a reason to let pages of others act.
    if shows_something && asks_for_a_foreign_page(headers) {
        return Err(problem(
            403,
            "foreign-origin",
            "a web page from elsewhere asks with a token; pages may only read what is public, without one",
            "有别处的网页带着令牌来请求；网页只能不带令牌读取公开内容",
        ));
    }
    if local || owner.is_some() {
        return Ok(Client { name, local });
    }
    if is_machine_token {
        return Err(problem(
            401,
            "wrong-token",
            "the machine token counts only for what comes straight from the node's machine; ask with a token \
             of the node's operator",
            "本机令牌只在节点本机上直接请求时有效；请使用节点运营方发放的访问令牌",
        ));
    }
    if shows_something {
        return Err(problem(
            401,
            "wrong-token",
            "this node knows no such access token; ask its operator",
            "本节点不认识这个访问令牌；请联系节点运营方",
        ));
    }
    match access {
        Access::Public => Ok(Client { name, local }),
        Access::Token => Err(problem(
            401,
            "token-needed",
            "this takes an access token of the node's operator, or `tuan` on the node's machine",
            "需要节点运营方发放的访问令牌，或在节点本机上用 tuan 请求",
        )),
    }
}

/// The one token that is shown.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (shown.next(), shown.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What a browser asks before a page may send a request that is not quite simple: pages may read, and say where
/// they left off.
async fn preflight() -> impl IntoResponse {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "last-event-id"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn method_of(route: &Route) -> &'static str {
        if route.method == MethodFilter::POST { "post" } else { "get" }
    }

    #[test]
    fn the_document_has_every_route_and_no_other_and_says_who_may_ask() {
        let document: Value = serde_json::from_str(answers::OPENAPI).unwrap();
        let mut documented = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let needs_token = operation["security"][0].get("token").is_some();
                documented.insert((path.clone(), method.clone(), needs_token));
            }
        }
        let served: BTreeSet<_> = routes()
            .iter()
            .map(|route| {
                let needs_token = route.access == Access::Token;
                (route.path.to_owned(), method_of(route).to_owned(), needs_token)
            })
            .collect();
        assert_eq!(documented, served);
    }

    #[test]
    fn the_document_names_the_parameters_of_every_path_and_its_references_lead_somewhere() {
        let document: Value = serde_json::from_str(answers::OPENAPI).unwrap();
        for route in routes() {
            let parameters = &document["paths"][route.path][method_of(&route)]["parameters"];
            let named: BTreeSet<_> = parameters
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
                .collect();
            let in_path = route.path.split('/').filter(|part| part.starts_with('{'));
            assert_eq!(named, in_path.map(str::to_owned).collect(), "{}", route.path);
        }
        let mut values = vec![&document];
        while let Some(value) = values.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(reference)) = fields.get("$ref") {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    values.extend(fields.values());
                }
                Value::Array(items) => values.extend(items),
                _ => {}
            }
        }
    }
}
