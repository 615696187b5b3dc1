//! Forms: what was typed, what is wrong with it, and fields that show both.

use std::convert::Infallible;
use std::fmt;

use askama::filters::HtmlSafe;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http_body_util::BodyExt;
use org_core::draft::FieldError;
use org_core::use_cases::UseCaseError;
use secrecy::SecretString;

use super::view::{Escaped, Icon};
use crate::api::problem::{FieldProblem, Problem};

/// The most fields of a form that are looked at.
const MOST: usize = 2000;

/// What was typed into a form, with what is wrong with it.
#[derive(Debug, Clone, Default)]
pub(super) struct Form {
    values: Vec<(String, String)>,
    problems: Vec<FieldProblem>,
    /// What is wrong with the form as a whole, and what to do.
    general: Option<(String, Option<String>)>,
}

/// The bodies of forms are read whole before they come here, so this waits for nobody.
impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Infallible;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Infallible> {
        let bytes = match request.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Ok(Self::default()),
        };
        Ok(Self::of(url::form_urlencoded::parse(&bytes).into_owned()))
    }
}

impl Form {
    pub(super) fn of(pairs: impl Iterator<Item = (String, String)>) -> Self {
        let values = pairs
            .filter(|(name, _)| name != "csrf")
            .take(MOST)
            .collect();
        Self {
            values,
            ..Self::default()
        }
    }

    /// A form that begins with these values.
    pub(super) fn with(pairs: &[(&str, &str)]) -> Self {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::of(owned)
    }

    pub(super) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.values.push((name.to_owned(), value.into()));
    }

    /// What was typed; empty where nothing was.
    pub(super) fn value(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// What was typed, without white space around it; `None` where nothing was.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let value = self.value(name).trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// What was typed into a field that is never shown again.
    pub(super) fn secret(&self, name: &str) -> SecretString {
        SecretString::from(self.value(name).to_owned())
    }

    /// Every value of that name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether one of the values of that name is this one.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|known| known == value)
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.has(name, "on")
    }

    /// ` checked`, where one of the values of that name is this one.
    pub(super) fn checked(&self, name: &str, value: &str) -> &'static str {
        if self.has(name, value) {
            " checked"
        } else {
            ""
        }
    }

    /// ` selected`, likewise.
    pub(super) fn selected(&self, name: &str, value: &str) -> &'static str {
        if self.has(name, value) {
            " selected"
        } else {
            ""
        }
    }

    /// The form without what must not be kept.
    pub(super) fn without(mut self, names: &[&str]) -> Self {
        self.values
            .retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    /// The form with what is wrong with it. A problem without a field is of the form as a whole.
    pub(super) fn refused(mut self, problem: &Problem) -> Self {
        let body = &problem.body;
        if body.errors.is_empty() {
            self.general = Some((body.detail.clone(), body.hint.clone()));
        }
        self.problems.extend(body.errors.iter().cloned());
        self
    }

    /// The form with mistakes at their fields.
    pub(super) fn mistaken(self, errors: Vec<FieldError>) -> Self {
        self.refused(&UseCaseError::Invalid { errors }.into())
    }

    /// The form with one more mistake.
    pub(super) fn at(mut self, field: &str, message: impl Into<String>) -> Self {
        self.problems.push(FieldProblem {
            field: field.to_owned(),
            message: message.into(),
        });
        self
    }

    pub(super) fn is_refused(&self) -> bool {
        self.general.is_some() || !self.problems.is_empty()
    }

    /// Whether something is wrong at that field.
    pub(super) fn is_wrong(&self, name: &str) -> bool {
        self.problems_at(name).next().is_some()
    }

    fn problems_at<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.problems
            .iter()
            .filter(move |problem| problem.field == name)
            .map(|problem| problem.message.as_str())
    }

    /// Where an error at a field is shown.
    pub(super) fn error(&self, name: &str) -> FieldErrors {
        FieldErrors {
            name: name.to_owned(),
            messages: self.problems_at(name).map(str::to_owned).collect(),
        }
    }

    /// The attributes that tie a field to its hint and its error.
    pub(super) fn aria(&self, name: &str, hinted: bool) -> Aria {
        Aria {
            name: name.to_owned(),
            invalid: self.is_wrong(name),
            hinted,
        }
    }

    /// What stands above the form when something is wrong with it: it takes the focus, and leads to each field.
    pub(super) fn summary(&self) -> Summary<'_> {
        Summary(self)
    }

    /// A field for a line of text.
    pub(super) fn input<'a>(&'a self, name: &'a str, label: &'a str) -> Input<'a> {
        Input {
            form: self,
            name,
            label,
            hint: "",
            kind: "text",
            more: "",
        }
    }
}

