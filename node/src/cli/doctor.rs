//! `quorate doctor`: what this machine can guarantee, measured and not believed.

mod escapes;
mod machine;

use anyhow::{Context as _, anyhow};
use clap::Args;
use quorate_containers::{Backend, Choice, Component, Fingerprint, Report, Runtime, State, host_fingerprint};
use serde::Serialize;

use self::escapes::known_escape;
use self::machine::Machine;
use super::{BackendChoice, Failure, Global};
use crate::config::Config;
use crate::home::Home;
use crate::output::{json, line};
use crate::volunteer::with_causes;

/// Say what this machine can guarantee to those who run on it.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Look at this backend only
    #[arg(long, value_enum, default_value_t)]
    backend: BackendChoice,
}

/// One backend, looked at.
#[derive(Debug, Serialize)]
struct Examined {
    backend: Backend,
    /// Whether untrusted work may run in it.
    usable: bool,
    /// Why not.
    refusal: Option<String>,
    report: Option<Report>,
}

/// A part with a known way out of the container.
#[derive(Debug, Serialize)]
struct Warning {
    component: String,
    version: String,
    why: &'static str,
}

#[derive(Debug, Serialize)]
struct Findings {
    /// What `--backend auto` would use.
    auto: Option<Backend>,
    backends: Vec<Examined>,
    warnings: Vec<Warning>,
    gpu_work_refused: bool,
    host_image: Fingerprint,
    machine: Machine,
}

impl Doctor {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let mut backends = Vec::new();
        for (backend, choice) in [
            (Backend::Docker, Choice::Docker),
            (Backend::Embedded, Choice::Embedded),
        ] {
            let wanted = BackendChoice::Auto == self.backend || Choice::from(self.backend) == choice;
            if wanted {
                backends.push(examine(&home, backend, choice).await?);
            }
        }
        let findings = Findings::new(&home, backends)?;
        if global.json {
            json(&findings)?;
        } else {
            findings.print();
        }
        if findings.auto.is_none() {
            return Err(anyhow!("no backend can run untrusted work on this machine").context(Failure::Check));
        }
        Ok(())
    }
}

/// Runs a backend's own check under an owner of its own, so that a node that runs here is not
/// disturbed.
async fn examine(home: &Home, backend: Backend, choice: Choice) -> anyhow::Result<Examined> {
    let scratch = tempfile::tempdir_in(home.scratch()).context("cannot make a temporary folder")?;
    let owner = format!("{:016x}", rand::random::<u64>()).parse()?;
    let (folder, images) = (scratch.path().to_owned(), Config::read(home)?.images(home));
    let checked = match quorate_containers::select(choice, owner, folder, images).await {
        Err(error) => Err(error),
        Ok(runtime) => check(runtime.as_ref()).await,
    };
    Ok(match checked {
        Ok(report) => {
            let refusal = report.refusal();
            Examined {
                backend,
                usable: refusal.is_none(),
                refusal,
                report: Some(report),
            }
        }
        Err(error) => Examined {
            backend,
            usable: false,
            refusal: Some(with_causes(&error)),
            report: None,
        },
    })
}

async fn check(runtime: &dyn Runtime) -> Result<Report, quorate_containers::Error> {
    let report = runtime.check().await;
    // Nobody else will ever sweep for an owner that lives this short.
    if let Err(error) = runtime.sweep().await {
        tracing::warn!(error = with_causes(&error), "something of the check may be left");
    }
    report
}

impl Findings {
    fn new(home: &Home, backends: Vec<Examined>) -> anyhow::Result<Self> {
        // Docker is first, and is what `auto` takes where it can be used.
        let auto = backends
            .iter()
            .find(|examined| examined.usable)
            .map(|examined| examined.backend);
        let components = backends
            .iter()
            .filter_map(|examined| examined.report.as_ref())
            .flat_map(|report| &report.components);
        let warnings: Vec<Warning> = components
            .cloned()
            .chain(machine::nvidia_toolkit())
            .filter_map(|component| warning(&component))
            .collect();
        Ok(Self {
            auto,
            backends,
            gpu_work_refused: !warnings.is_empty(),
            warnings,
            host_image: host_fingerprint(),
            machine: Machine::look(home)?,
        })
    }

    fn print(&self) {
        for examined in &self.backends {
            examined.print();
        }
        line(match self.auto {
            Some(backend) => format!("`--backend auto` uses {backend} here."),
            None => "Nothing untrusted can run here.".to_owned(),
        });
        for warning in &self.warnings {
            line(format!(
                "WARNING  {} {}: {}. GPU work is refused with it.",
                warning.component, warning.version, warning.why
            ));
        }
        line("");
        let python = self.host_image.python.as_deref().unwrap_or("no python3");
        line(format!(
            "host image   {}, {python}, {}",
            self.host_image.os, self.host_image.digest
        ));
        self.machine.print();
    }
}

fn warning(component: &Component) -> Option<Warning> {
    let why = known_escape(&component.name, &component.version)?;
    Some(Warning {
        component: component.name.clone(),
        version: component.version.clone(),
        why,
    })
}

impl Examined {
    fn print(&self) {
        let verdict = if self.usable {
            "can be used"
        } else {
            "cannot be used"
        };
        let Some(report) = &self.report else {
            line(format!(
                "{}: {verdict}: {}\n",
                self.backend,
                self.refusal.as_deref().unwrap_or("no reason given")
            ));
            return;
        };
        line(format!("{}: {verdict} ({})", self.backend, report.engine));
        for component in &report.components {
            line(format!("  {} {}", component.name, component.version));
        }
        for guarantee in &report.guarantees {
            let name = format!("{:?}", guarantee.promise);
            line(match &guarantee.state {
                State::Enforced => format!("  yes  {name}"),
                State::NotEnforced { why } if guarantee.promise.is_vital() => {
                    format!("  NO   {name} (vital): {why}")
                }
                State::NotEnforced { why } => format!("  no   {name}: {why}"),
            });
        }
        line("");
    }
}
