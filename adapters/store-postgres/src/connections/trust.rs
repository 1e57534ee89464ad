//! Which connections are worth another call.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// What is known of the way to the database, and so of every connection.
#[derive(Debug)]
pub(super) struct Trust {
    since: Mutex<Since>,
}

#[derive(Debug, Clone, Copy)]
struct Since {
    /// A connection was lost: those that were silent since then are lost, too. One that finds out
    /// saves the others from doing so one by one.
    lost: Instant,
    /// An answer was long in coming: those that were silent since then have to be asked.
    suspected: Instant,
}

/// What a connection is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// It has to be asked first.
    Doubtful,
    Lost,
}

impl Trust {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let since = Since {
            lost: now,
            suspected: now,
        };
        Self {
            since: Mutex::new(since),
        }
    }

    /// A connection is lost.
    pub(super) fn lose(&self) {
        self.since().lost = Instant::now();
    }

    /// A connection may be lost.
    pub(super) fn suspect(&self) {
        self.since().suspected = Instant::now();
    }

    /// What a connection is worth that was last heard from at `heard`.
    pub(super) fn of(&self, heard: Instant) -> Verdict {
        let since = *self.since();
        if heard < since.lost {
            Verdict::Lost
        } else if heard < since.suspected {
            Verdict::Doubtful
        } else {
            Verdict::Good
        }
    }

    fn since(&self) -> MutexGuard<'_, Since> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_lost_connection_condemns_those_that_were_silent_since() {
        let trust = Trust::new();
        let before = Instant::now();
        assert_eq!(trust.of(before), Verdict::Good);
        tokio::time::advance(Duration::from_millis(1)).await;
        trust.lose();
        assert_eq!(trust.of(before), Verdict::Lost);
        assert_eq!(trust.of(Instant::now()), Verdict::Good);
    }

    #[tokio::test(start_paused = true)]
    async fn one_late_answer_puts_the_silent_ones_to_the_question() {
        let trust = Trust::new();
        let before = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        trust.suspect();
        assert_eq!(trust.of(before), Verdict::Doubtful);
        // It has answered.
        assert_eq!(trust.of(Instant::now()), Verdict::Good);
        tokio::time::advance(Duration::from_millis(1)).await;
        trust.lose();
        assert_eq!(trust.of(before), Verdict::Lost);
    }
}
