// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<u64> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let pages = u128::from(numbers[1]);
    let printed = |seconds: u64| -> u128 {
        let each = numbers[2..]
            .chunks(2)
            .map(|printer| seconds.saturating_sub(printer[0]) / printer[1]);
        each.map(u128::from).sum()
    };
    let (mut too_few, mut enough) = (0, 2_000_000_000_000_000_000);
    while enough - too_few > 1 {
        let middle = (too_few + enough) / 2;
        if printed(middle) >= pages {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    println!("{enough}");
}
