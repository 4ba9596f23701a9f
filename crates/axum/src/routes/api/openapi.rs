//! The description of the API (OpenAPI 3.1), made from the table of its actions and the types of what goes in and out.
//!
//! It is kept in the repository as `docs/openapi.json`; a test compares, so that nobody changes the API unnoticed.

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

/// The description of an API at this place.
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
        *code = json!({ "type": "string", "description": "What happened, for programs.", "enum": codes() });
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Countersign",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Signing in with a second factor, and looking after one's factors, sessions and tokens.",
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
                    "description": "The token of a session, or a personal token where it says so.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-countersign",
                    "description": "A browser's session. What changes anything also takes the header X-CSRF-Token.",
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
        "description": format!("Asks for {}.{replaced}{repeated}", gate.as_str()),
        "responses": {
            "4XX": bad("We say no; the code says why.", &["Retry-After", "WWW-Authenticate"]),
            "503": bad("We could not decide; the log has the cause, under the number of the incident.", &["Retry-After"]),
        },
        "x-opens": opens,
        "x-repeatable": repeatable,
        "security": if gate.asks_for_session() { json!([{ "bearer": [] }, { "cookie": [] }]) } else { json!([]) },
    });
    let mut good = json!({ "description": "It is done." });
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

/// What is said where a session may be sent along and is not required.
const REPLACED: &str = " A session that is sent along, as a bearer token or in a cookie, ends when the new one is opened: the \
                        new session replaces it. Until then it goes on.";

/// What a client may do that got no response.
const REPEATABLE: &str = " A client that got no response may send the same request again for 60 seconds, with the same \
    token and the same members, and gets the same session, without `browser`, until the new token is used. A request with \
    other members ends that and counts as a failure. Other requests with a token that this call has replaced are refused \
    as `session-replaced`.";

/// An answer where something went wrong, with the headers that it may have.
fn bad(about: &str, headers: &[&str]) -> Value {
    let header = |name: &&str| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    json!({
        "description": about,
        "headers": headers.iter().map(header).collect::<Map<_, _>>(),
        "content": { "application/problem+json": { "schema": reference("ProblemDocument") } },
    })
}

/// The headers of answers where something went wrong.
fn headers() -> Value {
    json!({
        "Retry-After": {
            "description": "Seconds after which trying again could help.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "WWW-Authenticate": {
            "description": "What has to be shown or proved first (RFC 6750, RFC 9470).",
            "schema": { "type": "string" },
        },
    })
}

/// The header by which a program is known.
fn known() -> Value {
    json!({
        "name": "Countersign-Device",
        "in": "header",
        "required": false,
        "description": "What an earlier sign-in gave in `browser`: failures of others do not count against this program.",
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

/// Every code there is.
fn codes() -> Vec<&'static str> {
    let refusals = Refusal::ALL.iter().map(Refusal::code);
    refusals.chain(Unread::ALL.map(Unread::code)).chain([FAULT]).collect()
}
