//! THE flow path: what every entrance calls, and all it may call.
//!
//! An entrance parses, calls one function here, and renders what comes back: something to show, a grant, or a refusal. It
//! never looks at a device. The rules of each flow stand in `countersign_core::flow`; what stands here loads what they
//! need and commits what they decide.
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

/// What an entrance knows of a request besides its words.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// Where it comes from, if the entrance knows for certain.
    pub address: Option<IpAddr>,
    /// The session it came with; a new one takes its place.
    pub session: Option<SessionToken>,
    /// What the browser shows to say that it has been here before.
    pub browser: Option<BrowserToken>,
    /// Whether the client keeps what it is given to show next time.
    pub device_cookie: DeviceCookieSupport,
    /// Where it wants to go afterwards; kept, never followed unchecked.
    pub next: Option<String>,
    /// The language it is answered in, as a BCP 47 tag, if the entrance knows.
    pub language: Option<String>,
}

/// Whether a client keeps a device cookie. One that does not must not take the place of a browser that does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DeviceCookieSupport {
    /// It does, and shows it the next time.
    #[default]
    Kept,
    /// It is given none.
    Ignored,
}

/// A device is asked for: what to show, and the sealed run to come back with.
#[derive(Debug)]
pub struct LoginChallenge {
    /// The run of the flow.
    pub token: AttemptToken,
    /// What to show.
    pub view: ChallengeView,
    /// When the run ends by itself.
    pub until: Timestamp,
    /// Where the browser wants to go afterwards.
    pub next: Option<String>,
    /// Why no code was sent to a device that codes are sent to, if one should have been.
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

    /// Begins a run of a flow inside a session.
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

    /// The run that `token` carries, if it is of this purpose, began in this session, and is still alive.
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
