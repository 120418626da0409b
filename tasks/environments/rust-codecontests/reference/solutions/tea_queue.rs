// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|word| word.parse::<u64>().unwrap());
    let _n = numbers.next().unwrap();
    let capacity = numbers.next().unwrap();
    let (mut left, mut fillings, mut wasted) = (capacity, 0, 0);
    for order in numbers {
        if left < order {
            fillings += 1;
            wasted += left;
            left = capacity;
        }
        left -= order;
    }
    println!("{fillings} {wasted}");
}
