//! Whether a command that was killed ran out of memory.
//!
//! The engine hears of that and of the end on two ways, and on a busy host the end may overtake;
//! then its state says "not out of memory" for ever, but an event still follows.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::ContainerState;
use bollard::query_parameters::EventsOptionsBuilder;
use futures::StreamExt as _;
use tokio::time::timeout;

/// What a killed process leaves as its code.
const KILLED: i64 = 128 + 9;
/// How long the event may take; only a kill that nobody here asked for is waited on.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Looks at the state, and at the events since `start` where that leaves a doubt.
pub(super) async fn ran_out(
    engine: &bollard::Docker,
    id: &str,
    state: &ContainerState,
    start: SystemTime,
) -> bool {
    if state.oom_killed == Some(true) || state.exit_code != Some(KILLED) {
        return state.oom_killed == Some(true);
    }
    let since = start
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        .to_string();
    let filters = HashMap::from([
        ("container".to_owned(), vec![id.to_owned()]),
        ("event".to_owned(), vec!["oom".to_owned()]),
    ]);
    let options = EventsOptionsBuilder::default()
        .since(&since)
        .filters(&filters)
        .build();
    let mut events = engine.events(Some(options));
    matches!(timeout(PATIENCE, events.next()).await, Ok(Some(Ok(_))))
}
