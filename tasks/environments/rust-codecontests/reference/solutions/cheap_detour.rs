// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<usize> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let n = numbers[0];
    let mut roads = vec![Vec::new(); n];
    for road in numbers[2..].chunks(3) {
        let (u, v, toll) = (road[0] - 1, road[1] - 1, road[2] as u64);
        roads[u].push((v, toll));
        roads[v].push((u, toll));
    }
    // A place is a town and whether the voucher is spent.
    let mut least = vec![[u64::MAX; 2]; n];
    least[0][0] = 0;
    let mut queue = BinaryHeap::from([Reverse((0, 0, 0))]);
    while let Some(Reverse((paid, town, spent))) = queue.pop() {
        if paid > least[town][spent] {
            continue;
        }
        for &(beside, toll) in &roads[town] {
            for (cost, after) in [(toll, spent), (toll / 2, spent + 1)] {
                if after < 2 && paid + cost < least[beside][after] {
                    least[beside][after] = paid + cost;
                    queue.push(Reverse((paid + cost, beside, after)));
                }
            }
        }
    }
    match least[n - 1].iter().min() {
        Some(&u64::MAX) | None => println!("-1"),
        Some(cost) => println!("{cost}"),
    }
}
