//! Places for streams that others open: so many in all, so many for each peer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use libp2p::PeerId;

/// The places.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    taken: Arc<Mutex<HashMap<PeerId, usize>>>,
    total: usize,
    per_peer: usize,
}

/// One place, free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    peer: PeerId,
}

impl Slots {
    pub(crate) fn new(total: usize, per_peer: usize) -> Self {
        Self {
            taken: Arc::default(),
            total,
            per_peer,
        }
    }

    /// A place for `peer`, where there is one.
    pub(crate) fn take(&self, peer: PeerId) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&peer).copied().unwrap_or(0);
        if own >= self.per_peer || taken.values().sum::<usize>() >= self.total {
            return None;
        }
        taken.insert(peer, own + 1);
        Some(Slot {
            slots: self.clone(),
            peer,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_places_come_back() {
        let slots = Slots::new(3, 2);
        let (a, b) = (PeerId::random(), PeerId::random());
        let first = slots.take(a).unwrap();
        let second = slots.take(a).unwrap();
        assert!(slots.take(a).is_none(), "its own bound");
        let third = slots.take(b).unwrap();
        assert!(slots.take(b).is_none(), "the common bound");

        drop(first);
        assert!(slots.take(b).is_some());
        drop((second, third));
        assert!(slots.taken.lock().unwrap().is_empty());
    }
}
