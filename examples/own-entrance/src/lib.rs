//! A front end of your own: lines of text over TCP, for a mail server, a VPN or a door lock on the same machine.
//!
//! ```text
//! the client says               we say
//! ada
//! correct horse battery         ASK totp                 or OK aal1 TOKEN, or NO invalid-credentials
//! 123456                        OK aal2 TOKEN            or NO code-wrong, and the next line is read
//! ```
//!
//! It reads a line, asks the engine, and reports the result. Lock-outs, replays and the choice of devices are decided
//! by the two functions that it calls, as for the pages and the API. Nothing is encrypted here: serve it on the
//! loopback address, or behind a program that terminates TLS.

use std::{io, net::SocketAddr, time::Duration};

use countersign::engine::{
    Engine, Error, NewSession,
    core::Secret,
    flow::{DeviceCookieSupport, LoginChallenge, RequestContext, SignIn},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::timeout,
};

/// The maximum number of bytes of a conversation.
const MAX_SIZE: u64 = 4096;
/// The maximum duration of a conversation. The login itself may expire earlier: `Config::login_timeout`.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Answers all connections, for as long as the listener works.
pub async fn serve(engine: Engine, listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, peer) = listener.accept().await?;
        let engine = engine.clone();
        // A client that disconnects, sends too much or takes too long has received no token.
        tokio::spawn(async move { timeout(TIMEOUT, Talk::new(&engine, &mut stream, peer).run()).await });
    }
}

/// Handles one connection.
struct Talk<'a> {
    engine: &'a Engine,
    lines: Lines<BufReader<tokio::io::Take<ReadHalf<'a>>>>,
    out: WriteHalf<'a>,
    /// The client's IP address: failures are counted by address, too.
    context: RequestContext,
}

impl<'a> Talk<'a> {
    fn new(engine: &'a Engine, stream: &'a mut TcpStream, peer: SocketAddr) -> Self {
        let (read, out) = stream.split();
        // A line protocol stores nothing between logins, so it uses none of the user's device cookies.
        let device_cookie = DeviceCookieSupport::Ignored;
        let context = RequestContext { address: Some(peer.ip()), device_cookie, ..RequestContext::default() };
        Self { engine, lines: BufReader::new(read.take(MAX_SIZE)).lines(), out, context }
    }

    async fn run(mut self) -> io::Result<()> {
        let Some(name) = self.lines.next_line().await? else { return Ok(()) };
        let Some(password) = self.lines.next_line().await? else { return Ok(()) };
        match self.engine.sign_in(&name, &Secret::new(password), &self.context).await {
            Ok(SignIn::Complete(new_session)) => self.say(&let_in(&new_session)).await,
            Ok(SignIn::Pending(owed)) => self.second_step(&owed).await,
            Err(error) => self.say(&self.stopped(&error)).await,
        }
    }

    /// Asks for a device's answer until one is right, or the engine ends the login.
    async fn second_step(&mut self, owed: &LoginChallenge) -> io::Result<()> {
        let LoginChallenge { token, view, .. } = owed;
        self.say(&format!("ASK {}", view.device.kind)).await?;
        while let Some(answer) = self.lines.next_line().await? {
            match self.engine.answer(token, &view.device.id, &Secret::new(answer), &self.context).await {
                Ok((new_session, _)) => return self.say(&let_in(&new_session)).await,
                Err(error) => self.say(&self.stopped(&error)).await?,
            }
        }
        Ok(())
    }

    /// A refusal has a code that the client may see. A fault is neither yes nor no; its cause is for the log only.
    fn stopped(&self, error: &Error) -> String {
        match error {
            Error::Refused(refusal) => match refusal.retry_after(self.engine.now()) {
                Some(wait) => format!("NO {} {}", refusal.code(), wait.as_millis().div_ceil(1000)),
                None => format!("NO {}", refusal.code()),
            },
            Error::Faulted(fault) => {
                let incident = self.engine.new_id::<()>();
                tracing::error!(%incident, cause = %fault, "login failed");
                format!("FAULT {incident}")
            }
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.out.write_all(format!("{line}\r\n").as_bytes()).await
    }
}

/// The session belongs to the client: its token gives access to the API and the host's routes, and signing out there
/// ends it.
fn let_in(new_session: &NewSession) -> String {
    format!("OK {} {}", new_session.signed_in().session().level.as_str(), new_session.token().expose())
}
