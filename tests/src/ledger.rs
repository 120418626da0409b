//! What the ledger says, read from plain files while another process writes them.

use std::fs;
use std::path::{Path, PathBuf};

use quorate_core::digest::AttemptId;
use quorate_core::history::Phase;
use quorate_core::{Envelope, History, NodeId, PublicKey, Record};
use quorate_ledger::{VerifierKey, read_directory};

/// The entries of a log and what they come to, every byte and rule checked.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The entries, in order.
    pub entries: Vec<Envelope>,
    /// What they come to.
    pub history: History,
}

impl Ledger {
    /// Reads the one ledger of a home.
    ///
    /// # Errors
    /// Where it is not there, does not fit its signed checkpoint, or breaks a rule. A reader may
    /// also see a file vanish that a newer one replaced: then reading again helps.
    pub fn read(home: &Path) -> Result<Self, String> {
        let folder = folder(home).ok_or("no ledger yet")?;
        let key = fs::read_to_string(folder.join("log.key")).map_err(|error| error.to_string())?;
        let key: VerifierKey = key.trim_end().parse().map_err(|error| format!("{error}"))?;
        let mut raw = Vec::new();
        let mut visit = |_: u64, bytes: &[u8]| raw.push(bytes.to_vec());
        read_directory(&folder.join("files"), &key, &mut visit).map_err(|error| format!("{error:?}"))?;
        let decode = |bytes: &Vec<u8>| Envelope::decode(bytes).map_err(|error| error.to_string());
        let entries: Vec<Envelope> = raw.iter().map(decode).collect::<Result<_, _>>()?;
        let history = History::replay(raw.iter().map(Vec::as_slice))
            .map_err(|(index, error)| format!("entry {index}: {error}"))?;
        Ok(Self {
            entries,
            history: history.ok_or("the ledger is empty")?,
        })
    }

    /// The records, in order.
    pub fn records(&self) -> Vec<Record> {
        self.entries
            .iter()
            .map(|envelope| Record::read(envelope).unwrap())
            .collect()
    }

    /// Whether every attempt that was asked for has ended.
    pub fn is_over(&self) -> bool {
        let ended = |phase: &Phase| matches!(phase, Phase::Decided { .. } | Phase::Forfeited(_));
        !self.history.campaigns().is_empty()
            && self.history.open_slots().is_empty()
            && self
                .history
                .attempts()
                .values()
                .all(|attempt| ended(&attempt.phase))
    }

    /// How many attempts ended with a verdict.
    pub fn decided(&self) -> usize {
        self.history
            .attempts()
            .values()
            .filter(|attempt| attempt.verdict().is_some())
            .count()
    }

    /// The node whose operator calls itself `name`.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        let mut nodes = self.history.nodes().iter();
        nodes
            .find(|(_, state)| state.name.as_str() == name)
            .map(|(id, _)| *id)
    }

    /// Prints the log, a line a record.
    pub(crate) fn print(&self) {
        for (index, (record, envelope)) in self.records().iter().zip(&self.entries).enumerate() {
            let name = |key: &PublicKey| match self.history.nodes().get(&NodeId::new(*key)) {
                Some(node) => node.name.to_string(),
                None if *key == self.history.coordinator().key => "coordinator".to_owned(),
                None => "operator".to_owned(),
            };
            let signers: Vec<String> = envelope.signers().iter().map(name).collect();
            let (attempt, more) = match record {
                Record::Lease(lease) => (Some(AttemptId(envelope.id().0)), name(lease.node.key())),
                Record::SealedClaim(claim) => (Some(claim.attempt), String::new()),
                Record::Forfeit(forfeit) => (Some(forfeit.attempt), format!("{:?}", forfeit.reason)),
                Record::Assignment(a) => {
                    let names =
                        |nodes: &[NodeId]| nodes.iter().map(|n| name(n.key())).collect::<Vec<_>>().join(" ");
                    (
                        Some(a.attempt),
                        format!(
                            "draws {}; passes over {}",
                            names(&a.verifiers),
                            names(&a.passed_over)
                        ),
                    )
                }
                Record::SealedRescore(rescore) => (Some(rescore.attempt), String::new()),
                Record::Reveal(reveal) => (Some(reveal.attempt()), String::new()),
                Record::Verdict(verdict) => (Some(verdict.attempt), verdict.decision.name().to_owned()),
                _ => (None, String::new()),
            };
            let attempt = attempt.map(|id| id.short()).unwrap_or_default();
            eprintln!(
                "{index:4} {attempt:8} {} by {} {more}",
                record.kind(),
                signers.join(", ")
            );
        }
    }

    /// Asserts what the rules promise, over again and by counting: each attempt ended exactly once,
    /// with at most one sealed claim and one seal and one reveal of each verifier.
    pub fn assert_each_attempt_ended_once(&self) {
        assert!(self.is_over(), "an attempt has not ended");
        let records = self.records();
        for id in self.history.attempts().keys() {
            let count =
                |wanted: &dyn Fn(&Record) -> bool| records.iter().filter(|record| wanted(record)).count();
            let claims = count(&|r| matches!(r, Record::SealedClaim(c) if c.attempt == *id));
            let forfeits = count(&|r| matches!(r, Record::Forfeit(f) if f.attempt == *id));
            let verdicts = count(&|r| matches!(r, Record::Verdict(v) if v.attempt == *id));
            assert!(claims <= 1, "attempt {id} was claimed {claims} times");
            assert_eq!(
                forfeits + verdicts,
                1,
                "attempt {id}: {forfeits} forfeits, {verdicts} verdicts"
            );
            let mut seals: Vec<_> = records
                .iter()
                .zip(&self.entries)
                .filter(|(r, _)| matches!(r, Record::SealedRescore(s) if s.attempt == *id))
                .map(|(_, envelope)| envelope.signers()[0])
                .collect();
            let all = seals.len();
            seals.sort_unstable();
            seals.dedup();
            assert_eq!(seals.len(), all, "a verifier of attempt {id} sealed twice");
        }
    }
}

/// How many entries the latest checkpoint of a home's ledger signs, without checking anything.
pub fn size(home: &Path) -> u64 {
    let checkpoint = folder(home).and_then(|folder| fs::read_to_string(folder.join("files/checkpoint")).ok());
    checkpoint
        .and_then(|text| text.lines().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// The folder of a home's one ledger.
pub fn folder(home: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(home.join("ledgers")).ok()?;
    Some(entries.next()?.ok()?.path())
}
