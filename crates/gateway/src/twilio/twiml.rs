//! The text of a call as TwiML: from templates, escaped as XML.

use countersign_engine::{Fault, core::Secret};
use minijinja::context;

use super::voice;
use crate::Texts;

/// How long to wait for a key, in seconds.
const WAIT: u32 = 15;
/// How often the digits are read out.
const TIMES: usize = 2;
/// A pause for writing a digit down, which also keeps a voice from reading several digits as one number.
const PAUSE: &str = r#"<Pause length="1"/>"#;

/// Says who is calling and asks for a key; without one, says goodbye.
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
        digits.push_str(&say(&digit.to_string(), spoken));
        digits.push_str(PAUSE);
    }
    let goodbye = words(texts, "call_goodbye.txt", site, language)?;
    let read = format!("{intro}{PAUSE}{digits}").repeat(TIMES);
    Ok(document(&format!("{read}{goodbye}<Hangup/>")))
}

/// The end of the call.
pub(super) fn goodbye(texts: &Texts, site: &str, language: Option<&str>) -> Result<String, Fault> {
    Ok(document(&format!("{}<Hangup/>", words(texts, "call_goodbye.txt", site, language)?)))
}

/// The text of a file, in a voice of the language that the file is written in.
fn words(texts: &Texts, file: &str, site: &str, language: Option<&str>) -> Result<String, Fault> {
    const DOING: &str = "find words for a call";
    let words = texts.render(file, language, &context! { site });
    let words = words.map_err(|error| Fault::because(DOING, format!("a template failed: {:?}", error.kind())))?;
    Ok(say(&words, spoken(texts, file, language)))
}

/// The spoken language of a file.
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
            // XML does not allow these characters, not even as references.
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() && c != '\n' => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verbs of a document in order, parsed by a third-party parser.
    fn steps(document: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(document).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "Response");
        document.root_element().descendants().skip(1).filter_map(|node| step(&node)).collect()
    }

    fn step(node: &roxmltree::Node<'_, '_>) -> Option<String> {
        let attribute = |name| node.attribute(name).unwrap_or_default();
        Some(match node.tag_name().name() {
            "" => return None,
            "Say" => node.text().unwrap_or_default().to_owned(),
            "Pause" => "…".into(),
            "Gather" => ["numDigits", "timeout", "method", "action"].map(attribute).join(" "),
            other => other.to_lowercase(),
        })
    }

    #[test]
    fn a_key_comes_before_the_digits() {
        let greeting = greeting(&Texts::read(None).unwrap(), "Example", None, "https://id.example.org/a?b=1&c=2");
        let gather = "1 15 POST https://id.example.org/a?b=1&c=2";
        let words = "Hello. This is Example. To hear your code, press any key.";
        assert_eq!(steps(&greeting.unwrap()), [gather, words, "Goodbye.", "hangup"]);
    }

    #[test]
    fn the_digits_come_one_by_one_and_twice() {
        let document = digits(&Texts::read(None).unwrap(), &Secret::new("012345"), "Example", None).unwrap();
        let once = ["Your code is:", "…", "0", "…", "1", "…", "2", "…", "3", "…", "4", "…", "5", "…"];
        assert_eq!(steps(&document), [&once[..], &once, &["Goodbye.", "hangup"]].concat());
    }

    #[test]
    fn whatever_a_site_is_called_the_document_stays_whole() {
        let texts = Texts::read(None).unwrap();
        for site in ["A & B <x>", "]]>", "</Say><Dial>+1</Dial>", "\"'", "Zoë\u{7}\u{1b}s\r", "\u{fffe}\u{ffff}", "𝔘"]
        {
            let greeting = steps(&greeting(&texts, site, None, &format!("https://x.org/?{site}")).unwrap());
            assert_eq!(greeting.len(), 4, "{greeting:?}");
            let kept: String = site.chars().filter(|c| !c.is_control() && !"\u{fffe}\u{ffff}".contains(*c)).collect();
            assert_eq!(greeting[1], format!("Hello. This is {kept}. To hear your code, press any key."));
            assert_eq!(steps(&goodbye(&texts, site, None).unwrap()), ["Goodbye.", "hangup"]);
        }
    }

    /// A Dutch voice that reads English words cannot be understood.
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
        assert!(dutch.contains(r#"<Say language="nl-NL">0<"#) && dutch.contains(r#"<Say language="en-US">Good"#));
    }
}
