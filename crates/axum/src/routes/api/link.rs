//! What answers lead on to: the part of the description by which a program finds the next request, and what to put in it.
//!
//! A link says where something stands in an answer and which member of the next request takes it. Nothing rests on links;
//! a request is judged by what it brings, wherever that came from.

use serde_json::{Map, Value, json};

use super::operation::{Operation, Shape};

/// From answers to the requests that go on with what they give.
struct Link {
    from: &'static [&'static str],
    to: &'static [&'static str],
    /// The member or the part of the path that takes something, and where that stands in the answer.
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

/// What goes on with a login under way.
const LOGIN: &[&str] = &["loginChallenge", "loginSend", "loginAnswer", "loginCancel"];

/// The links of this operation's answer to the others.
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
