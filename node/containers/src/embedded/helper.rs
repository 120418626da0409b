//! The helper: one single-threaded process per container.
//!
//! It takes an [`Order`], makes everything, starts the container, obeys, reports, exports, removes
//! and exits. It owns every mount and control group it makes.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getegid, geteuid, getppid, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal, waitpid,
};
use rustix::thread::{UnshareFlags, set_thread_groups};

use super::bundle;
use super::cgroup::Group;
use super::images;
use super::init::Init;
use super::protocol::{self, Command, Event, Order, Status};
use super::root::{self, Folders};
use super::{chain, raw, walk};
use crate::report::Promise;
use crate::rules::USER;
use crate::spec::Mount;

/// The hidden first argument.
pub(super) const ARGUMENT: &str = "__quorate-container-helper";

/// Becomes a container's helper if this process was started as one, and then never returns.
///
/// Call it first thing in `main`: it needs a process without threads.
pub fn helper_main_if_requested() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == ARGUMENT)
    {
        let code = i32::from(serve().is_err());
        std::process::exit(code);
    }
}

/// A failure with what was being done.
struct Failure {
    doing: &'static str,
    why: String,
}

fn during<E: std::error::Error>(doing: &'static str) -> impl FnOnce(E) -> Failure {
    move |error| Failure {
        doing,
        why: chain(&error),
    }
}

fn serve() -> io::Result<()> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut commands = BufReader::new(stream.try_clone()?);
    let Some(order) = protocol::read::<Order>(&mut commands)? else {
        return Ok(());
    };
    let events = Events(Arc::new(Mutex::new(stream)));
    let started = match Started::new(&order) {
        Ok(started) => started,
        Err(Failure { doing, why }) => {
            let _ = fs::remove_dir_all(&order.folder);
            return events.send(&Event::Failed {
                doing: doing.to_owned(),
                why,
            });
        }
    };
    events.send(&Event::Started)?;
    let Started {
        folders,
        _held,
        group,
        reports,
        init,
    } = started;
    let group = Arc::new(group);
    let pidfd = pidfd_open(init, PidfdFlags::empty())?;
    let obedient = (events.clone(), Arc::clone(&group));
    std::thread::spawn(move || obey(commands, &obedient.0, &obedient.1, &pidfd));
    let event = end(init, reports, &group);
    raw::silence()?;
    events.send(&event)?;
    let export = walk::export(&folders.work, &order.spec.workspace).map_err(|error| chain(&error));
    let removed = group
        .remove()
        .map_err(|error| format!("removing the control group: {error}"));
    events.send(&Event::Finished { export, removed })
}

/// The writing end, shared with the thread that obeys.
#[derive(Clone)]
struct Events(Arc<Mutex<UnixStream>>);

impl Events {
    fn send(&self, event: &Event) -> io::Result<()> {
        protocol::write(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), event)
    }
}

/// Waits until no process is left, and says how it went.
fn end(init: Pid, reports: UnixStream, group: &Group) -> Event {
    let died = waitpid(Some(init), WaitOptions::empty());
    let status = match protocol::read(&mut BufReader::new(reports)) {
        Ok(Some(status)) => status,
        // The init itself was killed: by us, or by the kernel.
        _ => match died {
            Ok(Some((_, status))) => Status::Signalled(status.terminating_signal().unwrap_or(9)),
            _ => Status::Signalled(9),
        },
    };
    Event::Ended {
        status,
        out_of_memory: group.memory_kills().is_some_and(|kills| kills > 0),
        cpu_nanoseconds: group.cpu_nanoseconds(),
        peak_memory: group.peak_memory(),
    }
}

/// Carries out the node's commands; kills the container when the node goes away.
fn obey(mut commands: BufReader<UnixStream>, events: &Events, group: &Group, init: &OwnedFd) {
    let kill = || {
        // It may have ended by itself; then there is nothing to kill.
        let _ = pidfd_send_signal(init, Signal::KILL);
        // A frozen process dies when it thaws.
        group.thaw()
    };
    while let Ok(Some(command)) = protocol::read::<Command>(&mut commands) {
        let done = match command {
            Command::Pause => group.freeze(),
            Command::Resume => group.thaw(),
            Command::Kill => kill(),
        };
        if events.send(&Event::Done(done)).is_err() {
            break;
        }
    }
    let _ = kill();
}

