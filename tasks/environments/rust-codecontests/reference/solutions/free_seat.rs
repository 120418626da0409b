// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

/// How many of the seats are free, as a binary indexed tree.
struct Free(Vec<i64>);

impl Free {
    fn add(&mut self, mut seat: usize, change: i64) {
        while seat < self.0.len() {
            self.0[seat] += change;
            seat += seat & seat.wrapping_neg();
        }
    }

    fn find(&self, mut k: i64) -> usize {
        let mut seat = 0;
        for step in (0..17).rev().map(|bit| 1 << bit) {
            if seat + step < self.0.len() && self.0[seat + step] < k {
                seat += step;
                k -= self.0[seat];
            }
        }
        seat + 1
    }
}

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<i64> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let mut free = Free(vec![0; numbers[0] as usize + 1]);
    for seat in 1..free.0.len() {
        free.add(seat, 1);
    }
    let mut seats = Vec::new();
    for &event in &numbers[2..] {
        if event > 0 {
            let seat = free.find(event);
            free.add(seat, -1);
            seats.push(seat);
        } else {
            free.add(seats[(-event - 1) as usize], 1);
        }
    }
    let lines: Vec<String> = seats.iter().map(usize::to_string).collect();
    println!("{}", lines.join("\n"));
}
