//! Settings: their sources, which are refused, and how they are shown.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _};

use crate::house::House;

#[test]
fn a_misspelt_setting_is_an_error_that_names_the_nearest() {
    let house = House::founded();
    house.write("typo.toml", "login_timout = \"5m\"\n");
    house.write("wild.toml", "bind = \"127.0.0.1:0\"\nxyzzy = 1\n");
    for (environment, line, error) in [
        (
            &[][..],
            "config show --config typo.toml",
            "could not use the configuration file typo.toml: unknown setting login_timout: did you mean login_timeout?",
        ),
        (
            &[("COUNTERSIGN_CONFIG", "wild.toml")],
            "config show",
            "could not use the configuration file wild.toml: unknown setting xyzzy: `countersign config show` lists \
             all settings",
        ),
        (
            &[("COUNTERSIGN_DATABASE_UR", "x")],
            "user list",
            "unknown setting COUNTERSIGN_DATABASE_UR in the environment: did you mean COUNTERSIGN_DATABASE_URL?",
        ),
        (
            &[("COUNTERSIGN_LOGIN_TIMEOUT", "13h")],
            "serve",
            "could not use login_timeout = \"13h\" from the environment: it must be from 1s to 12h",
        ),
        (
            &[("COUNTERSIGN_BIND", "localhost")],
            "serve",
            "could not use bind = \"localhost\" from the environment: it must be an IP address and a port, such as \
             127.0.0.1:8000",
        ),
        (
            &[],
            "migrate --config none.toml",
            "could not read the configuration file none.toml: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(house.run_in(environment, line).fails(), error, "{line}");
    }
}

#[test]
fn variables_of_a_kubernetes_service_stop_nothing_and_have_one_line() {
    let house = House::founded();
    let mut of_kubernetes = vec![
        ("COUNTERSIGN_PORT", "tcp://10.96.0.7:8000"),
        ("COUNTERSIGN_SERVICE_HOST", "10.96.0.7"),
        ("COUNTERSIGN_SERVICE_PORT", "8000"),
        ("COUNTERSIGN_SERVICE_PORT_HTTP", "8000"),
        ("COUNTERSIGN_PORT_8000_TCP", "tcp://10.96.0.7:8000"),
        ("COUNTERSIGN_PORT_8000_TCP_PROTO", "tcp"),
        ("COUNTERSIGN_PORT_8000_TCP_PORT", "8000"),
        ("COUNTERSIGN_PORT_8000_TCP_ADDR", "10.96.0.7"),
        ("COUNTERSIGN_DB_SERVICE_HOST", "10.96.0.8"),
        ("COUNTERSIGN_DB_SERVICE_PORT", "5432"),
        ("COUNTERSIGN_DB_PORT", "tcp://10.96.0.8:5432"),
        ("COUNTERSIGN_DB_PORT_5432_TCP_ADDR", "10.96.0.8"),
    ];
    for line in ["config check", "migrate", "user list"] {
        house.run_in_place(line, &of_kubernetes).succeeds();
    }
    let server = house.serves_with("serve --bind 127.0.0.1:0", &of_kubernetes);
    let lines: Vec<String> =
        server.log().lines().filter(|line| line.contains("COUNTERSIGN_")).map(str::to_owned).collect();
    assert!(lines.len() == 1 && lines[0].contains("INFO"), "{lines:?}");
    assert!(of_kubernetes.iter().all(|(name, _)| lines[0].contains(name)), "{lines:?}");
    of_kubernetes.push(("COUNTERSIGN_SERVICE_HOSTNAME", "x"));
    let told = house.run_in_place("config check", &of_kubernetes);
    assert!(told.fails().starts_with("unknown setting COUNTERSIGN_SERVICE_HOSTNAME in the environment"), "{told:?}");
    let told = house.run_in(&[("COUNTERSIGN_PORT", "8000")], "config check");
    assert!(told.fails().starts_with("unknown setting COUNTERSIGN_PORT in the environment"), "{told:?}");
}

#[test]
fn a_proxy_listed_in_the_notation_of_ipv6_lets_the_server_start() {
    let house = House::founded();
    house.write(
        "c.toml",
        "trusted_proxies = [\"::ffff:127.0.0.1\", \"::ffff:10.0.0.0/104\"]\nbind = \"[::ffff:127.0.0.1]:0\"",
    );
    assert_eq!(house.run("config check --config c.toml").succeeds(), "the server would start with these settings");
    house.write("c.toml", "trusted_proxies = [\"::ffff:10.0.0.0/8\"]");
    let told = house.run("config check --config c.toml");
    assert!(told.fails().ends_with("it must be IP addresses or networks, such as 10.0.0.5 or 10.0.0.0/8"), "{told:?}");
}

#[test]
fn what_is_in_effect_is_shown_with_its_source() {
    let house = House::founded();
    house.write(
        "c.toml",
        "site_name = \"Analytical Engine\"\nreauthentication_window = \"5m\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]",
    );
    let environment = [
        ("COUNTERSIGN_REAUTHENTICATION_WINDOW", "6m"),
        ("COUNTERSIGN_KEY_FILE", "other.key"),
        ("COUNTERSIGN_CONFIG", "c.toml"),
    ];
    let shown = house.run_in(&environment, "config show --json --key-file countersign.key").json();
    for (name, value, source) in [
        ("site_name", "Analytical Engine", "c.toml"),
        ("reauthentication_window", "6m", "the environment"),
        ("key_file", "countersign.key", "the command line"),
        ("trusted_proxies", "10.0.0.0/8,::1", "c.toml"),
        ("login_timeout", "10m", "the default"),
        ("max_consecutive_failures", "100", "the default"),
        ("password_minimum", "15", "the default"),
        ("api_path", "/api/v1", "the default"),
        ("personal_token_max_lifetime", "365d", "the default"),
        ("personal_tokens_per_user", "50", "the default"),
    ] {
        let setting = shown.as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap();
        assert_eq!((setting["value"].as_str().unwrap(), setting["source"].as_str().unwrap()), (value, source));
    }
    let text = house.run_in(&environment, "config show").succeeds().to_owned();
    assert!(text.contains("\nreauthentication_window = \"6m\" # the environment\n"), "{text}");
    assert!(text.contains("\n# public_url is not set\n"), "{text}");
    house.write("shown.toml", &text);
    let again = house.run_in(&[], "config show --config shown.toml --json").json();
    let values = |shown: &serde_json::Value| -> Vec<_> {
        shown.as_array().unwrap().iter().map(|setting| setting["value"].clone()).collect()
    };
    let without_flag = house.run_in(&environment, "config show --json").json();
    assert_eq!(values(&again), values(&without_flag), "what is shown is a configuration file");
}

#[test]
fn plain_http_is_served_to_nobody_but_this_machine_and_a_listed_proxy() {
    let house = House::founded();
    let check = |settings: &str| {
        house.write("c.toml", settings);
        house.run("config check --config c.toml")
    };
    for fine in [
        "",
        "bind = \"[::1]:0\"",
        "public_url = \"http://localhost:8000\"",
        "public_url = \"https://id.example.org\"\ntrusted_proxies = [\"127.0.0.1\"]",
        "bind = \"0.0.0.0:0\"\npublic_url = \"https://id.example.org\"\ntrusted_proxies = [\"10.0.0.5\"]",
    ] {
        assert_eq!(check(fine).succeeds(), "the server would start with these settings", "{fine}");
    }
    for (open, error) in [
        (
            "public_url = \"http://id.example.org\"",
            "public_url uses plain http, which would send passwords in clear text: use https, with a proxy in front of \
             the server that terminates TLS",
        ),
        (
            "bind = \"0.0.0.0:8000\"",
            "0.0.0.0:8000 can be reached from other machines, and plain http would send passwords in clear text: set \
             public_url to the https URL of the proxy in front of the server, or bind to 127.0.0.1",
        ),
        (
            "bind = \"0.0.0.0:8000\"\npublic_url = \"http://localhost:8000\"",
            "0.0.0.0:8000 can be reached from other machines, and plain http would send passwords in clear text: set \
             public_url to the https URL of the proxy in front of the server, or bind to 127.0.0.1",
        ),
        (
            "bind = \"[::]:8000\"\npublic_url = \"https://id.example.org\"",
            "[::]:8000 can be reached from other machines: list the proxy that terminates TLS in trusted_proxies, or \
             bind to 127.0.0.1",
        ),
    ] {
        assert_eq!(check(open).fails(), error);
        assert_eq!(house.run("serve --config c.toml").fails(), error);
    }
}

#[test]
fn what_may_be_a_mistake_is_said() {
    let house = House::founded();
    let settings = [
        ("COUNTERSIGN_PUBLIC_URL", "https://id.example.org"),
        ("COUNTERSIGN_THROTTLE_FACTOR", "0"),
        ("COUNTERSIGN_PASSWORD_MINIMUM", "8"),
    ];
    let server = house.serves_with("serve --bind 127.0.0.1:0", &settings);
    house.write("c.toml", "public_url = \"https://id.example.org\"\nthrottle_factor = 0\npassword_minimum = 8");
    let doubts = house.run("config check --config c.toml --json").json()["doubts"].as_array().unwrap().clone();
    assert_eq!(doubts.len(), 3);
    for doubt in doubts {
        server.wait_for(doubt.as_str().unwrap());
    }
}

/// Settings by their names, and the warning or error about them.
#[test]
fn settings_without_effect_are_reported_at_the_start_and_by_the_doctor() {
    let house = House::founded();
    house.write("secret", "a secret of sixteen bytes or more\n");
    for (settings, told) in [
        (&["EMAIL_GATEWAY=log", "ALLOW_LOG_GATEWAY=true"][..], "email_gateway is set, but email_codes is off"),
        (&["EMAIL_CODES=alone"], "email_codes is on, but email_gateway is not set"),
        (&["EMAIL_CODES=beside"], "set email_gateway, or set email_codes to off"),
        (&["MAX_THROTTLE_DELAY=0s"], "max_throttle_delay is 0"),
        (&["TWILIO_ACCOUNT=AC1"], "the twilio_ settings have no effect"),
        (&["SMTP_URL=smtps://mail.example.org"], "email_gateway is not smtp"),
        (&["WEBHOOK_SECRET_FILE=secret"], "no gateway is webhook"),
        (&["GATEWAY_COMMAND=/bin/true"], "gateway_command has no effect"),
        (&["YUBIKEY_CLIENT=1"], "no effect without yubikey_urls"),
        (&["PHONE_REGION=NL"], "phone_region has no effect"),
        (&["METHODS=totp,sms"], "methods has sms, but sms_gateway is not set"),
        (&["METHODS=totp,call"], "methods has call, but call_gateway is not set"),
        (&["METHODS=email"], "methods has email, but email_codes is off"),
        (&["DEUX_LENIENT=true"], "deux_lenient has no effect without deux_path"),
        (&["CODE_DAILY_BUDGET=10"], "code_daily_budget has no effect: every message costs 0"),
        (&["CODE_PRICE=0.1"], "code_price and code_prices have no effect"),
        (&["DATABASE_CA_FILE=secret"], "the database is a SQLite file"),
        (&["TWO_FACTOR_SESSION=30m"], "two_factor_session_idle has no effect"),
        (&["ONE_FACTOR_SESSION=1h"], "one_factor_session_idle has no effect"),
    ] {
        let names: Vec<_> = settings.iter().map(|setting| format!("COUNTERSIGN_{setting}")).collect();
        let settings: Vec<_> = names.iter().map(|setting| setting.split_once('=').unwrap()).collect();
        let doubts = house.run_in_place("config check --json", &settings).json()["doubts"].clone();
        let doubts: Vec<_> = doubts.as_array().unwrap().iter().map(|doubt| doubt.as_str().unwrap()).collect();
        assert!(doubts.len() == 1 && doubts[0].contains(told), "{names:?}: {doubts:?}");
        let doctor = house.run_in_place("doctor", &settings);
        assert!(doctor.out.contains(&format!("warn  settings: {}", doubts[0])), "{names:?}: {doctor:?}");
    }
    let settings = [("COUNTERSIGN_EMAIL_CODES", "alone"), ("COUNTERSIGN_MAX_THROTTLE_DELAY", "0")];
    let server = house.serves_with("serve --bind 127.0.0.1:0", &settings);
    for told in ["email_codes is on, but email_gateway is not set", "max_throttle_delay is 0"] {
        assert!(server.wait_for(told).contains("WARN"), "{}", server.log());
    }
}

/// For databases that cannot be opened from here, only `doctor` reports it.
#[test]
fn an_authority_that_verifies_no_database_is_told() {
    let house = House::founded();
    let nobodys = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (mode, told) in [("disable", true), ("require", true), ("verify-full", false)] {
        let url = format!("postgres://ada@{nobodys}/c?sslmode={mode}");
        let settings = [("COUNTERSIGN_DATABASE_URL", url.as_str()), ("COUNTERSIGN_DATABASE_CA_FILE", "ca.pem")];
        let doctor = house.run_in_place("doctor", &settings);
        let says = doctor.out.contains("warn  settings: database_ca_file has no effect: the database's certificate");
        assert_eq!(says, told, "{mode}: {doctor:?}");
    }
}

#[test]
fn clients_that_cannot_ask_for_a_token_are_told_at_the_start_and_by_the_doctor() {
    let house = House::founded();
    let told = "clients are registered, but deux_path is not set";
    let server = house.serves();
    assert!(!server.log().contains(told) && !house.run("doctor").out.contains(told));
    assert!(house.run("client add Wiki").err.contains(told));
    let server = house.serves();
    assert!(server.wait_for(told).contains("WARN"), "{}", server.log());
    assert!(house.run("doctor").out.contains(&format!("warn  clients: {told}")));
    let path = [("COUNTERSIGN_DEUX_PATH", "/mfa")];
    assert!(!house.run_in_place("doctor", &path).out.contains(told));
    assert!(!house.serves_with("serve --bind 127.0.0.1:0", &path).log().contains(told));
}

/// Unsupported values are refused with what to do instead, also by the doctor.
#[test]
fn a_path_below_a_host_and_a_unix_socket_are_refused_with_the_remedy() {
    let house = House::founded();
    let cases = [
        ("COUNTERSIGN_PUBLIC_URL", "https://example.org/auth", "a site below a path is not supported"),
        ("COUNTERSIGN_PUBLIC_URL", "https://example.org/auth", "set https://example.org"),
        ("COUNTERSIGN_PUBLIC_URL", "https://example.org:8443/auth/?a=b", "set https://example.org:8443"),
        ("COUNTERSIGN_BIND", "/run/countersign.sock", "a Unix socket is not supported"),
        ("COUNTERSIGN_BIND", "unix:/run/countersign.sock", "such as 127.0.0.1:8000"),
        ("COUNTERSIGN_METRICS_BIND", "@countersign", "such as 127.0.0.1:9464"),
    ];
    for (name, value, told) in cases {
        for line in ["config check", "serve", "doctor"] {
            let answer = house.run_in_place(line, &[(name, value)]);
            let text = format!("{}{}", answer.out, answer.err);
            assert!(answer.status == 1 && text.contains(told), "{value}: {answer:?}");
        }
    }
    let secret =
        house.run_in_place("config check", &[("COUNTERSIGN_PUBLIC_URL", "https://ada:hunter2@example.org/auth")]);
    assert!(secret.status == 1 && !secret.err.contains("hunter2"), "{secret:?}");
    house.run_in_place("config check", &[("COUNTERSIGN_PUBLIC_URL", "https://example.org/")]).succeeds();
}

#[test]
fn a_phone_region_that_has_no_telephones_is_refused() {
    let house = House::founded();
    for (region, told) in [("UK", "write GB"), ("XX", "ISO 3166-1"), ("EU", "ISO 3166-1"), ("AN", "ISO 3166-1")] {
        for line in ["config check", "serve --bind 127.0.0.1:0", "doctor"] {
            let answer = house.run_in_place(line, &[("COUNTERSIGN_PHONE_REGION", region)]);
            let text = format!("{}{}", answer.out, answer.err);
            assert!(answer.status == 1 && text.contains("phone_region") && text.contains(told), "{region}: {answer:?}");
        }
    }
    house.run_in_place("config check", &[("COUNTERSIGN_PHONE_REGION", "gb")]).succeeds();
}

#[test]
fn a_server_without_its_parts_says_what_to_run() {
    let house = House::empty();
    let database = format!("sqlite://{}", house.path("countersign.db").display());
    let set = [("COUNTERSIGN_DATABASE_URL", database.as_str()), ("COUNTERSIGN_KEY_FILE", "countersign.key")];
    assert!(
        house
            .run_in(&set[..1], "serve")
            .fails()
            .starts_with("no key file is set: create one with `countersign keys new")
    );
    assert_eq!(
        house.run_in(&set, "serve").fails(),
        "there is no key file at countersign.key: run `countersign keys new countersign.key` to create one"
    );
    house.run_in(&set, "keys new").succeeds();
    assert!(house.run_in(&set[1..], "serve").fails().starts_with("no database is set: use --database-url"));
    let error = house.run_in(&set, "serve");
    assert!(error.fails().ends_with("countersign.db: run `countersign migrate` to create it"), "{error:?}");
    fs::write(house.path("countersign.db"), "").unwrap();
    let error = house.run_in(&set, "serve");
    assert!(error.fails().ends_with("run `countersign migrate` to create them"), "{error:?}");
    house.run_in(&set, "migrate").succeeds();
    house.run_in(&set, "config check").succeeds();
}

#[test]
fn migrate_says_what_it_did_and_may_be_repeated() {
    let house = House::empty();
    let first = house.run("migrate --json").json();
    assert_eq!(first["from"], 0);
    assert_eq!(house.run("migrate --json").json()["from"], first["to"]);
    assert!(house.run("migrate").succeeds().contains(" is already at migration "));
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner() {
    let house = House::empty();
    house.run("keys new some.key").succeeds();
    let made = fs::read_to_string(house.path("some.key")).unwrap();
    assert_eq!(fs::metadata(house.path("some.key")).unwrap().permissions().mode() & 0o777, 0o600);
    house.run("keys new some.key").succeeds();
    let now = fs::read_to_string(house.path("some.key")).unwrap();
    assert!(now.starts_with(&made) && now.len() > made.len(), "what was there stays, and stays first");
    assert_eq!(fs::metadata(house.path("some.key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(house.run("keys new other.key --json").json()["key_file"], "other.key");

    fs::set_permissions(house.path("some.key"), fs::Permissions::from_mode(0o640)).unwrap();
    house.run("migrate").succeeds();
    let open = house.run("config check --key-file some.key");
    assert_eq!(open.fails(), "other users can read the key file some.key: run `chmod 600 some.key`");
}
