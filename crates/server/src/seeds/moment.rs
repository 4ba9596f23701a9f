//! Times in the format of XML Schema (`xsd:dateTime`), in which PSKC gives the start and the end of a key (RFC 6030
//! §5). This module accepts every year: a time outside the supported years becomes the first or the last supported
//! time. A time without a zone is in UTC, as RFC 6030 requires for all times.

use countersign_engine::core::Timestamp;
use jiff::civil::{Date, DateTime, Time};

/// The first and the last supported year.
const YEARS: (i64, i64) = (-9999, 9999);
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The time, to the millisecond. `None` if the text is not a time.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let (year, month, day) = date_parts(date)?;
    let (time, offset) = zone(time)?;
    let (time, days) = time_of_day(time)?;
    // The calendar repeats every 400 years, so an unsupported year has the months of a supported one.
    let (first, last) = YEARS;
    let told = if (first..=last).contains(&year) { year } else { year.rem_euclid(400).saturating_add(2000) };
    let date = Date::new(told.try_into().ok()?, month, day).ok()?;
    Some(match year {
        year if year < first => millis(DateTime::MIN, 0),
        year if year > last => millis(DateTime::MAX, 0),
        _ => millis(date.to_datetime(time), days.saturating_mul(DAY).saturating_sub(offset)),
    })
}

fn millis(at: DateTime, more: i64) -> Timestamp {
    let millis = i64::try_from(at.duration_since(EPOCH).as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(millis.saturating_add(more))
}

/// Year, month and day. A year has four or more digits and may be negative.
fn date_parts(text: &str) -> Option<(i64, i8, i8)> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && year.len() >= 4 && digits(year);
    let year = is_whole.then(|| year.parse().unwrap_or(i64::MAX))?;
    Some((year.saturating_mul(sign), two_digits(month)?, two_digits(day)?))
}

/// The text before the zone, and the zone's offset in milliseconds.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(place) = text.find(['+', '-']) else { return Some((text, 0)) };
    let (time, zone) = text.split_at_checked(place)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (i64::from(two_digits(hours)?), i64::from(two_digits(minutes)?));
    let offset = (hours <= 14 && minutes <= 59).then(|| (hours * 60 + minutes) * 60_000)?;
    Some((time, if zone.starts_with('-') { -offset } else { offset }))
}

/// The time, and the days to be added to it: `24:00:00` is the midnight at the end of a day.
fn time_of_day(text: &str) -> Option<(Time, i64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':').map(two_digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let nanos = (parts.next().is_none() && digits(fraction)).then(|| nanoseconds(fraction))?;
    if (hour, minute, second, nanos) == (24, 0, 0, 0) {
        return Some((Time::midnight(), 1));
    }
    // A leap second counts as the last second of its minute.
    Some((Time::new(hour, minute, if second == 60 { 59 } else { second }, nanos).ok()?, 0))
}

fn nanoseconds(fraction: &str) -> i32 {
    fraction.chars().chain("000000000".chars()).take(9).fold(0, |nanos, digit| {
        nanos * 10 + digit.to_digit(10).and_then(|digit| i32::try_from(digit).ok()).unwrap_or(0)
    })
}

fn two_digits(text: &str) -> Option<i8> {
    if text.len() == 2 && digits(text) { text.parse().ok() } else { None }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_any_year_and_any_zone_or_none() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2037-12-31T00:00:00Z", 2_145_830_400_000),
            ("2037-12-31T00:00:00", 2_145_830_400_000),
            ("2037-12-31T02:30:00+02:30", 2_145_830_400_000),
            ("2037-12-30T19:00:00.000-05:00", 2_145_830_400_000),
            ("2037-12-30T24:00:00Z", 2_145_830_400_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("9999-12-30T22:00:00Z", 253_402_207_200_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
            ("9999-12-31T23:59:59-14:00", 253_402_351_199_000),
            ("10000-01-01T00:00:00Z", 253_402_300_799_999),
            ("99999999999999999999-02-28T00:00:00", 253_402_300_799_999),
            ("12000-02-29T00:00:00Z", 253_402_300_799_999),
            (" 2037-12-31 00:00:00z ", 2_145_830_400_000),
        ] {
            assert_eq!(moment(text).map(Timestamp::as_millis), Some(millis), "{text}");
        }
        assert!(moment("-0044-03-15T12:00:00Z").unwrap() < moment("0001-01-01T00:00:00Z").unwrap());
        assert!(moment("-99999-03-15T12:00:00Z").unwrap() < moment("-0044-03-15T12:00:00Z").unwrap());
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "soon",
            "2037-12-31",
            "2037-12-31T",
            "2037-12-31T00:00Z",
            "37-12-31T00:00:00Z",
            "2037-13-01T00:00:00Z",
            "2037-02-29T00:00:00Z",
            "12001-02-29T00:00:00Z",
            "2037-12-31T24:00:01Z",
            "2037-12-31T00:60:00Z",
            "2037-12-31T00:00:61Z",
            "2037-12-31T00:00:00.Z",
            "2037-12-31T00:00:00+15:00",
            "2037-12-31T00:00:00+1",
            "2037-12-31T00:00:00 CET",
            "2037-+1-01T00:00:00Z",
            "2037-12-31T00:00:00ZZ",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
