//! The tree's hashes as C2SP tiles: 256 neighbouring hashes of every eighth level, together.
//!
//! Full tiles never change; [`Tree`] hands each out once, to be stored. The unfinished ones, at most
//! one a level, stay in memory: they follow from the entries. Any node is at most 128 hashes of one
//! tile away.

use std::fmt::Write as _;

use super::{Frontier, TreeHash};

/// How many hashes a full tile has, and how many entries a full entry bundle.
pub const TILE_WIDTH: u64 = 256;

/// The coordinates of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// 0 for leaf hashes, 1 for the roots of 256 leaves, and so on.
    pub level: u8,
    /// Which tile of its level.
    pub index: u64,
    /// How many hashes it has: 256, or fewer for the last of a level.
    pub width: u64,
}

impl Tile {
    /// Every tile of a tree of `size` leaves.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        Self::added(0, size)
    }

    /// The tiles of a tree of `new` leaves that are not full tiles of one of `old` leaves already.
    pub fn added(old: u64, new: u64) -> impl Iterator<Item = Self> {
        (0..8_u8).flat_map(move |level| {
            let hashes = |size: u64| size >> (8 * u32::from(level));
            let count = hashes(new);
            (hashes(old) / TILE_WIDTH..count.div_ceil(TILE_WIDTH)).map(move |index| Self {
                level,
                index,
                width: TILE_WIDTH.min(count - index * TILE_WIDTH),
            })
        })
    }

    /// The tile's path below the log's prefix.
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/{}/{}{}", self.level, index_path(self.index), self.suffix())
    }

    /// The path of the entry bundle with the entries below this tile of level 0.
    #[must_use]
    pub fn entries_path(&self) -> String {
        format!("tile/entries/{}{}", index_path(self.index), self.suffix())
    }

    fn suffix(&self) -> String {
        if self.width == TILE_WIDTH {
            String::new()
        } else {
            format!(".p/{}", self.width)
        }
    }
}

/// Three digits a folder, an `x` before all but the last: 1234067 is `x001/x234/067`.
fn index_path(index: u64) -> String {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    let mut path = String::new();
    for (place, group) in groups.iter().enumerate().rev() {
        let separator = if place == 0 { "" } else { "/" };
        let mark = if place == 0 { "" } else { "x" };
        // Writing to a string does not fail.
        let _ = write!(path, "{mark}{group:03}{separator}");
    }
    path
}

/// An append-only tree: its root, and its unfinished tiles.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    frontier: Frontier,
    unfinished: Vec<Vec<TreeHash>>,
}

impl Tree {
    pub(crate) const fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn root(&self) -> TreeHash {
        self.frontier.root()
    }

    /// Appends a leaf and hands each tile that it completes to `full`, as (level, index, hashes).
    pub(crate) fn push(&mut self, leaf: TreeHash, full: &mut impl FnMut(u8, u64, &[TreeHash])) {
        self.frontier.push(leaf);
        let mut hash = leaf;
        for level in 0..8_u8 {
            if self.unfinished.len() <= usize::from(level) {
                self.unfinished.push(Vec::new());
            }
            let Some(tile) = self.unfinished.get_mut(usize::from(level)) else {
                return;
            };
            tile.push(hash);
            if tile.len() as u64 != TILE_WIDTH {
                return;
            }
            full(
                level,
                (self.frontier.size() >> (8 * (u32::from(level) + 1))) - 1,
                tile,
            );
            hash = Frontier::of(tile).root();
            tile.clear();
        }
    }

    /// The first `width` hashes of a tile; `read` fetches a full one. `None` where the tree has fewer.
    pub(crate) fn tile<E>(
        &self,
        tile: Tile,
        read: &mut impl FnMut(u8, u64) -> Result<Vec<TreeHash>, E>,
    ) -> Result<Option<Vec<TreeHash>>, E> {
        let count = self.size().checked_shr(8 * u32::from(tile.level)).unwrap_or(0);
        let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
        if tile.index < count / TILE_WIDTH {
            let hashes = read(tile.level, tile.index)?;
            return Ok(hashes.get(..width).map(<[_]>::to_vec));
        }
        if tile.index > count / TILE_WIDTH {
            return Ok(None);
        }
        let unfinished = self.unfinished.get(usize::from(tile.level));
        Ok(unfinished
            .and_then(|hashes| hashes.get(..width))
            .map(<[_]>::to_vec))
    }

    /// The root of the complete subtree `index` at `level`, where the tree has it.
    pub(crate) fn node<E>(
        &self,
        level: u8,
        index: u64,
        read: &mut impl FnMut(u8, u64) -> Result<Vec<TreeHash>, E>,
    ) -> Result<Option<TreeHash>, E> {
        let within = u32::from(level % 8);
        let first = index << within;
        let length = 1_u64 << within;
        let start = first % TILE_WIDTH;
        let tile = Tile {
            level: level / 8,
            index: first / TILE_WIDTH,
            width: start + length,
        };
        let hashes = self.tile(tile, read)?;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        Ok(hashes
            .as_deref()
            .and_then(|hashes| hashes.get(start..))
            .map(|part| Frontier::of(part).root()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |level, index, width| Tile { level, index, width }.path();
        assert_eq!(tile(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(2, 5, 17), "tile/2/005.p/17");
        assert_eq!(tile(0, 1000, 256), "tile/0/x001/000");
        assert_eq!(
            Tile {
                level: 0,
                index: 273,
                width: 112
            }
            .entries_path(),
            "tile/entries/273.p/112"
        );
    }

    #[test]
    fn the_tiles_of_a_size_are_those_of_the_specification() {
        let tiles: Vec<_> = Tile::all(70_000).collect();
        let full = |level| {
            tiles
                .iter()
                .filter(|t| t.level == level && t.width == 256)
                .count()
        };
        let partial = |level| {
            tiles
                .iter()
                .find(|t| t.level == level && t.width < 256)
                .map(|t| t.width)
        };
        assert_eq!((full(0), partial(0)), (273, Some(112)));
        assert_eq!((full(1), partial(1)), (1, Some(17)));
        assert_eq!((full(2), partial(2)), (0, Some(1)));
        assert_eq!(full(3) + usize::from(partial(3).is_some()), 0);
        assert_eq!(Tile::all(256).count(), 2);
        assert_eq!(Tile::all(0).count(), 0);
    }
}
