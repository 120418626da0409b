//! What the binary ships, and where an environment or agent that somebody names is found.
//!
//! A name means a shipped one; a path means a folder. A path holds a `/` or starts with `.`, so that a
//! folder that happens to lie where the command runs never stands in for a shipped name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use quorate_core::text::Name;
use thiserror::Error;

static SHIPPED: Dir<'_> = include_dir!("$OUT_DIR/shipped");

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A task family.
    Environment,
    /// A maker of attempts.
    Agent,
    /// A campaign file.
    Campaign,
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Environment => "environments",
            Self::Agent => "agents",
            Self::Campaign => "campaigns",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Environment => "environment",
            Self::Agent => "agent",
            Self::Campaign => "campaign",
        })
    }
}

/// Where an environment or agent comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The binary.
    Shipped(Name),
    /// A folder of the user's.
    Folder(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shipped(name) => f.pad(name.as_str()),
            Self::Folder(path) => f.pad(&path.to_string_lossy()),
        }
    }
}

/// Why something is not found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// No such name among the shipped ones.
    #[error(
        "no {kind} named `{name}` is shipped; there are: {known}. For a folder give its path, such as `./{name}`"
    )]
    Unknown {
        /// What was looked for.
        kind: Kind,
        /// Under which name, cut to a printable length.
        name: String,
        /// What there is.
        known: String,
    },
    /// A path that is no folder.
    #[error("`{}` is no folder; give the path of the folder that holds the {kind}", path.display())]
    NoFolder {
        /// What was looked for.
        kind: Kind,
        /// Where.
        path: PathBuf,
    },
    /// A shipped one cannot be written out.
    #[error("cannot write `{}`; choose a new folder on a disk with room", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// The environments the binary ships, by name.
#[must_use]
pub fn environments() -> Vec<Name> {
    shipped(Kind::Environment)
}

/// The agents the binary ships, by name.
#[must_use]
pub fn agents() -> Vec<Name> {
    shipped(Kind::Agent)
}

/// The campaigns the binary ships, by name.
#[must_use]
pub fn campaigns() -> Vec<Name> {
    shipped(Kind::Campaign)
}

fn shipped(kind: Kind) -> Vec<Name> {
    let Some(folder) = SHIPPED.get_dir(kind.folder()) else {
        return Vec::new();
    };
    let mut names: Vec<_> = folder
        .entries()
        .iter()
        .filter_map(|entry| match kind {
            Kind::Campaign => entry.path().file_stem(),
            Kind::Environment => described(entry.as_dir()?, crate::definition::DEFINITION),
            Kind::Agent => described(entry.as_dir()?, crate::agent::DEFINITION),
        })
        .filter_map(|name| Name::new(name.to_str()?).ok())
        .collect();
    names.sort_unstable();
    names
}

/// The name of a folder that has the file which makes it an environment or agent.
fn described(folder: &'static Dir<'_>, file: &str) -> Option<&'static std::ffi::OsStr> {
    folder
        .get_file(folder.path().join(file))
        .and_then(|_| folder.path().file_name())
}

/// Finds an environment or agent by the name of a shipped one or the path of a folder.
///
/// # Errors
/// Where there is none; the error says what there is.
pub fn resolve(kind: Kind, name_or_path: &str) -> Result<Source, CatalogError> {
    resolve_below(kind, name_or_path, Path::new(""))
}

/// As [`resolve`], with relative paths taken from `base`.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_below(kind: Kind, name_or_path: &str, base: &Path) -> Result<Source, CatalogError> {
    if name_or_path.contains('/') || name_or_path.starts_with('.') {
        let path = base.join(name_or_path);
        return if path.is_dir() {
            Ok(Source::Folder(path))
        } else {
            Err(CatalogError::NoFolder { kind, path })
        };
    }
    let name = Name::new(name_or_path)
        .ok()
        .filter(|name| shipped(kind).contains(name));
    name.map(Source::Shipped)
        .ok_or_else(|| unknown(kind, name_or_path))
}

fn unknown(kind: Kind, name: &str) -> CatalogError {
    let known: Vec<_> = shipped(kind).iter().map(Name::to_string).collect();
    CatalogError::Unknown {
        kind,
        name: name.chars().take(80).collect(),
        known: known.join(", "),
    }
}

