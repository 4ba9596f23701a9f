//! The languages that Twilio's voices speak.

/// Every language that a voice speaks, as Twilio writes it.
pub const VOICES: [&str; 32] = [
    "en-US", "en", "en-GB", "en-AU", "en-CA", "en-IN", "es", "es-ES", "es-MX", "fr", "fr-FR", "fr-CA", "it", "it-IT",
    "de", "de-DE", "da-DK", "fi-FI", "ja-JP", "ko-KR", "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ru-RU", "sv-SE",
    "zh-CN", "zh-HK", "zh-TW", "ca-ES", "es-US",
];

/// The language that is nearest to this one: the same, or another one's of the same tongue, or English.
pub(super) fn nearest(language: &str) -> &'static str {
    const ENGLISH: &str = "en-US";
    let tongue = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    // The short ones are spoken by its oldest voices alone.
    let voices = || VOICES.into_iter().filter(|voice| voice.contains('-'));
    let same = voices().find(|voice| voice.eq_ignore_ascii_case(language));
    let akin = || voices().find(|voice| tongue(voice) == tongue(language));
    // Norwegian is written in two ways and spoken by one voice.
    let norwegian = || ["no", "nn"].contains(&tongue(language).as_str()).then_some("nb-NO");
    same.or_else(akin).or_else(norwegian).unwrap_or(ENGLISH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_voice_speaks() {
        for (language, voice) in [
            ("nl", "nl-NL"),
            ("nl-BE", "nl-NL"),
            ("en-gb", "en-GB"),
            ("pt", "pt-BR"),
            ("nn", "nb-NO"),
            ("fy", "en-US"),
            ("", "en-US"),
            ("en", "en-US"),
            ("de", "de-DE"),
        ] {
            assert_eq!(nearest(language), voice, "{language}");
        }
    }
}
