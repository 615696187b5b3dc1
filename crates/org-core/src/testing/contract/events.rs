//! The promises of the port [`EventStore`](crate::ports::EventStore).

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::Stores;
use super::scene::{add, history, insert, kinds};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ports::EventFilter;
use crate::testing::build::{
    event, group_id, noon, noon_plus, organization, organization_id, repository_id,
};

/// Runs the suite of the history; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! event_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { events, $run, $make, [
            an_empty_history_has_nothing,
            append_keeps_every_field,
            append_keeps_the_order,
            append_of_nothing_changes_nothing,
            places_are_counted_from_one_without_gaps,
            the_chain_runs_through_all_kinds_of_changes,
            newest_begins_at_the_end,
            oldest_begins_at_the_beginning,
            filters_by_organization,
            filters_by_subject,
            filters_by_the_beginning_of_the_kind,
            filters_kinds_literally,
            filters_by_place,
            following_sees_each_event_once,
            times_are_kept_to_the_microsecond,
            two_programs_write_one_chain,
        ] }
    };
}

async fn append(stores: &Stores, kinds: &[&str]) {
    let events: Vec<Event> = kinds.iter().map(|&kind| event(kind)).collect();
    stores.events.append(&events).await.expect("a store");
}

async fn newest(stores: &Stores, filter: EventFilter, limit: u32) -> Vec<String> {
    let events = stores.events.newest(&filter, limit).await.expect("a store");
    events.into_iter().map(|stored| stored.event.kind).collect()
}

async fn oldest(stores: &Stores, filter: EventFilter, limit: u32) -> Vec<String> {
    let events = stores.events.oldest(&filter, limit).await.expect("a store");
    events.into_iter().map(|stored| stored.event.kind).collect()
}

/// Nothing happened, and nothing is told.
pub async fn an_empty_history_has_nothing(stores: Stores) {
    assert!(newest(&stores, EventFilter::default(), 10).await.is_empty());
    assert!(oldest(&stores, EventFilter::default(), 10).await.is_empty());
}

/// What is read is what was stored, for every kind of actor and subject.
pub async fn append_keeps_every_field(stores: Stores) {
    let subjects = [
        Subject::Organization,
        Subject::Repository(repository_id(i64::MAX as u64)),
        Subject::Group(group_id(6)),
        Subject::Secret("a.name".to_owned()),
        Subject::LicensePool,
        Subject::Installation,
    ];
    let events: Vec<Event> = (0..)
        .zip(subjects)
        .map(|(index, subject)| {
            let actor = match index % 2 {
                0 => Actor::System,
                _ => Actor::Person("jane: \"the\" admin of łódź".to_owned()),
            };
            let event = Event::new(noon_plus(index), actor, subject, "some.kind")
                .with_message("a message,\nwith %_'\" and łódź")
                .with_change(FieldChange::new("name", "", "after"))
                .with_change(FieldChange::new("name", "before", ""));
            match index % 3 {
                0 => event.of(organization_id(7)),
                _ => event,
            }
        })
        .collect();
    stores.events.append(&events).await.expect("a store");
    let found = history(&stores).await.into_iter();
    let found: Vec<Event> = found.map(|stored| stored.event).collect();
    assert_eq!(found, events);
}

/// Events of one call follow each other as given, and those of a later call come after them.
pub async fn append_keeps_the_order(stores: Stores) {
    append(&stores, &["c", "a"]).await;
    append(&stores, &["b"]).await;
    assert_eq!(kinds(&stores).await, ["c", "a", "b"]);
}

/// No events, no change.
pub async fn append_of_nothing_changes_nothing(stores: Stores) {
    append(&stores, &["a"]).await;
    let before = history(&stores).await;
    append(&stores, &[]).await;
    assert_eq!(history(&stores).await, before);
}

/// The first event has place 1, and each later one the next.
pub async fn places_are_counted_from_one_without_gaps(stores: Stores) {
    append(&stores, &["a", "b"]).await;
    let acme = organization(1, "Acme").build();
    add(&stores, std::slice::from_ref(&acme)).await;
    let taken = organization(2, "Acme").build();
    let refused = insert(&stores, &taken, &[event("refused")]).await;
    assert!(refused.is_err(), "the name is taken");
    append(&stores, &["c"]).await;
    let places: Vec<u64> = history(&stores)
        .await
        .into_iter()
        .map(|stored| stored.sequence)
        .collect();
    assert_eq!(places, [1, 2, 3]);
}

/// Events that come with a change are of the same chain as those that come alone.
pub async fn the_chain_runs_through_all_kinds_of_changes(stores: Stores) {
    append(&stores, &["first"]).await;
    let acme = organization(1, "Acme").build();
    insert(&stores, &acme, &[event("organization.connected")])
        .await
        .expect("the name is free");
    append(&stores, &["last"]).await;
    // Reading the history here checks its chain.
    assert_eq!(
        kinds(&stores).await,
        ["first", "organization.connected", "last"]
    );
}

/// The newest come newest first, and no more than asked for.
pub async fn newest_begins_at_the_end(stores: Stores) {
    append(&stores, &["a", "b", "c"]).await;
    assert_eq!(newest(&stores, EventFilter::default(), 2).await, ["c", "b"]);
    assert_eq!(
        newest(&stores, EventFilter::default(), 9).await,
        ["c", "b", "a"]
    );
}

