//! The way of one request: what the transport asks before a handler runs, in the order in which Atlas asks it.
//!
//! 1. **Edge**: is the caller authenticated (401), and allowed from its address (403)?
//! 2. **Route**: is there such a path (404) with such a method (405)?
//! 3. **Version**: is the operation served under the date that was asked for (406)?
//! 4. **Scope**: does the project exist (404), and may the caller see it (401)? Is it too new to have children (404)?
//! 5. **Pace**: is there a token left in the bucket (429)?
//! 6. **Handler**: the family carries the request out or refuses it.
//!
//! Where a request is turned away decides which headers its answer has: the edge knows nothing of the application, and
//! a rate limit is known only once the scope is. A fault strikes between route and version, or after the handler.
use std::sync::Arc;
use std::time::Instant;

use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use serde_json::Value;

use super::Incoming;
use super::answer::Answer;
use super::query;
use super::route::{Found, Router};
use super::scope;
use super::write::{self, Facts};
use crate::api::{ApiError, Operation, Reply, Request, VersionDate};
use crate::auth::Principal;
use crate::auth::oauth::{Ask, Endpoint};
use crate::calls::{Call, loggable};
use crate::families::errors;
use crate::faults::kinds::{Fate, Scene, not_on_access_list};
use crate::faults::{Effect, Strike, TOKEN_OPERATION, When};
use crate::openapi::Exchange;
use crate::overlap::Begun;
use crate::pacing::{Caller, Quota, too_many_requests};
use crate::settings::BucketSize;
use crate::state::{Shared, State};
use crate::version;

/// What the server does with a connection after a request was decided.
pub enum Outcome {
    Answer(Answer),
    /// Close the connection without an answer.
    Reset,
    /// Answer nothing for as long as the client waits, and keep this meanwhile.
    Hold(Held),
}

/// Counts a call as held back until it is dropped, which happens when the client gives up.
pub struct Held {
    shared: Arc<Shared>,
    fault: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.lock().faults.hold(self.fault, false);
    }
}

/// Decides a request to anything but the control interface.
/// `begun` is the write that the request is, where other writes may harm it.
pub fn process(shared: &Arc<Shared>, incoming: &Incoming, begun: Option<Begun>) -> Outcome {
    let mut outcome = match Endpoint::of(&incoming.path) {
        Some(endpoint) => token(shared, incoming, endpoint),
        None => call(shared, incoming, begun),
    };
    let wants_gzip = incoming.header(&ACCEPT_ENCODING).is_some_and(|accepted| accepted.contains("gzip"));
    if let Outcome::Answer(answer) = &mut outcome
        && wants_gzip
    {
        answer.gzip();
    }
    outcome
}

/// Why a handler did not run, or what it refused.
enum Turned {
    /// By the edge, whose answer has no header of the application.
    Edge(Answer),
    Refused(ApiError),
    /// By a fault, before the handler.
    Struck,
}

