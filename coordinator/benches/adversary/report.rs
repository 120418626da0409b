//! What is counted, and how it is printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::party::Conduct;

/// What one party did that it should not, and what became of it.
#[derive(Debug, Clone, Copy)]
struct Deeds {
    conduct: Conduct,
    acts: u32,
    caught: u32,
    /// Acts until the first that was caught, that one included.
    first: Option<u32>,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    deeds: Vec<Deeds>,
    pub(crate) leases: u32,
    pub(crate) decided: u32,
    pub(crate) accepted: u32,
    pub(crate) given_up: u32,
    wrong: u32,
    wrong_by_majority: u32,
    pub(crate) honest_not_accepted: u32,
    /// Honest claims called over-claims, and honest rescores called outliers.
    pub(crate) honest_blamed: u32,
    pub(crate) rescores: u32,
    /// Decided and rescores in the first half.
    half: Option<(u32, u32)>,
}

impl Tally {
    pub(crate) fn new(cast: impl Iterator<Item = Conduct>) -> Self {
        let deeds = |conduct| Deeds {
            conduct,
            acts: 0,
            caught: 0,
            first: None,
        };
        Self {
            deeds: cast.map(deeds).collect(),
            leases: 0,
            decided: 0,
            accepted: 0,
            given_up: 0,
            wrong: 0,
            wrong_by_majority: 0,
            honest_not_accepted: 0,
            honest_blamed: 0,
            rescores: 0,
            half: None,
        }
    }

    /// Party `n` did what it should not; whether that is on record against it.
    pub(crate) fn act(&mut self, n: usize, caught: bool) {
        let deeds = &mut self.deeds[n];
        deeds.acts += 1;
        if caught {
            deeds.caught += 1;
            deeds.first.get_or_insert(deeds.acts);
        }
    }

    /// A score was published that is off by more than the margin.
    pub(crate) fn wrong(&mut self, by_majority: bool) {
        self.wrong += 1;
        self.wrong_by_majority += u32::from(by_majority);
    }

    /// Remembers how it stood after `leases`.
    pub(crate) fn half_time(&mut self, leases: u32) {
        if self.leases == leases {
            self.half = Some((self.decided, self.rescores));
        }
    }

    /// Rescores for each decided attempt, in all and in the second half.
    fn cost(&self) -> (f64, f64) {
        let ratio = |rescores: u32, decided: u32| f64::from(rescores) / f64::from(decided.max(1));
        let (decided, rescores) = self.half.unwrap_or_default();
        (
            ratio(self.rescores, self.decided),
            ratio(self.rescores - rescores, self.decided - decided),
        )
    }
}

pub(crate) const HEAD: &str = "\
| dishonest | leases | accepted | given up or late | wrong accepted (without a dishonest majority among who agreed) | share wrong | \
honest not accepted | honest blamed | rescores an attempt (second half) |
|---|---|---|---|---|---|---|---|---|";

/// One run as a line of the table.
pub(crate) fn row(name: &str, tally: &Tally) -> String {
    let (all, later) = tally.cost();
    format!(
        "| {name} | {} | {} | {} | {} ({}) | {:.1e} | {} | {} | {all:.3} ({later:.3}) |",
        tally.leases,
        tally.accepted,
        tally.leases - tally.decided,
        tally.wrong,
        tally.wrong - tally.wrong_by_majority,
        f64::from(tally.wrong) / f64::from(tally.accepted.max(1)),
        tally.honest_not_accepted,
        tally.honest_blamed,
    )
}

/// What each kind did, and how soon it was caught.
pub(crate) fn kinds(tally: &Tally) -> String {
    let mut kinds: BTreeMap<&str, Vec<&Deeds>> = BTreeMap::new();
    for deeds in tally.deeds.iter().filter(|deeds| deeds.acts > 0) {
        kinds.entry(deeds.conduct.name()).or_default().push(deeds);
    }
    let mut text = String::from(
        "| kind | parties | dishonest acts | on record against it | acts until the first on record, mean (most) |\n|---|---|---|---|---|\n",
    );
    for (name, deeds) in kinds {
        let acts: u32 = deeds.iter().map(|d| d.acts).sum();
        let caught: u32 = deeds.iter().map(|d| d.caught).sum();
        let firsts: Vec<u32> = deeds.iter().filter_map(|d| d.first).collect();
        let mean =
            f64::from(firsts.iter().sum::<u32>()) / f64::from(u32::try_from(firsts.len()).unwrap().max(1));
        let most = firsts.iter().max().map_or("never".to_owned(), u32::to_string);
        writeln!(
            text,
            "| {name} | {} | {acts} | {caught} | {mean:.1} ({most}) |",
            deeds.len()
        )
        .unwrap();
    }
    text
}
