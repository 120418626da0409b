//! What must hold of any log, judged from its entries alone.
//!
//! The observer keeps its own simple account of each attempt and asks the history nothing but the
//! terms, so that a fault of the rules cannot hide itself.

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::agreement::Agreement;
use quorate_core::digest::AttemptId;
use quorate_core::record::{
    Assignment, Commitment, Decision, Lease, Published, Reveal, Verdict, Verification,
};
use quorate_core::score::Outcome;
use quorate_core::verdict::{Judgement, Rescore, check_claim, judge};
use quorate_core::{Envelope, History, NodeId, PublicKey, Record};

/// A verifier that was drawn and not passed over.
#[derive(Debug)]
struct Verifier {
    node: NodeId,
    seal: Option<Commitment>,
    outcome: Option<Outcome>,
}

/// One attempt, as its entries tell it.
#[derive(Debug)]
struct Account {
    lease: Lease,
    forfeited: bool,
    claim: Option<Commitment>,
    claimed: Option<Outcome>,
    verifiers: Vec<Verifier>,
    verdict: Option<Verdict>,
}

#[derive(Debug)]
pub(crate) struct Observer {
    policy: Verification,
    rule: Agreement,
    max_leases: u32,
    operators: BTreeMap<NodeId, PublicKey>,
    accounts: BTreeMap<AttemptId, Account>,
    follower: Option<History>,
    seen: usize,
}

impl Observer {
    pub(crate) fn new(policy: Verification, rule: Agreement, max_leases: u32) -> Self {
        Self {
            policy,
            rule,
            max_leases,
            operators: BTreeMap::new(),
            accounts: BTreeMap::new(),
            follower: None,
            seen: 0,
        }
    }

    /// Looks at what `log` gained since the last look. The follower knows the entries' bytes alone,
    /// and must come to `history` with them.
    pub(crate) fn look(&mut self, log: &[Envelope], history: &History) {
        for entry in &log[self.seen..] {
            let received = Envelope::decode(entry.bytes()).unwrap();
            History::extend(&mut self.follower, &received).unwrap();
            self.account(&received);
        }
        if self.seen < log.len() {
            self.seen = log.len();
            assert!(self.follower.as_ref() == Some(history), "a follower differs");
        }
    }

    fn account(&mut self, entry: &Envelope) {
        let signer = entry.signers()[0];
        match Record::read(entry).unwrap() {
            Record::Enrollment(record) => {
                let before = self.operators.insert(record.node, record.operator);
                assert!(before.is_none_or(|operator| operator == record.operator));
            }
            Record::Lease(lease) => self.lease(AttemptId(entry.id().0), lease),
            Record::SealedClaim(record) => {
                let account = self.open_account(record.attempt);
                assert!(
                    account.claim.is_none() && !account.forfeited,
                    "two ends of one lease"
                );
                assert_eq!(&signer, account.lease.node.key());
                assert!(record.at <= account.lease.deadline);
                account.claim = Some(record.commitment);
            }
            Record::Forfeit(record) => {
                let account = self.open_account(record.attempt);
                assert!(
                    account.claim.is_none() && !account.forfeited,
                    "two ends of one lease"
                );
                account.forfeited = true;
            }
            Record::Assignment(record) => self.assignment(&record),
            Record::SealedRescore(record) => {
                let verifier = self.verifier(record.attempt, signer);
                assert!(verifier.seal.is_none(), "a second seal");
                verifier.seal = Some(record.commitment);
            }
            Record::Reveal(record) => self.reveal(entry, record),
            Record::Verdict(record) => self.verdict(record),
            _ => {}
        }
    }

    /// The account of an attempt that has no verdict.
    fn open_account(&mut self, id: AttemptId) -> &mut Account {
        let account = self.accounts.get_mut(&id).expect("there is a lease first");
        assert!(account.verdict.is_none(), "something follows a verdict");
        account
    }

