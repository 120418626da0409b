//! One provider in the course of one fetch: what it brought, and whether to go on with it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quorate_core::NodeId;

use super::{Fault, Outcome};

/// How often a provider may fail in passing without bringing anything in between.
const MAX_STRIKES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A provider in the course of one fetch.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) id: NodeId,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    bytes: u64,
    strikes: u32,
    /// The last fault that may pass, until the provider brings something after it.
    passing: Option<Fault>,
    /// Why it was given up.
    fault: Option<Fault>,
}

impl Provider {
    pub(super) fn new(id: NodeId) -> Self {
        Self {
            id,
            record: Mutex::default(),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_out(&self) -> bool {
        self.record().fault.is_some()
    }

    /// Counts verified bytes. Whoever brings something may fail in passing as often again.
    pub(super) fn brought(&self, bytes: u64) {
        let mut record = self.record();
        record.bytes += bytes;
        record.strikes = 0;
        record.passing = None;
    }

    /// Counts a fault. Gives how long to wait before trying again, where that is worth it.
    pub(super) fn strike(&self, fault: Fault) -> Option<Duration> {
        tracing::debug!(provider = %self.id, %fault, "a provider failed");
        let mut record = self.record();
        if fault.is_passing() && record.strikes < MAX_STRIKES && record.fault.is_none() {
            record.strikes += 1;
            record.passing = Some(fault);
            return Some(FIRST_PAUSE * 2_u32.pow(record.strikes - 1));
        }
        // Two streams may fail for two reasons; the graver one is told.
        if record
            .fault
            .as_ref()
            .is_none_or(|known| fault.is_dishonest() && !known.is_dishonest())
        {
            record.fault = Some(fault);
        }
        None
    }

    pub(super) fn outcome(self) -> Outcome {
        let record = self.record.into_inner().unwrap_or_else(PoisonError::into_inner);
        Outcome {
            provider: self.id,
            bytes: record.bytes,
            fault: record.fault.or(record.passing),
        }
    }
}
