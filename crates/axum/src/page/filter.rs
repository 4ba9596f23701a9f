//! Template filters for devices and phone numbers.
//!
//! A host's own templates can use them too. None of them shows more of a number than it was given, and
//! `mask_phone_number` shows nothing of an invalid number.

use std::sync::Arc;

use countersign_engine::{Engine, core::Address};
use fluent_bundle::FluentArgs;
use minijinja::{Environment, Error, ErrorKind, Value};

use crate::text::{self, Texts};

/// Adds the filters.
pub(super) fn add(environment: &mut Environment<'static>, texts: &Arc<Texts>, engine: &Engine) {
    let said = Arc::clone(texts);
    environment.add_filter("device_action", move |device: &Value| action(&said, device));
    let numbers = engine.clone();
    environment.add_filter("mask_phone_number", move |typed: &str| masked(&numbers, typed));
    let numbers = engine.clone();
    environment.add_filter("format_phone_number", move |typed: &str| formatted(&numbers, typed));
}

/// The filter `device_action`: the text of the button that selects this device.
fn action(texts: &Texts, device: &Value) -> Result<String, Error> {
    let word = |name: &str| {
        let value = device.get_attr(name)?;
        let missing = || Error::new(ErrorKind::InvalidOperation, format!("a device has no {name}"));
        value.as_str().map(str::to_owned).ok_or_else(missing)
    };
    let has_name = !matches!(device.get_attr("name"), Ok(name) if name.is_none() || name.is_undefined());
    let mut args = FluentArgs::new();
    let kind = word("kind")?;
    let id = match &*kind {
        "sms" | "call" | "email" => {
            args.set("to", text::isolated(&word("to")?));
            format!("use-{kind}")
        }
        "backup-codes" => "use-backup-code".into(),
        "totp" | "hotp" | "yubikey" if !has_name => format!("use-{kind}"),
        _ => {
            args.set("device", text::isolated(&word("name")?));
            "use-device".into()
        }
    };
    Ok(texts.say(&id, &args))
}

/// The filter `mask_phone_number`: the calling code and the last two digits.
fn masked(engine: &Engine, typed: &str) -> String {
    engine.number(typed).map_or_else(|| "***".into(), |number| Address::Phone(number).masked())
}

/// The filter `format_phone_number`: the international format. An invalid number is returned unchanged.
fn formatted(engine: &Engine, typed: &str) -> String {
    engine.number(typed).map_or_else(|| typed.to_owned(), |number| number.international().to_owned())
}
