//! Whoever calls: a person in a session, or a program with a token of theirs.
//!
//! A token opens only while its row is there, its time is not over, its user is active, and the user's credential stamp is
//! the one it was made under. Its bearer is another type than a session's, and no function that changes an account takes
//! it. The token of a registered client belongs to a grant, which is a session that nobody holds the token of: it opens
//! while that session is running, and uses it.

use std::time::Duration;

use countersign_core::{Batch, Change, Proved, SessionKey, Timestamp, Token, TokenChange, TokenKind};

use crate::{BearerToken, Engine, Fault, ProgramToken, SignedIn, User};

/// How much a token's last use may lag behind.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// A user whose token was shown, read and checked for this request. Only the engine makes one; it is no session.
#[derive(Clone, Debug)]
pub struct Presented {
    token: Token,
    user: User,
    grant: Option<Box<SignedIn>>,
}

impl Presented {
    /// The token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Whose it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// What was proved, and when: of a registered client's token, in the session that the grant is, which may have been lowered
    /// since the token was given.
    pub fn proved(&self) -> Proved {
        self.grant().map_or_else(|| self.token.proved(), |grant| grant.session().proved())
    }

    /// The session that the grant is, if it is the token of a registered client. It knows of no scopes: only an entrance
    /// that offers such clients all that it offers may take it.
    pub fn grant(&self) -> Option<&SignedIn> {
        self.grant.as_deref()
    }
}

/// Whoever calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A person in a session.
    Session(SignedIn),
    /// A program with a token.
    Token(Presented),
}

impl Caller {
    /// In whose name.
    pub fn user(&self) -> &User {
        match self {
            Self::Session(signed_in) => signed_in.user(),
            Self::Token(presented) => presented.user(),
        }
    }

    /// What was proved, and when.
    pub fn proved(&self) -> Proved {
        match self {
            Self::Session(signed_in) => signed_in.session().proved(),
            Self::Token(presented) => presented.proved(),
        }
    }

    /// Whether this scope is open to them: every one is to a session.
    pub fn may(&self, scope: &str) -> bool {
        match self {
            Self::Session(_) => true,
            Self::Token(presented) => presented.token().scopes.include(scope),
        }
    }
}

impl Engine {
    /// Whoever shows this, if it opens anything.
    pub async fn bearer(&self, token: &BearerToken) -> Result<Option<Caller>, Fault> {
        Ok(match token {
            BearerToken::Session(token) => self.session(token).await?.map(Caller::Session),
            BearerToken::Program(token) => self.presented(token).await?.map(Caller::Token),
        })
    }

    async fn presented(&self, token: &ProgramToken) -> Result<Option<Presented>, Fault> {
        let now = self.now();
        let owned = self.session_lookup().token(&token.key()).await?;
        let Some((token, user)) = owned else { return Ok(None) };
        if !token.is_credible(now) {
            self.end_incredible(Change::Token(TokenChange::Revoke(token.id))).await;
            return Ok(None);
        }
        if !token.is_running(now) {
            return Ok(None);
        }
        match token.kind {
            TokenKind::Personal => Ok(self.personal(token, user, now).await),
            TokenKind::Access => self.access(token).await,
            TokenKind::Refresh => Ok(None),
        }
    }

    async fn personal(&self, token: Token, user: User, now: Timestamp) -> Option<Presented> {
        if !user.holds(&token.stamp) {
            return None;
        }
        if token.last_used.is_none_or(|used| now.since(used) >= TOUCH_EVERY) {
            let touch = Change::Token(TokenChange::Touch { token: token.id.clone(), at: now });
            // Who calls does not depend on whether this can be noted.
            if let Err(fault) = self.commit(&Batch::new(vec![touch])).await {
                tracing::warn!(%fault, "the use of a token was not noted");
            }
        }
        Some(Presented { token, user, grant: None })
    }

    async fn access(&self, token: Token) -> Result<Option<Presented>, Fault> {
        let Some(family) = &token.family else { return Ok(None) };
        let grant = self.running_session(&SessionKey::new(family.as_str())).await?;
        Ok(grant.map(|grant| Presented { token, user: grant.user().clone(), grant: Some(Box::new(grant)) }))
    }
}
