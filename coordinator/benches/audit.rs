//! How fast an audit goes: every rule of a log's entries, against checking their signatures alone in one batch.
//!
//! `cargo bench -p quorate-coordinator --bench audit`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

#[path = "adversary/party.rs"]
#[expect(dead_code, reason = "the other bench uses the rest")]
mod party;
#[path = "adversary/records.rs"]
mod records;
#[path = "adversary/report.rs"]
#[expect(dead_code, reason = "the other bench uses the rest")]
mod report;
#[path = "adversary/world.rs"]
#[expect(dead_code, reason = "the other bench uses the rest")]
mod world;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::{Signature, VerifyingKey, verify_batch};
use quorate_core::envelope::pre_authentication_encoding;
use quorate_core::{Envelope, History};

use party::Cast;
use world::World;

/// Attempts in the log: about three thousand entries.
const ATTEMPTS: u32 = 300;

/// What a batch verification takes.
struct Signed {
    messages: Vec<Vec<u8>>,
    signatures: Vec<Signature>,
    keys: Vec<VerifyingKey>,
}

impl Signed {
    /// Every signature of every entry.
    fn of(log: &[Envelope]) -> Self {
        let (mut messages, mut signatures, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for envelope in log {
            let message = pre_authentication_encoding(envelope.payload_type(), envelope.payload());
            let parsed: serde_json::Value = serde_json::from_slice(envelope.bytes()).unwrap();
            let signed = parsed["signatures"].as_array().unwrap();
            for (key, signature) in envelope.signers().iter().zip(signed) {
                let bytes = STANDARD.decode(signature["sig"].as_str().unwrap()).unwrap();
                messages.push(message.clone());
                signatures.push(Signature::from_slice(&bytes).unwrap());
                keys.push(VerifyingKey::from_bytes(key.as_bytes()).unwrap());
            }
        }
        Self {
            messages,
            signatures,
            keys,
        }
    }
}

fn audit(criterion: &mut Criterion) {
    let mut world = World::new(Cast::mixed(20, 10));
    world.play_all(ATTEMPTS);
    let signed = Signed::of(&world.log);
    let messages: Vec<&[u8]> = signed.messages.iter().map(Vec::as_slice).collect();
    let mut group = criterion.benchmark_group("audit");
    group
        .throughput(Throughput::Elements(world.log.len() as u64))
        .sample_size(10);
    group.bench_function("every rule of every entry", |bencher| {
        bencher.iter(|| History::replay(world.log.iter().map(Envelope::bytes)).unwrap());
    });
    group.bench_function("their signatures alone, in one batch", |bencher| {
        bencher.iter(|| verify_batch(&messages, &signed.signatures, &signed.keys).unwrap());
    });
    group.finish();
}

criterion_group!(benches, audit);
criterion_main!(benches);
