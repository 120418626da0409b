// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
use std::collections::VecDeque;
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let mut rows: Vec<&[u8]> = text.split_ascii_whitespace().skip(2).map(str::as_bytes).collect();
    let width = rows[0].len();
    let frame = vec![b'#'; width];
    rows.insert(0, &frame);
    rows.push(&frame);
    // One column of rock at the end of each row is a wall to the left of the next row, too.
    let cells: Vec<u8> = rows
        .iter()
        .flat_map(|row| row.iter().copied().chain([b'#']))
        .collect();
    let start = cells.iter().position(|&cell| cell == b'P').unwrap();
    let mut distance = vec![usize::MAX; cells.len()];
    distance[start] = 0;
    let mut queue = VecDeque::from([start]);
    let (mut reached, mut farthest) = (0, 0);
    while let Some(at) = queue.pop_front() {
        if cells[at] == b'H' {
            reached += 1;
            farthest = distance[at];
        }
        for beside in [at - 1, at + 1, at - width - 1, at + width + 1] {
            if cells[beside] != b'#' && distance[beside] == usize::MAX {
                distance[beside] = distance[at] + 1;
                queue.push_back(beside);
            }
        }
    }
    println!("{reached} {farthest}");
}
