// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn find(above: &mut [usize], mut islet: usize) -> usize {
    while above[islet] != islet {
        above[islet] = above[above[islet]];
        islet = above[islet];
    }
    islet
}

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<usize> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let n = numbers[0];
    let (people, bridges) = numbers[2..].split_at(n);
    let mut people = people.to_vec();
    let mut above: Vec<usize> = (0..n).collect();
    let mut largest = *people.iter().max().unwrap();
    let mut answers = vec![largest];
    for bridge in bridges.chunks(2).rev() {
        let (u, v) = (find(&mut above, bridge[0] - 1), find(&mut above, bridge[1] - 1));
        if u != v {
            above[u] = v;
            people[v] += people[u];
            largest = largest.max(people[v]);
        }
        answers.push(largest);
    }
    let lines: Vec<String> = answers.iter().rev().map(usize::to_string).collect();
    println!("{}", lines.join("\n"));
}
