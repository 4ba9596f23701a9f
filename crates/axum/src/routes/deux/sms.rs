//! Turns on two-factor authentication: a phone number, and the code that was sent there.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use countersign_engine::{
    Error,
    core::{DeviceName, Kind, Refusal, Secret},
    flow::Enrolment,
};
use serde_json::json;

use super::{
    request::SignedInRequest,
    told::{self, Under},
};
use crate::trouble::Trouble;

/// The maximum number of digits (ITU-T E.164).
const MAX_LENGTH: usize = 15;
/// The minimum number of digits from such a client.
const MIN_LENGTH: usize = 7;

/// The place of texts about the number.
const NUMBER: Under = Under::List("phone_number");
/// The place of texts about the code.
const CODE: Under = Under::List("mfa_code");

pub(super) async fn request(asking: SignedInRequest) -> Response {
    let SignedInRequest { visitor, signed_in, fields } = &asking;
    if let Some(told) = asking.is_on().await {
        return told;
    }
    let number = match fields.required("phone_number") {
        Ok(number) => number.expose().trim(),
        Err(wrong) => return told::wrong(visitor, &[wrong]),
    };
    if let Some(told) = malformed(&asking, number) {
        return told;
    }
    let to = Some(format!("+{number}"));
    let name = match DeviceName::parse(&told::say(visitor, "device-name-sms")) {
        Ok(name) => name,
        Err(refusal) => return told::refused(visitor, &refusal, Under::Detail),
    };
    let enrolment = Enrolment { kind: Kind::SMS, name, to };
    match asking.engine().begin_enrolment_stateless(signed_in, enrolment, &asking.request_context()).await {
        Ok(()) => told::document(StatusCode::OK, &json!({ "enabled": false, "phone_number": number })),
        Err(Error::Refused(refusal @ Refusal::AddressInvalid)) => told::refused(visitor, &refusal, NUMBER),
        Err(error) => told::stopped(visitor, error, Under::Detail),
    }
}

/// The error for a number that is not just digits.
fn malformed(asking: &SignedInRequest, number: &str) -> Option<Response> {
    let wrong = |id| Some(told::bad(&asking.visitor, NUMBER, id));
    let is_number = number.len() >= MIN_LENGTH && number.bytes().all(|c| c.is_ascii_digit());
    if !is_number {
        return wrong("refusal-address-invalid");
    }
    if number.len() > MAX_LENGTH { wrong("deux-number-long") } else { None }
}

pub(super) async fn verify(asking: SignedInRequest) -> Response {
    let SignedInRequest { visitor, signed_in, fields } = &asking;
    if let Some(told) = asking.is_on().await {
        return told;
    }
    let code: &Secret = match fields.required("mfa_code") {
        Ok(code) => code,
        Err(wrong) => return told::wrong(visitor, &[wrong]),
    };
    let confirmed =
        asking.engine().confirm_enrolment_stateless(signed_in, &Kind::SMS, code, &asking.request_context()).await;
    match confirmed {
        Ok(()) => match asking.status().await {
            Ok(status) => told::document(StatusCode::OK, &status),
            Err(fault) => Trouble::from(fault).into_response(),
        },
        Err(Error::Refused(Refusal::FactorsChanged)) => told::bad(visitor, Under::Details, "deux-already-enabled"),
        Err(error) => told::stopped(visitor, error, CODE),
    }
}

impl SignedInRequest {
    /// The error where it is already enabled.
    async fn is_on(&self) -> Option<Response> {
        match self.engine().factors(&self.signed_in).await {
            Ok(factors) if factors.enabled => Some(told::bad(&self.visitor, Under::Details, "deux-already-enabled")),
            Ok(_) => None,
            Err(fault) => Some(Trouble::from(fault).into_response()),
        }
    }
}
