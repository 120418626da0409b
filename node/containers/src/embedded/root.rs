//! The container's root and workspace: two small tmpfs in the helper's own mount namespace.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};

use crate::fill;
use crate::host;
use crate::rules::USER;
use crate::spec::Workspace;

use super::chain;

/// The folders a helper works with, all below its own.
#[derive(Debug)]
pub(super) struct Folders {
    /// The bundle and the OCI runtime's state.
    pub(super) bundle: PathBuf,
    pub(super) state: PathBuf,
    pub(super) root: PathBuf,
    pub(super) work: PathBuf,
}

impl Folders {
    /// Makes them below `folder`, which must not exist.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::create_dir(folder)?;
        let below = |name: &str| folder.join(name);
        let made = Self {
            bundle: below("bundle"),
            state: below("state"),
            root: below("root"),
            work: below("work"),
        };
        for folder in [&made.bundle, &made.state, &made.root, &made.work] {
            fs::create_dir(folder)?;
        }
        Ok(made)
    }
}

/// Mounts the root and puts the host image's skeleton into it.
pub(super) fn build(root: &Path) -> io::Result<()> {
    // Room for mount points and a few small files; it is read-only once the container runs.
    tmpfs(root, "size=1m,nr_inodes=1024,mode=0755")?;
    for (path, mode) in host::FOLDERS {
        fs::create_dir(root.join(path))?;
        fs::set_permissions(root.join(path), Permissions::from_mode(*mode))?;
    }
    for (path, target) in host::links() {
        symlink(target, root.join(path))?;
    }
    for (path, content) in host::FILES {
        fs::write(root.join(path), content)?;
    }
    Ok(())
}

/// Mounts the workspace with its bounds and copies the initial content in.
pub(super) fn fill(work: &Path, workspace: &Workspace) -> Result<(), String> {
    // The root folder takes one inode.
    let (bytes, files) = (workspace.bytes, workspace.files.saturating_add(1));
    let options = format!("size={bytes},nr_inodes={files},uid={USER},gid={USER},mode=0700");
    tmpfs(work, &options).map_err(|error| format!("mounting the workspace: {error}"))?;
    let Some(initial) = &workspace.initial else {
        return Ok(());
    };
    for entry in fill::list(workspace).map_err(|error| chain(&error))? {
        copy(initial, work, &entry)
            .map_err(|error| format!("copying `{}`: {error}", entry.path.display()))?;
    }
    Ok(())
}

fn copy(initial: &Path, work: &Path, entry: &fill::Entry) -> io::Result<()> {
    let target = work.join(&entry.path);
    if entry.folder {
        fs::create_dir(&target)?;
    } else {
        let mode = if entry.executable { 0o755 } else { 0o644 };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&target)?;
        io::copy(
            &mut File::open(initial.join(&entry.path))?.take(entry.size),
            &mut file,
        )?;
    }
    // Without root, the container's user is the only one this namespace knows.
    if rustix::process::geteuid().is_root() {
        chown(&target, Some(USER), Some(USER))?;
    }
    Ok(())
}

fn tmpfs(target: &Path, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    mount(
        "tmpfs",
        target,
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        options.as_c_str(),
    )?;
    Ok(())
}
