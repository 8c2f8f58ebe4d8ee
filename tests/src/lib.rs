//! The simulator: whole clusters of the real [`replica::Replica`] in one thread, with a false clock, a
//! false network and false disks, from one seed.
//!
//! ```text
//!  scenario ── chooses ──▶ cluster ── drives ──▶ replica (the real one)
//!                           │  │  │
//!              workload ◀───┘  │  └──▶ clock, network, disk, byzantine
//!                              └─────▶ checks, trace
//! ```
//!
//! Beside it stand [`model`], the rules of the money a second time, and [`lives`], which compare the two.
//!
//! Safety is checked at every event, liveness after the faults stop. The same seed gives the same
//! run, event by event; `cargo xtask sim --seed N` repeats it. Nothing in here depends on the node or
//! its database.

#![warn(missing_docs)]

pub mod byzantine;
pub mod checks;
pub mod clock;
pub mod cluster;
pub mod community;
pub mod disk;
pub mod lives;
pub mod model;
pub mod network;
pub mod rng;
pub mod scenario;
pub mod trace;
pub mod variants;
pub mod workload;
