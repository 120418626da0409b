//! Durable appends, one by one and in batches, side by side; and how fast an audit reads.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quorate_core::Keypair;
use quorate_ledger::{Log, SledStore, VerifierKey, audit_directory, audit_store};

/// What a record in its envelope weighs.
const ENTRY: usize = 1500;

fn keypair() -> Keypair {
    Keypair::from_secret([2; 32])
}

fn key() -> Option<VerifierKey> {
    Some(VerifierKey::new(
        "log.example/bench".parse().ok()?,
        keypair().public(),
    ))
}

fn entries(from: u64, count: u64) -> Vec<Vec<u8>> {
    (from..from + count)
        .map(|i| i.to_be_bytes().iter().copied().cycle().take(ENTRY).collect())
        .collect()
}

fn open(home: &Path) -> Option<Log<SledStore>> {
    Log::open_dir(home, key()?).ok()
}

/// A hundred durable entries, in batches of 1, 10 and 100.
fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append 100 durable entries");
    group.throughput(Throughput::Elements(100)).sample_size(20);
    for batch in [1, 10, 100_u64] {
        let Some(folder) = tempfile::tempdir().ok() else {
            return;
        };
        let Some(mut log) = open(folder.path()) else {
            return;
        };
        group.bench_function(BenchmarkId::new("batch", batch), |bencher| {
            bencher.iter(|| {
                for _ in 0..100 / batch {
                    let appended = log.append_batch(&entries(log.size(), batch));
                    assert!(appended.is_ok(), "{appended:?}");
                }
            });
        });
    }
    group.finish();
}

/// A log of ten thousand entries: signing a checkpoint, proving, opening, auditing.
fn read(criterion: &mut Criterion) {
    const COUNT: u64 = 10_000;
    let (Some(folder), Some(key)) = (tempfile::tempdir().ok(), key()) else {
        return;
    };
    let Some(mut log) = open(folder.path()) else {
        return;
    };
    for from in (0..COUNT).step_by(500) {
        let appended = log.append_batch(&entries(from, 500));
        assert!(appended.is_ok(), "{appended:?}");
    }
    let mut group = criterion.benchmark_group("a log of 10,000 entries");
    group.sample_size(20);
    group.bench_function("append 1 and sign a checkpoint", |bencher| {
        bencher.iter(|| {
            let appended = log.append_batch(&entries(log.size(), 1));
            assert!(
                appended.is_ok() && log.sign_checkpoint(&keypair()).is_ok(),
                "{appended:?}"
            );
        });
    });
    let size = log.size();
    group.bench_function("inclusion proof", |bencher| {
        let mut index = 0;
        bencher.iter(|| {
            index = (index + 7919) % size;
            black_box(log.inclusion_proof(index, size).ok())
        });
    });
    drop(log);
    group.sample_size(10).throughput(Throughput::Elements(size));
    group.bench_function("open", |bencher| {
        bencher.iter(|| assert!(open(folder.path()).is_some(), "it opens"))
    });
    if let Ok(store) = SledStore::open(folder.path().join("db")) {
        group.bench_function("audit the database", |bencher| {
            bencher.iter(|| assert!(audit_store(&store, &key).is_ok(), "it is sound"));
        });
    }
    let files = folder.path().join("files");
    group.bench_function("audit the files", |bencher| {
        bencher.iter(|| assert!(audit_directory(&files, &key).is_ok(), "they are sound"));
    });
    group.finish();
}

criterion_group!(benches, append, read);
criterion_main!(benches);
