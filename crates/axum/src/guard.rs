//! Guards: what a route demands, and where whoever does not meet it is led.
//!
//! A browser that looks at a page is sent to the flow that would meet the demand, and back afterwards. Anything else is
//! answered 401 or 403. What opens a guard is a session read and checked by the engine for this request; a pending login
//! is none.
//!
//! ```text
//! not signed in ───────────────────────────────▶ login
//! signed in, has a factor, not proved (recently) ▶ verify
//! signed in, has proved one that counts too little ▶ verify, if there is one that counts
//! signed in, has no factor that counts ─────────▶ setup
//! ```

use std::time::Duration;

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    self as engine, Fault,
    core::{Level, Refusal},
};
use minijinja::context;

use crate::{Visitor, fault, page::Page, problem::Problem, redirect::LocalPath, why::Why};

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

impl Visitor {
    /// The user, if they meet the demand, and otherwise where to go.
    pub(crate) async fn demand(&self, demand: Demand) -> Result<engine::SignedIn, Response> {
        match self.meets(demand).await {
            Ok(Ok(signed_in)) => Ok(signed_in),
            Ok(Err(unmet)) => Err(self.led(unmet).await),
            Err(fault) => Err(self.fault(&fault)),
        }
    }

    async fn meets(&self, demand: Demand) -> Result<Result<engine::SignedIn, Unmet>, Fault> {
        let Some(signed_in) = self.signed_in().await? else { return Ok(Err(Unmet::SignedOut)) };
        let (session, now) = (signed_in.session(), self.engine().now());
        let (met, proved) = match demand {
            Demand::SignedIn => (true, true),
            Demand::Verified(span) => (session.verified_within(span, now), session.proved_within(span, now)),
        };
        if met {
            return Ok(Ok(signed_in.clone()));
        }
        Ok(Err(match self.engine().surest(signed_in).await? {
            None => Unmet::NoFactor,
            Some(level) if level < Level::Aal2 => Unmet::NoneCounts,
            Some(_) if proved => Unmet::Weakly,
            Some(_) => Unmet::Unverified,
        }))
    }

    /// Leads whoever does not meet a demand to where they can.
    async fn led(&self, unmet: Unmet) -> Response {
        let here = self.here();
        let there = self.way(unmet, here.as_ref());
        if self.is_looking() {
            return there.into_response();
        }
        let problem = Problem::from(match unmet {
            Unmet::SignedOut => Refusal::SignInNeeded,
            Unmet::Unverified | Unmet::Weakly | Unmet::NoneCounts => Refusal::VerificationNeeded,
            Unmet::NoFactor => Refusal::NotEnabled,
        });
        let mut response = self.refused(problem, &there).await;
        if unmet == Unmet::SignedOut {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, COOKIE);
        }
        response
    }

    fn way(&self, unmet: Unmet, here: Option<&LocalPath>) -> LocalPath {
        let paths = &self.site().paths;
        let (page, why) = match unmet {
            Unmet::SignedOut => (&paths.login, None),
            Unmet::Unverified => (&paths.verify, None),
            Unmet::Weakly => (&paths.verify, Some(Why::Weakly)),
            Unmet::NoneCounts => (&paths.setup, Some(Why::NoneCounts)),
            Unmet::NoFactor => (&paths.setup, Some(Why::Required)),
        };
        page.with(&[("next", here.map(LocalPath::as_str)), ("why", why.map(Why::as_str))])
    }

    /// The way to a fresh proof, and back here; a proof that is fresh already counts too little.
    pub(crate) async fn to_proof(&self, here: &LocalPath) -> LocalPath {
        let (recent, now) = (self.engine().policy().recent, self.engine().now());
        let signed_in = self.signed_in().await.ok().flatten();
        let weakly = signed_in.is_some_and(|signed_in| signed_in.session().proved_within(recent, now));
        self.way(if weakly { Unmet::Weakly } else { Unmet::Unverified }, Some(here))
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

/// How a demand is not met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unmet {
    /// Nobody is signed in.
    SignedOut,
    /// A second factor exists and was not proved, or not recently.
    Unverified,
    /// A second factor was proved, and counts too little; there is another.
    Weakly,
    /// There is no second factor that counts enough.
    NoneCounts,
    /// There is no second factor to prove.
    NoFactor,
}

/// A 401 has to name a way to authenticate (RFC 9110 §15.5.2); ours is a form.
const COOKIE: HeaderValue = HeaderValue::from_static("Cookie");
