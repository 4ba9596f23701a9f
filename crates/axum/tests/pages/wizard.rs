//! Setting up each method, with scripts off: choice, address, proof.

use axum::http::StatusCode;
use countersign_testkit::{Behaviour, Page, SoftApp, SoftToken, SoftYubikey, other_code};

use crate::site::{Guest, SETUP, Site, key};

const NUMBER: &str = "+31 6 12345658";
const ADDRESS: &str = "ada.lovelace@example.org";
const SETUP_PAGE: &str = "/account/two-factor/setup";
const SEND: &str = "/account/two-factor/setup/send";

/// Everything that can be set up, with where its codes go, and what its page explains.
const METHODS: [(&str, &str, &str); 6] = [
    ("totp", "", "Any app that scans QR codes"),
    ("sms", NUMBER, "Anyone who takes over your number"),
    ("call", NUMBER, "Anyone who takes over your number"),
    ("email", ADDRESS, "This is the weakest method"),
    ("yubikey", "", "when you touch it"),
    ("hotp", "", "each time you press its button"),
];

impl Guest {
    /// Chooses a method and tells what it needs.
    async fn begins(&mut self, method: &str, to: &str) -> Page {
        let page = self.browser.get(&format!("{SETUP_PAGE}?method={method}")).await;
        self.browser.submit(&page.form_with("method"), "", &[("to", to)]).await
    }
}

/// The first answer of what was just begun on this page.
fn proof(site: &Site, method: &str, page: &Page) -> String {
    match method {
        "totp" => SoftApp::with_key(&key(page)).code_at(site.world.now()),
        "hotp" => SoftToken::with_key(&key(page)).press(),
        "yubikey" => SoftYubikey::new(1).touch(),
        _ => site.world.outbox.code(),
    }
}

#[tokio::test]
async fn every_method_is_chosen_explained_proved_and_listed() {
    for (method, to, explained) in METHODS {
        let site = Site::with_every_method();
        let mut ada = site.newcomer("ada").await;
        let page = ada.browser.get(&format!("{SETUP_PAGE}?next=%2F")).await;
        for (other, ..) in METHODS {
            assert!(page.says(&format!("name=\"method\" value=\"{other}\"")), "{}", page.body);
        }
        let page = ada.browser.get(&format!("{SETUP_PAGE}?method={method}&next=%2F")).await;
        assert!(page.says(explained) && page.says("Choose another method"), "{method}: {}", page.body);
        let field = page.body.split("<input id=\"to\"").nth(1).map(|rest| rest.split('>').next().unwrap().to_owned());
        let way = if method == "email" {
            "type=\"text\" inputmode=\"email\" autocapitalize=\"none\" autocomplete=\"email\""
        } else {
            "type=\"tel\" autocomplete=\"tel\""
        };
        let fits = |field: &str| field.contains(way);
        assert_eq!(field.as_deref().map(fits), if to.is_empty() { None } else { Some(true) }, "{method}");

        let page = ada.browser.submit(&page.form_with("method"), "", &[("to", to)]).await;
        assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup/confirm?next=%2F"), "{}", page.body);
        let page = ada.browser.follow(page).await;
        assert_eq!(page.says("class=\"qr\""), matches!(method, "totp" | "hotp"), "{method}");
        assert_eq!(page.forms().iter().any(|form| form.action == SEND), !to.is_empty(), "{method}");
        let answer = proof(&site, method, &page);
        let typed = if method == "yubikey" { answer } else { format!(" {} {}", &answer[..3], &answer[3..]) };
        let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &typed)]).await;
        assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup/complete?next=%2F"), "{}", page.body);
        assert!(!ada.browser.cookies.contains_key(SETUP));
        let page = ada.browser.get("/account/two-factor").await;
        let state = match method {
            "email" => "two steps, but only one factor",
            _ => "Two-factor authentication is on",
        };
        assert!(page.says(state) && !page.says("12345658") && !page.says("lovelace"));
        let shown = match method {
            "sms" => "Text message, <bdi>+31*******58</bdi>",
            "call" => "Phone call, <bdi>+31*******58</bdi>",
            "email" => "E-mail, <bdi>a***@e***.org</bdi>",
            "yubikey" => "YubiKey",
            "hotp" => "Hardware token or app (HOTP)",
            _ => "Authenticator app",
        };
        assert!(page.says(shown), "{method}: {}", page.body);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_to_is_told_at_the_field() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    for (method, to, like, status, said) in [
        ("sms", "0612345658", Behaviour::Takes, 422, "Codes cannot be sent to that number or address"),
        ("sms", ADDRESS, Behaviour::Takes, 422, "Codes cannot be sent to that number or address"),
        ("email", NUMBER, Behaviour::Takes, 422, "Codes cannot be sent to that number or address"),
        ("email", "", Behaviour::Takes, 422, "Codes cannot be sent to that number or address"),
        ("sms", NUMBER, Behaviour::Unreachable, 422, "cannot receive codes"),
        ("email", ADDRESS, Behaviour::Fails, 422, "The code could not be sent"),
        ("email", ADDRESS, Behaviour::Takes, 429, "A code was sent a moment ago"),
    ] {
        site.world.outbox.behaves(like);
        let page = ada.begins(method, to).await;
        assert!(page.status.as_u16() == status && page.says(said), "{method} {to}: {} {}", page.status, page.body);
        let field = page.body.split("<input id=\"to\"").nth(1).unwrap().split('>').next().unwrap();
        assert!(field.contains(&format!("value=\"{to}\"")) && field.contains("problem\""), "{field}");
        assert_eq!(field.contains("aria-invalid"), status == 422 && !said.contains("could not"), "{field}");
        assert!(page.says("id=\"problem\" role=\"alert\"") && !ada.browser.cookies.contains_key(SETUP));
    }
    let page = ada.begins("sms", "<script>alert(1)</script>\"'").await;
    assert!(!page.says("<script>alert"), "{}", page.body);
    let form = page.form_with("method");
    let page = ada.browser.submit(&form, "", &[("method", "carrier-pigeon")]).await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.says("This method is not available"));
}

