//! Writing an image's files below one folder: every step by descriptor, no link followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, linkat, mkdirat, openat, symlinkat, syncfs};

use crate::oci::{Attributes, Sink};

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// An image in the making. The rules have passed every entry; that none leads elsewhere is made sure
/// of once more.
#[derive(Debug)]
pub(super) struct Unpack {
    root: OwnedFd,
}

impl Unpack {
    /// Makes the folder, which must not exist.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir(folder)?;
        let root = openat(CWD, folder, FOLDER, Mode::empty())?;
        fchmod(&root, Mode::from_raw_mode(0o755))?;
        Ok(Self { root })
    }

    /// Returns once everything is on the disk.
    pub(super) fn finish(self) -> io::Result<()> {
        Ok(syncfs(&self.root)?)
    }

    /// Opens the folder that a path lies in.
    fn parent<'p>(&self, path: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
        let mut folder = self.root.try_clone()?;
        for part in path.parent().into_iter().flatten() {
            folder = openat(&folder, part, FOLDER, Mode::empty())?;
        }
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        Ok((folder, name))
    }
}

impl Sink for Unpack {
    fn folder(&mut self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        mkdirat(&parent, name, Mode::RWXU)?;
        // Whatever this process's mask is.
        let folder = openat(&parent, name, FOLDER, Mode::empty())?;
        Ok(fchmod(&folder, Mode::from_raw_mode(0o755))?)
    }

    fn file(&mut self, path: &Path, attributes: Attributes, content: &mut dyn Read) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let mut file = File::from(openat(&parent, name, FILE, Mode::RUSR | Mode::WUSR)?);
        io::copy(content, &mut file)?;
        let mode = if attributes.executable { 0o755 } else { 0o644 };
        fchmod(&file, Mode::from_raw_mode(mode))?;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(attributes.modified.into()))
    }

    fn link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        Ok(symlinkat(target, &parent, name)?)
    }

    fn hard_link(&mut self, path: &Path, first: &Path) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let (first_parent, first_name) = self.parent(first)?;
        Ok(linkat(
            &first_parent,
            first_name,
            &parent,
            name,
            AtFlags::empty(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    const PLAIN: Attributes = Attributes {
        size: 1,
        executable: false,
        modified: 1_000_000_000,
    };

    fn unpack() -> (tempfile::TempDir, Unpack) {
        let home = tempfile::tempdir().unwrap();
        let unpack = Unpack::create(&home.path().join("image")).unwrap();
        (home, unpack)
    }

    #[test]
    fn files_keep_their_time_and_nothing_of_their_mode_but_executable() {
        let (home, mut unpack) = unpack();
        let tool = Attributes {
            executable: true,
            ..PLAIN
        };
        unpack.folder(Path::new("bin")).unwrap();
        unpack.file(Path::new("bin/tool"), tool, &mut &b"x"[..]).unwrap();
        unpack.file(Path::new("text"), PLAIN, &mut &b"x"[..]).unwrap();
        unpack
            .hard_link(Path::new("bin/same"), Path::new("text"))
            .unwrap();
        unpack.link(Path::new("link"), Path::new("/etc/passwd")).unwrap();
        unpack.finish().unwrap();
        let stat = |name: &str| fs::symlink_metadata(home.path().join("image").join(name)).unwrap();
        assert_eq!(stat("bin").mode() & 0o7777, 0o755);
        assert_eq!(stat("bin/tool").mode() & 0o7777, 0o755);
        assert_eq!(stat("text").mode() & 0o7777, 0o644);
        assert_eq!(stat("text").mtime(), 1_000_000_000);
        assert_eq!(stat("bin/same").ino(), stat("text").ino());
        assert!(stat("link").is_symlink());
    }

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let (home, mut unpack) = unpack();
        let outside = home.path().join("outside");
        fs::create_dir(&outside).unwrap();
        symlink(&outside, home.path().join("image/door")).unwrap();
        symlink(outside.join("file"), home.path().join("image/file")).unwrap();
        let mut content = &b"x"[..];
        assert!(unpack.file(Path::new("door/file"), PLAIN, &mut content).is_err());
        assert!(unpack.file(Path::new("file"), PLAIN, &mut content).is_err());
        assert!(unpack.folder(Path::new("door/folder")).is_err());
        assert!(unpack.link(Path::new("door/link"), Path::new("x")).is_err());
        assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    }
}
