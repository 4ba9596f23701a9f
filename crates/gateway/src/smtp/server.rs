//! Connections to a mail server.
//!
//! A connection is used by one exchange at a time, and is kept for another only if the last one ended in time. One that
//! timed out is closed: a late response would be taken for one about the next mail. Lettre's own pool keeps such
//! connections, and its time-outs no longer apply once a connection exists (lettre#1027).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lettre::{
    Message,
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::{ClientId, Extension},
    },
};
use tokio::time::timeout;

use super::broken::Broken;

/// The time limit for a new connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The time limit for checking whether an idle connection still works.
const STANDS: Duration = Duration::from_secs(1);
/// The time limit for a whole exchange.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The maximum number of idle connections.
const MAX_WAITING: usize = 4;

/// The address of a mail server and how to connect to it.
pub(super) struct Server {
    host: String,
    port: u16,
    security: Security,
    login: Option<Credentials>,
    patience: Duration,
    waiting: Mutex<Vec<AsyncSmtpConnection>>,
}

/// How a connection is encrypted.
pub(super) enum Security {
    /// Not at all.
    Clear,
    /// By TLS from the start.
    Tls(TlsParameters),
    /// STARTTLS before anything confidential is sent; a server that does not offer it gets nothing.
    StartTls(TlsParameters),
}

impl Server {
    pub(super) fn new(host: &str, port: u16, security: Security, login: Option<Credentials>) -> Self {
        Self { host: host.to_owned(), port, security, login, patience: TIMEOUT, waiting: Mutex::default() }
    }

    /// Sends a mail.
    pub(super) async fn send(&self, mail: &Message) -> Result<(), Broken> {
        let exchange = async {
            let mut connection = match self.standing().await {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let is_ascii = mail.envelope().to().iter().all(|to| AsRef::<str>::as_ref(to).is_ascii());
            if !is_ascii && !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                self.keep(connection);
                return Err(Broken::Ascii);
            }
            connection.send(mail.envelope(), &mail.formatted()).await?;
            self.keep(connection);
            Ok(())
        };
        timeout(self.patience, exchange).await.unwrap_or(Err(Broken::Late))
    }

    /// Whether the server accepts our credentials.
    pub(super) async fn greet(&self) -> Result<(), Broken> {
        let exchange = async {
            self.connect().await?.quit().await?;
            Ok(())
        };
        timeout(self.patience, exchange).await.unwrap_or(Err(Broken::Late))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Broken> {
        let name = ClientId::default();
        let at_once = match &self.security {
            Security::Tls(tls) => Some(tls.clone()),
            Security::Clear | Security::StartTls(_) => None,
        };
        let address = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT), &name, at_once, None).await?;
        if let Security::StartTls(tls) = &self.security {
            connection.starttls(tls.clone(), &name).await?;
        }
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(connection)
    }

    /// An idle connection that still works.
    async fn standing(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut connection = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if timeout(STANDS, connection.test_connected()).await.unwrap_or(false) {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING {
            waiting.push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
        net::{TcpListener, TcpStream},
        sync::Notify,
    };

    use super::*;

    /// A mail server that accepts mail to Ada when it is told to, and rejects mail to Bob.
    async fn speak(stream: TcpStream, at_last: Arc<Notify>) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let (mut to, mut is_body, mut answer) = (String::new(), false, "220 here");
        loop {
            if !answer.is_empty() && write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return;
            }
            let Ok(Some(line)) = lines.next_line().await else { return };
            if let Some(recipient) = line.strip_prefix("RCPT TO:") {
                to = recipient.to_owned();
            }
            answer = match line.as_str() {
                "." if to == "<ada@example.org>" => {
                    at_last.notified().await;
                    "250 taken at last"
                }
                "." if to == "<bob@example.org>" => "554 5.7.1 not this",
                "." => "250 taken",
                _ if is_body => "",
                "DATA" => "354 go on",
                _ => "250 ok",
            };
            is_body = line == "DATA" || is_body && line != ".";
        }
    }

    struct Served {
        server: Server,
        connections: Arc<AtomicUsize>,
        at_last: Arc<Notify>,
    }

    async fn served() -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, at_last) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counted, told) = (connections.clone(), at_last.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(speak(stream, told.clone()));
            }
        });
        Served { server: Server::new("127.0.0.1", port, Security::Clear, None), connections, at_last }
    }

    fn mail(to: &str) -> Message {
        let builder = Message::builder().from("no-reply@example.org".parse().unwrap()).to(to.parse().unwrap());
        builder.body("012345".to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_connection_waits_for_the_next_mail() {
        let Served { server, connections, .. } = served().await;
        for _ in 0..3 {
            server.send(&mail("eve@example.org")).await.unwrap();
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_late_answer_is_not_taken_for_one_about_the_next_mail() {
        let Served { mut server, connections, at_last } = served().await;
        server.send(&mail("eve@example.org")).await.unwrap();
        server.patience = Duration::from_millis(100);
        assert!(matches!(server.send(&mail("ada@example.org")).await, Err(Broken::Late)));
        server.patience = TIMEOUT;
        at_last.notify_one();
        assert!(matches!(server.send(&mail("bob@example.org")).await, Err(Broken::Refused(_))), "it was not taken");
        server.send(&mail("eve@example.org")).await.unwrap();
        assert!(connections.load(Ordering::Relaxed) > 1, "what was given up is closed");
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut silent = Server::new("127.0.0.1", port, Security::Clear, None);
        silent.patience = Duration::from_millis(100);
        assert!(matches!(silent.greet().await, Err(Broken::Late)));
        assert!(matches!(silent.send(&mail("eve@example.org")).await, Err(Broken::Late)));
    }
}
