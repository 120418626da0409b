//! What this host guarantees, promise by promise.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which backend runs the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Docker Engine, or Podman's socket.
    Docker,
    /// The runtime linked into this program.
    Embedded,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Embedded => "embedded",
        })
    }
}

/// One promise a container keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// No interface but loopback.
    NoNetwork,
    /// Every capability set is empty.
    NoCapabilities,
    /// No program can raise privileges.
    NoNewPrivileges,
    /// System calls are filtered.
    Seccomp,
    /// The root file system cannot be written.
    ReadOnlyRoot,
    /// The user is not root.
    Unprivileged,
    /// The container sees no process but its own.
    OwnProcesses,
    /// The memory limit.
    Memory,
    /// No swap on top of memory.
    NoSwap,
    /// The limit on processes.
    Processes,
    /// The limit on CPU time.
    Cpu,
    /// Pinning to a core.
    Cpuset,
    /// The limit on open files.
    OpenFiles,
    /// The limit on bytes and files in the workspace.
    Disk,
    /// Pausing every process at once.
    Pause,
}

impl Promise {
    /// Every promise, in the order of a report: what a host may lack comes first.
    pub const ALL: [Self; 15] = [
        Self::Memory,
        Self::NoSwap,
        Self::Processes,
        Self::Cpu,
        Self::Cpuset,
        Self::Pause,
        Self::NoNetwork,
        Self::NoCapabilities,
        Self::NoNewPrivileges,
        Self::Seccomp,
        Self::ReadOnlyRoot,
        Self::Unprivileged,
        Self::OwnProcesses,
        Self::OpenFiles,
        Self::Disk,
    ];

    /// Whether nothing untrusted may run without it.
    #[must_use]
    pub const fn is_vital(self) -> bool {
        !matches!(self, Self::NoSwap | Self::Cpu | Self::Cpuset | Self::Pause)
    }
}

/// Whether a promise holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It holds.
    Enforced,
    /// It does not.
    NotEnforced {
        /// Why not, and what to do.
        why: String,
    },
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarantee {
    /// The promise.
    pub promise: Promise,
    /// Whether it holds.
    pub state: State,
}

/// A part of an engine whose version may matter, such as `runc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version, as it states it.
    pub version: String,
}

/// What a backend guarantees on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The backend.
    pub backend: Backend,
    /// The engine and its version, for a person.
    pub engine: String,
    /// The engine's parts, where it tells.
    pub components: Vec<Component>,
    /// One line for each promise.
    pub guarantees: Vec<Guarantee>,
}

impl Report {
    /// Builds a report from a judge that says what is wrong with a promise, if anything.
    pub(crate) fn new(
        backend: Backend,
        engine: String,
        components: Vec<Component>,
        wrong: impl Fn(Promise) -> Option<String>,
    ) -> Self {
        let guarantee = |promise| Guarantee {
            promise,
            state: wrong(promise).map_or(State::Enforced, |why| State::NotEnforced { why }),
        };
        Self {
            backend,
            engine,
            components,
            guarantees: Promise::ALL.map(guarantee).to_vec(),
        }
    }

    /// Why nothing untrusted may run here: the vital promises that do not hold.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let mut reasons: Vec<(&str, String)> = Vec::new();
        for guarantee in self.guarantees.iter().filter(|one| one.promise.is_vital()) {
            let State::NotEnforced { why } = &guarantee.state else {
                continue;
            };
            let name = format!("{:?}", guarantee.promise);
            match reasons.iter_mut().find(|(other, _)| other == why) {
                Some((_, names)) => *names = format!("{names}, {name}"),
                None => reasons.push((why, name)),
            }
        }
        let lines: Vec<_> = reasons
            .into_iter()
            .map(|(why, names)| format!("{names}: {why}"))
            .collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_vital_promise_refuses() {
        let broken = |which: Promise| move |promise| (promise == which).then(|| "because".to_owned());
        let report = |which| Report::new(Backend::Docker, String::new(), vec![], broken(which));
        assert_eq!(report(Promise::Cpu).refusal(), None);
        assert_eq!(report(Promise::Memory).refusal().unwrap(), "Memory: because");
        let all = Report::new(Backend::Docker, String::new(), vec![], |_| Some("x".into()));
        assert!(
            all.refusal().unwrap().ends_with("OpenFiles, Disk: x"),
            "one reason, said once"
        );
        assert_eq!(report(Promise::Memory).guarantees.len(), Promise::ALL.len());
    }
}
