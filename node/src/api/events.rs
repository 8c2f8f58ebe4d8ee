//! `GET /v1/events`: one event for each applied block.
//!
//! A stream is pulled: a block is read when the client has taken the one before it, so a slow client
//! costs no memory, and one that takes nothing for half a minute loses its connection. A client that
//! comes back goes on after the last event it has seen.

use super::{
    ApiError, Asked, Shared,
    answers::{blocking, problem, within_reach},
    client::{Client, ClientName},
};
use axum::{
    Extension,
    extract::State as Extract,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use ledger_core::{
    api::{BlockEvent, EntrySummary},
    block::CertifiedBlock,
    types::{Height, LogIndex},
};
use replica::chain_store::{ChainStore, ChainStoreError};
use serde::Deserialize;
use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Most streams at a time; half of them for clients from elsewhere.
const STREAMS_MAX: usize = 256;
/// Most entries that an event lists.
pub(super) const EVENT_ENTRIES_MAX: usize = 1_000;
/// How often a stream without news says that it lives; also how a client that has gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The streams that are open, and whose.
#[derive(Default)]
pub(super) struct Streams {
    open: Mutex<HashMap<(ClientName, bool), usize>>,
}

/// A stream's place; it is free again when this is dropped.
struct Place {
    shared: Shared,
    owner: (ClientName, bool),
}

impl Place {
    fn take(shared: &Shared, client: Client) -> Result<Self, ApiError> {
        let owner = (client.name, client.local);
        let mut open = shared.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(&owner).copied().unwrap_or_default();
        let (room, own_max) = match client.local {
            true => (STREAMS_MAX, STREAMS_MAX),
            false => (STREAMS_MAX / 2, shared.settings.streams),
        };
        if own >= own_max || open.values().sum::<usize>() >= room {
            return Err(problem(
                429,
                "too-many-streams",
                "too many event streams are open; close one, or read /v1/entries from time to time",
                "事件流开得太多；请关掉一个，或改为定时读取 /v1/entries",
            )
            .retry_after(HEARTBEAT));
        }
        open.insert(owner.clone(), own.saturating_add(1));
        shared.metrics.event_streams(1);
        Ok(Self { shared: shared.clone(), owner })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.shared.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.owner) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.owner);
            }
        }
        self.shared.metrics.event_streams(-1);
    }
}

#[derive(Deserialize)]
pub(super) struct From {
    from: Option<Height>,
}

pub(super) async fn events(
    Extract(shared): Extract<Shared>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Asked(From { from }): Asked<From>,
) -> Result<Response, ApiError> {
    let seen = match headers.get("last-event-id") {
        None => None,
        Some(id) => {
            let height = id.to_str().ok().and_then(|id| id.parse().ok());
            Some(Height::new(height.ok_or_else(|| {
                problem(
                    400,
                    "bad-event-id",
                    "Last-Event-ID is no height of a block; send the id of the last event that was read, or \
                     leave it out",
                    "Last-Event-ID 不是区块高度；请填最后读到的事件的 id，或不要填写",
                )
            })?))
        }
    };
    let tip = shared.snapshot().state.tip().height;
    let next = match (seen, from) {
        (Some(seen), _) => within_reach(seen, tip)?.next(),
        (None, Some(from)) => within_reach(from, tip)?.max(Height::new(1)),
        (None, None) => tip.next(),
    };
    let place = Place::take(&shared, client)?;
    let watch = Watch { next, shared, _place: place };
    let stream = Sse::new(stream::unfold(watch, Watch::next_event));
    let stream = stream.keep_alive(KeepAlive::new().interval(HEARTBEAT));
    // Proxies that gather answers before they pass them on would hold every event back.
    Ok(([(header::HeaderName::from_static("x-accel-buffering"), "no")], stream).into_response())
}

struct Watch {
    next: Height,
    shared: Shared,
    _place: Place,
}

impl Watch {
    async fn next_event(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let (tip, chain) = {
                let snapshot = self.shared.snapshots.borrow_and_update();
                (snapshot.state.tip().height, snapshot.chain.clone())
            };
            if self.next <= tip {
                if self.shared.shutdown.is_cancelled() {
                    return None;
                }
                let height = self.next;
                let event = blocking(move || block_event(&chain, height)).await;
                let event = event.ok().flatten()?;
                let event = Event::default().id(height.to_string()).json_data(event).ok()?;
                self.next = height.next();
                return Some((Ok(event), self));
            }
            tokio::select! {
                () = self.shared.shutdown.cancelled() => return None,
                changed = self.shared.snapshots.changed() => changed.ok()?,
            }
        }
    }
}

/// What is said of a block; nothing if it is not here.
pub(super) fn block_event(
    chain: &ChainStore,
    height: Height,
) -> Result<Option<BlockEvent>, ChainStoreError> {
    let Some(CertifiedBlock { block, certificate }) = chain.block(height)? else {
        return Ok(None);
    };
    let count = block.entries.len() as u64;
    let first = block.header.log_size.saturating_sub(count);
    let entries = (first..).zip(block.entries.iter()).take(EVENT_ENTRIES_MAX);
    let summary = |(index, entry): (u64, &ledger_core::block::EntryBytes)| {
        Ok(EntrySummary::of(LogIndex::new(index), &entry.decode()?))
    };
    Ok(Some(BlockEvent {
        height,
        hash: certificate.block,
        time: block.header.time,
        entry_count: count,
        entries: entries.map(summary).collect::<Result<_, ChainStoreError>>()?,
    }))
}
