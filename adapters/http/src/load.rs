//! How many requests this process works on at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts requests in flight, and apart from them those that wait for their client's body.
///
/// A client that sends slowly costs a connection and a buffer, but no work: if it took a place
/// among the requests in flight, as many slow clients as there are places would keep out everybody.
#[derive(Debug)]
pub(crate) struct Load {
    most: Option<usize>,
    in_flight: AtomicUsize,
    receiving: AtomicUsize,
}

impl Load {
    /// At most so many of either; `None` where the platform sees to it.
    pub(crate) const fn new(most: Option<usize>) -> Self {
        Self {
            most,
            in_flight: AtomicUsize::new(0),
            receiving: AtomicUsize::new(0),
        }
    }

    /// A place in flight. `always` is for those who must be answered even when there is none.
    pub(crate) fn admit(&self, always: bool) -> Option<Slot<'_>> {
        let slot = Slot(&self.in_flight);
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        // The slot gives back what it took when the bound refuses it.
        let room = self.most.is_none_or(|most| before < most);
        (room || always).then_some(slot)
    }

    /// Gives the caller's place in flight to others until what is returned is dropped; `None` when
    /// too many wait for bodies already.
    pub(crate) fn receive(&self) -> Option<Receiving<'_>> {
        let before = self.receiving.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let receiving = Receiving(self);
        self.most
            .is_none_or(|most| before < most)
            .then_some(receiving)
    }
}

/// A place among the requests in flight.
#[derive(Debug)]
pub(crate) struct Slot<'a>(&'a AtomicUsize);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among those that wait for a body. Whoever has its body goes on, room or not: it was
/// admitted once, and charged.
#[derive(Debug)]
pub(crate) struct Receiving<'a>(&'a Load);

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        self.0.receiving.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_body_leaves_room_and_takes_it_again() {
        let load = Load::new(Some(1));
        let slot = load.admit(false).unwrap();
        assert!(load.admit(false).is_none());
        assert!(load.admit(true).is_some());

        let receiving = load.receive().unwrap();
        let other = load.admit(false).unwrap();
        // There is one place for bodies as well.
        assert!(load.receive().is_none());
        drop(other);

        drop(receiving);
        assert!(load.admit(false).is_none());
        drop(slot);
        assert!(load.admit(false).is_some());
        assert_eq!(load.in_flight.load(Ordering::Relaxed), 0);
        assert_eq!(load.receiving.load(Ordering::Relaxed), 0);
    }
}
