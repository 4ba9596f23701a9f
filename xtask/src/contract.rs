//! `cargo xtask contract twilio FILE`: what we tell Twilio, held against Twilio's own description of its interface.
//!
//! The description is not ours to keep, so whoever asks brings it: the OpenAPI file of the interface `api_v2010`. The
//! gateway's tests are run once more, and the server they talk to writes down every request and answer; each has to be one
//! that the description has. What nobody recorded proves nothing, so an empty record fails.

#![expect(clippy::indexing_slicing, reason = "what is not in a JSON value is null")]

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    command::{self, cargo},
    workspace::Workspace,
};

/// The variable that says where the tests write their traffic down.
const VARIABLE: &str = "TWILIO_TRAFFIC";

/// Records the traffic, and holds it against the description.
pub(crate) fn twilio(workspace: &Workspace, file: &str) -> Result<()> {
    let description = fs::read_to_string(file).with_context(|| format!("could not read {file}"))?;
    let description: Value = serde_json::from_str(&description).with_context(|| format!("{file} is no JSON"))?;
    let record = workspace.target.join("twilio-traffic.jsonl");
    let _ = fs::remove_file(&record);
    let tests = ["test", "-p", "countersign-gateway", "--test", "twilio", "--", "--test-threads", "1"];
    command::run(cargo().current_dir(&workspace.root).args(tests).env(VARIABLE, &record))?;
    let checked = hold(&description, &record)?;
    println!("{checked} exchanges are as the description has them");
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

/// One request and, where it was accepted, its answer.
fn check(description: &Value, exchange: &Value) -> Result<()> {
    let path = exchange["path"].as_str().context("no path")?;
    let operation = operation(description, path)?;
    let schema = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
    let fields: BTreeMap<String, String> = serde_json::from_value(exchange["fields"].clone())?;
    for (name, value) in &fields {
        let known = &schema["properties"][name];
        ensure!(known.is_object(), "there is no field {name}");
        fits(value, known).with_context(|| format!("the field {name} cannot be {value:?}"))?;
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        let required = required.as_str().unwrap_or_default();
        ensure!(fields.contains_key(required), "the field {required} is missing");
    }
    if exchange["status"] == 201 {
        let answer = &operation["responses"]["201"]["content"]["application/json"]["schema"];
        let answer = resolved(description, answer);
        for (name, _) in exchange["answer"].as_object().into_iter().flatten() {
            ensure!(answer["properties"][name].is_object(), "an answer has no {name}");
        }
    }
    Ok(())
}

/// The `POST` whose path has the same parts, whatever stands in the variable ones.
fn operation<'d>(description: &'d Value, path: &str) -> Result<&'d Value> {
    let paths = description["paths"].as_object().context("the description names no paths")?;
    let is_same = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        let same = |(part, given): (&&str, &&str)| part.starts_with('{') || part == given;
        template.len() == path.len() && template.iter().zip(&path).all(same)
    };
    let found = paths.iter().find(|(template, methods)| is_same(template) && methods["post"].is_object());
    match found {
        Some((_, methods)) => Ok(&methods["post"]),
        None => bail!("nothing is posted to {path}"),
    }
}

fn fits(value: &str, known: &Value) -> Result<()> {
    if let Some(words) = known["enum"].as_array() {
        ensure!(words.iter().any(|word| word == value), "it is none of {words:?}");
    }
    match (known["type"].as_str(), known["format"].as_str()) {
        (Some("integer"), _) => ensure!(value.parse::<i64>().is_ok(), "it is no integer"),
        (_, Some("uri")) => ensure!(value.starts_with("https://"), "it is no address"),
        (_, Some("phone-number" | "endpoint")) => {
            let digits = value.strip_prefix('+').unwrap_or_default();
            ensure!(!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()), "it is no number");
        }
        _ => {}
    }
    if let (Some(pattern), Some(length)) = (known["pattern"].as_str(), known["maxLength"].as_u64()) {
        // The patterns of SIDs are two letters and 32 hexadecimal digits.
        let begins = pattern.trim_start_matches('^').get(..2).is_some_and(|letters| value.starts_with(letters));
        ensure!(begins && u64::try_from(value.len()) == Ok(length), "it does not match {pattern}");
    }
    Ok(())
}

/// The schema itself, where only its name is given.
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
                        "Method": { "type": "string", "enum": ["GET", "POST"] },
                    },
                    "required": ["To"],
                } } } },
                "responses": { "201": { "content": { "application/json": { "schema": { "$ref": "#/components/call" } } } } },
            } } },
            "components": { "call": { "properties": { "sid": { "type": "string" } } } },
        })
    }

    fn exchange(fields: &Value, answer: &Value) -> Value {
        json!({ "path": "/Accounts/AC1/Calls.json", "fields": fields, "status": 201, "answer": answer })
    }

    #[test]
    fn what_the_description_has_passes_and_everything_else_is_named() {
        let good =
            exchange(&json!({ "To": "+31612345678", "Timeout": "15", "Method": "POST" }), &json!({ "sid": "x" }));
        check(&description(), &good).unwrap();
        for (fields, answer, said) in [
            (json!({ "Timeout": "15" }), json!({}), "the field To is missing"),
            (json!({ "To": "+31", "From": "x" }), json!({}), "there is no field From"),
            (json!({ "To": "31" }), json!({}), "the field To cannot be"),
            (json!({ "To": "+31", "Timeout": "long" }), json!({}), "the field Timeout cannot be"),
            (json!({ "To": "+31", "Method": "PUT" }), json!({}), "the field Method cannot be"),
            (json!({ "To": "+31" }), json!({ "id": 1 }), "an answer has no id"),
        ] {
            let error = check(&description(), &exchange(&fields, &answer)).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
        let elsewhere = json!({ "path": "/Accounts/AC1/Faxes.json", "fields": {}, "status": 201 });
        assert!(check(&description(), &elsewhere).is_err());
    }
}
