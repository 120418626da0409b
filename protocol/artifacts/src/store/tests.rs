//! The store's promises, one test each.

mod books;
mod disk;
mod gc;
mod intake;
mod output;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;

const ROOMY: Limits = Limits {
    files: 1000,
    bytes: 1 << 30,
};

fn open(root: &Path, quota: u64) -> Arc<Store> {
    Store::open(root, quota).unwrap()
}

/// A store with room to spare, in a folder that goes when it is dropped.
fn store() -> (TempDir, Arc<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1 << 30);
    (dir, store)
}

/// Bytes that differ by `seed` and do not compress to one blob.
fn blob(seed: u8, size: usize) -> Vec<u8> {
    (0..size).map(|at| (at / 5) as u8 ^ seed).collect()
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// How many files lie in `tmp/`.
fn in_tmp(store: &Store) -> usize {
    fs::read_dir(store.tmp()).unwrap().count()
}

/// Closes the store and opens it again.
fn reopen(store: Arc<Store>) -> Arc<Store> {
    let (root, quota) = (store.root.clone(), store.usage().quota);
    drop(Arc::into_inner(store).expect("nothing else uses the store"));
    open(&root, quota)
}

/// Damages a blob in place.
fn overwrite(store: &Store, digest: &Digest, bytes: &[u8]) {
    let path = store.blob_path(digest);
    fs::remove_file(&path).unwrap();
    fs::write(path, bytes).unwrap();
}
