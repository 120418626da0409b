//! The program as people and scripts call it: what it prints, and what it exits with.

#![expect(clippy::unwrap_used, reason = "a failing helper fails the test")]

mod cli {
    pub(crate) mod home;
    pub(crate) mod live;
}

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use cli::home::{Home, ID, closed_address};

#[test]
fn init_makes_keys_once_and_id_shows_them() {
    let home = Home::new();
    let none = home.fails(1, &["id"]);
    assert!(none.contains("run `quorate init` first"), "{none}");

    let made = home.json(&["init", "--name", "lab-1", "--json"]);
    assert_eq!(
        made["made"],
        serde_json::json!(["node", "operator", "coordinator"])
    );
    assert_eq!(
        (&made["wrote_config"], &made["name"]),
        (&true.into(), &"lab-1".into())
    );
    assert!(made["node"].as_str().unwrap().starts_with("12D3Koo"));

    let again = home.json(&["init", "--name", "lab-2", "--json"]);
    assert_eq!(
        (&again["made"], &again["wrote_config"]),
        (&serde_json::json!([]), &false.into())
    );
    let id = home.json(&["id", "--json"]);
    for field in ["node", "operator", "coordinator"] {
        assert_eq!(
            (&again[field], &id[field]),
            (&made[field], &made[field]),
            "{field}"
        );
    }
    assert_eq!(id["name"], "lab-1", "a configuration is never overwritten");
    assert!(home.works(&["id"]).contains(made["node"].as_str().unwrap()));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let home = Home::new();
    home.works(&["init"]);
    let key = home.path().join("keys/node.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    for command in [&["id"][..], &["init"]] {
        let said = home.fails(1, command);
        assert!(
            said.contains("can be read by others") && said.contains("chmod 600"),
            "{said}"
        );
    }
}

#[test]
fn a_wrong_command_line_exits_with_2_and_says_what_is_expected() {
    let home = Home::new();
    let said = home.fails(2, &["ledger", "sync", "--coordinator", "localhost:4001"]);
    assert!(
        said.contains("is no address") && said.contains("/p2p/ID"),
        "{said}"
    );
    let said = home.fails(2, &["ledger", "sync", "--coordinator", "/ip4/127.0.0.1/tcp/4001"]);
    assert!(said.contains("does not say whose address it is"), "{said}");
    home.fails(2, &["init", "--name", "Not A Name"]);
    home.fails(2, &["artifact", "get", "abc"]);
    home.fails(2, &["ledger", "audit", "--key", "no-key"]);
    home.fails(2, &["no-such-command"]);
}

#[test]
fn a_coordinator_that_does_not_answer_exits_with_4() {
    let home = Home::new();
    let said = home.fails(4, &["ledger", "sync", "--coordinator", &closed_address()]);
    assert!(said.contains("the coordinator cannot be reached"), "{said}");
    let id = "0".repeat(64);
    home.fails(4, &["artifact", "get", &id, "--coordinator", &closed_address()]);
    home.fails(4, &["reproduce", "00", "--coordinator", &closed_address()]);
}

#[test]
fn coordinators_are_taken_from_the_configuration() {
    let home = Home::new();
    let said = home.fails(1, &["ledger", "sync"]);
    assert!(said.contains("pass --coordinator ADDRESS"), "{said}");
    fs::write(
        home.path().join("config.toml"),
        format!("coordinators = [\"{}\"]\n", closed_address()),
    )
    .unwrap();
    home.fails(4, &["ledger", "sync"]);
    fs::write(home.path().join("config.toml"), "coordinators = [\"nowhere\"]\n").unwrap();
    let said = home.fails(1, &["ledger", "sync"]);
    assert!(
        said.contains("config.toml is wrong") && said.contains("`nowhere` is no address"),
        "{said}"
    );
    fs::write(home.path().join("config.toml"), "coordinator = []\n").unwrap();
    assert!(
        home.fails(1, &["ledger", "sync"]).contains("unknown field"),
        "a misspelt setting is not ignored"
    );
}

