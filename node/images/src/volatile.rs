//! What is left out of an image: files that tell of the building machine or moment, or that a node
//! puts in place itself.

/// Folders that stay, but empty. apt's configuration says how the building machine reached its mirror;
/// without a network nobody installs anything later.
const EMPTIED: &[&str] = &[
    "dev",
    "etc/apt",
    "proc",
    "root/.cache",
    "run",
    "sys",
    "tmp",
    "var/cache",
    "var/lib/apt/lists",
    "var/log",
    "var/tmp",
];

/// Files that engines add to every container, and those that systems make once for themselves.
const DROPPED: &[&str] = &[
    ".dockerenv",
    "etc/hostname",
    "etc/hosts",
    "etc/machine-id",
    "etc/mtab",
    "etc/resolv.conf",
];

/// Copies that tools keep of a file's previous state.
const BACKUPS: &[(&str, &str)] = &[
    ("etc/", "group-"),
    ("etc/", "gshadow-"),
    ("etc/", "passwd-"),
    ("etc/", "shadow-"),
    ("var/lib/dpkg/", "-old"),
];

/// Whether a path, relative to the root, stays out of the image.
pub(crate) fn is_volatile(path: &[u8]) -> bool {
    let emptied = |folder: &&str| {
        let below = path.strip_prefix(folder.as_bytes());
        below.is_some_and(|rest| rest.starts_with(b"/"))
    };
    let backup = |(folder, end): &(&str, &str)| {
        let name = path.strip_prefix(folder.as_bytes());
        name.is_some_and(|name| name.ends_with(end.as_bytes()) && !name.contains(&b'/'))
    };
    EMPTIED.iter().any(emptied)
        || DROPPED.iter().any(|file| path == file.as_bytes())
        || BACKUPS.iter().any(backup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stay_and_what_is_in_them_goes() {
        for stays in [
            "dev",
            "tmp",
            "var/log",
            "etc/apt",
            "etc/passwd",
            "var/logs/x",
            "usr/tmp/x",
            "var/lib/dpkg/status",
        ] {
            assert!(!is_volatile(stays.as_bytes()), "{stays}");
        }
        for goes in [
            "dev/null",
            "tmp/a/b",
            "var/log/dpkg.log",
            "etc/apt/sources.list",
            "etc/hosts",
            ".dockerenv",
            "etc/passwd-",
            "var/lib/dpkg/status-old",
            "var/cache/apt/archives/x.deb",
        ] {
            assert!(is_volatile(goes.as_bytes()), "{goes}");
        }
    }
}
