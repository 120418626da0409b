//! What to run, with which files and within which limits.
//!
//! A spec carries no switches that weaken a container. It is checked before anything is made, so
//! the backends can rely on names, paths and sizes being sane.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::ImageDigest;
use crate::runtime::Error;

/// Names below `/` that belong to the container itself and cannot be mount targets.
const RESERVED: &[&str] = &[
    "bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "sys", "tmp",
    "usr", "var", "work",
];

/// Leaves room for the owner's prefix in host names, cgroups and volumes.
const NAME_MAX: usize = 48;

/// Where the root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Image {
    /// The host's own `/usr`, read-only.
    Host,
    /// An OCI image that [`Runtime::import_image`](crate::Runtime::import_image) took in.
    ///
    /// Only its file system counts, with a shell at `/bin/sh`. The command, the environment and the
    /// user are the spec's, whatever the image's own configuration says.
    Oci {
        /// The manifest's digest.
        digest: ImageDigest,
    },
}

/// A read-only view of a host folder or file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The host's path. It must exist and be absolute.
    pub source: PathBuf,
    /// Where the container sees it: absolute, and outside the folders that are the container's own.
    pub target: String,
}

/// The container's one place to keep files: `/work`, writable, owned by its user, its cwd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// A host folder whose files and folders are copied in. Links in it are an error.
    pub initial: Option<PathBuf>,
    /// A host folder that receives the content afterwards: absent, or empty.
    pub export: Option<PathBuf>,
    /// Most bytes it can hold, and most bytes an export writes.
    pub bytes: u64,
    /// Most files and folders it can hold, and most an export writes.
    pub files: u64,
}

/// What a container may use at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory, tmpfs content included. There is no swap.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub processes: u32,
    /// CPU time in thousandths of a core.
    pub millicpus: u32,
    /// Pins the container to one core.
    pub cpuset: Option<u32>,
    /// Open files per process.
    pub open_files: u64,
    /// Standard output and error together.
    pub output_bytes: u64,
    /// Wall time, pauses included: a lease's clock does not stop.
    pub wall: Duration,
    /// The size of `/tmp`, and of `/dev/shm`.
    pub tmp_bytes: u64,
}

/// A leased GPU: its device nodes are visible and writable, those of others are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The GPU's UUID.
    pub uuid: String,
    /// Its device nodes, such as `/dev/nvidia0` and `/dev/nvidiactl`.
    pub paths: Vec<PathBuf>,
}

/// One container to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Unique among this owner's live containers: lower-case letters, digits and hyphens.
    pub name: String,
    /// Where the root file system comes from.
    pub image: Image,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables on top of `PATH`, `HOME` and `LANG`.
    pub env: Vec<(String, String)>,
    /// Read-only host folders and files.
    pub mounts: Vec<Mount>,
    /// The writable folder.
    pub workspace: Workspace,
    /// What it may use at most.
    pub limits: Limits,
    /// The leased GPUs.
    pub devices: Vec<Device>,
}

impl Spec {
    /// Checks everything that can be checked without making anything.
    ///
    /// # Errors
    /// [`Error::Spec`] names the field and the reason.
    pub fn check(&self) -> Result<(), Error> {
        self.check_name()?;
        self.check_command()?;
        self.mounts.iter().try_for_each(check_mount)?;
        self.check_limits()?;
        for path in self.devices.iter().flat_map(|device| &device.paths) {
            if !is_plain_absolute(path) || !path.starts_with("/dev") {
                return Err(bad(
                    "devices",
                    format!("`{}` is no path below /dev", path.display()),
                ));
            }
        }
        Ok(())
    }

