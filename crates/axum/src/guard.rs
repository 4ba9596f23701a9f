//! Guards: what a route demands, and where whoever does not meet it is led.
//!
//! A browser that looks at a page is sent to the flow that would meet the demand, and back afterwards. A program is
//! answered 401, with a challenge that says which level is asked for and how fresh it has to be (RFC 9470 §3). What opens
//! a guard is a session, or where the route says so a token, read and checked by the engine for this request; a pending
//! login is neither.
//!
//! ```text
//! not signed in ───────────────────────────────▶ login
//! signed in, has a factor, not proved (recently) ▶ verify
//! signed in, has proved one that counts too little ▶ verify, if there is one that counts
//! signed in, has no factor that counts ─────────▶ setup
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

/// What a route demands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Demand {
    /// A session.
    SignedIn,
    /// A session in which a second factor was proved at most so long ago.
    Verified(Duration),
}

impl Demand {
    /// A session in which a second factor was proved.
    pub(crate) const VERIFIED: Self = Self::Verified(Duration::MAX);
}

/// In the extensions of a request: tokens with this scope open the route, where its handler takes a
/// [`Caller`](crate::Caller).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenScope(pub &'static str);

impl Visitor {
    /// The user, if they meet the demand in a session, and otherwise where to go.
    pub(crate) async fn demand(&self, demand: Demand) -> Result<engine::SignedIn, Response> {
        match self.demand_of_caller(demand, None).await? {
            Caller::Session(signed_in) => Ok(signed_in),
            Caller::Token(_) => Err(self.led(Unmet::Scope(None), demand).await),
        }
    }

    /// Whoever calls, if they meet the demand in a session or with a token of this scope.
    pub(crate) async fn demand_of_caller(&self, demand: Demand, scope: Option<TokenScope>) -> Result<Caller, Response> {
        match self.meets(demand, scope).await {
            Ok(Ok(caller)) => Ok(caller),
            Ok(Err(unmet)) => Err(self.led(unmet, demand).await),
            Err(fault) => Err(self.fault(&fault)),
        }
    }

    /// Whoever calls, by a session or by a token of whatever scope, or what somebody else is told.
    pub(crate) async fn calling(&self) -> Result<Caller, Trouble> {
        match self.caller().await? {
            Some(caller) => Ok(caller.clone()),
            None => Err(self.signed_out().await?.trouble(Demand::SignedIn, self.shows_bearer())),
        }
    }

    /// The session in which a call is made that replaces it, or what a program without one is told.
    pub(crate) async fn acting(&self) -> Result<Acting, Trouble> {
        match self.replaced_or_not().await? {
            Some(acting) => Ok(acting),
            None => self.in_session().await.map(|signed_in| Acting::Now(Box::new(signed_in))),
        }
    }

    /// The same, or where the browser is led.
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

    /// How nobody is signed in.
    async fn signed_out(&self) -> Result<Unmet, Fault> {
        Ok(if self.replaced().await?.is_some() { Unmet::Replaced } else { Unmet::SignedOut })
    }

    /// Nothing, unless the session that was shown was replaced a moment ago: then its holder is told.
    pub(crate) async fn refuse_replaced(&self) -> Result<(), Trouble> {
        match self.replaced_or_not().await? {
            Some(_) => Err(Unmet::Replaced.trouble(Demand::SignedIn, self.shows_bearer())),
            None => Ok(()),
        }
    }

    /// The session, or what a program without one is told.
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

    /// Leads whoever does not meet a demand to where they can.
    async fn led(&self, unmet: Unmet, demand: Demand) -> Response {
        if self.reads_json() {
            return self.tell(&unmet.trouble(demand, self.shows_bearer()));
        }
        let here = self.here();
        let way = self.way(unmet, here.as_ref());
        // The page is opened again by its reader, once the browser has the new session: leading there could go on for ever.
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
            // A browser that shows a session of nobody's has had one, which was not ended by signing out in it.
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

    /// The way to a fresh proof, and back here, where the page there asks for this level or, without one, for the strongest
    /// that the user can prove. A proof that is fresh already was not strong enough.
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

    /// A page that says no, and where to go from here.
    pub(crate) async fn refused(&self, problem: Problem, there: &LocalPath) -> Response {
        let context = context! { there => there.as_str() };
        Page::new("refused.html", context).problem(Some(problem)).show(self).await
    }

    /// The answer to a fault.
    pub(crate) fn fault(&self, fault: &Fault) -> Response {
        fault::answer(self.site(), fault, fault.retry_after())
    }
}

/// The session in which a call is made that replaces it.
#[derive(Clone, Debug)]
pub(crate) enum Acting {
    /// It is running.
    Now(Box<engine::SignedIn>),
    /// It was replaced a moment ago: nothing can be done but to repeat the call that did it.
    Replaced(SessionToken),
}

impl<S: Sync> FromRequestParts<S> for Acting {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        Visitor::from_request_parts(parts, state).await?.acting_or_led().await
    }
}

/// How a demand is not met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unmet {
    /// Nobody is signed in.
    SignedOut,
    /// The session was replaced by another a moment ago.
    Replaced,
    /// A second factor exists and was not proved, or not recently. One of this level is asked for or, without a level, one of
    /// the user's strongest.
    Unverified(Option<Level>),
    /// A second factor was proved, and counts too little; there is another, of this level or, without one, the strongest.
    TooWeak(Option<Level>),
    /// There is no second factor that counts enough.
    NoneCounts,
    /// There is no second factor to prove.
    NoFactor,
    /// It is a token, and does not open this.
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

    /// What a program is told; whether it has shown something makes a difference.
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

/// The level that a step-up has to be told to ask for: by itself it asks for the strongest that the user can prove.
fn below(level: Level, strongest: Level) -> Option<Level> {
    (level < strongest).then_some(level)
}

/// A 401 has to name a way to authenticate (RFC 9110 §15.5.2); that of a page is a form.
const COOKIE: HeaderValue = HeaderValue::from_static("Cookie");
