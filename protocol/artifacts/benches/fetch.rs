//! What verification costs: fetching through in-memory streams against plain copies of the same bytes.
//!
//! `cargo bench -p quorate-artifacts`, with `BENCH_MIB` for another size than 256 MiB.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints its figures and may fail"
)]

use std::fs;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate_artifacts::transfer::{Connect, FetchOptions, Fetcher, ServeLimits, serve};
use quorate_artifacts::{Limits, Store};
use quorate_core::{Keypair, NodeId};
use tokio::io::{DuplexStream, duplex};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

const ROOMY: Limits = Limits {
    files: 100,
    bytes: 1 << 40,
};

struct Local(Arc<Store>);

impl Connect for Local {
    type Stream = Compat<DuplexStream>;

    fn open(&self, _provider: NodeId) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        let (near, far) = duplex(1 << 20);
        let store = Arc::clone(&self.0);
        tokio::spawn(async move { serve(far.compat(), &store, ServeLimits::default()).await });
        std::future::ready(Ok(near.compat()))
    }
}

fn report(what: &str, bytes: u64, time: Duration) {
    let rate = bytes as f64 / time.as_secs_f64() / f64::from(1 << 20);
    println!(
        "{what:<44} {:>8.0} ms {rate:>8.0} MiB/s",
        time.as_secs_f64() * 1e3
    );
}

fn timed<T>(what: &str, bytes: u64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    report(what, bytes, start.elapsed());
    result
}

fn write_source(path: &Path, bytes: usize) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut data = Vec::with_capacity(bytes);
    while data.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        data.extend_from_slice(&state.to_le_bytes());
    }
    fs::create_dir_all(path.parent().expect("a parent")).expect("the folder is made");
    fs::write(path, data).expect("the source is written");
}

#[tokio::main]
async fn main() {
    let mib: usize = std::env::var("BENCH_MIB")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(256);
    let bytes = (mib << 20) as u64;
    let dir = tempfile::tempdir().expect("a folder");
    let source = dir.path().join("source/file");
    write_source(&source, mib << 20);

    timed("copy the file and sync it", bytes, || {
        let copy = dir.path().join("copy");
        fs::copy(&source, &copy).expect("it is copied");
        fs::File::open(&copy)
            .and_then(|file| file.sync_all())
            .expect("it is synced");
    });
    let open = |name: &str| Store::open(&dir.path().join(name), 1 << 40).expect("the store opens");
    let from = open("from");
    let id = timed("add_dir", bytes, || {
        from.add_dir(&dir.path().join("source"), ROOMY)
            .expect("it is added")
    });
    timed("verify", bytes, || from.verify(id).expect("it is whole"));
    timed("unpack", bytes, || {
        from.unpack(id, &dir.path().join("unpacked"))
            .expect("it is unpacked")
    });

    for (providers, streams) in [(1_u8, 1), (1, 2), (3, 2)] {
        let to = open(&format!("to-{providers}-{streams}"));
        let options = FetchOptions {
            streams,
            ..FetchOptions::default()
        };
        let fetcher = Fetcher::new(to, Local(Arc::clone(&from)), options);
        let ids: Vec<_> = (1..=providers)
            .map(|seed| Keypair::from_secret([seed; 32]).node_id())
            .collect();
        let start = Instant::now();
        let fetched = Box::pin(fetcher.fetch(id, &ids, ROOMY, &|_| {})).await;
        fetched.result.expect("it is fetched");
        report(
            &format!("fetch, {providers} provider(s), {streams} stream(s) each"),
            bytes,
            start.elapsed(),
        );
    }
}
