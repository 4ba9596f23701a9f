//! An entrance of one's own: lines of text over TCP, for a mail server, a VPN or a door on the same machine.
//!
//! ```text
//! they say                      we say
//! ada
//! correct horse battery         ASK totp                 or OK aal1 TOKEN, or NO invalid-credentials
//! 123456                        OK aal2 TOKEN            or NO code-wrong, and the next line is looked at
//! ```
//!
//! It reads, asks the engine, and says what came of it. How long one is locked out, what counts as a replay and who may be
//! asked is decided behind the two functions that it calls, as for the pages and the API. Nothing is encrypted here: to be
//! served on the loopback address, or behind whatever brings TLS.

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

/// Nobody says more than this, in bytes, from beginning to end.
const MAX_SIZE: u64 = 4096;
/// Nobody takes longer than this. The login itself may end earlier: `Config::login_timeout`.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Answers whoever connects, for as long as that is possible.
pub async fn serve(engine: Engine, listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, peer) = listener.accept().await?;
        let engine = engine.clone();
        // Whoever hangs up, says too much or takes too long has been told nothing that opens anything.
        tokio::spawn(async move { timeout(TIMEOUT, Talk::new(&engine, &mut stream, peer).run()).await });
    }
}

/// One connection.
struct Talk<'a> {
    engine: &'a Engine,
    lines: Lines<BufReader<tokio::io::Take<ReadHalf<'a>>>>,
    out: WriteHalf<'a>,
    /// Where it comes from: failures are counted by address, too.
    context: RequestContext,
}

impl<'a> Talk<'a> {
    fn new(engine: &'a Engine, stream: &'a mut TcpStream, peer: SocketAddr) -> Self {
        let (read, out) = stream.split();
        // A line protocol keeps nothing for the next time, so it takes none of the user's places for browsers.
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

    /// Asks for a device's answer until there is a right one, or the engine will not hear of it any more.
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

    /// A refusal is ours and has a code. A fault is neither yes nor no; its cause is for the log alone.
    fn stopped(&self, error: &Error) -> String {
        match error {
            Error::Refused(refusal) => match refusal.retry_after(self.engine.now()) {
                Some(wait) => format!("NO {} {}", refusal.code(), wait.as_millis().div_ceil(1000)),
                None => format!("NO {}", refusal.code()),
            },
            Error::Faulted(fault) => {
                let incident = self.engine.new_id::<()>();
                tracing::error!(%incident, cause = %fault, "a login could not be decided");
                format!("FAULT {incident}")
            }
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.out.write_all(format!("{line}\r\n").as_bytes()).await
    }
}

/// The session is theirs: its token opens the API and the host's routes, and signing out there ends it.
fn let_in(new_session: &NewSession) -> String {
    format!("OK {} {}", new_session.signed_in().session().level.as_str(), new_session.token().expose())
}
