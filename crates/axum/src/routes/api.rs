//! The JSON API: the same actions as the pages, for front ends, mobile applications and other servers.
//!
//! A program signs in, is told as data what is owed next, and holds what it is given: the token of its session, and the
//! sealed token of a run. A browser's script may leave these to cookies, if it sends the token that shows that a page of
//! this site is asking. Nothing is decided here: every answer, and every refusal, is the engine's.
//!
//! ```text
//! POST /login ──▶ pending: who is asked, what an answer looks like, until when ──▶ POST /login/answer ──▶ session
//!             └─▶ session                                                    └──▶ problem: code, retry_after
//! ```
//!
//! What there is stands in one table, from which both the routes and their description are made.

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

/// Everything the API does, in the order in which it is described.
fn operations() -> Vec<Operation> {
    vec![
        Operation::post("/login", login::start)
            .is("login", "Gives a name and a password: the first step of signing in.")
            .opens_for(Gate::Nobody)
            .replacing_session(),
        Operation::post("/login/challenge", login::challenge)
            .is("loginChallenge", "Says again what is owed in a login under way, or chooses another device.")
            .behind(Gate::Login),
        Operation::post("/login/send", login::send)
            .is("loginSend", "Sends a code to a device in a login under way.")
            .behind(Gate::Login),
        Operation::post("/login/answer", login::answer)
            .is("loginAnswer", "Answers a device: the second step of signing in.")
            .opens_for(Gate::Login)
            .replacing_session()
            .repeatable(),
        Operation::post("/login/cancel", login::cancel)
            .is("loginCancel", "Gives a login under way up, for good.")
            .behind(Gate::Login),
        Operation::post("/logout", session::sign_out)
            .is("logout", "Ends the session, and a login under way if the request brings one.")
            .behind(Gate::Session),
        Operation::get("/csrf", session::csrf)
            .is("csrf", "Gives the token that a browser sends along with its cookies.")
            .behind(Gate::Nobody),
        Operation::get("/session", session::show)
            .is("session", "Says who is signed in, how surely, and since when.")
            .behind(Gate::Token),
        Operation::post("/step-up", step_up::begin)
            .is("stepUp", "Begins to prove a device again.")
            .behind(Gate::Session),
        Operation::post("/step-up/challenge", step_up::challenge)
            .is("stepUpChallenge", "Says again what is owed in a step-up under way, or chooses another device.")
            .behind(Gate::Session),
        Operation::post("/step-up/send", step_up::send)
            .is("stepUpSend", "Sends a code to a device in a step-up under way.")
            .behind(Gate::Session),
        Operation::post("/step-up/answer", step_up::answer)
            .is("stepUpAnswer", "Answers a device: another session takes the place of this one.")
            .opens_for(Gate::Session)
            .repeatable(),
        Operation::get("/devices", devices::list)
            .is("devices", "Says which devices are set up, and which methods may be.")
            .behind(Gate::Session),
        Operation::create("/devices", setup::begin).is("setup", "Begins to set a device up.").behind(Gate::Fresh),
        Operation::post("/devices/setup", setup::show)
            .is("setupShow", "Shows a setup under way again.")
            .behind(Gate::Fresh),
        Operation::post("/devices/setup/send", setup::send)
            .is("setupSend", "Sends another code in a setup under way.")
            .behind(Gate::Fresh),
        Operation::post("/devices/setup/confirm", setup::confirm)
            .is("setupConfirm", "Proves the new device: it counts from now on, and another session begins.")
            .opens_for(Gate::Fresh)
            .repeatable(),
        Operation::post("/devices/setup/cancel", setup::cancel)
            .is("setupCancel", "Gives a setup under way up.")
            .behind(Gate::Session),
        Operation::post("/devices/{id}/rename", devices::rename)
            .is("deviceRename", "Calls a device something else.")
            .behind(Gate::Fresh),
        Operation::post("/devices/{id}/prefer", devices::prefer)
            .is("devicePrefer", "Has a device asked first.")
            .behind(Gate::Fresh),
        Operation::delete("/devices/{id}", devices::remove)
            .is("deviceRemove", "Removes a device, and ends what it had verified.")
            .behind(Gate::Fresh),
        Operation::post("/backup-codes", backup_codes::make)
            .is("backupCodes", "Makes new backup codes; the old ones end. They are told here and never again.")
            .behind(Gate::Fresh),
        Operation::post("/disable", disable::disable)
            .is("disable", "Switches two-factor authentication off: another session, of the first level, begins.")
            .opens_for(Gate::Fresh)
            .repeatable(),
        Operation::get("/sessions", sessions::list).is("sessions", "Lists the user's sessions.").behind(Gate::Session),
        Operation::delete("/sessions", sessions::end_others)
            .is("sessionsEnd", "Ends every session but this one.")
            .behind(Gate::Fresh),
        Operation::delete("/sessions/{id}", sessions::end).is("sessionEnd", "Ends one session.").behind(Gate::Fresh),
        Operation::get("/tokens", tokens::list).is("tokens", "Lists the user's personal tokens.").behind(Gate::Session),
        Operation::create("/tokens", tokens::make)
            .is("tokenMake", "Makes a personal token. It is told here and never again.")
            .opens_for(Gate::Fresh),
        Operation::delete("/tokens/{id}", tokens::end).is("tokenEnd", "Ends a personal token.").behind(Gate::Fresh),
        Operation::post("/password", password::change)
            .is("password", "Changes the password: another session begins, and everything else ends.")
            .opens_for(Gate::Session)
            .repeatable(),
        Operation::post("/password/confirm", password::confirm)
            .is("passwordConfirm", "Confirms the password, where nothing else can be proved: another session begins.")
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
