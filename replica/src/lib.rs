//! A node without the world: mempool, consensus, execution, block sync and deadlines as one
//! synchronous machine.
//!
//! [`Replica::handle`] takes an event and the time and returns what to do. The node feeds it from
//! sockets, disks and clocks; the simulator feeds the very same code from false ones. Pure like
//! `ledger-core`: it reads through [`store::Store`] and changes the world only by the [`Action`]s
//! that it returns.

#![warn(missing_docs)]

mod agreement;
pub mod chain_store;
mod early;
mod equivocations;
mod event;
mod journal;
mod mempool;
mod message;
mod node;
mod now;
mod peers;
mod proposal;
mod recent;
mod replica;
mod standing;
pub mod store;
mod sync;
mod waiting_room;

pub use equivocations::Equivocation;
pub use event::{Action, Config, Event, JobId, Outcome, RequestId, Start, StartError, Write};
pub use mempool::{MEMPOOL_BYTES_MAX, Mempool};
pub use message::{Decided, PeerMessage, Road, TransactionBytes};
pub use node::{NodeId, NodeInfo};
pub use now::{Now, SteadyMs};
pub use peers::Peer;
pub use replica::Replica;
pub use standing::Standing;
