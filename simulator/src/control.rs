//! The control interface below `/_sim/`: how a test reads and drives the simulator. It needs no credentials, and
//! answers only when the simulator listens on a loopback address.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /_sim/calls[?since=N][&bodies=true]` | the call log after number N, with bodies if asked for |
//! | `DELETE /_sim/calls` | empties the log; numbers go on |
//! | `GET /_sim/state` | everything that exists |
//! | `GET /_sim/violations` | exchanges that broke the OpenAPI document and are no known deviation |
//! | `GET /_sim/coverage` | operations and versions, what stands behind them, how often they were called |
//! | `GET`, `POST`, `DELETE /_sim/faults` | the ordered faults; orders one or several; cancels all |
//! | `GET /_sim/faults/kinds` | the kinds of fault that have a name, and what each does |
//! | `GET /_sim/clock` | the time, that on the clients' clock (`client`) and the speed |
//! | `POST /_sim/clock/advance {"seconds": N}` | moves both clocks, and answers the new times |
//! | `PATCH`, `DELETE /_sim/resources/{path}` | changes or removes a resource behind the API's back |
//! | `POST /_sim/autoscale`, `addShard`, `maintain` | what Atlas does to clusters unasked; the bodies: [`command`] |
//! | `GET`, `PATCH /_sim/settings` | see [`crate::settings`] |
//! | `GET /_sim/credentials` | the organizations and their present keys, like the start-up line |
//! | `POST /_sim/credentials {"org": "…"}` | a further key and service account of an organization |
//! | `POST /_sim/reset [{"seed": N}]` | back to the state right after the start |
//!
//! A region without capacity is a fault: `{"operation": "POST /groups/*/clusters", "error": {"status": 409, "errorCode":
//! "OUT_OF_CAPACITY"}}`. Connection strings of private endpoints are written as a resource and stay, with
//! `PATCH /_sim/resources/groups/{groupId}/clusters/{clusterName} {"connectionStrings": {"privateEndpoint": […]}}`.
//!
//! The state shows documents as GET does in the newest version, without links. What the API never shows begins with `_`:
//! `_active` on access list entries, `_processArgs` on clusters, `_passwordChanges` on users, and `_timers` and `_dates` at the top.
//!
//! Resources are projects, clusters, flex clusters, users, roles, access list entries, limits, teams, network containers
//! (which cannot be removed here), the single documents
//! of a project (`groups/{id}/settings`, `…/auditLog`, `…/awsCustomDNS`, `…/maintenanceWindow`, `…/userSecurity`), and the
//! teams and policies of an organization (`orgs/{id}/teams/{id}`, `orgs/{id}/resourcePolicies/{id}`).
//!
//! An error has the body `{"error": "…"}`.
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::check_speed;
use crate::families::clusters::command;
use crate::faults::{Order, kinds};
use crate::http::Incoming;
use crate::http::answer::Answer;
use crate::http::query;
use crate::settings::{Patch, check_share};
use crate::state::{Shared, State};

const ROOT: &str = "/_sim/";
const RESOURCES: &str = "resources/";

/// Whether a path belongs to the control interface.
pub fn concerns(path: &str) -> bool {
    path.starts_with(ROOT)
}

/// Why a control request was not carried out: a status and a sentence.
struct Refusal(u16, String);

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self(400, message)
    }
}

/// The body of `POST /_sim/clock/advance`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// May have a fraction; not negative.
    seconds: f64,
}

/// The body of `POST /_sim/reset`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reset {
    seed: Option<u64>,
}

/// The body of `POST /_sim/credentials`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    /// An id or a name.
    org: String,
}

/// The body of `POST /_sim/faults`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Orders {
    Several(Vec<Order>),
    One(Box<Order>),
}

/// Carries out a control request.
pub fn answer(shared: &Shared, incoming: &Incoming) -> Answer {
    let result = if shared.loopback {
        carry_out(shared, incoming)
    } else {
        Err(Refusal(403, "the control interface answers on a loopback address only".to_owned()))
    };
    match result {
        Ok(document) => Answer::json(200, &document),
        Err(Refusal(status, message)) => Answer::json(status, &json!({"error": message})),
    }
}

