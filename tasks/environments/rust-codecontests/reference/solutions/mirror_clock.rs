// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

const DAY: usize = 24 * 60;

fn is_pretty(minute: usize) -> bool {
    let (hours, minutes) = (minute / 60, minute % 60);
    hours / 10 == minutes % 10 && hours % 10 == minutes / 10
}

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let mut answer = String::new();
    for time in text.split_ascii_whitespace().skip(1) {
        let (hours, minutes) = time.split_once(':').unwrap();
        let now = hours.parse::<usize>().unwrap() * 60 + minutes.parse::<usize>().unwrap();
        let wait = (0..DAY).find(|wait| is_pretty((now + wait) % DAY)).unwrap();
        answer += &format!("{wait}\n");
    }
    print!("{answer}");
}
