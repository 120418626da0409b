//! Small campaigns over the environment `count`, as quick or slow as a test needs.

use std::fs;
use std::path::{Path, PathBuf};

/// A campaign to be published.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Seconds that each agent works before it answers; one agent for each.
    pub agents: Vec<f64>,
    /// Attempts wanted of each agent.
    pub attempts: u32,
    /// Seconds that a scoring takes.
    pub scoring: f64,
    /// Whether scores are compared as measured ones; else exactly.
    pub measured: bool,
    /// The time budget of an attempt.
    pub budget: u32,
    /// Seconds from the end of the budget to the lease's deadline.
    pub grace: u32,
    /// Seconds that a verifier has to seal.
    pub seal: u32,
    /// Seconds that it then has to reveal.
    pub reveal: u32,
}

impl Default for Campaign {
    fn default() -> Self {
        Self {
            agents: vec![0.5],
            attempts: 4,
            scoring: 0.0,
            measured: false,
            budget: 20,
            grace: 60,
            seal: 60,
            reveal: 60,
        }
    }
}

const AGENT: &str = r#"import time
time.sleep(PAUSE)
with open("answer.txt", "w") as file:
    file.write("NUMBER\n")
"#;

const MEASURED: &str = "rule = \"equivalence\"\nmargin = 0.15\nlevel = 0.05";

impl Campaign {
    /// Writes the campaign's file, environment and agents into `folder`. Returns the file.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("environments/count");
        let task = folder.join("count");
        copy(&shipped, &task);
        fs::write(task.join("scorer/pause"), self.scoring.to_string()).unwrap();
        let toml = fs::read_to_string(task.join("task.toml")).unwrap();
        let mut toml = toml.replace(
            "budget_seconds = 20",
            &format!("budget_seconds = {}", self.budget),
        );
        if self.measured {
            toml = toml.replace("rule = \"exact\"", MEASURED);
        }
        fs::write(task.join("task.toml"), toml).unwrap();

        let mut names = Vec::new();
        for (number, pause) in (1..).zip(&self.agents) {
            let name = format!("agent-{number}");
            let agent = folder.join(&name);
            fs::create_dir_all(&agent).unwrap();
            let command = r#"["/usr/bin/python3", "-I", "-S", "/agent/main.py"]"#;
            let text = format!(
                "name = \"{name}\"\nversion = \"1\"\nsummary = \"Answers after {pause} s.\"\ncommand = {command}\n[settings]\n"
            );
            fs::write(agent.join("agent.toml"), text).unwrap();
            let answer = AGENT
                .replace("PAUSE", &pause.to_string())
                .replace("NUMBER", &(number * 10).to_string());
            fs::write(agent.join("main.py"), answer).unwrap();
            names.push(format!("\"./{name}\""));
        }
        let file = folder.join("campaign.toml");
        let Self {
            attempts,
            grace,
            seal,
            reveal,
            ..
        } = self;
        let text = format!(
            "name = \"test\"\nattempts = {attempts}\nmax_leases = {}\ngrace_seconds = {grace}\n\
             tasks = [\"./count#smoke\"]\nagents = [{}]\n\
             [verification]\nseal_seconds = {seal}\nreveal_seconds = {reveal}\n",
            attempts * 4,
            names.join(", "),
        );
        fs::write(&file, text).unwrap();
        file
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
