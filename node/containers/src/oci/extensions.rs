//! The headers that precede a tar's entry and say what does not fit into its own.
//!
//! They are read here rather than by the tar library, which would take as much memory as they state.

use std::io::Read;

use tar::{Entry, EntryType, Header, PaxExtensions};

use super::layer::garbled;
use super::names::PATH_MAX;
use super::refuse;
use crate::runtime::Error;

/// Two paths and a dozen attributes.
const EXTENSION_MAX: u64 = 64 << 10;

/// What the headers so far say about the entry to come.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Extensions {
    /// Takes a header that is an extension; `false` where it is an entry.
    pub(super) fn take(&mut self, entry: &mut Entry<'_, impl Read>) -> Result<bool, Error> {
        let kind = entry.header().entry_type();
        let is_extension = matches!(
            kind,
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
        );
        if !is_extension {
            return Ok(false);
        }
        if entry.size() > EXTENSION_MAX {
            return Err(refuse("its layer has a header larger than any name"));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(garbled)?;
        match kind {
            EntryType::GNULongName => set(&mut self.path, without_nul(&content))?,
            EntryType::GNULongLink => set(&mut self.target, without_nul(&content))?,
            EntryType::XHeader => self.records(&content)?,
            // Defaults for all entries: no name or size of any one.
            _ => {}
        }
        Ok(true)
    }

    fn records(&mut self, content: &[u8]) -> Result<(), Error> {
        for record in PaxExtensions::new(content) {
            let record = record.map_err(garbled)?;
            match record.key_bytes() {
                b"path" => set(&mut self.path, record.value_bytes())?,
                b"linkpath" => set(&mut self.target, record.value_bytes())?,
                // Readers differ in whether they heed these, so they would see different entries.
                b"size" => return Err(refuse("its layer states a size outside an entry's own header")),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(refuse("its layer holds a sparse file"));
                }
                // Owners, times, attributes, capabilities: dropped.
                _ => {}
            }
        }
        Ok(())
    }

    /// The entry's path.
    pub(super) fn path(&self, header: &Header) -> Vec<u8> {
        let own = || header.path_bytes().into_owned();
        self.path.clone().unwrap_or_else(own)
    }

    /// What the entry links to.
    pub(super) fn target(&self, header: &Header) -> Vec<u8> {
        let own = || header.link_name_bytes().unwrap_or_default().into_owned();
        self.target.clone().unwrap_or_else(own)
    }
}

fn set(place: &mut Option<Vec<u8>>, name: &[u8]) -> Result<(), Error> {
    if name.len() > PATH_MAX {
        return Err(refuse(format!(
            "its layer has a name longer than {PATH_MAX} bytes"
        )));
    }
    if place.replace(name.to_owned()).is_some() {
        return Err(refuse("its layer gives one entry two names"));
    }
    Ok(())
}

fn without_nul(name: &[u8]) -> &[u8] {
    name.strip_suffix(b"\0").unwrap_or(name)
}
