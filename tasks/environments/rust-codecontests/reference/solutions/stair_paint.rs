// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

const MODULUS: u128 = 1_000_000_007;

/// Tiles of the first `n` steps; the factors are divided before they are multiplied.
fn first(n: u128) -> u128 {
    let mut factors = [n, n + 1, 2 * n + 1];
    for divisor in [2, 3] {
        let at = (0..3).find(|&at| factors[at] % divisor == 0).unwrap();
        factors[at] /= divisor;
    }
    factors
        .iter()
        .fold(1, |product, factor| product * (factor % MODULUS) % MODULUS)
}

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<u128> = text
        .split_ascii_whitespace()
        .skip(1)
        .map(|word| word.parse().unwrap())
        .collect();
    let mut answer = String::new();
    for ends in numbers.chunks(2) {
        answer += &format!("{}\n", (first(ends[1]) + MODULUS - first(ends[0] - 1)) % MODULUS);
    }
    print!("{answer}");
}
