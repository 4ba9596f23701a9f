//! The whole walk: what a person does with their second factor, from the first day to the last.

use axum::http::StatusCode;

use crate::site::{BROWSER, NOTICE, SESSION, Site, codes, key};

#[tokio::test]
async fn a_person_sets_up_uses_and_gives_up_a_second_factor() {
    let site = Site::new();
    let mut ada = site.guest("ada");

    // Without a second factor the password is enough, and a page that wants more explains itself.
    let page = ada.signs_in("").await;
    assert_eq!((page.status, page.location().as_deref()), (StatusCode::SEE_OTHER, Some("/")));
    let page = ada.browser.visit("/secret").await;
    assert!(page.says("requires two-factor authentication"), "{}", page.body);

    // Setting up keeps where one wanted to go, and makes a new session.
    let password_only = ada.browser.cookies[SESSION].clone();
    let page = ada.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let app = countersign_testkit::SoftApp::with_key(&key(&page));
    let wrong = app.wrong_code_at(site.world.now());
    let again = ada.browser.submit(&page.form_with("code"), "", &[("code", &wrong)]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(key(&again), key(&page), "a wrong code changes no key");
    site.world.pass(30);
    let enrolment_code = app.code_at(site.world.now());
    let page = ada.browser.submit(&again.form_with("code"), "", &[("code", &enrolment_code)]).await;
    assert_ne!(ada.browser.cookies[SESSION], password_only);
    let page = ada.browser.follow(page).await;
    assert!(page.says("Your second factor is set up") && page.says("&#x2f;secret"), "{}", page.body);
    ada.person.takes(app);
    assert_eq!(ada.browser.get("/secret").await.body, "secret");

    // Backup codes are shown once.
    let page = ada.browser.get("/account/two-factor/backup-codes").await;
    let form = page.form_with("attempt");
    let made = ada.browser.submit(&form, "", &[]).await;
    let list = codes(&made);
    assert_eq!((made.status, list.len()), (StatusCode::OK, 10));
    let reloaded = ada.browser.submit(&form, "", &[]).await;
    assert_eq!(reloaded.status, StatusCode::GONE);
    assert!(reloaded.says("already been created") && codes(&reloaded).is_empty());
    assert!(ada.browser.get("/account/two-factor").await.says("You have 10 backup codes left"));

    // Out, and in again: the code of the setup is spent, the next one is not, and that one only once.
    let page = ada.browser.get("/account/two-factor").await;
    let signed_in = ada.browser.clone();
    let page = ada.browser.submit(&page.form_to("/account/logout"), "", &[]).await;
    assert!(signed_in.clone().get("/who").await.status.is_redirection(), "the server has forgotten the session, too");
    assert!(
        ada.browser.cookies.keys().all(|cookie| [BROWSER, NOTICE].contains(&&**cookie)),
        "{:?}",
        ada.browser.cookies
    );
    assert!(ada.browser.follow(page).await.says("You are signed out"));
    let page = ada.signs_in("?next=%2Fsecret%3Fa%3Db").await;
    assert_eq!(page.location().as_deref(), Some("/account/login/second-factor?next=%2Fsecret%3Fa%3Db"));
    let page = ada.answers(&enrolment_code).await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.says("used already"), "{}", page.body);
    site.world.pass(30);
    let code = ada.person.code();
    let page = ada.answers(&code).await;
    assert_eq!(page.location().as_deref(), Some("/secret?a=b"), "where one wanted to go is in the sealed attempt, too");
    assert_eq!(ada.browser.get("/secret").await.body, "secret");
    let (mut elsewhere, used) = (site.browser(), code);
    std::mem::swap(&mut ada.browser, &mut elsewhere);
    ada.signs_in("").await;
    assert!(ada.answers(&used).await.says("used already"));

    // A backup code, chosen as another way, and only once.
    let challenge = ada.browser.get("/account/login/second-factor").await;
    let id = challenge.body.split("name=\"device\" value=\"").nth(2).unwrap().split('"').next().unwrap().to_owned();
    let page = ada.browser.get(&format!("/account/login/second-factor?device={id}")).await;
    assert!(page.says("Enter one of the backup codes"), "{}", page.body);
    let typed = list[3].to_lowercase().replace('-', " ");
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &typed)]).await;
    assert_eq!(page.location().as_deref(), Some("/account/two-factor/backup-code-used"));
    let page = ada.browser.get("/account/two-factor").await;
    assert!(page.says("You have 9 backup codes left") && page.says("Last used"), "{}", page.body);
    std::mem::swap(&mut ada.browser, &mut elsewhere);

    // Switching off needs an express word, and ends every other session.
    let page = ada.browser.get("/account/two-factor/disable").await;
    let unsure = ada.browser.submit(&page.form_with("attempt"), "", &[]).await;
    assert!(unsure.status == StatusCode::UNPROCESSABLE_ENTITY && unsure.says("role=\"alert\""));
    let page = ada.browser.submit(&unsure.form_with("attempt"), "", &[("sure", "yes")]).await;
    assert!(ada.browser.follow(page).await.says("Two-factor authentication is off"));
    assert!(elsewhere.get("/who").await.status.is_redirection(), "the other session is over");
    ada.browser = site.browser();
    assert_eq!(ada.signs_in("").await.location().as_deref(), Some("/"), "the password is enough again");
}

