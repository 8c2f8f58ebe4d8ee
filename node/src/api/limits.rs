//! How often a client may ask: a bucket of tokens for each, bounded in number.

use super::{client::ClientName, settings::ClientSettings};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Most clients that are told apart. When there are more, those without a bucket share one.
const CLIENTS_MAX: usize = 4_096;

/// What each client has left.
pub(super) struct Limits {
    per_second: f64,
    burst: f64,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    of: HashMap<ClientName, Bucket>,
    shared: Bucket,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, limits: &Limits, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * limits.per_second).min(limits.burst);
        self.at = now;
    }
}

impl Limits {
    pub(super) fn new(settings: &ClientSettings, now: Instant) -> Self {
        let burst = f64::from(settings.burst.max(1));
        let shared = Bucket { left: burst, at: now };
        Self {
            per_second: f64::from(settings.requests_per_second.max(1)),
            burst,
            buckets: Mutex::new(Buckets { of: HashMap::new(), shared }),
        }
    }

    /// Takes `cost` from a client's bucket; no request costs more than a full one.
    ///
    /// # Errors
    /// How long to wait until there is enough.
    pub(super) fn take(
        &self,
        client: &ClientName,
        cost: u32,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Buckets { of, shared } = &mut *buckets;
        if !of.contains_key(client) {
            if of.len() >= CLIENTS_MAX {
                // A full bucket says nothing about its client.
                of.retain(|_, bucket| {
                    bucket.refill(self, now);
                    bucket.left < self.burst
                });
            }
            if of.len() < CLIENTS_MAX {
                of.insert(client.clone(), Bucket { left: self.burst, at: now });
            }
        }
        let bucket = of.get_mut(client).unwrap_or(shared);
        bucket.refill(self, now);
        let cost = f64::from(cost).min(self.burst);
        if bucket.left < cost {
            return Err(Duration::from_secs_f64((cost - bucket.left) / self.per_second));
        }
        bucket.left -= cost;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn client(n: u32) -> ClientName {
        ClientName::of_address(IpAddr::from(n.to_be_bytes()))
    }

    fn limits(now: Instant) -> Limits {
        let settings =
            ClientSettings { requests_per_second: 2, burst: 4, ..ClientSettings::default() };
        Limits::new(&settings, now)
    }

    #[test]
    fn after_its_burst_a_client_asks_at_its_rate_and_others_are_not_held_up() {
        let start = Instant::now();
        let limits = limits(start);
        for _ in 0..4 {
            assert_eq!(limits.take(&client(1), 1, start), Ok(()));
        }
        assert_eq!(limits.take(&client(1), 1, start), Err(Duration::from_millis(500)));
        assert_eq!(limits.take(&client(2), 1, start), Ok(()));
        let later = start + Duration::from_millis(500);
        assert_eq!(limits.take(&client(1), 1, later), Ok(()));
        assert!(limits.take(&client(1), 1, later).is_err());
        // Rest gives back no more than the burst, and the dearest request fits into it.
        let rested = start + Duration::from_secs(60);
        assert_eq!(limits.take(&client(1), 100, rested), Ok(()));
        assert!(limits.take(&client(1), 1, rested).is_err());
    }

    #[test]
    fn a_crowd_takes_bounded_memory_and_is_forgotten_when_it_has_rested() {
        let start = Instant::now();
        let limits = limits(start);
        for n in 0..2 * u32::try_from(CLIENTS_MAX).expect("is small") {
            let _ = limits.take(&client(n), 1, start);
        }
        let kept = || limits.buckets.lock().expect("not poisoned").of.len();
        assert_eq!(kept(), CLIENTS_MAX);
        assert!(limits.take(&client(u32::MAX), 1, start).is_err(), "latecomers share one");
        let rested = start + Duration::from_secs(60);
        assert_eq!(limits.take(&client(u32::MAX), 1, rested), Ok(()));
        assert_eq!(kept(), 1);
    }
}
