//! The probe behind a check: a shell script that states what a container sees, and what it means.
//!
//! What can be seen from inside is measured, not believed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::report::Promise;
use crate::spec::{Image, Limits, Spec, Workspace};

const SCRIPT: &str = r#"
while read -r key value rest; do
  case $key in CapEff:|CapPrm:|CapBnd:|NoNewPrivs:|Seccomp:) echo "$key $value";; esac
done < /proc/self/status
echo "uid: $(id -u)"
echo "links: $(ls /sys/class/net | tr '\n' ' ')"
if (: > /quorate-probe) 2>/dev/null; then echo "root: writable"; else echo "root: read-only"; fi
if (: > /work/probe) 2>/dev/null; then echo "work: writable"; else echo "work: read-only"; fi
echo "init: $(ls -d /proc/[0-9]* | wc -l)"
echo "files: $(ulimit -n)"
echo "disk: $(df -k /work | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2)"
"#;

const OPEN_FILES: u64 = 99;
const DISK_BYTES: u64 = 1 << 20;
/// The probe's own pipeline, its init and some slack: far fewer than any host runs.
const OWN_PROCESSES: u32 = 12;

/// The container to run for a check, under a name of its own.
pub(crate) fn probe() -> Spec {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    Spec {
        name: format!("probe-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        image: Image::Host,
        command: vec!["/bin/sh".into(), "-c".into(), SCRIPT.into()],
        env: vec![],
        mounts: vec![],
        workspace: Workspace {
            initial: None,
            export: None,
            bytes: DISK_BYTES,
            files: 16,
        },
        limits: Limits {
            memory_bytes: 64 << 20,
            processes: 16,
            millicpus: 1000,
            cpuset: None,
            open_files: OPEN_FILES,
            output_bytes: 1 << 14,
            wall: Duration::from_secs(20),
            tmp_bytes: 1 << 20,
        },
        devices: vec![],
    }
}

/// What the probe printed.
#[derive(Debug)]
pub(crate) struct Facts(HashMap<String, String>);

impl Facts {
    pub(crate) fn read(output: &[u8]) -> Self {
        let text = String::from_utf8_lossy(output);
        let pair = |line: &str| {
            line.split_once(": ")
                .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
        };
        Self(text.lines().filter_map(pair).collect())
    }

    fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// What is wrong with a promise that shows from inside; `None` where it holds or does not show.
    pub(crate) fn wrong(&self, promise: Promise) -> Option<String> {
        let zero = |key| u64::from_str_radix(self.get(key), 16) == Ok(0);
        let number = |key| self.get(key).parse::<u64>().ok();
        let (holds, key) = match promise {
            Promise::NoNetwork => (matches!(self.get("links"), "lo" | ""), "links"),
            Promise::NoCapabilities => (["CapEff", "CapPrm", "CapBnd"].into_iter().all(zero), "CapBnd"),
            Promise::NoNewPrivileges => (self.get("NoNewPrivs") == "1", "NoNewPrivs"),
            Promise::Seccomp => (self.get("Seccomp") == "2", "Seccomp"),
            Promise::ReadOnlyRoot => (self.get("root") == "read-only", "root"),
            Promise::Unprivileged => (number("uid").is_some_and(|uid| uid != 0), "uid"),
            Promise::OwnProcesses => (number("init").is_some_and(|n| n <= OWN_PROCESSES.into()), "init"),
            Promise::OpenFiles => (number("files") == Some(OPEN_FILES), "files"),
            Promise::Disk if self.get("work") != "writable" => (false, "work"),
            Promise::Disk => (number("disk") == Some(DISK_BYTES / 1024), "disk"),
            _ => return None,
        };
        (!holds).then(|| format!("a probe container reports {key} = `{}`", self.get(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_no_proof() {
        let facts = Facts::read(b"");
        for promise in [
            Promise::NoCapabilities,
            Promise::Seccomp,
            Promise::Unprivileged,
            Promise::Disk,
        ] {
            assert!(facts.wrong(promise).is_some(), "{promise:?}");
        }
    }

    #[test]
    fn facts_are_judged() {
        let facts =
            Facts::read(b"CapEff: 0\nCapPrm: 0\nCapBnd: 00000000a80425fb\nlinks: lo eth0\nuid: 65534\n");
        assert!(facts.wrong(Promise::NoNetwork).unwrap().contains("eth0"));
        assert!(facts.wrong(Promise::NoCapabilities).is_some());
        assert!(facts.wrong(Promise::Unprivileged).is_none());
    }
}
