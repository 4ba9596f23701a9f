//! A browser-like client over a router: cookies, forms and redirects, without sockets and without scripts.

use std::{collections::BTreeMap, convert::Infallible};

use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};

/// A browser that has one site open.
#[derive(Clone, Debug)]
pub struct Browser<S> {
    site: S,
    host: String,
    /// The cookies it holds.
    pub cookies: BTreeMap<String, String>,
    /// Headers it sends with every request.
    pub headers: HeaderMap,
}

/// A page as the browser got it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub body: String,
    /// The extensions of the response, for the layers around the router.
    pub extensions: Extensions,
}

/// A form on a page, with the values its fields came with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// Where it is sent; empty for the page itself.
    pub action: String,
    /// Its fields, in order.
    pub fields: Vec<(String, String)>,
}

impl<S, B> Browser<S>
where
    S: Service<Request<String>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    /// A browser without cookies at `host`, for somebody who reads pages.
    pub fn at(site: S, host: &str) -> Self {
        let headers = [(header::ACCEPT, HeaderValue::from_static("text/html"))].into_iter().collect();
        Self { site, host: host.into(), cookies: BTreeMap::new(), headers }
    }

    /// Opens a page; redirects are not followed.
    pub async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, None).await
    }

    /// Opens a page and follows redirects on this site.
    pub async fn visit(&mut self, path: &str) -> Page {
        let page = self.get(path).await;
        self.follow(page).await
    }

    /// Sends fields to `path` as a form would; redirects are not followed.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = serde_html_form::to_string(fields).expect("pairs are a form");
        self.send(Method::POST, path, Some(body)).await
    }

    /// Fills in a form and sends it; fields the form does not have are added. Redirects are not followed.
    pub async fn submit(&mut self, form: &Form, at: &str, filled: &[(&str, &str)]) -> Page {
        let mut fields = form.fields.clone();
        for (name, value) in filled {
            match fields.iter_mut().find(|(field, _)| field == name) {
                Some(field) => field.1 = (*value).into(),
                None => fields.push(((*name).into(), (*value).into())),
            }
        }
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path = if form.action.is_empty() { at } else { &form.action };
        self.post(path, &fields).await
    }

    /// Follows redirects on this site until there is a page.
    pub async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..10 {
            let Some(path) = page.location().filter(|_| page.status.is_redirection()) else { return page };
            page = self.get(&path).await;
        }
        panic!("more than ten redirects")
    }

    /// Sends one request and keeps the cookies of the answer.
    pub async fn send(&mut self, method: Method, path: &str, form: Option<String>) -> Page {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let mut request = request.body(form.unwrap_or_default()).expect("a well-formed request");
        request.headers_mut().extend(self.headers.clone());
        let Ok(response) = self.site.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the whole body comes").to_bytes();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            self.keep(cookie.to_str().expect("cookies are ASCII"));
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Page { status: parts.status, headers: parts.headers, body, extensions: parts.extensions }
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').expect("a cookie has a name and a value");
        if attributes.to_ascii_lowercase().contains("max-age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.into(), value.into());
        }
    }
}

impl Page {
    /// Where it redirects to.
    pub fn location(&self) -> Option<String> {
        self.headers.get(header::LOCATION).map(|location| location.to_str().expect("an ASCII address").to_owned())
    }

    /// Whether the text occurs in it.
    pub fn says(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// The forms on it that are sent by POST, in order.
    pub fn forms(&self) -> Vec<Form> {
        self.body.split("<form").skip(1).filter_map(post_form).collect()
    }

    /// The form that has a field of this name.
    pub fn form_with(&self, field: &str) -> Form {
        let form = self.forms().into_iter().find(|form| form.fields.iter().any(|(name, _)| name == field));
        form.unwrap_or_else(|| panic!("no form with a field {field:?} on this page ({}):\n{}", self.status, self.body))
    }

    /// The form that is sent to this address.
    pub fn form_to(&self, action: &str) -> Form {
        let form = self.forms().into_iter().find(|form| form.action == action);
        form.unwrap_or_else(|| panic!("no form to {action:?} on this page ({}):\n{}", self.status, self.body))
    }
}

fn post_form(text: &str) -> Option<Form> {
    let (head, rest) = text.split_once('>')?;
    if !attribute(head, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")) {
        return None;
    }
    let inner = rest.split("</form").next().unwrap_or_default();
    let inputs = inner.split("<input").skip(1).filter_map(|input| {
        let tag = input.split('>').next().unwrap_or_default();
        let unticked = attribute(tag, "type").is_some_and(|kind| matches!(&*kind, "checkbox" | "radio"))
            && !tag.split_whitespace().any(|word| word.trim_end_matches('/') == "checked");
        (!unticked).then(|| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))?
    });
    Some(Form { action: attribute(head, "action").unwrap_or_default(), fields: inputs.collect() })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\"")).or_else(|| tag.find(&format!("\n{name}=\"")))?;
    let value = tag.get(start + name.len() + 3..)?.split('"').next()?;
    Some(unescape(value))
}

fn unescape(text: &str) -> String {
    let pairs = [
        ("&#x2f;", "/"),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
