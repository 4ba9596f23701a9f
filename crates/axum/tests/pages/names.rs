//! T40: hostile names on every page.

use countersign_testkit::{Page, SoftToken, SoftYubikey};

use crate::site::Site;

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onfocus=alert(1) autofocus='",
    "</title></textarea></style><svg/onload=alert(1)>",
    "{{ 7 * 7 }} {% raw %} { $name }",
    "&lt;b&gt; &amp; &#x3c;",
    "\u{202e}gnp.exe\u{2066}\u{2069}\u{2069}",
    "שלום \u{202e} world",
    "javascript:alert(1)",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

fn is_harmless(path: &str, page: &Page) {
    let body = &page.body;
    for broken in ["<script>alert", "<img src=x", "<svg/onload", "' onfocus", "onerror=alert(1)>", "49 "] {
        assert!(!body.contains(broken), "{path} lets {broken:?} through:\n{body}");
    }
    // What stands in an input is the person's own, and turns nothing outside it.
    let outside: String =
        body.split(" value=\"").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect();
    let turns = outside.chars().filter(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}' | '\u{2067}')).count();
    assert_eq!(turns, 0, "{path} lets a name turn the page:\n{body}");
    let (opened, closed) = (outside.matches('\u{2068}').count(), outside.matches('\u{2069}').count());
    assert_eq!(opened, closed, "{path} leaves an isolate open:\n{body}");
    assert_eq!(body.matches("<bdi>").count(), body.matches("</bdi>").count(), "{path}");
    for tag in body.split('<').skip(1).filter_map(|tag| tag.split('>').next()) {
        let names: String = tag.split('"').step_by(2).collect();
        assert!(!names.contains(" on") && !names.contains('\''), "{path}: <{tag}>");
    }
}

#[tokio::test]
async fn t40_no_name_is_anything_but_a_name() {
    for hostile in HOSTILE {
        let site = Site::built(|parts| parts.config.issuer = hostile.replace(|c: char| c > '\u{2000}', ""), |_| {});
        let mut guest = site.newcomer(&hostile.to_lowercase()).await;
        let page = guest.browser.get("/account/two-factor/setup").await;
        is_harmless("setup", &page);
        let page = guest.browser.submit(&page.form_with("method"), "", &[]).await;
        let page = guest.browser.follow(page).await;
        is_harmless("confirm", &page);
        is_harmless("qr", &guest.browser.get("/account/two-factor/qr.svg").await);
        let app = countersign_testkit::SoftApp::with_key(&crate::site::key(&page));
        let wrong = [("code", "12"), ("name", hostile)];
        is_harmless("wrong", &guest.browser.submit(&page.form_with("code"), "", &wrong).await);
        let proof = [("code", &*app.code_at(site.world.now())), ("name", hostile)];
        guest.browser.submit(&page.form_with("code"), "", &proof).await;
        guest.person.takes(app);
        guest.sets_up(&site.world).await;
        let page = guest.browser.get("/account/two-factor").await;
        is_harmless("account", &page);
        let remove = page.forms().into_iter().find(|form| form.action.ends_with("/prefer")).unwrap().action;
        for path in [
            &*remove.replace("/prefer", "/remove"),
            "/account/verify",
            "/account/logout",
            "/account/password",
            "/account/two-factor/setup/complete",
            "/account/two-factor/disable",
            "/account/nothing",
            "/",
        ] {
            is_harmless(path, &guest.browser.get(path).await);
        }
        let page = guest.browser.get("/account/two-factor/backup-codes").await;
        is_harmless("made", &guest.browser.submit(&page.form_with("attempt"), "", &[]).await);
        guest.browser = site.browser();
        let page = guest.browser.get("/account/login").await;
        let wrong =
            guest.browser.submit(&page.form_with("password"), "", &[("name", hostile), ("password", "x")]).await;
        is_harmless("login", &wrong);
        guest.signs_in("").await;
        is_harmless("second factor", &guest.browser.get("/account/login/second-factor").await);
    }
}

#[tokio::test]
async fn t40_no_name_and_no_address_of_a_telephone_is_anything_else() {
    for hostile in HOSTILE {
        let site = Site::with_every_method();
        let mut guest = site.newcomer("ada").await;
        guest.sets_up_phone(&site.world).await;
        for method in ["email", "call", "yubikey", "hotp"] {
            let path = format!("/account/two-factor/setup?method={method}");
            let page = guest.browser.get(&path).await;
            is_harmless(&path, &page);
            let form = page.form_with("method");
            let refused = guest.browser.submit(&form, "", &[("to", hostile)]).await;
            is_harmless("refused", &refused);
            let to = if method == "email" { "o'hara&co@example.org" } else { "+49 30 1234567" };
            let page = guest.browser.submit(&form, "", &[("to", to)]).await;
            let page = guest.browser.follow(page).await;
            is_harmless("confirm", &page);
            site.world.pass(60);
            if method == "email" {
                continue;
            }
            let code = match method {
                "hotp" => SoftToken::with_key(&crate::site::key(&page)).press(),
                "yubikey" => SoftYubikey::new(1).touch(),
                _ => site.world.outbox.code(),
            };
            let page = guest.browser.submit(&page.form_with("code"), "", &[("code", &code), ("name", hostile)]).await;
            assert!(page.status.is_redirection(), "{hostile}: {}", page.body);
        }
        let page = guest.browser.get("/account/two-factor").await;
        is_harmless("account", &page);
        for form in page.forms().into_iter().filter(|form| form.action.ends_with("/prefer")) {
            is_harmless("remove", &guest.browser.get(&form.action.replace("/prefer", "/remove")).await);
            guest.browser.submit(&form, "", &[]).await;
            is_harmless("verify", &guest.browser.get("/account/verify").await);
            let mut elsewhere = crate::site::Guest { person: site.world.user("ada"), browser: site.browser() };
            elsewhere.signs_in("").await;
            is_harmless("second factor", &elsewhere.browser.get("/account/login/second-factor").await);
            site.world.pass(60);
        }
    }
}

#[tokio::test]
async fn t40_no_query_is_anything_but_a_query() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    for hostile in HOSTILE {
        let query = serde_html_form::to_string([
            ("next", format!("/{hostile}")),
            ("why", (*hostile).into()),
            ("device", (*hostile).into()),
            ("method", (*hostile).into()),
        ]);
        let query = query.unwrap();
        for path in [
            "login",
            "verify",
            "two-factor",
            "two-factor/setup",
            "two-factor/backup-codes",
            "two-factor/setup/complete",
        ] {
            is_harmless(path, &ada.browser.get(&format!("/account/{path}?{query}")).await);
        }
    }
}
