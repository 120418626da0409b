//! A spec in the engine's terms.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, DeviceMapping, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, Mount, MountBindOptions, MountType, MountVolumeOptions, ResourcesUlimits,
    VolumeCreateRequest,
};

use super::{LABEL, image, import};
use crate::host;
use crate::rules::{MASKED, OOM_SCORE, READ_ONLY, USER, tmp_files};
use crate::spec::{Image, Spec};

const KEEPER: &str = "-keeper";

/// Waits for the word to go, then reaps what the command leaves behind; and is there so that the
/// command is not process 1, whose signals work differently. The engine's own init cannot be used:
/// it is mounted below `/sbin`, which is a link into the read-only `/usr`. Its own messages go
/// nowhere; the command's do not.
const INIT: &str = r#"
read -r go || exit 125
unset HOSTNAME OLDPWD go
exec </dev/null 3>&2 2>/dev/null
(exec "$@" 2>&3 3>&-)
exit $?"#;

/// The word to go.
pub(super) const GO: &[u8] = b"go\n";

/// Setting a container up takes the engine's runtime a dozen threads, which count. So a limit below
/// this is put in place afterwards, before the word to go.
const SETTING_UP: i64 = 64;

/// The names of one run's parts.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) worker: String,
    pub(super) keeper: String,
    pub(super) volume: String,
}

impl Names {
    pub(super) fn new(full: &str) -> Self {
        let keeper = format!("{full}{KEEPER}");
        Self {
            worker: full.to_owned(),
            keeper,
            volume: full.to_owned(),
        }
    }
}

/// The full name behind one of the engine's container names.
pub(super) fn base_name(name: &str) -> &str {
    let name = name.trim_start_matches('/');
    name.strip_suffix(KEEPER).unwrap_or(name)
}

fn labels(owner: &str) -> HashMap<String, String> {
    HashMap::from([(LABEL.to_owned(), owner.to_owned())])
}

pub(super) fn volume(owner: &str, names: &Names, spec: &Spec) -> VolumeCreateRequest {
    // The root folder takes one inode.
    let (bytes, files) = (spec.workspace.bytes, spec.workspace.files + 1);
    let options = format!("size={bytes},nr_inodes={files},uid={USER},gid={USER},mode=0700,nosuid,nodev");
    let pairs = [("type", "tmpfs"), ("device", "tmpfs"), ("o", &options)];
    VolumeCreateRequest {
        name: Some(names.volume.clone()),
        driver: Some("local".into()),
        driver_opts: Some(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        ),
        labels: Some(labels(owner)),
        cluster_volume_spec: None,
    }
}

/// What holds the workspace mounted: nothing in it is the bundle's.
pub(super) fn keeper(owner: &str, names: &Names) -> ContainerCreateBody {
    let mut body = base(owner, names, image::name(), host_binds());
    body.cmd = Some(["/bin/sleep", "infinity"].map(str::to_owned).into());
    if let Some(config) = &mut body.host_config {
        (config.memory, config.memory_swap) = (Some(32 << 20), Some(32 << 20));
        config.pids_limit = Some(SETTING_UP);
    }
    body
}

/// What runs the command.
pub(super) fn worker(owner: &str, names: &Names, spec: &Spec) -> ContainerCreateBody {
    let (image, mut binds) = match &spec.image {
        Image::Host => (image::name(), host_binds()),
        Image::Oci { digest } => (import::name(digest), vec![]),
    };
    let extra = spec.mounts.iter();
    binds.extend(extra.map(|mount| bind(&mount.source.to_string_lossy(), &mount.target)));
    let mut body = base(owner, names, image, binds);
    let init = ["/bin/sh", "-c", INIT, "init"].map(str::to_owned);
    (body.attach_stdin, body.open_stdin, body.stdin_once) = (Some(true), Some(true), Some(true));
    body.cmd = Some(init.into_iter().chain(spec.command.iter().cloned()).collect());
    let pair = |(name, value)| format!("{name}={value}");
    body.env = Some(spec.environment().into_iter().map(pair).collect());
    if let Some(config) = &mut body.host_config {
        limit(config, spec);
    }
    body
}