/// The oldest come oldest first, and no more than asked for.
pub async fn oldest_begins_at_the_beginning(stores: Stores) {
    append(&stores, &["a", "b", "c"]).await;
    assert_eq!(oldest(&stores, EventFilter::default(), 2).await, ["a", "b"]);
    assert_eq!(
        oldest(&stores, EventFilter::default(), 9).await,
        ["a", "b", "c"]
    );
}

/// Only the events of one organization.
pub async fn filters_by_organization(stores: Stores) {
    let events = [
        event("a").of(organization_id(1)),
        event("b").of(organization_id(2)),
        event("c"),
        event("d").of(organization_id(1)),
    ];
    stores.events.append(&events).await.expect("a store");
    let filter = || EventFilter {
        organization: Some(organization_id(1)),
        ..EventFilter::default()
    };
    assert_eq!(oldest(&stores, filter(), 9).await, ["a", "d"]);
    assert_eq!(newest(&stores, filter(), 1).await, ["d"]);
}

/// Only the events on one subject; repository 1 is not repository 11.
pub async fn filters_by_subject(stores: Stores) {
    let on = |kind: &str, subject| Event::new(noon(), Actor::System, subject, kind);
    let events = [
        on("a", Subject::Repository(repository_id(1))),
        on("b", Subject::Repository(repository_id(11))),
        on("c", Subject::Group(group_id(1))),
        on("d", Subject::Repository(repository_id(1))),
    ];
    stores.events.append(&events).await.expect("a store");
    let filter = EventFilter {
        subject: Some(Subject::Repository(repository_id(1))),
        ..EventFilter::default()
    };
    assert_eq!(oldest(&stores, filter, 9).await, ["a", "d"]);
}

/// Only the events whose kind begins with a text.
pub async fn filters_by_the_beginning_of_the_kind(stores: Stores) {
    let kinds = [
        "repository.added",
        "group.added",
        "repository.renamed",
        "a.repository.x",
    ];
    append(&stores, &kinds).await;
    let filter = EventFilter {
        kind: Some("repository.".to_owned()),
        ..EventFilter::default()
    };
    assert_eq!(
        oldest(&stores, filter, 9).await,
        ["repository.added", "repository.renamed"]
    );
}

/// No character of the wanted kind stands for another one.
pub async fn filters_kinds_literally(stores: Stores) {
    append(&stores, &["a_b", "axb", "a%b", "a\\b"]).await;
    for wanted in ["a_", "a%", "a\\"] {
        let filter = EventFilter {
            kind: Some(wanted.to_owned()),
            ..EventFilter::default()
        };
        let expected = format!("{wanted}b");
        assert_eq!(oldest(&stores, filter, 9).await, [expected]);
    }
}

/// Only the events after one place and before another, without both.
pub async fn filters_by_place(stores: Stores) {
    append(&stores, &["a", "b", "c", "d", "e"]).await;
    let filter = |after, before| EventFilter {
        after,
        before,
        ..EventFilter::default()
    };
    assert_eq!(oldest(&stores, filter(Some(3), None), 9).await, ["d", "e"]);
    assert_eq!(newest(&stores, filter(None, Some(3)), 9).await, ["b", "a"]);
    assert_eq!(oldest(&stores, filter(Some(1), Some(4)), 1).await, ["b"]);
}

/// Asking again after the last place that was seen follows the history.
pub async fn following_sees_each_event_once(stores: Stores) {
    let mut after = 0;
    let mut seen = Vec::new();
    for round in 0..3 {
        append(&stores, &["a", "b", "c"]).await;
        loop {
            let filter = EventFilter {
                after: Some(after),
                ..EventFilter::default()
            };
            let events = stores.events.oldest(&filter, 2).await.expect("a store");
            let Some(last) = events.last() else { break };
            after = last.sequence;
            seen.extend(events.into_iter().map(|stored| stored.sequence));
        }
        assert_eq!(seen.len(), (round + 1) * 3);
    }
    assert_eq!(seen, (1..=9).collect::<Vec<u64>>());
}

/// Nanoseconds are cut off before the event is hashed.
pub async fn times_are_kept_to_the_microsecond(stores: Stores) {
    let mut fine = event("a");
    fine.at = noon() + TimeDelta::nanoseconds(123_456_789);
    stores.events.append(&[fine]).await.expect("a store");
    let kept = &history(&stores).await[0];
    let coarse = noon() + TimeDelta::nanoseconds(123_456_000);
    assert_eq!(kept.event.at, coarse);
}

/// Whoever writes at the same time, there is one chain without a gap.
pub async fn two_programs_write_one_chain(stores: Stores) {
    let second = stores.second();
    let writes = (0..20).map(|number| {
        let stores = if number % 2 == 0 { &stores } else { second };
        async move {
            let events = [event(&format!("{number}.a")), event(&format!("{number}.b"))];
            stores.events.append(&events).await.expect("a store");
        }
    });
    join_all(writes).await;
    let kinds = kinds(&stores).await;
    assert_eq!(kinds.len(), 40);
    for pair in kinds.chunks(2) {
        let (a, b) = (
            pair[0].trim_end_matches(".a"),
            pair[1].trim_end_matches(".b"),
        );
        assert_eq!(a, b, "the events of one call stay together");
    }
}
