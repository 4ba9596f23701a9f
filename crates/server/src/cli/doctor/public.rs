//! Whether browsers reach this installation by its public address: the address is fetched as a browser would.
//!
//! What a browser would meet there as well is a failure: a certificate that is not trusted, a proxy that does not reach the
//! server or passes another host on, another server. That no connection comes about is only a warning, since an address
//! that cannot be reached from here, behind a firewall or by another name service, may well be in reach of those whom it is for.

use std::{error::Error, fmt, io, time::Duration};

use countersign_engine::{Keyring, OsRandom};
use reqwest::{Client, Response, StatusCode, header, redirect::Policy};
use tokio::{net::TcpStream, time::timeout};

use super::{Report, State};
use crate::{
    config::{Config, PublicUrl},
    key_file,
    recognition::{CHALLENGE, Challenge, PATH, Seen},
};

/// How long it may take to find an address and to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the whole request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer of ours, in bytes.
const MAX_ANSWER: usize = 8 * 1024;
/// An address for documentation (RFC 5737), which no client has: a proxy must not pass it on as the client's.
const FORGED_IP: &str = "192.0.2.235";

/// Where somebody listens.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    /// A name, or an address without brackets.
    host: &'a str,
    port: u16,
}

/// What came back from the public address.
#[derive(Debug)]
enum Fetched {
    /// No answer over a connection that was there; the cause.
    Nothing(String),
    /// An answer that is not from this installation.
    Other { status: StatusCode, location: Option<String> },
    /// This installation, and what it saw of the request.
    Recognised(Seen),
}

pub(super) async fn examine(config: &Config, report: &mut Report) {
    let url = config.public_url.as_ref();
    if url.is_some_and(|url| url.origin.is_https()) {
        report.ok("address", "browsers come by https");
    } else {
        report.warn(
            "address",
            "only browsers on this machine reach the site, by plain http: set public_url to the https address of the proxy \
             in front",
        );
    }
    let Some(url) = url else { return };
    let place = Place { host: &url.host, port: url.port };
    if let Err(error) = reach(place).await {
        return report.warn(
            "address",
            format_args!(
                "{place} cannot be reached from here ({error}): if browsers cannot either, look at the name's entry and at \
                 the proxy in front"
            ),
        );
    }
    report.ok("address", format_args!("something listens at {place}"));
    let Ok(keys) = config.key_file().and_then(|path| key_file::read(path)) else {
        // The keys have a finding of their own.
        return report.warn("address", "without the key file, this installation is not recognised at its address");
    };
    match fetch(url, &keys).await {
        Ok(fetched) => {
            for (state, text) in judged(url, &fetched) {
                report.say(state, "address", text);
            }
        }
        Err(error) => report.fail("address", format_args!("{} could not be fetched: {error:#}", url.origin)),
    }
}

