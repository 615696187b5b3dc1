//! What no version of the program wrote is an error with its place.

use org_core::ports::{AttemptStore, InventoryStore, LicenseStore, OrganizationStore, SyncStore};
use org_core::testing::build;
use sqlx::AssertSqlSafe;

use crate::support::{Scratch, connect, repositories, sync};

#[tokio::test]
async fn an_unreadable_cell_is_named() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    sync(store, organization, 10, repositories(1, 2)).await;
    store
        .save(&build::attempt(4, "Attempt"), &[])
        .await
        .expect("saved");
    let mut beside = scratch.beside().await;
    let mut spoil = async |sql: &str| {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut beside)
            .await
            .expect("the row is spoiled");
    };

    spoil("UPDATE repositories SET license_reason = 'whim' WHERE id = 2").await;
    let error = store.inventory(organization).await.expect_err("unreadable");
    insta::assert_snapshot!(error, @"the table repositories holds something unreadable in column license_reason of row organization 01950000-0000-7000-8000-000000000001, id 2");

    spoil("UPDATE organizations SET settings = '{}'").await;
    let error = store.roster().await.expect_err("unreadable");
    insta::assert_snapshot!(error, @"the table organizations holds something unreadable in column settings of row id 01950000-0000-7000-8000-000000000001");

    spoil("UPDATE syncs SET outcome = 'splendid'").await;
    let error = SyncStore::get(store, build::sync_id(10))
        .await
        .expect_err("unreadable");
    insta::assert_snapshot!(error, @"the table syncs holds something unreadable in column outcome of row id 01950000-0000-7000-8000-00000000000a");

    spoil("UPDATE attempts SET host = 'nowhere'").await;
    let error = AttemptStore::list(store, 3).await.expect_err("unreadable");
    insta::assert_snapshot!(error, @"the table attempts holds something unreadable in column host of row id 01950000-0000-7000-8000-000000000004");

    spoil("UPDATE installation SET seats = 'many'").await;
    let error = store.configured_seats().await.expect_err("unreadable");
    insta::assert_snapshot!(error, @"the table installation holds something unreadable in column seats of row id 1");
}
