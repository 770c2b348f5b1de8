//! The command line, which is also what a test fills in to start the simulator within its own process.
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use jiff::Timestamp;

use crate::auth::ChallengeBody;
use crate::clock::check_speed;

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  A fixed address, and a clock that runs 60 times as fast as a real one:
    atlas-simulator --listen 127.0.0.1:8080 --speed 60

  A clock that only moves when a test says so, and two organizations:
    atlas-simulator --listen 127.0.0.1:8080 --speed 0 --org One --org Two
    curl -d '{\"seconds\": 600}' http://127.0.0.1:8080/_sim/clock/advance

  The vendor's command line (values from the line that is printed at the start; the URL ends with a slash):
    export MONGODB_ATLAS_OPS_MANAGER_URL=http://127.0.0.1:8080/ MONGODB_ATLAS_ORG_ID=...
    export MONGODB_ATLAS_PUBLIC_API_KEY=... MONGODB_ATLAS_PRIVATE_API_KEY=...

  The vendor's Terraform provider:
    export MONGODB_ATLAS_BASE_URL=http://127.0.0.1:8080/
    export MONGODB_ATLAS_PUBLIC_KEY=... MONGODB_ATLAS_PRIVATE_KEY=...

  The next project is created, and its answer is lost:
    curl -d '{\"kind\": \"reset\", \"operation\": \"POST /groups\", \"when\": \"after\"}' http://127.0.0.1:8080/_sim/faults

docs/simulator.md says more: SDKs, the control interface, faults, and the limits of a fast clock.";

/// Serves the MongoDB Atlas Administration API on this machine.
///
/// Once it listens, it prints one line of JSON: the base URL, and for each organization an API key and a service
/// account to sign in with. The control interface is below /_sim/ of the same address.
#[derive(Clone, Debug, Parser)]
#[command(name = "atlas-simulator", version, after_help = EXAMPLES)]
pub struct Options {
    /// Where to listen. Port 0 picks a free one. The control interface answers on a loopback address only.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// How many seconds of Atlas pass in one second. At 0 the clock moves only through the control interface.
    #[arg(long, value_name = "N", default_value = "1", value_parser = speed)]
    pub speed: f64,

    /// What the clock shows at the start [default: the time of this machine].
    #[arg(long, value_name = "TIMESTAMP")]
    pub start: Option<Timestamp>,

    /// Where ids, keys and durations come from: the same seed gives the same run. Ids contain the time, as those of Atlas
    /// do, so they are the same only for the same start and a clock that stands still.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// An organization to serve; may be given several times. The same seed and name give the same id and keys.
    #[arg(long = "org", value_name = "NAME", default_value = "Simulated Organization")]
    pub orgs: Vec<String>,

    /// Whether calls are counted against the observed rate limits. When off, no RateLimit header is sent either, as
    /// was the way of Atlas before 2026.
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub rate_limits: Switch,

    /// An OpenAPI document of the Administration API (YAML). Every request and answer is then checked against it, and
    /// what breaks it is listed at /_sim/violations.
    #[arg(long, value_name = "FILE")]
    pub openapi: Option<PathBuf>,

    /// How many requests one digest nonce is good for; 0 sets no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub nonce_uses: u32,

    /// How many seconds one digest nonce lives: those of the client, at any speed.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub nonce_seconds: u32,

    /// How many seconds an OAuth2 access token lives: those of the client, at any speed, as its `expires_in` says.
    #[arg(long, value_name = "N", default_value_t = 3600)]
    pub token_seconds: u32,

    /// Which of the three recorded bodies a digest challenge has.
    #[arg(long, value_name = "BODY", default_value = "rotate")]
    pub challenge_body: ChallengeBody,

    /// Every how many digest challenges the header is sent twice, as Atlas does now and then; 0 never does. Recordings
    /// have it once in about 700; the default is more frequent, so that a short test meets it.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub double_challenge_every: u32,
}

/// A flag that reads `on` or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

impl Default for Options {
    /// What the command has when no flag is given.
    fn default() -> Self {
        Self::parse_from(["atlas-simulator"])
    }
}

fn speed(text: &str) -> Result<f64, String> {
    check_speed(text.parse().map_err(|_| format!("{text} is not a number"))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_flag_has_help() {
        let command = Options::command();
        command.clone().debug_assert();
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} has no help", argument.get_id());
        }
    }

    #[test]
    fn the_examples_of_the_help_are_command_lines() {
        let mut read = 0;
        for line in EXAMPLES.lines().filter_map(|line| line.strip_prefix("    atlas-simulator ")) {
            let words = std::iter::once("atlas-simulator").chain(line.split_whitespace());
            assert!(Options::try_parse_from(words).is_ok(), "{line}");
            read += 1;
        }
        assert!(read > 1, "only {read} command lines");
        let orders = EXAMPLES.lines().filter_map(|line| line.trim().strip_prefix("curl -d '")?.split_once("' "));
        for (body, url) in orders {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            if url.ends_with("/_sim/faults") {
                assert!(serde_json::from_value::<crate::faults::Order>(body).is_ok(), "{url}");
            }
        }
    }

    #[test]
    fn flags_are_read_as_documented() {
        let options = Options::try_parse_from([
            "atlas-simulator",
            "--listen",
            "127.0.0.1:8080",
            "--speed",
            "60",
            "--org",
            "One",
            "--org",
            "Two",
            "--rate-limits",
            "off",
        ])
        .unwrap();
        assert_eq!(options.listen.port(), 8080);
        assert!((options.speed - 60.0).abs() < f64::EPSILON);
        assert_eq!(options.orgs, ["One", "Two"]);
        assert_eq!(options.rate_limits, Switch::Off);
    }

    #[test]
    fn a_negative_speed_is_refused() {
        assert!(Options::try_parse_from(["atlas-simulator", "--speed=-1"]).is_err());
        assert!(Options::try_parse_from(["atlas-simulator", "--speed=fast"]).is_err());
    }
}
