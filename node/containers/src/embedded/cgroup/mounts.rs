//! Where this host's control groups are.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";
/// The controllers that version 2 must pass on to our groups.
const WANTED: &[&str] = &["memory", "pids", "cpu", "cpuset"];

/// Which control groups there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embedded) enum Hierarchy {
    /// One mount per set of controllers.
    V1(Vec<(Vec<String>, PathBuf)>),
    /// One mount, and the group below it that ours go into.
    V2 { root: PathBuf, base: PathBuf },
}

impl Hierarchy {
    /// The folders in which a container's folders are made.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        match self {
            Self::V1(mounts) => mounts.iter().map(|(_, folder)| folder.clone()).collect(),
            Self::V2 { root, base } => vec![root.join(base)],
        }
    }

    /// The one of them that a controller's files are in.
    pub(super) fn controller(&self, name: &str) -> Option<PathBuf> {
        match self {
            Self::V1(mounts) => mounts
                .iter()
                .find(|(controllers, _)| controllers.iter().any(|other| other == name))
                .map(|(_, folder)| folder.clone()),
            Self::V2 { root, base } => WANTED.contains(&name).then(|| root.join(base)),
        }
    }

    /// Asks version 2 to pass the controllers on. What it refuses shows when a limit is written.
    pub(super) fn prepare(&self) {
        if let Self::V2 { root, base } = self {
            let file = root.join(base).join("cgroup.subtree_control");
            for controller in WANTED {
                if let Err(error) = fs::write(&file, format!("+{controller}")) {
                    tracing::debug!(controller, %error, "a controller is not passed on");
                }
            }
        }
    }
}

/// Finds this host's control groups.
pub(in crate::embedded) fn hierarchy() -> Result<Hierarchy, String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")
        .map_err(|error| format!("reading /proc/self/mountinfo: {error}"))?;
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let base = if rustix::process::geteuid().is_root() {
        ""
    } else {
        unified(&own)
    };
    parse(&mounts, base).ok_or_else(|| format!("no control groups are mounted below {ROOT}"))
}

/// Our own group in version 2, relative to the mount.
fn unified(own: &str) -> &str {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"));
    path.unwrap_or_default().trim_start_matches('/')
}

fn parse(mountinfo: &str, base: &str) -> Option<Hierarchy> {
    let mut first: Vec<(Vec<String>, PathBuf)> = Vec::new();
    for (folder, kind, options) in mountinfo.lines().filter_map(mount) {
        if kind == "cgroup2" && folder == Path::new(ROOT) {
            return Some(Hierarchy::V2 {
                root: folder,
                base: base.into(),
            });
        }
        // A hierarchy with a name of its own has no controllers and is the init system's.
        if kind == "cgroup" && folder.starts_with(ROOT) && !options.contains("name=") {
            // A mount over a mount hides it; only the path counts.
            first.retain(|(_, other)| *other != folder);
            first.push((options.split(',').map(str::to_owned).collect(), folder));
        }
    }
    (!first.is_empty()).then_some(Hierarchy::V1(first))
}

/// A line's mount point, type and super options.
fn mount(line: &str) -> Option<(PathBuf, &str, &str)> {
    let (before, after) = line.split_once(" - ")?;
    let folder = before.split(' ').nth(4)?;
    let mut after = after.split(' ');
    let (kind, options) = (after.next()?, after.nth(1)?);
    Some((folder.into(), kind, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_found_by_controller() {
        let text = "\
30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
        let found = parse(text, "").unwrap();
        assert_eq!(
            found.controller("cpuacct").unwrap(),
            Path::new("/sys/fs/cgroup/cpu,cpuacct")
        );
        assert_eq!(
            found.controller("memory").unwrap(),
            Path::new("/sys/fs/cgroup/memory")
        );
        assert_eq!(found.controller("pids"), None);
        assert_eq!(found.folders().len(), 2);
    }

    #[test]
    fn version_2_uses_the_given_base() {
        let text = "30 20 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        let found = parse(text, unified("0::/user.slice/x\n")).unwrap();
        assert_eq!(found.folders(), [Path::new("/sys/fs/cgroup/user.slice/x")]);
        assert_eq!(parse("", ""), None);
    }
}
