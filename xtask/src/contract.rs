//! `cargo xtask contract twilio FILE`: checks our requests to Twilio against Twilio's own OpenAPI description.
//!
//! The description must not be redistributed, so the caller provides it: the OpenAPI file of `api_v2010`. The gateway's
//! tests are run once more, and their test server records every request and response; each must match the description.
//! An empty record proves nothing, so it fails.

#![expect(clippy::indexing_slicing, reason = "what is not in a JSON value is null")]

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    command::{self, cargo},
    workspace::Workspace,
};

/// The variable with the path to which the tests write their traffic.
const VARIABLE: &str = "TWILIO_TRAFFIC";

/// Records the traffic, and checks it against the description.
pub(crate) fn twilio(workspace: &Workspace, file: &str) -> Result<()> {
    let description = fs::read_to_string(file).with_context(|| format!("could not read {file}"))?;
    let description: Value = serde_json::from_str(&description).with_context(|| format!("{file} is not JSON"))?;
    let record = workspace.target.join("twilio-traffic.jsonl");
    let _ = fs::remove_file(&record);
    let tests = ["test", "-p", "countersign-gateway", "--test", "twilio", "--", "--test-threads", "1"];
    command::run(cargo().current_dir(&workspace.root).args(tests).env(VARIABLE, &record))?;
    let checked = hold(&description, &record)?;
    println!("{checked} exchanges and enumerations match the description");
    Ok(())
}

fn hold(description: &Value, record: &Path) -> Result<usize> {
    let lines = fs::read_to_string(record).with_context(|| format!("could not read {}", record.display()))?;
    let exchanges = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    ensure!(!exchanges.is_empty(), "the tests have written no exchange down");
    for (number, exchange) in exchanges.iter().enumerate() {
        check(description, exchange).with_context(|| format!("exchange {}: {exchange}", number.saturating_add(1)))?;
    }
    Ok(exchanges.len())
}

/// A record: an exchange, or all values that we know of an enumeration.
fn check(description: &Value, line: &Value) -> Result<()> {
    match line["schema"].as_str() {
        Some(schema) => check_words(&description["components"]["schemas"][schema]["enum"], &line["words"]),
        None => check_exchange(description, line),
    }
}

/// The same values, in any order.
fn check_words(known: &Value, words: &Value) -> Result<()> {
    let [known, words] = [known, words].map(|list| list.as_array().into_iter().flatten().collect::<Vec<_>>());
    ensure!(!known.is_empty(), "the description has no such words");
    for word in &words {
        ensure!(known.contains(word), "there is no word {word}");
    }
    for word in &known {
        ensure!(words.contains(word), "we do not know the word {word}");
    }
    Ok(())
}

/// A request and, if the description has such a response, its response.
fn check_exchange(description: &Value, exchange: &Value) -> Result<()> {
    let (method, path) = (exchange["method"].as_str().context("no method")?, exchange["path"].as_str());
    let operation = operation(description, method, path.context("no path")?)?;
    let fields: BTreeMap<String, String> = serde_json::from_value(exchange["fields"].clone())?;
    let (known, required) = fields_of(operation);
    for (name, value) in &fields {
        let known = known.get(name.as_str()).with_context(|| format!("there is no field {name}"))?;
        fits(value, resolved(description, known)).with_context(|| format!("the field {name} cannot be {value:?}"))?;
    }
    for required in required {
        ensure!(fields.contains_key(required), "the field {required} is missing");
    }
    for choice in operation["x-twilio"]["conditional"].as_array().into_iter().flatten() {
        let is_made = |name: &str| fields.keys().any(|field| field.to_lowercase() == name.replace('_', ""));
        let is_made = choice.as_array().into_iter().flatten().filter_map(Value::as_str).any(is_made);
        ensure!(is_made, "one of {choice} is missing");
    }
    let status = exchange["status"].to_string();
    let answer = &operation["responses"][&status]["content"]["application/json"]["schema"];
    let answer = resolved(description, answer);
    if answer.is_object() {
        for (name, value) in exchange["answer"].as_object().into_iter().flatten() {
            let known = &answer["properties"][name];
            ensure!(known.is_object(), "an answer has no {name}");
            is_of(value, resolved(description, known))
                .with_context(|| format!("{name} of an answer is not {value}"))?;
        }
    }
    Ok(())
}

