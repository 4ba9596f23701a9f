//! What is set up: devices, backup codes left, and what to do next.

use axum::response::{IntoResponse, Response};
use countersign_engine::core::{
    Status, Timestamp,
    view::{AnswerForm, DeviceView, FactorsView},
};
use minijinja::{Value, context};

use super::Asked;
use crate::{SignedIn, Visitor, csrf::Bound, page::Page};

/// With so few backup codes left it is time for new ones.
const FEW: usize = 3;

/// The mount itself is no page.
pub(super) async fn lead(visitor: Visitor) -> Response {
    visitor.site().paths.account.clone().into_response()
}

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let FactorsView { enabled, devices, backup_codes_left: left } = match visitor.engine().factors(&signed_in).await {
        Ok(factors) => factors,
        Err(fault) => return visitor.fault(&fault),
    };
    let several = devices.iter().filter(|device| device.status == Status::Active).count() > 1;
    let context = context! {
        enabled,
        devices => devices.iter().map(device).collect::<Vec<_>>(),
        several,
        left,
        few => left.unwrap_or(0) <= FEW,
        form => visitor.tag(Bound::Session),
    };
    Page::new("account.html", context).why(Asked::of(&visitor).why).show(&visitor).await
}

/// A device as templates have it.
pub(super) fn device(device: &DeviceView) -> Value {
    let (digits, left) = match device.answer {
        AnswerForm::Digits(digits) => (Some(digits), None),
        AnswerForm::BackupCode { left } => (None, Some(left)),
        AnswerForm::Sent { digits, .. } => (Some(digits), None),
        AnswerForm::Press | AnswerForm::Text => (None, None),
    };
    context! {
        id => device.id.as_str(),
        kind => device.kind.as_str(),
        name => device.name.as_str(),
        status => device.status.as_str(),
        preferred => device.preferred,
        created => device.created.as_millis(),
        last_used => device.last_used.map(Timestamp::as_millis),
        failures => device.failures,
        is_fallback => device.kind.is_fallback(),
        digits,
        left,
        to => device.to.as_deref(),
    }
}
