//! The license policy: the default, setting it, and two who set it at once.

use super::super::scene::kinds;
use super::super::{Stores, assert_matches};
use crate::license::policy::LicensePolicy;
use crate::ports::{Stale, StoreError};
use crate::testing::build::{event, parsed};

/// Nobody has to write a policy.
pub async fn the_policy_is_the_default_until_set(stores: Stores) {
    let policy = stores.licenses.policy().await.expect("a store");
    assert_eq!(policy, LicensePolicy::default());
}

/// The last one counts, with its event.
pub async fn the_policy_comes_back_as_it_was_set(stores: Stores) {
    let mut before = LicensePolicy::default();
    for text in [
        "exclude fork\ninclude all",
        "exclude path \"ż\"/**\ninclude topic łódź\nexclude all",
    ] {
        let policy = parsed(text);
        stores
            .licenses
            .set_policy(&before, &policy, &[event("policy.set")])
            .await
            .expect("a store");
        assert_eq!(stores.licenses.policy().await.expect("a store"), policy);
        before = policy;
    }
    assert_eq!(kinds(&stores).await, ["policy.set", "policy.set"]);
}

/// Who looked at another one loses nothing of what somebody else set meanwhile.
pub async fn a_policy_is_set_in_the_place_of_the_one_that_was_seen(stores: Stores) {
    let (default, first) = (
        LicensePolicy::default(),
        parsed("exclude fork\ninclude all"),
    );
    let set = async |before, policy| {
        let events = [event("policy.set")];
        stores.licenses.set_policy(before, policy, &events).await
    };
    set(&default, &first).await.expect("nobody was faster");
    let second = parsed("exclude all");
    for seen in [&default, &second] {
        assert_matches!(
            set(seen, &second).await,
            Err(StoreError::Stale {
                what: Stale::Policy
            })
        );
    }
    assert_eq!(stores.licenses.policy().await.expect("a store"), first);
    assert_eq!(kinds(&stores).await, ["policy.set"]);
}
