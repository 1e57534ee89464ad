//! Clients of the domain's service, who all come at once.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::sync::Barrier;
use usher_domain::{
    access::Action,
    entity_tag::{Preconditions, TagList},
    patch::Patch,
    ports::{Deleted, Expected, ProfileStore, Put, StoreError, StoredProfile},
    principal::Principal,
    profile::Profile,
    service::{Authorized, ProfileFailure, ProfileRules, Profiles, Read},
    user_id::UserId,
};

/// So many come at once.
pub(super) const CLIENTS: usize = 64;

const USER: &str = "alice";

/// What a PUT of an owner came to, who sees all.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) profile: Profile,
    pub(super) created: bool,
}

/// One client, with a service of its own over a store that all of them share.
#[derive(Debug)]
pub(super) struct Client {
    profiles: Profiles,
    store: Arc<CountingStore>,
    user: UserId,
}

impl Client {
    /// A client of `store`.
    pub(super) fn new(store: &Arc<dyn ProfileStore>) -> Self {
        let store = Arc::new(CountingStore {
            inner: Arc::clone(store),
            writes: 0.into(),
        });
        Self {
            profiles: Profiles::new(store.clone(), ProfileRules::default()),
            store,
            user: UserId::parse(USER).expect("a user id"),
        }
    }

    /// How many writes the store has been asked for on this client's behalf.
    pub(super) fn writes(&self) -> usize {
        self.store.writes.load(Ordering::SeqCst)
    }

    fn may(&self, action: Action) -> Authorized<'_> {
        let principal = Principal::new(USER, "https://issuer.example.com/");
        self.profiles
            .authorize(&principal, action, &self.user)
            .expect("their own profile")
    }

    /// GET: the profile, if there is one.
    pub(super) async fn get(&self) -> Option<Profile> {
        let read = self.may(Action::Read).read(&Preconditions::default()).await;
        match answered(read) {
            Ok(Read::Found(profile)) => Some(profile),
            Err(ProfileFailure::NotFound) => None,
            other => panic!("{other:?}"),
        }
    }

    /// PUT.
    pub(super) async fn put(
        &self,
        attributes: &Value,
        preconditions: &Preconditions,
    ) -> Result<Written, ProfileFailure> {
        let profile = profile(attributes);
        let may = self.may(Action::Write);
        let written = answered(may.replace(&profile, preconditions).await)?;
        Ok(Written {
            profile: written.view.expect("an owner sees all"),
            created: written.created,
        })
    }

    /// PATCH: a list is a JSON Patch, anything else a merge patch.
    pub(super) async fn patch(
        &self,
        patch: &Value,
        preconditions: &Preconditions,
    ) -> Result<Profile, ProfileFailure> {
        let body = patch.to_string();
        let patch = if patch.is_array() {
            Patch::operations(body.as_bytes())
        } else {
            Patch::merge(body.as_bytes(), &self.user)
        };
        let patch = patch.expect("a patch");
        let may = self.may(Action::Write);
        let view = answered(may.patch(&patch, preconditions).await)?;
        Ok(view.expect("an owner sees all"))
    }

    /// DELETE.
    pub(super) async fn delete(&self, preconditions: &Preconditions) -> Result<(), ProfileFailure> {
        answered(self.may(Action::Delete).delete(preconditions).await)
    }
}

/// A store that is there and has nothing to do but this serves every call: an error of its own is
/// no answer to count with.
fn answered<T>(answer: Result<T, ProfileFailure>) -> Result<T, ProfileFailure> {
    if let Err(ProfileFailure::Store(error)) = &answer {
        panic!("{:?}: {error}: {:?}", error.kind(), error.source());
    }
    answer
}

/// Runs `work` for each of [`CLIENTS`] clients, on tasks of their own that start together.
pub(super) async fn at_once<T, F, W>(store: &Arc<dyn ProfileStore>, work: W) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    W: Fn(Client, usize) -> F,
{
    let start = Arc::new(Barrier::new(CLIENTS));
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (start, work) = (Arc::clone(&start), work(Client::new(store), number));
            tokio::spawn(async move {
                start.wait().await;
                work.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("a client"));
    }
    results
}

/// A profile of these attributes.
pub(super) fn profile(attributes: &Value) -> Profile {
    let members: Map<String, Value> = attributes.as_object().cloned().unwrap_or_default();
    Profile::from_attributes(members).expect("a portable profile")
}

/// A PATCH that sets a member, in one of the two formats.
pub(super) fn setting(member: &str, value: usize, as_operations: bool) -> Value {
    if as_operations {
        json!([{"op": "add", "path": format!("/{member}"), "value": value}])
    } else {
        json!({member: value})
    }
}

/// No preconditions.
pub(super) fn unconditional() -> Preconditions {
    Preconditions::default()
}

/// `If-Match` with the tag of this profile.
pub(super) fn if_match(profile: &Profile) -> Preconditions {
    Preconditions {
        if_match: Some(TagList::parse(&profile.tag().to_string())),
        if_none_match: None,
    }
}

/// `If-None-Match: *`.
pub(super) fn if_absent() -> Preconditions {
    Preconditions {
        if_match: None,
        if_none_match: Some(TagList::Any),
    }
}

/// Counts writes, and lets others have their turn before each call: over a store that never waits,
/// two clients would hardly ever meet.
struct CountingStore {
    inner: Arc<dyn ProfileStore>,
    writes: AtomicUsize,
}

impl std::fmt::Debug for CountingStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountingStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl ProfileStore for CountingStore {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        tokio::task::yield_now().await;
        self.inner.get(id).await
    }

    async fn get_for_write(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        tokio::task::yield_now().await;
        self.inner.get_for_write(id).await
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.inner.put(id, profile, expected).await
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.inner.delete(id, expected).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}
