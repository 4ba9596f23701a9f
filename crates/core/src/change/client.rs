use crate::{Client, ClientId, ClientSecretHash};

/// A change to OAuth clients.
#[derive(Clone, Debug)]
pub enum ClientChange {
    /// The batch depends on a client. Conflicts if it is not registered.
    Require(ClientId),
    /// Removes a client, and revokes every token that was issued to it. Conflicts if it is not there.
    Remove(ClientId),
    /// Registers a client. Conflicts if the id is taken.
    Add(Client),
    /// Gives a client another secret. Conflicts unless it is there and has one.
    RotateSecret {
        /// The client.
        client: ClientId,
        /// The hash of its secret from now on.
        secret: ClientSecretHash,
    },
}

impl ClientChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Require(client) => (0, client.as_str()),
            Self::Remove(client) => (1, client.as_str()),
            Self::Add(client) => (2, client.id.as_str()),
            Self::RotateSecret { client, .. } => (2, client.as_str()),
        }
    }
}
