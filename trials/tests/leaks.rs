//! After all flows, no remaining data contain a secret in any encoding: not the database, its log, a cookie or the
//! server's output (T1).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use std::{collections::BTreeMap, fs, path::Path};

use countersign_engine::core::otp::Key;
use data_encoding::{BASE32, BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use trials::{PASSWORD, Server, Walk, code_of, wait_for_a_fresh_code};

/// Every encoding of a secret.
fn encodings(secret: &[u8]) -> Vec<Vec<u8>> {
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    let utf16: Vec<u8> = String::from_utf8_lossy(secret).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let percent = HEXUPPER.encode(secret).as_bytes().chunks(2).flat_map(|pair| [b"%", pair].concat()).collect();
    let plus = String::from_utf8_lossy(secret).replace(' ', "+");
    let mut all = vec![secret.to_vec(), reversed, utf16, percent, plus.into_bytes()];
    for spec in [BASE32, BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER] {
        all.push(spec.encode(secret).into_bytes());
    }
    // The base64 of a longer text shifts by one or two bytes: search for the inner part as well.
    for shift in 1..3 {
        let inner = BASE64_NOPAD.encode(&[&vec![0; shift][..], secret].concat());
        all.push(inner.as_bytes()[4..inner.len() - 4].to_vec());
    }
    all
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

#[tokio::test]
async fn t1_nothing_left_behind_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::demo(folder.path());
    let mut browser = server.browser();
    let mut cookies = BTreeMap::new();

    browser.gives_password("demo", PASSWORD).await;
    cookies.extend(browser.cookies.clone());
    let key = browser.sets_up().await;
    let codes = browser.makes_backup_codes().await;
    assert_eq!(codes.len(), 10);
    cookies.extend(browser.cookies.clone());

    wait_for_a_fresh_code();
    let mut browser = server.browser();
    browser.gives_password("demo", PASSWORD).await;
    // Between the steps: the browser's cookies, and the server's output so far.
    let between: Vec<u8> = browser.cookies.values().flat_map(|value| value.bytes()).collect();
    let code = code_of(&key);
    assert!(browser.answers("000000").await.status.is_client_error());
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert!(browser.answers(&code).await.status.is_redirection());
    cookies.extend(browser.cookies.clone());
    let session = browser.cookies["countersign"].clone();
    let mut browser = server.browser();
    browser.gives_password("demo", PASSWORD).await;
    assert!(browser.answers_with_backup_code(&codes[2]).await.status.is_redirection());
    assert!(browser.get("/secret").await.status.is_success());

    let printed = server.output();
    drop(server);
    let cookie_bytes: Vec<u8> = cookies.values().flat_map(|value| value.bytes().chain(*b"\n")).collect();
    let mut places: Vec<(String, Vec<u8>)> = vec![
        ("cookies".into(), cookie_bytes),
        ("cookies between".into(), between),
        ("output".into(), printed.into_bytes()),
    ];
    for file in files(folder.path()) {
        let bytes = fs::read(&file).unwrap();
        places.push((file.display().to_string(), bytes));
    }
    assert!(places.iter().any(|(name, bytes)| name.contains(".db") && bytes.len() > 4096), "{places:?}");

    let seed = Key::from_base32(&key).unwrap();
    let letters: String = key.chars().filter(|c| !c.is_whitespace()).collect();
    let mut secrets: Vec<(&str, Vec<u8>)> =
        vec![("password", PASSWORD.into()), ("key", seed.as_bytes().to_vec()), ("key text", letters.into_bytes())];
    for code in &codes {
        secrets.push(("backup code", code.clone().into_bytes()));
        secrets.push(("backup code", code.replace('-', "").into_bytes()));
    }
    for (what, secret) in &secrets {
        for form in encodings(secret) {
            for (place, bytes) in &places {
                assert!(!holds(bytes, &form), "the {what} is in {place} as {:?}", String::from_utf8_lossy(&form));
            }
        }
    }
    // The search finds what is there.
    assert!(places.iter().any(|(_, bytes)| encodings(b"Authenticator app").iter().any(|form| holds(bytes, form))));
    // The session's token is in its owner's cookie and nowhere else; a six-digit code may occur by chance in bytes, so
    // only texts are searched for it.
    for (place, bytes) in places.iter().filter(|(place, _)| !place.starts_with("cookies")) {
        assert!(!holds(bytes, session.as_bytes()), "the session's token is in {place}");
    }
    for (place, bytes) in places.iter().filter(|(place, _)| *place == "output" || place.starts_with("cookies")) {
        assert!(!holds(bytes, code.as_bytes()), "the code is in {place}");
    }
}

/// The folder's files, except the key file, whose purpose is to hold a secret.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.is_file() && !file.file_name().unwrap().to_str().unwrap().contains("key")).collect()
}
