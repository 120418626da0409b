//! Tar streams between the engine's socket and threads that may wait for the disk.

use std::io::{self, Read, Write};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::runtime::Error;

/// Pieces in flight; each is at most a few hundred kilobytes.
const IN_FLIGHT: usize = 8;
/// What a writer gathers before it sends.
pub(super) const PIECE: usize = 128 << 10;

pub(super) type Piece = io::Result<Bytes>;

pub(super) fn channel() -> (mpsc::Sender<Piece>, mpsc::Receiver<Piece>) {
    mpsc::channel(IN_FLIGHT)
}

/// What a thread on the other end made of it.
pub(super) fn joined<T>(result: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    result.map_err(|error| Error::Helper {
        doing: "copying files".into(),
        why: error.to_string(),
    })?
}

/// The writing end of a tar being packed.
#[derive(Debug)]
pub(super) struct Sending(pub(super) mpsc::Sender<Piece>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reading end of a tar being unpacked.
#[derive(Debug)]
pub(super) struct Receiving {
    receiver: mpsc::Receiver<Piece>,
    piece: Bytes,
}

impl Receiving {
    pub(super) fn new(receiver: mpsc::Receiver<Piece>) -> Self {
        Self {
            receiver,
            piece: Bytes::new(),
        }
    }
}

impl Read for Receiving {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let taken = self.piece.split_to(target.len().min(self.piece.len()));
        for (to, from) in target.iter_mut().zip(&taken) {
            *to = *from;
        }
        Ok(taken.len())
    }
}
