//! What only a database file can do wrong.

use std::{
    future::Future as _,
    num::{NonZeroU32, NonZeroU64},
    path::Path,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use sqlx::{ConnectOptions as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};
use usher_domain::{
    ports::{
        Applied, Change, Expected, KeyStore as _, ProfileStore as _, Put, Revision, StoreErrorKind,
        Taken, UsageStore as _,
    },
    profile::Profile,
    time::Timestamp,
    usage::{
        account::Limits,
        api_key::ApiKeyId,
        membership::{Account, AccountName, Holder},
        plan::PlanId,
        quota::{Period, Quota},
    },
    user_id::UserId,
};
use usher_store_sqlite::{
    Sqlite, SqliteKeyStore, SqliteProfileStore, SqliteSettings, SqliteUsageStore,
};

fn settings(path: &Path, migrate: bool) -> SqliteSettings {
    SqliteSettings {
        path: path.to_owned(),
        migrate,
        timeout: Duration::from_secs(5),
    }
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .expect("a connection")
}

fn user(number: usize) -> UserId {
    UserId::parse(&format!("user-{number}")).expect("an id")
}

/// With so many profiles.
async fn store_of(path: &Path, profiles: usize) -> Arc<SqliteProfileStore> {
    let database = Sqlite::open(&settings(path, true)).await.unwrap();
    let store = SqliteProfileStore::new(database);
    let profile = Profile::from_stored_json(b"{}").unwrap();
    for number in 0..profiles {
        store
            .put(&user(number), &profile, &Expected::Anything)
            .await
            .unwrap();
    }
    Arc::new(store)
}

#[tokio::test]
async fn a_row_that_does_not_parse_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let store = SqliteProfileStore::new(Sqlite::open(&settings(&path, true)).await.unwrap());
    let (alice, profile) = (
        UserId::parse("alice").unwrap(),
        Profile::from_stored_json(b"{}").unwrap(),
    );
    store
        .put(&alice, &profile, &Expected::Anything)
        .await
        .unwrap();
    for broken in ["{\"secret\":", "[]", "{\"_x\":1}"] {
        raw(&path)
            .await
            .execute(sqlx::query("UPDATE profiles SET body = ?").bind(broken))
            .await
            .unwrap();
        let error = store.get(&alice).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert_eq!(
            error.to_string(),
            "SQLite: table profiles, column body, row id 1"
        );
    }
}

/// Reads that come together are one statement: what is wrong with one of them is its own.
#[tokio::test]
async fn a_row_that_does_not_parse_fails_for_whoever_asked_for_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let store = store_of(&path, 3).await;
    raw(&path)
        .await
        .execute("UPDATE profiles SET body = '[', digest = NULL WHERE user_id = 'user-1'")
        .await
        .unwrap();
    let reads = (0..100).map(|reader| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.get(&user(reader % 3)).await })
    });
    for (reader, read) in reads.collect::<Vec<_>>().into_iter().enumerate() {
        let read = read.await.unwrap().map_err(|error| error.to_string());
        let broken = "SQLite: table profiles, column body, row id 2";
        match reader % 3 {
            1 => assert_eq!(read.unwrap_err(), broken),
            _ => assert!(read.unwrap().is_some()),
        }
    }
}

/// Those who came together do not depend on each other: neither when the first of them gives up nor when all fail.
#[tokio::test]
async fn a_reader_that_gives_up_takes_nobody_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let store = store_of(&path, 1).await;
    for _ in 0..100 {
        {
            // Asked for, and dropped before the answer.
            let id = user(0);
            let mut first = pin!(store.get(&id));
            let asked = std::future::poll_fn(|context| Poll::Ready(first.as_mut().poll(context)));
            assert!(asked.await.is_pending());
        }
        assert!(store.get(&user(0)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn when_a_statement_fails_everyone_who_waits_for_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let store = store_of(&path, 1).await;
    let rename = "ALTER TABLE profiles RENAME TO elsewhere";
    raw(&path).await.execute(rename).await.unwrap();
    for _ in 0..3 {
        let reads: Vec<_> = (0..100)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.get(&user(0)).await })
            })
            .collect();
        for read in reads {
            let error = read.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Internal);
            assert_eq!(error.to_string(), "SQLite: could not read a profile");
        }
    }
    let back = "ALTER TABLE elsewhere RENAME TO profiles";
    raw(&path).await.execute(back).await.unwrap();
    assert!(store.get(&user(0)).await.unwrap().is_some());
}

