//! The license pool, its policy, and one repository's license.

use insta::assert_snapshot;

use crate::place::{Place, steady};
use crate::sim::Sim;

#[test]
fn seats_are_given_in_order_and_pass_on_when_they_are_free() {
    let (place, sim) = (Place::new(), Sim::company());
    assert_snapshot!(place.ok(&["license", "seats"]), @"Seats:  unlimited");
    place.ok(&["license", "seats", "2"]);
    sim.connect(&place, &["--license-existing", "all"]).ok();
    assert_snapshot!(steady(&place.ok(&["license", "status"])), @"
    Seats:  2
    Taken:  2
    Free:  0
    Waiting:  2
    Policy:  exclude archived
      exclude pending-deletion
      include all

    By organization
    Organization  Licensed  Waiting
    acme  2  2
    ");
    assert_snapshot!(steady(&place.ok(&["license", "holders"])), @"
    Path  Organization  Id  Created  Since  By
    acme/api  acme  1  [time]  [time]  existing-all
    acme/web  acme  2  [time]  [time]  existing-all
    ");
    assert_snapshot!(steady(&place.ok(&["license", "waiting"])), @"
    Path  Organization  Id  Created  Since  By
    acme/old  acme  3  [time]  [time]  existing-all
    acme/platform/core  acme  4  [time]  [time]  existing-all
    ");
    assert_snapshot!(place.ok(&["repo", "assign", "acme/api"]), @"acme/api stays as it is");
    assert_snapshot!(place.ok(&["repo", "release", "acme/api"]), @"acme/api has no license any more; its seat is free");
    assert_eq!(
        place.json(&["repo", "show", "acme/old"])["repository"]["license"]["state"],
        "licensed"
    );
    assert_snapshot!(place.ok(&["repo", "assign", "acme/api"]), @"acme/api waits for a free seat");
    assert_snapshot!(place.ok(&["repo", "release", "acme/api"]), @"acme/api waits no longer");
    assert_snapshot!(place.run(&["license", "seats", "1"]).code(4).stderr, @"
    error: 2 seats are held, so the pool cannot shrink to 1
    hint: release licenses first
    ");
    let granted = place.json(&["license", "seats", "unlimited"]);
    assert_eq!(
        (&granted["seats"], &granted["granted"]),
        (&serde_json::Value::Null, &1.into())
    );
}

#[test]
fn a_policy_is_tried_before_it_is_set() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &[]).ok();
    let shown = place.ok(&["license", "policy", "show"]);
    assert_snapshot!(shown, @"
    exclude archived
    exclude pending-deletion
    include all
    ");
    let policy = "# ours\nexclude path acme/web\n\ninclude group acme/platform\nexclude all\n";
    let file = place.file("policy.txt", policy);
    assert_snapshot!(steady(&place.ok(&["license", "policy", "test", &file])), @"
    Path  Organization  Verdict  Rule  License today
    acme/api  acme  exclude  exclude all  unlicensed
    acme/old  acme  exclude  exclude all  unlicensed
    acme/platform/core  acme  include  include group acme/platform  unlicensed
    acme/web  acme  exclude  exclude path acme/web  unlicensed
    ");
    assert_eq!(
        place.ok(&["license", "policy", "show"]),
        shown,
        "trying changes nothing"
    );
    place
        .run_with(&["license", "policy", "set", "-"], policy)
        .ok();
    assert_snapshot!(place.ok(&["license", "policy", "show"]), @"
    exclude path acme/web
    include group acme/platform
    exclude all
    ");
    let tried = place.json(&[
        "license",
        "policy",
        "test",
        "--organization",
        "acme",
        "--limit",
        "1",
    ]);
    assert_eq!(tried["items"][0]["rule"], "exclude all");
}
