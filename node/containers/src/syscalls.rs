//! The one list of system calls that both backends let through.
//!
//! Everything else fails: with EPERM where it is refused on principle (tracing and reading other
//! processes, new namespaces, mounts, kernel keys, BPF, io_uring, performance counters, modules,
//! clocks), and with ENOSYS where the kernel call is newer than this list or has a successor that
//! cannot be inspected (`clone3`), so that C libraries fall back to an older one. Engines get the
//! list as a JSON profile, the embedded backend compiles it.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use serde_json::{Value, json};

use crate::runtime::Error;

macro_rules! table {
    ($($call:ident)*) => { &[$((stringify!($call), libc::$call)),*] };
}

type Table = &'static [(&'static str, libc::c_long)];

/// Let through whatever the arguments.
#[rustfmt::skip]
const ALLOWED: Table = table![
    SYS_accept SYS_accept4 SYS_bind SYS_brk SYS_capget SYS_capset SYS_chdir SYS_clock_getres
    SYS_clock_gettime SYS_clock_nanosleep SYS_close SYS_close_range SYS_connect
    SYS_copy_file_range SYS_dup SYS_dup3 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait
    SYS_epoll_pwait2 SYS_eventfd2 SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_faccessat
    SYS_faccessat2 SYS_fadvise64 SYS_fallocate SYS_fchdir SYS_fchmod SYS_fchmodat SYS_fchown
    SYS_fchownat SYS_fcntl SYS_fdatasync SYS_fgetxattr SYS_flistxattr SYS_flock
    SYS_fremovexattr SYS_fsetxattr SYS_fstat SYS_fstatfs SYS_fsync SYS_ftruncate SYS_futex
    SYS_futex_waitv SYS_get_robust_list SYS_getcpu SYS_getcwd SYS_getdents64 SYS_getegid
    SYS_geteuid SYS_getgid SYS_getgroups SYS_getitimer SYS_getpeername SYS_getpgid SYS_getpid
    SYS_getppid SYS_getpriority SYS_getrandom SYS_getresgid SYS_getresuid SYS_getrlimit
    SYS_getrusage SYS_getsid SYS_getsockname SYS_getsockopt SYS_gettid SYS_gettimeofday
    SYS_getuid SYS_getxattr SYS_inotify_add_watch SYS_inotify_init1 SYS_inotify_rm_watch
    SYS_io_cancel SYS_io_destroy SYS_io_getevents SYS_io_setup SYS_io_submit SYS_ioctl
    SYS_ioprio_get SYS_ioprio_set SYS_kill SYS_landlock_add_rule SYS_landlock_create_ruleset
    SYS_landlock_restrict_self SYS_lgetxattr SYS_linkat SYS_listen SYS_listxattr
    SYS_llistxattr SYS_lremovexattr SYS_lseek SYS_lsetxattr SYS_madvise SYS_membarrier
    SYS_memfd_create SYS_mincore SYS_mkdirat SYS_mknodat SYS_mlock SYS_mlock2 SYS_mlockall
    SYS_mmap SYS_mprotect SYS_mq_getsetattr SYS_mq_notify SYS_mq_open SYS_mq_timedreceive
    SYS_mq_timedsend SYS_mq_unlink SYS_mremap SYS_msgctl SYS_msgget SYS_msgrcv SYS_msgsnd
    SYS_msync SYS_munlock SYS_munlockall SYS_munmap SYS_nanosleep SYS_newfstatat SYS_openat
    SYS_openat2 SYS_pidfd_open SYS_pidfd_send_signal SYS_pipe2 SYS_pkey_alloc SYS_pkey_free
    SYS_pkey_mprotect SYS_ppoll SYS_prctl SYS_pread64 SYS_preadv SYS_preadv2 SYS_prlimit64
    SYS_pselect6 SYS_pwrite64 SYS_pwritev SYS_pwritev2 SYS_read SYS_readahead SYS_readlinkat
    SYS_readv SYS_recvfrom SYS_recvmmsg SYS_recvmsg SYS_remap_file_pages SYS_removexattr
    SYS_renameat SYS_renameat2 SYS_restart_syscall SYS_rseq SYS_rt_sigaction SYS_rt_sigpending
    SYS_rt_sigprocmask SYS_rt_sigqueueinfo SYS_rt_sigreturn SYS_rt_sigsuspend
    SYS_rt_sigtimedwait SYS_rt_tgsigqueueinfo SYS_sched_get_priority_max
    SYS_sched_get_priority_min SYS_sched_getaffinity SYS_sched_getattr SYS_sched_getparam
    SYS_sched_getscheduler SYS_sched_rr_get_interval SYS_sched_setaffinity SYS_sched_setattr
    SYS_sched_setparam SYS_sched_setscheduler SYS_sched_yield SYS_seccomp SYS_semctl SYS_semget
    SYS_semop SYS_semtimedop SYS_sendfile SYS_sendmmsg SYS_sendmsg SYS_sendto
    SYS_set_robust_list SYS_set_tid_address SYS_setfsgid SYS_setfsuid SYS_setgid SYS_setgroups
    SYS_setitimer SYS_setpgid SYS_setpriority SYS_setregid SYS_setresgid SYS_setresuid
    SYS_setreuid SYS_setrlimit SYS_setsid SYS_setsockopt SYS_setuid SYS_setxattr SYS_shmat
    SYS_shmctl SYS_shmdt SYS_shmget SYS_shutdown SYS_sigaltstack SYS_signalfd4 SYS_splice
    SYS_statfs SYS_statx SYS_symlinkat SYS_sync SYS_sync_file_range SYS_syncfs SYS_sysinfo
    SYS_tee SYS_tgkill SYS_timer_create SYS_timer_delete SYS_timer_getoverrun SYS_timer_gettime
    SYS_timer_settime SYS_timerfd_create SYS_timerfd_gettime SYS_timerfd_settime SYS_times
    SYS_tkill SYS_truncate SYS_umask SYS_uname SYS_unlinkat SYS_utimensat SYS_vmsplice
    SYS_wait4 SYS_waitid SYS_write SYS_writev
];

