//! One control group per container: its limits, freezing, what it used, its removal.
//!
//! Version 1 (one directory per controller) and version 2 (one directory) both occur. The OCI
//! runtime only puts the container's first process into the group; every limit is written here,
//! before, so that a limit that does not take is known before anything runs.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::report::Promise;
use crate::spec::Limits;

mod mounts;

use mounts::{Hierarchy, hierarchy};

/// The window a CPU quota is counted over.
const PERIOD_US: u64 = 100_000;
/// Freezing, thawing and dying are a matter of milliseconds; this is for a host under load.
const PATIENCE: Duration = Duration::from_millis(1500);
const REMOVAL: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// The character devices every container has: null, zero, full, random, urandom, tty and its own
/// pseudo-terminals.
const DEVICES: &[&str] = &["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2", "136:*"];

/// Which control groups this host has, for a person.
pub(super) fn describe() -> &'static str {
    match hierarchy() {
        Ok(Hierarchy::V1(_)) => "cgroup v1",
        Ok(Hierarchy::V2 { .. }) => "cgroup v2",
        Err(_) => "no control groups",
    }
}

/// A container's control group.
#[derive(Debug)]
pub(super) struct Group {
    name: String,
    hierarchy: Hierarchy,
}

impl Group {
    /// Makes the group and writes its limits. Lists the promises that did not take; fails where
    /// there is no group at all.
    pub(super) fn create(
        name: &str,
        limits: &Limits,
        devices: &[(u32, u32)],
    ) -> Result<(Self, Vec<(Promise, String)>), String> {
        let hierarchy = hierarchy()?;
        hierarchy.prepare();
        let group = Self {
            name: name.to_owned(),
            hierarchy,
        };
        for folder in group.folders() {
            if let Err(error) = fs::create_dir(&folder) {
                let _ = group.remove();
                return Err(format!(
                    "cannot make {}: {error}; run as root, or where control groups are delegated",
                    folder.display()
                ));
            }
        }
        group.fence(devices);
        let broken = group.limit(limits);
        Ok((group, broken))
    }

    /// What the OCI runtime calls the group: a path below the hierarchy's mount.
    pub(super) fn path(&self) -> PathBuf {
        match &self.hierarchy {
            Hierarchy::V1(_) => Path::new("/").join(&self.name),
            Hierarchy::V2 { base, .. } => Path::new("/").join(base).join(&self.name),
        }
    }

    fn folders(&self) -> Vec<PathBuf> {
        self.hierarchy
            .folders()
            .into_iter()
            .map(|folder| folder.join(&self.name))
            .collect()
    }

    fn controller(&self, name: &str) -> Option<PathBuf> {
        Some(self.hierarchy.controller(name)?.join(&self.name))
    }

    fn limit(&self, limits: &Limits) -> Vec<(Promise, String)> {
        let memory = limits.memory_bytes.to_string();
        // One more for the init.
        let processes = (u64::from(limits.processes) + 1).to_string();
        let quota = (u64::from(limits.millicpus) * PERIOD_US / 1000).max(1000);
        let core = limits.cpuset.map(|core| core.to_string());
        let mut plan = match &self.hierarchy {
            Hierarchy::V1(_) => vec![
                (Promise::Memory, "memory", "memory.limit_in_bytes", memory.clone()),
                (Promise::NoSwap, "memory", "memory.memsw.limit_in_bytes", memory),
                (Promise::Processes, "pids", "pids.max", processes),
                (Promise::Cpu, "cpu", "cpu.cfs_period_us", PERIOD_US.to_string()),
                (Promise::Cpu, "cpu", "cpu.cfs_quota_us", quota.to_string()),
            ],
            Hierarchy::V2 { .. } => vec![
                (Promise::Memory, "memory", "memory.max", memory),
                (Promise::NoSwap, "memory", "memory.swap.max", "0".to_owned()),
                (Promise::Processes, "pids", "pids.max", processes),
                (Promise::Cpu, "cpu", "cpu.max", format!("{quota} {PERIOD_US}")),
            ],
        };
        plan.extend(core.map(|core| (Promise::Cpuset, "cpuset", "cpuset.cpus", core)));
        let mut broken: Vec<_> = plan
            .into_iter()
            .filter_map(|(promise, controller, file, value)| {
                let why = self.write(controller, file, &value).err()?;
                let harmless = promise == Promise::NoSwap && !host_swaps();
                (!harmless).then_some((promise, why))
            })
            .collect();
        if self.freezer().is_none() {
            broken.push((Promise::Pause, "there is no freezer".to_owned()));
        }
        broken
    }

    /// Denies every device but the common ones and the leased ones. A second wall only: a container
    /// sees no other nodes and cannot make any, which is all there is in version 2 and for an
    /// unprivileged node.
    fn fence(&self, leased: &[(u32, u32)]) {
        let common = DEVICES.iter().map(|device| (*device).to_owned());
        let leased = leased.iter().map(|(major, minor)| format!("{major}:{minor}"));
        let allow = |device: String| self.write("devices", "devices.allow", &format!("c {device} rwm"));
        let fenced = self
            .write("devices", "devices.deny", "a")
            .and_then(|()| common.chain(leased).try_for_each(allow));
        if let Err(why) = fenced {
            tracing::debug!(why, "no device control group");
        }
    }