/// The errors at one field.
pub(super) struct FieldErrors {
    name: String,
    messages: Vec<String>,
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.messages.is_empty() {
            return Ok(());
        }
        write!(f, "<div id=\"{}-error\">", self.name)?;
        for message in &self.messages {
            let icon = Icon::new("circle-alert");
            let message = super::view::sentence(message);
            write!(
                f,
                "<p class=\"field-error\">{icon}<span>{}</span></p>",
                Escaped(&message)
            )?;
        }
        f.write_str("</div>")
    }
}

impl HtmlSafe for FieldErrors {}

/// The attributes that tie a field to its hint and its error.
pub(super) struct Aria {
    name: String,
    invalid: bool,
    hinted: bool,
}

impl fmt::Display for Aria {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, .. } = self;
        if self.invalid {
            f.write_str(" aria-invalid=\"true\"")?;
        }
        match (self.invalid, self.hinted) {
            (true, true) => write!(f, " aria-describedby=\"{name}-error {name}-hint\""),
            (true, false) => write!(f, " aria-describedby=\"{name}-error\""),
            (false, true) => write!(f, " aria-describedby=\"{name}-hint\""),
            (false, false) => Ok(()),
        }
    }
}

impl HtmlSafe for Aria {}

/// What is wrong with a form, above it.
pub(super) struct Summary<'a>(&'a Form);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = self.0;
        if !form.is_refused() {
            return Ok(());
        }
        let icon = Icon::with("circle-alert", "large");
        write!(
            f,
            "<div class=\"notice bad\" role=\"alert\" tabindex=\"-1\" data-focus>{icon}<div>"
        )?;
        if let Some((detail, hint)) = &form.general {
            write!(
                f,
                "<p class=\"strong\">{}</p>",
                Escaped(&super::view::sentence(detail))
            )?;
            if let Some(hint) = hint {
                write!(f, "<p>{}</p>", Escaped(&super::view::sentence(hint)))?;
            }
        }
        if !form.problems.is_empty() {
            let count = form.problems.len() as u64;
            let words = super::view::counted(count, "field needs", "fields need");
            write!(f, "<p class=\"strong\">{words} another look</p><ul>")?;
            for problem in &form.problems {
                write!(
                    f,
                    "<li><a href=\"#{}\">{}</a></li>",
                    Escaped(&problem.field),
                    Escaped(&super::view::sentence(&problem.message))
                )?;
            }
            f.write_str("</ul>")?;
        }
        f.write_str("</div></div>")
    }
}

impl HtmlSafe for Summary<'_> {}

/// A field for a line of text, with its label, hint and errors. What was typed is kept, unless it is a password.
pub(super) struct Input<'a> {
    form: &'a Form,
    name: &'a str,
    label: &'a str,
    hint: &'a str,
    kind: &'static str,
    more: &'static str,
}

impl<'a> Input<'a> {
    pub(super) fn hint(mut self, hint: &'a str) -> Self {
        self.hint = hint;
        self
    }

    pub(super) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// With more attributes, as they stand in markup.
    pub(super) fn more(mut self, more: &'static str) -> Self {
        self.more = more;
        self
    }
}

impl fmt::Display for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            form,
            name,
            label,
            hint,
            kind,
            more,
        } = self;
        let value = if *kind == "password" {
            ""
        } else {
            form.value(name)
        };
        write!(
            f,
            "<div class=\"field\"><label for=\"{name}\">{}</label><input type=\"{kind}\" id=\"{name}\" name=\"{name}\" value=\"{}\"{} {more}>",
            Escaped(label),
            Escaped(value),
            form.aria(name, !hint.is_empty()),
        )?;
        if !hint.is_empty() {
            write!(
                f,
                "<p class=\"hint\" id=\"{name}-hint\">{}</p>",
                Escaped(hint)
            )?;
        }
        write!(f, "{}</div>", form.error(name))
    }
}

impl HtmlSafe for Input<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_keeps_what_was_typed_and_says_what_is_wrong() {
        let form = Form::with(&[("host", "<gitlab>"), ("token", "glpat-x")]);
        let form = form
            .at("host", "the host has no scheme")
            .at("token", "it is empty");
        let host = form.input("host", "Host").hint("Where it is").to_string();
        insta::assert_snapshot!(host.replace(crate::console::assets::Assets.icons(), "ICONS"), @r#"<div class="field"><label for="host">Host</label><input type="text" id="host" name="host" value="&lt;gitlab&gt;" aria-invalid="true" aria-describedby="host-error host-hint" ><p class="hint" id="host-hint">Where it is</p><div id="host-error"><p class="field-error"><svg class="icon" aria-hidden="true" focusable="false"><use href="ICONS#circle-alert"/></svg><span>The host has no scheme</span></p></div></div>"#);
        let token = form.input("token", "Token").kind("password").to_string();
        assert!(!token.contains("glpat"), "{token}");
        let summary = form.summary().to_string();
        assert!(summary.contains("2 fields need another look"), "{summary}");
        assert!(summary.contains("href=\"#host\""), "{summary}");
    }
}
