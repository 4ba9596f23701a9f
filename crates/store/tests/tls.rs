//! TLS to PostgreSQL, with a real server and certificates that OpenSSL has made.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cluster::Cluster;
use countersign_engine::Store as _;
use countersign_store::{PostgresPlace, PostgresStore, StoreError};
use tempfile::TempDir;

/// The name that the server's certificate is for.
const NAME: &str = "db.example.org";

/// A folder with two authorities in it, and what the first of them has issued.
struct Authorities(TempDir);

impl Authorities {
    fn new() -> Self {
        let authorities = Self(tempfile::tempdir().unwrap());
        for name in ["ours", "theirs"] {
            authorities.openssl(&format!("req -x509 -nodes -days 2 {KEY} -keyout {name}.key -out {name}.crt"), name);
        }
        authorities.issue("server", "2");
        authorities.issue("expired", "-1");
        authorities
    }

    /// Makes a certificate for the server that is valid for so many days.
    fn issue(&self, name: &str, days: &str) {
        fs::write(self.path("names"), format!("subjectAltName=DNS:{NAME}\n")).unwrap();
        self.openssl(&format!("req -new -nodes {KEY} -keyout {name}.key -out {name}.csr"), NAME);
        let sign = format!("x509 -req -in {name}.csr -CA ours.crt -CAkey ours.key -CAcreateserial -extfile names");
        self.run(&format!("{sign} -days {days} -out {name}.crt"));
    }

    fn openssl(&self, line: &str, subject: &str) {
        self.run(&format!("{line} -subj /CN={subject}"));
    }

    fn run(&self, line: &str) {
        let made = Command::new("openssl").args(line.split(' ')).current_dir(&self.0).output().unwrap();
        assert!(made.status.success(), "{line}: {}", String::from_utf8_lossy(&made.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Gives the server this certificate, and starts it again.
    fn serve(&self, cluster: &mut Cluster, name: &str) {
        for (setting, end) in [("ssl_cert_file", "crt"), ("ssl_key_file", "key")] {
            let file = format!("{name}.{end}");
            let path = cluster.keep(&file, &fs::read(self.path(&file)).unwrap()).unwrap();
            cluster.set(setting, path.to_str().unwrap());
        }
        cluster.set("ssl", "on");
        cluster.start_again().unwrap();
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1";

/// The cluster's URL, by a name that leads to this machine, with more parameters.
fn url(cluster: &Cluster, host: &str, more: &str) -> String {
    let (before, _) = cluster.url("postgres").rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    format!("{before}@{host}:{}/postgres?hostaddr=127.0.0.1{more}", cluster.port())
}

async fn open(url: &str, ca_file: Option<&Path>) -> Result<PostgresStore, StoreError> {
    let place = PostgresPlace::parse(url).unwrap();
    let place = ca_file.map_or_else(|| place.clone(), |file| place.clone().with_ca_file(file));
    PostgresStore::migrate(&place).await?;
    PostgresStore::open(&place).await
}

/// Why a database could not be opened, as the command line tells it.
async fn refusal(url: &str, ca_file: Option<&Path>) -> String {
    let error = open(url, ca_file).await.unwrap_err();
    format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default())
}

/// Which versions of TLS our connections have; nothing for one without.
fn versions(cluster: &Cluster) -> String {
    let connections = "SELECT DISTINCT coalesce(version, 'none') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                       WHERE application_name = 'countersign'";
    cluster.sql("postgres", connections).unwrap()
}

#[tokio::test]
async fn the_server_has_to_be_the_one_that_the_url_names() {
    let authorities = Authorities::new();
    let (ours, theirs) = (authorities.path("ours.crt"), authorities.path("theirs.crt"));
    let mut cluster = Cluster::start().unwrap();
    let plain = refusal(&url(&cluster, NAME, "&sslmode=require"), None).await;
    assert!(plain.contains("server does not support TLS"), "{plain}");

    authorities.serve(&mut cluster, "server");
    for more in ["", "&sslmode=verify-full"] {
        let store = open(&url(&cluster, NAME, more), Some(&ours)).await.unwrap();
        store.ping().await.unwrap();
        assert_eq!(versions(&cluster), "TLSv1.3", "away from this machine {more:?} is the default");
    }
    for mode in ["require", "prefer"] {
        let store = open(&url(&cluster, "elsewhere.example.org", &format!("&sslmode={mode}")), None).await.unwrap();
        store.ping().await.unwrap();
        assert_eq!(versions(&cluster), "TLSv1.3", "{mode} asks for no name and no authority");
    }
    for (host, ca_file, why) in [
        (NAME, Some(&theirs), "by no authority in the CA file: set database_ca_file"),
        ("elsewhere.example.org", Some(&ours), "for another name: write a host into the URL that it is for"),
        ("127.0.0.1", Some(&ours), "for another name"),
        (NAME, None, "set database_ca_file"),
        (NAME, Some(&authorities.path("ours.key")), "holds no certificate"),
        (NAME, Some(&authorities.path("nothing")), "nothing cannot be used"),
    ] {
        let told = refusal(&url(&cluster, host, "&sslmode=verify-full"), ca_file.map(PathBuf::as_path)).await;
        assert!(told.contains(why), "{host} {ca_file:?}: {told}");
    }
    authorities.serve(&mut cluster, "expired");
    let told = refusal(&url(&cluster, NAME, ""), Some(&ours)).await;
    assert!(told.contains("renew the server's certificate"), "{told}");
}

#[tokio::test]
async fn a_server_that_wants_tls_says_so_to_a_client_without_it() {
    let authorities = Authorities::new();
    let mut cluster = Cluster::start().unwrap();
    let rules = cluster.keep("rules", b"hostssl all all 127.0.0.1/32 scram-sha-256\n").unwrap();
    cluster.set("hba_file", rules.to_str().unwrap());
    authorities.serve(&mut cluster, "server");
    let told = refusal(&url(&cluster, NAME, "&sslmode=disable"), None).await;
    assert!(told.contains("no encryption (28000); if it asks for TLS, write sslmode=verify-full"), "{told}");
    let password = cluster.url("postgres").split([':', '@']).nth(2).unwrap().to_owned();
    assert!(!told.contains(&password), "{told}");
    open(&url(&cluster, NAME, "&sslmode=require"), None).await.unwrap().ping().await.unwrap();
    open(&cluster.url("postgres"), None).await.unwrap().ping().await.unwrap();
    assert_eq!(versions(&cluster), "TLSv1.3", "on this machine TLS is used where it is offered");
}
