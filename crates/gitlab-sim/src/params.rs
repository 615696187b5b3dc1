//! Parameters of a REST request, checked as Grape checks them: every mistake is collected and named.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::answer::Answer;
use crate::request::Call;

/// Reads parameters one by one and remembers, for the `Link` header, all that were given and the
/// defaults of those that were not.
#[derive(Debug)]
pub(crate) struct Params<'a> {
    call: &'a Call,
    errors: Vec<String>,
    link: BTreeMap<String, String>,
}

impl<'a> Params<'a> {
    pub(crate) fn of(call: &'a Call) -> Self {
        let link = call.params.iter().cloned().collect();
        Self {
            call,
            errors: Vec::new(),
            link,
        }
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        let found = self.call.params.iter().rev().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn wrong(&mut self, name: &str, how: &str) {
        self.errors.push(format!("{name} {how}"));
    }

    /// Puts a value into the `Link` that is not a query parameter, such as the `id` of the path.
    pub(crate) fn path_id(&mut self, id: &str) {
        self.link.insert("id".to_owned(), id.to_owned());
    }

    /// The same for listings whose path names a user.
    pub(crate) fn link_user(&mut self, id: &str) {
        self.link.insert("user_id".to_owned(), id.to_owned());
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(str::to_owned)
    }

    pub(crate) fn flag(&mut self, name: &str, default: Option<bool>) -> Option<bool> {
        let value = match self.raw(name).map(str::to_ascii_lowercase).as_deref() {
            None => default,
            Some("true" | "t" | "yes" | "y" | "on" | "1") => Some(true),
            Some("false" | "f" | "no" | "n" | "off" | "0") => Some(false),
            Some(_) => {
                self.wrong(name, "is invalid");
                default
            }
        };
        if let Some(value) = value {
            self.link.insert(name.to_owned(), value.to_string());
        }
        value
    }

    /// A flag that is off unless it is given.
    pub(crate) fn on(&mut self, name: &str) -> bool {
        self.flag(name, Some(false)).unwrap_or(false)
    }

    pub(crate) fn word(
        &mut self,
        name: &str,
        allowed: &[&'static str],
        default: &'static str,
    ) -> &'static str {
        let word = match self.raw(name) {
            None => default,
            Some(word) => allowed
                .iter()
                .find(|known| **known == word)
                .copied()
                .unwrap_or_else(|| {
                    self.wrong(name, "does not have a valid value");
                    default
                }),
        };
        if !word.is_empty() {
            self.link.insert(name.to_owned(), word.to_owned());
        }
        word
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<i64> {
        let raw = self.raw(name)?;
        raw.parse().map_err(|_| self.wrong(name, "is invalid")).ok()
    }

    pub(crate) fn id(&mut self, name: &str) -> Option<u64> {
        let number = self.number(name)?;
        Some(u64::try_from(number).unwrap_or(0))
    }

    pub(crate) fn level(&mut self, name: &str) -> Option<u8> {
        let number = self.number(name)?;
        let known = [5, 10, 15, 20, 25, 30, 40, 50];
        let level = u8::try_from(number)
            .ok()
            .filter(|level| known.contains(level));
        if level.is_none() {
            self.wrong(name, "does not have a valid value");
        }
        level
    }

    pub(crate) fn time(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let raw = self.raw(name)?;
        let time = DateTime::parse_from_rfc3339(raw)
            .map(|time| time.with_timezone(&Utc))
            .ok();
        let day = || {
            raw.parse::<NaiveDate>()
                .ok()?
                .and_hms_opt(0, 0, 0)
                .map(|time| time.and_utc())
        };
        let time = time.or_else(day);
        if time.is_none() {
            self.wrong(name, "is invalid");
        }
        time
    }

    /// An array parameter, `name[]=a&name[]=b` or `name=a,b`.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let array = format!("{name}[]");
        self.call
            .params
            .iter()
            .filter(|(key, _)| *key == array || key == name)
            .flat_map(|(_, value)| value.split(','))
            .map(str::to_owned)
            .collect()
    }

    /// Page and page size; the size that counts is at most 100.
    pub(crate) fn page(&mut self) -> Page {
        let page = match self.number("page") {
            None => 1,
            Some(page) if page >= 1 => page,
            Some(_) => {
                self.wrong("page", "does not have a valid value");
                1
            }
        };
        let per_page = match self.number("per_page") {
            None => 20,
            Some(0) => {
                self.wrong("per_page", "has a value not allowed");
                20
            }
            Some(size) if size > 0 => size,
            Some(_) => {
                self.wrong("per_page", "does not have a valid value");
                20
            }
        };
        self.link
            .insert("per_page".to_owned(), per_page.to_string());
        Page {
            number: u64::try_from(page).unwrap_or(1),
            size: u64::try_from(per_page).unwrap_or(20).min(100),
        }
    }

    /// The parameters for a `Link`, or GitLab's 400 that names every mistake.
    pub(crate) fn finish(self) -> Result<BTreeMap<String, String>, Answer> {
        if self.errors.is_empty() {
            Ok(self.link)
        } else {
            Err(Answer::invalid(&self.errors.join(", ")))
        }
    }
}

/// Which page was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u64,
    /// 1 to 100.
    pub(crate) size: u64,
}
