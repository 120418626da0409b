//! Unpacked images: one folder each, named by its digest.
//!
//! Any number of processes share them. Whoever makes or removes one holds the lock, so what is only
//! partly there under it is a dead process's and goes. A container holds its image's folder for as
//! long as it runs, so that nobody removes the image from under it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::unpack::Unpack;
use crate::digest::ImageDigest;
use crate::oci::Layout;
use crate::runtime::Error;

const LOCK: &str = "lock";
/// An image that is being made or removed.
const PARTIAL: &str = ".partial";

/// The folder that holds them.
#[derive(Debug, Clone)]
pub(super) struct Images {
    folder: PathBuf,
}

impl Images {
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let doing = |what: &str| format!("{what} the images' folder {}", folder.display());
        fs::create_dir_all(folder).map_err(Error::io(doing("making")))?;
        let folder = fs::canonicalize(folder).map_err(Error::io(doing("resolving")))?;
        Ok(Self { folder })
    }

    /// Where an image is, once it has been imported.
    pub(super) fn path(&self, digest: &ImageDigest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    pub(super) fn has(&self, digest: &ImageDigest) -> Result<bool, Error> {
        let looking = Error::io(format!("looking for the image {digest}"));
        self.path(digest).try_exists().map_err(looking)
    }

    pub(super) fn import(&self, layout: &Path, digest: &ImageDigest) -> Result<(), Error> {
        let _alone = self.lock()?;
        if self.has(digest)? {
            return Ok(());
        }
        self.sweep_partial()
            .map_err(Error::io("removing a partial image"))?;
        let partial = self.partial(digest);
        let unpacked = unpack(layout, digest, &partial).and_then(|()| {
            let keeping = Error::io(format!("keeping the image {digest}"));
            fs::rename(&partial, self.path(digest)).map_err(keeping)
        });
        if unpacked.is_err()
            && let Err(error) = self.sweep_partial()
        {
            tracing::warn!(%error, "a refused image's folder stayed");
        }
        unpacked
    }

    pub(super) fn remove(&self, digest: &ImageDigest) -> Result<(), Error> {
        let _alone = self.lock()?;
        let (path, partial) = (self.path(digest), self.partial(digest));
        let doing = || Error::io(format!("removing the image {digest}"));
        let image = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            image => image.map_err(doing())?,
        };
        match image.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let digest = digest.clone();
                return Err(Error::ImageInUse { digest });
            }
            Err(TryLockError::Error(error)) => return Err(doing()(error)),
        }
        fs::rename(path, &partial).map_err(doing())?;
        fs::remove_dir_all(partial).map_err(doing())
    }

    /// Removes what dead processes left half made; leaves alone what a living one is making.
    pub(super) fn sweep(&self) -> io::Result<usize> {
        let lock = File::create(self.folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => self.sweep_partial(),
            Err(TryLockError::WouldBlock) => Ok(0),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn partial(&self, digest: &ImageDigest) -> PathBuf {
        self.folder.join(format!("{}{PARTIAL}", digest.hex()))
    }

    /// Waits for whoever else makes or removes an image.
    fn lock(&self) -> Result<File, Error> {
        let path = self.folder.join(LOCK);
        let locked = File::create(&path).and_then(|lock| lock.lock().map(|()| lock));
        locked.map_err(Error::io(format!("locking {}", path.display())))
    }

    /// Only under the lock.
    fn sweep_partial(&self) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().ends_with(PARTIAL.as_bytes()) {
                fs::remove_dir_all(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn unpack(layout: &Path, digest: &ImageDigest, folder: &Path) -> Result<(), Error> {
    let layout = Layout::open(layout, digest)?;
    let making = Error::io(format!("making {}", folder.display()));
    let mut unpack = Unpack::create(folder).map_err(making)?;
    layout.walk(&mut unpack)?;
    unpack
        .finish()
        .map_err(Error::io("writing the image to the disk"))
}

/// Keeps an image from being removed for as long as the returned file is open.
pub(super) fn hold(image: &Path) -> io::Result<File> {
    let folder = File::open(image)?;
    folder.try_lock_shared()?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::example;

    fn images() -> (tempfile::TempDir, Images) {
        let home = tempfile::tempdir().unwrap();
        let images = Images::open(&home.path().join("images")).unwrap();
        (home, images)
    }

    fn count(images: &Images) -> usize {
        fs::read_dir(&images.folder).unwrap().count()
    }

    #[test]
    fn an_image_is_there_from_import_to_removal() {
        let (home, images) = images();
        let digest = example::layout(home.path());
        assert!(!images.has(&digest).unwrap());
        images.import(home.path(), &digest).unwrap();
        assert!(images.has(&digest).unwrap());
        let marker = images.path(&digest).join(example::FILE);
        assert_eq!(fs::read(marker).unwrap(), example::CONTENT);
        images.remove(&digest).unwrap();
        images.remove(&digest).expect("what is gone is removed");
        assert!(!images.has(&digest).unwrap());
        assert_eq!(count(&images), 1, "the lock alone");
    }

    #[test]
    fn a_refused_image_leaves_nothing() {
        let (home, images) = images();
        let digest = example::layout(home.path());
        example::damage(home.path());
        let refused = images.import(home.path(), &digest);
        assert!(matches!(refused, Err(Error::BadImage { .. })), "{refused:?}");
        assert_eq!(count(&images), 1, "the lock alone");
    }

    #[test]
    fn an_image_in_use_stays() {
        let (home, images) = images();
        let digest = example::layout(home.path());
        images.import(home.path(), &digest).unwrap();
        let held = [
            hold(&images.path(&digest)).unwrap(),
            hold(&images.path(&digest)).unwrap(),
        ];
        assert!(matches!(images.remove(&digest), Err(Error::ImageInUse { .. })));
        drop(held);
        images.remove(&digest).unwrap();
    }

    #[test]
    fn many_importing_at_once_make_one_image() {
        let (home, images) = images();
        let digest = example::layout(home.path());
        std::thread::scope(|scope| {
            let import = || images.import(home.path(), &digest).unwrap();
            (0..8).for_each(|_| drop(scope.spawn(import)));
        });
        assert_eq!(count(&images), 2, "the image and the lock");
    }

    #[test]
    fn a_sweep_removes_what_the_dead_left_and_spares_the_living() {
        let (home, images) = images();
        let digest = example::layout(home.path());
        images.import(home.path(), &digest).unwrap();
        fs::create_dir_all(images.partial(&digest).join("half")).unwrap();
        let lock = images.lock().unwrap();
        assert_eq!(images.sweep().unwrap(), 0, "somebody may be making it");
        drop(lock);
        assert_eq!(images.sweep().unwrap(), 1);
        assert!(images.has(&digest).unwrap());
    }
}
