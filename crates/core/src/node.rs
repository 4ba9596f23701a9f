//! Nodes: the servers of one installation, as they report themselves.
//!
//! A node keeps nothing that counts; its row says that it runs, and with which keys, for whoever changes keys or looks
//! after the installation. No rule about a user rests on it.

use crate::{NodeId, Timestamp};

/// What a running server says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Drawn at its start.
    pub id: NodeId,
    /// When it was started, by its own clock like the moments below.
    pub started: Timestamp,
    /// When it last said so.
    pub seen: Timestamp,
    /// Which version it runs.
    pub version: String,
    /// The ids of the keys it holds; the first one seals. An id has no blank in it.
    pub keys: Vec<String>,
    /// Since when it seals with that first key; its start, unless that changed while it ran.
    pub sealing_since: Timestamp,
}
