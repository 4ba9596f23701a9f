//! Texts for users, from Fluent files.
//!
//! Code and templates contain no texts, only message ids. A host may override single messages and add its own. User
//! input is isolated (Unicode bidirectional isolates), so that a right-to-left name, or one with direction overrides,
//! does not affect the text around it.

use std::{collections::BTreeSet, fs, path::Path};

use countersign_engine::core::Timestamp;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use crate::{Settings, SettingsError};

/// The embedded English texts, complete.
pub(crate) const ENGLISH: [(&str, &str); 5] = [
    ("pages.ftl", include_str!("../locales/en/pages.ftl")),
    ("refusals.ftl", include_str!("../locales/en/refusals.ftl")),
    ("messages.ftl", include_str!("../locales/en/messages.ftl")),
    ("api.ftl", include_str!("../locales/en/api.ftl")),
    ("deux.ftl", include_str!("../locales/en/deux.ftl")),
];

/// Languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 6] = ["ar", "dv", "fa", "he", "ps", "ur"];

/// The texts of a site in its language.
pub(crate) struct Texts {
    language: LanguageIdentifier,
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    /// Reads the embedded texts, the host's own, and the overrides in its folder.
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let unknown = |_| SettingsError::Language(settings.language.clone());
        let language: LanguageIdentifier = settings.language.parse().map_err(unknown)?;
        let mut bundle = FluentBundle::new_concurrent(vec![language.clone()]);
        bundle.set_use_isolating(false);
        let mut texts = Self { language, bundle };
        for (name, source) in ENGLISH {
            texts.add(name, source)?;
        }
        for (number, source) in settings.own_texts.iter().enumerate() {
            texts.add(&format!("own texts {}", number.saturating_add(1)), source)?;
        }
        for (name, source) in settings.locales.as_deref().map_or(Ok(vec![]), |folder| files(folder, "ftl"))? {
            texts.add(&name, &source)?;
        }
        Ok(texts)
    }

    fn add(&mut self, name: &str, source: &str) -> Result<(), SettingsError> {
        let broken = |problem: String| SettingsError::Texts { name: name.to_owned(), problem };
        let resource = FluentResource::try_new(source.to_owned());
        let resource =
            resource.map_err(|(_, errors)| broken(errors.first().map(ToString::to_string).unwrap_or_default()))?;
        self.bundle.add_resource_overriding(resource);
        Ok(())
    }

    /// The language, as a BCP 47 tag.
    pub(crate) fn language(&self) -> String {
        self.language.to_string()
    }

    /// The writing direction of the language, as the HTML attribute `dir`.
    pub(crate) fn direction(&self) -> &'static str {
        if RIGHT_TO_LEFT.contains(&self.language.language.as_str()) { "rtl" } else { "ltr" }
    }

    /// The message `id`, or its attribute where `id` is `message.attribute`.
    pub(crate) fn say(&self, id: &str, args: &FluentArgs<'_>) -> String {
        let (message, attribute) = id.split_once('.').map_or((id, None), |(id, attribute)| (id, Some(attribute)));
        let message = self.bundle.get_message(message);
        let pattern = match attribute {
            None => message.and_then(|message| message.value()),
            Some(name) => message.and_then(|message| message.get_attribute(name)).map(|attribute| attribute.value()),
        };
        let Some(pattern) = pattern else {
            tracing::error!(id, "unknown text id");
            return id.to_owned();
        };
        let mut errors = vec![];
        let text = self.bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
        if let Some(error) = errors.first() {
            tracing::error!(id, %error, "could not format a text");
        }
        text
    }

    /// Formats a time for users: with the given precision, in UTC.
    pub(crate) fn moment(&self, at: Timestamp, precise: Precise) -> Moment {
        let at = jiff::Timestamp::from_second(at.as_seconds()).unwrap_or(jiff::Timestamp::MAX);
        let read = at.to_zoned(jiff::tz::TimeZone::UTC);
        let mut args = FluentArgs::new();
        args.set("year", read.year().to_string());
        args.set("month", i64::from(read.month()));
        args.set("day", i64::from(read.day()));
        for (name, part) in [("hour", read.hour()), ("minute", read.minute()), ("second", read.second())] {
            args.set(name, format!("{part:02}"));
        }
        let id = match precise {
            Precise::Time => "moment-time",
            Precise::Minute => "moment",
            Precise::Second => "moment-precise",
        };
        Moment { machine: at.to_string(), text: self.say(id, &args) }
    }
}

