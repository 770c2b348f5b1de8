//! The MongoDB Atlas Administration API on this machine, as recordings show it rather than as the specification
//! hopes.
//!
//! Any client of Atlas can be pointed at it. Two halves make it up, and [`api`] is the line between them:
//!
//! * the **transport** ([`http`], [`auth`], [`version`], [`pacing`]) decides what happens to a request before and
//!   after a resource family sees it: credentials, API version, scope, rate limit, paging, headers, compression;
//! * the **families** ([`families`] over a [`world::World`]) know what the resources are and how they change in time.
//!
//! Around them stand the instruments of a test bench: a [`clock`] that can be scaled, stopped and moved, [`faults`]
//! that answer in place of the API, writes that harm each other when they [`overlap`], a log of all [`calls`], [`coverage`] of what was exercised, validation against an
//! [`openapi`] document, and a [`control`] interface below `/_sim/` that drives them all.
//!
//! Everything lives in one [`state::State`] behind one lock. A request takes the lock once, is decided synchronously
//! and completely, and lets go before a byte is written; so each call sees and leaves a consistent world, and the order
//! of the call log is the order in which things happened.
pub mod api;
pub mod auth;
pub mod calls;
pub mod clock;
pub mod control;
pub mod coverage;
pub mod families;
pub mod faults;
pub mod http;
pub mod openapi;
pub mod options;
pub mod overlap;
pub mod pacing;
pub mod settings;
pub mod state;
pub mod version;
pub mod world;

pub use http::server::{Simulator, StartError, stop_signal};
pub use options::Options;
