//! A coordinator and its nodes.

use std::path::Path;
use std::process::Output;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::binary::{run, said};
use crate::cables::Cables;
use crate::campaign::Campaign;
use crate::disk::Disk;
use crate::ledger::{self, Ledger};
use crate::party::Party;
use crate::traces;
use crate::wait::{Look, until, until_still};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A network on this machine. Everything it made goes when it is dropped.
#[derive(Debug)]
pub struct World {
    /// The coordinator.
    pub coordinator: Party,
    /// The nodes, each of an operator of its own that calls itself as the node is called.
    pub nodes: Vec<Party>,
    /// Where the coordinator is.
    pub address: String,
    /// Its small disks: the coordinator's, then those of nodes.
    pub disks: Vec<Disk>,
    /// Its cables.
    pub cables: Option<Cables>,
    published: u32,
    root: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// The backend that tests use where they do not ask for another: it needs nothing but this machine.
pub const BACKEND: &str = "embedded";

/// A free port of this machine alone.
const ANY: &str = "/ip4/127.0.0.1/tcp/0";

impl World {
    /// Starts a coordinator alone, on a free port that it keeps when it is started again.
    pub fn new() -> Self {
        Self::begin(ANY, Some).unwrap()
    }

    /// As [`World::new`], with a log that so many operators must cosign.
    pub fn asking_witnesses(quorum: u8) -> Self {
        let quorum = quorum.to_string();
        Self::begin(ANY, |coordinator| {
            Some(coordinator.with_arguments(&["--witness-quorum", &quorum]))
        })
        .unwrap()
    }

    /// As [`World::new`], with a log that lets in whom `policy` says.
    pub fn admitting(policy: &str) -> Self {
        let world = Self::begin(ANY, |coordinator| {
            let output = run(coordinator.home(), &["init", "--enrollment", policy]);
            assert!(output.status.success(), "{}", said(&output));
            Some(coordinator)
        });
        world.unwrap()
    }

    /// As [`World::new`], with the coordinator's home on a disk of so many MiB. `None`, with a printed
    /// line, where no disk can be mounted.
    pub fn on_small_disk(mib: u32) -> Option<Self> {
        let mut disk = None;
        let mut world = Self::begin(ANY, |coordinator| {
            disk = Some(Disk::mount(coordinator.home(), mib)?);
            Some(coordinator)
        })?;
        world.disks.extend(disk);
        Some(world)
    }

    /// As [`World::new`], with the coordinator on host 1. Node `n` is on host `n + 1`.
    pub fn on_hosts(cables: Cables) -> Self {
        let listen = format!("/ip4/{}/tcp/0", Cables::address(1));
        let mut world = Self::begin(&listen, |coordinator| {
            Some(coordinator.in_namespace(&cables.host(1)))
        })
        .unwrap();
        world.cables = Some(cables);
        world
    }

    fn begin(listen: &str, prepare: impl FnOnce(Party) -> Option<Party>) -> Option<Self> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let root = tempfile::Builder::new()
            .prefix("quorate-world-")
            .tempdir()
            .unwrap();
        let coordinator = Party::new(
            root.path(),
            "coordinator",
            &["coordinator", "run", "--listen", listen],
        );
        let mut world = Self {
            coordinator: prepare(coordinator)?,
            nodes: Vec::new(),
            address: String::new(),
            disks: Vec::new(),
            cables: None,
            published: 0,
            root,
            _alone: alone,
        };
        let up = world.coordinator.start();
        up["listening"][0]
            .as_str()
            .unwrap()
            .clone_into(&mut world.address);
        let (place, _) = world.address.split_once("/p2p/").unwrap();
        world.coordinator.replace_argument(listen, place);
        Some(world)
    }

    /// Starts a coordinator and `count` honest nodes, and waits until all are enrolled.
    pub fn with_nodes(count: usize) -> Self {
        let mut world = Self::new();
        for _ in 0..count {
            world.add_node(&[]);
        }
        world.until_enrolled();
        world
    }

    /// The folder below which everything is.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Starts one more node, called `node-` and its number from 1, with further arguments.
    pub fn add_node(&mut self, arguments: &[&str]) -> &mut Party {
        let mut node = self.new_node(arguments);
        node.start();
        self.nodes.push(node);
        self.nodes.last_mut().unwrap()
    }

    /// The next node, not started and not in [`World::nodes`].
    pub fn new_node(&self, arguments: &[&str]) -> Party {
        let number = u8::try_from(self.nodes.len() + 1).unwrap();
        let name = format!("node-{number}");
        let host = number + 1;
        let listen = match self.cables {
            Some(_) => format!("/ip4/{}/tcp/0", Cables::address(host)),
            None => ANY.to_owned(),
        };
        let mut all = vec![
            "node",
            "run",
            "--coordinator",
            &self.address,
            "--name",
            &name,
            "--listen",
            &listen,
        ];
        if !arguments.contains(&"--backend") {
            all.extend(["--backend", BACKEND]);
        }
        all.extend(arguments);
        let node = Party::new(self.root.path(), &name, &all);
        match &self.cables {
            Some(cables) => node.in_namespace(&cables.host(host)),
            None => node,
        }
    }

