//! The documents keep their word: what is generated is current, what is shown works, what is linked is there.
//!
//! `docs/ARCHITECTURE.md` describes the conventions for those who write.
mod examples;
mod generated;
mod links;
mod page;
mod run;
