//! How your own forms get the same protection.
//!
//! The layer refuses forms that another site's page has sent, by `Sec-Fetch-Site` and `Origin`. On top of that a form may
//! carry a token that only this installation can make and that is bound to this browser's session: take
//! [`FormToken`](crate::FormToken) where the form is shown, put it into a hidden field, and take
//! [`CheckedForm`](crate::CheckedForm) where it is sent. The token is checked before a field is read. A form that was made
//! before somebody signed in or out is void, and says so.
//!
//! ```
//! use axum::{Router, response::Html, routing::get};
//! use countersign::{CheckedForm, Countersign, FormToken, SignedIn};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Letter {
//!     text: String,
//! }
//!
//! async fn write(_: SignedIn, token: FormToken) -> Html<String> {
//!     Html(format!(
//!         "<form method=post><input type=hidden name={} value={}><textarea name=text></textarea><button>Send</button></form>",
//!         FormToken::FIELD,
//!         token.as_str(),
//!     ))
//! }
//!
//! async fn send(_: SignedIn, CheckedForm(letter): CheckedForm<Letter>) -> String {
//!     format!("Sent {} letters of the alphabet", letter.text.len())
//! }
//!
//! fn app(countersign: &Countersign) -> Router {
//!     countersign.protect(Router::new().route("/letters", get(write).post(send)))
//! }
//! ```
//!
//! Such a form has at most 16 KiB, ten seconds to arrive, whole escapes and no NUL. Other bodies on routes of yours have
//! at most 256 KiB, unless a route sets a `DefaultBodyLimit` of its own.
