// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let bells: Vec<i64> = text
        .split_ascii_whitespace()
        .skip(1)
        .map(|word| word.parse().unwrap())
        .collect();
    let n = bells.len();
    let (mut count, mut sum) = (0, 0);
    for i in 0..n {
        let ahead = bells[i] - bells[(i + n - 1) % n].max(bells[(i + 1) % n]);
        if ahead > 0 {
            count += 1;
            sum += ahead;
        }
    }
    println!("{count} {sum}");
}
