// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let repairs: usize = words[1].parse().unwrap();
    let lamps = words[2].as_bytes();
    let (mut left, mut broken, mut best, mut begin) = (0, 0, 0, 0);
    for right in 0..lamps.len() {
        broken += usize::from(lamps[right] == b'.');
        while broken > repairs {
            broken -= usize::from(lamps[left] == b'.');
            left += 1;
        }
        if right + 1 - left > best {
            best = right + 1 - left;
            begin = left;
        }
    }
    println!("{best} {}", begin + 1);
}
