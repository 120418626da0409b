// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<i64> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let pause = numbers[1];
    let mut naps: Vec<(i64, i64, i64)> = numbers[2..]
        .chunks(3)
        .map(|nap| (nap[1], nap[0], nap[2]))
        .collect();
    naps.sort_unstable();
    // best[i]: the most that the first i naps can give, in the order of their ends.
    let mut best = vec![0];
    for (at, &(_, begin, value)) in naps.iter().enumerate() {
        let before = naps[..at].partition_point(|&(end, _, _)| end <= begin - pause);
        best.push(best[at].max(best[before] + value));
    }
    println!("{}", best[naps.len()]);
}
