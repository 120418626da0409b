//! Which paths an artifact's files may have: those that mean the same below every folder.

use thiserror::Error;

/// The longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 255;
/// The most components a path may have, the file's own name included.
pub const MAX_DEPTH: usize = 32;

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// No characters at all.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_PATH_BYTES`].
    #[error("is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_DEPTH`] components.
    #[error("has more than {MAX_DEPTH} components")]
    TooDeep,
    /// It starts at the root of the file system.
    #[error("is absolute; paths are relative to the artifact's folder")]
    Absolute,
    /// Two slashes in a row, or one at the end.
    #[error("has an empty component")]
    EmptyComponent,
    /// A component `.` or `..`.
    #[error("has a component `.` or `..`")]
    Dots,
    /// A backslash, which is a separator elsewhere.
    #[error("contains a backslash")]
    Backslash,
    /// NUL or another control character.
    #[error("contains a control character")]
    Control,
    /// The name is not UTF-8 text.
    #[error("is not UTF-8 text")]
    NotUtf8,
}

/// Checks that `path` is relative, plain, and within the bounds.
///
/// # Errors
/// The first rule it breaks.
pub fn check_path(path: &str) -> Result<(), PathProblem> {
    if path.is_empty() {
        return Err(PathProblem::Empty);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(PathProblem::TooLong);
    }
    if path.starts_with('/') {
        return Err(PathProblem::Absolute);
    }
    if path.contains('\\') {
        return Err(PathProblem::Backslash);
    }
    if path.chars().any(char::is_control) {
        return Err(PathProblem::Control);
    }
    let mut depth = 0;
    for component in path.split('/') {
        depth += 1;
        match component {
            "" => return Err(PathProblem::EmptyComponent),
            "." | ".." => return Err(PathProblem::Dots),
            _ if depth > MAX_DEPTH => return Err(PathProblem::TooDeep),
            _ => {}
        }
    }
    Ok(())
}

/// The folders a path lies in, outermost first: `a/b/c` gives `a` and `a/b`.
pub(crate) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}
