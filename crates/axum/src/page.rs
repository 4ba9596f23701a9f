//! Pages: a template with its variables, and the problem or notice to show.
//!
//! Templates are embedded. A file in the host's folder replaces the template of its name, and a host may add its own
//! that extend `base.html`. Everything is escaped. User input goes through the filter `typed`, which isolates its
//! writing direction. A page that cannot be rendered is a fault.

mod embedded;
mod filter;
mod moment;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_engine::{Engine, NewSession};
use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::{
    AutoEscape, Environment, ErrorKind, HtmlEscape, UndefinedBehavior, Value, context,
    value::{Kwargs, ValueKind},
};

use crate::{
    Settings, SettingsError, Visitor,
    asset::Assets,
    cookies::Name,
    csrf::Bound,
    fault, headers,
    problem::Problem,
    redirect::LocalPath,
    site::Paths,
    text::{self, Texts},
};

pub use embedded::EmbeddedTemplate;

/// The file name of the script of pages.
const SCRIPT: &str = "countersign.js";

/// The embedded templates.
pub(crate) const EMBEDDED: [(&str, &str); 29] = [
    ("base.html", include_str!("../templates/base.html")),
    ("problem.html", include_str!("../templates/problem.html")),
    ("field.html", include_str!("../templates/field.html")),
    ("login.html", include_str!("../templates/login.html")),
    ("challenge.html", include_str!("../templates/challenge.html")),
    ("send.html", include_str!("../templates/send.html")),
    ("others.html", include_str!("../templates/others.html")),
    ("pending.html", include_str!("../templates/pending.html")),
    ("second_factor.html", include_str!("../templates/second_factor.html")),
    ("verify.html", include_str!("../templates/verify.html")),
    ("logout.html", include_str!("../templates/logout.html")),
    ("account.html", include_str!("../templates/account.html")),
    ("methods.html", include_str!("../templates/methods.html")),
    ("setup.html", include_str!("../templates/setup.html")),
    ("replaced.html", include_str!("../templates/replaced.html")),
    ("rename.html", include_str!("../templates/rename.html")),
    ("backup_code_used.html", include_str!("../templates/backup_code_used.html")),
    ("name.html", include_str!("../templates/name.html")),
    ("confirm.html", include_str!("../templates/confirm.html")),
    ("complete.html", include_str!("../templates/complete.html")),
    ("backup_codes.html", include_str!("../templates/backup_codes.html")),
    ("backup_codes_made.html", include_str!("../templates/backup_codes_made.html")),
    ("disable.html", include_str!("../templates/disable.html")),
    ("remove.html", include_str!("../templates/remove.html")),
    ("password.html", include_str!("../templates/password.html")),
    ("refused.html", include_str!("../templates/refused.html")),
    ("message.html", include_str!("../templates/message.html")),
    ("fault.html", include_str!("../templates/fault.html")),
    ("reference.html", include_str!("../templates/reference.html")),
];

/// The templates of a site, with their texts.
pub(crate) struct Templates {
    environment: Environment<'static>,
    texts: Arc<Texts>,
}

impl Templates {
    pub(crate) fn read(
        engine: &Engine,
        settings: &Settings,
        paths: &Paths,
        home: &LocalPath,
        assets: &Assets,
    ) -> Result<Self, SettingsError> {
        let texts = Arc::new(Texts::read(settings)?);
        let mut environment = Environment::new();
        // The variables of a template may contain keys or codes: errors must not quote them.
        environment.set_debug(false);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let theirs = settings.templates.as_deref().map_or(Ok(vec![]), |folder| text::files(folder, "html"))?;
        let known: BTreeSet<_> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
        let known = settings.own_templates.iter().map(|(name, _)| name.clone()).chain(known).collect();
        theirs.iter().try_for_each(|(name, _)| embedded::check(name, &known))?;
        let ours = EMBEDDED.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned()));
        // Later templates replace earlier ones of the same name.
        for (name, source) in ours.chain(settings.own_templates.iter().cloned()).chain(theirs) {
            let broken = |error| SettingsError::Template { name: name.clone(), source: Box::new(error) };
            environment.add_template_owned(name.clone(), source).map_err(broken)?;
        }
        let (language, direction) = (texts.language(), texts.direction());
        environment.add_global(
            "site",
            context! { name => engine.config().issuer.as_str(), home => home.as_str(), language, direction },
        );
        environment.add_global("paths", addresses(paths));
        environment.add_global("assets", assets.addresses().map(named).collect::<BTreeMap<_, _>>());
        environment.add_filter("typed", typed);
        filter::add(&mut environment, &texts, engine);
        let said = Arc::clone(&texts);
        environment.add_function("t", move |id: &str, args: Kwargs| say(&said, id, &args));
        let script = assets.addresses().find(|(name, _)| *name == SCRIPT).map_or("", |(_, address)| address);
        moment::add(&mut environment, &texts, engine, script);
        Ok(Self { environment, texts })
    }

    /// The texts.
    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Renders the page, and tells whether it uses the site's script.
    pub(crate) fn render(&self, template: &str, context: Value) -> Result<(String, bool), minijinja::Error> {
        let page = self.environment.get_template(template)?.render_captured(context)?;
        let scripted = moment::is_scripted(page.state());
        Ok((page.into_output(), scripted))
    }
}

