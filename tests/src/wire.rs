//! A party made by the test itself: it speaks the network's protocols and says what it likes.

use std::sync::Arc;

use quorate_core::wire::{Request, Response};
use quorate_core::{Keypair, NodeId};
use quorate_network::{Config, Event, Handle, Multiaddr, Role};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// A party of the test's own.
#[derive(Debug)]
pub struct Stranger {
    /// Where its tasks run.
    pub runtime: Arc<Runtime>,
    /// Its end of the network.
    pub network: Handle,
    /// Its key.
    pub key: Keypair,
    coordinator: NodeId,
}

impl Stranger {
    /// Joins the network of the coordinator at `address`.
    pub fn join(address: &str) -> Self {
        let key = Keypair::generate(&mut rand::rng());
        let runtime = Arc::new(
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
        );
        let coordinator: NodeId = address.rsplit_once("/p2p/").unwrap().1.parse().unwrap();
        let address: Multiaddr = address.parse().unwrap();
        let network = runtime.block_on(async {
            let mut config = Config::new(key.clone(), Role::Node);
            config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
            config.bootstrap = vec![address.clone()];
            let (network, mut events): (Handle, mpsc::Receiver<Event>) =
                quorate_network::start(config).await.unwrap();
            tokio::spawn(async move { while events.recv().await.is_some() {} });
            network.dial(address).await.unwrap();
            network
        });
        Self {
            runtime,
            network,
            key,
            coordinator,
        }
    }

    /// Asks the coordinator.
    pub fn ask(&self, request: &Request) -> Response {
        self.ask_bytes(request.encode().unwrap())
    }

    /// Sends the coordinator any bytes as a request.
    pub fn ask_bytes(&self, bytes: Vec<u8>) -> Response {
        let answer = self
            .runtime
            .block_on(self.network.request(self.coordinator, bytes))
            .unwrap();
        Response::decode(&answer).unwrap()
    }

    /// Submits bytes as a record and returns why they were refused.
    pub fn refusal(&self, envelope: Vec<u8>) -> String {
        match self.ask(&Request::Submit { envelope }) {
            Response::Refused { reason } => reason,
            other => panic!("it was not refused: {other:?}"),
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.runtime.block_on(self.network.shutdown());
    }
}
