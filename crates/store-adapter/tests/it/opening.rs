//! Opening: what is made, what is refused, and with which words.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use org_core::ports::{AttemptStore, EventStore, StoreError};
use org_core::testing::build;
use sqlx::{Connection, SqlSafeStr as _};
use store_adapter::{Store, StoreOptions};

use crate::support::{Scratch, beside, connect, file, get, open};

#[tokio::test]
async fn a_new_database_is_for_its_owner_alone() {
    let scratch = Scratch::new().await;
    connect(&scratch.store, 1).await;
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", scratch.path().display());
        let mode = std::fs::metadata(&path).expect(&path).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

/// The newest version of the database.
const NEWEST: i64 = 5;

/// An attempt as version 1 wrote it: its login was never missing then.
#[tokio::test]
async fn what_the_first_version_kept_is_there_after_the_migration() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = file(folder.path());
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let mut old = sqlx::SqliteConnection::connect(&url).await.expect("a file");
    let first = sqlx::migrate::Migrator::with_migrations(vec![sqlx::migrate::Migration::new(
        1,
        "first tables".into(),
        sqlx::migrate::MigrationType::Simple,
        include_str!("../../migrations/sqlite/0001_first_tables.sql").into_sql_str(),
        false,
    )]);
    first
        .run_direct(None, &mut old, false)
        .await
        .expect("the first tables");
    let settings = r#"{"personal_namespace":"included","protect_groups":"off","auto_license":"on","license_existing":"none","schedule":"manual","default_device":"00000000-0000-0000-0000-000000000001"}"#;
    sqlx::query(
        "INSERT INTO attempts (id, name, service, host, login, secret, settings, state, created_at, expires_at, position) \
         VALUES ($1, 'Acme', 'gitlab', 'https://git.example.com', 'robot', NULL, $2, 'open', $3, $4, 7)",
    )
    .bind(build::attempt_id(1).as_uuid())
    .bind(settings)
    .bind(build::noon().timestamp_micros())
    .bind((build::noon() + org_core::attempt::ATTEMPT_LIFETIME).timestamp_micros())
    .execute(&mut old)
    .await
    .expect("an attempt");
    old.close().await.expect("closed");
    let store = open(&path).await;
    assert_eq!(store.version().await.expect("a version"), NEWEST);
    let kept = store.list(10).await.expect("the attempts");
    assert_eq!(kept, [build::attempt(1, "Acme")]);
}

#[tokio::test]
async fn opening_again_keeps_everything_and_migrates_nothing() {
    let scratch = Scratch::new().await;
    let id = connect(&scratch.store, 1).await;
    let before = get(&scratch.store, id).await;
    scratch.store.close().await;
    let again = open(&scratch.path()).await;
    assert_eq!(get(&again, id).await, before);
    assert_eq!(again.version().await.expect("a version"), NEWEST);
    let report = again.check().await.expect("a report");
    assert!(report.is_sound(), "{report:?}");
}

#[tokio::test]
async fn many_may_make_the_same_database_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = file(folder.path());
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { open(&path).await })
        })
        .collect();
    for opened in opening {
        let store = opened.await.expect("no panic");
        store
            .append(&[build::event("test.opened")])
            .await
            .expect("it can be written");
    }
    let report = open(&path).await.check().await.expect("a report");
    assert_eq!((report.events, report.is_sound()), (8, true));
}

/// What opening `path` is refused with, the temporary folder cut out of it.
async fn refusal(folder: &Path, path: &Path) -> String {
    match Store::open(StoreOptions::new(path)).await {
        Ok(_) => "it opens".to_owned(),
        Err(error) => error
            .to_string()
            .replace(&folder.display().to_string(), "~"),
    }
}

#[tokio::test]
async fn a_place_that_will_not_do_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let here = folder.path();
    insta::assert_snapshot!(refusal(here, &here.join("missing/x.db")).await, @"the database cannot be used: ~/missing/x.db: its folder does not exist; make it first");
    insta::assert_snapshot!(refusal(here, here).await, @"the database cannot be used: ~: it is not a file");

    let text = here.join("letter.txt");
    std::fs::write(&text, "Dear database,\n".repeat(100)).expect("a file is written");
    insta::assert_snapshot!(refusal(here, &text).await, @"the database cannot be used: ~/letter.txt: it is not a database");

    let foreign = here.join("foreign.db");
    std::fs::write(&foreign, "").expect("a file is written");
    let mut connection = beside(&foreign).await;
    sqlx::raw_sql("CREATE TABLE bookmarks (url TEXT)")
        .execute(&mut connection)
        .await
        .expect("a table is made");
    connection.close().await.expect("it closes");
    insta::assert_snapshot!(refusal(here, &foreign).await, @"the database cannot be used: ~/foreign.db: it is the database of another program");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_without_rights_is_named() {
    // Even the superuser can make no file here.
    let path = Path::new("/proc/forgehold.db");
    let error = Store::open(StoreOptions::new(path))
        .await
        .expect_err("no file can be made there");
    assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
    assert!(error.to_string().contains("/proc/forgehold.db"), "{error}");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let scratch = Scratch::new().await;
    scratch.store.close().await;
    let mut connection = scratch.beside().await;
    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (7, 'from the future', TRUE, x'00', 0), (8, 'as well', TRUE, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .expect("the version is raised");
    let error = Store::open(StoreOptions::new(scratch.path()))
        .await
        .expect_err("it is refused");
    insta::assert_snapshot!(error, @"the database is of version 8, newer than this program's 5; use a program at least as new as the one that wrote it");
}
