//! One process of the binary: its home, its log, its life.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::binary::binary;
use crate::wait::until;

/// How long a process may take to end when asked to.
const FAREWELL: Duration = Duration::from_secs(15);

/// A coordinator or node, running or not.
#[derive(Debug)]
pub struct Party {
    name: String,
    home: PathBuf,
    arguments: Vec<String>,
    namespace: Option<String>,
    child: Option<Child>,
    starts: u32,
}

impl Party {
    /// A party with a home below `root` that is not running yet.
    pub fn new(root: &Path, name: &str, arguments: &[&str]) -> Self {
        let home = root.join(name);
        fs::create_dir_all(&home).unwrap();
        Self {
            name: name.to_owned(),
            home,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            namespace: None,
            child: None,
            starts: 0,
        }
    }

    /// Has it run in a network namespace.
    #[must_use]
    pub fn in_namespace(mut self, name: &str) -> Self {
        self.namespace = Some(name.to_owned());
        self
    }

    /// Adds words to its command line.
    #[must_use]
    pub fn with_arguments(mut self, words: &[&str]) -> Self {
        self.arguments.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Changes one word of its command line.
    pub fn replace_argument(&mut self, from: &str, to: &str) {
        let word = self.arguments.iter_mut().find(|word| *word == from);
        to.clone_into(word.expect("the argument is there"));
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.home.with_extension(ending)
    }

    /// Starts the process without waiting for anything.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let out = File::create(self.beside("out")).unwrap();
        let err = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.beside("log"))
            .unwrap();
        let mut command = match &self.namespace {
            None => Command::new(binary()),
            Some(namespace) => {
                // Not `ip netns exec`, which would also hide the control groups.
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/run/netns/{namespace}")).arg(binary());
                command
            }
        };
        command
            .arg("--json")
            .arg("--home")
            .arg(&self.home)
            .args(&self.arguments);
        self.child = Some(
            command
                .stdin(Stdio::null())
                .stdout(out)
                .stderr(err)
                .spawn()
                .unwrap(),
        );
        self.starts += 1;
    }

    /// Starts the process and waits until it says that it is up.
    pub fn start(&mut self) -> Value {
        self.spawn();
        self.greeting()
    }

    /// The line that the process prints when it is up.
    pub fn greeting(&mut self) -> Value {
        let out = self.beside("out");
        let line = until(&format!("{} is up", self.name), || {
            if let Some(status) = self.ended() {
                panic!("{} ended early ({status}): {}", self.name, self.log());
            }
            let text = fs::read_to_string(&out).unwrap();
            text.ends_with('\n').then_some(text)
        });
        serde_json::from_str(&line).unwrap()
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().unwrap()
    }

    /// Whether the process runs.
    pub fn is_up(&mut self) -> bool {
        self.child.is_some() && self.ended().is_none()
    }

    /// How often it was started.
    pub const fn starts(&self) -> u32 {
        self.starts
    }

    /// SIGKILL, in the middle of whatever it does.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to stop at once.
    pub fn terminate(&self) {
        let pid = self
            .pid()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Asks it to stop at once and waits until it has.
    pub fn stop(&mut self) {
        self.terminate();
        let Some(mut child) = self.child.take() else {
            return;
        };
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > FAREWELL {
                child.kill().unwrap();
                child.wait().unwrap();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything it ever wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.beside("log")).unwrap_or_default()
    }

    /// What it said was recorded, and where: the acknowledgements that it got.
    pub fn acknowledged(&self) -> Vec<(String, u64)> {
        let log = self.log();
        let recorded = log
            .lines()
            .filter(|line| line.contains(" recorded ") || line.ends_with(" recorded"));
        recorded
            .filter_map(|line| {
                let what = line.split("what=\"").nth(1)?.split('"').next()?;
                let index = line.split("index=").nth(1)?.split_whitespace().next()?;
                Some((what.to_owned(), index.parse().ok()?))
            })
            .collect()
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        self.stop();
    }
}
