//! A panic in one piece of work is a result of that work, and not the end of what runs it.
use std::{
    cell::{Cell, RefCell},
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook},
    pin::pin,
    sync::Once,
    task::Poll,
};

thread_local! {
    /// Whether a panic on this thread is caught by [`caught`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    /// Where the latest of them was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Where something panicked: `src/engine/plan.rs:12:3`.
///
/// The message of a panic is neither kept nor printed: it may quote what the program worked on, secrets included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Runs `work`; an error says where it panicked.
///
/// Whatever `work` shares with others must be sound after a panic: locks are taken although they are poisoned, and what
/// they guard is changed in one step.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Place> {
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| if GUARDED.get() { note(panic) } else { before(panic) }));
    });
    let mut work = pin!(work);
    poll_fn(move |context| {
        let outside = GUARDED.replace(true);
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        GUARDED.set(outside);
        if let Ok(polled) = polled {
            return polled.map(Ok);
        }
        let place = PLACE.take().unwrap_or_else(|| "an unknown place".to_owned());
        Poll::Ready(Err(Place(place)))
    })
    .await
}

fn note(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!("{}:{}:{}", place.file(), place.line(), place.column()));
    PLACE.set(place);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_place_and_without_its_message() {
        let place = caught(async {
            tokio::task::yield_now().await;
            let secrets: Vec<&str> = Vec::new();
            secrets[0].len()
        });
        let place = place.await.unwrap_err().to_string();
        assert!(place.starts_with("src/panics.rs:"), "{place}");
        assert_eq!(caught(async { 1 }).await, Ok(1));
    }

    #[tokio::test]
    async fn what_is_not_guarded_panics_as_ever() {
        assert!(caught(async { std::hint::black_box([0_u8; 0])[std::hint::black_box(0)] }).await.is_err());
        let task = std::thread::spawn(|| std::hint::black_box([0_u8; 0])[std::hint::black_box(0)]);
        assert!(task.join().is_err());
        assert!(!GUARDED.get());
    }
}
