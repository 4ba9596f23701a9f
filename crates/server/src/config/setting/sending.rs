//! The settings of codes that are sent: the methods, the codes, and the limits.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use countersign_engine::core::{
    Config as CoreConfig, Kind,
    otp::Digits,
    sending::{EmailRule, Prices},
};

use super::{DAY, SECOND, Setting};
use crate::config::value::{self, number, show_span, span};

/// The number of units that prices are counted in per unit of currency.
const THOUSANDTHS: u32 = 1000;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "methods",
        about: "The methods that users may set up themselves, in the order in which they are offered: totp, hotp, sms, \
            call, email, yubikey.",
        default: |config| Some(words(&config.core.offered)),
        set: |config, text| {
            config.core.offered = methods(text)?;
            Ok(())
        },
    },
    Setting {
        name: "email_codes",
        about: "Whether codes by e-mail are offered: off, beside (only to users who have another method) or alone. \
            They count as less than two factors.",
        default: |_| Some("off".into()),
        set: |config, text| {
            config.core.sending.email = match text.trim() {
                "off" => EmailRule::Off,
                "beside" => EmailRule::Beside,
                "alone" => EmailRule::Alone,
                _ => bail!("it must be off, beside or alone"),
            };
            Ok(())
        },
    },
    Setting {
        name: "code_digits",
        about: "The number of digits of a code that is sent: 6 or 8.",
        default: |config| Some(config.core.sending.digits.count().to_string()),
        set: |config, text| {
            config.core.sending.digits = match text.trim() {
                "6" => Digits::SIX,
                "8" => Digits::EIGHT,
                _ => bail!("it must be 6 or 8"),
            };
            Ok(())
        },
    },
    Setting {
        name: "code_lifetime",
        about: "How long a code that was sent is valid; 10m at most.",
        default: |config| Some(show_span(config.core.sending.lifetime)),
        set: |config, text| {
            span(text, SECOND, CoreConfig::MAX_CODE_TTL).map(|lifetime| config.core.sending.lifetime = lifetime)
        },
    },
    Setting {
        name: "code_cooldown",
        about: "The minimum time between two codes to one phone number or e-mail address; 0 turns it off.",
        default: |config| Some(show_span(config.core.sending.cooldown)),
        set: |config, text| span(text, Duration::ZERO, DAY).map(|cooldown| config.core.sending.cooldown = cooldown),
    },
    Setting {
        name: "codes_per_user",
        about: "The maximum number of codes sent to a user in a day, not counting verified ones. Half of them are \
            reserved for browsers with a device cookie.",
        default: |config| Some(config.core.sending.per_user.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.sending.per_user = most),
    },
    Setting {
        name: "codes_per_user_ceiling",
        about: "The maximum number of codes sent to a user in a day, including verified ones; at least codes_per_user.",
        default: |config| Some(config.core.sending.per_user_ceiling.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.sending.per_user_ceiling = most),
    },
    Setting {
        name: "codes_per_address",
        about: "The maximum number of codes sent to a phone number or e-mail address in a day, not counting verified \
            ones. Half of them are reserved for browsers with a device cookie.",
        default: |config| Some(config.core.sending.per_address.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.sending.per_address = most),
    },
    Setting {
        name: "codes_per_address_ceiling",
        about: "The maximum number of codes sent to a phone number or e-mail address in a day, including verified \
            ones; at least codes_per_address.",
        default: |config| Some(config.core.sending.per_address_ceiling.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.sending.per_address_ceiling = most),
    },
    Setting {
        name: "codes_per_region",
        about: "The maximum number of codes sent to one country calling code or one e-mail domain in a day.",
        default: |config| Some(config.core.sending.per_region.to_string()),
        set: |config, text| number(text, 1, 1_000_000_000).map(|most| config.core.sending.per_region = most),
    },
    Setting {
        name: "code_breaker",
        about: "How many codes may be sent to a region without being entered before sending to that region stops.",
        default: |config| Some(config.core.sending.breaker.allowance.to_string()),
        set: |config, text| number(text, 1, 1_000_000_000).map(|most| config.core.sending.breaker.allowance = most),
    },
    Setting {
        name: "code_breaker_credit",
        about: "How many codes that were not entered are offset by one that was.",
        default: |config| Some(config.core.sending.breaker.credit.to_string()),
        set: |config, text| number(text, 0, 1000).map(|most| config.core.sending.breaker.credit = most),
    },
    Setting {
        name: "code_breaker_window",
        about: "How long after its first code the breaker of a region starts again.",
        default: |config| Some(show_span(config.core.sending.breaker.window)),
        set: |config, text| span(text, SECOND, DAY).map(|window| config.core.sending.breaker.window = window),
    },
    Setting {
        name: "code_daily_budget",
        about: "The maximum cost of all messages in a day, in the currency of the prices; 0: no limit.",
        default: |_| Some("0".into()),
        set: |config, text| {
            let spend = money(text)?;
            config.core.sending.spend = (spend > 0).then_some(spend);
            Ok(())
        },
    },
    Setting {
        name: "code_price",
        about: "The price of a text message or a call, with up to three decimals.",
        default: |config| Some(show_money(config.core.sending.prices.usual)),
        set: |config, text| money(text).map(|price| config.core.sending.prices.usual = price),
    },
    Setting {
        name: "code_prices",
        about: "Prices for individual countries, such as +31=0.08, +1=0.01.",
        default: |config| Some(show_prices(&config.core.sending.prices)),
        set: |config, text| prices(text).map(|prices| config.core.sending.prices.by_region = prices),
    },
    Setting {
        name: "hotp_look_ahead",
        about: "How many codes of a counter-based token may be skipped between two that are entered.",
        default: |config| Some(config.core.hotp.look_ahead.to_string()),
        set: |config, text| number(text, 0, 50).map(|ahead| config.core.hotp.look_ahead = ahead),
    },
];

