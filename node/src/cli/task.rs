//! `quorate task`: see, check and pack tasks.

mod qualify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use quorate_artifacts::Store;
use quorate_core::Digest;
use quorate_core::digest::ArtifactId;
use quorate_core::task::{Image, TaskSpec, Tier};
use quorate_tasks::bundle::Order;
use quorate_tasks::catalog::{self, Kind, Source, resolve};
use quorate_tasks::definition::{DEFINITION, DefinitionError, check};
use quorate_tasks::{Definition, bundle};
use tempfile::TempDir;

use self::qualify::Qualify;
use super::artifact::{open_store, quota};
use super::workbench::{Artifacts, Workbench};
use super::{BackendChoice, Failure, Global};
use crate::config::Config;
use crate::output::{json, line, say};
use crate::workshop::HomeWorkshop;

/// See, check and pack tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// List the tasks that this program ships
    List,
    /// Show what a task asks and how it is scored
    Show {
        /// A shipped task's name or the path of a folder, and perhaps a tier: NAME/smoke
        #[arg(value_name = "TASK[/TIER]")]
        task: String,
    },
    /// Find everything that is wrong with a task's folder
    Check {
        /// A shipped task's name or the path of a folder, such as ./my-task
        #[arg(value_name = "TASK")]
        task: String,
    },
    /// Pack a task at one tier into a bundle and print its id
    Pack {
        /// A shipped task's name or the path of a folder, and a tier: ./my-task/smoke
        #[arg(value_name = "TASK/TIER")]
        task: String,
        /// Write the bundle's files into this new or empty folder, not into the home's artifacts
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
        #[command(flatten)]
        options: PackOptions,
    },
    /// Score a task's own solutions and planted cheats; a leaderboard takes only tasks that qualify
    Qualify(Qualify),
}

/// How a task is packed.
#[derive(Debug, Clone, Args)]
pub(crate) struct PackOptions {
    /// What a preparation derives its randomness from: 64 hexadecimal digits [default: zeros, the public instance]
    #[arg(long, value_name = "DIGEST")]
    instance: Option<Digest>,
    /// The folder with the public sources that a tier reads, as `tasks/tools/fetch.py` makes it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Use this machine's /usr where the task names an image
    #[arg(long)]
    host_image: bool,
    /// Which container backend to use
    #[arg(long, value_enum)]
    backend: Option<BackendChoice>,
}

impl PackOptions {
    fn order<'a>(&'a self, source: &'a Source, tier: Tier) -> anyhow::Result<Order<'a>> {
        if let Some(data) = self.data.as_deref().filter(|data| !data.is_dir()) {
            bail!("--data {} is no folder", data.display());
        }
        let order = Order::new(source, tier);
        Ok(Order {
            instance: self.instance.unwrap_or(order.instance),
            data: self.data.as_deref(),
            host_image: self.host_image,
            ..order
        })
    }
}

impl Task {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::List => list(global),
            Self::Show { task } => show(global, &task),
            Self::Check { task } => check_task(global, &task),
            Self::Pack { task, into, options } => pack(global, &task, into.as_deref(), options).await,
            Self::Qualify(qualify) => qualify.run(global).await,
        }
    }
}

/// An environment's folder and what it states. A shipped one lies in a temporary folder.
struct Opened {
    definition: Definition,
    folder: PathBuf,
    _scratch: TempDir,
}

fn open(name: &str) -> anyhow::Result<Opened> {
    let (folder, scratch) = locate(name)?;
    let definition = Definition::read(&folder)?;
    Ok(Opened {
        definition,
        folder,
        _scratch: scratch,
    })
}

fn locate(name: &str) -> anyhow::Result<(PathBuf, TempDir)> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = resolve(Kind::Environment, name)?.folder(Kind::Environment, scratch.path())?;
    Ok((folder, scratch))
}

