//! The API reference for people: one page without scripts or external resources.

use std::collections::BTreeMap;

use axum::response::Response;
use countersign_engine::core::Refusal;
use fluent_bundle::FluentArgs;
use minijinja::{Value, context};

use super::{
    operation::{Gate, Member, Operation, Shape, members},
    operations,
};
use crate::{
    Visitor,
    page::Page,
    trouble::{FAULT, Unread},
};

pub(super) async fn serve(visitor: Visitor) -> Response {
    let root = visitor.site().api.as_ref().map_or("", |root| root.as_str());
    let operations = operations();
    let mut parts = BTreeMap::new();
    for shape in operations.iter().flat_map(|operation| [&operation.takes, &operation.gives]).flatten() {
        let described = shape.parts.iter().map(|(name, schema)| (name.clone(), members(schema)));
        parts.extend(
            described.filter(|(_, members)| !members.is_empty()).map(|(name, members)| (name, listed(&members))),
        );
    }
    let context = context! {
        root,
        description => format!("{root}/openapi.json"),
        operations => operations.iter().map(described).collect::<Vec<_>>(),
        parts,
        codes => codes(&visitor),
    };
    Page::new("reference.html", context).show(&visitor).await
}

fn described(operation: &Operation) -> Value {
    let Operation { method, path, name, about, gate, replaces, status, takes, gives, .. } = operation;
    let of = |shape: &Option<Shape>| shape.as_ref().map(|shape| listed(&shape.members()));
    context! {
        method => method.as_str(),
        path => *path,
        name => *name,
        about => parts(about),
        gate => gate_text(*gate),
        replaces => *replaces,
        status => status.as_u16(),
        takes => of(takes),
        gives => of(gives),
    }
}

fn listed(members: &[Member]) -> Vec<Value> {
    let member = |Member { name, kind, about, required }: &Member| {
        context! { name => name.as_str(), kind => kind.as_str(), about => parts(about), required => *required }
    };
    members.iter().map(member).collect()
}

/// Splits a text at its backticks: the odd parts are code.
fn parts(text: &str) -> Vec<String> {
    text.split('`').map(str::to_owned).collect()
}

/// The message id of the required authentication.
fn gate_text(gate: Gate) -> &'static str {
    match gate {
        Gate::Nobody => "reference-gate-nobody",
        Gate::Login => "reference-gate-login",
        Gate::Token => "reference-gate-token",
        Gate::Session => "reference-gate-session",
        Gate::Fresh => "reference-gate-fresh",
    }
}

/// All problem codes with their texts.
fn codes(visitor: &Visitor) -> Vec<Value> {
    let refusals = Refusal::ALL.iter().map(|refusal| (refusal.code(), visitor.document(refusal).title().to_owned()));
    let say = |id: &str| visitor.site().templates().texts().say(id, &FluentArgs::new());
    let unread = Unread::ALL.map(|unread| (unread.code(), say(&format!("api-{}", unread.code()))));
    let all = refusals.chain(unread).chain([(FAULT, say("fault"))]);
    all.map(|(code, text)| context! { code, text }).collect()
}
