//! Agents: read, refused, packed and opened again.

use super::*;
use crate::sample::{self, AGENT, store};
use std::fs;

fn pack_folder(folder: &Path, store: &Arc<Store>) -> Result<(AgentId, AgentSpec), AgentError> {
    pack_agent(&Source::Folder(folder.to_owned()), store)
}

#[test]
fn an_agent_opens_to_what_was_packed() {
    let (_dir, store) = store();
    let folder = sample::agent();
    let (id, spec) = pack_folder(folder.path(), &store).unwrap();
    assert_eq!(open_agent(&store, id).unwrap(), spec);
    let setting = |name: &str| spec.settings.get(&Name::new(name).unwrap()).cloned().unwrap();
    assert_eq!(setting("rounds"), Setting::Integer(3));
    assert_eq!(setting("rate"), Setting::Number(Score::new(0.5).unwrap()));
    assert_eq!(setting("greedy"), Setting::Flag(true));
    let manifest = store.manifest(ArtifactId(id.0)).unwrap();
    let paths: Vec<_> = manifest.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["agent.json", "agent.py"]);
}

#[test]
fn files_for_people_do_not_change_the_id_and_settings_do() {
    let (_dir, store) = store();
    let folder = sample::agent();
    let (before, _) = pack_folder(folder.path(), &store).unwrap();
    for path in [
        "README.md",
        "tests/test_agent.py",
        "__pycache__/agent.pyc",
        "agent.json",
    ] {
        sample::write(folder.path(), path, "x");
    }
    assert_eq!(pack_folder(folder.path(), &store).unwrap().0, before);
    sample::write(
        folder.path(),
        "agent.toml",
        &AGENT.replace("rounds = 3", "rounds = 4"),
    );
    assert_ne!(pack_folder(folder.path(), &store).unwrap().0, before);
}

#[test]
fn unsound_agents_are_refused_with_the_rule() {
    let (_dir, store) = store();
    let folder = sample::agent();
    for (from, to, expected) in [
        (
            r#"["python3", "/agent/agent.py"]"#,
            "[]",
            "the first of which names a program",
        ),
        ("rounds = 3", "rounds = [3]", "line 8"),
        ("rate = 0.5", "rate = nan", "line 9"),
        ("version = \"0.1\"", "", "missing field `version`"),
    ] {
        sample::write(folder.path(), "agent.toml", &AGENT.replace(from, to));
        let error = pack_folder(folder.path(), &store).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
    fs::remove_file(folder.path().join("agent.toml")).unwrap();
    assert!(matches!(
        pack_folder(folder.path(), &store),
        Err(AgentError::Toml(_))
    ));
}

#[test]
fn another_artifact_is_no_agent() {
    let (_dir, store) = store();
    let id = store.add_bytes("file", b"x").unwrap();
    assert!(matches!(
        open_agent(&store, AgentId(id.0)),
        Err(OpenError::Missing {
            path: "agent.json",
            ..
        })
    ));
    let id = store
        .add_bytes(
            "agent.json",
            br#"{"name":"a","version":"1","summary":"","command":[]}"#,
        )
        .unwrap();
    assert!(matches!(
        open_agent(&store, AgentId(id.0)),
        Err(OpenError::Unsound { .. })
    ));
}

#[test]
fn every_shipped_agent_packs() {
    assert!(!crate::catalog::agents().is_empty());
    for name in crate::catalog::agents() {
        let (_dir, store) = store();
        let (id, spec) = pack_agent(&Source::Shipped(name.clone()), &store).unwrap();
        assert_eq!(spec.name, name);
        assert_eq!(open_agent(&store, id).unwrap(), spec);
    }
}
