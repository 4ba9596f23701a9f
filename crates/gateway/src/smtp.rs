//! E-mail by SMTP: to one mail server, over TLS, in plain text and in HTML.
//!
//! A connection without TLS is made to this machine only. Headers contain settings and the code; text that a user typed
//! is in the recipient's header only.

mod broken;
mod server;

use std::{fmt, fs, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use countersign_engine::{
    Fault,
    core::{Address, Secret},
    port::{Gateway, Message as Sent, NotTaken, Taken},
};
use lettre::{
    Message,
    message::{Mailbox, MultiPart, SinglePart, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, TlsParameters},
    },
};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use self::server::{Security, Server};
use crate::{Texts, message::words};

/// The line before each certificate in PEM.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
const DOING: &str = "send a mail";

/// The settings of a mail server.
pub struct SmtpSettings {
    /// The mail server: `smtps://user@host` (TLS from the start) or `smtp://user@host` (STARTTLS).
    pub url: String,
    /// The user's password; either both are set or neither.
    pub password: Option<Secret>,
    /// The only CA certificates, in PEM, by which the server's certificate is verified; this machine's if not set.
    pub ca_file: Option<PathBuf>,
    /// The sender of all mails.
    pub from: String,
}

/// Sends mails by a mail server.
pub struct Smtp {
    server: Server,
    from: Mailbox,
    texts: Arc<Texts>,
}

/// Why mails cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpError {
    /// The URL of the mail server is not valid.
    #[error("it has to be an address such as smtps://user@mail.example.org or smtp://mail.example.org:587")]
    Address,
    /// There is a password in the URL, where it could be logged, or a user without a password, or a password without a
    /// user.
    #[error("a user stands in the address and the password apart from it, or there is neither")]
    Login,
    /// The sender is not a valid address.
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
    /// Sends with these settings and these templates.
    pub fn new(settings: &SmtpSettings, texts: Arc<Texts>) -> Result<Self, SmtpError> {
        let url = Url::parse(&settings.url).map_err(|_| SmtpError::Address)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SmtpError::Address)?;
        let is_implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(SmtpError::Address),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(SmtpError::Address);
        }
        let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        let from = settings.from.parse().map_err(|_| SmtpError::Sender)?;
        let security = match (is_implicit, is_local && settings.ca_file.is_none()) {
            (true, _) => Security::Tls(parameters(host, settings)?),
            (false, true) => Security::Clear,
            (false, false) => Security::StartTls(parameters(host, settings)?),
        };
        let port = url.port().unwrap_or(if is_implicit { 465 } else { 587 });
        let login = login(&url, settings.password.as_ref())?;
        let server = Server::new(host.trim_matches(['[', ']']), port, security, login);
        Ok(Self { server, from, texts })
    }

    fn mail(&self, message: &Sent) -> Result<Message, Fault> {
        let Address::Email(_) = &message.to else { return Err(Fault::because(DOING, "the address is no mailbox")) };
        let words = words(message, None);
        let text = |file| {
            let text = self.texts.render(file, message.language.as_deref(), &words);
            text.map_err(|error| Fault::because(DOING, format!("a template failed: {:?}", error.kind())))
        };
        let subject = text("email_subject.txt")?.replace(char::is_control, " ");
        let to: Mailbox =
            message.to.expose().parse().map_err(|_| Fault::because(DOING, "the address is no mailbox"))?;
        let (plain, html) = (text("email.txt")?, text("email.html")?);
        let builder = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(format!("<{}@{}>", message.delivery, self.from.email.domain())))
            .header(AutoSubmitted);
        // An operator who wants no HTML leaves its template empty.
        let mail = if html.is_empty() {
            builder.singlepart(SinglePart::plain(plain))
        } else {
            builder.multipart(MultiPart::alternative_plain_html(plain, html))
        };
        mail.map_err(|_| Fault::because(DOING, "it could not be put together"))
    }
}

