//! The fixed headers of requests and replies.

use std::ops::Range;

use quorate_core::Digest;

pub(super) const VERSION: u8 = 1;
pub(super) const REQUEST_LEN: usize = 49;
pub(super) const REPLY_LEN: usize = 9;
/// The end of a range that reaches to the end of a blob, however long it is.
pub(super) const TO_THE_END: u64 = u64::MAX;

/// A range of a blob, asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) digest: Digest,
    pub(super) range: Range<u64>,
}

impl Request {
    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        into.push(VERSION);
        into.extend_from_slice(self.digest.as_bytes());
        into.extend_from_slice(&self.range.start.to_le_bytes());
        into.extend_from_slice(&self.range.end.to_le_bytes());
    }

    /// Reads a request; none where the version is another.
    pub(super) fn decode(bytes: &[u8; REQUEST_LEN]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let (start, end) = rest.split_first_chunk::<8>()?;
        let range = u64::from_le_bytes(*start)..u64::from_le_bytes(end.try_into().ok()?);
        (*version == VERSION).then_some(Self {
            digest: Digest::from_bytes(*digest),
            range,
        })
    }
}

/// How a provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// The range follows.
    Here = 0,
    /// It does not have the blob.
    Absent = 1,
    /// The blob has no such range.
    BadRange = 2,
    /// It would rather not, or cannot now.
    Declined = 3,
}

/// The beginning of a reply. Where the status is not [`Status::Here`] nothing follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: Status,
    pub(super) size: u64,
}

impl Reply {
    pub(super) fn encode(self, into: &mut Vec<u8>) {
        into.push(self.status as u8);
        into.extend_from_slice(&self.size.to_le_bytes());
    }

    pub(super) fn decode(bytes: &[u8; REPLY_LEN]) -> Option<Self> {
        let (status, size) = bytes.split_first()?;
        let status = match status {
            0 => Status::Here,
            1 => Status::Absent,
            2 => Status::BadRange,
            3 => Status::Declined,
            _ => return None,
        };
        Some(Self {
            status,
            size: u64::from_le_bytes(size.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_their_documented_bytes() {
        let request = Request {
            digest: Digest::from_bytes([7; 32]),
            range: 16384..TO_THE_END,
        };
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        let expected = [&[1][..], &[7; 32], &[0, 64, 0, 0, 0, 0, 0, 0], &[255; 8]].concat();
        assert_eq!(bytes, expected);
        let mut bytes: [u8; REQUEST_LEN] = bytes.try_into().unwrap();
        assert_eq!(Request::decode(&bytes), Some(request));
        bytes[0] = 2;
        assert_eq!(Request::decode(&bytes), None);

        for status in [Status::Here, Status::Absent, Status::BadRange, Status::Declined] {
            let reply = Reply {
                status,
                size: 1 << 40,
            };
            let mut bytes = Vec::new();
            reply.encode(&mut bytes);
            assert_eq!(bytes, [&[status as u8][..], &[0, 0, 0, 0, 0, 1, 0, 0]].concat());
            assert_eq!(Reply::decode(&bytes.try_into().unwrap()), Some(reply));
        }
        assert_eq!(Reply::decode(&[4; REPLY_LEN]), None);
    }
}
