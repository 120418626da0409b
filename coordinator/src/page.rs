//! Pages of a log, as coordinators and followers serve them alike.

use quorate_core::wire::{MAX_PAGE_BYTES, Page};
use quorate_ledger::{Log, LogError, SignedCheckpoint, Store};

/// The page that begins at entry `from`: entries, the latest checkpoint, and where the page ends
/// before the checkpoint does, the proof that one extends the other.
///
/// # Errors
/// Where the log cannot be read.
pub fn page<S: Store>(log: &Log<S>, from: u64) -> Result<Page, LogError> {
    let head = log.checkpoint();
    let size = head.map_or(0, SignedCheckpoint::size);
    let entries = log.entries(from..size, MAX_PAGE_BYTES)?;
    let end = from.saturating_add(entries.len() as u64);
    let proof = if entries.is_empty() || end >= size {
        Vec::new()
    } else {
        log.consistency_proof(end, size)?
            .iter()
            .map(|hash| *hash.as_bytes())
            .collect()
    };
    Ok(Page {
        entries,
        checkpoint: head.map(|c| c.as_bytes().to_vec()).unwrap_or_default(),
        proof,
    })
}
