//! Sign-out: ends the session, and cancels a pending login or setup. A GET changes nothing.

use axum::response::{IntoResponse, Response};
use countersign_engine::core::Refusal;
use minijinja::context;
use serde::Deserialize;

use super::{because, give};
use crate::{
    Visitor,
    cookies::Name,
    csrf::Bound,
    form::{Form, Posted},
    page::Page,
    trouble::Trouble,
    why::Why,
};

pub(super) async fn show(visitor: Visitor) -> Response {
    let cookies = visitor.cookies();
    if cookies.session.is_none() && cookies.pending.is_none() {
        return visitor.site().paths.login.clone().into_response();
    }
    Page::new("logout.html", context! { form => visitor.tag(Bound::Any) }).show(&visitor).await
}

#[derive(Deserialize)]
pub(super) struct SignOut {}

impl Posted for SignOut {
    const BOUND: Bound = Bound::Any;
}

pub(super) async fn sign_out(Form { visitor, .. }: Form<SignOut>) -> Response {
    if let Err(trouble) = visitor.refuse_replaced().await {
        return match trouble {
            Trouble::Faulted(fault) => visitor.fault(&fault),
            _ => visitor.refused(Refusal::SessionReplaced.into(), &visitor.site().paths.logout).await,
        };
    }
    let signed_in = match visitor.signed_in().await {
        Ok(signed_in) => signed_in,
        Err(fault) => return visitor.fault(&fault),
    };
    let cookies = visitor.cookies();
    if let Err(fault) = visitor.engine().sign_out(signed_in, cookies.pending.as_ref(), &visitor.request_context()).await
    {
        return visitor.fault(&fault);
    }
    let mut response = because(&visitor.site().paths.login, Why::SignedOut, None).into_response();
    let held = [
        (Name::Session, cookies.session.is_some()),
        (Name::Pending, cookies.pending.is_some()),
        (Name::Setup, cookies.setup.is_some()),
        (Name::Nonce, cookies.nonce.is_some()),
    ];
    for (name, _) in held.into_iter().filter(|(_, held)| *held) {
        give(&mut response, visitor.site().names.take(name));
    }
    response
}
