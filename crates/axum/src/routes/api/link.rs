//! OpenAPI links: which request can follow a response, and which of its members take a value from that response.
//!
//! Links only document the API. The handlers accept a value whether or not it came by a link.

use serde_json::{Map, Value, json};

use super::operation::{Operation, Shape};

/// A link from the responses of some operations to the requests that use their values.
struct Link {
    from: &'static [&'static str],
    to: &'static [&'static str],
    /// The member or path parameter of the request, and the JSON pointer of its value in the response.
    hands: &'static [(&'static str, &'static str)],
}

const LINKS: [Link; 8] = [
    Link { from: &["login"], to: LOGIN, hands: &[("login", "/pending/login"), ("device", "/pending/asked/id")] },
    Link { from: &["loginChallenge", "loginSend"], to: LOGIN, hands: &[("login", "/login"), ("device", "/asked/id")] },
    Link {
        from: &["stepUp", "stepUpChallenge", "stepUpSend"],
        to: &["stepUpChallenge", "stepUpSend", "stepUpAnswer"],
        hands: &[("step_up", "/step_up"), ("device", "/asked/id")],
    },
    Link {
        from: &["setup", "setupShow", "setupSend"],
        to: &["setupShow", "setupSend", "setupConfirm", "setupCancel"],
        hands: &[("setup", "/setup")],
    },
    Link {
        from: &["devices"],
        to: &["deviceRename", "devicePrefer", "deviceRemove"],
        hands: &[("id", "/devices/0/id")],
    },
    Link { from: &["sessions"], to: &["sessionEnd"], hands: &[("id", "/sessions/0/id")] },
    Link { from: &["tokens"], to: &["tokenEnd"], hands: &[("id", "/tokens/0/id")] },
    Link { from: &["tokenMake"], to: &["tokenEnd"], hands: &[("id", "/made/id")] },
];

/// The operations that continue a pending login.
const LOGIN: &[&str] = &["loginChallenge", "loginSend", "loginAnswer", "loginCancel"];

/// The links from this operation's response to the others.
pub(super) fn links(from: &Operation, operations: &[Operation]) -> Map<String, Value> {
    let mut links = Map::new();
    for Link { to, hands, .. } in LINKS.iter().filter(|link| link.from.contains(&from.name)) {
        for next in operations.iter().filter(|operation| to.contains(&operation.name)) {
            links.insert(next.name.to_owned(), link(next, hands));
        }
    }
    links
}

fn link(next: &Operation, hands: &[(&str, &str)]) -> Value {
    let members = next.takes.as_ref().map(Shape::members).unwrap_or_default();
    let taken = |is_taken: &dyn Fn(&str) -> bool| {
        let taken = hands.iter().filter(|(name, _)| is_taken(name));
        taken.map(|(name, place)| ((*name).to_owned(), format!("$response.body#{place}").into())).collect()
    };
    let parameters: Map<String, Value> = taken(&|name| next.path.contains(&format!("{{{name}}}")));
    let body: Map<String, Value> = taken(&|name| members.iter().any(|member| member.name == name));
    let mut link = json!({ "operationId": next.name });
    for (place, values) in [("parameters", parameters), ("requestBody", body)] {
        if let Some(link) = link.as_object_mut().filter(|_| !values.is_empty()) {
            link.insert(place.to_owned(), values.into());
        }
    }
    link
}
