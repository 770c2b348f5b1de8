//! What a world does to an operator whose Kubernetes is slow, forgetful and now and then away.
//!
//! The laws are the same in it. A seed says which event comes how late, which request fails and how, and which of several
//! objects is looked at first; what the machine's own speed decides, which of two passes gets its answer first, is
//! another in each run.
use std::{io, time::Duration};

use http::Method;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// An event comes so many passes late at most.
const LATEST: usize = 6;
/// How many passes run at once.
pub const WIDTH: usize = 3;
/// How many requests to Kubernetes fail after each thing that a user does, and after each start.
const MOST_FAILURES: usize = 8;
/// One request in so many fails, while any does.
const ONE_IN: usize = 4;
/// How long a request lasts that is not answered, until the client gives it up.
pub const GIVEN_UP: Duration = Duration::from_millis(5);

/// What becomes of a request to Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Sound,
    /// It is answered in its own time.
    Slow(Duration),
    /// It is not carried out, and this is the status that says so.
    Refused(u16),
    /// It is not carried out, and there is no answer.
    Unheard,
    /// It is carried out, and there is no answer.
    Unanswered,
    /// It is carried out, and this is the status that says that it was not.
    Denied(u16),
    /// It is carried out, and half of the answer comes.
    Garbled,
    /// It is not carried out, and the answer is a page of somebody's who stands in between.
    Page,
}

/// The chances of one world since it was made, or made anew.
pub struct Disturbance {
    numbers: StdRng,
    failures: usize,
}

impl Disturbance {
    /// Those of a seed; `round` tells apart what happens in one world after another.
    pub fn new(seed: u64, round: u64) -> Self {
        Self {
            numbers: StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(round)),
            failures: MOST_FAILURES,
        }
    }

    /// Requests fail again, up to so many.
    pub fn stir(&mut self) {
        self.failures = MOST_FAILURES;
    }

    /// No request fails any more; answers whether any could.
    pub fn calm(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }

    /// How many passes late the next event comes.
    pub fn late(&mut self) -> usize {
        if self.one_in(2) { 0 } else { self.numbers.random_range(0..=LATEST) }
    }

    /// One of `count`.
    pub fn pick(&mut self, count: usize) -> usize {
        self.numbers.random_range(0..count)
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.pick(bound) == 0
    }

    /// What becomes of the next request.
    pub fn fate(&mut self, method: &Method) -> Fate {
        if self.failures == 0 || !self.one_in(ONE_IN) {
            return if self.one_in(4) { Fate::Slow(Duration::from_millis(1)) } else { Fate::Sound };
        }
        self.failures -= 1;
        let refused = [Fate::Refused(429), Fate::Refused(500), Fate::Refused(503), Fate::Unheard];
        let lost = [Fate::Unanswered, Fate::Denied(500), Fate::Denied(504), Fate::Garbled];
        let all: Vec<Fate> = match *method {
            Method::GET => refused.into_iter().chain([Fate::Garbled]).collect(),
            _ => refused.into_iter().chain(lost).chain([Fate::Refused(409)]).collect(),
        };
        all[self.pick(all.len())]
    }
}

/// What a client says that gave up waiting.
pub fn given_up() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}