/// Everything that exists once the command runs.
struct Started {
    folders: Folders,
    /// Nobody removes the image while this is open.
    _held: Option<File>,
    group: Group,
    reports: UnixStream,
    init: Pid,
}

impl Started {
    fn new(order: &Order) -> Result<Self, Failure> {
        isolate(order.parent).map_err(during("leaving the host's namespaces"))?;
        let folders = Folders::create(&order.folder).map_err(during("making the scratch folder"))?;
        let held = order.image.as_deref().map(images::hold).transpose();
        let held = held.map_err(during("holding the image, which somebody may be removing"))?;
        let image = root(order, &folders)?;
        root::fill(&folders.work, &order.spec.workspace).map_err(|why| Failure {
            doing: "filling the workspace",
            why,
        })?;
        let nodes = bundle::nodes(&order.spec.devices).map_err(during("looking up devices"))?;
        let numbers: Vec<_> = nodes.iter().map(|node| (node.major, node.minor)).collect();
        let (group, broken) =
            Group::create(&order.name, &order.spec.limits, &numbers).map_err(|why| Failure {
                doing: UNENFORCEABLE,
                why,
            })?;
        match Self::run(order, folders, &image, &group, &nodes, broken) {
            Ok((folders, reports, init)) => Ok(Self {
                folders,
                _held: held,
                group,
                reports,
                init,
            }),
            Err(failure) => {
                let _ = group.remove();
                Err(failure)
            }
        }
    }

    fn run(
        order: &Order,
        folders: Folders,
        image: &[Mount],
        group: &Group,
        nodes: &[bundle::Node],
        broken: Vec<(Promise, String)>,
    ) -> Result<(Folders, UnixStream, Pid), Failure> {
        // A core is only pinned where the spec asks for it, and then it must be.
        let fatal = |promise: Promise| promise.is_vital() || promise == Promise::Cpuset;
        if let Some((promise, why)) = broken.into_iter().find(|(promise, _)| fatal(*promise)) {
            return Err(Failure {
                doing: UNENFORCEABLE,
                why: format!("{promise:?}: {why}"),
            });
        }
        let doing = "writing the bundle";
        bundle::write(&folders, image, &order.spec, &group.path(), nodes).map_err(during(doing))?;
        let init = Init::new(&order.spec).map_err(during("preparing the first process"))?;
        let stdin = File::open("/dev/null").map_err(during("opening /dev/null"))?;
        let doing = "making the container";
        let mut container = ContainerBuilder::new(order.name.clone(), SyscallType::Linux)
            .with_root_path(&folders.state)
            .map_err(during(doing))?
            .with_executor(init.clone())
            .with_stdin(stdin)
            .as_init(&folders.bundle)
            .with_systemd(false)
            .with_detach(true)
            .build()
            .map_err(during(doing))?;
        let pid = container.pid().and_then(|pid| Pid::from_raw(pid.as_raw()));
        container.start().map_err(during("starting the container"))?;
        match (pid, init.into_reports()) {
            (Some(pid), Some(reports)) => Ok((folders, reports, pid)),
            _ => Err(Failure {
                doing,
                why: "it has no first process".to_owned(),
            }),
        }
    }
}

/// Builds the root; lists what it is bound together from.
fn root(order: &Order, folders: &Folders) -> Result<Vec<Mount>, Failure> {
    let doing = "building the root";
    if let Some(image) = &order.image {
        root::check_targets(image, &order.spec.mounts).map_err(|why| Failure { doing, why })?;
    }
    root::build(&folders.root, order.image.as_deref()).map_err(during(doing))
}

/// What a failure to limit is called on the wire; the node turns it into a typed refusal.
pub(super) const UNENFORCEABLE: &str = "a limit";

/// Ties this process to the node's life and moves it into namespaces of its own.
fn isolate(parent: i32) -> io::Result<()> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    if uid == 0 {
        set_thread_groups(&[])?;
        raw::unshare(UnshareFlags::NEWNS)?;
    } else {
        raw::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
        // The container's user is the only one that this namespace knows.
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{USER} {uid} 1"))?;
        fs::write("/proc/self/gid_map", format!("{USER} {gid} 1"))?;
    }
    // After the change of identity, which would undo it.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Err(io::Error::other("the node is gone"));
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    Ok(())
}
