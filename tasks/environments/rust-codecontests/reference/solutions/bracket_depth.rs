// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::io::{self, Read};

fn judge(writing: &str) -> String {
    let (mut open, mut depth) = (Vec::new(), 0);
    for (at, bracket) in writing.chars().enumerate() {
        if let Some(kind) = "([{<".find(bracket) {
            open.push(kind);
            depth = depth.max(open.len());
        } else if open.pop() != ")]}>".find(bracket) {
            return format!("fault {}", at + 1);
        }
    }
    if open.is_empty() {
        format!("depth {depth}")
    } else {
        format!("fault {}", writing.len() + 1)
    }
}

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    for writing in text.split_ascii_whitespace().skip(1) {
        println!("{}", judge(writing));
    }
}
