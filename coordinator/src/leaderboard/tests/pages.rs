//! Its pages, files and text table.

use quorate_core::record::ForfeitReason;
use quorate_core::task::Tier;
use quorate_core::text::Note;
use serde_json::Value;

use super::world::{Act, World, invalid, score};
use super::{every_end, page};
use crate::leaderboard::*;

#[test]
fn an_empty_log_has_sensible_pages() {
    let board = compute(&World::new("log.example").history);
    assert!(page(&board, "").contains("No attempts yet"));
    assert!(page(&board, "/index.html").contains("holds 1 entry"));
    assert!(page(&board, "attempts.html").contains("No attempts yet"));
    assert!(page(&board, "nodes.html").contains("No nodes yet"));
    assert!(page(&board, "leaderboard.txt").contains("No attempts yet."));
    let json: Value = serde_json::from_str(&page(&board, "leaderboard.json")).unwrap();
    assert_eq!(json["leaderboard"], Value::Array(Vec::new()));
    let nowhere = [
        "attempt/",
        "attempt/x.html",
        "../index.html",
        "index",
        "//index.html",
    ];
    assert!(nowhere.iter().all(|path| render(path, &board).is_none()));
}

#[test]
fn nothing_in_a_log_becomes_markup() {
    const EVIL: &str = "<script>alert('x')</script>\" onload=\"x&y";
    let mut world = World::new("<script>alert(1)</script>");
    for n in 0..4 {
        world.enroll(n, EVIL);
    }
    world.publish("kernel", Tier::Full);
    world.ask(&["search"]);
    let rejected = world.lease(0, "search", 0);
    world.finish(rejected, Some(score(1.0)), |_| Act::Score(invalid(EVIL)));
    let failed = world.lease(0, "search", 0);
    let note = Note::new(EVIL).unwrap();
    world.forfeit(failed, ForfeitReason::Failed { note });
    let withdrawn = world.honest(0, "search", 0, 0.5);
    world.withdraw(withdrawn, EVIL);
    let mut board = compute(&world.history);
    board.trace((0..).zip(&world.log));
    let mut paths = vec![
        "index.html".to_owned(),
        "attempts.html".to_owned(),
        "nodes.html".to_owned(),
    ];
    paths.extend(board.attempts.iter().map(|a| format!("attempt/{}.html", a.id)));
    for path in &paths {
        let html = page(&board, path);
        assert!(!html.contains("<script"), "{path}");
        assert!(!html.contains("onload=\""), "{path}");
        for outside in ["src=", "http://", "https://", "url(", "@import"] {
            assert!(!html.contains(outside), "{path} has {outside}");
        }
    }
    for path in &paths[2..] {
        assert!(
            page(&board, path).contains("&#60;script"),
            "{path} shows it as text"
        );
    }
}

#[test]
fn links_of_exported_pages_lead_to_exported_files() {
    let dir = tempfile::tempdir().unwrap();
    let board = compute(&every_end().history);
    let count = export(dir.path(), &board).unwrap();
    assert_eq!(count, board.attempts.len() + 5);
    assert_eq!(export(dir.path(), &board).unwrap(), count, "it may be done again");
    let mut files = Vec::new();
    for folder in [dir.path().to_owned(), dir.path().join("attempt")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            files.extend(path.is_file().then_some(path));
        }
    }
    assert_eq!(files.len(), count, "no half-written file is left: {files:?}");
    let mut links = 0;
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "html"))
    {
        let html = std::fs::read_to_string(file).unwrap();
        for link in html
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            if target == "data:," {
                continue;
            }
            let target = file.parent().unwrap().join(target);
            let text = std::fs::read_to_string(&target).unwrap_or_else(|_| panic!("{link} in {file:?}"));
            assert!(
                anchor.is_empty() || text.contains(&format!("id=\"{anchor}\"")),
                "{link}"
            );
            links += 1;
        }
    }
    assert!(links > 40, "{links}");
}

#[test]
fn an_export_that_cannot_be_written_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let error = export(&file, &compute(&World::new("log.example").history)).unwrap_err();
    assert!(error.to_string().contains("leaderboard.txt"), "{error}");
}

#[test]
fn the_text_table_is_aligned_and_fits_a_terminal() {
    let mut world = World::with(
        5,
        &["kernel", "scaling"],
        &["search", "an-agent-with-quite-a-long-name"],
    );
    world.honest(0, "search", 0, 0.8);
    world.honest(0, "search", 0, 0.4);
    world.honest(0, "an-agent-with-quite-a-long-name", 0, 0.3);
    let text = text(&compute(&world.history));
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    let row = text.lines().find(|line| line.starts_with("  search")).unwrap();
    let head = text.lines().find(|line| line.starts_with("  agent")).unwrap();
    assert_eq!(row.chars().count(), head.chars().count(), "{text}");
    assert!(
        text.contains("score@1 0.600 [") && text.contains("score@2 0.800 ["),
        "{text}"
    );
    assert!(text.contains("an-agent-wi…g-name"), "{text}");
    assert!(text.contains("no attempt counts in scaling"), "{text}");
}

#[test]
fn the_human_baseline_is_labelled_as_of_another_task_set() {
    let html = page(&compute(&every_end().history), "index.html");
    assert!(html.contains("0.64 over 71 attempts") && html.contains("not on ours"));
    assert!(html.contains("of which this log has no attempts"));
}
