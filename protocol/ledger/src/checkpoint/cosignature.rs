//! Cosignatures: C2SP `tlog-cosignature`, in their Ed25519 form.
//!
//! A witness's line says: at that time, this was the largest consistent tree of that log that I had
//! seen. Who may count as a witness is its reader's decision; see [`WitnessKey`].

use quorate_core::Keypair;

use super::{CheckpointError, Origin, SignatureLine, SignedCheckpoint, WitnessKey};

/// How far, in seconds, a witness's clock may be ahead of the reader's.
pub const MAX_CLOCK_LEAD: u64 = 300;

/// The greatest time that the format allows, in seconds.
const MAX_TIME: u64 = i64::MAX.unsigned_abs();

/// One witness's verified statement about a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Who made it.
    pub witness: WitnessKey,
    /// When, in seconds since 1970-01-01 UTC by its own clock.
    pub at: u64,
}

/// Cosigns a checkpoint under the name `name`, at `at` seconds since 1970-01-01 UTC. Only a
/// [`Witness`](crate::witness::Witness) may do so: it knows what it cosigned before.
pub(crate) fn cosign(checkpoint: &SignedCheckpoint, key: &Keypair, name: &Origin, at: u64) -> SignatureLine {
    let at = at.min(MAX_TIME);
    let signature = key.sign(&message(checkpoint, at));
    SignatureLine {
        name: name.to_string(),
        key_id: WitnessKey::new(name.clone(), key.public()).key_id(),
        signature: [&at.to_be_bytes()[..], &signature].concat(),
    }
}

fn message(checkpoint: &SignedCheckpoint, at: u64) -> Vec<u8> {
    let head = format!("cosignature/v1\ntime {at}\n");
    [head.as_bytes(), checkpoint.signed_text()].concat()
}

impl SignedCheckpoint {
    /// Which of `witnesses` cosigned this, each once. Lines of other keys are ignored. `now` is in
    /// seconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`CheckpointError::BadSignature`] where a line of one of them is false, and
    /// [`CheckpointError::FromTheFuture`] where it is dated more than [`MAX_CLOCK_LEAD`] after `now`.
    pub fn cosignatures(
        &self,
        witnesses: &[WitnessKey],
        now: u64,
    ) -> Result<Vec<Cosignature>, CheckpointError> {
        let mut found = Vec::new();
        for witness in witnesses {
            let mut latest = None;
            for line in self.signatures().iter().filter(|line| line.is_of(witness)) {
                latest = latest.max(Some(self.cosigned_at(line, witness, now)?));
            }
            let known = found.iter().any(|one: &Cosignature| one.witness == *witness);
            found.extend(latest.filter(|_| !known).map(|at| Cosignature {
                witness: witness.clone(),
                at,
            }));
        }
        Ok(found)
    }

    /// The time of one line, which claims to be `witness`'s.
    fn cosigned_at(
        &self,
        line: &SignatureLine,
        witness: &WitnessKey,
        now: u64,
    ) -> Result<u64, CheckpointError> {
        let bad = || CheckpointError::BadSignature(witness.name().to_string());
        let (time, signature) = line.signature.split_first_chunk::<8>().ok_or_else(bad)?;
        let at = u64::from_be_bytes(*time);
        let signature = signature.try_into().map_err(|_| bad())?;
        if at > MAX_TIME || !witness.public().verify(&message(self, at), signature) {
            return Err(bad());
        }
        if at > now.saturating_add(MAX_CLOCK_LEAD) {
            return Err(CheckpointError::FromTheFuture {
                witness: witness.name().to_string(),
                seconds: at - now,
            });
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{keypair, memory_log};

    const NOW: u64 = 1_764_000_000;

    fn witness(secret: u8) -> (Keypair, WitnessKey) {
        let key = Keypair::from_secret([secret; 32]);
        let public = WitnessKey::of(key.node_id());
        (key, public)
    }

    fn checkpoint() -> SignedCheckpoint {
        memory_log(3).log.head().sign(&keypair()).unwrap()
    }

    fn cosigned(checkpoint: &SignedCheckpoint, secret: u8, at: u64) -> SignedCheckpoint {
        let (key, public) = witness(secret);
        let line = cosign(checkpoint, &key, public.name(), at);
        checkpoint.with_signature(&line).unwrap()
    }

    #[test]
    fn each_known_witness_is_found_once_with_its_time() {
        let plain = checkpoint();
        let all = [1, 2, 3].map(|secret| witness(secret).1);
        assert_eq!(plain.cosignatures(&all, NOW), Ok(vec![]));
        let both = cosigned(&cosigned(&plain, 1, NOW - 9), 2, NOW);
        let again = cosigned(&both, 1, NOW - 5);
        let found = again.cosignatures(&[&all[..], &all[..1]].concat(), NOW).unwrap();
        let expected = [(0, NOW - 5), (1, NOW)].map(|(place, at)| Cosignature {
            witness: all[place].clone(),
            at,
        });
        assert_eq!(found, expected, "the third has not signed");
        again.verify(&crate::fixture::key()).unwrap();
    }

    #[test]
    fn the_bytes_signed_are_those_of_the_specification() {
        let plain = checkpoint();
        let (key, public) = witness(1);
        let line = cosign(&plain, &key, public.name(), 1_679_315_147);
        let text = format!(
            "cosignature/v1\ntime 1679315147\nlog.example/one\n3\n{}\n",
            plain.root()
        );
        let signature = line.signature[8..].try_into().unwrap();
        assert!(key.public().verify(text.as_bytes(), signature));
        assert_eq!(line.signature[..8], 1_679_315_147_u64.to_be_bytes());
    }

    #[test]
    fn a_line_from_the_future_is_refused_and_names_its_witness() {
        let (_, public) = witness(1);
        let near = cosigned(&checkpoint(), 1, NOW + MAX_CLOCK_LEAD);
        assert_eq!(
            near.cosignatures(std::slice::from_ref(&public), NOW)
                .unwrap()
                .len(),
            1
        );
        let far = cosigned(&checkpoint(), 1, NOW + MAX_CLOCK_LEAD + 1);
        let error = far.cosignatures(std::slice::from_ref(&public), NOW).unwrap_err();
        assert!(error.to_string().contains(public.name().as_str()), "{error}");
    }

    #[test]
    fn a_plain_signature_by_the_same_key_is_no_cosignature() {
        let (key, public) = witness(1);
        let plain = checkpoint();
        let mut line = cosign(&plain, &key, public.name(), NOW);
        line.signature = [&NOW.to_be_bytes()[..], &key.sign(plain.signed_text())].concat();
        let spoilt = plain.with_signature(&line).unwrap();
        assert_eq!(
            spoilt.cosignatures(std::slice::from_ref(&public), NOW),
            Err(CheckpointError::BadSignature(public.name().to_string()))
        );
    }

    proptest! {
        #[test]
        fn no_altered_line_of_a_known_witness_counts(at in 0_usize..72, bit in 0..8_u32, cut in 0_usize..72) {
            let plain = checkpoint();
            let (key, public) = witness(1);
            let line = cosign(&plain, &key, public.name(), NOW);
            let mut flipped = line.clone();
            flipped.signature[at] ^= 1_u8 << bit;
            let spoilt = plain.with_signature(&flipped).unwrap();
            prop_assert!(spoilt.cosignatures(std::slice::from_ref(&public), NOW).is_err());
            let mut short = line;
            short.signature.truncate(cut.max(1));
            let spoilt = plain.with_signature(&short).unwrap();
            prop_assert!(spoilt.cosignatures(&[public], NOW).is_err());
        }
    }
}
