//! A person with a browser: follows redirects, keeps cookies, fills in the forms of the host's own pages.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

/// How many pages one visit may lead over.
const MAX_STEPS: usize = 12;

/// A page, or the way to another one.
struct Response {
    location: Option<String>,
    page: String,
}

/// A browser without anything to look at.
#[derive(Debug, Default)]
pub(super) struct Browser {
    /// By `host:port`, since that is how far our cookies go.
    cookies: HashMap<String, Vec<(String, String)>>,
}

impl Browser {
    /// Opens `address`, and on each page that has a form fills it in and sends it; answers the title of the last page.
    pub(super) fn sign_in(&mut self, address: &str, login: &str, password: &str) -> Result<String> {
        let mut address = address.to_owned();
        let mut response = self.request(&address, None)?;
        for _ in 0..MAX_STEPS {
            if let Some(location) = response.location {
                address = absolute(&address, &location)?;
                response = self.request(&address, None)?;
            } else if let Some((action, mut fields)) = form(&response.page) {
                for (name, value) in &mut fields {
                    match name.as_str() {
                        "user[login]" => login.clone_into(value),
                        "user[password]" => password.clone_into(value),
                        _ => {}
                    }
                }
                address = absolute(&address, &action)?;
                response = self.request(&address, Some(&encoded(&fields)))?;
            } else {
                return title(&response.page).context("a page without a title");
            }
        }
        bail!("the pages lead nowhere")
    }

    /// The page at `address`, wherever that leads.
    pub(super) fn open(&mut self, address: &str) -> Result<String> {
        self.follow(address, None).map(|(_, page)| page)
    }

    /// Fills in the first form of the page at `address` and sends it; answers the title of the page that comes.
    pub(super) fn send(&mut self, address: &str, values: &[(&str, &str)]) -> Result<String> {
        let (address, page) = self.follow(address, None)?;
        let (action, mut fields) = form(&page).context("a page without a form")?;
        for (name, value) in &mut fields {
            if let Some((_, typed)) = values.iter().find(|(field, _)| field == name) {
                (*typed).clone_into(value);
            }
        }
        let address = absolute(&address, &action)?;
        let (_, page) = self.follow(&address, Some(&encoded(&fields)))?;
        title(&page).context("a page without a title")
    }

    fn follow(&mut self, address: &str, form: Option<&str>) -> Result<(String, String)> {
        let mut address = address.to_owned();
        let mut response = self.request(&address, form)?;
        for _ in 0..MAX_STEPS {
            let Some(location) = response.location else {
                return Ok((address, response.page));
            };
            address = absolute(&address, &location)?;
            response = self.request(&address, None)?;
        }
        bail!("the pages lead nowhere")
    }

    fn request(&mut self, address: &str, form: Option<&str>) -> Result<Response> {
        let (authority, path) = split(address)?;
        let cookies = self.cookies.entry(authority.to_owned()).or_default();
        let cookie: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let method = if form.is_some() { "POST" } else { "GET" };
        let body = form.unwrap_or_default();
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\n");
        if !cookie.is_empty() {
            request.push_str("Cookie: ");
            request.push_str(&cookie.join("; "));
            request.push_str("\r\n");
        }
        if form.is_some() {
            request.push_str("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ");
            request.push_str(&body.len().to_string());
            request.push_str("\r\n");
        }
        let mut stream = TcpStream::connect(authority)?;
        write!(stream, "{request}Connection: close\r\n\r\n{body}")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, page) = answer.split_once("\r\n\r\n").context("no HTTP")?;
        let mut location = None;
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            if name.eq_ignore_ascii_case("location") {
                location = Some(value.to_owned());
            } else if name.eq_ignore_ascii_case("set-cookie") {
                let cookie = value.split(';').next().unwrap_or_default();
                let (name, value) = cookie.split_once('=').context("a strange cookie")?;
                cookies.retain(|(known, _)| known != name);
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let page = page.to_owned();
        Ok(Response { location, page })
    }
}

fn split(address: &str) -> Result<(&str, &str)> {
    let rest = address.strip_prefix("http://");
    let rest = rest.with_context(|| format!("not plain http: {address}"))?;
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    ensure!(
        authority.starts_with("127.0.0.1:"),
        "this browser stays on this machine"
    );
    Ok((authority, if path.is_empty() { "/" } else { path }))
}

fn absolute(base: &str, address: &str) -> Result<String> {
    if address.starts_with('/') {
        let (authority, _) = split(base)?;
        return Ok(format!("http://{authority}{address}"));
    }
    Ok(address.to_owned())
}

/// The first form of a page: where it goes and its fields.
fn form(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let start = page.find("<form")?;
    let form = &page[start..start + page[start..].find("</form>")?];
    let action = attribute(form, "action")?;
    let inputs = form.split("<input").skip(1);
    let fields = inputs.filter_map(|input| {
        let input = &input[..input.find('>')?];
        let name = attribute(input, "name")?;
        Some((name, attribute(input, "value").unwrap_or_default()))
    });
    Some((action, fields.collect()))
}

fn attribute(element: &str, name: &str) -> Option<String> {
    let start = element.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &element[start..];
    Some(plain(&value[..value.find('"')?]))
}

fn title(page: &str) -> Option<String> {
    let start = page.find("<h1>")? + 4;
    Some(plain(&page[start..start + page[start..].find("</h1>")?]))
}

fn plain(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

fn encoded(fields: &[(String, String)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_found_with_its_fields() {
        let page = "<h1>Sign &amp; go</h1><form method=\"post\" action=\"/in\">\n<input type=\"hidden\" name=\"t\" value=\"a&quot;b\">\n\
                    <input type=\"text\" id=\"l\" name=\"user[login]\" required>\n</form>";
        let (action, fields) = form(page).expect("a form");
        assert_eq!(action, "/in");
        assert_eq!(encoded(&fields), "t=a%22b&user%5Blogin%5D=");
        assert_eq!(title(page).as_deref(), Some("Sign & go"));
    }

    #[test]
    fn it_goes_nowhere_else() {
        assert!(split("http://gitlab.com/").is_err());
        assert!(split("https://127.0.0.1:1/").is_err());
    }
}
