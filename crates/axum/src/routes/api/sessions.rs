//! Lists the user's sessions and ends one, or all but the current one.

use countersign_engine::core::{SessionKey, view::SessionView};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    call::Call,
    reply::{Document, Reply},
};
use crate::trouble::Trouble;

/// The user's sessions, the most recently used first.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionsDocument {
    /// The sessions.
    pub(super) sessions: Vec<SessionEntry>,
}

impl Document for SessionsDocument {}

/// One of the user's sessions.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionEntry {
    /// The id of the session. It does not authenticate.
    id: String,
    /// Whether it is the session of this request.
    current: bool,
    /// The assurance level: `aal1`, `aal2` or `phishing-resistant`.
    acr: &'static str,
    /// The authentication methods (RFC 8176).
    amr: Vec<&'static str>,
    /// The time of the last successful authentication, by password or device.
    auth_time: i64,
    /// The time when the password was last verified.
    signed_in_at: i64,
    /// The time when it was last used, accurate to a minute.
    last_used_at: i64,
    /// The time when it expires if it is not used until then.
    expires_at: i64,
}

impl From<&SessionView> for SessionEntry {
    fn from(view: &SessionView) -> Self {
        Self {
            id: view.id.to_string(),
            current: view.current,
            acr: view.proved.level.as_str(),
            amr: view.proved.amr(),
            auth_time: view.proved.auth_time().as_seconds(),
            signed_in_at: view.proved.signed_in.as_seconds(),
            last_used_at: view.last_seen.as_seconds(),
            expires_at: view.until.as_seconds(),
        }
    }
}

pub(super) async fn list(call: Call) -> Result<Reply<SessionsDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    let sessions = call.engine().sessions(&signed_in).await?;
    Ok(SessionsDocument { sessions: sessions.iter().map(SessionEntry::from).collect() }.into())
}

pub(super) async fn end(call: Call) -> Result<Reply<()>, Trouble> {
    let signed_in = call.signed_in().await?;
    call.engine().end_session(&signed_in, &SessionKey::new(call.part.as_str()), &call.request_context()).await?;
    Ok(().into())
}

pub(super) async fn end_others(call: Call) -> Result<Reply<()>, Trouble> {
    let signed_in = call.signed_in().await?;
    call.engine().end_other_sessions(&signed_in, &call.request_context()).await?;
    Ok(().into())
}
