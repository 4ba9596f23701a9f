//! Power failures: the server is killed repeatedly under a load of logins, and starts again on the same files.
//!
//! After every restart no code that had been answered "accepted" is accepted again, no backup code is valid again, and
//! the database is intact.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use countersign_testkit::rounds;
use rusqlite::Connection;
use trials::{Installation, Server, Walk, code_of, wait_for_a_fresh_code};

const ROUNDS: usize = 6;
const PEOPLE: usize = 4;

/// A user with unused codes.
#[derive(Clone, Debug)]
struct Someone {
    name: String,
    password: String,
    key: String,
    codes: Vec<String>,
}

/// A code that the server has answered "accepted".
#[derive(Clone, Debug)]
enum Accepted {
    Backup { person: usize, code: String },
    Totp { person: usize, code: String, at: Instant },
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_stays_accepted_through_power_cuts() {
    for _ in 0..rounds(1) {
        stays_accepted_through_power_cuts().await;
    }
}

async fn stays_accepted_through_power_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("countersign.db").display());
    let installation = Installation::on(&database, folder.path());
    let starts = || installation.lone_node(&[]);
    let server = starts();
    let mut people = vec![];
    for number in 0..PEOPLE {
        let (name, password) = (format!("person{number}"), format!("umbrella marmalade {number} kiosk"));
        installation.adds(&name, &password);
        let mut browser = server.browser();
        browser.gives_password(&name, &password).await;
        let key = browser.sets_up().await;
        let codes = browser.makes_backup_codes().await;
        people.push(Someone { name, password, key, codes });
    }
    server.kill();

    let people = Arc::new(people);
    let accepted = Arc::new(Mutex::new(Vec::<Accepted>::new()));
    let mut killed_at_work = 0;
    for round in 0..ROUNDS {
        let server = starts();
        let before = accepted.lock().unwrap().len();
        let tasks: Vec<_> = (0..PEOPLE)
            .map(|person| {
                tokio::spawn(sign_in_over_and_over(server.browser(), people.clone(), person, accepted.clone()))
            })
            .collect();
        // At a random moment, another one in every round.
        while accepted.lock().unwrap().len() < before + 1 + round && tasks.iter().any(|task| !task.is_finished()) {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(u64::try_from(round * 7).unwrap()));
        killed_at_work += usize::from(tasks.iter().any(|task| !task.is_finished()));
        server.kill();
        for task in tasks {
            task.await.unwrap();
        }
        is_whole(folder.path());
        let server = starts();
        let so_far = accepted.lock().unwrap().clone();
        for code in so_far {
            is_refused(&server, &people, &code).await;
        }
    }
    let accepted = accepted.lock().unwrap().len();
    assert!(accepted >= ROUNDS, "only {accepted} codes were accepted in all");
    assert!(killed_at_work > 0, "no cut ever met a login under way");
}

/// Signs in with unused codes, until the server is killed.
async fn sign_in_over_and_over(
    mut browser: countersign_testkit::Browser<trials::Socket>,
    people: Arc<Vec<Someone>>,
    person: usize,
    accepted: Arc<Mutex<Vec<Accepted>>>,
) {
    let Someone { name, password, key, codes } = &people[person];
    for code in codes {
        let used = |known: &Accepted| matches!(known, Accepted::Backup { code: used, .. } if used == code);
        if accepted.lock().unwrap().iter().any(used) {
            continue;
        }
        browser.cookies.clear();
        let page = browser.get("/account/login").await;
        if page.status.as_u16() == 599 {
            return;
        }
        let form = page.form_with("password");
        let page = browser.submit(&form, "/account/login", &[("name", name), ("password", password)]).await;
        if !page.status.is_redirection() {
            return;
        }
        let second = browser.get("/account/login/second-factor").await;
        if !second.status.is_success() {
            return;
        }
        let form = second.form_with("device");
        let totp = code_of(key);
        let answer = browser.submit(&form, "/account/login/second-factor", &[("code", &totp)]).await;
        if answer.status.is_redirection() {
            accepted.lock().unwrap().push(Accepted::Totp { person, code: totp, at: Instant::now() });
            continue;
        }
        if answer.status.as_u16() == 599 {
            return;
        }
        let answer = browser.answers_with_backup_code_if_asked(code).await;
        if answer.is_some_and(|answer| answer.status.is_redirection()) {
            accepted.lock().unwrap().push(Accepted::Backup { person, code: code.clone() });
        }
    }
}

/// The code is known as used. A code from an app that has expired proves nothing and would count as wrong.
async fn is_refused(server: &Server, people: &[Someone], accepted: &Accepted) {
    if matches!(accepted, Accepted::Totp { at, .. } if at.elapsed() > Duration::from_secs(25)) {
        return;
    }
    let (Accepted::Backup { person, .. } | Accepted::Totp { person, .. }) = accepted;
    let mut browser = server.browser();
    browser.gives_password(&people[*person].name, &people[*person].password).await;
    let answer = match accepted {
        Accepted::Backup { code, .. } => browser.answers_with_backup_code(code).await,
        Accepted::Totp { code, .. } => browser.answers(code).await,
    };
    assert!(
        answer.says("has been used already"),
        "{accepted:?} is not known as used: {}\n{}",
        answer.status,
        answer.body
    );
}

fn is_whole(folder: &Path) {
    let database = Connection::open(folder.join("countersign.db")).unwrap();
    let word: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(word, "ok");
}

/// The same for one code and one kill, while the code is still valid.
#[tokio::test]
async fn a_used_code_stays_used_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::demo(folder.path());
    let mut browser = server.browser();
    browser.gives_password("demo", trials::PASSWORD).await;
    let key = browser.sets_up().await;
    wait_for_a_fresh_code();
    let code = code_of(&key);
    let mut browser = server.browser();
    browser.gives_password("demo", trials::PASSWORD).await;
    assert!(browser.answers(&code).await.status.is_redirection());
    server.kill();
    let server = Server::demo(folder.path());
    let mut browser = server.browser();
    browser.gives_password("demo", trials::PASSWORD).await;
    assert!(browser.answers(&code).await.says("has been used already"));
}