/// One more for the init.
fn processes(spec: &Spec) -> i64 {
    i64::from(spec.limits.processes) + 1
}

/// What must still change before the word to go.
pub(super) fn late(spec: &Spec) -> Option<ContainerUpdateBody> {
    let pids_limit = Some(processes(spec)).filter(|limit| *limit < SETTING_UP);
    pids_limit.is_some().then(|| ContainerUpdateBody {
        pids_limit,
        ..Default::default()
    })
}

fn limit(config: &mut HostConfig, spec: &Spec) {
    let limits = &spec.limits;
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    config.memory = Some(signed(limits.memory_bytes));
    config.memory_swap = config.memory;
    config.memory_swappiness = None;
    config.pids_limit = Some(processes(spec).max(SETTING_UP));
    config.nano_cpus = Some(i64::from(limits.millicpus) * 1_000_000);
    config.cpuset_cpus = limits.cpuset.map(|core| core.to_string());
    config.shm_size = Some(signed(limits.tmp_bytes));
    let ulimit = |name: &str, value| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    config.ulimits = Some(vec![
        ulimit("nofile", signed(limits.open_files)),
        ulimit("core", 0),
    ]);
    let tmp = format!(
        "rw,exec,nosuid,nodev,mode=1777,size={},nr_inodes={}",
        limits.tmp_bytes,
        tmp_files(limits.tmp_bytes)
    );
    config.tmpfs = Some(HashMap::from([("/tmp".to_owned(), tmp)]));
    let devices = spec.devices.iter().flat_map(|device| &device.paths).map(|path| {
        let path = Some(path.to_string_lossy().into_owned());
        DeviceMapping {
            path_on_host: path.clone(),
            path_in_container: path,
            cgroup_permissions: Some("rw".into()),
        }
    });
    config.devices = Some(devices.collect());
}

/// What the host image's skeleton lacks.
fn host_binds() -> Vec<Mount> {
    let paths = std::iter::once("/usr").chain(host::etc_binds());
    paths.map(|path| bind(path, path)).collect()
}

fn base(owner: &str, names: &Names, image: String, binds: Vec<Mount>) -> ContainerCreateBody {
    let workspace = Mount {
        target: Some("/work".into()),
        source: Some(names.volume.clone()),
        typ: Some(MountType::VOLUME),
        // Else the engine makes the volume's root look like the image's folder.
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    };
    let mounts = std::iter::once(workspace).chain(binds).collect();
    let list = |paths: &[&str]| Some(paths.iter().map(|path| (*path).to_owned()).collect());
    let config = HostConfig {
        mounts: Some(mounts),
        network_mode: Some("none".into()),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(vec![
            "no-new-privileges:true".into(),
            format!("seccomp={}", crate::syscalls::profile()),
        ]),
        privileged: Some(false),
        ipc_mode: Some("private".into()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        masked_paths: list(MASKED),
        readonly_paths: list(READ_ONLY),
        oom_score_adj: Some(OOM_SCORE.into()),
        // Output is attached to; a copy in the engine's log would be a disk without a limit.
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".into()),
            config: None,
        }),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(image),
        user: Some(format!("{USER}:{USER}")),
        working_dir: Some("/work".into()),
        hostname: Some("quorate".into()),
        network_disabled: Some(true),
        labels: Some(labels(owner)),
        host_config: Some(config),
        ..ContainerCreateBody::default()
    }
}

/// Read-only, and only the file system itself: mounts below the source would come writable.
fn bind(source: &str, target: &str) -> Mount {
    Mount {
        target: Some(target.to_owned()),
        source: Some(source.to_owned()),
        typ: Some(MountType::BIND),
        read_only: Some(true),
        bind_options: Some(MountBindOptions {
            non_recursive: Some(true),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keepers_name_leads_to_its_run() {
        let names = Names::new("quorate-abcd-x");
        assert_eq!(base_name(&format!("/{}", names.keeper)), "quorate-abcd-x");
        assert_eq!(base_name(&names.worker), "quorate-abcd-x");
    }
}
