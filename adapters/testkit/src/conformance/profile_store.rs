//! The suite of [`ProfileStore`].

use std::sync::Arc;

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use serde_json::{Map, Value, json};
use usher_domain::{
    ports::{Deleted, Expected, ProfileStore, Put, Version},
    profile::{MAX_PROFILE_BYTES, Profile},
    user_id::UserId,
};

use super::values::portable_object;

const WRITERS: usize = 32;
const GENERATED: usize = 64;

fn id(text: &str) -> UserId {
    UserId::parse(text).expect("a user id")
}

fn profile(attributes: &Value) -> Profile {
    let members: Map<String, Value> = attributes.as_object().cloned().unwrap_or_default();
    Profile::from_attributes(members).expect("a portable profile")
}

async fn put(store: &dyn ProfileStore, id: &UserId, attributes: &Value) -> Put {
    store
        .put(id, &profile(attributes), &Expected::Anything)
        .await
        .expect("a put")
}

async fn read(store: &dyn ProfileStore, id: &UserId) -> Option<Profile> {
    store
        .get(id)
        .await
        .expect("a read")
        .map(|stored| stored.profile)
}

async fn version(store: &dyn ProfileStore, id: &UserId) -> Version {
    store
        .get_for_write(id)
        .await
        .expect("a read")
        .expect("a profile")
        .version
}

/// Runs one write for each of many writers at once and counts what they came to.
async fn race<T, F, W>(write: W) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    W: Fn(usize) -> F,
{
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(writer)))
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("a writer"));
    }
    outcomes
}

