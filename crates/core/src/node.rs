//! Nodes: the servers of one installation, as they report themselves.
//!
//! The row says that a node runs, where, and with which keys: for changing keys and for administrators. No rule about a
//! user depends on it.

use std::{fmt, net::SocketAddr};

use crate::{NodeId, Timestamp};

/// How many characters of an id are shown: enough to distinguish a handful of nodes.
const SHOWN: usize = 8;

/// The report of a running server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// A random id, drawn at its start.
    pub id: NodeId,
    /// When it was started, by its own clock, like the times below.
    pub started: Timestamp,
    /// When it last reported.
    pub seen: Timestamp,
    /// Which version it runs.
    pub version: String,
    /// The ids of its keys; the first one seals. An id contains no blank.
    pub keys: Vec<String>,
    /// Since when the first key has been used to seal; the start, unless the keys changed later.
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
    /// They differ, and each has the key that the other seals with: a change of keys is in progress.
    Compatible,
    /// One of them seals with a key that the other does not have: requests fail on one of the two.
    Incompatible,
}

impl KeyComparison {
    /// Compares the key ids of two nodes; the first id is the sealing key.
    pub fn of(ours: &[String], theirs: &[String]) -> Self {
        if ours == theirs {
            return Self::Same;
        }
        let opens = |keys: &[String], sealing: Option<&String>| sealing.is_none_or(|key| keys.contains(key));
        if opens(ours, theirs.first()) && opens(theirs, ours.first()) { Self::Compatible } else { Self::Incompatible }
    }
}

/// The form used in messages: `node 3f2a91bc on id-1 (10.0.0.11:8000)`.
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
