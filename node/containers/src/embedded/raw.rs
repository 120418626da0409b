//! The few system calls that Rust calls unsafe.
#![expect(
    unsafe_code,
    reason = "each call below states why it is sound where it is used"
)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};

use rustix::thread::UnshareFlags;

/// Enters new namespaces. For the single-threaded helper only.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: the one hazard is `FILES`, which would split the descriptor table between threads;
    // it is never passed, and there is one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(Into::into)
}

/// Points standard output and error at nothing, so that whoever reads them sees their end.
pub(super) fn silence() -> io::Result<()> {
    let null = File::options().write(true).open("/dev/null")?;
    for target in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: both descriptors are open; nothing in Rust owns 1 or 2, so replacing what they
        // refer to breaks no owner's assumption.
        if unsafe { libc::dup2(null.as_raw_fd(), target) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Closes every descriptor but the first three and `kept`. For the container's first process only,
/// which afterwards uses nothing but those and leaves by exiting.
pub(super) fn close_all_but(kept: RawFd) -> io::Result<()> {
    let kept = u32::try_from(kept).map_err(io::Error::other)?;
    for (first, last) in [
        (3, kept.saturating_sub(1)),
        (kept.saturating_add(1).max(3), u32::MAX),
    ] {
        // SAFETY: owners of these descriptors exist only as copies from before the fork; this
        // process never runs their code or their drops again.
        if first <= last && unsafe { libc::close_range(first, last, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
