//! Reading one page of a span: by GraphQL or by keyset over REST.

use futures_util::future::join_all;

use super::cursor::Shape;
use super::lane::{Count, Lane};
use super::ranges::{Key, OPEN, Seen, Span};
use super::row::Row;
use crate::failure::Failure;
use crate::http::link::next_query;
use crate::http::words::tame;
use crate::http::{Api, Call, Patience};
use crate::wire::graphql::{Connection, Envelope, PageOf, Pages, pages_body};
use crate::wire::rest;

/// Pages do not get smaller than this.
pub(crate) const LEAST: u32 = 12;

/// Which way a walk reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// GraphQL, some pages in one request.
    Graphql,
    /// `pagination=keyset` over REST.
    Keyset,
}

/// One page to read.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) key: Key,
    pub(crate) span: Span,
    pub(crate) lane: Lane,
    /// Whether the lane is still to be counted.
    pub(crate) is_uncounted: bool,
}

/// One page that was read.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) seen: Seen,
    /// What the host counted before the page was read, if it was asked.
    pub(crate) count: Option<Count>,
}

/// Reads a page for each ask, all in one request.
pub(crate) async fn read(
    api: Api,
    way: Way,
    asks: Vec<Ask>,
) -> (Vec<Ask>, Result<Vec<Result<Page, Failure>>, Failure>) {
    // A page that could be smaller is not begged for: the smaller one is more likely to come.
    let patience = if asks.iter().any(|ask| ask.span.size > LEAST) {
        Patience::Brief
    } else {
        Patience::Full
    };
    // How much there is, and where it ends, tells how to cut the rest. Not to know it makes the reading slower, not wrong.
    let counts = asks.iter().map(|ask| async {
        if ask.is_uncounted {
            ask.lane.count(&api, None).await.ok()
        } else {
            None
        }
    });
    let pages = async {
        match (way, asks.as_slice()) {
            (Way::Graphql, asks) => graphql(&api, asks, patience).await,
            (Way::Keyset, [ask]) => keyset(&api, ask, patience).await.map(|page| vec![Ok(page)]),
            (Way::Keyset, _) => Err(Failure::Strange(
                "keyset reads one page at a time".to_owned(),
            )),
        }
    };
    let (counts, pages) = futures_util::join!(join_all(counts), pages);
    let checked = pages.map(|pages| {
        let both = asks.iter().zip(counts).zip(pages);
        let page_of = |((ask, count), page): ((&Ask, Option<Count>), Result<Page, Failure>)| {
            check(ask, Page { count, ..page? })
        };
        both.map(page_of).collect()
    });
    (asks, checked)
}

async fn graphql(
    api: &Api,
    asks: &[Ask],
    patience: Patience,
) -> Result<Vec<Result<Page, Failure>>, Failure> {
    let mut pages = Vec::with_capacity(asks.len());
    for ask in asks {
        pages.push(PageOf {
            from: ask.lane.graphql().ok_or_else(|| {
                Failure::NoGraphql(format!("GraphQL does not list {}", ask.lane.what))
            })?,
            first: ask.span.size,
            after: ask.span.cursor.as_deref(),
        });
    }
    let call = Call::Graphql {
        body: pages_body(&pages),
    };
    let (envelope, _) = api.json::<Envelope<Pages>>(&call, patience).await?;
    // With an error beside it, data may lack anything.
    if let Some(complaint) = envelope.errors.first() {
        let said = tame(&complaint.message);
        return Err(if said.contains("complexity") {
            Failure::TooComplex(said)
        } else {
            Failure::NoGraphql(format!("GraphQL is refused: {said}"))
        });
    }
    let mut data = envelope
        .data
        .ok_or_else(|| Failure::Strange("a GraphQL answer without data".to_owned()))?;
    let page_of = |(n, ask): (usize, &Ask)| {
        let part = data.remove(format!("p{n}").as_str());
        let part = part.ok_or_else(|| {
            Failure::Strange("a GraphQL answer without a part that was asked for".to_owned())
        })?;
        let part = part
            .ok_or_else(|| Failure::Missing(format!("GraphQL does not show {}", ask.lane.what)))?;
        let connection = part
            .connection()
            .ok_or_else(|| Failure::Strange("a GraphQL answer of another shape".to_owned()))?;
        from_connection(connection)
    };
    Ok(asks.iter().enumerate().map(page_of).collect())
}

fn from_connection(connection: Connection) -> Result<Page, Failure> {
    let cursor = connection.page_info.end_cursor.map(String::from);
    let next = match (connection.page_info.has_next_page, &cursor) {
        (true, None) => {
            return Err(Failure::Strange(
                "a page with more behind it, but no cursor".to_owned(),
            ));
        }
        (true, Some(cursor)) => Some(cursor.clone()),
        (false, _) => None,
    };
    // A page is cut first and cleared of what may not be seen then: it may be short, or empty, and still not be the last one.
    let rows: Vec<Row> = connection
        .nodes
        .into_iter()
        .flatten()
        .map(Row::from)
        .collect();
    Ok(Page {
        seen: Seen {
            ids: rows.iter().map(|row| row.id).collect(),
            next,
            cursor_id: cursor.as_deref().and_then(Shape::id_of),
        },
        rows,
        count: None,
    })
}

async fn keyset(api: &Api, ask: &Ask, patience: Patience) -> Result<Page, Failure> {
    let span = &ask.span;
    let call = match (&span.cursor, ask.lane.rest("desc")) {
        (Some(query), Call::Get { path, .. }) => Call::Get {
            path,
            query: with_page_size(query, span.size),
        },
        (_, first) => {
            // No lower bound: a page that reaches beyond the span ends it, where a bounded one would need an empty page to do so.
            let mut call = first
                .with("pagination", "keyset")
                .with("per_page", span.size);
            if span.top != OPEN {
                call = call.with("id_before", span.top);
            }
            call
        }
    };
    let (projects, answer) = api.json::<Vec<rest::Project>>(&call, patience).await?;
    let rows: Vec<Row> = projects.into_iter().map(Row::from).collect();
    Ok(Page {
        seen: Seen {
            ids: rows.iter().map(|row| row.id).collect(),
            next: answer.header("link").and_then(next_query),
            cursor_id: None,
        },
        rows,
        count: None,
    })
}

/// The same query with another page size.
fn with_page_size(query: &str, size: u32) -> String {
    let pairs =
        url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "per_page");
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .append_pair("per_page", &size.to_string())
        .finish()
}

/// A page must lie below where its span stands, in falling order, and go on from page to page: else whatever is built on it is wrong.
fn check(ask: &Ask, page: Page) -> Result<Page, Failure> {
    let span = &ask.span;
    let falls = page
        .rows
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.id > b.id));
    let below = span.top == OPEN || page.rows.first().is_none_or(|row| row.id < span.top);
    let moves = match &page.seen.next {
        Some(_) => !page.rows.is_empty() || page.seen.next != span.cursor,
        None => true,
    };
    if falls && below && moves {
        Ok(page)
    } else {
        Err(Failure::Strange(format!(
            "the pages of {} do not follow each other by falling id",
            ask.lane.what
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_size_of_a_link_is_ours() {
        assert_eq!(
            with_page_size("id_before=5&per_page=100&topic=a%26b", 50),
            "id_before=5&topic=a%26b&per_page=50"
        );
        assert_eq!(with_page_size("", 7), "per_page=7");
    }
}