/// The fields that a request may have, in its body or its query, and those that it must have.
fn fields_of(operation: &Value) -> (BTreeMap<&str, &Value>, Vec<&str>) {
    let body = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query: Vec<_> = parameters.filter(|field| field["in"] == "query").collect();
    let of_query = query.iter().filter_map(|field| Some((field["name"].as_str()?, &field["schema"])));
    let of_body = body["properties"].as_object().into_iter().flatten().map(|(name, schema)| (name.as_str(), schema));
    let required = body["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let also = query.iter().filter(|field| field["required"] == true).filter_map(|field| field["name"].as_str());
    (of_body.chain(of_query).collect(), required.chain(also).collect())
}

/// The operation whose path has the same parts, with any values for the variable ones.
fn operation<'d>(description: &'d Value, method: &str, path: &str) -> Result<&'d Value> {
    let paths = description["paths"].as_object().context("the description names no paths")?;
    let is_same = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        let same = |(part, given): (&&str, &&str)| part.starts_with('{') || part == given;
        template.len() == path.len() && template.iter().zip(&path).all(same)
    };
    let found = paths.iter().find(|(template, methods)| is_same(template) && methods[method].is_object());
    match found {
        Some((_, methods)) => Ok(&methods[method]),
        None => bail!("there is no {method} of {path}"),
    }
}

fn fits(value: &str, known: &Value) -> Result<()> {
    if let Some(words) = known["enum"].as_array() {
        ensure!(words.iter().any(|word| word == value), "it is none of {words:?}");
    }
    match (known["type"].as_str(), known["format"].as_str()) {
        (Some("integer"), _) => ensure!(value.parse::<i64>().is_ok(), "it is no integer"),
        (_, Some("http-method")) => ensure!(["GET", "POST"].contains(&value), "it is no method"),
        (_, Some("uri")) => {
            ensure!(value.starts_with("https://") || value.starts_with('/'), "it is no address");
        }
        (_, Some("phone-number" | "endpoint")) => {
            let digits = value.strip_prefix('+').unwrap_or_default();
            ensure!(!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()), "it is no number");
        }
        _ => {}
    }
    if let Some(pattern) = known["pattern"].as_str() {
        ensure!(is_sid(pattern, value), "it does not match {pattern}");
    }
    Ok(())
}

/// Whether this is a SID by its pattern: one of some prefixes of two letters, and 32 hexadecimal digits.
fn is_sid(pattern: &str, value: &str) -> bool {
    let Some(letters) = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix("[0-9a-fA-F]{32}$")) else {
        return false;
    };
    let mut kinds = letters.trim_matches(['(', ')']).split('|');
    let digits = kinds.find_map(|kind| value.strip_prefix(kind)).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Whether a part of a response matches its schema.
