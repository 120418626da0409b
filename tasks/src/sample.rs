//! A small sound environment, agent and store for tests.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use quorate_artifacts::Store;
use quorate_core::Digest;
use quorate_core::digest::ArtifactId;
use quorate_core::task::Image;
use tempfile::TempDir;

use crate::workshop::{Preparation, Workshop, WorkshopError};

pub(crate) const CANARY: &str = "canary 9f2d6a1e-sample";

pub(crate) const TASK: &str = r#"
name = "sample"
version = "1"
summary = "A task for tests."
canary = "canary 9f2d6a1e-sample"
artifact = ["solution.py", "src/**"]
better = "lower"
aggregate = "best"

[agreement]
rule = "equivalence"
margin = 0.1
level = 0.05

[scorer]
command = ["python3", "/task/scorer/score.py", "--tier", "{tier}", "--seed", "{seed}"]
visible_to_agent = true
self_command = ["python3", "/task/scorer/score.py", "--tier={tier}", "--seed", "{seed}", "--self"]

[tiers.smoke]
device = "cpu"
image = "host"
budget_seconds = 60
scale = { start = 2.0, reference = 1.0 }
attempt = { memory_mib = 512, processes = 32, cpus = 1.5, disk_mib = 64, open_files = 256, output_kib = 64 }
scoring = { seconds = 30, memory_mib = 512, processes = 32, cpus = 1.0, disk_mib = 64, open_files = 256, output_kib = 64 }

[tiers.gpu]
device = "gpu"
image = "host"
budget_seconds = 600
scale = { start = 2.1, reference = 1.1 }
attempt = { memory_mib = 8192, processes = 128, cpus = 4.0, disk_mib = 1024, open_files = 1024, output_kib = 64 }
scoring = { seconds = 300, memory_mib = 8192, processes = 128, cpus = 4.0, disk_mib = 1024, open_files = 1024, output_kib = 64 }
"#;

pub(crate) const AGENT: &str = r#"
name = "sampler"
version = "0.1"
summary = "An agent for tests."
command = ["python3", "/agent/agent.py"]

[settings]
rounds = 3
rate = 0.5
mode = "plain"
greedy = true
"#;

pub(crate) fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A sound environment in a folder that goes when it is dropped.
pub(crate) fn environment() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let marked = format!("# {CANARY}\n");
    write(dir.path(), "task.toml", TASK);
    write(dir.path(), "instructions.md", "Make it fast.\n");
    for path in [
        "start/solution.py",
        "start/src/a.py",
        "reference/solution.py",
        "scorer/score.py",
    ] {
        write(dir.path(), path, &marked);
    }
    dir
}

/// A sound agent in a folder that goes when it is dropped.
pub(crate) fn agent() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "agent.toml", AGENT);
    write(dir.path(), "agent.py", "print()\n");
    dir
}

pub(crate) fn store() -> (TempDir, Arc<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store"), 1 << 28).unwrap();
    (dir, store)
}

/// A workshop that builds nothing: one image for every Containerfile, and a preparation that writes down what
/// it was asked.
#[derive(Debug)]
pub(crate) struct Made;

impl Workshop for Made {
    fn image(&self, containerfile: &Path) -> Result<Image, WorkshopError> {
        assert!(containerfile.is_file());
        Ok(Image::Oci {
            artifact: ArtifactId(Digest::of(b"layout")),
            manifest: format!("sha256:{}", "0a".repeat(32)).parse().unwrap(),
        })
    }

    fn prepare(&self, preparation: &Preparation) -> Result<(), WorkshopError> {
        write(&preparation.out, "data/asked", &preparation.command.join(" "));
        write(&preparation.out, "stray", "left behind");
        let seen = fs::read_to_string(preparation.task.join("prepare/prepare.py")).unwrap();
        write(&preparation.out, "scorer/hidden/seen", &seen);
        Ok(())
    }
}
