//! Equal files, which a layer holds once.
//!
//! Engines differ in whether an export keeps hard links, so the links are made anew: files of the same
//! content, owner, mode and time become one. Nobody can tell below a read-only root.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};

use sha2::{Digest as _, Sha256};

use crate::tree::Content;

/// For each content the one to use instead, which is itself where nothing equals it.
pub(crate) fn find(archive: &File, contents: &[Content]) -> io::Result<Vec<usize>> {
    let mut alike: HashMap<_, Vec<usize>> = HashMap::new();
    for (number, content) in contents.iter().enumerate() {
        let numbers = alike.entry((content.size, content.meta)).or_default();
        numbers.push(number);
    }
    let mut instead: Vec<usize> = (0..contents.len()).collect();
    // Only what is alike in everything else need be read.
    for numbers in alike.into_values().filter(|numbers| numbers.len() > 1) {
        let mut seen = HashMap::new();
        for number in numbers {
            let (Some(content), Some(instead)) = (contents.get(number), instead.get_mut(number)) else {
                continue;
            };
            *instead = *seen.entry(digest(archive, content)?).or_insert(number);
        }
    }
    Ok(instead)
}

fn digest(mut archive: &File, content: &Content) -> io::Result<[u8; 32]> {
    archive.seek(SeekFrom::Start(content.offset))?;
    let mut reader = BufReader::new(archive.take(content.size));
    let mut hash = Sha256::new();
    let mut buffer = [0; 1 << 14];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}
