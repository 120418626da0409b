//! Announcements in and out.

use std::time::Instant;

use libp2p::PeerId;
use libp2p::gossipsub::{
    Event as GossipEvent, IdentTopic, Message, MessageAcceptance, PublishError as GossipError,
};
use quorate_core::NodeId;

use super::Actor;
use crate::conduct::Decision;
use crate::config::Validity;
use crate::error::PublishError;
use crate::event::Event;
use crate::identity::node_id;
use crate::metrics::Outcome;
use crate::protocol::MAX_ANNOUNCEMENT;

impl Actor {
    pub(super) fn announce(&mut self, bytes: Vec<u8>) -> Result<(), PublishError> {
        let topic = IdentTopic::new(&self.names.topic);
        match self.swarm.behaviour_mut().gossip.publish(topic, bytes) {
            // Told already, by this party or another.
            Ok(_) | Err(GossipError::Duplicate) => Ok(()),
            Err(GossipError::NoPeersSubscribedToTopic) => Err(PublishError::NoPeers),
            Err(error) => Err(PublishError::Failed(error.to_string())),
        }
    }

    pub(super) fn on_gossip(&mut self, event: GossipEvent) {
        let GossipEvent::Message {
            propagation_source,
            message_id,
            message,
        } = event
        else {
            return;
        };
        let (validity, author) = self.judge(&message);
        let (acceptance, outcome) = match validity {
            Validity::Accept => (MessageAcceptance::Accept, Outcome::Accepted),
            Validity::Reject => (MessageAcceptance::Reject, Outcome::Rejected),
            Validity::Ignore => (MessageAcceptance::Ignore, Outcome::Ignored),
        };
        self.metrics.announcements.count(outcome);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&message_id, &propagation_source, acceptance);
        if let (Validity::Accept, Some(from)) = (validity, author) {
            self.emit(Event::Announcement {
                from,
                bytes: message.data,
            });
        }
    }

    fn judge(&mut self, message: &Message) -> (Validity, Option<NodeId>) {
        let Some(author) = message.source.as_ref().and_then(node_id) else {
            return (Validity::Reject, None);
        };
        if message.data.len() > MAX_ANNOUNCEMENT {
            return (Validity::Reject, Some(author));
        }
        // Whoever passes on a chatterbox's words is not to blame for them.
        if self.authors.request(author, Instant::now()) != Decision::Serve {
            return (Validity::Ignore, Some(author));
        }
        ((self.check)(&author, &message.data), Some(author))
    }

    /// Gossipsub's opinion of a peer.
    pub(super) fn score(&self, peer: &PeerId) -> f64 {
        self.swarm.behaviour().gossip.peer_score(peer).unwrap_or_default()
    }
}
