//! What both backends apply to every container alike.

/// The container's user and group.
pub(crate) const USER: u32 = 65534;

/// At the root's top, mounted over by every container: what an image holds there never shows.
pub(crate) const MOUNTED_OVER: &[&str] = &["dev", "proc", "sys", "tmp", "work"];

/// Below `/proc` and `/sys`, hidden from a container.
pub(crate) const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Below `/proc`, read-only in a container.
pub(crate) const READ_ONLY: &[&str] = &[
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Prefers any container over the node when the host itself runs out of memory.
pub(crate) const OOM_SCORE: i32 = 500;

/// One file per four kilobytes, as a disk would have: empty files cost memory too.
pub(crate) fn tmp_files(bytes: u64) -> u64 {
    (bytes / 4096).clamp(64, 1 << 20)
}
