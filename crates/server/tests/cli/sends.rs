//! Codes that a real server sends: by which gateway, and where they must not be found.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use countersign_testkit::Page;
use serde_json::Value;

use crate::{
    house::{Engine, House, PASSWORD, Server, patiently},
    person::Person,
};

const NUMBER: &str = "+31 6 12345678";
const DIGITS: &str = "612345678";
const MAILBOX: &str = "ada.of.the.test@example.org";

/// A service that receives messages.
struct Inbox {
    address: SocketAddr,
    posted: Arc<Mutex<Vec<Value>>>,
}

impl Inbox {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, posted) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(vec![])));
        let kept = posted.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut text = vec![];
                let mut buffer = [0; 4096];
                while !is_whole(&text) {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(count) => text.extend_from_slice(&buffer[..count]),
                    }
                }
                let text = String::from_utf8(text).unwrap();
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                kept.lock().unwrap().push(serde_json::from_str(body).unwrap());
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
            }
        });
        Self { address, posted }
    }

    /// The message of this number, the first being 1.
    fn message(&self, number: usize) -> Value {
        patiently(|| self.posted.lock().unwrap().get(number - 1).cloned()).unwrap()
    }

    fn code(&self, number: usize) -> String {
        self.message(number)["code"].as_str().unwrap().to_owned()
    }
}

fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// A server that sends everything to this inbox, with the most verbose log.
fn serves(house: &House, inbox: &Inbox) -> Server {
    house.write_secret("secret", "the secret of the webhook\n");
    let url = format!("http://{}/", inbox.address);
    let settings = [
        ("COUNTERSIGN_SMS_GATEWAY", "webhook"),
        ("COUNTERSIGN_CALL_GATEWAY", "webhook"),
        ("COUNTERSIGN_EMAIL_GATEWAY", "webhook"),
        ("COUNTERSIGN_EMAIL_CODES", "alone"),
        ("COUNTERSIGN_WEBHOOK_URL", &url),
        ("COUNTERSIGN_WEBHOOK_SECRET_FILE", "secret"),
        ("COUNTERSIGN_LOG", "trace"),
        ("COUNTERSIGN_CODE_COOLDOWN", "0"),
        ("COUNTERSIGN_CODES_PER_ADDRESS", "6"),
    ];
    house.serves_with("serve --bind 127.0.0.1:0", &settings)
}

async fn begins(ada: &mut Person, method: &str, to: &str) -> Page {
    let page = ada.browser.get(&format!("/account/two-factor/setup?method={method}")).await;
    let page = ada.browser.submit(&page.form_with("to"), "", &[("to", to)]).await;
    ada.browser.follow(page).await
}

/// T1: neither code nor address is anywhere but in the message, with any method.
#[tokio::test]
async fn t1_what_is_sent_is_in_no_log_and_no_database() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::of_on(engine, &["ada"]);
        let inbox = Inbox::open();
        let server = serves(&house, &inbox);
        let mut secrets = vec![DIGITS.to_owned(), MAILBOX.to_owned(), "the secret of the webhook".to_owned()];
        let mut ada = Person::at(&server, "ada");
        ada.signs_in(PASSWORD).await;
        for (number, (method, to)) in (1..).zip([("sms", NUMBER), ("call", NUMBER), ("email", MAILBOX)]) {
            let page = begins(&mut ada, method, to).await;
            assert!(page.says(to), "the address is shown in full during the setup: {}", page.body);
            let message = inbox.message(number);
            assert_eq!(message["channel"], *method);
            assert!(message["to"].as_str().is_some_and(|to| [format!("+31{DIGITS}").as_str(), MAILBOX].contains(&to)));
            secrets.push(inbox.code(number));
            let done = ada.answers(&page, &inbox.code(number)).await;
            assert!(done.says("backup codes"), "{}", done.body);
        }
        let mut again = Person::at(&server, "ada");
        let page = again.signs_in(PASSWORD).await;
        // An address is shown in full only while it is being set up.
        assert!(!page.body.contains(DIGITS) && !page.body.contains(MAILBOX), "{}", page.body);
        secrets.push(inbox.code(4));
        assert!(again.answers(&page, &inbox.code(4)).await.says("You are signed in"));

        let told = house.run("device deliveries ada");
        assert_eq!(
            told.succeeds().lines().filter(|line| line.contains("sent") && line.contains("verified")).count(),
            4
        );
        let listed = house.run("device list ada");
        assert!(listed.succeeds().contains("+31 * ******78") && listed.succeeds().contains("a***@e***.org"));
        let everything =
            format!("{}{}{}{}", server.log(), told.out, listed.out, house.run("device list ada --json").out);
        for secret in &secrets {
            assert!(!everything.contains(secret), "{secret} is told:\n{everything}");
        }
        drop(server);
        for (name, bytes) in stored(&house) {
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} is in {name}");
            }
        }
    }
}