/// A task's name or path, and the tier at its end if there is one. A folder that is itself called
/// like a tier is no tier if it holds a task.
fn split_tier(text: &str) -> (&str, Option<Tier>) {
    if Path::new(text).join(DEFINITION).exists() {
        return (text, None);
    }
    // As campaign files do, a folder's tier may follow a `#`.
    let named = text
        .rsplit_once('#')
        .or_else(|| text.rsplit_once('/'))
        .and_then(|(name, tier)| {
            let tier = [Tier::Smoke, Tier::Gpu, Tier::Full]
                .into_iter()
                .find(|known| known.as_str() == tier)?;
            (!name.is_empty()).then_some((name, Some(tier)))
        });
    named.unwrap_or((text, None))
}

fn list(global: &Global) -> anyhow::Result<()> {
    let mut tasks = Vec::new();
    for name in catalog::environments() {
        let definition = open(name.as_str())?.definition;
        let tiers: Vec<String> = definition.tiers.keys().map(Tier::to_string).collect();
        tasks.push((definition, tiers));
    }
    if global.json {
        let tasks: Vec<serde_json::Value> = tasks
            .iter()
            .map(|(definition, tiers)| {
                serde_json::json!({
                    "name": definition.name, "version": definition.version,
                    "tiers": tiers, "summary": definition.summary,
                })
            })
            .collect();
        return json(&serde_json::json!({
            "tasks": tasks, "agents": catalog::agents(), "campaigns": catalog::campaigns(),
        }));
    }
    for (definition, tiers) in tasks {
        line(format!(
            "{:<22} {:<18} {}",
            definition.name,
            tiers.join(", "),
            definition.summary
        ));
    }
    Ok(())
}

fn show(global: &Global, text: &str) -> anyhow::Result<()> {
    let (name, tier) = split_tier(text);
    let opened = open(name)?;
    let tiers: Vec<Tier> = tier.map_or_else(
        || opened.definition.tiers.keys().copied().collect(),
        |tier| vec![tier],
    );
    let specs = tiers
        .into_iter()
        .map(|tier| {
            let terms = opened.definition.tier(tier)?;
            Ok((
                opened.definition.spec(tier, Image::Host)?,
                terms.image.to_string(),
            ))
        })
        .collect::<Result<Vec<_>, DefinitionError>>()?;
    if global.json {
        return json(
            &serde_json::json!({ "name": opened.definition.name, "tiers": specs.iter().map(|(spec, _)| spec).collect::<Vec<_>>() }),
        );
    }
    let definition = &opened.definition;
    line(format!("{} version {}", definition.name, definition.version));
    line(format!("{}", definition.summary));
    for (spec, image) in &specs {
        line("");
        print_spec(spec, image);
    }
    // The text is the author's, not ours: it may hold anything, so it goes out without control characters.
    let path = opened.folder.join(definition.instructions.as_str());
    let instructions =
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    line("\nInstructions\n");
    line(
        instructions
            .chars()
            .filter(|c| !c.is_control() || *c == '\n')
            .collect::<String>()
            .trim_end(),
    );
    Ok(())
}

