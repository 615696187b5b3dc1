//! The forms that stores keep come back as they went in.

use uuid::Uuid;

use super::*;

#[test]
fn statuses_round_trip() {
    let text = || "a detail: with a colon".to_owned();
    let at = DateTime::from_timestamp_micros(1_790_000_000_123_456).expect("in range");
    let mut statuses = vec![Status::Connected, Status::Paused, Status::Removed { at }];
    statuses.extend(
        [
            ActionReason::TokenExpired,
            ActionReason::TokenRevoked,
            ActionReason::ScopeMissing {
                scope: "read_api".into(),
            },
            ActionReason::AccessDenied { detail: text() },
            ActionReason::LoginMismatch {
                actual: "jane".into(),
            },
            ActionReason::SecretUnavailable { detail: text() },
            ActionReason::HostUnreachable { detail: text() },
            ActionReason::DeviceOffline,
            ActionReason::SyncHeld {
                sync: SyncId::from_uuid(Uuid::from_u128(7)),
            },
        ]
        .map(Status::ActionRequired),
    );
    for status in statuses {
        assert_eq!(status.to_string().parse::<Status>(), Ok(status));
    }
    for bad in [
        "",
        "gone",
        "action_required:x",
        "removed:yesterday",
        "action_required:sync_held:x",
    ] {
        assert!(bad.parse::<Status>().is_err(), "{bad:?}");
    }
}
