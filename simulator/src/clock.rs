//! The clock of the simulated Atlas, and beside it the one by which its clients live.
//!
//! Atlas's clock runs `speed` times as fast as the real one. At speed 0 it stands still, and only [`Clock::advance`]
//! moves it, so that a test decides when a cluster becomes ready. It never goes back.
//!
//! A client waits in real time whatever the speed. What it was told to last so many seconds (an access token, a nonce),
//! and a date that it reckoned itself, therefore go by the client's clock: it begins where Atlas's clock begins, runs as
//! fast as the real one, stands still at speed 0, and takes part in every step of [`Clock::advance`]. At the speeds 0
//! and 1 the two clocks show the same.
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

pub struct Clock {
    /// Simulated seconds in one real second; finite and not negative.
    speed: f64,
    /// What the clock showed at `anchor`.
    shown: Timestamp,
    /// What the client's clock showed at `anchor`.
    client: Timestamp,
    anchor: Instant,
}

impl Clock {
    pub fn new(start: Timestamp, speed: f64) -> Self {
        Self { speed, shown: start, client: start, anchor: Instant::now() }
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// What the clock shows at a moment of the real time.
    fn at(&self, moment: Instant) -> Timestamp {
        // Beyond some 10^11 simulated seconds the product no longer fits a duration; the clock then stands at its end.
        let passed =
            Duration::try_from_secs_f64(moment.saturating_duration_since(self.anchor).as_secs_f64() * self.speed);
        later(self.shown, passed.unwrap_or(Duration::MAX))
    }

    /// The time on the clients' clock.
    pub fn client(&self) -> Timestamp {
        self.client_at(Instant::now())
    }

    /// What the clients' clock shows at a moment of the real time.
    fn client_at(&self, moment: Instant) -> Timestamp {
        let passed = if self.speed > 0.0 { moment.saturating_duration_since(self.anchor) } else { Duration::ZERO };
        later(self.client, passed)
    }

    /// Moves both clocks forward at once.
    pub fn advance(&mut self, by: Duration) {
        self.shown = later(self.shown, by);
        self.client = later(self.client, by);
    }

    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Changes how fast the clock runs from now on. What both clocks show stays the same.
    pub fn set_speed(&mut self, speed: f64) {
        self.change_speed(speed, Instant::now());
    }

    fn change_speed(&mut self, speed: f64, moment: Instant) {
        self.shown = self.at(moment);
        self.client = self.client_at(moment);
        self.anchor = moment;
        self.speed = speed;
    }
}

/// The time of this machine: where a clock begins that is not told otherwise.
#[expect(clippy::disallowed_methods, reason = "the one place where the simulated clock is set by the real one")]
pub fn real_time() -> Timestamp {
    Timestamp::now()
}

/// A moment `by` after `from`, or the last moment that can be named.
pub fn later(from: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| from.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// A speed as a flag or a setting may give it.
///
/// # Errors
/// Says what is wrong with a number that is negative or not finite.
pub fn check_speed(speed: f64) -> Result<f64, String> {
    if speed.is_finite() && speed >= 0.0 {
        Ok(speed)
    } else {
        Err("a clock's speed is a number of simulated seconds a second, zero or more".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    /// What a clock shows some real seconds after it was made.
    fn after(clock: &Clock, seconds: u64) -> i64 {
        clock.at(clock.anchor + Duration::from_secs(seconds)).as_second()
    }

    #[test]
    fn at_speed_zero_only_a_step_moves_the_clock() {
        let mut clock = Clock::new(START, 0.0);
        assert_eq!(after(&clock, 5), 0);
        clock.advance(Duration::from_secs(90));
        assert_eq!(after(&clock, 5), 90);
    }

    #[test]
    fn a_scaled_clock_runs_ahead_of_the_real_one() {
        assert_eq!(after(&Clock::new(START, 60.0), 5), 300);
        assert_eq!(after(&Clock::new(START, 0.5), 10), 5);
        assert!(Clock::new(START, 1.0).now() >= START);
    }

    #[test]
    fn the_clients_clock_runs_as_the_real_one_at_every_speed_but_zero() {
        let client = |clock: &Clock, seconds| clock.client_at(clock.anchor + Duration::from_secs(seconds)).as_second();
        for (speed, passed) in [(0.0, 0), (0.5, 5), (1.0, 5), (600.0, 5)] {
            let mut clock = Clock::new(START, speed);
            assert_eq!(client(&clock, 5), passed, "{speed}");
            clock.advance(Duration::from_secs(90));
            assert_eq!(client(&clock, 5), 90 + passed, "{speed}");
        }
        let mut clock = Clock::new(START, 600.0);
        clock.change_speed(0.0, clock.anchor + Duration::from_secs(5));
        assert_eq!((client(&clock, 100), after(&clock, 100)), (5, 3000));
        clock.change_speed(1.0, clock.anchor + Duration::from_secs(100));
        assert_eq!(client(&clock, 3), 8);
    }

    #[test]
    fn a_change_of_speed_keeps_what_the_clock_shows() {
        let mut clock = Clock::new(START, 60.0);
        clock.change_speed(0.0, clock.anchor + Duration::from_secs(5));
        assert_eq!(after(&clock, 100), 300);
        clock.change_speed(2.0, clock.anchor + Duration::from_secs(100));
        assert_eq!(after(&clock, 3), 306);
    }

    #[test]
    fn the_end_of_time_is_an_end_and_not_a_panic() {
        let mut clock = Clock::new(START, f64::MAX);
        assert_eq!(after(&clock, 1), Timestamp::MAX.as_second());
        clock.advance(Duration::MAX);
        assert_eq!(after(&clock, 1), Timestamp::MAX.as_second());
    }

    #[test]
    fn a_speed_is_finite_and_not_negative() {
        assert!(check_speed(0.0).is_ok() && check_speed(0.5).is_ok());
        assert!(check_speed(-1.0).is_err() && check_speed(f64::NAN).is_err() && check_speed(f64::INFINITY).is_err());
    }
}
