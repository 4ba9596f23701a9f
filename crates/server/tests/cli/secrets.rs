//! Secret files: the same rules apply to all of them.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
};

use crate::house::House;

/// Settings that name a secret file, whose path is marked by `secret`.
const SETTINGS: [&[(&str, &str)]; 6] = [
    &[("SMS_GATEWAY", "webhook"), ("WEBHOOK_URL", "http://127.0.0.1:1/"), ("WEBHOOK_SECRET_FILE", "secret")],
    &[("YUBIKEY_URLS", "http://127.0.0.1:1/"), ("YUBIKEY_CLIENT", "1"), ("YUBIKEY_SECRET_FILE", "secret")],
    &[("DATABASE_URL", "postgres://ada@127.0.0.1:1/c?sslmode=disable"), ("DATABASE_PASSWORD_FILE", "secret")],
    &[
        ("EMAIL_GATEWAY", "smtp"),
        ("SMTP_URL", "smtp://ada@127.0.0.1:1"),
        ("EMAIL_FROM", "c@example.org"),
        ("SMTP_PASSWORD_FILE", "secret"),
    ],
    &[
        ("SMS_GATEWAY", "twilio"),
        ("PUBLIC_URL", "https://id.example.org"),
        ("TWILIO_ACCOUNT", "AC0"),
        ("TWILIO_FROM", "+31201234567"),
        ("TWILIO_TOKEN_FILE", "secret"),
    ],
    &[
        ("SMS_GATEWAY", "twilio"),
        ("PUBLIC_URL", "https://id.example.org"),
        ("TWILIO_ACCOUNT", "AC0"),
        ("TWILIO_FROM", "+31201234567"),
        ("TWILIO_TOKEN_FILE", "token"),
        ("TWILIO_API_KEY", "SK0"),
        ("TWILIO_API_SECRET_FILE", "secret"),
    ],
];

/// The output of `config check` for these settings.
fn complaint(house: &House, settings: &[(&str, &str)]) -> String {
    let named: Vec<_> = settings.iter().map(|(name, value)| (format!("COUNTERSIGN_{name}"), *value)).collect();
    let settings: Vec<_> = named.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    house.run_in_place("config check", &settings).err
}

fn set_mode(house: &House, name: &str, mode: u32) {
    fs::set_permissions(house.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn t145_every_secret_file_that_others_can_read_is_refused() {
    let house = House::founded();
    house.write_secret("secret", "aGVsbG8gd29ybGQ=\n");
    house.write_secret("token", "token\n");
    for settings in SETTINGS {
        let name = settings.last().unwrap().0.to_ascii_lowercase();
        for (mode, refused) in [(0o600, false), (0o400, false), (0o644, true), (0o604, true), (0o444, true)] {
            set_mode(&house, "secret", mode);
            let complaint = complaint(&house, settings);
            assert_eq!(
                complaint.contains("other users can read the secret file secret: "),
                refused,
                "{name}: {complaint}"
            );
            assert_eq!(complaint.contains(&format!("could not use {name}: ")), refused, "{complaint}");
        }
    }
}

/// As secret stores mount them: owned by root, readable by a group of the process, behind symbolic links.
#[test]
fn t145_what_a_secret_store_mounts_is_taken_also_as_another_user() {
    let house = House::founded();
    if fs::metadata(house.path("countersign.key")).unwrap().uid() != 0 {
        // Only root can give a file to root; the rule itself has a test of its own.
        return;
    }
    fs::create_dir(house.path("..2030")).unwrap();
    fs::rename(house.path("countersign.key"), house.path("..2030/key")).unwrap();
    symlink("..2030", house.path("..data")).unwrap();
    symlink("..data/key", house.path("countersign.key")).unwrap();
    chown(house.path("..2030/key"), Some(0), Some(10_001)).unwrap();
    for name in ["", "countersign.db", "..2030"] {
        chown(house.path(name), Some(10_001), Some(10_001)).unwrap();
    }
    for (mode, group, taken) in
        [(0o440, 10_001, true), (0o640, 10_001, true), (0o444, 10_001, false), (0o440, 10_002, false)]
    {
        set_mode(&house, "..2030/key", mode);
        chown(house.path("..2030/key"), Some(0), Some(group)).unwrap();
        let told = house.run_as(10_001, "keys list");
        assert_eq!(told.status == 0, taken, "{mode:o} {group}: {told:?}");
    }
    set_mode(&house, "..2030/key", 0o444);
    let error = house.run_as(10_001, "keys list");
    assert!(error.fails().contains("(mode 0440)"), "{error:?}");
}

#[test]
fn a_configuration_file_with_a_password_that_others_can_read_is_a_doubt() {
    let house = House::founded();
    let doubts = |house: &House| house.run("doctor --config c.toml").out;
    for (url, told) in [("postgres://ada:hunter2@127.0.0.1:1/c", true), ("postgres://ada@127.0.0.1:1/c", false)] {
        house.write("c.toml", &format!("email_gateway = \"none\"\nsmtp_url = \"{url}\"\n"));
        set_mode(&house, "c.toml", 0o644);
        assert_eq!(doubts(&house).contains("a password in a URL, and other users can read the file"), told, "{url}");
        set_mode(&house, "c.toml", 0o600);
        assert!(!doubts(&house).contains("other users can read the file"), "{url}");
    }
}
