//! The program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The binary that `QUORATE_BIN` names, else the workspace's debug build.
pub fn binary() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(named) = std::env::var_os("QUORATE_BIN") {
            return named.into();
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let built = workspace.join("target/debug/quorate");
        if !built.exists() {
            let status = Command::new(env!("CARGO"))
                .args(["build", "-p", "quorate"])
                .current_dir(workspace)
                .status()
                .unwrap();
            assert!(status.success(), "the binary cannot be built");
        }
        built
    })
}

/// Runs a command of the binary to its end.
pub fn run(home: &Path, arguments: &[&str]) -> Output {
    Command::new(binary())
        .arg("--home")
        .arg(home)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What a command said to the person.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
