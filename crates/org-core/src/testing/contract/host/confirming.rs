//! Each id that is asked for has an answer.

use super::{HostUnderTest, MANY, confirm};
use crate::ids::RepositoryId;
use crate::ports::Confirmation;
use crate::testing::contract::assert_matches;

/// Every id asked for is in the answer; what may not be seen never counts as present.
pub async fn confirm_answers_each_id(test: impl HostUnderTest) {
    let here = test.repository_id("acme/platform/core/engine");
    let personal = test.repository_id("robot/notes");
    let nowhere = RepositoryId::new(999_999_999).expect("not zero");
    let hidden = test.repository_id("hidden/plans");
    let answer = confirm(&test, &[nowhere, here, hidden, personal]).await;
    assert_eq!(answer.len(), 4);
    assert!(answer[&here].is_present());
    assert!(answer[&personal].is_present());
    assert_eq!(answer[&nowhere], Confirmation::Absent);
    assert_matches!(
        &answer[&hidden],
        Confirmation::Absent | Confirmation::Unknown { .. }
    );
}

/// Nothing asked, nothing answered.
pub async fn confirm_of_nothing_is_empty(test: impl HostUnderTest) {
    assert!(confirm(&test, &[]).await.is_empty());
}

/// More ids than fit into one request are no trouble.
pub async fn confirm_of_many_is_whole(test: impl HostUnderTest) {
    let ids: Vec<RepositoryId> = (1..=MANY)
        .map(|n| test.repository_id(&format!("acme/many/project-{n:03}")))
        .collect();
    let answer = confirm(&test, &ids).await;
    assert_eq!(answer.len(), MANY);
    for id in ids {
        assert!(answer[&id].is_present());
    }
}

/// What the host deleted for good is absent, and what stands beside it is not.
pub async fn confirm_of_a_deleted_repository_is_absent(test: impl HostUnderTest) {
    let (gone, stays) = (
        test.repository_id("acme/app"),
        test.repository_id("acme/old"),
    );
    test.delete_repository("acme/app").await;
    let answer = confirm(&test, &[gone, stays]).await;
    assert_eq!(answer[&gone], Confirmation::Absent);
    assert!(answer[&stays].is_present());
}
