//! `tuand`: everything of a node that touches the world.
//!
//! The [`replica`] decides; here are its disk ([`store`], [`guard`]), its network, its clock and its
//! HTTP API, and the [`runtime`] in which they meet.

mod advice;
pub mod api;
mod disk;
pub mod exit;
mod files;
pub mod guard;
pub mod home;
pub mod lang;
mod metrics;
pub mod network;
pub mod offline;
pub mod runtime;
pub mod store;
pub mod tokens;
