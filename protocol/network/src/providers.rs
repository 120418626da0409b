//! Who has which digest: the provider records that Kademlia keeps here.
//!
//! Bounded in every direction. Only 32-byte keys are kept, a few providers per key, and when the
//! table is full the provider with the most records loses one, so a flood displaces itself. The
//! party's own records are kept apart and are never displaced. Kademlia's value records are not
//! used in Quorate and not kept.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, hash_map};
use std::iter;
use std::time::Instant;

use libp2p::PeerId;
use libp2p::kad::store::{Error, RecordStore, Result};
use libp2p::kad::{ProviderRecord, Record, RecordKey};
use quorate_core::Digest;

/// The bounds of a [`ProviderStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProviderLimits {
    /// Own records. Each is announced again every few hours, one query each.
    pub(crate) own: usize,
    /// Records of all others; about 700 bytes each with their addresses.
    pub(crate) others: usize,
    /// Providers per key: as many as a download uses at once, several times over.
    pub(crate) per_key: usize,
}

impl ProviderLimits {
    pub(crate) const DEFAULT: Self = Self {
        own: 4096,
        others: 65_536,
        per_key: 20,
    };
}

/// The key under which a digest's providers are found.
pub(crate) fn key(digest: &Digest) -> RecordKey {
    RecordKey::new(digest.as_bytes())
}

/// The records.
#[derive(Debug)]
pub(crate) struct ProviderStore {
    local: PeerId,
    limits: ProviderLimits,
    own: HashMap<RecordKey, ProviderRecord>,
    by_key: HashMap<RecordKey, Vec<ProviderRecord>>,
    by_provider: HashMap<PeerId, HashSet<RecordKey>>,
    count: usize,
}

impl ProviderStore {
    pub(crate) fn new(local: PeerId, limits: ProviderLimits) -> Self {
        Self {
            local,
            limits,
            own: HashMap::new(),
            by_key: HashMap::new(),
            by_provider: HashMap::new(),
            count: 0,
        }
    }

    /// The keys this party provides.
    pub(crate) fn own_keys(&self) -> impl Iterator<Item = &RecordKey> {
        self.own.keys()
    }

    /// Takes a record, replacing the same provider's older one for the key.
    pub(crate) fn offer(&mut self, record: ProviderRecord, now: Instant) -> Result<()> {
        if record.key.as_ref().len() != 32 {
            return Err(Error::ValueTooLarge);
        }
        if record.provider == self.local {
            return self.offer_own(record);
        }
        self.remove(&record.key, &record.provider);
        let providers = self.by_key.get(&record.key);
        if providers.is_some_and(|all| all.len() >= self.limits.per_key) {
            let expired = providers.into_iter().flatten().find(|r| r.is_expired(now));
            let expired = expired.map(|r| r.provider).ok_or(Error::MaxRecords)?;
            self.remove(&record.key, &expired);
        }
        if self.count >= self.limits.others {
            self.displace(&record.provider)?;
        }
        self.by_provider
            .entry(record.provider)
            .or_default()
            .insert(record.key.clone());
        self.by_key.entry(record.key.clone()).or_default().push(record);
        self.count += 1;
        Ok(())
    }

    fn offer_own(&mut self, record: ProviderRecord) -> Result<()> {
        if self.own.len() >= self.limits.own && !self.own.contains_key(&record.key) {
            return Err(Error::MaxProvidedKeys);
        }
        self.own.insert(record.key.clone(), record);
        Ok(())
    }

    /// Makes room at the expense of whoever holds most; refuses where that is the newcomer.
    fn displace(&mut self, newcomer: &PeerId) -> Result<()> {
        let held = |keys: &HashSet<RecordKey>| keys.len();
        let newcomers = self.by_provider.get(newcomer).map_or(0, held);
        let largest = self
            .by_provider
            .iter()
            .max_by_key(|(_, keys)| held(keys))
            .filter(|(_, keys)| held(keys) > newcomers)
            .and_then(|(peer, keys)| keys.iter().next().map(|key| (*peer, key.clone())));
        let (peer, key) = largest.ok_or(Error::MaxRecords)?;
        self.remove(&key, &peer);
        Ok(())
    }

    /// Drops what has expired.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let expired: Vec<(RecordKey, PeerId)> = self
            .by_key
            .values()
            .flatten()
            .filter(|record| record.is_expired(now))
            .map(|record| (record.key.clone(), record.provider))
            .collect();
        for (key, provider) in expired {
            self.remove(&key, &provider);
        }
    }

    fn remove(&mut self, key: &RecordKey, provider: &PeerId) {
        let Some(keys) = self.by_provider.get_mut(provider) else {
            return;
        };
        if !keys.remove(key) {
            return;
        }
        if keys.is_empty() {
            self.by_provider.remove(provider);
        }
        if let Some(records) = self.by_key.get_mut(key) {
            records.retain(|record| record.provider != *provider);
            if records.is_empty() {
                self.by_key.remove(key);
            }
        }
        self.count -= 1;
    }
}

