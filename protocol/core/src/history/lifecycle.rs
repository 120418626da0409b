//! Rules of an attempt's life: lease, seal or forfeit, draw, seals, reveals, verdict.

use super::{
    Assigned, AssignedState, Attempt, Extent, History, Phase, Proceedings, RuleError, require, signed_by,
    unknown,
};
use crate::digest::{AttemptId, Digest};
use crate::envelope::Envelope;
use crate::identity::PublicKey;
use crate::record::{Assignment, Forfeit, ForfeitReason, Lease, Reveal, SealedClaim, SealedRescore, Verdict};

impl History {
    pub(super) fn grant(&mut self, envelope: &Envelope, lease: Lease) -> Result<(), RuleError> {
        const KIND: &str = "lease";
        self.signed_by_coordinator(envelope, KIND)?;
        let operator = self
            .nodes
            .get(&lease.node)
            .ok_or_else(|| unknown(KIND, &lease.node))?
            .operator;
        let spec = self
            .bundles
            .get(&lease.bundle)
            .ok_or_else(|| unknown(KIND, &lease.bundle))?;
        let budget = spec.attempt.seconds;
        let campaign = self
            .campaigns
            .get_mut(&lease.campaign)
            .ok_or_else(|| unknown(KIND, &lease.campaign))?;
        let terms = &campaign.terms;
        let asked = terms.bundles.contains(&lease.bundle) && terms.agents.iter().any(|a| a.id == lease.agent);
        require(asked, KIND, "its campaign asks for no such bundle and agent")?;
        let slot = (lease.bundle, lease.agent);
        let granted = match self.extent {
            Extent::Whole => campaign.leases.get(&slot).copied().unwrap_or(0),
            Extent::Excerpt => lease.number,
        };
        let standing = campaign.standing.get(&slot).copied().unwrap_or(0);
        require(lease.number == granted, KIND, "leases are numbered in order")?;
        require(
            granted < terms.max_leases,
            KIND,
            "its campaign grants no more leases for this bundle and agent",
        )?;
        require(
            standing < terms.attempts,
            KIND,
            "its campaign has the attempts it asked for",
        )?;
        let seconds = u64::from(budget) + u64::from(terms.grace_seconds);
        let latest = lease.at.after(std::time::Duration::from_secs(seconds));
        require(
            lease.deadline > lease.at && lease.deadline <= latest,
            KIND,
            "its deadline is beyond budget and grace",
        )?;
        campaign.leases.insert(slot, granted + 1);
        campaign.standing.insert(slot, standing + 1);
        let attempt = Attempt {
            lease,
            index: self.size,
            operator,
            phase: Phase::Leased,
            withdrawn: None,
        };
        self.attempts.insert(AttemptId(envelope.id().0), attempt);
        Ok(())
    }

    pub(super) fn seal_claim(&mut self, envelope: &Envelope, claim: &SealedClaim) -> Result<(), RuleError> {
        const KIND: &str = "sealed-claim";
        let attempt = find(&self.attempts, KIND, claim.attempt)?;
        signed_by(
            envelope,
            KIND,
            &[*attempt.lease.node.key()],
            "the node that holds the lease",
        )?;
        require(
            matches!(attempt.phase, Phase::Leased),
            KIND,
            "its attempt has ended or is sealed already",
        )?;
        let in_time = claim.at >= attempt.lease.at && claim.at <= attempt.lease.deadline;
        require(in_time, KIND, "it was not sealed between lease and deadline")?;
        let quorum = self
            .policy(attempt)
            .ok_or_else(|| unknown(KIND, &attempt.lease.campaign))?
            .replicas;
        let proceedings = Proceedings {
            claim: claim.clone(),
            claim_record: envelope.id(),
            claim_index: self.size,
            claim_digest: Digest::of(envelope.payload()),
            quorum,
            claimed: None,
            draw: None,
            rounds: 0,
            assigned: Vec::new(),
            seals: Vec::new(),
        };
        self.set_phase(claim.attempt, Phase::Verifying(Box::new(proceedings)));
        Ok(())
    }

