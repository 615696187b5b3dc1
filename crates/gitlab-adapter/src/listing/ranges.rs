//! Cutting the id space of a listing into spans that are read at the same time.
//!
//! A listing by descending id is a walk from one id down to another. Where nothing is known of how the ids lie, equal spans would be
//! unequal work: ids of one organization come in clumps. So whenever there is room for one more request, the span with most left to
//! read is halved; what a span has shown of itself so far says how much that is.

use std::collections::BTreeMap;

/// The first number that no host can give.
pub(crate) const OPEN: u64 = u64::MAX;
/// A span is worth halving when more half pages than this are left of it. A half costs half a page more on average, but that is read
/// where otherwise nobody would read at all.
const WORTH_HALF_PAGES: u64 = 3;

/// Numbers a span within its walk.
pub(crate) type Key = usize;

/// One stretch of the id space, read from above.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// Which listing it is a part of.
    pub(crate) lane: usize,
    /// The smallest id of it.
    pub(crate) low: u64,
    /// The ids below this one are still to be read.
    pub(crate) top: u64,
    /// Where the host goes on, in its words; without one, at `top`.
    pub(crate) cursor: Option<String>,
    /// How many rows the next page has at most.
    pub(crate) size: u32,
    /// Pages that went well since the size last changed.
    streak: u32,
    is_busy: bool,
    /// Rows read, and the width of the id space that they came from.
    read: (u64, u64),
}

impl Span {
    /// The whole id space of a listing.
    pub(crate) fn whole(lane: usize, size: u32) -> Self {
        Self::between(lane, 1, OPEN, size)
    }

    /// The ids from `low` up to, and without, `top`.
    pub(crate) fn between(lane: usize, low: u64, top: u64, size: u32) -> Self {
        Self {
            lane,
            low,
            top,
            cursor: None,
            size,
            streak: 0,
            is_busy: false,
            read: (0, 0),
        }
    }
}

/// What is known of one listing as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hint {
    /// The smallest id that was seen by another way, if one was.
    pub(crate) lowest: Option<u64>,
    /// How many rows are left to read, if that is known.
    pub(crate) rows: Option<u64>,
    /// Whether the host can be made to start anywhere.
    pub(crate) can_split: bool,
}

/// How a span that was cut off begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// At its top.
    Top,
    /// At this cursor.
    At(String),
}

/// How a page changed its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// The rows from here up are of the span; the others are read by its neighbor.
    pub(crate) keep_from: u64,
    /// Whether the span is read.
    pub(crate) is_done: bool,
}

/// What a page was.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The ids of its rows, falling.
    pub(crate) ids: Vec<u64>,
    /// Where the host goes on; `None` at the end.
    pub(crate) next: Option<String>,
    /// The id in that cursor, where it can be read.
    pub(crate) cursor_id: Option<u64>,
}

/// All spans of a walk that are not read yet.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    spans: BTreeMap<Key, Span>,
    hints: BTreeMap<usize, Hint>,
    next: Key,
}

impl Ranges {
    pub(crate) fn add(&mut self, span: Span) -> Key {
        let key = self.next;
        self.next += 1;
        self.spans.insert(key, span);
        key
    }

    pub(crate) fn hint(&mut self, lane: usize) -> &mut Hint {
        self.hints.entry(lane).or_default()
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Span> {
        self.spans.remove(&key)
    }

    /// Everything that is not read, for another way of reading.
    pub(crate) fn drain(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.spans).into_values().collect()
    }

    /// Spans that nobody reads at the moment.
    pub(crate) fn idle(&self) -> usize {
        self.spans.values().filter(|span| !span.is_busy).count()
    }

    /// Takes an idle span to read its next page.
    pub(crate) fn take(&mut self) -> Option<(Key, Span)> {
        let (key, span) = self.spans.iter_mut().find(|(_, span)| !span.is_busy)?;
        span.is_busy = true;
        Some((*key, span.clone()))
    }

    /// The page could not be had: halves the page; `false` when it cannot get smaller.
    pub(crate) fn shrink_page(&mut self, key: Key, least: u32) -> bool {
        let Some(span) = self.spans.get_mut(&key) else {
            return false;
        };
        span.is_busy = false;
        span.streak = 0;
        let smaller = (span.size / 2).max(least);
        let could = smaller < span.size;
        span.size = smaller;
        could
    }

