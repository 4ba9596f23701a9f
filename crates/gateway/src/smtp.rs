//! Mail by SMTP: to one mail server, by TLS, in plain text and in HTML.
//!
//! A connection is in clear to this machine only. What stands in headers comes from settings and from the code, and what a
//! person has typed stands in none but the recipient's.

use std::{fmt, fs, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_engine::{
    Fault,
    core::{Address, Secret},
    port::{Gateway, Message as Sent, NotTaken, Taken},
};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use minijinja::context;
use reqwest::Url;

use crate::Texts;

/// How long each step of an exchange may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a whole exchange may take.
const WHOLE: Duration = Duration::from_secs(15);
const DOING: &str = "send a mail";

/// How mail is sent.
pub struct SmtpSettings {
    /// The mail server: `smtps://user@host` (TLS from the start) or `smtp://user@host` (STARTTLS).
    pub url: String,
    /// The password of the user.
    pub password: Option<Secret>,
    /// The certificates, in PEM, by which the server proves who it is; those of this machine, if none are given.
    pub ca_file: Option<PathBuf>,
    /// Whom mail comes from.
    pub from: String,
}

/// Sends by a mail server.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    texts: Arc<Texts>,
}

/// Why no mail can be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpError {
    /// The address of the mail server is none.
    #[error("it has to be an address such as smtps://user@mail.example.org or smtp://mail.example.org:587")]
    Address,
    /// The sender is none.
    #[error("it has to be a sender such as Countersign <no-reply@example.org>")]
    Sender,
    /// The certificates cannot be used.
    #[error("the certificates for the mail server cannot be used")]
    Certificates,
    /// TLS cannot be set up.
    #[error("TLS to the mail server cannot be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
}

impl Smtp {
    /// Sends with these settings, in these words.
    pub fn new(settings: &SmtpSettings, texts: Arc<Texts>) -> Result<Self, SmtpError> {
        let url = Url::parse(&settings.url).map_err(|_| SmtpError::Address)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SmtpError::Address)?;
        let is_implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(SmtpError::Address),
        };
        let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        let from = settings.from.parse().map_err(|_| SmtpError::Sender)?;
        let tls = match (is_implicit, is_local && settings.ca_file.is_none()) {
            (true, _) => Tls::Wrapper(parameters(host, settings)?),
            (false, true) => Tls::None,
            (false, false) => Tls::Required(parameters(host, settings)?),
        };
        let port = url.port().unwrap_or(if is_implicit { 465 } else { 587 });
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.trim_matches(['[', ']']));
        if let Some(password) = &settings.password {
            let credentials = Credentials::new(unescaped(url.username()), password.expose().to_owned());
            builder = builder.credentials(credentials);
        }
        let transport = builder.port(port).tls(tls).timeout(Some(PATIENCE)).build();
        Ok(Self { transport, from, texts })
    }

    fn mail(&self, message: &Sent) -> Result<Message, Fault> {
        let Address::Email(_) = &message.to else { return Err(Fault::because(DOING, "the address is no mailbox")) };
        let words =
            context! { code => message.code.expose(), site => message.site.as_str(), minutes => message.minutes };
        let text = |file| {
            let text = self.texts.render(file, message.language.as_deref(), &words);
            text.map_err(|error| Fault::because(DOING, format!("a template failed: {:?}", error.kind())))
        };
        let subject = text("email_subject.txt")?.replace(char::is_control, " ");
        let to: Mailbox =
            message.to.expose().parse().map_err(|_| Fault::because(DOING, "the address is no mailbox"))?;
        let mail = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(format!("<{}@{}>", message.delivery, self.from.email.domain())))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(text("email.txt")?, text("email.html")?));
        mail.map_err(|_| Fault::because(DOING, "it could not be put together"))
    }
}

fn parameters(host: &str, settings: &SmtpSettings) -> Result<TlsParameters, SmtpError> {
    let mut builder = TlsParameters::builder(host.trim_matches(['[', ']']).to_owned());
    if let Some(file) = &settings.ca_file {
        let pem = fs::read(file).map_err(|_| SmtpError::Certificates)?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| SmtpError::Certificates)?);
    }
    builder.build_rustls().map_err(SmtpError::Tls)
}

/// The name of a user as it stood in an address.
fn unescaped(user: &str) -> String {
    user.replace("%40", "@")
}

/// Says that no person has sent it, so that no machine replies (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from.email.domain()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Gateway for Smtp {
    async fn deliver(&self, message: &Sent) -> Result<Taken, NotTaken> {
        let mail = self.mail(message).map_err(NotTaken::Failed)?;
        let Ok(sent) = tokio::time::timeout(WHOLE, self.transport.send(mail)).await else {
            return Err(NotTaken::Failed(Fault::because(DOING, "it took too long")));
        };
        match sent {
            Ok(_) => Ok(Taken { reference: None }),
            // What the server says may quote the address, so only the number of its answer is told.
            Err(error) if error.is_permanent() => {
                let code = error.status().map(|code| code.to_string()).unwrap_or_default();
                let is_recipient = ["550", "551", "552", "553"].contains(&code.as_str());
                if is_recipient {
                    Err(NotTaken::Unreachable { reason: code })
                } else {
                    Err(NotTaken::Failed(Fault::because(DOING, format!("the mail server answered {code}"))))
                }
            }
            Err(error) => {
                let cause = match () {
                    () if error.is_timeout() => "it took too long",
                    () if error.is_tls() => "TLS to the mail server did not come about",
                    () if error.is_transient() => "the mail server put it off",
                    () => "the exchange with the mail server failed",
                };
                Err(NotTaken::Failed(Fault::because(DOING, cause)))
            }
        }
    }

    async fn reachable(&self) -> Result<(), Fault> {
        const DOING: &str = "reach the mail server";
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            _ => Err(Fault::new(DOING)),
        }
    }
}
