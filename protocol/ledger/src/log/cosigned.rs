//! The latest checkpoint that witnesses cosigned, beside the latest one of all.
//!
//! Kept as a plain file, since it can be had again: from the witnesses, or from any follower. Who its
//! witnesses are, and whether they are enough, is for those to decide who set it; here it must be the
//! log's own.

use super::{Log, LogError, View};
use crate::checkpoint::{SignedCheckpoint, VerifierKey};
use crate::files::{Files, FilesError};
use crate::store::Store;

impl<S: Store> Log<S> {
    /// The latest checkpoint that was set with [`Log::set_cosigned`].
    #[must_use]
    pub const fn cosigned(&self) -> Option<&SignedCheckpoint> {
        self.cosigned.as_ref()
    }

    /// Keeps a cosigned checkpoint of this log: a larger one than before, or the same with more lines.
    /// The plain files have it when this returns.
    ///
    /// # Errors
    /// [`LogError::Checkpoint`], [`LogError::CheckpointOlder`], [`LogError::CheckpointRoot`],
    /// [`LogError::OutOfRange`], [`LogError::Files`]; nothing is changed then.
    pub fn set_cosigned(&mut self, signed: SignedCheckpoint) -> Result<(), LogError> {
        self.may_replace(self.cosigned.as_ref(), &signed)?;
        self.files.write_cosigned(&signed)?;
        self.cosigned = Some(signed);
        Ok(())
    }
}

/// What the files hold, where it is of this log. Anything else counts as none.
pub(super) fn load<S: Store>(
    files: &Files,
    key: &VerifierKey,
    view: &View<'_, S>,
) -> Result<Option<SignedCheckpoint>, LogError> {
    let signed = match files.cosigned(key) {
        Err(error @ FilesError::Checkpoint { .. }) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "ignoring the cosigned checkpoint"
            );
            return Ok(None);
        }
        other => other?,
    };
    let Some(signed) = signed else { return Ok(None) };
    if signed.size() <= view.size() && view.root_at(signed.size())? == *signed.root() {
        return Ok(Some(signed));
    }
    tracing::warn!(
        size = signed.size(),
        "ignoring the cosigned checkpoint: it is not of what this log holds"
    );
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{WitnessKey, cosign};
    use crate::fixture::{Fixture, keypair, memory_log, numbered};

    fn cosigned(log: &Log<crate::MemoryStore>) -> SignedCheckpoint {
        let signed = log.head().sign(&keypair()).unwrap();
        let witness = quorate_core::Keypair::from_secret([9; 32]);
        let name = WitnessKey::of(witness.node_id());
        let line = cosign(&signed, &witness, name.name(), 1);
        signed.with_signature(&line).unwrap()
    }

    #[test]
    fn a_cosigned_checkpoint_is_there_after_reopening_and_in_the_export() {
        let mut fixture = memory_log(3);
        let signed = cosigned(&fixture.log);
        fixture.log.sign_checkpoint(&keypair()).unwrap();
        fixture.log.set_cosigned(signed.clone()).unwrap();
        fixture.log.append_batch(&numbered(3..9)).unwrap();
        fixture.log.sign_checkpoint(&keypair()).unwrap();
        let fixture = fixture.reopen(|_| ()).unwrap();
        assert_eq!(fixture.log.cosigned(), Some(&signed), "the log grew past it");
        let export = fixture.folder.path().join("export");
        fixture.log.export(&export).unwrap();
        let bytes = std::fs::read(export.join("checkpoint.cosigned")).unwrap();
        assert_eq!(bytes, signed.as_bytes());
    }

    #[test]
    fn what_is_not_of_this_log_or_older_is_refused() {
        let Fixture {
            mut log,
            folder: _folder,
        } = memory_log(9);
        log.set_cosigned(cosigned(&log)).unwrap();
        let small = memory_log(5).log;
        assert!(matches!(
            log.set_cosigned(cosigned(&small)),
            Err(LogError::CheckpointOlder { .. })
        ));
        let mut other = memory_log(8).log;
        other.append_batch(&[b"another entry"]).unwrap();
        assert!(matches!(
            log.set_cosigned(cosigned(&other)),
            Err(LogError::CheckpointRoot { size: 9 })
        ));
        let ahead = memory_log(10).log;
        assert!(matches!(
            log.set_cosigned(cosigned(&ahead)),
            Err(LogError::OutOfRange { .. })
        ));
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let mut fixture = memory_log(3);
        let signed = cosigned(&fixture.log);
        fixture.log.set_cosigned(signed).unwrap();
        std::fs::write(fixture.files().join("checkpoint.cosigned"), "garbage").unwrap();
        assert_eq!(fixture.reopen(|_| ()).unwrap().log.cosigned(), None);
    }
}
