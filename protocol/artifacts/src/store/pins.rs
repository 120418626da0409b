//! Pins: why an artifact must stay. It may be collected only when its last reason is withdrawn.
//!
//! A pin is by id and may be set before the artifact is here, so that nothing can come between a fetch
//! and its pin. Pins survive restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;

use quorate_core::digest::ArtifactId;
use tempfile::NamedTempFile;

use super::error::{Context, StoreError};
use super::{Store, gc, open, sync_dir};

/// The longest reason, in bytes.
pub(super) const MAX_REASON: usize = 200;
/// The most reasons an artifact may have.
pub(super) const MAX_REASONS: usize = 64;

impl Store {
    /// Keeps the artifact for this reason, until [`Store::unpin`] is called with the same one.
    ///
    /// # Errors
    /// [`StoreError::Reason`] where the text is unusable; otherwise where the disk fails.
    pub fn pin(&self, id: ArtifactId, reason: &str) -> Result<(), StoreError> {
        if reason.is_empty() || reason.len() > MAX_REASON || reason.chars().any(char::is_control) {
            return Err(StoreError::Reason);
        }
        let mut state = self.state();
        let mut reasons = state.pins.get(&id).cloned().unwrap_or_default();
        if !reasons.insert(reason.to_owned()) {
            return Ok(());
        }
        if reasons.len() > MAX_REASONS {
            return Err(StoreError::Reason);
        }
        self.write_pins(id, &reasons)?;
        state.pins.insert(id, reasons);
        Ok(())
    }

    /// Withdraws a reason. Gives whether it was there.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn unpin(&self, id: ArtifactId, reason: &str) -> Result<bool, StoreError> {
        let mut state = self.state();
        let mut reasons = state.pins.get(&id).cloned().unwrap_or_default();
        if !reasons.remove(reason) {
            return Ok(false);
        }
        self.write_pins(id, &reasons)?;
        if reasons.is_empty() {
            state.pins.remove(&id);
        } else {
            state.pins.insert(id, reasons);
        }
        Ok(true)
    }

    /// The reasons for which the artifact is kept.
    #[must_use]
    pub fn pins(&self, id: ArtifactId) -> Vec<String> {
        self.state()
            .pins
            .get(&id)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    fn write_pins(&self, id: ArtifactId, reasons: &BTreeSet<String>) -> Result<(), StoreError> {
        let folder = self.root.join("pins");
        let path = folder.join(id.to_string());
        if reasons.is_empty() {
            gc::remove(&path)?;
        } else {
            let mut file = NamedTempFile::new_in(self.tmp()).at("write", &path)?;
            let text = serde_json::to_vec(reasons)
                .map_err(std::io::Error::from)
                .at("write", &path)?;
            file.write_all(&text)
                .and_then(|()| file.as_file().sync_all())
                .at("write", &path)?;
            file.persist(&path)
                .map_err(|error| error.error)
                .at("write", &path)?;
        }
        sync_dir(&folder)
    }
}

/// Reads all pins. A list that cannot be read is an error: to lose it would give the artifact away.
pub(super) fn load(root: &Path) -> Result<BTreeMap<ArtifactId, BTreeSet<String>>, StoreError> {
    let mut pins = BTreeMap::new();
    for (name, path) in open::entries(&root.join("pins"))? {
        let Ok(id) = name.parse() else {
            tracing::warn!(path = %path.display(), "not a pin; left alone");
            continue;
        };
        let text = fs::read(&path).at("read", &path)?;
        let reasons = serde_json::from_slice(&text)
            .map_err(std::io::Error::from)
            .at("read", &path)?;
        pins.insert(id, reasons);
    }
    Ok(pins)
}
