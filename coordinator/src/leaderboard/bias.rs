//! A verifier's bias: how far its rescores lie from those of the others, and how sure that is.
//!
//! The interval is Student's, over the attempts that the node re-scored beside others. It is for people to
//! look at: no verdict and no draw depends on it.

use quorate_core::NodeId;
use quorate_core::verdict::{Rescore, bias};
use serde::Serialize;

/// How a node's rescores lie to those of others on the same artifacts, in normalised units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bias {
    /// Attempts that it re-scored beside somebody else.
    pub shared: usize,
    /// The mean difference from the others' mean.
    pub mean: f64,
    /// The lower end of its 95 % interval,
    pub low: Option<f64>,
    /// and the upper end; none where one shared attempt shows no spread.
    pub high: Option<f64>,
    /// Whether the interval excludes 0. Of twenty sound verifiers, one is marked by chance.
    pub marked: bool,
}

impl Bias {
    /// The bias that `attempts`, each a list of its rescores, show of `node`; `None` where it never scored
    /// beside anybody.
    pub(super) fn of<'a>(node: NodeId, attempts: impl Iterator<Item = Vec<Rescore<'a>>>) -> Option<Self> {
        let each = attempts.filter_map(|rescores| bias(node, std::iter::once(rescores)));
        Self::from_differences(&each.collect::<Vec<f64>>())
    }

    fn from_differences(differences: &[f64]) -> Option<Self> {
        let shared = differences.len();
        if shared == 0 {
            return None;
        }
        let count = shared as f64;
        let mean = differences.iter().sum::<f64>() / count;
        let half = quantile(shared - 1).map(|quantile| {
            let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
            quantile * (squares / (count - 1.0) / count).sqrt()
        });
        Some(Self {
            shared,
            mean,
            low: half.map(|half| mean - half),
            high: half.map(|half| mean + half),
            marked: half.is_some_and(|half| mean.abs() > half),
        })
    }
}

/// Student's quantile of 0.975 for 1 to 30 degrees of freedom, then 40, 60, 120 (any textbook's table).
const T_975: [f64; 33] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    2.021, 2.000, 1.980,
];

/// The quantile at the next lower number of degrees of freedom in the table: an interval is never too
/// narrow. `None` for no degree of freedom.
fn quantile(freedom: usize) -> Option<f64> {
    let steps = (1..=30).chain([40, 60, 120]);
    let below = steps.zip(T_975).take_while(|(step, _)| *step <= freedom);
    below.last().map(|(_, quantile)| quantile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: Option<f64>, to: f64) {
        assert!((value.unwrap() - to).abs() < 1e-4, "{value:?} is not {to}");
    }

    #[test]
    fn the_interval_is_students() {
        let bias = Bias::from_differences(&[0.1, 0.2, 0.3]).unwrap();
        assert_eq!(bias.shared, 3);
        close(Some(bias.mean), 0.2);
        // 4.303 · 0.1 / √3
        close(bias.low, -0.04844);
        close(bias.high, 0.44844);
        assert!(!bias.marked, "0 lies in it");
        let bias = Bias::from_differences(&[0.1, 0.2, 0.3, 0.2, 0.2]).unwrap();
        assert!(bias.marked && bias.low.unwrap() > 0.0);
        let bias = Bias::from_differences(&[-0.1, -0.2, -0.3, -0.2, -0.2]).unwrap();
        assert!(bias.marked && bias.high.unwrap() < 0.0, "in either direction");
    }

    #[test]
    fn one_shared_attempt_has_no_interval_and_marks_nobody() {
        let bias = Bias::from_differences(&[0.9]).unwrap();
        assert_eq!((bias.low, bias.high, bias.marked), (None, None, false));
        assert_eq!(Bias::from_differences(&[]), None);
    }

    #[test]
    fn quantiles_never_err_on_the_narrow_side() {
        assert_eq!(quantile(0), None);
        assert_eq!(quantile(1), Some(12.706));
        assert_eq!(quantile(39), Some(2.042));
        assert_eq!(quantile(1_000_000), Some(1.980));
    }
}
