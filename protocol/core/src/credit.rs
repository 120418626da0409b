//! Credit: what an operator has earned on a class of devices by work that others replicated.
//!
//! Whoever has earned enough is trusted, and trust saves rescores; it never makes a result by itself.
//! Whoever has not made a fault good is drawn only where nobody else is left. Credit rises by one where an operator's result is among at least two that agree, halves every
//! [`HALF_LIFE`], and a proven fault takes all of it and doubles what has to be earned again.
//! Integers only, so that everybody computes the same account from a log.

use std::time::Duration;

use serde::Serialize;

use crate::text::Timestamp;

/// What one confirmation adds, in thousandths.
const CONFIRMATION: u64 = 1_000;

/// What makes an operator without faults trusted: ten confirmations.
const TRUSTED: u64 = 10 * CONFIRMATION;

/// Credit beyond so many times what is needed is not kept: a long past does not carry a silent operator for ever.
const KEPT: u64 = 4;

/// In this time credit that nothing is added to halves.
pub const HALF_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Faults beyond so many make no more difference.
const COUNTED_FAULTS: u32 = 16;

/// What an account means for the next draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The operator's word saves rescores, where a campaign allows it.
    Trusted,
    /// Neither earned enough nor lost it.
    Ordinary,
    /// A fault is not made good: the operator's nodes rank behind others.
    Probation,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Ordinary => "ordinary",
            Self::Probation => "on probation",
        }
    }
}

/// An operator's credit on one class of devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    thousandths: u64,
    as_of: Timestamp,
    faults: u32,
}

impl Account {
    /// Credit at `now`, in confirmations.
    #[must_use]
    pub fn credit(&self, now: Timestamp) -> f64 {
        // Below four times 10 · 2^16 thousandths, far from where doubles lose integers.
        let thousandths = u32::try_from(self.decayed(now)).unwrap_or(u32::MAX);
        f64::from(thousandths) / 1_000.0
    }

    /// How many faults were proven.
    #[must_use]
    pub const fn faults(&self) -> u32 {
        self.faults
    }

    /// What the account means at `now`. A fault is made good by half of what trust needs.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        let (credit, needed) = (self.decayed(now), self.needed());
        if credit >= needed {
            Standing::Trusted
        } else if self.faults > 0 && credit < needed / 2 {
            Standing::Probation
        } else {
            Standing::Ordinary
        }
    }

    /// Whether the operator's word saves rescores at `now`.
    #[must_use]
    pub fn is_trusted(&self, now: Timestamp) -> bool {
        self.standing(now) == Standing::Trusted
    }

    /// Whether the operator's nodes rank behind others at `now`.
    #[must_use]
    pub fn is_on_probation(&self, now: Timestamp) -> bool {
        self.standing(now) == Standing::Probation
    }

    /// A result of the operator's was replicated.
    pub(crate) fn confirm(&mut self, now: Timestamp) {
        self.thousandths = (self.decayed(now) + CONFIRMATION).min(KEPT * self.needed());
        self.as_of = self.as_of.max(now);
    }

    /// A fault of the operator's was proven.
    pub(crate) fn fault(&mut self, now: Timestamp) {
        self.thousandths = 0;
        self.as_of = self.as_of.max(now);
        self.faults = self.faults.saturating_add(1);
    }

    fn needed(&self) -> u64 {
        TRUSTED << self.faults.min(COUNTED_FAULTS)
    }

    /// Halved for each whole half-life, and on a straight line between two halvings.
    fn decayed(&self, now: Timestamp) -> u64 {
        let half_life = HALF_LIFE.as_millis();
        let elapsed = now.since(self.as_of).as_millis();
        let halvings = u32::try_from(elapsed / half_life).unwrap_or(u32::MAX);
        let at_halving = u128::from(self.thousandths.checked_shr(halvings).unwrap_or(0));
        let rest = at_halving * (elapsed % half_life) / (2 * half_life);
        u64::try_from(at_halving - rest).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp(1_790_000_000_000);

    fn earned(confirmations: u32, account: Account) -> Account {
        (0..confirmations).fold(account, |mut account, _| {
            account.confirm(START);
            account
        })
    }

    #[test]
    fn ten_confirmations_make_trust_and_a_half_life_of_silence_ends_it() {
        assert!(!earned(9, Account::default()).is_trusted(START));
        assert!(
            !Account::default().is_on_probation(START),
            "whoever is new has no fault"
        );
        let account = earned(10, Account::default());
        assert!(account.is_trusted(START));
        assert!(!account.is_trusted(START.after(HALF_LIFE / 2)));
        assert_eq!(account.credit(START.after(HALF_LIFE)), 5.0);
        assert_eq!(account.credit(START.after(HALF_LIFE / 2)), 7.5);
    }

    #[test]
    fn a_long_past_is_not_kept_for_ever() {
        let account = earned(10_000, Account::default());
        assert_eq!(account.credit(START), 40.0);
        assert!(account.is_trusted(START.after(HALF_LIFE * 2)));
        assert!(!account.is_trusted(START.after(HALF_LIFE * 2 + Duration::from_secs(3600))));
    }

    #[test]
    fn each_fault_takes_everything_and_doubles_what_is_needed() {
        let mut account = earned(40, Account::default());
        account.fault(START);
        assert_eq!((account.credit(START), account.faults()), (0.0, 1));
        assert!(!earned(19, account).is_trusted(START));
        assert!(earned(20, account).is_trusted(START));
        assert!(earned(9, account).is_on_probation(START));
        assert!(!earned(10, account).is_on_probation(START));
        account.fault(START);
        assert!(!earned(39, account).is_trusted(START));
        assert!(earned(40, account).is_trusted(START));
    }

    proptest! {
        #[test]
        fn credit_never_rises_by_itself_and_never_beyond_what_was_confirmed(
            steps in prop::collection::vec((0..5_u8, 0..10_000_000_000_u64), 0..60),
            later in 0..100_000_000_000_u64,
        ) {
            let (mut account, mut now, mut confirmed) = (Account::default(), START, 0.0);
            for (what, pause) in steps {
                now = now.after(Duration::from_millis(pause));
                if what == 0 {
                    account.fault(now);
                    prop_assert!(!account.is_trusted(now));
                } else {
                    account.confirm(now);
                    confirmed += 1.0;
                }
                prop_assert!(account.credit(now) <= confirmed);
            }
            prop_assert!(account.credit(now.after(Duration::from_millis(later))) <= account.credit(now));
        }
    }
}
