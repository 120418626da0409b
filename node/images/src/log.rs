//! The build's log: whole lines for whoever watches, the last of them for an error.

use std::collections::VecDeque;

/// How many lines an error quotes.
const KEPT: usize = 20;
/// A longer line is cut: a step may print anything.
const LINE_MAX: usize = 400;

pub(crate) struct Log<'a> {
    progress: &'a mut (dyn FnMut(&str) + Send),
    unfinished: String,
    last: VecDeque<String>,
}

impl<'a> Log<'a> {
    pub(crate) fn new(progress: &'a mut (dyn FnMut(&str) + Send)) -> Self {
        Self {
            progress,
            unfinished: String::new(),
            last: VecDeque::new(),
        }
    }

    /// Takes a piece of the log, which need not be a line.
    pub(crate) fn push(&mut self, piece: &str) {
        for letter in piece.chars() {
            if letter == '\n' || letter == '\r' {
                self.end_line();
            } else if !letter.is_control() && self.unfinished.len() < LINE_MAX {
                self.unfinished.push(letter);
            }
        }
    }

    /// The last lines, as an error quotes them.
    pub(crate) fn end(mut self) -> String {
        self.end_line();
        Vec::from(self.last).join("\n")
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.unfinished);
        if line.trim().is_empty() {
            return;
        }
        (self.progress)(&line);
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_short_and_without_control_characters() {
        let mut seen = Vec::new();
        let mut keep = |line: &str| seen.push(line.to_owned());
        let mut log = Log::new(&mut keep);
        log.push("one, in ");
        log.push("pieces\n\n\x1b[31mred\r");
        log.push(&"x".repeat(10_000));
        assert!(log.end().starts_with("one, in pieces\n[31mred\nxx"));
        assert_eq!(
            seen.iter().map(String::len).collect::<Vec<_>>(),
            [14, 7, LINE_MAX]
        );
    }

    #[test]
    fn an_error_quotes_the_last_lines_only() {
        let mut ignore = |_: &str| {};
        let mut log = Log::new(&mut ignore);
        for number in 0..100 {
            log.push(&format!("{number}\n"));
        }
        let quoted = log.end();
        assert_eq!(quoted.lines().count(), KEPT);
        assert!(quoted.ends_with("99"));
    }
}
