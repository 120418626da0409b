//! A spec as an OCI bundle's `config.json`.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use serde_json::{Value, json};

use crate::rules::{MASKED, OOM_SCORE, READ_ONLY, USER, tmp_files};
use crate::spec::{Device, Mount, Spec};

use super::root::Folders;

/// A leased device's node.
#[derive(Debug)]
pub(super) struct Node {
    path: String,
    pub(super) major: u32,
    pub(super) minor: u32,
}

/// Looks the leased devices up.
pub(super) fn nodes(devices: &[Device]) -> io::Result<Vec<Node>> {
    let mut nodes = Vec::new();
    for path in devices.iter().flat_map(|device| &device.paths) {
        let metadata = fs::metadata(path)?;
        if !metadata.file_type().is_char_device() {
            return Err(io::Error::other(format!(
                "{} is no character device",
                path.display()
            )));
        }
        let (major, minor) = (
            rustix::fs::major(metadata.rdev()),
            rustix::fs::minor(metadata.rdev()),
        );
        nodes.push(Node {
            path: path.to_string_lossy().into_owned(),
            major,
            minor,
        });
    }
    Ok(nodes)
}

/// Writes the bundle. `image` is what the root is bound together from.
pub(super) fn write(
    folders: &Folders,
    image: &[Mount],
    spec: &Spec,
    group: &Path,
    nodes: &[Node],
) -> io::Result<()> {
    let config = config(folders, image, spec, group, nodes);
    fs::write(folders.bundle.join("config.json"), serde_json::to_vec(&config)?)
}

fn config(folders: &Folders, image: &[Mount], spec: &Spec, group: &Path, nodes: &[Node]) -> Value {
    let env: Vec<_> = spec
        .environment()
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let devices: Vec<_> = nodes
        .iter()
        .map(|node| {
            json!({
                "path": node.path, "type": "c", "major": node.major, "minor": node.minor,
                "fileMode": 0o666, "uid": 0, "gid": 0,
            })
        })
        .collect();
    let namespaces: Vec<_> = ["pid", "ipc", "uts", "mount", "network", "cgroup"]
        .into_iter()
        .map(|kind| json!({ "type": kind }))
        .collect();
    json!({
        "ociVersion": "1.0.2",
        "hostname": "quorate",
        "root": { "path": folders.root, "readonly": true },
        "process": {
            "terminal": false,
            "user": { "uid": USER, "gid": USER },
            "args": spec.command,
            "env": env,
            "cwd": "/work",
            "noNewPrivileges": true,
            "oomScoreAdj": OOM_SCORE,
            "capabilities": {
                "bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": [],
            },
            "rlimits": [{ "type": "RLIMIT_CORE", "soft": 0, "hard": 0 }],
        },
        "mounts": mounts(folders, image, spec),
        "linux": {
            "cgroupsPath": group,
            "namespaces": namespaces,
            "devices": devices,
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    })
}

fn mounts(folders: &Folders, image: &[Mount], spec: &Spec) -> Vec<Value> {
    let bytes = spec.limits.tmp_bytes;
    let sized = [format!("size={bytes}"), format!("nr_inodes={}", tmp_files(bytes))];
    let plain = |target: &str, kind: &str, options: &[&str]| json!({ "destination": target, "type": kind, "source": kind, "options": options });
    let tmpfs = |target: &str, extra: &[&str]| {
        let options: Vec<_> = ["nosuid", "nodev", "mode=1777"]
            .iter()
            .chain(extra)
            .map(|option| (*option).to_owned())
            .chain(sized.clone())
            .collect();
        json!({ "destination": target, "type": "tmpfs", "source": "tmpfs", "options": options })
    };
    // `bind`, not `rbind`: what is mounted below a source does not come along.
    let bind = |source: &Path, target: &str, options: &[&str]| {
        let options: Vec<_> = ["bind", "nosuid", "nodev"].iter().chain(options).collect();
        json!({ "destination": target, "type": "bind", "source": source, "options": options })
    };
    let read_only = |mount: &Mount| bind(&mount.source, &mount.target, &["ro"]);
    let own = [
        plain("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        plain(
            "/dev",
            "tmpfs",
            &["nosuid", "noexec", "mode=755", "size=64k", "nr_inodes=256"],
        ),
        plain(
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
        ),
        tmpfs("/dev/shm", &["noexec"]),
        plain("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        tmpfs("/tmp", &[]),
        bind(&folders.work, "/work", &["rw"]),
    ];
    let image = image.iter().map(read_only);
    let extra = spec.mounts.iter().map(read_only);
    image.chain(own).chain(extra).collect()
}
