//! OCI image layouts for the tests: a small image made from this host's own files, and worse ones.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_containers::ImageDigest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// What the tests call by name.
const PROGRAMS: &[&str] = &[
    "cat", "chmod", "cut", "dd", "df", "echo", "head", "id", "ls", "mkdir", "python3", "rm", "setsid", "sh",
    "sleep", "stat", "tail", "test", "tr", "true", "wc", "yes",
];

/// Names the files of all that the tests import, and of what Python itself needs to start.
const MODULES: &str = r#"
import ctypes, encodings.ascii, errno, json, os, platform, resource, signal, socket, stat, sys, time
platform.machine()
for module in list(sys.modules.values()):
    for path in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if path and path.startswith("/usr/") and os.path.exists(path):
            print(path)
"#;

pub(crate) const MARKER: &str = "usr/share/marker";
/// In 2001.
pub(crate) const MARKER_TIME: u64 = 1_000_000_000;
/// A shell that the layer makes set-user-id.
pub(crate) const RAISED: &str = "usr/bin/raised";
/// What no container may see, since it is mounted over.
pub(crate) const HIDDEN: &[&str] = &["tmp/hidden", "work/hidden", "dev/hidden"];

/// A file at the root's top, under a name that engines use too.
pub(crate) const TOP: &str = ".dockerenv";

/// Grants the containers' user whatever an engine might read from it.
const GROUP: &str = "root:x:0:nobody\n65534:x:0:nobody\nnogroup:x:65534:\n";
const PASSWD: &str = "nobody:x:0:0::/:/bin/sh\n65534:x:0:0::/:/bin/sh\nnobody2:x:65534:0::/:/bin/sh\n";

/// A layout on disk.
pub(crate) struct Layout {
    pub(crate) folder: TempDir,
    pub(crate) digest: ImageDigest,
}

impl Layout {
    /// An image that the whole suite can run on; `marker` makes its digest one of its own.
    pub(crate) fn small(marker: &str) -> Self {
        let mut tar = Builder::new(Vec::new());
        for name in ["bin", "lib", "lib64", "sbin"] {
            let target = format!("usr/{name}");
            if Path::new("/").join(&target).exists() {
                let mut header = header(EntryType::Symlink, 0o777, 0);
                tar.append_link(&mut header, name, target).unwrap();
            }
        }
        for path in host_files() {
            let metadata = fs::metadata(&path).unwrap();
            let mode = metadata.permissions().mode();
            let mut header = header(EntryType::Regular, mode, metadata.len());
            // Compiled Python states its source's time.
            header.set_mtime(metadata.mtime().unsigned_abs());
            let content = fs::File::open(&path).unwrap();
            tar.append_data(&mut header, merged(&path), content).unwrap();
        }
        let mut texts = vec![
            ("etc/group", GROUP),
            ("etc/passwd", PASSWD),
            (MARKER, marker),
            (TOP, ""),
        ];
        texts.extend(HIDDEN.iter().map(|path| (*path, "hidden")));
        for (path, text) in texts {
            tar.append_data(&mut text_header(text), path, text.as_bytes())
                .unwrap();
        }
        let shell = fs::read("/usr/bin/sh").unwrap();
        let mut raised = header(EntryType::Regular, 0o6755, shell.len() as u64);
        tar.append_data(&mut raised, RAISED, shell.as_slice()).unwrap();
        let tar = tar.into_inner().unwrap();
        let layer = zstd::encode_all(tar.as_slice(), 1).unwrap();
        Self::write(&layer, "application/vnd.oci.image.layer.v1.tar+zstd")
    }

    /// An image of one file, which nothing can run on.
    pub(crate) fn tiny(text: &str) -> Self {
        let mut tar = Builder::new(Vec::new());
        tar.append_data(&mut text_header(text), MARKER, text.as_bytes())
            .unwrap();
        Self::write(
            &tar.into_inner().unwrap(),
            "application/vnd.oci.image.layer.v1.tar",
        )
    }

    /// An image that writes through a link of its own.
    pub(crate) fn hostile(target: &Path) -> Self {
        let mut tar = Builder::new(Vec::new());
        let mut link = header(EntryType::Symlink, 0o777, 0);
        tar.append_link(&mut link, "usr/door", target).unwrap();
        tar.append_data(&mut text_header("x"), "usr/door/escaped", &b"x"[..])
            .unwrap();
        Self::write(
            &tar.into_inner().unwrap(),
            "application/vnd.oci.image.layer.v1.tar",
        )
    }

    fn write(layer: &[u8], media_type: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layer = blob(folder.path(), layer, media_type);
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        // None of this may have any effect.
        let wishes = json!({
            "User": "0:0", "Env": ["PATH=/nowhere", "WISHED=yes"], "Entrypoint": ["/usr/bin/false"],
            "WorkingDir": "/usr", "Volumes": { "/usr": {} },
        });
        let config = json!({ "architecture": architecture, "os": "linux", "config": wishes });
        let config = blob(
            folder.path(),
            config.to_string().as_bytes(),
            "application/vnd.oci.image.config.v1+json",
        );
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] }).to_string();
        let manifest = blob(
            folder.path(),
            manifest.as_bytes(),
            "application/vnd.oci.image.manifest.v1+json",
        );
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        let marker = r#"{"imageLayoutVersion": "1.0.0"}"#;
        fs::write(folder.path().join("oci-layout"), marker).unwrap();
        fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
        let digest = manifest["digest"].as_str().unwrap().parse().unwrap();
        Self { folder, digest }
    }

    /// Changes the last byte of every blob, one that no tar reader looks at included.
    pub(crate) fn damage(&self) {
        for entry in fs::read_dir(self.folder.path().join("blobs/sha256")).unwrap() {
            let path = entry.unwrap().path();
            let mut content = fs::read(&path).unwrap();
            if content.first() != Some(&b'{') {
                *content.last_mut().unwrap() ^= 1;
                fs::write(path, content).unwrap();
            }
        }
    }
}

fn blob(folder: &Path, content: &[u8], media_type: &str) -> Value {
    let digest = Sha256::digest(content);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(&hex), content).unwrap();
    json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": content.len() })
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

fn text_header(text: &str) -> Header {
    let mut header = header(EntryType::Regular, 0o600, text.len() as u64);
    header.set_mtime(MARKER_TIME);
    header
}

/// The programs, Python's modules and the libraries of both.
fn host_files() -> BTreeSet<PathBuf> {
    let programs = PROGRAMS.iter().map(|name| Path::new("/usr/bin").join(name));
    let mut files: BTreeSet<PathBuf> = programs
        .chain(lines(&["/usr/bin/python3", "-c", MODULES]))
        .collect();
    let linked: Vec<PathBuf> = files.iter().flat_map(|file| libraries(file)).collect();
    files.extend(linked);
    files
}

fn libraries(file: &Path) -> Vec<PathBuf> {
    let is_linked = fs::read(file).is_ok_and(|content| content.starts_with(b"\x7fELF"));
    if !is_linked {
        return vec![];
    }
    let words = lines(&["ldd", file.to_str().unwrap()]);
    words.into_iter().filter(|word| word.is_absolute()).collect()
}

/// What a program prints, by words.
fn lines(command: &[&str]) -> Vec<PathBuf> {
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(PathBuf::from).collect()
}

/// Where a file lies on a host whose `/lib` is a link into `/usr`.
fn merged(path: &Path) -> PathBuf {
    let path = path.strip_prefix("/").unwrap();
    if path.starts_with("usr") {
        path.to_owned()
    } else {
        Path::new("usr").join(path)
    }
}
