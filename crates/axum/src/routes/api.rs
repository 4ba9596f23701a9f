//! The JSON API: the same actions as the pages, for single-page applications, mobile applications and other servers.
//!
//! A program signs in, learns from the response what to verify next, and keeps the token of its session and the sealed
//! token of an attempt. A script in a browser may use cookies instead, if it sends a CSRF token. The handlers decide
//! nothing: all results and refusals come from the engine.
//!
//! ```text
//! POST /login ──▶ pending: device, form of its code, expiry ──▶ POST /login/answer ──▶ session
//!             └─▶ session                                       └──▶ problem: code, retry_after
//! ```
//!
//! One table defines the operations. Both the routes and the OpenAPI description are generated from it.

mod backup_codes;
mod call;
mod devices;
mod disable;
mod document;
mod link;
mod login;
mod openapi;
mod operation;
mod password;
mod reference;
mod reply;
mod session;
mod sessions;
mod setup;
mod step_up;
mod tokens;

use axum::{
    Router,
    routing::{MethodRouter, any, get},
};

pub(super) use self::call::client;
use self::operation::{Gate, Operation};
use crate::{
    redirect::LocalPath,
    slash::WithSlash,
    trouble::{Trouble, Unread},
};

/// All operations, in the order of the reference.
fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/login", login::start)
            .is("login", "Starts a login with a user name and a password.")
            .opens_for(Gate::Nobody)
            .replacing_session(),
        Operation::post("/login/challenge", login::challenge)
            .is("loginChallenge", "Shows a pending login again, or selects another device.")
            .behind(Gate::Login),
        Operation::post("/login/send", login::send)
            .is("loginSend", "Sends a code to a device for a pending login.")
            .behind(Gate::Login),
        Operation::post("/login/answer", login::answer)
            .is("loginAnswer", "Completes the login with a code.")
            .opens_for(Gate::Login)
            .replacing_session()
            .repeatable(),
        Operation::post("/login/cancel", login::cancel)
            .is("loginCancel", "Cancels a pending login.")
            .behind(Gate::Login),
        Operation::post("/logout", session::sign_out)
            .is("logout", "Ends the session, and cancels a pending login if the request includes one.")
            .behind(Gate::Session),
        Operation::get("/csrf", session::csrf)
            .is("csrf", "Returns the CSRF token that a browser must send with its cookies.")
            .behind(Gate::Nobody),
        Operation::get("/session", session::show)
            .is("session", "Returns the signed-in user, the assurance level and the times of authentication.")
            .behind(Gate::Token),
        Operation::post("/step-up", step_up::begin)
            .is("stepUp", "Starts a step-up: verifying a device again in this session.")
            .behind(Gate::Session),
        Operation::post("/step-up/challenge", step_up::challenge)
            .is("stepUpChallenge", "Shows a pending step-up again, or selects another device.")
            .behind(Gate::Session),
        Operation::post("/step-up/send", step_up::send)
            .is("stepUpSend", "Sends a code to a device for a pending step-up.")
            .behind(Gate::Session),
        Operation::post("/step-up/answer", step_up::answer)
            .is("stepUpAnswer", "Completes the step-up with a code. A new session replaces this one.")
            .opens_for(Gate::Session)
            .repeatable(),
        Operation::get("/devices", devices::list)
            .is("devices", "Lists the user's devices and the methods that can be set up.")
            .behind(Gate::Session),
        Operation::create("/devices", setup::begin).is("setup", "Starts the setup of a device.").behind(Gate::Fresh),
        Operation::post("/devices/setup", setup::show)
            .is("setupShow", "Shows a pending setup again.")
            .behind(Gate::Fresh),
        Operation::post("/devices/setup/send", setup::send)
            .is("setupSend", "Sends another code for a pending setup.")
            .behind(Gate::Fresh),
        Operation::post("/devices/setup/confirm", setup::confirm)
            .is("setupConfirm", "Verifies and activates the new device. A new session replaces this one.")
            .opens_for(Gate::Fresh)
            .repeatable(),
        Operation::post("/devices/setup/cancel", setup::cancel)
            .is("setupCancel", "Cancels a pending setup.")
            .behind(Gate::Session),
        Operation::post("/devices/{id}/rename", devices::rename)
            .is("deviceRename", "Renames a device.")
            .behind(Gate::Fresh),
        Operation::post("/devices/{id}/prefer", devices::prefer)
            .is("devicePrefer", "Makes a device the default.")
            .behind(Gate::Fresh),
        Operation::delete("/devices/{id}", devices::remove)
            .is("deviceRemove", "Removes a device and ends the sessions that it verified.")
            .behind(Gate::Fresh),
        Operation::post("/backup-codes", backup_codes::make)
            .is("backupCodes", "Creates new backup codes, which replace the old ones. They are returned only once.")
            .behind(Gate::Fresh),
        Operation::post("/disable", disable::disable)
            .is("disable", "Turns off two-factor authentication. A new session (`aal1`) replaces this one.")
            .opens_for(Gate::Fresh)
            .repeatable(),
        Operation::get("/sessions", sessions::list).is("sessions", "Lists the user's sessions.").behind(Gate::Session),
        Operation::delete("/sessions", sessions::end_others)
            .is("sessionsEnd", "Ends all other sessions of the user.")
            .behind(Gate::Fresh),
        Operation::delete("/sessions/{id}", sessions::end).is("sessionEnd", "Ends a session.").behind(Gate::Fresh),
        Operation::get("/tokens", tokens::list).is("tokens", "Lists the user's personal tokens.").behind(Gate::Session),
        Operation::create("/tokens", tokens::make)
            .is("tokenMake", "Creates a personal token. It is returned only once.")
            .opens_for(Gate::Fresh),
        Operation::delete("/tokens/{id}", tokens::end).is("tokenEnd", "Revokes a personal token.").behind(Gate::Fresh),
        Operation::post("/password", password::change)
            .is("password", "Changes the password. A new session replaces this one; all other sessions end.")
            .opens_for(Gate::Session)
            .repeatable(),
        Operation::post("/password/confirm", password::confirm)
            .is("passwordConfirm", "Confirms the password of a user without devices. A new session replaces this one.")
            .opens_for(Gate::Session),
    ]
}

/// The API at its full paths.
pub(crate) fn router(root: &LocalPath) -> Router {
    let mut router = Router::new();
    for Operation { path, route, .. } in operations() {
        router = router.route_with_slash(&format!("{root}{path}"), route);
    }
    router
        .route_with_slash(&format!("{root}/openapi.json"), get(openapi::serve))
        .route_with_slash(&format!("{root}/reference"), get(reference::serve))
        .method_not_allowed_fallback(async || Trouble::from(Unread::MethodNotAllowed))
        .route(root.as_str(), nothing())
        .route(&format!("{root}/"), nothing())
        .route(&format!("{root}/{{*rest}}"), nothing())
}

fn nothing() -> MethodRouter {
    any(async || Trouble::from(Unread::NotFound))
}