/// The older calls that only x86-64 has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: Table = table![
    SYS_access SYS_alarm SYS_arch_prctl SYS_chmod SYS_chown SYS_creat SYS_dup2
    SYS_epoll_create SYS_epoll_wait SYS_eventfd SYS_fork SYS_futimesat SYS_getdents SYS_getpgrp
    SYS_inotify_init SYS_lchown SYS_link SYS_lstat SYS_mkdir SYS_mknod SYS_open SYS_pause
    SYS_pipe SYS_poll SYS_readlink SYS_rename SYS_rmdir SYS_select SYS_signalfd SYS_stat
    SYS_symlink SYS_time SYS_unlink SYS_utime SYS_utimes SYS_vfork
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: Table = &[];

/// Newer than the C library's constants on some architectures; the numbers are the same on all.
const ALLOWED_NEW: Table = &[("SYS_cachestat", 451), ("SYS_fchmodat2", 452)];

/// From here on a call is newer than this list.
const UNKNOWN: std::ops::Range<i64> = 453..600;

/// Let through only where one argument fits.
struct Narrowed {
    call: (&'static str, libc::c_long),
    mask: u64,
    values: &'static [u64],
}

/// Every flag of clone(2) that makes a namespace.
const NAMESPACES: u64 = 0x7e02_0000;
const UNIX: u64 = 1;
const INET: u64 = 2;
const INET6: u64 = 10;
const NETLINK: u64 = 16;

const NARROWED: &[Narrowed] = &[
    Narrowed {
        call: ("SYS_clone", libc::SYS_clone),
        mask: NAMESPACES,
        values: &[0],
    },
    // Plain Linux, 32-bit, their older system name, and the query.
    Narrowed {
        call: ("SYS_personality", libc::SYS_personality),
        mask: 0xffff_ffff,
        values: &[0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff],
    },
    // No packets, no vsock (which no namespace contains), no kernel crypto.
    Narrowed {
        call: ("SYS_socket", libc::SYS_socket),
        mask: 0xffff_ffff,
        values: &[UNIX, INET, INET6, NETLINK],
    },
    Narrowed {
        call: ("SYS_socketpair", libc::SYS_socketpair),
        mask: 0xffff_ffff,
        values: &[UNIX],
    },
];

fn unconditional() -> impl Iterator<Item = (&'static str, libc::c_long)> {
    [ALLOWED, ALLOWED_HERE, ALLOWED_NEW]
        .into_iter()
        .flatten()
        .copied()
}

/// The list as an engine's profile.
#[must_use]
pub fn profile() -> Value {
    let bare = |name: &'static str| name.strip_prefix("SYS_").unwrap_or(name);
    let names: Vec<_> = unconditional().map(|(name, _)| bare(name)).collect();
    let mut calls = vec![json!({ "names": names, "action": "SCMP_ACT_ALLOW" })];
    for narrowed in NARROWED {
        calls.extend(narrowed.values.iter().map(|value| {
            let arg = json!({
                "index": 0, "value": narrowed.mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ",
            });
            json!({
                "names": [bare(narrowed.call.0)], "action": "SCMP_ACT_ALLOW", "args": [arg],
            })
        }));
    }
    calls.push(json!({ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": libc::ENOSYS }));
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": [if cfg!(target_arch = "x86_64") { "SCMP_ARCH_X86_64" } else { "SCMP_ARCH_AARCH64" }],
        "syscalls": calls,
    })
}

/// The list as programs, to be installed in this order.
///
/// # Errors
/// [`Error::Unsupported`] on an architecture the compiler does not know.
pub fn programs() -> Result<[BpfProgram; 2], Error> {
    let broken = |error: &dyn std::fmt::Display| Error::Unsupported {
        what: "a system call filter",
        why: error.to_string(),
    };
    let arch: TargetArch = std::env::consts::ARCH
        .try_into()
        .map_err(|error: seccompiler::BackendError| broken(&error))?;
    let errno = |number: libc::c_int| SeccompAction::Errno(number.unsigned_abs());
    let compile = |rules, mismatch, matched| {
        SeccompFilter::new(rules, mismatch, matched, arch)
            .and_then(BpfProgram::try_from)
            .map_err(|error| broken(&error))
    };
    let mut allowed: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        unconditional().map(|(_, number)| (number, Vec::new())).collect();
    for narrowed in NARROWED {
        let rules: Result<Vec<_>, _> = narrowed
            .values
            .iter()
            .map(|value| narrow(narrowed.mask, *value))
            .collect();
        allowed.insert(narrowed.call.1, rules.map_err(|error| broken(&error))?);
    }
    // Of two filters that both say "error", the kernel takes the one installed last.
    let absent = UNKNOWN
        .chain([libc::SYS_clone3])
        .map(|number| (number, Vec::new()))
        .collect();
    Ok([
        compile(allowed, errno(libc::EPERM), SeccompAction::Allow)?,
        compile(absent, SeccompAction::Allow, errno(libc::ENOSYS))?,
    ])
}

fn narrow(mask: u64, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    let op = SeccompCmpOp::MaskedEq(mask);
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, op, value)?;
    SeccompRule::new(vec![condition])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_refused_on_principle_is_let_through() {
        let refused = [
            "ptrace",
            "process_vm_readv",
            "process_vm_writev",
            "unshare",
            "setns",
            "mount",
            "bpf",
            "io_uring_setup",
            "io_uring_enter",
            "io_uring_register",
            "keyctl",
            "add_key",
            "request_key",
            "perf_event_open",
            "userfaultfd",
            "kexec_load",
            "init_module",
            "open_by_handle_at",
            "pivot_root",
            "move_mount",
            "fsopen",
            "clone3",
            "pidfd_getfd",
        ];
        for call in refused {
            let name = format!("SYS_{call}");
            assert!(unconditional().all(|(allowed, _)| allowed != name), "{call}");
        }
    }

    #[test]
    fn the_filters_compile_and_no_call_is_listed_twice() {
        assert!(programs().is_ok());
        let numbers: std::collections::HashSet<_> = unconditional().map(|(_, number)| number).collect();
        assert_eq!(numbers.len(), unconditional().count());
        assert!(numbers.iter().all(|number| !UNKNOWN.contains(number)));
    }
}
