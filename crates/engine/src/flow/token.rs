//! Personal tokens: made, shown once, listed and revoked by their owner.
//!
//! Only a session that has just proved a second factor makes one, and no token is stronger or fresher than that session
//! was. The commit includes the version of the factor set, so a token never outlives the device that verified it, and
//! the maximum number of tokens, so concurrent requests do not exceed it.
//!
//! | event | revoked tokens |
//! |---|---|
//! | the password changes, by whatever means; the user is deactivated | all of the user's |
//! | the first device is confirmed; two-factor authentication is switched off; an administrator adds or removes devices
//! | all |
//! | a device is removed, or backup codes are made anew | those that it, or the old codes, had verified |
//! | the owner revokes one; it expires | that one |
//! | the session in which it was made ends | none |

use std::time::Duration;

use countersign_core::{
    AccountChange, Batch, Change, Event, EventChange, EventKind, Refusal, Scopes, SessionChange, Timestamp, Token,
    TokenChange, TokenId, TokenKind, Written, token::TokenName, view::TokenView,
};

use super::RequestContext;
use crate::{Engine, Error, Fault, ProgramToken, SignedIn, verify::Precondition};

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The name its owner gives it.
    pub name: TokenName,
    /// Its scopes.
    pub scopes: Scopes,
    /// Its lifetime; the maximum if `None`.
    pub lifetime: Option<Duration>,
}

impl Engine {
    /// The user's tokens, newest first.
    pub async fn tokens(&self, signed_in: &SignedIn) -> Result<Vec<TokenView>, Error> {
        Ok(self.running_tokens(signed_in, self.now()).await?.iter().map(TokenView::new).collect())
    }

    /// Makes a token. It is returned only here.
    pub async fn make_token(
        &self,
        signed_in: &SignedIn,
        new: NewToken,
        context: &RequestContext,
    ) -> Result<(ProgramToken, TokenView), Error> {
        let (user, session, rule) = (signed_in.user(), signed_in.session(), self.config().tokens);
        let (token, id) = (ProgramToken::draw(self.random()), self.new_id());
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            // Read before the session: whatever lowers a session changes these, too.
            let factors = self.store().factors(&user.id).await?;
            self.stands(session).await?;
            self.may_use(session, &factors, now)?;
            rule.room(self.running_tokens(signed_in, now).await?.len())?;
            let made = Token {
                id: TokenId::clone(&id),
                key: token.key(),
                user: user.id.clone(),
                kind: TokenKind::Personal,
                name: new.name.clone(),
                scopes: new.scopes.clone(),
                level: session.level,
                stamp: user.stamp.clone(),
                device: session.device.clone(),
                method: session.method.clone(),
                signed_in: session.signed_in,
                verified: session.verified,
                created: now,
                expires: rule.end(new.lifetime, now)?,
                last_used: None,
                client: None,
                family: None,
            };
            let changes = vec![
                Change::Account(AccountChange::RequireFactorSet {
                    user: user.id.clone(),
                    expected_version: factors.account.factors,
                }),
                Change::Session(SessionChange::Require(session.key.clone())),
                Change::Token(TokenChange::Issue(made.clone())),
                Change::Token(TokenChange::LimitPersonal {
                    user: user.id.clone(),
                    stamp: user.stamp.clone(),
                    at: now,
                    max: rule.most,
                }),
                Change::Event(EventChange::Record(in_session(EventKind::TokenMade, signed_in, context, now))),
            ];
            if *self.commit(&Batch::new(changes)).await?.written() == Written::Done {
                return Ok((token, TokenView::new(&made)));
            }
        }
        Err(Fault::busy("make a token in time", Duration::from_secs(1)).into())
    }

    /// Revokes one of the user's tokens.
    pub async fn end_token(
        &self,
        signed_in: &SignedIn,
        token: &TokenId,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let known = self.running_tokens(signed_in, self.now()).await?.into_iter().any(|running| running.id == *token);
        let (user, session) = (signed_in.user(), signed_in.session());
        let ended = self.settle(user, Precondition::Session(session), |factors, now| {
            self.may_change(session, &factors, now)?;
            if !known {
                return Err(Refusal::TokenUnknown.into());
            }
            let ended = in_session(EventKind::TokenEnded, signed_in, context, now);
            Ok((vec![Change::Token(TokenChange::Revoke(token.clone())), Change::Event(EventChange::Record(ended))], ()))
        });
        ended.await
    }

    async fn running_tokens(&self, signed_in: &SignedIn, now: Timestamp) -> Result<Vec<Token>, Error> {
        let user = signed_in.user();
        let is_running =
            |token: &Token| token.kind == TokenKind::Personal && token.stamp == user.stamp && token.is_running(now);
        let mut tokens = self.store().tokens(&user.id).await?;
        tokens.retain(is_running);
        Ok(tokens)
    }
}

/// An event of an action without an attempt.
pub(super) fn in_session(kind: EventKind, signed_in: &SignedIn, context: &RequestContext, now: Timestamp) -> Event {
    Event { address: context.address, ..Event::new(now, signed_in.user().id.clone(), kind) }
}
