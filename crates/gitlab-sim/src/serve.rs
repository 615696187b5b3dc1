//! One request from its first byte to its last: latency, faults, budgets, the answer, the log.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::answer::{Answer, JSON, TEXT};
use crate::fault_kind::FaultKind;
use crate::log::RequestRecord;
use crate::request::Call;
use crate::shared::Shared;
use crate::{auth, graphql, mask, oauth, rest};

/// Request bodies beyond this are refused.
const BODY_LIMIT: usize = 1024 * 1024;

/// Counts a request as open until it is dropped, even when the connection dies.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.log().end();
    }
}

/// Answers one request. An error closes the connection without an answer.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (parts, body) = request.into_parts();
    let (seq, in_flight) = shared.log().begin();
    let _open = Open(&shared);
    let url = parts.uri.to_string();
    let body = axum::body::to_bytes(Body::new(body), BODY_LIMIT).await;
    let body = body.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let too_large = body.is_err();
    let call = Call::parse(&parts, &shared.config.prefix, body.unwrap_or_default());
    if !shared.config.latency.is_zero() {
        tokio::time::sleep(shared.config.latency).await;
    }
    let fault = call.as_ref().and_then(|call| shared.board().strike(call));
    let answer = match &call {
        _ if too_large => Answer::message(413, "413 Request Entity Too Large"),
        // What lies outside the prefix is the web server's, and speaks HTML.
        None => Answer::text(
            404,
            crate::answer::HTML,
            "<html><body>404 Not Found</body></html>",
        ),
        Some(call) => respond(&shared, call, fault.as_ref()).await,
    };
    let answer = answer
        .with("x-request-id", format!("01SIM{seq:021}"))
        .with("x-runtime", "0.050000")
        .with("vary", "Origin");
    if let Some(call) = &call {
        let who = auth::owner(&shared.world(), call);
        let token_in_url = shared.world().holds_token(&url);
        let closed = matches!(
            fault,
            Some(FaultKind::Close | FaultKind::CloseUnheard | FaultKind::Hang)
        );
        let record = RequestRecord {
            seq,
            method: call.method.clone(),
            path: if token_in_url {
                "[redacted]".to_owned()
            } else {
                call.path.clone()
            },
            query: if token_in_url {
                String::new()
            } else {
                call.query.clone()
            },
            status: if closed { 0 } else { answer.status },
            auth: call.auth,
            user: who.user,
            token_in_url,
            in_flight,
            fault: fault.as_ref().map(FaultKind::name),
            graphql: graphql::is_graphql(call).then(|| call.body.clone()),
            form: form(&shared, call),
            user_agent: call.user_agent.clone(),
        };
        let endpoint = rest::pattern(call);
        shared
            .log()
            .record(record, endpoint, answer.body.len() as u64);
        shared
            .board()
            .pull(call, |act| shared.change(|world| act(world)));
    }
    finish(answer, fault, parts.method == hyper::Method::HEAD).await
}

/// The fields of a request to the OAuth side as the log may keep them.
fn form(shared: &Shared, call: &Call) -> Option<String> {
    if !mask::is_oauth(&call.path) || call.fields.is_empty() {
        return None;
    }
    let masked = mask::query(&call.path, &call.fields);
    // A secret in a field where none belongs takes the whole form out of the log.
    let leaks = shared.world().holds_token(&masked);
    Some(if leaks {
        "[redacted]".to_owned()
    } else {
        masked
    })
}

