//! Whether everything came: what was seen, against what the host counts.

use super::lane::{Count, Lane};
use super::ranges::{OPEN, Span};
use crate::failure::Failure;
use crate::http::Api;

/// The host does not count beyond 10,000 (GitLab docs, REST API, "Offset-based pagination"): so many seen rows can still be counted when
/// some more are there.
const STRETCH: usize = 8_000;
/// The least that a host has where it does not count.
const UNCOUNTED: u64 = 10_001;

/// A stretch in which the host counts more than was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The smallest id in it.
    pub(crate) low: u64,
    /// The first id beyond it.
    pub(crate) top: u64,
    pub(crate) seen: u64,
    pub(crate) counted: u64,
}

impl Gap {
    pub(crate) fn span(&self, lane: usize, size: u32) -> Span {
        Span::between(lane, self.low, self.top, size)
    }
}

/// Compares the sorted ids of a lane with what the host counts, before and after the reading.
///
/// Rows that were added or deleted meanwhile are no gap: a row that was there all the time is counted before and after, so what was
/// seen is at least the smaller count.
pub(crate) async fn gaps(
    api: &Api,
    lane: &Lane,
    before: Count,
    ids: &[u64],
) -> Result<Vec<Gap>, Failure> {
    let seen = ids.len() as u64;
    if before.rows == Some(seen) {
        return Ok(Vec::new());
    }
    let after = lane.count(api, None).await?;
    if let Some(after) = after.rows {
        let counted = before.rows.map_or(after, |before| before.min(after));
        return Ok(if seen < counted {
            vec![Gap {
                low: 1,
                top: OPEN,
                seen,
                counted,
            }]
        } else {
            Vec::new()
        });
    }
    let Some(&first) = ids.first() else {
        return Ok(Vec::new());
    };
    // A single id that is there: who does not count that one does not count at all, and the order of the pages is the only proof.
    let one = lane.count(api, Some((first - 1, first + 1))).await?;
    if one.rows.is_none() {
        return Ok(Vec::new());
    }
    let mut gaps = Vec::new();
    let stretches = stretches(ids);
    for batch in stretches.chunks(api.max_concurrency()) {
        let counts = batch
            .iter()
            .map(|stretch| lane.count(api, Some((stretch.low - 1, stretch.top))));
        let counts = futures_util::future::join_all(counts).await;
        for (stretch, count) in batch.iter().zip(counts) {
            let counted = count?.rows.unwrap_or(UNCOUNTED);
            if counted > stretch.seen {
                gaps.push(Gap {
                    counted,
                    ..*stretch
                });
            }
        }
    }
    Ok(gaps)
}

/// Cuts the id space up to the greatest seen id in stretches that the host can count. What is beyond was added after the beginning.
fn stretches(ids: &[u64]) -> Vec<Gap> {
    let mut low = 1;
    ids.chunks(STRETCH)
        .filter_map(|chunk| {
            let top = chunk.last()?.saturating_add(1);
            let stretch = Gap {
                low,
                top,
                seen: chunk.len() as u64,
                counted: 0,
            };
            low = top;
            Some(stretch)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stretches_cover_everything_once(ids in prop::collection::btree_set(1_u64..1_000_000, 0..200), times in 1_u64..100) {
            let ids: Vec<u64> = ids.into_iter().flat_map(|id| (0..times).map(move |n| id * 100 + n)).collect();
            let stretches = stretches(&ids);
            prop_assert_eq!(stretches.iter().map(|stretch| stretch.seen).sum::<u64>(), ids.len() as u64);
            for pair in stretches.windows(2) {
                prop_assert_eq!(pair[0].top, pair[1].low);
            }
            for stretch in &stretches {
                let inside = ids.iter().filter(|id| (stretch.low..stretch.top).contains(id)).count() as u64;
                prop_assert_eq!(inside, stretch.seen);
                prop_assert!(stretch.seen <= STRETCH as u64);
            }
        }
    }
}
