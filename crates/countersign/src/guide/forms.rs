//! How your own forms get the same protection.
//!
//! The layer rejects cross-site form posts (`Sec-Fetch-Site`, `Origin`). In addition, a form may carry a token that
//! only this installation can issue and that is bound to this browser's session: take [`FormToken`](crate::FormToken)
//! where the form is shown, put it into a hidden field, and take [`CheckedForm`](crate::CheckedForm) where the form is
//! sent. The token is checked before any field is read. A form from before a sign-in or sign-out is rejected, and the
//! response says so.
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
//! Such a form may have at most 16 KiB, must arrive within ten seconds, and must have valid percent-encoding and no
//! NUL. Other bodies on your routes may have at most 256 KiB, unless a route sets its own `DefaultBodyLimit`.
