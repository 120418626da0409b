//! What nodes and coordinators say to each other: one request, one response.
//!
//! Encoded with postcard. The transport bounds both sizes before these decoders see a byte, and
//! postcard allocates no more than the input holds.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::AttemptId;

/// The most bytes of entries in one page of a log.
pub const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// The most bytes of a cosignature's line: a name of 255 bytes and 76 bytes in base64 fit.
pub const MAX_COSIGNATURE: usize = 512;

/// Bytes that are no message.
#[derive(Debug, Error)]
#[error("the message is malformed")]
pub struct WireError(#[from] postcard::Error);

/// What a node asks of a coordinator, or of any follower where the answer is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Request {
    /// Entries from an index on, with the latest checkpoint.
    Log {
        /// The first entry wanted.
        from: u64,
    },
    /// Work for a node that is ready for it.
    Work(WorkRequest),
    /// A signed record for the log: enrollment, seal, reveal or forfeit.
    Submit {
        /// Its envelope.
        envelope: Vec<u8>,
    },
    /// A node's cosignature of the candidate that a page carried.
    Cosign {
        /// How many entries the candidate has.
        size: u64,
        /// The signature line, with its newline; at most [`MAX_COSIGNATURE`] bytes.
        line: Vec<u8>,
    },
    /// What the log said when it had so many entries, for a follower whose copy does not fit it.
    Prefix {
        /// How many.
        size: u64,
    },
}

/// What a node is ready to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkRequest {
    /// Whether attempts at tasks that need a GPU are welcome.
    pub gpu: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Response {
    /// A page of the log.
    Page(Page),
    /// The lease of an attempt, which stands in the log.
    Leased {
        /// The attempt.
        attempt: AttemptId,
    },
    /// There is nothing to do now.
    Idle,
    /// The record stands in the log.
    Appended {
        /// At this index.
        index: u64,
    },
    /// The request was understood and refused.
    Refused {
        /// Why, for people.
        reason: String,
    },
    /// The cosignature counts.
    Cosigned,
    /// What the log says it was.
    Prefix(Prefix),
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Consecutive entries from the index asked for; together at most [`MAX_PAGE_BYTES`].
    pub entries: Vec<Vec<u8>>,
    /// The latest checkpoint, a signed note.
    pub checkpoint: Vec<u8>,
    /// Where the page ends before the checkpoint does: the RFC 6962 consistency proof from its end to it.
    pub proof: Vec<[u8; 32]>,
    /// The checkpoint that nodes are asked to cosign, a signed note; empty where none is wanted.
    pub candidate: Vec<u8>,
    /// The latest checkpoint that the policy's quorum cosigned, with its lines; empty where none is.
    pub cosigned: Vec<u8>,
}

/// What a log was at an earlier size, as its coordinator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    /// The latest checkpoint, a signed note.
    pub checkpoint: Vec<u8>,
    /// The root that its tree had at the size asked for.
    pub root: [u8; 32],
    /// The RFC 6962 consistency proof from there to the checkpoint.
    pub proof: Vec<[u8; 32]>,
}

/// What a coordinator announces: its log has grown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The latest checkpoint, a signed note.
    pub checkpoint: Vec<u8>,
}

macro_rules! message {
    ($name:ident) => {
        impl $name {
            /// The bytes to send.
            ///
            /// # Errors
            /// Where the encoder fails, which these types give no reason for.
            pub fn encode(&self) -> Result<Vec<u8>, WireError> {
                Ok(postcard::to_stdvec(self)?)
            }

            /// Reads received bytes, all of them.
            ///
            /// # Errors
            /// Where they are no such message.
            pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
                let (message, rest) = postcard::take_from_bytes(bytes)?;
                if rest.is_empty() {
                    Ok(message)
                } else {
                    Err(WireError(postcard::Error::DeserializeBadEncoding))
                }
            }
        }
    };
}

message!(Request);
message!(Response);
message!(Announcement);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_round_trip_and_trailing_bytes_are_refused() {
        let mut bytes = Request::Log { from: 7 }.encode().unwrap();
        assert_eq!(Request::decode(&bytes).unwrap(), Request::Log { from: 7 });
        bytes.push(0);
        assert!(Request::decode(&bytes).is_err());
    }

    #[test]
    fn messages_have_the_numbers_of_the_specification() {
        let request = |request: Request| request.encode().unwrap();
        assert_eq!(request(Request::Log { from: 300 }), [0, 0xac, 2]);
        assert_eq!(request(Request::Work(WorkRequest { gpu: true })), [1, 1]);
        assert_eq!(request(Request::Submit { envelope: vec![9] }), [2, 1, 9]);
        let line = vec![7, 8];
        assert_eq!(
            request(Request::Cosign { size: 300, line }),
            [3, 0xac, 2, 2, 7, 8]
        );
        assert_eq!(request(Request::Prefix { size: 300 }), [4, 0xac, 2]);
        assert_eq!(Response::Idle.encode().unwrap(), [2]);
        assert_eq!(Response::Cosigned.encode().unwrap(), [5]);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::decode(&bytes);
            let _ = Response::decode(&bytes);
            let _ = Announcement::decode(&bytes);
        }
    }
}
