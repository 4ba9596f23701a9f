//! Nodes: each reports that it runs and with which keys, and tasks are leased to one node at a time.
//!
//! No decision about a user depends on this. It serves key rotation with several nodes, tasks that only one node should
//! do, and administrators. A node compares its keys with those of the other running nodes after each report: users meet
//! faults while two nodes cannot unseal what the other seals.

use std::{net::SocketAddr, time::Duration};

use countersign_core::{Batch, Change, KeyComparison, LeaseChange, Node, NodeChange, NodeId, Timestamp, Written};

use crate::{Engine, Fault};

/// How often a node reports.
pub const REPORT_EVERY: Duration = Duration::from_secs(10);
/// How long after its last report a node counts as running.
pub const LIVE_FOR: Duration = Duration::from_mins(1);
/// The minimum time that a report is kept.
const KEPT: Duration = Duration::from_hours(1);

/// How often a node logs that its keys are incompatible with another node's.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// A node, from its start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Running {
    /// The id of the node until it stops.
    pub id: NodeId,
    /// When it was started.
    pub started: Timestamp,
    /// The application's version.
    pub version: &'static str,
    /// The name of the machine it runs on, if the application knows it; 1 character or more.
    pub host: Option<String>,
    /// The address it listens on, if the application knows it.
    pub listen_address: Option<SocketAddr>,
}

/// How often expired rows are deleted, and how long after the start for the first time.
const PURGE_EVERY: Duration = Duration::from_hours(1);
const PURGE_FIRST: Duration = Duration::from_mins(1);

impl Engine {
    /// The background task of a running application: it reports that this node runs, every ten seconds, and purges
    /// expired rows, once an hour on one of the nodes. Every serving process spawns it once; it ends when it is
    /// dropped. `version` is the application's own and appears in the list of nodes.
    pub fn housekeeping(&self, version: &'static str) -> impl Future<Output = ()> + Send + use<> {
        let engine = self.clone();
        async move { engine.housekeeping_of(&engine.start_node(version)).await }
    }

    /// The same for a node that was started already, by a program that reports more about it.
    pub async fn housekeeping_of(&self, running: &Running) {
        tokio::join!(self.report_regularly(running), self.purge_regularly(running));
    }

    async fn report_regularly(&self, running: &Running) {
        let mut complained = None;
        loop {
            if let Err(fault) = self.report(running).await {
                tracing::warn!(%fault, "could not report that this node runs");
            }
            if complained.is_none_or(|at: Timestamp| !at.is_within(COMPLAIN_EVERY, self.now())) {
                complained = self.complain_about_keys(running).await.then(|| self.now());
            }
            tokio::time::sleep(REPORT_EVERY).await;
        }
    }

    /// Logs an ERROR for each running node with incompatible keys; returns whether there is one.
    pub async fn complain_about_keys(&self, running: &Running) -> bool {
        let nodes = match self.incompatible_nodes().await {
            Ok(nodes) => nodes,
            Err(fault) => {
                tracing::warn!(%fault, "could not compare the keys of the nodes");
                return false;
            }
        };
        // A node that has not reported since this one was started may have stopped.
        let others = nodes.iter().filter(|node| node.id != running.id && node.seen >= running.started);
        let others = others.inspect(|node| {
            tracing::error!(
                here = ?self.key_ids(),
                there = ?node.keys,
                "{node} has other keys than this one, so one of the two cannot open what the other seals and users meet faults: \
                 copy one key file to every node"
            );
        });
        others.count() > 0
    }

    /// The running nodes with incompatible keys: one of the two seals with a key that the other does not have.
    pub async fn incompatible_nodes(&self) -> Result<Vec<Node>, Fault> {
        let here: Vec<String> = self.key_ids().iter().map(ToString::to_string).collect();
        let is_incompatible = |node: &Node| KeyComparison::of(&here, &node.keys) == KeyComparison::Incompatible;
        let nodes = self.nodes().await?;
        Ok(nodes.into_iter().filter(|node| self.is_live(node) && is_incompatible(node)).collect())
    }

    async fn purge_regularly(&self, running: &Running) {
        tokio::time::sleep(PURGE_FIRST).await;
        loop {
            // The next interval begins after this purge ends; that is early enough.
            match self.purge_in_turn(running, PURGE_EVERY).await {
                Ok(Some(rows)) => tracing::debug!(rows, "purged expired rows"),
                Ok(None) => tracing::debug!("another node purges expired rows"),
                Err(fault) => tracing::warn!(%fault, "purging expired rows failed"),
            }
            tokio::time::sleep(PURGE_EVERY).await;
        }
    }

    /// A node that is started now. The application may add host and listen address.
    pub fn start_node(&self, version: &'static str) -> Running {
        Running { id: self.new_id(), started: self.now(), version, host: None, listen_address: None }
    }

    /// Reports that this node runs, and with which keys.
    pub async fn report(&self, running: &Running) -> Result<(), Fault> {
        let ring = self.ring();
        let node = Node {
            id: running.id.clone(),
            started: running.started,
            seen: self.now(),
            version: running.version.to_owned(),
            keys: ring.keys.ids().map(|id| id.to_string()).collect(),
            // Keys loaded before the node was started have sealed nothing in it.
            sealing_since: ring.sealing_since.max(running.started),
            host: running.host.clone(),
            listen_address: running.listen_address,
        };
        self.commit(&Batch::new(vec![Change::Node(NodeChange::Report(node))])).await.map(drop)
    }

    /// All nodes that were not purged.
    pub async fn nodes(&self) -> Result<Vec<Node>, Fault> {
        self.store().nodes().await
    }

    /// Whether a node counts as running.
    pub fn is_live(&self, node: &Node) -> bool {
        node.seen.is_within(LIVE_FOR, self.now())
    }

    /// Purges expired rows, unless another node has done so less than `every` ago. Returns the number of rows gone, or
    /// `None` if it was not this node's turn.
    pub async fn purge_in_turn(&self, running: &Running, every: Duration) -> Result<Option<u64>, Fault> {
        let at = self.now();
        let (name, holder) = ("purge".to_owned(), running.id.clone());
        let lease = Change::Lease(LeaseChange::Take { name, holder, at, until: at.after(every) });
        match self.commit(&Batch::new(vec![lease])).await?.written() {
            Written::Done => self.purge().await.map(Some),
            Written::Conflict | Written::Overspent { .. } => Ok(None),
        }
    }

    /// How long reports are kept: at least as long as a login may depend on a key that the node sealed with.
    pub(crate) fn nodes_kept(&self) -> Duration {
        KEPT.max(self.config().login_timeout.saturating_add(LIVE_FOR.saturating_mul(2)))
    }
}
