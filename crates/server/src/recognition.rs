//! How `countersign doctor` recognises this installation behind its public URL.
//!
//! Doctor sends a random challenge with a tag. The server answers with what it saw of the request, and with a tag on
//! challenge and answer. Both tags are HMACs under the key file, which doctor and server share. A public id would give
//! information to outsiders. This protocol gives none: a request without a valid tag gets the response for a page that
//! does not exist, so an outsider learns neither which installation answers nor whether two URLs are the same
//! installation, and cannot obtain tags; and no other server can impersonate this one. A replayed challenge is answered
//! only with what its sender knows already: where its own request came from.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::HeaderValue,
    response::{IntoResponse as _, Response},
    routing::get,
};
use countersign_axum::{Countersign, Network, Visitor};
use countersign_engine::{Keyring, Random};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use crate::home;

/// The path that doctor requests.
pub(crate) const PATH: &str = "/doctor";
/// The header with the challenge and its tag, separated by a full stop.
pub(crate) const CHALLENGE: &str = "countersign-challenge";

/// What a server saw of doctor's request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The IP address of the connection's other end: the proxy, if there is one.
    pub(crate) peer: Option<IpAddr>,
    /// Whether the server trusts the peer as a proxy.
    pub(crate) is_trusted: bool,
    /// The IP address that the server uses as the client's.
    pub(crate) remote_ip: Option<IpAddr>,
    /// The values of `X-Forwarded-For`, the nearest last.
    pub(crate) forwarded_for: Vec<String>,
}

/// A challenge to a server.
#[derive(Debug)]
pub(crate) struct Challenge(String);

impl Challenge {
    /// A new challenge of 256 random bits.
    pub(crate) fn draw(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(BASE64URL_NOPAD.encode(&bytes))
    }

    /// The challenge with its tag, for the header.
    pub(crate) fn signed(&self, keys: &Keyring) -> String {
        format!("{}.{}", self.0, keys.tag(&self.question()))
    }

    /// The challenge in a header, if its tag was made with a key of this installation.
    fn read(header: Option<&HeaderValue>, tag_holds: impl Fn(&[&str], &str) -> bool) -> Option<Self> {
        let (challenge, tag) = header?.to_str().ok()?.split_once('.')?;
        let challenge = Self(challenge.to_owned());
        tag_holds(&challenge.question(), tag).then_some(challenge)
    }

    /// What the server saw, if the answer is for this challenge and its tag was made with a key of this installation.
    pub(crate) fn answered(&self, answer: &str, keys: &Keyring) -> Option<Seen> {
        let (tag, seen) = answer.split_once('\n')?;
        keys.tag_holds(&self.answer(seen), tag).then(|| serde_json::from_str(seen).ok()).flatten()
    }

    fn question(&self) -> [&str; 3] {
        ["doctor", "question", &self.0]
    }

    fn answer<'a>(&'a self, seen: &'a str) -> [&'a str; 4] {
        ["doctor", "answer", &self.0, seen]
    }
}

/// The route, still to be protected by the site's layer. For all requests but doctor's it does not exist.
pub(crate) fn route(site: Countersign, proxies: Vec<Network>) -> Router {
    Router::new().route(PATH, get(recognise)).with_state((site, proxies))
}

async fn recognise(
    State((site, proxies)): State<(Countersign, Vec<Network>)>,
    visitor: Visitor,
    request: Request,
) -> Response {
    let engine = site.engine();
    let header = request.headers().get(CHALLENGE);
    let challenge = Challenge::read(header, |parts, tag| engine.tag_holds(parts, tag));
    let answer = challenge.and_then(|challenge| {
        let seen = serde_json::to_string(&seen(&request, &visitor, &proxies)).ok()?;
        Some(format!("{}\n{seen}", engine.tag(&challenge.answer(&seen))))
    });
    match answer {
        Some(answer) => answer.into_response(),
        None => home::nothing(State(site), visitor).await,
    }
}

fn seen(request: &Request, visitor: &Visitor, proxies: &[Network]) -> Seen {
    let peer = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip().to_canonical());
    let lines = request.headers().get_all("x-forwarded-for").into_iter().map(|line| line.to_str().unwrap_or_default());
    Seen {
        peer,
        is_trusted: peer.is_some_and(|peer| proxies.iter().any(|network| network.contains(peer))),
        remote_ip: visitor.address(),
        forwarded_for: lines.flat_map(|line| line.split(',')).map(|hop| hop.trim().to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use countersign_engine::OsRandom;

    use super::*;

    fn keys() -> Keyring {
        Keyring::parse(&Keyring::new_line(1, &OsRandom)).unwrap()
    }

    fn seen() -> String {
        let ip = "192.0.2.1".parse().ok();
        let seen = Seen { peer: ip, is_trusted: true, remote_ip: ip, forwarded_for: vec!["192.0.2.1".into()] };
        serde_json::to_string(&seen).unwrap()
    }

    #[test]
    fn t146_a_challenge_is_read_only_from_a_holder_of_a_key() {
        let (ours, others) = (keys(), keys());
        let challenge = Challenge::draw(&OsRandom);
        let read = |text: &str| {
            let header = HeaderValue::from_str(text).unwrap();
            Challenge::read(Some(&header), |parts, tag| ours.tag_holds(parts, tag)).map(|read| read.0)
        };
        assert_eq!(read(&challenge.signed(&ours)), Some(challenge.0.clone()));
        let (text, tag) = (challenge.0.as_str(), ours.tag(&challenge.answer("")));
        for forged in [&challenge.signed(&others), text, "", ".", &format!("{text}."), &format!("{text}.{tag}")] {
            assert_eq!(read(forged), None, "{forged}");
        }
        assert!(Challenge::read(None, |_, _| true).is_none());
    }

    #[test]
    fn t146_an_answer_counts_only_from_a_holder_of_a_key_and_for_its_challenge() {
        let (ours, others) = (keys(), keys());
        let [challenge, other] = [(), ()].map(|()| Challenge::draw(&OsRandom));
        let answer = |keys: &Keyring, seen: &str| format!("{}\n{seen}", keys.tag(&challenge.answer(seen)));
        assert!(challenge.answered(&answer(&ours, &seen()), &ours).is_some_and(|seen| seen.is_trusted));
        assert_eq!(other.answered(&answer(&ours, &seen()), &ours), None, "the answer to another challenge");
        assert_eq!(challenge.answered(&answer(&others, &seen()), &ours), None, "another installation");
        let altered = answer(&ours, &seen()).replace("192.0.2.1", "192.0.2.2");
        assert_eq!(challenge.answered(&altered, &ours), None, "altered on the way");
        for answer in ["", "\n", "<!DOCTYPE html>\n<title>"] {
            assert_eq!(challenge.answered(answer, &ours), None, "{answer}");
        }
    }
}
