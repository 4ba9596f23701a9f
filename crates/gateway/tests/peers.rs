//! Real peers: a mail server, a validation service, Twilio's own library and an independent generator of YubiKey codes,
//! on this machine.
//!
//! `cargo xtask test` installs them, and `TRIALS_PYTHON` is the Python that has their packages.
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
        method::validation::{ValidationRequest, ValidationResponse},
    },
    port::{Gateway as _, Message, NotTaken, Validator as _, VoiceCallbacks as _},
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

/// The validation service, which becomes a daemon and is found by its database.
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
        // It has detached from its parent. No other process was given this database.
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            if words.split(|byte| *byte == 0).any(|word| word == self.0.as_bytes()) {
                let _ = Command::new("sh").args(["-c", "kill \"$0\""]).arg(process.file_name()).status();
            }
        }
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

/// A mail server that requires TLS and a password, and reports each mail as a line of JSON.
const MAIL_SERVER: &str = r#"
import email, email.policy, json, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

port, mode = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain("cert.pem", "key.pem")

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        refused = {"nobody@": "550 no such mailbox", "gone@": "550 5.1.1 <%s> is gone", "full@": "552 5.2.2 full",
                   "blocked@": "550 5.7.1 we want no mail from you", "later@": "450 4.2.0 come again"}
        for start, answer in refused.items():
            if address.startswith(start):
                return answer.replace("%s", address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "to": envelope.rcpt_tos, "subject": mail["Subject"], "from": mail["From"], "auto": mail["Auto-Submitted"],
            "parts": [[part.get_content_type(), part.get_content()] for part in mail.walk() if not part.is_multipart()],
            "headers": mail.keys(),
        }
        print(json.dumps(told), flush=True)
        return "250 OK"

def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"mailer", b"the password"), handled=False)

tls = {"smtps": {"ssl_context": context}, "ascii": {"ssl_context": context}, "smtp": {"tls_context": context, "require_starttls": True}, "clear": {}}[mode]
Controller(Handler(), hostname="127.0.0.1", port=port, authenticator=authenticate, auth_required=True,
           auth_require_tls=mode == "smtp", enable_SMTPUTF8=mode != "ascii", **tls).start()
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
        lifetime: Duration::from_mins(5),
        minutes: 5,
        site: "Zoë's <site>\r\nBcc: eve@example.org".into(),
        language: None,
        call: None,
    }
}

/// A mail server with a certificate of its own.
struct MailServer {
    _running: Running,
    port: u16,
    told: Box<dyn Iterator<Item = String> + Send>,
    folder: tempfile::TempDir,
}

impl MailServer {
    /// A server with TLS from the start (`smtps`), STARTTLS (`smtp`), or no TLS (`clear`); `ascii` is `smtps` without
    /// SMTPUTF8.
    fn start(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path());
        let port = free_port();
        let mut server = python(MAIL_SERVER);
        server.args([&port.to_string(), mode]).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running(server.spawn().unwrap());
        let mut told = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(told.next().as_deref(), Some("listening"));
        Self { _running: running, port, told: Box::new(told), folder }
    }

    /// The settings to reach it, with its certificate and its password.
    fn settings(&self, scheme: &str) -> SmtpSettings {
        SmtpSettings {
            url: format!("{scheme}://mailer@localhost:{}", self.port),
            password: Some("the password".into()),
            ca_file: Some(self.folder.path().join("cert.pem")),
            from: "Countersign <no-reply@example.org>".into(),
        }
    }

    fn mail(&mut self) -> Value {
        serde_json::from_str(&self.told.next().unwrap()).unwrap()
    }
}

