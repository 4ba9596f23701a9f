//! Sessions and tokens, each together with the user it belongs to.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use countersign_core::{Session, SessionKey, Token, TokenKey};

use crate::{Fault, Store, User, Users};

/// Finds a session or a token together with its user. Every authenticated request begins with this.
///
/// A host that keeps its users in the store's database can answer with one read; every other host uses
/// [`SeparateReads`]. Both are read as of one moment, or the user as of a later one. Validity is checked by the engine,
/// not here.
#[async_trait]
pub trait SessionLookup: Debug + Send + Sync {
    /// The session with this hash of its token, and its user; `None` if either does not exist.
    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, User)>, Fault>;

    /// The token with this hash, and its user; `None` if either does not exist.
    async fn token(&self, key: &TokenKey) -> Result<Option<(Token, User)>, Fault>;
}

/// Reads the session or token from the store, and then the user.
#[derive(Clone, Debug)]
pub struct SeparateReads {
    store: Arc<dyn Store>,
    users: Arc<dyn Users>,
}

impl SeparateReads {
    /// A lookup over any store and any users.
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
