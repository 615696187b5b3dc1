//! Walking all spans of some lanes at the same time.

use tokio::task::JoinSet;

use super::cursor::Shape;
use super::lane::{Count, Lane};
use super::ranges::{Hint, Key, Ranges, Span, Start};
use super::sink::Sink;
use super::source::{Ask, LEAST, Page, Way, read};
use crate::failure::Failure;
use crate::http::Api;

/// How many pages travel in one GraphQL request: two stay well below the complexity that GitLab allows.
const PAGES_PER_REQUEST: usize = 2;

/// A stretch that could not be read this way, and why.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) span: Span,
    pub(crate) why: Failure,
}

type Fetched = (Vec<Ask>, Result<Vec<Result<Page, Failure>>, Failure>);

/// Reads `spans`, and passes every row of them to `sink` once. What cannot be read comes back; an error ends the whole listing.
pub(crate) async fn walk(
    api: &Api,
    way: Way,
    lanes: &[Lane],
    counts: &mut [Option<Count>],
    spans: Vec<Span>,
    sink: &mut Sink,
) -> Result<Vec<Unread>, Failure> {
    let mut walk = Walk {
        api,
        way,
        lanes,
        counts,
        ranges: Ranges::default(),
        shapes: vec![None; lanes.len()],
        tasks: JoinSet::new(),
        width: if way == Way::Graphql {
            PAGES_PER_REQUEST
        } else {
            1
        },
        unread: Vec::new(),
        stopped: None,
    };
    for span in spans {
        let lane = span.lane;
        // Over REST a span can start anywhere from the beginning; GraphQL has to show its cursors first.
        let known = walk.counts.get(lane).copied().flatten().unwrap_or_default();
        *walk.ranges.hint(lane) = Hint {
            lowest: known.lowest,
            rows: known.rows,
            can_split: way == Way::Keyset,
        };
        walk.ranges.add(span);
    }
    walk.run(sink).await
}

struct Walk<'a> {
    api: &'a Api,
    way: Way,
    lanes: &'a [Lane],
    /// What the host counted in each lane before anything was read of it.
    counts: &'a mut [Option<Count>],
    ranges: Ranges,
    /// The shape of each lane's cursors, once it is learnt.
    shapes: Vec<Option<Shape>>,
    tasks: JoinSet<Fetched>,
    width: usize,
    unread: Vec<Unread>,
    /// Why this way is of no use any more.
    stopped: Option<Failure>,
}

