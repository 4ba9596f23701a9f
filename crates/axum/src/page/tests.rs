//! What every template and text has to be: complete, escaped, labelled, without a word or a script of its own.

use std::{collections::BTreeSet, fs};

use countersign_engine::core::{Kind, Refusal};
use fluent_bundle::FluentResource;

use super::*;
use crate::{message::Message, text::ENGLISH, trouble::Unread, why::Why};

/// Every id that a template or the code uses.
fn asked() -> BTreeSet<String> {
    // `about("name"` is no question for a text.
    let calls = |source: &'static str| source.match_indices("t(\"").map(move |(at, call)| (source.split_at(at), call));
    let calls = EMBEDDED.iter().flat_map(|(_, source)| calls(source));
    let calls = calls.filter(|((before, _), _)| !before.ends_with(char::is_alphanumeric));
    let literal = calls.map(|((_, rest), call)| rest[call.len()..].split_once('"').unwrap());
    let literal = literal.filter(|(_, rest)| !rest.trim_start().starts_with('~')).map(|(id, _)| id.to_owned());
    let refusals = Refusal::ALL.iter().map(|refusal| Problem::from(refusal.clone()).message());
    let told = refusals.chain([Problem::NotSure.message()]).chain(Message::ALL.map(|message| message.id().to_owned()));
    let unread = Unread::ALL.map(|unread| format!("api-{}", unread.code()));
    let told = told.chain(unread).flat_map(|id| [format!("{id}.next"), id]);
    let methods = Kind::OURS.map(|kind| format!("method-{kind}"));
    let enrolled = Kind::OURS.into_iter().filter(|kind| !kind.is_fallback());
    let enrolled = enrolled.flat_map(|kind| [format!("need-{kind}"), format!("device-name-{kind}")]);
    let delivered = Kind::OURS.into_iter().filter(Kind::is_delivered).map(|kind| format!("sent-{kind}"));
    let used = Kind::OURS.into_iter().filter(|kind| !kind.is_fallback()).map(|kind| format!("use-{kind}"));
    let methods = methods.into_iter().chain(delivered).chain(used);
    let by_code = [
        "moment",
        "moment-precise",
        "moment-time",
        "session-aal1",
        "session-aal2",
        "session-phishing-resistant",
        "wait",
        "sent-until",
        "device-created",
        "device-last-used",
        "device-valid-until",
        "sign-in-until",
        "moment-month",
        "misdirected",
        "incident",
        "api-fault",
        "device-name-backup-codes",
        "ask-totp",
        "ask-hotp",
        "ask-totp-unnamed",
        "ask-hotp-unnamed",
        "setup-to-tel",
        "setup-to-hint-tel",
        "setup-to-email",
        "setup-to-hint-email",
        "use-device",
        "use-backup-code",
    ];
    let notices = Why::ALL.into_iter().flat_map(|why| why.pages().iter().map(move |page| why.message(page)));
    let gates = ["nobody", "login", "token", "session", "fresh"].map(|gate| format!("reference-gate-{gate}"));
    literal
        .chain(told)
        .chain(gates)
        .chain(methods)
        .chain(enrolled)
        .chain(notices)
        .chain(by_code.map(str::to_owned))
        .chain(told_to_clients_of_deux())
        .collect()
}

/// The ids that only the front end for deux's clients uses.
fn told_to_clients_of_deux() -> Vec<String> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/routes/deux")).unwrap();
    let sources = folder.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let ids = |source: String| {
        let rests = source.split("\"deux-").skip(1).map(|rest| rest.split('"').next().unwrap());
        rests.map(|rest| format!("deux-{rest}")).collect::<Vec<_>>()
    };
    sources.flat_map(ids).collect()
}

/// Every id that the English texts have.
fn said() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for (_, source) in ENGLISH {
        FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| errors).unwrap();
        ids.extend(ids_in(source));
    }
    ids
}

fn ids_in(source: &str) -> Vec<String> {
    let mut message = String::new();
    let mut ids = vec![];
    for line in source.lines() {
        let name = line.split_once('=').map(|(name, _)| name.trim_end());
        match name {
            Some(name) if name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                message = name.to_owned();
                ids.push(message.clone());
            }
            Some(name) if name.trim_start().starts_with('.') => ids.push(format!("{message}{}", name.trim_start())),
            _ => {}
        }
    }
    ids
}

#[test]
fn every_text_is_there_and_none_is_idle() {
    let (asked, said) = (asked(), said());
    assert_eq!(asked.difference(&said).collect::<Vec<_>>(), Vec::<&String>::new(), "no such text");
    assert_eq!(said.difference(&asked).collect::<Vec<_>>(), Vec::<&String>::new(), "nobody asks for it");
}

#[test]
fn no_text_stands_in_a_template() {
    for (name, source) in EMBEDDED {
        let bare = without(&without(&without(source, "{#", "#}"), "{%", "%}"), "{{", "}}");
        let visible = without(&bare, "<", ">").replace("<!doctype html>", "");
        let words: Vec<_> = visible.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).collect();
        assert!(words.is_empty() || name == "field.html", "{name}: {words:?}");
        for attribute in ["alt=\"", "title=\"", "placeholder=\"", "aria-label=\""] {
            for (_, value) in source.match_indices(attribute).map(|(at, _)| source.split_at(at + attribute.len())) {
                assert!(value.starts_with("{{"), "{name}: {attribute}{}", &value[..20]);
            }
        }
    }
}

fn without(text: &str, open: &str, close: &str) -> String {
    let mut parts = text.split(open);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once(close).map_or("", |(_, rest)| rest))
}

#[test]
fn no_style_or_script_stands_in_a_template() {
    for (name, source) in EMBEDDED {
        for inline in
            ["<style", " style=", "javascript:", " onclick", " onload", " onsubmit", "| safe", "|safe", "autoescape"]
        {
            assert!(!source.contains(inline), "{name} has {inline}");
        }
        let scripts = source.matches("<script").count();
        assert_eq!(scripts, source.matches("<script src=\"{{ assets[").count(), "{name}");
    }
}

#[test]
fn every_form_has_its_token_and_every_input_its_label() {
    for (name, source) in EMBEDDED {
        for form in source.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            let (head, inner) = form.split_once('>').unwrap();
            assert!(head.contains("method=\"get\"") || inner.contains("name=\"form\""), "{name}: {head}");
        }
        for input in source.split("<input").skip(1).map(|input| input.split('>').next().unwrap()) {
            let hidden = input.contains("type=\"hidden\"") || input.contains("aria-hidden");
            let wrapped = input.contains("type=\"checkbox\"") || input.contains("type=\"radio\"");
            let id = input.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next());
            let labelled = id.is_some_and(|id| source.contains(&format!("<label for=\"{id}\"")));
            assert!(hidden || wrapped || labelled, "{name}: {input}");
        }
    }
}
