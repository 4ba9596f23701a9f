//! Lists, creates and revokes personal tokens.

use std::time::Duration;

use countersign_engine::{
    core::{DeviceName, Scopes, Timestamp, TokenId, view::TokenView},
    flow::NewToken,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::{Call, Members},
    reply::{Document, Reply},
};
use crate::trouble::Trouble;

/// The user's personal tokens, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct TokensDocument {
    /// The tokens.
    pub(super) tokens: Vec<TokenEntry>,
}

impl Document for TokensDocument {}

/// One of the user's personal tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenEntry {
    /// The id of the token. It does not authenticate.
    id: String,
    /// The name that the user gave it.
    name: String,
    /// The scopes.
    scopes: Vec<String>,
    /// The assurance level of the session that created it.
    acr: &'static str,
    /// The time of the last successful authentication before it was created.
    auth_time: i64,
    /// The time when it was created.
    created_at: i64,
    /// The time when it expires.
    expires_at: i64,
    /// The time when it was last used, accurate to a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<i64>,
}

impl From<&TokenView> for TokenEntry {
    fn from(view: &TokenView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name.to_string(),
            scopes: view.scopes.iter().map(str::to_owned).collect(),
            acr: view.proved.level.as_str(),
            auth_time: view.proved.auth_time().as_seconds(),
            created_at: view.created.as_seconds(),
            expires_at: view.expires.as_seconds(),
            last_used_at: view.last_used.map(Timestamp::as_seconds),
        }
    }
}

/// A new personal token.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeDocument {
    /// The token, returned only once.
    pub(super) token: String,
    /// The entry of the token in the list.
    pub(super) made: TokenEntry,
}

impl Document for MadeDocument {}

pub(super) async fn list(call: Call) -> Result<Reply<TokensDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    let tokens = call.engine().tokens(&signed_in).await?;
    Ok(TokensDocument { tokens: tokens.iter().map(TokenEntry::from).collect() }.into())
}

/// The personal token to create.
#[derive(Deserialize, ToSchema)]
pub(super) struct TokenMake {
    /// The name of the token, 1 to 64 characters.
    name: String,
    /// The scopes to grant.
    #[serde(default)]
    scopes: Vec<String>,
    /// The lifetime in seconds; the default is the maximum.
    expires_in: Option<u64>,
}

impl Members for TokenMake {}

pub(super) async fn make(call: Call<TokenMake>) -> Result<Reply<MadeDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    let TokenMake { name, scopes, expires_in } = &call.body;
    let new = NewToken {
        name: DeviceName::parse(name)?,
        scopes: Scopes::new(scopes.iter().map(String::as_str))?,
        lifetime: expires_in.map(Duration::from_secs),
    };
    let (token, view) = call.engine().make_token(&signed_in, new, &call.request_context()).await?;
    Ok(MadeDocument { token: token.expose().to_owned(), made: (&view).into() }.into())
}

pub(super) async fn end(call: Call) -> Result<Reply<()>, Trouble> {
    let signed_in = call.signed_in().await?;
    call.engine().end_token(&signed_in, &TokenId::new(call.part.as_str()), &call.request_context()).await?;
    Ok(().into())
}
