//! Names in a layer: what may be a path, and what may be shown.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::refuse;
use crate::export::DEPTH_MAX;
use crate::runtime::Error;

/// Linux takes no longer path.
pub(super) const PATH_MAX: usize = 4096;
/// Linux takes no longer name.
const NAME_MAX: usize = 255;
const WHITEOUT: &str = ".wh.";

/// A relative path of plain names; empty for the root itself.
pub(super) fn clean(name: &[u8]) -> Result<PathBuf, Error> {
    let name = text(name)?;
    let mut path = PathBuf::new();
    for part in Path::new(&name).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) if part.len() <= NAME_MAX && !is_whiteout(part) => path.push(part),
            _ => {
                let why = "is absolute, climbs, is a whiteout or has too long a part";
                return Err(refuse(format!("the name `{name}` {why}")));
            }
        }
    }
    if path.components().count() > DEPTH_MAX {
        return Err(refuse(format!("`{name}` lies deeper than {DEPTH_MAX} folders")));
    }
    Ok(path)
}

fn is_whiteout(part: &OsStr) -> bool {
    part.as_encoded_bytes().starts_with(WHITEOUT.as_bytes())
}

/// A name that can be shown, stored and sent on as it is.
pub(super) fn text(name: &[u8]) -> Result<String, Error> {
    let bad = |name: &str| name.is_empty() || name.len() > PATH_MAX || name.chars().any(char::is_control);
    match String::from_utf8(name.to_owned()) {
        Ok(name) if !bad(&name) => Ok(name),
        _ => {
            let name: String = String::from_utf8_lossy(name).escape_debug().take(200).collect();
            Err(refuse(format!(
                "the name `{name}` is empty, too long or no plain text"
            )))
        }
    }
}
