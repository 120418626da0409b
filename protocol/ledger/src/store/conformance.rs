//! What every engine must do. Each test runs against each engine.

use super::*;

/// An engine that the suite can close and open again. Engines that keep nothing say `DURABLE = false`.
trait Engine {
    type Store: Store;
    const DURABLE: bool;

    fn open(&self) -> Self::Store;
}

struct Memory;

impl Engine for Memory {
    type Store = MemoryStore;
    const DURABLE: bool = false;

    fn open(&self) -> MemoryStore {
        MemoryStore::default()
    }
}

struct Sled(tempfile::TempDir);

impl Engine for Sled {
    type Store = SledStore;
    const DURABLE: bool = true;

    fn open(&self) -> SledStore {
        SledStore::open(self.0.path().join("db")).unwrap()
    }
}

fn batch(pairs: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in pairs {
        batch.put(*key, *value);
    }
    batch
}

fn keys(store: &impl Store, prefix: &str) -> Vec<String> {
    store
        .scan(prefix.as_bytes())
        .map(|pair| String::from_utf8(pair.unwrap().0).unwrap())
        .collect()
}

fn reads_what_was_written(engine: &impl Engine) {
    let mut store = engine.open();
    assert_eq!(store.get(b"a").unwrap(), None);
    store.write(batch(&[("a", "1"), ("b", ""), ("a", "2")])).unwrap();
    assert_eq!(store.get(b"a").unwrap().unwrap(), b"2", "the later pair wins");
    assert_eq!(
        store.get(b"b").unwrap().unwrap(),
        b"",
        "an empty value is a value"
    );
    store.write(batch(&[("a", "3")])).unwrap();
    assert_eq!(store.get(b"a").unwrap().unwrap(), b"3");
    store.write(Batch::default()).unwrap();
    store.flush().unwrap();
}

fn scans_one_prefix_in_order(engine: &impl Engine) {
    let mut store = engine.open();
    store
        .write(batch(&[
            ("p2", ""),
            ("o", ""),
            ("p10", ""),
            ("q", ""),
            ("p", ""),
            ("p\u{7f}", ""),
        ]))
        .unwrap();
    assert_eq!(keys(&store, "p"), ["p", "p10", "p2", "p\u{7f}"]);
    assert_eq!(keys(&store, "x"), [""; 0]);
    assert_eq!(keys(&store, "").len(), 6);
    let mut high = Batch::default();
    high.put([0xff, 0xff], "");
    high.put([0xff], "");
    store.write(high).unwrap();
    assert_eq!(
        store.scan(&[0xff]).count(),
        2,
        "the highest prefix has no successor"
    );
}

fn takes_large_values_and_batches(engine: &impl Engine) {
    let mut store = engine.open();
    let value: Vec<u8> = (0..70_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let mut many = Batch::default();
    for i in 0..300_u32 {
        many.put(i.to_be_bytes(), value.get(..(i as usize) * 200).unwrap());
    }
    many.put("large", value.clone());
    store.write(many).unwrap();
    store.flush().unwrap();
    assert_eq!(store.get(b"large").unwrap().unwrap(), value);
    assert_eq!(
        store.get(&299_u32.to_be_bytes()).unwrap().unwrap().len(),
        299 * 200
    );
}

fn keeps_what_was_flushed<E: Engine>(engine: &E) {
    let mut store = engine.open();
    store.write(batch(&[("a", "1"), ("b", "2")])).unwrap();
    store.flush().unwrap();
    drop(store);
    let store = engine.open();
    assert_eq!(keys(&store, "").len(), if E::DURABLE { 2 } else { 0 });
}

macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $test() { super::$test(&super::Memory); })*
        }
        mod sled {
            $(#[test] fn $test() { super::$test(&super::Sled(tempfile::tempdir().unwrap())); })*
        }
    };
}

conformance!(
    reads_what_was_written,
    scans_one_prefix_in_order,
    takes_large_values_and_batches,
    keeps_what_was_flushed,
);