    /// As [`World::add_node`], with the node's home on a disk of so many MiB.
    pub fn add_node_on_small_disk(&mut self, mib: u32) -> Option<()> {
        let mut node = self.new_node(&[]);
        self.disks.push(Disk::mount(node.home(), mib)?);
        node.start();
        self.nodes.push(node);
        Some(())
    }

    /// Waits until every node is enrolled, so that none is left out of a draw.
    pub fn until_enrolled(&mut self) {
        let count = self.nodes.len();
        self.until("every node is enrolled", |ledger| {
            (ledger.history.nodes().len() >= count).then_some(())
        });
    }

    /// Publishes a campaign.
    pub fn publish(&mut self, campaign: &Campaign) {
        let output = self.try_publish(campaign, |_| {});
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Publishes a campaign after `change` had its way with the folder of its files.
    pub fn try_publish(&mut self, campaign: &Campaign, change: impl FnOnce(&Path)) -> Output {
        self.published += 1;
        let folder = self.root.path().join(format!("campaign-{}", self.published));
        std::fs::create_dir_all(&folder).unwrap();
        let file = campaign.write(&folder);
        change(&folder);
        run(
            self.coordinator.home(),
            &["campaign", "publish", file.to_str().unwrap()],
        )
    }

    /// The coordinator's ledger as it is now.
    pub fn ledger(&self) -> Ledger {
        until("the ledger can be read", || {
            Ledger::read(self.coordinator.home()).ok()
        })
    }

    /// How many entries the coordinator's ledger has.
    pub fn size(&self) -> u64 {
        ledger::size(self.coordinator.home())
    }

    /// Reads the ledger whenever it has grown, until `look` finds something in it. A node that has
    /// ended by itself is a failure at once.
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Ledger) -> Option<T>) -> T {
        let mut seen = 0;
        let home = self.coordinator.home().to_owned();
        until_still(what, || {
            for node in &mut self.nodes {
                if let Some(status) = node.ended() {
                    panic!("{} ended by itself ({status})", node.name());
                }
            }
            let size = ledger::size(&home);
            if size <= seen {
                return Look::Still;
            }
            let Ok(ledger) = Ledger::read(&home) else {
                return Look::Still;
            };
            seen = ledger.history.size();
            look(&ledger).map_or(Look::Moving, Look::Found)
        })
    }

    /// Waits until the campaign is over.
    pub fn until_over(&mut self) -> Ledger {
        self.until("the campaign is over", |ledger| {
            ledger.is_over().then(|| ledger.clone())
        })
    }

    /// The node that the ledger knows under this id, by its place in [`World::nodes`].
    pub fn place_of(&self, ledger: &Ledger, id: quorate_core::NodeId) -> usize {
        let name = ledger.history.nodes()[&id].name.as_str().to_owned();
        self.nodes.iter().position(|node| node.name() == name).unwrap()
    }

    /// Asserts that every acknowledgement that a node got is kept: at the index it was told stands
    /// a record of that kind, signed by that node.
    pub fn assert_acknowledged(&self, ledger: &Ledger) -> usize {
        let mut count = 0;
        for node in &self.nodes {
            let id = ledger.node(node.name()).unwrap();
            for (what, index) in node.acknowledged() {
                let envelope = &ledger.entries[usize::try_from(index).unwrap()];
                let record = quorate_core::Record::read(envelope).unwrap();
                let kind = record.kind().replace('-', " ");
                assert_eq!(kind, what, "entry {index}, acknowledged to {}", node.name());
                assert!(
                    envelope.signers().contains(id.key()),
                    "entry {index} is not {}'s",
                    node.name()
                );
                count += 1;
            }
        }
        count
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let parties = || self.nodes.iter().chain([&self.coordinator]);
        if std::thread::panicking() {
            for party in parties() {
                let log = party.log();
                let lines: Vec<&str> = log.lines().collect();
                let tail = lines[lines.len().saturating_sub(40)..].join("\n");
                eprintln!("--- {} (started {} times)\n{tail}", party.name(), party.starts());
            }
            if let Ok(ledger) = Ledger::read(self.coordinator.home()) {
                ledger.print();
            }
        }
        parties().for_each(Party::terminate);
        self.nodes
            .iter_mut()
            .chain([&mut self.coordinator])
            .for_each(Party::stop);
        for node in &self.nodes {
            traces::remove(node.home());
        }
    }
}
