use crate::Node;

/// A change to the list of running servers.
#[derive(Clone, Debug)]
pub enum NodeChange {
    /// A node reports that it runs, in place of its last report.
    Report(Node),
}

impl NodeChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Report(node) => (0, node.id.as_str()),
        }
    }
}
