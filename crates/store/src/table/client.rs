//! Registered clients.

use countersign_engine::core::{Client, ClientChange, ClientKind, ClientName, ClientSecretHash, ClientType, Scopes};

use super::{Must, Plan, token};
use crate::{
    row::{Columns, DecodeError, Decoded, FromColumns},
    value::Values,
};

pub(crate) const ONE: &str = "SELECT id, name, kind, secret, scopes, created FROM client WHERE id = $1";
pub(crate) const ALL: &str = "SELECT id, name, kind, secret, scopes, created FROM client ORDER BY name, id";
pub(crate) const EXISTS: &str = "SELECT 1 FROM client WHERE id = $1";
pub(crate) const ADD: &str = "
    INSERT INTO client (id, name, kind, secret, scopes, created) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (id) DO NOTHING";
pub(crate) const ROTATE_SECRET: &str = "UPDATE client SET secret = $1 WHERE id = $2 AND kind = 'confidential'";
pub(crate) const REMOVE: &str = "DELETE FROM client WHERE id = $1";

/// `EXISTS`, keeping the row from being removed until the commit. Many may at once: none of them goes on to change it.
/// PostgreSQL only.
const LOCK: &str = "SELECT 1 FROM client WHERE id = $1 FOR KEY SHARE";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b ClientChange) {
    match change {
        ClientChange::Require(client) => {
            let statement = plan.either(EXISTS, LOCK);
            plan.step(Must::OneRow, statement, vec![client.into()]);
        }
        // The client goes first: that waits for a batch that issues it a token, which is then revoked as well.
        ClientChange::Remove(client) => {
            plan.step(Must::OneRow, REMOVE, vec![client.into()]);
            token::revoke_of_client(plan, client);
        }
        ClientChange::Add(client) => plan.step(Must::OneRow, ADD, added(client)),
        ClientChange::RotateSecret { client, secret } => {
            plan.step(Must::OneRow, ROTATE_SECRET, vec![secret.text().into(), client.into()]);
        }
    }
}

fn added(client: &Client) -> Values<'_> {
    vec![
        (&client.id).into(),
        client.name.as_str().into(),
        client.kind.client_type().as_str().into(),
        client.kind.secret().map(ClientSecretHash::text).into(),
        client.scopes.text().into(),
        client.created.into(),
    ]
}

impl FromColumns for Client {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
        Ok(Self {
            id: columns.id()?,
            name: columns.word("name", |text| ClientName::parse(text).ok())?,
            kind: kind(columns)?,
            scopes: columns.word("scopes", |text| Scopes::parse(text).ok())?,
            created: columns.time()?,
        })
    }
}

fn kind(columns: &mut Columns<'_>) -> Decoded<ClientKind> {
    let client_type = columns.word("kind", ClientType::parse)?;
    let secret = columns.text_if_any()?.map(|text| ClientSecretHash::parse(text).ok_or(DecodeError::Unknown("secret")));
    ClientKind::from_parts(client_type, secret.transpose()?).ok_or(DecodeError::Unknown("secret"))
}
