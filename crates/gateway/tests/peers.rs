//! Real peers: a mail server, a validation service, Twilio's own library and another maker of YubiKey codes, on this machine.
//!
//! `cargo xtask test` installs them and says by `TRIALS_PYTHON` where Python finds its packages.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    fs::Permissions,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use countersign_engine::{
    core::{
        Address, DeliveryId, EmailAddress, Kind, Secret, Timestamp,
        method::question::{Question, Reply},
    },
    port::{CallApp as _, Gateway as _, Message, NotTaken, Validator as _},
};
use countersign_gateway::{Smtp, SmtpSettings, Texts, Twilio, TwilioSettings, YubicoService};
use countersign_testkit::SoftYubikey;
use data_encoding::HEXLOWER;
use serde_json::Value;

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The validation service, which goes into the background and is found by its database.
struct Daemon(String);

impl Daemon {
    fn start(database: &Path, port: u16) -> Self {
        let name = database.display().to_string();
        let mut command = Command::new("yubiserver");
        command.args(["-d", &name, "-p", &port.to_string(), "-l", &format!("{name}.log")]);
        assert!(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
        Self(name)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("pkill").args(["-f", &self.0]).status();
    }
}

fn python(script: &str) -> Command {
    let program = std::env::var_os("TRIALS_PYTHON");
    let Some(program) = program else {
        panic!("this test needs Python packages: run `cargo xtask test`, which sets TRIALS_PYTHON");
    };
    let mut command = Command::new(program);
    command.arg("-c").arg(script);
    command
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody listens on port {port}");
}

/// A mail server that wants TLS and a password, and tells of each mail in a line of JSON.
const MAIL_SERVER: &str = r#"
import email, email.policy, json, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

port, certificate, key, implicit = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "implicit"
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "to": envelope.rcpt_tos, "subject": mail["Subject"], "from": mail["From"], "auto": mail["Auto-Submitted"],
            "plain": mail.get_body(("plain",)).get_content(), "html": mail.get_body(("html",)).get_content(),
            "headers": mail.keys(),
        }
        print(json.dumps(told), flush=True)
        return "250 OK"

def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"mailer", b"the password"))

tls = {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}
Controller(Handler(), hostname="127.0.0.1", port=port, authenticator=authenticate, auth_required=True,
           auth_require_tls=not implicit, **tls).start()
print("listening", flush=True)
sys.stdin.read()
"#;

