//! Sessions: created on success, validated at every read.
//!
//! A session is valid only while its row exists, it has not expired, its user is active, and the user's credential
//! stamp is the one it was made under. Reading one writes at most once a minute, to record its use, and once when its
//! token is used for the first time: from then on the call that created it cannot be repeated.

use std::time::Duration;

use countersign_core::{
    Batch, Change, DeviceCookieChange, DeviceId, Kind, Level, Session, SessionChange, SessionKey, Timestamp,
    TokenChange, UserId, ruling::Draft, time::CLOCK_TOLERANCE,
};

use crate::{BrowserToken, Engine, Fault, SessionToken, User};

/// How much the recorded last use of a session may lag behind.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// A user with a valid session, read and checked for this request. Only the engine makes one.
#[derive(Clone, Debug)]
pub struct SignedIn {
    session: Session,
    user: User,
    /// The token that the client presented, if it is the session's own.
    token: Option<SessionToken>,
}

impl SignedIn {
    /// The user in this session, which was written a moment ago.
    pub(crate) fn new(session: Session, user: User) -> Self {
        Self { session, user, token: None }
    }

    /// The token of the session, if the client presented it.
    pub(crate) fn token(&self) -> Option<&SessionToken> {
        self.token.as_ref()
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The session's assurance level.
    pub fn level(&self) -> Level {
        self.session.level
    }
}

/// A session that was just written, with its token.
#[derive(Debug)]
pub struct NewSession {
    token: SessionToken,
    browser: Option<BrowserToken>,
    signed_in: SignedIn,
}

impl NewSession {
    /// The result of a complete sign-in.
    pub(crate) fn new(token: SessionToken, session: Session, user: &User, browser: Option<BrowserToken>) -> Self {
        let signed_in = SignedIn { session: session.used(), user: user.clone(), token: Some(token.clone()) };
        Self { token, browser, signed_in }
    }

    /// The token, for its owner's cookie.
    pub fn token(&self) -> &SessionToken {
        &self.token
    }

    /// The device cookie for the browser; it grants no access.
    pub fn browser(&self) -> Option<&BrowserToken> {
        self.browser.as_ref()
    }

    /// The user who is signed in now, and the level.
    pub fn signed_in(&self) -> &SignedIn {
        &self.signed_in
    }
}

/// The parameters of a new session, before it has a token.
pub(crate) struct SessionParams<'a> {
    pub(crate) user: &'a User,
    pub(crate) level: Level,
    /// The device that was proved.
    pub(crate) device: Option<DeviceId>,
    /// Its method.
    pub(crate) method: Option<Kind>,
    /// When the password was last proved; the absolute time-out counts from here.
    pub(crate) signed_in: Timestamp,
    pub(crate) verified: Option<Timestamp>,
}

impl<'a> SessionParams<'a> {
    /// The parameters after a proof of a device.
    pub(crate) fn proved(user: &'a User, draft: &Draft<'_>, signed_in: Timestamp, now: Timestamp) -> Self {
        let (device, method) = (Some(draft.device().clone()), Some(draft.kind().clone()));
        Self { user, level: draft.level(), device, method, signed_in, verified: Some(now) }
    }

    /// The parameters after a proof in an earlier session: never weaker than that session.
    pub(crate) fn renewed(user: &'a User, draft: &Draft<'_>, old: &Session, now: Timestamp) -> Self {
        if old.is_renewed_by(draft.level()) {
            return Self::proved(user, draft, old.signed_in, now);
        }
        let Session { level, device, method, signed_in, verified, .. } = old.clone();
        Self { user, level, device, method, signed_in, verified }
    }
}

impl Engine {
    /// The session of `token`, if it is valid.
    pub async fn session(&self, token: &SessionToken) -> Result<Option<SignedIn>, Fault> {
        let signed_in = self.running_session(&token.key()).await?;
        Ok(signed_in.map(|signed_in| SignedIn { token: Some(token.clone()), ..signed_in }))
    }

    /// The session with this key, if it is valid.
    pub(crate) async fn running_session(&self, key: &SessionKey) -> Result<Option<SignedIn>, Fault> {
        let Some((session, user)) = self.session_lookup().session(key).await? else { return Ok(None) };
        let now = self.now();
        if !session.is_credible(now) {
            self.end_incredible(Change::Session(SessionChange::End(key.clone()))).await;
            return Ok(None);
        }
        if !user.holds(&session.stamp) || !self.config().lifetimes.allow(&session, now) {
            return Ok(None);
        }
        if session.is_unused() {
            let session = self.first_use(session, now).await?;
            return Ok(Some(SignedIn::new(session, user)));
        }
        if now.since(session.last_seen) >= TOUCH_EVERY {
            let touch = Change::Session(SessionChange::Touch { key: session.key.clone(), at: now });
            // A failure to record the use does not change who is signed in.
            if let Err(fault) = self.commit(&Batch::new(vec![touch])).await {
                tracing::warn!(%fault, "recording the use of a session failed");
            }
        }
        Ok(Some(SignedIn::new(session, user)))
    }

    /// Records the first use of this session's token, so that the call which created it can no longer be repeated. This
    /// is written before the request is served; a fault is logged and ignored only once the call cannot be repeated on
    /// any node.
    async fn first_use(&self, session: Session, now: Timestamp) -> Result<Session, Fault> {
        let mut changes = vec![Change::Session(SessionChange::CloseRepeat(session.key.clone()))];
        if now.since(session.last_seen) >= TOUCH_EVERY {
            changes.push(Change::Session(SessionChange::Touch { key: session.key.clone(), at: now }));
        }
        // A conflict means that another request was first, or that the session has just ended.
        if let Err(fault) = self.commit(&Batch::new(changes)).await {
            let could_be_repeated =
                session.repeat.as_ref().is_none_or(|repeat| now <= repeat.until.after(CLOCK_TOLERANCE));
            if could_be_repeated {
                return Err(fault);
            }
            tracing::warn!(%fault, "recording the first use of a session failed");
        }
        Ok(session.used())
    }

    /// Ends a session or a token dated by a clock that was ahead, so that it is not accepted once its time has come.
    pub(crate) async fn end_incredible(&self, end: Change) {
        if let Err(fault) = self.commit(&Batch::new(vec![end])).await {
            tracing::warn!(%fault, "ending a session or token dated by a clock that was ahead failed");
        }
    }

    /// Draws a random token.
    pub(crate) fn draw_token(&self) -> SessionToken {
        SessionToken::draw(self.random())
    }
}

/// Revokes every session, every token and every device cookie of this user.
pub(crate) fn ends_all(user: &UserId) -> [Change; 3] {
    [
        Change::Session(SessionChange::EndAll { user: user.clone() }),
        Change::Token(TokenChange::RevokeAll { user: user.clone() }),
        Change::DeviceCookie(DeviceCookieChange::EndAll { user: user.clone() }),
    ]
}

/// The row of a new session with these parameters.
pub(crate) fn row(token: &SessionToken, terms: SessionParams<'_>, now: Timestamp) -> Session {
    let SessionParams { user, level, device, method, signed_in, verified } = terms;
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
        repeat: None,
    }
}
