//! Reading a TOML file that a person wrote: bounded, and with errors that name file and line.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

/// The longest file that is read.
pub const MAX_BYTES: u64 = 256 * 1024;

/// Why a file cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TomlError {
    /// The file system said no.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Longer than [`MAX_BYTES`].
    #[error("`{}` is longer than {MAX_BYTES} bytes; it should be a few lines that a person wrote", .0.display())]
    TooLong(PathBuf),
    /// Not TOML, or not the fields that are expected. What toml says spans lines and points at the place.
    #[error("`{}` line {line}: {message}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where in it, from 1 on.
        line: usize,
        /// What is wrong, and what is expected.
        message: String,
    },
}

/// Reads and parses the file at `path`.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, TomlError> {
    parse(&text(path)?, path)
}

/// Reads the file at `path`.
pub(crate) fn text(path: &Path) -> Result<String, TomlError> {
    let failed = |source| TomlError::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// Parses `text`, which came from `path`.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, TomlError> {
    if text.len() as u64 > MAX_BYTES {
        return Err(TomlError::TooLong(path.to_owned()));
    }
    toml::from_str(text).map_err(|error| {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        TomlError::Content {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            message: error.message().to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::text::Name;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only its parsing is looked at")]
        name: Name,
    }

    #[test]
    fn errors_name_file_line_and_expectation() {
        let error = |text: &str| {
            parse::<Example>(text, Path::new("x/task.toml"))
                .unwrap_err()
                .to_string()
        };
        let unknown = error("name = \"a\"\n\ncolour = 1\n");
        assert!(
            unknown.contains("`x/task.toml` line 3") && unknown.contains("colour"),
            "{unknown}"
        );
        assert!(unknown.contains("expected `name`"), "{unknown}");
        let value = error("\nname = \"A\"");
        assert!(
            value.contains("line 2") && value.contains("a name is 1 to 64 characters"),
            "{value}"
        );
        assert!(error("name = ").contains("line 1"));
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        assert!(matches!(
            read::<Example>(Path::new("/dev/zero")),
            Err(TomlError::TooLong(_))
        ));
        assert!(matches!(
            read::<Example>(Path::new("/nowhere")),
            Err(TomlError::Read { .. })
        ));
    }
}