/// Opens a connection and closes it again.
async fn reach(Place { host, port }: Place<'_>) -> io::Result<()> {
    match timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await {
        Ok(connected) => connected.map(drop),
        Err(_) => Err(io::Error::other(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
    }
}

/// Fetches the path at which an installation recognises itself. Redirects are not followed: they lead browsers elsewhere too.
async fn fetch(url: &PublicUrl, keys: &Keyring) -> anyhow::Result<Fetched> {
    let client = Client::builder().redirect(Policy::none()).no_proxy();
    let client = client.connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT).build()?;
    let challenge = Challenge::draw(&OsRandom);
    let mut request = client.get(format!("{}{PATH}", url.origin)).header(CHALLENGE, challenge.signed(keys));
    if url.origin.is_https() {
        request = request.header("x-forwarded-for", FORGED_IP);
    }
    let answered = async {
        let response = request.send().await?;
        let (status, location) = (response.status(), location(&response));
        let body = body(response).await?;
        let seen = challenge.answered(&body, keys).filter(|_| status == StatusCode::OK);
        Ok(seen.map_or(Fetched::Other { status, location }, Fetched::Recognised))
    };
    Ok(answered.await.unwrap_or_else(|error: reqwest::Error| Fetched::Nothing(root_cause(&error))))
}

/// Where a redirect leads, without its query.
fn location(response: &Response) -> Option<String> {
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    location.split(['?', '#']).next().map(ToOwned::to_owned)
}

/// The answer, or as much of it as one of ours could have.
async fn body(mut response: Response) -> Result<String, reqwest::Error> {
    let mut body = vec![];
    while body.len() < MAX_ANSWER
        && let Some(piece) = response.chunk().await?
    {
        body.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// What lies behind a failed request: the errors around it only say that it failed.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", REQUEST_TIMEOUT.as_secs());
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// What to report of what came back.
fn judged(url: &PublicUrl, fetched: &Fetched) -> Vec<(State, String)> {
    let origin = &url.origin;
    match fetched {
        Fetched::Nothing(cause) if cause.contains("certificate") => vec![(
            State::Fail,
            format!(
                "the certificate of {origin} is not trusted ({cause}): it has to be valid, for this name, and sent with the \
                 certificates between it and an authority that this machine trusts"
            ),
        )],
        Fetched::Nothing(cause) => {
            vec![(State::Fail, format!("{origin} gives no answer ({cause}): look at the proxy in front"))]
        }
        Fetched::Other { status, location } => {
            let led = location.as_ref().map(|location| format!(" to {location}")).unwrap_or_default();
            vec![(State::Fail, format!("{origin} answers {}{led}: {}", status.as_u16(), advice(*status, url)))]
        }
        Fetched::Recognised(seen) => {
            let mut found = vec![(State::Ok, format!("{origin} leads to this installation"))];
            found.extend(origin.is_https().then(|| forwarding(seen)));
            found
        }
    }
}

/// What an answer that is not from this installation means, and what to do.
fn advice(status: StatusCode, url: &PublicUrl) -> String {
    match status {
        StatusCode::MISDIRECTED_REQUEST => format!(
            "the proxy passes on another Host than {}, and the server rejects it; pass on what the browser sent, with its \
             port (in nginx: `proxy_set_header Host $http_host;`), or correct public_url. The server's log names the host \
             that it was asked for",
            url.origin.to_string().split_once("://").map_or("", |(_, authority)| authority)
        ),
        StatusCode::BAD_REQUEST => "the proxy passes on no Host, or two: pass on what the browser sent".into(),
        StatusCode::FORBIDDEN => "the server rejects requests of a proxy that is not in trusted_proxies: list the proxy; or \
                                  something in front of the server rejects them"
            .into(),
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            "the proxy does not reach the server: start the server, and look at the address that the proxy sends to".into()
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            "the proxy does not reach the server, or the server does not reach its database: look at the logs of both".into()
        }
        status if status.is_redirection() => {
            "requests do not get to the server: set public_url to the address that browsers end up at".into()
        }
        _ => "this is not the server of these settings: it may be another site, a server with another key file, or an older \
              version that is still running"
            .into(),
    }
}

/// What the proxy tells the server of its clients.
fn forwarding(seen: &Seen) -> (State, String) {
    let ip = |ip: Option<std::net::IpAddr>| ip.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string());
    let peer = ip(seen.peer);
    let nearest = seen.forwarded_for.last().map(String::as_str);
    match (seen.is_trusted, nearest) {
        (false, _) => (
            State::Warn,
            format!(
                "requests come from {peer}, which is not in the server's trusted_proxies: all clients count as one IP address \
                 and share its budget of wrong passwords; list the proxy and restart the server"
            ),
        ),
        (true, Some(FORGED_IP)) => (
            State::Fail,
            format!(
                "the proxy at {peer} passes X-Forwarded-For on as clients send it, so any client can pretend to be any other: \
                 set it to the client's address (in nginx: `proxy_set_header X-Forwarded-For $remote_addr;`)"
            ),
        ),
        (true, None) => (
            State::Warn,
            format!(
                "the proxy at {peer} sends no X-Forwarded-For: all clients count as one IP address and share its budget of \
                 wrong passwords; set it to the client's address"
            ),
        ),
        (true, Some(_)) => (
            State::Ok,
            format!(
                "the proxy at {peer} passes on the client's address, and none that a client makes up; this machine's is {}",
                ip(seen.remote_ip)
            ),
        ),
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_in_an_address() {
        assert_eq!(Place { host: "::1", port: 443 }.to_string(), "[::1]:443");
        assert_eq!(Place { host: "id.example.org", port: 443 }.to_string(), "id.example.org:443");
    }

    fn seen(is_trusted: bool, forwarded_for: &[&str]) -> Seen {
        let peer = "10.0.0.5".parse().ok();
        let forwarded_for = forwarded_for.iter().map(ToString::to_string).collect();
        Seen { peer, is_trusted, remote_ip: "203.0.113.9".parse().ok(), forwarded_for }
    }

    #[test]
    fn what_a_proxy_says_of_its_clients_is_judged_by_what_it_adds_itself() {
        for (seen, state, text) in [
            (seen(true, &["203.0.113.9"]), State::Ok, "this machine's is 203.0.113.9"),
            (seen(true, &[FORGED_IP, "203.0.113.9"]), State::Ok, "passes on the client's address"),
            (
                seen(true, &[FORGED_IP]),
                State::Fail,
                "the proxy at 10.0.0.5 passes X-Forwarded-For on as clients send it",
            ),
            (seen(true, &["203.0.113.9", FORGED_IP]), State::Fail, "can pretend to be any other"),
            (seen(true, &[]), State::Warn, "the proxy at 10.0.0.5 sends no X-Forwarded-For"),
            (seen(false, &["203.0.113.9"]), State::Warn, "requests come from 10.0.0.5, which is not in"),
            (seen(false, &[]), State::Warn, "requests come from 10.0.0.5, which is not in"),
        ] {
            let (found, said) = forwarding(&seen);
            assert!(found == state && said.contains(text), "{seen:?}: {found:?} {said}");
        }
    }
}
