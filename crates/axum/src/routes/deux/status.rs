//! Shows whether two-factor authentication is on, and turns it off.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use countersign_engine::{
    Fault,
    core::{Kind, Status},
    flow::{Proof, Stateless, Submitted},
};
use serde_json::{Map, Value};

use super::{
    request::SignedInRequest,
    told::{self, Under},
};
use crate::trouble::Trouble;

pub(super) async fn show(asking: SignedInRequest) -> Response {
    match asking.status().await {
        Ok(status) => told::document(StatusCode::OK, &status),
        Err(fault) => Trouble::from(fault).into_response(),
    }
}

pub(super) async fn disable(asking: SignedInRequest) -> Response {
    let SignedInRequest { visitor, signed_in, fields } = &asking;
    let submitted = match fields.submitted() {
        Ok(submitted) => submitted,
        Err(unclear) => return told::unclear(visitor, &unclear, Under::Detail),
    };
    match asking.engine().disable_stateless(signed_in, asking.proof(submitted), &asking.request_context()).await {
        Ok(Stateless::Done(_)) => StatusCode::NO_CONTENT.into_response(),
        Ok(Stateless::Owed(asked)) => told::owed(visitor, &asked, Under::Detail),
        Err(error) => told::unproved(visitor, error, submitted, Under::Detail),
    }
}

impl SignedInRequest {
    /// The proof of an action: the code in the request, or none where old clients are exempt and send none.
    pub(super) fn proof<'a>(&self, submitted: Submitted<'a>) -> Proof<'a> {
        let spared = matches!(submitted, Submitted::Nothing) && self.visitor.site().spares_old_clients();
        if spared { Proof::Spared } else { Proof::Owed(submitted) }
    }

    /// The status; the phone number is masked.
    pub(super) async fn status(&self) -> Result<Value, Fault> {
        let factors = self.engine().factors(&self.signed_in).await?;
        let mut status = Map::from_iter([("enabled".to_owned(), factors.enabled.into())]);
        let mut devices: Vec<_> = factors.devices.into_iter().filter(|it| it.status == Status::Active).collect();
        devices.sort_by_key(|device| (!device.preferred, device.created));
        let number = if factors.enabled {
            if let Some(first) = devices.first() {
                status.insert("challenge_type".into(), first.kind.as_str().into());
            }
            devices.into_iter().find(|device| device.kind == Kind::SMS)
        } else {
            self.engine().enrolling_stateless(&self.signed_in, &Kind::SMS).await?
        };
        if let Some(to) = number.and_then(|device| device.to) {
            status.insert("phone_number".into(), to.into());
        }
        Ok(Value::Object(status))
    }
}
