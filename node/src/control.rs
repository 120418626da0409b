//! The control socket: how commands of the same owner talk to a running coordinator.
//!
//! A Unix socket in the home, mode 0600. One request a connection: a JSON line there, a JSON line
//! back. Who may open the socket owns the home, so nothing is signed here.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use quorate_core::digest::{CampaignId, RecordId};
use quorate_core::record::Admitted;
use quorate_core::text::Note;

/// A campaign file and a line round it.
const MAX_LINE: u64 = 1 << 20;

/// Packing a campaign's artifacts takes seconds, model weights minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ask {
    /// Publish the campaign that a file describes.
    Publish {
        /// The file's path, to which its folders are relative.
        path: PathBuf,
        /// Its text.
        text: String,
    },
    /// Withdraw the row that a verdict made.
    Correct {
        /// The verdict.
        verdict: RecordId,
        /// Why.
        reason: Note,
    },
    /// Let somebody enroll.
    Admit {
        /// Whom.
        admits: Admitted,
    },
}

/// What the process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// The campaign stands in the log.
    Published {
        /// Its id.
        campaign: CampaignId,
    },
    /// The record stands in the log.
    Recorded {
        /// At this index.
        index: u64,
    },
    /// It did not work.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Why the process could not be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ControlError {
    /// Nobody listens.
    #[error("no coordinator runs in this home: start `quorate coordinator run` with the same --home")]
    NotRunning,
    /// The socket failed.
    #[error("the control socket {} failed", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The answer is none.
    #[error("the running process gave no answer that this version knows")]
    Answer(#[from] serde_json::Error),
    /// No answer in time.
    #[error("the running process did not answer within {} minutes", PATIENCE.as_secs() / 60)]
    TimedOut,
    /// The process refused.
    #[error("the coordinator refused: {0}")]
    Refused(String),
}

/// Asks the process that runs in a home.
pub(crate) async fn ask(socket: &Path, request: &Ask) -> Result<Answer, ControlError> {
    let talk = async {
        let error = |source| ControlError::Io {
            path: socket.to_owned(),
            source,
        };
        let mut stream = match UnixStream::connect(socket).await {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Err(ControlError::NotRunning);
            }
            other => other.map_err(error)?,
        };
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line).await.map_err(error)?;
        let answer = read_line(stream).await.map_err(error)?;
        match serde_json::from_str(&answer)? {
            Answer::Failed { reason } => Err(ControlError::Refused(reason)),
            answer => Ok(answer),
        }
    };
    tokio::time::timeout(PATIENCE, talk)
        .await
        .map_err(|_| ControlError::TimedOut)?
}

/// Opens the socket of a home that this process has locked, over what an earlier one left.
pub(crate) fn listen(socket: &Path) -> Result<UnixListener, ControlError> {
    let error = |source| ControlError::Io {
        path: socket.to_owned(),
        source,
    };
    match std::fs::remove_file(socket) {
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
        other => other.map_err(error)?,
    }
    let listener = UnixListener::bind(socket).map_err(error)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(error)?;
    Ok(listener)
}

/// Takes one request from the next connection and answers it with what `serve` returns.
pub(crate) async fn serve_one<F: Future<Output = Answer>>(
    listener: &UnixListener,
    serve: impl FnOnce(Ask) -> F,
) -> io::Result<()> {
    let (stream, _) = listener.accept().await?;
    let (read, mut write) = stream.into_split();
    let line = tokio::time::timeout(Duration::from_secs(10), read_line(read))
        .await
        .map_err(io::Error::other)??;
    let answer = match serde_json::from_str(&line) {
        Ok(ask) => serve(ask).await,
        Err(error) => Answer::Failed {
            reason: format!("not a request: {error}"),
        },
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    write.write_all(&line).await
}

async fn read_line(stream: impl tokio::io::AsyncRead + Unpin) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_LINE)).read_line(&mut line).await?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asks_are_answered_and_a_missing_process_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let request = Ask::Publish {
            path: "c.toml".into(),
            text: "name = 'x'".to_owned(),
        };
        assert!(matches!(
            ask(&socket, &request).await,
            Err(ControlError::NotRunning)
        ));

        let listener = listen(&socket).unwrap();
        let expected = request.clone();
        let server = tokio::spawn(async move {
            serve_one(&listener, |ask| async move {
                assert_eq!(ask, expected);
                Answer::Recorded { index: 7 }
            })
            .await
        });
        assert_eq!(
            ask(&socket, &request).await.unwrap(),
            Answer::Recorded { index: 7 }
        );
        server.await.unwrap().unwrap();
    }
}
