//! Times on pages: in UTC, and in the reader's own time zone where the page's script runs.
//!
//! Every time is a `<time>` element with a machine-readable `datetime`; `data-show` tells the script the precision. A
//! page with a time loads the script; a page without one, or another use for it, must not.

use std::sync::Arc;

use countersign_engine::{Engine, core::Timestamp};
use fluent_bundle::FluentArgs;
use minijinja::{Environment, HtmlEscape, State, Value};

use crate::text::{Precise, Texts};

/// The key in the state of a page that is being rendered: set if the page needs the script.
const SCRIPTED: &str = "scripted";

/// Stands for the time in a text until the text is escaped. It is a private-use character, so no text contains it.
const PLACE: char = '\u{e000}';

/// Adds the filters and functions for times, and those that load the script.
pub(super) fn add(environment: &mut Environment<'static>, texts: &Arc<Texts>, engine: &Engine, script: &str) {
    for (name, precise) in [("moment", Precise::Minute), ("moment_precise", Precise::Second)] {
        let texts = Arc::clone(texts);
        environment.add_filter(name, move |state: &mut State<'_, '_>, millis: i64| {
            state.set_temp(SCRIPTED, true.into());
            Value::from_safe_string(markup(&texts, millis, precise))
        });
    }
    let sentences = [("t_moment", Precise::Minute), ("t_until", Precise::Time), ("t_until_precise", Precise::Second)];
    for (name, precise) in sentences {
        let (texts, engine) = (Arc::clone(texts), engine.clone());
        environment.add_function(name, move |state: &mut State<'_, '_>, id: &str, at: i64| {
            state.set_temp(SCRIPTED, true.into());
            let left = at.saturating_sub(engine.now().as_millis());
            Value::from_safe_string(sentence(&texts, id, left, &markup(&texts, at, precise)))
        });
    }
    environment.add_function("needs_script", |state: &mut State<'_, '_>| {
        state.set_temp(SCRIPTED, true.into());
        ""
    });
    let script = format!("<script src=\"{}\" defer></script>", HtmlEscape(script));
    environment.add_function("script", move |state: &State<'_, '_>| {
        Value::from_safe_string(if is_scripted(state) { script.clone() } else { String::new() })
    });
}

/// Whether the page that was rendered needs the script.
pub(super) fn is_scripted(state: &State<'_, '_>) -> bool {
    state.get_temp(SCRIPTED).is_some_and(|scripted| scripted.is_true())
}

fn markup(texts: &Texts, millis: i64, precise: Precise) -> String {
    let moment = texts.moment(Timestamp::from_millis(millis), precise);
    let show = match precise {
        Precise::Time => "time",
        Precise::Minute => "minute",
        Precise::Second => "second",
    };
    format!(
        "<time datetime=\"{}\" data-show=\"{show}\">{}</time>",
        HtmlEscape(&moment.machine),
        HtmlEscape(&moment.text)
    )
}

/// The text with this id, as HTML, about a time that is this many milliseconds ahead.
fn sentence(texts: &Texts, id: &str, left: i64, moment: &str) -> String {
    let left = Left::of(left);
    let mut args = FluentArgs::new();
    args.set("time", PLACE.to_string());
    args.set("hours", left.hours);
    args.set("minutes", left.minutes);
    args.set("seconds", left.seconds);
    HtmlEscape(&texts.say(id, &args)).to_string().replace(PLACE, moment)
}

/// A duration in the unit that people use: hours from two hours on, minutes from 100 seconds on, and seconds.
#[derive(PartialEq, Eq, Debug)]
struct Left {
    /// To the nearest hour; 0 below two hours.
    hours: i64,
    /// To the nearest minute; 0 below 100 seconds.
    minutes: i64,
    /// Begun seconds.
    seconds: i64,
}

impl Left {
    fn of(millis: i64) -> Self {
        const MINUTE: i64 = 60;
        const HOUR: i64 = 60 * MINUTE;
        let seconds = millis.max(0).saturating_add(999).div_euclid(1000);
        let nearest = |unit: i64| seconds.saturating_add(unit / 2).div_euclid(unit);
        let hours = if seconds >= 2 * HOUR { nearest(HOUR) } else { 0 };
        let minutes = if seconds >= 100 { nearest(MINUTE) } else { 0 };
        Self { hours, minutes, seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_the_unit_that_people_use() {
        for (seconds, hours, minutes) in
            [(-5, 0, 0), (0, 0, 0), (99, 0, 0), (100, 0, 2), (599, 0, 10), (600, 0, 10), (7199, 0, 120), (7200, 2, 120)]
        {
            let left = Left::of(seconds * 1000);
            assert_eq!((left.hours, left.minutes, left.seconds), (hours, minutes, seconds.max(0)), "{seconds}");
        }
        assert_eq!(Left::of(1).seconds, 1);
        assert_eq!(Left::of(i64::MAX).seconds, i64::MAX / 1000);
    }
}
