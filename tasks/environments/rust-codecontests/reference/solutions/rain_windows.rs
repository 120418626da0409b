// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::collections::HashMap;
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let _n = numbers.next().unwrap();
    let k = numbers.next().unwrap();
    let mut seen = HashMap::from([(0, 1u64)]);
    let (mut sum, mut stretches) = (0i64, 0);
    for change in numbers {
        sum = (sum + change).rem_euclid(k);
        let times = seen.entry(sum).or_insert(0);
        stretches += *times;
        *times += 1;
    }
    println!("{stretches}");
}
