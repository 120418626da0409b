//! What containers leave on a machine: control groups, mounts, processes, folders, Docker's things.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_core::Digest;

/// Everything on this machine that bears the mark of the node with this home.
pub fn of(home: &Path) -> Vec<String> {
    let prefix = prefix(home);
    let mut left: Vec<String> = groups(&prefix)
        .iter()
        .map(|group| group.display().to_string())
        .collect();
    let home_text = home.to_string_lossy();
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let marked = |line: &&str| line.contains(&*home_text) || line.contains(&prefix);
    left.extend(mounts.lines().filter(marked).map(str::to_owned));
    left.extend(processes(&prefix));
    for folder in ["scratch/runs", "scratch/containers"] {
        // Locks and the folders that hold them are no traces; what a container had lies deeper.
        let mut found = Vec::new();
        files(&home.join(folder), &mut found);
        left.extend(found.into_iter().filter(|path| !path.ends_with(".lock")));
    }
    if has_docker() {
        for what in [["ps", "-aq"], ["volume", "ls"], ["network", "ls"]] {
            let filter = format!("label=quorate.owner={}", owner(home));
            let mut command = Command::new("docker");
            let quiet = if what[0] == "ps" { &[][..] } else { &["-q"][..] };
            let output = command
                .args(what)
                .args(quiet)
                .args(["--filter", &filter])
                .output()
                .unwrap();
            left.extend(
                String::from_utf8_lossy(&output.stdout)
                    .lines()
                    .map(|id| format!("docker {} {id}", what[0])),
            );
        }
    }
    left
}

/// Whether a Docker Engine answers.
pub fn has_docker() -> bool {
    let asked = Command::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .output();
    asked.is_ok_and(|output| output.status.success())
}

/// Removes the control groups that a node left which was killed and not started again.
pub(crate) fn remove(home: &Path) {
    for group in groups(&prefix(home)) {
        let _ = fs::remove_dir(group);
    }
}

fn owner(home: &Path) -> String {
    Digest::of(home.as_os_str().as_encoded_bytes()).short()
}

fn prefix(home: &Path) -> String {
    format!("quorate-{}-", owner(home))
}

fn groups(prefix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    find(Path::new("/sys/fs/cgroup"), prefix, 3, &mut found);
    found
}

fn find(folder: &Path, prefix: &str, depth: u32, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&entry.path(), prefix, depth - 1, found);
        }
    }
}

fn processes(prefix: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let inside =
        |path: &PathBuf| fs::read_to_string(path.join("cgroup")).is_ok_and(|text| text.contains(prefix));
    entries
        .map(|entry| entry.path())
        .filter(inside)
        .map(|path| path.display().to_string())
        .collect()
}

fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files(&entry.path(), found);
        } else {
            found.push(entry.path().display().to_string());
        }
    }
}