fn smtp(settings: &SmtpSettings) -> Smtp {
    Smtp::new(settings, Arc::new(Texts::read(None).unwrap())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_by_tls_with_a_password_in_two_parts() {
    for scheme in ["smtps", "smtp"] {
        let mut server = MailServer::start(scheme);
        let gateway = smtp(&server.settings(scheme));
        assert!(gateway.reachable().await.is_ok(), "{scheme}");
        gateway.deliver(&mail("ada@example.org")).await.unwrap();
        let told = server.mail();
        assert_eq!(told["to"], serde_json::json!(["ada@example.org"]), "nobody else gets it");
        assert!(told["subject"].as_str().unwrap().starts_with("012345 is your code for Zoë's <site>"));
        assert_eq!(
            (&told["auto"], &told["from"]),
            (&"auto-generated".into(), &"Countersign <no-reply@example.org>".into())
        );
        let [plain, html] = [0, 1].map(|part| told["parts"][part].clone());
        assert!(plain[0] == "text/plain" && plain[1].as_str().unwrap().contains("    012345"), "{plain}");
        let words = html[1].as_str().unwrap();
        assert!(html[0] == "text/html" && words.contains("<strong>012345</strong>") && words.contains("&lt;site&gt;"));
        assert!(told["headers"].as_array().unwrap().iter().all(|name| name != "Bcc"));
    }
}

/// RFC 6531: a local part in UTF-8 needs a server that offers SMTPUTF8; an international domain needs none.
#[tokio::test(flavor = "multi_thread")]
async fn international_mailboxes_get_mail_where_the_server_can() {
    for mode in ["smtps", "ascii"] {
        let mut server = MailServer::start(mode);
        let gateway = smtp(&server.settings("smtps"));
        gateway.deliver(&mail("ada@bücher.example")).await.unwrap();
        assert_eq!(server.mail()["to"], serde_json::json!(["ada@xn--bcher-kva.example"]), "{mode}");
        let sent = gateway.deliver(&mail("jörg@bücher.example")).await;
        if mode == "ascii" {
            let Err(NotTaken::Unreachable { reason }) = sent else { panic!("{sent:?}") };
            assert_eq!(reason, "the mail server does not offer SMTPUTF8");
        } else {
            sent.unwrap();
            let told = server.mail();
            assert_eq!(told["to"], serde_json::json!(["jörg@xn--bcher-kva.example"]));
            assert_eq!(told["parts"][0][0], "text/plain");
        }
        gateway.deliver(&mail("ada@example.org")).await.unwrap();
        assert_eq!(server.mail()["to"], serde_json::json!(["ada@example.org"]), "the connection goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mail_server_refuses_is_the_mailbox_s_fault_or_ours() {
    let server = MailServer::start("smtps");
    let gateway = smtp(&server.settings("smtps"));
    for (to, expected) in [
        ("nobody@example.org", "unreachable: 550"),
        ("gone@example.org", "unreachable: 550 5.1.1"),
        ("full@example.org", "failed: could not send a mail: the mail server answered 552 5.2.2"),
        ("blocked@example.org", "failed: could not send a mail: the mail server answered 550 5.7.1"),
        ("later@example.org", "failed: could not send a mail: the mail server answered 450 4.2.0"),
    ] {
        let told = match gateway.deliver(&mail(to)).await.unwrap_err() {
            NotTaken::Unreachable { reason } => format!("unreachable: {reason}"),
            NotTaken::Failed(fault) => format!("failed: {fault}"),
        };
        assert_eq!(told, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mail_goes_to_a_server_that_is_another_or_in_clear() {
    let server = MailServer::start("smtps");
    let settings = server.settings("smtps");
    let elsewhere = tempfile::tempdir().unwrap();
    certificate(elsewhere.path());
    let stranger = SmtpSettings { password: Some("another password".into()), ..server.settings("smtps") };
    let trusting = SmtpSettings { ca_file: None, ..server.settings("smtps") };
    let mistaken = SmtpSettings { ca_file: Some(elsewhere.path().join("cert.pem")), ..settings };
    let clear = MailServer::start("clear");
    for (cause, settings) in [
        ("the mail server answered 535 5.7.8", stranger),
        ("invalid peer certificate", trusting),
        ("invalid peer certificate", mistaken),
        ("STARTTLS is not supported", clear.settings("smtp")),
    ] {
        let gateway = smtp(&settings);
        let unreached = gateway.reachable().await.unwrap_err();
        let Err(NotTaken::Failed(fault)) = gateway.deliver(&mail("ada@example.org")).await else { panic!("{cause}") };
        assert!(
            unreached.to_string().contains(cause) && fault.to_string().contains(cause),
            "{cause}: {unreached} {fault}"
        );
        let told = format!("{fault} {fault:?} {gateway:?}");
        assert!(["ada@", "012345", "password"].iter().all(|hidden| !told.contains(hidden)), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_template_for_html_leaves_the_plain_text() {
    let mut server = MailServer::start("smtp");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("en")).unwrap();
    std::fs::write(folder.path().join("en/email.html"), "").unwrap();
    let texts = Arc::new(Texts::read(Some(folder.path())).unwrap());
    let gateway = Smtp::new(&server.settings("smtp"), texts).unwrap();
    gateway.deliver(&mail("ada@example.org")).await.unwrap();
    let told = server.mail();
    assert_eq!((told["parts"].as_array().unwrap().len(), &told["parts"][0][0]), (1, &"text/plain".into()));
}

/// The code that a YubiKey would type, by an independent implementation.
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
    // The process drops its privileges, so the file must be readable by all users.
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
        async move { service.ask(&ValidationRequest { kind: Kind::YUBIKEY, answer: Secret::new(typed), nonce }).await }
    };
    let first = key.touch();
    assert!(matches!(ask(shared.clone(), first.clone(), 1).await, ValidationResponse::Right { .. }));
    assert_eq!(ask(shared.clone(), first, 2).await, ValidationResponse::Used);
    let mut foreign = python(OTHER_YUBIKEY);
    let typed = output(foreign.args([&private, &secret, &public, "9", "3"])).trim().to_owned();
    assert!(matches!(ask(shared.clone(), typed, 3).await, ValidationResponse::Right { .. }));
    let forged = SoftYubikey::new(8).named(key.public_id.clone()).touch();
    assert_eq!(ask(shared, forged, 4).await, ValidationResponse::Wrong);
    assert_eq!(ask(Secret::new("bm90IHRoZSBzZWNyZXQ="), key.types(5000), 5).await, ValidationResponse::Unavailable);
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
