// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::collections::VecDeque;
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<i64> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let (most, heights) = (numbers[1], &numbers[2..]);
    let (mut highs, mut lows) = (VecDeque::new(), VecDeque::new());
    let (mut left, mut longest, mut count) = (0, 0, 0u64);
    for (right, &height) in heights.iter().enumerate() {
        while highs.back().is_some_and(|&at: &usize| heights[at] <= height) {
            highs.pop_back();
        }
        while lows.back().is_some_and(|&at: &usize| heights[at] >= height) {
            lows.pop_back();
        }
        highs.push_back(right);
        lows.push_back(right);
        while heights[highs[0]] - heights[lows[0]] > most {
            left += 1;
            if highs[0] < left {
                highs.pop_front();
            }
            if lows[0] < left {
                lows.pop_front();
            }
        }
        longest = longest.max(right + 1 - left);
        count += (right + 1 - left) as u64;
    }
    println!("{longest} {count}");
}
