//! The command line: what there is, and what each command's failure exits with.

mod artifact;
mod campaign;
mod coordinator;
mod demo;
mod doctor;
mod identity;
mod leaderboard;
mod ledger;
mod lookup;
mod node;
mod peer;
mod reproduce;
mod task;
mod verify;
pub(crate) mod workbench;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::home::{Home, default_root};
use crate::output::say;

/// Run AI-agent attempts, re-score them independently, publish only what a quorum confirms.
///
/// Quorate is a peer-to-peer evaluation network. A coordinator publishes signed tasks; nodes run
/// agents on them in local containers; other operators' nodes re-score what they hand in; verdicts
/// stand in a public, append-only ledger, from which everybody computes the same leaderboard.
///
/// Start with `quorate demo`: a whole network on this machine, with one cheat and one liar in it.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, propagate_version = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Lend a machine:    quorate init && quorate node run --coordinator /dns/HOST/tcp/4001/p2p/ID
Run a campaign:    quorate init && quorate coordinator run, then quorate campaign publish FILE
Check a log:       quorate ledger sync --coordinator ADDRESS && quorate ledger audit
Check one row:     quorate verify row.proof, quorate reproduce ATTEMPT

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 a check found something wrong,
4 the coordinator cannot be reached.";

/// Flags that every command knows.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Folder for keys, ledgers and artifacts [default: the platform's data folder]
    #[arg(long, global = true, env = "QUORATE_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    json: bool,
}

impl Global {
    /// The home that the flags name, made if it is not there.
    pub(crate) fn home(&self) -> anyhow::Result<Home> {
        let root = match &self.home {
            Some(root) => root.clone(),
            None => default_root()?,
        };
        Ok(Home::open(root)?)
    }

    /// The home that the flags name, if it follows any log. Nothing is made: its reader may not be able to.
    pub(crate) fn existing_home(&self) -> anyhow::Result<Option<Home>> {
        let root = self.home.clone().or_else(|| default_root().ok());
        let root = root.filter(|root| root.join("ledgers").is_dir());
        Ok(root.map(Home::open).transpose()?)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a whole network at work on this machine
    Demo(demo::Demo),
    /// Make the keys of this home
    Init(identity::Init),
    /// Show who this home is
    Id,
    /// Say what this machine can guarantee to those who run on it
    Doctor(doctor::Doctor),
    /// Run a coordinator
    #[command(subcommand)]
    Coordinator(coordinator::Coordinator),
    /// Publish campaigns and see how they go
    #[command(subcommand)]
    Campaign(campaign::Campaign),
    /// Lend this machine
    #[command(subcommand)]
    Node(node::Node),
    /// See, check and pack tasks
    #[command(subcommand)]
    Task(task::Task),
    /// Follow, audit, read and export ledgers
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Add, fetch, verify and list artifacts
    #[command(subcommand)]
    Artifact(artifact::Artifact),
    /// Check a proof file offline: of a row, of a log's entry, or of a fork
    Verify(verify::Verify),
    /// Score an attempt's artifact on this machine and compare
    Reproduce(reproduce::Reproduce),
    /// Show the leaderboard that a ledger comes to
    Leaderboard(leaderboard::Leaderboard),
}

/// Which container backend to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendChoice {
    /// Docker where an engine answers, else embedded
    #[default]
    Auto,
    /// Docker Engine or Podman's socket
    Docker,
    /// The runtime inside this binary
    Embedded,
}

impl From<BackendChoice> for quorate_containers::Choice {
    fn from(choice: BackendChoice) -> Self {
        match choice {
            BackendChoice::Auto => Self::Auto,
            BackendChoice::Docker => Self::Docker,
            BackendChoice::Embedded => Self::Embedded,
        }
    }
}

/// A failure that says more than "it failed" to whoever called the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A check found something wrong.
    Check,
    /// The coordinator cannot be reached.
    Unreachable,
    /// The command line is not enough for this case.
    Usage,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Check => "the check failed",
            Self::Unreachable => "the coordinator cannot be reached",
            Self::Usage => "the command line lacks something",
        })
    }
}

impl std::error::Error for Failure {}

/// Runs the command and turns its end into an exit code.
pub(crate) fn run(cli: Cli) -> ExitCode {
    start_logging(matches!(cli.command, Command::Coordinator(_) | Command::Node(_)));
    let runtime = match tokio::runtime::Runtime::new().context("cannot start the async runtime") {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(Box::pin(dispatch(cli))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let global = cli.global;
    match cli.command {
        Command::Demo(command) => command.run(&global).await,
        Command::Init(command) => command.run(&global),
        Command::Id => identity::show(&global),
        Command::Doctor(command) => command.run(&global).await,
        Command::Coordinator(command) => command.run(&global).await,
        Command::Campaign(command) => command.run(&global).await,
        Command::Node(command) => command.run(&global).await,
        Command::Task(command) => command.run(&global).await,
        Command::Ledger(command) => command.run(&global).await,
        Command::Artifact(command) => command.run(&global).await,
        Command::Verify(command) => command.run(&global),
        Command::Reproduce(command) => command.run(&global).await,
        Command::Leaderboard(command) => command.run(&global),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    say(format!("error: {error}"));
    let mut causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    causes.dedup();
    for cause in causes {
        say(format!("  because: {cause}"));
    }
    match error.downcast_ref::<Failure>() {
        Some(Failure::Check) => ExitCode::from(3),
        Some(Failure::Unreachable) => ExitCode::from(4),
        Some(Failure::Usage) => ExitCode::from(2),
        None => ExitCode::FAILURE,
    }
}

/// Logs go to standard error; `QUORATE_LOG` chooses them, as in `QUORATE_LOG=debug`. A process that
/// runs for long says what it does; a command only says what went wrong.
fn start_logging(runs_for_long: bool) {
    let default = if runs_for_long {
        "warn,quorate=info,libp2p=error"
    } else {
        "warn,libp2p=error"
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("QUORATE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(crate::output::is_watched())
        .with_writer(std::io::stderr)
        .try_init();
}
