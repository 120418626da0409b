//! The host image: the node's own `/usr`, read-only, on a root of empty folders and links.
//!
//! [`host_fingerprint`] says what is in it, so that rows measured on different hosts can be told
//! apart. `/opt` and the rest of `/etc` are not part of it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// The folders of the root, with their modes.
pub(crate) const FOLDERS: &[(&str, u32)] = &[
    ("dev", 0o755),
    ("etc", 0o755),
    ("proc", 0o555),
    ("run", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("var", 0o755),
    ("work", 0o755),
];

/// The small files of `/etc`.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    (
        "etc/passwd",
        "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/work:/bin/sh\n",
    ),
];

/// What a merged-/usr root links to; only those that this host has are made.
pub(crate) fn links() -> Vec<(&'static str, String)> {
    ["bin", "lib", "lib32", "lib64", "libx32", "sbin"]
        .into_iter()
        .map(|name| (name, format!("usr/{name}")))
        .filter(|(_, target)| Path::new("/").join(target).exists())
        .collect()
}

/// What is bound read-only from the host besides `/usr`: where the loader finds libraries, and
/// what Debian's links in `/usr/bin` lead through.
pub(crate) fn etc_binds() -> Vec<&'static str> {
    ["/etc/alternatives", "/etc/ld.so.cache"]
        .into_iter()
        .filter(|path| Path::new(path).exists())
        .collect()
}

/// Why this host's `/usr` cannot serve as an image, if so.
pub(crate) fn unfit() -> Option<String> {
    let merged = fs::read_link("/bin").is_ok_and(|target| target.ends_with("usr/bin"));
    if !merged {
        return Some("/bin is no link to usr/bin on this host, so /usr alone is not enough".into());
    }
    let shell = Path::new("/usr/bin/sh").exists();
    (!shell).then(|| "/usr/bin/sh is missing".to_owned())
}

/// What is in this host's `/usr`, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// BLAKE3 over everything below and the list of installed packages, in hexadecimal.
    pub digest: String,
    /// The distribution's name and version.
    pub os: String,
    /// What `/usr/bin/python3 --version` prints.
    pub python: Option<String>,
    /// Which source the list of packages came from.
    pub packages: String,
}

/// Fingerprints the host image. Cheap: a few files are read and one small program is run.
#[must_use]
pub fn host_fingerprint() -> Fingerprint {
    let release = fs::read_to_string("/usr/lib/os-release").unwrap_or_default();
    let python = python_version();
    let (packages, listing) = package_listing();
    let mut hasher = blake3::Hasher::new_derive_key("quorate 2026 host fingerprint");
    let python_text = python.as_deref().unwrap_or_default();
    for part in [release.as_bytes(), python_text.as_bytes(), listing.as_slice()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize().to_hex().to_string();
    Fingerprint {
        digest,
        os: pretty_name(&release),
        python,
        packages,
    }
}

fn pretty_name(release: &str) -> String {
    release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or_else(|| "unknown".to_owned(), |name| name.trim_matches('"').to_owned())
}

fn python_version() -> Option<String> {
    let output = Command::new("/usr/bin/python3")
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The package database where it is plain text, else the names and sizes in the main folders.
fn package_listing() -> (String, Vec<u8>) {
    for path in ["/var/lib/dpkg/status", "/lib/apk/db/installed"] {
        if let Ok(listing) = fs::read(path) {
            return (path.to_owned(), listing);
        }
    }
    let mut names: Vec<String> = ["/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/bin"]
        .into_iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| {
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            format!("{} {size}\n", entry.path().display())
        })
        .collect();
    names.sort_unstable();
    (
        "names and sizes below /usr".to_owned(),
        names.concat().into_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_stable() {
        let first = host_fingerprint();
        assert_eq!(first, host_fingerprint());
        assert_eq!(first.digest.len(), 64);
    }

    #[test]
    fn a_release_without_a_name_is_unknown() {
        assert_eq!(pretty_name("ID=x\nPRETTY_NAME=\"X 1\"\n"), "X 1");
        assert_eq!(pretty_name("ID=x\n"), "unknown");
    }
}
