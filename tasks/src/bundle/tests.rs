//! Bundles: the same files give the same id.

use super::*;
use crate::sample::{self, environment, store};
use quorate_artifacts::Mode;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

fn pack_tier(source: &Source, tier: Tier, store: &Arc<Store>) -> Result<Packed, BundleError> {
    pack(&Order::new(source, tier), store, &sample::Made)
}

fn pack_folder(folder: &Path, store: &Arc<Store>) -> Packed {
    pack_tier(&Source::Folder(folder.to_owned()), Tier::Smoke, store).unwrap()
}

/// Every path below `folder`, folders too.
fn everything(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything(&path, found);
        }
        found.push(path);
    }
}

#[test]
fn a_bundle_opens_to_the_terms_it_was_packed_with() {
    let (_dir, store) = store();
    let environment = environment();
    let packed = pack_folder(environment.path(), &store);
    assert_eq!(open(&store, packed.bundle).unwrap(), packed.spec);
    let manifest = store.manifest(ArtifactId(packed.bundle.0)).unwrap();
    let paths: Vec<_> = manifest.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "bundle.json",
            "instructions.md",
            "reference/solution.py",
            "scorer/score.py",
            "start/solution.py",
            "start/src/a.py"
        ]
    );
}

#[test]
fn what_is_prepared_and_shared_enters_the_bundle() {
    let (_dir, store) = store();
    let environment = environment();
    let prepare = "{ seconds = 9, memory_mib = 512, processes = 32, cpus = 1.0, disk_mib = 64, open_files = 256, output_kib = 64 }";
    let text = sample::TASK
        .replace(
            "[agreement]",
            "library = [\"guard\"]\n[prepare]\ncommand = [\"make\", \"{tier}\", \"{instance}\"]\n[agreement]",
        )
        .replace(
            "image = \"host\"",
            &format!("image = \"Containerfile\"\nprepare = {prepare}"),
        );
    sample::write(environment.path(), "task.toml", &text);
    sample::write(environment.path(), "Containerfile", "FROM scratch\n");
    sample::write(
        environment.path(),
        "prepare/prepare.py",
        &format!("# {}", sample::CANARY),
    );
    let packed = pack_folder(environment.path(), &store);
    assert_eq!(packed.spec.image.kind(), quorate_core::task::ImageKind::Oci);
    let target = environment.path().join("unpacked");
    store.unpack(ArtifactId(packed.bundle.0), &target).unwrap();
    let read = |path: &str| fs::read_to_string(target.join(path)).unwrap();
    assert_eq!(read("data/asked"), format!("make smoke {}", "0".repeat(64)));
    assert!(read("scorer/hidden/seen").contains(sample::CANARY));
    assert_eq!(
        read("library/guard.py").as_bytes(),
        catalog::library(&Name::new("guard").unwrap()).unwrap()
    );
    assert!(!target.join("stray").exists() && !target.join("prepare").exists());

    let source = Source::Folder(environment.path().to_owned());
    let order = Order {
        host_image: true,
        ..Order::new(&source, Tier::Smoke)
    };
    assert_eq!(
        pack(&order, &store, &sample::Made).unwrap().spec.image,
        Image::Host
    );
}

#[test]
fn times_modes_and_stray_files_do_not_matter() {
    let (_dir, one_store) = store();
    let (_other_dir, other_store) = store();
    let (one, other) = (environment(), environment());
    let mut paths = Vec::new();
    everything(other.path(), &mut paths);
    for path in paths {
        fs::File::open(&path)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1))
            .unwrap();
        let mode = if path.is_dir() { 0o700 } else { 0o777 };
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }
    for stray in [
        "scorer/__pycache__/score.cpython-311.pyc",
        "start/old.pyc",
        "tests/test.py",
        "exploits/x.py",
        "README.md",
    ] {
        sample::write(other.path(), stray, "stray");
    }
    let packed = pack_folder(one.path(), &one_store);
    assert_eq!(pack_folder(other.path(), &other_store).bundle, packed.bundle);
    assert_eq!(
        pack_folder(one.path(), &one_store).bundle,
        packed.bundle,
        "packing again changes nothing"
    );
}

#[test]
fn what_counts_changes_the_id() {
    let (_dir, store) = store();
    let environment = environment();
    let before = pack_folder(environment.path(), &store);
    let gpu = pack_tier(&Source::Folder(environment.path().to_owned()), Tier::Gpu, &store).unwrap();
    assert_ne!(gpu.bundle, before.bundle);
    sample::write(environment.path(), "start/more.py", "");
    assert_ne!(pack_folder(environment.path(), &store).bundle, before.bundle);
}

