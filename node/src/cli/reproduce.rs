//! `quorate reproduce`: one attempt's artifact, scored again on this machine.

mod compare;

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use quorate_artifacts::Store;
use quorate_core::digest::{ArtifactId, AttemptId};
use quorate_core::history::Attempt;
use quorate_core::record::{Decision, Published};
use quorate_core::score::Outcome;
use quorate_core::task::{DeviceKind, TaskSpec};
use quorate_core::verdict::Rescore;
use quorate_core::{Digest, History, NodeId, draw};
use serde::Serialize;

use self::compare::{Conclusion, Measured, conclude, relation_name};
use super::ledger::{followed, is_held, judged};
use super::peer::{Peer, Reach};
use super::workbench::{Workbench, open_artifacts};
use super::{BackendChoice, Failure, Global, lookup};
use crate::config::Config;
use crate::follower::Follower;
use crate::home::Home;
use crate::ledgers::LedgerHome;
use crate::output::{json, line, say};
use crate::reading;
use crate::runner::Scoring;

/// Score an attempt's artifact on this machine and compare with what was published.
#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    /// The attempt's id or the beginning of it
    attempt: String,
    #[command(flatten)]
    reach: Reach,
    /// Which ledger, if the home holds several: its origin, or the beginning of its coordinator's id
    #[arg(long)]
    log: Option<String>,
    /// Which container backend to use
    #[arg(long, value_enum)]
    backend: Option<BackendChoice>,
}

/// An attempt of a ledger and what is needed to score it.
struct Subject {
    history: History,
    id: AttemptId,
    artifact: ArtifactId,
    seed: Digest,
    spec: TaskSpec,
}

/// One verifier's rescore beside this machine's.
#[derive(Debug, Serialize)]
struct Compared {
    node: NodeId,
    operator: Option<String>,
    made_the_verdict: bool,
    score: Measured,
    relation: &'static str,
}

/// The whole comparison.
#[derive(Debug, Serialize)]
struct Reproduction {
    attempt: AttemptId,
    task: String,
    artifact: ArtifactId,
    scoring_seed: Digest,
    verdict: Option<&'static str>,
    published: Option<Published>,
    rescores: Vec<Compared>,
    here: Measured,
    backend: String,
    conclusion: Conclusion,
}

