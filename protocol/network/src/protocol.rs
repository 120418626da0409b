//! The names and sizes of what goes over the wire.
//!
//! Every name holds the network's name, so two networks that meet have no protocol in common.

use libp2p::StreamProtocol;

use crate::config::NetworkName;

/// The largest request. A signed record is under 64 KiB; a few of them fit.
pub const MAX_REQUEST: usize = 256 * 1024;

/// The largest response: a page of ledger entries or tiles. Anything larger is a bulk stream.
pub const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// The largest announcement: a checkpoint with its cosignatures, or a few digests. Payloads are
/// fetched, never announced.
pub const MAX_ANNOUNCEMENT: usize = 4 * 1024;

/// The protocol names of one network.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) request: StreamProtocol,
    pub(crate) bulk: StreamProtocol,
    pub(crate) kad: StreamProtocol,
    pub(crate) gossip: String,
    pub(crate) topic: String,
    /// What `identify` reports; a peer that reports another is of another network.
    pub(crate) network: String,
}

impl Names {
    pub(crate) fn new(network: &NetworkName) -> Self {
        let owned = |what: &str| {
            // `NetworkName` admits only characters that keep the leading slash in place.
            StreamProtocol::try_from_owned(format!("/quorate/{network}/{what}"))
                .unwrap_or(StreamProtocol::new("/quorate"))
        };
        Self {
            request: owned("request/1"),
            bulk: owned("bulk/1"),
            kad: owned("kad/1"),
            gossip: format!("/quorate/{network}/gossip"),
            topic: format!("quorate/{network}/announcements/1"),
            network: format!("quorate/{network}/1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_share_no_protocol() {
        let names = |name: &str| Names::new(&name.parse().unwrap());
        let (a, b) = (names("main"), names("test"));
        assert_eq!(a.request.as_ref(), "/quorate/main/request/1");
        assert_ne!(a.request, b.request);
        assert_ne!(a.bulk, b.bulk);
        assert_ne!(a.kad, b.kad);
        assert_ne!(a.gossip, b.gossip);
        assert_ne!(a.topic, b.topic);
        assert_ne!(a.network, b.network);
    }
}
