//! Declared artifact paths: which files of the work folder an attempt hands in.
//!
//! A declaration is one file's path, or a folder's path followed by `/**` for every file below it. It is
//! read in one place, so that packing, handing in and scoring cannot disagree on what it means.

use quorate_artifacts::manifest::{PathProblem, check_path};
use thiserror::Error;

/// What one declaration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared<'a> {
    /// One file.
    File(&'a str),
    /// Every file below a folder.
    Tree(&'a str),
}

/// Why a text declares nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeclaredError {
    /// The path could leave the work folder or confuse a reader.
    #[error("{0}")]
    Path(PathProblem),
    /// A `*` elsewhere than in a last `/**`.
    #[error("has a `*` elsewhere than in a last `/**`; name a file, or a folder followed by `/**`")]
    Pattern,
}

impl<'a> Declared<'a> {
    /// Reads a declaration.
    ///
    /// # Errors
    /// Where the path breaks a rule of manifests, or is a pattern other than `folder/**`.
    pub fn parse(text: &'a str) -> Result<Self, DeclaredError> {
        let declared = text.strip_suffix("/**").map_or(Self::File(text), Self::Tree);
        let path = declared.path();
        check_path(path).map_err(DeclaredError::Path)?;
        if path.contains('*') {
            return Err(DeclaredError::Pattern);
        }
        Ok(declared)
    }

    /// The file's or folder's path, relative to the work folder.
    #[must_use]
    pub const fn path(&self) -> &'a str {
        match self {
            Self::File(path) | Self::Tree(path) => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_trees_are_told_apart() {
        assert_eq!(Declared::parse("solution.py"), Ok(Declared::File("solution.py")));
        assert_eq!(Declared::parse("src/**"), Ok(Declared::Tree("src")));
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        for bad in [
            "",
            "/etc/passwd",
            "../up",
            "a/../b",
            "/**",
            "..//**",
            "a\\b",
            "a/",
            "./a",
            "a\0b",
        ] {
            assert!(
                matches!(Declared::parse(bad), Err(DeclaredError::Path(_))),
                "{bad:?}"
            );
        }
        for bad in ["**", "*.py", "a/*", "a/**/b", "a/**/**"] {
            assert_eq!(Declared::parse(bad), Err(DeclaredError::Pattern), "{bad:?}");
        }
    }
}