impl From<ApiError> for Turned {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// What is known of a request, more with every step.
struct Pass<'a> {
    incoming: &'a Incoming,
    now: Timestamp,
    /// The time on the clients' clock, by which credentials live.
    client: Timestamp,
    principal: Option<Principal>,
    operation: Option<(usize, &'a Operation)>,
    version: Option<VersionDate>,
    /// The project, where the operation has one and it exists.
    project_found: bool,
    quota: Option<Quota>,
    retry_after: Option<u32>,
    /// What the handler saw; there is none unless it ran.
    request: Option<Request>,
    strike: Option<Strike>,
}

fn call(shared: &Arc<Shared>, incoming: &Incoming, begun: Option<Begun>) -> Outcome {
    let started = Instant::now();
    let mut guard = shared.lock();
    let state = &mut *guard;
    let mut pass = Pass::new(incoming, state);
    let result = pass.decide(state, &shared.router, begun);
    let facts = pass.facts(started);
    let written = |result| {
        let (answer, document) = write::application(result, &facts);
        (Some(answer), document)
    };
    let (answer, document) = match result {
        Ok(reply) => written(Ok(reply)),
        Err(Turned::Refused(error)) => written(Err(error)),
        Err(Turned::Edge(edge)) => (Some(write::edge(edge, &facts)), None),
        Err(Turned::Struck) => (None, None),
    };
    let status = answer.as_ref().map_or(0, |answer| answer.status);
    let outcome = match &pass.strike {
        Some(strike) => struck(shared, state, strike, &pass, answer, &facts),
        None => answer.map_or(Outcome::Reset, Outcome::Answer),
    };
    let number = state.calls.push(pass.log(&outcome));
    drop(guard);

    if let (Some(specification), Some(request), Some((_, operation))) =
        (&shared.specification, &pass.request, pass.operation)
    {
        // A schema may have to be compiled first, so this is done outside the lock; but before the answer is sent, so
        // that whoever has the answer finds its violations listed.
        let exchange = Exchange { operation, request, status, document: document.as_ref() };
        let findings = specification.check(&exchange);
        if !findings.is_empty() {
            shared.lock().violations.add(number, &exchange, findings);
        }
    }
    outcome
}

/// What becomes of a call that a fault strikes. `answer` is what the handler answered, if it ran.
fn struck(
    shared: &Arc<Shared>,
    state: &mut State,
    strike: &Strike,
    pass: &Pass,
    answer: Option<Answer>,
    facts: &Facts,
) -> Outcome {
    let fate = match &strike.effect {
        Effect::Custom(custom) => Fate::Answer(custom.answer()),
        Effect::Kind(kind) => {
            let address = pass.incoming.peer.to_string();
            let path = pass.incoming.decoded_path();
            let scene =
                Scene { path: &path, address: &address, answered: answer, now: pass.client, settings: &state.settings };
            kind.fate(scene, &mut state.gate)
        }
    };
    match fate {
        Fate::Answer(answer) => Outcome::Answer(write::edge(answer, facts)),
        Fate::Reset => Outcome::Reset,
        Fate::Hold => {
            state.faults.hold(strike.fault, true);
            Outcome::Hold(Held { shared: Arc::clone(shared), fault: strike.fault })
        }
    }
}

impl<'a> Pass<'a> {
    fn new(incoming: &'a Incoming, state: &mut State) -> Self {
        Self {
            incoming,
            now: state.tick(),
            client: state.world.client,
            principal: None,
            operation: None,
            version: None,
            project_found: true,
            quota: None,
            retry_after: None,
            request: None,
            strike: None,
        }
    }

    fn decide(&mut self, state: &mut State, router: &'a Router, begun: Option<Begun>) -> Result<Reply, Turned> {
        let incoming = self.incoming;
        let (target, authorization) = (incoming.target(), incoming.header(&AUTHORIZATION));
        let principal = state
            .gate
            .authenticate(authorization, &incoming.method, &target, self.client, &state.settings)
            .ok_or_else(|| Turned::Edge(state.gate.challenge(self.client, &state.settings)))?;
        self.principal = Some(principal.clone());
        if !state.settings.api_access {
            return Err(not_on_access_list(&incoming.peer.to_string()).into());
        }

        let found = router.find(&incoming.method, &incoming.path);
        let name = match &found {
            Found::Operation { operation, .. } => operation.name(),
            Found::OtherMethod(_) | Found::Nothing => format!("{} {}", incoming.method, incoming.path),
        };
        self.strike = state.faults.strike(&incoming.method, &name);
        if self.strike.as_ref().is_some_and(|strike| strike.when == When::Before) {
            return Err(Turned::Struck);
        }
        let (at, operation, params) = match found {
            Found::Operation { at, operation, params } => (at, operation, params),
            Found::OtherMethod(_) => return Err(method_not_allowed(&incoming.method).into()),
            Found::Nothing => return Err(no_such_path(&incoming.decoded_path()).into()),
        };
        self.operation = Some((at, operation));

        let version = version::choose(operation, incoming.header(&ACCEPT), incoming.header(&CONTENT_TYPE))?;
        self.version = Some(version);

        let group_id = params.get("groupId").map(String::as_str);
        if let Some(group_id) = group_id {
            self.project_found = state.world.organization_of(group_id).is_some();
            scope::check_project(state, group_id, &principal)?;
            if scope::lags(state, operation, group_id, self.now) {
                return Err(errors::resource_not_found(&incoming.decoded_path()).into());
            }
        }
        if let Some(org_id) = params.get("orgId") {
            scope::check_organization(state, org_id, &principal)?;
        }
        let caller =
            Caller { org_id: &principal.org_id, group_id, user: &principal.name, address: &incoming.peer.to_string() };
        if !operation.is_older() {
            self.pace(state, operation, &caller)?;
        }

        let request = Request {
            body: body(incoming, operation)?,
            query: query::given(incoming.query.as_deref().unwrap_or_default()),
            version: version.date,
            org_id: principal.org_id,
            user: principal.name,
            host: format!("http://{}", incoming.authority),
            address: incoming.peer.to_string(),
            now: self.now,
            params,
        };
        state.coverage.count(at, version.date);
        let harmed = begun.map_or(Ok(()), |begun| begun.harm(state));
        let result = harmed.and_then(|()| (operation.handler)(&mut state.world, &request));
        if result.is_ok() {
            state.writes.done(operation, request.param("groupId"));
        }
        self.request = Some(request);
        Ok(result?)
    }

