//! Settings that are valid but probably a mistake, each with what to do: those that are insecure, and those that have
//! no effect.
//!
//! A server starts nevertheless and logs them as warnings; `config check` and `doctor` report the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use countersign_axum::Network;
use countersign_engine::core::{Kind, sending::EmailRule};
use countersign_store::Database;

use super::{Config, gateways::Carrier};
use crate::password::Rules;

/// A warning about clients in the database, which cannot be seen from the settings alone.
pub(crate) const CLIENTS_WITHOUT_PATH: &str = "clients are registered, but deux_path is not set: no client can get a \
                                               token; set deux_path, or remove them with `countersign client remove`";

impl Config {
    /// All warnings.
    pub(crate) fn doubts(&self) -> Vec<&'static str> {
        self.proxy_doubts().into_iter().chain(self.setting_doubts()).collect()
    }

    /// Warnings about trusted proxies, which set the client's IP address.
    pub(crate) fn proxy_doubts(&self) -> Vec<&'static str> {
        let https = self.public_url.as_ref().is_some_and(|url| url.origin.is_https());
        that_hold([
            (
                https && self.trusted_proxies.is_empty(),
                "trusted_proxies is empty: all requests seem to come from the proxy's IP address and share one limit \
                 for wrong passwords; list the proxy, even if it is 127.0.0.1",
            ),
            (
                self.trusts_everybody(),
                "trusted_proxies has networks that contain most of the Internet: any client can forge its IP address, \
                 so limits by IP address have no effect; list only the proxies",
            ),
        ])
    }

    /// All other warnings.
    pub(crate) fn setting_doubts(&self) -> Vec<&'static str> {
        let groups = [
            self.safety_doubts(),
            self.email_doubts(),
            self.gateway_doubts(),
            self.price_doubts(),
            self.database_doubts(),
            self.session_doubts(),
        ];
        groups.into_iter().flatten().collect()
    }

    /// Whether a trusted network is so large that it contains IP addresses from far apart.
    fn trusts_everybody(&self) -> bool {
        let far_apart = [
            [IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)), IpAddr::V4(Ipv4Addr::new(126, 1, 1, 1))],
            [IpAddr::V4(Ipv4Addr::new(128, 1, 1, 1)), IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1))],
            [
                IpAddr::V6(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 1)),
                IpAddr::V6(Ipv6Addr::new(0x2a00, 0, 0, 0, 0, 0, 0, 1)),
            ],
        ];
        let spans =
            |network: &Network| far_apart.iter().any(|pair| pair.iter().all(|address| network.contains(*address)));
        self.trusted_proxies.iter().any(spans)
    }

    fn safety_doubts(&self) -> Vec<&'static str> {
        that_hold([
            (
                self.has_readable_password,
                "the configuration file has a password in a URL, and other users can read the file: put the password \
                 into a file of its own (database_password_file, smtp_password_file), or run `chmod 600` on this one",
            ),
            (
                self.metrics_bind.is_some_and(|bind| !bind.ip().to_canonical().is_loopback()),
                "metrics_bind can be reached from other machines, and metrics are served without authentication: bind \
                 it to 127.0.0.1, or let a firewall admit only the machine that collects them",
            ),
            (
                self.core.throttle.factor.is_zero(),
                "throttle_factor is 0: attempts to guess codes are not slowed down; set it to 1s",
            ),
            (
                self.core.throttle.ceiling.is_zero() && !self.core.throttle.factor.is_zero(),
                "max_throttle_delay is 0: throttle_factor has no effect, and attempts to guess codes are not slowed \
                 down; set it to 15m",
            ),
            (
                self.password_minimum < Rules::USUAL,
                "password_minimum is under 15: this is enough only if no user can sign in with a password alone",
            ),
        ])
    }

    fn email_doubts(&self) -> Vec<&'static str> {
        let off = self.core.sending.email == EmailRule::Off;
        that_hold([
            (
                off && self.gateways.email.is_some(),
                "email_gateway is set, but email_codes is off: no code is sent by e-mail; set email_codes to beside or \
                 alone, or remove email_gateway",
            ),
            (
                !off && self.gateways.email.is_none(),
                "email_codes is on, but email_gateway is not set: no code is sent by e-mail, and users who have no \
                 other method cannot sign in; set email_gateway, or set email_codes to off",
            ),
        ])
    }

    /// Settings of gateways and services that are not used.
    fn gateway_doubts(&self) -> Vec<&'static str> {
        let gateways = &self.gateways;
        let uses = |carrier| [gateways.sms, gateways.call, gateways.email].contains(&Some(carrier));
        let (twilio, smtp, webhook) = (&gateways.twilio, &gateways.smtp, &gateways.webhook);
        let explicit = self.core.offered != Self::default().core.offered;
        let offers = |kind: Kind| explicit && self.core.offered.contains(&kind);
        that_hold([
            (
                [&twilio.account, &twilio.api_key, &twilio.from, &twilio.messaging_service, &twilio.url]
                    .iter()
                    .any(|set| set.is_some())
                    && !uses(Carrier::Twilio),
                "the twilio_ settings have no effect: neither sms_gateway nor call_gateway is twilio; set one of them \
                 to twilio, or remove the settings that begin with twilio_",
            ),
            (
                (smtp.url.is_some() || smtp.password_file.is_some() || smtp.from.is_some()) && !uses(Carrier::Smtp),
                "smtp_url, smtp_password_file and email_from have no effect: email_gateway is not smtp; set it to \
                 smtp, or remove them",
            ),
            (
                (webhook.url.is_some() || webhook.secret_file.is_some()) && !uses(Carrier::Webhook),
                "webhook_url and webhook_secret_file have no effect: no gateway is webhook; set sms_gateway, \
                 call_gateway or email_gateway to webhook, or remove them",
            ),
            (
                gateways.command.is_some() && !uses(Carrier::Command),
                "gateway_command has no effect: no gateway is command; set sms_gateway, call_gateway or email_gateway \
                 to command, or remove it",
            ),
            (
                twilio.secret_file.is_some() && twilio.api_key.is_none(),
                "twilio_api_secret_file has no effect without twilio_api_key: set that, or remove it",
            ),
            (
                gateways.yubikey.urls.is_empty()
                    && (gateways.yubikey.client.is_some() || gateways.yubikey.secret_file.is_some()),
                "yubikey_client and yubikey_secret_file have no effect without yubikey_urls: set that, or remove them",
            ),
            (
                gateways.phone_region.is_some() && gateways.sms.is_none() && gateways.call.is_none(),
                "phone_region has no effect: neither sms_gateway nor call_gateway is set; set one of them, or \
                 remove it",
            ),
            (
                offers(Kind::SMS) && gateways.sms.is_none(),
                "methods has sms, but sms_gateway is not set: users cannot set it up; set sms_gateway, or remove sms",
            ),
            (
                offers(Kind::CALL) && gateways.call.is_none(),
                "methods has call, but call_gateway is not set: users cannot set it up; set call_gateway, or \
                 remove call",
            ),
            (
                offers(Kind::EMAIL) && self.core.sending.email == EmailRule::Off,
                "methods has email, but email_codes is off: users cannot set it up; set email_codes to beside or \
                 alone, or remove email",
            ),
            (
                self.deux_path.is_none() && self.deux_lenient,
                "deux_lenient has no effect without deux_path: set that, or remove it",
            ),
        ])
    }

    fn price_doubts(&self) -> Vec<&'static str> {
        let sending = &self.core.sending;
        let priced = sending.prices.usual > 0 || !sending.prices.by_region.is_empty();
        that_hold([
            (
                sending.spend.is_some() && !priced,
                "code_daily_budget has no effect: every message costs 0; set code_price or code_prices",
            ),
            (
                sending.spend.is_none() && priced,
                "code_price and code_prices have no effect: code_daily_budget is 0, so costs are not limited; set \
                                 code_daily_budget, or remove them",
            ),
        ])
    }

    fn database_doubts(&self) -> Vec<&'static str> {
        let is_file = matches!(self.database, Some(Database::Sqlite(_)));
        let is_unverified = matches!(&self.database, Some(Database::Postgres(place)) if !place.is_verified());
        that_hold([
            (
                is_file && (self.database_password_file.is_some() || self.database_ca_file.is_some()),
                "database_password_file and database_ca_file have no effect: the database is a SQLite file; \
                 remove them",
            ),
            (
                is_unverified && self.database_ca_file.is_some(),
                "database_ca_file has no effect: the database's certificate is not verified; add sslmode=verify-full \
                 to database_url, or remove database_ca_file",
            ),
        ])
    }

    fn session_doubts(&self) -> Vec<&'static str> {
        let lifetimes = &self.core.lifetimes;
        that_hold([
            (
                lifetimes.aal1.idle > lifetimes.aal1.absolute,
                "one_factor_session_idle has no effect: it is longer than one_factor_session; make it shorter",
            ),
            (
                lifetimes.aal2.idle > lifetimes.aal2.absolute,
                "two_factor_session_idle has no effect: it is longer than two_factor_session; make it shorter",
            ),
        ])
    }
}

fn that_hold<const MANY: usize>(doubts: [(bool, &'static str); MANY]) -> Vec<&'static str> {
    doubts.into_iter().filter(|(holds, _)| *holds).map(|(_, doubt)| doubt).collect()
}
