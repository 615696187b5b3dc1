//! Where rows go: mapped and passed on at once, except while the groups are still being read.

use std::collections::BTreeMap;

use org_core::listing::{ListingEvent, PersonalNamespace};
use org_core::ports::HostError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::groups::GroupsRead;
use super::map::{GroupMap, Mapped, Viewer, is_shared_in, map};
use super::row::Row;
use crate::failure::Failure;

/// Groups in one event.
const GROUPS_PER_EVENT: usize = 200;
/// More groups that the list did not have are not asked for one by one.
pub(crate) const MOST_UNKNOWN: usize = 200;

pub(crate) type Events = mpsc::Sender<Result<ListingEvent, HostError>>;

/// A task that ends when nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Owned<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Maps rows and passes them on.
#[derive(Debug)]
pub(crate) struct Sink {
    events: Events,
    pub(crate) viewer: Viewer,
    pending: Option<Owned<Result<GroupsRead, Failure>>>,
    held: Vec<(usize, Vec<Row>)>,
    room: usize,
    pub(crate) groups: GroupMap,
    /// What is wrong with the list of groups, in words.
    pub(crate) groups_missing: Option<String>,
    /// The ids of each lane, in the order in which they came.
    seen: Vec<Vec<u64>>,
    /// Groups of the scope that the list did not have, with the path of a repository in each.
    pub(crate) unknown: BTreeMap<u64, Box<str>>,
    /// The lane of which only what is shared into the scope counts.
    pub(crate) shared_lane: Option<usize>,
}

impl Sink {
    pub(crate) fn new(
        events: Events,
        personal: PersonalNamespace,
        groups: Owned<Result<GroupsRead, Failure>>,
        room: usize,
    ) -> Self {
        Self {
            events,
            viewer: Viewer {
                user: 0,
                login: String::new(),
                personal,
            },
            pending: Some(groups),
            held: Vec::new(),
            room,
            groups: GroupMap::default(),
            groups_missing: None,
            seen: Vec::new(),
            unknown: BTreeMap::new(),
            shared_lane: None,
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether more pages may be asked for: while the groups are read, only a few are held.
    pub(crate) fn has_room(&self) -> bool {
        self.pending.is_none() || self.held.len() < self.room
    }

    /// Waits for the groups. Safe to give up and to call again: only [`Sink::accept_groups`] changes anything.
    pub(crate) async fn groups_arrive(&mut self) -> Result<GroupsRead, Failure> {
        let Some(task) = &mut self.pending else {
            return std::future::pending().await;
        };
        (&mut task.0)
            .await
            .map_err(|error| Failure::Strange(format!("reading the groups ended: {error}")))?
    }

    /// Passes the groups on, and then what was held for them.
    pub(crate) async fn accept_groups(&mut self, read: GroupsRead) -> Result<(), Failure> {
        self.pending = None;
        self.viewer.user = read.account.id;
        self.viewer.login = read.account.username.to_lowercase();
        self.groups_missing = read.missing;
        self.add_groups(read.groups).await?;
        for (lane, rows) in std::mem::take(&mut self.held) {
            self.pass(lane, rows).await?;
        }
        Ok(())
    }

    /// Takes groups into the scope and passes them on.
    pub(crate) async fn add_groups(
        &mut self,
        groups: Vec<crate::wire::rest::Group>,
    ) -> Result<(), Failure> {
        let mut groups = self.groups.add(groups);
        while !groups.is_empty() {
            let rest = groups.split_off(groups.len().min(GROUPS_PER_EVENT));
            self.send(ListingEvent::Groups(groups)).await?;
            groups = rest;
        }
        Ok(())
    }

    /// Takes a page.
    pub(crate) async fn push(&mut self, lane: usize, rows: Vec<Row>) -> Result<(), Failure> {
        if self.pending.is_some() {
            self.held.push((lane, rows));
            return Ok(());
        }
        self.pass(lane, rows).await
    }

    async fn pass(&mut self, lane: usize, rows: Vec<Row>) -> Result<(), Failure> {
        if self.seen.len() <= lane {
            self.seen.resize_with(lane + 1, Vec::new);
        }
        if let Some(seen) = self.seen.get_mut(lane) {
            seen.extend(rows.iter().map(|row| row.id));
        }
        let mut repositories = Vec::with_capacity(rows.len());
        let is_scan = self.shared_lane == Some(lane);
        for row in rows {
            if is_scan && !is_shared_in(&row, &self.groups) {
                continue;
            }
            match map(row, &self.groups, &self.viewer) {
                Mapped::Listed(repository) => repositories.push(repository),
                Mapped::GroupUnknown(repository, group) => {
                    if self.unknown.len() < MOST_UNKNOWN {
                        let path = repository.parent_path().into();
                        self.unknown.entry(group).or_insert(path);
                    }
                    repositories.push(repository);
                }
                Mapped::Outside => {}
            }
        }
        if repositories.is_empty() {
            return Ok(());
        }
        self.send(ListingEvent::Repositories(repositories)).await
    }

    async fn send(&self, event: ListingEvent) -> Result<(), Failure> {
        self.events
            .send(Ok(event))
            .await
            .map_err(|_| Failure::Down("nobody reads the listing any more".to_owned()))
    }

    /// The ids of a lane, sorted, each once.
    pub(crate) fn ids(&mut self, lane: usize) -> &[u64] {
        match self.seen.get_mut(lane) {
            Some(ids) => {
                ids.sort_unstable();
                ids.dedup();
                ids
            }
            None => &[],
        }
    }
}
