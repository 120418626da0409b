//! Entry bundles: up to 256 entries, each after its length as a big-endian 16-bit number.

use crate::MAX_ENTRY;
use crate::tree::TILE_WIDTH;

/// The most bytes of a bundle.
pub const MAX_BUNDLE: u64 = TILE_WIDTH * (2 + MAX_ENTRY as u64);

/// Appends an entry of at most [`MAX_ENTRY`] bytes.
pub(crate) fn push(bundle: &mut Vec<u8>, entry: &[u8]) {
    debug_assert!(entry.len() <= MAX_ENTRY, "a log refuses longer entries");
    bundle.extend_from_slice(&u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle, one by one. A cut-off last entry ends it with [`Truncated`].
pub fn entries(bundle: &[u8]) -> impl Iterator<Item = Result<&[u8], Truncated>> {
    let mut rest = bundle;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let parsed = rest
            .split_first_chunk()
            .and_then(|(length, tail)| tail.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        let (entry, tail) = parsed.unzip();
        rest = tail.unwrap_or_default();
        Some(entry.ok_or(Truncated))
    })
}

/// A bundle ends within an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bundle ends within an entry: fetch it again")]
pub struct Truncated;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_round_trip_and_truncation_is_noticed() {
        let long = vec![7; MAX_ENTRY];
        let mut bytes = Vec::new();
        for entry in [&b"one"[..], b"", &long] {
            push(&mut bytes, entry);
        }
        assert_eq!(bytes.get(..5).unwrap(), [0, 3, b'o', b'n', b'e']);
        let read: Vec<_> = entries(&bytes).collect();
        assert_eq!(read, [Ok(&b"one"[..]), Ok(b""), Ok(&long[..])]);
        bytes.pop();
        assert_eq!(entries(&bytes).nth(2), Some(Err(Truncated)));
        assert_eq!(entries(&[0]).collect::<Vec<_>>(), [Err(Truncated)]);
    }
}
