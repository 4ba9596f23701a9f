//! Sessions and tokens, each together with the user it belongs to.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use countersign_core::{Session, SessionKey, Token, TokenKey};

use crate::{Fault, Store, User, Users};

/// Finds what was shown, and whose it is: what every request of somebody who is signed in begins with.
///
/// Whoever keeps the users in the store's own database can answer with one read; everybody else is served by
/// [`SeparateReads`]. What is found is as of one moment, or the user is as of a later one; it is not judged here.
#[async_trait]
pub trait SessionLookup: Debug + Send + Sync {
    /// The session found by the hash of its token, and its user; nothing if either is gone.
    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, User)>, Fault>;

    /// The token found by its hash, and its user; nothing if either is gone.
    async fn token(&self, key: &TokenKey) -> Result<Option<(Token, User)>, Fault>;
}

/// Asks the store, and then for the user.
#[derive(Clone, Debug)]
pub struct SeparateReads {
    store: Arc<dyn Store>,
    users: Arc<dyn Users>,
}

impl SeparateReads {
    /// Of any store and any users.
    pub fn new(store: Arc<dyn Store>, users: Arc<dyn Users>) -> Self {
        Self { store, users }
    }
}

#[async_trait]
impl SessionLookup for SeparateReads {
    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, User)>, Fault> {
        let Some(session) = self.store.session(key).await? else { return Ok(None) };
        let user = self.users.by_id(&session.user).await?;
        Ok(user.map(|user| (session, user)))
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<(Token, User)>, Fault> {
        let Some(token) = self.store.token(key).await? else { return Ok(None) };
        let user = self.users.by_id(&token.user).await?;
        Ok(user.map(|user| (token, user)))
    }
}
