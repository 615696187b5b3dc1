//! Signing in by a code that a person types at the host.

use super::*;
use crate::use_cases::Progress;
use crate::use_cases::ProgressEvent;

/// A person who decides as soon as the code is shown.
struct Person<'a> {
    bench: &'a TestBench,
    decides: fn(&TestBench, &str),
}

impl Progress for Person<'_> {
    fn report(&self, event: ProgressEvent) {
        if let ProgressEvent::EnterCode { code, uri, .. } = event {
            assert_eq!(uri, "https://git.example.com/oauth/device");
            (self.decides)(self.bench, &code);
        }
    }
}

fn try_device(decides: fn(&TestBench, &str)) -> (TestBench, Result<Organization, UseCaseError>) {
    let bench = TestBench::new(world(2)).with_instant_timer();
    let person = Person {
        bench: &bench,
        decides,
    };
    let signed = block_on(by_device(
        &bench.ports(),
        &sso_draft(),
        never(),
        jane(),
        &person,
    ));
    (bench, signed)
}

#[test]
fn a_code_that_is_approved_connects() {
    let (bench, organization) = try_device(|bench, code| bench.host.approve_device(code, 1));
    let organization = organization.expect("it connects");
    assert_eq!(organization.auth.as_str(), "sso");
    let person = Person {
        bench: &bench,
        decides: |bench, code| bench.host.approve_device(code, 1),
    };
    let renewed = block_on(by_device_again(
        &bench.ports(),
        &organization,
        (Access::Restore, BlindReconnect::Refused),
        never(),
        jane(),
        &person,
    ))
    .expect("it reconnects");
    assert_eq!(renewed.id, organization.id);
    assert_eq!(bench.host.living_pairs(), 1);
}

#[test]
fn a_denial_ends_it() {
    let (bench, denied) = try_device(|bench, code| bench.host.deny_device(code));
    assert_eq!(
        denied.expect_err("somebody said no").to_string(),
        "https://git.example.com says that the sign-in was denied"
    );
    check_nothing_stayed(&bench);
}

#[test]
fn nobody_waits_for_ever() {
    let (bench, late) = try_device(|_, _| {});
    assert_eq!(
        late.expect_err("nobody came").to_string(),
        "https://git.example.com says that the time to sign in is over"
    );
    assert!(
        bench.host.oauth_calls(OauthCall::PollDevice) <= 60,
        "every five seconds for five minutes"
    );
    check_nothing_stayed(&bench);
}

#[test]
fn a_host_that_is_asked_too_fast_is_asked_more_slowly() {
    let (bench, late) = try_device(|bench, _| bench.host.slow_devices_down(3));
    late.expect_err("nobody came");
    // 10, 15 and 20 seconds, and then every 20 until five minutes are over.
    assert_eq!(
        bench.host.oauth_calls(OauthCall::PollDevice),
        3 + (300 - 5 - 10 - 15) / 20
    );
}

#[test]
fn an_answer_that_got_lost_is_told_as_what_it_is() {
    let (bench, lost) = try_device(|bench, code| {
        bench
            .host
            .fail_oauth(OauthCall::PollDevice, OauthFault::AnswerLost);
        bench.host.approve_device(code, 1);
    });
    assert_snapshot!(lost.expect_err("the tokens are lost"), @"https://git.example.com does not accept the grant: the answer that had the tokens got lost on the way (the grant is invalid, expired or revoked)");
    assert_eq!(bench.host.oauth_calls(OauthCall::PollDevice), 2);
}

#[test]
fn a_network_that_fails_for_a_moment_is_borne() {
    let (_, organization) = try_device(|bench, code| {
        bench
            .host
            .fail_oauth(OauthCall::PollDevice, OauthFault::NotSent);
        bench
            .host
            .fail_oauth(OauthCall::PollDevice, OauthFault::NotSent);
        bench.host.approve_device(code, 1);
    });
    organization.expect("it connects");
}
