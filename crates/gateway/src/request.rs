//! Requests to services: by https unless to this machine, without following redirects, and with a time limit.

use std::{net::IpAddr, time::Duration};

use reqwest::{Client, Response, Url, redirect::Policy};

/// The time limit for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The maximum size of a response, in bytes.
const MAX_SIZE: usize = 64 * 1024;

/// The URL is not one that requests may be sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it has to be an address by https, or by http of this machine alone")]
pub struct NotAnAddress;

/// The URL of a service.
pub(crate) fn address(text: &str) -> Result<Url, NotAnAddress> {
    let url = Url::parse(text).map_err(|_| NotAnAddress)?;
    let is_safe = match url.scheme() {
        "https" => url.host_str().is_some(),
        "http" => is_this_machine(&url),
        _ => false,
    };
    // A password in a URL ends up in logs.
    let is_bare = url.password().is_none() && url.fragment().is_none();
    if is_safe && is_bare { Ok(url) } else { Err(NotAnAddress) }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A client with this time limit for requests.
pub(crate) fn client(patience: Duration) -> Result<Client, reqwest::Error> {
    Client::builder().redirect(Policy::none()).connect_timeout(CONNECT).timeout(patience).no_proxy().build()
}

/// The cause of a failed request, without its URL, which may contain a secret.
pub(crate) fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let kind = match () {
        () if error.is_timeout() => "it took too long",
        () if error.is_connect() => "no connection came about",
        () => "the exchange failed",
    };
    kind.to_owned()
}

/// The response body, unless it is larger than the maximum.
pub(crate) async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = vec![];
    while let Some(piece) = response.chunk().await.map_err(cause)? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_SIZE {
            return Err("the answer was too long".into());
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_by_https_or_of_this_machine() {
        for good in [
            "https://api.example.org/send",
            "http://127.0.0.1:8080/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/x",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.example.org",
            "http://example.org/",
            "http://10.0.0.1/",
            "ftp://localhost/",
            "https://a:b@example.org/",
            "http://localhost.example.org/",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