fn carry_out(shared: &Shared, incoming: &Incoming) -> Result<Value, Refusal> {
    let path = incoming.path.strip_prefix(ROOT).unwrap_or_default();
    if let Some(resource) = path.strip_prefix(RESOURCES) {
        return change_resource(shared, incoming, resource);
    }
    let mut state = shared.lock();
    match (incoming.method.as_str(), path) {
        ("GET", "calls") => {
            let query = query::parse(incoming.query.as_deref().unwrap_or_default());
            let since = query.get("since").map_or(Ok(0), |text| text.parse());
            let since = since.map_err(|_| "since is the number of a call".to_owned())?;
            Ok(state.calls.list(since, query.get("bodies").is_some_and(|value| value == "true")))
        }
        ("DELETE", "calls") => {
            state.calls.clear();
            Ok(json!({}))
        }
        ("GET", "state") => {
            state.tick();
            Ok(state.world.snapshot())
        }
        ("GET", "violations") => Ok(state.violations.report()),
        ("GET", "coverage") => Ok(state.coverage.report(shared.router.operations())),
        ("GET", "faults") => Ok(state.faults.report()),
        ("POST", "faults") => Ok(match parse(incoming)? {
            Orders::One(order) => state.faults.add(*order)?,
            Orders::Several(orders) => {
                orders.into_iter().map(|order| state.faults.add(order)).collect::<Result<Value, String>>()?
            }
        }),
        ("GET", "faults/kinds") => Ok(kinds::list()),
        ("DELETE", "faults") => {
            state.faults.clear();
            Ok(json!({}))
        }
        ("GET", "clock") => Ok(clock(&mut state)),
        ("POST", "clock/advance") => {
            let Advance { seconds } = parse(incoming)?;
            let by = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
            state.clock.advance(by);
            Ok(clock(&mut state))
        }
        ("POST", "autoscale") => {
            state.tick();
            Ok(command::autoscale(&mut state.world, &parse(incoming)?)?)
        }
        ("POST", "addShard") => {
            state.tick();
            Ok(command::add_shard(&mut state.world, &parse(incoming)?)?)
        }
        ("POST", "maintain") => {
            state.tick();
            Ok(command::maintain(&mut state.world, &parse(incoming)?)?)
        }
        ("GET", "settings") => Ok(json!(state.settings)),
        ("PATCH", "settings") => change_settings(shared, &mut state, parse(incoming)?),
        ("GET", "credentials") => Ok(state.gate.directory.greeting()),
        ("POST", "credentials") => {
            let Member { org } = parse(incoming)?;
            let added = state.gate.directory.add(&org).ok_or_else(|| no_such_organization(&org))?;
            Ok(json!(added))
        }
        ("POST", "reset") => {
            drop(state);
            let Reset { seed } = if incoming.body.is_empty() { Reset::default() } else { parse(incoming)? };
            shared.reset(seed)?;
            Ok(shared.greeting())
        }
        (method, _) => Err(Refusal(404, format!("the control interface has no {method} {}", incoming.path))),
    }
}

fn clock(state: &mut State) -> Value {
    json!({"now": state.tick(), "client": state.world.client, "speed": state.clock.speed()})
}

/// Takes over settings and does what was asked beside them, all or nothing.
fn change_settings(shared: &Shared, state: &mut State, wanted: Patch) -> Result<Value, Refusal> {
    if let Some(speed) = wanted.speed {
        check_speed(speed)?;
    }
    if let Some(share) = wanted.new_project_lag {
        check_share(share)?;
    }
    let known = |set: &&String| shared.router.operations().iter().any(|known| known.set.name == **set);
    if let Some(unknown) = wanted.buckets.keys().find(|set| !known(set)) {
        return Err(Refusal(404, format!("there is no endpoint set {unknown:?}")));
    }
    if let Some(org) = &wanted.rotate_keys
        && !state.gate.rotate(org)
    {
        return Err(no_such_organization(org));
    }
    if let Some(speed) = wanted.speed {
        state.clock.set_speed(speed);
    }
    if let Some(peered) = wanted.peered {
        state.tick();
        state.world.set_peered(peered);
    }
    if wanted.revoke_tokens {
        state.gate.tokens.revoke_all();
    }
    for set in wanted.buckets.keys() {
        state.buckets.forget(set);
    }
    state.settings.apply(wanted);
    state.world.creation = state.settings.creation_seconds.map(|seconds| SignedDuration::from_secs(seconds.into()));
    let mut shown = json!(state.settings);
    shown["orgs"] = state.gate.directory.greeting();
    Ok(shown)
}

/// A change that no client asked for, as if made in the web console.
fn change_resource(shared: &Shared, incoming: &Incoming, resource: &str) -> Result<Value, Refusal> {
    let missing = |message| Refusal(404, message);
    let mut state = shared.lock();
    state.tick();
    match incoming.method.as_str() {
        "PATCH" => {
            let changes: Value = parse(incoming)?;
            state.world.merge(resource, &changes).map_err(missing)?;
        }
        "DELETE" => state.world.remove(resource).map_err(missing)?,
        method => return Err(Refusal(405, format!("a resource cannot be changed with {method}"))),
    }
    Ok(json!({}))
}

fn parse<T: DeserializeOwned>(incoming: &Incoming) -> Result<T, Refusal> {
    serde_json::from_slice(&incoming.body).map_err(|error| Refusal(400, format!("the body is not right: {error}")))
}

fn no_such_organization(org: &str) -> Refusal {
    Refusal(404, format!("there is no organization {org:?}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::options::Options;

    #[test]
    fn only_a_loopback_address_has_a_control_interface() {
        let incoming = Incoming {
            method: "GET".to_owned(),
            path: "/_sim/clock".to_owned(),
            query: None,
            headers: hyper::HeaderMap::new(),
            body: hyper::body::Bytes::new(),
            peer: [127, 0, 0, 1].into(),
            authority: "host:1".to_owned(),
        };
        for (loopback, status) in [(true, 200), (false, 403)] {
            let state = State::new(&Options::default(), 1).unwrap();
            let shared = Shared::new(Vec::new(), None, Options::default(), "host:1".to_owned(), loopback, state);
            assert_eq!(answer(&shared, &incoming).status, status);
        }
    }
}
