//! Backup codes: how many are left, also after a sign-in with one, and creating new ones.
//!
//! New codes are shown only in the response to the form that creates them. The same form sent again, for example by a
//! reload, creates none and shows none.

use axum::response::{IntoResponse, Response};
use countersign_engine::{
    AttemptToken, Error,
    core::{DeviceName, Kind, Refusal, flow::Purpose},
};
use fluent_bundle::FluentArgs;
use minijinja::{Value, context};
use serde::Deserialize;

use super::{Asked, account::FEW, on, told};
use crate::{
    SignedIn, Visitor,
    csrf::Bound,
    form::{Form, Posted},
    message::Message,
    page::Page,
    problem::Problem,
    redirect::LocalPath,
};

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let next = Asked::of(&visitor).next;
    offer(&visitor, &signed_in, next.as_ref(), None).await
}

async fn offer(
    visitor: &Visitor,
    signed_in: &countersign_engine::SignedIn,
    next: Option<&LocalPath>,
    problem: Option<Problem>,
) -> Response {
    let here = on(&visitor.site().paths.backup_codes, next);
    let (left, devices) = match visitor.engine().factors(signed_in).await {
        Ok(factors) => (factors.backup_codes_left, factors.devices.len()),
        Err(fault) => return visitor.fault(&fault),
    };
    // Before a verification, the page shows the number and links to the step-up.
    let attempt = match visitor.engine().begin(signed_in, Purpose::BackupCodes).await {
        Ok(attempt) => Some(attempt),
        Err(Error::Refused(Refusal::VerificationNeeded)) => None,
        Err(error) => return visitor.stopped(error, &here).await,
    };
    let context = context! {
        left,
        devices,
        attempt => attempt.as_ref().map(AttemptToken::expose),
        verify => on(&visitor.site().paths.verify, Some(&here)).as_str(),
        next => next.map(LocalPath::as_str),
        form => visitor.tag(Bound::Session),
    };
    Page::new("backup_codes.html", context).problem(problem).show(visitor).await
}

/// After a sign-in with a backup code: how many are left, and what to do about a lost device.
pub(super) async fn used(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let paths = &visitor.site().paths;
    if signed_in.session().method != Some(Kind::BACKUP_CODES) {
        return paths.account.clone().into_response();
    }
    let left = match visitor.engine().factors(&signed_in).await {
        Ok(factors) => factors.backup_codes_left,
        Err(fault) => return visitor.fault(&fault),
    };
    let next = Asked::of(&visitor).next;
    let context = context! {
        left,
        few => left.unwrap_or(0) <= FEW,
        backup_codes => on(&paths.backup_codes, next.as_ref()).as_str(),
        there => next.as_ref().unwrap_or(&visitor.site().home).as_str(),
    };
    Page::new("backup_code_used.html", context).show(&visitor).await
}

#[derive(Deserialize)]
pub(super) struct Make {
    attempt: String,
    #[serde(default)]
    next: String,
}

impl Posted for Make {
    const BOUND: Bound = Bound::Session;
}

pub(super) async fn make(SignedIn(signed_in): SignedIn, Form { visitor, fields }: Form<Make>) -> Response {
    let next = visitor.site().next(&fields.next);
    let here = on(&visitor.site().paths.backup_codes, next.as_ref());
    let attempt = AttemptToken::new(fields.attempt);
    let name = visitor.site().templates().texts().say("device-name-backup-codes", &FluentArgs::new());
    let made = match DeviceName::parse(&name) {
        Ok(name) => visitor.engine().make_backup_codes(&signed_in, &attempt, name, &visitor.request_context()).await,
        Err(refusal) => Err(refusal.into()),
    };
    match made {
        Ok(made) => {
            let context = context! {
                codes => made.codes.iter().map(|code| Value::from(code.expose())).collect::<Vec<_>>(),
                there => next.as_ref().unwrap_or(&visitor.site().paths.account).as_str(),
            };
            let page = Page::new("backup_codes_made.html", context).renewed(made.renewed.as_ref());
            let mut response = page.show(&visitor).await;
            if let Some(new_session) = &made.renewed {
                visitor.give_session(&mut response, new_session);
            }
            response
        }
        Err(Error::Refused(Refusal::AttemptExpired)) => Message::CodesMade.show(&visitor).await,
        Err(error) => match told(error) {
            Ok(problem) => offer(&visitor, &signed_in, next.as_ref(), Some(problem)).await,
            Err(error) => visitor.stopped(error, &here).await,
        },
    }
    .into_response()
}
