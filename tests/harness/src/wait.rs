//! Waiting for a condition.
use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::Error;

/// Between two looks: short against what is waited for (hundreds of milliseconds), long against a look's cost.
const INTERVAL: Duration = Duration::from_millis(50);

/// Looks until `probe` returns `Ok`, at most until `deadline` has passed.
///
/// The probe's `Err` says what was seen instead; the last one stands in the failure, so that a test's output shows how
/// far things got. A probe that hangs ends with the deadline too.
///
/// ```no_run
/// # async fn example(simulator: harness::Simulator) -> Result<(), harness::Error> {
/// use std::time::Duration;
/// harness::eventually(Duration::from_secs(20), "one call", || async {
///     let calls = simulator.calls(0).await.map_err(|error| error.to_string())?;
///     if calls.len() == 1 { Ok(()) } else { Err(format!("{} calls", calls.len())) }
/// })
/// .await
/// # }
/// ```
pub async fn eventually<T, E, F, P>(deadline: Duration, what: &str, mut probe: P) -> Result<T, Error>
where
    E: Display,
    F: Future<Output = Result<T, E>>,
    P: FnMut() -> F,
{
    let end = Instant::now() + deadline;
    let mut last = String::from("nothing yet");
    loop {
        match timeout_at(end, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(seen)) => last = seen.to_string(),
            Err(_) => last = format!("{last} (and then a look that did not end)"),
        }
        if Instant::now() + INTERVAL >= end {
            return Err(Error::Deadline { what: what.to_owned(), seconds: deadline.as_secs(), last });
        }
        sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn the_value_is_returned_once_the_condition_holds() {
        let mut looks = 0;
        let value = eventually(Duration::from_secs(5), "three looks", || {
            looks += 1;
            let seen = looks;
            async move { if seen < 3 { Err(format!("{seen} looks")) } else { Ok(seen) } }
        })
        .await;
        assert_eq!(value.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_failure_names_the_condition_and_what_was_seen_last() {
        let failure = eventually(Duration::from_secs(1), "the moon", || async { Err::<(), _>("clouds") }).await;
        assert_eq!(failure.unwrap_err().to_string(), "waited 1 s for the moon; last seen: clouds");
    }

    #[tokio::test]
    async fn a_look_that_hangs_ends_with_the_deadline() {
        let hang = || std::future::pending::<Result<(), String>>();
        let failure = eventually(Duration::from_millis(80), "an answer", hang).await.unwrap_err();
        assert!(failure.to_string().contains("a look that did not end"), "{failure}");
    }
}
