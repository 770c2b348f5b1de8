//! Clients of other people, against the command as a user starts it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod go_sdk;
