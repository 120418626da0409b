//! The files a workspace starts with.
//!
//! They are the node's own, yet only regular files and folders are taken, in a fixed order, and
//! what cannot fit is refused before a container is made.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::runtime::Error;
use crate::spec::Workspace;

/// One file or folder to copy in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Relative to the initial folder.
    pub(crate) path: PathBuf,
    pub(crate) folder: bool,
    pub(crate) size: u64,
    pub(crate) executable: bool,
}

/// Lists the initial content, folders before what is in them.
pub(crate) fn list(workspace: &Workspace) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let Some(root) = &workspace.initial else {
        return Ok(entries);
    };
    let mut bytes = 0_u64;
    let mut pending = vec![PathBuf::new()];
    while let Some(folder) = pending.pop() {
        for (path, metadata) in children(root, &folder)? {
            let entry = entry(path, &metadata)?;
            bytes = bytes.saturating_add(entry.size);
            if bytes > workspace.bytes || entries.len() as u64 >= workspace.files {
                let why = "its content is more than `bytes` or `files` allow".into();
                return Err(Error::Spec {
                    field: "workspace.initial",
                    why,
                });
            }
            if entry.folder {
                pending.push(entry.path.clone());
            }
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn children(root: &Path, folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, Error> {
    let full = root.join(folder);
    let read = || -> io::Result<Vec<_>> {
        let mut found = Vec::new();
        for child in fs::read_dir(&full)? {
            let child = child?;
            found.push((folder.join(child.file_name()), child.metadata()?));
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    };
    read().map_err(Error::io(format!("listing {}", full.display())))
}

fn entry(path: PathBuf, metadata: &Metadata) -> Result<Entry, Error> {
    let folder = metadata.is_dir();
    if !folder && !metadata.is_file() {
        let why = format!("`{}` is neither file nor folder", path.display());
        return Err(Error::Spec {
            field: "workspace.initial",
            why,
        });
    }
    let size = if folder { 0 } else { metadata.len() };
    let executable = !folder && metadata.permissions().mode() & 0o100 != 0;
    Ok(Entry {
        path,
        folder,
        size,
        executable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(initial: &Path, bytes: u64, files: u64) -> Workspace {
        Workspace {
            initial: Some(initial.to_owned()),
            export: None,
            bytes,
            files,
        }
    }

    #[test]
    fn folders_come_before_their_content() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("b/c")).unwrap();
        fs::write(home.path().join("b/c/f"), b"123").unwrap();
        fs::write(home.path().join("a"), b"").unwrap();
        let paths: Vec<_> = list(&workspace(home.path(), 10, 10))
            .unwrap()
            .into_iter()
            .map(|entry| entry.path.display().to_string())
            .collect();
        assert_eq!(paths, ["a", "b", "b/c", "b/c/f"]);
    }

    #[test]
    fn links_and_what_does_not_fit_are_refused() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("f"), b"123").unwrap();
        assert!(list(&workspace(home.path(), 2, 10)).is_err());
        assert!(list(&workspace(home.path(), 10, 0)).is_err());
        assert!(list(&workspace(home.path(), 3, 1)).is_ok());
        std::os::unix::fs::symlink("f", home.path().join("l")).unwrap();
        assert!(list(&workspace(home.path(), 10, 10)).is_err());
    }
}
