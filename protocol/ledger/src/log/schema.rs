//! Which keys a log uses in its store, and what is under them.
//!
//! | key | value |
//! |---|---|
//! | `e` index | leaf hash, entry |
//! | `d` BLAKE3 digest of the entry | index |
//! | `t` level, index | the 256 hashes of a full tile |
//! | `checkpoint` | the latest signed checkpoint |
//! | `key` | the verifier key of the log that this store is of |
//!
//! Entries are the truth; digests and tiles follow from them. The leaf hash beside each entry is what
//! lets an audit name the entry that changed.

use quorate_core::Digest;

use crate::store::{Store, StoreError};
use crate::tree::TreeHash;

pub(crate) const ENTRIES: &[u8] = b"e";
pub(crate) const CHECKPOINT: &[u8] = b"checkpoint";
pub(crate) const KEY: &[u8] = b"key";

pub(crate) fn entry_key(index: u64) -> Vec<u8> {
    [ENTRIES, &index.to_be_bytes()].concat()
}

/// The index in an entry's key.
pub(crate) fn entry_index(key: &[u8]) -> Option<u64> {
    let index = key.strip_prefix(ENTRIES)?;
    index.try_into().ok().map(u64::from_be_bytes)
}

pub(crate) fn digest_key(digest: &Digest) -> Vec<u8> {
    [b"d", &digest.as_bytes()[..]].concat()
}

pub(crate) fn tile_key(level: u8, index: u64) -> Vec<u8> {
    [&[b't', level], &index.to_be_bytes()[..]].concat()
}

/// An entry with its leaf hash, as it is stored.
pub(crate) fn encode_entry(leaf: &TreeHash, entry: &[u8]) -> Vec<u8> {
    [&leaf.as_bytes()[..], entry].concat()
}

/// The leaf hash and the entry of a stored value.
pub(crate) fn decode_entry(value: &[u8]) -> Option<(TreeHash, &[u8])> {
    let (leaf, entry) = value.split_first_chunk()?;
    Some((TreeHash::from_bytes(*leaf), entry))
}

pub(crate) fn encode_tile(hashes: &[TreeHash]) -> Vec<u8> {
    hashes.iter().flat_map(TreeHash::as_bytes).copied().collect()
}

/// The hashes of a tile; `None` where the bytes are no whole number of hashes.
pub(crate) fn decode_tile(bytes: &[u8]) -> Option<Vec<TreeHash>> {
    let (hashes, rest) = bytes.as_chunks();
    rest.is_empty()
        .then(|| hashes.iter().copied().map(TreeHash::from_bytes).collect())
}

/// The index under which the entry with this digest is stored.
pub(crate) fn find(store: &impl Store, digest: &Digest) -> Result<Option<u64>, StoreError> {
    let key = digest_key(digest);
    let Some(value) = store.get(&key)? else {
        return Ok(None);
    };
    let index = value
        .as_slice()
        .try_into()
        .map_err(|_| StoreError::Corrupt { key })?;
    Ok(Some(u64::from_be_bytes(index)))
}

/// The hashes of a full tile.
pub(crate) fn read_tile(
    store: &impl Store,
    level: u8,
    index: u64,
) -> Result<Option<Vec<TreeHash>>, StoreError> {
    let key = tile_key(level, index);
    let Some(value) = store.get(&key)? else {
        return Ok(None);
    };
    decode_tile(&value).map(Some).ok_or(StoreError::Corrupt { key })
}
