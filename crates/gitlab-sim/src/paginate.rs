//! Cutting a listing into pages, with the headers of GitLab's two modes.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::answer::Answer;
use crate::params::Page;

/// Above this many rows GitLab does not count: no `x-total`, `x-total-pages` and `rel="last"`.
const COUNT_LIMIT: u64 = 10_000;

/// The rows of an offset page, as indexes into the listing.
pub(crate) fn window(page: Page, rows: usize) -> Range<usize> {
    let start = page.number.saturating_sub(1).saturating_mul(page.size);
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(rows);
    let size = usize::try_from(page.size).unwrap_or(100);
    start..start.saturating_add(size).min(rows)
}

/// Adds the headers of offset pagination. `url` is the address of the listing without a query.
pub(crate) fn offset_headers(
    answer: Answer,
    url: &str,
    params: &BTreeMap<String, String>,
    page: Page,
    rows: usize,
) -> Answer {
    let rows = rows as u64;
    let pages = rows.div_ceil(page.size);
    let has_next = page.number < pages;
    let link = |number: u64, rel: &str| {
        let mut params = params.clone();
        params.insert("page".to_owned(), number.to_string());
        format!("<{}>; rel=\"{rel}\"", with_query(url, &params))
    };
    let mut links = Vec::new();
    if page.number > 1 {
        links.push(link(page.number - 1, "prev"));
    }
    if has_next {
        links.push(link(page.number + 1, "next"));
    }
    links.push(link(1, "first"));
    let counted = rows <= COUNT_LIMIT;
    if counted {
        links.push(link(pages.max(1), "last"));
    }
    let number_or_empty = |there: bool, number: u64| {
        if there {
            number.to_string()
        } else {
            String::new()
        }
    };
    let mut answer = answer
        .with("x-page", page.number.to_string())
        .with("x-per-page", page.size.to_string())
        .with("x-next-page", number_or_empty(has_next, page.number + 1))
        .with(
            "x-prev-page",
            number_or_empty(page.number > 1, page.number.saturating_sub(1)),
        );
    if counted {
        answer = answer
            .with("x-total", rows.to_string())
            .with("x-total-pages", pages.max(1).to_string());
    }
    answer.with("Link", links.join(", "))
}

/// Adds the `Link` of keyset pagination: every page with a row has a `next`, the last one too.
pub(crate) fn keyset_headers(
    answer: Answer,
    url: &str,
    params: &BTreeMap<String, String>,
    cursor: Option<(&str, String)>,
) -> Answer {
    let Some((name, value)) = cursor else {
        return answer;
    };
    let mut params = params.clone();
    params.remove("page");
    params.insert(name.to_owned(), value);
    answer.with(
        "Link",
        format!("<{}>; rel=\"next\"", with_query(url, &params)),
    )
}

fn with_query(url: &str, params: &BTreeMap<String, String>) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish();
    format!("{url}?{query}")
}
