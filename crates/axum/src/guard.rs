//! Guards: what a route requires, and where a request that does not meet it is redirected.
//!
//! A browser is redirected to the flow that meets the requirement, and back afterwards. A program gets 401 with a
//! challenge that names the required level and the maximum age (RFC 9470 §3). A guard accepts a session or, where the
//! route allows it, a token, which the engine reads and checks for this request. A pending login is neither.
//!
//! ```text
//! not signed in ─────────────────────────────────────────▶ login
//! signed in, second factor not verified (recently) ──────▶ verify
//! signed in, verified factor not strong enough ──────────▶ verify, if a stronger device exists
//! signed in, no factor that is strong enough ────────────▶ setup
//! ```

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    self as engine, Caller, Fault, SessionToken,
    core::{Level, Refusal},
};
use minijinja::context;

use crate::{
    Visitor, fault,
    page::Page,
    problem::Problem,
    redirect::LocalPath,
    trouble::{Needed, Trouble},
    why::{Way, Why},
};

/// What a route requires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Demand {
    /// A session.
    SignedIn,
    /// A session in which a second factor was verified within this time.
    Verified(Duration),
}

impl Demand {
    /// A session in which a second factor was verified.
    pub(crate) const VERIFIED: Self = Self::Verified(Duration::MAX);
}

/// In the extensions of a request: a personal token with this scope is accepted, if the handler takes a
/// [`Caller`](crate::Caller).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenScope(pub &'static str);

impl Visitor {
    /// The user, if the session meets the requirement; otherwise a redirect.
    pub(crate) async fn demand(&self, demand: Demand) -> Result<engine::SignedIn, Response> {
        match self.demand_of_caller(demand, None).await? {
            Caller::Session(signed_in) => Ok(signed_in),
            Caller::Token(_) => Err(self.led(Unmet::Scope(None), demand).await),
        }
    }

    /// The caller, if the session, or a token with this scope, meets the requirement.
    pub(crate) async fn demand_of_caller(&self, demand: Demand, scope: Option<TokenScope>) -> Result<Caller, Response> {
        match self.meets(demand, scope).await {
            Ok(Ok(caller)) => Ok(caller),
            Ok(Err(unmet)) => Err(self.led(unmet, demand).await),
            Err(fault) => Err(self.fault(&fault)),
        }
    }

    /// The caller, by a session or by a token of any scope; otherwise an error response.
    pub(crate) async fn calling(&self) -> Result<Caller, Trouble> {
        match self.caller().await? {
            Some(caller) => Ok(caller.clone()),
            None => Err(self.signed_out().await?.trouble(Demand::SignedIn, self.shows_bearer())),
        }
    }

    /// The session of a call that replaces it; otherwise an error response for a program.
    pub(crate) async fn acting(&self) -> Result<Acting, Trouble> {
        match self.replaced_or_not().await? {
            Some(acting) => Ok(acting),
            None => self.in_session().await.map(|signed_in| Acting::Now(Box::new(signed_in))),
        }
    }

    /// The same; otherwise a redirect for a browser.
    pub(crate) async fn acting_or_led(&self) -> Result<Acting, Response> {
        match self.replaced_or_not().await {
            Ok(Some(acting)) => Ok(acting),
            Ok(None) => self.demand(Demand::SignedIn).await.map(|signed_in| Acting::Now(Box::new(signed_in))),
            Err(fault) => Err(self.fault(&fault)),
        }
    }

    async fn replaced_or_not(&self) -> Result<Option<Acting>, Fault> {
        if self.caller().await?.is_some() {
            return Ok(None);
        }
        Ok(self.replaced().await?.cloned().map(Acting::Replaced))
    }

    /// The reason why the request has no session.
    async fn signed_out(&self) -> Result<Unmet, Fault> {
        Ok(if self.replaced().await?.is_some() { Unmet::Replaced } else { Unmet::SignedOut })
    }

    /// No user; if the session was replaced a moment ago, the client is told so.
    pub(crate) async fn refuse_replaced(&self) -> Result<(), Trouble> {
        match self.replaced_or_not().await? {
            Some(_) => Err(Unmet::Replaced.trouble(Demand::SignedIn, self.shows_bearer())),
            None => Ok(()),
        }
    }

    /// The session; otherwise an error response for a program.
    pub(crate) async fn in_session(&self) -> Result<engine::SignedIn, Trouble> {
        match self.meets(Demand::SignedIn, None).await? {
            Ok(Caller::Session(signed_in)) => Ok(signed_in),
            Ok(Caller::Token(_)) => Err(Unmet::Scope(None).trouble(Demand::SignedIn, true)),
            Err(unmet) => Err(unmet.trouble(Demand::SignedIn, self.shows_bearer())),
        }
    }

    async fn meets(&self, demand: Demand, scope: Option<TokenScope>) -> Result<Result<Caller, Unmet>, Fault> {
        let Some(caller) = self.caller().await? else { return Ok(Err(self.signed_out().await?)) };
        let opens = match caller {
            Caller::Session(_) => true,
            Caller::Token(_) => scope.is_some_and(|TokenScope(scope)| caller.may(scope)),
        };
        if !opens {
            return Ok(Err(Unmet::Scope(scope)));
        }
        let Demand::Verified(span) = demand else { return Ok(Ok(caller.clone())) };
        let (proved, now) = (caller.proved(), self.engine().now());
        if proved.verified_within(span, now) {
            return Ok(Ok(caller.clone()));
        }
        Ok(Err(match self.engine().strongest(caller.user()).await? {
            None => Unmet::NoFactor,
            Some(level) if level < Level::Aal2 => Unmet::NoneCounts,
            Some(strongest) => {
                let level = below(Level::Aal2, strongest);
                if proved.proved_within(span, now) { Unmet::TooWeak(level) } else { Unmet::Unverified(level) }
            }
        }))
    }

