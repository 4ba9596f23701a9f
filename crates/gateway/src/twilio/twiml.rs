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
    let greeting = words(texts, "call_greeting.txt", site, language)?;
    let goodbye = words(texts, "call_goodbye.txt", site, language)?;
    let next = escaped(next);
    Ok(document(&format!(
        r#"<Gather numDigits="1" timeout="{WAIT}" method="POST" action="{next}">{greeting}</Gather>{goodbye}<Hangup/>"#
    )))
}

/// The digits, one by one, twice.
pub(super) fn digits(texts: &Texts, code: &Secret, site: &str, language: Option<&str>) -> Result<String, Fault> {
    let intro = words(texts, "call_code.txt", site, language)?;
    let spoken = spoken(texts, "call_code.txt", language);
    let mut digits = String::new();
    for digit in code.expose().chars() {
        digits.push_str(&say(&format!("{digit}."), spoken));
    }
    let goodbye = words(texts, "call_goodbye.txt", site, language)?;
    let read = format!(r#"{intro}<Pause length="1"/>{digits}<Pause length="1"/>"#).repeat(TIMES);
    Ok(document(&format!("{read}{goodbye}<Hangup/>")))
}

/// The last words.
pub(super) fn goodbye(texts: &Texts, site: &str, language: Option<&str>) -> Result<String, Fault> {
    Ok(document(&format!("{}<Hangup/>", words(texts, "call_goodbye.txt", site, language)?)))
}

/// What a file says, in a voice of the language that the file is written in.
fn words(texts: &Texts, file: &str, site: &str, language: Option<&str>) -> Result<String, Fault> {
    const DOING: &str = "find words for a call";
    let words = texts.render(file, language, &context! { site });
    let words = words.map_err(|error| Fault::because(DOING, format!("a template failed: {:?}", error.kind())))?;
    Ok(say(&words, spoken(texts, file, language)))
}

/// The language of a file, as whoever listens speaks it.
fn spoken<'l>(texts: &Texts, file: &str, language: Option<&'l str>) -> &'l str {
    let written = texts.language_of(file, language);
    let tongue = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    language.filter(|language| tongue(language) == tongue(written)).unwrap_or(written)
}

fn document(content: &str) -> String {
    format!(r#"<?xml version="1.0" encoding="UTF-8"?><Response>{content}</Response>"#)
}

fn say(text: &str, language: &str) -> String {
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
        let greeting = greeting(&texts, "A & B <x>", None, "https://id.example.org/a?b=1&c=2").unwrap();
        assert!(greeting.contains("A &amp; B &lt;x&gt;"));
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

    /// English words read out by a Dutch voice are understood by nobody.
    #[test]
    fn a_voice_speaks_the_language_of_its_words() {
        let english = digits(&Texts::read(None).unwrap(), &Secret::new("012345"), "Example", Some("nl")).unwrap();
        assert!(english.contains(r#"language="en-US""#) && !english.contains("nl-NL"), "{english}");
        let british = goodbye(&Texts::read(None).unwrap(), "Example", Some("en-GB")).unwrap();
        assert!(british.contains(r#"language="en-GB""#), "{british}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("nl")).unwrap();
        std::fs::write(folder.path().join("nl/call_code.txt"), "Uw code is:").unwrap();
        let texts = Texts::read(Some(folder.path())).unwrap();
        let dutch = digits(&texts, &Secret::new("012345"), "Example", Some("nl-BE")).unwrap();
        assert!(dutch.contains(r#"<Say language="nl-NL">Uw code is:"#), "{dutch}");
        assert!(dutch.contains(r#"<Say language="nl-NL">0."#) && dutch.contains(r#"<Say language="en-US">Good"#));
    }
}
