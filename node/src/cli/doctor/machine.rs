//! The machine: cores, memory, disk, kernel features, GPUs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use quorate_containers::Component;
use serde::Serialize;

use crate::home::Home;
use crate::output::line;
use crate::slots::{Slots, shared_folder};

#[derive(Debug, Serialize)]
pub(super) struct Machine {
    cores: usize,
    memory_bytes: Option<u64>,
    home_free_bytes: u64,
    cgroup: &'static str,
    user_namespaces: String,
    gpu: Gpu,
}

/// What shows of GPUs without talking to them.
#[derive(Debug, Serialize)]
struct Gpu {
    devices: Vec<String>,
    driver: Option<String>,
}

impl Machine {
    pub(super) fn look(home: &Home) -> anyhow::Result<Self> {
        let disk = rustix::fs::statvfs(home.root())
            .with_context(|| format!("cannot measure the disk of {}", home.root().display()))?;
        Ok(Self {
            cores: Slots::new(&shared_folder())?.count(),
            memory_bytes: memory(&read("/proc/meminfo")),
            home_free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
            cgroup: cgroup(Path::new("/sys/fs/cgroup")),
            user_namespaces: user_namespaces(),
            gpu: Gpu {
                devices: nvidia_devices(Path::new("/dev")),
                driver: driver(&read("/proc/driver/nvidia/version")),
            },
        })
    }

    pub(super) fn print(&self) {
        let memory = self
            .memory_bytes
            .map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
        line(format!("cores        {} that this process may use", self.cores));
        line(format!("memory       {memory}"));
        line(format!(
            "disk         {} MiB free in the home",
            self.home_free_bytes >> 20
        ));
        line(format!("cgroups      {}", self.cgroup));
        line(format!("user ns      {}", self.user_namespaces));
        if self.gpu.devices.is_empty() {
            line("GPU          no NVIDIA device file in /dev; there is no GPU probe yet that could say more");
        } else {
            let driver = self.gpu.driver.as_deref().unwrap_or("of unknown version");
            line(format!(
                "GPU          {}; driver {driver}",
                self.gpu.devices.join(", ")
            ));
        }
    }
}

/// The NVIDIA container toolkit, where it is installed.
pub(super) fn nvidia_toolkit() -> Option<Component> {
    let output = Command::new("nvidia-ctk")
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.lines().next()?.rsplit(' ').next()?.to_owned();
    Some(Component {
        name: "nvidia-container-toolkit".to_owned(),
        version,
    })
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn memory(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

fn cgroup(root: &Path) -> &'static str {
    if root.join("cgroup.controllers").exists() {
        "version 2"
    } else if root.join("unified/cgroup.controllers").exists() {
        "version 1, with version 2 beside it"
    } else if root.join("memory").exists() {
        "version 1"
    } else {
        "none mounted"
    }
}

fn user_namespaces() -> String {
    let number = |path| read(path).trim().parse::<u64>().ok();
    match number("/proc/sys/user/max_user_namespaces") {
        None => "not in this kernel".to_owned(),
        Some(0) => "switched off (user.max_user_namespaces is 0)".to_owned(),
        Some(_) if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) => {
            "for root only (kernel.unprivileged_userns_clone is 0)".to_owned()
        }
        Some(_) if number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) => {
            "restricted by AppArmor for users other than root".to_owned()
        }
        Some(most) => format!("allowed by the kernel's settings, up to {most}"),
    }
}

fn nvidia_devices(dev: &Path) -> Vec<String> {
    let is_gpu = |name: &str| {
        name.strip_prefix("nvidia")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    let entries = fs::read_dir(dev).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| is_gpu(name))
        .collect();
    names.sort();
    names.into_iter().map(|name| format!("/dev/{name}")).collect()
}

/// The version in the driver's own words: the first word of its first line that begins with a digit.
fn driver(text: &str) -> Option<String> {
    let words = text.lines().next()?.split_whitespace();
    words
        .filter(|word| word.contains('.'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(
            memory("MemTotal:       16384 kB\nMemFree: 1 kB\n"),
            Some(16384 * 1024)
        );
        assert_eq!(memory(""), None);
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.90.07  Release Build\nGCC version: 12.3\n";
        assert_eq!(driver(open).as_deref(), Some("550.90.07"));
        assert_eq!(driver(""), None);
    }

    #[test]
    fn only_numbered_device_files_are_gpus() {
        let dev = tempfile::tempdir().unwrap();
        for name in ["nvidia0", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia", "null"] {
            fs::write(dev.path().join(name), "").unwrap();
        }
        assert_eq!(nvidia_devices(dev.path()), ["/dev/nvidia0", "/dev/nvidia10"]);
    }
}
