//! Pages of a log, as coordinators and followers serve them alike.

use quorate_core::wire::{MAX_PAGE_BYTES, Page, Prefix};
use quorate_ledger::{Log, LogError, SignedCheckpoint, Store};

/// The page that begins at entry `from`: entries, the latest checkpoint, and where the page ends
/// before the checkpoint does, the proof that one extends the other. `candidate` is what its readers
/// are asked to cosign.
///
/// # Errors
/// Where the log cannot be read.
pub fn page<S: Store>(
    log: &Log<S>,
    from: u64,
    candidate: Option<&SignedCheckpoint>,
) -> Result<Page, LogError> {
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
        checkpoint: bytes(head),
        proof,
        candidate: bytes(candidate),
        cosigned: bytes(log.cosigned()),
    })
}

/// What the log was when it had `size` entries, with the proof from there to its latest checkpoint.
///
/// # Errors
/// Where the log has no such size, or cannot be read.
pub fn prefix<S: Store>(log: &Log<S>, size: u64) -> Result<Prefix, LogError> {
    let head = log.checkpoint().ok_or(LogError::NoCheckpoint)?;
    let proof = log.consistency_proof(size, head.size())?;
    Ok(Prefix {
        checkpoint: bytes(Some(head)),
        root: *log.root_at(size)?.as_bytes(),
        proof: proof.iter().map(|hash| *hash.as_bytes()).collect(),
    })
}

fn bytes(checkpoint: Option<&SignedCheckpoint>) -> Vec<u8> {
    checkpoint.map(|c| c.as_bytes().to_vec()).unwrap_or_default()
}
