//! Invitations: the codes that let a new operator in, and where a home keeps one until it is used.
//!
//! A code is one word: a prefix and the base58 of the invitation's secret key, the key of the coordinator
//! that gave it out, and a checksum. So a code that was cut or mistyped is no code, and one for another
//! coordinator is noticed. Whoever has a code can use it: it rests with mode 0600, and is removed once used.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use quorate_core::{Digest, Keypair, NodeId, PublicKey};
use thiserror::Error;

/// What every code begins with.
const PREFIX: &str = "quorate-invitation-";

/// Bytes of the checksum: one mistyped code in four billion passes, and is then refused by the log.
const CHECK: usize = 4;

/// Bytes of a code: two keys and the checksum.
const BYTES: usize = 64 + CHECK;

/// Characters of a code at most: base58 needs at most 1.38 for a byte.
const LONGEST: usize = PREFIX.len() + BYTES * 14 / 10;

/// Why there is no invitation.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum InvitationError {
    /// The text is no code.
    #[error(
        "this is no invitation code: copy the whole line that the coordinator's operator sent, with its beginning `{PREFIX}`"
    )]
    Code,
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

/// An invitation.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    /// The key that signs the enrollment beside operator and node.
    pub(crate) key: Keypair,
    /// Who gave it out.
    pub(crate) coordinator: NodeId,
}

impl Invitation {
    /// A new one, which counts once the coordinator has admitted its key.
    pub(crate) fn generate(coordinator: NodeId) -> Self {
        Self {
            key: Keypair::generate(&mut rand::rng()),
            coordinator,
        }
    }

    /// The code to give away. It holds the secret.
    pub(crate) fn code(&self) -> String {
        let mut bytes = [self.key.secret(), *self.coordinator.key().as_bytes()].concat();
        bytes.extend(checksum(&bytes));
        format!("{PREFIX}{}", bs58::encode(bytes).into_string())
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = Some(text.trim()).filter(|word| word.len() <= LONGEST);
        let coded = word
            .and_then(|word| word.strip_prefix(PREFIX))
            .ok_or(InvitationError::Code)?;
        let bytes = bs58::decode(coded)
            .into_vec()
            .map_err(|_| InvitationError::Code)?;
        let (keys, check) = bytes.split_last_chunk::<CHECK>().ok_or(InvitationError::Code)?;
        let (secret, rest) = keys.split_first_chunk::<32>().ok_or(InvitationError::Code)?;
        let coordinator: [u8; 32] = rest.try_into().map_err(|_| InvitationError::Code)?;
        if *check != checksum(keys) {
            return Err(InvitationError::Code);
        }
        let coordinator = PublicKey::from_bytes(coordinator).map_err(|_| InvitationError::Code)?;
        Ok(Self {
            key: Keypair::from_secret(*secret),
            coordinator: NodeId::new(coordinator),
        })
    }
}

fn checksum(keys: &[u8]) -> [u8; CHECK] {
    let digest = Digest::derive("quorate 2026-11 invitation code v1", &[keys]);
    let [a, b, c, d, ..] = *digest.as_bytes();
    [a, b, c, d]
}

/// The invitations that a home holds, one per coordinator. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Invitations {
    folder: PathBuf,
}

impl fmt::Debug for Invitations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitations({})", self.folder.display())
    }
}

impl Invitations {
    /// Those of the home at `root`.
    pub(crate) fn of(root: &Path) -> Self {
        Self {
            folder: root.join("invitations"),
        }
    }

    fn path(&self, coordinator: NodeId) -> PathBuf {
        self.folder.join(coordinator.to_string())
    }

    /// Keeps an invitation, in place of an earlier one of the same coordinator.
    pub(crate) fn keep(&self, invitation: &Invitation) -> Result<(), InvitationError> {
        let path = self.path(invitation.coordinator);
        let error = |source| InvitationError::Io {
            path: path.clone(),
            source,
        };
        let mut folder = fs::DirBuilder::new();
        folder
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(error)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&path).map_err(error)?;
        file.write_all(invitation.code().as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(error)
    }

    /// The one that `coordinator` gave out, if the home holds it.
    pub(crate) fn find(&self, coordinator: NodeId) -> Result<Option<Invitation>, InvitationError> {
        let path = self.path(coordinator);
        match fs::read_to_string(&path) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(InvitationError::Io { path, source }),
            Ok(code) => code.parse().map(Some),
        }
    }

    /// Removes the one that `coordinator` gave out, which is used.
    pub(crate) fn forget(&self, coordinator: NodeId) -> Result<(), InvitationError> {
        let path = self.path(coordinator);
        match fs::remove_file(&path) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|source| InvitationError::Io { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn invitation() -> Invitation {
        Invitation::generate(Keypair::from_secret([1; 32]).node_id())
    }

    #[test]
    fn a_code_says_the_key_and_the_coordinator_and_a_mistyped_one_nothing() {
        let made = invitation();
        let code = made.code();
        let read: Invitation = format!(" {code}\n").parse().unwrap();
        assert_eq!(read.key.public(), made.key.public());
        assert_eq!(read.coordinator, made.coordinator);
        for at in PREFIX.len()..code.len() {
            let other = if code.as_bytes()[at] == b'z' { "y" } else { "z" };
            let mut wrong = code.clone();
            wrong.replace_range(at..=at, other);
            assert!(wrong.parse::<Invitation>().is_err(), "{wrong}");
        }
        for wrong in ["", PREFIX, &code[1..], &code[..code.len() - 1], &"z".repeat(9000)] {
            assert!(wrong.parse::<Invitation>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_invitation_is_kept_in_private_until_it_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let (kept, made) = (Invitations::of(home.path()), invitation());
        assert!(kept.find(made.coordinator).unwrap().is_none());
        kept.keep(&invitation()).unwrap();
        kept.keep(&made).unwrap();
        let found = kept.find(made.coordinator).unwrap().unwrap();
        assert_eq!(found.key.public(), made.key.public(), "the later one");
        let mode = fs::metadata(kept.path(made.coordinator))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        kept.forget(made.coordinator).unwrap();
        kept.forget(made.coordinator).unwrap();
        assert!(kept.find(made.coordinator).unwrap().is_none());
    }
}
