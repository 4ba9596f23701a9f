//! What a change writes into the columns of its row, in the order in which its statement names them.
//!
//! `row.rs` reads what is written here. No value that a column cannot hold gets into a statement: a version that is too
//! large stops the whole plan.

use countersign_engine::core::{
    BrowserId, Client, ClientSecretHash, Delivery, Device, DeviceCookie, Event, Kind, Node, Sealed, SealedResult,
    Session, Token, delivery::Note,
};

use super::Unplanned;
use crate::value::Values;

pub(super) fn added(device: &Device<Sealed>) -> Result<Values<'_>, Unplanned> {
    Ok(vec![
        (&device.id).into(),
        (&device.user).into(),
        device.kind.as_str().into(),
        device.name.as_str().into(),
        device.status.as_str().into(),
        storable(device.version)?.into(),
        device.throttle.failures.into(),
        device.throttle.last_failure.into(),
        device.throttle.recognized.map_or(0, |streak| streak.failures).into(),
        device.throttle.recognized.map(|streak| streak.last).into(),
        device.created.into(),
        device.last_used.into(),
        device.state.0.as_slice().into(),
    ])
}

pub(super) fn updated(device: &Device<Sealed>) -> Result<Values<'_>, Unplanned> {
    let version = storable(device.version)?;
    Ok(vec![
        device.name.as_str().into(),
        device.status.as_str().into(),
        version.into(),
        device.throttle.failures.into(),
        device.throttle.last_failure.into(),
        device.throttle.recognized.map_or(0, |streak| streak.failures).into(),
        device.throttle.recognized.map(|streak| streak.last).into(),
        device.last_used.into(),
        device.state.0.as_slice().into(),
        (&device.id).into(),
        version.saturating_sub(1).into(),
        (&device.user).into(),
    ])
}

pub(super) fn opened(session: &Session) -> Values<'_> {
    let repeat = session.repeat.as_ref();
    vec![
        (&session.key).into(),
        (&session.user).into(),
        session.level.as_str().into(),
        session.stamp.as_str().into(),
        session.device.as_ref().into(),
        session.created.into(),
        session.last_seen.into(),
        session.signed_in.into(),
        session.verified.into(),
        session.method.as_ref().map(Kind::as_str).into(),
        repeat.map(|repeat| &repeat.of).into(),
        repeat.map(|repeat| repeat.call.as_str()).into(),
        repeat.map(|repeat| repeat.until).into(),
        repeat.and_then(|repeat| repeat.sealed.as_ref()).map(|SealedResult(sealed)| sealed.as_slice()).into(),
    ]
}

pub(super) fn registered(client: &Client) -> Values<'_> {
    vec![
        (&client.id).into(),
        client.name.as_str().into(),
        client.kind.client_type().as_str().into(),
        client.kind.secret().map(ClientSecretHash::text).into(),
        client.scopes.text().into(),
        client.created.into(),
    ]
}

pub(super) fn issued(token: &Token) -> Values<'_> {
    vec![
        (&token.id).into(),
        (&token.key).into(),
        (&token.user).into(),
        token.kind.as_str().into(),
        token.name.as_str().into(),
        token.scopes.text().into(),
        token.level.as_str().into(),
        token.stamp.as_str().into(),
        token.device.as_ref().into(),
        token.method.as_ref().map(Kind::as_str).into(),
        token.signed_in.into(),
        token.verified.into(),
        token.created.into(),
        token.expires.into(),
        token.last_used.into(),
        token.client.as_ref().into(),
        token.family.as_ref().into(),
    ]
}

pub(super) fn remembered(cookie: &DeviceCookie) -> Values<'_> {
    let mut values = vec![(&cookie.user).into(), u32::from(cookie.slot).into()];
    values.extend(kept(cookie));
    values
}

pub(super) fn replaced<'b>(cookie: &'b DeviceCookie, before: &'b BrowserId) -> Values<'b> {
    let mut values = kept(cookie);
    values.extend([(&cookie.user).into(), u32::from(cookie.slot).into(), before.into()]);
    values
}

fn kept(cookie: &DeviceCookie) -> Values<'_> {
    vec![
        (&cookie.browser).into(),
        cookie.stamp.as_str().into(),
        cookie.device.as_ref().into(),
        cookie.created.into(),
        cookie.last_seen.into(),
    ]
}

pub(super) fn recorded(event: &Event) -> Values<'_> {
    vec![
        event.at.into(),
        (&event.user).into(),
        event.kind.as_str().into(),
        event.device.as_ref().into(),
        event.method.as_ref().map(Kind::as_str).into(),
        event.attempt.as_ref().into(),
        event.address.map(|address| address.to_string()).into(),
    ]
}

pub(super) fn posted(sent: &Delivery) -> Values<'_> {
    vec![
        (&sent.id).into(),
        (&sent.user).into(),
        (&sent.device).into(),
        sent.channel.as_str().into(),
        (&sent.attempt).into(),
        sent.region.as_str().into(),
        sent.price.into(),
        sent.created.into(),
        sent.status.as_str().into(),
        sent.noted.into(),
        sent.reference.as_deref().into(),
        sent.reason.as_deref().into(),
        sent.verified.into(),
    ]
}

pub(super) fn noted(note: &Note) -> Values<'_> {
    vec![
        note.status.as_str().into(),
        note.at.into(),
        note.reference.as_deref().into(),
        note.reason.as_deref().into(),
        (&note.delivery).into(),
    ]
}

pub(super) fn reported(node: &Node) -> Values<'_> {
    vec![
        (&node.id).into(),
        node.started.into(),
        node.seen.into(),
        node.version.as_str().into(),
        node.keys.join(" ").into(),
        node.sealing_since.into(),
        node.host.as_deref().into(),
        node.listen_address.map(|address| address.to_string()).into(),
    ]
}

/// The version as a column holds it.
fn storable(version: u64) -> Result<i64, Unplanned> {
    i64::try_from(version).map_err(|_| Unplanned::TooLarge)
}
