// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|word| word.parse::<u64>().unwrap());
    let n = numbers.next().unwrap();
    let most = numbers.next().unwrap();
    let mut weights: Vec<u64> = numbers.collect();
    weights.sort_unstable();
    let (mut light, mut heavy, mut crossings) = (0, weights.len(), 0);
    while light < heavy {
        heavy -= 1;
        if light < heavy && weights[light] + weights[heavy] <= most {
            light += 1;
        }
        crossings += 1;
    }
    println!("{crossings} {}", 2 * crossings - n);
}