fn parameters(host: &str, settings: &SmtpSettings) -> Result<TlsParameters, SmtpError> {
    let mut builder = TlsParameters::builder(host.trim_matches(['[', ']']).to_owned());
    if let Some(file) = &settings.ca_file {
        let pem = fs::read(file).map_err(|_| SmtpError::Certificates)?;
        // A file without certificates is an error; otherwise no server's certificate could be verified.
        if !pem.windows(CERTIFICATE.len()).any(|words| words == CERTIFICATE) {
            return Err(SmtpError::Certificates);
        }
        let certificates = Certificate::from_pem(&pem).map_err(|_| SmtpError::Certificates)?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificates);
    }
    builder.build_rustls().map_err(SmtpError::Tls)
}

/// The user from the URL and the password; `None` if there is neither.
fn login(url: &Url, password: Option<&Secret>) -> Result<Option<Credentials>, SmtpError> {
    if url.password().is_some() {
        return Err(SmtpError::Login);
    }
    match (url.username(), password) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(SmtpError::Login),
        (user, Some(password)) => {
            let user = percent_decode_str(user).decode_utf8().map_err(|_| SmtpError::Address)?;
            Ok(Some(Credentials::new(user.into_owned(), password.expose().to_owned())))
        }
    }
}

/// Marks a mail as automatic, so that no autoresponder replies (RFC 3834).
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
        let sent = self.server.send(&mail).await;
        sent.map(|()| Taken::default()).map_err(|broken| match broken.unreachable() {
            Some(reason) => NotTaken::Unreachable { reason },
            None => NotTaken::Failed(Fault::because(DOING, broken)),
        })
    }

    async fn reachable(&self) -> Result<(), Fault> {
        self.server.greet().await.map_err(|broken| Fault::because("reach the mail server", broken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, password: Option<&str>) -> SmtpSettings {
        let from = "Countersign <no-reply@example.org>".into();
        SmtpSettings { url: url.into(), password: password.map(Secret::new), ca_file: None, from }
    }

    fn made(settings: &SmtpSettings) -> Result<Smtp, SmtpError> {
        Smtp::new(settings, Arc::new(Texts::read(None).unwrap()))
    }

    #[test]
    fn what_is_set_about_a_mail_server_is_whole_or_an_error() {
        for (url, password) in [
            ("smtps://mail.example.org", None),
            ("smtp://mail.example.org:587/", None),
            ("smtps://ada%40example.org@mail.example.org", Some("x")),
            ("smtp://[::1]:25", None),
        ] {
            assert!(made(&settings(url, password)).is_ok(), "{url}");
        }
        for (url, password) in [
            ("mail.example.org", None),
            ("https://mail.example.org", None),
            ("smtps://", None),
            ("smtps://mail.example.org/inbox", None),
            ("smtps://mail.example.org?tls=no", None),
            ("smtps://ada@mail.example.org", None),
            ("smtps://mail.example.org", Some("x")),
            ("smtps://ada:hidden@mail.example.org", Some("x")),
        ] {
            let error = made(&settings(url, password)).map(drop).unwrap_err();
            assert!(matches!(error, SmtpError::Address | SmtpError::Login), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
        }
        let nobody = SmtpSettings { from: "nobody".into(), ..settings("smtps://mail.example.org", None) };
        assert!(matches!(made(&nobody), Err(SmtpError::Sender)));
        let file = tempfile::NamedTempFile::new().unwrap();
        let empty = SmtpSettings { ca_file: Some(file.path().into()), ..settings("smtps://mail.example.org", None) };
        assert!(matches!(made(&empty), Err(SmtpError::Certificates)));
    }

    #[test]
    fn a_user_may_be_named_by_any_signs() {
        let url = Url::parse("smtps://ada%40example.org%2Bcodes@mail.example.org").unwrap();
        let expected = Credentials::new("ada@example.org+codes".into(), "x".into());
        assert!(login(&url, Some(&"x".into())).unwrap() == Some(expected));
    }
}
