//! Nodes: the servers of one installation, as they report themselves.
//!
//! A node keeps nothing that counts; its row says that it runs, where, and with which keys, for whoever changes keys or looks
//! after the installation. No rule about a user rests on it.

use std::{fmt, net::SocketAddr};

use crate::{NodeId, Timestamp};

/// How many characters of an id are shown: enough to tell a handful of nodes apart.
const SHOWN: usize = 8;

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
    /// The name of the machine it runs on, if the application knows it.
    pub host: Option<String>,
    /// The address it listens on, if the application knows it.
    pub listen_address: Option<SocketAddr>,
}

/// How the keys of two nodes compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeyComparison {
    /// Both have the same keys in the same order.
    Same,
    /// They differ, and each has the key that the other seals with: a change of keys is under way.
    Compatible,
    /// One of them seals with a key that the other does not have: users meet faults at one of the two.
    Incompatible,
}

impl KeyComparison {
    /// Compares the ids of the keys of two nodes, each with the key that seals first.
    pub fn of(ours: &[String], theirs: &[String]) -> Self {
        if ours == theirs {
            return Self::Same;
        }
        let opens = |keys: &[String], sealing: Option<&String>| sealing.is_none_or(|key| keys.contains(key));
        if opens(ours, theirs.first()) && opens(theirs, ours.first()) { Self::Compatible } else { Self::Incompatible }
    }
}

/// A node as messages name it: `node 3f2a91bc on id-1 (10.0.0.11:8000)`.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id: String = self.id.as_str().chars().take(SHOWN).collect();
        write!(f, "node {id}")?;
        if let Some(host) = &self.host {
            write!(f, " on {host}")?;
        }
        self.listen_address.map_or(Ok(()), |address| write!(f, " ({address})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ids: &str) -> Vec<String> {
        ids.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn t140_keys_are_incompatible_when_a_node_cannot_open_what_another_seals() {
        for (ours, theirs, expected) in [
            ("a", "a", KeyComparison::Same),
            ("a b", "a b", KeyComparison::Same),
            ("a", "a b", KeyComparison::Compatible),
            ("a b", "b a", KeyComparison::Compatible),
            ("b a", "a b c", KeyComparison::Compatible),
            ("a", "b", KeyComparison::Incompatible),
            ("a", "b a", KeyComparison::Incompatible),
            ("a b", "b", KeyComparison::Incompatible),
            ("a c", "b c", KeyComparison::Incompatible),
        ] {
            let (ours, theirs) = (keys(ours), keys(theirs));
            assert_eq!(KeyComparison::of(&ours, &theirs), expected, "{ours:?} {theirs:?}");
            assert_eq!(KeyComparison::of(&theirs, &ours), expected, "{theirs:?} {ours:?}");
        }
    }

    #[test]
    fn a_node_is_named_by_what_is_known_of_it() {
        let now = Timestamp::from_millis(0);
        let node = Node {
            id: NodeId::new("3f2a91bc5d"),
            started: now,
            seen: now,
            version: "0.1.0".into(),
            keys: keys("a"),
            sealing_since: now,
            host: None,
            listen_address: None,
        };
        assert_eq!(node.to_string(), "node 3f2a91bc");
        let node = Node { host: Some("id-1".into()), ..node };
        assert_eq!(node.to_string(), "node 3f2a91bc on id-1");
        let node = Node { listen_address: "[::1]:8000".parse().ok(), ..node };
        assert_eq!(node.to_string(), "node 3f2a91bc on id-1 ([::1]:8000)");
    }
}
