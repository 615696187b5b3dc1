//! Reads a Rust file as tokens and tells which paths, macros, strings and attributes it uses, and which of them
//! stand in test code.
//!
//! Tokens instead of text: comments do not count, spacing does not matter, and `use std::{env, fs::File}` is seen
//! as `std::env` and `std::fs::File`. Names are not resolved: a renamed import hides what it renames, which
//! clippy's `disallowed_methods` then still sees.

use std::iter;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What one file uses, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct RustSource {
    pub(crate) paths: Vec<Seen<Vec<String>>>,
    /// Names of called macros: `println`.
    pub(crate) macros: Vec<Seen<String>>,
    /// String literals as written, with quotes; not those of attributes and doc comments.
    pub(crate) strings: Vec<Seen<String>>,
    /// Attributes without spaces: `ignore="later"`, `tokio::test`.
    pub(crate) attributes: Vec<Seen<String>>,
    /// Names of modules in other files: `mod name;`.
    pub(crate) modules: Vec<Seen<String>>,
}

/// Something seen in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen<T> {
    pub(crate) value: T,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Under `#[cfg(test)]` or in a function marked as a test.
    pub(crate) in_test: bool,
}

impl RustSource {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let tokens: TokenStream = text.parse().map_err(|error| anyhow!("not Rust: {error}"))?;
        let mut source = Self::default();
        source.walk(&tokens.into_iter().collect::<Vec<_>>(), false);
        Ok(source)
    }

    fn walk(&mut self, tokens: &[TokenTree], in_test: bool) {
        let mut at = 0;
        // The first token behind the item that a test attribute marks.
        let mut test_until = 0;
        while at < tokens.len() {
            let in_test = in_test || at < test_until;
            let line = tokens[at].span().start().line;
            if let Some((attribute, length)) = attribute(&tokens[at..]) {
                if is_test_attribute(&attribute) {
                    test_until = test_until.max(at + length + item_length(&tokens[at + length..]));
                }
                self.attributes.push(Seen {
                    value: attribute,
                    line,
                    in_test,
                });
                at += length;
                continue;
            }
            match &tokens[at] {
                TokenTree::Ident(name) if name == "mod" => {
                    if let (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(end))) =
                        (tokens.get(at + 1), tokens.get(at + 2))
                        && end.as_char() == ';'
                    {
                        self.modules.push(Seen {
                            value: name.to_string(),
                            line,
                            in_test,
                        });
                    }
                    at += 1;
                }
                TokenTree::Ident(_) => at += self.path(&tokens[at..], in_test),
                TokenTree::Group(group) => {
                    self.walk(&inside(group), in_test);
                    at += 1;
                }
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    if text.ends_with(['"', '#']) && text.contains('"') {
                        self.strings.push(Seen {
                            value: text,
                            line,
                            in_test,
                        });
                    }
                    at += 1;
                }
                TokenTree::Punct(_) => at += 1,
            }
        }
    }

    /// Takes the path that `tokens` start with, and answers how many tokens it has.
    fn path(&mut self, tokens: &[TokenTree], in_test: bool) -> usize {
        let line = tokens[0].span().start().line;
        if let (TokenTree::Ident(name), Some(TokenTree::Punct(mark)), Some(TokenTree::Group(_))) =
            (&tokens[0], tokens.get(1), tokens.get(2))
            && mark.as_char() == '!'
        {
            self.macros.push(Seen {
                value: name.to_string(),
                line,
                in_test,
            });
            return 2;
        }
        let mut found = Vec::new();
        let length = collect_paths(tokens, &[], &mut found);
        // A macro called by its path: `std::println!(..)`.
        if is_punct(tokens.get(length), '!')
            && let Some((name, _)) = found
                .last()
                .and_then(|(path, line)| Some((path.last()?, line)))
        {
            self.macros.push(Seen {
                value: name.clone(),
                line,
                in_test,
            });
        }
        let found = found.into_iter();
        self.paths.extend(found.map(|(value, line)| Seen {
            value,
            line,
            in_test,
        }));
        length
    }
}

/// Collects `a::b`, `a::{b, c::d}`, `a::*`; answers how many tokens were taken.
fn collect_paths(
    tokens: &[TokenTree],
    prefix: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut path = prefix.to_vec();
    let line = tokens[0].span().start().line;
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(name)) => path.push(name.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' && at > 0 => {
                path.push("*".to_owned());
                at += 1;
                break;
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && at > 0 => {
                let inside = inside(group);
                for part in inside.split(|token| is_punct(Some(token), ',')) {
                    match part {
                        [] => {}
                        [TokenTree::Punct(star)] if star.as_char() == '*' => {
                            let star = path.iter().cloned().chain(iter::once("*".to_owned()));
                            found.push((star.collect(), part[0].span().start().line));
                        }
                        _ => {
                            collect_paths(part, &path, found);
                        }
                    }
                }
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        if is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':') {
            at += 2;
        } else {
            break;
        }
    }
    found.push((path, line));
    at.max(1)
}

