//! The caller of an API request: a user in a session, or a program with one of the user's tokens.
//!
//! A token is valid only while its row exists, it has not expired, its user is active, and the user's credential stamp
//! is the one it was made under. Its bearer has another type than a session's, and no function that changes an account
//! takes it. The token of a registered client belongs to a session whose own token no client holds (the OAuth grant,
//! RFC 6749): it is valid while that session lasts, and each use counts as a use of the session.

use std::time::Duration;

use countersign_core::{Batch, Change, Proved, SessionKey, Timestamp, Token, TokenChange, TokenKind};

use crate::{BearerToken, Engine, Fault, ProgramToken, SignedIn, User};

/// How much the recorded last use of a token may lag behind.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// A user whose token was read and checked for this request. Only the engine makes one; it is not a session.
#[derive(Clone, Debug)]
pub struct Presented {
    token: Token,
    user: User,
    grant: Option<Box<SignedIn>>,
}

impl Presented {
    /// The token that was presented.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The user the token belongs to.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// What was proved, and when. For a registered client's token this is read from its session, whose level may have
    /// been lowered since the token was issued.
    pub fn proved(&self) -> Proved {
        self.grant().map_or_else(|| self.token.proved(), |grant| grant.session().proved())
    }

    /// The session behind the token of a registered client. It carries no scopes: only a front end that offers such
    /// clients everything it has may accept it.
    pub fn grant(&self) -> Option<&SignedIn> {
        self.grant.as_deref()
    }
}

/// The authenticated caller of an API request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A user in a session.
    Session(SignedIn),
    /// A program with a token.
    Token(Presented),
}

impl Caller {
    /// The user in whose name the caller acts.
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

    /// Whether the caller has this scope. A session has every scope.
    pub fn may(&self, scope: &str) -> bool {
        match self {
            Self::Session(_) => true,
            Self::Token(presented) => presented.token().scopes.include(scope),
        }
    }
}

impl Engine {
    /// The caller that presents this token, if the token is valid.
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
            // A failure to record the use does not change who the caller is.
            if let Err(fault) = self.commit(&Batch::new(vec![touch])).await {
                tracing::warn!(%fault, "recording the use of a token failed");
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
