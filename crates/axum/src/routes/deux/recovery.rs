//! A backup code, returned only once. A request creates it, so requests that must be safe get none, except from old
//! clients: these send a token, which a link cannot make a browser do. Cookies, which a browser sends by itself, are
//! not enough.

use axum::{
    http::{Method, StatusCode},
    response::Response,
};
use countersign_engine::{
    Error,
    core::{DeviceName, Refusal},
    flow::Stateless,
};
use serde_json::json;

use super::{
    request::SignedInRequest,
    told::{self, Under},
};
use crate::Visitor;

/// The place of texts about the code.
const CODE: &str = "backup_code";
/// The allowed methods where a GET creates no code.
const WITHOUT_GET: &str = "POST, OPTIONS";

pub(super) async fn read(asking: SignedInRequest) -> Response {
    let visitor = &asking.visitor;
    let asks = *visitor.method() == Method::GET && visitor.shows_bearer();
    if asks && visitor.site().spares_old_clients() {
        return make(asking).await;
    }
    told::not_allowed(visitor, WITHOUT_GET)
}

/// The allowed methods.
pub(super) fn allowed(visitor: &Visitor) -> &'static str {
    if visitor.site().spares_old_clients() { "GET, POST, OPTIONS" } else { WITHOUT_GET }
}

pub(super) async fn make(asking: SignedInRequest) -> Response {
    let SignedInRequest { visitor, signed_in, fields } = &asking;
    let submitted = match fields.submitted() {
        Ok(submitted) => submitted,
        Err(unclear) => return told::unclear(visitor, &unclear, Under::Detail),
    };
    let name = match DeviceName::parse(&told::say(visitor, "device-name-backup-codes")) {
        Ok(name) => name,
        Err(refusal) => return told::refused(visitor, &refusal, Under::Detail),
    };
    let proof = asking.proof(submitted);
    match asking.engine().make_backup_code_stateless(signed_in, proof, name, &asking.request_context()).await {
        Ok(Stateless::Done(code)) => {
            let code: String = code.expose().split('-').collect();
            told::document(StatusCode::OK, &json!({ CODE: code }))
        }
        Ok(Stateless::Owed(asked)) => told::owed(visitor, &asked, Under::Detail),
        Err(Error::Refused(refusal @ Refusal::NotEnabled)) => told::refused(visitor, &refusal, Under::Text(CODE)),
        Err(error) => told::unproved(visitor, error, submitted, Under::Detail),
    }
}
