//! What a node and a helper say to each other: one JSON value per line, over one socket.

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::export::Exported;
use crate::spec::Spec;

/// No line is longer; an order carries a command and its environment.
pub(super) const LINE_MAX: usize = 4 << 20;

/// The first line to a helper.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The node's process; where it is not the helper's parent, it is dead already.
    pub(super) parent: i32,
    /// The container's full name.
    pub(super) name: String,
    /// Where the helper may keep its files. It does not exist yet.
    pub(super) folder: PathBuf,
    /// The unpacked image; `None` for the host's.
    pub(super) image: Option<PathBuf>,
    pub(super) spec: Spec,
}

/// The lines after it. Each is answered by one [`Event::Done`], in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Command {
    Pause,
    Resume,
    Kill,
}

/// How the command ended, as the container's first process saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    Exited(i32),
    Signalled(i32),
    /// It was never started: a protection could not be put in place.
    Refused(String),
}

/// The lines from a helper.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Event {
    /// The command is about to run.
    Started,
    /// It never will. The last line.
    Failed { doing: String, why: String },
    /// A command's answer.
    Done(Result<(), String>),
    /// No process is left.
    Ended {
        status: Status,
        out_of_memory: bool,
        cpu_nanoseconds: Option<u64>,
        peak_memory: Option<u64>,
    },
    /// Everything is exported and removed, as far as it could be. The last line.
    Finished {
        export: Result<Option<Exported>, String>,
        removed: Result<(), String>,
    },
}

pub(super) fn write<T: Serialize>(target: &mut impl Write, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    target.write_all(&line)
}

/// `None` at the end of the stream.
pub(super) fn read<T: DeserializeOwned>(source: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    source.take(LINE_MAX as u64).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_round_trip_and_end() {
        let mut wire = Vec::new();
        write(&mut wire, &Command::Pause).unwrap();
        write(&mut wire, &Command::Kill).unwrap();
        let mut source = wire.as_slice();
        assert_eq!(read::<Command>(&mut source).unwrap(), Some(Command::Pause));
        assert_eq!(read::<Command>(&mut source).unwrap(), Some(Command::Kill));
        assert_eq!(read::<Command>(&mut source).unwrap(), None);
        assert!(
            read::<Command>(&mut &b"\"Kill"[..]).is_err(),
            "a cut line is no line"
        );
    }
}