/// SQLite commits a statement that returns rows when it is read to its end: whoever takes the first row and goes
/// is not told that nothing was written.
#[tokio::test]
async fn a_write_whose_commit_fails_is_not_answered_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let store = store_of(&path, 1).await;
    // Violated by every write, and looked at by the commit alone, as a disk is that is full.
    let fails = "CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER one AFTER INSERT ON profiles BEGIN INSERT INTO child VALUES (1); END;
        CREATE TRIGGER two AFTER UPDATE ON profiles BEGIN INSERT INTO child VALUES (1); END;";
    raw(&path).await.execute(fails).await.unwrap();
    let profile = Profile::from_stored_json(b"{\"new\":true}").unwrap();
    let version = store.get(&user(0)).await.unwrap().unwrap().version;
    for (number, expected) in [
        (0, Expected::Anything),
        (0, Expected::Version(version)),
        (1, Expected::Anything),
        (1, Expected::Absent),
    ] {
        let put = store.put(&user(number), &profile, &expected).await;
        assert!(put.is_err(), "{expected:?}: {put:?}");
    }
    assert_eq!(store.get(&user(1)).await.unwrap(), None);
    let healed = "DROP TRIGGER one; DROP TRIGGER two";
    raw(&path).await.execute(healed).await.unwrap();
    let put = store.put(&user(1), &profile, &Expected::Anything).await;
    assert_eq!(put.unwrap(), Put::Created);
}

/// What SQLite undoes by itself (a disk that is full, an I/O error) cannot be undone again; a driver that counts on
/// it takes no transaction any more.
#[tokio::test]
async fn after_a_transaction_that_failed_the_next_one_is_as_good_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let database = Sqlite::open(&settings(&path, true)).await.unwrap();
    let usage = SqliteUsageStore::new(database.clone());
    let keys = SqliteKeyStore::new(database);
    let account = Account {
        name: AccountName {
            plan: PlanId::new("uvw0123"),
            holder: Holder::Key(ApiKeyId::new("key")),
        },
        limits: Limits {
            quota: Some(Quota::new(NonZeroU64::new(100).unwrap(), Period::Day)),
            ..Limits::default()
        },
    };
    let fails = "CREATE TRIGGER one BEFORE INSERT ON usage_accounts BEGIN SELECT RAISE(ROLLBACK, 'full'); END;
        CREATE TRIGGER two BEFORE DELETE ON api_keys BEGIN SELECT RAISE(ROLLBACK, 'full'); END;
        INSERT INTO api_keys (id, hash, name, description, enabled) VALUES ('k', zeroblob(32), '', '', 0);";
    raw(&path).await.execute(fails).await.unwrap();
    let now = Timestamp::from_seconds(1_000_000);
    let delete = [Change::DeleteKey(ApiKeyId::new("k"))];
    let revision = keys.revision().await.unwrap();
    assert!(usage.take(&account, NonZeroU32::MIN, now).await.is_err());
    assert!(keys.apply(&delete, revision).await.is_err());
    let healed = "DROP TRIGGER one; DROP TRIGGER two";
    raw(&path).await.execute(healed).await.unwrap();
    let taken = usage.take(&account, NonZeroU32::MIN, now).await.unwrap();
    let Taken::Granted { levels, .. } = taken else {
        panic!("{taken:?}");
    };
    assert_eq!(
        levels.quota.unwrap().remaining,
        99,
        "the first is not counted"
    );
    let applied = keys.apply(&delete, revision).await.unwrap();
    assert_eq!(applied, Applied::Done(Revision(revision.0 + 1)));
}

#[tokio::test]
async fn an_older_schema_stops_the_start_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let error = Sqlite::open(&settings(&path, false)).await.unwrap_err();
    assert_eq!(
        error.kind(),
        StoreErrorKind::Unavailable,
        "no file is made for a mistyped path"
    );
    std::fs::write(&path, "").unwrap();
    let error = Sqlite::open(&settings(&path, false))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("usher migrate"), "{error}");
    Sqlite::open(&settings(&path, true)).await.unwrap();
    Sqlite::open(&settings(&path, false)).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_stops_the_start_with_and_without_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    Sqlite::open(&settings(&path, true)).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) VALUES (99, 'later', true, x'00', 0)";
    raw(&path).await.execute(newer).await.unwrap();
    for migrate in [true, false] {
        let error = Sqlite::open(&settings(&path, migrate))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("newer") || error.contains("use the program that made it"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("usher.db");
    let error = Sqlite::open(&settings(&path, true)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    std::fs::write(
        &path,
        "somebody else's file, long enough to have a header of its own".repeat(20),
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Sqlite::open(&settings(&path, true)).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// A lock that is held between looking for what is missing and adding it, whoever does it.
#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_migrate_at_once() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usher.db");
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let settings = settings(&path, true);
                tokio::spawn(async move { Sqlite::open(&settings).await.map(drop) })
            })
            .collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
        let steps: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations")
            .fetch_all(&mut raw(&path).await)
            .await
            .unwrap();
        assert_eq!(steps, [1, 2, 3]);
    }
}
