//! The commands in `docs/operations.md` that dump and restore a PostgreSQL database, run as documented.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use countersign_testkit::Page;
use http::StatusCode;
use trials::{Clock, Cluster, Front, Installation, PASSWORD, PROXY, Walk, program};

const PAPER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");

/// The documented commands, block by block.
fn steps() -> Vec<String> {
    let paper = fs::read_to_string(PAPER).unwrap();
    let (_, section) = paper.split_once("**PostgreSQL.** Use its own tools").unwrap();
    let (section, _) = section.split_once("\n**Keys.**").unwrap();
    section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// The paths and names in the document, and their replacements.
fn meanings(cluster: &Cluster, folder: &Path) -> [(&'static str, String); 5] {
    [
        (
            "postgres://countersign@db.example.org/countersign?sslmode=verify-full&sslrootcert=/etc/countersign/database-ca.crt",
            format!("postgres://countersign@127.0.0.1:{}/countersign", cluster.port()),
        ),
        ("/etc/countersign/database.password", folder.join("password").display().to_string()),
        ("/backup/", format!("{}/", folder.display())),
        ("countersign-2030-01-31.dump", "countersign-$(date +%F).dump".to_owned()),
        // The owner of all objects here is the database's superuser.
        ("runuser -u postgres -- ", String::new()),
    ]
}

async fn signs_in(front: &Front, code: &str) -> Page {
    let mut browser = front.browser();
    browser.gives_password("ada", PASSWORD).await;
    browser.answers_with_backup_code(code).await
}

#[tokio::test]
async fn the_documented_dump_is_restored_by_the_documented_steps() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start().unwrap();
    cluster.sql("postgres", "CREATE DATABASE countersign").unwrap();
    let url = cluster.url("countersign");
    let password = url.split([':', '@']).nth(2).unwrap();
    fs::write(folder.path().join("password"), format!("{password}\n")).unwrap();
    let installation = Installation::on(&url, folder.path());
    let mut front = Front::start(folder.path());
    let node = installation.node(&front.url(), &[("trusted_proxies", PROXY)], Clock::Right);
    front.leads_to(&[&node]);
    installation.adds("ada", PASSWORD);
    let mut ada = front.browser();
    ada.gives_password("ada", PASSWORD).await;
    ada.sets_up().await;
    let codes = ada.makes_backup_codes().await;
    assert!(signs_in(&front, &codes[0]).await.status.is_redirection());

    let blocks = steps();
    let meanings = meanings(&cluster, folder.path());
    for (word, _) in &meanings {
        assert!(blocks.concat().contains(word), "the document does not have {word}");
    }
    let run = |lines: &str| {
        let mut lines = lines.to_owned();
        for (word, meaning) in &meanings {
            lines = lines.replace(word, meaning);
        }
        let path = format!("{}:{}", program().parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-euc", &lines]).env("PATH", path).envs(installation.settings());
        shell.env("PGHOST", "127.0.0.1").env("PGPORT", cluster.port().to_string()).env("PGUSER", "countersign");
        let output: Output = shell.env("PGPASSWORD", password).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{lines}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    let [dump, empty, restore] = &blocks[..] else { panic!("the document has {} blocks", blocks.len()) };
    run(dump);
    assert!(signs_in(&front, &codes[1]).await.status.is_redirection());
    assert_eq!(ada.get("/secret").await.status, StatusCode::OK);
    drop(node);
    run(empty);
    assert_eq!(cluster.sql("countersign", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").unwrap(), "0");
    let variables: String =
        dump.lines().filter(|line| line.starts_with("export ")).map(|line| line.to_owned() + "\n").collect();
    let doctor = run(&(variables + restore));
    assert!(
        doctor.contains("ok    schema: ") && doctor.contains("ok    states: all 2 devices can be unsealed"),
        "{doctor}"
    );

    let node = installation.node(&front.url(), &[("trusted_proxies", PROXY)], Clock::Right);
    front.leads_to(&[&node]);
    assert_ne!(ada.get("/secret").await.status, StatusCode::OK, "every session has ended");
    assert!(signs_in(&front, &codes[0]).await.says("has been used already"));
    // As documented: codes that were used after the dump are accepted again.
    assert!(signs_in(&front, &codes[1]).await.status.is_redirection());
}