    fn pace(&mut self, state: &mut State, operation: &Operation, caller: &Caller) -> Result<(), ApiError> {
        if !state.settings.rate_limits {
            return Ok(());
        }
        let set = operation.set;
        let observed = BucketSize { capacity: set.capacity, refill: set.refill };
        let size = state.settings.buckets.get(set.name).copied().unwrap_or(observed);
        match state.buckets.take(set, size, caller, self.now) {
            Ok(quota) => {
                self.quota = Some(quota);
                Ok(())
            }
            Err(exceeded) => {
                self.quota = Some(Quota { limit: size.capacity, remaining: 0 });
                self.retry_after = Some(exceeded.retry_after);
                Err(too_many_requests(&self.incoming.decoded_path(), size, exceeded.retry_after))
            }
        }
    }

    fn facts(&self, started: Instant) -> Facts<'a> {
        Facts {
            incoming: self.incoming,
            now: self.now,
            elapsed: started.elapsed(),
            operation: self.operation.map(|(_, operation)| operation),
            version: self.version,
            project_found: self.project_found,
            quota: self.quota,
            retry_after: self.retry_after,
        }
    }

    fn log(&self, outcome: &Outcome) -> Call {
        let (status, response) = match outcome {
            Outcome::Answer(answer) => (answer.status, loggable(&answer.body)),
            Outcome::Reset | Outcome::Hold(_) => (0, Value::Null),
        };
        let mutates = self.operation.is_some_and(|(_, operation)| operation.method.mutates());
        Call {
            n: 0,
            time: self.now,
            method: self.incoming.method.clone(),
            path: self.incoming.target(),
            version: self.incoming.header(&ACCEPT).and_then(version::date).map(str::to_owned),
            status,
            principal: self.principal.as_ref().map(|principal| principal.name.clone()),
            mutating: mutates && self.request.is_some(),
            fault: self.strike.as_ref().map(Strike::label),
            request: loggable(&self.incoming.body),
            response,
        }
    }
}

/// The body as JSON; null where there is none or the method has none.
fn body(incoming: &Incoming, operation: &Operation) -> Result<Value, ApiError> {
    if incoming.body.is_empty() || !operation.method.mutates() {
        return Ok(Value::Null);
    }
    if !incoming.header(&CONTENT_TYPE).is_some_and(|kind| kind.contains("json")) {
        // Assumed: no recording has a body that is not JSON.
        return Err(ApiError::new(415, "UNSUPPORTED_MEDIA_TYPE", "The body of a request must be JSON."));
    }
    serde_json::from_slice(&incoming.body).map_err(|_| errors::invalid_json())
}

/// Recorded for a path below a project.
fn no_such_path(path: &str) -> ApiError {
    ApiError::new(404, "RESOURCE_NOT_FOUND", format!("Cannot find resource {path}.")).with([path])
}

/// The specification knows the status; code and words are assumed.
fn method_not_allowed(method: &str) -> ApiError {
    let detail = format!("The method {method} is not allowed for this resource.");
    ApiError::new(405, "METHOD_NOT_ALLOWED", detail)
}

/// The endpoints of service accounts. Their bodies hold secrets and tokens, and are not logged.
fn token(shared: &Arc<Shared>, incoming: &Incoming, endpoint: Endpoint) -> Outcome {
    let started = Instant::now();
    let mut guard = shared.lock();
    let state = &mut *guard;
    let mut pass = Pass::new(incoming, state);
    let facts = pass.facts(started);
    if endpoint == Endpoint::Token {
        pass.strike = state.faults.strike(&incoming.method, TOKEN_OPERATION);
    }
    let lost = pass.strike.as_ref().is_some_and(|strike| strike.when == When::Before);
    let answer = if lost {
        None
    } else if incoming.method == "POST" {
        let ask = Ask {
            authorization: incoming.header(&AUTHORIZATION),
            content_type: incoming.header(&CONTENT_TYPE),
            body: &incoming.body,
            now: pass.client,
            token_seconds: state.settings.token_seconds,
        };
        let (answer, principal) = state.gate.answer(endpoint, &ask);
        pass.principal = principal;
        Some(answer)
    } else {
        Some(Answer::error(&method_not_allowed(&incoming.method)))
    };
    let answer = answer.map(|answer| write::edge(answer, &facts));
    let outcome = match pass.strike.clone() {
        Some(strike) => struck(shared, state, &strike, &pass, answer, &facts),
        None => answer.map_or(Outcome::Reset, Outcome::Answer),
    };
    let mut line = pass.log(&outcome);
    (line.request, line.response) = (Value::Null, Value::Null);
    state.calls.push(line);
    outcome
}
