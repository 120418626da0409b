//! `quorate task qualify`: a task's own solutions and planted cheats, scored in containers as a network would.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use quorate_artifacts::{Limits as Bound, Store};
use quorate_core::Digest;
use quorate_core::digest::{AgentId, ArtifactId};
use quorate_core::record::{
    Fault, Qualification, QualifyingRun, REFERENCE_SCORINGS, Record, Role, Scored, Usage,
};
use quorate_core::score::{Outcome, Score, median};
use quorate_core::text::Name;
use quorate_tasks::bundle;
use quorate_tasks::catalog::{Kind, Source, resolve};
use quorate_tasks::{Packed, pack_agent};
use tokio::task::JoinSet;

use super::{PackOptions, split_tier};
use crate::cli::workbench::{Workbench, open_artifacts};
use crate::cli::{Failure, Global};
use crate::clock::now;
use crate::config::Config;
use crate::home::{Home, KeyRole};
use crate::output::{json, line, say};
use crate::qualifications;
use crate::runner::{Attempt, Attempted, Scoring};
use crate::workshop::HomeWorkshop;

/// Files of one planted cheat.
const EXPLOIT: Bound = Bound {
    files: 20_000,
    bytes: 1 << 30,
};

#[derive(Debug, Args)]
pub(crate) struct Qualify {
    /// A shipped task's name or the path of a folder, and a tier: optimize-kernel/smoke
    #[arg(value_name = "TASK/TIER")]
    task: String,
    #[command(flatten)]
    options: PackOptions,
    /// Run only these solutions: null, start, reference, or an exploit's name. Makes no record
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    /// How often the reference is scored
    #[arg(long, default_value_t = REFERENCE_SCORINGS)]
    scorings: usize,
}

/// One solution to run.
#[derive(Debug, Clone)]
struct Candidate {
    role: Role,
    name: Name,
    /// Who makes the attempt; nobody hands in nothing.
    agent: Option<AgentId>,
    scorings: usize,
}

impl Qualify {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let config = Config::read(&home)?;
        let bench = Workbench::open(&home, &config, self.options.backend, open_artifacts(&home)?).await?;
        let bench = Arc::new(bench);
        let made = self.qualify(global, &home, &bench).await;
        bench.clear().await;
        made
    }

    async fn qualify(&self, global: &Global, home: &Home, bench: &Arc<Workbench>) -> anyhow::Result<()> {
        let (name, tier) = split_tier(&self.task);
        let Some(tier) = tier else {
            bail!("`{}` names no tier: add /smoke, /gpu or /full", self.task);
        };
        let source = resolve(Kind::Environment, name)?;
        let workshop = HomeWorkshop::open(home, Arc::clone(bench))?;
        let (options, from, store) = (self.options.clone(), source.clone(), Arc::clone(bench.store()));
        let packed = tokio::task::spawn_blocking(move || {
            let order = options.order(&from, tier)?;
            anyhow::Ok(bundle::pack(&order, &store, &workshop)?)
        })
        .await??;
        let _hold = bench.store().hold(ArtifactId(packed.bundle.0));
        let mut candidates = candidates(&source, bench.store(), self.scorings)?;
        if !self.only.is_empty() {
            candidates.retain(|candidate| self.only.iter().any(|name| name == candidate.name.as_str()));
        }
        say(format!(
            "{}: {} solutions on {} cores ({})",
            packed.spec.label(),
            candidates.len(),
            bench.cores(),
            bench.backend()
        ));
        let runs = run_all(bench, &packed, candidates).await?;
        let qualification = Qualification {
            bundle: packed.bundle,
            runs,
            host: crate::host::describe()?,
            at: now(),
        };
        // Of a part nothing follows for the whole.
        let faults = match self.only.is_empty() {
            true => qualification.faults(&packed.spec),
            false => Vec::new(),
        };
        let record = if faults.is_empty() && self.only.is_empty() {
            let key = home.ensure_key(KeyRole::Operator)?.0;
            let envelope = Record::Qualification(qualification.clone()).sign(&[&key])?;
            Some(qualifications::keep(home, packed.bundle, &envelope)?)
        } else {
            None
        };
        report(global, &packed, &qualification, &faults, record.as_deref())?;
        if faults.is_empty() {
            return Ok(());
        }
        Err(anyhow!(
            "{} does not qualify: {} fault(s)",
            packed.spec.label(),
            faults.len()
        )
        .context(Failure::Check))
    }
}

/// What is run, the longest first.
fn candidates(source: &Source, store: &Arc<Store>, scorings: usize) -> anyhow::Result<Vec<Candidate>> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = source.folder(Kind::Environment, scratch.path())?;
    let shipped =
        |name: &str| -> anyhow::Result<AgentId> { Ok(pack_agent(&resolve(Kind::Agent, name)?, store)?.0) };
    let candidate = |role, name: &str, agent, scorings| -> anyhow::Result<Candidate> {
        let name = Name::new(name).with_context(|| format!("`{name}` is no name for an exploit"))?;
        Ok(Candidate {
            role,
            name,
            agent,
            scorings,
        })
    };
    let mut list = vec![
        candidate(
            Role::Reference,
            "reference",
            Some(shipped("reference")?),
            scorings,
        )?,
        candidate(Role::Start, "start", Some(shipped("start")?), 1)?,
        candidate(Role::Null, "null", None, 1)?,
    ];
    let exploits = folder.join("exploits");
    let mut names: Vec<_> = match std::fs::read_dir(&exploits) {
        Ok(entries) => entries
            .collect::<Result<_, _>>()
            .context("cannot list the exploits")?,
        Err(_) => Vec::new(),
    };
    names.sort_by_key(std::fs::DirEntry::file_name);
    for entry in names {
        let agent = overlay(&entry.path(), store)?;
        list.push(candidate(
            Role::Exploit,
            &entry.file_name().to_string_lossy(),
            Some(agent),
            1,
        )?);
    }
    Ok(list)
}

