//! Numbers for an operator's monitoring, in Prometheus' text form.
//!
//! Labels come from fixed sets only: whatever a stranger sends cannot make new series.

use std::fmt;

use libp2p::metrics::Recorder;
use libp2p::swarm::SwarmEvent;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
    Answered,
    Unanswered,
    SlowDown,
    Busy,
    Failed,
    Garbage,
    Accepted,
    Rejected,
    Ignored,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Outcome,
}

/// A counter per outcome.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes(Family<Labels, Counter>);

impl Outcomes {
    pub(crate) fn count(&self, outcome: Outcome) {
        self.0.get_or_create(&Labels { outcome }).inc();
    }
}

/// All numbers of one party.
pub(crate) struct Metrics {
    registry: Registry,
    libp2p: libp2p::metrics::Metrics,
    pub(crate) requests_received: Outcomes,
    pub(crate) requests_sent: Outcomes,
    pub(crate) announcements: Outcomes,
    pub(crate) streams: Outcomes,
    pub(crate) bans: Counter,
    pub(crate) events_lost: Counter,
    pub(crate) peers: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("quorate_network");
        let (requests_received, requests_sent) = (Outcomes::default(), Outcomes::default());
        let (announcements, streams) = (Outcomes::default(), Outcomes::default());
        let (bans, events_lost, peers) = (Counter::default(), Counter::default(), Gauge::default());
        let mut family = |name, help, outcomes: &Outcomes| {
            registry.register(name, help, outcomes.0.clone());
        };
        family(
            "requests_received",
            "Requests of others, by outcome",
            &requests_received,
        );
        family("requests_sent", "Own requests, by outcome", &requests_sent);
        family(
            "announcements",
            "Announcements received, by the check's outcome",
            &announcements,
        );
        family("streams", "Bulk streams that others opened, by outcome", &streams);
        registry.register("bans", "Bans, by conduct or by order", bans.clone());
        registry.register(
            "events_lost",
            "Events the application was too slow for",
            events_lost.clone(),
        );
        registry.register("peers", "Peers connected", peers.clone());
        let libp2p = libp2p::metrics::Metrics::new(&mut registry);
        Self {
            registry,
            libp2p,
            requests_received,
            requests_sent,
            announcements,
            streams,
            bans,
            events_lost,
            peers,
        }
    }

    /// Counts a protocol's event.
    pub(crate) fn record<E>(&self, event: &E)
    where
        libp2p::metrics::Metrics: Recorder<E>,
    {
        self.libp2p.record(event);
    }

    /// Counts a swarm's event, save those whose labels a stranger chooses.
    pub(crate) fn record_swarm<E>(&self, event: &SwarmEvent<E>) {
        let chosen_by_strangers = matches!(
            event,
            SwarmEvent::NewExternalAddrCandidate { .. } | SwarmEvent::NewExternalAddrOfPeer { .. }
        );
        if !chosen_by_strangers {
            self.libp2p.record(event);
        }
    }

    /// Everything, as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string does not fail; an empty page says as much as half of one.
            Err(fmt::Error) => String::new(),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_holds_what_was_counted() {
        let metrics = Metrics::new();
        metrics.requests_received.count(Outcome::SlowDown);
        metrics.peers.set(3);
        let text = metrics.text();
        assert!(text.contains(r#"quorate_network_requests_received_total{outcome="SlowDown"} 1"#));
        assert!(text.contains("quorate_network_peers 3"));
        assert!(text.contains("quorate_network_libp2p_"));
    }
}
