use countersign_core::NodeChange;

use super::Rows;

impl Rows {
    pub(super) fn change_nodes(&mut self, change: NodeChange) {
        match change {
            NodeChange::Report(node) => drop(self.nodes.insert(node.id.clone(), node)),
        }
    }
}
