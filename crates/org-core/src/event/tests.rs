//! The chain notices what is altered, left out or put in another order.

use proptest::prelude::*;

use super::*;

fn event(kind: &str, message: &str) -> Event {
    Event::new(
        DateTime::UNIX_EPOCH,
        Actor::System,
        Subject::LicensePool,
        kind,
    )
    .with_message(message)
}

fn chain(events: Vec<Event>) -> Vec<StoredEvent> {
    let mut hash = ChainHash::GENESIS;
    (1..)
        .zip(events)
        .map(|(sequence, event)| {
            hash = hash.next(&event);
            StoredEvent {
                sequence,
                event,
                hash,
            }
        })
        .collect()
}

#[test]
fn fields_cannot_flow_into_each_other() {
    let start = ChainHash::GENESIS;
    assert_ne!(start.next(&event("ab", "c")), start.next(&event("a", "bc")));
    assert_ne!(
        start.next(&event("a", "").with_change(FieldChange::new("x", "", ""))),
        start.next(&event("a", "")),
    );
}

#[test]
fn actors_and_subjects_round_trip() {
    for actor in [Actor::System, Actor::Person("jane: the admin".into())] {
        assert_eq!(actor.to_string().parse::<Actor>(), Ok(actor));
    }
    for subject in [
        Subject::Organization,
        Subject::Repository(RepositoryId::new(5).expect("not zero")),
        Subject::Group(GroupId::new(6).expect("not zero")),
        Subject::Secret("a:b".into()),
        Subject::LicensePool,
        Subject::Installation,
    ] {
        assert_eq!(subject.to_string().parse::<Subject>(), Ok(subject));
    }
    assert!("repository:0".parse::<Subject>().is_err());
    assert!("somebody".parse::<Actor>().is_err());
}

proptest! {
    #[test]
    fn any_tampering_shows(messages in prop::collection::vec("[a-z]{0,5}", 2..12), at in any::<prop::sample::Index>()) {
        let stored = chain(messages.iter().map(|message| event("k", message)).collect());
        let start = (0, ChainHash::GENESIS);
        prop_assert!(verify_chain(start, &stored).is_ok());

        let at = at.index(stored.len());
        let mut altered = stored.clone();
        altered[at].event.message.push('!');
        prop_assert!(verify_chain(start, &altered).is_err());

        let mut cut = stored.clone();
        cut.remove(at);
        prop_assert_eq!(verify_chain(start, &cut).is_ok(), at == stored.len() - 1);
    }
}
