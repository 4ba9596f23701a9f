//! The languages of Twilio's voices.
//!
//! For a language without a voice, the call is made in English. Twilio never gets a language that it does not support,
//! which would end the call at once.

/// All languages that have a voice, as Twilio writes them; the usual variant of a language comes first.
const VOICES: [&str; 32] = [
    "en-US", "en-GB", "en-AU", "en-CA", "en-IN", "es-ES", "es-MX", "fr-FR", "fr-CA", "it-IT", "de-DE", "ca-ES",
    "da-DK", "fi-FI", "ja-JP", "ko-KR", "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ru-RU", "sv-SE", "zh-CN",
    "zh-TW", "zh-HK", "en", "en-gb", "es", "fr", "it", "de",
];

const ENGLISH: &str = "en-US";

/// The nearest voice: of the same language and country, or else of the same language, or English.
pub(super) fn nearest(language: &str) -> &'static str {
    let (tongue, country) = (tongue(language), country(language));
    let akin = || of_countries().filter(|voice| self::tongue(voice) == tongue);
    akin().find(|voice| self::country(voice) == country).or_else(|| akin().next()).unwrap_or(ENGLISH)
}

/// The voices with a country; the others are Twilio's oldest voices.
fn of_countries() -> impl Iterator<Item = &'static str> {
    VOICES.into_iter().filter(|voice| voice.bytes().any(|c| c.is_ascii_uppercase()))
}

/// The spoken language: the first part of a tag. Norwegian has two written forms and one voice.
fn tongue(tag: &str) -> String {
    let tongue = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    match tongue.as_str() {
        "no" | "nn" => "nb".into(),
        _ => tongue,
    }
}

/// The country: the two letters in a tag after the language and an optional script. Traditional Chinese without a
/// country counts as Taiwan's.
fn country(tag: &str) -> Option<String> {
    let parts = || tag.split('-').skip(1).map(str::to_ascii_uppercase);
    let is_traditional = || parts().any(|part| part == "HANT");
    parts().find(|part| part.len() == 2).or_else(|| is_traditional().then(|| "TW".to_owned()))
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
            ("en-Latn-GB", "en-GB"),
            ("en-NZ", "en-US"),
            ("pt", "pt-BR"),
            ("PT-pt", "pt-PT"),
            ("es", "es-ES"),
            ("es-MX", "es-MX"),
            ("no", "nb-NO"),
            ("nn-NO", "nb-NO"),
            ("zh", "zh-CN"),
            ("zh-Hans-SG", "zh-CN"),
            ("zh-Hant", "zh-TW"),
            ("zh-Hant-HK", "zh-HK"),
            ("zh-TW", "zh-TW"),
            ("en", "en-US"),
            ("de", "de-DE"),
            ("de-AT-1996", "de-DE"),
        ] {
            assert_eq!(nearest(language), voice, "{language}");
        }
    }

    /// Frisian, and five languages that ended the call with another provider.
    #[test]
    fn a_language_without_a_voice_is_no_reason_not_to_call() {
        for language in ["", "-", "fy", "ar", "fa", "tr", "vi", "x-klingon", "english"] {
            assert_eq!(nearest(language), ENGLISH, "{language}");
        }
    }

    #[test]
    fn every_voice_is_found_by_its_own_name() {
        for voice in of_countries() {
            assert_eq!(nearest(voice), voice);
        }
        assert_eq!(of_countries().count(), 26);
    }
}
