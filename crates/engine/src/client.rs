//! Registered clients: added and removed by administrators, and authenticated at a front end (RFC 6749 §2.3).
//!
//! A secret is shown once, when it is made, and only its hash is stored. A caller learns whether client authentication
//! succeeded, never why it failed: an unknown id costs as much hashing as a wrong secret. Client authentication says
//! nothing about a user: no function that issues a token depends on it alone.

use std::time::Duration;

use countersign_core::{
    Batch, Change, Client, ClientChange, ClientId, ClientKind, ClientName, ClientType, Scopes, Secret, Written,
};

use crate::{ClientSecret, Engine, Fault};

/// The result of rotating a client's secret.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// The client's new secret; the previous one is no longer valid. It is never shown again.
    Rotated(ClientSecret),
    /// The client is public: it has no secret.
    Public,
    /// There is no such client.
    Unknown,
}

impl Engine {
    /// Registers a client. The secret of a confidential client is returned only here.
    pub async fn add_client(
        &self,
        name: ClientName,
        client_type: ClientType,
        scopes: Scopes,
    ) -> Result<(Client, Option<ClientSecret>), Fault> {
        let secret = match client_type {
            ClientType::Public => None,
            ClientType::Confidential => Some(ClientSecret::draw(self.random())),
        };
        let kind = match &secret {
            None => ClientKind::Public,
            Some(secret) => ClientKind::Confidential { secret: secret.hash() },
        };
        let client = Client { id: self.new_id(), name, kind, scopes, created: self.now() };
        let receipt = self.commit(&Batch::new(vec![Change::Client(ClientChange::Add(client.clone()))])).await?;
        match receipt.written() {
            Written::Done => Ok((client, secret)),
            _ => Err(Fault::new("find an id that no client has")),
        }
    }

    /// All clients, by name.
    pub async fn clients(&self) -> Result<Vec<Client>, Fault> {
        self.store().clients().await
    }

    /// Removes a client and revokes every token issued to it. Returns the client, if it existed.
    pub async fn remove_client(&self, id: &ClientId) -> Result<Option<Client>, Fault> {
        let mut rounds = self.rounds();
        while rounds.next().is_some() {
            let Some(client) = self.store().client(id).await? else { return Ok(None) };
            let receipt = self.commit(&Batch::new(vec![Change::Client(ClientChange::Remove(id.clone()))])).await?;
            if *receipt.written() == Written::Done {
                return Ok(Some(client));
            }
        }
        Err(Fault::busy("remove a client in time", RETRY_AFTER))
    }

    /// Gives a client a new secret. Tokens already issued to it stay valid.
    pub async fn rotate_client_secret(&self, id: &ClientId) -> Result<Rotation, Fault> {
        let secret = ClientSecret::draw(self.random());
        let mut rounds = self.rounds();
        while rounds.next().is_some() {
            let Some(client) = self.store().client(id).await? else { return Ok(Rotation::Unknown) };
            if client.kind.client_type() == ClientType::Public {
                return Ok(Rotation::Public);
            }
            let rotate = Change::Client(ClientChange::RotateSecret { client: id.clone(), secret: secret.hash() });
            let receipt = self.commit(&Batch::new(vec![rotate])).await?;
            if *receipt.written() == Written::Done {
                return Ok(Rotation::Rotated(secret));
            }
        }
        Err(Fault::busy("give a client another secret in time", RETRY_AFTER))
    }

    /// The client with this id, if client authentication succeeds: the right secret for a confidential client, none for
    /// a public one. An empty secret counts as none (RFC 6749 §2.3.1).
    pub async fn client(&self, id: &ClientId, secret: Option<&Secret>) -> Result<Option<Client>, Fault> {
        let shown = secret.filter(|secret| !secret.expose().is_empty());
        let shown = shown.map(|secret| ClientSecret::new(secret.expose()).hash());
        let client = self.store().client(id).await?;
        Ok(client.filter(|client| client.is_known_by(shown.as_ref())))
    }
}

/// How long to wait before a retry after lost races.
const RETRY_AFTER: Duration = Duration::from_secs(1);