impl Reproduce {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let config = Config::read(&home)?;
        let peer = self.peer(&home, &config).await?;
        let reproduction = Box::pin(self.reproduce(&home, &config, peer.as_ref())).await;
        if let Some(peer) = peer {
            peer.leave().await;
        }
        let reproduction = reproduction?;
        if global.json {
            json(&reproduction)?;
        } else {
            reproduction.print();
        }
        match reproduction.conclusion {
            Conclusion::Disagrees => {
                let what = format!(
                    "this machine's score of attempt {} contradicts the published one",
                    reproduction.attempt
                );
                Err(anyhow!(what).context(Failure::Check))
            }
            _ => Ok(()),
        }
    }

    /// Brings the ledger up to date where a coordinator can be reached. What is here is enough
    /// otherwise, if the artifact is here too.
    async fn peer(&self, home: &Home, config: &Config) -> anyhow::Result<Option<Peer>> {
        let coordinators = self.reach.coordinators(config)?;
        if coordinators.is_empty() {
            return Ok(None);
        }
        match self.reach.join_any(&coordinators).await {
            Ok(peer) => {
                sync(home, &peer).await?;
                Ok(Some(peer))
            }
            Err(error)
                if error.downcast_ref() == Some(&Failure::Unreachable)
                    && !LedgerHome::all(home)?.is_empty() =>
            {
                say(format!("{error:#}; going on with what this home holds"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn reproduce(
        &self,
        home: &Home,
        config: &Config,
        peer: Option<&Peer>,
    ) -> anyhow::Result<Reproduction> {
        let subject = self.subject(home)?;
        let attempt = subject.attempt()?;
        let bundle = attempt.lease.bundle;
        let artifacts = open_artifacts(home)?;
        let holders = holders(attempt);
        bring(&artifacts.store, ArtifactId(bundle.0), &holders, peer).await?;
        bring(&artifacts.store, subject.artifact, &holders, peer).await?;
        if quorate_tasks::bundle::open(&artifacts.store, bundle)? != subject.spec {
            let what = anyhow!("the bundle's own terms are not those that the log gives for it");
            return Err(what.context(Failure::Check));
        }

        let here = Workbench::open(home, config, self.backend, artifacts).await?;
        say(format!(
            "Scoring {} in a container ({}) …",
            subject.spec.label(),
            here.backend()
        ));
        if let Some(image) = here.missing_image(&subject.spec.image).await? {
            bring(here.store(), image, &holders, peer).await?;
        }
        let scoring = Scoring {
            spec: &subject.spec,
            bundle,
            artifact: subject.artifact,
            seed: subject.seed,
        };
        let outcome = here.score(scoring).await.map(|(outcome, _)| outcome);
        let backend = here.backend().to_string();
        here.clear().await;
        Ok(Reproduction::new(&subject, attempt, &outcome?, backend))
    }

    fn subject(&self, home: &Home) -> anyhow::Result<Subject> {
        let ledgers = match &self.log {
            Some(log) => vec![LedgerHome::choose(home, Some(log))?],
            None => LedgerHome::all(home)?,
        };
        if ledgers.is_empty() {
            return Err(crate::ledgers::LedgersError::None.into());
        }
        let mut histories = Vec::new();
        for ledger in &ledgers {
            histories.push(
                reading::read(&ledger.files(), &ledger.key)
                    .map_err(judged)?
                    .history,
            );
        }
        let all = histories
            .iter()
            .flat_map(|history| history.attempts().keys().map(move |id| (*id, history)));
        let (id, history) = lookup::unique("attempt", &self.attempt, all)?;
        Subject::new(history.clone(), id)
    }
}

impl Subject {
    fn new(history: History, id: AttemptId) -> anyhow::Result<Self> {
        let attempt = history
            .attempts()
            .get(&id)
            .context("the ledger lost the attempt")?;
        let Some(proceedings) = attempt.proceedings() else {
            bail!("attempt {id} handed nothing in, so there is nothing to score");
        };
        let Some(output) = &proceedings.draw else {
            bail!(
                "the verifiers of attempt {id} are not drawn yet, so its scoring seed does not exist: try again later"
            );
        };
        let spec = history
            .spec(attempt)
            .context("the ledger holds no terms for the attempt's task")?
            .clone();
        if spec.device == DeviceKind::Gpu {
            bail!(
                "{} needs a GPU, and this version scores on CPUs only",
                spec.label()
            );
        }
        let (artifact, seed) = (proceedings.claim.artifact, draw::scoring_seed(output, id));
        Ok(Self {
            artifact,
            seed,
            spec,
            id,
            history,
        })
    }

    fn attempt(&self) -> anyhow::Result<&Attempt> {
        self.history
            .attempts()
            .get(&self.id)
            .context("the ledger lost the attempt")
    }
}

/// Brings the home's copy of the coordinator's log up to date, unless a running node does that.
async fn sync(home: &Home, peer: &Peer) -> anyhow::Result<()> {
    match Follower::open(home.clone(), peer.network().clone(), peer.coordinator()).await {
        Ok(follower) => {
            follower.sync().await.map_err(followed)?;
            Ok(())
        }
        Err(error) if is_held(&error) => Ok(()),
        Err(error) => Err(followed(error)),
    }
}

/// Those who had the artifact once: executor and verifiers.
fn holders(attempt: &Attempt) -> Vec<NodeId> {
    let verifiers = attempt
        .proceedings()
        .into_iter()
        .flat_map(|p| p.assigned.iter().map(|assigned| assigned.node));
    std::iter::once(attempt.lease.node).chain(verifiers).collect()
}

async fn bring(
    store: &Arc<Store>,
    id: ArtifactId,
    holders: &[NodeId],
    peer: Option<&Peer>,
) -> anyhow::Result<()> {
    match peer {
        Some(peer) => peer.fetch(store, id, holders, "reproduced").await,
        None if store.has(id) => Ok(()),
        None => Err(anyhow!(
            "artifact {id} is not here: pass --coordinator ADDRESS of one that can be reached"
        )
        .context(Failure::Unreachable)),
    }
}

impl Reproduction {
    fn new(subject: &Subject, attempt: &Attempt, outcome: &Outcome, backend: String) -> Self {
        let rule = &subject.spec.agreement;
        let verdict = attempt.verdict();
        let agreeing = verdict
            .map(|verdict| verdict.agreeing.as_slice())
            .unwrap_or_default();
        let revealed: Vec<Rescore<'_>> = attempt.proceedings().map(|p| p.rescores()).unwrap_or_default();
        let compared = |rescore: &Rescore<'_>| Compared {
            node: rescore.node,
            operator: subject
                .history
                .nodes()
                .get(&rescore.node)
                .map(|node| node.name.to_string()),
            made_the_verdict: agreeing.contains(&rescore.node),
            score: Measured::of(rescore.outcome, rule),
            relation: relation_name(rule.relate(outcome, rescore.outcome)),
        };
        let decisive = revealed
            .iter()
            .filter(|rescore| agreeing.contains(&rescore.node))
            .map(|rescore| rescore.outcome);
        Self {
            attempt: subject.id,
            task: subject.spec.label(),
            artifact: subject.artifact,
            scoring_seed: subject.seed,
            verdict: verdict.map(|verdict| verdict.decision.name()),
            published: verdict.and_then(|verdict| match &verdict.decision {
                Decision::Accepted { score } => Some(*score),
                _ => None,
            }),
            conclusion: conclude(rule, outcome, decisive),
            rescores: revealed.iter().map(compared).collect(),
            here: Measured::of(outcome, rule),
            backend,
        }
    }

    fn print(&self) {
        line(format!("attempt     {}", self.attempt));
        line(format!("task        {}", self.task));
        line(format!("artifact    {}", self.artifact));
        line(format!("seed        {}", self.scoring_seed));
        line(match (&self.published, self.verdict) {
            (Some(score), _) => format!(
                "published   {:.3}, from {:.3} to {:.3}",
                score.normalized.get(),
                score.low.get(),
                score.high.get()
            ),
            (None, Some(verdict)) => format!("published   no score: {verdict}"),
            (None, None) => "published   nothing yet".to_owned(),
        });
        for rescore in &self.rescores {
            let name = rescore.operator.as_deref().unwrap_or("unknown");
            let part = if rescore.made_the_verdict {
                ""
            } else {
                "; did not make the verdict"
            };
            let Compared {
                node,
                score,
                relation,
                ..
            } = rescore;
            line(format!(
                "  {name}/{}: {}; this machine {relation}{part}",
                node.short(),
                score.text()
            ));
        }
        line(format!("here        {} ({})", self.here.text(), self.backend));
        line(match self.conclusion {
            Conclusion::Agrees => "This machine AGREES with the published result, by the task's own rule.",
            Conclusion::Disagrees => {
                "This machine DISAGREES with the published result, by the task's own rule."
            }
            Conclusion::Unclear => {
                "UNCLEAR: the scores are too noisy, or too divided, to tell by the task's own rule."
            }
            Conclusion::NothingPublished => "There is no published result to compare with.",
        });
    }
}