#[test]
fn scripts_and_programs_are_executable_by_their_content() {
    let (_dir, store) = store();
    let environment = environment();
    sample::write(environment.path(), "scorer/run", "#!/bin/sh\n");
    let packed = pack_folder(environment.path(), &store);
    let manifest = store.manifest(ArtifactId(packed.bundle.0)).unwrap();
    assert_eq!(manifest.get("scorer/run").unwrap().mode, Mode::Executable);
    assert_eq!(manifest.get("scorer/score.py").unwrap().mode, Mode::Plain);
    let target = environment.path().join("unpacked");
    store.unpack(ArtifactId(packed.bundle.0), &target).unwrap();
    assert_eq!(
        fs::read(target.join("scorer/run")).unwrap(),
        b"#!/bin/sh\n",
        "looking at the head loses no byte"
    );
}

#[test]
fn an_unsound_environment_is_not_packed_and_all_faults_are_named() {
    let (_dir, store) = store();
    let environment = environment();
    fs::remove_file(environment.path().join("instructions.md")).unwrap();
    fs::remove_dir_all(environment.path().join("scorer")).unwrap();
    let error = pack_tier(
        &Source::Folder(environment.path().to_owned()),
        Tier::Smoke,
        &store,
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("2 fault(s)") && error.contains("instructions.md") && error.contains("scorer"),
        "{error}"
    );
    assert!(store.list().unwrap().is_empty());
}

/// Puts files into the store as a stranger would.
fn forged(store: &Arc<Store>, files: &[(&str, &[u8])]) -> BundleId {
    let mut draft = store.draft(packing::BOUNDS);
    for (path, mut bytes) in files.iter().copied() {
        draft
            .add(path, Mode::Plain, bytes.len() as u64, &mut bytes)
            .unwrap();
    }
    BundleId(draft.commit().unwrap().0)
}

#[test]
fn a_strangers_bundle_is_bounded_and_checked() {
    let (_dir, store) = store();
    let environment = environment();
    let spec = pack_folder(environment.path(), &store).spec;
    let with = |description: &[u8]| {
        let files: [(&str, &[u8]); 5] = [
            ("bundle.json", description),
            ("instructions.md", b"i"),
            ("start/a", b""),
            ("reference/a", b""),
            ("scorer/a", b""),
        ];
        open(&store, forged(&store, &files))
    };
    let sound = serde_json::to_vec(&spec).unwrap();
    assert_eq!(with(&sound).unwrap(), spec);

    let mut endless = spec.clone();
    endless.attempt.seconds = u32::MAX;
    let error = with(&serde_json::to_vec(&endless).unwrap()).unwrap_err();
    assert!(
        matches!(error, OpenError::Unsound { .. }) && error.to_string().contains("attempt.seconds"),
        "{error}"
    );

    let mut long = sound.clone();
    long.resize(packing::MAX_DESCRIPTION_BYTES as usize + 1, b' ');
    assert!(matches!(with(&long), Err(OpenError::DescriptionTooLong(_))));
    assert!(matches!(with(b"{}"), Err(OpenError::Description { .. })));
    assert!(matches!(with(&[0xff; 40]), Err(OpenError::Description { .. })));

    let error = open(&store, forged(&store, &[("bundle.json", &sound)])).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Missing {
                path: "instructions.md",
                ..
            }
        ),
        "{error}"
    );
    let nowhere = BundleId(quorate_core::Digest::of(b"nowhere"));
    assert!(matches!(open(&store, nowhere), Err(OpenError::Store(_))));
}

#[test]
fn the_shipped_qualifications_speak_for_shipped_bundles() {
    let (_dir, store) = store();
    let source = Source::Shipped(Name::new("optimize-kernel").unwrap());
    let packed = pack_tier(&source, Tier::Smoke, &store).unwrap();
    let found = catalog::qualifications().any(|bytes| {
        let envelope = quorate_core::Envelope::decode(bytes).unwrap();
        let Ok(quorate_core::Record::Qualification(qualification)) = quorate_core::Record::read(&envelope)
        else {
            panic!("a shipped qualification is none")
        };
        qualification.bundle == packed.bundle && qualification.faults(&packed.spec).is_empty()
    });
    let next =
        "run `quorate task qualify optimize-kernel/smoke` and put its record into tasks/qualifications";
    assert!(found, "optimize-kernel was changed: {next}");
}

#[test]
fn every_shipped_environment_packs_at_every_tier() {
    assert!(!crate::catalog::environments().is_empty());
    for name in crate::catalog::environments() {
        let (_dir, store) = store();
        let scratch = tempfile::tempdir().unwrap();
        let source = Source::Shipped(name.clone());
        let folder = source.folder(Kind::Environment, scratch.path()).unwrap();
        let definition = Definition::read(&folder).unwrap();
        assert_eq!(definition.name, name);
        for tier in definition.tiers.keys() {
            let shipped = pack_tier(&source, *tier, &store).unwrap();
            assert_eq!(open(&store, shipped.bundle).unwrap(), shipped.spec);
            let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("environments")
                .join(name.as_str());
            let ours = pack_tier(&Source::Folder(beside), *tier, &store).unwrap();
            assert_eq!(
                ours.bundle, shipped.bundle,
                "{name}/{tier}: the shipped files are those beside the sources"
            );
        }
    }
}
