//! What is said in a call, as TwiML: words from templates, escaped as XML.

use countersign_engine::{Fault, core::Secret};
use minijinja::context;

use super::voice;
use crate::Texts;

/// Seconds that a key may be waited for.
const WAIT: u32 = 15;
/// How often the digits are read out.
const TIMES: usize = 2;

/// Who calls, and that a key is to be pressed; without one, good bye.
pub(super) fn greeting(texts: &Texts, site: &str, language: Option<&str>, next: &str) -> Result<String, Fault> {
    let greeting = say(&words(texts, "call_greeting.txt", site, language)?, language);
    let goodbye = say(&words(texts, "call_goodbye.txt", site, language)?, language);
    let next = escaped(next);
    Ok(document(&format!(
        r#"<Gather numDigits="1" timeout="{WAIT}" method="POST" action="{next}">{greeting}</Gather>{goodbye}<Hangup/>"#
    )))
}

/// The digits, one by one, twice.
pub(super) fn digits(texts: &Texts, code: &Secret, site: &str, language: Option<&str>) -> Result<String, Fault> {
    let intro = say(&words(texts, "call_code.txt", site, language)?, language);
    let mut digits = String::new();
    for digit in code.expose().chars() {
        digits.push_str(&say(&format!("{digit}."), language));
    }
    let goodbye = say(&words(texts, "call_goodbye.txt", site, language)?, language);
    let read = format!(r#"{intro}<Pause length="1"/>{digits}<Pause length="1"/>"#).repeat(TIMES);
    Ok(document(&format!("{read}{goodbye}<Hangup/>")))
}

/// The last words.
pub(super) fn goodbye(texts: &Texts, site: &str, language: Option<&str>) -> Result<String, Fault> {
    Ok(document(&format!("{}<Hangup/>", say(&words(texts, "call_goodbye.txt", site, language)?, language))))
}

fn words(texts: &Texts, file: &str, site: &str, language: Option<&str>) -> Result<String, Fault> {
    let rendered = texts.render(file, language, &context! { site });
    rendered.map_err(|error| Fault::because("find words for a call", format!("a template failed: {:?}", error.kind())))
}

fn document(content: &str) -> String {
    format!(r#"<?xml version="1.0" encoding="UTF-8"?><Response>{content}</Response>"#)
}

fn say(text: &str, language: Option<&str>) -> String {
    format!(r#"<Say language="{}">{}</Say>"#, voice::nearest(language), escaped(text))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            c if c.is_control() && c != '\n' => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_before_the_digits_and_the_digits_come_twice() {
        let texts = Texts::read(None).unwrap();
        let greeting = greeting(&texts, "A & B <x>", Some("nl"), "https://id.example.org/a?b=1&c=2").unwrap();
        assert!(greeting.contains("A &amp; B &lt;x&gt;") && greeting.contains(r#"language="nl-NL""#));
        assert!(
            greeting.contains(r#"action="https://id.example.org/a?b=1&amp;c=2""#)
                && greeting.contains("numDigits=\"1\"")
        );
        let digits = digits(&texts, &Secret::new("012345"), "Example", None).unwrap();
        let read: Vec<_> =
            digits.split("<Say language=\"en-US\">").filter_map(|part| part.strip_suffix(".</Say>")).collect();
        assert_eq!(read.concat().matches("01234").count(), 2, "{digits}");
        assert!(goodbye(&texts, "Example", None).unwrap().ends_with("<Hangup/></Response>"));
    }
}