#[tokio::test]
async fn another_code_is_sent_and_another_number_taken() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    let page = ada.begins("sms", NUMBER).await;
    let page = ada.browser.follow(page).await;
    let (first, form) = (site.world.outbox.code(), page.form_with("code"));
    assert!(page.says("href=\"&#x2f;account&#x2f;two-factor&#x2f;setup?method=sms\""), "{}", page.body);
    let soon = ada.browser.submit(&page.form_to(SEND), "", &[]).await;
    assert!(soon.status == StatusCode::TOO_MANY_REQUESTS && soon.form_with("code") == form, "{}", soon.body);

    // The same number again: the code that is out stays good, and the page says where to type it.
    let again = ada.begins("sms", NUMBER).await;
    assert!(again.status == StatusCode::TOO_MANY_REQUESTS && again.says("Enter the code</a>"), "{}", again.body);

    // A gateway that is down keeps the setup, and so does a wrong code.
    site.world.pass(60);
    site.world.outbox.behaves(Behaviour::Fails);
    let failed = ada.browser.submit(&page.form_to(SEND), "", &[]).await;
    assert!(failed.says("could not be sent") && failed.says("Send a code"), "{}", failed.body);
    site.world.outbox.behaves(Behaviour::Takes);
    site.world.pass(60);
    let page = ada.browser.submit(&failed.form_to(SEND), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let wrong = ada.browser.submit(&page.form_with("code"), "", &[("code", &first)]).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.says("Incorrect code"), "{}", wrong.body);

    // Another number ends the first setup.
    let page = ada.begins("sms", "+49 30 1234567").await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("+49301234567"), "what was just typed is shown whole: {}", page.body);
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup/complete"));
    let page = ada.browser.get("/account/two-factor").await;
    assert!(page.says("+49*******67") && !page.says("+31"), "{}", page.body);
}

#[tokio::test]
async fn w33_an_address_that_is_not_proved_counts_for_nothing() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    let page = ada.begins("email", ADDRESS).await;
    let page = ada.browser.follow(page).await;
    let wrong =
        ada.browser.submit(&page.form_with("code"), "", &[("code", &other_code(&site.world.outbox.code()))]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(ada.browser.get("/account/two-factor").await.says("Two-factor authentication is off"));
    site.world.pass(300);
    let late = ada.browser.get("/account/two-factor/setup/confirm").await;
    assert!(late.says("or it has expired") && late.says("Send a code"), "{}", late.body);
    let page = ada.browser.submit(&late.form_to("/account/two-factor/setup/cancel"), "", &[]).await;
    assert!(ada.browser.follow(page).await.says("Nothing has changed"));
    assert_eq!(ada.browser.submit(&late.form_to(SEND), "", &[]).await.location().as_deref(), Some(SETUP_PAGE));
    ada.browser = site.browser();
    assert_eq!(ada.signs_in("").await.location().as_deref(), Some("/"), "the password is enough");
}

