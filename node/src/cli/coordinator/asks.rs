//! What the owner asks of the coordinator that runs in the home: admit, invite, correct.

use anyhow::{Context as _, bail};
use clap::Args;
use quorate_core::PublicKey;
use quorate_core::digest::AttemptId;
use quorate_core::history::Phase;
use quorate_core::record::Admitted;
use quorate_core::text::Note;

use super::super::Global;
use super::super::lookup::unique;
use crate::control::{self, Answer, Ask};
use crate::home::{Home, KeyRole};
use crate::invitation::Invitation;
use crate::ledgers::LedgerHome;
use crate::output::{json, line, say};
use crate::reading;

#[derive(Debug, Args)]
pub(crate) struct Admit {
    /// Operators' keys, as `quorate id` shows them
    #[arg(required = true, value_name = "OPERATOR")]
    operators: Vec<PublicKey>,
}

impl Admit {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let mut admitted = Vec::new();
        for operator in self.operators {
            let index = admit(&home, Admitted::Operator(operator))
                .await
                .with_context(|| format!("operator {operator} was not admitted"))?;
            if !global.json {
                line(format!("{operator} is admitted, entry {index}"));
            }
            admitted.push(serde_json::json!({ "operator": operator, "index": index }));
        }
        if global.json {
            json(&serde_json::json!({ "admitted": admitted }))?;
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// How many codes to make: each lets in one operator
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
}

impl Invite {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let coordinator = home.key(KeyRole::Coordinator)?.node_id();
        let mut codes = Vec::new();
        for _ in 0..self.count {
            let invitation = Invitation::generate(coordinator);
            // A code that the log does not know yet would be refused to whoever is quick.
            admit(&home, Admitted::Invitation(invitation.key.public())).await?;
            if !global.json {
                line(invitation.code());
            }
            codes.push(invitation.code());
        }
        if global.json {
            return json(&serde_json::json!({ "codes": codes }));
        }
        say("Each code lets in one operator, once: quorate node run --coordinator ADDRESS --invitation CODE");
        Ok(())
    }
}

async fn admit(home: &Home, admits: Admitted) -> anyhow::Result<u64> {
    match control::ask(&home.control(), &Ask::Admit { admits }).await? {
        Answer::Recorded { index } => Ok(index),
        other => bail!("the coordinator answered something else: {other:?}"),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Correct {
    /// The attempt's id or the beginning of it
    attempt: String,
    /// Why, for everybody to read; at most 500 bytes
    #[arg(long)]
    reason: Note,
}

impl Correct {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        if self.reason.as_str().trim().is_empty() {
            bail!("a row is not withdrawn without a reason: say why after --reason");
        }
        let key = home.key(KeyRole::Coordinator)?.public();
        let ledger = LedgerHome::find(&home, &key)?;
        let ledger = ledger.context("this home holds no log of its own: pass the coordinator's --home")?;
        let history = reading::read(&ledger.files(), &ledger.key)?.history;
        let (id, attempt) = unique("attempt", &self.attempt, history.attempts())?;
        let verdict = match &attempt.phase {
            Phase::Decided { record, .. } => *record,
            Phase::Forfeited(_) => bail!("attempt {id} ended without a verdict: there is no row to withdraw"),
            _ => bail!("attempt {id} has no verdict yet: there is nothing to withdraw before it has"),
        };
        let reason = self.reason;
        match control::ask(&home.control(), &Ask::Correct { verdict, reason }).await? {
            Answer::Recorded { index } => told(global, *id, index),
            other => bail!("the coordinator answered something else: {other:?}"),
        }
    }
}

fn told(global: &Global, attempt: AttemptId, index: u64) -> anyhow::Result<()> {
    if global.json {
        return json(&serde_json::json!({ "attempt": attempt, "index": index }));
    }
    line(format!(
        "attempt {attempt} is withdrawn, entry {index}: it stays visible, with the reason"
    ));
    Ok(())
}
