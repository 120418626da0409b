//! Campaign files: defaults, and what is refused.

use super::*;
use crate::sample;

const FULL: &str = r#"
name = "both"
attempts = 2
max_leases = 5
grace_seconds = 30
tasks = ["optimize-kernel/smoke", "environment#gpu"]
agents = ["./agent"]

[verification]
replicas = 3
max_rescores = 7
audit_percent = 10
"#;

/// A folder with an environment and an agent in it, for campaign files that lie beside them.
fn beside() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("environment")).unwrap();
    std::fs::create_dir(dir.path().join("agent")).unwrap();
    dir
}

fn parse(dir: &Path, text: &str) -> Result<CampaignFile, CampaignError> {
    CampaignFile::parse(text, &dir.join("campaign.toml"))
}

#[test]
fn names_and_folders_are_found() {
    let dir = beside();
    let file = parse(dir.path(), FULL).unwrap();
    let shipped = TaskRef {
        source: Source::Shipped(Name::new("optimize-kernel").unwrap()),
        tier: Tier::Smoke,
    };
    let folder = TaskRef {
        source: Source::Folder(dir.path().join("environment")),
        tier: Tier::Gpu,
    };
    assert_eq!(file.tasks, [shipped, folder]);
    assert_eq!(file.agents, [Source::Folder(dir.path().join("./agent"))]);
    assert_eq!((file.attempts, file.max_leases, file.grace_seconds), (2, 5, 30));
    assert_eq!((file.verification.replicas, file.verification.escalation), (3, 2));
    assert_eq!(file.verification.audit_percent, Some(10));
}

#[test]
fn what_is_left_out_has_a_default() {
    let dir = beside();
    let file = parse(
        dir.path(),
        "name = \"n\"\nattempts = 3\ntasks = [\"environment#smoke\"]\nagents = [\"./agent\"]",
    )
    .unwrap();
    let Verification {
        replicas,
        escalation,
        max_rescores,
        seal_seconds,
        reveal_seconds,
        audit_percent,
    } = file.verification;
    assert_eq!((file.max_leases, file.grace_seconds), (6, 60));
    assert_eq!(
        (replicas, escalation, max_rescores, seal_seconds, reveal_seconds),
        (2, 2, 6, 120, 60)
    );
    assert_eq!(
        audit_percent, None,
        "nobody's word saves a rescore unless somebody asks for it"
    );
}

#[test]
fn each_rule_names_its_field() {
    let dir = beside();
    for (from, to, expected) in [
        ("attempts = 2", "attempts = 0", "`attempts` is from 1"),
        (
            "max_leases = 5",
            "max_leases = 1",
            "`max_leases` is from `attempts`",
        ),
        ("max_leases = 5", "max_leases = 4000000000", "`max_leases`"),
        (
            "grace_seconds = 30",
            "grace_seconds = 4000000000",
            "`grace_seconds`",
        ),
        (
            "grace_seconds = 30",
            "grace = 30",
            "line 5: unknown field `grace`",
        ),
        ("replicas = 3", "replicas = 1", "replicas from 2"),
        (
            "max_rescores = 7",
            "max_rescores = 2",
            "max_rescores from replicas",
        ),
        ("max_rescores = 7", "max_rescores = 10", "to 9"),
        (
            "audit_percent = 10",
            "audit_percent = 4",
            "audit_percent, if any, from 5",
        ),
        (
            "audit_percent = 10",
            "audit_percent = 101",
            "audit_percent, if any, from 5",
        ),
        ("replicas = 3", "replicas = 300", "line 10"),
        ("[\"./agent\"]", "[]", "`agents` lists 1 to"),
        ("[\"./agent\"]", "[\"./agent\", \"./agent\"]", "different agents"),
        ("[\"./agent\"]", "[\"./nobody\"]", "is no folder"),
        ("[\"./agent\"]", "[\"nobody\"]", "no agent named `nobody`"),
        ("optimize-kernel/smoke", "optimize-kernel", "environment/tier"),
        (
            "optimize-kernel/smoke",
            "optimize-kernel/tiny",
            "`smoke`, `gpu` or `full`",
        ),
        (
            "optimize-kernel/smoke",
            "optimise-kernel/smoke",
            "no environment named `optimise-kernel`",
        ),
        (
            "optimize-kernel/smoke",
            "./environment/smoke",
            "`./environment#smoke`",
        ),
        ("environment#gpu", "nowhere#gpu", "is no folder"),
        ("environment#gpu", "environment#", "`smoke`, `gpu` or `full`"),
    ] {
        assert!(FULL.contains(from), "{from}");
        let error = parse(dir.path(), &FULL.replace(from, to))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn a_packed_campaign_makes_the_records_that_publish_it() {
    let (environment, agent, dir) = (
        sample::environment(),
        sample::agent(),
        tempfile::tempdir().unwrap(),
    );
    let (_store_dir, store) = sample::store();
    let text = format!(
        "name = \"n\"\nattempts = 3\ntasks = [\"{0}#smoke\", \"{0}#gpu\"]\nagents = [\"{1}\"]",
        environment.path().display(),
        agent.path().display()
    );
    let packed = parse(dir.path(), &text)
        .unwrap()
        .pack(&store, &sample::Made)
        .unwrap();
    let record = packed.record(Timestamp(7));
    assert_eq!(
        record.bundles,
        packed
            .bundles
            .iter()
            .map(|packed| packed.bundle)
            .collect::<Vec<_>>()
    );
    assert_eq!(record.bundles.len(), 2);
    assert_eq!(record.agents[0].name.as_str(), "sampler");
    assert_eq!(
        (record.attempts, record.max_leases, record.at),
        (3, 6, Timestamp(7))
    );
    let bundles = packed.bundle_records(Timestamp(7));
    assert_eq!(bundles[0].spec, bundle::open(&store, record.bundles[0]).unwrap());
    assert_eq!(bundles[1].spec.tier, Tier::Gpu);
}

#[test]
fn what_cannot_be_packed_is_named() {
    let dir = beside();
    let (_store_dir, store) = sample::store();
    let text = "name = \"n\"\nattempts = 3\ntasks = [\"environment#smoke\"]\nagents = [\"./agent\"]";
    let error = parse(dir.path(), text)
        .unwrap()
        .pack(&store, &sample::Made)
        .unwrap_err();
    assert!(
        matches!(&error, CampaignError::Bundle { task, .. } if task.ends_with("environment/smoke")),
        "{error}"
    );
}

#[test]
fn two_agents_of_one_name_are_told_apart_before_they_are_published() {
    let (environment, one, other) = (sample::environment(), sample::agent(), sample::agent());
    let (_store_dir, store) = sample::store();
    sample::write(other.path(), "agent.py", "print(2)\n");
    let text = format!(
        "name = \"n\"\nattempts = 3\ntasks = [\"{}#smoke\"]\nagents = [\"{}\", \"{}\"]",
        environment.path().display(),
        one.path().display(),
        other.path().display()
    );
    let error = parse(Path::new("/"), &text)
        .unwrap()
        .pack(&store, &sample::Made)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`sampler`"), "{error}");
}

#[test]
fn every_shipped_campaign_packs() {
    for name in catalog::campaigns() {
        let (_dir, store) = sample::store();
        let file = shipped_campaign(name.as_str()).unwrap();
        assert_eq!(file.name, name);
        let packed = file.pack(&store, &sample::Made).unwrap();
        assert_eq!(packed.bundles.len(), file.tasks.len());
    }
    assert!(shipped_campaign("nothing").is_err());
}
