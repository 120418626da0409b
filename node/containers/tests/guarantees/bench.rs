//! A backend under test, and looking for what it leaves behind.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bollard::query_parameters::{ListContainersOptionsBuilder, ListVolumesOptionsBuilder};
use quorate_containers::{
    Backend, Choice, Container, Finished, Image, Limits, Owner, Runtime, Spec, Workspace, select,
};

use crate::layout::Layout;

/// Long enough for a loaded host; nothing waits this long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What pausing, resuming and stopping may take.
pub(crate) const PROMPT: Duration = Duration::from_secs(2);

pub(crate) fn tokio() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap())
}

pub(crate) struct Bench {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) owner: Owner,
    pub(crate) home: tempfile::TempDir,
    /// What every container started here runs on.
    pub(crate) image: Image,
    /// What the shared probe printed, once.
    pub(crate) facts: OnceLock<serde_json::Value>,
}

/// Different in every process and every call, so that tests never share an owner.
pub(crate) fn fresh_owner() -> Owner {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}{next:04x}", std::process::id()).parse().unwrap()
}

impl Bench {
    pub(crate) fn set_up(name: &str, choice: Choice) -> Result<Self, String> {
        let home = tempfile::Builder::new()
            .prefix("quorate-test-")
            .tempdir()
            .unwrap();
        let owner = fresh_owner();
        let (scratch, images) = (home.path().join("scratch"), home.path().join("images"));
        let chosen = tokio().block_on(async {
            let runtime = select(choice, owner.clone(), scratch, images)
                .await
                .map_err(chain)?;
            let report = runtime.check().await.map_err(chain)?;
            match report.refusal() {
                Some(why) => Err(why),
                None => Ok((runtime, report)),
            }
        });
        let (runtime, report) = chosen?;
        println!("{name}: {}, {:?}", report.engine, report.components);
        Ok(Self {
            runtime,
            owner,
            home,
            image: Image::Host,
            facts: OnceLock::new(),
        })
    }

    /// A bench whose containers run on an OCI image.
    pub(crate) fn set_up_on_image(choice: Choice) -> Self {
        let mut bench = Self::set_up("on an image", choice).expect("the backend is there");
        let layout = Layout::small(&bench.owner.to_string());
        let start = Instant::now();
        let import = bench.runtime.import_image(layout.folder.path(), &layout.digest);
        tokio().block_on(import).map_err(chain).expect("imports");
        println!("importing the image took {:?}", start.elapsed());
        bench.image = Image::Oci {
            digest: layout.digest,
        };
        bench
    }

    pub(crate) fn backend(&self) -> Backend {
        self.runtime.backend()
    }

    pub(crate) fn start(&self, spec: Spec) -> Box<dyn Container> {
        tokio()
            .block_on(self.runtime.start(Spec {
                image: self.image.clone(),
                ..spec
            }))
            .map_err(chain)
            .expect("starts")
    }

    pub(crate) fn run(&self, spec: Spec) -> Finished {
        let mut container = self.start(spec);
        tokio().block_on(container.wait()).map_err(chain).expect("ends")
    }

    /// Runs a Python program that must succeed, and returns what it printed.
    pub(crate) fn python(&self, program: &str) -> String {
        let finished = self.run(python(program));
        let (stdout, stderr) = (text(&finished.stdout), text(&finished.stderr));
        assert_eq!(
            finished.end,
            quorate_containers::End::Exited(0),
            "{stdout}{stderr}"
        );
        stdout
    }

    /// Removes the image and looks for anything else that is still there.
    pub(crate) fn leaves_nothing(&self) -> bool {
        if let Image::Oci { digest } = &self.image {
            let removed = tokio().block_on(self.runtime.remove_image(digest));
            removed.map_err(chain).expect("removes its image");
        }
        let left = leftovers(&self.owner, self.home.path());
        if !left.is_empty() {
            eprintln!("{} left behind: {left:?}", self.backend());
        }
        left.is_empty()
    }
}

pub(crate) fn chain(error: impl std::error::Error + 'static) -> String {
    let error: &dyn std::error::Error = &error;
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A container with room to move, under a name of its own.
pub(crate) fn command(command: &[&str]) -> Spec {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    Spec {
        name: format!("t-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        image: Image::Host,
        command: command.iter().map(|part| (*part).to_owned()).collect(),
        env: vec![],
        mounts: vec![],
        workspace: Workspace {
            initial: None,
            export: None,
            bytes: 8 << 20,
            files: 200,
        },
        limits: Limits {
            memory_bytes: 128 << 20,
            processes: 32,
            millicpus: 2000,
            cpuset: None,
            open_files: 128,
            output_bytes: 1 << 20,
            wall: PATIENCE,
            tmp_bytes: 4 << 20,
        },
        devices: vec![],
    }
}

pub(crate) fn python(program: &str) -> Spec {
    command(&["/usr/bin/python3", "-c", program])
}

pub(crate) fn shell(script: &str) -> Spec {
    command(&["/bin/sh", "-c", script])
}

/// Waits for something to become true.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Everything on this host that bears the owner's name or lies in its home.
pub(crate) fn leftovers(owner: &Owner, home: &Path) -> Vec<String> {
    let prefix = format!("quorate-{owner}-");
    let mut left = engine_leftovers(owner);
    let mut groups = Vec::new();
    find(Path::new("/sys/fs/cgroup"), &prefix, 3, &mut groups);
    left.extend(groups.iter().map(|group| group.display().to_string()));
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    left.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&*home.to_string_lossy()))
            .map(str::to_owned),
    );
    left.extend(processes(&prefix));
    let folders = home.join("scratch").join(format!("embedded-{owner}"));
    left.extend(
        fs::read_dir(folders)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path().display().to_string()),
    );
    left
}

/// Processes in a control group of that prefix.
fn processes(prefix: &str) -> Vec<String> {
    let numbered = fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    numbered
        .filter(|path| fs::read_to_string(path.join("cgroup")).is_ok_and(|text| text.contains(prefix)))
        .map(|path| path.display().to_string())
        .collect()
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

fn engine_leftovers(owner: &Owner) -> Vec<String> {
    let Ok(engine) = bollard::Docker::connect_with_unix_defaults() else {
        return Vec::new();
    };
    tokio().block_on(async {
        let Ok(engine) = engine.negotiate_version().await else {
            return Vec::new();
        };
        let filters = HashMap::from([("label".to_owned(), vec![format!("quorate.owner={owner}")])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let containers = engine.list_containers(Some(options)).await.unwrap();
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let volumes = engine
            .list_volumes(Some(options))
            .await
            .unwrap()
            .volumes
            .unwrap_or_default();
        let containers = containers
            .into_iter()
            .map(|one| format!("container {:?}", one.names));
        containers
            .chain(volumes.into_iter().map(|one| format!("volume {}", one.name)))
            .collect()
    })
}
