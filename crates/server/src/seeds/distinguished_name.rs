//! Owners as distinguished names (RFC 4514), as in PSKC (RFC 6030 §4.3.1): which value is the user's name. This module
//! never guesses: the administrator who imports the file names the attribute, and a text that is not a distinguished
//! name has no attributes.

/// The value of the first attribute of this type, which is the most specific one. Types are compared without case; a
/// type may be an object identifier if the name uses it. `None` if the text is not a distinguished name or has no such
/// attribute.
pub(crate) fn attribute(name: &str, wanted: &str) -> Option<String> {
    let mut found = None;
    for pair in split(name, [',', '+', ';'])? {
        let (kind, value) = pair.split_once('=')?;
        let kind = kind.trim();
        let (start, identifier) = kind.split_at_checked(4).unwrap_or_default();
        let kind = if start.eq_ignore_ascii_case("oid.") { identifier } else { kind };
        if found.is_none() && kind.eq_ignore_ascii_case(wanted.trim()) {
            found = Some(unescaped(value)?);
        }
    }
    found.filter(|value| !value.is_empty())
}

/// The parts between separators that are neither escaped nor quoted. `None` if a quotation mark is not closed.
fn split(text: &str, separators: [char; 3]) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut is_escaped, mut is_quoted) = (vec![], 0, false, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if !is_quoted && separators.contains(&letter) => {
                parts.push(text.get(start..place)?);
                start = place.saturating_add(letter.len_utf8());
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!is_quoted && !is_escaped).then_some(parts)
}

/// A value without quotation marks and escapes. `None` if it is a hexadecimal encoding (`#04…`) or is malformed.
fn unescaped(value: &str) -> Option<String> {
    let value = trimmed(value);
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    if value.starts_with('#') {
        return None;
    }
    let (mut bytes, mut rest) = (vec![], value);
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let pair = after.get(..2).filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let pair = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let letter = after.chars().next()?;
        let length = if let Some(byte) = pair {
            bytes.push(byte);
            2
        } else {
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            letter.len_utf8()
        };
        rest = after.get(length..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// The text without surrounding spaces, except an escaped one.
fn trimmed(value: &str) -> &str {
    let start = value.trim_start();
    let end = start.trim_end();
    let is_escaped = end.ends_with('\\') && end.len() < start.len();
    if is_escaped { start.get(..end.len().saturating_add(1)).unwrap_or(end) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attribute_of_the_type_names_the_user() {
        for (name, wanted, value) in [
            ("CN=ada, DC=example, DC=org", "cn", "ada"),
            ("UID=jsmith,DC=example-bank,DC=net", "uid", "jsmith"),
            ("UID=jsmith,DC=example-bank,DC=net", "DC", "example-bank"),
            ("CN=Ada,CN=Users,DC=example,DC=org", "CN", "Ada"),
            ("OU=Sales+CN=J.  Smith,DC=example,DC=net", "cn", "J.  Smith"),
            ("CN=Lovelace\\, Ada,OU=x", "cn", "Lovelace, Ada"),
            ("CN=\"Lovelace, Ada\",OU=x", "cn", "Lovelace, Ada"),
            ("CN=Lu\\C4\\8Di\\C4\\87", "cn", "Lučić"),
            ("cn = ada ; ou=x", "CN", "ada"),
            ("cn=a\\=b,ou=x", "cn", "a=b"),
            ("cn=team\\+1,ou=x", "cn", "team+1"),
            ("cn=a=b,ou=x", "cn", "a=b"),
            ("0.9.2342.19200300.100.1.1=ada", "0.9.2342.19200300.100.1.1", "ada"),
            ("OID.2.5.4.3=ada", "2.5.4.3", "ada"),
            ("cn=ada\\ ,ou=x", "cn", "ada "),
        ] {
            assert_eq!(attribute(name, wanted).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn what_is_no_distinguished_name_has_no_attribute() {
        for name in ["ada", "", "CN=", "OU=x,DC=org", "ada,CN=x", "CN=\"ada", "CN=ada\\", "CN=#04024869", "CN=\\FF"] {
            assert_eq!(attribute(name, "cn"), None, "{name}");
        }
    }
}
