//! The figures as text: a Markdown table, and the extremes that the promises are about.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use quorate_core::agreement::Level;

use super::{Cell, LEVELS, TRIALS, share};

const BEGIN: &str = "<!-- written by the simulation: begin -->\n";
const END: &str = "<!-- end -->";

/// The level as a number.
pub(crate) const fn number(level: Level) -> f64 {
    match level {
        Level::FivePercent => 0.05,
        Level::OnePercent => 0.01,
    }
}

/// All figures.
pub(crate) fn table(cells: &[Cell]) -> String {
    let mut out = String::new();
    for level in LEVELS {
        let cells: Vec<&Cell> = cells.iter().filter(|c| c.setting.level == level).collect();
        extremes(&mut out, level, &cells);
    }
    for level in LEVELS {
        let _ = write!(
            out,
            "\n### Level {}, {TRIALS} trials of each rate\n\n\
             | margin | samples | SD | same: agree | unclear | disagree | off by 1 margin: agree | by 1.5 | by 2 \
             | honest: accepted | inconclusive | nondeterministic | rescores | one off: it counts | it is named |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
            number(level)
        );
        for cell in cells.iter().filter(|c| c.setting.level == level) {
            row(&mut out, cell);
        }
    }
    out
}

fn row(out: &mut String, cell: &Cell) {
    let setting = &cell.setting;
    let _ = write!(
        out,
        "| {:.2} | {} | {} |",
        setting.margin, setting.samples, setting.spread
    );
    let [same, one, half, two] = &cell.pairs;
    let honest = &cell.honest;
    for count in [
        same.agree,
        same.unclear,
        same.disagree,
        one.agree,
        half.agree,
        two.agree,
        honest.accepted,
        honest.inconclusive,
        honest.nondeterministic,
    ] {
        let _ = write!(out, " {} |", percent(share(count)));
    }
    let _ = writeln!(
        out,
        " {:.2} | {} | {} |",
        share(honest.rescores),
        percent(share(cell.one_off.with_first)),
        percent(share(cell.one_off.blamed))
    );
}

/// A share in per cent; what did not happen once is a plain 0.
fn percent(share: f64) -> String {
    if share == 0.0 {
        "0".to_owned()
    } else {
        format!("{:.2}", share * 100.0)
    }
}

/// The worst setting for each promise.
fn extremes(out: &mut String, level: Level, cells: &[&Cell]) {
    let worst = |what: &str, rate: &dyn Fn(&Cell) -> f64| {
        let worst = cells.iter().max_by(|a, b| rate(a).total_cmp(&rate(b)));
        worst.map_or_else(String::new, |cell| {
            let s = &cell.setting;
            format!(
                "- level {}, {what}: at most {} %, at margin {:.2}, {} samples, SD {}\n",
                number(level),
                percent(rate(cell)),
                s.margin,
                s.samples,
                s.spread
            )
        })
    };
    out.push_str(&worst("off by exactly the margin and found to agree", &|c| {
        share(c.pairs[1].agree)
    }));
    out.push_str(&worst("off by 1.5 margins and found to agree", &|c| {
        share(c.pairs[2].agree)
    }));
    out.push_str(&worst("the same score and found to differ", &|c| {
        share(c.pairs[0].disagree)
    }));
    out.push_str(&worst("a verifier off by the margin counts in the end", &|c| {
        share(c.one_off.with_first)
    }));
    out.push_str(&worst("all honest, somebody named an outlier", &|c| {
        share(c.honest.blamed)
    }));
    out.push_str(&worst("all honest, nondeterministic", &|c| {
        share(c.honest.nondeterministic)
    }));
}

/// Puts `text` between the marks of the page at `path`.
pub(crate) fn put(path: &Path, text: &str) {
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    fs::write(path, format!("{before}{BEGIN}{text}{END}{after}")).unwrap();
}
