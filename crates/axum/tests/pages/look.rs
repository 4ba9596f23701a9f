//! What a host may change about the pages, and what every page is made of.

use std::fs;

use axum::http::StatusCode;
use countersign_axum::{Countersign, Deux, Origins, Settings};
use countersign_testkit::{Browser, World};

use crate::site::Site;

#[tokio::test]
async fn a_folder_overrides_templates_files_and_texts() {
    let folder = tempfile::tempdir().unwrap();
    let base = "<!doctype html><title>{% block title %}{% endblock %}</title><link href={{ assets[\"countersign.css\"] }}>\
                {% block main %}{% endblock %}";
    fs::write(folder.path().join("base.html"), base).unwrap();
    fs::write(folder.path().join("countersign.css"), "/* ours */").unwrap();
    fs::write(folder.path().join("more.ftl"), "sign-in = Step inside\n").unwrap();
    fs::write(folder.path().join("home.html"), "theirs: {{ word }}").unwrap();
    let site = Site::built(
        |_| {},
        |settings| {
            settings.templates = Some(folder.path().into());
            settings.locales = Some(folder.path().into());
        },
    );
    let mut browser = site.browser();
    let page = browser.get("/account/login").await;
    assert!(page.body.starts_with("<!doctype html><title>Step inside</title>"), "{}", page.body);
    let style = page.body.split("<link href=").nth(1).unwrap().split('>').next().unwrap().replace("&#x2f;", "/");
    let style = browser.get(&style).await;
    assert_eq!((style.status, &*style.body), (StatusCode::OK, "/* ours */"));
    assert_eq!(browser.get("/").await.body, "theirs: welcome");
}

#[tokio::test]
async fn templates_texts_and_files_are_read_again_and_a_mistake_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("base.html", "{{ assets[\"countersign.css\"] }} {{ t(\"sign-in\") }}");
    write("countersign.css", "/* first */");
    let mut settings = Settings::new(Origins::Loopback { port: 8000 });
    (settings.templates, settings.locales) = (Some(folder.path().into()), Some(folder.path().into()));
    let site = Countersign::new(World::new().engine, settings).unwrap();
    let mut browser = Browser::at(site.routes(), "localhost:8000");
    let before = browser.get("/account/login").await.body;
    assert!(before.ends_with(" Sign in"), "{before}");

    write("countersign.css", "/* second */");
    write("base.html", "{{ assets[\"countersign.css\"] }}, {{ t(\"sign-in\") }}");
    write("more.ftl", "sign-in = Step inside\n");
    assert_eq!(browser.get("/account/login").await.body, before, "not before it is told");
    site.reload().unwrap();
    let after = browser.get("/account/login").await.body;
    assert!(after.ends_with(", Step inside"), "{after}");
    for (page, style) in [(&before, "/* first */"), (&after, "/* second */")] {
        let address = page.split([' ', ',']).next().unwrap().replace("&#x2f;", "/");
        assert_eq!(browser.get(&address).await.body, style, "a page that was shown before still has its style");
    }

    write("base.html", "{% if %}");
    assert!(site.reload().is_err());
    assert_eq!(browser.get("/account/login").await.body, after);
}

#[test]
fn settings_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("login.html"), "{% if %}").unwrap();
    let error = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings::new(Origins::Loopback { port: 8000 });
        change(&mut settings);
        Countersign::new(World::new().engine, settings).unwrap_err().to_string()
    };
    assert_eq!(
        error(&|settings| settings.mount = "account".into()),
        "the mount \"account\" is not a path such as /account"
    );
    assert_eq!(
        error(&|settings| settings.api = Some("/api/".into())),
        "the API path \"/api/\" is not a path such as /api/v1"
    );
    for (mount, api) in [("/account", "/account"), ("/account", "/account/api"), ("/api/v1/pages", "/api/v1")] {
        let overlapping = |settings: &mut Settings| (settings.mount, settings.api) = (mount.into(), Some(api.into()));
        let told = format!("the paths {mount} and {api} overlap: neither may be below the other");
        assert_eq!(error(&overlapping), told);
    }
    let deux = |mount: &str| Some(Deux { mount: mount.into(), ..Deux::default() });
    assert_eq!(
        error(&|settings| settings.deux = deux("mfa")),
        "the path \"mfa\" for deux's clients is not a path such as /mfa"
    );
    for taken in ["/account/mfa", "/api/v1", "/api"] {
        let error = error(&|settings| settings.deux = deux(taken));
        assert!(error.ends_with("neither may be below the other") && error.contains(taken), "{error}");
    }
    for home in ["//evil", "", "https://evil.example/", "/account/login", "/account/logout", "/account/verify?next=%2F"]
    {
        let told = format!("home {home:?} is not a path on this site such as /, or is a page that signs in or out");
        assert_eq!(error(&|settings| settings.home = home.into()), told);
    }
    assert_eq!(error(&|settings| settings.language = "?".into()), "the language \"?\" is not a language tag");
    assert_eq!(
        error(&|settings| settings.templates = Some(folder.path().into())),
        "the template login.html does not parse"
    );
    assert!(error(&|settings| settings.own_texts = vec!["a b = c".into()]).starts_with("the texts in own texts 1"));
    assert_eq!(error(&|settings| settings.locales = Some("no/such".into())), "could not read no/such");
}

