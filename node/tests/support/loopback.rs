//! Addresses of this machine that nobody else uses.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU8, Ordering},
};

/// An address of its own for each caller: Linux answers on all of 127.0.0.0/8.
///
/// A port that was found free on 127.0.0.1 may be taken before it is listened on, and again while a
/// node is down: by another test, or by any connection going out. From here none goes out.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < u8::MAX, "the tests of one program have used all their addresses");
    Ipv4Addr::new(127, high, low, number)
}
