//! The pages with an in-memory store, to try them: `cargo run -p countersign-axum --example trial`.
//!
//! Users are `ada`, `eve` (whose name contains markup and direction overrides) and `long`, all with the password
//! `trial`. Nothing is stored. Messages are printed, and every YubiKey code is accepted.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, response::Response, routing::get};
use countersign_axum::{Countersign, MaybeSignedIn, Origins, Settings, Verified, Visitor, context};
use countersign_engine::{
    Engine, Error, Fault, Keyring, OsRandom, Parts, PreparedPassword, User, Users,
    core::{Kind, Refusal, Secret, UserId, sending::EmailRule},
    memory::MemoryStore,
    port::{Gateway, Message, NotTaken, Taken},
};
use countersign_testkit::TestValidator;

/// Anything but that shows in the window.
const PORT: u16 = 8777;

#[derive(Debug)]
struct Trial;

fn user(id: &str) -> Option<User> {
    let name = match id {
        "ada" => "ada".to_owned(),
        "eve" => "<b>eve</b>\u{202e}\"&amp;'".to_owned(),
        "long" => "a-very-long-user-name-without-a-single-blank".repeat(4),
        _ => return None,
    };
    Some(User { id: UserId::new(id), name, active: true, staff: false, stamp: "1".into() })
}

#[async_trait::async_trait]
impl Users for Trial {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        Ok(user(name))
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        Ok(user(id.as_str()))
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        Ok(user.is_some() && password.expose() == "trial")
    }

    async fn prepare_password(&self, _: &User, password: &Secret) -> Result<PreparedPassword, Error> {
        match password.expose().chars().count() {
            ..15 => Err(Refusal::PasswordShort { shortest: 15 }.into()),
            _ => Err(Refusal::PasswordManagedExternally.into()),
        }
    }
}

/// Prints what it is to bring.
#[derive(Debug)]
struct Printed;

#[expect(clippy::print_stdout, reason = "a developer who tries the pages reads the codes there")]
#[async_trait::async_trait]
impl Gateway for Printed {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        println!("{} to {:?}: {}", message.channel, message.to, message.code.expose());
        Ok(Taken::default())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keyring = Keyring::parse(&Keyring::new_line(1, &OsRandom))?;
    let mut parts = Parts::new(Arc::new(MemoryStore::default()), Arc::new(Trial), keyring);
    parts.config.issuer = "Trial".into();
    for channel in [Kind::SMS, Kind::CALL, Kind::EMAIL] {
        parts.gateways.insert(channel, Arc::new(Printed));
    }
    parts.validator = Some(Arc::new(TestValidator::default()));
    parts.config.sending.email = EmailRule::Alone;
    parts.config.sending.cooldown = Duration::from_secs(5);
    parts.config.offered = Kind::OURS.into_iter().filter(|kind| !kind.is_fallback()).collect();
    let engine = Engine::new(parts)?;
    let home = "{% extends \"base.html\" %}{% block title %}Trial{% endblock %}\
                {% block main %}<p><a href=\"{{ paths.account }}\">Account</a> <a href=\"/secret\">Secret</a></p>{% endblock %}";
    let mut settings = Settings::new(Origins::Loopback { port: PORT });
    settings.own_templates = vec![("home.html".into(), home.into())];
    let countersign = Countersign::new(engine, settings)?;
    let shown = countersign.clone();
    let home = async move |visitor: Visitor, MaybeSignedIn(_): MaybeSignedIn| -> Response {
        shown.render(&visitor, "home.html", context! {}).await
    };
    let own = Router::new()
        .route("/", get(home))
        .route("/secret", get(async |Verified(who): Verified| format!("{}\n", who.user().id)));
    let app = countersign.protect(own).merge(countersign.routes());
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], PORT))).await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
