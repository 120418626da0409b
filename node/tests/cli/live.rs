//! A coordinator that runs for one test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::home::Home;

pub(crate) struct Coordinator {
    child: Child,
    home: Home,
    pub(crate) address: String,
}

impl Coordinator {
    pub(crate) fn start() -> Self {
        let home = Home::new();
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("quorate"))
            .args(["coordinator", "run", "--json", "--listen", "/ip4/127.0.0.1/tcp/0"])
            .env("QUORATE_HOME", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = said
            .pointer("/listening/0")
            .and_then(serde_json::Value::as_str)
            .unwrap()
            .to_owned();
        Self { child, home, address }
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
