//! The drawing: two panels over the noise, for the level of five per cent.
//!
//! It is read on light and dark pages: its colours follow the reader's choice, lines are told apart by
//! their dashes and by a label at each end, and the text alternative says what is to be seen.

use std::fmt::Write as _;

use quorate_core::agreement::Level;

use super::{Cell, SAMPLES, share};

/// Where the panels stand and how large they are.
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 210.0;
const TOP: f64 = 60.0;
const LEFT: [f64; 2] = [50.0, 450.0];

/// The noise's range, in margins.
const FROM: f64 = 0.02;
const TO: f64 = 2.0;

const DASHES: [&str; 4] = ["2 3", "6 3", "10 3 2 3", "none"];

const HEAD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 830 330" role="img" aria-labelledby="t d">
<title id="t">How often two verifiers are found to agree, by noise</title>
<desc id="d">Two panels over the noise's standard deviation, from 0.02 to 2 margins, one line each for 3, 5, 10 and 20 samples. Left: honest verifiers of the same score are always found to agree while the noise is small, and hardly ever once it is as large as the margin; more samples bear more noise. Right: verifiers whose scores differ by exactly the margin are found to agree in at most about five per cent of trials, and ever more rarely as noise grows.</desc>
<style>
svg { background: #ffffff; color: #1c1c1c; font: 12px system-ui, sans-serif; }
text { fill: currentColor; }
.axis { stroke: currentColor; stroke-width: 1; opacity: 0.5; fill: none; }
.line { stroke: #1f5fa8; stroke-width: 2; fill: none; }
.limit { stroke: #b3261e; stroke-width: 1.5; fill: none; }
.red { fill: #b3261e; }
@media (prefers-color-scheme: dark) {
svg { background: #16181c; color: #e6e6e6; }
.line { stroke: #7fb3f0; }
.limit { stroke: #f2867e; }
.red { fill: #f2867e; }
}
</style>
"#;

/// One panel: what it shows, up to which share, and where it stands.
struct Panel {
    title: &'static str,
    left: f64,
    most: f64,
    ticks: [f64; 3],
    pairs: usize,
}

/// Draws the figure.
pub(crate) fn draw(cells: &[Cell]) -> String {
    let mut out = HEAD.to_owned();
    let panels = [
        Panel {
            title: "The same score: found to agree",
            left: LEFT[0],
            most: 1.0,
            ticks: [0.0, 0.5, 1.0],
            pairs: 0,
        },
        Panel {
            title: "Off by exactly the margin: found to agree",
            left: LEFT[1],
            most: 0.06,
            ticks: [0.0, 0.025, 0.05],
            pairs: 1,
        },
    ];
    for panel in &panels {
        panel.frame(&mut out);
        for (samples, dash) in SAMPLES.iter().zip(DASHES) {
            panel.line(&mut out, cells, *samples, dash);
        }
    }
    let right = &panels[1];
    let (left, y) = (right.left, right.y(0.05));
    let _ = writeln!(
        out,
        "<path class=\"limit\" d=\"M{left:.1} {y:.1}h{WIDTH}\"/>\
         <text class=\"red\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">the level, 5 %</text>",
        left + WIDTH,
        y - 6.0
    );
    legend(&mut out);
    out.push_str("</svg>\n");
    out
}

fn x(ratio: f64, left: f64) -> f64 {
    left + WIDTH * (ratio / FROM).ln() / (TO / FROM).ln()
}

fn legend(out: &mut String) {
    for (place, (samples, dash)) in (0_u8..).zip(SAMPLES.iter().zip(DASHES)) {
        let left = LEFT[0] + f64::from(place) * 130.0;
        let _ = writeln!(
            out,
            "<path class=\"line\" stroke-dasharray=\"{dash}\" d=\"M{left:.1} 16h36\"/>\
             <text x=\"{:.1}\" y=\"20\">{samples} samples</text>",
            left + 42.0
        );
    }
}

impl Panel {
    fn y(&self, share: f64) -> f64 {
        TOP + HEIGHT * (1.0 - share / self.most)
    }

    fn frame(&self, out: &mut String) {
        let (left, bottom) = (self.left, TOP + HEIGHT);
        let _ = writeln!(
            out,
            "<text x=\"{left:.1}\" y=\"{:.1}\" font-weight=\"600\">{}</text>\
             <path class=\"axis\" d=\"M{left:.1} {TOP}V{bottom}h{WIDTH}\"/>",
            TOP - 14.0,
            self.title
        );
        for tick in self.ticks {
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{} %</text>",
                left - 6.0,
                self.y(tick) + 4.0,
                tick * 100.0
            );
        }
        for tick in [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0] {
            let place = x(tick, left);
            let _ = writeln!(
                out,
                "<path class=\"axis\" d=\"M{place:.1} {bottom}v4\"/>\
                 <text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick}</text>",
                bottom + 18.0
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">noise: standard deviation of a sample, in margins</text>",
            left + WIDTH / 2.0,
            bottom + 38.0
        );
    }

    fn line(&self, out: &mut String, cells: &[Cell], samples: usize, dash: &str) {
        let mut points: Vec<(f64, f64)> = cells
            .iter()
            .filter(|c| c.setting.level == Level::FivePercent && c.setting.samples == samples)
            .map(|c| {
                let rate = share(c.pairs[self.pairs].agree);
                (c.setting.spread / c.setting.margin, rate)
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Settings of one ratio are one setting in another unit: their mean is one point.
        let points = points.chunk_by(|a, b| b.0 - a.0 < 1e-9).map(|same| {
            let sum: f64 = same.iter().map(|(_, rate)| rate).sum();
            (same[0].0, sum / same.len() as f64)
        });
        let path: Vec<String> = points
            .map(|(ratio, rate)| format!("{:.1} {:.1}", x(ratio, self.left), self.y(rate)))
            .collect();
        let _ = writeln!(
            out,
            "<path class=\"line\" stroke-dasharray=\"{dash}\" d=\"M{}\"/>",
            path.join("L")
        );
    }
}
