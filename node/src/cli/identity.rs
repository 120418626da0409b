//! `quorate init` and `quorate id`.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use quorate_core::record::EnrollmentPolicy;
use quorate_core::text::Name;
use quorate_core::{Keypair, NodeId, PublicKey};
use serde::Serialize;

use super::Global;
use crate::config::Config;
use crate::home::{Home, HomeError, KeyRole};
use crate::output::{json, line, say};

/// Make the keys of this home. What is there already stays as it is.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What the operator calls itself: a-z, 0-9, `.` and `-`
    #[arg(long)]
    name: Option<Name>,
    /// Who may enroll in the log that a coordinator will begin in this home [default: open]
    #[arg(long, value_enum)]
    enrollment: Option<EnrollmentChoice>,
}

/// Who may enroll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EnrollmentChoice {
    /// Any operator
    Open,
    /// Whoever holds an invitation code
    Invite,
    /// Operators that the coordinator admits by their keys
    Allowlist,
}

impl From<EnrollmentChoice> for EnrollmentPolicy {
    fn from(choice: EnrollmentChoice) -> Self {
        match choice {
            EnrollmentChoice::Open => Self::Open,
            EnrollmentChoice::Invite => Self::Invite,
            EnrollmentChoice::Allowlist => Self::Allowlist,
        }
    }
}

/// Who a home is.
#[derive(Debug, Serialize)]
struct Identity {
    home: String,
    node: Option<NodeId>,
    operator: Option<PublicKey>,
    coordinator: Option<NodeId>,
    name: Option<Name>,
}

impl Init {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let mut made = Vec::new();
        for role in KeyRole::ALL {
            if home.ensure_key(role)?.1 {
                made.push(role.name());
            }
        }
        let enrollment = self.enrollment.map(EnrollmentPolicy::from);
        let wrote = write_config(&home, self.name.as_ref(), enrollment)?;
        let config = Config::read(&home)?;
        if let Some(name) = self.name.filter(|name| config.name.as_ref() != Some(name)) {
            say(format!(
                "config.toml was there already and is left alone: set `name = \"{name}\"` in it yourself"
            ));
        }
        if let Some(policy) = enrollment.filter(|policy| config.enrollment != Some(*policy)) {
            say(format!(
                "config.toml was there already and is left alone: set `enrollment = \"{}\"` in it yourself",
                policy.name()
            ));
        }
        let identity = Identity::of(&home, config)?;
        if global.json {
            let mut object = serde_json::to_value(&identity)?;
            if let Some(fields) = object.as_object_mut() {
                fields.insert("made".to_owned(), made.into());
                fields.insert("wrote_config".to_owned(), wrote.into());
            }
            return json(&object);
        }
        say(match made.as_slice() {
            [] => "Every key was there already.".to_owned(),
            made => format!(
                "Made the keys: {}. Keep a copy of the folder `keys`.",
                made.join(", ")
            ),
        });
        identity.print();
        Ok(())
    }
}

/// Shows who this home is.
pub(crate) fn show(global: &Global) -> anyhow::Result<()> {
    let home = global.home()?;
    let identity = Identity::of(&home, Config::read(&home)?)?;
    if identity.node.is_none() && identity.operator.is_none() && identity.coordinator.is_none() {
        return Err(HomeError::NoKey {
            role: KeyRole::Node.name(),
            home: home.root().to_owned(),
        }
        .into());
    }
    if global.json {
        return json(&identity);
    }
    identity.print();
    Ok(())
}

impl Identity {
    fn of(home: &Home, config: Config) -> anyhow::Result<Self> {
        Ok(Self {
            home: home.root().display().to_string(),
            node: key(home, KeyRole::Node)?.map(|key| key.node_id()),
            operator: key(home, KeyRole::Operator)?.map(|key| key.public()),
            coordinator: key(home, KeyRole::Coordinator)?.map(|key| key.node_id()),
            name: config.name,
        })
    }

