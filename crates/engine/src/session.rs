//! Sessions: made at a grant, compared at every read.
//!
//! A session opens only while its row is there, its times allow it, its user is active, and the user's credential stamp
//! is the one it was made under. Reading one writes at most once a minute, to note that it was used.

use std::time::Duration;

use countersign_core::{Batch, Change, DeviceId, Kind, Level, Session, SessionKey, Timestamp, ruling::Draft};

use crate::{BrowserToken, Engine, Fault, SessionToken, User};

/// How much a session's last use may lag behind.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// A user with a running session, read and checked for this request. Only the engine makes one.
#[derive(Clone, Debug)]
pub struct SignedIn {
    session: Session,
    user: User,
}

impl SignedIn {
    /// Whoever is in this session, which was written a moment ago.
    pub(crate) fn new(session: Session, user: User) -> Self {
        Self { session, user }
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// How sure we are of them.
    pub fn level(&self) -> Level {
        self.session.level
    }
}

/// A session just written, with the token that opens it.
#[derive(Debug)]
pub struct Grant {
    token: SessionToken,
    browser: Option<BrowserToken>,
    signed_in: SignedIn,
}

impl Grant {
    /// What whoever has signed in completely is given.
    pub(crate) fn new(token: SessionToken, session: Session, user: &User, browser: Option<BrowserToken>) -> Self {
        Self { token, browser, signed_in: SignedIn { session, user: user.clone() } }
    }

    /// The token, for its owner's cookie.
    pub fn token(&self) -> &SessionToken {
        &self.token
    }

    /// What the browser keeps, to be known by the next time; it opens nothing.
    pub fn browser(&self) -> Option<&BrowserToken> {
        self.browser.as_ref()
    }

    /// Who is signed in now, and how surely.
    pub fn signed_in(&self) -> &SignedIn {
        &self.signed_in
    }
}

/// What a new session will say, before it has a token.
pub(crate) struct Terms<'a> {
    pub(crate) user: &'a User,
    pub(crate) level: Level,
    /// The device that was proved.
    pub(crate) device: Option<DeviceId>,
    /// Its method.
    pub(crate) method: Option<Kind>,
    /// When the password was last proved; the absolute limit counts from here.
    pub(crate) signed_in: Timestamp,
    pub(crate) verified: Option<Timestamp>,
}

impl<'a> Terms<'a> {
    /// The terms of whoever has just proved a device.
    pub(crate) fn proved(user: &'a User, draft: &Draft<'_>, signed_in: Timestamp, now: Timestamp) -> Self {
        let (device, method) = (Some(draft.device().clone()), Some(draft.kind().clone()));
        Self { user, level: draft.level(), device, method, signed_in, verified: Some(now) }
    }

    /// The terms of a session in whose predecessor a device was proved: never weaker than the predecessor's.
    pub(crate) fn renewed(user: &'a User, draft: &Draft<'_>, old: &Session, now: Timestamp) -> Self {
        if old.is_renewed_by(draft.level()) {
            return Self::proved(user, draft, old.signed_in, now);
        }
        let Session { level, device, method, signed_in, verified, .. } = old.clone();
        Self { user, level, device, method, signed_in, verified }
    }
}

impl Engine {
    /// The session that `token` opens, if it opens one.
    pub async fn session(&self, token: &SessionToken) -> Result<Option<SignedIn>, Fault> {
        self.running_session(&token.key()).await
    }

    /// The session with this key, if it is running.
    pub(crate) async fn running_session(&self, key: &SessionKey) -> Result<Option<SignedIn>, Fault> {
        let Some((session, user)) = self.owners().session(key).await? else { return Ok(None) };
        let now = self.now();
        if !session.is_credible(now) {
            self.end_incredible(Change::EndSession(key.clone())).await;
            return Ok(None);
        }
        if !user.holds(&session.stamp) || !self.policy().lifetimes.allow(&session, now) {
            return Ok(None);
        }
        if now.since(session.last_seen) >= TOUCH_EVERY {
            let touch = Change::TouchSession { key: session.key.clone(), at: now };
            // Who is signed in does not depend on whether this can be noted.
            if let Err(fault) = self.commit(&Batch::new(vec![touch])).await {
                tracing::warn!(%fault, "the use of a session was not noted");
            }
        }
        Ok(Some(SignedIn { session, user }))
    }

    /// Ends a session or a token that a clock which was ahead has dated, so that it is not believed once its time has come.
    pub(crate) async fn end_incredible(&self, end: Change) {
        if let Err(fault) = self.commit(&Batch::new(vec![end])).await {
            tracing::warn!(%fault, "a session or token from a clock that was ahead was not ended");
        }
    }

    /// Draws a token.
    pub(crate) fn draw_token(&self) -> SessionToken {
        SessionToken::draw(self.random())
    }
}

/// The row of a new session on these terms.
pub(crate) fn row(token: &SessionToken, terms: Terms<'_>, now: Timestamp) -> Session {
    let Terms { user, level, device, method, signed_in, verified } = terms;
    Session {
        key: token.key(),
        user: user.id.clone(),
        level,
        stamp: user.stamp.clone(),
        device,
        created: signed_in,
        last_seen: now,
        signed_in,
        verified,
        method,
    }
}
