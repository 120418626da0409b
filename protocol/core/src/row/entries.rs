//! Which entries a row rests on.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::{AttemptId, CampaignId, RecordId};
use crate::envelope::Envelope;
use crate::history::{Attempt, History};
use crate::identity::NodeId;
use crate::record::Record;

/// The places of the entries that show what became of attempt `id`, in order, out of `entries`: all of a log,
/// which come to `history`. `None` where the log has no such attempt.
///
/// These are the log's first entry, the campaign, the attempt's task and its qualification, all records about the
/// attempt, and for each node with a part in it the first enrollment, which gives its place in the draw, and the
/// one in force each time.
#[must_use]
pub fn entries_of(history: &History, id: AttemptId, entries: &[Envelope]) -> Option<Vec<u64>> {
    let attempt = history.attempts().get(&id)?;
    let mut search = Search {
        id,
        attempt,
        enrollments: BTreeMap::new(),
        verdicts: BTreeSet::new(),
        found: BTreeSet::from([0]),
    };
    for (index, envelope) in (0..).zip(entries) {
        if let Ok(record) = Record::read(envelope) {
            search.look(index, envelope, &record);
        }
    }
    Some(search.found.into_iter().collect())
}

struct Search<'a> {
    id: AttemptId,
    attempt: &'a Attempt,
    /// Where each node enrolled: first, and last so far.
    enrollments: BTreeMap<NodeId, (u64, u64)>,
    verdicts: BTreeSet<RecordId>,
    found: BTreeSet<u64>,
}

impl Search<'_> {
    fn look(&mut self, index: u64, envelope: &Envelope, record: &Record) {
        let needed = match record {
            Record::Enrollment(record) => {
                let places = self.enrollments.entry(record.node).or_insert((index, index));
                places.1 = index;
                false
            }
            Record::Bundle(record) => record.bundle == self.attempt.lease.bundle,
            Record::Qualification(record) => record.bundle == self.attempt.lease.bundle,
            Record::Campaign(_) => CampaignId(envelope.id().0) == self.attempt.lease.campaign,
            Record::Lease(lease) => {
                let is_it = AttemptId(envelope.id().0) == self.id;
                if is_it {
                    self.need_enrollment(lease.node);
                }
                is_it
            }
            Record::SealedClaim(record) => record.attempt == self.id,
            Record::Forfeit(record) => record.attempt == self.id,
            Record::Assignment(record) => {
                let is_its = record.attempt == self.id;
                if is_its {
                    record
                        .verifiers
                        .iter()
                        .for_each(|node| self.need_enrollment(*node));
                }
                is_its
            }
            Record::SealedRescore(record) => record.attempt == self.id,
            Record::Reveal(record) => record.attempt() == self.id,
            Record::Verdict(record) => {
                let is_its = record.attempt == self.id;
                if is_its {
                    self.verdicts.insert(envelope.id());
                }
                is_its
            }
            Record::Correction(record) => self.verdicts.contains(&record.corrects),
            Record::Coordinator(_) | Record::Admission(_) => false,
        };
        if needed {
            self.found.insert(index);
        }
    }

    fn need_enrollment(&mut self, node: NodeId) {
        if let Some((first, last)) = self.enrollments.get(&node) {
            self.found.extend([*first, *last]);
        }
    }
}
