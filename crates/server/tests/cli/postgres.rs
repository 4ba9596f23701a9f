//! The same program on PostgreSQL: migrated, used, and never revealing its password.

use cluster::Fresh;

use crate::{
    house::{Engine, House, PASSWORD},
    person::Person,
};

/// The URL without its password, and the password.
fn without_password(url: &str) -> (String, String) {
    let (before, host) = url.rsplit_once('@').unwrap();
    let (user, password) = before.rsplit_once(':').unwrap();
    (format!("{user}@{host}"), password.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_on_postgres_is_made_ready_and_used() {
    let database = Fresh::database();
    let (url, password) = without_password(&database.url());
    let house = House::empty();
    house.write_secret("database.password", &format!("{password}\n"));
    house.write(
        "countersign.toml",
        &format!("database_url = \"{url}\"\ndatabase_password_file = \"database.password\"\nkey_file = \"keys\"\n"),
    );
    let on = |line: &str| house.run_in(&[("COUNTERSIGN_CONFIG", "countersign.toml")], line);
    on("keys new").succeeds();
    let place = format!("postgres://{}", url.rsplit_once('@').unwrap().1);
    let dry = on("migrate --dry-run");
    let newest = dry.succeeds().lines().count();
    assert!(dry.succeeds().starts_with(&format!("{place} needs migration 1, first")), "{dry:?}");
    assert!(on("user list").fails().contains("run `countersign migrate`"));
    assert_eq!(on("migrate").succeeds(), format!("{place} was migrated from migration 0 to {newest}"));
    assert_eq!(on("migrate --dry-run").succeeds(), format!("{place} is up to date"));
    assert!(on("config check").succeeds().starts_with("the server would start"));

    let password_file = house.path("database.password").display().to_string();
    let key_file = house.path("keys").display().to_string();
    let environment = [
        ("COUNTERSIGN_DATABASE_URL", url.as_str()),
        ("COUNTERSIGN_DATABASE_PASSWORD_FILE", password_file.as_str()),
        ("COUNTERSIGN_KEY_FILE", key_file.as_str()),
    ];
    house.run_with_settings(&environment, "user add ada --password-stdin", PASSWORD).succeeds();
    let server = house.serves_with("serve --bind 127.0.0.1:0", &environment);
    let mut ada = Person::at(&server, "ada");
    ada.sets_up().await;
    assert!(ada.is_verified().await);
    assert_eq!(on("two-factor status ada").succeeds(), "ada: enabled");
    on("two-factor disable ada").succeeds();
    assert!(!ada.is_signed_in().await, "the session ended");
    assert!(!server.log().contains(&password), "{}", server.log());
}

#[test]
fn a_password_in_a_url_is_never_shown() {
    let house = House::empty();
    let url = "postgres://ada:hunter2@127.0.0.1:1/countersign";
    let environment = [("COUNTERSIGN_DATABASE_URL", url), ("COUNTERSIGN_KEY_FILE", "keys")];
    let told = house.run_in(&environment, "config show");
    let shown = told.succeeds();
    assert!(
        shown.contains("postgres://ada:[redacted]@127.0.0.1:1/countersign") && !shown.contains("hunter2"),
        "{shown}"
    );
    let away = house.run_in(&environment, "user list");
    assert!(away.err.contains("could not connect to the database"), "{}", away.err);
    let strange = house.run_in(&[("COUNTERSIGN_DATABASE_URL", &format!("{url}?colour=red"))], "user list");
    for told in [away, strange] {
        assert!(told.status == 1 && !told.err.contains("hunter2") && !told.out.contains("hunter2"), "{}", told.err);
    }
}

/// A database whose server has another time, by its own function.
#[test]
fn t117_a_server_says_so_at_error_when_the_clock_of_the_database_differs_by_more_than_a_minute() {
    for (seconds, is_told) in [(0, false), (50, false), (70, true), (-70, true)] {
        let house = House::founded_on(Engine::Postgres);
        let database = house.elsewhere.as_ref().unwrap();
        let wrong = format!(
            "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
                 $$ SELECT pg_catalog.clock_timestamp() + interval '{seconds} seconds' $$;
             ALTER DATABASE {} SET search_path = public, pg_catalog",
            database.name()
        );
        database.sql(&wrong).unwrap();
        let server = house.serves();
        if is_told {
            let line = server.wait_for("the database server's");
            let way = if seconds > 0 { "behind" } else { "ahead of" };
            assert!(line.contains("ERROR") && line.contains(way), "{line}");
            assert!(house.run("doctor --json").out.contains("the database server's clock: one of them is wrong"));
        } else {
            std::thread::sleep(std::time::Duration::from_secs(1));
            assert!(!server.log().contains("ERROR"), "{}", server.log());
        }
    }
}