#[tokio::test]
async fn a_second_device_is_added_preferred_and_removed() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    ada.sets_up(&site.world).await;
    let page = ada.browser.get("/account/two-factor").await;
    assert!(page.says("<span class=\"badge\">Default</span>"));
    let prefer = page.forms().into_iter().find(|form| form.action.ends_with("/prefer")).unwrap();
    let page = ada.browser.submit(&prefer, "", &[]).await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("This device is now the default"));
    let other = page.forms().into_iter().find(|form| form.action.ends_with("/prefer")).unwrap();
    assert_ne!(other.action, prefer.action);
    let remove = prefer.action.replace("/prefer", "/remove");
    let page = ada.browser.get(&remove).await;
    let page = ada.browser.submit(&page.form_to(&remove), "", &[]).await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("Device removed") && !page.says("/prefer"));
    let last = other.action.replace("/prefer", "/remove");
    let page = ada.browser.get(&last).await;
    let page = ada.browser.submit(&page.form_to(&last), "", &[]).await;
    assert!(page.status == StatusCode::FORBIDDEN && page.says("your only device"), "{}", page.body);
    assert_eq!(ada.browser.get("/account/two-factor/devices/nothing/remove").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn t38_a_setup_that_is_given_up_changes_nothing() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let page = ada.browser.get("/account/two-factor/setup").await;
    let page = ada.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let abandoned = countersign_testkit::SoftApp::with_key(&key(&page));
    assert!(!ada.browser.get("/account/two-factor").await.says("Tablet"));
    ada.browser = site.browser();
    ada.signs_in("").await;
    let code = abandoned.code_at(site.world.now());
    assert!(ada.answers(&code).await.says("Incorrect code"));
    site.world.pass(30);
    assert_eq!(ada.answers(&ada.person.code()).await.location().as_deref(), Some("/"));
}

#[tokio::test]
async fn somebody_else_signs_in_over_a_session() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let old = ada.browser.clone();
    let mut eve = site.guest("eve");
    eve.browser = ada.browser.clone();
    eve.signs_in("").await;
    assert_eq!(eve.browser.get("/who").await.body, "eve");
    ada.browser = old;
    assert!(ada.browser.get("/who").await.status.is_redirection(), "the session it took the place of is over");
}

