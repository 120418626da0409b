// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::collections::VecDeque;
use std::io::{self, Read};

/// A line over the loaves baked so far: what it costs to begin a shift here and end it there.
#[derive(Clone, Copy)]
struct Line {
    slope: i128,
    base: i128,
}

impl Line {
    fn at(self, x: i128) -> i128 {
        self.slope * x + self.base
    }

    /// Whether `self`, between two others in order of slope, is nowhere the lowest.
    fn is_useless(self, before: Line, after: Line) -> bool {
        (self.base - before.base) * (self.slope - after.slope)
            >= (after.base - self.base) * (before.slope - self.slope)
    }
}

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let numbers: Vec<i128> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let change = numbers[1];
    let mut hull = VecDeque::from([Line { slope: 0, base: 0 }]);
    let (mut baked, mut least) = (0, 0);
    for &loaves in &numbers[2..] {
        baked += loaves;
        while hull.len() > 1 && hull[1].at(baked) <= hull[0].at(baked) {
            hull.pop_front();
        }
        least = baked * baked + change + hull[0].at(baked);
        let mut line = Line {
            slope: -2 * baked,
            base: least + baked * baked,
        };
        if hull[hull.len() - 1].slope == line.slope {
            line.base = line.base.min(hull.pop_back().unwrap().base);
        }
        while hull.len() > 1 && hull[hull.len() - 1].is_useless(hull[hull.len() - 2], line) {
            hull.pop_back();
        }
        hull.push_back(line);
    }
    println!("{least}");
}