#[test]
fn commands_on_a_ledger_say_that_there_is_none() {
    let home = Home::new();
    for command in [
        &["ledger", "audit"][..],
        &["ledger", "show"],
        &["ledger", "export", "out"],
        &["leaderboard"],
        &["reproduce", "00"],
    ] {
        let said = home.fails(1, command);
        assert!(
            said.contains("there is no ledger in this home"),
            "{command:?}: {said}"
        );
    }
    let folder = home.path().join("export");
    fs::create_dir(&folder).unwrap();
    let said = home.fails(1, &["ledger", "audit", "--from", folder.to_str().unwrap()]);
    assert!(
        said.contains("pass --key"),
        "a key from the folder itself proves nothing: {said}"
    );
}

#[test]
fn task_check_names_every_fault_and_exits_with_3() {
    let home = Home::new();
    assert!(
        home.works(&["task", "check", "optimize-kernel"])
            .contains("sound")
    );

    let broken = home.path().join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("task.toml"), "name = 7\n").unwrap();
    let path = broken.to_str().unwrap();
    let checked = home.run(&["task", "check", path, "--json"]);
    assert_eq!(checked.code, 3, "{}", checked.errors);
    let report: serde_json::Value = serde_json::from_str(&checked.output).unwrap();
    assert_eq!(report["sound"], false);
    assert!(
        report["findings"][0].as_str().unwrap().contains("task.toml"),
        "{report}"
    );

    home.works(&[
        "task",
        "pack",
        "optimize-kernel/smoke",
        "--into",
        home.path().join("packed").to_str().unwrap(),
    ]);
    let bundle = home.path().join("packed/bundle.json");
    assert!(fs::read_to_string(bundle).unwrap().contains("optimize-kernel"));
    let said = home.fails(1, &["task", "check", "no-such-task"]);
    assert!(said.contains("there are: "), "{said}");
    assert!(
        home.fails(1, &["task", "pack", "optimize-kernel"])
            .contains("names no tier")
    );
}

#[test]
fn a_task_with_several_faults_has_them_all_listed() {
    let home = Home::new();
    // An environment without most of what it needs: its instructions, its scorer, its reference.
    let broken = home.path().join("broken");
    fs::create_dir_all(broken.join("start")).unwrap();
    let shipped = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tasks/environments/optimize-kernel"
    );
    fs::copy(format!("{shipped}/task.toml"), broken.join("task.toml")).unwrap();
    let checked = home.run(&["task", "check", broken.to_str().unwrap()]);
    assert_eq!(checked.code, 3);
    for missing in ["instructions.md", "scorer", "reference"] {
        assert!(
            checked.output.contains(missing),
            "{missing} is missing: {}",
            checked.output
        );
    }
}

#[test]
fn artifacts_are_added_listed_and_a_changed_byte_is_found() {
    let home = Home::new();
    let folder = home.path().join("files");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a"), "some bytes").unwrap();
    let id = home.json(&["artifact", "add", folder.to_str().unwrap(), "--json"])["artifact"].clone();
    let listed = home.json(&["artifact", "ls", "--json"]);
    assert_eq!(
        (
            &listed["artifacts"][0]["artifact"],
            &listed["artifacts"][0]["complete"]
        ),
        (&id, &true.into())
    );
    let id = id.as_str().unwrap();
    home.works(&["artifact", "verify", &id[..8]]);
    let out = home.path().join("out");
    home.works(&["artifact", "get", id, out.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "some bytes");
    assert!(
        home.fails(1, &["artifact", "get", id, out.to_str().unwrap()])
            .contains("is not empty")
    );

    let digest = blake3::hash(b"some bytes").to_string();
    let blob = home
        .path()
        .join(format!("artifacts/blobs/{}/{}", &digest[..2], &digest[2..]));
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&blob, "Some bytes").unwrap();
    let said = home.fails(3, &["artifact", "verify"]);
    assert!(
        said.contains(&digest) && said.contains("has changed on disk"),
        "{said}"
    );
    assert!(
        home.fails(1, &["artifact", "verify", "ffff"])
            .contains("no artifact")
    );
}

