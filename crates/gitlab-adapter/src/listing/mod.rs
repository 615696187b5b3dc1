//! Listing everything of a scope.
//!
//! A listing is made of lanes: all that the account is a member of, or one lane for each chosen group, and the personal namespace. Each
//! lane is read by the best way that the host allows: GraphQL, at several places of the id space at once; where GraphQL is refused or
//! breaks, keyset pagination over REST, in ranges of ids; where there is no keyset, pages by number. Groups are read at the same time. At
//! the end every lane is counted against the host, and what does not add up is read again by the next way, or named as missing.

mod cursor;
mod groups;
mod lane;
mod map;
mod offset;
mod paths;
mod ranges;
mod row;
mod sink;
mod source;
mod verify;
mod walk;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use org_core::inventory::Group;
use org_core::listing::{
    GroupScope, ListingEvent, ListingReport, MissingPart, PersonalNamespace, Scope,
};
use org_core::ports::{HostAccess, HostError, ListingStream};
use org_core::text::GroupPath;
use tokio::sync::{Mutex, mpsc};

use crate::failure::Failure;
use crate::http::{Api, Call, Transport};
use crate::identity::account_of;
use crate::wire::rest;
use lane::{Count, Kind, Lane};
use map::GroupMap;
use ranges::Span;
use row::Row;
use sink::{Events, Owned, Sink};
use source::Way;
use verify::Gap;
use walk::{Unread, walk};

/// So many pages may wait for their reader.
const AHEAD: usize = 8;

/// So many groups are always asked one by one for what is shared into them.
const FEW_GROUPS: u64 = 24;

const ACTION: &str = "listing groups and repositories";

/// The group at a path, as the domain says it.
pub(crate) async fn find_group(api: &Api, path: &GroupPath) -> Result<Option<Group>, Failure> {
    let found = groups::at_path(api, path).await?;
    Ok(found.and_then(|group| GroupMap::default().add(vec![group]).pop()))
}

/// The stream of [`org_core::ports::VcsListing::list`]: nothing is asked before it is first polled, and all ends when it is dropped.
pub(crate) fn list(
    transport: &Arc<Transport>,
    access: &HostAccess,
    scope: &Scope,
) -> ListingStream {
    let (transport, access, scope) = (Arc::clone(transport), access.clone(), scope.clone());
    let events = stream::once(async move {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let task = Owned(tokio::spawn(run(transport, access, scope, sender)));
        stream::unfold((receiver, task), |(mut receiver, task)| async move {
            receiver.recv().await.map(|event| (event, (receiver, task)))
        })
    });
    events.flatten().boxed()
}

async fn run(transport: Arc<Transport>, access: HostAccess, scope: Scope, events: Events) {
    let label = access.host.to_string();
    let api = transport.api(&access.host, Some(&access.credential));
    let api = api.observed_by(events.clone());
    let missing = Listing::new(api.clone(), scope, events.clone()).run().await;
    let last: Result<_, HostError> = match missing {
        Ok(missing) => Ok(ListingEvent::Finished(ListingReport {
            missing,
            requests: api.sent(),
        })),
        Err(failure) => Err(failure.into_host_error(&label, ACTION)),
    };
    // Whoever dropped the stream does not want to know.
    let _ = events.send(last).await;
}

/// One listing under way.
struct Listing {
    api: Api,
    scope: Scope,
    events: Events,
    missing: Vec<MissingPart>,
}

impl Listing {
    fn new(api: Api, scope: Scope, events: Events) -> Self {
        Self {
            api,
            scope,
            events,
            missing: Vec::new(),
        }
    }

    async fn run(mut self) -> Result<Vec<MissingPart>, Failure> {
        let api = self.api.clone();
        let mut lanes = Vec::new();
        let groups = match &self.scope.groups {
            GroupScope::All => {
                lanes.push(Lane::membership());
                tokio::spawn(groups::of_account(api))
            }
            GroupScope::Chosen(paths) => {
                let found = groups::find_chosen(&api, paths);
                let (account, found) = futures_util::join!(account_of(&api, None), found);
                let (account, (found, missing)) = (account?, found?);
                self.missing.extend(missing);
                for group in &found {
                    lanes.push(Lane::group(group.id, &group.full_path));
                }
                if self.scope.personal == PersonalNamespace::Included {
                    lanes.push(Lane::personal(account.id));
                }
                tokio::spawn(groups::below(api, account, found))
            }
        };
        let room = 2 * self.api.max_concurrency();
        let mut sink = Sink::new(
            self.events.clone(),
            self.scope.personal,
            Owned(groups),
            room,
        );
        let mut reading = Reading {
            counts: vec![None; lanes.len()],
            is_doubtful: vec![false; lanes.len()],
            lanes,
        };
        self.read(&mut reading, &mut sink).await?;
        if self.scope.groups != GroupScope::All {
            self.read_shared(&mut reading, &mut sink).await?;
        }
        if let Some(why) = sink.groups_missing.take() {
            self.miss("some groups", why);
        }
        self.find_unknown(&mut sink).await?;
        self.verify(&mut reading, &mut sink).await?;
        self.missing.sort();
        self.missing.dedup();
        Ok(self.missing)
    }