/// The agent `overlay` with the files of one exploit.
fn overlay(files: &Path, store: &Arc<Store>) -> anyhow::Result<AgentId> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let agent = resolve(Kind::Agent, "overlay")?.folder(Kind::Agent, scratch.path())?;
    // By way of the store, which reads a folder that somebody wrote without following links.
    let id = store.add_dir(files, EXPLOIT)?;
    store.unpack(id, &agent.join("files"))?;
    Ok(pack_agent(&Source::Folder(agent), store)?.0)
}

/// Runs every candidate, as many at once as there are cores.
async fn run_all(
    bench: &Arc<Workbench>,
    packed: &Packed,
    candidates: Vec<Candidate>,
) -> anyhow::Result<Vec<QualifyingRun>> {
    let mut running = JoinSet::new();
    for candidate in candidates {
        let (bench, packed) = (Arc::clone(bench), packed.clone());
        running.spawn(async move { run(&bench, &packed, candidate).await });
    }
    let mut runs = Vec::new();
    while let Some(done) = running.join_next().await {
        let run = done??;
        say(format!("  {}", text(&run)));
        runs.push(run);
    }
    runs.sort_by(|a: &QualifyingRun, b| (a.role, &a.name).cmp(&(b.role, &b.name)));
    Ok(runs)
}

async fn run(bench: &Workbench, packed: &Packed, candidate: Candidate) -> anyhow::Result<QualifyingRun> {
    let (attempted, took) = match candidate.agent {
        None => {
            let artifact = nothing(bench.store())?;
            (
                Attempted::HandedIn {
                    artifact,
                    usage: Usage::default(),
                },
                Duration::ZERO,
            )
        }
        Some(agent) => {
            let attempt = Attempt {
                spec: &packed.spec,
                bundle: packed.bundle,
                agent,
                seed: Digest::from_bytes(rand::random()),
            };
            bench.attempt(attempt).await?
        }
    };
    let (mut scorings, mut times) = (Vec::new(), Vec::new());
    match attempted {
        // Nothing that could be scored: in a network the lease is forfeited.
        Attempted::Failed { note } => scorings.push(Scored::Invalid { reason: note }),
        Attempted::HandedIn { artifact, .. } => {
            let _hold = bench.store().hold(artifact);
            for _ in 0..candidate.scorings {
                let scoring = Scoring {
                    spec: &packed.spec,
                    bundle: packed.bundle,
                    artifact,
                    seed: Digest::from_bytes(rand::random()),
                };
                let made = bench.score(scoring).await;
                let (outcome, took) =
                    made.with_context(|| format!("`{}` cannot be scored here", candidate.name))?;
                scorings.push(scored(&outcome)?);
                times.push(took.as_secs_f64());
            }
        }
    }
    Ok(QualifyingRun {
        role: candidate.role,
        name: candidate.name,
        scorings,
        attempt_seconds: seconds(took.as_secs_f64())?,
        scoring_seconds: seconds(median(times))?,
    })
}

/// An artifact without files.
fn nothing(store: &Arc<Store>) -> anyhow::Result<ArtifactId> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    std::fs::write(folder.path().join("transcript.txt"), "")?;
    Ok(store.add_dir(folder.path(), EXPLOIT)?)
}

fn scored(outcome: &Outcome) -> anyhow::Result<Scored> {
    Ok(match outcome {
        Outcome::Valid { raw, samples } => Scored::Valid {
            raw: *raw,
            normalized: Score::new(samples.median())?,
        },
        Outcome::Invalid { reason } => Scored::Invalid {
            reason: reason.clone(),
        },
    })
}

/// To a hundredth.
fn seconds(seconds: f64) -> anyhow::Result<Score> {
    Ok(Score::new((seconds * 100.0).round() / 100.0)?)
}

/// One solution in one line.
fn text(run: &QualifyingRun) -> String {
    let scores: Vec<f64> = run.scores().collect();
    let came_to = match run.scorings.first() {
        Some(Scored::Invalid { reason }) => format!("invalid: {reason}"),
        _ if scores.len() > 1 => format!(
            "{:.3}, spread {:.3} over {}",
            median(scores.clone()),
            run.spread(),
            scores.len()
        ),
        _ => format!("{:.3}", median(scores)),
    };
    format!(
        "{:<10} {:<24} attempt {:>6.2} s, scoring {:>6.2} s   {came_to}",
        format!("{:?}", run.role).to_lowercase(),
        run.name,
        run.attempt_seconds.get(),
        run.scoring_seconds.get()
    )
}

fn report(
    global: &Global,
    packed: &Packed,
    qualification: &Qualification,
    faults: &[Fault],
    record: Option<&Path>,
) -> anyhow::Result<()> {
    if global.json {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return json(&serde_json::json!({
            "task": packed.spec.label(), "agreement": packed.spec.agreement, "qualification": qualification,
            "faults": faults, "record": record,
        }));
    }
    for run in &qualification.runs {
        line(text(run));
    }
    for fault in faults {
        line(format!("fault      {fault}"));
    }
    match record {
        Some(path) => say(format!(
            "{} qualifies; the record is {}",
            packed.spec.label(),
            path.display()
        )),
        None => say("No record was written."),
    }
    Ok(())
}