    fn check_name(&self) -> Result<(), Error> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let whole = !self.name.is_empty() && self.name.len() <= NAME_MAX;
        if whole && self.name.bytes().all(legal) && !self.name.starts_with('-') {
            return Ok(());
        }
        Err(bad(
            "name",
            format!("1 to {NAME_MAX} of a-z, 0-9 and -, not first"),
        ))
    }

    fn check_command(&self) -> Result<(), Error> {
        if self.command.first().is_none_or(String::is_empty) {
            return Err(bad("command", "empty: it needs at least a program".into()));
        }
        if self.command.iter().any(|arg| arg.contains('\0')) {
            return Err(bad("command", "it holds a NUL byte".into()));
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(bad(
                    "env",
                    format!("`{}` cannot be a variable", name.escape_debug()),
                ));
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Error> {
        let limits = &self.limits;
        let floor = [
            ("limits.memory_bytes", limits.memory_bytes, 32 << 20),
            ("limits.processes", limits.processes.into(), 1),
            ("limits.millicpus", limits.millicpus.into(), 10),
            ("limits.open_files", limits.open_files, 16),
            ("limits.tmp_bytes", limits.tmp_bytes, 4096),
            ("workspace.bytes", self.workspace.bytes, 4096),
            ("workspace.files", self.workspace.files, 1),
        ];
        for (field, value, least) in floor {
            // Engines take these as signed 64-bit numbers, and some of them times a thousand.
            if value < least || value > 1 << 50 {
                return Err(bad(field, format!("{value} is outside {least} to 2^50")));
            }
        }
        if limits.wall.is_zero() {
            return Err(bad("limits.wall", "zero".into()));
        }
        Ok(())
    }

    /// The environment the command starts with.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let defaults = [
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
            ("HOME", "/work"),
            ("LANG", "C.UTF-8"),
        ];
        let given = |name: &str| self.env.iter().any(|(other, _)| other == name);
        defaults
            .iter()
            .filter(|(name, _)| !given(name))
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain(self.env.iter().cloned())
            .collect()
    }
}

fn check_mount(mount: &Mount) -> Result<(), Error> {
    let target = Path::new(&mount.target);
    let top = target.components().nth(1);
    let reserved = |part: Component<'_>| RESERVED.iter().any(|name| part.as_os_str() == *name);
    if !is_plain_absolute(target) || top.is_none_or(reserved) || mount.target.contains([':', ',']) {
        let why = format!("`{}` must be absolute and not one of {RESERVED:?}", mount.target);
        return Err(bad("mounts.target", why));
    }
    if !is_plain_absolute(&mount.source) || !mount.source.exists() {
        let why = format!("`{}` must be absolute and exist", mount.source.display());
        return Err(bad("mounts.source", why));
    }
    Ok(())
}

fn is_plain_absolute(path: &Path) -> bool {
    let mut parts = path.components();
    parts.next() == Some(Component::RootDir)
        && parts.all(|part| matches!(part, Component::Normal(name) if name.to_str().is_some()))
}

fn bad(field: &'static str, why: String) -> Error {
    Error::Spec { field, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec {
            name: "attempt-1".into(),
            image: Image::Host,
            command: vec!["true".into()],
            env: vec![],
            mounts: vec![],
            workspace: Workspace {
                initial: None,
                export: None,
                bytes: 1 << 20,
                files: 100,
            },
            limits: Limits {
                memory_bytes: 64 << 20,
                processes: 8,
                millicpus: 1000,
                cpuset: None,
                open_files: 64,
                output_bytes: 1 << 16,
                wall: Duration::from_secs(10),
                tmp_bytes: 1 << 20,
            },
            devices: vec![],
        }
    }

    #[test]
    fn a_plain_spec_passes() {
        assert!(spec().check().is_ok());
    }

    #[test]
    fn names_that_could_reach_another_owner_or_path_are_refused() {
        for name in ["", "-a", "A", "a/b", "..", "a_b", "a b", &"x".repeat(49)] {
            let refused = Spec {
                name: name.into(),
                ..spec()
            }
            .check();
            assert!(
                matches!(refused, Err(Error::Spec { field: "name", .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn mounts_cannot_cover_what_the_container_relies_on() {
        for target in [
            "/",
            "/usr",
            "/usr/lib/x",
            "/proc",
            "/dev/x",
            "/a/../usr",
            "a",
            "/x:ro",
        ] {
            let mounts = vec![Mount {
                source: "/usr".into(),
                target: target.into(),
            }];
            assert!(Spec { mounts, ..spec() }.check().is_err(), "{target}");
        }
        let mounts = vec![Mount {
            source: "/usr".into(),
            target: "/bundle/files".into(),
        }];
        assert!(Spec { mounts, ..spec() }.check().is_ok());
    }

    #[test]
    fn a_limit_of_nothing_is_no_limit_and_refused() {
        let mut without = spec();
        without.limits.memory_bytes = 0;
        assert!(matches!(
            without.check(),
            Err(Error::Spec {
                field: "limits.memory_bytes",
                ..
            })
        ));
        let mut without = spec();
        without.limits.wall = Duration::ZERO;
        assert!(without.check().is_err());
    }

    #[test]
    fn the_spec_may_replace_a_default_variable_but_not_add_a_second() {
        let env = vec![("HOME".to_owned(), "/elsewhere".to_owned())];
        let environment = Spec { env, ..spec() }.environment();
        let homes: Vec<_> = environment.iter().filter(|(name, _)| name == "HOME").collect();
        assert_eq!(homes.len(), 1);
        assert_eq!(homes[0].1, "/elsewhere");
    }
}
