//! Requests to Twilio's REST API, version 2010-04-01.

use std::{fmt, time::Duration};

use countersign_engine::{
    Fault,
    core::Secret,
    port::{NotTaken, Taken},
};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::{DOING, refused};
use crate::request::{self, NotAnAddress};

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    account: String,
    login: (String, Secret),
}

#[derive(Deserialize)]
struct Created {
    sid: String,
}

#[derive(Default, Deserialize)]
struct Error {
    code: Option<u32>,
}

impl Client {
    pub(super) fn new(base: &str, account: &str, login: (String, Secret)) -> Result<Self, NotAnAddress> {
        let is_sid = !account.is_empty() && account.bytes().all(|c| c.is_ascii_alphanumeric());
        let http = request::client(TIMEOUT).map_err(|_| NotAnAddress)?;
        let base = request::address(base)?;
        if is_sid { Ok(Self { http, base, account: account.to_owned(), login }) } else { Err(NotAnAddress) }
    }

    /// Creates a message or a call.
    pub(super) async fn create(&self, resource: &str, fields: &[(&str, &str)]) -> Result<Taken, NotTaken> {
        let failed = |cause: String| NotTaken::Failed(Fault::because(DOING, cause));
        let (user, password) = &self.login;
        let url = self.at(&format!("/{resource}"))?;
        let request = self.http.post(url).basic_auth(user, Some(password.expose())).form(fields);
        let response = request.send().await.map_err(|error| failed(request::cause(error)))?;
        let status = response.status();
        if status.is_success() {
            let body = request::body(response).await.map_err(failed)?;
            let created: Result<Created, _> = serde_json::from_slice(&body);
            let created = created.map_err(|_| failed("an answer without a name for the message".into()))?;
            return Ok(Taken { reference: Some(created.sid) });
        }
        let body = request::body(response).await.unwrap_or_default();
        let Error { code } = serde_json::from_slice(&body).unwrap_or_default();
        match code {
            Some(code) if refused::is_unreachable(code) => Err(NotTaken::Unreachable { reason: code.to_string() }),
            Some(code) => Err(failed(format!("status {}, error {code}", status.as_u16()))),
            None => Err(failed(format!("status {}", status.as_u16()))),
        }
    }

    /// A fault unless Twilio accepts our credentials. Only a main API key may read the account itself, so this requests
    /// the list of messages; a key that may not even read that is accepted all the same.
    pub(super) async fn knows_us(&self) -> Result<(), Fault> {
        const DOING: &str = "sign in to Twilio";
        let (user, password) = &self.login;
        let url = self.at("/Messages.json?PageSize=1").map_err(|_| Fault::new(DOING))?;
        let asked = self.http.get(url).basic_auth(user, Some(password.expose())).send().await;
        let status = asked.map_err(|error| Fault::because(DOING, request::cause(error)))?.status();
        let is_known = status.is_success() || status == StatusCode::FORBIDDEN;
        if is_known { Ok(()) } else { Err(Fault::because(DOING, format!("status {}", status.as_u16()))) }
    }

    fn at(&self, rest: &str) -> Result<Url, NotTaken> {
        let path = format!("/2010-04-01/Accounts/{}{rest}", self.account);
        self.base.join(&path).map_err(|_| NotTaken::Failed(Fault::new(DOING)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}
