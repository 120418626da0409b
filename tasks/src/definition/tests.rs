//! `task.toml`: every rule, and every finding.

use super::*;
use crate::sample::{self, TASK};
use std::fs;

fn definition(text: &str) -> Result<Definition, TomlError> {
    toml_file::parse(text, Path::new("task.toml"))
}

/// The findings after one change to the sample's `task.toml`.
fn after(from: &str, to: &str) -> Vec<String> {
    assert!(TASK.contains(from), "{from}");
    let dir = sample::environment();
    let definition = definition(&TASK.replace(from, to)).unwrap();
    check(&definition, dir.path())
        .iter()
        .map(Finding::to_string)
        .collect()
}

/// The findings after `change` to the sample's files.
fn after_files(change: impl Fn(&Path)) -> Vec<String> {
    let dir = sample::environment();
    change(dir.path());
    check(&Definition::read(dir.path()).unwrap(), dir.path())
        .iter()
        .map(Finding::to_string)
        .collect()
}

#[track_caller]
fn only(findings: &[String], expected: &str) {
    assert!(
        findings.len() == 1 && findings[0].contains(expected),
        "{findings:#?}, not {expected}"
    );
}

#[test]
fn a_sound_environment_has_no_findings() {
    assert_eq!(after_files(|_| ()), [""; 0]);
}

#[test]
fn tiers_are_filled_in_and_seeds_are_not() {
    let spec = definition(TASK).unwrap().spec(Tier::Gpu, Image::Host).unwrap();
    let words: Vec<_> = spec.scorer.iter().map(Note::as_str).collect();
    assert_eq!(
        words,
        [
            "python3",
            "/task/scorer/score.py",
            "--tier",
            "gpu",
            "--seed",
            "{seed}"
        ]
    );
    assert_eq!(spec.self_score.unwrap()[2].as_str(), "--tier=gpu");
    assert_eq!(
        (spec.tier, spec.device, spec.attempt.seconds, spec.scoring.seconds),
        (Tier::Gpu, DeviceKind::Gpu, 600, 300)
    );
    let smoke = definition(TASK).unwrap().spec(Tier::Smoke, Image::Host).unwrap();
    assert_eq!((smoke.attempt.millicpus, smoke.attempt.seconds), (1500, 60));
    let quorate_core::agreement::Agreement::Equivalence { margin, .. } = smoke.agreement else {
        panic!("a measured task");
    };
    assert_eq!(margin.get(), 0.1);
}

#[test]
fn what_the_agent_may_not_see_it_is_not_told() {
    let hidden = TASK.replace("visible_to_agent = true", "visible_to_agent = false");
    assert_eq!(
        definition(&hidden)
            .unwrap()
            .spec(Tier::Smoke, Image::Host)
            .unwrap()
            .self_score,
        None
    );
    only(
        &after("visible_to_agent = true", "visible_to_agent = false"),
        "self_command",
    );
}

#[test]
fn an_agent_scores_itself_as_it_is_scored_where_nothing_else_is_said() {
    let same = TASK.replace("self_command", "#");
    let spec = definition(&same).unwrap().spec(Tier::Smoke, Image::Host).unwrap();
    assert_eq!(spec.self_score, Some(spec.scorer));
}

#[test]
fn a_tier_that_is_not_there_is_named_with_those_that_are() {
    let error = definition(TASK)
        .unwrap()
        .spec(Tier::Full, Image::Host)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no tier `full`") && error.contains("smoke, gpu"),
        "{error}"
    );
}