#[test]
fn doctor_says_what_this_machine_guarantees() {
    let home = Home::new();
    let looked = home.run(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&looked.output).unwrap();
    let usable = report["backends"]
        .as_array()
        .unwrap()
        .iter()
        .any(|backend| backend["usable"] == true);
    assert_eq!(looked.code, if usable { 0 } else { 3 }, "{}", looked.errors);
    assert_eq!(report["auto"].is_string(), usable);
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    assert_eq!(report["host_image"]["digest"].as_str().unwrap().len(), 64);
    let left: Vec<_> = fs::read_dir(home.path().join("scratch")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_log_is_synced_audited_shown_and_exported() {
    let home = Home::new();
    let coordinator = cli::live::Coordinator::start();
    let synced = home.json(&["ledger", "sync", "--json", "--coordinator", &coordinator.address]);
    assert_eq!(synced["ledgers"][0]["entries"], 1);

    let audited = home.json(&["ledger", "audit", "--json"]);
    assert_eq!(
        (&audited["sound"], &audited["records"]["coordinator"]),
        (&true.into(), &1.into())
    );
    assert_eq!(audited["root"], synced["ledgers"][0]["root"]);
    assert_eq!(audited["database"]["sound"]["entries"], 1);
    let shown = home.json(&["ledger", "show", "0", "--json"]);
    assert_eq!(
        (&shown["inclusion"]["verified"], &shown["signed_by"]),
        (&true.into(), &"coordinator".into())
    );
    let record = shown["record"].as_str().unwrap();
    assert!(home.works(&["ledger", "show", &record[..10]]).contains(record));
    assert!(home.works(&["ledger", "show"]).contains("begins"));
    assert!(home.works(&["leaderboard"]).contains("Leaderboard of"));
    let pages = home.path().join("pages");
    home.works(&["leaderboard", "export", pages.to_str().unwrap()]);
    assert!(pages.join("index.html").exists());

    let out = home.path().join("out");
    let exported = home.json(&["ledger", "export", out.to_str().unwrap(), "--json"]);
    let stranger = Home::new();
    let from = [
        "ledger",
        "audit",
        "--from",
        out.to_str().unwrap(),
        "--key",
        exported["key"].as_str().unwrap(),
    ];
    assert!(stranger.works(&from).contains("sound"));
    let bundle = out.join("tile/entries/000.p/1");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[30] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let said = stranger.fails(3, &from);
    assert!(said.contains("entry 0 does not hash to the leaf hash"), "{said}");
    let report = stranger.run(&[&from[..], &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_str(&report.output).unwrap();
    assert_eq!(
        (&report["sound"], &report["first_bad_entry"]),
        (&false.into(), &0.into())
    );
}

#[test]
fn another_key_at_the_address_is_no_coordinator() {
    let home = Home::new();
    let coordinator = cli::live::Coordinator::start();
    let (place, _) = coordinator.address.rsplit_once("/p2p/").unwrap();
    let said = home.fails(
        1,
        &["ledger", "sync", "--coordinator", &format!("{place}/p2p/{ID}")],
    );
    assert!(said.contains("the coordinator's key changed"), "{said}");
    assert!(!home.path().join("ledgers").exists(), "nothing of it is kept");
}

#[test]
fn the_coordinators_own_home_is_read_while_it_runs() {
    let coordinator = cli::live::Coordinator::start();
    let home = coordinator.home();
    let synced = home.json(&["ledger", "sync", "--json", "--coordinator", &coordinator.address]);
    assert_eq!(synced["ledgers"][0]["followed_by_running_process"], true);
    let audited = home.json(&["ledger", "audit", "--json"]);
    assert_eq!(
        (&audited["entries"], &audited["database"]),
        (&1.into(), &"in-use".into())
    );
    let said = home.fails(1, &["artifact", "ls"]);
    assert!(said.contains("stop it, or pass another --home"), "{said}");
    home.works(&["ledger", "export", home.path().join("out").to_str().unwrap()]);
}
