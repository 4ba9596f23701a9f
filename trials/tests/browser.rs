//! All flows of a user, in a real browser: once without scripts, once on a small screen.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use trials::{PASSWORD, Person, Scripts, Server, code_of, wait_for_a_fresh_code};

/// The target of `/`.
const ACCOUNT: &str = "/account/two-factor";
const DESK: (u32, u32) = (1100, 900);
const PHONE: (u32, u32) = (320, 640);

/// Signs in with the password.
async fn gives_password(person: &Person) {
    person.opens("/account/login").await;
    person.types("name", "demo").await;
    person.types("password", PASSWORD).await;
    person.clicks("main form button[type=submit]").await;
}

/// Sets up an authenticator app with the key that the page shows as text, and returns the key.
async fn sets_up(person: &Person) -> String {
    person.opens("/account/two-factor").await;
    person.takes_a_picture("two-factor-off").await;
    person.clicks("main a[href$='/setup']").await;
    person.takes_a_picture("setup-methods").await;
    person.clicks_on("Authenticator app").await;
    assert!(person.sees("img.qr").await, "the QR code is on the page after the choice");
    person.takes_a_picture("setup-confirm").await;
    let key = person.text("code.key").await;
    person.types("code", "000000").await;
    person.clicks("main form button[type=submit]").await;
    assert!(person.sees("[role=alert]").await, "a wrong code is told");
    person.takes_a_picture("setup-wrong-code").await;
    assert_eq!(person.text("code.key").await, key, "the key stays the same over a wrong code");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    person.types("code", &code_of(&key)).await;
    person.clicks("main form button[type=submit]").await;
    assert_eq!(person.path().await, "/account/two-factor/setup/complete");
    person.takes_a_picture("setup-complete").await;
    key
}

/// Generates backup codes on the page at the end of a setup.
async fn makes_backup_codes(person: &Person) -> Vec<String> {
    person.clicks_on("Create backup codes").await;
    person.takes_a_picture("backup-codes-made").await;
    person.texts("#codes code").await
}

async fn signs_out(person: &Person) {
    person.opens("/account/logout").await;
    person.clicks("main form button[type=submit]").await;
    person.opens("/secret").await;
    assert_eq!(person.path().await, "/account/login", "signed out");
}

/// Answers the second factor that is asked.
async fn answers(person: &Person, code: &str) {
    person.types("code", code).await;
    person.clicks("main form button[type=submit]").await;
}

/// Renames the only device, and then replaces it.
async fn renames_and_replaces(person: &Person) {
    person.clicks_on("Rename").await;
    person.takes_a_picture("rename").await;
    person.types("name", "Lost phone").await;
    person.clicks("main form button[type=submit]").await;
    assert_eq!(person.text("h3").await, "Lost phone");
    person.clicks_on("Replace").await;
    person.takes_a_picture("replace-methods").await;
    person.clicks_on("Authenticator app").await;
    let key = person.text("code.key").await;
    person.types("name", "New phone").await;
    person.takes_a_picture("replace-confirm").await;
    answers(person, &code_of(&key)).await;
    person.opens("/account/two-factor").await;
    assert_eq!(person.texts("h3").await, ["New phone"]);
    person.takes_a_picture("replaced").await;
}

