//! A provider that says it has an artifact and serves something else.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{AsyncRead, AsyncWrite};
use quorate_artifacts::transfer::{Connect, FetchOptions, Fetcher, ServeLimits, serve};
use quorate_artifacts::{Limits, Store};
use quorate_core::NodeId;
use quorate_core::digest::ArtifactId;
use quorate_network::{BulkStream, Handle};

use crate::wire::Stranger;

/// What it does to every stream.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// Flips a bit of the byte at this place.
    Corrupt(u64),
    /// Breaks off after so many bytes.
    Truncate(u64),
}

/// Bytes: more than any test's artifact.
const QUOTA: u64 = 1 << 30;

impl Stranger {
    /// Gets the artifact honestly from `source`, then offers it to everybody and serves it in `manner`.
    pub fn provide_falsely(&self, folder: &Path, id: ArtifactId, source: NodeId, manner: Manner) {
        let (network, folder) = (self.network.clone(), folder.to_owned());
        self.runtime.block_on(async {
            let store = Store::open(&folder, QUOTA).unwrap();
            let fetcher = Fetcher::new(
                Arc::clone(&store),
                Streams(network.clone()),
                FetchOptions::default(),
            );
            let bound = Limits {
                files: 1000,
                bytes: QUOTA,
            };
            fetcher.fetch(id, &[source], bound, &|_| {}).await.result.unwrap();
            let mut incoming = network.incoming_streams().await.unwrap();
            network.provide(id.0).await.unwrap();
            tokio::spawn(async move {
                while let Some((_, stream)) = incoming.next().await {
                    let (store, stream) = (
                        Arc::clone(&store),
                        Spoiled {
                            stream,
                            manner,
                            sent: 0,
                        },
                    );
                    tokio::spawn(async move { serve(stream, &store, ServeLimits::default()).await });
                }
            });
        });
    }
}

struct Streams(Handle);

impl Connect for Streams {
    type Stream = BulkStream;

    async fn open(&self, provider: NodeId) -> io::Result<BulkStream> {
        self.0.open_stream(provider).await.map_err(io::Error::other)
    }
}

struct Spoiled {
    stream: BulkStream,
    manner: Manner,
    sent: u64,
}

impl AsyncRead for Spoiled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Spoiled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut bytes = bytes.to_vec();
        match self.manner {
            Manner::Truncate(most) if self.sent >= most => {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            Manner::Truncate(most) => bytes.truncate(usize::try_from(most - self.sent).unwrap()),
            Manner::Corrupt(place) => {
                let spoiled = place
                    .checked_sub(self.sent)
                    .and_then(|at| bytes.get_mut(usize::try_from(at).ok()?));
                if let Some(byte) = spoiled {
                    *byte ^= 8;
                }
            }
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, &bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.sent += count as u64;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