    fn verifier(&mut self, id: AttemptId, key: PublicKey) -> &mut Verifier {
        let verifiers = &mut self.open_account(id).verifiers;
        verifiers
            .iter_mut()
            .find(|v| *v.node.key() == key)
            .expect("it was drawn")
    }

    fn lease(&mut self, id: AttemptId, lease: Lease) {
        let slot = |l: &Lease| (l.campaign, l.bundle, l.agent);
        let granted = self
            .accounts
            .values()
            .filter(|a| slot(&a.lease) == slot(&lease))
            .count();
        assert!(
            granted < self.max_leases as usize,
            "more leases than the campaign grants"
        );
        let account = Account {
            lease,
            forfeited: false,
            claim: None,
            claimed: None,
            verifiers: Vec::new(),
            verdict: None,
        };
        assert!(self.accounts.insert(id, account).is_none());
    }

    fn assignment(&mut self, record: &Assignment) {
        let operators = self.operators.clone();
        let account = self.open_account(record.attempt);
        assert!(account.claim.is_some(), "verifiers before there is a claim");
        account
            .verifiers
            .retain(|v| !record.passed_over.contains(&v.node));
        account
            .verifiers
            .extend(record.verifiers.iter().map(|node| Verifier {
                node: *node,
                seal: None,
                outcome: None,
            }));
        let mut parts = BTreeSet::from([operators[&account.lease.node]]);
        for verifier in &account.verifiers {
            assert!(
                parts.insert(operators[&verifier.node]),
                "an operator has two parts"
            );
        }
    }

    fn reveal(&mut self, entry: &Envelope, record: Reveal) {
        let (signer, replicas) = (entry.signers()[0], usize::from(self.policy.replicas));
        let account = self.open_account(record.attempt());
        assert!(account.verifiers.len() >= replicas, "opened with too few seals");
        assert!(
            account.verifiers.iter().all(|v| v.seal.is_some()),
            "opened before every seal was in"
        );
        match record {
            Reveal::Claim(claim) => {
                assert!(account.claim.unwrap().is_opened_by(entry));
                assert!(account.claimed.replace(claim.outcome).is_none(), "opened twice");
            }
            Reveal::Rescore(statement) => {
                let verifier = self.verifier(statement.attempt, signer);
                assert!(verifier.seal.unwrap().is_opened_by(entry));
                let before = verifier.outcome.replace(statement.predicate.outcome);
                assert!(before.is_none(), "opened twice");
            }
        }
    }

    fn verdict(&mut self, verdict: Verdict) {
        let (rule, policy) = (self.rule, self.policy);
        let account = self.open_account(verdict.attempt);
        let rescores: Vec<Rescore<'_>> = account
            .verifiers
            .iter()
            .map(|v| Rescore {
                node: v.node,
                outcome: v.outcome.as_ref().expect("everybody has opened"),
            })
            .collect();
        assert!(rescores.len() >= usize::from(policy.replicas));
        let expected = Judgement::Decided {
            decision: verdict.decision.clone(),
            agreeing: verdict.agreeing.clone(),
            outliers: verdict.outliers.clone(),
        };
        assert_eq!(judge(&rule, &policy, &rescores, 0), expected);
        let agreeing = rescores.iter().filter(|r| verdict.agreeing.contains(&r.node));
        let group: Vec<_> = agreeing.map(|r| r.outcome).collect();
        assert_eq!(
            check_claim(&rule, account.claimed.as_ref(), &verdict.decision, &group),
            verdict.claim
        );
        account.verdict = Some(verdict);
    }

    pub(crate) fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.accounts
            .values()
            .filter_map(|account| account.verdict.as_ref())
    }
}

/// The score that a verdict publishes, if it does.
pub(crate) const fn published(verdict: &Verdict) -> Option<Published> {
    match verdict.decision {
        Decision::Accepted { score } => Some(score),
        _ => None,
    }
}
