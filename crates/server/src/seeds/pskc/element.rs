//! Reading an element, and errors about it. This module never quotes the file: an error has the line, the name that was
//! looked for, and nothing of the content.

use anyhow::{Result, anyhow};
use data_encoding::BASE64;
use roxmltree::{Error, Node};
use zeroize::Zeroizing;

/// The bytes in an element. Line breaks in base64 are not specified, so white space is ignored.
pub(super) fn base64(element: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>> {
    let text = content(element);
    let mut letters = Zeroizing::new(String::with_capacity(text.len()));
    letters.extend(text.split_ascii_whitespace());
    let bytes = BASE64.decode(letters.as_bytes());
    bytes.map(Zeroizing::new).map_err(|_| wrong(element, "this is not base64"))
}

/// The text in an element, without surrounding white space.
pub(super) fn content(element: Node<'_, '_>) -> Zeroizing<String> {
    let texts = || element.children().filter_map(|child| child.text().filter(|_| child.is_text()));
    let mut whole = Zeroizing::new(String::with_capacity(texts().map(str::len).sum()));
    whole.extend(texts());
    Zeroizing::new(whole.trim().to_owned())
}

/// The children of `parent` with this name. Writers agree neither on the namespaces of the inner elements nor on their
/// case.
pub(super) fn children<'a>(parent: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    parent.children().filter(move |child| is_named(*child, name))
}

/// Whether this is an element of this name, in any case: privacyIDEA writes all names in lower case.
pub(super) fn is_named(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name().eq_ignore_ascii_case(name)
}

/// The attribute of this name, in any case. `None` if there are several, because they may differ.
pub(super) fn attribute<'a>(element: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut all = element.attributes().filter(|attribute| attribute.name().eq_ignore_ascii_case(name));
    let first = all.next()?;
    all.next().is_none().then(|| first.value())
}

/// The only child of this name, if there is one. Two are an error: another program might use the other one.
pub(super) fn only<'a>(parent: Node<'a, 'a>, name: &str) -> Result<Option<Node<'a, 'a>>> {
    let mut all = parent.children().filter(|child| is_named(*child, name));
    match (all.next(), all.next()) {
        (_, Some(second)) => Err(wrong(second, &format!("there is a second <{name}>"))),
        (first, None) => Ok(first),
    }
}

/// The same, but a missing element is an error.
pub(super) fn needed<'a>(parent: Node<'a, 'a>, name: &str) -> Result<Node<'a, 'a>> {
    only(parent, name)?.ok_or_else(|| wrong(parent, &format!("there is no <{name}> in it")))
}

/// An error with the line where the element begins.
pub(super) fn wrong(element: Node<'_, '_>, what: &str) -> anyhow::Error {
    let place = element.document().text_pos_at(element.range().start);
    anyhow!("line {}: {what}", place.row)
}

/// Adds the line to an error that has none.
pub(super) fn at(element: Node<'_, '_>, error: &anyhow::Error) -> anyhow::Error {
    wrong(element, &error.to_string())
}

/// The parser's error, without the texts that it quotes.
pub(super) fn malformed(text: &str, error: &roxmltree::Error) -> anyhow::Error {
    let line_before = |before: &str| before.matches('\n').count().saturating_add(1);
    match error {
        Error::DtdDetected => {
            let line = line_before(text.split("<!DOCTYPE").next().unwrap_or_default());
            anyhow!("line {line}: a document type is declared, and none is allowed")
        }
        Error::NodesLimitReached => anyhow!("the file has too many elements"),
        Error::NoRootNode | Error::UnclosedRootNode | Error::UnexpectedEndOfStream => {
            anyhow!("line {}: the file ends too early", line_before(text.trim_end()))
        }
        _ => anyhow!("line {}: this is not well-formed XML", error.pos().row),
    }
}