fn is_of(value: &Value, known: &Value) -> Result<()> {
    let is_right = match known["type"].as_str() {
        _ if value.is_null() => known["nullable"] == true,
        Some("string") => return fits(value.as_str().context("it is no text")?, known),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    ensure!(is_right, "it is of another type");
    Ok(())
}

/// The schema itself, if only its name is given.
fn resolved<'d>(description: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        Some(pointer) => description.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn description() -> Value {
        json!({
            "paths": { "/Accounts/{Sid}/Calls.json": { "post": {
                "requestBody": { "content": { "application/x-www-form-urlencoded": { "schema": {
                    "properties": {
                        "To": { "type": "string", "format": "endpoint" },
                        "Timeout": { "type": "integer" },
                        "Method": { "type": "string", "format": "http-method" },
                        "StatusCallbackEvent": { "type": "string", "enum": ["completed"] },
                        "Url": { "type": "string", "format": "uri" },
                        "ApplicationSid": { "type": "string" },
                    },
                    "required": ["To"],
                } } } },
                "x-twilio": { "conditional": [["url", "application_sid"]] },
                "responses": { "201": { "content": { "application/json": { "schema": { "$ref": "#/components/call" } } } } },
            }, "get": { "parameters": [
                { "name": "Sid", "in": "path", "required": true },
                { "name": "PageSize", "in": "query", "schema": { "type": "integer" } },
            ] } } },
            "components": {
                "call": { "type": "object", "properties": {
                    "sid": { "type": "string", "nullable": true, "pattern": "^(CA|CB)[0-9a-fA-F]{32}$" },
                    "status": { "$ref": "#/components/status" },
                } },
                "status": { "type": "string", "enum": ["queued"] },
                "schemas": { "words": { "type": "string", "enum": ["busy", "completed"] } },
            },
        })
    }

    fn exchange(fields: &Value, answer: &Value) -> Value {
        let path = "/Accounts/AC1/Calls.json";
        json!({ "method": "post", "path": path, "fields": fields, "status": 201, "answer": answer })
    }

    #[test]
    fn what_the_description_has_passes_and_everything_else_is_named() {
        let sid = format!("CA{}", "0f".repeat(16));
        let url = "https://example.org/";
        let fields = json!({ "To": "+31612345678", "Timeout": "15", "Method": "POST", "Url": url });
        for answer in [json!({ "sid": sid, "status": "queued" }), json!({ "sid": null })] {
            check(&description(), &exchange(&fields, &answer)).unwrap();
        }
        for (fields, answer, said) in [
            (json!({ "Timeout": "15" }), json!({}), "the field To is missing"),
            (json!({ "To": "+31" }), json!({}), r#"one of ["url","application_sid"] is missing"#),
            (json!({ "To": "+31", "From": "x" }), json!({}), "there is no field From"),
            (json!({ "To": "31" }), json!({}), "the field To cannot be"),
            (json!({ "To": "+31", "Timeout": "long" }), json!({}), "the field Timeout cannot be"),
            (json!({ "To": "+31", "Method": "PUT" }), json!({}), "the field Method cannot be"),
            (json!({ "To": "+31", "Url": "example.org" }), json!({}), "the field Url cannot be"),
            (
                json!({ "To": "+31", "StatusCallbackEvent": "gone" }),
                json!({}),
                "the field StatusCallbackEvent cannot be",
            ),
            (json!({ "To": "+31", "ApplicationSid": "AP" }), json!({ "id": 1 }), "an answer has no id"),
            (json!({ "To": "+31", "ApplicationSid": "AP" }), json!({ "sid": 1 }), "sid of an answer is not 1"),
            (json!({ "To": "+31", "ApplicationSid": "AP" }), json!({ "sid": "SM0" }), "sid of an answer is not"),
            (json!({ "To": "+31", "ApplicationSid": "AP" }), json!({ "status": "gone" }), "status of an answer is not"),
            (
                json!({ "To": "+31", "ApplicationSid": "AP" }),
                json!({ "status": null }),
                "status of an answer is not null",
            ),
        ] {
            let error = check(&description(), &exchange(&fields, &answer)).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
        let elsewhere = json!({ "method": "post", "path": "/Accounts/AC1/Faxes.json", "fields": {}, "status": 201 });
        assert!(check(&description(), &elsewhere).is_err());
    }

    #[test]
    fn words_are_the_same_on_both_sides() {
        let words = |words: Value| check(&description(), &json!({ "schema": "words", "words": words }));
        words(json!(["completed", "busy"])).unwrap();
        for (list, said) in [
            (json!(["busy", "completed", "gone"]), "there is no word \"gone\""),
            (json!(["busy"]), "we do not know the word \"completed\""),
        ] {
            assert_eq!(words(list).unwrap_err().to_string(), said);
        }
        assert!(check(&description(), &json!({ "schema": "others", "words": [] })).is_err());
    }

    #[test]
    fn what_is_looked_at_is_held_to_its_query() {
        let get = |fields: Value| {
            let path = "/Accounts/AC1/Calls.json";
            check(&description(), &json!({ "method": "get", "path": path, "fields": fields, "status": 200 }))
        };
        get(json!({ "PageSize": "1" })).unwrap();
        assert!(get(json!({ "PageSize": "many" })).is_err() && get(json!({ "Size": "1" })).is_err());
    }
}
