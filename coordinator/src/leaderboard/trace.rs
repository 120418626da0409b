//! What the log's entries add to what a history keeps.
//!
//! A history forgets the seals that were opened, forfeits, corrections, and which assignment passed
//! a verifier over. Their ids belong in a proof, so they are read from the log itself.

use std::collections::BTreeMap;

use quorate_core::digest::{AttemptId, RecordId};
use quorate_core::record::{Assignment, Correction, Forfeit, SealedRescore};
use quorate_core::{Envelope, NodeId, Record};

use super::trail::{SEALED, Step, assignment_says};
use super::{AttemptView, Caught, Fault, Leaderboard};

impl Leaderboard {
    /// Completes the attempts' trails and the evidence of verifiers that were passed over. Takes the
    /// log's entries with their places, in order; changes no number. What is no record is left out.
    pub fn trace<'a>(&mut self, entries: impl IntoIterator<Item = (u64, &'a Envelope)>) {
        let mut tracer = Tracer::new(self);
        for (index, envelope) in entries {
            match Record::read(envelope) {
                Ok(Record::Assignment(record)) => tracer.assignment(index, envelope, &record),
                Ok(Record::SealedRescore(record)) => tracer.seal(index, envelope, &record),
                Ok(Record::Forfeit(record)) => tracer.forfeit(index, envelope, &record),
                Ok(Record::Correction(record)) => tracer.correction(index, envelope, &record),
                _ => {}
            }
        }
    }
}

struct Tracer<'a> {
    attempts: BTreeMap<AttemptId, &'a mut AttemptView>,
    verdicts: BTreeMap<RecordId, AttemptId>,
    absences: BTreeMap<(AttemptId, NodeId), Vec<&'a mut Caught>>,
}

impl<'a> Tracer<'a> {
    fn new(board: &'a mut Leaderboard) -> Self {
        let mut verdicts = BTreeMap::new();
        for attempt in &board.attempts {
            for step in attempt.trail.iter().filter(|step| step.kind == "verdict") {
                verdicts.insert(step.record, attempt.id);
            }
        }
        let mut absences: BTreeMap<(AttemptId, NodeId), Vec<&mut Caught>> = BTreeMap::new();
        let of_verifiers =
            |caught: &&mut Caught| matches!(caught.what, Fault::PassedOver | Fault::Unrevealed);
        for caught in board.caught.iter_mut().filter(of_verifiers) {
            absences
                .entry((caught.attempt, caught.node))
                .or_default()
                .push(caught);
        }
        Self {
            attempts: board
                .attempts
                .iter_mut()
                .map(|attempt| (attempt.id, attempt))
                .collect(),
            verdicts,
            absences,
        }
    }

    fn assignment(&mut self, index: u64, envelope: &Envelope, record: &Assignment) {
        let says = assignment_says(&record.verifiers, &record.passed_over);
        self.step(record.attempt, index, envelope, "assignment", None, says);
        for node in &record.passed_over {
            self.evidence(record.attempt, *node, index, envelope);
        }
    }

    fn seal(&mut self, index: u64, envelope: &Envelope, record: &SealedRescore) {
        let signer = envelope.signers().first().copied().map(NodeId::new);
        self.step(
            record.attempt,
            index,
            envelope,
            "sealed-rescore",
            signer,
            SEALED.to_owned(),
        );
        if let Some(node) = signer {
            self.evidence(record.attempt, node, index, envelope);
        }
    }

    fn forfeit(&mut self, index: u64, envelope: &Envelope, record: &Forfeit) {
        let holder = self.attempts.get(&record.attempt).map(|attempt| attempt.node);
        let by = holder.filter(|node| envelope.signers().contains(node.key()));
        let says = "ended without a result".to_owned();
        self.step(record.attempt, index, envelope, "forfeit", by, says);
    }

    fn correction(&mut self, index: u64, envelope: &Envelope, record: &Correction) {
        if let Some(attempt) = self.verdicts.get(&record.corrects).copied() {
            let says = format!("withdraws the verdict: {}", record.reason);
            self.step(attempt, index, envelope, "correction", None, says);
        }
    }

    /// Puts a step where it belongs; one that is known already is said again, in full.
    fn step(
        &mut self,
        attempt: AttemptId,
        index: u64,
        envelope: &Envelope,
        kind: &'static str,
        by: Option<NodeId>,
        says: String,
    ) {
        let Some(attempt) = self.attempts.get_mut(&attempt) else {
            return;
        };
        let step = Step {
            index,
            record: envelope.id(),
            kind,
            by,
            says,
        };
        let trail = &mut attempt.trail;
        match trail.binary_search_by_key(&index, |known| known.index) {
            Ok(place) => {
                if let Some(known) = trail.get_mut(place) {
                    *known = step;
                }
            }
            Err(place) => trail.insert(place, step),
        }
    }

    /// Adds `envelope` to what shows an absence of `node`: the last one that it was drawn for before.
    fn evidence(&mut self, attempt: AttemptId, node: NodeId, index: u64, envelope: &Envelope) {
        let Some(view) = self.attempts.get(&attempt) else {
            return;
        };
        let absences = self.absences.get_mut(&(attempt, node));
        let absence = absences.into_iter().flatten().rev().find(|caught| {
            let drawn = caught.evidence.first().and_then(|record| view.index_of(record));
            drawn.is_some_and(|drawn| drawn < index)
        });
        if let Some(absence) = absence
            && !absence.evidence.contains(&envelope.id())
        {
            absence.evidence.push(envelope.id());
        }
    }
}