#[tokio::test]
async fn a_password_is_changed_and_why_not_is_said() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let (name, password) = (ada.person.user.name.clone(), ada.person.password.clone());
    let page = ada.browser.get("/account/password").await;
    assert!(page.says("autocomplete=\"current-password\"") && page.says("autocomplete=\"new-password\""));
    let form = page.form_with("again");
    let long = "x".repeat(4097);
    for (current, new, again, said) in [
        ("wrong", "a new long password", "a new long password", "Incorrect current password"),
        (&*password, "a new long password", "another", "do not match"),
        (&*password, &*password, &*password, "is the same as your current one"),
        (&*password, &*long, &*long, "too long"),
        (&*long, "a new long password", "a new long password", "Incorrect current password"),
    ] {
        let page = ada.browser.submit(&form, "", &[("current", current), ("new", new), ("again", again)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.says(said) && page.says("<title>Error:") && page.says("role=\"alert\""), "{}", page.body);
    }
    let before = ada.browser.cookies[SESSION].clone();
    let new = [("current", &*password), ("new", "a new long password"), ("again", "a new long password")];
    let page = ada.browser.submit(&form, "", &new).await;
    assert_ne!(ada.browser.cookies[SESSION], before);
    assert!(ada.browser.follow(page).await.says("Password changed"));
    let mut elsewhere = site.browser();
    let login = elsewhere.get("/account/login").await.form_with("password");
    let page = elsewhere.submit(&login, "", &[("name", &name), ("password", &password)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "the old one is void");
}

#[tokio::test]
async fn a_locked_user_is_told_until_when() {
    let site = Site::new();
    let mut ada = site.halfway("ada").await;
    let wrong = ada.person.wrong_code();
    assert_eq!(ada.answers(&wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = ada.answers(&ada.person.code()).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.headers["retry-after"], "1");
    assert!(
        page.says("<time datetime=\"2026-01-01T12:00:31Z\" data-show=\"second\">1 January 2026, 12:00:31 UTC</time>"),
        "{}",
        page.body
    );
    assert!(page.says("one second from now") && page.says("aria-describedby"));
    site.world.pass(30);
    assert_eq!(ada.answers(&ada.person.code()).await.location().as_deref(), Some("/"));
}

#[tokio::test]
async fn a_password_of_any_length_is_a_wrong_one_and_counts_as_one() {
    let site = Site::built(|parts| parts.config.password_attempts.per_account = 3, |_| {});
    let mut ada = site.guest("ada");
    let form = ada.browser.get("/account/login").await.form_with("password");
    for status in [422, 422, 422, 429] {
        let page = ada.browser.submit(&form, "", &[("name", "ada"), ("password", &"x".repeat(4097))]).await;
        assert_eq!(page.status.as_u16(), status);
    }
}

#[tokio::test]
async fn every_failed_first_step_reads_alike_until_there_were_too_many() {
    let site = Site::new();
    let ada = site.world.user("ada");
    let mut off = site.world.user("off");
    site.world.users.change(&off.user.id, |user| user.active = false);
    off.user.active = false;
    let mut browser = site.browser();
    let form = browser.get("/account/login").await.form_with("password");
    let tried = [("ada", "wrong"), ("nobody", "wrong"), ("off", &*off.password), ("ada", &*"x".repeat(5000))];
    let mut pages = vec![];
    for (name, password) in tried {
        let page = browser.submit(&form, "", &[("name", name), ("password", password)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        pages.push(page.body.replace(&format!("value=\"{name}\""), "value=\"\""));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:#?}");
    for _ in 0..30 {
        browser.submit(&form, "", &[("name", "ada"), ("password", "wrong")]).await;
    }
    let page = browser.submit(&form, "", &[("name", "ada"), ("password", &ada.password)]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(page.headers.contains_key("retry-after") && page.says("minutes from now"), "{}", page.body);
}

/// T113: the browser is given the session that goes on, and the page that shows the codes is of that session already.
#[tokio::test]
async fn t113_a_browser_is_given_the_session_that_goes_on_after_new_backup_codes() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let codes = ada.makes_backup_codes().await;
    let by_code = ada.person.signs_in_with_backup_code(&codes[0]).await.unwrap();
    ada.browser.cookies.insert(SESSION.into(), by_code.token().expose().into());
    let page = ada.browser.get("/account/two-factor/backup-codes").await;
    let page = ada.browser.submit(&page.form_with("attempt"), "", &[]).await;
    assert!(page.says("ada") && page.body.contains("<li><code>"), "{}", page.body);
    assert_ne!(ada.browser.cookies[SESSION], by_code.token().expose());
    assert_eq!(ada.browser.get("/secret").await.body, "secret");
    let signed_out = ada.browser.submit(&page.form_with("form"), "", &[]).await;
    assert!(signed_out.status.is_redirection(), "the form that signs out is of the new session: {}", signed_out.body);
    assert_ne!(ada.browser.get("/secret").await.body, "secret");
}
