//! Calls of a [`KeyStore`] and of a [`ControlPlane`] that nothing disputes, in short.

use std::sync::Arc;

use usher_domain::{
    ports::{Applied, Change, Digest, ImportEntry, KeyPage, KeyStore, Revision},
    service::{ControlError, ControlPlane},
    time::Timestamp,
    usage::{
        api_key::{ApiKey, ApiKeyId},
        plan::{PlanId, UsagePlan},
    },
};

use super::{
    ControlStores,
    plans::{key, plan, secret},
};

/// 2026-11-22T12:00:00Z, a Sunday.
pub(super) const NOON: Timestamp = Timestamp::from_seconds(1_795_348_800);

pub(super) fn control(stores: &ControlStores) -> ControlPlane {
    ControlPlane::new(Arc::clone(&stores.keys), Arc::clone(&stores.usage))
}

pub(super) async fn revision(store: &dyn KeyStore) -> Revision {
    store.revision().await.expect("a revision")
}

/// Makes changes that nobody disputes; the revision counts up by one.
pub(super) async fn apply(store: &dyn KeyStore, changes: &[Change]) {
    let before = revision(store).await;
    let applied = store.apply(changes, before).await.expect("an answer");
    let after = Revision(before.0 + 1);
    assert_eq!(applied, Applied::Done(after));
    assert_eq!(revision(store).await, after);
}

pub(super) fn put_plan(id: &str) -> Change {
    Change::PutPlan(plan(id, &["prod"]))
}

pub(super) fn put_key(id: &str, number: u16, plans: &[&str]) -> Change {
    Change::PutKey(key(id, number, plans))
}

pub(super) fn imported(entry: ImportEntry, with: u8) -> Change {
    Change::Imported(entry, [with; 32])
}

pub(super) fn delete_key(id: &str) -> Change {
    Change::DeleteKey(ApiKeyId::new(id))
}

pub(super) async fn plans(store: &dyn KeyStore) -> Vec<UsagePlan> {
    store.plans().await.expect("plans")
}

pub(super) async fn key_of(store: &dyn KeyStore, id: &str) -> Option<ApiKey> {
    store.key(&ApiKeyId::new(id)).await.expect("an answer")
}

/// The id of the key that this secret finds.
pub(super) async fn found(store: &dyn KeyStore, number: u16) -> Option<String> {
    let key = store.find(&secret(number)).await.expect("an answer");
    key.map(|key| key.id.as_str().to_owned())
}

pub(super) async fn digests(store: &dyn KeyStore, entries: &[ImportEntry]) -> Vec<Option<Digest>> {
    store.imported(entries).await.expect("an answer")
}

/// All ids that are listed, page by page, none of which is longer than it may be.
pub(super) async fn listed(store: &dyn KeyStore, plan: Option<&str>, limit: u32) -> Vec<String> {
    let mut page = KeyPage {
        plan: plan.map(PlanId::new),
        after: None,
        limit,
    };
    let mut ids = Vec::new();
    loop {
        let keys = store.keys(&page).await.expect("a page");
        assert!(keys.len() <= limit as usize);
        let Some(last) = keys.last() else { return ids };
        page.after = Some(last.id.clone());
        ids.extend(keys.iter().map(|key| key.id.as_str().to_owned()));
        assert!(ids.len() <= 1000, "the pages have no end");
    }
}

pub(super) fn in_byte_order(ids: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().map(Into::into).collect();
    ids.sort_unstable();
    ids
}

/// All plans and keys.
pub(super) async fn everything(store: &dyn KeyStore) -> (Vec<UsagePlan>, Vec<ApiKey>) {
    let limit = 1000;
    let page = KeyPage {
        limit,
        ..KeyPage::default()
    };
    (plans(store).await, store.keys(&page).await.expect("keys"))
}

pub(super) fn ids<'a>(ids: impl IntoIterator<Item = &'a ApiKey>) -> Vec<&'a str> {
    ids.into_iter().map(|key| key.id.as_str()).collect()
}

pub(super) async fn all_keys(control: &ControlPlane) -> Vec<ApiKey> {
    let limit = 10_000;
    control
        .keys(&KeyPage {
            limit,
            ..KeyPage::default()
        })
        .await
        .expect("keys")
}

/// Makes or replaces a plan, as the commands do it.
pub(super) async fn import_plan(
    control: &ControlPlane,
    plan: &UsagePlan,
) -> Result<(), ControlError> {
    let plans = std::slice::from_ref(plan);
    control.import_by_hand(plans, &[], NOON).await.map(drop)
}

/// Puts plans that fit.
pub(super) async fn put_plans(control: &ControlPlane, plans: &[UsagePlan]) {
    for plan in plans {
        import_plan(control, plan).await.expect("a plan");
    }
}
