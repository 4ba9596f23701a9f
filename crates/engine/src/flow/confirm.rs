//! Proving the password again in a running session, for a user who has no second factor to prove.
//!
//! The session that comes out takes the old one's place, as after a step-up, and setups that were begun in the old one go on
//! in it. A wrong password is charged like a failed first step.

use countersign_core::{
    AccountChange, Change, EventChange, EventKind, Refusal, Secret, SessionChange, flow::Charge, flow::manage,
};

use super::{PASSWORD_ONLY, RequestContext, token::in_session};
use crate::{
    Engine, Error, NewSession, SignedIn,
    session::{self, SessionParams},
    verify::Precondition,
};

impl Engine {
    /// Proves the password of a user without a second factor; a user who has one steps up instead
    /// ([`Refusal::VerificationNeeded`]). A wrong password is [`Refusal::PasswordWrong`], and the session stays what it is.
    pub async fn confirm_password(
        &self,
        signed_in: &SignedIn,
        password: &Secret,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        let user = signed_in.user();
        manage::may_confirm_password(&self.store().factors(&user.id).await?)?;
        self.stands(signed_in.session()).await?;
        let charge = self.try_password(Some(user), &user.name, password, context).await?;
        let charge = charge.right().ok_or(Refusal::PasswordWrong)?;
        let confirmed = self.password_confirmed(signed_in, &charge, context).await;
        if confirmed.is_err() {
            self.give_back(&charge).await;
        }
        confirmed
    }

    /// Writes the session that replaces the old one.
    async fn password_confirmed(
        &self,
        signed_in: &SignedIn,
        charge: &Charge,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        let (user, old) = (signed_in.user(), signed_in.session());
        let token = self.draw_token();
        let remembered = self.remember(user, None, context).await?;
        let session = self
            .settle(user, Precondition::Credentials(old), |factors, now| {
                // Asked again: a second factor may have been set up while the password was hashed.
                manage::may_confirm_password(&factors)?;
                let terms = SessionParams {
                    user,
                    level: PASSWORD_ONLY,
                    device: None,
                    method: None,
                    signed_in: now,
                    verified: None,
                };
                let session = session::row(&token, terms, now);
                let mut changes = vec![
                    Change::Account(AccountChange::RequireFactorSet {
                        user: user.id.clone(),
                        expected_version: factors.account.factors,
                    }),
                    Change::Session(SessionChange::End(old.key.clone())),
                    Change::Session(SessionChange::Create(session.clone())),
                    Change::Event(EventChange::Record(in_session(EventKind::SignedIn, signed_in, context, now))),
                    charge.refund(),
                ];
                changes.extend(self.setups_follow(&factors, None, &old.key, &session.key));
                changes.extend(remembered.changes.clone());
                Ok((changes, session))
            })
            .await?;
        Ok(NewSession::new(token, session, user, remembered.token))
    }
}
