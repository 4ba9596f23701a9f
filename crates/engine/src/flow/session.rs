//! The user's own sessions: listed, and ended one by one or all but this one.
//!
//! Listing needs no recent proof; ending one requires what changing factors requires (OWASP ASVS 5.0, 7.5.2). A session
//! is identified by the hash of its token, which grants no access.

use countersign_core::{
    AccountChange, Change, EventChange, EventKind, Refusal, Session, SessionChange, SessionKey, view::SessionView,
};

use super::{RequestContext, token::in_session};
use crate::{Engine, Error, SignedIn, verify::Precondition};

impl Engine {
    /// The user's valid sessions, the last used first.
    pub async fn sessions(&self, signed_in: &SignedIn) -> Result<Vec<SessionView>, Error> {
        let (here, lifetimes) = (&signed_in.session().key, &self.config().lifetimes);
        let sessions = self.running_sessions(signed_in).await?;
        Ok(sessions.iter().map(|session| SessionView::new(session, here, lifetimes)).collect())
    }

    /// Ends one of the user's sessions, which may be this one.
    pub async fn end_session(
        &self,
        signed_in: &SignedIn,
        ended: &SessionKey,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let known = self.running_sessions(signed_in).await?.into_iter().any(|session| session.key == *ended);
        let (user, session) = (signed_in.user(), signed_in.session());
        let done = self.settle(user, Precondition::Session(session), |factors, now| {
            self.may_change(session, &factors, now)?;
            if !known {
                return Err(Refusal::SessionUnknown.into());
            }
            let event = in_session(EventKind::SessionEnded, signed_in, context, now);
            Ok((
                vec![Change::Session(SessionChange::End(ended.clone())), Change::Event(EventChange::Record(event))],
                (),
            ))
        });
        done.await
    }

    /// Ends every session of the user but this one, including those being created at the same time.
    pub async fn end_other_sessions(&self, signed_in: &SignedIn, context: &RequestContext) -> Result<(), Error> {
        let (user, session) = (signed_in.user(), signed_in.session());
        let done = self.settle(user, Precondition::Session(session), |factors, now| {
            self.may_change(session, &factors, now)?;
            let changes = vec![
                Change::Account(AccountChange::RequireFactorSet {
                    user: user.id.clone(),
                    expected_version: factors.account.factors,
                }),
                Change::Session(SessionChange::EndAll { user: user.id.clone() }),
                Change::Session(SessionChange::Create(Session { last_seen: now, ..session.clone() })),
                Change::Event(EventChange::Record(in_session(EventKind::SessionEnded, signed_in, context, now))),
            ];
            Ok((changes, ()))
        });
        done.await
    }

    async fn running_sessions(&self, signed_in: &SignedIn) -> Result<Vec<Session>, Error> {
        let (user, now) = (signed_in.user(), self.now());
        let mut sessions = self.store().sessions(&user.id).await?;
        sessions.retain(|session| session.stamp == user.stamp && self.config().lifetimes.allow(session, now));
        Ok(sessions)
    }
}
