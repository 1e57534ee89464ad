use crate::time::Timestamp;

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    /// The current time. It may go backwards: every rule is written for that.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still.
impl Clock for Timestamp {
    fn now(&self) -> Timestamp {
        *self
    }
}