#[tokio::test]
async fn a_user_with_a_mailbox_alone_is_told_what_to_set_up() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    ada.begins("email", ADDRESS).await;
    let page = ada.browser.get("/account/two-factor/setup/confirm").await;
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
    assert!(ada.browser.follow(page).await.says("Your second factor is set up"));
    assert!(ada.browser.get("/account/two-factor").await.says("two steps, but only one factor"));

    // A page that asks for more says so, whether the proof is fresh or not, and the way leads there in the end.
    for pause in [0, 601] {
        site.world.pass(pause);
        let page = ada.browser.get("/secret").await;
        assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup?next=%2Fsecret"));
    }
    let page = ada.browser.visit("/secret").await;
    assert!(page.says("Confirm it’s you"), "{}", page.body);
    let page = ada.browser.submit(&page.form_to("/account/verify/send"), "", &[]).await;
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("needs a stronger method than those you have set up"), "{}", page.body);
    let page = ada.browser.get(&format!("{SETUP_PAGE}?method=totp&next=%2Fsecret")).await;
    let page = ada.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let app = SoftApp::with_key(&key(&page));
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &app.code_at(site.world.now()))]).await;
    assert!(ada.browser.follow(page).await.says("href=\"&#x2f;secret\""));
    assert_eq!(ada.browser.get("/secret").await.body, "secret");

    // Signed in with the mailbox all the same, the app is asked for.
    site.world.pass(60);
    ada.browser = site.browser();
    let page = ada.signs_in("").await;
    let page = ada.browser.follow(page).await;
    ada.browser.submit(&page.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
    for (wanted, next) in [("/secret", "%2Fsecret"), (SETUP_PAGE, "%2Faccount%2Ftwo-factor%2Fsetup")] {
        let page = ada.browser.get(wanted).await;
        assert_eq!(page.location(), Some(format!("/account/verify?next={next}")));
    }
    let page = ada.browser.visit("/secret").await;
    assert!(page.says("is not strong enough. Use another device"), "{}", page.body);
    let device = page.body.split("name=\"device\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(!page.says("Send an e-mail"), "the mailbox would not be enough: {}", page.body);
    let page = ada.browser.get(&format!("/account/verify?device={device}&next=%2Fsecret")).await;
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &app.code_at(site.world.now()))]).await;
    assert_eq!(page.location().as_deref(), Some("/secret"));
    assert_eq!(ada.browser.get("/secret").await.body, "secret");
}

#[tokio::test]
async fn further_numbers_are_added_and_removed() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    for (method, to) in [("sms", NUMBER), ("call", "+49 30 1234567"), ("sms", "+1 202 5550123")] {
        let page = ada.begins(method, to).await;
        let page = ada.browser.follow(page).await;
        ada.browser.submit(&page.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
        site.world.pass(1);
    }
    let page = ada.browser.get("/account/two-factor").await;
    for shown in ["+31*******58", "+49*******67", "+12*******23"] {
        assert!(page.says(shown), "{shown}: {}", page.body);
    }
    let prefer = page.forms().into_iter().find(|form| form.action.ends_with("/prefer")).unwrap();
    let remove = prefer.action.replace("/prefer", "/remove");
    let page = ada.browser.get(&remove).await;
    assert!(page.says("\u{2068}Phone (+49*******67)\u{2069} will no longer be accepted"), "{}", page.body);
    let page = ada.browser.submit(&page.form_to(&remove), "", &[]).await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("Device removed") && !page.says("+49"), "{}", page.body);
}

/// What a setup asks for on the way is proved, and leads back to the setup, with the same key.
#[tokio::test]
async fn a_setup_goes_on_after_the_proof_that_it_asks_for() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    // The password, where there is nothing else to prove.
    site.world.pass(500);
    let page = ada.begins("totp", "").await;
    let page = ada.browser.follow(page).await;
    let app = SoftApp::with_key(&key(&page));
    site.world.pass(101);
    let now = site.world.now();
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &app.code_at(now))]).await;
    let way = "/account/login?next=%2Faccount%2Ftwo-factor%2Fsetup%2Fconfirm&again=yes";
    assert_eq!(page.location().as_deref(), Some(way), "{}", page.body);
    let page = ada.browser.follow(page).await;
    let given = [("name", "ada"), ("password", &*ada.person.password)];
    let page = ada.browser.submit(&page.form_with("password"), "", &given).await;
    assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup/confirm"));
    let page = ada.browser.follow(page).await;
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &app.code_at(now))]).await;
    assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup/complete"), "{}", page.body);
    ada.person.takes(app);
    // A device, where there is one.
    site.world.pass(500);
    let page = ada.begins("totp", "").await;
    let page = ada.browser.follow(page).await;
    let shown = key(&page);
    let other = SoftApp::with_key(&shown);
    site.world.pass(101);
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &other.code_at(site.world.now()))]).await;
    let page = ada.browser.follow(page).await;
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &ada.person.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup/confirm"), "{}", page.body);
    let page = ada.browser.follow(page).await;
    assert_eq!(key(&page), shown);
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &other.code_at(site.world.now()))]).await;
    assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup/complete"), "{}", page.body);
    assert!(!ada.browser.cookies.contains_key(SETUP));
}

