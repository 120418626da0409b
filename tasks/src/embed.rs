//! Build script: collects what the binary ships into one folder.
//!
//! It watches the folders, so that a file that is added or removed is noticed, and leaves out what
//! running Python beside the sources drops there.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const SHIPPED: [&str; 5] = ["agents", "campaigns", "environments", "library", "qualifications"];

fn main() -> Result<(), Box<dyn Error>> {
    let sources = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let shipped = PathBuf::from(std::env::var("OUT_DIR")?).join("shipped");
    if shipped.exists() {
        fs::remove_dir_all(&shipped)?;
    }
    for name in SHIPPED {
        watch(name);
        copy(&sources.join(name), &shipped.join(name))?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
fn watch(folder: &str) {
    println!("cargo::rerun-if-changed={folder}");
}

fn copy(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if name == "__pycache__" || name.to_string_lossy().ends_with(".pyc") {
            continue;
        }
        let target = to.join(&name);
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::write(target, fs::read(entry.path())?)?;
        } else {
            return Err(format!("`{}` is no regular file", entry.path().display()).into());
        }
    }
    Ok(())
}