/// The attribute at the start, without spaces, and how many tokens it has.
fn attribute(tokens: &[TokenTree]) -> Option<(String, usize)> {
    if !is_punct(tokens.first(), '#') {
        return None;
    }
    let at = if is_punct(tokens.get(1), '!') { 2 } else { 1 };
    match tokens.get(at)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
            let text: String = group.stream().to_string().split_whitespace().collect();
            Some((text, at + 1))
        }
        _ => None,
    }
}

/// `cfg(test)` alone: `cfg(any(test, feature = ".."))` is also built for others, so it is no test code.
fn is_test_attribute(attribute: &str) -> bool {
    attribute == "cfg(test)" || attribute == "test" || attribute.ends_with("::test")
}

/// How many tokens the item has that starts here: up to its block, or its `;`, or the `,` behind a field.
fn item_length(tokens: &[TokenTree]) -> usize {
    let mut angles = 0_i32;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if let Some((_, length)) = attribute(&tokens[at..]) {
            at += length;
            continue;
        }
        at += 1;
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            TokenTree::Punct(punct) => match punct.as_char() {
                ';' => break,
                ',' if angles == 0 => break,
                '<' => angles += 1,
                // The `>` of `->` and `=>` closes nothing.
                '>' if !(is_punct(tokens.get(at.wrapping_sub(2)), '-')
                    || is_punct(tokens.get(at.wrapping_sub(2)), '=')) =>
                {
                    angles -= 1;
                }
                _ => {}
            },
            _ => {}
        }
    }
    at
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> String {
        let source = RustSource::parse(text).unwrap();
        let shown = |seen: &Seen<Vec<String>>| {
            let mark = if seen.in_test { " (test)" } else { "" };
            format!("{}: {}{mark}\n", seen.line, seen.value.join("::"))
        };
        source
            .paths
            .iter()
            .filter(|seen| seen.value.len() > 1)
            .map(shown)
            .collect()
    }

    #[test]
    fn use_trees_are_flattened_and_comments_do_not_count() {
        insta::assert_snapshot!(paths("
            use std::{env, fs::{self, File}, io::*};
            // std::net::TcpStream
            /* std::thread */
            let now = ::chrono::Utc :: now();
            let list = Vec::<u8>::new();
        "), @"
        2: std::env
        2: std::fs::self
        2: std::fs::File
        2: std::io::*
        5: chrono::Utc::now
        ");
    }

    #[test]
    fn test_code_is_told_from_the_rest() {
        insta::assert_snapshot!(paths("
            #[cfg(test)]
            #[expect(unused)]
            fn only_test<A, B>(a: A) -> B where A: Into<B> { a::one() }
            fn product() { a::two() }
            #[cfg(test)]
            mod tests { fn helper() { a::three() } }
            #[cfg(any(test, feature = \"testing\"))]
            mod fakes { fn helper() { a::four() } }
            struct S { #[cfg(test)] probe: a::Five, real: a::Six }
            #[tokio::test]
            async fn works() { a::seven() }
        "), @"
        4: a::one (test)
        5: a::two
        7: a::three (test)
        9: a::four
        10: a::Five (test)
        10: a::Six
        12: a::seven (test)
        ");
    }

    #[test]
    fn macros_strings_attributes_and_modules_are_seen() {
        let source = RustSource::parse(
            r#"
            //! A doc comment is no string.
            mod other;
            #[ignore = "later"]
            fn f() { println!("{}", r"raw \d"); std::eprintln!(); 'a'; 1 != 2; }
            "#,
        )
        .unwrap();
        let values = |list: &[Seen<String>]| {
            list.iter()
                .map(|seen| seen.value.clone())
                .collect::<Vec<_>>()
                .join(" | ")
        };
        assert_eq!(values(&source.macros), "println | eprintln");
        assert_eq!(values(&source.strings), r#""{}" | r"raw \d""#);
        assert_eq!(values(&source.modules), "other");
        assert!(values(&source.attributes).ends_with(r#"ignore="later""#));
    }

    #[test]
    fn what_is_not_rust_is_an_error() {
        assert!(RustSource::parse("fn f( {").is_err());
    }
}
