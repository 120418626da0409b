//! An engine that keeps everything in memory: for tests, and for audits of logs held elsewhere.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Batch, Scan, Store, StoreError};

/// A store that ends with its process.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.pairs.get(key).cloned())
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Scan<'a> {
        let prefix = prefix.to_vec();
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        Box::new(
            self.pairs
                .range::<Vec<u8>, _>(from)
                .take_while(move |(key, _)| key.starts_with(&prefix))
                .map(|(key, value)| Ok((key.clone(), value.clone()))),
        )
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.pairs.extend(batch.into_pairs());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
