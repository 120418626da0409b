//! The ledger: one append-only, signed transparency log per coordinator.
//!
//! An entry is opaque bytes (a DSSE envelope; what it may say is `quorate-core`'s concern). This
//! crate keeps entries durably and proves things about them: that an entry is in the log, that a
//! later log extends an earlier one, that two signed checkpoints cannot both be true.
//!
//! Formats are public ones, so other tools can read the log: RFC 6962 trees over SHA-256, C2SP
//! `signed-note`, `tlog-checkpoint`, `tlog-cosignature`, `tlog-witness` and `tlog-tiles`.
//!
//! Everything here blocks. Callers put a [`Log`] on a blocking thread.

pub mod audit;
pub mod checkpoint;
pub mod files;
#[cfg(test)]
mod fixture;
pub mod log;
pub mod proof_file;
pub mod replica;
pub mod store;
pub mod tree;
pub mod witness;

pub use audit::{AuditError, AuditReport, audit_directory, audit_store, read_directory};
pub use checkpoint::{
    Checkpoint, CheckpointError, Cosignature, Origin, SignatureLine, SignedCheckpoint, VerifierKey,
    WitnessKey,
};
pub use log::{Log, LogError, OpenReport};
pub use proof_file::{ProofFileError, ProvedEntry, RowProof, TlogProof};
pub use replica::{Fork, ForkError, Offered, Replica, ReplicaError};
pub use store::{Batch, MemoryStore, SledStore, Store, StoreError};
pub use tree::TreeHash;
pub use witness::{AddCheckpoint, Witness, WitnessError};

/// The most bytes an entry may have: an entry bundle gives its length in 16 bits.
pub const MAX_ENTRY: usize = u16::MAX as usize;
