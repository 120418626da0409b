//! Reading the plain files back: every entry against its leaf hash, the tree against the checkpoint.

use quorate_core::Digest;

use super::{Files, FilesError, bundle, full};
use crate::audit::{Damage, Finding};
use crate::checkpoint::{SignedCheckpoint, VerifierKey};
use crate::log::schema;
use crate::store::{Batch, Store, StoreError};
use crate::tree::{TILE_WIDTH, Tile, Tree, TreeHash};

/// What a walk over the files found, where all was well.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) checkpoint: Option<SignedCheckpoint>,
    pub(crate) entries: u64,
    pub(crate) root: TreeHash,
}

/// Takes an entry's index, bytes and leaf hash.
type Visit<'a, E> = dyn FnMut(u64, &[u8], TreeHash) -> Result<(), E> + 'a;

/// Reads every entry and hands it to `visit` with its index and leaf hash.
///
/// The entries up to the checkpoint are proved by its signature once this returns `Ok`; `visit` sees
/// them before that. Full bundles after the checkpoint are only as good as their leaf hashes.
pub(crate) fn walk<E: From<FilesError>>(
    files: &Files,
    key: &VerifierKey,
    visit: &mut Visit<'_, E>,
) -> Result<Walked, E> {
    let checkpoint = files.checkpoint(key)?;
    let signed = checkpoint.as_ref().map_or(0, SignedCheckpoint::size);
    let entries = signed.max(files.in_full_bundles());
    let mut tree = Tree::default();
    let mut root_at_signed = TreeHash::empty();
    for tile in Tile::all(entries).filter(|tile| tile.level == 0) {
        let hashes = files.tile(tile)?.unwrap_or_default();
        let bytes = files.bundle(tile)?.unwrap_or_default();
        let mut bundled = bundle::entries(&bytes);
        for place in 0..tile.width {
            let index = tree.size();
            let bad = |damage| damaged(files, Finding::Entry { index, damage });
            let entry = bundled
                .next()
                .and_then(Result::ok)
                .ok_or_else(|| bad(Damage::Missing))?;
            let leaf = TreeHash::leaf(entry);
            // The tile was cut to the bundle's width, so a missing hash differs too.
            if usize::try_from(place).ok().and_then(|place| hashes.get(place)) != Some(&leaf) {
                return Err(bad(Damage::HashDiffers).into());
            }
            push(files, &mut tree, leaf)?;
            visit(index, entry, leaf)?;
            if tree.size() == signed {
                root_at_signed = tree.root();
                check_partial(files, &tree)?;
            }
        }
        // A full bundle may be read for a checkpoint that needs only its beginning.
        if tile.width == TILE_WIDTH && bundled.next().is_some() {
            let finding = Finding::Entry {
                index: tree.size() - 1,
                damage: Damage::Trailing,
            };
            return Err(damaged(files, finding).into());
        }
    }
    if let Some(checkpoint) = checkpoint
        .as_ref()
        .filter(|checkpoint| *checkpoint.root() != root_at_signed)
    {
        return Err(damaged(files, Finding::root(checkpoint, root_at_signed)).into());
    }
    Ok(Walked {
        checkpoint,
        entries,
        root: tree.root(),
    })
}

fn damaged(files: &Files, source: Finding) -> FilesError {
    FilesError::Damaged {
        path: files.root().to_owned(),
        source,
    }
}

/// Appends the leaf and compares the tiles that it completes.
fn push(files: &Files, tree: &mut Tree, leaf: TreeHash) -> Result<(), FilesError> {
    let mut completed = Vec::new();
    tree.push(leaf, &mut |level, index, hashes: &[TreeHash]| {
        completed.push((level, index, hashes.to_vec()))
    });
    for (level, index, hashes) in completed {
        if files.tile(full(level, index))?.as_ref() != Some(&hashes) {
            return Err(damaged(files, Finding::Tile { level, index }));
        }
    }
    Ok(())
}

/// Compares the unfinished tiles that a checkpoint of the tree's size needs.
fn check_partial(files: &Files, tree: &Tree) -> Result<(), FilesError> {
    for tile in Tile::all(tree.size()).filter(|tile| tile.width < TILE_WIDTH) {
        let Ok(hashes) = tree.tile(tile, &mut |_, _| Ok::<_, std::convert::Infallible>(Vec::new()));
        if files.tile(tile)? != hashes {
            return Err(damaged(
                files,
                Finding::Tile {
                    level: tile.level,
                    index: tile.index,
                },
            ));
        }
    }
    Ok(())
}

/// Why a store could not be rebuilt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// The files are not whole.
    #[error("the plain files cannot serve to rebuild the database")]
    Files(#[from] FilesError),
    /// The store refused.
    #[error("the database cannot be rebuilt")]
    Store(#[from] StoreError),
}

/// Writes the entries and the checkpoint of whole `files` into `store`, over what it holds; entries
/// that only the store holds stay. Returns how many entries were written.
///
/// # Errors
/// [`RebuildError::Files`] before anything is written, [`RebuildError::Store`].
pub fn rebuild<S: Store>(files: &Files, store: &mut S, key: &VerifierKey) -> Result<u64, RebuildError> {
    walk(files, key, &mut |_, _, _| Ok::<_, RebuildError>(()))?;
    let mut batch = Batch::default();
    batch.put(schema::KEY, key.to_string());
    let walked = walk(files, key, &mut |index, entry, leaf| {
        batch.put(schema::entry_key(index), schema::encode_entry(&leaf, entry));
        batch.put(schema::digest_key(&Digest::of(entry)), index.to_be_bytes());
        if (index + 1) % TILE_WIDTH == 0 {
            store.write(std::mem::take(&mut batch))?;
        }
        Ok::<_, RebuildError>(())
    })?;
    let held = store.get(schema::CHECKPOINT).ok().flatten();
    let held = held
        .and_then(|bytes| SignedCheckpoint::open(&bytes, key).ok())
        .map(|held| held.size());
    if let Some(checkpoint) = walked
        .checkpoint
        .as_ref()
        .filter(|checkpoint| Some(checkpoint.size()) > held)
    {
        batch.put(schema::CHECKPOINT, checkpoint.as_bytes());
    }
    store.write(batch)?;
    store.flush()?;
    Ok(walked.entries)
}
