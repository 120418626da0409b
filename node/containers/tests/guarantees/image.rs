//! An OCI image is imported whole or not at all, and is all that a container sees.

use std::path::Path;

use futures::future::join_all;
use quorate_containers::{Error, Image, ImageDigest, Spec};

use crate::Test;
use crate::bench::{Bench, shell, text, tokio};
use crate::layout::{HIDDEN, Layout, MARKER, MARKER_TIME, RAISED, TOP};

/// For the benches that run on an image.
pub(crate) const TESTS: &[Test] = &[
    ("the_file_system_is_the_images", file_system),
    ("an_image_in_use_is_not_removed", in_use),
];

/// For every backend.
pub(crate) const IMPORTS: &[Test] = &[
    ("an_image_is_there_from_import_to_removal", import_and_remove),
    ("a_damaged_image_is_refused_and_leaves_nothing", damaged),
    ("a_hostile_image_is_refused_and_leaves_nothing", hostile),
    ("an_image_that_was_not_imported_is_named", absent),
];

fn file_system(bench: &Bench) {
    let finished = bench.run(shell(&format!(
        "ls /{TOP}; cat /{MARKER}; echo; stat -c %Y /{MARKER}; stat -c %a /{RAISED}; id -u; \
         /{RAISED} -c 'id -u'; ls -A /tmp /work; ls /dev/hidden /usr/bin/ldd"
    )));
    let (stdout, stderr) = (text(&finished.stdout), text(&finished.stderr));
    let expected = format!(
        "/{TOP}\n{}\n{MARKER_TIME}\n755\n65534\n65534\n/tmp:\n\n/work:\n",
        bench.owner
    );
    assert_eq!(stdout, expected, "{stderr}");
    assert!(Path::new("/usr/bin/ldd").exists(), "the host has it");
    assert!(stderr.contains("/usr/bin/ldd"), "{stderr}");
    assert!(
        HIDDEN.contains(&"dev/hidden") && stderr.contains("/dev/hidden"),
        "{stderr}"
    );
}

fn in_use(bench: &Bench) {
    let Image::Oci { digest } = &bench.image else {
        panic!("this bench runs on an image");
    };
    let mut container = bench.start(shell("echo kept > file; sleep 60"));
    let removed = tokio().block_on(bench.runtime.remove_image(digest));
    assert!(matches!(removed, Err(Error::ImageInUse { .. })), "{removed:?}");
    tokio().block_on(container.control().stop()).unwrap();
    tokio().block_on(container.wait()).unwrap();
    assert!(has(bench, digest));
}

fn has(bench: &Bench, digest: &ImageDigest) -> bool {
    tokio().block_on(bench.runtime.has_image(digest)).unwrap()
}

fn import(bench: &Bench, layout: &Layout) -> Result<(), Error> {
    tokio().block_on(bench.runtime.import_image(layout.folder.path(), &layout.digest))
}

fn import_and_remove(bench: &Bench) {
    let layout = Layout::tiny(&format!("{} comes and goes", bench.owner));
    assert!(!has(bench, &layout.digest));
    // Several at once, and then once more.
    let at_once = (0..3).map(|_| bench.runtime.import_image(layout.folder.path(), &layout.digest));
    let done = tokio().block_on(join_all(at_once));
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    import(bench, &layout).unwrap();
    assert!(has(bench, &layout.digest));
    let remove = || tokio().block_on(bench.runtime.remove_image(&layout.digest));
    remove().unwrap();
    assert!(!has(bench, &layout.digest));
    remove().expect("what is gone is removed");
}

fn refused(bench: &Bench, layout: &Layout) {
    let refused = import(bench, layout);
    assert!(matches!(refused, Err(Error::BadImage { .. })), "{refused:?}");
    assert!(!has(bench, &layout.digest));
}

fn damaged(bench: &Bench) {
    let layout = Layout::tiny(&format!("{} breaks", bench.owner));
    layout.damage();
    refused(bench, &layout);
}

fn hostile(bench: &Bench) {
    let outside = tempfile::tempdir().unwrap();
    refused(bench, &Layout::hostile(outside.path()));
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

fn absent(bench: &Bench) {
    let digest: ImageDigest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let image = Image::Oci {
        digest: digest.clone(),
    };
    let spec = Spec {
        image,
        ..shell("true")
    };
    let started = tokio().block_on(bench.runtime.start(spec)).map(drop);
    assert!(
        matches!(&started, Err(Error::NoImage { digest: named }) if *named == digest),
        "{started:?}"
    );
}
