//! Shows the session of the request, signs out, and returns the CSRF token.

use super::{
    call::{CSRF_HEADER, Call, Client},
    document::{CsrfDocument, SessionDocument},
    login::LoginAttempt,
    reply::Reply,
};
use crate::{cookies::Name, csrf::Bound, trouble::Trouble};

pub(super) async fn show(call: Call) -> Result<Reply<SessionDocument>, Trouble> {
    let caller = call.visitor.calling().await?;
    let csrf = (call.client == Client::Browser).then(|| call.visitor.tag(Bound::Any)).flatten();
    Ok(SessionDocument::of(&caller, &call.visitor, csrf).into())
}

/// Requires no authentication: the token is valid only together with the cookies that it is bound to.
pub(super) async fn csrf(call: Call) -> Result<Reply<CsrfDocument>, Trouble> {
    let csrf = call.visitor.tag(Bound::Any).unwrap_or_default();
    Ok(CsrfDocument { csrf, header: CSRF_HEADER.to_string() }.into())
}

pub(super) async fn sign_out(call: Call<LoginAttempt>) -> Result<Reply<()>, Trouble> {
    let signed_in = call.signed_in().await?;
    let attempt = LoginAttempt::of(&call);
    call.engine().sign_out(Some(&signed_in), attempt.as_ref(), &call.request_context()).await?;
    let mut reply = Reply::from(());
    if call.client == Client::Browser {
        let (names, cookies) = (call.visitor.site().names, call.visitor.cookies());
        let held = [
            (Name::Session, cookies.session.is_some()),
            (Name::Pending, cookies.pending.is_some()),
            (Name::Setup, cookies.setup.is_some()),
            (Name::Nonce, cookies.nonce.is_some()),
        ];
        for (name, _) in held.into_iter().filter(|(_, held)| *held) {
            reply = reply.giving(names.take(name));
        }
    }
    Ok(reply)
}