    fn miss(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.missing.push(MissingPart {
            what: what.into(),
            why: why.into(),
        });
    }

    /// Reads all lanes, each by the best way that works.
    async fn read(&mut self, reading: &mut Reading, sink: &mut Sink) -> Result<(), Failure> {
        let Reading { lanes, counts, .. } = reading;
        let size = self.api.page_size();
        let (mut by_graphql, mut by_rest) = (Vec::new(), Vec::new());
        for (n, lane) in lanes.iter().enumerate() {
            let spans = if lane.graphql().is_some() {
                &mut by_graphql
            } else {
                &mut by_rest
            };
            spans.push(Span::whole(n, size));
        }
        let unread = walk(&self.api, Way::Graphql, lanes, counts, by_graphql, sink).await?;
        let mut by_number: BTreeSet<usize> = BTreeSet::new();
        for Unread { span, .. } in unread {
            if lanes.get(span.lane).is_some_and(Lane::has_keyset) {
                by_rest.push(Span::between(span.lane, span.low, span.top, size));
            } else {
                by_number.insert(span.lane);
            }
        }
        let unread = walk(&self.api, Way::Keyset, lanes, counts, by_rest, sink).await?;
        by_number.extend(unread.into_iter().map(|unread| unread.span.lane));
        for n in by_number {
            self.read_by_number(n, reading, sink).await?;
        }
        Ok(())
    }

    /// The last resort: pages by number, group by group.
    async fn read_by_number(
        &mut self,
        n: usize,
        reading: &mut Reading,
        sink: &mut Sink,
    ) -> Result<(), Failure> {
        let Some(lane) = reading.lanes.get(n) else {
            return Ok(());
        };
        let lanes: Vec<Lane> = match lane.kind {
            Kind::Membership => {
                let why = "the host lists only what stands in a group or in the personal namespace";
                self.miss("repositories that are only shared in", why);
                // What is left out on purpose cannot be counted against everything.
                reading.is_doubtful[n] = true;
                let personal = match sink.viewer.personal {
                    PersonalNamespace::Included => Some(Lane::personal(sink.viewer.user)),
                    PersonalNamespace::Excluded => None,
                };
                let tops = sink.groups.tops().into_iter();
                let tops = tops.map(|(id, path)| Lane::group(id, &path));
                tops.chain(personal).collect()
            }
            Kind::Group { .. } | Kind::Personal { .. } => vec![lane.clone()],
        };
        for lane in lanes {
            match self.read_pages(n, &lane.rest("asc"), sink).await {
                Ok(None) => {}
                Ok(Some(doubt)) => self.miss(lane.what, doubt),
                Err(failure) if failure.ends_everything() => return Err(failure),
                Err(failure) => {
                    reading.is_doubtful[n] = true;
                    self.miss(lane.what, failure.words());
                }
            }
        }
        Ok(())
    }

    async fn read_pages(
        &self,
        n: usize,
        call: &Call,
        sink: &mut Sink,
    ) -> Result<Option<String>, Failure> {
        let sink = Mutex::new(sink);
        let id = |project: &rest::Project| project.id;
        offset::read_all(&self.api, call, id, async |page: Vec<rest::Project>| {
            let rows = page.into_iter().map(Row::from).collect();
            sink.lock().await.push(n, rows).await
        })
        .await
    }

    /// What strangers shared into the chosen groups. In the scope of all groups it comes with everything else.
    ///
    /// A listing of a group has what is shared into that very group, but not what is shared into the groups below it. So either each group
    /// is asked, or everything that the account sees is looked through, whichever is fewer requests.
    async fn read_shared(&mut self, reading: &mut Reading, sink: &mut Sink) -> Result<(), Failure> {
        let groups = sink.groups.ids();
        if groups.is_empty() {
            return Ok(());
        }
        let n = reading.lanes.len();
        let everything = Lane {
            what: "repositories shared into the chosen groups".to_owned(),
            kind: Kind::Membership,
        };
        let count = everything.count(&self.api, None).await.unwrap_or_default();
        let size = self.api.page_size();
        let pages = count.rows.map_or(u64::MAX, |rows| rows / u64::from(size));
        if groups.len() as u64 <= pages.max(FEW_GROUPS) {
            return self
                .read_shared_by_group(n, &everything.what, &groups, sink)
                .await;
        }
        sink.shared_lane = Some(n);
        reading.lanes.push(everything);
        reading.counts.push(Some(count));
        reading.is_doubtful.push(false);
        let Reading { lanes, counts, .. } = reading;
        let spans = vec![Span::whole(n, size)];
        let unread = walk(&self.api, Way::Keyset, lanes, counts, spans, sink).await?;
        if let (Some(unread), Some(lane), Some(doubt)) =
            (unread.first(), lanes.get(n), reading.is_doubtful.get_mut(n))
        {
            *doubt = true;
            self.miss(lane.what.clone(), unread.why.words());
        }
        Ok(())
    }

