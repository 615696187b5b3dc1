//! What pages are made of: pieces of markup that escape what they are given.

mod badge;
mod chart;
mod icon;
mod stamp;

use std::fmt;

use askama::filters::HtmlSafe;

pub(crate) use badge::ENDING;
pub(super) use badge::{Badge, Tone, lifecycle, visibility};
pub(super) use chart::{Bar, Chart, Meter};
pub(super) use icon::Icon;
pub(super) use stamp::{Stamp, duration};

/// A text as it may stand in an element or a quoted attribute.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

impl HtmlSafe for Escaped<'_> {}

/// A number with its word, such as `3 repositories`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{} {word}", thousands(number))
}

/// A number as people read it: `12,345`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text whose names stand in quotation marks. Messages set them in backticks, which are the manner of terminals; one without its partner
/// stays as it is.
pub(super) fn quoted(text: &str) -> String {
    let mut parts = text.split('`');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    while let Some(inner) = parts.next() {
        match parts.next() {
            Some(after) => whole.extend(["“", inner, "”", after]),
            None => whole.extend(["`", inner]),
        }
    }
    whole
}

/// The first letter in upper case, as at the beginning of a sentence, and names in quotation marks.
pub(crate) fn sentence(text: &str) -> String {
    let text = &quoted(text);
    let first = text.split_whitespace().next().unwrap_or_default();
    let first = first.trim_end_matches(['.', ':', ',']);
    // An address, a path or a name of ours keeps its letters.
    if first.contains([':', '/', '.', '@', '_']) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        let text = Escaped("<a href=\"x\" title='y'>&amp;</a>").to_string();
        assert_eq!(
            text,
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;"
        );
    }

    #[test]
    fn names_stand_in_quotation_marks() {
        for (text, expected) in [
            ("there is no group `acme/x`", "There is no group “acme/x”"),
            ("`a` and `b`", "“a” and “b”"),
            ("a ` alone", "A ` alone"),
            ("`a` and ` alone", "“a” and ` alone"),
            ("", ""),
        ] {
            assert_eq!(sentence(text), expected);
        }
    }

    #[test]
    fn numbers_are_read_by_people() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), expected);
        }
        assert_eq!(counted(1, "group", "groups"), "1 group");
        assert_eq!(counted(1200, "group", "groups"), "1,200 groups");
    }
}
