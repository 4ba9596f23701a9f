//! Changes the password: asks for the current one, and says why a new one is refused.

use axum::response::Response;
use countersign_engine::{
    Error, ReplacingCall,
    core::{Level, Refusal, Secret},
};
use minijinja::context;
use serde::Deserialize;

use super::{because, led, told};
use crate::{
    SignedIn, Visitor,
    csrf::Bound,
    form::{Form, Posted, secret},
    guard::Acting,
    page::Page,
    problem::Problem,
    why::Why,
};

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    match visitor.engine().may_change_password(&signed_in).await {
        Ok(()) => ask(&visitor, &signed_in, None).await,
        Err(error) => ended(&visitor, error).await,
    }
}

/// Two factors are enough to change the password, even if the user could reach a stronger level.
async fn ended(visitor: &Visitor, error: Error) -> Response {
    let here = &visitor.site().paths.password;
    match error {
        Error::Refused(refusal @ Refusal::VerificationNeeded) => {
            led(&refusal, visitor.to_proof(here, Some(Level::Aal2)).await)
        }
        error => visitor.stopped(error, here).await,
    }
}

async fn ask(visitor: &Visitor, signed_in: &countersign_engine::SignedIn, problem: Option<Problem>) -> Response {
    let context = context! {
        name => signed_in.user().name.as_str(),
        shortest => visitor.engine().min_password_length(),
        form => visitor.tag(Bound::Session),
    };
    Page::new("password.html", context).problem(problem).show(visitor).await
}

#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(deserialize_with = "secret")]
    current: Secret,
    #[serde(deserialize_with = "secret")]
    new: Secret,
    #[serde(deserialize_with = "secret")]
    again: Secret,
}

impl Posted for Change {
    const BOUND: Bound = Bound::Session;
}

pub(super) async fn change(acting: Acting, Form { visitor, fields }: Form<Change>) -> Response {
    let Change { current, new, again } = fields;
    let signed_in = match acting {
        Acting::Now(signed_in) => signed_in,
        Acting::Replaced(old) => {
            let there = because(&visitor.site().paths.account, Why::PasswordChanged, None);
            let call = ReplacingCall::ChangePassword { current: &current, new: &new };
            return visitor.repeated(&old, call, there).await;
        }
    };
    if !new.is_same(&again) {
        return ask(&visitor, &signed_in, Some(Refusal::PasswordsDiffer.into())).await;
    }
    let paths = &visitor.site().paths;
    match visitor.engine().change_password(&signed_in, &current, &new, &visitor.request_context()).await {
        Ok(new_session) => visitor.granted(&new_session, because(&paths.account, Why::PasswordChanged, None)),
        Err(error) => match told(error) {
            Ok(problem) => ask(&visitor, &signed_in, Some(problem)).await,
            Err(error) => ended(&visitor, error).await,
        },
    }
}
