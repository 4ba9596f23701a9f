//! Removes a device, renames it, or makes it the default.

use axum::response::{IntoResponse, Response};
use countersign_engine::{
    self as engine, AttemptToken, Error,
    core::{DeviceId, DeviceName, Refusal, flow::Purpose},
};
use minijinja::context;
use serde::Deserialize;

use super::{Part, account::device, because, told};
use crate::{
    SignedIn, Visitor,
    csrf::Bound,
    form::{Form, Posted},
    message::Message,
    page::Page,
    problem::Problem,
    redirect::LocalPath,
    why::Why,
};

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn, Part(id): Part) -> Response {
    ask(&visitor, &signed_in, &DeviceId::new(id), None).await
}

async fn ask(visitor: &Visitor, signed_in: &engine::SignedIn, id: &DeviceId, problem: Option<Problem>) -> Response {
    let known = match visitor.engine().factors(signed_in).await {
        Ok(factors) => factors.devices.into_iter().find(|device| device.id == *id),
        Err(fault) => return visitor.fault(&fault),
    };
    let Some(known) = known else { return Message::NotFound.show(visitor).await };
    match visitor.engine().begin(signed_in, Purpose::RemoveDevice).await {
        Ok(attempt) => {
            let context = context! {
                device => device(&known),
                action => removal(visitor, id).as_str(),
                attempt => attempt.expose(),
                form => visitor.tag(Bound::Session),
            };
            Page::new("remove.html", context).problem(problem).show(visitor).await
        }
        Err(error) => visitor.stopped(error, &removal(visitor, id)).await,
    }
}

/// The path of the page that removes this device of the user. Its id is letters and digits.
fn removal(visitor: &Visitor, id: &DeviceId) -> LocalPath {
    at(visitor, id, "remove")
}

/// The path of this action on a device of the user.
fn at(visitor: &Visitor, id: &DeviceId, action: &str) -> LocalPath {
    let devices = &visitor.site().paths.devices;
    LocalPath::parse(&format!("{devices}/{id}/{action}")).unwrap_or_else(|| visitor.site().paths.account.clone())
}

#[derive(Deserialize)]
pub(super) struct Remove {
    attempt: String,
}

impl Posted for Remove {
    const BOUND: Bound = Bound::Session;
}

pub(super) async fn remove(
    SignedIn(signed_in): SignedIn,
    Part(id): Part,
    Form { visitor, fields }: Form<Remove>,
) -> Response {
    let (id, attempt) = (DeviceId::new(id), AttemptToken::new(fields.attempt));
    match visitor.engine().remove_device(&signed_in, &attempt, &id, &visitor.request_context()).await {
        Ok(()) => because(&visitor.site().paths.account, Why::Removed, None).into_response(),
        Err(error) => match told(error) {
            Ok(problem) => ask(&visitor, &signed_in, &id, Some(problem)).await,
            Err(error) => visitor.stopped(error, &removal(&visitor, &id)).await,
        },
    }
}

/// Shows the form for a new name.
pub(super) async fn show_name(visitor: Visitor, SignedIn(signed_in): SignedIn, Part(id): Part) -> Response {
    let id = DeviceId::new(id);
    let known = match visitor.engine().factors(&signed_in).await {
        Ok(factors) => factors.devices.into_iter().find(|device| device.id == id),
        Err(fault) => return visitor.fault(&fault),
    };
    let Some(known) = known else { return Message::NotFound.show(&visitor).await };
    // Step-up comes first, so that no typed name is lost on the way.
    match visitor.engine().may_manage(&signed_in).await {
        Ok(()) => ask_name(&visitor, &id, known.name.as_str(), None).await,
        Err(error) => visitor.stopped(error, &at(&visitor, &id, "rename")).await,
    }
}

async fn ask_name(visitor: &Visitor, id: &DeviceId, name: &str, problem: Option<Problem>) -> Response {
    let context = context! {
        name,
        longest => DeviceName::MAX_LENGTH,
        action => at(visitor, id, "rename").as_str(),
        form => visitor.tag(Bound::Session),
    };
    Page::new("rename.html", context).problem(problem).show(visitor).await
}

#[derive(Deserialize)]
pub(super) struct Rename {
    name: String,
}

impl Posted for Rename {
    const BOUND: Bound = Bound::Session;
}

pub(super) async fn rename(
    SignedIn(signed_in): SignedIn,
    Part(id): Part,
    Form { visitor, fields }: Form<Rename>,
) -> Response {
    let id = DeviceId::new(id);
    let renamed = match DeviceName::parse(&fields.name) {
        Ok(name) => visitor.engine().rename(&signed_in, &id, name, &visitor.request_context()).await,
        Err(refusal) => Err(refusal.into()),
    };
    match renamed {
        Ok(()) => because(&visitor.site().paths.account, Why::Renamed, None).into_response(),
        Err(Error::Refused(refusal @ Refusal::NameInvalid { .. })) => {
            ask_name(&visitor, &id, &fields.name, Some(refusal.into())).await
        }
        Err(Error::Refused(Refusal::DeviceUnknown)) => Message::NotFound.show(&visitor).await,
        Err(error) => visitor.stopped(error, &at(&visitor, &id, "rename")).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Prefer {}

impl Posted for Prefer {
    const BOUND: Bound = Bound::Session;
}

pub(super) async fn prefer(
    SignedIn(signed_in): SignedIn,
    Part(id): Part,
    Form { visitor, .. }: Form<Prefer>,
) -> Response {
    let account = &visitor.site().paths.account;
    match visitor.engine().prefer(&signed_in, &DeviceId::new(id)).await {
        Ok(()) => because(account, Why::Preferred, None).into_response(),
        Err(error) => visitor.stopped(error, account).await,
    }
}
