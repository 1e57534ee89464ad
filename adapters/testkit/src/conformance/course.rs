//! What many clients do to one profile at the same time, all in their own way.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::Semaphore;
use usher_domain::{entity_tag::Preconditions, service::ProfileFailure};

use super::{
    clients::{Client, Written, if_absent, setting, unconditional},
    history::{Answer, Call, EPOCH, State, Ticks},
};

const CALLS: usize = 8;
const WIPES: usize = 4;
// 44 clients patch 8 times: enough for all of the 12 others' 4 PUTs and DELETEs.
const PATCHES_A_WIPE: usize = 7;

/// What the clients of a mixed history share.
pub(super) struct Course {
    ticks: Ticks,
    patches: AtomicUsize,
    /// One for each PUT or DELETE that may begin: so many come that a PATCH gets through between
    /// two of them, over a store on which a PATCH takes much longer, too.
    wipes: Semaphore,
}

impl Course {
    pub(super) fn new() -> Self {
        Self {
            ticks: Ticks::default(),
            patches: 0.into(),
            wipes: Semaphore::new(0),
        }
    }

    /// One call, with its beginning and its end.
    pub(super) async fn call(&self, answer: impl Future<Output = Answer>) -> Call {
        let begun = self.ticks.next();
        let answer = answer.await;
        Call {
            begun,
            ended: self.ticks.next(),
            answer,
        }
    }

    async fn wipe(&self, answer: impl Future<Output = Answer>) -> Call {
        self.wipes
            .acquire()
            .await
            .expect("is never closed")
            .forget();
        self.call(answer).await
    }

    async fn patch(&self, answer: impl Future<Output = Answer>) -> Call {
        let call = self.call(answer).await;
        let answered = self.patches.fetch_add(1, Ordering::SeqCst) + 1;
        if answered.is_multiple_of(PATCHES_A_WIPE) {
            self.wipes.add_permits(1);
        }
        call
    }

    /// All that the client with this number does: 4 delete, and put again what would be missing
    /// for long; 8 put, 8 get, and 44 patch.
    pub(super) async fn of(&self, client: &Client, number: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        for round in 0..CALLS {
            let own = 1 + number * CALLS + round;
            match number % 16 {
                0 if round < WIPES => {
                    calls.push(self.wipe(delete(client)).await);
                    calls.push(self.call(put(client, own, &if_absent())).await);
                }
                1 | 2 if round < WIPES => {
                    let demands = [unconditional(), if_absent()];
                    calls.push(self.wipe(put(client, own, &demands[round % 2])).await);
                }
                0..=2 => break,
                3 | 4 => calls.push(self.call(get(client)).await),
                _ => calls.push(self.patch(patch(client, own)).await),
            }
        }
        calls
    }
}

pub(super) async fn get(client: &Client) -> Answer {
    Answer::Found(client.get().await.as_ref().map(State::of))
}

async fn delete(client: &Client) -> Answer {
    match client.delete(&unconditional()).await {
        Ok(()) => Answer::Deleted,
        Err(ProfileFailure::NotFound) => Answer::Found(None),
        Err(other) => panic!("{other:?}"),
    }
}

pub(super) async fn put(client: &Client, epoch: usize, demands: &Preconditions) -> Answer {
    match client.put(&json!({EPOCH: epoch}), demands).await {
        Ok(Written { created, .. }) => Answer::Put { epoch, created },
        Err(ProfileFailure::PreconditionFailed) => Answer::Refused,
        Err(other) => panic!("{other:?}"),
    }
}

async fn patch(client: &Client, own: usize) -> Answer {
    let member = format!("m{own}");
    let patch = setting(&member, own, own.is_multiple_of(2));
    match client.patch(&patch, &unconditional()).await {
        Ok(left) => Answer::Patched {
            member,
            state: State::of(&left),
        },
        Err(ProfileFailure::Conflict) => Answer::Refused,
        Err(ProfileFailure::NotFound) => Answer::Found(None),
        Err(other) => panic!("{other:?}"),
    }
}
