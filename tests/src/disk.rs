//! Small disks that can be filled: a tmpfs over a folder. Needs root.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A disk of a fixed size, unmounted when dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

const FILLER: &str = "filler";

impl Disk {
    /// A disk of so many MiB at `folder`. `None`, with a printed line, where this process may not.
    pub fn mount(folder: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let options = std::ffi::CString::new(format!("size={mib}m,mode=700")).unwrap();
        match mount(
            "tmpfs",
            folder,
            "tmpfs",
            MountFlags::empty(),
            Some::<&CStr>(&options),
        ) {
            Ok(()) => Some(Self(folder.to_owned())),
            Err(error) => {
                eprintln!("not run: no disk can be mounted here ({error}); run as root");
                None
            }
        }
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::create(self.0.join(FILLER)).unwrap();
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    /// Frees what [`Disk::fill`] took.
    pub fn free(&self) {
        fs::remove_file(self.0.join(FILLER)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}
