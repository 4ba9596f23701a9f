use crate::{NodeId, Timestamp};

/// A change to the tasks that one node does at a time.
#[derive(Clone, Debug)]
pub enum LeaseChange {
    /// A node takes on, or keeps, a task. Conflicts while another node has it.
    Take {
        /// The task.
        name: String,
        /// The node.
        holder: NodeId,
        /// The current time: a lease of another node that ends before this is over.
        at: Timestamp,
        /// Until when it has the task.
        until: Timestamp,
    },
}

impl LeaseChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Take { name, .. } => (0, name),
        }
    }
}
