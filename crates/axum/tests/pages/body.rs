//! Bodies and requests that no browser sends.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use countersign_testkit::rounds;
use http_body_util::BodyExt;
use proptest::{prelude::*, test_runner::TestRunner};
use tower::ServiceExt;

use crate::site::{HOST, NONCE, Site};

#[tokio::test]
async fn a_form_that_is_none_is_told_what_is_wrong() {
    let site = Site::new();
    let mut browser = site.browser();
    let tag = browser.get("/account/login").await.form_with("password").fields[0].1.clone();
    let nonce = browser.cookies[NONCE].clone();
    let good = format!("form={tag}&name=a&password=b");
    let kind = "application/x-www-form-urlencoded";
    for (kind, body, status) in [
        (kind, good.clone(), StatusCode::UNPROCESSABLE_ENTITY),
        ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", good.clone(), StatusCode::UNPROCESSABLE_ENTITY),
        ("", good.clone(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/json", "{}".into(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("multipart/form-data; boundary=x", good.clone(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (kind, String::new(), StatusCode::FORBIDDEN),
        (kind, format!("form={tag}"), StatusCode::UNPROCESSABLE_ENTITY),
        (kind, format!("form={tag}&name=a"), StatusCode::UNPROCESSABLE_ENTITY),
        (kind, format!("{good}&name=c"), StatusCode::UNPROCESSABLE_ENTITY),
        (kind, format!("{good}&form={tag}"), StatusCode::FORBIDDEN),
        (kind, format!("{good}&x=%00"), StatusCode::BAD_REQUEST),
        (kind, format!("{good}&x=%ff"), StatusCode::BAD_REQUEST),
        (kind, format!("{good}&x=%c3"), StatusCode::BAD_REQUEST),
        (kind, format!("{good}&x=%"), StatusCode::BAD_REQUEST),
        (kind, format!("{good}&x=\0"), StatusCode::BAD_REQUEST),
        (kind, format!("{good}&x=é"), StatusCode::BAD_REQUEST),
        (kind, format!("{good}&x={}", "y".repeat(17_000)), StatusCode::PAYLOAD_TOO_LARGE),
        (kind, format!("{good}&unknown=1&&="), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let request = Request::post("/account/login")
            .header("host", HOST)
            .header("content-type", kind)
            .header("cookie", format!("{NONCE}={nonce}"))
            .body(Body::from(body.clone()))
            .unwrap();
        let response = site.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{kind} {}", body.chars().take(120).collect::<String>());
        let page = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(page.contains("<h1>") && page.contains("</html>"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let site = Site::new();
    let body = Body::new(Never);
    let request = Request::post("/account/login")
        .header("host", HOST)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .unwrap();
    let response = site.app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

struct Never;

impl axum::body::HttpBody for Never {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[test]
fn nothing_a_stranger_sends_is_a_fault() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let site = Site::with_every_method();
    let (half, member) = runtime
        .block_on(async { (site.halfway("half").await.browser.cookies, site.member("member").await.browser.cookies) });
    let cookies: Vec<_> = [half, member]
        .iter()
        .map(|jar| {
            jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ").into_bytes()
        })
        .collect();
    let path = prop_oneof![
        prop::sample::select(vec![
            "/account/login",
            "/account/login/second-factor",
            "/account/login/send",
            "/account/login/restart",
            "/account/logout",
            "/account/verify",
            "/account/two-factor",
            "/account/two-factor/setup",
            "/account/two-factor/setup/confirm",
            "/account/two-factor/setup/send",
            "/account/two-factor/setup/cancel",
            "/account/two-factor/setup/complete",
            "/account/two-factor/qr.svg",
            "/account/two-factor/qr.png",
            "/account/two-factor/backup-codes",
            "/account/two-factor/disable",
            "/account/password",
            "/account/verify",
            "/account/verify/send",
            "/account/twilio/call/%ff",
            "/account/two-factor/devices/%ff/remove",
            "/account/two-factor/devices/%00/prefer",
            "/account",
            "/",
            "/secret",
            "/own",
        ])
        .prop_map(str::to_owned),
        "/account/[a-z%0-9/.]{0,20}",
    ];
    let query = prop_oneof![Just(String::new()), "\\?(next|why|device|method)=[!-~]{0,30}(&(next|why)=[!-~]{0,9})?"];
    let method = prop::sample::select(vec!["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X"]);
    let cookie = prop_oneof![
        prop::sample::select(cookies),
        prop::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..80),
        "(countersign(-pending|-setup|-form)?=[A-Za-z0-9_-]{0,60}; ?){0,4}".prop_map(String::into_bytes),
    ];
    let kind = prop::sample::select(vec!["application/x-www-form-urlencoded", "text/plain", "application/json", ""]);
    let body = prop_oneof![
        "((form|name|password|code|device|attempt|next|sure|current|new|again|method|to|Digits)=[!-~]{0,40}&){0,6}"
            .prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200),
        Just(vec![b'a'; 20_000]),
    ];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(rounds(3000)));
    let requests = (method, path, query, cookie, kind, body);
    let outcome = runner.run(&requests, |(method, path, query, cookie, kind, body)| {
        let uri = format!("{path}{query}");
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(&uri)
            .header("host", HOST)
            .header("cookie", cookie)
            .header("content-type", kind)
            .body(Body::from(body));
        // What is no request never reaches a site.
        let Ok(request) = request else { return Ok(()) };
        let response = runtime.block_on(site.app.clone().oneshot(request)).unwrap();
        prop_assert!(!response.status().is_server_error(), "{method} {uri}: {}", response.status());
        let given = response.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        let session =
            given.filter(|cookie| cookie.starts_with("countersign=") && !cookie.contains("Max-Age=0")).count();
        prop_assert_eq!(session, 0);
        Ok(())
    });
    outcome.unwrap();
}