    async fn read_shared_by_group(
        &mut self,
        n: usize,
        what: &str,
        groups: &[u64],
        sink: &mut Sink,
    ) -> Result<(), Failure> {
        for batch in groups.chunks(self.api.max_concurrency()) {
            let asked = batch.iter().map(async |id| {
                let call = Call::get(format!("/groups/{id}/projects/shared"))
                    .with("order_by", "id")
                    .with("sort", "asc");
                let rows = Mutex::new(Vec::new());
                let id = |project: &rest::Project| project.id;
                let doubt = offset::read_all(&self.api, &call, id, async |page: Vec<_>| {
                    rows.lock().await.extend(page.into_iter().map(Row::from));
                    Ok(())
                })
                .await;
                (rows.into_inner(), doubt)
            });
            for (rows, doubt) in futures_util::future::join_all(asked).await {
                if !rows.is_empty() {
                    sink.push(n, rows).await?;
                }
                let why = match doubt {
                    // A group that vanished meanwhile took along what was shared into it.
                    Ok(None) | Err(Failure::Missing(_)) => continue,
                    Ok(Some(doubt)) => doubt,
                    Err(failure) if failure.ends_everything() => return Err(failure),
                    Err(failure) => failure.words(),
                };
                self.miss(what, why);
            }
        }
        Ok(())
    }

    /// Asks for groups that repositories named, but that the list of groups did not have.
    async fn find_unknown(&mut self, sink: &mut Sink) -> Result<(), Failure> {
        let unknown = std::mem::take(&mut sink.unknown);
        for (id, path) in unknown {
            if sink.groups.has(id) {
                continue;
            }
            let why = match groups::with_id(&self.api, id).await {
                Ok(Some(group)) => {
                    sink.add_groups(vec![group]).await?;
                    continue;
                }
                Ok(None) => "a repository stands in it, but the host does not show it".to_owned(),
                Err(failure) if failure.ends_everything() => return Err(failure),
                Err(failure) => failure.words(),
            };
            self.miss(format!("group {path}"), why);
        }
        Ok(())
    }

    /// Counts every lane; what does not add up is read once more, and counted once more.
    async fn verify(&mut self, reading: &mut Reading, sink: &mut Sink) -> Result<(), Failure> {
        for n in 0..reading.lanes.len() {
            let Some(lane) = reading.lanes.get(n).cloned() else {
                break;
            };
            if reading.is_doubtful.get(n) == Some(&true) {
                continue;
            }
            let before = reading.counts.get(n).copied().flatten().unwrap_or_default();
            let gaps = match self.gaps(n, &lane, before, sink).await? {
                Some(gaps) if !gaps.is_empty() => gaps,
                _ => continue,
            };
            tracing::info!(
                host = self.api.label(),
                lane = lane.what,
                ?gaps,
                "reading again what does not add up"
            );
            let fresh = lane.count(&self.api, None).await.unwrap_or_default();
            if lane.has_keyset() {
                let size = self.api.page_size();
                let spans = gaps.iter().map(|gap| gap.span(n, size)).collect();
                let Reading { lanes, counts, .. } = reading;
                let unread = walk(&self.api, Way::Keyset, lanes, counts, spans, sink).await?;
                if let Some(unread) = unread.first() {
                    self.miss(lane.what.clone(), unread.why.words());
                }
            } else {
                self.read_by_number(n, reading, sink).await?;
            }
            let gaps = self.gaps(n, &lane, fresh, sink).await?;
            let hidden: u64 = gaps
                .iter()
                .flatten()
                .map(|gap| gap.counted.saturating_sub(gap.seen))
                .sum();
            if hidden > 0 {
                let why = format!("the host counts at least {hidden} more than it shows");
                self.miss(lane.what, why);
            }
        }
        Ok(())
    }

    /// What does not add up in a lane; `None` when that cannot be found out, which is then a missing part.
    async fn gaps(
        &mut self,
        n: usize,
        lane: &Lane,
        before: Count,
        sink: &mut Sink,
    ) -> Result<Option<Vec<Gap>>, Failure> {
        match verify::gaps(&self.api, lane, before, sink.ids(n)).await {
            Ok(gaps) => Ok(Some(gaps)),
            Err(failure) if failure.ends_everything() => Err(failure),
            Err(failure) => {
                let why = format!("they could not be counted: {}", failure.words());
                self.miss(lane.what.clone(), why);
                Ok(None)
            }
        }
    }
}

/// What is read, and what is known of it.
struct Reading {
    lanes: Vec<Lane>,
    /// What the host counted in each lane at first.
    counts: Vec<Option<Count>>,
    /// Lanes of which a part is known to be missing, so that counting says nothing new.
    is_doubtful: Vec<bool>,
}
