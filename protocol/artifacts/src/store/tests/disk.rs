//! A disk that is really full: a small tmpfs, where this user may mount one.

use std::path::PathBuf;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::*;
use crate::tree::GROUP;

struct SmallDisk {
    at: PathBuf,
    _dir: TempDir,
}

impl SmallDisk {
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("disk");
        fs::create_dir(&at).unwrap();
        let options = std::ffi::CString::new(format!("size={size}")).unwrap();
        match mount("tmpfs", &at, "tmpfs", MountFlags::empty(), options.as_c_str()) {
            Ok(()) => Some(Self { at, _dir: dir }),
            Err(error) => {
                println!("SKIPPED: this user may not mount a tmpfs ({error}), so a full disk was not tried");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.at, UnmountFlags::DETACH) {
            eprintln!("the tmpfs at {} stays mounted: {error}", self.at.display());
        }
    }
}

#[test]
fn a_full_disk_leaves_the_store_as_it_was() {
    let Some(disk) = SmallDisk::new("2m") else { return };
    let store = open(&disk.at.join("store"), 1 << 30);
    let kept = store.add_bytes("kept", &blob(1, 500_000)).unwrap();
    let before = store.usage();

    let full = |result: Result<(), StoreError>| {
        assert!(matches!(result, Err(StoreError::DiskFull { .. })), "{result:?}")
    };
    full(store.add_bytes("big", &blob(2, 4_000_000)).map(drop));
    assert_eq!(in_tmp(&store), 0);
    assert_eq!(store.usage(), before);

    // An artifact whose second file does not fit: the first one is garbage, nothing more.
    let from = tempfile::tempdir().unwrap();
    write(from.path(), "a", &blob(3, 200_000));
    write(from.path(), "b", &blob(4, 4_000_000));
    full(store.add_dir(from.path(), ROOMY).map(drop));
    assert_eq!(in_tmp(&store), 0);
    store.collect_garbage(u64::MAX).unwrap();
    assert_eq!(store.usage(), before);

    // Unpacking beside the store.
    store.add_bytes("fits", &blob(5, 900_000)).unwrap();
    full(store.unpack(
        store.add_bytes("fits", &blob(5, 900_000)).unwrap(),
        &disk.at.join("out"),
    ));
    assert!(!disk.at.join("out").exists());

    let store = reopen(store);
    store.verify(kept).unwrap();
    store.collect_garbage(0).unwrap();
    store.add_bytes("again", &blob(6, 900_000)).unwrap();
}

#[test]
fn a_download_that_meets_a_full_disk_keeps_what_it_has() {
    let Some(disk) = SmallDisk::new("2m") else { return };
    let store = open(&disk.at.join("store"), 1 << 30);
    let size = 4_000_000_u64.next_multiple_of(GROUP);
    let Partially::Open(partial) = store.partial(Digest::of(b"far away"), size).unwrap() else {
        panic!("not here")
    };
    let mut written = 0;
    let error = loop {
        match partial.write(written, &blob(1, GROUP as usize)) {
            Ok(()) => written += GROUP,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert!(written > 1_000_000);
    drop(partial);
    let store = reopen(store);
    let Partially::Open(partial) = store.partial(Digest::of(b"far away"), size).unwrap() else {
        panic!("not here")
    };
    assert_eq!(partial.missing().first(), Some(&(written..size)));
}
