//! One line of the table: where an action is, who may ask for it, and what goes in and out, by its types.

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

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    /// Anybody.
    Nobody,
    /// Whoever has proved a password and owes a device.
    Login,
    /// Whoever has a session, or shows a personal token.
    Token,
    /// Whoever has a session.
    Session,
    /// Whoever has a session in which what can be proved was proved recently.
    Fresh,
}

impl Gate {
    /// As the description says it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nothing",
            Self::Login => "a login under way",
            Self::Token => "a session or a token",
            Self::Session => "a session",
            Self::Fresh => "a session with a recent proof",
        }
    }

    /// Whether somebody has to be signed in.
    pub(super) fn asks_for_session(self) -> bool {
        matches!(self, Self::Token | Self::Session | Self::Fresh)
    }
}

/// One action of the API.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// Its name, for programs.
    pub(super) name: &'static str,
    /// What it does, for people.
    pub(super) about: &'static str,
    pub(super) gate: Gate,
    /// Whether a new session replaces the one that is sent along, although none is required.
    pub(super) replaces: bool,
    /// Whether it can give a session or a token.
    pub(super) opens: bool,
    /// Whether a client that got no response may send it again.
    pub(super) repeatable: bool,
    /// The status where all went well.
    pub(super) status: StatusCode,
    pub(super) takes: Option<Shape>,
    pub(super) gives: Option<Shape>,
    pub(super) route: MethodRouter,
}

/// The shape of a document, with those of its parts.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) schema: Value,
    pub(super) parts: Vec<(String, Value)>,
}

impl Shape {
    /// That of `T`.
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
    /// Whether a body may not be left out.
    pub(super) fn is_required(&self) -> bool {
        self.members().iter().any(|member| member.required)
    }

    /// Its members, in order.
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

/// What a member holds, in a word.
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

    /// The same, where something new comes to be.
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

    /// The session that it gives replaces the one that is sent along, although none is required.
    pub(super) fn replacing_session(self) -> Self {
        Self { replaces: true, ..self }
    }

    /// A client that got no response may send it again for a minute, and has the same result.
    pub(super) fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// It can give a session or a token to whoever passes the gate.
    pub(super) fn opens_for(self, gate: Gate) -> Self {
        Self { gate, opens: true, ..self }
    }
}

/// The status where nothing new comes to be.
fn usual<R: Gives>() -> StatusCode {
    if R::IN_BODY { StatusCode::OK } else { StatusCode::NO_CONTENT }
}
