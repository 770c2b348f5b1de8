//! For how long this process may change anything.
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The time during which this process is the one that works. Clones share it.
#[derive(Clone, Debug)]
pub struct Term(Arc<Mutex<End>>);

#[derive(Clone, Copy, Debug)]
enum End {
    /// There is no election: the process runs alone.
    Never,
    /// Nothing may be changed from here on.
    At(Instant),
}

impl Term {
    /// That of a process which runs alone.
    pub fn unlimited() -> Self {
        Self(Arc::new(Mutex::new(End::Never)))
    }

    /// One that ends at `instant` unless it is extended.
    pub(crate) fn until(instant: Instant) -> Self {
        Self(Arc::new(Mutex::new(End::At(instant))))
    }

    /// Whether this process may change anything now.
    pub fn is_running(&self) -> bool {
        self.left().is_some()
    }

    /// When it ends, if it does.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        match self.end() {
            End::Never => None,
            End::At(instant) => Some(instant),
        }
    }

    /// For how long from now something may be changed; `None` if not even now.
    pub fn left(&self) -> Option<Duration> {
        let left = self.ends_at().map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        (!left.is_zero()).then_some(left)
    }

    /// Ends it at `instant`, and not before.
    pub(super) fn extend(&self, instant: Instant) {
        self.set(instant);
    }

    /// Ends it now.
    pub(super) fn end_now(&self) {
        self.set(Instant::now());
    }

    fn end(&self) -> End {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, instant: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = End::At(instant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_by_the_clock_alone() {
        let term = Term::until(Instant::now() + Duration::from_secs(10));
        let other = term.clone();
        assert!(term.is_running());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!term.is_running() && !other.is_running());
        term.extend(Instant::now() + Duration::from_secs(1));
        assert!(other.is_running());
        term.end_now();
        assert!(!other.is_running());
        assert!(Term::unlimited().is_running());
    }
}
