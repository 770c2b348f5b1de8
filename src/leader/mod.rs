//! Which of several replicas works.
//!
//! One replica holds a Lease (`coordination.k8s.io/v1`) and renews it; the others look at it and take it over once it
//! has not been renewed for as long as it says. [`election`] is that; [`Term`] is what the rest of the program sees of
//! it: whether this process may change anything, in Atlas or in Kubernetes, at this moment.
//!
//! # Guarantees
//!
//! * No two processes take the same Lease: whoever writes it names the version that it read, and the API server refuses
//!   all but the first.
//! * A leader stops by itself before anybody may take over, whether it can reach the API server or not, and although it
//!   may have been stopped in between (SIGSTOP, a frozen cgroup): each request that may change something is preceded by a
//!   look at the monotonic clock, not at what a task noted some time ago.
//! * No clock is compared with that of another machine: a replica counts from when it saw the Lease change.
//!
//! # Caveats
//!
//! A request that left in time may be carried out after the Lease has ended. That is what the write-ahead in `status`
//! is for, as after a crash. A virtual machine that is frozen as a whole, with its clock, knows nothing of the time that
//! passed until its first renewal is refused.
mod election;
mod term;
#[cfg(test)]
mod tests;

pub use election::{Candidate, Leader, LeaseSettings, Loss};
pub use term::Term;
