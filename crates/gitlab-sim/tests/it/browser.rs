//! A browser without JavaScript: it keeps one cookie, follows no redirect by itself, fills in forms.

use std::collections::BTreeMap;

use gitlab_sim::GitlabSim;

use crate::client::{Reply, http, read};

/// A form as it stands on a page.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    action: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Form {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.remove(name).unwrap();
        self
    }
}

/// The forms of a page, in their order.
pub(crate) fn forms(page: &Reply) -> Vec<Form> {
    let part = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\""))?;
        let value = rest.split('"').next()?;
        let plain = value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&");
        Some(plain)
    };
    page.text
        .split("<form ")
        .skip(1)
        .map(|rest| {
            let text = rest.split("</form>").next().unwrap();
            let inputs = text.split("<input ").skip(1);
            let fields = inputs.map(|input| {
                let tag = input.split('>').next().unwrap();
                (
                    part(tag, "name").unwrap(),
                    part(tag, "value").unwrap_or_default(),
                )
            });
            Form {
                action: part(text, "action").unwrap(),
                fields: fields.collect(),
                text: text.to_owned(),
            }
        })
        .collect()
}

/// The only form of a page that holds `text`.
#[track_caller]
pub(crate) fn form(page: &Reply, text: &str) -> Form {
    let found: Vec<Form> = forms(page)
        .into_iter()
        .filter(|form| form.text.contains(text))
        .collect();
    assert_eq!(found.len(), 1, "forms with {text} in {}", page.text);
    found.into_iter().next().unwrap()
}

#[derive(Debug)]
pub(crate) struct Browser {
    origin: String,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn of(sim: &GitlabSim) -> Self {
        Self {
            origin: format!("http://{}", sim.address()),
            cookie: None,
        }
    }

    /// Opens an address, absolute or a path.
    pub(crate) async fn open(&mut self, address: &str) -> Reply {
        let address = self.address(address);
        self.send(http().get(address)).await
    }

    pub(crate) async fn submit(&mut self, form: &Form) -> Reply {
        let address = self.address(&form.action);
        self.send(http().post(address).form(&form.fields)).await
    }

    /// Opens an address and signs in on the way; returns what comes after.
    pub(crate) async fn open_signed_in(
        &mut self,
        address: &str,
        username: &str,
        password: &str,
    ) -> Reply {
        let sent = self.open(address).await;
        let page = self.open(sent.header("location").unwrap()).await;
        let filled = form(&page, "Sign in")
            .with("user[login]", username)
            .with("user[password]", password);
        let back = self.submit(&filled).await;
        assert_eq!(back.status, 302, "{}", back.text);
        self.open(back.header("location").unwrap()).await
    }

    fn address(&self, address: &str) -> String {
        if address.starts_with("http") {
            address.to_owned()
        } else {
            format!("{}{address}", self.origin)
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Reply {
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let reply = read(request.send().await.unwrap()).await;
        if let Some(cookie) = reply.header("set-cookie") {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        reply
    }
}
