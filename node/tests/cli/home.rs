//! A home that goes when it is dropped, and commands on it.

use std::net::TcpListener;
use std::path::Path;

use tempfile::TempDir;

/// Some coordinator's id, which nobody has the key of.
pub(crate) const ID: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

pub(crate) struct Home(TempDir);

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = assert_cmd::cargo::cargo_bin_cmd!("quorate")
            .args(arguments)
            .env("QUORATE_HOME", self.path())
            .env("QUORATE_LOG", "warn,libp2p=error")
            .current_dir(self.path())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed; gives what it printed.
    pub(crate) fn works(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.errors);
        ran.output
    }

    /// As `works`, for a command that prints JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.works(arguments)).unwrap()
    }

    /// Runs a command that must fail with `code`; gives what it said.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.output, ran.errors);
        ran.errors
    }
}

/// An address at which nobody listens.
pub(crate) fn closed_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    format!("/ip4/127.0.0.1/tcp/{port}/p2p/{ID}")
}
