//! The container's root and workspace: two small tmpfs in the helper's own mount namespace.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};

use crate::fill;
use crate::host;
use crate::rules::{MOUNTED_OVER, USER};
use crate::spec::{Mount, Workspace};

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

/// Mounts the root, puts in what can be made, and lists what has to be bound read-only.
pub(super) fn build(root: &Path, image: Option<&Path>) -> io::Result<Vec<Mount>> {
    // Room for mount points and a few small files; it is read-only once the container runs.
    tmpfs(root, "size=1m,nr_inodes=1024,mode=0755")?;
    let own = |name: &str| image.is_none() || MOUNTED_OVER.contains(&name);
    for (path, mode) in host::FOLDERS.iter().filter(|(path, _)| own(path)) {
        fs::create_dir(root.join(path))?;
        fs::set_permissions(root.join(path), Permissions::from_mode(*mode))?;
    }
    match image {
        Some(image) => image_skeleton(root, image),
        None => host_skeleton(root),
    }
}

fn host_skeleton(root: &Path) -> io::Result<Vec<Mount>> {
    for (path, target) in host::links() {
        symlink(target, root.join(path))?;
    }
    for (path, content) in host::FILES {
        fs::write(root.join(path), content)?;
    }
    let mut bound = vec!["/usr"];
    bound.extend(host::etc_binds());
    let same = |path: &str| Mount {
        source: path.into(),
        target: path.to_owned(),
    };
    Ok(bound.into_iter().map(same).collect())
}

/// Of an image's top, links are made anew, since a bind would follow them on the host.
fn image_skeleton(root: &Path, image: &Path) -> io::Result<Vec<Mount>> {
    let mut bound = Vec::new();
    for entry in fs::read_dir(image)? {
        let entry = entry?;
        let (source, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_symlink() {
            symlink(fs::read_link(source)?, root.join(name))?;
        } else {
            let target = format!("/{}", name.to_string_lossy());
            bound.push(Mount { source, target });
        }
    }
    Ok(bound)
}

/// A target at the root's top is made; below a folder of the image it must be there already.
pub(super) fn check_targets(image: &Path, mounts: &[Mount]) -> Result<(), String> {
    mounts.iter().try_for_each(|mount| {
        let target = Path::new(&mount.target)
            .strip_prefix("/")
            .unwrap_or(Path::new(""));
        let ancestors: Vec<_> = target.ancestors().collect();
        // The last ancestor is the image itself.
        for (depth, path) in ancestors.into_iter().rev().skip(1).enumerate() {
            let why = match fs::symlink_metadata(image.join(path)) {
                Ok(found) if found.is_symlink() => "is a link in the image",
                Ok(found) if found.is_dir() || path == target => continue,
                Ok(_) => "is no folder in the image",
                Err(_) if depth == 0 => return Ok(()),
                Err(_) => "is not there in the image, which is read-only",
            };
            let path = path.display();
            return Err(format!(
                "nothing can be mounted at `{}`: `/{path}` {why}",
                mount.target
            ));
        }
        Ok(())
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_new_at_the_top_or_there_already() {
        let image = tempfile::tempdir().unwrap();
        fs::create_dir_all(image.path().join("opt/here")).unwrap();
        fs::write(image.path().join("opt/file"), "").unwrap();
        symlink("/usr", image.path().join("link")).unwrap();
        for (target, good) in [
            ("/task", true),
            ("/task/deep/er", true),
            ("/opt", true),
            ("/opt/here", true),
            ("/opt/file", true),
            ("/opt/absent", false),
            ("/opt/file/below", false),
            ("/link", false),
            ("/link/bin", false),
        ] {
            let mounts = [Mount {
                source: "/usr".into(),
                target: target.to_owned(),
            }];
            assert_eq!(check_targets(image.path(), &mounts).is_ok(), good, "{target}");
        }
    }
}