impl Source {
    /// The folder to read it from. A shipped one is written below `scratch`, which the caller owns.
    ///
    /// # Errors
    /// Where it is not there or cannot be written.
    pub fn folder(&self, kind: Kind, scratch: &Path) -> Result<PathBuf, CatalogError> {
        match self {
            Self::Folder(path) if path.is_dir() => Ok(path.clone()),
            Self::Folder(path) => Err(CatalogError::NoFolder {
                kind,
                path: path.clone(),
            }),
            Self::Shipped(name) => {
                let inside = Path::new(kind.folder()).join(name.as_str());
                let dir = SHIPPED
                    .get_dir(&inside)
                    .ok_or_else(|| unknown(kind, name.as_str()))?;
                let target = scratch.join(&inside);
                let write = |source| CatalogError::Write {
                    path: target.clone(),
                    source,
                };
                fs::create_dir_all(&target).map_err(write)?;
                dir.extract(scratch).map_err(write)?;
                Ok(target)
            }
        }
    }
}

/// The text of a shipped campaign file.
///
/// # Errors
/// Where there is none of that name.
pub fn campaign_text(name: &str) -> Result<&'static str, CatalogError> {
    let path = Path::new(Kind::Campaign.folder()).join(format!("{name}.toml"));
    let text = SHIPPED.get_file(path).and_then(include_dir::File::contents_utf8);
    text.ok_or_else(|| unknown(Kind::Campaign, name))
}

/// A module that environments may share: Python, by its name without `.py`.
#[must_use]
pub fn library(module: &Name) -> Option<&'static [u8]> {
    let file = SHIPPED.get_file(format!("library/{module}.py"))?;
    Some(file.contents())
}

/// The shipped qualifications, as JSON.
pub fn qualifications() -> impl Iterator<Item = &'static [u8]> {
    let folder = SHIPPED.get_dir("qualifications");
    folder
        .into_iter()
        .flat_map(Dir::files)
        .filter(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(include_dir::File::contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shipped_ones_and_paths_are_folders() {
        assert!(environments().contains(&Name::new("optimize-kernel").unwrap()));
        assert!(campaigns().contains(&Name::new("smoke").unwrap()));
        let shipped = resolve(Kind::Environment, "optimize-kernel").unwrap();
        assert_eq!(shipped, Source::Shipped(Name::new("optimize-kernel").unwrap()));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        assert_eq!(
            resolve(Kind::Agent, path).unwrap(),
            Source::Folder(dir.path().to_owned())
        );
        assert!(resolve_below(Kind::Agent, "./", dir.path()).is_ok());
    }

    #[test]
    fn errors_say_what_there_is() {
        let error = resolve(Kind::Environment, "optimise-kernel")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("optimise-kernel")
                && error.contains("there are: ")
                && error.contains("optimize-kernel"),
            "{error}"
        );
        for bad in [
            "",
            "../optimize-kernel",
            "./nowhere",
            "Upper",
            "nowhere/optimize-kernel",
        ] {
            assert!(resolve(Kind::Environment, bad).is_err(), "{bad}");
        }
        assert!(campaign_text("../environments/optimize-kernel/task").is_err());
    }

    #[test]
    fn a_shipped_environment_is_written_out_as_it_was() {
        let scratch = tempfile::tempdir().unwrap();
        let source = resolve(Kind::Environment, "optimize-kernel").unwrap();
        let folder = source.folder(Kind::Environment, scratch.path()).unwrap();
        let ours =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("environments/optimize-kernel/start/solution.py");
        assert_eq!(
            fs::read(folder.join("start/solution.py")).unwrap(),
            fs::read(ours).unwrap()
        );
    }

    #[test]
    fn caches_are_not_shipped() {
        fn all<'a>(dir: &'a Dir<'a>, found: &mut Vec<&'a Path>) {
            found.extend(dir.files().map(include_dir::File::path));
            dir.dirs().for_each(|dir| all(dir, found));
        }
        let mut found = Vec::new();
        all(&SHIPPED, &mut found);
        assert!(found.len() > 3);
        let cached = |path: &&&Path| {
            path.to_string_lossy().contains("__pycache__") || path.extension().is_some_and(|e| e == "pyc")
        };
        assert_eq!(found.iter().find(cached), None);
    }
}
