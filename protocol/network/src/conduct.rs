//! How each peer behaves, and what follows: served, slowed down, or banned.
//!
//! Pure: the clock is handed in. A peer within its rate is served. One over it is told to slow
//! down; each such answer, and each piece of garbage, is a strike. Strikes fade; too many of them
//! at once are a ban, and each further ban is twice as long as the last. The table is bounded:
//! when it is full, the peer that has been quiet longest is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::bucket::{Rate, TokenBucket};

/// When strikes become bans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BanRule {
    /// Strikes a peer may collect at once; they fade at `Rate::per_second`.
    pub strikes: Rate,
    /// The first ban.
    pub first: Duration,
    /// The longest.
    pub max: Duration,
    /// A peer that was quiet this long after a ban starts afresh.
    pub forget_after: Duration,
}

/// What a peer has earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Go on.
    Serve,
    /// Over the rate: come back after this.
    SlowDown(Duration),
    /// Cut it off for this long.
    Ban(Duration),
}

/// The books on all peers.
#[derive(Debug)]
pub(crate) struct Conduct<K> {
    rate: Rate,
    rule: BanRule,
    capacity: usize,
    peers: HashMap<K, Peer>,
}

#[derive(Debug)]
struct Peer {
    requests: TokenBucket,
    strikes: TokenBucket,
    bans: u32,
    last_seen: Instant,
}

impl<K: Eq + Hash + Copy> Conduct<K> {
    /// Books for at most `capacity` peers.
    #[must_use]
    pub(crate) fn new(rate: Rate, rule: BanRule, capacity: usize) -> Self {
        Self {
            rate,
            rule,
            capacity,
            peers: HashMap::new(),
        }
    }

    /// A request came from `peer`.
    pub(crate) fn request(&mut self, peer: K, now: Instant) -> Decision {
        let rule = self.rule;
        let peer = self.peer(peer, now);
        match peer.requests.take(now) {
            Ok(()) => Decision::Serve,
            Err(wait) => peer
                .strike(rule, now)
                .map_or(Decision::SlowDown(wait), Decision::Ban),
        }
    }

    /// Something came from `peer` that no correct program sends.
    pub(crate) fn garbage(&mut self, peer: K, now: Instant) -> Decision {
        let rule = self.rule;
        self.peer(peer, now)
            .strike(rule, now)
            .map_or(Decision::Serve, Decision::Ban)
    }

    fn peer(&mut self, key: K, now: Instant) -> &mut Peer {
        if !self.peers.contains_key(&key) && self.peers.len() >= self.capacity {
            self.make_room(now);
        }
        let (rate, rule) = (self.rate, self.rule);
        let peer = self.peers.entry(key).or_insert_with(|| Peer {
            requests: TokenBucket::new(rate, now),
            strikes: TokenBucket::new(rule.strikes, now),
            bans: 0,
            last_seen: now,
        });
        if now.saturating_duration_since(peer.last_seen) >= rule.forget_after {
            peer.bans = 0;
        }
        peer.last_seen = now;
        peer
    }

    /// Forgets everybody about whom there is nothing to know, else whoever was quiet longest.
    fn make_room(&mut self, now: Instant) {
        self.peers
            .retain(|_, peer| peer.bans > 0 || !peer.strikes.is_full(now) || !peer.requests.is_full(now));
        if self.peers.len() >= self.capacity
            && let Some(oldest) = self
                .peers
                .iter()
                .min_by_key(|(_, peer)| peer.last_seen)
                .map(|(key, _)| *key)
        {
            self.peers.remove(&oldest);
        }
    }
}

impl Peer {
    /// One strike; the length of the ban where it was one too many.
    fn strike(&mut self, rule: BanRule, now: Instant) -> Option<Duration> {
        self.strikes.take(now).err()?;
        let length = rule
            .first
            .saturating_mul(1_u32 << self.bans.min(31))
            .min(rule.max);
        self.bans = self.bans.saturating_add(1);
        self.strikes = TokenBucket::new(rule.strikes, now);
        Some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 2,
        per_second: 1.0,
    };
    const RULE: BanRule = BanRule {
        strikes: Rate {
            burst: 3,
            per_second: 0.1,
        },
        first: Duration::from_secs(60),
        max: Duration::from_secs(200),
        forget_after: Duration::from_secs(3600),
    };

    fn flood(conduct: &mut Conduct<u8>, peer: u8, now: Instant) -> Duration {
        loop {
            if let Decision::Ban(length) = conduct.request(peer, now) {
                return length;
            }
        }
    }

    #[test]
    fn excess_is_slowed_down_and_then_banned() {
        let now = Instant::now();
        let mut conduct = Conduct::new(RATE, RULE, 10);
        let seen: Vec<Decision> = (0..6).map(|_| conduct.request(1, now)).collect();
        let slow = Decision::SlowDown(Duration::from_secs(1));
        let ban = Decision::Ban(Duration::from_secs(60));
        assert_eq!(seen, [Decision::Serve, Decision::Serve, slow, slow, slow, ban]);
        assert_eq!(
            conduct.request(2, now),
            Decision::Serve,
            "others are not affected"
        );
    }

    #[test]
    fn bans_grow_up_to_the_maximum_and_are_forgotten() {
        let start = Instant::now();
        let mut conduct = Conduct::new(RATE, RULE, 10);
        let lengths: Vec<u64> = (0..4).map(|_| flood(&mut conduct, 1, start).as_secs()).collect();
        assert_eq!(lengths, [60, 120, 200, 200]);
        assert_eq!(flood(&mut conduct, 1, start + RULE.forget_after).as_secs(), 60);
    }

    #[test]
    fn garbage_alone_leads_to_a_ban() {
        let now = Instant::now();
        let mut conduct = Conduct::new(RATE, RULE, 10);
        for _ in 0..3 {
            assert_eq!(conduct.garbage(1, now), Decision::Serve);
        }
        assert_eq!(conduct.garbage(1, now), Decision::Ban(RULE.first));
    }

    #[test]
    fn strikes_fade() {
        let start = Instant::now();
        let mut conduct = Conduct::new(RATE, RULE, 10);
        for minute in 0..100 {
            let now = start + Duration::from_secs(60 * minute);
            assert_eq!(conduct.garbage(1, now), Decision::Serve);
        }
    }

    #[test]
    fn the_table_is_bounded_and_keeps_offenders() {
        let now = Instant::now();
        let mut conduct = Conduct::new(RATE, RULE, 4);
        flood(&mut conduct, 0, now);
        for peer in 1..=200 {
            let now = now + Duration::from_secs(u64::from(peer) * 10);
            assert_eq!(conduct.request(peer, now), Decision::Serve);
            assert!(conduct.peers.len() <= 4);
        }
        assert!(
            conduct.peers.contains_key(&0),
            "newcomers must not wash out an offender"
        );
    }
}
