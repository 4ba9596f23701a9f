//! What may be set like this and yet be a mistake, each with what to do: what lets too much through, and settings that do
//! nothing.
//!
//! A server starts nevertheless, and says so; `config check` and `doctor` say the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use countersign_axum::Network;
use countersign_engine::core::{Kind, sending::EmailRule};
use countersign_store::Database;

use super::{Config, gateways::Carrier};
use crate::password::Rules;

/// About clients in the database, which the settings alone do not show.
pub(crate) const CLIENTS_WITHOUT_PATH: &str = "clients are registered, and deux_path is not set: no client can ask for a \
                                               token; set deux_path, or remove them with `countersign client remove`";

impl Config {
    /// Every doubt.
    pub(crate) fn doubts(&self) -> Vec<&'static str> {
        self.proxy_doubts().into_iter().chain(self.setting_doubts()).collect()
    }

    /// Those about who is believed to say where a request comes from.
    pub(crate) fn proxy_doubts(&self) -> Vec<&'static str> {
        let https = self.public_url.as_ref().is_some_and(|url| url.origin.is_https());
        that_hold([
            (
                https && self.trusted_proxies.is_empty(),
                "trusted_proxies is empty: everybody seems to come from the proxy's address, and shares its budget of \
                 wrong passwords; list the proxy, 127.0.0.1 included",
            ),
            (
                self.trusts_everybody(),
                "trusted_proxies has networks that nearly everybody is in: whoever reaches the server can say to be anybody, \
                 and no address has a budget of its own; list the proxies alone",
            ),
        ])
    }

    /// Those about everything else.
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

    /// Whether a network of theirs holds addresses from all over the world.
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
                "the configuration file holds a password in a URL, and others can read it: put the password into a file of \
                 its own (database_password_file, smtp_password_file), or run `chmod 600` on this one",
            ),
            (
                self.metrics_bind.is_some_and(|bind| !bind.ip().to_canonical().is_loopback()),
                "metrics_bind can be reached from other machines, and figures are told to whoever asks: bind it to \
                 127.0.0.1, or let a firewall keep everybody away but the one that collects them",
            ),
            (
                self.core.throttle.factor.is_zero(),
                "throttle_factor is 0: nothing slows down whoever guesses codes; set it to 1s",
            ),
            (
                self.core.throttle.ceiling.is_zero() && !self.core.throttle.factor.is_zero(),
                "max_throttle_delay is 0: throttle_factor does nothing, and nothing slows down whoever guesses codes; set it to \
                 15m",
            ),
            (
                self.password_minimum < Rules::USUAL,
                "password_minimum is under 15: that is enough only where nobody gets in by a password alone",
            ),
        ])
    }

    fn email_doubts(&self) -> Vec<&'static str> {
        let off = self.core.sending.email == EmailRule::Off;
        that_hold([
            (
                off && self.gateways.email.is_some(),
                "email_gateway is set, and email_codes is off: no code is sent by e-mail; set email_codes to beside or alone, \
                 or remove email_gateway",
            ),
            (
                !off && self.gateways.email.is_none(),
                "email_codes is on, and email_gateway is not set: no code is sent by e-mail, and users who have no other \
                 method cannot sign in; set email_gateway, or set email_codes to off",
            ),
        ])
    }

    /// Settings of gateways and services of which none is in use.
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
                "settings of Twilio do nothing: neither sms_gateway nor call_gateway is twilio; set one of them, or remove \
                 the settings that begin with twilio_",
            ),
            (
                (smtp.url.is_some() || smtp.password_file.is_some() || smtp.from.is_some()) && !uses(Carrier::Smtp),
                "smtp_url, smtp_password_file and email_from do nothing: email_gateway is not smtp; set it to smtp, or remove \
                 them",
            ),
            (
                (webhook.url.is_some() || webhook.secret_file.is_some()) && !uses(Carrier::Webhook),
                "webhook_url and webhook_secret_file do nothing: no gateway is webhook; set sms_gateway, call_gateway or \
                 email_gateway to webhook, or remove them",
            ),
            (
                gateways.command.is_some() && !uses(Carrier::Command),
                "gateway_command does nothing: no gateway is command; set sms_gateway, call_gateway or email_gateway to \
                 command, or remove it",
            ),
            (
                twilio.secret_file.is_some() && twilio.api_key.is_none(),
                "twilio_api_secret_file does nothing without twilio_api_key: set that, or remove it",
            ),
            (
                gateways.yubikey.urls.is_empty()
                    && (gateways.yubikey.client.is_some() || gateways.yubikey.secret_file.is_some()),
                "yubikey_client and yubikey_secret_file do nothing without yubikey_urls: set that, or remove them",
            ),
            (
                gateways.phone_region.is_some() && gateways.sms.is_none() && gateways.call.is_none(),
                "phone_region does nothing: neither sms_gateway nor call_gateway is set; set one of them, or remove it",
            ),
            (
                offers(Kind::SMS) && gateways.sms.is_none(),
                "methods has sms, and sms_gateway is not set: nobody can set it up; set sms_gateway, or take sms out",
            ),
            (
                offers(Kind::CALL) && gateways.call.is_none(),
                "methods has call, and call_gateway is not set: nobody can set it up; set call_gateway, or take call out",
            ),
            (
                offers(Kind::EMAIL) && self.core.sending.email == EmailRule::Off,
                "methods has email, and email_codes is off: nobody can set it up; set email_codes to beside or alone, or take \
                 email out",
            ),
            (
                self.deux_path.is_none() && self.deux_lenient,
                "deux_lenient does nothing without deux_path: set that, or remove it",
            ),
        ])
    }

    fn price_doubts(&self) -> Vec<&'static str> {
        let sending = &self.core.sending;
        let priced = sending.prices.usual > 0 || !sending.prices.by_region.is_empty();
        that_hold([
            (
                sending.spend.is_some() && !priced,
                "code_daily_budget does nothing: every message costs 0; set code_price or code_prices",
            ),
            (
                sending.spend.is_none() && priced,
                "code_price and code_prices do nothing: code_daily_budget is 0, so messages may cost any sum; set code_daily_budget, or \
                 remove them",
            ),
        ])
    }

    fn database_doubts(&self) -> Vec<&'static str> {
        let is_file = matches!(self.database, Some(Database::Sqlite(_)));
        let is_unverified = matches!(&self.database, Some(Database::Postgres(place)) if !place.is_verified());
        that_hold([
            (
                is_file && (self.database_password_file.is_some() || self.database_ca_file.is_some()),
                "database_password_file and database_ca_file do nothing: the database is a SQLite file; remove them",
            ),
            (
                is_unverified && self.database_ca_file.is_some(),
                "database_ca_file does nothing: the database's certificate is not verified; write sslmode=verify-full into \
                 database_url, or remove database_ca_file",
            ),
        ])
    }

    fn session_doubts(&self) -> Vec<&'static str> {
        let lifetimes = &self.core.lifetimes;
        that_hold([
            (
                lifetimes.aal1.idle > lifetimes.aal1.absolute,
                "one_factor_session_idle does nothing: it is longer than one_factor_session; make it shorter",
            ),
            (
                lifetimes.aal2.idle > lifetimes.aal2.absolute,
                "two_factor_session_idle does nothing: it is longer than two_factor_session; make it shorter",
            ),
        ])
    }
}

fn that_hold<const MANY: usize>(doubts: [(bool, &'static str); MANY]) -> Vec<&'static str> {
    doubts.into_iter().filter(|(holds, _)| *holds).map(|(_, doubt)| doubt).collect()
}
