//! How to make the pages look and read like your site.
//!
//! **Templates** are minijinja. A file in the folder [`Settings::templates`](crate::Settings::templates) replaces the
//! embedded one of the same name; most sites need only their own `base.html`, with the blocks `title`, `head` and
//! `main`. `countersign.css`, `countersign.js` and `icon.svg` in the same folder replace the embedded files. The folder
//! is read once, when the [`Countersign`](crate::Countersign) is created; a template that cannot be parsed is an error
//! at that point.
//!
//! Every template gets `site` (`name`, which is [`Config::issuer`](crate::engine::core::Config::issuer), `home`,
//! `language`, `direction`), `paths` (the URL path of each page), `assets` (the URL path of each file), `user` (`name`,
//! `level`, and `sign_out` for the form that signs out; undefined if no user is signed in), `problem` and `why`. All
//! values are escaped. Text that a user has typed goes through the filter `typed`, which keeps a name from changing the
//! direction of the page's text. `moment` and `moment_precise` print a time. The name of the site has no default:
//! without one, no [`Engine`](crate::engine::Engine) can be created. Messages and authenticator apps show the same
//! name.
//!
//! **Texts** are Fluent. Templates contain no text: `t("sign-in")` looks it up. `*.ftl` files in the folder
//! [`Settings::locales`](crate::Settings::locales) replace single messages; a language that is not embedded needs all
//! of them, and a missing one is shown in English.
//!
//! **Pages of your own** may extend `base.html`:
//!
//! ```
//! use axum::{Router, response::Response, routing::get};
//! use countersign::{
//!     Countersign, Origins, Settings, SettingsError, SignedIn, Visitor, context,
//!     engine::Engine,
//! };
//!
//! const LETTERS: &str = r#"
//! {% extends "base.html" %}
//! {% block title %}{{ t("letters") }}{% endblock %}
//! {% block main %}<p>{{ t("letters-waiting", count=count) }}</p>{% endblock %}
//! "#;
//!
//! const TEXTS: &str = "
//! letters = Your letters
//! letters-waiting = { $count ->
//!     [one] One letter is waiting.
//!    *[other] { $count } letters are waiting.
//! }
//! ";
//!
//! fn app(engine: Engine) -> Result<Router, SettingsError> {
//!     let mut settings = Settings::new(Origins::Loopback { port: 3000 });
//!     settings.own_templates = vec![("letters.html".into(), LETTERS.into())];
//!     settings.own_texts = vec![TEXTS.into()];
//!     let countersign = Countersign::new(engine, settings)?;
//!     let shown = countersign.clone();
//!     let letters = async move |visitor: Visitor, _: SignedIn| -> Response {
//!         shown.render(&visitor, "letters.html", context! { count => 3 }).await
//!     };
//!     let mine = Router::new().route("/letters", get(letters));
//!     Ok(countersign.protect(mine).merge(countersign.routes()))
//! }
//! ```
//!
//! The `Content-Security-Policy` allows style sheets and images of this site and nothing else. A handler that needs
//! more sets the header itself, and its value is kept. The same holds for `Cache-Control`, which is `no-store` unless a
//! handler sets it.
