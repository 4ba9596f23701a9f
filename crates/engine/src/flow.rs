//! The only path into the flows: every front end calls these functions and nothing else.
//!
//! A front end parses, calls one function here, and renders the result: a challenge to show, a new session, or a
//! refusal. It never reads a device. The rules of each flow are in `countersign_core::flow`; this module loads what
//! they need and commits what they decide.
//!
//! ```text
//! login.rs     sign_in ─▶ NewSession | LoginChallenge;  challenge, answer ─▶ NewSession;  sign_out
//! step_up.rs   begin_step_up, begin_step_up_to ─▶ LoginChallenge;  step_up ─▶ NewSession
//! send.rs      send, send_step_up, send_enrolment ─▶ a code on its way;  greet_call, speak_call
//! confirm.rs   confirm_password ─▶ NewSession
//! enrol.rs     begin_enrolment, begin_replacement ─▶ setup ─▶ confirm_enrolment ─▶ NewSession
//! manage.rs    factors, begin, make_backup_codes, prefer, rename, remove_device, disable, change_password
//! session.rs   sessions, end_session, end_other_sessions
//! token.rs     tokens, make_token ─▶ ProgramToken, once;  end_token
//! client.rs    give_tokens, exchange ─▶ ClientTokens
//! stateless.rs   the same for clients that keep nothing: sign_in_at_once ─▶ NewSession | Asked;  *_at_once
//! ```

mod address;
mod client;
mod confirm;
mod enrol;
mod guess;
mod login;
mod manage;
mod send;
mod session;
mod stateless;
mod step_up;
mod token;

use std::net::IpAddr;

use countersign_core::{
    Event, EventKind, Factors, Level, Refusal, Session, Timestamp,
    flow::{self, Attempt, Purpose},
    ruling::Draft,
    throttle::Standing,
    view::{ChallengeView, Looking},
};

use crate::{AttemptToken, BrowserToken, Engine, Error, SessionToken, SignedIn};

pub(crate) use address::AddressBudgets;
pub use client::ClientTokens;
pub use enrol::Enrolment;
pub use guess::MAX_PASSWORD_LENGTH;
pub use login::SignIn;
pub use manage::MadeCodes;
pub use send::Spoken;
pub use stateless::{Prompt, Proof, Stateless, Submitted};
pub use token::NewToken;

/// What a front end knows of a request besides its content.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// The client's IP address, if the front end knows it for certain.
    pub address: Option<IpAddr>,
    /// The session of the request; a new session replaces it.
    pub session: Option<SessionToken>,
    /// The device cookie that the browser sent.
    pub browser: Option<BrowserToken>,
    /// Whether the client keeps a device cookie.
    pub device_cookie: DeviceCookieSupport,
    /// Where the client wants to go afterwards. It is kept and must be validated before a redirect.
    pub next: Option<String>,
    /// The language of the response, as a BCP 47 tag, if the front end knows.
    pub language: Option<String>,
}

/// Whether a client keeps a device cookie. One that does not must not take the slot of a browser that does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DeviceCookieSupport {
    /// The client keeps the cookie and sends it with later requests.
    #[default]
    Kept,
    /// The client is given no cookie.
    Ignored,
}

/// A device is required: what to show, and the sealed attempt to continue with.
#[derive(Debug)]
pub struct LoginChallenge {
    /// The sealed attempt.
    pub token: AttemptToken,
    /// What to show.
    pub view: ChallengeView,
    /// When the attempt expires.
    pub until: Timestamp,
    /// Where the client wants to go afterwards.
    pub next: Option<String>,
    /// Why no code was sent, if the device needs one and sending failed.
    pub unsent: Option<Refusal>,
}

impl Engine {
    /// Who looks at devices: somebody of this standing, now.
    pub(crate) fn looking<'a>(
        &'a self,
        standing: Standing,
        attempt: Option<&'a Attempt>,
        now: Timestamp,
    ) -> Looking<'a> {
        Looking { rule: &self.config().throttle, standing, attempt, digits: self.config().sending.digits, now }
    }

    /// Whether this session may change these factors now.
    fn may_change<S>(&self, session: &Session, factors: &Factors<S>, now: Timestamp) -> Result<(), Refusal> {
        flow::manage::may_change(session, factors, self.config(), self.methods(), now)
    }

    /// Whether this session may act on factors that must exist, now.
    fn may_use<S>(&self, session: &Session, factors: &Factors<S>, now: Timestamp) -> Result<(), Refusal> {
        flow::manage::may_use(session, factors, self.config(), self.methods(), now)
    }

    /// Begins an attempt inside a session.
    fn attempt(&self, signed_in: &SignedIn, purpose: Purpose, now: Timestamp) -> Attempt {
        Attempt {
            id: self.new_id(),
            purpose,
            user: signed_in.user().id.clone(),
            stamp: signed_in.user().stamp.clone(),
            started: now,
            session: Some(signed_in.session().key.clone()),
            device: None,
            next: None,
            charge: None,
            level: None,
            replaces: None,
        }
    }

    /// The attempt that `token` carries, if it has this purpose, began in this session, and has not expired.
    async fn resume(&self, signed_in: &SignedIn, token: &AttemptToken, purpose: Purpose) -> Result<Attempt, Error> {
        let attempt = self.open_attempt(token, purpose).ok_or(Refusal::AttemptExpired)?;
        let attempt = self.followed(signed_in, attempt).await?;
        let timeout = self.config().login_timeout;
        attempt.check(self.now(), timeout, &signed_in.user().stamp, Some(&signed_in.session().key))?;
        if self.store().attempt_spent(&attempt.id).await? {
            return Err(Refusal::AttemptExpired.into());
        }
        Ok(attempt)
    }
}

/// An event of a run.
fn event(kind: EventKind, attempt: &Attempt, context: &RequestContext, now: Timestamp) -> Event {
    Event { attempt: Some(attempt.id.clone()), address: context.address, ..Event::new(now, attempt.user.clone(), kind) }
}

/// An event of a run in which a device was proved.
fn proved(kind: EventKind, attempt: &Attempt, draft: &Draft<'_>, context: &RequestContext, now: Timestamp) -> Event {
    let (device, method) = (Some(draft.device().clone()), Some(draft.kind().clone()));
    Event { device, method, ..event(kind, attempt, context, now) }
}

/// The level of a session whose holder has proved a password and, if they owe none, nothing more.
const PASSWORD_ONLY: Level = Level::Aal1;
