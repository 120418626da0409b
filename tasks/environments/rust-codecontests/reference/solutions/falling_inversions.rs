// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

/// Sorts the heights and adds what their inversions come to.
fn count(heights: &mut Vec<i64>, sum: &mut i64, pairs: &mut i64) {
    if heights.len() < 2 {
        return;
    }
    let mut second = heights.split_off(heights.len() / 2);
    count(heights, sum, pairs);
    count(&mut second, sum, pairs);
    let (mut at, mut above) = (0, heights.iter().sum::<i64>());
    for &low in &second {
        while at < heights.len() && heights[at] <= low {
            above -= heights[at];
            at += 1;
        }
        let higher = (heights.len() - at) as i64;
        *sum += above - low * higher;
        *pairs += higher;
    }
    heights.append(&mut second);
    heights.sort();
}

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let mut heights: Vec<i64> = text
        .split_ascii_whitespace()
        .skip(1)
        .map(|word| word.parse().unwrap())
        .collect();
    let (mut sum, mut pairs) = (0, 0);
    count(&mut heights, &mut sum, &mut pairs);
    println!("{sum} {pairs}");
}
