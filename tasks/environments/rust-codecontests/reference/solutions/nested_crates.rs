// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::cmp::Reverse;
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let sides: Vec<u32> = text
        .split_ascii_whitespace()
        .skip(1)
        .map(|word| word.parse().unwrap())
        .collect();
    let mut crates: Vec<(u32, Reverse<u32>)> = sides
        .chunks(2)
        .map(|pair| (pair[0].min(pair[1]), Reverse(pair[0].max(pair[1]))))
        .collect();
    crates.sort_unstable();
    // ends[i]: the shortest longer side that a nest of i + 1 crates can end with.
    let mut ends: Vec<u32> = Vec::new();
    for (_, Reverse(side)) in crates {
        let at = ends.partition_point(|&end| end < side);
        if at == ends.len() {
            ends.push(side);
        } else {
            ends[at] = side;
        }
    }
    println!("{}", ends.len());
}
