//! Turns off two-factor authentication, after a recent verification and a confirmation.

use axum::response::Response;
use countersign_engine::{self as engine, AttemptToken, ReplacingCall, core::flow::Purpose};
use minijinja::context;
use serde::Deserialize;

use super::{because, told};
use crate::{
    SignedIn, Visitor,
    csrf::Bound,
    form::{Form, Posted},
    guard::Acting,
    page::Page,
    problem::Problem,
    why::Why,
};

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    ask(&visitor, &signed_in, None).await
}

async fn ask(visitor: &Visitor, signed_in: &engine::SignedIn, problem: Option<Problem>) -> Response {
    match visitor.engine().begin(signed_in, Purpose::Disable).await {
        Ok(attempt) => {
            let context = context! { attempt => attempt.expose(), form => visitor.tag(Bound::Session) };
            Page::new("disable.html", context).problem(problem).show(visitor).await
        }
        Err(error) => visitor.stopped(error, &visitor.site().paths.disable).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Disable {
    attempt: String,
    #[serde(default)]
    sure: String,
}

impl Posted for Disable {
    const BOUND: Bound = Bound::Session;
}

pub(super) async fn disable(acting: Acting, Form { visitor, fields }: Form<Disable>) -> Response {
    let signed_in = match acting {
        Acting::Now(signed_in) => signed_in,
        Acting::Replaced(old) => {
            let there = because(&visitor.site().paths.account, Why::Disabled, None);
            let attempt = AttemptToken::new(fields.attempt);
            return visitor.repeated(&old, ReplacingCall::Disable { attempt: Some(&attempt) }, there).await;
        }
    };
    if fields.sure != "yes" {
        return ask(&visitor, &signed_in, Some(Problem::NotSure)).await;
    }
    let paths = &visitor.site().paths;
    match visitor.engine().disable(&signed_in, &AttemptToken::new(fields.attempt), &visitor.request_context()).await {
        Ok(new_session) => visitor.granted(&new_session, because(&paths.account, Why::Disabled, None)),
        Err(error) => match told(error) {
            Ok(problem) => ask(&visitor, &signed_in, Some(problem)).await,
            Err(error) => visitor.stopped(error, &paths.disable).await,
        },
    }
}
