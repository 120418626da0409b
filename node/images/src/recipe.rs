//! What to build, and the one moment a Containerfile must name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// Longer than any Containerfile that a person would read.
const MAX_BYTES: u64 = 256 << 10;
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// What to build.
#[derive(Debug, Clone, Default)]
pub struct Recipe {
    /// The Containerfile. It must hold `ARG SOURCE_DATE_EPOCH=<seconds>`, a moment that has passed.
    pub containerfile: PathBuf,
    /// The folder whose files `COPY` may name. Without one there are none.
    pub context: Option<PathBuf>,
    /// Values for the Containerfile's `ARG`s, besides this process's proxy settings.
    pub args: BTreeMap<String, String>,
    /// Runs the steps in the host's network: for mirrors and proxies that only the host reaches, such as
    /// one that listens on its loopback.
    pub host_network: bool,
    /// Runs every step, whatever the engine has cached.
    pub fresh: bool,
}

/// A Containerfile as read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) text: String,
    /// No file in the image is newer, in seconds since 1970.
    pub(crate) epoch: u64,
}

impl Recipe {
    pub(crate) fn read(&self) -> Result<Plan, Error> {
        let unusable = |why: String| Error::Containerfile {
            path: self.containerfile.clone(),
            why,
        };
        if self.args.contains_key(EPOCH) {
            return Err(unusable(format!(
                "{EPOCH} is the file's own to say, not the caller's"
            )));
        }
        let mut text = String::new();
        let file = File::open(&self.containerfile).map_err(|error| unusable(error.to_string()))?;
        file.take(MAX_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(|error| unusable(error.to_string()))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(unusable(format!("it has more than {MAX_BYTES} bytes")));
        }
        let epoch = epoch(&text).map_err(unusable)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        if now.is_ok_and(|now| epoch > now.as_secs()) {
            return Err(unusable(format!(
                "{EPOCH} {epoch} lies in the future, so files would keep the time of the build; \
                 name a moment that has passed"
            )));
        }
        Ok(Plan { text, epoch })
    }
}

/// The value of the file's `ARG SOURCE_DATE_EPOCH`; another stage may repeat it, but not change it.
fn epoch(text: &str) -> Result<u64, String> {
    let mut found = None;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("ARG")) {
            continue;
        }
        let values = words.filter_map(|word| word.strip_prefix(EPOCH)?.strip_prefix('='));
        for value in values {
            let seconds = value
                .parse::<u32>()
                .map_err(|_| format!("{EPOCH} is `{value}`, not a number of seconds since 1970"))?;
            if found.is_some_and(|before| before != seconds) {
                return Err(format!("it gives {EPOCH} two values; keep one"));
            }
            found = Some(seconds);
        }
    }
    found.map(u64::from).ok_or_else(|| {
        format!(
            "it lacks a line `ARG {EPOCH}=<seconds since 1970>`, the time that no file in the image may exceed; \
             `date +%s` prints today's"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_read_from_its_argument() {
        for (text, expected) in [
            ("FROM scratch\nARG SOURCE_DATE_EPOCH=17\n", Some(17)),
            ("arg A=1 SOURCE_DATE_EPOCH=17", Some(17)),
            (
                "ARG SOURCE_DATE_EPOCH=17\nFROM a\nARG SOURCE_DATE_EPOCH\nARG SOURCE_DATE_EPOCH=17",
                Some(17),
            ),
            ("ARG SOURCE_DATE_EPOCH=17\nARG SOURCE_DATE_EPOCH=18", None),
            ("# ARG SOURCE_DATE_EPOCH=17", None),
            ("ARG SOURCE_DATE_EPOCH", None),
            ("ARG SOURCE_DATE_EPOCH=-1", None),
            ("ENV SOURCE_DATE_EPOCH=17", None),
            ("", None),
        ] {
            assert_eq!(epoch(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_moment_to_come_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let containerfile = folder.path().join("Containerfile");
        std::fs::write(&containerfile, "ARG SOURCE_DATE_EPOCH=4294967295").unwrap();
        let recipe = Recipe {
            containerfile,
            ..Recipe::default()
        };
        assert!(recipe.read().unwrap_err().to_string().contains("future"));
    }
}
