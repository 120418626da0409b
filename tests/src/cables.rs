//! Hosts and cables: network namespaces on one switch. Needs root and `ip`.

use std::process::{Command, Stdio};

/// A switch and the hosts on it; all go when it is dropped. Nothing outside them is touched.
#[derive(Debug)]
pub struct Cables {
    mark: String,
    hosts: u8,
}

impl Cables {
    /// A switch with so many hosts, numbered from 1. `None`, with a printed line, where this process
    /// may not make them.
    pub fn lay(hosts: u8) -> Option<Self> {
        let cables = Self {
            mark: format!("q{:05x}", std::process::id() & 0xf_ffff),
            hosts,
        };
        if !ip(&["netns", "add", &cables.switch()]) {
            eprintln!("not run: no network namespaces can be made here; run as root, with iproute2");
            return None;
        }
        let switch = cables.switch();
        must(&["-n", &switch, "link", "add", "switch", "type", "bridge"]);
        must(&["-n", &switch, "link", "set", "switch", "up"]);
        for number in 1..=hosts {
            let (host, port) = (cables.host(number), format!("port{number}"));
            must(&["netns", "add", &host]);
            must(&[
                "-n", &switch, "link", "add", &port, "type", "veth", "peer", "name", "net", "netns", &host,
            ]);
            must(&["-n", &switch, "link", "set", &port, "master", "switch", "up"]);
            must(&[
                "-n",
                &host,
                "addr",
                "add",
                &format!("{}/24", Self::address(number)),
                "dev",
                "net",
            ]);
            must(&["-n", &host, "link", "set", "net", "up"]);
            must(&["-n", &host, "link", "set", "lo", "up"]);
        }
        Some(cables)
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.mark)
    }

    /// The name of a host's namespace.
    pub fn host(&self, number: u8) -> String {
        format!("{}-{number}", self.mark)
    }

    /// A host's address.
    pub fn address(number: u8) -> String {
        format!("10.77.0.{number}")
    }

    /// Pulls a host's cable.
    pub fn cut(&self, number: u8) {
        must(&[
            "-n",
            &self.switch(),
            "link",
            "set",
            &format!("port{number}"),
            "down",
        ]);
    }

    /// Plugs it in again.
    pub fn heal(&self, number: u8) {
        must(&[
            "-n",
            &self.switch(),
            "link",
            "set",
            &format!("port{number}"),
            "up",
        ]);
    }
}

impl Drop for Cables {
    fn drop(&mut self) {
        for number in 1..=self.hosts {
            ip(&["netns", "del", &self.host(number)]);
        }
        ip(&["netns", "del", &self.switch()]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    let status = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn must(arguments: &[&str]) {
    assert!(ip(arguments), "ip {} failed", arguments.join(" "));
}
