//! Who is kept out, and until when.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;

use super::Actor;
use crate::event::Event;
use crate::identity::node_id;
use crate::limits::BANS;

/// The bans in force.
#[derive(Debug, Default)]
pub(super) struct Bans {
    until: HashMap<PeerId, Instant>,
}

impl Bans {
    /// Bans; a shorter ban does not replace a longer one. Returns whom this pushed out of a full
    /// table.
    fn add(&mut self, peer: PeerId, until: Instant) -> Option<PeerId> {
        let known = self.until.entry(peer).or_insert(until);
        *known = until.max(*known);
        if self.until.len() <= BANS {
            return None;
        }
        let first = self
            .until
            .iter()
            .min_by_key(|(_, until)| **until)
            .map(|(peer, _)| *peer);
        first.inspect(|first| {
            self.until.remove(first);
        })
    }

    /// Takes out the bans that are over.
    fn take_over(&mut self, now: Instant) -> Vec<PeerId> {
        self.until
            .extract_if(|_, until| *until <= now)
            .map(|(peer, _)| peer)
            .collect()
    }

    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.until.contains_key(peer)
    }
}

impl Actor {
    /// Disconnects and keeps out.
    pub(super) fn ban(&mut self, peer: PeerId, length: Duration, reason: &str) {
        tracing::warn!(%peer, seconds = length.as_secs(), reason, "banned");
        self.metrics.bans.inc();
        // An end beyond the clock's range is as good as the end of the century.
        let now = Instant::now();
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let until = now
            .checked_add(length)
            .or_else(|| now.checked_add(century))
            .unwrap_or(now);
        let behaviour = self.swarm.behaviour_mut();
        if let Some(pushed_out) = self.bans.add(peer, until) {
            behaviour.blocked.unblock_peer(pushed_out);
        }
        behaviour.blocked.block_peer(peer);
    }

    /// Bans for conduct: the application is told.
    pub(super) fn ban_for_conduct(&mut self, peer: PeerId, length: Duration, reason: &str) {
        self.ban(peer, length, reason);
        if let Some(node) = node_id(&peer) {
            self.emit(Event::Banned { node, length });
        }
    }

    pub(super) fn lift_bans(&mut self, now: Instant) {
        for peer in self.bans.take_over(now) {
            tracing::info!(%peer, "ban lifted");
            self.swarm.behaviour_mut().blocked.unblock_peer(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_end_and_longer_ones_stay() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let (a, b) = (PeerId::random(), PeerId::random());
        let mut bans = Bans::default();
        bans.add(a, now + second);
        bans.add(b, now + 9 * second);
        bans.add(b, now + second);
        assert_eq!(bans.take_over(now + 2 * second), [a]);
        assert!(bans.contains(&b) && !bans.contains(&a));
        assert_eq!(bans.take_over(now + 9 * second), [b]);
    }

    #[test]
    fn the_table_is_bounded() {
        let now = Instant::now();
        let mut bans = Bans::default();
        let soonest = PeerId::random();
        assert_eq!(bans.add(soonest, now), None);
        let pushed: Vec<PeerId> = (0..BANS)
            .filter_map(|_| bans.add(PeerId::random(), now + Duration::from_secs(60)))
            .collect();
        assert_eq!(pushed, [soonest]);
        assert_eq!(bans.until.len(), BANS);
    }
}