fn words(kinds: &[Kind]) -> String {
    kinds.iter().map(Kind::as_str).collect::<Vec<_>>().join(", ")
}

fn methods(text: &str) -> Result<Vec<Kind>> {
    let known: Vec<Kind> = Kind::OURS.into_iter().filter(|kind| !kind.is_fallback()).collect();
    let mut methods: Vec<Kind> = vec![];
    for word in value::list::<String>(text, "methods")? {
        let kind = known.iter().find(|kind| kind.as_str() == word);
        let kind = kind.with_context(|| format!("{word:?} is not one of {}", words(&known)))?;
        ensure!(!methods.contains(kind), "{word} is listed twice");
        methods.push(kind.clone());
    }
    ensure!(!methods.is_empty(), "it must name at least one method");
    Ok(methods)
}

/// An amount, in thousandths.
fn money(text: &str) -> Result<u32> {
    let sum = || {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        let fits = digits(whole) && digits(part) && !whole.is_empty() && part.len() <= 3;
        let part: u32 = format!("{part:0<3}").parse().ok().filter(|_| fits)?;
        whole.parse::<u32>().ok()?.checked_mul(THOUSANDTHS)?.checked_add(part)
    };
    sum().context("it must be an amount such as 25 or 0.085")
}

fn show_money(sum: u32) -> String {
    let (whole, part) = (sum / THOUSANDTHS, sum % THOUSANDTHS);
    let text = format!("{whole}.{part:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn prices(text: &str) -> Result<BTreeMap<String, u32>> {
    let mut prices = BTreeMap::new();
    for entry in value::list::<String>(text, "prices")? {
        let (code, price) = entry.split_once('=').context("it must be a list of prices such as +31=0.08")?;
        let code = code.trim();
        let is_code = code.strip_prefix('+').is_some_and(|digits| {
            (1..=3).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        ensure!(is_code, "{code:?} is not a country calling code such as +31");
        prices.insert(code.to_owned(), money(price)?);
    }
    Ok(prices)
}

fn show_prices(prices: &Prices) -> String {
    let shown = prices.by_region.iter().map(|(code, price)| format!("{code}={}", show_money(*price)));
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_to_the_thousandth() {
        for (text, sum) in [("0", 0), ("25", 25_000), ("0.085", 85), ("0.1", 100), (" 1.50 ", 1500)] {
            assert_eq!(money(text).ok(), Some(sum), "{text}");
        }
        for text in ["", ".5", "0.0855", "-1", "1,5", "1e3", "99999999999"] {
            assert!(money(text).is_err(), "{text}");
        }
        assert_eq!([0, 85, 1500, 25_000].map(show_money), ["0", "0.085", "1.5", "25"]);
    }

    #[test]
    fn prices_are_by_calling_code() {
        let read = prices("+31=0.08, +1 = 0.01").unwrap();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), [("+1".to_owned(), 10), ("+31".to_owned(), 80)]);
        assert!(prices("31=0.08").is_err() && prices("+31").is_err() && prices("+31234=1").is_err());
    }

    #[test]
    fn methods_are_ours_and_each_once() {
        assert_eq!(methods("sms,totp").unwrap(), [Kind::SMS, Kind::TOTP]);
        for text in ["", "totp, totp", "backup-codes", "push"] {
            assert!(methods(text).is_err(), "{text}");
        }
    }
}
