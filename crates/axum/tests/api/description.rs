//! The description of the API: made from its table and its types, kept in the repository, and shown to people.

use std::{collections::BTreeSet, fs};

use axum::http::StatusCode;
use serde_json::Value;

use crate::site::Site;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// `docs/openapi.json` is the description of the API: after a change, `BLESS=1` writes it again.
#[tokio::test]
async fn nobody_changes_the_api_unnoticed() {
    let site = Site::new();
    let answer = site.program().get("/api/v1/openapi.json").await;
    assert_eq!(answer.headers["content-type"], "application/json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(KEPT, serde_json::to_string_pretty(&answer.body).unwrap() + "\n").unwrap();
    }
    let kept: Value = serde_json::from_str(&fs::read_to_string(KEPT).unwrap()).unwrap();
    assert!(
        answer.body == kept,
        "the API is not what docs/openapi.json says: run this test with BLESS=1 and look at it"
    );
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_name_is_used_once() {
    let site = Site::new();
    let document = site.program().get("/api/v1/openapi.json").await.body;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let wanted = text.split("\"#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let wanted: BTreeSet<_> = wanted.collect();
    let missing: Vec<_> = wanted.iter().filter(|name| !schemas.contains_key(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let idle: Vec<_> = schemas.keys().filter(|name| !wanted.contains(name.as_str())).collect();
    assert!(idle.is_empty(), "{idle:?}");
    let operations = document["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|methods| methods.as_object().unwrap().values());
    let names: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.len() >= 30, "{names:?}");
}

/// A link names a request that there is, something that it takes, and a place where the answer has it.
#[tokio::test]
async fn every_link_hands_something_on() {
    let site = Site::new();
    let document = site.program().get("/api/v1/openapi.json").await.body;
    let operations = document["paths"].as_object().unwrap().values();
    let operations: Vec<_> = operations.flat_map(|methods| methods.as_object().unwrap().values()).collect();
    let mut handed = 0;
    for response in operations.iter().flat_map(|operation| operation["responses"].as_object().unwrap().values()) {
        for (name, link) in response["links"].as_object().into_iter().flatten() {
            let next = operations.iter().find(|next| next["operationId"] == link["operationId"]).unwrap();
            let body = &next["requestBody"]["content"]["application/json"]["schema"];
            let takes = |member: &str| schema(&document, body, &format!("/{member}")).is_some();
            let has = |part: &str| next["parameters"].as_array().unwrap().iter().any(|known| known["name"] == part);
            let given = &response["content"]["application/json"]["schema"];
            let both = [(&link["requestBody"], &takes as &dyn Fn(&str) -> bool), (&link["parameters"], &has)];
            for (values, is_known) in both {
                for (member, expression) in values.as_object().into_iter().flatten() {
                    assert!(is_known(member), "{name} takes no {member}");
                    let place = expression.as_str().unwrap().strip_prefix("$response.body#").unwrap();
                    assert!(schema(&document, given, place).is_some(), "{name} is handed {place}, which is nowhere");
                    handed += 1;
                }
            }
        }
    }
    assert!(handed >= 30, "{handed}");
}

/// What is described at this place of an answer or a body.
fn schema<'a>(document: &'a Value, described: &'a Value, place: &str) -> Option<&'a Value> {
    if let Some(named) = described["$ref"].as_str() {
        return schema(document, document.pointer(named.strip_prefix('#')?)?, place);
    }
    if let Some(choices) = described["oneOf"].as_array() {
        return choices.iter().find_map(|choice| schema(document, choice, place));
    }
    let Some(rest) = place.strip_prefix('/') else { return Some(described) };
    let (step, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let inner = if step.parse::<usize>().is_ok() { described.get("items") } else { described["properties"].get(step) };
    schema(document, inner?, rest)
}

/// What is answered is what is described: every member of an answer has its place.
#[tokio::test]
async fn answers_have_the_members_that_are_described() {
    let site = Site::new();
    let (mut ada, pending) = site.halfway("ada").await;
    let code = ada.person.code();
    let opened = ada.program.answers(&pending, &code).await.body;
    let document = ada.program.get("/api/v1/openapi.json").await.body;
    let described = |name: &str, shown: &Value| {
        let schema = &document["components"]["schemas"][name];
        let known = schema["properties"].as_object().unwrap_or_else(|| panic!("no {name}"));
        for member in shown.as_object().unwrap().keys() {
            assert!(known.contains_key(member), "{name} says nothing of {member}");
        }
        for required in schema["required"].as_array().unwrap() {
            assert!(shown.get(required.as_str().unwrap()).is_some(), "{name} has no {required}: {shown}");
        }
    };
    described("Pending", &pending);
    described("PromptDocument", &pending["asked"]);
    described("Opened", &opened);
    described("SessionDocument", &opened["session"]);
    described("FactorsDocument", &ada.program.get("/api/v1/devices").await.body);
    described("ProblemDocument", &ada.program.get("/api/v1/nothing").await.body);
    described("SessionsDocument", &ada.program.get("/api/v1/sessions").await.body);
}

#[tokio::test]
async fn the_description_for_people_needs_nothing_from_elsewhere() {
    let site = Site::new();
    let mut browser = site.browser();
    let page = browser.get("/api/v1/reference").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let config = page.headers["content-security-policy"].to_str().unwrap();
    assert!(config.starts_with("default-src 'none'") && !config.contains("script"), "{config}");
    assert!(!page.says("<script") && !page.says("://"), "{}", page.body);
    for said in ["POST &#x2f;api&#x2f;v1&#x2f;login&#x2f;answer", "attempt-expired", "csrf-token", "DeviceDocument"] {
        assert!(page.says(said), "{said}: {}", page.body);
    }
    assert!(!page.says("`"), "code is marked as such: {}", page.body);
    for link in page.body.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.says(&format!("id=\"{link}\"")), "{link}");
    }
}
