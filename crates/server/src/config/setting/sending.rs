//! The settings of codes that are sent: which methods there are, how codes are made, and how many of them.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use countersign_engine::core::{
    Config as CoreConfig, Kind,
    otp::Digits,
    sending::{EmailRule, Prices},
};

use super::{DAY, SECOND, Setting};
use crate::config::value::{self, number, show_span, span};

/// So many thousandths are one of whatever prices are told in.
const THOUSANDTHS: u32 = 1000;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "methods",
        about: "The methods that users may set up on their own, in the order in which they are offered: totp, hotp, sms, \
                call, email, yubikey.",
        default: |config| Some(words(&config.core.offered)),
        set: |config, text| {
            config.core.offered = methods(text)?;
            Ok(())
        },
    },
    Setting {
        name: "email_codes",
        about: "Whether codes by e-mail are offered: off, beside (to whoever has another method) or alone. They count for \
                less than two factors.",
        default: |_| Some("off".into()),
        set: |config, text| {
            config.core.sending.email = match text.trim() {
                "off" => EmailRule::Off,
                "beside" => EmailRule::Beside,
                "alone" => EmailRule::Alone,
                _ => bail!("it has to be off, beside or alone"),
            };
            Ok(())
        },
    },
    Setting {
        name: "code_digits",
        about: "How many digits a code has that is sent: 6 or 8.",
        default: |config| Some(config.core.sending.digits.count().to_string()),
        set: |config, text| {
            config.core.sending.digits = match text.trim() {
                "6" => Digits::SIX,
                "8" => Digits::EIGHT,
                _ => bail!("it has to be 6 or 8"),
            };
            Ok(())
        },
    },
    Setting {
        name: "code_lifetime",
        about: "How long a code is good that was sent; 10m at most.",
        default: |config| Some(show_span(config.core.sending.lifetime)),
        set: |config, text| {
            span(text, SECOND, CoreConfig::MAX_CODE_TTL).map(|lifetime| config.core.sending.lifetime = lifetime)
        },
    },
    Setting {
        name: "code_cooldown",
        about: "The shortest time between two codes to one address; 0 switches it off.",
        default: |config| Some(show_span(config.core.sending.cooldown)),
        set: |config, text| span(text, Duration::ZERO, DAY).map(|cooldown| config.core.sending.cooldown = cooldown),
    },
    Setting {
        name: "codes_per_user",
        about: "How many codes a user may be sent in a day, not counting those that were verified. Half of them are kept for \
                browsers with a device cookie.",
        default: |config| Some(config.core.sending.per_user.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.sending.per_user = most),
    },
    Setting {
        name: "codes_per_user_ceiling",
        about: "How many codes a user may be sent in a day in all; at least codes_per_user.",
        default: |config| Some(config.core.sending.per_user_ceiling.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.sending.per_user_ceiling = most),
    },
    Setting {
        name: "codes_per_address",
        about: "How many codes a telephone number or a mailbox may be sent in a day, not counting those that were verified. \
                Half of them are kept for browsers with a device cookie.",
        default: |config| Some(config.core.sending.per_address.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.sending.per_address = most),
    },
    Setting {
        name: "codes_per_address_ceiling",
        about: "How many codes a telephone number or a mailbox may be sent in a day in all; at least codes_per_address.",
        default: |config| Some(config.core.sending.per_address_ceiling.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.sending.per_address_ceiling = most),
    },
    Setting {
        name: "codes_per_region",
        about: "How many codes a country's calling code, or a mail domain, may be sent in a day.",
        default: |config| Some(config.core.sending.per_region.to_string()),
        set: |config, text| number(text, 1, 1_000_000_000).map(|most| config.core.sending.per_region = most),
    },
    Setting {
        name: "code_breaker",
        about: "How many codes may be sent to a region that do not come back, before no more are sent there.",
        default: |config| Some(config.core.sending.breaker.allowance.to_string()),
        set: |config, text| number(text, 1, 1_000_000_000).map(|most| config.core.sending.breaker.allowance = most),
    },
    Setting {
        name: "code_breaker_credit",
        about: "How many codes that did not come back are made good for by one that did.",
        default: |config| Some(config.core.sending.breaker.credit.to_string()),
        set: |config, text| number(text, 0, 1000).map(|most| config.core.sending.breaker.credit = most),
    },
    Setting {
        name: "code_breaker_window",
        about: "How long after its first code a breaker begins anew.",
        default: |config| Some(show_span(config.core.sending.breaker.window)),
        set: |config, text| span(text, SECOND, DAY).map(|window| config.core.sending.breaker.window = window),
    },
    Setting {
        name: "code_daily_budget",
        about: "What all messages of a day may cost together, in the currency of the prices; 0 for any sum.",
        default: |_| Some("0".into()),
        set: |config, text| {
            let spend = money(text)?;
            config.core.sending.spend = (spend > 0).then_some(spend);
            Ok(())
        },
    },
    Setting {
        name: "code_price",
        about: "What a text message or a call costs, to the thousandth.",
        default: |config| Some(show_money(config.core.sending.prices.usual)),
        set: |config, text| money(text).map(|price| config.core.sending.prices.usual = price),
    },
    Setting {
        name: "code_prices",
        about: "What it costs in particular countries, as in +31=0.08, +1=0.01.",
        default: |config| Some(show_prices(&config.core.sending.prices)),
        set: |config, text| prices(text).map(|prices| config.core.sending.prices.by_region = prices),
    },
    Setting {
        name: "hotp_look_ahead",
        about: "How many presses of a counting token that nobody typed are passed over.",
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
        let kind = kind.with_context(|| format!("{word:?} is none of {}", words(&known)))?;
        ensure!(!methods.contains(kind), "{word} stands there twice");
        methods.push(kind.clone());
    }
    ensure!(!methods.is_empty(), "it has to name one at least");
    Ok(methods)
}

/// A sum, in thousandths.
fn money(text: &str) -> Result<u32> {
    let sum = || {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        let fits = digits(whole) && digits(part) && !whole.is_empty() && part.len() <= 3;
        let part: u32 = format!("{part:0<3}").parse().ok().filter(|_| fits)?;
        whole.parse::<u32>().ok()?.checked_mul(THOUSANDTHS)?.checked_add(part)
    };
    sum().context("it has to be a sum such as 25 or 0.085")
}

fn show_money(sum: u32) -> String {
    let (whole, part) = (sum / THOUSANDTHS, sum % THOUSANDTHS);
    let text = format!("{whole}.{part:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn prices(text: &str) -> Result<BTreeMap<String, u32>> {
    let mut prices = BTreeMap::new();
    for entry in value::list::<String>(text, "prices")? {
        let (code, price) = entry.split_once('=').context("it has to be prices such as +31=0.08")?;
        let code = code.trim();
        let is_code = code.strip_prefix('+').is_some_and(|digits| {
            (1..=3).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        ensure!(is_code, "{code:?} is no calling code, as +31 is one");
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
