//! The OpenAPI 3.1 description, generated from the table of operations and their request and response types.
//!
//! `docs/openapi.json` holds a copy; a test compares both, so that no change of the API goes unnoticed.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use countersign_engine::core::Refusal;
use serde_json::{Map, Value, json};

use super::{
    link::links,
    operation::{Operation, Shape},
    operations,
};
use crate::{
    Visitor,
    trouble::{FAULT, ProblemDocument, Unread},
};

pub(super) async fn serve(visitor: Visitor) -> Response {
    const KIND: HeaderValue = HeaderValue::from_static("application/json");
    let root = visitor.site().api.as_ref().map_or("", |root| root.as_str());
    ([(header::CONTENT_TYPE, KIND)], document(root).to_string()).into_response()
}

/// The description of an API with this base path.
pub(crate) fn document(root: &str) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    let problem = Shape::of::<ProblemDocument>();
    keep(&mut schemas, problem);
    let operations = operations();
    for operation in &operations {
        let Operation { method, path, .. } = operation;
        let described = describe(operation, links(operation, &operations));
        let methods = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        set(methods, &method.as_str().to_ascii_lowercase(), described);
    }
    for shape in operations.into_iter().flat_map(|operation| [operation.takes, operation.gives]).flatten() {
        keep(&mut schemas, shape);
    }
    if let Some(code) = schemas.get_mut("ProblemDocument").and_then(|schema| schema.pointer_mut("/properties/code")) {
        *code = json!({ "type": "string", "description": "The problem, for programs.", "enum": codes() });
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Countersign",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Login with two-factor authentication; devices, sessions and personal tokens.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": root }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": { "Browser": known() },
            "headers": headers(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a session, or a personal token where the operation accepts one.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-countersign",
                    "description": "The session of a browser. Requests that change state also need X-CSRF-Token.",
                },
            },
        },
    })
}

fn describe(operation: &Operation, links: Map<String, Value>) -> Value {
    let Operation { name, about, gate, replaces, opens, repeatable, status, path, takes, gives, .. } = operation;
    let replaced = if *replaces { REPLACED } else { "" };
    let repeated = if *repeatable { REPEATABLE } else { "" };
    let mut described = json!({
        "operationId": name,
        "summary": about,
        "description": format!("{}{replaced}{repeated}", gate.as_str()),
        "responses": {
            "4XX": bad("The request was refused; `code` gives the reason.", &["Retry-After", "WWW-Authenticate"]),
            "503": bad("The request failed; the log has the cause under `incident`.", &["Retry-After"]),
        },
        "x-opens": opens,
        "x-repeatable": repeatable,
        "security": if gate.asks_for_session() { json!([{ "bearer": [] }, { "cookie": [] }]) } else { json!([]) },
    });
    let mut good = json!({ "description": "Success." });
    if let Some(shape) = gives {
        set(&mut good, "content", json!({ "application/json": { "schema": reference(&shape.name) } }));
    }
    if !links.is_empty() {
        set(&mut good, "links", links.into());
    }
    if let Some(responses) = described.get_mut("responses") {
        set(responses, status.as_str(), good);
    }
    if let Some(shape) = takes {
        let content = json!({ "application/json": { "schema": reference(&shape.name) } });
        set(&mut described, "requestBody", json!({ "content": content, "required": shape.is_required() }));
    }
    let mut parameters = vec![json!({ "$ref": "#/components/parameters/Browser" })];
    if path.contains("{id}") {
        let schema = json!({ "type": "string", "minLength": 1 });
        parameters.push(json!({ "name": "id", "in": "path", "required": true, "schema": schema }));
    }
    set(&mut described, "parameters", parameters.into());
    described
}

/// Added where a session is optional and is replaced.
const REPLACED: &str = " If the request brings a session (bearer token or cookie), the new session replaces it as soon \
                        as it is created, and not before.";

/// Added where a client may repeat a request.
const REPEATABLE: &str = " A client that got no response may repeat the request for 60 seconds with the same token and \
    members. It gets the same session, without `browser`, until the new token is used. A request with other members \
    ends this and counts as a failed attempt. All other requests with the replaced token are refused as \
    `session-replaced`.";

/// An error response, with the headers that it may have.
fn bad(about: &str, headers: &[&str]) -> Value {
    let header = |name: &&str| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    json!({
        "description": about,
        "headers": headers.iter().map(header).collect::<Map<_, _>>(),
        "content": { "application/problem+json": { "schema": reference("ProblemDocument") } },
    })
}

/// The headers of error responses.
fn headers() -> Value {
    json!({
        "Retry-After": {
            "description": "Seconds to wait before the next attempt.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "WWW-Authenticate": {
            "description": "The authentication that is required (RFC 6750, RFC 9470).",
            "schema": { "type": "string" },
        },
    })
}

/// The request header with the device cookie's value, for clients without cookies.
fn known() -> Value {
    json!({
        "name": "Countersign-Device",
        "in": "header",
        "required": false,
        "description": "The value of `browser` from an earlier login, so that others cannot lock this client out.",
        "schema": { "type": "string" },
    })
}

fn keep(schemas: &mut Map<String, Value>, shape: Shape) {
    schemas.insert(shape.name, shape.schema);
    schemas.extend(shape.parts);
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// All problem codes.
fn codes() -> Vec<&'static str> {
    let refusals = Refusal::ALL.iter().map(Refusal::code);
    refusals.chain(Unread::ALL.map(Unread::code)).chain([FAULT]).collect()
}
