//! The build context: what the engine is sent, and so all that `COPY` can name.
//!
//! It tells the same story wherever the files lie: owners, times and modes are the packing's own.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::error::Error;
use crate::recipe::{Plan, Recipe};

/// Where the Containerfile lies in the context, out of the way of the folder's own files.
pub(crate) const CONTAINERFILE: &str = ".quorate-containerfile";

/// A context is the few files that a Containerfile adds; data belongs to the bundle.
const MAX_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 10_000;

/// Packs the Containerfile and the recipe's folder.
pub(crate) fn pack(recipe: &Recipe, plan: &Plan) -> Result<Vec<u8>, Error> {
    let mut context = Context {
        tar: Builder::new(Vec::new()),
        epoch: plan.epoch,
        bytes_left: MAX_BYTES,
        files_left: MAX_FILES,
    };
    context.file(Path::new(CONTAINERFILE), plan.text.as_bytes())?;
    if let Some(root) = &recipe.context {
        context.folder(root, Path::new(""))?;
    }
    context
        .tar
        .into_inner()
        .map_err(Error::io("packing the build context"))
}

struct Context {
    tar: Builder<Vec<u8>>,
    epoch: u64,
    bytes_left: u64,
    files_left: usize,
}

impl Context {
    fn folder(&mut self, root: &Path, below: &Path) -> Result<(), Error> {
        let folder = root.join(below);
        let read = || -> std::io::Result<Vec<PathBuf>> {
            let names = fs::read_dir(&folder)?.map(|entry| entry.map(|entry| below.join(entry.file_name())));
            names.collect()
        };
        let mut paths = read().map_err(|error| unusable(&folder, error.to_string()))?;
        paths.sort();
        for path in paths {
            let source = root.join(&path);
            self.files_left = self
                .files_left
                .checked_sub(1)
                .ok_or_else(|| unusable(&source, format!("the folder holds more than {MAX_FILES} files")))?;
            let kind = fs::symlink_metadata(&source)
                .map_err(|error| unusable(&source, error.to_string()))?
                .file_type();
            if kind.is_dir() {
                self.entry(EntryType::Directory, &path, 0o755, &[])?;
                self.folder(root, &path)?;
            } else if kind.is_file() {
                let content = self.content(&source)?;
                self.file(&path, &content)?;
            } else {
                return Err(unusable(&source, "it is neither a file nor a folder".into()));
            }
        }
        Ok(())
    }

    fn content(&mut self, source: &Path) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        File::open(source)
            .and_then(|file| file.take(self.bytes_left + 1).read_to_end(&mut content))
            .map_err(|error| unusable(source, error.to_string()))?;
        self.bytes_left = self.bytes_left.checked_sub(content.len() as u64).ok_or_else(|| {
            unusable(
                source,
                format!("the folder holds more than {} MiB", MAX_BYTES >> 20),
            )
        })?;
        Ok(content)
    }

    /// Whether a file may be executed is read from its first bytes, as everywhere a folder is packed.
    fn file(&mut self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let executable = content.starts_with(b"#!") || content.starts_with(b"\x7fELF");
        let mode = if executable { 0o755 } else { 0o644 };
        self.entry(EntryType::Regular, path, mode, content)
    }

    fn entry(&mut self, kind: EntryType, path: &Path, mode: u32, content: &[u8]) -> Result<(), Error> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.epoch);
        self.tar
            .append_data(&mut header, path, content)
            .map_err(|error| unusable(path, error.to_string()))
    }
}

fn unusable(path: &Path, why: String) -> Error {
    Error::Context {
        path: path.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn packed(context: &Path) -> Result<Vec<u8>, Error> {
        let recipe = Recipe {
            context: Some(context.to_owned()),
            ..Recipe::default()
        };
        let plan = Plan {
            text: "FROM scratch".into(),
            epoch: 17,
        };
        pack(&recipe, &plan)
    }

    #[test]
    fn modes_and_times_of_the_folder_do_not_count() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, mode) in [(&one, 0o600), (&other, 0o755)] {
            let program = folder.path().join("bin/program");
            fs::create_dir(folder.path().join("bin")).unwrap();
            fs::write(&program, "#!/bin/sh").unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
            let hour = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(mode));
            File::open(&program).unwrap().set_modified(hour).unwrap();
        }
        assert_eq!(packed(one.path()).unwrap(), packed(other.path()).unwrap());
    }

    #[test]
    fn only_files_and_folders_are_sent() {
        let folder = tempfile::tempdir().unwrap();
        symlink("/etc/passwd", folder.path().join("link")).unwrap();
        let refused = packed(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("neither a file nor a folder"), "{refused}");
    }
}
