//! The history: one chain whoever writes, and quick to search.

use chrono::TimeDelta;
use org_core::event::{Actor, ChainHash, Event, FieldChange, Subject, verify_chain};
use org_core::ids::OrganizationId;
use org_core::ports::{EventFilter, EventStore};
use org_core::testing::build;
use sqlx::AssertSqlSafe;
use store_adapter::Store;

use crate::support::Scratch;

fn event(number: u64) -> Event {
    let kinds = [
        "repository.added",
        "repository.renamed",
        "group.added",
        "sync.complete",
    ];
    let at = build::noon() + TimeDelta::microseconds(i64::try_from(number).unwrap_or_default());
    let subject = match number % 3 {
        0 => Subject::Organization,
        1 => Subject::Repository(build::repository_id(number % 5 + 1)),
        _ => Subject::Secret(format!("key {}", number % 2)),
    };
    let kind = kinds[usize::try_from(number % 4).unwrap_or_default()];
    Event::new(at, Actor::Person("jane: the 2nd".to_owned()), subject, kind)
        .of(organization(number % 2))
        .with_message(format!("event {number}"))
        .with_change(FieldChange::new("path", "", "a\"b"))
}

fn organization(number: u64) -> OrganizationId {
    build::organization_id(number + 1)
}

#[tokio::test]
async fn what_is_stored_is_what_was_written_and_the_chain_holds() {
    let scratch = Scratch::new().await;
    let events: Vec<Event> = (0..1_000).map(event).collect();
    for chunk in events.chunks(450) {
        scratch.store.append(chunk).await.expect("added");
    }
    let stored = scratch
        .store
        .oldest(&EventFilter::default(), 5_000)
        .await
        .expect("all of them");
    assert_eq!(
        verify_chain((0, ChainHash::GENESIS), &stored)
            .expect("the chain holds")
            .0,
        1_000
    );
    let read: Vec<Event> = stored.into_iter().map(|stored| stored.event).collect();
    assert_eq!(read, events);
}

/// Every filter answers what a filter of a list in memory would.
#[tokio::test]
async fn filters_agree_with_a_plain_search() {
    let scratch = Scratch::new().await;
    let events: Vec<Event> = (0..240).map(event).collect();
    scratch.store.append(&events).await.expect("added");
    let all = scratch
        .store
        .oldest(&EventFilter::default(), 1_000)
        .await
        .expect("all");
    for organization in [None, Some(organization(1)), Some(organization(8))] {
        for subject in [
            None,
            Some(Subject::Organization),
            Some(Subject::Secret("key 1".into())),
        ] {
            for kind in [
                None,
                Some("repository."),
                Some("repository.added"),
                Some(""),
                Some("nothing"),
            ] {
                for (after, before) in [
                    (None, None),
                    (Some(17), None),
                    (Some(17), Some(200)),
                    (None, Some(3)),
                ] {
                    let filter = EventFilter {
                        organization,
                        subject: subject.clone(),
                        kind: kind.map(str::to_owned),
                        after,
                        before,
                    };
                    let mut expected: Vec<_> = all
                        .iter()
                        .filter(|stored| {
                            let event = &stored.event;
                            organization.is_none_or(|id| event.organization == Some(id))
                                && subject
                                    .as_ref()
                                    .is_none_or(|subject| event.subject == *subject)
                                && kind.is_none_or(|kind| event.kind.starts_with(kind))
                                && after.is_none_or(|after| stored.sequence > after)
                                && before.is_none_or(|before| stored.sequence < before)
                        })
                        .cloned()
                        .collect();
                    let oldest = scratch.store.oldest(&filter, 7).await.expect("oldest");
                    assert_eq!(oldest, expected[..expected.len().min(7)], "{filter:?}");
                    expected.reverse();
                    let newest = scratch.store.newest(&filter, 7).await.expect("newest");
                    assert_eq!(newest, expected[..expected.len().min(7)], "{filter:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn tasks_that_write_at_once_make_one_chain() {
    let scratch = Scratch::new().await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store: Store = scratch.store.clone();
            tokio::spawn(async move {
                for number in 0..25 {
                    store
                        .append(&[event(writer * 100 + number)])
                        .await
                        .expect("added");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    let report = scratch.store.check().await.expect("a report");
    assert_eq!((report.events, report.is_sound()), (200, true));
}

#[tokio::test]
async fn a_check_finds_what_was_altered_or_taken_out() {
    for (change, found) in [
        (
            "UPDATE events SET message = 'nothing' WHERE sequence = 3",
            "the history does not hold at event 3: it was altered",
        ),
        (
            "DELETE FROM events WHERE sequence = 2",
            "the history does not hold at event 2: it is missing",
        ),
    ] {
        let scratch = Scratch::new().await;
        scratch
            .store
            .append(&(0..5).map(event).collect::<Vec<_>>())
            .await
            .expect("added");
        sqlx::raw_sql(AssertSqlSafe(change.to_owned()))
            .execute(&mut scratch.beside().await)
            .await
            .expect("the row is spoiled");
        let report = scratch.store.check().await.expect("a report");
        assert_eq!(report.broken.expect("it does not hold").to_string(), found);
    }
}