    /// Gives a span back unread.
    pub(crate) fn put_back(&mut self, key: Key) {
        if let Some(span) = self.spans.get_mut(&key) {
            span.is_busy = false;
        }
    }

    /// Takes note of a page that was read for a span.
    pub(crate) fn advance(&mut self, key: Key, seen: &Seen, full: u32) -> Option<Step> {
        let span = self.spans.get_mut(&key)?;
        span.is_busy = false;
        span.streak += 1;
        if span.streak >= 4 && span.size < full {
            span.size = (span.size * 2).min(full);
            span.streak = 0;
        }
        let keep_from = span.low;
        // What lies below is counted by the span that it belongs to.
        let kept = seen.ids.partition_point(|&id| id >= keep_from) as u64;
        if let Some(hint) = self.hints.get_mut(&span.lane) {
            hint.rows = hint.rows.map(|rows| rows.saturating_sub(kept));
        }
        if let (Some(&first), Some(&last)) = (seen.ids.first(), seen.ids.last()) {
            let from = if span.top == OPEN {
                first.saturating_add(1)
            } else {
                span.top
            };
            span.read.0 += seen.ids.len() as u64;
            span.read.1 += from.saturating_sub(last).max(1);
            span.top = last;
        } else if let Some(id) = seen.cursor_id {
            span.top = span.top.min(id);
        }
        let mut is_done = span.top <= span.low;
        match &seen.next {
            None => is_done = true,
            Some(_) => span.cursor.clone_from(&seen.next),
        }
        if is_done {
            self.spans.remove(&key);
        }
        Some(Step { keep_from, is_done })
    }

    /// Halves spans until `wanted` are idle, or none is worth it.
    pub(crate) fn split_until(
        &mut self,
        wanted: usize,
        make: impl Fn(usize, u64) -> Option<Start>,
    ) {
        while self.idle() < wanted {
            let candidate = self
                .spans
                .iter()
                .filter_map(|(key, span)| Some((self.cut(span)?, *key)))
                .max();
            let Some((cut, key)) = candidate else { return };
            let Some(span) = self.spans.get_mut(&key) else {
                return;
            };
            let cursor = match make(span.lane, cut.at) {
                Some(Start::At(cursor)) => Some(cursor),
                Some(Start::Top) => None,
                None => return,
            };
            let lower = Span {
                low: span.low,
                top: cut.at,
                cursor,
                is_busy: false,
                streak: 0,
                ..span.clone()
            };
            span.low = cut.at;
            self.add(lower);
        }
    }

    /// Where to cut a span, and how many rows that is about; `None` when it is not worth it.
    fn cut(&self, span: &Span) -> Option<Cut> {
        let hint = self.hints.get(&span.lane).copied().unwrap_or_default();
        if !hint.can_split || span.top == OPEN {
            return None;
        }
        let low = if span.low == 1 {
            hint.lowest.unwrap_or(1).max(1)
        } else {
            span.low
        };
        let width = span.top.checked_sub(low).filter(|&width| width > 1)?;
        let page = u64::from(span.size);
        let own = estimate(width, span.read);
        let shared = hint.rows.and_then(|rows| {
            // Of all rows that are left, the share that this span has of the id space that is left.
            let open: u64 = self.open_width(span.lane, hint.lowest.unwrap_or(1));
            estimate(width, (rows, open.max(1)))
        });
        let rows = match (own, shared) {
            // What is left is known; where it lies is not. A clump that the span has not come to yet must not be left to one reader.
            (Some(own), Some(shared)) => own.max(shared),
            (Some(rows), None) | (None, Some(rows)) => rows,
            (None, None) => return None,
        };
        // The page that is under way takes its share before the cut.
        let taken = if span.is_busy { page.min(rows) } else { 0 };
        let rest = rows - taken;
        if 2 * rest < WORTH_HALF_PAGES * page {
            return None;
        }
        let reach = width
            - u64::try_from(u128::from(width) * u128::from(taken) / u128::from(rows.max(1)))
                .ok()?;
        let at = low + reach / 2;
        (at > low && at < span.top).then_some(Cut { rest, at })
    }