/// The precision of a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Precise {
    /// To the minute, without the day.
    Time,
    /// To the minute.
    Minute,
    /// To the second.
    Second,
}

/// A time for machines and for people.
pub(crate) struct Moment {
    /// The value of HTML's `datetime`.
    pub(crate) machine: String,
    /// The text for people.
    pub(crate) text: String,
}

/// User input as an argument of a message: isolated, and unable to end its isolation.
pub(crate) fn isolated(text: &str) -> FluentValue<'static> {
    let tamed: String = text.chars().filter(|c| !turns(*c)).collect();
    FluentValue::from(format!("\u{2068}{tamed}\u{2069}"))
}

/// Whether a character changes the writing direction of what follows (Unicode Standard Annex 9).
pub(crate) fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The files with this extension in a folder, sorted by name.
pub(crate) fn files(folder: &Path, ending: &str) -> Result<Vec<(String, String)>, SettingsError> {
    let unread = |path: &Path| {
        let path = path.to_owned();
        move |source| SettingsError::Read { path, source }
    };
    let entries = fs::read_dir(folder).map_err(unread(folder))?;
    let paths: Result<BTreeSet<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let paths = paths.map_err(unread(folder))?;
    let wanted = paths.iter().filter(|path| path.extension().is_some_and(|found| found == ending));
    let named = wanted.filter_map(|path| Some((path, path.file_name()?.to_str()?)));
    named.map(|(path, name)| Ok((name.to_owned(), fs::read_to_string(path).map_err(unread(path))?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origins, Settings};

    fn settings() -> Settings {
        Settings::new(Origins::Loopback { port: 1 })
    }

    #[test]
    fn a_host_overrides_single_messages_and_brings_its_own() {
        let own_texts = vec!["sign-in = Step inside\nhello = Good day, { $name }!".to_owned()];
        let texts = Texts::read(&Settings { own_texts, ..settings() }).unwrap();
        let mut args = FluentArgs::new();
        assert_eq!(texts.say("sign-in", &args), "Step inside");
        args.set("name", isolated("\u{202e}eve\u{2069}"));
        assert_eq!(texts.say("hello", &args), "Good day, \u{2068}eve\u{2069}!");
    }

    #[test]
    fn broken_texts_are_an_error_at_the_start() {
        let read = |settings: &Settings| Texts::read(settings).map(|_| ()).unwrap_err().to_string();
        assert!(read(&Settings { own_texts: vec!["= x".into()], ..settings() }).contains("own texts 1"));
        assert!(read(&Settings { language: "no such".into(), ..settings() }).contains("no such"));
        assert!(read(&Settings { locales: Some("no/such/folder".into()), ..settings() }).contains("no/such/folder"));
    }

    #[test]
    fn a_moment_is_told_with_its_zone() {
        let texts = Texts::read(&settings()).unwrap();
        let moment = texts.moment(Timestamp::from_millis(1_784_642_712_345), Precise::Second);
        assert_eq!(moment.machine, "2026-07-21T14:05:12Z");
        assert_eq!(moment.text, "21 July 2026, 14:05:12 UTC");
        let moment = texts.moment(Timestamp::from_millis(i64::MAX), Precise::Minute);
        assert!(moment.text.ends_with("UTC"), "{}", moment.text);
    }
}
