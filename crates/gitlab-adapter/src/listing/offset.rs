//! Listings that are paged by number only.
//!
//! Pages are read at the same time where the host says how many there are. Such pages are no snapshot: when a row vanishes, everything
//! behind it moves one place forward, and a row that moves from a page that is still to be read to one that was read is missed. That
//! shows in the counts that every page carries, and then the listing is read again.

use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::source::LEAST;
use crate::failure::Failure;
use crate::http::{Api, Call, Patience};

/// Nothing is read more often than this.
const PASSES: usize = 3;
/// More pages than any host gives by offset.
const MOST_PAGES: u64 = 100_000;

/// A page of a listing.
#[derive(Debug)]
pub(crate) struct OffsetPage<T> {
    pub(crate) rows: Vec<T>,
    total: Option<u64>,
    has_next: bool,
}

/// How a pass over all pages went.
#[derive(Debug, Default)]
struct Pass {
    pages: u64,
    totals: Option<(u64, u64)>,
    ids: Vec<u64>,
}

impl Pass {
    fn note(&mut self, total: Option<u64>, ids: impl Iterator<Item = u64>) {
        self.pages += 1;
        self.ids.extend(ids);
        if let Some(total) = total {
            let (least, most) = self.totals.unwrap_or((total, total));
            self.totals = Some((least.min(total), most.max(total)));
        }
    }

    /// Whether nothing moved meanwhile, as far as that can be seen.
    fn is_still(&mut self) -> bool {
        let rows = self.ids.len();
        self.ids.sort_unstable();
        self.ids.dedup();
        let unique = self.ids.len();
        let counted = match self.totals {
            Some((least, most)) => least == most && least == unique as u64,
            // The host does not count so many; rows that came twice are then the only sign.
            None => true,
        };
        self.pages <= 1 || (rows == unique && counted)
    }
}

/// Reads everything behind `call`, and hands each page to `take`. `Ok(Some(..))` says in words what is doubtful about it.
pub(crate) async fn read_all<T, F>(
    api: &Api,
    call: &Call,
    id: fn(&T) -> u64,
    mut take: impl FnMut(Vec<T>) -> F + Send,
) -> Result<Option<String>, Failure>
where
    T: DeserializeOwned + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send,
{
    for _ in 0..PASSES {
        let mut pass = Pass::default();
        let size = api.page_size();
        let first = page::<T>(api.clone(), call.clone(), 1, size).await.1?;
        let mut end = match (first.has_next, first.total) {
            (false, _) => 1,
            (true, Some(total)) => total.div_ceil(u64::from(size)).max(2),
            (true, None) => MOST_PAGES,
        };
        pass.note(first.total, first.rows.iter().map(id));
        take(first.rows).await?;
        let mut tasks = JoinSet::new();
        let mut next = 2;
        loop {
            while next <= end && tasks.len() < api.max_concurrency() {
                tasks.spawn(page::<T>(api.clone(), call.clone(), next, size));
                next += 1;
            }
            let Some(done) = tasks.join_next().await else {
                break;
            };
            let (number, page) =
                done.map_err(|error| Failure::Strange(format!("reading a page ended: {error}")))?;
            let page = page?;
            if page.has_next {
                // More than was counted at first: somebody adds meanwhile.
                end = end.max(number + 1);
            } else if page.total.is_none() {
                end = end.min(number);
            }
            pass.note(page.total, page.rows.iter().map(id));
            if !page.rows.is_empty() {
                take(page.rows).await?;
            }
        }
        if pass.is_still() {
            return Ok(None);
        }
    }
    Ok(Some(format!(
        "it changed while it was read, {PASSES} times in a row"
    )))
}

/// One page; where the host cannot give it, its halves.
async fn page<T: DeserializeOwned + Send + 'static>(
    api: Api,
    call: Call,
    number: u64,
    size: u32,
) -> (u64, Result<OffsetPage<T>, Failure>) {
    let page = cut_page(&api, &call, number, size).await;
    (number, page)
}

async fn cut_page<T: DeserializeOwned>(
    api: &Api,
    call: &Call,
    number: u64,
    size: u32,
) -> Result<OffsetPage<T>, Failure> {
    // Half a page has a number of its own, so only even sizes can be halved.
    let can_halve = size.is_multiple_of(2) && size / 2 >= LEAST;
    let patience = if can_halve {
        Patience::Brief
    } else {
        Patience::Full
    };
    let asked = call.clone().with("per_page", size).with("page", number);
    let failure = match api.json::<Vec<T>>(&asked, patience).await {
        Ok((rows, answer)) => {
            return Ok(OffsetPage {
                rows,
                total: answer.number("x-total"),
                has_next: answer.number("x-next-page").is_some(),
            });
        }
        Err(failure) => failure,
    };
    if !can_halve || !matches!(failure, Failure::Down(_)) {
        return Err(failure);
    }
    let half = size / 2;
    let mut both: OffsetPage<T> = Box::pin(cut_page(api, call, number * 2 - 1, half)).await?;
    if both.has_next {
        let second: OffsetPage<T> = Box::pin(cut_page(api, call, number * 2, half)).await?;
        both.rows.extend(second.rows);
        // Different counts for the halves are a sign of movement, like those of two pages.
        both.total = if both.total == second.total {
            both.total
        } else {
            None.or(second.total)
        };
        both.has_next = second.has_next;
    }
    Ok(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(pages: &[(Option<u64>, &[u64])]) -> Pass {
        let mut pass = Pass::default();
        for (total, ids) in pages {
            pass.note(*total, ids.iter().copied());
        }
        pass
    }

    #[test]
    fn movement_shows_in_the_counts() {
        assert!(pass(&[(Some(4), &[1, 2]), (Some(4), &[3, 4])]).is_still());
        assert!(
            !pass(&[(Some(5), &[1, 2]), (Some(4), &[4, 5])]).is_still(),
            "one vanished"
        );
        assert!(
            !pass(&[(Some(4), &[1, 2]), (Some(4), &[2, 3])]).is_still(),
            "one came twice"
        );
        assert!(
            !pass(&[(Some(5), &[1, 2]), (Some(5), &[3, 4])]).is_still(),
            "one is not shown"
        );
        assert!(
            pass(&[(None, &[1, 2]), (None, &[3, 4])]).is_still(),
            "nothing to compare with"
        );
        assert!(
            pass(&[(Some(2), &[1])]).is_still(),
            "one page cannot move against itself"
        );
    }
}
