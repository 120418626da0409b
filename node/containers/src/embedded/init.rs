//! The container's first process.
//!
//! The OCI runtime calls it once every namespace, mount and identity is in place. It puts up the
//! last protections, starts the command as its child, reaps whatever the command leaves behind,
//! reports the command's status and exits; the kernel then kills the rest. It is this program's
//! code under the command's user, so it makes itself unreadable and keeps no descriptor but the
//! one it reports through; the worst a command could gain from it is a false exit code.

use std::cell::RefCell;
use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::rc::Rc;

use libcontainer::oci_spec::runtime::Spec as OciSpec;
use libcontainer::workload::{Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, WaitOptions, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit, wait,
};
use seccompiler::BpfProgram;

use super::protocol::{self, Status};
use super::raw;
use crate::runtime::Error;
use crate::spec::Spec;
use crate::syscalls;

/// A shell's code for a program that is not there, and for one that cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_RUNNABLE: i32 = 126;
/// Makes the command and not the init the kernel's choice when memory runs out.
const COMMAND_OOM_SCORE: &str = "800";

/// What the first process needs, carried through the OCI runtime's forks.
#[derive(Clone)]
pub(super) struct Init {
    /// This end reports; the other is the helper's and must not stay open in here.
    ends: Rc<RefCell<Option<(UnixStream, UnixStream)>>>,
    command: Vec<String>,
    env: Vec<(String, String)>,
    open_files: u64,
    filters: [BpfProgram; 2],
}

impl Init {
    pub(super) fn new(spec: &Spec) -> Result<Self, Error> {
        let pair = UnixStream::pair().map_err(Error::io("making a socket"))?;
        Ok(Self {
            ends: Rc::new(RefCell::new(Some(pair))),
            command: spec.command.clone(),
            env: spec.environment(),
            open_files: spec.limits.open_files,
            filters: syscalls::programs()?,
        })
    }

    /// The helper's end; called in the helper once the first process exists.
    pub(super) fn into_reports(self) -> Option<UnixStream> {
        self.ends.borrow_mut().take().map(|(_, theirs)| theirs)
    }

    fn run(&self, reports: &mut UnixStream) -> io::Result<Status> {
        raw::close_all_but(reports.as_raw_fd())?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if helper_is_dead(reports)? {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        for filter in &self.filters {
            seccompiler::apply_filter(filter).map_err(io::Error::other)?;
        }
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let vars = self.env.iter().map(|(name, value)| (name, value));
        // Only now: setting the container up takes more descriptors than it may have.
        let open_files = Some(self.open_files);
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: open_files,
                maximum: open_files,
            },
        )?;
        let started = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(vars)
            .spawn();
        let child = match started {
            Ok(child) => child.id(),
            Err(error) => return Ok(unstartable(program, &error)),
        };
        if let Err(error) = fs::write(format!("/proc/{child}/oom_score_adj"), COMMAND_OOM_SCORE) {
            tracing::debug!(%error, "the command keeps the init's standing");
        }
        loop {
            let Some((pid, status)) = wait(WaitOptions::empty())? else {
                continue;
            };
            if pid.as_raw_nonzero().get().unsigned_abs() == child {
                return Ok(match status.terminating_signal() {
                    Some(signal) => Status::Signalled(signal),
                    None => Status::Exited(status.exit_status().unwrap_or(-1)),
                });
            }
        }
    }
}

/// Whether the helper went away before the kernel was told to take this process along.
fn helper_is_dead(reports: &mut UnixStream) -> io::Result<bool> {
    reports.set_nonblocking(true)?;
    let alive = matches!(reports.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    reports.set_nonblocking(false)?;
    Ok(!alive)
}

fn unstartable(program: &str, error: &io::Error) -> Status {
    // For whoever reads the command's output; there is nobody else to tell if it fails.
    let _ = writeln!(io::stderr(), "{}: {error}", program.escape_debug());
    Status::Exited(if error.kind() == ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_RUNNABLE
    })
}

impl Executor for Init {
    fn exec(&self, _spec: &OciSpec) -> Result<(), ExecutorError> {
        let Some((mut reports, theirs)) = self.ends.borrow_mut().take() else {
            return Err(ExecutorError::Other("the first process runs once".into()));
        };
        drop(theirs);
        let status = self
            .run(&mut reports)
            .unwrap_or_else(|error| Status::Refused(error.to_string()));
        let sent = protocol::write(&mut reports, &status);
        std::process::exit(i32::from(sent.is_err()));
    }

    fn validate(&self, _spec: &OciSpec) -> Result<(), ExecutorValidationError> {
        Ok(())
    }

    /// The command gets its environment from the spec alone, when it is started.
    fn setup_envs(
        &self,
        _envs: std::collections::HashMap<String, String>,
    ) -> Result<(), ExecutorSetEnvsError> {
        Ok(())
    }
}