impl Walk<'_> {
    async fn run(mut self, sink: &mut Sink) -> Result<Vec<Unread>, Failure> {
        loop {
            if self.stopped.is_none() && sink.has_room() {
                self.launch();
            }
            if self.tasks.is_empty() {
                if sink.is_pending() {
                    let groups = sink.groups_arrive().await?;
                    sink.accept_groups(groups).await?;
                    continue;
                }
                break;
            }
            tokio::select! {
                Some(done) = self.tasks.join_next() => {
                    let fetched = done.map_err(|error| Failure::Strange(format!("reading a page ended: {error}")))?;
                    self.take(fetched, sink).await?;
                }
                groups = sink.groups_arrive(), if sink.is_pending() => {
                    sink.accept_groups(groups?).await?;
                }
            }
        }
        if let Some(why) = self.stopped {
            for span in self.ranges.drain() {
                self.unread.push(Unread {
                    span,
                    why: why.clone(),
                });
            }
        }
        Ok(self.unread)
    }

    /// Starts as many requests as there is room for.
    fn launch(&mut self) {
        let free = self.api.max_concurrency().saturating_sub(self.tasks.len());
        if free == 0 {
            return;
        }
        let (way, shapes) = (self.way, &self.shapes);
        self.ranges
            .split_until(free * self.width, |lane, at| match way {
                Way::Keyset => Some(Start::Top),
                Way::Graphql => {
                    let shape = shapes.get(lane)?.as_ref()?;
                    Some(Start::At(shape.below(at)))
                }
            });
        for left in (1..=free).rev() {
            // Requests at the same time before pages in the same request.
            let pages = self.ranges.idle().div_ceil(left).min(self.width);
            let mut asks = Vec::with_capacity(pages);
            for _ in 0..pages {
                let Some((key, span)) = self.ranges.take() else {
                    break;
                };
                match self.lanes.get(span.lane) {
                    Some(lane) => asks.push(Ask {
                        key,
                        lane: lane.clone(),
                        is_uncounted: self.counts.get(span.lane).is_some_and(Option::is_none),
                        span,
                    }),
                    None => {
                        self.ranges.remove(key);
                    }
                }
            }
            if asks.is_empty() {
                return;
            }
            self.tasks.spawn(read(self.api.clone(), self.way, asks));
        }
    }

    async fn take(&mut self, (asks, fetched): Fetched, sink: &mut Sink) -> Result<(), Failure> {
        match fetched {
            Ok(pages) => {
                for (ask, page) in asks.into_iter().zip(pages) {
                    match page {
                        Ok(page) => self.accept(&ask, page, sink).await?,
                        Err(failure) => self.give_up(ask.key, failure),
                    }
                }
            }
            Err(failure) if failure.ends_everything() && self.way == Way::Keyset => {
                return Err(failure);
            }
            Err(failure @ (Failure::RateLimited(_) | Failure::Host(_))) => return Err(failure),
            Err(failure @ (Failure::Down(_) | Failure::TooComplex(_))) => {
                let is_alone = asks.len() == 1;
                if !is_alone && matches!(failure, Failure::TooComplex(_)) {
                    self.width = 1;
                    for ask in asks {
                        self.ranges.put_back(ask.key);
                    }
                    return Ok(());
                }
                let smaller: Vec<bool> = asks
                    .iter()
                    .map(|ask| self.ranges.shrink_page(ask.key, LEAST))
                    .collect();
                if !smaller.contains(&true) {
                    self.refuse(&asks, failure);
                }
            }
            Err(failure) => self.refuse(&asks, failure),
        }
        Ok(())
    }

    /// This way does not lead there. GraphQL that fails once is left for good: REST reads the rest. REST that fails for one stretch may
    /// still read another.
    fn refuse(&mut self, asks: &[Ask], failure: Failure) {
        match self.way {
            Way::Graphql => {
                tracing::info!(host = self.api.label(), why = %failure.words(), "reading on without GraphQL");
                for ask in asks {
                    self.ranges.put_back(ask.key);
                }
                self.stopped.get_or_insert(failure);
            }
            Way::Keyset => {
                for ask in asks {
                    self.give_up(ask.key, failure.clone());
                }
            }
        }
    }

    fn give_up(&mut self, key: Key, why: Failure) {
        if self.way == Way::Graphql && matches!(why, Failure::Strange(_)) {
            self.ranges.put_back(key);
            self.stopped.get_or_insert(why);
        } else if let Some(span) = self.ranges.remove(key) {
            self.unread.push(Unread { span, why });
        }
    }

    async fn accept(&mut self, ask: &Ask, page: Page, sink: &mut Sink) -> Result<(), Failure> {
        let lane = ask.span.lane;
        let is_unlearnt = self.shapes.get(lane).is_some_and(Option::is_none);
        let (mut rows, seen) = (page.rows, page.seen);
        if let (Some(count), Some(slot @ None)) = (page.count, self.counts.get_mut(lane)) {
            *slot = Some(count);
            let hint = self.ranges.hint(lane);
            (hint.lowest, hint.rows) = (count.lowest, count.rows);
        }
        let Some(step) = self.ranges.advance(ask.key, &seen, self.api.page_size()) else {
            return Ok(());
        };
        if self.way == Way::Graphql
            && is_unlearnt
            && let (Some(&last), Some(cursor)) = (seen.ids.last(), &seen.next)
            && let Some(shape) = Shape::learn(cursor, last)
            && let Some(slot) = self.shapes.get_mut(lane)
        {
            *slot = Some(shape);
            self.ranges.hint(lane).can_split = true;
        }
        rows.retain(|row| row.id >= step.keep_from);
        sink.push(lane, rows).await
    }
}