async fn respond(shared: &Arc<Shared>, call: &Call, fault: Option<&FaultKind>) -> Answer {
    if matches!(fault, Some(FaultKind::CloseUnheard)) {
        // Whatever is answered here is never sent.
        return Answer::text(500, TEXT, "");
    }
    let is_graphql = graphql::is_graphql(call);
    if let Some(answer) = fault.and_then(|fault| fault.answer(is_graphql, shared.clock.now())) {
        return answer;
    }
    let now = shared.clock.now();
    let limits = shared.limits().clone();
    let who = auth::owner(&shared.world(), call);
    let verdict = shared
        .counters()
        .check(&limits, rest::endpoint(call), who.user, now);
    if let Some(refused) = verdict.refused {
        return refused;
    }
    note_use(shared, who.token, now);
    let mut answer = if is_graphql {
        graphql::answer(shared, call).await
    } else if let Some(answer) = oauth::answer(shared, call) {
        answer
    } else {
        rest::answer(shared, call)
    };
    answer.headers.extend(verdict.headers);
    match fault {
        Some(fault) => bend(answer, fault),
        None => answer,
    }
}

/// Moves `last_used_at`, at most every ten minutes.
fn note_use(
    shared: &Shared,
    token: Option<crate::world::TokenId>,
    now: chrono::DateTime<chrono::Utc>,
) {
    let Some(id) = token else { return };
    let stale = shared.world().tokens.get(&id).is_some_and(|token| {
        token
            .last_used_at
            .is_none_or(|last| now - last >= chrono::Duration::minutes(10))
    });
    if stale {
        shared.touch(|world| world.touch_token(id, now));
    }
}

/// Changes a true answer as a fault wants it.
fn bend(mut answer: Answer, fault: &FaultKind) -> Answer {
    match fault {
        FaultKind::ForeignLink { origin } => {
            for (name, value) in &mut answer.headers {
                if name.eq_ignore_ascii_case("link") {
                    *value = move_links(value, origin);
                }
            }
        }
        FaultKind::NoPageHeaders => answer.headers.retain(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name != "link"
                && ![
                    "x-page",
                    "x-per-page",
                    "x-next-page",
                    "x-prev-page",
                    "x-total",
                    "x-total-pages",
                ]
                .contains(&name.as_str())
        }),
        FaultKind::ShortPage => keep_rows(&mut answer, |at| at % 2 == 0),
        FaultKind::EmptyPage => keep_rows(&mut answer, |_| false),
        FaultKind::GraphqlPartial { message } => {
            edit_json(&mut answer, |value| {
                value["errors"] = serde_json::json!([{ "message": message }]);
            });
        }
        FaultKind::GraphqlEarlyEnd => edit_json(&mut answer, |value| {
            visit(value, &mut |object| {
                if let Some(more) = object.get_mut("hasNextPage") {
                    *more = false.into();
                }
            });
        }),
        FaultKind::TruncatedJson => {
            let half = answer.body.len() / 2;
            let cut = (0..=half)
                .rev()
                .find(|at| answer.body.is_char_boundary(*at))
                .unwrap_or(0);
            answer.body.truncate(cut);
        }
        _ => {}
    }
    answer
}

/// Puts every address of a `Link` on another origin.
fn move_links(value: &str, origin: &str) -> String {
    let moved = value.split(", ").map(|link| {
        let Some((address, rest)) = link.strip_prefix('<').and_then(|link| link.split_once('>'))
        else {
            return link.to_owned();
        };
        let tail = address.splitn(4, '/').nth(3).unwrap_or_default();
        format!("<{origin}/{tail}>{rest}")
    });
    moved.collect::<Vec<_>>().join(", ")
}

fn edit_json(answer: &mut Answer, edit: impl FnOnce(&mut serde_json::Value)) {
    if let Ok(mut value) = serde_json::from_str(&answer.body) {
        edit(&mut value);
        answer.body = serde_json::Value::to_string(&value);
    }
}

/// Drops rows of a REST page, or of each connection in a GraphQL answer.
fn keep_rows(answer: &mut Answer, keep: impl Fn(usize) -> bool) {
    let thin = |rows: &mut Vec<serde_json::Value>| {
        let mut at = 0;
        rows.retain(|_| {
            at += 1;
            keep(at - 1)
        });
    };
    edit_json(answer, |value| {
        if let serde_json::Value::Array(rows) = value {
            thin(rows);
            return;
        }
        visit(value, &mut |object| {
            if !object.contains_key("pageInfo") {
                return;
            }
            if let Some(serde_json::Value::Array(nodes)) = object.get_mut("nodes") {
                thin(nodes);
            }
        });
    });
}