    fn open_width(&self, lane: usize, lowest: u64) -> u64 {
        self.spans
            .values()
            .filter(|span| span.lane == lane && span.top != OPEN)
            .map(|span| span.top.saturating_sub(span.low.max(lowest)))
            .fold(0, u64::saturating_add)
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cut {
    rest: u64,
    at: u64,
}

/// How many rows a stretch of `width` ids has, when `rows` came from `ids`.
fn estimate(width: u64, (rows, ids): (u64, u64)) -> Option<u64> {
    if ids == 0 {
        return None;
    }
    let rows = u128::from(width) * u128::from(rows) / u128::from(ids);
    Some(u64::try_from(rows).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Reads a world of ids through spans as a host would answer, and counts the pages.
    fn read(ids: &BTreeSet<u64>, workers: usize, page: u32, picks: &[usize]) -> (Vec<u64>, usize) {
        let mut ranges = Ranges::default();
        ranges.add(Span::whole(0, page));
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut under_way: Vec<(Key, Span)> = Vec::new();
        let mut picks = picks.iter().cycle();
        loop {
            ranges.split_until(workers - under_way.len(), |_, _| Some(Start::Top));
            while under_way.len() < workers
                && let Some(taken) = ranges.take()
            {
                under_way.push(taken);
            }
            if under_way.is_empty() {
                return (seen, pages);
            }
            let pick = picks.next().copied().unwrap_or(0) % under_way.len();
            let (key, span) = under_way.remove(pick);
            let rows: Vec<u64> = ids
                .range(..span.top)
                .rev()
                .take(page as usize)
                .copied()
                .collect();
            pages += 1;
            let last = rows.last().copied();
            let more = last.is_some_and(|last| ids.range(..last).next().is_some());
            let seen_page = Seen {
                ids: rows.clone(),
                next: more.then(|| "next".to_owned()),
                cursor_id: None,
            };
            if pages == 1 {
                *ranges.hint(0) = Hint {
                    lowest: ids.first().copied(),
                    rows: Some(ids.len() as u64),
                    can_split: true,
                };
            }
            let step = ranges
                .advance(key, &seen_page, page)
                .expect("the span is there");
            seen.extend(rows.into_iter().filter(|&id| id >= step.keep_from));
        }
    }

    proptest! {
        #[test]
        fn every_id_is_read_exactly_once_however_ids_lie_and_answers_race(
            clumps in prop::collection::vec((1_u64..1_000_000, 1_u64..300), 0..12),
            workers in 1_usize..20,
            page in 1_u32..50,
            picks in prop::collection::vec(any::<usize>(), 1..20),
        ) {
            let ids: BTreeSet<u64> = clumps.iter().flat_map(|&(start, length)| start..start + length).collect();
            let (mut seen, _) = read(&ids, workers, page, &picks);
            seen.sort_unstable();
            prop_assert_eq!(seen, ids.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn splitting_costs_few_pages() {
        // Even ids, and ids in clumps with wide gaps.
        let even: BTreeSet<u64> = (1..=10_000).map(|n| n * 7).collect();
        let clumped: BTreeSet<u64> = (0..100)
            .flat_map(|c: u64| (0..100).map(move |n| c * c * 1000 + n + 1))
            .collect();
        // As GitLab.com has them: a few busy months, each with ids in between that are of others.
        let mut id = 0;
        let months: BTreeSet<u64> = (0..10_000_u64)
            .map(|n| {
                id += if n % 200 == 0 { 2500 } else { n % 3 + 1 };
                id
            })
            .collect();
        for (ids, most) in [(even, 120), (months, 120), (clumped, 140)] {
            let (_, pages) = read(&ids, 16, 100, &[0]);
            assert!(pages <= most, "{pages} pages for 100 pages of rows");
        }
    }

    #[test]
    fn pages_shrink_and_grow_again() {
        let mut ranges = Ranges::default();
        let key = ranges.add(Span::whole(0, 100));
        let size = |ranges: &Ranges| ranges.spans.get(&key).expect("the span is there").size;
        assert!(ranges.shrink_page(key, 12));
        assert!(ranges.shrink_page(key, 12));
        assert_eq!(size(&ranges), 25);
        for last in (1..=8).rev() {
            let seen = Seen {
                ids: vec![last * 10 + 9, last * 10],
                next: Some("next".to_owned()),
                cursor_id: None,
            };
            ranges.advance(key, &seen, 100).expect("the span is there");
        }
        assert_eq!(size(&ranges), 100);
        for _ in 0..3 {
            assert!(ranges.shrink_page(key, 12));
        }
        assert_eq!(size(&ranges), 12);
        assert!(!ranges.shrink_page(key, 12), "it cannot get smaller");
    }
}
