//! What all parties of a Quorate network must agree on.
//!
//! This crate is pure: no I/O, no clock, no async. It owns the identities, the DSSE envelopes, the
//! records, and the rules that say which record may follow which. Everything that a stranger must
//! be able to recompute (agreement, draw, verdict, score@k) is a function of values here.

pub mod aggregate;
pub mod agreement;
pub mod credit;
pub mod digest;
pub mod draw;
pub mod duties;
pub mod envelope;
pub mod history;
pub mod identity;
pub mod record;
pub mod row;
pub mod score;
pub mod task;
pub mod text;
pub mod verdict;
pub mod vrf;
pub mod wire;

pub use digest::Digest;
pub use envelope::Envelope;
pub use history::History;
pub use identity::{Keypair, NodeId, PublicKey};
pub use record::Record;