fn visit(
    value: &mut serde_json::Value,
    each: &mut impl FnMut(&mut serde_json::Map<String, serde_json::Value>),
) {
    match value {
        serde_json::Value::Object(object) => {
            each(object);
            for (_, inner) in object.iter_mut() {
                visit(inner, each);
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| visit(item, each)),
        _ => {}
    }
}

/// Makes HTTP of an answer, in the way that a fault wants it sent.
async fn finish(
    answer: Answer,
    fault: Option<FaultKind>,
    head_only: bool,
) -> Result<Response<Body>, io::Error> {
    let mut builder = Response::builder()
        .status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if answer.status != 204 {
        builder = builder.header("content-type", answer.content_type);
    }
    if answer.content_type == JSON {
        builder = builder.header("cache-control", "max-age=0, private, must-revalidate");
    }
    for (name, value) in &answer.headers {
        builder = builder.header(name.as_str(), value.as_str());
    }
    let length = answer.body.len();
    let bytes = Bytes::from(answer.body);
    let body = match fault {
        _ if head_only => Body::empty(),
        Some(FaultKind::Close | FaultKind::CloseUnheard) => {
            return Err(broken("the connection was to be closed"));
        }
        Some(FaultKind::Hang) => {
            std::future::pending::<()>().await;
            Body::empty()
        }
        Some(FaultKind::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Body::from(bytes)
        }
        Some(FaultKind::CutBody { after }) => {
            // At least one byte is always missing.
            builder = builder.header("content-length", length.max(after + 1));
            cut(&bytes, after)
        }
        Some(FaultKind::CutChunked { after }) => cut(&bytes, after),
        Some(FaultKind::Drip {
            bytes: piece,
            every_ms,
        }) => {
            builder = builder.header("content-length", length);
            drip(bytes, piece.max(1), Duration::from_millis(every_ms))
        }
        Some(FaultKind::HugeBody { bytes }) => huge(bytes),
        _ => Body::from(bytes),
    };
    builder
        .body(body)
        .map_err(|_| broken("a header of the answer has characters HTTP refuses"))
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, why)
}

/// The first bytes, then an error, which makes the server cut the connection.
fn cut(bytes: &Bytes, after: usize) -> Body {
    let kept = bytes.slice(..after.min(bytes.len()));
    let stream = futures_util::stream::unfold(Some(kept), |kept| async move {
        if let Some(kept) = kept {
            return Some((Ok(kept), None));
        }
        // Lets what was sent reach the wire before the connection goes.
        tokio::time::sleep(Duration::from_millis(10)).await;
        Some((Err(broken("the body was to be cut")), None))
    });
    Body::from_stream(stream)
}

fn drip(bytes: Bytes, piece: usize, pause: Duration) -> Body {
    let stream = futures_util::stream::unfold((bytes, true), move |(mut rest, first)| async move {
        if rest.is_empty() {
            return None;
        }
        if !first {
            tokio::time::sleep(pause).await;
        }
        let next = rest.split_to(piece.min(rest.len()));
        Some((Ok::<_, io::Error>(next), (rest, false)))
    });
    Body::from_stream(stream)
}

fn huge(size: u64) -> Body {
    const PIECE: u64 = 64 * 1024;
    let spaces = Bytes::from(vec![b' '; 64 * 1024]);
    let stream = futures_util::stream::unfold(size, move |left| {
        let spaces = spaces.clone();
        async move {
            let piece = left.min(PIECE);
            let bytes = spaces.slice(..usize::try_from(piece).unwrap_or(0));
            (left > 0).then_some((Ok::<_, io::Error>(bytes), left - piece))
        }
    });
    Body::from_stream(stream)
}
