//! Announcements: gossipsub, narrowed to one topic of small, signed, judged messages.
//!
//! A message is named by the BLAKE3 of its data, so the same news from two authors travels once.
//! Nothing is passed on before the application has judged it. Whoever passes on what is rejected
//! loses score and after a few messages is not listened to any more.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use libp2p::gossipsub::{
    Behaviour, Config, ConfigBuilder, IdentTopic, IdentityTransform, MessageAuthenticity, MessageId,
    PeerScoreParams, PeerScoreThresholds, TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
    score_parameter_decay,
};
use libp2p::identity::Keypair;
use quorate_core::Digest;

use crate::config::Role;
use crate::protocol::{MAX_ANNOUNCEMENT, Names};

/// Gossipsub with our one topic.
pub(crate) type Gossip = Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;

/// An announcement with its signature and envelope, and the control messages that share its frame:
/// four times the announcement itself.
const MAX_FRAME: usize = 4 * MAX_ANNOUNCEMENT;

/// Messages waiting for one slow peer; beyond this they are dropped for it.
const QUEUE: usize = 256;

/// Who has seen a message is remembered this long. Announcements are rare, so five minutes of
/// them are few, and a checkpoint repeated later is worth carrying again.
const DUPLICATES: Duration = Duration::from_secs(300);

/// Each rejected message counts; the penalty is this times the square of the count.
const REJECTED_WEIGHT: f64 = -10.0;

/// A rejected message is forgotten over this time.
const REJECTED_DECAY: Duration = Duration::from_secs(600);

/// The most that good behaviour can earn: it must not pay for two rejected messages.
const EARNED_CAP: f64 = 10.0;

/// Starts gossipsub and subscribes.
pub(crate) fn behaviour(
    keypair: &Keypair,
    role: Role,
    connections: u32,
    names: &Names,
) -> Result<Gossip, String> {
    let topic = IdentTopic::new(&names.topic);
    let config = config(role, connections, names)?;
    let filter = WhitelistSubscriptionFilter(HashSet::from([topic.hash()]));
    let signed = MessageAuthenticity::Signed(keypair.clone());
    let mut gossip = Gossip::new_with_subscription_filter(signed, config, filter)?;
    let scored = PeerScoreParams {
        topics: HashMap::from([(topic.hash(), topic_score())]),
        ..peer_score()
    };
    gossip.with_peer_score(scored, thresholds())?;
    gossip.subscribe(&topic).map_err(|error| error.to_string())?;
    Ok(gossip)
}

fn config(role: Role, connections: u32, names: &Names) -> Result<Config, String> {
    let mut builder = ConfigBuilder::default();
    builder
        .protocol_id_prefix(names.gossip.clone())
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(|message| MessageId::new(Digest::of(&message.data).as_bytes()))
        .max_transmit_size(MAX_FRAME)
        .connection_handler_queue_len(QUEUE)
        .duplicate_cache_time(DUPLICATES)
        // The mesh forms on heartbeats; five seconds of default delay only slow the start.
        .heartbeat_initial_delay(Duration::from_millis(500));
    if role == Role::Coordinator {
        // Nodes know few others than their coordinator. With gossipsub's usual mesh of twelve, a
        // node's announcement would stop at the coordinator for everybody else, so its mesh is
        // everybody.
        let all = usize::try_from(connections).unwrap_or(usize::MAX).max(12);
        builder
            .mesh_n_low(all)
            .mesh_n(all)
            .mesh_n_high(all)
            .mesh_outbound_min(0);
    }
    builder.build().map_err(|error| error.to_string())
}

fn topic_score() -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 1.0,
        // A little for staying, so that a steady peer is preferred to a new one.
        time_in_mesh_weight: EARNED_CAP / 3600.0 / 2.0,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 3600.0,
        // A little for news.
        first_message_deliveries_weight: EARNED_CAP / 100.0 / 2.0,
        first_message_deliveries_decay: score_parameter_decay(Duration::from_secs(3600)),
        first_message_deliveries_cap: 100.0,
        // Nothing for delivering often: announcements come when there is news, so silence is no
        // fault.
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: REJECTED_WEIGHT,
        invalid_message_deliveries_decay: score_parameter_decay(REJECTED_DECAY),
        ..TopicScoreParams::default()
    }
}

fn peer_score() -> PeerScoreParams {
    PeerScoreParams {
        topic_score_cap: EARNED_CAP,
        // A laboratory's nodes share one address; that is no sign of anything here, where votes are
        // counted by operator.
        ip_colocation_factor_weight: 0.0,
        // The application reports faults by banning.
        app_specific_weight: 0.0,
        ..PeerScoreParams::default()
    }
}

/// With the penalty growing by squares: two rejected messages stop the exchange of gossip, three
/// stop publishing to the peer, four stop listening to it.
fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: REJECTED_WEIGHT * 4.0 + EARNED_CAP,
        publish_threshold: REJECTED_WEIGHT * 9.0 + EARNED_CAP,
        graylist_threshold: REJECTED_WEIGHT * 16.0 + EARNED_CAP,
        // Peer exchange is not used.
        accept_px_threshold: EARNED_CAP,
        opportunistic_graft_threshold: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The score of a peer that earned all it can and then had `rejected` messages rejected.
    fn score_after(rejected: u32) -> f64 {
        EARNED_CAP + REJECTED_WEIGHT * f64::from(rejected).powi(2)
    }

    #[test]
    fn rejected_messages_cost_more_than_good_conduct_earns() {
        let limits = thresholds();
        assert!(score_after(1) > limits.gossip_threshold, "one may be an accident");
        assert!(score_after(2) <= limits.gossip_threshold);
        assert!(score_after(3) <= limits.publish_threshold);
        assert!(score_after(3) > limits.graylist_threshold);
        assert!(score_after(4) <= limits.graylist_threshold);
    }

    #[test]
    fn what_can_be_earned_is_capped() {
        let topic = topic_score();
        let most = topic.time_in_mesh_weight * topic.time_in_mesh_cap
            + topic.first_message_deliveries_weight * topic.first_message_deliveries_cap;
        assert!((most - EARNED_CAP).abs() < 1e-9, "{most}");
    }

    #[test]
    fn a_coordinator_passes_announcements_to_everybody_it_is_connected_to() {
        let names = Names::new(&"test".parse().unwrap());
        let all = config(Role::Coordinator, 4096, &names).unwrap();
        assert_eq!(
            (all.mesh_n_low(), all.mesh_n(), all.mesh_n_high()),
            (4096, 4096, 4096)
        );
        let few = config(Role::Node, 256, &names).unwrap();
        assert_eq!(few.mesh_n_high(), 12);
    }

    #[test]
    fn the_parameters_are_what_gossipsub_accepts() {
        let names = Names::new(&"test".parse().unwrap());
        for role in [Role::Node, Role::Coordinator] {
            behaviour(&Keypair::generate_ed25519(), role, 4096, &names).unwrap();
        }
    }
}
