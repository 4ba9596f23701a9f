//! Registered clients: added and removed by those who run the place, and recognised at an entrance (RFC 6749 §2.3).
//!
//! A secret is told once, when it is made, and only its hash is kept. Whoever calls learns whether they are the client that
//! they say they are and never why not: an id that nobody has costs as much hashing as a wrong secret. Who a client is says
//! nothing about a person: no function that gives a token rests on this alone.

use std::time::Duration;

use countersign_core::{
    Batch, Change, Client, ClientChange, ClientId, ClientKind, ClientName, ClientType, Scopes, Secret, Written,
};

use crate::{ClientSecret, Engine, Fault};

/// What asking for another secret came to.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// This one is the client's from now on, and the one before it no more. It is never told again.
    Rotated(ClientSecret),
    /// The client is public: it has no secret.
    Public,
    /// There is no such client.
    Unknown,
}

impl Engine {
    /// Registers a client. The secret that a confidential one gets is never told again.
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

    /// Every client, by its name.
    pub async fn clients(&self) -> Result<Vec<Client>, Fault> {
        self.store().clients().await
    }

    /// Removes a client, and ends every token that it was given. Returns the client, if there was one.
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

    /// Gives a client another secret. The tokens that it was given stay.
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

    /// The client of this id, if whoever calls may speak for it: they show its secret, or none where it has none. A secret
    /// of no letters is none (RFC 6749 §2.3.1).
    pub async fn client(&self, id: &ClientId, secret: Option<&Secret>) -> Result<Option<Client>, Fault> {
        let shown = secret.filter(|secret| !secret.expose().is_empty());
        let shown = shown.map(|secret| ClientSecret::new(secret.expose()).hash());
        let client = self.store().client(id).await?;
        Ok(client.filter(|client| client.is_known_by(shown.as_ref())))
    }
}

/// How long one waits before trying again what others were in the way of.
const RETRY_AFTER: Duration = Duration::from_secs(1);