    pub(super) fn forfeit(&mut self, envelope: &Envelope, record: Forfeit) -> Result<(), RuleError> {
        const KIND: &str = "forfeit";
        let attempt = find(&self.attempts, KIND, record.attempt)?;
        require(
            matches!(attempt.phase, Phase::Leased),
            KIND,
            "its attempt has ended or is sealed already",
        )?;
        if record.reason == ForfeitReason::DeadlinePassed {
            self.signed_by_coordinator(envelope, KIND)?;
            require(
                record.at > attempt.lease.deadline,
                KIND,
                "the deadline has not passed",
            )?;
        } else {
            signed_by(
                envelope,
                KIND,
                &[*attempt.lease.node.key()],
                "the node that holds the lease",
            )?;
        }
        let slot = (attempt.lease.bundle, attempt.lease.agent);
        let campaign = attempt.lease.campaign;
        if let Some(standing) = self
            .campaigns
            .get_mut(&campaign)
            .and_then(|c| c.standing.get_mut(&slot))
        {
            *standing = standing.saturating_sub(1);
        }
        self.set_phase(record.attempt, Phase::Forfeited(record.reason));
        Ok(())
    }

    pub(super) fn assign(&mut self, envelope: &Envelope, record: &Assignment) -> Result<(), RuleError> {
        const KIND: &str = "assignment";
        self.signed_by_coordinator(envelope, KIND)?;
        let attempt = find(&self.attempts, KIND, record.attempt)?;
        let Phase::Verifying(proceedings) = &attempt.phase else {
            return require(false, KIND, "its attempt is not being verified");
        };
        let output = self
            .coordinator
            .vrf_key
            .verify(&proceedings.draw_input(), &record.draw)
            .map_err(|_| RuleError::Broken {
                kind: KIND,
                rule: "its draw does not verify",
            })?;
        let plan = match self.extent {
            Extent::Whole => self.plan_assignment(attempt, proceedings, &output, record.at),
            Extent::Excerpt => self.plan_as_stated(attempt, proceedings, &output, record),
        };
        let plan = plan.ok_or(RuleError::Broken {
            kind: KIND,
            rule: "nobody is to be drawn or passed over now",
        })?;
        require(
            record.round == plan.round,
            KIND,
            "assignments are numbered in order",
        )?;
        let deadlines = record.seal_by == plan.seal_by && record.reveal_by == plan.reveal_by;
        require(deadlines, KIND, "its deadlines are not the policy's")?;
        require(
            record.passed_over == plan.passed_over,
            KIND,
            "it passes over exactly those who are late",
        )?;
        require(
            record.quorum == plan.quorum,
            KIND,
            "its quorum is not what policy and credit give",
        )?;
        require(
            record.verifiers == plan.verifiers,
            KIND,
            "its verifiers are not those the draw gives",
        )?;

        let mut after = proceedings.as_ref().clone();
        after.draw = Some(output);
        after.rounds += 1;
        // By the quorum so far: it says which seals may be opened, and so who is late.
        after.pass_over(record.at);
        after.quorum = plan.quorum;
        // Whoever is still at work waits for the new seals, and so does the executor.
        for assigned in after.assigned.iter_mut().filter(|a| a.is_live()) {
            assigned.reveal_by = plan.reveal_by;
        }
        for node in plan.verifiers {
            let operator = self
                .nodes
                .get(&node)
                .ok_or_else(|| unknown(KIND, &node))?
                .operator;
            after.assigned.push(Assigned {
                node,
                operator,
                assignment: envelope.id(),
                seal_by: plan.seal_by,
                reveal_by: plan.reveal_by,
                state: AssignedState::Waiting,
            });
        }
        for node in &plan.passed_over {
            if let Some(state) = self.nodes.get_mut(node) {
                state.dormant = true;
            }
        }
        self.settle_passed_over(&after, &plan.passed_over, record.at);
        self.set_phase(record.attempt, Phase::Verifying(Box::new(after)));
        Ok(())
    }

    pub(super) fn seal_rescore(
        &mut self,
        envelope: &Envelope,
        record: &SealedRescore,
    ) -> Result<(), RuleError> {
        const KIND: &str = "sealed-rescore";
        let signer = single_signer(envelope, KIND)?;
        let proceedings = self.verifying_mut(KIND, record.attempt)?;
        // Else a verifier could repeat another's seal, and then what the other reveals.
        let copied = proceedings.seals.contains(&record.commitment);
        let assigned = assigned_mut(proceedings, KIND, signer)?;
        require(
            assigned.state == AssignedState::Waiting,
            KIND,
            "a verifier seals once",
        )?;
        require(record.at <= assigned.seal_by, KIND, "it was sealed too late")?;
        require(!copied, KIND, "no two seals of an attempt are the same")?;
        assigned.state = AssignedState::Sealed(record.commitment, envelope.id());
        proceedings.seals.push(record.commitment);
        Ok(())
    }

