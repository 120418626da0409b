//! The leaderboard's pages over HTTP: what the ledger comes to, computed once per growth of the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use quorate_coordinator::leaderboard::{Leaderboard, compute, render};
use quorate_coordinator::scribe::Scribe;
use quorate_core::Envelope;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Pages {
    scribe: Scribe,
    board: Arc<Mutex<Option<Computed>>>,
}

struct Computed {
    board: Arc<Leaderboard>,
    at: Instant,
}

/// A busy log grows many times a second; readers of pages do not need every step.
const FRESH: Duration = Duration::from_secs(1);

/// Serves until `stop`.
pub(crate) async fn serve(listener: TcpListener, scribe: Scribe, stop: CancellationToken) {
    let pages = Pages {
        scribe,
        board: Arc::new(Mutex::new(None)),
    };
    let app = Router::new().fallback(page).with_state(pages);
    let served = axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "pages are no longer served");
    }
}

async fn page(State(pages): State<Pages>, uri: Uri) -> Response {
    let Some(board) = pages.board().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the ledger cannot be read now").into_response();
    };
    match render(uri.path(), &board) {
        Some((kind, bytes)) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        None => (StatusCode::NOT_FOUND, "no such page").into_response(),
    }
}

impl Pages {
    /// The board of the log as it stands. Whoever asks while it is computed waits for that.
    async fn board(&self) -> Option<Arc<Leaderboard>> {
        let mut held = self.board.lock().await;
        let size = self.scribe.head().borrow().size;
        if let Some(computed) = held
            .as_ref()
            .filter(|c| c.board.size >= size || c.at.elapsed() < FRESH)
        {
            return Some(Arc::clone(&computed.board));
        }
        let history = self.scribe.view().await.ok()?;
        let entries = self.entries(history.size()).await?;
        let compute = move || {
            let mut board = compute(&history);
            board.trace((0..).zip(&entries));
            Arc::new(board)
        };
        let board = tokio::task::spawn_blocking(compute).await.ok()?;
        *held = Some(Computed {
            board: Arc::clone(&board),
            at: Instant::now(),
        });
        Some(board)
    }

    /// The log's first `size` entries.
    async fn entries(&self, size: u64) -> Option<Vec<Envelope>> {
        let mut entries = Vec::new();
        while (entries.len() as u64) < size {
            let page = self.scribe.page(entries.len() as u64).await.ok()?;
            if page.entries.is_empty() {
                return None;
            }
            for bytes in page.entries {
                entries.push(Envelope::decode(&bytes).ok()?);
            }
        }
        entries.truncate(usize::try_from(size).ok()?);
        Some(entries)
    }
}