#[test]
fn what_the_file_spells_wrongly_is_named_with_line_and_expectation() {
    for (from, to, expected) in [
        (
            "version = \"1\"",
            "versoin = \"1\"",
            "`task.toml` line 3: unknown field `versoin`",
        ),
        (
            "better = \"lower\"",
            "better = \"less\"",
            "line 7: unknown variant `less`, expected `lower` or `higher`",
        ),
        ("level = 0.05", "level = 0.1", "`level` is 0.05 or 0.01"),
        (
            "rule = \"equivalence\"",
            "rule = \"same\"",
            "expected `exact` or `equivalence`",
        ),
        ("margin = 0.1", "margin = inf", "a score is a finite number"),
        (
            "start = 2.0",
            "start = nan",
            "line 24: a score is a finite number",
        ),
        ("seconds = 30, ", "", "missing field `seconds` in `scoring`"),
        (
            "attempt = { memory_mib = 512",
            "attempt = { seconds = 9, memory_mib = 512",
            "`budget_seconds` bounds it",
        ),
        ("budget_seconds = 60", "budget_seconds = -1", "line 23"),
        ("[tiers.gpu]", "[tiers.large]", "unknown variant `large`"),
        ("cpus = 1.5, ", "", "missing field `cpus`"),
    ] {
        assert!(TASK.contains(from), "{from}");
        let error = definition(&TASK.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn every_rule_for_terms_has_a_finding() {
    for (from, to, expected) in [
        (
            "budget_seconds = 60\n",
            "budget_seconds = 0\n",
            "[tiers.smoke] attempt.seconds (`budget_seconds`): is 0; expected 1 to",
        ),
        (
            "seconds = 300,",
            "seconds = 4000000000,",
            "[tiers.gpu] scoring.seconds",
        ),
        ("cpus = 1.5", "cpus = 0.0", "[tiers.smoke] attempt.cpus"),
        ("cpus = 1.5", "cpus = nan", "[tiers.smoke] attempt.cpus"),
        ("cpus = 1.5", "cpus = -3.0", "[tiers.smoke] attempt.cpus"),
        ("cpus = 1.5", "cpus = 1e9", "[tiers.smoke] attempt.cpus"),
        (
            "attempt = { memory_mib = 8192",
            "attempt = { memory_mib = 0",
            "[tiers.gpu] attempt.memory_mib",
        ),
        ("reference = 1.0", "reference = 2.0", "[tiers.smoke] scale"),
        ("margin = 0.1", "margin = 0.0", "[agreement]"),
        ("margin = 0.1", "margin = -0.1", "[agreement]"),
        (
            "device = \"cpu\"\nimage = \"host\"",
            "device = \"cpu\"\nimage = \"Containerfile\"",
            "[tiers.smoke] image: names `Containerfile`, which is no file here",
        ),
        ("\"src/**\"]", "\"../up\"]", "artifact: `../up`"),
        ("\"src/**\"]", "\"*.py\"]", "artifact: `*.py`"),
        ("\"src/**\"]", "\"solution.py\"]", "different paths"),
        ("\"src/**\"]", "\"absent.py\"]", "not in `start/`"),
        ("\"src/**\"]", "\"absent/**\"]", "not in `start/`"),
        ("summary = \"A task for tests.\"", "summary = \" \"", "summary"),
        (
            "canary = \"canary 9f2d6a1e-sample\"",
            "canary = \"short\"",
            "canary: is shorter",
        ),
        ("command = [\"python3\",", "command = [\"\",", "[scorer] command"),
        (
            "artifact =",
            "instructions = \"told.md\"\nartifact =",
            "told.md: is missing",
        ),
        (
            "artifact =",
            "instructions = \"../x\"\nartifact =",
            "../x: is missing",
        ),
    ] {
        let findings = after(from, to);
        assert!(
            findings.iter().any(|finding| finding.contains(expected)),
            "{to}: {findings:#?}"
        );
    }
    assert_eq!(
        after("better = \"lower\"", "better = \"higher\"").len(),
        2,
        "one for each tier"
    );
}

#[test]
fn every_rule_for_files_has_a_finding() {
    only(
        &after_files(|dir| fs::remove_file(dir.join("instructions.md")).unwrap()),
        "instructions.md",
    );
    only(
        &after_files(|dir| fs::write(dir.join("instructions.md"), "").unwrap()),
        "instructions.md",
    );
    only(
        &after_files(|dir| fs::remove_dir_all(dir.join("reference")).unwrap()),
        "`reference` is missing",
    );
    only(
        &after_files(|dir| fs::remove_file(dir.join("scorer/score.py")).unwrap()),
        "scorer/: holds no file",
    );
    only(
        &after_files(|dir| fs::write(dir.join("scorer/score.py"), "no mark").unwrap()),
        "canary",
    );
    only(
        &after_files(|dir| std::os::unix::fs::symlink("/etc/passwd", dir.join("scorer/link")).unwrap()),
        "a link",
    );
}

#[test]
fn all_findings_come_at_once() {
    let findings = after_files(|dir| {
        fs::remove_file(dir.join("instructions.md")).unwrap();
        fs::remove_dir_all(dir.join("scorer")).unwrap();
        sample::write(
            dir,
            "task.toml",
            &TASK
                .replace("margin = 0.1", "margin = 0.0")
                .replace("open_files = 256", "open_files = 0"),
        );
    });
    assert_eq!(findings.len(), 5, "{findings:#?}");
}
