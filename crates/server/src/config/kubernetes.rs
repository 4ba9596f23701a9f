//! Environment variables that Kubernetes sets for a Service whose name begins with `countersign`.
//!
//! Each pod gets the Services of its namespace as variables (Kubernetes' documentation, "Discovering services"): for a
//! Service `countersign` they begin with `COUNTERSIGN_`, and for `countersign-db` with `COUNTERSIGN_DB_`. They are not
//! misspelt settings. They are recognised by both name and value: `COUNTERSIGN_PORT=tcp://10.0.0.7:80` is set by
//! Kubernetes, and `COUNTERSIGN_PORT=8000` is an unknown setting.

use std::net::{IpAddr, SocketAddr};

/// The transport protocols that a Service's port can have.
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Whether Kubernetes sets this variable for a Service. `name` is without the prefix of settings.
pub(super) fn sets(name: &str, value: &str) -> bool {
    let is_name = |name: &str| {
        name.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_')
            && !name.starts_with('_')
    };
    // If the Service is named `countersign`, its name is the prefix itself.
    let places = std::iter::once(0).chain(name.match_indices('_').map(|(place, _)| place.saturating_add(1)));
    is_name(name) && places.filter_map(|place| name.get(place..)).any(|role| has_role(role, value))
}

fn has_role(role: &str, value: &str) -> bool {
    if role == "SERVICE_HOST" {
        return value.parse::<IpAddr>().is_ok();
    }
    if role == "SERVICE_PORT" || role.strip_prefix("SERVICE_PORT_").is_some_and(|name| !name.is_empty()) {
        return is_port(value);
    }
    if role == "PORT" {
        return PROTOCOLS.iter().any(|protocol| is_address(value, protocol));
    }
    role.strip_prefix("PORT_").is_some_and(|port| describes(port, value))
}

/// Whether this variable describes one port, such as `8000_TCP_PROTO` with the value `tcp`.
fn describes(port: &str, value: &str) -> bool {
    let Some((number, rest)) = port.split_once('_').filter(|(number, _)| is_port(number)) else { return false };
    let (protocol, member) = rest.split_once('_').map_or((rest, None), |(protocol, member)| (protocol, Some(member)));
    let protocol = protocol.to_ascii_lowercase();
    PROTOCOLS.contains(&protocol.as_str())
        && match member {
            None => is_address(value, &protocol),
            Some("PROTO") => value == protocol,
            Some("PORT") => value == number,
            Some("ADDR") => value.parse::<IpAddr>().is_ok(),
            Some(_) => false,
        }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// Whether this is a protocol, IP address and port, such as `tcp://10.0.0.7:8000`.
fn is_address(text: &str, protocol: &str) -> bool {
    let address = text.strip_prefix(protocol).and_then(|rest| rest.strip_prefix("://"));
    address.is_some_and(|address| address.parse::<SocketAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting;

    #[test]
    fn variables_of_a_service_are_recognised_by_name_and_value() {
        for (role, value) in [
            ("SERVICE_HOST", "10.0.0.7"),
            ("SERVICE_HOST", "fd00::7"),
            ("SERVICE_PORT", "8000"),
            ("SERVICE_PORT_HTTP", "8000"),
            ("SERVICE_PORT_HTTP_2", "8000"),
            ("PORT", "tcp://10.0.0.7:8000"),
            ("PORT", "udp://[fd00::7]:8000"),
            ("PORT_8000_TCP", "tcp://10.0.0.7:8000"),
            ("PORT_8000_TCP_PROTO", "tcp"),
            ("PORT_8000_TCP_PORT", "8000"),
            ("PORT_8000_TCP_ADDR", "10.0.0.7"),
        ] {
            for service in ["", "DB_", "SMTP_RELAY_2_"] {
                assert!(sets(&format!("{service}{role}"), value), "{service}{role}={value}");
            }
        }
    }

    #[test]
    fn what_somebody_has_written_is_not_taken_for_one() {
        for (name, value) in [
            ("PORT", "8000"),
            ("PORT", "tcp://countersign:8000"),
            ("PORT", ""),
            ("DB_PORT", "5432"),
            ("SERVICE_HOST", "id.example.org"),
            ("SERVICE_PORT", "http"),
            ("SERVICE_PORT_", "8000"),
            ("PORT_8000_TCP", "udp://10.0.0.7:8000"),
            ("PORT_8000_TCP_PORT", "8001"),
            ("PORT_8000_TCP_NAME", "web"),
            ("PORT_HTTP_TCP", "tcp://10.0.0.7:8000"),
            ("port", "tcp://10.0.0.7:8000"),
            ("_PORT", "tcp://10.0.0.7:8000"),
            ("HOST", "10.0.0.7"),
            ("BINDD", "127.0.0.1:8000"),
        ] {
            assert!(!sets(name, value), "{name}={value}");
        }
    }

    #[test]
    fn no_setting_has_such_a_name() {
        for setting in setting::all() {
            let name = setting.name.to_ascii_uppercase();
            for value in ["10.0.0.7", "8000", "tcp://10.0.0.7:8000", "tcp"] {
                assert!(!sets(&name, value), "{name}");
            }
        }
    }
}