    fn write(&self, controller: &str, file: &str, value: &str) -> Result<(), String> {
        let Some(folder) = self.controller(controller) else {
            return Err(format!("this host has no `{controller}` controller"));
        };
        let path = folder.join(file);
        fs::write(&path, value).map_err(|error| format!("writing {}: {error}", path.display()))
    }

    fn freezer(&self) -> Option<(PathBuf, bool)> {
        match &self.hierarchy {
            Hierarchy::V1(_) => Some((self.controller("freezer")?.join("freezer.state"), true)),
            Hierarchy::V2 { .. } => {
                let file = self.folders().into_iter().next()?.join("cgroup.freeze");
                file.exists().then_some((file, false))
            }
        }
    }

    /// Stops every process where it is, and waits until they are.
    pub(super) fn freeze(&self) -> Result<(), String> {
        let (file, first) = self.freezer().ok_or("there is no freezer on this host")?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let frozen = (|| -> io::Result<bool> {
                if first {
                    // A group that forks while it freezes may have to be told again.
                    fs::write(&file, "FROZEN")?;
                    return Ok(fs::read_to_string(&file)?.trim() == "FROZEN");
                }
                fs::write(&file, "1")?;
                let events = file.with_file_name("cgroup.events");
                Ok(fs::read_to_string(events)?.lines().any(|line| line == "frozen 1"))
            })();
            match frozen {
                Ok(true) => return Ok(()),
                Ok(false) => sleep(POLL),
                Err(error) => return Err(format!("freezing: {error}")),
            }
        }
        let _ = self.thaw();
        Err("the processes did not freeze in time".to_owned())
    }

    /// Lets them go on.
    pub(super) fn thaw(&self) -> Result<(), String> {
        let (file, first) = self.freezer().ok_or("there is no freezer on this host")?;
        let value = if first { "THAWED" } else { "0" };
        fs::write(file, value).map_err(|error| format!("thawing: {error}"))
    }

    /// How many processes the kernel killed at the memory limit.
    pub(super) fn memory_kills(&self) -> Option<u64> {
        match &self.hierarchy {
            Hierarchy::V1(_) => self.keyed("memory", "memory.oom_control", "oom_kill"),
            Hierarchy::V2 { .. } => self.keyed("memory", "memory.events", "oom_kill"),
        }
    }

    pub(super) fn peak_memory(&self) -> Option<u64> {
        match &self.hierarchy {
            Hierarchy::V1(_) => self.number("memory", "memory.max_usage_in_bytes"),
            Hierarchy::V2 { .. } => self.number("memory", "memory.peak"),
        }
    }

    pub(super) fn cpu_nanoseconds(&self) -> Option<u64> {
        match &self.hierarchy {
            Hierarchy::V1(_) => self.number("cpuacct", "cpuacct.usage"),
            Hierarchy::V2 { .. } => self.keyed("cpu", "cpu.stat", "usage_usec")?.checked_mul(1000),
        }
    }

    fn number(&self, controller: &str, file: &str) -> Option<u64> {
        fs::read_to_string(self.controller(controller)?.join(file))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    fn keyed(&self, controller: &str, file: &str, key: &str) -> Option<u64> {
        let text = fs::read_to_string(self.controller(controller)?.join(file)).ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
    }

    /// Removes the group; kills what is left in it first.
    pub(super) fn remove(&self) -> io::Result<()> {
        let _ = self.thaw();
        self.folders().iter().try_for_each(|folder| remove(folder))
    }
}

/// Removes every group whose name begins with `prefix` and is not live, processes included.
pub(super) fn sweep(prefix: &str, is_live: impl Fn(&str) -> bool) -> io::Result<usize> {
    let Ok(hierarchy) = hierarchy() else { return Ok(0) };
    let mut names = BTreeSet::new();
    for folder in hierarchy.folders() {
        for entry in fs::read_dir(folder)?.filter_map(Result::ok) {
            let name = entry.file_name();
            let ours = |name: &&str| name.starts_with(prefix) && !is_live(name);
            names.extend(name.to_str().filter(ours).map(str::to_owned));
        }
    }
    let groups = names.into_iter().map(|name| Group {
        name,
        hierarchy: hierarchy.clone(),
    });
    groups
        .map(|group| group.remove())
        .try_fold(0, |count, removed| removed.map(|()| count + 1))
}

/// Removes one group by name; one that is gone already is fine.
pub(super) fn discard(name: &str) -> io::Result<()> {
    match hierarchy() {
        Ok(hierarchy) => Group {
            name: name.to_owned(),
            hierarchy,
        }
        .remove(),
        Err(_) => Ok(()),
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match fs::remove_dir(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if start.elapsed() > REMOVAL => return Err(error),
            Err(_) => {}
        }
        let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        for pid in listed
            .lines()
            .filter_map(|line| Pid::from_raw(line.parse().ok()?))
        {
            // It may have died since; then there is nothing to do.
            let _ = kill_process(pid, Signal::KILL);
        }
        sleep(POLL);
    }
}

fn host_swaps() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() > 1)
}