crate::suite! {
    ($) profile_store_conformance for ProfileStore in profile_store;

    /// Nothing is there before it is put.
    async fn a_profile_that_was_never_put_is_absent(store) {
        assert_eq!(store.get(&id("nobody")).await.unwrap(), None);
        assert_eq!(store.get_for_write(&id("nobody")).await.unwrap(), None);
    }

    /// Put, read, replace, read.
    async fn what_was_put_is_read(store) {
        let alice = id("alice");
        let (one, two) = (json!({"name": "Alice", "age": 30}), json!({"name": "Alice B."}));
        assert_eq!(put(&*store, &alice, &one).await, Put::Created);
        assert_eq!(read(&*store, &alice).await, Some(profile(&one)));
        assert_eq!(put(&*store, &alice, &two).await, Put::Replaced);
        assert_eq!(read(&*store, &alice).await, Some(profile(&two)));
    }

    /// A profile without attributes is not the same as no profile.
    async fn an_empty_profile_is_a_profile(store) {
        assert_eq!(put(&*store, &id("alice"), &json!({})).await, Put::Created);
        assert_eq!(read(&*store, &id("alice")).await, Some(profile(&json!({}))));
        assert_eq!(put(&*store, &id("alice"), &json!({})).await, Put::Replaced);
    }

    /// Case, spaces, Unicode forms: a store must not fold what the domain keeps apart.
    async fn ids_that_look_alike_are_different_users(store) {
        let ids = [
            "alice", "Alice", "ALICE", "alice ", " alice", "alicé", "alice\u{301}", "ａlice",
            "straße", "strasse", "ﬀ", "ff", "1", "01", "1.0", "%61lice", "a'; --", "a\"b", "a\\b",
            "a%", "a_", "..", ".", "\u{1f600}", "null", "_usher",
        ];
        for (index, text) in ids.iter().enumerate() {
            assert_eq!(put(&*store, &id(text), &json!({"n": index})).await, Put::Created, "{text}");
        }
        for (index, text) in ids.iter().enumerate() {
            assert_eq!(read(&*store, &id(text)).await, Some(profile(&json!({"n": index}))), "{text}");
        }
        assert_eq!(store.delete(&id("alice"), &Expected::Anything).await.unwrap(), Deleted::Deleted);
        assert_eq!(read(&*store, &id("Alice")).await, Some(profile(&json!({"n": 1}))));
    }

    /// 256 bytes, in one and in many characters.
    async fn the_longest_ids_are_kept(store) {
        let (ascii, wide) = ("a".repeat(256), "é".repeat(128));
        for (index, text) in [&ascii, &wide].into_iter().enumerate() {
            put(&*store, &id(text), &json!({"n": index})).await;
        }
        assert_eq!(read(&*store, &id(&ascii)).await, Some(profile(&json!({"n": 0}))));
        assert_eq!(read(&*store, &id(&wide)).await, Some(profile(&json!({"n": 1}))));
        assert_eq!(read(&*store, &id(&ascii[..255])).await, None);
    }

    /// A store that reads for several callers at once gives each their own.
    async fn everyone_who_reads_at_once_gets_their_own(store) {
        let name = |number: usize| format!("user \"{number}\\");
        for number in 0..20 {
            put(&*store, &id(&name(number)), &json!({"n": number})).await;
        }
        // The same profile for many, and some that are not there.
        let reads: Vec<_> = (0..200)
            .map(|reader| {
                let (store, id) = (Arc::clone(&store), id(&name(reader % 25)));
                tokio::spawn(async move { read(&*store, &id).await })
            })
            .collect();
        for (reader, found) in reads.into_iter().enumerate() {
            let number = reader % 25;
            let own = (number < 20).then(|| profile(&json!({"n": number})));
            assert_eq!(found.await.expect("a reader"), own, "{number}");
        }
    }

    /// Create, never replace.
    async fn creating_twice_conflicts(store) {
        let (alice, one) = (id("alice"), profile(&json!({"n": 1})));
        assert_eq!(store.put(&alice, &one, &Expected::Absent).await.unwrap(), Put::Created);
        let two = profile(&json!({"n": 2}));
        assert_eq!(store.put(&alice, &two, &Expected::Absent).await.unwrap(), Put::Conflict);
        assert_eq!(read(&*store, &alice).await, Some(one));
    }

    /// Delete, and delete again.
    async fn deleting_twice_finds_nothing(store) {
        let alice = id("alice");
        put(&*store, &alice, &json!({"n": 1})).await;
        assert_eq!(store.delete(&alice, &Expected::Anything).await.unwrap(), Deleted::Deleted);
        assert_eq!(read(&*store, &alice).await, None);
        assert_eq!(store.delete(&alice, &Expected::Anything).await.unwrap(), Deleted::Absent);
        assert_eq!(put(&*store, &alice, &json!({"n": 2})).await, Put::Created);
    }

    /// A version is good for one write.
    async fn a_version_is_spent_by_the_write_that_uses_it(store) {
        let alice = id("alice");
        put(&*store, &alice, &json!({"n": 1})).await;
        let expected = Expected::Version(version(&*store, &alice).await);
        let (two, three) = (profile(&json!({"n": 2})), profile(&json!({"n": 3})));
        assert_eq!(store.put(&alice, &two, &expected).await.unwrap(), Put::Replaced);
        assert_eq!(store.put(&alice, &three, &expected).await.unwrap(), Put::Conflict);
        assert_eq!(store.delete(&alice, &expected).await.unwrap(), Deleted::Conflict);
        assert_eq!(read(&*store, &alice).await, Some(two));
        let expected = Expected::Version(version(&*store, &alice).await);
        assert_eq!(store.delete(&alice, &expected).await.unwrap(), Deleted::Deleted);
        assert_eq!(store.delete(&alice, &expected).await.unwrap(), Deleted::Absent);
    }

    /// Writing the same content again is a write like any other.
    async fn a_version_is_spent_by_an_equal_content_too(store) {
        let alice = id("alice");
        put(&*store, &alice, &json!({"n": 1})).await;
        let expected = Expected::Version(version(&*store, &alice).await);
        put(&*store, &alice, &json!({"n": 1})).await;
        let two = profile(&json!({"n": 2}));
        assert_eq!(store.put(&alice, &two, &expected).await.unwrap(), Put::Conflict);
    }

    /// A profile that was deleted and made anew is another one, however much it looks the same.
    async fn the_version_of_a_deleted_profile_is_never_found_again(store) {
        let alice = id("alice");
        put(&*store, &alice, &json!({"n": 1})).await;
        let expected = Expected::Version(version(&*store, &alice).await);
        store.delete(&alice, &Expected::Anything).await.unwrap();
        let two = profile(&json!({"n": 2}));
        assert_eq!(store.put(&alice, &two, &expected).await.unwrap(), Put::Conflict);
        assert_eq!(read(&*store, &alice).await, None, "a version must not create");
        put(&*store, &alice, &json!({"n": 1})).await;
        assert_eq!(store.put(&alice, &two, &expected).await.unwrap(), Put::Conflict);
        assert_eq!(store.delete(&alice, &expected).await.unwrap(), Deleted::Conflict);
    }

    /// A version names a state of one profile.
    async fn the_version_of_another_profile_does_not_match(store) {
        put(&*store, &id("alice"), &json!({"n": 1})).await;
        put(&*store, &id("bob"), &json!({"n": 1})).await;
        let expected = Expected::Version(version(&*store, &id("alice")).await);
        let two = profile(&json!({"n": 2}));
        assert_eq!(store.put(&id("bob"), &two, &expected).await.unwrap(), Put::Conflict);
        assert_eq!(store.delete(&id("bob"), &expected).await.unwrap(), Deleted::Conflict);
    }

    /// A version that no store made matches nothing, and is no error.
    async fn a_foreign_version_does_not_match(store) {
        put(&*store, &id("alice"), &json!({"n": 1})).await;
        let two = profile(&json!({"n": 2}));
        for text in ["x", "1", "0.0", "999999999999999999999.1"] {
            let expected = Expected::Version(Version::new(text));
            let put = store.put(&id("alice"), &two, &expected).await.unwrap();
            // A store may by chance have made this one.
            if expected != Expected::Version(version(&*store, &id("alice")).await) && put == Put::Conflict {
                continue;
            }
            assert_eq!(text, "1", "only a plain number may be a store's own version");
        }
    }

    /// Expecting absence is no way to delete.
    async fn expecting_absence_deletes_nothing(store) {
        put(&*store, &id("alice"), &json!({"n": 1})).await;
        let absent = Expected::Absent;
        assert_eq!(store.delete(&id("alice"), &absent).await.unwrap(), Deleted::Conflict);
        assert_eq!(store.delete(&id("bob"), &absent).await.unwrap(), Deleted::Absent);
        assert_eq!(read(&*store, &id("alice")).await, Some(profile(&json!({"n": 1}))));
    }

    /// Many writers hold the same version; one of them gets through.
    async fn of_many_writers_with_one_version_exactly_one_wins(store) {
        let alice = id("alice");
        put(&*store, &alice, &json!({"round": 0})).await;
        for round in 1..=4 {
            let expected = Expected::Version(version(&*store, &alice).await);
            let outcomes = race(|writer| {
                let (store, expected) = (Arc::clone(&store), expected.clone());
                async move {
                    let mine = profile(&json!({"round": round, "writer": writer}));
                    (writer, store.put(&id("alice"), &mine, &expected).await.unwrap())
                }
            })
            .await;
            let winners: Vec<_> =
                outcomes.iter().filter(|(_, put)| *put == Put::Replaced).collect();
            assert_eq!(winners.len(), 1, "{outcomes:?}");
            let expected = profile(&json!({"round": round, "writer": winners[0].0}));
            assert_eq!(read(&*store, &alice).await, Some(expected));
        }
    }

    /// Many writers find nothing; one of them creates.
    async fn of_many_creators_exactly_one_wins(store) {
        let outcomes = race(|writer| {
            let store = Arc::clone(&store);
            async move {
                let mine = profile(&json!({"writer": writer}));
                store.put(&id("alice"), &mine, &Expected::Absent).await.unwrap()
            }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|put| **put == Put::Created).count(), 1);
        assert_eq!(outcomes.iter().filter(|put| **put == Put::Conflict).count(), WRITERS - 1);
    }

    /// Many writers demand nothing: all get through, and exactly one of them says that it created.
    async fn of_many_unconditional_puts_exactly_one_creates(store) {
        let outcomes = race(|writer| {
            let store = Arc::clone(&store);
            async move { put(&*store, &id("alice"), &json!({"writer": writer})).await }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|put| **put == Put::Created).count(), 1);
        assert_eq!(outcomes.iter().filter(|put| **put == Put::Replaced).count(), WRITERS - 1);
    }

    /// Many delete; one of them did it.
    async fn of_many_deleters_exactly_one_deletes(store) {
        put(&*store, &id("alice"), &json!({"n": 1})).await;
        let outcomes = race(|_| {
            let store = Arc::clone(&store);
            async move { store.delete(&id("alice"), &Expected::Anything).await.unwrap() }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|deleted| **deleted == Deleted::Deleted).count(), 1);
    }

    /// The corners of the portable form, each on its own.
    async fn the_corners_of_the_portable_form_come_back_equal(store) {
        let mut deep = json!({"end": true});
        for _ in 1..32 {
            deep = json!({"a": deep});
        }
        let wide: Map<String, Value> =
            (0..500).map(|index| (format!("m{index}"), json!(index))).collect();
        for attributes in [
            json!({"n": [i64::MIN, i64::MAX, 0, -1, 9_007_199_254_740_993_i64]}),
            json!({"n": [0.1, -0.1, 1e-130, 9.999e125, -9.999e125, 1e20, 1e21, 1.5e-7, 123.456]}),
            json!({"n": [1.797_693_134_862_315_7e100, 2.225_073_858_507_201_4e-100]}),
            json!({"s": ["", " ", "\u{1}\u{1f}\u{7f}\u{80}", "é", "e\u{301}", "\u{1f469}\u{200d}"]}),
            json!({"s": ["\\", "\"", "\\u0000", "'; DROP TABLE profiles; --", "\u{2028}\u{ffff}"]}),
            json!({"o": {}, "a": [], "n": null, "t": true, "f": false, "aa": [[], [{}], [null]]}),
            json!({"S": {"N": "1"}, "$ref": 1, "a.b": 2, "a/b~c": 3, " ": 4, "é": 5, "x": {"_y": 6}}),
            deep,
            Value::Object(wide),
        ] {
            let expected = profile(&attributes);
            put(&*store, &id("corner"), &attributes).await;
            let found = read(&*store, &id("corner")).await.expect("a profile");
            assert_eq!(found.as_json(), expected.as_json());
            assert_eq!(found.tag(), expected.tag());
        }
    }

    /// The largest profile that may be configured.
    async fn the_largest_profile_comes_back_equal(store) {
        // Short members, and short lists in lists, are what a store's own encoding blows up most.
        let mut members = Map::new();
        while members.len() < MAX_PROFILE_BYTES / 16 {
            members.insert(format!("m{:06}", members.len()), json!("v"));
        }
        let text = "x".repeat(MAX_PROFILE_BYTES - 16);
        // As many as a profile may have: a few more are refused.
        let lists = |count: usize| json!({"a": vec![json!([1]); count]});
        let is_portable = |attributes: &Value| {
            let body = attributes.to_string();
            Profile::parse(body.as_bytes(), &id("large"), MAX_PROFILE_BYTES).is_ok()
        };
        let (mut least, mut most) = (0, MAX_PROFILE_BYTES / 4);
        while most - least > 1 {
            let count = usize::midpoint(least, most);
            *(if is_portable(&lists(count)) { &mut least } else { &mut most }) = count;
        }
        assert!(lists(most).to_string().len() < MAX_PROFILE_BYTES);
        let large = [Value::Object(members), json!({"text": text}), lists(least)];
        for attributes in large {
            assert!(is_portable(&attributes));
            let expected = profile(&attributes);
            assert!(expected.as_json().len() <= MAX_PROFILE_BYTES);
            put(&*store, &id("large"), &attributes).await;
            assert_eq!(read(&*store, &id("large")).await, Some(expected));
        }
    }

    /// Generated objects: what is put comes back equal, with the same tag; other content has
    /// another tag.
    async fn any_portable_profile_comes_back_equal_with_the_same_tag(store) {
        let mut runner = TestRunner::deterministic();
        let mut previous: Option<Profile> = None;
        for _ in 0..GENERATED {
            let attributes = portable_object().new_tree(&mut runner).expect("an object").current();
            let expected = profile(&Value::Object(attributes));
            store.put(&id("any"), &expected, &Expected::Anything).await.expect("a put");
            let found = read(&*store, &id("any")).await.expect("a profile");
            assert_eq!(found.as_json(), expected.as_json());
            assert_eq!(found.tag(), expected.tag());
            if let Some(previous) = previous.filter(|previous| previous.as_json() != found.as_json()) {
                assert_ne!(previous.tag(), found.tag());
            }
            previous = Some(found);
        }
    }

    /// A store that is there says so.
    async fn a_store_that_can_serve_says_so(store) {
        store.ping().await.expect("an answer");
    }
}