    /// Redirects a request that does not meet a requirement.
    async fn led(&self, unmet: Unmet, demand: Demand) -> Response {
        if self.reads_json() {
            return self.tell(&unmet.trouble(demand, self.shows_bearer()));
        }
        let here = self.here();
        let way = self.way(unmet, here.as_ref());
        // The reader opens the page again once the browser has the new session: a redirect to it could loop for ever.
        if self.is_looking() && unmet != Unmet::Replaced {
            return way.into_response();
        }
        let mut response = self.refused(Problem::from(unmet.refusal()), &way.there).await;
        if matches!(unmet, Unmet::SignedOut | Unmet::Replaced) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, COOKIE);
        }
        response
    }

    fn way(&self, unmet: Unmet, here: Option<&LocalPath>) -> Way {
        let paths = &self.site().paths;
        let (page, why, level) = match unmet {
            Unmet::Replaced => return here.unwrap_or(&paths.account).clone().into(),
            // The browser shows a session that does not exist: it had one, which did not end by signing out in this
            // browser.
            Unmet::SignedOut if self.cookies().session.is_some() => (&paths.login, Some(Why::SessionEnded), None),
            Unmet::SignedOut | Unmet::Scope(_) => (&paths.login, None, None),
            Unmet::Unverified(level) => (&paths.verify, None, level),
            Unmet::TooWeak(level) => (&paths.verify, Some(Why::TooWeak), level),
            Unmet::NoneCounts => (&paths.setup, Some(Why::NoneCounts), None),
            Unmet::NoFactor => (&paths.setup, Some(Why::Required), None),
        };
        let query = [("next", here.map(LocalPath::as_str)), ("level", level.map(Level::as_str))];
        Way { there: page.with(&query), why }
    }

    /// The redirect to a new verification and back here, if the page requires this level or, without one, the strongest
    /// that the user can reach. A recent verification was not strong enough.
    pub(crate) async fn to_proof(&self, here: &LocalPath, level: Option<Level>) -> Way {
        let (recent, now) = (self.engine().config().reauthentication_window, self.engine().now());
        let signed_in = self.signed_in().await.ok().flatten();
        let strongest = match signed_in.filter(|_| level.is_some()) {
            Some(signed_in) => self.engine().strongest(signed_in.user()).await.ok().flatten(),
            None => None,
        };
        let level = level.zip(strongest).and_then(|(level, strongest)| below(level, strongest));
        let too_weak = signed_in.is_some_and(|signed_in| signed_in.session().proved_within(recent, now));
        self.way(if too_weak { Unmet::TooWeak(level) } else { Unmet::Unverified(level) }, Some(here))
    }

    /// A page with a refusal and a link to continue.
    pub(crate) async fn refused(&self, problem: Problem, there: &LocalPath) -> Response {
        let context = context! { there => there.as_str() };
        Page::new("refused.html", context).problem(Some(problem)).show(self).await
    }

    /// The response to a fault.
    pub(crate) fn fault(&self, fault: &Fault) -> Response {
        fault::answer(self.site(), fault, fault.retry_after())
    }
}

/// The session of a call that replaces it.
#[derive(Clone, Debug)]
pub(crate) enum Acting {
    /// The session is active.
    Now(Box<engine::SignedIn>),
    /// The session was replaced a moment ago: it can only repeat the call that replaced it.
    Replaced(SessionToken),
}

impl<S: Sync> FromRequestParts<S> for Acting {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        Visitor::from_request_parts(parts, state).await?.acting_or_led().await
    }
}

/// Why a requirement is not met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unmet {
    /// The request has no session.
    SignedOut,
    /// Another session replaced this one a moment ago.
    Replaced,
    /// A second factor exists and was not verified, or not recently. This level is required or, without one, the user's
    /// strongest.
    Unverified(Option<Level>),
    /// The second factor that was verified is not strong enough; the user has one of this level or, without one, a
    /// stronger one.
    TooWeak(Option<Level>),
    /// The user has no second factor that is strong enough.
    NoneCounts,
    /// The user has no second factor.
    NoFactor,
    /// The request has a token without the required scope.
    Scope(Option<TokenScope>),
}

impl Unmet {
    fn refusal(self) -> Refusal {
        match self {
            Self::SignedOut => Refusal::SignInNeeded,
            Self::Replaced => Refusal::SessionReplaced,
            Self::Unverified(_) | Self::TooWeak(_) | Self::NoneCounts => Refusal::VerificationNeeded,
            Self::NoFactor => Refusal::NotEnabled,
            Self::Scope(_) => Refusal::ScopeInsufficient,
        }
    }

    /// The error for a program; it depends on whether the request has credentials.
    fn trouble(self, demand: Demand, shown: bool) -> Trouble {
        let needed = match (self, demand) {
            (Self::SignedOut | Self::Replaced, _) if shown => Needed::AnotherToken,
            (Self::Scope(scope), _) => Needed::Scope(scope.map(|TokenScope(scope)| scope)),
            (Self::SignedOut | Self::Replaced, _) | (_, Demand::SignedIn) => Needed::SignIn,
            (_, Demand::Verified(span)) => Needed::second_factor(span),
        };
        Trouble::Unmet(self.refusal(), needed)
    }
}

/// The level that the step-up must be given: without one, it requires the strongest that the user can reach.
fn below(level: Level, strongest: Level) -> Option<Level> {
    (level < strongest).then_some(level)
}

/// A 401 must name an authentication scheme (RFC 9110 §15.5.2); for a page it is a form.
const COOKIE: HeaderValue = HeaderValue::from_static("Cookie");