fn print_spec(spec: &TaskSpec, image: &str) {
    let limits = |limits: &quorate_core::task::Limits| {
        format!(
            "{} s, {:.1} core(s), {} MiB memory, {} MiB disk, {} processes",
            limits.seconds,
            f64::from(limits.millicpus) / 1000.0,
            limits.memory_mib,
            limits.disk_mib,
            limits.processes
        )
    };
    let words = |words: &[quorate_core::text::Note]| {
        words
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let agreement = match spec.agreement {
        quorate_core::agreement::Agreement::Exact => "the same raw score, bit for bit".to_owned(),
        quorate_core::agreement::Agreement::Equivalence { margin, .. } => {
            format!(
                "shown to differ by less than {} (two one-sided tests)",
                margin.get()
            )
        }
    };
    line(spec.label());
    line(format!(
        "  device     {}, image {image}",
        format!("{:?}", spec.device).to_lowercase()
    ));
    line(format!("  attempt    {}", limits(&spec.attempt)));
    line(format!("  scoring    {}", limits(&spec.scoring)));
    line(format!("  artifact   {}", words(&spec.artifact)));
    line(format!(
        "  raw score  {:?} is better; {} at the start, {} for the reference",
        spec.better,
        spec.scale.start.get(),
        spec.scale.reference.get()
    ));
    line(format!("  agreement  {agreement}"));
    line(format!("  scorer     {}", words(&spec.scorer)));
}

fn check_task(global: &Global, name: &str) -> anyhow::Result<()> {
    let (folder, _scratch) = locate(name)?;
    let findings: Vec<String> = match Definition::read(&folder) {
        Ok(definition) => check(&definition, &folder)
            .iter()
            .map(ToString::to_string)
            .collect(),
        Err(error) => vec![crate::volunteer::with_causes(&error)],
    };
    if global.json {
        json(&serde_json::json!({ "task": name, "sound": findings.is_empty(), "findings": findings }))?;
    }
    if findings.is_empty() {
        if !global.json {
            line(format!("{name}: sound"));
        }
        return Ok(());
    }
    if !global.json {
        for finding in &findings {
            line(finding);
        }
    }
    Err(anyhow!("`{name}` has {} fault(s)", findings.len()).context(Failure::Check))
}

async fn pack(global: &Global, text: &str, into: Option<&Path>, options: PackOptions) -> anyhow::Result<()> {
    let (name, tier) = split_tier(text);
    let Some(tier) = tier else {
        bail!("`{text}` names no tier: add /smoke, /gpu or /full");
    };
    let source = resolve(Kind::Environment, name)?;
    let home = global.home()?;
    let (store, _scratch) = match into {
        None => (open_store(&home)?, None),
        Some(_) => {
            let scratch = tempfile::tempdir_in(home.scratch()).context("cannot make a temporary folder")?;
            (Store::open(scratch.path(), quota(&home)?)?, Some(scratch))
        }
    };
    let artifacts = Artifacts::from(Arc::clone(&store));
    let bench = Workbench::open(&home, &Config::read(&home)?, options.backend, artifacts).await?;
    let bench = Arc::new(bench);
    let workshop = HomeWorkshop::open(&home, Arc::clone(&bench))?;
    let packing = Arc::clone(&store);
    let packed = tokio::task::spawn_blocking(move || {
        let order = options.order(&source, tier)?;
        anyhow::Ok(bundle::pack(&order, &packing, &workshop)?)
    })
    .await?;
    bench.clear().await;
    let packed = packed?;
    let artifact = ArtifactId(packed.bundle.0);
    match into {
        Some(dir) => store.unpack(artifact, dir)?,
        None => store.pin(artifact, "packed")?,
    }
    if global.json {
        return json(&serde_json::json!({
            "bundle": packed.bundle, "task": packed.spec.label(), "image": packed.spec.image, "into": into,
        }));
    }
    line(packed.bundle.to_string());
    say(format!("{} is packed", packed.spec.label()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_split_from_names_and_paths() {
        assert_eq!(split_tier("optimize-kernel"), ("optimize-kernel", None));
        assert_eq!(
            split_tier("optimize-kernel/gpu"),
            ("optimize-kernel", Some(Tier::Gpu))
        );
        assert_eq!(
            split_tier("./tasks/mine/full"),
            ("./tasks/mine", Some(Tier::Full))
        );
        assert_eq!(split_tier("./tasks/mine"), ("./tasks/mine", None));
        assert_eq!(
            split_tier("./tasks/mine#smoke"),
            ("./tasks/mine", Some(Tier::Smoke))
        );
        assert_eq!(split_tier("/smoke"), ("/smoke", None));
    }

    #[test]
    fn a_folder_that_is_called_like_a_tier_is_a_task() {
        let folder = tempfile::tempdir().unwrap();
        let task = folder.path().join("smoke");
        std::fs::create_dir(&task).unwrap();
        std::fs::write(task.join(DEFINITION), "").unwrap();
        let text = task.to_str().unwrap();
        assert_eq!(split_tier(text), (text, None));
        let tiered = format!("{text}/gpu");
        assert_eq!(split_tier(&tiered), (text, Some(Tier::Gpu)));
    }
}
