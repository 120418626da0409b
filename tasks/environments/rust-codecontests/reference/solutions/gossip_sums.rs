// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<i64> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let n = numbers[0] as usize;
    let (people, paths) = numbers[1..].split_at(n);
    let mut beside = vec![Vec::new(); n];
    for path in paths.chunks(3) {
        let (u, v) = (path[0] as usize - 1, path[1] as usize - 1);
        beside[u].push((v, path[2]));
        beside[v].push((u, path[2]));
    }
    let mut order = vec![0];
    let mut above = vec![(usize::MAX, 0); n];
    let mut far = vec![0; n];
    let mut at = 0;
    while at < order.len() {
        let house = order[at];
        for &(other, metres) in &beside[house] {
            if other != above[house].0 {
                above[other] = (house, metres);
                far[other] = far[house] + metres;
                order.push(other);
            }
        }
        at += 1;
    }
    let total: i64 = people.iter().sum();
    let mut below = people.to_vec();
    for &house in order[1..].iter().rev() {
        below[above[house].0] += below[house];
    }
    let mut wait = vec![0; n];
    wait[0] = people
        .iter()
        .zip(&far)
        .map(|(count, metres)| count * metres)
        .sum();
    for &house in &order[1..] {
        let (parent, metres) = above[house];
        wait[house] = wait[parent] + metres * (total - 2 * below[house]);
    }
    println!("{} {}", wait.iter().min().unwrap(), wait.iter().max().unwrap());
}