impl RecordStore for ProviderStore {
    type RecordsIter<'a> = iter::Empty<Cow<'a, Record>>;
    type ProvidedIter<'a> = iter::Map<
        hash_map::Values<'a, RecordKey, ProviderRecord>,
        fn(&'a ProviderRecord) -> Cow<'a, ProviderRecord>,
    >;

    fn get(&self, _: &RecordKey) -> Option<Cow<'_, Record>> {
        None
    }

    fn put(&mut self, _: Record) -> Result<()> {
        Err(Error::MaxRecords)
    }

    fn remove(&mut self, _: &RecordKey) {}

    fn records(&self) -> Self::RecordsIter<'_> {
        iter::empty()
    }

    fn add_provider(&mut self, record: ProviderRecord) -> Result<()> {
        self.offer(record, Instant::now())
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let others = self.by_key.get(key).into_iter().flatten();
        self.own.get(key).into_iter().chain(others).cloned().collect()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        self.own.values().map(Cow::Borrowed)
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        if *provider == self.local {
            self.own.remove(key);
        } else {
            self.remove(key, provider);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn store(others: usize, per_key: usize) -> (ProviderStore, PeerId) {
        let local = PeerId::random();
        (
            ProviderStore::new(
                local,
                ProviderLimits {
                    own: 2,
                    others,
                    per_key,
                },
            ),
            local,
        )
    }

    fn record(n: u8, provider: PeerId) -> ProviderRecord {
        ProviderRecord::new(key(&Digest::of(&[n])), provider, Vec::new())
    }

    #[test]
    fn only_digests_are_keys() {
        let (mut store, _) = store(10, 10);
        for size in [0, 31, 33, 16_000] {
            let key = RecordKey::new(&vec![0; size]);
            assert!(
                store
                    .add_provider(ProviderRecord::new(key, PeerId::random(), vec![]))
                    .is_err()
            );
        }
        assert_eq!(store.count, 0);
    }

    #[test]
    fn a_provider_stands_once_per_key() {
        let (mut store, _) = store(10, 10);
        let peer = PeerId::random();
        for _ in 0..3 {
            store.add_provider(record(1, peer)).unwrap();
        }
        assert_eq!(store.providers(&record(1, peer).key).len(), 1);
        store.remove_provider(&record(1, peer).key, &peer);
        assert!(store.providers(&record(1, peer).key).is_empty());
        assert_eq!(
            (store.count, store.by_key.len(), store.by_provider.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_key_keeps_its_providers_and_replaces_expired_ones() {
        let (mut store, _) = store(10, 2);
        let now = Instant::now();
        let mut old = record(1, PeerId::random());
        old.expires = Some(now + Duration::from_secs(10));
        store.offer(old, now).unwrap();
        store.offer(record(1, PeerId::random()), now).unwrap();
        assert!(store.offer(record(1, PeerId::random()), now).is_err());
        assert!(
            store
                .offer(record(1, PeerId::random()), now + Duration::from_secs(11))
                .is_ok()
        );
        assert_eq!(store.count, 2);
    }

    #[test]
    fn a_flood_displaces_itself() {
        let (mut store, _) = store(10, 10);
        let (honest, flooder) = (PeerId::random(), PeerId::random());
        for n in 0..3 {
            store.add_provider(record(n, honest)).unwrap();
        }
        let taken = (0..200)
            .filter(|n| store.add_provider(record(*n, flooder)).is_ok())
            .count();
        assert_eq!(taken, 7);
        store.add_provider(record(200, honest)).unwrap();
        assert_eq!(store.by_provider[&honest].len(), 4);
        assert_eq!(store.count, 10);
    }

    #[test]
    fn own_records_are_apart_bounded_and_never_displaced() {
        let (mut store, local) = store(1, 1);
        store.add_provider(record(1, local)).unwrap();
        store.add_provider(record(2, local)).unwrap();
        assert!(matches!(
            store.add_provider(record(3, local)),
            Err(Error::MaxProvidedKeys)
        ));
        assert!(store.add_provider(record(1, local)).is_ok(), "again is no more");
        store.add_provider(record(1, PeerId::random())).unwrap();
        assert_eq!(store.provided().count(), 2);
        assert_eq!(store.providers(&record(1, local).key).len(), 2);
    }

    #[test]
    fn expired_records_are_swept() {
        let (mut store, _) = store(10, 10);
        let now = Instant::now();
        let mut short = record(1, PeerId::random());
        short.expires = Some(now);
        store.offer(short, now).unwrap();
        store.offer(record(2, PeerId::random()), now).unwrap();
        store.sweep(now);
        assert_eq!(store.count, 1);
    }
}
