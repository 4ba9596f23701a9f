//! Sign-in for a token, which is a session token.

use axum::{http::StatusCode, response::Response};
use countersign_engine::{
    Error, NewSession, SignedIn,
    core::Refusal,
    flow::{Proof, Stateless, Submitted},
};
use serde_json::json;

use super::{
    request::PublicRequest,
    told::{self, Under},
};

pub(super) async fn login(asking: PublicRequest) -> Response {
    let PublicRequest { visitor, fields, .. } = &asking;
    let (name, password) = match (fields.required("username"), fields.required("password")) {
        (Ok(name), Ok(password)) => (name, password),
        (name, password) => {
            return told::wrong(visitor, &[name.err(), password.err()].into_iter().flatten().collect::<Vec<_>>());
        }
    };
    let submitted = match fields.submitted() {
        Ok(submitted) => submitted,
        Err(unclear) => return told::unclear(visitor, &unclear, Under::NO_FIELD),
    };
    match asking.engine().sign_in_stateless(name.expose().trim(), password, submitted, &asking.request_context()).await
    {
        Ok(Stateless::Done(new_session)) => match expected(&asking, &new_session, submitted).await {
            Ok(_) => told::document(StatusCode::OK, &json!({ "token": new_session.token().expose() })),
            Err(error) => told::stopped(visitor, error, Under::NO_FIELD),
        },
        Ok(Stateless::Owed(asked)) => told::required(visitor, &asked, Under::NO_FIELD),
        Err(error) => told::unproved(visitor, error, submitted, Under::NO_FIELD),
    }
}

/// Turns off two-factor authentication after a sign-in with a backup code, as old clients expect, where they are
/// exempt.
pub(super) async fn expected(
    asking: &PublicRequest,
    new_session: &NewSession,
    submitted: Submitted<'_>,
) -> Result<SignedIn, Error> {
    let signed_in = new_session.signed_in();
    if !(matches!(submitted, Submitted::BackupCode(_)) && asking.visitor.site().spares_old_clients()) {
        return Ok(signed_in.clone());
    }
    match asking.engine().disable_stateless(signed_in, Proof::Spared, &asking.request_context()).await {
        Ok(Stateless::Done(signed_in)) => Ok(signed_in),
        // No device is required, or none was: the code had no effect.
        Ok(Stateless::Owed(_)) | Err(Error::Refused(Refusal::NotEnabled)) => Ok(signed_in.clone()),
        Err(error) => Err(error),
    }
}