/// All bytes of the database's files.
fn stored(house: &House) -> Vec<(String, Vec<u8>)> {
    if let Some(elsewhere) = &house.elsewhere {
        return vec![("the dump".into(), elsewhere.dump().unwrap().into())];
    }
    let files = fs::read_dir(house.path("")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".db")));
    files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

/// The limits of a day are in the database: a restart or another node does not reset them.
#[tokio::test]
async fn limits_outlive_a_restart_and_hold_across_nodes() {
    let house = House::of_on(Engine::Postgres, &["ada"]);
    let inbox = Inbox::open();
    let two = [serves(&house, &inbox), serves(&house, &inbox)];
    let mut ada = Person::at(&two[0], "ada");
    ada.signs_in(PASSWORD).await;
    let page = begins(&mut ada, "sms", NUMBER).await;
    ada.answers(&page, &inbox.code(1)).await;
    // Half of the six are for clients without a device cookie, and the verified code does not count.
    for number in 2..=4 {
        let page = Person::at(&two[number % 2], "ada").signs_in(PASSWORD).await;
        assert!(page.says("was sent to"), "{number}: {}", page.body);
    }
    // The page shows the field for the code that is still valid, and no other was sent.
    let is_over = async |server: &Server| {
        Person::at(server, "ada").signs_in(PASSWORD).await;
        assert_eq!(inbox.posted.lock().unwrap().len(), 4);
    };
    is_over(&two[0]).await;
    is_over(&two[1]).await;
    drop(two);
    is_over(&serves(&house, &inbox)).await;
}

#[test]
fn a_gateway_that_is_set_by_halves_or_prints_codes_is_refused() {
    let house = House::founded();
    for (settings, said) in [
        (vec![("COUNTERSIGN_SMS_GATEWAY", "log")], "could not use log for sms: it prints codes to the terminal"),
        (vec![("COUNTERSIGN_SMS_GATEWAY", "twilio")], "could not use twilio for sms: public_url is not set"),
        (
            vec![("COUNTERSIGN_SMS_GATEWAY", "twilio"), ("COUNTERSIGN_PUBLIC_URL", "https://id.example.org")],
            "could not use twilio for sms: twilio_account is not set",
        ),
        (vec![("COUNTERSIGN_EMAIL_GATEWAY", "smtp")], "could not use smtp for email: smtp_url is not set"),
        (vec![("COUNTERSIGN_CALL_GATEWAY", "command")], "could not use command for call: gateway_command is not set"),
        (vec![("COUNTERSIGN_YUBIKEY_URLS", "https://api.example.org/")], "yubikey_client is not set"),
        (vec![("COUNTERSIGN_PHONE_REGION", "Holland")], "it must be two letters"),
    ] {
        let told = house.run_with_settings(&settings, "serve --bind 127.0.0.1:0", "");
        assert!(told.status == 1 && told.err.contains(said), "{settings:?}: {told:?}");
    }
}
