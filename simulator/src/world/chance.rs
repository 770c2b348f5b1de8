//! The only source of chance: identifiers, host names and durations all come from one seeded generator, so that the
//! same seed and the same calls give the same run.
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Letters of the words that Atlas puts into host names.
const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A seeded generator and the counter of the identifiers that it gave out.
pub struct Chance {
    generator: StdRng,
    /// Five bytes that stay the same for a run, as in the identifiers that a MongoDB driver makes.
    process: u64,
    counter: u32,
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        let mut generator = StdRng::seed_from_u64(seed);
        let process = generator.random::<u64>() >> 24;
        Self { generator, process, counter: 0 }
    }

    /// An identifier of 24 hexadecimal digits: the second of its creation, the process, a counter. Identifiers sort in
    /// the order in which they were made.
    pub fn identifier(&mut self, now: Timestamp) -> String {
        self.counter = (self.counter + 1) & 0x00ff_ffff;
        format!("{:08x}{:010x}{:06x}", now.as_second(), self.process, self.counter)
    }

    /// A word of lower-case letters and digits that begins with a letter.
    pub fn word(&mut self, length: usize) -> String {
        (0..length)
            .map(|position| {
                // The first 26 characters of the alphabet are its letters.
                let range = if position == 0 { 26 } else { ALPHABET.len() };
                char::from(ALPHABET[self.generator.random_range(0..range)])
            })
            .collect()
    }

    /// A positive number of up to 63 bits.
    pub fn number(&mut self) -> i64 {
        self.generator.random_range(1..=i64::MAX)
    }

    /// Whether an event of this probability happens now.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.generator.random::<f64>() < probability
    }

    /// A duration from a measured distribution.
    pub fn duration(&mut self, measured: &Quantiles) -> SignedDuration {
        measured.at(self.generator.random())
    }
}

/// What is known of how long something takes, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Quantiles {
    pub min: f64,
    pub p10: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Quantiles {
    pub const fn new(min: f64, p10: f64, p50: f64, p90: f64, p99: f64, max: f64) -> Self {
        Self { min, p10, p50, p90, p99, max }
    }

    /// The duration below which a `share` (0 to 1) of all cases stay; straight lines between the known points.
    pub fn at(&self, share: f64) -> SignedDuration {
        let points =
            [(0.0, self.min), (0.1, self.p10), (0.5, self.p50), (0.9, self.p90), (0.99, self.p99), (1.0, self.max)];
        let share = share.clamp(0.0, 1.0);
        let seconds = points.windows(2).find(|pair| share <= pair[1].0).map_or(self.max, |pair| {
            let ((from, low), (to, high)) = (pair[0], pair[1]);
            low + (high - low) * (share - from) / (to - from)
        });
        SignedDuration::from_secs_f64(seconds)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const MEASURED: Quantiles = Quantiles::new(10.0, 20.0, 60.0, 100.0, 190.0, 200.0);

    #[test]
    fn a_sample_follows_the_measured_quantiles() {
        for (share, seconds) in [(0.0, 10), (0.1, 20), (0.3, 40), (0.5, 60), (0.9, 100), (0.99, 190), (1.0, 200)] {
            assert_eq!(MEASURED.at(share).as_secs(), seconds, "share {share}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let run = |seed| {
            let mut chance = Chance::new(seed);
            (chance.identifier(Timestamp::UNIX_EPOCH), chance.word(7), chance.duration(&MEASURED))
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn identifiers_are_24_hexadecimal_digits_and_sort_by_age() {
        let mut chance = Chance::new(1);
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let (first, second) = (chance.identifier(now), chance.identifier(now));
        assert!(first < second);
        assert!(first.len() == 24 && first.chars().all(|letter| letter.is_ascii_hexdigit()));
    }
}