    pub(super) fn reveal(&mut self, envelope: &Envelope, record: Reveal) -> Result<(), RuleError> {
        const KIND: &str = "reveal";
        let attempt = find(&self.attempts, KIND, record.attempt())?;
        let Phase::Verifying(proceedings) = &attempt.phase else {
            return require(false, KIND, "its attempt is not being verified");
        };
        require(
            proceedings.may_reveal(),
            KIND,
            "a seal is opened only when every seal is in",
        )?;
        match record {
            Reveal::Claim(claim) => {
                signed_by(
                    envelope,
                    KIND,
                    &[*attempt.lease.node.key()],
                    "the node that holds the lease",
                )?;
                require(proceedings.claimed.is_none(), KIND, "a seal is opened once")?;
                require(
                    proceedings.claim.commitment.is_opened_by(envelope),
                    KIND,
                    "it does not open the claim's seal",
                )?;
                let mut after = proceedings.as_ref().clone();
                after.claimed = Some((claim.outcome, envelope.id()));
                self.set_phase(claim.attempt, Phase::Verifying(Box::new(after)));
                Ok(())
            }
            Reveal::Rescore(statement) => {
                let artifact = proceedings.claim.artifact;
                require(
                    statement.artifact == artifact,
                    KIND,
                    "it is about another artifact",
                )?;
                let signer = single_signer(envelope, KIND)?;
                let assigned = assigned_mut(self.verifying_mut(KIND, statement.attempt)?, KIND, signer)?;
                let AssignedState::Sealed(commitment, _) = assigned.state else {
                    return require(false, KIND, "its signer has no seal to open");
                };
                require(
                    commitment.is_opened_by(envelope),
                    KIND,
                    "it does not open its signer's seal",
                )?;
                assigned.state = AssignedState::Revealed(statement.predicate.outcome, envelope.id());
                Ok(())
            }
        }
    }

    pub(super) fn conclude(&mut self, envelope: &Envelope, verdict: Verdict) -> Result<(), RuleError> {
        const KIND: &str = "verdict";
        self.signed_by_coordinator(envelope, KIND)?;
        let attempt = find(&self.attempts, KIND, verdict.attempt)?;
        let Phase::Verifying(proceedings) = &attempt.phase else {
            return require(false, KIND, "its attempt is not being verified");
        };
        let Some(expected) = self.judge_attempt(attempt, proceedings, verdict.at) else {
            require(proceedings.all_revealed(), KIND, "a verifier has not revealed")?;
            let may_close = proceedings.claimed.is_some() || proceedings.is_over(verdict.at);
            require(may_close, KIND, "the executor may still open its claim")?;
            return require(false, KIND, "more verifiers are to be drawn first");
        };
        let unstamped = Verdict {
            at: expected.at,
            ..verdict.clone()
        };
        require(unstamped == expected, KIND, "it is not what the rescores come to")?;
        let (proceedings, executor) = (proceedings.clone(), attempt.lease.node);
        self.settle_verdict(&executor, &verdict);
        let id = verdict.attempt;
        self.set_phase(
            id,
            Phase::Decided {
                proceedings,
                verdict,
                record: envelope.id(),
            },
        );
        Ok(())
    }

    fn set_phase(&mut self, id: AttemptId, phase: Phase) {
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.phase = phase;
        }
    }

    fn verifying_mut(&mut self, kind: &'static str, id: AttemptId) -> Result<&mut Proceedings, RuleError> {
        let attempt = self.attempts.get_mut(&id).ok_or_else(|| unknown(kind, &id))?;
        match &mut attempt.phase {
            Phase::Verifying(proceedings) => Ok(proceedings),
            _ => Err(RuleError::Broken {
                kind,
                rule: "its attempt is not being verified",
            }),
        }
    }
}

fn assigned_mut<'a>(
    proceedings: &'a mut Proceedings,
    kind: &'static str,
    signer: PublicKey,
) -> Result<&'a mut Assigned, RuleError> {
    proceedings
        .assigned
        .iter_mut()
        .find(|a| a.is_live() && *a.node.key() == signer)
        .ok_or(RuleError::Signer {
            kind,
            expected: "a verifier drawn for the attempt",
        })
}

fn find<'a>(
    attempts: &'a std::collections::BTreeMap<AttemptId, Attempt>,
    kind: &'static str,
    id: AttemptId,
) -> Result<&'a Attempt, RuleError> {
    attempts.get(&id).ok_or_else(|| unknown(kind, &id))
}

fn single_signer(envelope: &Envelope, kind: &'static str) -> Result<PublicKey, RuleError> {
    match envelope.signers() {
        [signer] => Ok(*signer),
        _ => Err(RuleError::Signer {
            kind,
            expected: "one verifier",
        }),
    }
}
