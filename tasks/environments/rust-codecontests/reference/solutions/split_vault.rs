// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn worths(bags: &[i64]) -> Vec<i64> {
    let mut all = vec![0];
    for bag in bags {
        for at in 0..all.len() {
            all.push(all[at] + bag);
        }
    }
    all.sort_unstable();
    all
}

/// Pairs, one of each list, whose sum is at most `most`.
fn count(first: &[i64], second: &[i64], most: i64) -> u64 {
    let mut fitting = second.len();
    let mut pairs = 0;
    for worth in first {
        while fitting > 0 && worth + second[fitting - 1] > most {
            fitting -= 1;
        }
        pairs += fitting as u64;
    }
    pairs
}

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<i64> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let bags = &numbers[3..];
    let (left, right) = bags.split_at(bags.len() / 2);
    let (first, second) = (worths(left), worths(right));
    println!(
        "{}",
        count(&first, &second, numbers[2]) - count(&first, &second, numbers[1] - 1)
    );
}
