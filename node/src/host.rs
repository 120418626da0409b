//! What this machine says of itself.

use anyhow::Context as _;
use quorate_containers::host_fingerprint;
use quorate_core::record::{DeviceClass, Host};
use quorate_core::text::Note;

/// This machine, as records name it.
pub(crate) fn describe() -> anyhow::Result<Host> {
    let fingerprint = host_fingerprint();
    Ok(Host {
        device: DeviceClass("cpu".parse().context("a device class")?),
        processor: Note::lossy(&processor()),
        fingerprint: Note::lossy(&format!("{} {}", fingerprint.os, fingerprint.digest)),
    })
}

/// The processor's name, as the kernel gives it.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown processor");
    model.trim_start_matches(['\t', ' ', ':']).to_owned()
}