fn addresses(paths: &Paths) -> Value {
    let Paths { mount: _, assets: _, .. } = paths;
    let pages = [
        ("login", &paths.login),
        ("second_factor", &paths.second_factor),
        ("send", &paths.send),
        ("restart", &paths.restart),
        ("logout", &paths.logout),
        ("account", &paths.account),
        ("setup", &paths.setup),
        ("confirm", &paths.confirm),
        ("setup_send", &paths.setup_send),
        ("cancel", &paths.cancel),
        ("qr_svg", &paths.qr_svg),
        ("backup_codes", &paths.backup_codes),
        ("disable", &paths.disable),
        ("devices", &paths.devices),
        ("password", &paths.password),
        ("verify", &paths.verify),
        ("verify_send", &paths.verify_send),
    ];
    pages.into_iter().map(|(name, path)| named((name, path.as_str()))).collect::<BTreeMap<_, _>>().into()
}

/// A name and a URL path for templates.
fn named((name, address): (&str, &str)) -> (String, String) {
    (name.to_owned(), address.to_owned())
}

/// The function `t` of templates: a text with named arguments.
fn say(texts: &Texts, id: &str, args: &Kwargs) -> Result<String, minijinja::Error> {
    let mut filled = FluentArgs::new();
    for name in args.args() {
        let value: Value = args.get(name)?;
        let value = match value.kind() {
            ValueKind::Number => FluentValue::from(i64::try_from(value).unwrap_or(i64::MAX)),
            ValueKind::String => text::isolated(value.as_str().unwrap_or_default()),
            kind => return Err(minijinja::Error::new(ErrorKind::InvalidOperation, format!("{name} is a {kind}"))),
        };
        filled.set(name.to_owned(), value);
    }
    Ok(texts.say(id, &filled))
}

/// The filter `typed`: user input, isolated so that its writing direction does not affect the text around it.
fn typed(text: &str) -> Value {
    let tamed: String = text.chars().filter(|c| !text::turns(*c)).collect();
    Value::from_safe_string(format!("<bdi>{}</bdi>", HtmlEscape(&tamed)))
}

/// A page to be shown to a visitor.
pub(crate) struct Page<'a> {
    template: &'a str,
    status: StatusCode,
    problem: Option<Problem>,
    renewed: Option<&'a NewSession>,
    context: Value,
}

impl<'a> Page<'a> {
    pub(crate) fn new(template: &'a str, context: Value) -> Self {
        Self { template, status: StatusCode::OK, problem: None, renewed: None, context }
    }

    /// Adds the problem, and sets its status.
    pub(crate) fn problem(mut self, problem: Option<Problem>) -> Self {
        self.status = problem.as_ref().map_or(self.status, Problem::status);
        self.problem = problem;
        self
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Shows the page in the new session that replaced the session of the request.
    pub(crate) fn renewed(mut self, new_session: Option<&'a NewSession>) -> Self {
        self.renewed = new_session;
        self
    }

    pub(crate) async fn show(self, visitor: &Visitor) -> Response {
        let site = visitor.site();
        let signed_in = match self.renewed {
            Some(new_session) => Ok(Some(new_session.signed_in())),
            None => visitor.signed_in().await,
        };
        let signed_in = match signed_in {
            Ok(signed_in) => signed_in,
            Err(fault) => return fault::answer(site, &fault, fault.retry_after()),
        };
        let tag =
            self.renewed.map(|new_session| visitor.tag_of_session(new_session)).or_else(|| visitor.tag(Bound::Session));
        let user = signed_in.map(|signed_in| {
            context! {
                name => signed_in.user().name.as_str(),
                level => signed_in.level().as_str(),
                sign_out => tag,
            }
        });
        let refused = self.problem.as_ref().and_then(Problem::refused);
        let retry_after = self.problem.as_ref().and_then(|problem| problem.retry_after(site.engine.now()));
        let problem = self.problem.map(|problem| problem.shown(site));
        let notice = visitor.notice_for(self.template);
        let why = notice.map(|notice| notice.message(self.template));
        let context = context! { user, problem, why, ..self.context };
        let (html, scripted) = match site.templates().render(self.template, context) {
            Ok(html) => html,
            Err(error) => return fault::answer(site, &format!("could not render {}: {error}", self.template), None),
        };
        let mut response = (self.status, [(header::CONTENT_TYPE, HTML)], html).into_response();
        if let Some(refused) = refused {
            response.extensions_mut().insert(refused);
        }
        // A notice is shown once.
        if notice.is_some() {
            response.headers_mut().append(header::SET_COOKIE, site.names.take(Name::Notice));
        }
        if scripted {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, headers::WITH_SCRIPT);
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

#[cfg(test)]
mod tests;
