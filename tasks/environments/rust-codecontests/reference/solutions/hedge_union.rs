// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let ends: Vec<i64> = text
        .split_ascii_whitespace()
        .skip(1)
        .map(|word| word.parse().unwrap())
        .collect();
    let mut stretches: Vec<(i64, i64)> = ends.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    stretches.sort_unstable();
    let (mut total, mut longest) = (0, 0);
    let (mut begin, mut end) = stretches[0];
    for &(l, r) in &stretches {
        if l > end {
            total += end - begin;
            begin = l;
        }
        end = end.max(r);
        longest = longest.max(end - begin);
    }
    println!("{} {longest}", total + end - begin);
}