#[tokio::test]
async fn a_language_is_written_in_its_direction() {
    let site = Site::built(|_| {}, |settings| settings.language = "ar-EG".into());
    assert!(site.browser().get("/account/login").await.says("<html lang=\"ar-EG\" dir=\"rtl\">"));
}

#[tokio::test]
async fn every_page_has_its_landmarks() {
    let site = Site::new();
    let mut halfway = site.halfway("half").await.browser;
    let mut newcomer = site.newcomer("new").await.browser;
    let mut member = site.member("member").await.browser;
    let sending = Site::with_every_method();
    let mut phone = sending.newcomer("phone").await;
    phone.sets_up_phone(&sending.world).await;
    let step_up = phone.browser.get("/account/verify").await.form_to("/account/verify/send");
    let mut phone = phone.browser;
    let mut asked = crate::site::Guest { person: sending.world.user("phone"), browser: sending.browser() };
    asked.signs_in("").await;
    let unknown = phone.get("/account/two-factor/setup?method=email").await.form_with("method");
    let call = phone.get("/account/two-factor/setup?method=call").await.form_with("method");
    phone.submit(&call, "", &[("to", "+49 30 1234567")]).await;
    let pages = [
        asked.browser.get("/account/login/second-factor").await,
        phone.get("/account/two-factor").await,
        phone.get("/account/two-factor/setup").await,
        phone.get("/account/two-factor/setup/confirm").await,
        phone.get("/account/two-factor/setup?method=sms").await,
        phone.get("/account/two-factor/setup?method=yubikey").await,
        phone.submit(&unknown, "", &[("to", "nobody")]).await,
        phone.get("/account/verify").await,
        phone.submit(&step_up, "", &[]).await,
        site.browser().get("/account/login").await,
        halfway.get("/account/login/second-factor").await,
        newcomer.get("/account/two-factor").await,
        newcomer.get("/account/two-factor/setup").await,
        member.get("/account/two-factor").await,
        member.get("/account/two-factor/setup/complete").await,
        member.get("/account/two-factor/backup-codes").await,
        member.get("/account/two-factor/disable").await,
        member.get("/account/password").await,
        member.get("/account/verify").await,
        member.get("/account/logout").await,
        member.get("/account/nothing").await,
        member.get("/panic").await,
        member.post("/account/password", &[]).await,
    ];
    for page in pages {
        assert!(
            page.says("<html lang=\"en\" dir=\"ltr\">") && page.says("<a class=\"skip\" href=\"#main\">"),
            "{}",
            page.body
        );
        for once in ["<h1>", "<main id=\"main\"", "<title>", "<header>", "</html>"] {
            assert_eq!(page.body.matches(once).count(), 1, "{once} in {}", page.body);
        }
        let title = page.body.split("<title>").nth(1).unwrap().split('<').next().unwrap();
        let heading = page.body.split("<h1>").nth(1).unwrap().split('<').next().unwrap();
        assert!(!heading.is_empty() && title.contains(heading), "{title:?} {heading:?}");
        let mut ids: Vec<_> = page.body.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}", page.body);
        for named in
            page.body.split("aria-describedby=\"").skip(1).flat_map(|rest| rest.split('"').next().unwrap().split(' '))
        {
            assert!(ids.contains(&named), "nothing is called {named:?}: {}", page.body);
        }
    }
}

#[tokio::test]
async fn filters_speak_of_devices_and_numbers() {
    let home = "{{ {'kind': 'sms', 'name': 'x', 'to': '+31 *'} | device_action }}|{{ {'kind': 'own', 'name': 'Ring'} | \
                device_action }}|{{ '+31-(6)12345658' | mask_phone_number }}|{{ '112' | mask_phone_number }}|\
                {{ '+31-(6)12345658' | format_phone_number }}|{{ '112' | format_phone_number }}";
    let site = Site::built(|_| {}, |settings| settings.own_templates.push(("home.html".into(), home.into())));
    assert_eq!(
        site.browser().get("/").await.body.replace(['\u{2068}', '\u{2069}'], ""),
        "Send a text message to +31 *|Use Ring|+31*******58|***|+31612345658|112"
    );
    let home = "{{ {'kind': 'sms', 'name': 'x'} | device_action }}";
    let site = Site::built(|_| {}, |settings| settings.own_templates.push(("home.html".into(), home.into())));
    assert_eq!(site.browser().get("/").await.status, StatusCode::SERVICE_UNAVAILABLE, "a device that is none");
}