#[tokio::test]
async fn a_person_without_scripts_goes_the_whole_way() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::demo(folder.path());
    let person = Person::at(&server.address, Scripts::Off, DESK).await;

    person.opens("/").await;
    person.takes_a_picture("home-signed-out").await;
    person.opens("/account/login").await;
    assert!(!person.sees("button[data-reveal]:not([hidden])").await, "without scripts there is no such button");
    person.takes_a_picture("login").await;
    person.types("name", "demo").await;
    person.types("password", "not the password").await;
    person.clicks("main form button[type=submit]").await;
    assert!(person.sees("[role=alert]").await, "a wrong password is told");
    person.takes_a_picture("login-refused").await;
    gives_password(&person).await;
    assert_eq!(person.path().await, ACCOUNT);
    person.takes_a_picture("home-password-only").await;
    person.opens("/secret").await;
    assert_eq!(person.path().await, "/account/two-factor/setup", "a password alone leads to setting up");

    let key = sets_up(&person).await;
    let codes = makes_backup_codes(&person).await;
    assert_eq!(codes.len(), 10);
    person.reloads().await;
    assert!(!person.source().await.contains(&codes[0]), "a reload shows no code again");
    person.takes_a_picture("backup-codes-reloaded").await;
    person.opens("/account/two-factor").await;
    assert!(person.text("time").await.ends_with(" UTC"), "without scripts times are in UTC");
    person.takes_a_picture("two-factor-on").await;
    person.opens("/secret").await;
    assert_eq!(person.path().await, "/secret");
    person.takes_a_picture("secret").await;
    signs_out(&person).await;

    wait_for_a_fresh_code();
    gives_password(&person).await;
    person.takes_a_picture("second-factor").await;
    person.opens("/secret").await;
    assert_ne!(person.path().await, "/secret", "a login under way opens nothing");
    person.opens("/account/login").await;
    person.takes_a_picture("pending").await;
    person.clicks_on("Continue signing in").await;
    let code = code_of(&key);
    answers(&person, &code).await;
    assert_eq!(person.path().await, ACCOUNT, "the code lets in");
    person.opens("/secret").await;
    assert_eq!(person.path().await, "/secret");
    signs_out(&person).await;

    gives_password(&person).await;
    answers(&person, &code).await;
    assert!(person.sees("[role=alert]").await, "the same code is refused");
    person.takes_a_picture("code-used").await;
    person.clicks_on("backup code").await;
    person.takes_a_picture("second-factor-backup-code").await;
    answers(&person, &codes[4].to_lowercase()).await;
    assert_eq!(person.path().await, "/account/two-factor/backup-code-used", "a backup code lets in");
    assert!(person.source().await.contains("You have 9 backup codes left"));
    person.takes_a_picture("backup-code-used").await;
    person.clicks_on("Continue").await;
    assert_eq!(person.path().await, ACCOUNT);
    person.takes_a_picture("home-verified").await;
    signs_out(&person).await;

    gives_password(&person).await;
    person.clicks_on("backup code").await;
    answers(&person, &codes[4]).await;
    assert!(person.sees("[role=alert]").await, "the same backup code is refused");
    answers(&person, &codes[5]).await;
    person.clicks_on("Manage devices").await;
    renames_and_replaces(&person).await;

    person.opens("/account/password").await;
    person.takes_a_picture("password").await;
    person.opens("/account/two-factor/disable").await;
    person.takes_a_picture("disable").await;
    person.clicks("main form button[type=submit]").await;
    assert!(person.sees("[role=alert]").await, "nobody disables by a slip");
    person.ticks("sure").await;
    person.clicks("main form button[type=submit]").await;
    person.takes_a_picture("disabled").await;
    signs_out(&person).await;
    gives_password(&person).await;
    assert_eq!(person.path().await, ACCOUNT, "a password is enough again");
    person.leaves().await;
}

/// The button beside a password shows it and hides it again, and its label says which.
async fn shows_the_password(person: &Person) {
    person.types("password", PASSWORD).await;
    for (kind, pressed) in [("text", "true"), ("password", "false")] {
        person.presses("Show password").await;
        assert!(person.sees(&format!("input#password[type={kind}]")).await);
        assert!(person.sees(&format!("button[data-reveal=password][aria-pressed={pressed}]")).await);
    }
}

/// With scripts, a page shows its times in the user's time zone, and has UTC as a title.
async fn reads_local_times(person: &Person) {
    let utc = person.runs("return document.querySelector('time').title").await;
    assert!(utc.as_str().is_some_and(|title| title.ends_with(" UTC")), "{utc}");
    let told = person.text("time").await;
    let local = "return new Date(document.querySelector('time').dateTime).toLocaleString(navigator.languages.find(\
                 (one) => one.startsWith('en')) ?? 'en', { dateStyle: 'long', timeStyle: 'short' })";
    assert_eq!(person.runs(local).await.as_str(), Some(&*told));
}

