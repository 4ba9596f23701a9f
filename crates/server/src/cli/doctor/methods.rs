//! Devices whose codes cannot be sent or checked with these settings.

use countersign_engine::{
    Engine, Fault,
    core::{Kind, sending::EmailRule},
};

use super::Report;
use crate::config::Config;

/// How the codes of a method reach users, and the setting that it needs.
const SENT: [(Kind, &str, &str); 3] = [
    (Kind::SMS, "text message", "sms_gateway"),
    (Kind::CALL, "call", "call_gateway"),
    (Kind::EMAIL, "e-mail", "email_gateway"),
];

pub(super) async fn examine(engine: &Engine, config: &Config, report: &mut Report) -> Result<(), Fault> {
    let counts = engine.count_kinds().await?;
    for (kind, by, setting) in SENT {
        let devices = counts.get(&kind).copied().unwrap_or_default();
        if let Some(missing) = missing(&kind, setting, config).filter(|_| devices > 0) {
            report.fail(
                "methods",
                format_args!(
                    "{devices} devices get their codes by {by}, but none can be sent: {missing}, or have their users \
                     set up another method"
                ),
            );
        }
    }
    if config.deux_path.is_none() && !engine.clients().await?.is_empty() {
        report.warn("clients", crate::config::CLIENTS_WITHOUT_PATH);
    }
    Ok(())
}

/// What has to be set so that codes of this kind can be sent; `None` if it is set.
fn missing(kind: &Kind, setting: &str, config: &Config) -> Option<String> {
    let gateways = &config.gateways;
    let carrier = match kind {
        kind if *kind == Kind::SMS => gateways.sms,
        kind if *kind == Kind::CALL => gateways.call,
        _ => gateways.email,
    };
    if carrier.is_none() {
        return Some(format!("set {setting}"));
    }
    let off = *kind == Kind::EMAIL && config.core.sending.email == EmailRule::Off;
    off.then(|| "set email_codes to beside or alone".into())
}
