//! Tokens for registered clients (RFC 6749 §§1.4, 1.5).
//!
//! A grant is a session whose own token no client holds. It is listed and ended like any other and lives no longer; its
//! tokens are valid while it is. The access token is presented with requests. The refresh token is exchanged, once, for
//! another pair; if it is presented again, two parties hold it and cannot be distinguished, so the grant is revoked
//! (RFC 9700 §4.14.2).
//!
//! ```text
//! sign_in_at_once ─▶ give_tokens ─▶ access, refresh
//!                                             └─▶ exchange ─▶ access, refresh ─▶ …
//!                                                    └─ again: the grant is revoked
//! ```

use std::time::Duration;

use countersign_core::{
    AccountChange, AttemptChange, AttemptId, Batch, Change, Client, ClientChange, Event, EventChange, EventKind,
    FamilyId, Refusal, Scopes, Secret, Session, SessionChange, SessionKey, Timestamp, Token, TokenChange, TokenId,
    TokenKind, UserId, Written,
};

use super::{RequestContext, token::in_session};
use crate::{Engine, Error, Fault, ProgramToken, SignedIn};

/// How long to wait before a retry after lost races.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The tokens issued to a client.
#[derive(Debug)]
pub struct ClientTokens {
    /// The access token.
    pub access: ProgramToken,
    /// The refresh token, to be exchanged once.
    pub refresh: ProgramToken,
    /// The lifetime of the access token.
    pub lifetime: Duration,
    /// The scopes of the access token.
    pub scopes: Scopes,
}

