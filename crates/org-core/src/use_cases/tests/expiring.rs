//! The notices before an access token stops working.

use chrono::TimeDelta;

use super::*;
use crate::token::TokenFacts;
use crate::use_cases::expiry::remind;
use crate::use_cases::manage;

fn expires_in(bench: &TestBench, days: u64) {
    let today = bench.now().date_naive();
    bench.host.change_token("token-of-robot", |token| {
        token.expires_on = TokenFacts::day_after(today, days);
    });
}

fn notices(bench: &TestBench) -> Vec<String> {
    let filter = EventFilter {
        kind: Some("organization.token_expires".into()),
        ..EventFilter::default()
    };
    let events = block_on(bench.store.oldest(&filter, 10)).expect("the store answers");
    events
        .into_iter()
        .map(|stored| stored.event.message)
        .collect()
}

#[test]
fn a_sync_that_fails_gives_the_notice_too() {
    let bench = TestBench::new(world(1));
    expires_in(&bench, 20);
    let organization = connected(&bench);
    bench.host.take_offline("connection refused");
    assert_eq!(sync(&bench, &organization).state_word(), "failed");
    assert_eq!(sync(&bench, &organization).state_word(), "failed");
    assert_eq!(
        notices(&bench),
        [
            "the access token stops working in 20 days; rotate it, or make a new one at the host and reconnect the organization with it"
        ]
    );
}

#[test]
fn what_is_never_synchronized_is_reminded_of() {
    let bench = TestBench::new(world(1));
    expires_in(&bench, 20);
    let organization = connected(&bench);
    let ports = bench.ports();
    let paused = block_on(manage::pause(&ports, organization, jane())).expect("it pauses");
    let reminded = || block_on(remind(&ports)).expect("the store answers");
    assert_eq!((reminded(), reminded()), (1, 0), "30 days");
    bench.advance(TimeDelta::days(19));
    assert_eq!((reminded(), reminded()), (1, 0), "1 day");
    assert!(notices(&bench)[1].contains("stops working in 1 day;"));
    let paused = reload(&bench, &paused);
    block_on(manage::remove(&ports, paused, "Acme", jane())).expect("it is removed");
    bench.advance(TimeDelta::days(9));
    assert_eq!(reminded(), 0, "nobody cares any more");
}