fn certificate(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    output(openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"]));
}

fn mail(to: &str) -> Message {
    Message {
        delivery: DeliveryId::new("delivery"),
        channel: Kind::EMAIL,
        to: Address::Email(EmailAddress::parse(to).unwrap()),
        code: "012345".into(),
        until: Timestamp::from_seconds(1_767_268_800),
        minutes: 5,
        site: "Zoë's <site>\r\nBcc: eve@example.org".into(),
        language: None,
        call: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_by_tls_with_a_password_in_two_parts() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    for (scheme, mode) in [("smtps", "implicit"), ("smtp", "starttls")] {
        let port = free_port();
        let mut server = python(MAIL_SERVER);
        server.arg(port.to_string()).args(["cert.pem", "key.pem", mode]).current_dir(folder.path());
        let mut server = Running(server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let mut told = BufReader::new(server.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(told.next().as_deref(), Some("listening"));
        let settings = |password: &str, ca: bool| SmtpSettings {
            url: format!("{scheme}://mailer@localhost:{port}"),
            password: Some(password.into()),
            ca_file: ca.then(|| folder.path().join("cert.pem")),
            from: "Countersign <no-reply@example.org>".into(),
        };
        let texts = Arc::new(Texts::read(None).unwrap());
        let gateway = Smtp::new(&settings("the password", true), texts.clone()).unwrap();
        gateway.deliver(&mail("ada@example.org")).await.unwrap();
        let told: Value = serde_json::from_str(&told.next().unwrap()).unwrap();
        assert_eq!(told["to"], serde_json::json!(["ada@example.org"]), "nobody else gets it");
        assert!(told["subject"].as_str().unwrap().starts_with("012345 is your code for Zoë's <site>"));
        assert_eq!(
            (told["auto"].as_str(), told["from"].as_str()),
            (Some("auto-generated"), Some("Countersign <no-reply@example.org>"))
        );
        assert!(told["plain"].as_str().unwrap().contains("    012345"));
        let html = told["html"].as_str().unwrap();
        assert!(html.contains("<strong>012345</strong>") && html.contains("&lt;site&gt;"));
        assert!(told["headers"].as_array().unwrap().iter().all(|name| name != "Bcc"));

        let refused = gateway.deliver(&mail("nobody@example.org")).await.unwrap_err();
        assert!(matches!(refused, NotTaken::Unreachable { .. }), "{refused:?}");
        if mode == "implicit" {
            let stranger = Smtp::new(&settings("another password", true), texts.clone()).unwrap();
            let NotTaken::Failed(fault) = stranger.deliver(&mail("ada@example.org")).await.unwrap_err() else {
                panic!()
            };
            assert!(!format!("{fault}").contains("ada@"), "{fault}");
            let trusting = Smtp::new(&settings("the password", false), texts).unwrap();
            assert!(trusting.deliver(&mail("ada@example.org")).await.is_err(), "a certificate nobody vouches for");
        }
    }
}

/// Makes what a YubiKey would type, by code that is not ours.
const OTHER_YUBIKEY: &str = r"
import sys
from binascii import unhexlify
from yubiotp.otp import OTP, encode_otp
private, key, public, session, usage = sys.argv[1:6]
print(encode_otp(OTP(unhexlify(private), int(session), 4711, int(usage), 99), unhexlify(key), public.encode()).decode())
";

#[tokio::test]
async fn a_validation_service_says_what_a_key_typed() {
    let folder = tempfile::tempdir().unwrap();
    // It gives its rights up, so the file has to be everybody's.
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let database = folder.path().join("yubiserver.sqlite");
    std::fs::copy("/etc/yubiserver/yubiserver.sqlite.init", &database).unwrap();
    let key = SoftYubikey::new(7);
    let (public, private) = (key.public_id.to_string(), HEXLOWER.encode(key.private_id.as_bytes()));
    let secret = HEXLOWER.encode(key.key.as_bytes());
    let admin = |arguments: &[&str]| output(Command::new("yubiserver-admin").arg("-b").arg(&database).args(arguments));
    admin(&["-y", "-a", "ada", &public, &private, &secret]);
    let told = admin(&["-p", "-a", "countersign", "c2hhcmVkc2VjcmV0MTIz"]);
    let after = |words: &str| told.split(words).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let (shared, client) = (Secret::new(after("New API key for 'countersign':")), after("API key ID is:"));
    let port = free_port();
    std::fs::set_permissions(&database, Permissions::from_mode(0o666)).unwrap();
    let _server = Daemon::start(&database, port);
    wait_for(port);
    let url = [format!("http://127.0.0.1:{port}/wsapi/2.0/verify")];
    let ask = |secret: Secret, typed: String, number: u32| {
        let service = YubicoService::new(&url, &client, Some(&secret)).unwrap();
        let nonce = format!("abcdefghijklmnopqrst{number}");
        async move { service.ask(&Question { kind: Kind::YUBIKEY, answer: Secret::new(typed), nonce }).await }
    };
    let first = key.touch();
    assert!(matches!(ask(shared.clone(), first.clone(), 1).await, Reply::Right { .. }));
    assert_eq!(ask(shared.clone(), first, 2).await, Reply::Used);
    let mut foreign = python(OTHER_YUBIKEY);
    let typed = output(foreign.args([&private, &secret, &public, "9", "3"])).trim().to_owned();
    assert!(matches!(ask(shared.clone(), typed, 3).await, Reply::Right { .. }));
    let forged = SoftYubikey::new(8).named(key.public_id.clone()).touch();
    assert_eq!(ask(shared, forged, 4).await, Reply::Wrong);
    assert_eq!(ask(Secret::new("bm90IHRoZSBzZWNyZXQ="), key.types(5000), 5).await, Reply::Unavailable);
}

/// What Twilio's own library signs.
const TWILIO_SIGNS: &str = r"
import json, sys
from twilio.request_validator import RequestValidator
for url, fields in json.load(sys.stdin):
    print(RequestValidator(sys.argv[1]).compute_signature(url, dict(fields)))
";

#[test]
fn what_twilio_s_own_library_signs_is_signed() {
    let token = "12345678901234567890123456789012";
    let requests: Vec<(&str, Vec<(String, String)>)> = [
        ("https://id.example.org/account/twilio/call/abc", vec![]),
        ("https://id.example.org/account/twilio/call/abc?language=nl", vec![("Digits", "5"), ("CallSid", "CA1")]),
        (
            "https://id.example.org/account/twilio/status/x",
            vec![("MessageStatus", "delivered"), ("a", "é & = +"), ("B", "")],
        ),
    ]
    .into_iter()
    .map(|(url, fields)| (url, fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    .collect();
    let mut child = python(TWILIO_SIGNS).arg(token).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(serde_json::to_string(&requests).unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let settings = TwilioSettings {
        url: None,
        account: "AC1".into(),
        token: token.into(),
        api_key: None,
        from: None,
        messaging_service: None,
        base: "https://id.example.org/account".into(),
        domain: None,
    };
    let twilio = Twilio::new(settings, Arc::new(Texts::read(None).unwrap())).unwrap();
    let signatures = String::from_utf8(output.stdout).unwrap();
    assert_eq!(signatures.lines().count(), requests.len());
    for ((url, fields), signature) in requests.iter().zip(signatures.lines()) {
        assert!(twilio.is_signed(url, fields, signature), "{url}");
        assert!(!twilio.is_signed(&format!("{url}x"), fields, signature));
    }
}