    fn print(&self) {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "no key".to_owned());
        line(format!("home         {}", self.home));
        line(format!(
            "node         {}",
            or_none(self.node.map(|id| id.to_string()))
        ));
        line(format!(
            "operator     {}",
            or_none(self.operator.map(|key| key.to_string()))
        ));
        line(format!(
            "coordinator  {}",
            or_none(self.coordinator.map(|id| id.to_string()))
        ));
        if let Some(name) = &self.name {
            line(format!("name         {name}"));
        }
    }
}

/// The key of a role, if there is one.
fn key(home: &Home, role: KeyRole) -> Result<Option<Keypair>, HomeError> {
    match home.key(role) {
        Err(HomeError::NoKey { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// Writes a `config.toml` with every setting explained, unless there is one.
fn write_config(
    home: &Home,
    name: Option<&Name>,
    enrollment: Option<EnrollmentPolicy>,
) -> anyhow::Result<bool> {
    let path = home.root().join("config.toml");
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let mut file = match opened {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        other => other.with_context(|| format!("cannot make {}", path.display()))?,
    };
    file.write_all(config_text(name, enrollment).as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

fn config_text(name: Option<&Name>, enrollment: Option<EnrollmentPolicy>) -> String {
    let name = name.map_or_else(
        || "#name = \"example-lab\"".to_owned(),
        |name| format!("name = \"{name}\""),
    );
    let enrollment = enrollment.map_or_else(
        || "#enrollment = \"open\"".to_owned(),
        |policy| format!("enrollment = \"{}\"", policy.name()),
    );
    format!(
        r#"# Settings of this home. Flags win over what stands here.

# What the operator calls itself on leaderboards.
{name}

# Coordinators to work for, each with its id at the end.
#coordinators = ["/dns/quorate.example/tcp/4001/p2p/12D3KooW..."]

# Addresses to listen on. A node takes any free port, a coordinator 4001 over TCP and QUIC.
#listen = ["/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/udp/4001/quic-v1"]

# Addresses under which others reach this machine, where it cannot know them itself.
#external = ["/dns/node.example/tcp/4001"]

# Who may enroll in the log that a coordinator begins here: open, invite or allowlist. It holds for the log's life.
{enrollment}

# What runs containers: auto, docker or embedded.
#backend = "auto"

# Disk for artifacts, in GiB.
#quota_gib = 64

# Where the embedded backend keeps images. Nodes of one machine may share the folder.
#images = "/var/lib/quorate/images"

# Whether to find peers on the local network. Hosting networks take this for abuse.
#mdns = false
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_configuration_says_the_defaults_and_knows_every_setting() {
        let read = |text: &str| toml::from_str::<Config>(text).unwrap();
        assert_eq!(read(&config_text(None, None)), Config::default());
        let name: Name = "lab-1".parse().unwrap();
        assert_eq!(read(&config_text(Some(&name), None)).name, Some(name));
        let invite = Some(EnrollmentPolicy::Invite);
        assert_eq!(read(&config_text(None, invite)).enrollment, invite);

        let all: String = config_text(None, None)
            .lines()
            .map(|line| {
                line.strip_prefix('#')
                    .filter(|rest| !rest.starts_with(' '))
                    .unwrap_or(line)
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let all = read(&all);
        assert!(all.name.is_some() && all.backend.is_some() && all.quota_gib.is_some());
        assert_eq!(all.enrollment, Some(EnrollmentPolicy::Open));
        assert_eq!(
            (all.coordinators.len(), all.listen.len(), all.external.len()),
            (1, 2, 1)
        );
    }

    #[test]
    fn a_configuration_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().to_owned()).unwrap();
        assert!(write_config(&home, None, None).unwrap());
        std::fs::write(folder.path().join("config.toml"), "mdns = true\n").unwrap();
        assert!(!write_config(&home, None, None).unwrap());
        assert!(Config::read(&home).unwrap().mdns);
    }
}
