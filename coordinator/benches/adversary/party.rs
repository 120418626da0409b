//! Who takes part, and how each behaves.

use quorate_core::Keypair;

/// How an operator behaves, as executor and as verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Conduct {
    /// Does what it should.
    Honest,
    /// Claims more than its artifacts earn.
    Inflates,
    /// Gives up every attempt that is not among its best tenth.
    Hides,
    /// Works on after the deadline, for a better result, and seals then.
    SealsLate,
    /// Never scores: copies what is open already, and guesses where nothing is.
    Copies,
    /// Never scores: says what agents usually get.
    SaysYes,
    /// Two operators of one person: one inflates, the other confirms it whenever it is drawn.
    Pair(usize),
    /// Honest until it is trusted. Then it inflates, and all sleepers confirm each other.
    Sleeps,
    /// Seals rescores and never opens them.
    Withholds,
    /// As a sleeper, but every dishonest party is one of the cartel.
    Cartel,
}

impl Conduct {
    /// What the report calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Inflates => "inflating executor",
            Self::Hides => "best-of-ten hider",
            Self::SealsLate => "late sealer",
            Self::Copies => "copying verifier",
            Self::SaysYes => "always-yes verifier",
            Self::Pair(_) => "colluding pair",
            Self::Sleeps => "sleeper",
            Self::Withholds => "reveal withholder",
            Self::Cartel => "cartel of sleepers",
        }
    }

    /// Whether two parties work together.
    pub(crate) fn colludes(self, own: usize, other: usize, theirs: Self) -> bool {
        match self {
            Self::Pair(partner) => partner == other,
            Self::Sleeps | Self::Cartel => own != other && theirs == self,
            _ => false,
        }
    }
}

/// One node and its operator.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) conduct: Conduct,
    pub(crate) node: Keypair,
    pub(crate) operator: Keypair,
}

/// Everybody in a run.
#[derive(Debug)]
pub(crate) struct Cast(pub(crate) Vec<Party>);

impl Cast {
    /// `percent` of `count` parties dishonest, of every kind alike; pairs take two places.
    pub(crate) fn mixed(count: usize, percent: usize) -> Self {
        let dishonest = count * percent / 100;
        let mut conducts = Vec::new();
        while conducts.len() < dishonest {
            let next = conducts.len();
            conducts.extend([
                Conduct::Inflates,
                Conduct::Sleeps,
                Conduct::Pair(next + 3),
                Conduct::Pair(next + 2),
                Conduct::Copies,
                Conduct::SaysYes,
                Conduct::Hides,
                Conduct::Withholds,
                Conduct::SealsLate,
                Conduct::Sleeps,
            ]);
        }
        conducts.truncate(dishonest);
        conducts.resize(count, Conduct::Honest);
        Self::new(&conducts)
    }

    /// `percent` of `count` parties behave as `conduct`.
    pub(crate) fn of(count: usize, percent: usize, conduct: Conduct) -> Self {
        let mut conducts = vec![conduct; count * percent / 100];
        conducts.resize(count, Conduct::Honest);
        Self::new(&conducts)
    }

    fn new(conducts: &[Conduct]) -> Self {
        let key = |n: usize, what: u8| {
            let mut secret = [what; 32];
            secret[..8].copy_from_slice(&(n as u64).to_be_bytes());
            Keypair::from_secret(secret)
        };
        let party = |(n, conduct): (usize, &Conduct)| Party {
            conduct: *conduct,
            node: key(n, 1),
            operator: key(n, 2),
        };
        Self(conducts.iter().enumerate().map(party).collect())
    }
}