impl Engine {
    /// Issues tokens to a client. This session becomes the grant, and its own token has to be discarded. A client that
    /// was removed meanwhile gets none, and the session ends.
    pub async fn give_tokens(
        &self,
        client: &Client,
        signed_in: &SignedIn,
        scopes: Scopes,
        context: &RequestContext,
    ) -> Result<Option<ClientTokens>, Error> {
        let session = signed_in.session();
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            // Read before the session: whatever ends a session of a device changes these, too.
            let factors = self.expect_factors(&session.user).await?;
            self.stands(session).await?;
            if self.store().client(&client.id).await?.is_none() {
                self.commit(&Batch::new(vec![Change::Session(SessionChange::End(session.key.clone()))])).await?;
                return Ok(None);
            }
            let (tokens, mut changes) = self.drawn(client, session, &scopes, &scopes, now);
            changes.extend([
                factors,
                Change::Client(ClientChange::Require(client.id.clone())),
                Change::Session(SessionChange::Require(session.key.clone())),
                Change::Event(EventChange::Record(in_session(EventKind::TokenMade, signed_in, context, now))),
            ]);
            if *self.commit(&Batch::new(changes)).await?.written() == Written::Done {
                return Ok(Some(tokens));
            }
        }
        Err(Fault::busy("give a client its tokens in time", RETRY_AFTER).into())
    }

    /// Exchanges a refresh token of this client; the new access token may have fewer scopes than the grant. The commit
    /// depends on the presented token, on the session of the grant, and on the user's set of devices: a concurrent
    /// revocation of one of them revokes the new tokens as well.
    pub async fn exchange(
        &self,
        client: &Client,
        refresh: &Secret,
        narrowed: Option<&Scopes>,
        context: &RequestContext,
    ) -> Result<ClientTokens, Error> {
        let shown = ProgramToken::parse(refresh.expose()).ok_or(Refusal::TokenUnknown)?;
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            let row = self.store().token(&shown.key()).await?.filter(|row| is_refresh_of(row, client, now));
            let row = row.ok_or(Refusal::TokenUnknown)?;
            // Read before the session: whatever ends a session of a device changes these, too.
            let factors = self.expect_factors(&row.user).await?;
            let grant = self.running_session(&grant_of(&row)).await?.ok_or(Refusal::TokenUnknown)?;
            let spent = AttemptId::new(format!("refresh:{}", row.id));
            if self.store().attempt_spent(&spent).await? {
                self.end_grant(&row, context, now).await?;
                return Err(Refusal::TokenUnknown.into());
            }
            let scopes = narrowed.unwrap_or(&row.scopes);
            if !scopes.within(&row.scopes) {
                return Err(Refusal::ScopeInvalid.into());
            }
            let session = grant.session();
            let (tokens, mut changes) = self.drawn(client, session, scopes, &row.scopes, now);
            changes.extend([
                Change::Attempt(AttemptChange::Close { attempt: spent, until: row.expires }),
                factors,
                Change::Token(TokenChange::Require(row.id.clone())),
                Change::Client(ClientChange::Require(client.id.clone())),
                Change::Session(SessionChange::Require(session.key.clone())),
                Change::Session(SessionChange::Touch { key: session.key.clone(), at: now }),
            ]);
            if *self.commit(&Batch::new(changes)).await?.written() == Written::Done {
                return Ok(tokens);
            }
        }
        Err(Fault::busy("exchange a token in time", RETRY_AFTER).into())
    }

    /// The condition that the user's set of devices does not change.
    async fn expect_factors(&self, user: &UserId) -> Result<Change, Fault> {
        let factors = self.store().factors(user).await?;
        Ok(Change::Account(AccountChange::RequireFactorSet {
            user: user.clone(),
            expected_version: factors.account.factors,
        }))
    }

    /// Revokes a grant whose refresh token was presented again after its exchange.
    async fn end_grant(&self, row: &Token, context: &RequestContext, now: Timestamp) -> Result<(), Fault> {
        let event = Event::new(now, row.user.clone(), EventKind::RefreshReplayed);
        let event = Event { address: context.address, ..event };
        self.commit(&Batch::new(vec![
            Change::Session(SessionChange::End(grant_of(row))),
            Change::Event(EventChange::Record(event)),
        ]))
        .await
        .map(drop)
    }

    /// Both tokens, and the changes that issue them.
    fn drawn(
        &self,
        client: &Client,
        session: &Session,
        scopes: &Scopes,
        granted: &Scopes,
        now: Timestamp,
    ) -> (ClientTokens, Vec<Change>) {
        let (access, refresh) = (ProgramToken::draw(self.random()), ProgramToken::draw(self.random()));
        let lifetimes = &self.config().lifetimes;
        let used = Session { last_seen: now, ..session.clone() };
        let expires = now.after(self.config().tokens.access).min(lifetimes.end(&used));
        let end = session.created.after(lifetimes.of(session.level).absolute);
        let row = |token: &ProgramToken, kind, scopes: &Scopes, expires| Token {
            id: TokenId::clone(&self.new_id()),
            key: token.key(),
            user: session.user.clone(),
            kind,
            name: client.name.clone(),
            scopes: scopes.clone(),
            level: session.level,
            stamp: session.stamp.clone(),
            device: session.device.clone(),
            method: session.method.clone(),
            signed_in: session.signed_in,
            verified: session.verified,
            created: now,
            expires,
            last_used: None,
            client: Some(client.id.clone()),
            family: Some(FamilyId::new(session.key.as_str())),
        };
        let changes = vec![
            Change::Token(TokenChange::Issue(row(&access, TokenKind::Access, scopes, expires))),
            Change::Token(TokenChange::Issue(row(&refresh, TokenKind::Refresh, granted, end))),
        ];
        (ClientTokens { access, refresh, lifetime: expires.since(now), scopes: scopes.clone() }, changes)
    }
}

/// Whether this is an unexpired refresh token of this client.
fn is_refresh_of(row: &Token, client: &Client, now: Timestamp) -> bool {
    row.kind == TokenKind::Refresh && row.client.as_ref() == Some(&client.id) && row.is_running(now)
}

/// The session of the grant that this token belongs to.
fn grant_of(row: &Token) -> SessionKey {
    SessionKey::new(row.family.as_ref().map_or("", FamilyId::as_str))
}
