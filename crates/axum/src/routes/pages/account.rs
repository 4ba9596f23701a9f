//! The account page: devices, the number of backup codes left, and links to change them.

use axum::response::{IntoResponse, Response};
use countersign_engine::core::{
    DeviceName, Level, Status, Timestamp,
    view::{AnswerForm, DeviceView, FactorsView, PromptView},
};
use minijinja::{Value, context};

use crate::{SignedIn, Visitor, csrf::Bound, page::Page};

/// With this many backup codes or fewer, the page suggests new ones.
pub(super) const FEW: usize = 3;

/// The mount itself has no page.
pub(super) async fn lead(visitor: Visitor) -> Response {
    visitor.site().paths.account.clone().into_response()
}

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let FactorsView { enabled, devices, backup_codes_left: left } = match visitor.engine().factors(&signed_in).await {
        Ok(factors) => factors,
        Err(fault) => return visitor.fault(&fault),
    };
    let strongest = match visitor.engine().strongest(signed_in.user()).await {
        Ok(strongest) => strongest,
        Err(fault) => return visitor.fault(&fault),
    };
    let several = devices.iter().filter(|device| device.status == Status::Active).count() > 1;
    let context = context! {
        level => signed_in.level().as_str(),
        verified => signed_in.session().verified.is_some(),
        enabled,
        devices => devices.iter().map(device).collect::<Vec<_>>(),
        several,
        none_counts => strongest.is_some_and(|strongest| strongest < Level::Aal2),
        left,
        few => left.unwrap_or(0) <= FEW,
        form => visitor.tag(Bound::Session),
    };
    Page::new("account.html", context).show(&visitor).await
}

/// A device for templates.
pub(super) fn device(device: &DeviceView) -> Value {
    let Form { answer, digits, left, until } = Form::of(device.answer);
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
        answer,
        digits,
        left,
        until => until.map(Timestamp::as_millis),
        to => device.to.as_deref(),
        valid_until => device.valid_until.map(Timestamp::as_millis),
        is_expired => device.is_expired,
    }
}

/// A device that is selected, or can be, for templates. Without a name it is called by its method.
pub(super) fn prompt(device: &PromptView) -> Value {
    let Form { answer, digits, left, until } = Form::of(device.answer);
    context! {
        id => device.id.as_str(),
        kind => device.kind.as_str(),
        name => device.name.as_ref().map(DeviceName::as_str),
        preferred => device.preferred,
        failures => device.failures.unwrap_or(0),
        is_fallback => device.kind.is_fallback(),
        answer,
        digits,
        left,
        until => until.map(Timestamp::as_millis),
        to => device.to.as_deref(),
    }
}

/// The form of a device's codes for templates.
struct Form {
    answer: &'static str,
    digits: Option<u8>,
    left: Option<usize>,
    until: Option<Timestamp>,
}

impl Form {
    fn of(form: AnswerForm) -> Self {
        let plain = |answer| Self { answer, digits: None, left: None, until: None };
        match form {
            AnswerForm::Digits(digits) => Self { digits: Some(digits), ..plain("digits") },
            AnswerForm::Sent { digits, until } => Self { digits: Some(digits), until, ..plain("sent") },
            AnswerForm::BackupCode { left } => Self { left, ..plain("backup-code") },
            AnswerForm::Press => plain("press"),
            AnswerForm::Text => plain("text"),
        }
    }
}
