//! Whom the reader of a proof trusts: the log's key, and witnesses of its own choice.

use anyhow::{anyhow, bail};
use clap::Args;
use quorate_ledger::{Origin, SignedCheckpoint, VerifierKey};

use super::Under;
use crate::cli::ledger::witnesses::Witnesses;
use crate::cli::{Failure, Global};
use crate::ledgers::LedgerHome;

/// Whom the reader trusts.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// The log's key, if this home does not follow it: NAME+HASH+KEY, from its operator
    #[arg(long, value_name = "VERIFIERKEY")]
    key: Option<VerifierKey>,
    #[command(flatten)]
    witnesses: Witnesses,
}

/// The key that a proof is checked with.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) key: VerifierKey,
    /// Where it is from.
    pub(super) from: &'static str,
}

impl Trust {
    /// The key to check a proof of the log `origin` with. `printed` is the one that the proof names itself:
    /// it is shown to be compared and never used.
    pub(super) fn key(
        &self,
        global: &Global,
        origin: &Origin,
        printed: Option<&VerifierKey>,
    ) -> anyhow::Result<Pinned> {
        if let Some(key) = &self.key {
            return Ok(Pinned {
                key: key.clone(),
                from: "as given with --key",
            });
        }
        let mut followed = match global.existing_home()? {
            Some(home) => LedgerHome::all(&home)?,
            None => Vec::new(),
        };
        followed.retain(|ledger| ledger.key.origin() == origin);
        match (followed.pop(), followed.is_empty()) {
            (Some(ledger), true) => Ok(Pinned {
                key: ledger.key,
                from: "as this home follows the log",
            }),
            (Some(_), false) => {
                bail!("this home follows several logs named {origin}: say with --key which is meant")
            }
            (None, _) => {
                let named = printed.map_or_else(String::new, |key| {
                    format!(
                        ". The proof itself names {key}, which proves nothing: compare it with what the log's operator \
                         publishes"
                    )
                });
                Err(anyhow!(
                    "this home does not follow the log {origin}, so it has no key to check the proof with: pass --key \
                     NAME+HASH+KEY{named}"
                )
                .context(Failure::Usage))
            }
        }
    }

    /// What a verified checkpoint is under, with the witnesses asked for.
    pub(super) fn under(&self, pinned: &Pinned, checkpoint: &SignedCheckpoint) -> anyhow::Result<Under> {
        let cosigned_by = self.witnesses.asked(Some(checkpoint))?;
        Ok(Under {
            origin: pinned.key.origin().clone(),
            key: pinned.key.clone(),
            key_from: pinned.from,
            size: checkpoint.size(),
            cosigned_by,
        })
    }
}