/// On a screen 320 pixels wide nothing overflows, on any page.
#[tokio::test]
async fn a_person_at_a_small_screen_sees_every_page_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::demo(folder.path());
    let person = Person::at(&server.address, Scripts::On, PHONE).await;
    let mut wide = vec![];
    person.opens("/account/login").await;
    wide.extend(person.sticks_out().await);
    shows_the_password(&person).await;
    person.takes_a_picture("small-login").await;
    gives_password(&person).await;
    person.opens("/account/two-factor/setup").await;
    wide.extend(person.sticks_out().await);
    person.takes_a_picture("small-setup-methods").await;
    person.clicks_on("Authenticator app").await;
    wide.extend(person.sticks_out().await);
    person.takes_a_picture("small-setup-confirm").await;
    let key = person.text("code.key").await;
    answers(&person, &code_of(&key)).await;
    wide.extend(person.sticks_out().await);
    person.clicks_on("Create backup codes").await;
    wide.extend(person.sticks_out().await);
    person.takes_a_picture("small-backup-codes-made").await;
    person.opens("/account/two-factor").await;
    person.clicks_on("Rename").await;
    wide.extend(person.sticks_out().await);
    for page in ["/account/two-factor", "/account/password", "/account/two-factor/disable", "/", "/nowhere"] {
        person.opens(page).await;
        wide.extend(person.sticks_out().await);
    }
    person.opens("/account/two-factor").await;
    reads_local_times(&person).await;
    person.takes_a_picture("small-two-factor").await;
    assert!(wide.is_empty(), "wider than the screen: {wide:?}");
    person.leaves().await;
}

/// The code that was sent last, as the demo prints it, after `count` codes.
async fn sent(server: &Server, count: usize) -> String {
    sent_by(server, "", count).await
}

/// The same of one channel.
async fn sent_by(server: &Server, channel: &str, count: usize) -> String {
    for _ in 0..100 {
        let output = server.output();
        let lines = output.lines().filter(|line| line.trim_start().starts_with(channel));
        let codes: Vec<_> = lines.filter_map(code_in).collect();
        if codes.len() == count {
            return codes[count - 1].to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no {count} codes were sent:\n{}", server.output());
}

/// The code in a line with a channel, an address and a code.
fn code_in(line: &str) -> Option<&str> {
    let is_sent = ["sms", "call", "email"].contains(&line.split_whitespace().next()?);
    line.split_whitespace().last().filter(|_| is_sent)
}

/// A phone number and an e-mail address, set up and verified without scripts.
#[tokio::test]
async fn a_person_without_an_app_is_sent_codes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::demo(folder.path());
    let person = Person::at(&server.address, Scripts::Off, DESK).await;
    gives_password(&person).await;
    person.opens("/account/two-factor/setup").await;
    person.clicks_on("Text message").await;
    person.takes_a_picture("setup-sms").await;
    person.types("to", "06 12345678").await;
    person.clicks("main form button[type=submit]").await;
    assert!(person.sees("[role=alert]").await, "a number without its country is told");
    person.takes_a_picture("setup-sms-refused").await;
    person.types("to", "+31 6 12345678").await;
    person.clicks("main form button[type=submit]").await;
    person.takes_a_picture("setup-sms-sent").await;
    assert!(person.source().await.contains("+31 6 12345678"), "what was just typed is shown whole");
    let code = sent(&server, 1).await;
    answers(&person, &format!("{} {}", &code[..3], &code[3..])).await;
    assert_eq!(person.path().await, "/account/two-factor/setup/complete");
    signs_out(&person).await;

    // Within the cooldown no code is sent; the page says so, and lists the other devices.
    gives_password(&person).await;
    person.takes_a_picture("second-factor-sms").await;
    let code = sent(&server, 2).await;
    answers(&person, "000000").await;
    assert!(person.sees("[role=alert]").await, "a wrong code is told");
    person.takes_a_picture("second-factor-sms-wrong").await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    answers(&person, &code).await;
    assert_eq!(person.path().await, ACCOUNT, "the code lets in");

    person.opens("/account/two-factor/setup").await;
    person.clicks_on("E-mail").await;
    person.takes_a_picture("setup-email").await;
    person.types("to", "ada@example.org").await;
    person.clicks("main form button[type=submit]").await;
    let code = sent(&server, 3).await;
    answers(&person, &code).await;
    assert_eq!(person.path().await, "/account/two-factor/setup/complete");
    person.opens("/account/two-factor").await;
    person.takes_a_picture("two-factor-sms-and-email").await;
    signs_out(&person).await;

    gives_password(&person).await;
    person.takes_a_picture("second-factor-not-sent").await;
    person.clicks_on("e-mail").await;
    person.takes_a_picture("second-factor-email").await;
    let code = sent_by(&server, "email", 2).await;
    answers(&person, &code).await;
    person.takes_a_picture("home-email").await;
    person.opens("/secret").await;
    assert_eq!(person.path().await, "/account/verify", "a code by mail is not enough");
    assert!(!person.source().await.contains("Send an e-mail"), "so it is not offered again");
    person.takes_a_picture("verify-stronger").await;
    person.leaves().await;
}
