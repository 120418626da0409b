//! The same inputs make the same digest, other inputs another; and a build leaves nothing behind.
//!
//! An engine that this host lacks is named in one line and the tests are shown as ignored, unless
//! `QUORATE_REQUIRE_BACKENDS` names `docker`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking and by printing"
)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};
use libtest_mimic::{Arguments, Trial};
use quorate_images::{Error, Image, Recipe, build};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const CONTAINERFILE: &str = "FROM scratch\nARG SOURCE_DATE_EPOCH=1000000000\nCOPY hello /opt/hello\n";

/// A test's name and what it asserts.
type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("the_same_inputs_make_the_same_digest", same_inputs),
    ("one_byte_makes_another_digest", one_byte),
    ("the_layout_fits_its_digests", layout_fits),
    ("a_failing_step_is_told_with_the_log", failing_step),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let engine = block_on(engine());
    if let Err(why) = &engine {
        eprintln!("no docker backend on this host, so no image is built: {why}");
    }
    let required = std::env::var("QUORATE_REQUIRE_BACKENDS").unwrap_or_default();
    let missing = engine.is_err() && required.split(',').any(|one| one.trim() == "docker");
    let trials = TESTS.iter().map(|&(name, test)| {
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(engine.is_err())
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let left = engine
        .map(|engine| block_on(leftovers(&engine)))
        .unwrap_or_default();
    if !left.is_empty() {
        eprintln!("left behind in the engine: {left:?}");
    }
    if missing {
        eprintln!("a backend that QUORATE_REQUIRE_BACKENDS names is missing");
    }
    if conclusion.has_failed() || missing || !left.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn same_inputs() {
    let (one, other) = (Bench::new("hello"), Bench::new("hello"));
    let image = one.build().unwrap();
    assert_eq!(image, other.build().unwrap());
    // A second time in the same place, past the cache.
    assert_eq!(image, one.again().unwrap());
}

fn one_byte() {
    let (one, other) = (Bench::new("hello"), Bench::new("hellp"));
    assert_ne!(one.build().unwrap().digest, other.build().unwrap().digest);
}

fn layout_fits() {
    let bench = Bench::new("hello");
    let image = bench.build().unwrap();
    let layout = bench.path("layout");
    let mut blobs = HashMap::new();
    for entry in fs::read_dir(layout.join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(hex::encode(Sha256::digest(&content)), name);
        blobs.insert(format!("sha256:{name}"), content);
    }
    assert_eq!(blobs.len(), 3, "a manifest, a configuration and a layer");

    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let blob = |name: &serde_json::Value| &*blobs[name.as_str().unwrap()];
    let index = json(&fs::read(layout.join("index.json")).unwrap());
    assert_eq!(index["manifests"][0]["digest"], *image.digest);
    let manifest = json(blob(&index["manifests"][0]["digest"]));
    let config = json(blob(&manifest["config"]["digest"]));
    assert_eq!(config["created"], "2001-09-09T01:46:40Z");
    let layer = blob(&manifest["layers"][0]["digest"]);
    let tar = zstd::decode_all(layer).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][0], *image.diff_id);
    assert_eq!(
        format!("sha256:{}", hex::encode(Sha256::digest(&tar))),
        image.diff_id
    );
    assert_eq!(
        (tar.len() as u64, layer.len() as u64),
        (image.unpacked_bytes, image.packed_bytes)
    );
    let mut archive = tar::Archive::new(&*tar);
    let paths = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().into_owned());
    assert!(paths.collect::<Vec<_>>().contains(&PathBuf::from("opt/hello")));
}

fn failing_step() {
    let bench = Bench::new("hello");
    fs::write(
        bench.path("Containerfile"),
        CONTAINERFILE.replace("COPY hello", "COPY absent"),
    )
    .unwrap();
    let error = bench.build().unwrap_err();
    assert!(matches!(error, Error::Step { .. }), "{error:?}");
    let said = error.to_string();
    assert!(
        said.contains("absent") && said.contains("SOURCE_DATE_EPOCH"),
        "{said}"
    );
    assert!(!bench.path("layout").exists());
}

/// A folder with a Containerfile, its context and room for layouts.
struct Bench(TempDir);

impl Bench {
    fn new(content: &str) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        fs::write(bench.path("Containerfile"), CONTAINERFILE).unwrap();
        fs::create_dir(bench.path("context")).unwrap();
        fs::write(bench.path("context/hello"), content).unwrap();
        bench
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn build(&self) -> Result<Image, Error> {
        self.build_to(&self.path("layout"), false)
    }

    fn again(&self) -> Result<Image, Error> {
        self.build_to(&self.path("again"), true)
    }

    fn build_to(&self, layout: &Path, fresh: bool) -> Result<Image, Error> {
        let recipe = Recipe {
            containerfile: self.path("Containerfile"),
            context: Some(self.path("context")),
            fresh,
            ..Recipe::default()
        };
        block_on(build(&recipe, layout, &mut |line| eprintln!("{line}")))
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

async fn engine() -> Result<bollard::Docker, bollard::errors::Error> {
    let engine = bollard::Docker::connect_with_unix_defaults()
        .or_else(|_| bollard::Docker::connect_with_podman_defaults())?;
    engine.negotiate_version().await
}

/// Containers and images that bear a build's label.
async fn leftovers(engine: &bollard::Docker) -> Vec<String> {
    let filters = HashMap::from([("label".to_owned(), vec!["quorate.build".to_owned()])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let containers = engine.list_containers(Some(options)).await.unwrap();
    let options = ListImagesOptionsBuilder::default().filters(&filters).build();
    let images = engine.list_images(Some(options)).await.unwrap();
    let containers = containers.into_iter().filter_map(|container| container.id);
    containers
        .chain(images.into_iter().map(|image| image.id))
        .collect()
}
