//! What is in the log, and what never is.

use countersign_engine::{Clock as _, SystemClock};

use crate::{
    house::{House, OTHER_PASSWORD, PASSWORD},
    person::Person,
};

#[tokio::test]
async fn no_secret_is_in_the_log_however_much_is_logged() {
    for format in ["text", "json"] {
        let house = House::of(&["ada-of-the-log"]);
        let settings = [("COUNTERSIGN_LOG", "trace"), ("COUNTERSIGN_LOG_FORMAT", format)];
        let server = house.serves_with("serve --bind 127.0.0.1:0", &settings);
        let mut ada = Person::at(&server, "ada-of-the-log");
        ada.signs_in(OTHER_PASSWORD).await;
        let mut secrets: Vec<String> = [PASSWORD, OTHER_PASSWORD, "ada-of-the-log"].map(str::to_owned).into();
        let app = ada.sets_up().await;
        secrets.extend(ada.browser.cookies.values().cloned());
        let code = house.run("backup-codes add ada-of-the-log --json").json()["code"].as_str().unwrap().to_owned();
        let mut again = Person::at(&server, "ada-of-the-log");
        let page = again.signs_in(PASSWORD).await;
        secrets.extend(again.browser.cookies.values().cloned());
        let answer = app.code_at(SystemClock.now().after(std::time::Duration::from_secs(30)));
        let page = again.answers(&page, &answer).await;
        assert!(page.says("You are signed in"), "{}", page.body);
        again.browser.get("/account/login?next=/secret-query").await;
        secrets.extend(again.browser.cookies.values().cloned());
        secrets.extend([answer, code, "secret-query".into()]);

        let log = server.log();
        assert!(log.lines().filter(|line| line.contains("answered")).count() > 10, "{log}");
        for secret in secrets {
            assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
        }
    }
}

#[tokio::test]
async fn a_request_is_one_line_without_anything_of_it() {
    let house = House::founded();
    let server = house.serves();
    let mut browser = Person::at(&server, "").browser;
    browser.get("/account/login?name=forged").await;
    browser.get("/nothing/status=999").await;
    browser.send("FORGED".parse().unwrap(), "/", None).await;
    server.wait_for("status=405");
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("answered")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    for (line, parts) in lines.iter().zip([
        ["method=\"GET\"", "route=\"/account/login\"", "status=200"],
        ["method=\"GET\"", "route=\"-\"", "status=404"],
        ["method=\"-\"", "route=\"/\"", "status=405"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        assert!(line.contains("request{id=") && line.contains("duration_ms="), "{line}");
        assert!(!line.contains("forged") && !line.contains("999"), "{line}");
    }
}

#[tokio::test]
async fn the_number_that_a_person_reads_out_leads_to_every_line_of_the_request() {
    for (format, answered) in [("text", "status=503"), ("json", "\"status\":503")] {
        let house = House::of(&["ada"]);
        let server = house.serves_with("serve --bind 127.0.0.1:0", &[("COUNTERSIGN_LOG_FORMAT", format)]);
        let mut ada = Person::at(&server, "ada");
        let form = ada.browser.get("/account/login").await.form_with("password");
        drop(house);
        let page = ada.browser.submit(&form, "", &[("name", "ada"), ("password", PASSWORD)]).await;
        assert_eq!(page.status, http::StatusCode::SERVICE_UNAVAILABLE, "without a database");
        let number = page.body.split("<code class=\"key\">").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(number.len(), 9, "{number}");
        server.wait_for(answered);
        let log = server.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(number)).collect();
        assert_eq!(lines.len(), 2, "{number}: {log}");
        assert!(lines[0].contains("request failed") && lines[0].contains("could not read"), "{log}");
        assert!(lines[1].contains("answered") && lines[1].contains(answered), "{log}");
    }
}

/// If the log is no longer read, as with `serve 2>&1 | head`, requests are answered all the same.
#[tokio::test]
async fn a_server_whose_log_takes_no_lines_goes_on_answering() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let mut ada = Person::at(&server, "ada");
    server.hang_up();
    for _ in 0..3 {
        assert_eq!(ada.browser.get("/healthz").await.status, http::StatusCode::NO_CONTENT);
    }
    assert!(ada.signs_in(PASSWORD).await.says("You are signed in"));
}
