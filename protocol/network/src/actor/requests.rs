//! Requests of others and own ones.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::PeerId;
use libp2p::request_response::{
    Event as RequestEvent, Message, OutboundFailure, OutboundRequestId, ResponseChannel,
};

use quorate_core::NodeId;

use super::Actor;
use crate::codec::{Request, Response};
use crate::conduct::Decision;
use crate::error::{DialError, RequestError};
use crate::event::{Event, Reply};
use crate::handle::Answer;
use crate::identity::node_id;
use crate::limits::{OWN_REQUESTS, PENDING_REPLIES};
use crate::metrics::Outcome;

/// Requests under way in both directions.
pub(super) struct Requests {
    pub(super) sent: HashMap<OutboundRequestId, Sent>,
    /// The application's answers to come.
    pub(super) answers: FuturesUnordered<BoxFuture<'static, Answered>>,
}

/// An own request.
pub(super) struct Sent {
    to: PeerId,
    answer: Answer<Result<Vec<u8>, RequestError>>,
}

/// What the application made of a request.
pub(super) struct Answered {
    from: PeerId,
    channel: ResponseChannel<Response>,
    answer: Option<Vec<u8>>,
}

impl Requests {
    /// Whether an own request to `peer` is under way.
    pub(super) fn awaits(&self, peer: &PeerId) -> bool {
        self.sent.values().any(|sent| sent.to == *peer)
    }
}

impl Actor {
    pub(super) fn send_request(
        &mut self,
        to: PeerId,
        bytes: Vec<u8>,
        answer: Answer<Result<Vec<u8>, RequestError>>,
    ) {
        if self.requests.sent.len() >= OWN_REQUESTS {
            drop(answer.send(Err(DialError::Busy.into())));
            return;
        }
        let request = Request::Whole { bytes, share: None };
        let id = self.swarm.behaviour_mut().requests.send_request(&to, request);
        self.requests.sent.insert(id, Sent { to, answer });
    }

    pub(super) fn on_request_event(&mut self, event: RequestEvent<Request, Response>) {
        match event {
            RequestEvent::Message {
                peer,
                message: Message::Request { request, channel, .. },
                ..
            } => self.on_request(peer, request, channel),
            RequestEvent::Message {
                message: Message::Response { request_id, response },
                ..
            } => self.on_response(request_id, response),
            RequestEvent::OutboundFailure {
                request_id, error, ..
            } => {
                self.on_no_response(request_id, error);
            }
            RequestEvent::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "an answer did not arrive");
            }
            RequestEvent::ResponseSent { .. } => {}
        }
    }

    fn on_request(&mut self, peer: PeerId, request: Request, channel: ResponseChannel<Response>) {
        let Some(from) = node_id(&peer) else { return };
        let now = Instant::now();
        if let Request::Garbage(what) = request {
            // Dropping the channel closes the stream without an answer.
            return self.on_garbage(peer, &what, now);
        }
        match self.conduct.request(peer, now) {
            Decision::Serve => self.serve(peer, from, request, channel),
            Decision::SlowDown(wait) => {
                self.respond(channel, Response::SlowDown(wait), Outcome::SlowDown);
            }
            Decision::Ban(length) => {
                self.respond(channel, Response::SlowDown(length), Outcome::SlowDown);
                self.punish(peer, length, "too many requests");
            }
        }
    }

    fn serve(&mut self, peer: PeerId, from: NodeId, request: Request, channel: ResponseChannel<Response>) {
        let lagging = self.requests.answers.len() >= PENDING_REPLIES
            || self.events.capacity() < 2
            || self.events.is_closed();
        let (bytes, share) = match request {
            Request::Whole { bytes, share } if !lagging => (bytes, share),
            _ => return self.respond(channel, Response::Busy, Outcome::Busy),
        };
        let (reply, answer) = Reply::new(share);
        self.emit(Event::Request { from, bytes, reply });
        if let Some(known) = self.peers.get_mut(&peer) {
            known.unanswered += 1;
        }
        let patience = self.limits.request_timeout;
        self.requests.answers.push(Box::pin(async move {
            let answer = tokio::time::timeout(patience, answer).await;
            Answered {
                from: peer,
                channel,
                answer: answer.ok().and_then(Result::ok),
            }
        }));
    }

    fn on_garbage(&mut self, peer: PeerId, what: &str, now: Instant) {
        tracing::debug!(%peer, what, "garbage");
        self.metrics.requests_received.count(Outcome::Garbage);
        if let Decision::Ban(length) = self.conduct.garbage(peer, now) {
            self.punish(peer, length, "garbage");
        }
    }

    /// Bans for conduct, but never a bootstrap peer: the owner chose it, and without it a node can
    /// do nothing.
    fn punish(&mut self, peer: PeerId, length: Duration, reason: &str) {
        if self.is_bootstrap(&peer) {
            tracing::warn!(%peer, reason, "a bootstrap peer misbehaves");
        } else {
            self.ban_for_conduct(peer, length, reason);
        }
    }

    fn respond(&mut self, channel: ResponseChannel<Response>, response: Response, outcome: Outcome) {
        self.metrics.requests_received.count(outcome);
        // The peer may no longer wait.
        let _ = self
            .swarm
            .behaviour_mut()
            .requests
            .send_response(channel, response);
    }

    pub(super) fn on_answer(&mut self, answered: Answered) {
        if let Some(known) = self.peers.get_mut(&answered.from) {
            known.unanswered = known.unanswered.saturating_sub(1);
        }
        match answered.answer {
            Some(bytes) => {
                self.respond(answered.channel, Response::Answer(bytes), Outcome::Answered);
            }
            None => self.respond(answered.channel, Response::Unanswered, Outcome::Unanswered),
        }
    }

    fn on_response(&mut self, id: OutboundRequestId, response: Response) {
        let (outcome, result) = match response {
            Response::Answer(bytes) => (Outcome::Answered, Ok(bytes)),
            Response::SlowDown(retry_after) => {
                (Outcome::SlowDown, Err(RequestError::SlowDown { retry_after }))
            }
            Response::Busy => (Outcome::Busy, Err(RequestError::PeerBusy)),
            Response::Unanswered => (Outcome::Unanswered, Err(RequestError::Unanswered)),
        };
        self.finish(id, outcome, result);
    }

    fn on_no_response(&mut self, id: OutboundRequestId, error: OutboundFailure) {
        let (outcome, error) = match error {
            OutboundFailure::Timeout => (Outcome::Failed, RequestError::Timeout),
            OutboundFailure::UnsupportedProtocols => (Outcome::Failed, RequestError::Unsupported),
            OutboundFailure::Io(error) => (Outcome::Garbage, RequestError::Garbled(error.to_string())),
            OutboundFailure::ConnectionClosed | OutboundFailure::DialFailure => {
                (Outcome::Failed, RequestError::ConnectionClosed)
            }
        };
        self.finish(id, outcome, Err(error));
    }

    fn finish(&mut self, id: OutboundRequestId, outcome: Outcome, result: Result<Vec<u8>, RequestError>) {
        self.metrics.requests_sent.count(outcome);
        if let Some(sent) = self.requests.sent.remove(&id) {
            // Whoever asked may have given up.
            drop(sent.answer.send(result));
        }
    }
}
