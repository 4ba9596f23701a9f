//! The metrics of a running server.

use countersign_engine::{Clock as _, SystemClock};

use crate::{
    house::{Engine, House, OTHER_PASSWORD, PASSWORD, Server},
    person::{Person, Socket},
};

const FIGURES: [(&str, &str); 1] = [("COUNTERSIGN_METRICS_BIND", "127.0.0.1:0")];

/// The metrics of a server, by name and labels.
struct Figures(String);

impl Figures {
    fn of(server: &Server) -> Self {
        Self(get(metrics_address(server), "/metrics"))
    }

    /// The value of the metric with exactly this name and these labels.
    #[track_caller]
    fn figure(&self, name: &str) -> f64 {
        self.any(name).unwrap_or_else(|| panic!("no {name} in:\n{}", self.0))
    }

    fn any(&self, name: &str) -> Option<f64> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

fn metrics_address(server: &Server) -> Socket {
    let line = server.wait_for("serving metrics");
    Socket(line.split("address=").nth(1).unwrap().trim().parse().unwrap())
}

fn get(socket: Socket, path: &str) -> String {
    socket.send(&format!("GET {path} HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n"))
}

#[tokio::test]
async fn what_happened_is_counted_once_each() {
    let house = House::of(&["ada-of-the-figures"]);
    let server = house.serves_with("serve --bind 127.0.0.1:0", &[FIGURES[0], ("COUNTERSIGN_THROTTLE_FACTOR", "0")]);
    let mut ada = Person::at(&server, "ada-of-the-figures");
    ada.signs_in(OTHER_PASSWORD).await;
    let app = ada.sets_up().await;
    let mut again = Person::at(&server, "ada-of-the-figures");
    let page = again.signs_in(PASSWORD).await;
    let later = SystemClock.now().after(std::time::Duration::from_secs(30));
    let right = app.code_at(later);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let page = again.answers(&page, wrong).await;
    again.answers(&page, &right).await;
    let mut third = Person::at(&server, "ada-of-the-figures");
    let page = third.signs_in(PASSWORD).await;
    third.answers(&page, &right).await;
    third.browser.get("/nothing/of-this-name").await;

    let figures = Figures::of(&server);
    for (name, expected) in [
        ("countersign_sign_ins_total{method=\"none\"}", 1.0),
        ("countersign_sign_ins_total{method=\"totp\"}", 1.0),
        ("countersign_answers_total{method=\"totp\",outcome=\"accepted\"}", 2.0),
        ("countersign_answers_total{method=\"totp\",outcome=\"code-wrong\"}", 1.0),
        ("countersign_answers_total{method=\"totp\",outcome=\"code-used\"}", 1.0),
        ("countersign_refusals_total{code=\"invalid-credentials\"}", 1.0),
        ("countersign_refusals_total{code=\"code-wrong\"}", 1.0),
        ("countersign_refusals_total{code=\"code-used\"}", 1.0),
        ("countersign_events_total{kind=\"answer-refused\"}", 1.0),
        ("countersign_events_total{kind=\"device-confirmed\"}", 1.0),
        ("countersign_requests_total{method=\"POST\",route=\"/account/login\",status=\"422\"}", 1.0),
        ("countersign_requests_total{method=\"GET\",route=\"-\",status=\"404\"}", 1.0),
        ("countersign_writer_waiting", 0.0),
        ("countersign_hashing_waiting", 0.0),
    ] {
        assert_eq!(figures.figure(name).to_bits(), f64::to_bits(expected), "{name} in:\n{}", figures.0);
    }
    let done = figures.figure("countersign_commits_total{outcome=\"done\"}");
    assert!(done >= 5.0 && figures.figure("countersign_commits_total{outcome=\"fault\"}") < 1.0, "{}", figures.0);
    assert!(figures.figure("countersign_commit_seconds_count") >= done);
    assert!(figures.figure("countersign_commit_seconds_bucket{le=\"+Inf\"}") >= done);
    assert!(figures.figure("countersign_writer_groups_total") <= figures.figure("countersign_writer_members_total"));
    assert!(figures.figure("countersign_answer_rounds_count") >= 4.0);
    for secret in ["ada", "of-this-name", PASSWORD, &right, "127.0.0.1"] {
        assert!(!figures.0.contains(secret), "{secret} is in the figures:\n{}", figures.0);
    }
}

#[tokio::test]
async fn on_postgres_the_pool_is_told_and_who_was_locked_out_or_late() {
    let house = House::of_on(Engine::Postgres, &["ada"]);
    let server = house.serves_with("serve --bind 127.0.0.1:0", &FIGURES);
    let app = Person::at(&server, "ada").sets_up().await;
    let mut again = Person::at(&server, "ada");
    let page = again.signs_in(PASSWORD).await;
    let right = app.code_at(SystemClock.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let page = again.answers(&page, wrong).await;
    let page = again.answers(&page, wrong).await;
    // A connection that was closed once is gone already.
    let restart = page.form_to("/account/login/restart");
    for mut browser in [again.browser.clone(), again.browser] {
        assert!(browser.submit(&restart, "", &[]).await.status.is_redirection());
    }
    let figures = Figures::of(&server);
    for (name, expected) in [
        ("countersign_answers_total{method=\"totp\",outcome=\"code-wrong\"}", 1.0),
        ("countersign_answers_total{method=\"totp\",outcome=\"device-locked\"}", 1.0),
        ("countersign_commits_total{outcome=\"conflict\"}", 1.0),
        ("countersign_pool_most", 16.0),
        ("countersign_pool_waiting", 0.0),
    ] {
        assert_eq!(figures.figure(name).to_bits(), f64::to_bits(expected), "{name} in:\n{}", figures.0);
    }
    assert!(figures.figure("countersign_pool_open") >= 1.0);
}

#[tokio::test]
async fn requests_to_a_thousand_paths_are_one_figure() {
    let house = House::founded();
    let server = house.serves_with("serve --bind 127.0.0.1:0", &FIGURES);
    let lines = |figures: &Figures| figures.0.lines().filter(|line| line.starts_with("countersign_request")).count();
    let ask = |path: &str| get(Socket(server.address), path);
    ask("/nothing");
    ask("/account/static/nothing");
    Socket(server.address).send("FORGED / HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n");
    let before = lines(&Figures::of(&server));
    assert!(before > 3);
    for number in 0..100 {
        ask(&format!("/nothing/{number}"));
        ask(&format!("/account/static/{number}"));
        let forged = format!("FORGED{number} / HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n");
        Socket(server.address).send(&forged);
    }
    let after = Figures::of(&server);
    assert_eq!(lines(&after), before, "{}", after.0);
}

#[tokio::test]
async fn figures_are_told_only_where_that_was_asked_for() {
    let house = House::founded();
    let server = house.serves();
    assert!(get(Socket(server.address), "/metrics").starts_with("HTTP/1.1 4"));
    assert!(!server.log().contains("serving metrics"));
    let server = house.serves_with("serve --bind 127.0.0.1:0", &FIGURES);
    assert!(!get(Socket(server.address), "/metrics").contains("countersign_"), "on the public listener");
    let figures = metrics_address(&server);
    assert!(get(figures, "/metrics").contains("content-type: text/plain; version=0.0.4"));
    assert!(get(figures, "/account/login").starts_with("HTTP/1.1 404"));
    assert!(get(figures, "/metrics").contains("countersign_build_info{version=\""));
}

/// An alert on a counter that appears only with its first increase never sees that increase.
#[tokio::test]
async fn counters_are_there_from_the_start_with_every_label_that_is_known() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::founded_on(engine);
        let figures = Figures::of(&house.serves_with("serve --bind 127.0.0.1:0", &FIGURES));
        for name in [
            "countersign_sign_ins_total{method=\"none\"}",
            "countersign_sign_ins_total{method=\"backup-codes\"}",
            "countersign_answers_total{method=\"totp\",outcome=\"accepted\"}",
            "countersign_answers_total{method=\"email\",outcome=\"code-wrong\"}",
            "countersign_answers_total{method=\"yubikey\",outcome=\"device-locked\"}",
            "countersign_refusals_total{code=\"invalid-credentials\"}",
            "countersign_refusals_total{code=\"too-many-requests\"}",
            "countersign_events_total{kind=\"device-disabled\"}",
            "countersign_events_total{kind=\"refresh-replayed\"}",
            "countersign_commits_total{outcome=\"fault\"}",
            "countersign_commits_total{outcome=\"overspent\"}",
            "countersign_store_faults_total{operation=\"commit\"}",
            "countersign_store_faults_total{operation=\"ping\"}",
        ] {
            assert_eq!(figures.figure(name).to_bits(), 0.0_f64.to_bits(), "{name} in:\n{}", figures.0);
        }
    }
}
