//! Requests and responses on the wire: a length, then that many bytes, then the end.
//!
//! A length above the limit is refused before anything is allocated. Buffers grow with the bytes
//! that arrive, never with the bytes that were promised, and every byte of a request is charged to
//! a budget that all peers share.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::protocol::{MAX_REQUEST, MAX_RESPONSE};

/// Buffers grow by this much: one Noise frame's worth, so most requests take one step.
const STEP: usize = 64 * 1024;

/// A request as it arrived. libp2p keeps errors of reading to itself, so those that the peer has to
/// answer for are values here.
#[derive(Debug)]
pub(crate) enum Request {
    /// A request, with its share of the budget.
    Whole {
        bytes: Vec<u8>,
        share: Option<OwnedSemaphorePermit>,
    },
    /// What no correct program sends.
    Garbage(String),
    /// A request for which the budget had no room.
    TooMuch,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Response {
    Answer(Vec<u8>),
    SlowDown(Duration),
    Busy,
    Unanswered,
}

const ANSWER: u8 = 0;
const SLOW_DOWN: u8 = 1;
const BUSY: u8 = 2;
const UNANSWERED: u8 = 3;

/// The codec; clones share one budget.
#[derive(Debug, Clone)]
pub(crate) struct Codec {
    budget: Arc<Semaphore>,
}

impl Codec {
    pub(crate) fn new(request_memory: usize) -> Self {
        Self {
            budget: Arc::new(Semaphore::new(request_memory.min(Semaphore::MAX_PERMITS))),
        }
    }
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut share = None;
        let bytes = async {
            let bytes = read_bytes(io, MAX_REQUEST, |step| charge(&self.budget, &mut share, step)).await?;
            at_end(io).await?;
            io::Result::Ok(bytes)
        };
        match bytes.await {
            Ok(bytes) => Ok(Request::Whole { bytes, share }),
            Err(error) => match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    Ok(Request::Garbage(error.to_string()))
                }
                io::ErrorKind::ResourceBusy => Ok(Request::TooMuch),
                _ => Err(error),
            },
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut kind = [0];
        io.read_exact(&mut kind).await?;
        let response = match kind {
            [ANSWER] => Response::Answer(read_bytes(io, MAX_RESPONSE, |_| Ok(())).await?),
            [SLOW_DOWN] => {
                let mut millis = [0; 4];
                io.read_exact(&mut millis).await?;
                Response::SlowDown(Duration::from_millis(u32::from_be_bytes(millis).into()))
            }
            [BUSY] => Response::Busy,
            [UNANSWERED] => Response::Unanswered,
            [other] => return Err(garbage(format!("{other} is no kind of response"))),
        };
        at_end(io).await?;
        Ok(response)
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Request) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match request {
            Request::Whole { bytes, .. } => write_bytes(io, &bytes, MAX_REQUEST).await,
            other => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{other:?}"))),
        }
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match response {
            Response::Answer(bytes) => {
                io.write_all(&[ANSWER]).await?;
                write_bytes(io, &bytes, MAX_RESPONSE).await
            }
            Response::SlowDown(wait) => {
                let millis = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
                io.write_all(&[SLOW_DOWN]).await?;
                io.write_all(&millis.to_be_bytes()).await
            }
            Response::Busy => io.write_all(&[BUSY]).await,
            Response::Unanswered => io.write_all(&[UNANSWERED]).await,
        }
    }
}

/// Charges `step` bytes to the budget.
fn charge(budget: &Arc<Semaphore>, share: &mut Option<OwnedSemaphorePermit>, step: usize) -> io::Result<()> {
    let more = u32::try_from(step)
        .ok()
        .and_then(|step| Arc::clone(budget).try_acquire_many_owned(step).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::ResourceBusy, "too many requests at once"))?;
    match share {
        Some(share) => share.merge(more),
        None => *share = Some(more),
    }
    Ok(())
}

async fn read_bytes<T>(
    io: &mut T,
    limit: usize,
    mut charge: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<Vec<u8>>
where
    T: AsyncRead + Unpin + Send,
{
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limit {
        return Err(garbage(format!(
            "{length} bytes were promised, at most {limit} are taken"
        )));
    }
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let start = bytes.len();
        let step = STEP.min(length - start);
        charge(step)?;
        bytes.resize(start + step, 0);
        io.read_exact(bytes.get_mut(start..).unwrap_or_default()).await?;
    }
    Ok(bytes)
}

async fn write_bytes<T>(io: &mut T, bytes: &[u8], limit: usize) -> io::Result<()>
where
    T: AsyncWrite + Unpin + Send,
{
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit);
    let length = length.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} bytes are too many", bytes.len()),
        )
    })?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(bytes).await
}

async fn at_end<T>(io: &mut T) -> io::Result<()>
where
    T: AsyncRead + Unpin + Send,
{
    match io.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(garbage("bytes follow after the end".to_owned())),
    }
}

fn garbage(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
