//! One line of the table: the path of an action, who may call it, and its request and response types.

use axum::{
    http::{Method, StatusCode},
    response::IntoResponse,
    routing::{MethodFilter, MethodRouter, on},
};
use serde_json::Value;

use super::{
    call::{Call, Takes},
    reply::{Gives, Reply},
};
use crate::trouble::Trouble;

/// The authentication that an operation requires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// No authentication.
    Nobody,
    /// A pending login: the password was correct, the second factor is missing.
    Login,
    /// A session or a personal token.
    Token,
    /// A session.
    Session,
    /// A session in which the second factor, or the password of a user without one, was verified recently.
    Fresh,
}

impl Gate {
    /// The sentence in the OpenAPI description.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "Requires no authentication.",
            Self::Login => "Requires a pending login.",
            Self::Token => "Requires a session or a personal token.",
            Self::Session => "Requires a session.",
            Self::Fresh => {
                "Requires a session in which a second factor was verified recently, or the password if the user has no \
                 second factor."
            }
        }
    }

    /// Whether the operation requires a session or a token.
    pub(super) fn asks_for_session(self) -> bool {
        matches!(self, Self::Token | Self::Session | Self::Fresh)
    }
}

/// One action of the API.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// The `operationId`.
    pub(super) name: &'static str,
    /// The summary.
    pub(super) about: &'static str,
    pub(super) gate: Gate,
    /// Whether a new session replaces the one that the request brings, although none is required.
    pub(super) replaces: bool,
    /// Whether the response can contain a session or a token.
    pub(super) opens: bool,
    /// Whether a client that got no response may repeat the request.
    pub(super) repeatable: bool,
    /// The status of a successful response.
    pub(super) status: StatusCode,
    pub(super) takes: Option<Shape>,
    pub(super) gives: Option<Shape>,
    pub(super) route: MethodRouter,
}

/// The JSON schema of a document, with those of its parts.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) schema: Value,
    pub(super) parts: Vec<(String, Value)>,
}

impl Shape {
    /// The schema of `T`.
    pub(super) fn of<T: utoipa::ToSchema>() -> Self {
        let plain = |schema| serde_json::to_value(schema).unwrap_or_default();
        let mut parts = vec![];
        T::schemas(&mut parts);
        let parts = parts.into_iter().map(|(name, schema)| (name, plain(schema))).collect();
        Self { name: T::name().into_owned(), schema: plain(T::schema()), parts }
    }
}

/// A member of a document.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) about: String,
    pub(super) required: bool,
}

impl Shape {
    /// Whether the body is required.
    pub(super) fn is_required(&self) -> bool {
        self.members().iter().any(|member| member.required)
    }

    /// The members, in order.
    pub(super) fn members(&self) -> Vec<Member> {
        members(&self.schema)
    }
}

/// The members that a schema describes.
pub(super) fn members(schema: &Value) -> Vec<Member> {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let member = |(name, schema): (&String, &Value)| Member {
        name: name.clone(),
        kind: kind(schema),
        about: schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        required: required.iter().any(|required| required == name),
    };
    properties.map(member).collect()
}

/// The type of a member, in one word.
fn kind(schema: &Value) -> String {
    let named = |schema: &Value| {
        schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()).map(str::to_owned)
    };
    let choices = schema.get("oneOf").or_else(|| schema.get("allOf")).and_then(Value::as_array);
    let chosen = choices.into_iter().flatten().find_map(named);
    let list = schema.get("items").map(|items| format!("[{}]", kind(items)));
    let plain = || match schema.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    named(schema).or(chosen).or(list).unwrap_or_else(plain)
}

impl Operation {
    pub(super) fn get<T: Takes, R: Gives, F, Fut>(path: &'static str, handler: F) -> Self
    where
        F: Fn(Call<T>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply<R>, Trouble>> + Send + 'static,
    {
        Self::new((Method::GET, MethodFilter::GET), usual::<R>(), path, handler)
    }

    pub(super) fn post<T: Takes, R: Gives, F, Fut>(path: &'static str, handler: F) -> Self
    where
        F: Fn(Call<T>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply<R>, Trouble>> + Send + 'static,
    {
        Self::new((Method::POST, MethodFilter::POST), usual::<R>(), path, handler)
    }

    /// A `POST` that creates a resource (201).
    pub(super) fn create<T: Takes, R: Gives, F, Fut>(path: &'static str, handler: F) -> Self
    where
        F: Fn(Call<T>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply<R>, Trouble>> + Send + 'static,
    {
        Self::new((Method::POST, MethodFilter::POST), StatusCode::CREATED, path, handler)
    }

    pub(super) fn delete<T: Takes, R: Gives, F, Fut>(path: &'static str, handler: F) -> Self
    where
        F: Fn(Call<T>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply<R>, Trouble>> + Send + 'static,
    {
        Self::new((Method::DELETE, MethodFilter::DELETE), usual::<R>(), path, handler)
    }

    fn new<T: Takes, R: Gives, F, Fut>(
        (method, filter): (Method, MethodFilter),
        status: StatusCode,
        path: &'static str,
        handler: F,
    ) -> Self
    where
        F: Fn(Call<T>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply<R>, Trouble>> + Send + 'static,
    {
        let answer = move |call: Call<T>| {
            let visitor = call.visitor.clone();
            let answer = handler(call);
            async move {
                match answer.await {
                    Ok(reply) => (status, reply).into_response(),
                    Err(trouble) => visitor.within_reach(trouble).await.unwrap_or_else(Trouble::from).into_response(),
                }
            }
        };
        Self {
            method,
            path,
            name: "",
            about: "",
            gate: Gate::Fresh,
            replaces: false,
            opens: false,
            repeatable: false,
            status,
            takes: T::shape(),
            gives: R::shape(),
            route: on(filter, answer),
        }
    }

    pub(super) fn is(self, name: &'static str, about: &'static str) -> Self {
        Self { name, about, ..self }
    }

    pub(super) fn behind(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// The new session replaces the one that the request brings, although none is required.
    pub(super) fn replacing_session(self) -> Self {
        Self { replaces: true, ..self }
    }

    /// A client that got no response may repeat the request for a minute and gets the same result.
    pub(super) fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// The response can contain a session or a token; requires this authentication.
    pub(super) fn opens_for(self, gate: Gate) -> Self {
        Self { gate, opens: true, ..self }
    }
}

/// The status of success without a new resource.
fn usual<R: Gives>() -> StatusCode {
    if R::IN_BODY { StatusCode::OK } else { StatusCode::NO_CONTENT }
}
