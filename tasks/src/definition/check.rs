//! What is wrong with an environment, all of it.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::Path;

use quorate_core::agreement::Agreement;
use quorate_core::task::{Better, Image, Limits, TaskSpec, Tier};
use quorate_core::text::Note;

use super::{Definition, ImageSource, TierDefinition, Work};
use crate::catalog;
use crate::declared::Declared;
use crate::packing::is_cache;
use crate::tree::Tree;

/// What the agent is told, as bundles name it.
pub(crate) const INSTRUCTIONS: &str = "instructions.md";
/// The folders of an environment that a bundle carries.
pub(crate) const FOLDERS: [&str; 3] = ["start", "reference", "scorer"];
/// The folder of what makes an environment's other files. No bundle carries it.
pub(crate) const PREPARE: &str = "prepare";

const MAX_WORDS: usize = 64;
const MAX_DECLARED: usize = 64;
/// Short texts turn up by chance.
const MIN_CANARY: usize = 16;
/// How far into a file its canary is looked for.
const CANARY_WITHIN: u64 = 1 << 20;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where: a file, or a field of `task.toml`.
    pub place: String,
    /// What is wrong, and what is expected.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

#[derive(Default)]
struct Findings(BTreeSet<Finding>);

impl Findings {
    fn expect(&mut self, holds: bool, place: impl Into<String>, problem: impl Into<String>) {
        if !holds {
            self.0.insert(Finding {
                place: place.into(),
                problem: problem.into(),
            });
        }
    }

    fn into_vec(self) -> Vec<Finding> {
        self.0.into_iter().collect()
    }
}

/// Everything that is wrong with an environment: its `definition`, and its files in `folder`.
#[must_use]
pub fn check(definition: &Definition, folder: &Path) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.expect(
        !definition.tiers.is_empty(),
        "[tiers]",
        "holds no tier; give `[tiers.smoke]`, `[tiers.gpu]` or `[tiers.full]`",
    );
    findings.expect(
        definition.scorer.visible_to_agent || definition.scorer.self_command.is_none(),
        "[scorer] self_command",
        "is of no use where `visible_to_agent` is false; leave one of them out",
    );
    for (tier, terms) in &definition.tiers {
        // Whichever image it will be: no rule for terms depends on it.
        match definition.spec(*tier, Image::Host) {
            Ok(spec) => rules(&spec, &format!("[tiers.{tier}] "), &mut findings),
            Err(error) => findings.expect(false, format!("[tiers.{tier}]"), error.to_string()),
        }
        preparation(definition, *tier, terms, &mut findings);
    }
    for module in &definition.library {
        findings.expect(
            catalog::library(module).is_some(),
            "library",
            format!("names `{module}`, which is no shared module"),
        );
    }
    match Tree::open(folder) {
        Ok(tree) => files(definition, &tree, &mut findings),
        Err(error) => findings.expect(false, folder.display().to_string(), error.to_string()),
    }
    findings.into_vec()
}

/// The rules for how a tier's files are made.
fn preparation(definition: &Definition, tier: Tier, terms: &TierDefinition, findings: &mut Findings) {
    findings.expect(
        terms.prepare.is_some() == definition.prepare.is_some(),
        format!("[tiers.{tier}] prepare"),
        "stands where `[prepare]` has a command, and only there",
    );
    if let Some(prepare) = &terms.prepare {
        limits(prepare, &format!("[tiers.{tier}] prepare"), "seconds", findings);
    }
    if let Some(Work { command: words }) = &definition.prepare {
        command(words, "[prepare] command", findings);
    }
    findings.expect(
        terms.sources.is_empty() || terms.prepare.is_some(),
        format!("[tiers.{tier}] sources"),
        "are for a preparation to read; there is none",
    );
}

/// Everything that is wrong with one tier's terms.
#[must_use]
pub fn check_spec(spec: &TaskSpec) -> Vec<Finding> {
    let mut findings = Findings::default();
    rules(spec, "", &mut findings);
    findings.into_vec()
}

