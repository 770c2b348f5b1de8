//! Everything that changes while the simulator runs, behind one lock.
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::Operation;
use crate::auth::Gate;
use crate::auth::directory::Directory;
use crate::calls::CallLog;
use crate::clock::{Clock, real_time};
use crate::coverage::Coverage;
use crate::faults::Faults;
use crate::http::route::Router;
use crate::openapi::{Specification, Violations};
use crate::options::Options;
use crate::overlap::Writes;
use crate::pacing::Buckets;
use crate::settings::Settings;
use crate::world::World;

pub struct State {
    pub world: World,
    pub clock: Clock,
    pub gate: Gate,
    pub buckets: Buckets,
    pub settings: Settings,
    pub faults: Faults,
    pub calls: CallLog,
    pub coverage: Coverage,
    pub writes: Writes,
    pub violations: Violations,
}

impl State {
    /// The state right after the start. The same options and seed give the same one, apart from the clock, which
    /// begins at the time of this machine unless the options say otherwise.
    ///
    /// # Errors
    /// Names an organization that was given twice.
    pub fn new(options: &Options, seed: u64) -> Result<Self, String> {
        let start = options.start.unwrap_or_else(real_time);
        let directory = Directory::new(seed, &options.orgs)?;
        Ok(Self {
            world: World::new(seed, start, directory.organizations()),
            clock: Clock::new(start, options.speed),
            gate: Gate::new(seed, directory),
            buckets: Buckets::default(),
            settings: Settings::new(options),
            faults: Faults::default(),
            calls: CallLog::default(),
            coverage: Coverage::default(),
            writes: Writes::default(),
            violations: Violations::default(),
        })
    }

    /// Lets the world catch up with the clock, and gives the time. Everything that looks at the world does this first.
    pub fn tick(&mut self) -> Timestamp {
        let now = self.clock.now();
        self.world.pass(now, self.clock.client());
        now
    }
}

/// What all connections share.
pub struct Shared {
    pub router: Router,
    pub specification: Option<Specification>,
    /// What the simulator was started with; a reset goes back to it.
    pub options: Options,
    /// Where it listens, as `host:port`.
    pub authority: String,
    /// Whether it listens on a loopback address, which the control interface requires.
    pub loopback: bool,
    state: Mutex<State>,
}

impl Shared {
    pub fn new(
        operations: Vec<Operation>,
        specification: Option<Specification>,
        options: Options,
        authority: String,
        loopback: bool,
        state: State,
    ) -> Self {
        let router = Router::new(operations);
        Self { router, specification, options, authority, loopback, state: Mutex::new(state) }
    }

    /// The state, to look at or change. The lock is never held while something is awaited.
    ///
    /// A handler that panicked left the world at worst with half a change of one resource; a test bench that refuses
    /// every later request would hide that, so the state stays available.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts over with this seed, or with the one of the command line.
    ///
    /// # Errors
    /// None in practice: the options made a state before.
    pub fn reset(&self, seed: Option<u64>) -> Result<(), String> {
        let fresh = State::new(&self.options, seed.unwrap_or(self.options.seed))?;
        *self.lock() = fresh;
        Ok(())
    }

    /// The base URL and the organizations with their credentials.
    pub fn greeting(&self) -> Value {
        let orgs = self.lock().gate.directory.greeting();
        json!({"baseUrl": format!("http://{}", self.authority), "orgs": orgs})
    }
}
