//! How the pages come to look and speak like your site.
//!
//! **Templates** are minijinja. A file in the folder [`Settings::templates`](crate::Settings::templates) takes the place of
//! the embedded one of the same name; most sites need no more than their own `base.html`, which has the blocks `title`,
//! `head` and `main`. `countersign.css`, `countersign.js` and `icon.svg` in the same folder take the place of the embedded
//! files. The folder is read once, when the [`Countersign`](crate::Countersign) is made; what does not parse is an error
//! there and then.
//!
//! Every template finds `site` (`name`, which is [`Config::issuer`](crate::engine::core::Config::issuer), `home`, `language`,
//! `direction`), `paths` (the address of each page), `assets` (the address of each file), `user` (`name`, `level`, and
//! `sign_out` for the form that signs out; nothing when nobody is signed in), `problem` and `why`. Everything is escaped; what
//! a person has typed goes through the filter `typed`, which keeps a name from turning the page around. `moment` and
//! `moment_precise` print a time. The name of the site has no default: without one, no [`Engine`](crate::engine::Engine) is made.
//! Messages and authenticator apps show the same name.
//!
//! **Texts** are Fluent. No text stands in a template: `t("sign-in")` finds it. `*.ftl` files in the folder
//! [`Settings::locales`](crate::Settings::locales) take the place of single messages; for a language that is not embedded
//! they bring all of them, and what is missing is said in English.
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
//! The policy for content (`Content-Security-Policy`) allows style sheets and images of this site and nothing else. A
//! handler that needs more sets the header itself, and its own is kept; so it is with `Cache-Control`, which is `no-store`
//! unless somebody says otherwise.