/// The rules for terms. `tier` says where those stand that each tier states for itself.
fn rules(spec: &TaskSpec, tier: &str, findings: &mut Findings) {
    limits(
        &spec.attempt,
        &format!("{tier}attempt"),
        "seconds (`budget_seconds`)",
        findings,
    );
    limits(&spec.scoring, &format!("{tier}scoring"), "seconds", findings);
    let (start, reference) = (spec.scale.start.get(), spec.scale.reference.get());
    let better = match spec.better {
        Better::Lower => reference < start,
        Better::Higher => reference > start,
    };
    let direction = "has no reference that is better than its start, in the direction that `better` says";
    findings.expect(better, format!("{tier}scale"), direction);
    if let Agreement::Equivalence { margin, .. } = spec.agreement {
        findings.expect(
            margin.get() > 0.0,
            "[agreement]",
            "has a `margin` that is not above zero",
        );
    }
    command(&spec.scorer, "[scorer] command", findings);
    if let Some(words) = &spec.self_score {
        command(words, "[scorer] self_command", findings);
    }
    if let Some(words) = &spec.service {
        command(words, "[service] command", findings);
    }
    findings.expect(
        !spec.summary.as_str().trim().is_empty(),
        "summary",
        "is empty; say in one line what the task is about",
    );
    findings.expect(
        spec.canary.as_str().trim().len() >= MIN_CANARY,
        "canary",
        format!("is shorter than {MIN_CANARY} bytes; make a random text, such as a UUID"),
    );
    artifact(&spec.artifact, findings);
}

fn limits(limits: &Limits, place: &str, seconds: &str, findings: &mut Findings) {
    let bounded = [
        (seconds, limits.seconds, 3 * 24 * 3600),
        ("memory_mib", limits.memory_mib, 4 << 20),
        ("processes", limits.processes, 1 << 16),
        ("cpus, in thousandths,", limits.millicpus, 1_024_000),
        ("disk_mib", limits.disk_mib, 16 << 20),
        ("open_files", limits.open_files, 1 << 20),
        ("output_kib", limits.output_kib, 1 << 16),
    ];
    for (name, value, most) in bounded {
        findings.expect(
            (1..=most).contains(&value),
            format!("{place}.{name}"),
            format!("is {value}; expected 1 to {most}"),
        );
    }
}

fn command(words: &[Note], place: &str, findings: &mut Findings) {
    let starts = words.first().is_some_and(|word| !word.as_str().is_empty());
    findings.expect(
        starts && words.len() <= MAX_WORDS,
        place,
        format!("is a list of 1 to {MAX_WORDS} words, the first of which names a program"),
    );
}

fn artifact(declared: &[Note], findings: &mut Findings) {
    let different: BTreeSet<_> = declared.iter().collect();
    findings.expect(
        (1..=MAX_DECLARED).contains(&declared.len()) && different.len() == declared.len(),
        "artifact",
        format!("is a list of 1 to {MAX_DECLARED} different paths"),
    );
    for path in declared {
        if let Err(error) = Declared::parse(path.as_str()) {
            findings.expect(false, "artifact", format!("`{path}` {error}"));
        }
    }
}

/// The rules for an environment's files.
fn files(definition: &Definition, tree: &Tree, findings: &mut Findings) {
    let told = tree
        .file(definition.instructions.as_str())
        .is_ok_and(|found| found.size > 0);
    findings.expect(
        told,
        definition.instructions.as_str(),
        "is missing or empty; it is all that an agent is told",
    );
    for folder in FOLDERS
        .into_iter()
        .chain(definition.prepare.as_ref().map(|_| PREPARE))
    {
        match tree.files(folder, &is_cache) {
            Ok(files) => {
                findings.expect(!files.is_empty(), format!("{folder}/"), "holds no file");
                let marked = files
                    .iter()
                    .any(|path| contains(tree, path, definition.canary.as_str()));
                findings.expect(
                    files.is_empty() || marked,
                    format!("{folder}/"),
                    "has no file with the canary in it",
                );
            }
            Err(error) => findings.expect(false, format!("{folder}/"), error.to_string()),
        }
    }
    for (tier, terms) in &definition.tiers {
        if let ImageSource::Containerfile(path) = &terms.image {
            findings.expect(
                tree.file(path.as_str()).is_ok(),
                format!("[tiers.{tier}] image"),
                format!("names `{path}`, which is no file here; give `host` or a Containerfile's path"),
            );
        }
    }
    // What is prepared is looked at when it is there.
    for path in definition
        .artifact
        .iter()
        .filter(|_| definition.prepare.is_none())
    {
        let there = match Declared::parse(path.as_str()) {
            Ok(Declared::File(path)) => tree.file(&format!("start/{path}")).is_ok(),
            Ok(Declared::Tree(path)) => tree
                .files(&format!("start/{path}"), &is_cache)
                .is_ok_and(|files| !files.is_empty()),
            // Found already.
            Err(_) => true,
        };
        let problem = format!("`{path}` is not in `start/`, so an attempt that changes nothing would fail");
        findings.expect(there, "artifact", problem);
    }
}

fn contains(tree: &Tree, path: &str, text: &str) -> bool {
    let mut bytes = Vec::new();
    let read = tree
        .file(path)
        .map(|found| found.file.take(CANARY_WITHIN).read_to_end(&mut bytes));
    matches!(read, Ok(Ok(_)))
        && bytes
            .windows(text.len().max(1))
            .any(|window| window == text.as_bytes())
}