/// The QR code is on the page after the choice, and the name is asked for with the code.
#[tokio::test]
async fn a_method_is_chosen_and_the_next_page_shows_its_key() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    let page = ada.browser.get(&format!("{SETUP_PAGE}?next=%2Fsecret")).await;
    let app = page.forms().into_iter().find(|form| form.fields.contains(&("method".into(), "totp".into()))).unwrap();
    let page = ada.browser.submit(&app, "", &[]).await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("class=\"qr\"") && page.says("value=\"Authenticator app\""), "{}", page.body);
    let app = SoftApp::with_key(&key(&page));
    let code = app.code_at(site.world.now());

    // A name that cannot be taken uses up no code, and neither loses what was typed.
    let nameless = [("code", &*code), ("name", " ")];
    let page = ada.browser.submit(&page.form_with("code"), "", &nameless).await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.says("aria-invalid"), "{}", page.body);
    let wrong = app.wrong_code_at(site.world.now());
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &wrong), ("name", "Watch")]).await;
    assert!(page.says("Incorrect code") && page.says("value=\"Watch\""), "{}", page.body);
    assert!(ada.browser.get("/account/two-factor/setup/confirm").await.says("value=\"Watch\""), "nor over a reload");
    site.world.pass(30);
    let code = app.code_at(site.world.now());
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &code), ("name", "Wrist watch")]).await;
    assert!(page.status.is_redirection(), "{}", page.body);
    assert!(ada.browser.get("/account/two-factor").await.says("<bdi>Wrist watch</bdi>"));
}

/// The first device makes backup codes a part of its setup.
#[tokio::test]
async fn backup_codes_are_a_part_of_the_first_setup() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    let page = ada.browser.visit("/account/two-factor/setup?next=%2Fsecret").await;
    let page = ada.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let app = SoftApp::with_key(&key(&page));
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &app.code_at(site.world.now()))]).await;
    let page = ada.browser.follow(page).await;
    let form = page.form_to("/account/two-factor/backup-codes");
    assert!(page.says("href=\"&#x2f;secret\">Skip for now"), "{}", page.body);
    assert!(crate::site::codes(&page).is_empty() && crate::site::codes(&page_again(&mut ada).await).is_empty());
    let page = ada.browser.submit(&form, "", &[]).await;
    assert_eq!((page.status, crate::site::codes(&page).len()), (StatusCode::OK, 10));
    assert!(page.says("href=\"&#x2f;secret\">I have saved them"), "{}", page.body);
    let again = ada.browser.submit(&form, "", &[]).await;
    assert!(again.status == StatusCode::GONE && crate::site::codes(&again).is_empty(), "a reload shows none again");
    let page = page_again(&mut ada).await;
    assert!(!page.says("Create backup codes") && page.says("&#x2f;secret"), "{}", page.body);
}

async fn page_again(ada: &mut Guest) -> Page {
    ada.browser.get("/account/two-factor/setup/complete?next=%2Fsecret").await
}

/// T144: what was typed is shown whole in its own setup, and nowhere else.
#[tokio::test]
async fn t144_an_address_is_shown_whole_in_its_own_setup_and_nowhere_else() {
    for (method, to, whole) in [("sms", NUMBER, "+31612345658"), ("email", ADDRESS, ADDRESS)] {
        let site = Site::with_every_method();
        let mut ada = site.newcomer("ada").await;
        let page = ada.begins(method, to).await;
        let page = ada.browser.follow(page).await;
        assert!(page.says(whole), "{method}: {}", page.body);
        let wrong =
            ada.browser.submit(&page.form_with("code"), "", &[("code", &other_code(&site.world.outbox.code()))]).await;
        assert!(wrong.says(whole), "{}", wrong.body);
        let (begun, code) = (ada.browser.clone(), site.world.outbox.code());
        // Another session of the same user, with the cookie of the setup, is shown nothing of it.
        let mut other = site.guest("ada");
        other.signs_in("").await;
        other.browser.cookies.insert(SETUP.into(), begun.cookies[SETUP].clone());
        let page = other.browser.visit("/account/two-factor/setup/confirm").await;
        assert!(!page.says(whole), "{}", page.body);
        site.world.pass(2);
        let page = ada.browser.get("/account/two-factor/setup/confirm").await;
        ada.browser.submit(&page.form_with("code"), "", &[("code", &code)]).await;
        for path in ["/account/two-factor", "/account/two-factor/setup/confirm", "/account/verify", SETUP_PAGE] {
            let page = ada.browser.visit(path).await;
            assert!(page.status.is_success() && !page.says(whole) && !page.says(to), "{path}: {}", page.body);
        }
    }
}
