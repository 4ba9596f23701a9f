//! Whether browsers can reach this installation by its public URL: the URL is fetched as a browser would fetch it.
//!
//! A problem that a browser would have too is a failure: a certificate that is not trusted, a proxy that does not reach
//! the server or sends another Host, another server. A connection that fails is only a warning: a host that cannot be
//! reached from here, because of a firewall or another name server, may still be reachable for its users.

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

/// The time limit for name resolution and connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit for the whole request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of this installation's response, in bytes.
const MAX_ANSWER: usize = 8 * 1024;
/// An IP address for documentation (RFC 5737), which no client has: a proxy must not pass it on as the client's.
const FORGED_IP: &str = "192.0.2.235";

/// A host and port to connect to.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    /// A host name, or an IP address without brackets.
    host: &'a str,
    port: u16,
}

/// The result of fetching the public URL.
#[derive(Debug)]
enum Fetched {
    /// A connection, but no response; the cause.
    Nothing(String),
    /// A response that is not from this installation.
    Other { status: StatusCode, location: Option<String> },
    /// A response of this installation, with what it saw of the request.
    Recognised(Seen),
}

pub(super) async fn examine(config: &Config, report: &mut Report) {
    let url = config.public_url.as_ref();
    if url.is_some_and(|url| url.origin.is_https()) {
        report.ok("address", "browsers use https");
    } else {
        report.warn(
            "address",
            "only browsers on this machine can reach the site, by plain http: set public_url to the https URL of the \
             proxy in front of the server",
        );
    }
    let Some(url) = url else { return };
    let place = Place { host: &url.host, port: url.port };
    if let Err(error) = reach(place).await {
        return report.warn(
            "address",
            format_args!(
                "{place} cannot be reached from here ({error}): if browsers cannot reach it either, check the host's \
                 DNS entry and the proxy"
            ),
        );
    }
    report.ok("address", format_args!("something listens at {place}"));
    let Ok(keys) = config.key_file().and_then(|path| key_file::read(path)) else {
        // The key file has its own check.
        return report
            .warn("address", "without the key file, doctor cannot recognise this installation at its public URL");
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

/// Fetches the path at which an installation recognises itself. It does not follow redirects: they lead browsers away
/// too.
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

/// The target of a redirect, without its query.
fn location(response: &Response) -> Option<String> {
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    location.split(['?', '#']).next().map(ToOwned::to_owned)
}

/// The response body, up to the maximum size of this installation's response.
async fn body(mut response: Response) -> Result<String, reqwest::Error> {
    let mut body = vec![];
    while body.len() < MAX_ANSWER
        && let Some(piece) = response.chunk().await?
    {
        body.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The root cause of a failed request: the errors around it only say that it failed.
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

/// What to report about the result.
fn judged(url: &PublicUrl, fetched: &Fetched) -> Vec<(State, String)> {
    let origin = &url.origin;
    match fetched {
        Fetched::Nothing(cause) if cause.contains("certificate") => vec![(
            State::Fail,
            format!(
                "the certificate of {origin} is not trusted ({cause}): it must be valid for this host name and be sent \
                 with its intermediate certificates, up to a certificate authority that this machine trusts"
            ),
        )],
        Fetched::Nothing(cause) => {
            vec![(State::Fail, format!("{origin} does not respond ({cause}): check the proxy"))]
        }
        Fetched::Other { status, location } => {
            let led = location.as_ref().map(|location| format!(" to {location}")).unwrap_or_default();
            vec![(State::Fail, format!("{origin} responds with {}{led}: {}", status.as_u16(), advice(*status, url)))]
        }
        Fetched::Recognised(seen) => {
            let mut found = vec![(State::Ok, format!("{origin} reaches this installation"))];
            found.extend(origin.is_https().then(|| forwarding(seen)));
            found
        }
    }
}

/// What a response that is not from this installation means, and what to do.
fn advice(status: StatusCode, url: &PublicUrl) -> String {
    match status {
        StatusCode::MISDIRECTED_REQUEST => format!(
            "the proxy sends another Host than {}, and the server rejects it; pass on what the browser sent, with its \
             port (in nginx: `proxy_set_header Host $http_host;`), or correct public_url. The server's log has the \
             host that it received",
            url.origin.to_string().split_once("://").map_or("", |(_, authority)| authority)
        ),
        StatusCode::BAD_REQUEST => "the proxy sends no Host header, or two: pass on what the browser sent".into(),
        StatusCode::FORBIDDEN => "the server rejects requests from a proxy that is not in trusted_proxies: list the \
            proxy. Or something in front of the server rejects them"
            .into(),
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            "the proxy does not reach the server: start the server, and check the address that the proxy \
             connects to"
                .into()
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            "the proxy does not reach the server, or the server does not reach its database: check the logs of \
             both"
                .into()
        }
        status if status.is_redirection() => {
            "requests do not reach the server: set public_url to the URL that browsers are redirected to".into()
        }
        _ => "this is not the server of these settings: it may be another site, a server with another key file, or an \
            older version that is still running"
            .into(),
    }
}

/// What the proxy tells the server about its clients.
fn forwarding(seen: &Seen) -> (State, String) {
    let ip = |ip: Option<std::net::IpAddr>| ip.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string());
    let peer = ip(seen.peer);
    let nearest = seen.forwarded_for.last().map(String::as_str);
    match (seen.is_trusted, nearest) {
        (false, _) => (
            State::Warn,
            format!(
                "requests come from {peer}, which is not in the server's trusted_proxies: all clients count as one IP \
                 address and share one limit for wrong passwords; list the proxy and restart the server"
            ),
        ),
        (true, Some(FORGED_IP)) => (
            State::Fail,
            format!(
                "the proxy at {peer} passes on X-Forwarded-For as clients send it, so any client can forge its IP \
                 address: set it to the client's IP address (in nginx: `proxy_set_header X-Forwarded-For \
                 $remote_addr;`)"
            ),
        ),
        (true, None) => (
            State::Warn,
            format!(
                "the proxy at {peer} sends no X-Forwarded-For: all clients count as one IP address and share one limit \
                 for wrong passwords; set it to the client's IP address"
            ),
        ),
        (true, Some(_)) => (
            State::Ok,
            format!(
                "the proxy at {peer} passes on the client's IP address, not a forged one; this machine's is {}",
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
            (seen(true, &[FORGED_IP, "203.0.113.9"]), State::Ok, "passes on the client's IP address"),
            (
                seen(true, &[FORGED_IP]),
                State::Fail,
                "the proxy at 10.0.0.5 passes on X-Forwarded-For as clients send it",
            ),
            (seen(true, &["203.0.113.9", FORGED_IP]), State::Fail, "any client can forge its IP address"),
            (seen(true, &[]), State::Warn, "the proxy at 10.0.0.5 sends no X-Forwarded-For"),
            (seen(false, &["203.0.113.9"]), State::Warn, "requests come from 10.0.0.5, which is not in"),
            (seen(false, &[]), State::Warn, "requests come from 10.0.0.5, which is not in"),
        ] {
            let (found, said) = forwarding(&seen);
            assert!(found == state && said.contains(text), "{seen:?}: {found:?} {said}");
        }
    }
}
